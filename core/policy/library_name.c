/* See library_name.h. */
#include "policy/library_name.h"

#include <string.h>

bool library_name_legal(const char *name, size_t len)
{
    static const char legal[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    size_t prefix = strlen(LIBRARY_PREFIX);
    if (len <= prefix || len > LIBRARY_NAME_MAX || memcmp(name, LIBRARY_PREFIX, prefix) != 0)
        return false;
    for (size_t i = prefix; i < len; i++)
        if (name[i] == '\0' || strchr(legal, name[i]) == NULL)
            return false;
    return true;
}
