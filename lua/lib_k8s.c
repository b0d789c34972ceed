/* `k8s`: names that Kubernetes and git take, made of any text. Legal text stays as it is. When something had
 * to go, or did not fit, two texts may become one name; what is cut is marked by a hash of the whole. */
#include "lib.h"

#include "vm.h"

#include "tasks/git_ref.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { NAME_MAX_BYTES = 63, HASH_BYTES = 9 /* "-" and 8 hex digits */ };

static bool alnum(char c, bool lower)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (!lower && c >= 'A' && c <= 'Z');
}

static void add_hash(struct buf *b, const char *before, const char *s, size_t len)
{
    char digits[17];
    snprintf(digits, sizeof digits, "%016" PRIx64, XXH3_64bits(s, len));
    buf_addf(b, "%s%.8s", before, digits);
}

static void trim_end(struct buf *b, bool lower)
{
    while (b->len && !alnum(b->data[b->len - 1], lower))
        b->len--;
}

/* Every run of other bytes becomes one '-'; `also` may stand inside. */
static int push_reduced(lua_State *L, const char *s, size_t len, bool lower, const char *also)
{
    struct buf *out = &vm_of(L)->scratch;
    buf_clear(out);
    buf_addc(out, ' '); /* so that data is never NULL */
    out->len = 0;
    size_t i = 0;
    for (; i < len && out->len <= NAME_MAX_BYTES + 1; i++) {
        char c = lower && s[i] >= 'A' && s[i] <= 'Z' ? (char)(s[i] + 32) : s[i];
        if (alnum(c, lower) || (c && strchr(also, c) && out->len))
            buf_addc(out, c);
        else if (out->len && out->data[out->len - 1] != '-')
            buf_addc(out, '-');
    }
    trim_end(out, lower);
    if (i < len || out->len > NAME_MAX_BYTES) {
        out->len = out->len < NAME_MAX_BYTES - HASH_BYTES ? out->len : NAME_MAX_BYTES - HASH_BYTES;
        trim_end(out, lower);
        add_hash(out, "-", s, len);
    }
    if (!out->len)
        add_hash(out, "x", s, len);
    lua_pushlstring(L, out->data, out->len);
    return 1;
}

static int k8s_name(lua_State *L)
{
    size_t len;
    const char *s = lib_text(L, "k8s.name", 1, &len);
    return push_reduced(L, s, len, true, "-");
}

static int k8s_label_value(lua_State *L)
{
    size_t len;
    const char *s = lib_text(L, "k8s.label_value", 1, &len);
    return push_reduced(L, s, len, false, "-_.");
}

static int k8s_branch(lua_State *L)
{
    size_t len;
    bool changed;
    const char *s = lib_text(L, "k8s.branch", 1, &len);
    struct buf *out = &vm_of(L)->scratch;
    buf_clear(out);
    char *branch = git_ref_legalise(s, len, &changed);
    if (branch)
        buf_adds(out, branch);
    else
        add_hash(out, "x", s, len);
    free(branch);
    lua_pushlstring(L, out->data, out->len);
    return 1;
}

const luaL_Reg lib_k8s_functions[] = {
    {"branch", k8s_branch}, {"label_value", k8s_label_value}, {"name", k8s_name}, {NULL, NULL}};
