/* SETUP and what it is answered with: see fake_worker.h. */
#include "policy/fake_worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct fake_policy policies[FAKE_MAX];
uint32_t n_policies, n_labels, n_annotations, n_surveyed;
bool base_quarantined, lint;
struct buf memory, zones;

static uint32_t n_libs;
static char libs[FAKE_MAX][64];
static struct buf setup;
static uint32_t may_include[FAKE_MAX]; /* by policy: how many */

static void skip_texts(struct wire_reader *r, uint32_t n)
{
    while (n-- > 0 && !r->bad)
        wire_get_text(r);
}

/* "payments: 2 created, last 1700000000000000; state 00000000000000a0 v3 41 bytes" */
static void read_memory(struct wire_reader *r)
{
    buf_clear(&memory);
    buf_adds(&memory, "");
    for (uint32_t n = wire_get_u32(r); n > 0 && !r->bad; n--) {
        struct wire_text name = wire_get_text(r);
        uint32_t m = wire_get_u32(r);
        int64_t last = 0, first = 0;
        for (uint32_t i = 0; i < m && !r->bad; i++) {
            last = wire_get_i64(r);
            first = i == 0 ? last : first;
        }
        buf_addf(&memory, "%.*s: %u created %lld to %lld; ", (int)name.len, name.s, m, (long long)first, (long long)last);
    }
    for (uint32_t n = wire_get_u32(r); n > 0 && !r->bad; n--) {
        struct wire_text name = wire_get_text(r);
        uint64_t identity = wire_get_u64(r);
        uint32_t version = wire_get_u32(r);
        const char *start = r->p;
        wire_tree_skip(r);
        if (memory.len < 800)
            buf_addf(&memory, "%.*s: state %016llx v%u of %d; ", (int)name.len, name.s, (unsigned long long)identity,
                     version, (int)(r->p - start));
    }
}

static void read_policies(struct wire_reader *r)
{
    n_libs = wire_get_u32(r);
    for (uint32_t i = 0; i < n_libs && !r->bad; i++) {
        copy_text(libs[i % FAKE_MAX], sizeof libs[0], wire_get_text(r));
        wire_get_text(r);
    }
    n_policies = wire_get_u32(r);
    for (uint32_t i = 0; i < n_policies && i < FAKE_MAX; i++) {
        copy_text(policies[i].file, sizeof policies[i].file, wire_get_text(r));
        struct wire_text source = wire_get_text(r);
        copy_text(policies[i].source, sizeof policies[i].source, source);
        memcpy(policies[i].name, policies[i].file, strcspn(policies[i].file, ".")); /* the rest is zero */
        policies[i].broken = source.len == 0;
        may_include[i] = wire_get_u32(r);
        for (uint32_t k = 0; k < may_include[i] && !r->bad; k++)
            if (wire_get_u32(r) >= n_libs)
                _exit(94);
    }
}

static void read_setup(struct wire_reader *r)
{
    wire_get_i64(r);
    skip_texts(r, 3);
    wire_tree_skip(r);
    wire_get_i64(r);
    skip_texts(r, wire_get_u32(r));
    skip_texts(r, 3);
    n_labels = wire_get_u32(r);
    skip_texts(r, 2 * n_labels);
    n_annotations = wire_get_u32(r);
    skip_texts(r, 2 * n_annotations);
    read_policies(r);
    for (int i = 0; i < 3; i++)
        wire_get_u64(r);
    for (uint32_t n = wire_get_u32(r); n > 0 && !r->bad; n--) {
        uint32_t q = wire_get_u32(r);
        if (q < n_policies)
            policies[q].quarantined = true;
        base_quarantined = base_quarantined || q == UINT32_MAX;
    }
    uint8_t bits = wire_get_u8(r);
    lint = bits & 1;
    for (uint32_t n = bits & 4 ? wire_get_u32(r) : 0; n > 0 && !r->bad; n--)
        wire_get_u64(r);
    read_memory(r);
    if (!wire_at_end(r))
        _exit(99);
}

static void dump(const char *path, const struct buf *b)
{
    FILE *f = fopen(path, "w");
    if (f != NULL) {
        fwrite(b->data, 1, b->len, f);
        fclose(f);
    }
}

/* Does any policy's load say so? Its words are the last one's that does. */
static bool loads(const char *what, char word[256])
{
    char action[64], words[256];
    bool found = false;
    for (uint32_t i = 0; i < n_policies; i++)
        for (const char *p = policies[i].source; next_line(&p, "load", NULL, action, words);)
            if (strcmp(action, what) == 0) {
                memcpy(word, words, sizeof words);
                found = true;
            }
    return found;
}

static bool is_bad(const char *kind)
{
    char word[256];
    return loads("bad", word) && strcmp(word, kind) == 0;
}

/* --- READY --- */

static void write_policy(const struct fake_policy *p)
{
    char action[64], word[256];
    unsigned v[7] = {0, 0, 0, 0, 0, 1, 0}, included[8];
    int n = 0;
    for (const char *s = p->source; next_line(&s, "load", NULL, action, word);) {
        if (strcmp(action, "limits") == 0)
            sscanf(word, "%u %u %u %u %u %u %u", &v[0], &v[1], &v[2], &v[3], &v[4], &v[5], &v[6]);
        if (strcmp(action, "include") == 0)
            n = sscanf(word, "%u %u %u %u", &included[0], &included[1], &included[2], &included[3]);
    }
    wire_str(&out, is_bad("policy-name") ? "a\nb" : is_bad("no-policy-name") ? "" : p->name);
    wire_str(&out, is_bad("policy-file") ? "other.lua" : p->file);
    wire_str(&out, "alertname=x");
    wire_u8(&out, (uint8_t)v[6]);
    for (int i = 0; i < 6; i++)
        wire_u32(&out, v[i]);
    wire_u32(&out, is_bad("libs-many") ? 1000 : (uint32_t)n);
    for (int i = 0; i < n; i++)
        wire_u32(&out, included[i]);
}

static void write_lint(const char *file, uint32_t line, const char *sentence)
{
    wire_str(&out, file);
    wire_u32(&out, line);
    wire_str(&out, sentence);
}

/* What was told before, in the only words of READY that a test can see. */
static void write_lints(void)
{
    char action[64], word[256];
    uint32_t n = 0;
    size_t count_at = out.len;
    wire_u32(&out, 0);
    for (uint32_t i = 0; i < n_policies; i++)
        for (const char *p = policies[i].source; next_line(&p, "load", NULL, action, word);) {
            if (strcmp(action, "lint") == 0) {
                write_lint(policies[i].file, i + 1, word);
                n++;
            }
            if (strcmp(action, "tell") == 0) {
                write_lint(policies[i].file, 1, strcmp(word, "memory") == 0 ? memory.data : zones.data);
                n++;
            }
        }
    for (uint32_t i = 0; lint && i < n_libs; i++, n++)
        write_lint(libs[i], 7, "of a library");
    if (is_bad("lint-file")) {
        write_lint("other.lua", 1, "x");
        n++;
    }
    out.data[count_at] = (char)n;
}

static void write_ready(void)
{
    char word[256];
    uint32_t n_broken = 0, good = 0;
    for (uint32_t i = 0; i < n_policies; i++)
        n_broken += policies[i].broken;
    size_t mark = wire_begin(&out, WIRE_READY);
    wire_u32(&out, n_broken);
    for (uint32_t i = 0; i < n_policies; i++)
        if (policies[i].broken) {
            wire_str(&out, policies[i].file);
            wire_str(&out, "1: syntax error\nnear \x1b[1m");
        }
    wire_u32(&out, is_bad("many") ? n_policies + 2 : n_policies - n_broken);
    for (uint32_t i = 0; i < n_policies; i++)
        if (!policies[i].broken) {
            policies[i].good = good++;
            write_policy(&policies[i]);
        }
    write_lints();
    wire_u32(&out, is_bad("templates") ? 1000 : 0);
    wire_u8(&out, is_bad("named") ? 2 : 1);
    wire_u8(&out, is_bad("survey") ? 2 : loads("survey", word));
    wire_str(&out, is_bad("hash-short")   ? "0123456789abcdef"
                   : is_bad("hash-upper") ? "0123456789ABCDEF0123456789ABCDEF"
                                          : "0123456789abcdef0123456789abcdef");
    if (is_bad("long"))
        wire_u8(&out, 0);
    if (is_bad("short"))
        out.len -= 3;
    wire_end(&out, mark);
    fake_flush();
}

static void write_want(char *names)
{
    char *next = NULL;
    uint32_t n = 0;
    size_t mark = wire_begin(&out, WIRE_WANT), count_at = out.len;
    wire_u32(&out, 0);
    for (char *s = strtok_r(names, " ", &next); s != NULL; s = strtok_r(NULL, " ", &next), n++)
        wire_str(&out, s);
    for (; is_bad("want-many") && n < WIRE_ZONES_MAX + 1; n++)
        wire_str(&out, "Europe/Rome");
    if (is_bad("want-utf8")) {
        wire_str(&out, "\xff");
        n++;
    }
    out.data[count_at] = (char)n;
    if (is_bad("want-long"))
        wire_u8(&out, 0);
    wire_end(&out, mark);
    fake_flush();
}

void answer_zones(struct wire_reader *r)
{
    buf_clear(&zones);
    buf_adds(&zones, "");
    for (uint32_t n = wire_get_u32(r); n > 0 && !r->bad; n--) {
        struct wire_text name = wire_get_text(r);
        uint8_t there = wire_get_u8(r);
        struct wire_text bytes = wire_get_text(r);
        buf_addf(&zones, "%.*s %u %.*s; ", (int)name.len, name.s, there, bytes.len < 4 ? (int)bytes.len : 4, bytes.s);
    }
    if (!wire_at_end(r))
        _exit(93);
    char word[256];
    if (loads("wantagain", word))
        write_want(word);
    else
        write_ready();
}

void answer_setup(struct wire_reader *r)
{
    char action[64], word[256];
    buf_add(&setup, r->p, (size_t)(r->end - r->p));
    read_setup(r);
    for (uint32_t i = 0; i < n_policies; i++) {
        box->hook = HOOK_LOAD;
        box->policy = i;
        box->calls++;
        for (const char *p = policies[i].source; next_line(&p, "load", NULL, action, word);) {
            if (strcmp(action, "dump") == 0)
                dump(word, &setup);
            else if (strcmp(action, "error") == 0)
                policies[i].broken = true;
            else
                act(action, word);
        }
    }
    box->hook = HOOK_NONE;
    if (loads("want", word))
        write_want(word);
    else
        write_ready();
}
