/* See wire_json.h. */
#include "policy/wire_json.h"

#include "base/mem.h"
#include "base/utf8.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void write_tree(struct buf *b, const cJSON *v, int depth)
{
    if (v == NULL || depth > WIRE_TREE_DEPTH || cJSON_IsNull(v)) {
        wire_u8(b, 'z');
    } else if (cJSON_IsBool(v)) {
        wire_u8(b, cJSON_IsTrue(v) ? 't' : 'f');
    } else if (cJSON_IsNumber(v)) {
        double d = v->valuedouble;
        uint64_t bits;
        if (d == floor(d) && fabs(d) <= 9007199254740992.0) {
            wire_u8(b, 'i');
            wire_i64(b, (int64_t)d);
            return;
        }
        memcpy(&bits, &d, sizeof bits);
        wire_u8(b, 'd');
        wire_u64(b, bits);
    } else if (cJSON_IsArray(v) || cJSON_IsObject(v)) {
        const cJSON *child;
        wire_u8(b, cJSON_IsArray(v) ? 'l' : 'm');
        wire_u32(b, (uint32_t)cJSON_GetArraySize(v));
        cJSON_ArrayForEach(child, v)
        {
            if (cJSON_IsObject(v))
                wire_str(b, child->string);
            write_tree(b, child, depth + 1);
        }
    } else {
        wire_u8(b, 's');
        wire_str(b, v->valuestring);
    }
}

void wire_json_write(struct buf *b, const cJSON *v)
{
    write_tree(b, v, 1);
}

/* A C string of the text: what is no UTF-8, and NUL, becomes U+FFFD. */
static char *repaired(struct wire_text t)
{
    struct buf b = {0};
    while (t.len > 0) {
        size_t good = utf8_valid(t.s, t.len);
        const char *nul = memchr(t.s, '\0', good);
        if (nul != NULL)
            good = (size_t)(nul - t.s);
        buf_add(&b, t.s, good);
        t.s += good;
        t.len -= good;
        if (t.len > 0) {
            buf_adds(&b, "\xef\xbf\xbd");
            t.s++;
            t.len--;
        }
    }
    return buf_take(&b);
}

static cJSON *read_tree(struct wire_reader *r, int depth);

static cJSON *read_members(struct wire_reader *r, bool list, int depth)
{
    cJSON *v = list ? cJSON_CreateArray() : cJSON_CreateObject();
    for (uint32_t n = wire_get_u32(r); n > 0 && !r->bad; n--) {
        char *name = list ? NULL : repaired(wire_get_text(r));
        cJSON *child = read_tree(r, depth + 1);
        if (child != NULL && list)
            cJSON_AddItemToArray(v, child);
        else if (child != NULL)
            cJSON_AddItemToObject(v, name, child);
        free(name);
    }
    return v;
}

static cJSON *read_tree(struct wire_reader *r, int depth)
{
    uint64_t bits;
    double d;
    cJSON *v = NULL;
    uint8_t tag = depth <= WIRE_TREE_DEPTH ? wire_get_u8(r) : 0;
    switch (tag) {
    case 'z':
        return cJSON_CreateNull();
    case 't':
    case 'f':
        return cJSON_CreateBool(tag == 't');
    case 'i':
        return cJSON_CreateNumber((double)wire_get_i64(r));
    case 'd':
        bits = wire_get_u64(r);
        memcpy(&d, &bits, sizeof d);
        return isfinite(d) ? cJSON_CreateNumber(d) : cJSON_CreateNull();
    case 's': {
        char *text = repaired(wire_get_text(r));
        v = cJSON_CreateString(text);
        free(text);
        return v;
    }
    case 'l':
    case 'm':
        return read_members(r, tag == 'l', depth);
    default:
        r->bad = true;
        return NULL;
    }
}

cJSON *wire_json_read(struct wire_reader *r)
{
    cJSON *v = read_tree(r, 0);
    if (!r->bad)
        return v;
    cJSON_Delete(v);
    return NULL;
}
