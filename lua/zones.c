#include "zones.h"

#include "vm.h"

#include <string.h>

struct zones *zones_of(lua_State *L)
{
    static struct zones none;
    struct zones *z = vm_of(L)->zones;
    return z ? z : &none;
}

const struct zone *zones_find(const struct zones *z, const char *name, size_t len)
{
    for (size_t i = 0; i < z->n; i++)
        if (strlen(z->at[i].name) == len && memcmp(z->at[i].name, name, len) == 0)
            return &z->at[i];
    return NULL;
}
