/* Base64: see base64.h. */
#include "base/base64.h"

#include <stdint.h>
#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int base64_decode(const char *text, struct buf *out)
{
    uint32_t bits = 0;
    int n = 0, padding = 0;
    buf_reserve(out, 1);
    for (; *text; text++) {
        if (*text == '\n' || *text == '\r')
            continue;
        const char *at = strchr(alphabet, *text);
        if (*text == '=' && n >= 2)
            padding++;
        else if (at == NULL || padding)
            return -1;
        bits = bits << 6 | (at ? (uint32_t)(at - alphabet) : 0);
        if (++n < 4)
            continue;
        for (int i = 0; i < 3 - padding; i++)
            buf_addc(out, (char)(bits >> (16 - 8 * i) & 0xff));
        if (padding) { /* nothing but line ends may follow */
            text += 1 + strspn(text + 1, "\r\n");
            return *text ? -1 : 0;
        }
        n = 0;
        bits = 0;
    }
    return n ? -1 : 0;
}

void base64_encode(const char *bytes, size_t len, struct buf *out)
{
    for (size_t i = 0; i < len; i += 3) {
        size_t n = len - i < 3 ? len - i : 3;
        uint32_t bits = (uint32_t)(unsigned char)bytes[i] << 16;
        bits |= n > 1 ? (uint32_t)(unsigned char)bytes[i + 1] << 8 : 0;
        bits |= n > 2 ? (uint32_t)(unsigned char)bytes[i + 2] : 0;
        for (size_t k = 0; k < 4; k++)
            buf_addc(out, k <= n ? alphabet[bits >> (18 - 6 * k) & 63] : '=');
    }
}
