/* A record's chain, read back: see decision.h. */
#include "spawner/decision.h"

#include "base/mem.h"
#include "policy/chain.h"

#include <stdlib.h>
#include <string.h>

static char *text_of(const cJSON *o, const char *name)
{
    const char *s = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, name));
    return xstrdup(s != NULL ? s : "");
}

static uint64_t number_of(const cJSON *o, const char *name)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, name);
    return cJSON_IsNumber(v) && v->valuedouble >= 0 && v->valuedouble < 1e18 ? (uint64_t)v->valuedouble : 0;
}

static bool is_true(const cJSON *o, const char *name)
{
    return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(o, name));
}

static uint32_t hook_of(const cJSON *o)
{
    const char *s = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, "hook"));
    for (uint32_t h = 0; s != NULL && h < HOOK_COUNT; h++)
        if (strcmp(black_box_hook_name(h), s) == 0)
            return h;
    return HOOK_NONE;
}

static void take_value(const cJSON *v, struct chain_link *l)
{
    char *text;
    l->tag = v == NULL ? '-' : cJSON_IsNull(v) ? 'z' : cJSON_IsTrue(v) ? 't' : cJSON_IsFalse(v) ? 'f' : cJSON_IsNumber(v) ? 'n' : 's';
    if (l->tag == 's')
        l->value = xstrdup(cJSON_GetStringValue(v));
    if (l->tag != 'n')
        return;
    text = cJSON_PrintUnformatted(v);
    l->value = text;
}

static void take_reads(const cJSON *reads, const cJSON *near, struct chain_link *l)
{
    const cJSON *x;
    l->reads = xcalloc((size_t)cJSON_GetArraySize(reads), sizeof *l->reads);
    cJSON_ArrayForEach(x, reads) l->reads[l->n_reads++] =
        (struct chain_read){xstrdup(x->string), xstrdup(cJSON_GetStringValue(x)),
                            xstrdup(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(near, x->string)))};
}

static struct chain_link take_link(const cJSON *o)
{
    struct chain_link l = {.hook = hook_of(o),
                           .depth = (uint8_t)(number_of(o, "depth") & 0xf),
                           .reason = text_of(o, "reason"),
                           .detail = text_of(o, "detail"),
                           .error = text_of(o, "error"),
                           .by = text_of(o, "by"),
                           .source = text_of(o, "source"),
                           .us = number_of(o, "us"),
                           .instructions = number_of(o, "instr"),
                           .memory = number_of(o, "bytes")};
    take_value(cJSON_GetObjectItemCaseSensitive(o, "value"), &l);
    l.bits = (uint8_t)((is_true(o, "decided") ? CHAIN_DECIDED : 0u) | (is_true(o, "passedOn") ? CHAIN_PASSED_ON : 0u) |
                       (is_true(o, "standIn") ? CHAIN_STAND_IN : 0u) | (l.tag == 'z' ? CHAIN_FELL : 0u));
    take_reads(cJSON_GetObjectItemCaseSensitive(o, "reads"), cJSON_GetObjectItemCaseSensitive(o, "did_you_mean"), &l);
    return l;
}

static struct chain_choice take_choice(const cJSON *o)
{
    const char *fit = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, "fit"));
    struct chain_choice k = {.policy = text_of(o, "policy"),
                             .file = text_of(o, "file"),
                             .match = text_of(o, "match"),
                             .detail = text_of(o, "detail")};
    for (uint8_t i = 0; fit != NULL && i < FIT_COUNT; i++)
        if (strcmp(chain_fit_name(i), fit) == 0)
            k.fit = i;
    return k;
}

void decision_take_chain(const cJSON *decision, struct chain *c)
{
    const cJSON *links = cJSON_GetObjectItemCaseSensitive(decision, "chain"),
                *choices = cJSON_GetObjectItemCaseSensitive(decision, "policies"),
                *trace = cJSON_GetObjectItemCaseSensitive(decision, "trace"), *x;
    *c = (struct chain){.links = xcalloc((size_t)cJSON_GetArraySize(links), sizeof *c->links),
                        .choices = xcalloc((size_t)cJSON_GetArraySize(choices), sizeof *c->choices),
                        .steps = xcalloc((size_t)cJSON_GetArraySize(trace), sizeof *c->steps),
                        .more_links = (uint32_t)number_of(decision, "chainMore"),
                        .more_steps = (uint32_t)number_of(decision, "traceMore")};
    cJSON_ArrayForEach(x, links) c->links[c->n_links++] = take_link(x);
    cJSON_ArrayForEach(x, choices) c->choices[c->n_choices++] = take_choice(x);
    cJSON_ArrayForEach(x, trace) c->steps[c->n_steps++] =
        (struct chain_step){text_of(x, "at"), text_of(x, "source"), text_of(x, "locals")};
}
