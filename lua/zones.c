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

bool zone_name_legal(const char *name, size_t len)
{
    size_t parts = 1, part = 0;
    if (len > ZONE_NAME_MAX)
        return false;
    for (size_t i = 0; i < len; i++) {
        char c = name[i];
        if (c == '/') {
            if (part == 0)
                return false;
            parts++;
            part = 0;
        } else if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
                   c == '+' || c == '-') {
            part++;
        } else {
            return false;
        }
    }
    return part > 0 && parts <= ZONE_PARTS_MAX;
}
