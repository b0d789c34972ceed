/* policy-probe: from a worker's frames to the JSON answer: see core/policy/wire.h. */
#include "policy-probe.h"

#include <stdlib.h>
#include <string.h>

static void add_text(cJSON *to, const char *name, struct wire_text t)
{
    char *s = strndup(t.s ? t.s : "", t.len);
    cJSON_AddStringToObject(to, name, s);
    free(s);
}

static cJSON *list_of(cJSON *to, const char *name)
{
    return cJSON_AddArrayToObject(to, name);
}

static cJSON *object_in(cJSON *list)
{
    cJSON *o = cJSON_CreateObject();
    cJSON_AddItemToArray(list, o);
    return o;
}

static void add_scalar(cJSON *to, const char *name, struct wire_reader *r)
{
    uint64_t bits;
    double d;
    switch (wire_get_u8(r)) {
    case 't':
        cJSON_AddTrueToObject(to, name);
        return;
    case 'f':
        cJSON_AddFalseToObject(to, name);
        return;
    case 'i':
        cJSON_AddNumberToObject(to, name, (double)wire_get_i64(r));
        return;
    case 'd':
        bits = wire_get_u64(r);
        memcpy(&d, &bits, sizeof d);
        cJSON_AddNumberToObject(to, name, d);
        return;
    case 's':
        add_text(to, name, wire_get_text(r));
        return;
    default:
        cJSON_AddNullToObject(to, name);
    }
}

/* What ctx.note and ctx.state were told, of all answers together. */
static void take_extras(cJSON *answer, struct wire_reader *r)
{
    uint8_t bits = wire_get_u8(r);
    if (bits & 1) {
        cJSON *notes = cJSON_GetObjectItemCaseSensitive(answer, "notes");
        for (uint32_t n = wire_get_u32(r); n && !r->bad; n--) {
            cJSON *note = object_in(notes);
            add_text(note, "name", wire_get_text(r));
            add_text(note, "value", wire_get_text(r));
        }
    }
    if (bits & 2) {
        cJSON *state = cJSON_GetObjectItemCaseSensitive(answer, "state");
        wire_get_text(r);
        for (uint32_t n = wire_get_u32(r); n && !r->bad; n--) {
            struct wire_text t = wire_get_text(r);
            char *name = strndup(t.s, t.len);
            cJSON_DeleteItemFromObjectCaseSensitive(state, name);
            add_scalar(state, name, r);
            free(name);
        }
    }
}

void probe_take_ready(cJSON *answer, struct wire_reader *r, bool *survey_r)
{
    cJSON *list = list_of(answer, "load"), *o;
    for (uint32_t n = wire_get_u32(r); n && !r->bad; n--) {
        wire_get_text(r);
        struct wire_text sentence = wire_get_text(r);
        char *s = strndup(sentence.s, sentence.len);
        cJSON_AddItemToArray(list, cJSON_CreateString(s));
        free(s);
    }
    list = list_of(answer, "policies");
    for (uint32_t n = wire_get_u32(r); n && !r->bad; n--) {
        o = object_in(list);
        add_text(o, "name", wire_get_text(r));
        add_text(o, "file", wire_get_text(r));
        add_text(o, "match", wire_get_text(r));
        uint8_t bits = wire_get_u8(r);
        cJSON_AddBoolToObject(o, "shadow", bits & 1);
        cJSON_AddBoolToObject(o, "on_resolve", bits & 2);
        static const char *const limits[] = {"per_hour",      "per_day",          "ramp",
                                             "reserve_slots", "reserve_priority", "state_version"};
        for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
            cJSON_AddNumberToObject(o, limits[i], wire_get_u32(r));
        uint32_t libraries = wire_get_u32(r);
        cJSON_AddNumberToObject(o, "libraries", libraries);
        for (; libraries && !r->bad; libraries--)
            wire_get_u32(r);
    }
    list = list_of(answer, "lint");
    for (uint32_t n = wire_get_u32(r); n && !r->bad; n--) {
        o = object_in(list);
        add_text(o, "file", wire_get_text(r));
        cJSON_AddNumberToObject(o, "line", wire_get_u32(r));
        add_text(o, "sentence", wire_get_text(r));
    }
    list = list_of(answer, "templates");
    for (uint32_t n = wire_get_u32(r); n && !r->bad; n--) {
        o = object_in(list);
        add_text(o, "which", wire_get_text(r));
        add_text(o, "sentence", wire_get_text(r));
    }
    cJSON_AddBoolToObject(answer, "named", wire_get_u8(r));
    *survey_r = wire_get_u8(r);
    cJSON_AddBoolToObject(answer, "survey", *survey_r);
    add_text(answer, "default_hash", wire_get_text(r));
}

static void take_reason(cJSON *o, struct wire_reader *r)
{
    add_text(o, "code", wire_get_text(r));
    add_text(o, "detail", wire_get_text(r));
}

cJSON *probe_take_judged(cJSON *answer, struct wire_reader *r)
{
    static const char *const names[] = {"keep", "drop", "error"};
    cJSON *o = cJSON_AddObjectToObject(answer, "judged");
    wire_get_u32(r);
    uint8_t what = wire_get_u8(r);
    cJSON_AddStringToObject(o, "answer", what < 3 ? names[what] : "?");
    take_reason(o, r);
    add_text(o, "policy", wire_get_text(r));
    add_text(o, "where", wire_get_text(r));
    if (wire_get_u8(r))
        add_text(o, "key", wire_get_text(r));
    cJSON_AddNumberToObject(o, "priority", (double)wire_get_i64(r));
    add_text(o, "name", wire_get_text(r));
    add_text(o, "name_error", wire_get_text(r));
    add_text(o, "fallback", wire_get_text(r));
    take_extras(answer, r);
    return o;
}

void probe_take_retriggered(cJSON *answer, struct wire_reader *r)
{
    cJSON *o = cJSON_AddObjectToObject(answer, "retriggered");
    wire_get_u32(r);
    uint8_t what = wire_get_u8(r);
    int64_t at = wire_get_i64(r);
    if (what == ANSWER_AT)
        cJSON_AddNumberToObject(o, "value", (double)at / MOMENT_SECOND);
    else if (what == ANSWER_ERROR)
        cJSON_AddStringToObject(o, "value", "error");
    else
        cJSON_AddBoolToObject(o, "value", what == ANSWER_NOW);
    take_reason(o, r);
    add_text(o, "policy", wire_get_text(r));
    add_text(o, "where", wire_get_text(r));
    take_extras(answer, r);
}

void probe_take_resolved(cJSON *answer, struct wire_reader *r)
{
    static const char *const names[] = {"keep", "cancel_pending", "error"};
    cJSON *o = cJSON_AddObjectToObject(answer, "resolved");
    wire_get_u32(r);
    uint8_t what = wire_get_u8(r);
    cJSON_AddStringToObject(o, "value", what < 3 ? names[what] : "?");
    take_reason(o, r);
    add_text(o, "where", wire_get_text(r));
    take_extras(answer, r);
}

void probe_take_composed(cJSON *answer, struct wire_reader *r)
{
    cJSON *o = cJSON_AddObjectToObject(answer, "composed"), *list;
    wire_get_u32(r);
    cJSON_AddBoolToObject(o, "ok", wire_get_u8(r));
    take_reason(o, r);
    add_text(o, "title", wire_get_text(r));
    add_text(o, "body", wire_get_text(r));
    add_text(o, "prompt", wire_get_text(r));
    add_text(o, "branch", wire_get_text(r));
    static const char *const lists[] = {"labels", "annotations"};
    for (size_t i = 0; i < 2; i++) {
        list = list_of(o, lists[i]);
        for (uint32_t n = wire_get_u32(r); n && !r->bad; n--)
            add_text(object_in(list), "value", wire_get_text(r));
    }
    add_text(o, "fallback", wire_get_text(r));
    take_extras(answer, r);
}
