/* See zone_name.h. */
#include "policy/zone_name.h"

/* Not isalnum: the locale has no say in this. */
static bool is_word(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '+' || c == '-';
}

bool zone_name_legal(const char *name, size_t len)
{
    size_t parts = 1, in_part = 0;
    if (len > ZONE_NAME_MAX)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (is_word(name[i])) {
            in_part++;
        } else if (name[i] == '/' && in_part > 0 && parts < ZONE_PARTS_MAX) {
            parts++;
            in_part = 0;
        } else {
            return false;
        }
    }
    return in_part > 0;
}
