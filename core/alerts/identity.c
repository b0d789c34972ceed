/* Identity, ID and Number: see identity.h. */
#include "alerts/identity.h"

#include <stdbool.h>
#include <xxhash.h>

uint64_t identity_of_key(const char *key, size_t len)
{
    return XXH3_64bits(key, len);
}

void identity_format(uint64_t identity, char out[IDENTITY_TEXT])
{
    /* by hand: printf takes longer than all else that is done with an identity, and this is done for every alert */
    for (int i = 0; i < IDENTITY_TEXT - 1; i++)
        out[i] = "0123456789abcdef"[identity >> (60 - 4 * i) & 15];
    out[IDENTITY_TEXT - 1] = '\0';
}

static bool kept(unsigned char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-';
}

void identity_id(const char *label, size_t len, uint64_t identity, struct buf *id)
{
    size_t start = id->len;
    for (size_t i = 0; i < len; i++) {
        char c = kept((unsigned char)label[i]) ? label[i] : '-';
        if (id->len == start && (c == '.' || c == '-'))
            continue;
        if (c == '.' && id->data[id->len - 1] == '.')
            continue;
        buf_addc(id, c);
    }
    while (id->len > start && (id->data[id->len - 1] == '.' || id->data[id->len - 1] == '-'))
        id->len--;
    if (id->len == start)
        buf_adds(id, "alert");
    char digits[IDENTITY_TEXT];
    identity_format(identity, digits);
    buf_addc(id, '-');
    buf_adds(id, digits);
}

uint32_t identity_number(uint64_t identity)
{
    return (uint32_t)((identity >> 32) ^ identity) & 0x7fffffff;
}
