/* policy-probe: from a JSON request to the frames that a worker is sent: see core/policy/wire.h. */
#include "policy-probe.h"

#include "alerts/alert.h"
#include "alerts/identity.h"
#include "policy/judge.h"
#include "tasks/store.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const cJSON *member(const cJSON *object, const char *name)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsNull(value) ? NULL : value;
}

const char *probe_text(const cJSON *object, const char *name, const char *missing)
{
    const cJSON *value = member(object, name);
    if (value && !cJSON_IsString(value))
        probe_fail("%s must be a string", name);
    return value ? value->valuestring : missing;
}

static double number(const cJSON *object, const char *name, double missing)
{
    const cJSON *value = member(object, name);
    if (value && !cJSON_IsNumber(value))
        probe_fail("%s must be a number", name);
    return value ? value->valuedouble : missing;
}

static moment_t to_moment(const cJSON *value, const char *name)
{
    moment_t t;
    if (cJSON_IsNumber(value))
        return llround(value->valuedouble * MOMENT_SECOND);
    if (!cJSON_IsString(value) || moment_parse(value->valuestring, strlen(value->valuestring), &t) != 0)
        probe_fail("%s must be epoch seconds or RFC 3339", name);
    return t;
}

moment_t probe_moment(const cJSON *object, const char *name, moment_t missing)
{
    const cJSON *value = member(object, name);
    return value ? to_moment(value, name) : missing;
}

/* Alerts */

static int by_name(const void *a, const void *b)
{
    return strcmp((*(const cJSON *const *)a)->string, (*(const cJSON *const *)b)->string);
}

static uint64_t hash_on(uint64_t h, const char *s)
{
    for (; *s; s++)
        h = (h ^ (unsigned char)*s) * 0x100000001b3;
    return (h ^ 0xff) * 0x100000001b3;
}

/* FNV-1a 64 over the sorted labels, as Alertmanager does it. */
static uint64_t labels_hash(const cJSON *labels)
{
    const cJSON *sorted[ALERT_PAIRS_MAX];
    size_t n = 0;
    const cJSON *label;
    cJSON_ArrayForEach(label, labels)
    {
        if (!cJSON_IsString(label) || n == ALERT_PAIRS_MAX)
            probe_fail("an alert's labels must be strings, at most %d", ALERT_PAIRS_MAX);
        sorted[n++] = label;
    }
    if (n)
        qsort(sorted, n, sizeof *sorted, by_name);
    uint64_t h = 0xcbf29ce484222325;
    for (size_t i = 0; i < n; i++)
        h = hash_on(hash_on(h, sorted[i]->string), sorted[i]->valuestring);
    return h;
}

static void fill_moment(cJSON *alert, const char *name, moment_t t)
{
    char text[MOMENT_TEXT];
    moment_format(probe_moment(alert, name, t), text); /* a number becomes text, too */
    cJSON_DeleteItemFromObjectCaseSensitive(alert, name);
    cJSON_AddStringToObject(alert, name, text);
}

void probe_fill_alert(cJSON *alert, moment_t now)
{
    if (!cJSON_IsObject(alert) || !cJSON_IsObject(member(alert, "labels")))
        probe_fail("an alert must be an object with labels");
    if (!member(alert, "annotations"))
        cJSON_AddObjectToObject(alert, "annotations");
    if (!member(alert, "fingerprint")) {
        char digits[IDENTITY_TEXT];
        identity_format(labels_hash(member(alert, "labels")), digits);
        cJSON_AddStringToObject(alert, "fingerprint", digits);
    }
    fill_moment(alert, "startsAt", now - 300 * MOMENT_SECOND);
    fill_moment(alert, "updatedAt", now);
    fill_moment(alert, "endsAt", now + 300 * MOMENT_SECOND);
    if (!member(alert, "generatorURL"))
        cJSON_AddStringToObject(alert, "generatorURL", "http://prometheus.example/graph");
    if (!member(alert, "receivers"))
        cJSON_AddItemToObject(alert, "receivers", cJSON_Parse("[{\"name\":\"none\"}]"));
    if (!member(alert, "status"))
        cJSON_AddItemToObject(alert, "status",
                              cJSON_Parse("{\"state\":\"active\",\"silencedBy\":[],\"inhibitedBy\":[]}"));
}

uint64_t probe_fingerprint(const cJSON *alert)
{
    return strtoull(probe_text(alert, "fingerprint", "0"), NULL, 16);
}

/* "text bytes, text index" */
static void write_alert(struct buf *b, const cJSON *alert)
{
    struct buf index = {0};
    struct err e;
    char *bytes = cJSON_PrintUnformatted(alert);
    if (alert_index(bytes, strlen(bytes), &index, &e) != ALERT_OK)
        probe_fail("that is no alert: %s", e.msg);
    wire_text(b, bytes, strlen(bytes));
    wire_text(b, index.data, index.len);
    buf_free(&index);
    free(bytes);
}

/* SETUP */

static void write_tree(struct buf *b, const cJSON *v)
{
    if (!v || cJSON_IsNull(v)) {
        wire_u8(b, 'z');
    } else if (cJSON_IsBool(v)) {
        wire_u8(b, cJSON_IsTrue(v) ? 't' : 'f');
    } else if (cJSON_IsNumber(v)) {
        double d = v->valuedouble;
        uint64_t bits;
        memcpy(&bits, &d, sizeof bits);
        bool whole = d == floor(d) && fabs(d) < 1e15;
        wire_u8(b, whole ? 'i' : 'd');
        whole ? wire_i64(b, (int64_t)d) : wire_u64(b, bits);
    } else if (cJSON_IsString(v)) {
        wire_u8(b, 's');
        wire_str(b, v->valuestring);
    } else {
        bool list = cJSON_IsArray(v);
        const cJSON *item;
        wire_u8(b, list ? 'l' : 'm');
        wire_u32(b, (uint32_t)cJSON_GetArraySize(v));
        cJSON_ArrayForEach(item, v)
        {
            if (!list)
                wire_str(b, item->string);
            write_tree(b, item);
        }
    }
}

static void write_texts(struct buf *b, const cJSON *map)
{
    const cJSON *item;
    wire_u32(b, (uint32_t)cJSON_GetArraySize(map));
    cJSON_ArrayForEach(item, map)
    {
        wire_str(b, item->string);
        wire_str(b, cJSON_GetStringValue(item));
    }
}

static bool is_library(const cJSON *file)
{
    return strncmp(file->string, "lib_", 4) == 0;
}

/* Libraries, then policies; each policy may include every library. `files` is sorted by name. */
static void write_files(struct buf *b, cJSON *files)
{
    const cJSON *file;
    uint32_t libraries = 0, policies = 0;
    cJSON_ArrayForEach(file, files) is_library(file) ? libraries++ : policies++;
    wire_u32(b, libraries);
    cJSON_ArrayForEach(file, files)
    {
        if (!is_library(file))
            continue;
        wire_str(b, file->string);
        wire_str(b, cJSON_GetStringValue(file));
    }
    wire_u32(b, policies);
    cJSON_ArrayForEach(file, files)
    {
        if (is_library(file))
            continue;
        wire_str(b, file->string);
        wire_str(b, cJSON_GetStringValue(file));
        wire_u32(b, libraries);
        for (uint32_t i = 0; i < libraries; i++)
            wire_u32(b, i);
    }
}

static void write_created(struct buf *b, const cJSON *created)
{
    const cJSON *policy, *at;
    wire_u32(b, (uint32_t)cJSON_GetArraySize(created));
    cJSON_ArrayForEach(policy, created)
    {
        wire_str(b, policy->string);
        wire_u32(b, (uint32_t)cJSON_GetArraySize(policy));
        cJSON_ArrayForEach(at, policy) wire_i64(b, to_moment(at, "created"));
    }
}

void probe_write_setup(struct buf *b, const struct request *q)
{
    const cJSON *json = q->json, *templates = member(json, "templates"), *entry;
    const cJSON *priority_labels = member(json, "priority_labels");
    struct judge_limits limits = judge_limits_default();
    size_t mark = wire_begin(b, WIRE_SETUP);
    wire_i64(b, q->now);
    wire_str(b, probe_text(json, "spawner", "oncall"));
    wire_str(b, probe_text(json, "namespace", "monitoring"));
    wire_str(b, probe_text(json, "named", ""));
    write_tree(b, member(json, "config"));
    wire_i64(b, (int64_t)(number(json, "poll_interval", 120) * MOMENT_SECOND));
    wire_u32(b, (uint32_t)cJSON_GetArraySize(priority_labels));
    cJSON_ArrayForEach(entry, priority_labels) wire_str(b, cJSON_GetStringValue(entry));
    wire_str(b, probe_text(templates, "prompt", "{{.Title}}"));
    wire_str(b, probe_text(templates, "branch", ""));
    wire_str(b, probe_text(templates, "name", ""));
    write_texts(b, member(templates, "labels"));
    write_texts(b, member(templates, "annotations"));
    write_files(b, cJSON_GetObjectItemCaseSensitive(json, "files"));
    wire_u64(b, limits.hook_instructions);
    wire_u64(b, limits.cycle_instructions);
    wire_u64(b, limits.memory_bytes);
    wire_u32(b, 0); /* nothing is quarantined */
    wire_u8(b, cJSON_IsTrue(member(json, "lint")) ? 1 : 0);
    write_created(b, member(json, "created"));
    if (q->state) {
        wire_u32(b, 1);
        wire_str(b, probe_text(json, "named", ""));
        wire_u64(b, q->identity);
        wire_u32(b, (uint32_t)number(json, "state_version", 1));
        write_tree(b, q->state);
    } else {
        wire_u32(b, 0);
    }
    wire_end(b, mark);
}

static bool add_file(struct buf *b, const char *path)
{
    char part[65536];
    size_t n;
    FILE *f = fopen(path, "rb");
    if (!f)
        return false;
    while ((n = fread(part, 1, sizeof part, f)) > 0)
        buf_add(b, part, n);
    fclose(f);
    return true;
}

void probe_write_zones(struct buf *b, struct wire_reader want)
{
    size_t mark = wire_begin(b, WIRE_ZONES);
    uint32_t n = wire_get_u32(&want);
    wire_u32(b, n);
    for (; n && !want.bad; n--) {
        struct wire_text zone = wire_get_text(&want);
        struct buf path = {0}, data = {0};
        buf_addf(&path, "/usr/share/zoneinfo/%.*s", (int)zone.len, zone.s);
        bool there = !strstr(path.data, "..") && add_file(&data, path.data);
        wire_text(b, zone.s, zone.len);
        wire_u8(b, there);
        wire_text(b, data.data ? data.data : "", data.len);
        buf_free(&path);
        buf_free(&data);
    }
    wire_end(b, mark);
}

/* Questions. Each is about one alert: number 1. */

static const cJSON *the_alert(const struct request *q)
{
    const cJSON *alert = member(q->json, "alert");
    if (!alert)
        probe_fail("there is no alert");
    return alert;
}

/* When it is in the request as `firing`, or of the group, or the alert itself, it is in the poll. */
void probe_write_survey(struct buf *b, const struct request *q)
{
    const cJSON *group = member(q->json, "group"), *firing = member(q->json, "firing"), *a;
    size_t mark = wire_begin(b, WIRE_SURVEY);
    wire_u32(b, (uint32_t)(1 + cJSON_GetArraySize(group) + cJSON_GetArraySize(firing)));
    write_alert(b, the_alert(q));
    cJSON_ArrayForEach(a, group) write_alert(b, a);
    cJSON_ArrayForEach(a, firing) write_alert(b, a);
    wire_end(b, mark);
}

static void write_seen(struct buf *b, const struct request *q)
{
    const cJSON *seen = member(q->json, "seen");
    wire_i64(b, probe_moment(seen, "first", q->now));
    wire_u32(b, (uint32_t)number(seen, "polls", 1));
    wire_u32(b, (uint32_t)number(seen, "flaps_1h", 0));
    wire_i64(b, (int64_t)(number(seen, "absent_for", 0) * MOMENT_SECOND));
    wire_u32(b, (uint32_t)number(seen, "episode", 1));
}

static void write_key(struct buf *b, const char *key)
{
    wire_u8(b, key != NULL);
    wire_str(b, key);
}

static void write_last(struct buf *b, const struct request *q)
{
    const cJSON *last = member(q->json, "last");
    enum task_phase phase = TASK_NEW;
    if (task_phase_parse(probe_text(last, "phase", ""), &phase) != 0)
        probe_fail("last.phase '%s' is none", probe_text(last, "phase", ""));
    wire_str(b, probe_text(last, "task", ""));
    wire_u8(b, (uint8_t)phase);
    wire_u8(b, cJSON_IsTrue(member(last, "gone")));
    wire_i64(b, probe_moment(last, "created_at", MOMENT_NONE));
    wire_i64(b, probe_moment(last, "completed_at", MOMENT_NONE));
    wire_i64(b, probe_moment(last, "starts_at", MOMENT_NONE));
    wire_i64(b, probe_moment(last, "trigger_at", MOMENT_NONE));
    wire_u32(b, (uint32_t)number(last, "attempts", 0));
}

void probe_write_judge(struct buf *b, const struct request *q)
{
    size_t mark = wire_begin(b, WIRE_JUDGE);
    wire_u32(b, 1);
    wire_u32(b, 1);
    write_alert(b, the_alert(q));
    write_seen(b, q);
    wire_end(b, mark);
}

void probe_write_retrigger(struct buf *b, const struct request *q, const char *key)
{
    size_t mark = wire_begin(b, WIRE_RETRIGGER);
    wire_u32(b, 1);
    wire_u32(b, 1);
    write_alert(b, the_alert(q));
    write_seen(b, q);
    write_key(b, key);
    write_last(b, q);
    wire_end(b, mark);
}

/* Of an alert that is gone only its Task is left to tell. */
void probe_write_resolve(struct buf *b, const struct request *q, const char *key, const char *policy)
{
    const cJSON *alert = the_alert(q);
    cJSON *told = cJSON_CreateObject(), *labels = cJSON_AddObjectToObject(told, "labels");
    cJSON_AddStringToObject(labels, "alertname", probe_text(member(alert, "labels"), "alertname", ""));
    cJSON_AddStringToObject(told, "fingerprint", probe_text(alert, "fingerprint", ""));
    cJSON_AddStringToObject(told, "startsAt", probe_text(alert, "startsAt", ""));
    cJSON_AddItemToObject(told, "status", cJSON_Parse("{\"state\":\"active\"}"));
    size_t mark = wire_begin(b, WIRE_RESOLVE);
    wire_u32(b, 1);
    wire_u32(b, 1);
    wire_str(b, policy);
    write_alert(b, told);
    write_key(b, key);
    write_last(b, q);
    wire_end(b, mark);
    cJSON_Delete(told);
}

void probe_write_compose(struct buf *b, const struct request *q, const char *key)
{
    const cJSON *group = member(q->json, "group"), *a;
    int others = cJSON_GetArraySize(group), sent = 0;
    size_t mark = wire_begin(b, WIRE_COMPOSE);
    wire_u32(b, 1);
    wire_u32(b, 1);
    write_alert(b, the_alert(q));
    write_key(b, key);
    write_seen(b, q);
    write_last(b, q);
    wire_u32(b, (uint32_t)number(q->json, "group_count", 1 + others));
    wire_u32(b, others ? (uint32_t)(others >= WIRE_MEMBERS_MAX ? WIRE_MEMBERS_MAX : 1 + others) : 0);
    if (others)
        write_alert(b, the_alert(q));
    cJSON_ArrayForEach(a, group)
    {
        if (++sent < WIRE_MEMBERS_MAX)
            write_alert(b, a);
    }
    wire_end(b, mark);
}
