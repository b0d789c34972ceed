/* Answers: see fake_worker.h. */
#include "policy/fake_worker.h"

#include "alerts/alert.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static bool is(const char *action, const char *what)
{
    return strcmp(action, what) == 0;
}

/* Label `alertname` of an alert on the wire. */
static void get_alert(struct wire_reader *r, char *name, size_t size, struct buf *about)
{
    struct wire_text bytes = wire_get_text(r), index = wire_get_text(r);
    void *aligned = malloc(index.len + 1);
    memcpy(aligned, index.s, index.len);
    struct alert a;
    if (r->bad || alert_view_checked(&a, bytes.s, bytes.len, aligned, index.len) != 0)
        _exit(98);
    char *s = alert_text_dup(&a, alert_label(&a, "alertname"));
    snprintf(name, size, "%s", s != NULL ? s : "");
    free(s);
    if (about != NULL) {
        char *state = alert_text_dup(&a, a.index->field[ALERT_STATE]);
        buf_addf(about, "%016llx %lld %s %u labels %u annotations", (unsigned long long)a.index->fingerprint,
                 (long long)alert_moment(&a, ALERT_STARTS_AT), state, a.index->n_labels, a.index->n_annotations);
        free(state);
    }
    free(aligned);
}

void get_item(struct wire_reader *r, struct item *it)
{
    it->id = wire_get_u32(r);
    get_alert(r, it->name, sizeof it->name, NULL);
    it->policy = -1;
    for (uint32_t i = 0; i < n_policies && it->policy == -1; i++) {
        char action[64], word[256];
        if (policies[i].broken)
            it->policy = -2;
        else if (find_line(policies[i].source, "match", it->name, action, word))
            it->policy = (int)i;
    }
}

static void get_seen(struct wire_reader *r, char text[128])
{
    int64_t first = wire_get_i64(r);
    uint32_t polls = wire_get_u32(r), flaps = wire_get_u32(r);
    int64_t absent = wire_get_i64(r);
    snprintf(text, 128, "%lld %u %u %lld %u", (long long)first, polls, flaps, (long long)absent, wire_get_u32(r));
}

static struct wire_text get_key(struct wire_reader *r)
{
    wire_get_u8(r);
    return wire_get_text(r);
}

static void get_last(struct wire_reader *r, char text[256])
{
    struct wire_text task = wire_get_text(r);
    uint8_t phase = wire_get_u8(r), gone = wire_get_u8(r);
    wire_get_i64(r), wire_get_i64(r);
    int64_t starts_at = wire_get_i64(r);
    wire_get_i64(r);
    snprintf(text, 256, "%.*s %u %u %lld %u", (int)task.len, task.s, phase, gone, (long long)starts_at, wire_get_u32(r));
}

static bool quarantined(const struct item *it)
{
    return it->policy >= 0 ? policies[it->policy].quarantined : it->policy == -1 && base_quarantined;
}

static const char *policy_name(const struct item *it)
{
    return it->policy < 0 ? "default" : policies[it->policy].name;
}

void done(uint32_t n)
{
    box->hook = HOOK_NONE;
    size_t mark = wire_begin(&out, WIRE_DONE);
    wire_u32(&out, n);
    wire_end(&out, mark);
    fake_flush();
}

/* --- JUDGE --- */

struct judged {
    uint32_t id;
    uint8_t answer;
    const char *code, *policy;
    char own[300];
    struct buf detail;
    int64_t priority;
};

/* Words that go with a drop. */
static bool drops(struct judged *v, const char *action, const char *word, const char *seen)
{
    if (is(action, "drop")) {
        snprintf(v->own, sizeof v->own, "policy.%s", word);
        v->code = v->own;
        buf_adds(&v->detail, "dropped");
    } else if (is(action, "report") || is(action, "seen") || is(action, "surveyed") || is(action, "nice")) {
        v->code = "policy.filter";
        if (is(action, "report"))
            fake_report(&v->detail);
        else if (is(action, "nice"))
            buf_addf(&v->detail, "%d", getpriority(PRIO_PROCESS, 0));
        else if (is(action, "seen"))
            buf_adds(&v->detail, seen);
        else
            buf_addf(&v->detail, "%u", n_surveyed);
    } else {
        return false;
    }
    v->answer = JUDGED_DROP;
    return true;
}

static void decide(struct judged *v, const struct item *it, const char *action, const char *word, const char *seen)
{
    if (it->policy == -2) {
        v->answer = JUDGED_ERROR;
        v->code = "policy.load";
        v->policy = "";
    } else if (quarantined(it)) {
        v->answer = JUDGED_ERROR;
        v->code = "policy.quarantined";
    } else if (drops(v, action, word, seen)) {
        return;
    } else if (is(action, "fail")) { /* REASON [DETAIL] */
        size_t n = strcspn(word, " ");
        v->answer = JUDGED_ERROR;
        snprintf(v->own, sizeof v->own, "%.*s", (int)n, word);
        v->code = v->own;
        buf_adds(&v->detail, word + n);
    } else if (is(action, "wrongid")) {
        v->id += 7;
    } else if (is(action, "utf8")) {
        buf_adds(&v->detail, "\xff\xfe");
    } else if (is(action, "nul")) {
        buf_add(&v->detail, "a\0b", 3);
    } else if (is(action, "longdetail")) {
        for (int i = 0; i < 1025; i++)
            buf_addc(&v->detail, 'x');
    } else if (is(action, "priority")) {
        v->priority = atoi(word);
    } else if (is(action, "code")) {
        v->code = word;
    } else if (is(action, "answer")) {
        v->answer = (uint8_t)atoi(word);
    } else if (is(action, "policy")) {
        v->policy = word;
    }
}

static void judged(const struct item *it, const char *action, const char *word, const char *seen)
{
    struct judged v = {.id = it->id, .answer = JUDGED_KEEP, .code = "", .policy = policy_name(it), .priority = 500};
    buf_adds(&v.detail, "");
    decide(&v, it, action, word, seen);
    size_t mark = wire_begin(&out, WIRE_JUDGED);
    wire_u32(&out, v.id);
    wire_u8(&out, v.answer);
    wire_str(&out, v.code);
    wire_text(&out, v.detail.data, v.detail.len);
    wire_str(&out, v.policy);
    wire_str(&out, "x.lua:1");
    wire_u8(&out, is(action, "key"));
    if (is(action, "key"))
        wire_str(&out, word);
    wire_i64(&out, v.priority);
    wire_str(&out, is(action, "nameis") ? word : "");
    wire_str(&out, is(action, "noname") ? "no such label" : "");
    wire_str(&out, is(action, "fallback") ? "priority failed: base used" : "");
    write_extras(action, word);
    if (is(action, "toolong"))
        wire_u8(&out, 1);
    wire_end(&out, mark);
    buf_free(&v.detail);
}

void answer_judge(struct wire_reader *r)
{
    char action[64], word[256], seen[128];
    uint32_t n = wire_get_u32(r), told = n;
    for (uint32_t i = 0; i < n; i++) {
        struct item it;
        get_item(r, &it);
        get_seen(r, seen);
        action[0] = word[0] = '\0';
        if (it.policy >= -1 && !quarantined(&it)) {
            call(HOOK_NAME, it.policy, it.id, it.name, action, word);
            call(HOOK_FILTER, it.policy, it.id, it.name, action, word);
            while (is(action, "nice") && is(word, "19") && getpriority(PRIO_PROCESS, 0) != 19 && usleep(1000) == 0)
                box->calls++;
        }
        if (!is(action, "silent"))
            judged(&it, action, word, seen);
        if (is(action, "twice"))
            judged(&it, action, word, seen);
        if (is(action, "done"))
            told += 1;
        if (is(action, "turn"))
            wire_end(&out, wire_begin(&out, WIRE_COMPOSED));
    }
    if (!wire_at_end(r))
        _exit(92);
    done(told);
}

/* --- the other questions --- */

void answer_retrigger(struct wire_reader *r)
{
    char action[64], word[256], seen[128], last[256];
    uint32_t n = wire_get_u32(r);
    for (uint32_t i = 0; i < n; i++) {
        struct item it;
        get_item(r, &it);
        get_seen(r, seen);
        struct wire_text key = get_key(r);
        get_last(r, last);
        bool silent = quarantined(&it);
        action[0] = word[0] = '\0';
        if (!silent)
            call(HOOK_RETRIGGER, it.policy, it.id, it.name, action, word);
        size_t mark = wire_begin(&out, WIRE_RETRIGGERED);
        wire_u32(&out, it.id);
        wire_u8(&out, silent                ? ANSWER_ERROR
                      : is(action, "at")    ? ANSWER_AT
                      : is(action, "never") ? ANSWER_NEVER
                                            : ANSWER_NOW);
        wire_i64(&out, is(action, "at") ? atoll(word) : INT64_MIN);
        wire_str(&out, silent ? "policy.quarantined" : is(action, "never") ? "policy.enough" : "");
        char detail[600];
        snprintf(detail, sizeof detail, "%s|%.*s|%s", last, (int)key.len, key.s, seen);
        wire_str(&out, detail);
        wire_str(&out, policy_name(&it));
        wire_str(&out, "");
        write_extras(action, word);
        wire_end(&out, mark);
    }
    if (!wire_at_end(r))
        _exit(92);
    done(n);
}

void answer_resolve(struct wire_reader *r)
{
    char action[64], word[256], last[256], name[128];
    uint32_t n = wire_get_u32(r);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t id = wire_get_u32(r);
        struct wire_text policy = wire_get_text(r);
        struct buf about = {0};
        get_alert(r, name, sizeof name, &about);
        struct wire_text key = get_key(r);
        get_last(r, last);
        int number = -1;
        for (uint32_t k = 0; k < n_policies; k++)
            if (strlen(policies[k].name) == policy.len && memcmp(policies[k].name, policy.s, policy.len) == 0)
                number = (int)k;
        bool silent = number >= 0 && policies[number].quarantined;
        action[0] = word[0] = '\0';
        if (!silent)
            call(HOOK_RESOLVE, number, id, name, action, word);
        size_t mark = wire_begin(&out, WIRE_RESOLVED);
        wire_u32(&out, is(action, "wrongid") ? id + 1 : id);
        wire_u8(&out, silent                 ? RESOLVE_ERROR
                      : is(action, "answer") ? (uint8_t)atoi(word)
                      : is(action, "cancel") ? RESOLVE_CANCEL_PENDING
                      : is(action, "fail")   ? RESOLVE_ERROR
                                             : RESOLVE_KEEP);
        wire_str(&out, silent ? "policy.quarantined" : is(action, "code") || is(action, "fail") ? word : "");
        buf_addf(&about, "|%.*s|%s", (int)key.len, key.s, last);
        wire_text(&out, about.data, about.len);
        wire_str(&out, "x.lua:9");
        write_extras(action, word);
        if (is(action, "toolong"))
            wire_u8(&out, 1);
        wire_end(&out, mark);
        buf_free(&about);
    }
    if (!wire_at_end(r))
        _exit(92);
    done(n);
}

static void composed(const struct item *it, struct wire_text key, const char *about, const char *action, const char *word)
{
    bool ok = !is(action, "fail");
    size_t mark = wire_begin(&out, WIRE_COMPOSED);
    wire_u32(&out, it->id);
    wire_u8(&out, ok);
    wire_str(&out, ok ? "" : "error.template");
    wire_str(&out, ok ? "" : word);
    wire_str(&out, it->name);
    if (is(action, "about"))
        wire_str(&out, about);
    else
        wire_text(&out, key.s, key.len);
    if (is(action, "large")) {
        wire_u32(&out, (uint32_t)atoi(word));
        for (int i = 0; i < atoi(word); i++)
            buf_addc(&out, 'p');
    } else {
        wire_str(&out, "prompt");
    }
    wire_str(&out, "branch");
    wire_u32(&out, n_labels + is(action, "label"));
    for (uint32_t i = 0; i < n_labels + is(action, "label"); i++)
        wire_str(&out, "label");
    wire_u32(&out, n_annotations);
    for (uint32_t i = 0; i < n_annotations; i++)
        wire_str(&out, "annotation");
    wire_str(&out, "");
    write_extras(action, word);
    wire_end(&out, mark);
}

void answer_compose(struct wire_reader *r)
{
    char action[64], word[256], title_action[64], title_word[256], seen[128], last[256];
    uint32_t n = wire_get_u32(r);
    for (uint32_t i = 0; i < n; i++) {
        struct item it;
        struct buf about = {0};
        get_item(r, &it);
        struct wire_text key = get_key(r);
        get_seen(r, seen);
        get_last(r, last);
        buf_addf(&about, "%.*s|%s|%s|%u:", (int)key.len, key.s, seen, last, wire_get_u32(r));
        for (uint32_t m = wire_get_u32(r); m > 0 && !r->bad; m--) {
            char member[128];
            get_alert(r, member, sizeof member, NULL);
            buf_addf(&about, " %s", member);
        }
        title_action[0] = title_word[0] = '\0';
        if (!quarantined(&it))
            call(HOOK_TITLE, it.policy, it.id, it.name, title_action, title_word);
        if (call(HOOK_TEMPLATE, it.policy, it.id, it.name, action, word))
            composed(&it, key, about.data, action, word);
        else
            composed(&it, key, about.data, title_action, title_word);
        buf_free(&about);
    }
    if (!wire_at_end(r))
        _exit(92);
    done(n);
}
