/* The time zones that one VM's policy may use: those that it names (zones = {"Europe/Rome"}) and those that the
 * spawner's policy config names (its members `zone` and `zones`). A worker cannot read files: the engine sends the
 * data (WANT and ZONES of policy/wire.h). UTC needs no data and is never among them. */
#pragma once

#include "policy/zone_name.h"

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct zone {
    char *name;
    const char *tzif; /* a TZif file's bytes. NULL: it was named, but there is no such zone here */
    size_t len;
};

struct zones {
    struct zone *at; /* borrowed by the VM */
    size_t n;
};

/* Of this VM's policy; empty while its file runs (nothing at the top level knows zones), never NULL. */
struct zones *zones_of(lua_State *L);
/* NULL: nobody has named it. */
const struct zone *zones_find(const struct zones *z, const char *name, size_t len);

#ifdef __cplusplus
}
#endif
