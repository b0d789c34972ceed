/* Names of time zones, which come from a policy or from an annotation, so from somebody who may not choose what the
 * engine reads. Both executables link this file: the worker refuses early and kindly, the engine relies on nobody. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    ZONE_NAME_MAX = 64, /* bytes; "America/Argentina/ComodRivadavia" has 32 */
    ZONE_PARTS_MAX = 4,
};

/* One to ZONE_PARTS_MAX parts of [A-Za-z0-9_+-] joined by "/": no way out of the zones' folder. */
bool zone_name_legal(const char *name, size_t len);

#ifdef __cplusplus
}
#endif
