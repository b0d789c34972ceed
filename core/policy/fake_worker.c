/* A worker for tests: it speaks the protocol, runs no Lua, and does whatever its "policies" tell it to. A
 * policy's source is lines of
 *
 *     match ALERTNAME                  which alerts it owns ("*": all)
 *     HOOK ALERTNAME ACTION [WORD]     what happens in a hook (black_box_hook_name, or "load") for an alert
 * ("*": any)
 *
 * The default policy keeps everything. */
#include "alerts/alert.h"
#include "policy/wire.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MAX = 64 };

static struct policy {
    char file[256], name[256], source[4096];
    bool broken, quarantined;
} policies[MAX];
static uint32_t n_policies, n_labels, n_annotations;
static uint32_t good[MAX], n_good; /* numbers of READY's second list */
static volatile struct black_box *box;
static struct buf out;

static void flush(void)
{
    for (size_t at = 0; at < out.len;) {
        ssize_t n = write(1, out.data + at, out.len - at);
        if (n <= 0)
            _exit(0);
        at += (size_t)n;
    }
    buf_clear(&out);
}

static void copy_text(char *to, size_t size, struct wire_text t)
{
    size_t n = t.len < size - 1 ? t.len : size - 1;
    memcpy(to, t.s, n);
    to[n] = '\0';
}

/* Finds "FIRST SECOND ACTION [WORD]" in a source. */
static bool find_line(const char *source, const char *first, const char *second, char action[64],
                      char word[256])
{
    char a[64], b[64];
    for (const char *p = source; p != NULL && *p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL) {
        word[0] = action[0] = '\0';
        if (sscanf(p, "%63s %63s %63s %255[^\n]", a, b, action, word) < 2 || strcmp(a, first) != 0)
            continue;
        if (second == NULL || strcmp(b, "*") == 0 || strcmp(b, second) == 0)
            return true;
    }
    return false;
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

/* Actions that end the worker or make it useless; false: none of these. */
static bool act(const char *action, const char *word)
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

/* Tells the box, moves the counter, does what the policy says. */
static bool call(uint32_t hook, int policy, uint32_t id, const char *alert, char action[64], char word[256])
{
    box->id = id;
    box->hook = hook;
    box->policy = policy < 0 ? UINT32_MAX : good[policy];
    box->calls++;
    action[0] = word[0] = '\0';
    bool found = false;
    for (uint32_t i = 0; i < n_policies && !found; i++) /* templates belong to nobody */
        if (hook == HOOK_NAME || hook == HOOK_TEMPLATE || (int)i == policy)
            found = find_line(policies[i].source, black_box_hook_name(hook), alert, action, word);
    if (found) {
        flush();
        act(action, word);
    } else {
        action[0] = word[0] = '\0'; /* of lines that were looked at */
    }
    return found;
}

static void skip_tree(struct wire_reader *r)
{
    uint8_t tag = wire_get_u8(r);
    uint32_t n = tag == 'l' || tag == 'm' ? wire_get_u32(r) : 0;
    if (tag == 'i' || tag == 'd')
        wire_get_u64(r);
    if (tag == 's')
        wire_get_text(r);
    while (n-- > 0 && !r->bad) {
        if (tag == 'm')
            wire_get_text(r);
        skip_tree(r);
    }
}

static void read_setup(struct wire_reader *r)
{
    wire_get_i64(r);
    for (int i = 0; i < 3; i++)
        wire_get_text(r);
    skip_tree(r);
    wire_get_i64(r);
    for (uint32_t n = wire_get_u32(r); n > 0; n--)
        wire_get_text(r);
    for (int i = 0; i < 3; i++)
        wire_get_text(r);
    n_labels = wire_get_u32(r);
    for (uint32_t i = 0; i < 2 * n_labels; i++)
        wire_get_text(r);
    n_annotations = wire_get_u32(r);
    for (uint32_t i = 0; i < 2 * n_annotations; i++)
        wire_get_text(r);
    n_policies = wire_get_u32(r);
    for (uint32_t i = 0; i < n_policies && i < MAX; i++) {
        copy_text(policies[i].file, sizeof policies[i].file, wire_get_text(r));
        struct wire_text source = wire_get_text(r);
        copy_text(policies[i].source, sizeof policies[i].source, source);
        memcpy(policies[i].name, policies[i].file, strcspn(policies[i].file, ".")); /* the rest is zero */
        policies[i].broken = source.len == 0;
    }
    for (int i = 0; i < 3; i++)
        wire_get_u64(r);
    for (uint32_t n = wire_get_u32(r); n > 0; n--) {
        uint32_t q = wire_get_u32(r);
        if (q < n_policies)
            policies[q].quarantined = true;
    }
    if (!wire_at_end(r))
        _exit(99);
}

static void dump(const char *path, struct wire_reader r)
{
    FILE *f = fopen(path, "w");
    if (f != NULL) {
        fwrite(r.p, 1, (size_t)(r.end - r.p), f);
        fclose(f);
    }
}

static void answer_setup(struct wire_reader *r)
{
    struct wire_reader whole = *r;
    char action[64], word[256];
    uint32_t n_broken = 0;
    read_setup(r);
    for (uint32_t i = 0; i < n_policies; i++) {
        box->hook = HOOK_LOAD;
        box->policy = i;
        box->calls++;
        if (find_line(policies[i].source, "load", NULL, action, word)) {
            if (strcmp(action, "dump") == 0)
                dump(word, whole);
            else if (strcmp(action, "error") == 0)
                policies[i].broken = true;
            else
                act(action, word);
        }
        n_broken += policies[i].broken;
    }
    box->hook = HOOK_NONE;
    size_t mark = wire_begin(&out, WIRE_READY);
    wire_u32(&out, n_broken);
    for (uint32_t i = 0; i < n_policies; i++)
        if (policies[i].broken) {
            wire_str(&out, policies[i].file);
            wire_str(&out, "1: syntax error\nnear \x1b[1m");
        }
    wire_u32(&out, n_policies - n_broken);
    n_good = 0;
    for (uint32_t i = 0; i < n_policies; i++)
        if (!policies[i].broken) {
            good[i] = n_good++;
            wire_str(&out, policies[i].name);
            wire_str(&out, policies[i].file);
            wire_str(&out, "alertname=x");
        }
    wire_u32(&out, 0);
    wire_u8(&out, 1);
    wire_end(&out, mark);
    flush();
}

struct item {
    uint32_t id;
    char name[128];
    int policy; /* -1: default; -2: a broken one may own it */
};

static void get_item(struct wire_reader *r, struct item *it)
{
    it->id = wire_get_u32(r);
    struct wire_text bytes = wire_get_text(r), index = wire_get_text(r);
    void *aligned = malloc(index.len + 1);
    memcpy(aligned, index.s, index.len);
    struct alert a;
    if (r->bad || alert_view_checked(&a, bytes.s, bytes.len, aligned, index.len) != 0)
        _exit(98);
    char *name = alert_text_dup(&a, alert_label(&a, "alertname"));
    snprintf(it->name, sizeof it->name, "%s", name ? name : "");
    free(name);
    free(aligned);
    it->policy = -1;
    for (uint32_t i = 0; i < n_policies && it->policy == -1; i++) {
        char action[64], word[256];
        if (policies[i].broken)
            it->policy = -2;
        else if (find_line(policies[i].source, "match", it->name, action, word))
            it->policy = (int)i;
    }
}

static void report(struct buf *b)
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

static void judged(const struct item *it, const char *action, const char *word)
{
    struct buf detail = {0};
    uint8_t answer = JUDGED_KEEP;
    const char *code = "", *policy = it->policy < 0 ? "default" : policies[it->policy].name;
    char own[300];
    uint32_t id = it->id;
    int64_t priority = 500;
    buf_adds(&detail, "");
    if (it->policy == -2) {
        answer = JUDGED_ERROR;
        code = "policy.load";
        policy = "";
    } else if (it->policy >= 0 && policies[it->policy].quarantined) {
        answer = JUDGED_ERROR;
        code = "policy.quarantined";
    } else if (strcmp(action, "drop") == 0) {
        answer = JUDGED_DROP;
        snprintf(own, sizeof own, "policy.%s", word);
        code = own;
        buf_adds(&detail, "dropped");
    } else if (strcmp(action, "report") == 0) {
        report(&detail); /* a detail goes with a drop */
        answer = JUDGED_DROP;
        code = "policy.filter";
    } else if (strcmp(action, "wrongid") == 0) {
        id += 7;
    } else if (strcmp(action, "utf8") == 0) {
        buf_adds(&detail, "\xff\xfe");
    } else if (strcmp(action, "nul") == 0) {
        buf_add(&detail, "a\0b", 3);
    } else if (strcmp(action, "longdetail") == 0) {
        for (int i = 0; i < 1025; i++)
            buf_addc(&detail, 'x');
    } else if (strcmp(action, "priority") == 0) {
        priority = atoi(word);
    } else if (strcmp(action, "code") == 0) {
        code = word;
    } else if (strcmp(action, "answer") == 0) {
        answer = (uint8_t)atoi(word);
    } else if (strcmp(action, "policy") == 0) {
        policy = word;
    }
    size_t mark = wire_begin(&out, WIRE_JUDGED);
    wire_u32(&out, id);
    wire_u8(&out, answer);
    wire_str(&out, code);
    wire_text(&out, detail.data, detail.len);
    wire_str(&out, policy);
    wire_str(&out, "x.lua:1");
    wire_u8(&out, strcmp(action, "key") == 0);
    if (strcmp(action, "key") == 0)
        wire_str(&out, word);
    wire_i64(&out, priority);
    wire_str(&out, strcmp(action, "nameis") == 0 ? word : "");
    wire_str(&out, strcmp(action, "noname") == 0 ? "no such label" : "");
    wire_str(&out, strcmp(action, "fallback") == 0 ? "priority failed: base used" : "");
    if (strcmp(action, "toolong") == 0)
        wire_u8(&out, 1);
    wire_end(&out, mark);
    buf_free(&detail);
}

static void answer_judge(struct wire_reader *r)
{
    char action[64], word[256];
    uint32_t n = wire_get_u32(r), told = n;
    for (uint32_t i = 0; i < n; i++) {
        struct item it;
        get_item(r, &it);
        if (it.policy >= -1 && (it.policy < 0 || !policies[it.policy].quarantined)) {
            call(HOOK_NAME, it.policy, it.id, it.name, action, word);
            call(HOOK_FILTER, it.policy, it.id, it.name, action, word);
        }
        if (strcmp(action, "silent") != 0)
            judged(&it, action, word);
        if (strcmp(action, "twice") == 0)
            judged(&it, action, word);
        if (strcmp(action, "done") == 0)
            told += 1;
        if (strcmp(action, "turn") == 0)
            wire_end(&out, wire_begin(&out, WIRE_COMPOSED));
        action[0] = '\0';
    }
    box->hook = HOOK_NONE;
    size_t mark = wire_begin(&out, WIRE_DONE);
    wire_u32(&out, told);
    wire_end(&out, mark);
    flush();
}

static void answer_retrigger(struct wire_reader *r)
{
    char action[64], word[256];
    uint32_t n = wire_get_u32(r);
    for (uint32_t i = 0; i < n; i++) {
        struct item it;
        get_item(r, &it);
        struct wire_text task = wire_get_text(r);
        uint8_t phase = wire_get_u8(r), gone = wire_get_u8(r);
        wire_get_i64(r), wire_get_i64(r);
        int64_t starts_at = wire_get_i64(r);
        wire_get_i64(r);
        uint32_t attempts = wire_get_u32(r);
        call(HOOK_RETRIGGER, it.policy, it.id, it.name, action, word);
        size_t mark = wire_begin(&out, WIRE_RETRIGGERED);
        wire_u32(&out, it.id);
        wire_u8(&out, strcmp(action, "at") == 0      ? ANSWER_AT
                      : strcmp(action, "never") == 0 ? ANSWER_NEVER
                                                     : ANSWER_NOW);
        wire_i64(&out, strcmp(action, "at") == 0 ? atoll(word) : INT64_MIN);
        wire_str(&out, strcmp(action, "never") == 0 ? "policy.enough" : "");
        char detail[300];
        snprintf(detail, sizeof detail, "%.*s %u %u %lld %u", (int)task.len, task.s, phase, gone,
                 (long long)starts_at, attempts);
        wire_str(&out, detail);
        wire_str(&out, "default");
        wire_str(&out, "");
        wire_end(&out, mark);
    }
    box->hook = HOOK_NONE;
    size_t mark = wire_begin(&out, WIRE_DONE);
    wire_u32(&out, n);
    wire_end(&out, mark);
    flush();
}

static void composed(const struct item *it, struct wire_text key, const char *action, const char *word)
{
    bool ok = strcmp(action, "fail") != 0;
    size_t mark = wire_begin(&out, WIRE_COMPOSED);
    wire_u32(&out, it->id);
    wire_u8(&out, ok);
    wire_str(&out, ok ? "" : "error.template");
    wire_str(&out, ok ? "" : word);
    wire_str(&out, it->name);
    wire_text(&out, key.s, key.len);
    if (strcmp(action, "large") == 0) {
        wire_u32(&out, (uint32_t)atoi(word));
        for (int i = 0; i < atoi(word); i++)
            buf_addc(&out, 'p');
    } else {
        wire_str(&out, "prompt");
    }
    wire_str(&out, "branch");
    wire_u32(&out, n_labels + (strcmp(action, "label") == 0));
    for (uint32_t i = 0; i < n_labels + (strcmp(action, "label") == 0); i++)
        wire_str(&out, "label");
    wire_u32(&out, n_annotations);
    for (uint32_t i = 0; i < n_annotations; i++)
        wire_str(&out, "annotation");
    wire_str(&out, "");
    wire_end(&out, mark);
}

static void answer_compose(struct wire_reader *r)
{
    char action[64], word[256];
    uint32_t n = wire_get_u32(r);
    for (uint32_t i = 0; i < n; i++) {
        struct item it;
        get_item(r, &it);
        wire_get_u8(r);
        struct wire_text key = wire_get_text(r);
        if (it.policy < 0 || !policies[it.policy].quarantined)
            call(HOOK_TITLE, it.policy, it.id, it.name, action, word);
        call(HOOK_TEMPLATE, it.policy, it.id, it.name, action, word);
        composed(&it, key, action, word);
    }
    box->hook = HOOK_NONE;
    size_t mark = wire_begin(&out, WIRE_DONE);
    wire_u32(&out, n);
    wire_end(&out, mark);
    flush();
}

int main(void)
{
    struct buf in = {0};
    box = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, 3, 0);
    if (box == MAP_FAILED)
        return 97;
    size_t mark = wire_begin(&out, WIRE_HELLO);
    wire_str(&out, WIRE_MAGIC);
    wire_u32(&out, WIRE_VERSION);
    wire_str(&out, "fake");
    wire_end(&out, mark);
    flush();
    for (;;) {
        enum wire_type type;
        struct wire_reader r;
        size_t used;
        int got = in.len > 0 ? wire_frame(in.data, in.len, &type, &r, &used) : 0;
        if (got < 0)
            return 96;
        if (got == 0) {
            buf_reserve(&in, 65536);
            ssize_t n = read(0, in.data + in.len, 65536);
            if (n <= 0)
                return 0;
            in.len += (size_t)n;
            continue;
        }
        if (type == WIRE_SETUP)
            answer_setup(&r);
        else if (type == WIRE_JUDGE)
            answer_judge(&r);
        else if (type == WIRE_RETRIGGER)
            answer_retrigger(&r);
        else if (type == WIRE_COMPOSE)
            answer_compose(&r);
        memmove(in.data, in.data + used, in.len - used);
        in.len -= used;
    }
}
