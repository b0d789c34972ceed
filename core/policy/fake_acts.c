/* Misdeeds: see fake_worker.h. */
#include "policy/fake_worker.h"

#include "policy/chain.h"

#include <dirent.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void fake_flush(void)
{
    for (size_t at = 0; at < out.len;) {
        ssize_t n = write(1, out.data + at, out.len - at);
        if (n <= 0)
            _exit(0);
        at += (size_t)n;
    }
    buf_clear(&out);
}

void copy_text(char *to, size_t size, struct wire_text t)
{
    size_t n = t.len < size - 1 ? t.len : size - 1;
    memcpy(to, t.s, n);
    to[n] = '\0';
}

bool next_line(const char **from, const char *first, const char *second, char action[64], char word[256])
{
    char a[64], b[64];
    while (*from != NULL && **from != '\0') {
        const char *p = *from, *end = strchr(p, '\n');
        *from = end != NULL ? end + 1 : NULL;
        word[0] = action[0] = '\0';
        if (sscanf(p, "%63s %63s%*[ ]%63[^ \n]%*1[ ]%255[^\n]", a, b, action, word) < 2 || strcmp(a, first) != 0)
            continue;
        if (second == NULL || strcmp(b, "*") == 0 || strcmp(b, second) == 0)
            return true;
    }
    return false;
}

bool find_line(const char *source, const char *first, const char *second, char action[64], char word[256])
{
    return next_line(&source, first, second, action, word);
}

static void die(int sig)
{
    fprintf(stderr, "going down\nlast words\x1b[31m of a worker\n");
    signal(sig, SIG_DFL);
    raise(sig);
}

static void say_forever(const char *bytes, size_t n)
{
    for (;;)
        if (write(1, bytes, n) <= 0)
            _exit(0);
}

bool act(const char *action, const char *word)
{
    if (strncmp(action, "blind-", 6) == 0) {
        box->hook = HOOK_NONE;
        action += 6;
    }
    if (strncmp(action, "lie-", 4) == 0) { /* an alert nobody asked about, and a policy that there is not */
        box->id = 123456;
        box->policy = 77;
        action += 4;
    }
    if (strcmp(action, "die") == 0)
        die(atoi(word));
    else if (strcmp(action, "exit") == 0)
        exit(atoi(word));
    else if (strcmp(action, "hang") == 0)
        for (;;)
            pause();
    else if (strcmp(action, "busy") == 0)
        for (;; usleep(1000))
            box->calls++;
    else if (strcmp(action, "garbage") == 0)
        say_forever("GET / HTTP/1.1\r\n", 16);
    else if (strcmp(action, "half") == 0) {
        if (write(1, "\x40\0\0\0jabc", 8) == 8)
            for (;;)
                pause();
    } else if (strcmp(action, "flood") == 0)
        say_forever("\x05\0\0\0d\0\0\0\0", 9);
    else if (strcmp(action, "huge") == 0)
        say_forever("\xff\xff\xff\x01j", 5);
    else if (strcmp(action, "close") == 0) {
        close(1);
        for (;;)
            pause();
    } else if (strcmp(action, "stderr") == 0) {
        for (int i = 0; i < 100000; i++)
            fprintf(stderr, "noise noise noise noise %d\n", i);
        die(SIGABRT);
    } else
        return false;
    return true;
}

bool call(uint32_t hook, int policy, uint32_t id, const char *alert, char action[64], char word[256])
{
    box->id = id;
    box->hook = hook;
    box->policy = policy < 0 ? UINT32_MAX : policies[policy].good;
    box->calls++;
    action[0] = word[0] = '\0';
    bool found = false;
    for (uint32_t i = 0; i < n_policies && !found; i++) /* templates belong to nobody */
        if (hook == HOOK_NAME || hook == HOOK_TEMPLATE || (int)i == policy)
            found = find_line(policies[i].source, black_box_hook_name(hook), alert, action, word);
    if (found) {
        fake_flush();
        act(action, word);
    } else {
        action[0] = word[0] = '\0'; /* of lines that were looked at */
    }
    return found;
}

void fake_report(struct buf *b)
{
    extern char **environ;
    char line[256], cwd[256];
    DIR *d = opendir("/proc/self/fd");
    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;)
        if (e->d_name[0] != '.' && atoi(e->d_name) != dirfd(d))
            buf_addf(b, "fd%s ", e->d_name);
    closedir(d);
    for (char **v = environ; *v != NULL; v++)
        buf_addf(b, "%s ", *v);
    buf_addf(b, "cwd=%s ", getcwd(cwd, sizeof cwd));
    FILE *f = fopen("/proc/self/status", "r");
    while (f != NULL && fgets(line, sizeof line, f) != NULL)
        if (strncmp(line, "SigBlk:", 7) == 0 || strncmp(line, "SigIgn:", 7) == 0)
            buf_addf(b, "%.7s%llx ", line, strtoull(line + 7, NULL, 16));
    fclose(f);
}

/* --- extras --- */

static void write_filled(size_t len)
{
    wire_u32(&out, (uint32_t)len);
    for (size_t i = 0; i < len; i++)
        buf_addc(&out, 'x');
}

static void write_double(double d)
{
    uint64_t bits;
    memcpy(&bits, &d, sizeof bits);
    wire_u8(&out, 'd');
    wire_u64(&out, bits);
}

/* `n` notes, or `n` names of state, "0" to "n - 1". */
static void write_many(bool notes, uint32_t n)
{
    wire_u8(&out, notes ? 1 : 2);
    if (!notes)
        wire_str(&out, "");
    wire_u32(&out, n);
    for (uint32_t i = 0; i < n; i++) {
        char name[16];
        snprintf(name, sizeof name, "%u", i);
        wire_str(&out, name);
        if (notes)
            wire_str(&out, "x");
        else
            wire_u8(&out, 't');
    }
}

/* One note, or one name of state. */
static void start_one(bool note)
{
    wire_u8(&out, note ? 1 : 2);
    if (!note)
        wire_str(&out, "");
    wire_u32(&out, 1);
}

/* A chain of one link, a choice and a step, with one thing wrong. */
static void write_chain(const char *wrong)
{
    char long_text[2000];
    memset(long_text, 'x', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    struct chain_read read = {"labels.team", "payments", NULL};
    struct chain_link links[WIRE_CHAIN_LINKS_MAX + 1];
    for (size_t i = 0; i <= WIRE_CHAIN_LINKS_MAX; i++)
        links[i] = (struct chain_link){.hook = HOOK_FILTER, .bits = CHAIN_DECIDED, .tag = 'n', .value = "12.5e-3", .reason = "r",
                                       .detail = "d", .error = "", .by = "a.lua:1", .source = "x", .us = 1, .instructions = 2,
                                       .memory = 3, .reads = &read, .n_reads = 1};
    struct chain_choice choice = {"a", "a.lua", "x=y", "d", FIT_CHOSEN};
    struct chain_step step = {"a.lua:1", "x", "y=1"};
    struct chain c = {.links = links, .n_links = 1, .choices = &choice, .n_choices = 1, .steps = &step, .n_steps = 1};
    struct chain_link *l = links;
    if (strcmp(wrong, "-hook") == 0)
        l->hook = HOOK_COUNT;
    else if (strcmp(wrong, "-depth") == 0)
        l->depth = WIRE_CHAIN_DEPTH_MAX + 1;
    else if (strcmp(wrong, "-bits") == 0)
        l->bits = 16;
    else if (strcmp(wrong, "-tag") == 0)
        l->tag = 'q';
    else if (strcmp(wrong, "-number") == 0)
        l->value = "1; rm";
    else if (strcmp(wrong, "-true") == 0)
        l->tag = 't';
    else if (strcmp(wrong, "-utf8") == 0)
        l->source = "\xff";
    else if (strcmp(wrong, "-long") == 0)
        l->detail = long_text;
    else if (strcmp(wrong, "-error") == 0)
        l->error = "dedup.active";
    else if (strcmp(wrong, "-reads") == 0)
        read.name = long_text;
    else if (strcmp(wrong, "-many") == 0)
        c.n_links = WIRE_CHAIN_LINKS_MAX + 1;
    else if (strcmp(wrong, "-fit") == 0)
        choice.fit = FIT_COUNT;
    else if (strcmp(wrong, "-step") == 0)
        step.locals = long_text;
    wire_u8(&out, 4);
    chain_write(&c, &out);
    if (strcmp(wrong, "-cut") == 0)
        out.len -= 3;
    if (strcmp(wrong, "-more") == 0)
        wire_u8(&out, 0);
}

static void write_bad_extras(const char *kind)
{
    if (strcmp(kind, "bits") == 0) {
        wire_u8(&out, 8);
    } else if (strcmp(kind, "no-notes") == 0) {
        write_many(true, 0);
    } else if (strncmp(kind, "notes-", 6) == 0) {
        write_many(true, (uint32_t)atoi(kind + 6));
    } else if (strcmp(kind, "note-unnamed") == 0) {
        start_one(true), wire_str(&out, ""), wire_str(&out, "x");
    } else if (strcmp(kind, "note-name-long") == 0) {
        start_one(true), write_filled(65), wire_str(&out, "x");
    } else if (strcmp(kind, "note-long") == 0) {
        start_one(true), wire_str(&out, "x"), write_filled(257);
    } else if (strcmp(kind, "note-utf8") == 0) {
        start_one(true), wire_str(&out, "x"), wire_str(&out, "\xff");
    } else if (strcmp(kind, "note-twice") == 0) {
        wire_u8(&out, 1), wire_u32(&out, 2);
        for (int i = 0; i < 2; i++)
            wire_str(&out, "x"), wire_str(&out, "y");
    } else if (strncmp(kind, "states-", 7) == 0) {
        write_many(false, (uint32_t)atoi(kind + 7));
    } else if (strcmp(kind, "state-twice") == 0) {
        wire_u8(&out, 2), wire_str(&out, ""), wire_u32(&out, 2);
        for (int i = 0; i < 2; i++)
            wire_str(&out, "x"), wire_u8(&out, 't');
    } else if (strcmp(kind, "state-unnamed") == 0) {
        start_one(false), wire_str(&out, ""), wire_u8(&out, 't');
    } else if (strcmp(kind, "state-name-long") == 0) {
        start_one(false), write_filled(65), wire_u8(&out, 't');
    } else if (strcmp(kind, "state-list") == 0) {
        start_one(false), wire_str(&out, "x"), wire_u8(&out, 'l'), wire_u32(&out, 0);
    } else if (strcmp(kind, "state-nan") == 0) {
        start_one(false), wire_str(&out, "x"), write_double(NAN);
    } else if (strcmp(kind, "state-long") == 0) {
        start_one(false), wire_str(&out, "x"), wire_u8(&out, 's'), write_filled(1025);
    } else if (strcmp(kind, "state-utf8") == 0) {
        start_one(false), wire_str(&out, "x"), wire_u8(&out, 's'), wire_str(&out, "\xff");
    } else if (strcmp(kind, "state-key-long") == 0) {
        wire_u8(&out, 2), write_filled(201), wire_u32(&out, 0);
    } else if (strcmp(kind, "state-cut") == 0) {
        wire_u8(&out, 2), wire_str(&out, ""), wire_u32(&out, 100);
    } else if (strncmp(kind, "chain", 5) == 0) {
        write_chain(kind + 5);
    } else {
        _exit(95);
    }
}

/* "s:NAME=TEXT" */
static void write_name(const char *spec)
{
    wire_text(&out, spec + 2, strcspn(spec + 2, "="));
}

static const char *value_of(const char *spec)
{
    return spec[strcspn(spec, "=")] == '=' ? strchr(spec, '=') + 1 : "";
}

static void write_change(const char *spec)
{
    write_name(spec);
    if (spec[0] == 'i') {
        wire_u8(&out, 'i');
        wire_i64(&out, atoll(value_of(spec)));
    } else if (spec[0] == 's') {
        wire_u8(&out, 's');
        wire_str(&out, value_of(spec));
    } else {
        wire_u8(&out, 'z');
    }
}

void write_extras(const char *action, const char *word)
{
    char copy[256], *specs[32], *next = NULL;
    const char *key = "";
    uint32_t n = 0, notes = 0, changes = 0;
    if (strcmp(action, "badextras") == 0) {
        write_bad_extras(word);
        return;
    }
    if (strcmp(action, "extras") == 0) {
        snprintf(copy, sizeof copy, "%s", word);
        for (char *s = strtok_r(copy, " ", &next); s != NULL && n < 32; s = strtok_r(NULL, " ", &next))
            specs[n++] = s;
    }
    for (uint32_t i = 0; i < n; i++) {
        notes += specs[i][0] == 'n';
        changes += strchr("siz", specs[i][0]) != NULL;
        if (specs[i][0] == 'k')
            key = specs[i] + 2;
    }
    wire_u8(&out, (uint8_t)((notes > 0) | (changes > 0) << 1));
    if (notes > 0)
        wire_u32(&out, notes);
    for (uint32_t i = 0; i < n; i++)
        if (specs[i][0] == 'n') {
            write_name(specs[i]);
            wire_str(&out, value_of(specs[i]));
        }
    if (changes == 0)
        return;
    wire_str(&out, key);
    wire_u32(&out, changes);
    for (uint32_t i = 0; i < n; i++)
        if (strchr("siz", specs[i][0]) != NULL)
            write_change(specs[i]);
}
