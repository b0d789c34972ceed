/* Alive and ready: see health.h. */
#include "api/health.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/moment.h"

#include <cjson/cJSON.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TICKS = HEALTH_WINDOW_S };

struct health_condition {
    struct health_condition *next;
    const char *name;
    bool live, of_leader, met;
    char *why;
    moment_t since; /* met or not met */
    void (*look)(void *arg, struct health_condition *c);
    void *arg;
};

struct health {
    uv_timer_t tick;
    uint64_t expected;      /* uv_hrtime at which the next tick should come */
    int64_t worst[TICKS];   /* of each second of the window, in microseconds */
    uint64_t second;        /* that worst[second % TICKS] is of */
    struct health_lag all;
    moment_t started;
    struct health_condition *conditions, **last;
    char *standby; /* or NULL */
};

/* ---- the loop's lag ---- */

static uint64_t second_now(void)
{
    return uv_hrtime() / 1000000000u;
}

static void measure(struct health *h)
{
    uint64_t now = uv_hrtime(), second = now / 1000000000u;
    int64_t lag = now > h->expected ? (int64_t)((now - h->expected) / 1000) : 0;
    uint64_t skipped = second - h->second;
    for (uint64_t i = 1; i <= skipped && i <= TICKS; i++)
        h->worst[(h->second + i) % TICKS] = 0;
    h->second = second;
    if (lag > h->worst[second % TICKS])
        h->worst[second % TICKS] = lag;
    if (lag >= (int64_t)HEALTH_STALL_MS * 1000) {
        char took[MOMENT_TEXT];
        duration_format(lag, took);
        h->all.stalls++;
        h->all.stalled_us += lag;
        log_warn(NULL, "the event loop stood still for %s: the machine, the disk of the store, or a bug", took);
    }
}

static void on_tick(uv_timer_t *t)
{
    struct health *h = t->data;
    measure(h);
    h->expected = uv_hrtime() + (uint64_t)HEALTH_TICK_MS * 1000000u;
    uv_timer_start(t, on_tick, HEALTH_TICK_MS, 0);
}

struct health_lag health_lag(const struct health *h)
{
    struct health_lag lag = h->all;
    uint64_t now = second_now();
    for (uint64_t i = 0; i < TICKS && i <= h->second; i++)
        if (now - (h->second - i) < TICKS && h->worst[(h->second - i) % TICKS] > lag.worst_us)
            lag.worst_us = h->worst[(h->second - i) % TICKS];
    return lag;
}

struct health *health_create(uv_loop_t *loop)
{
    struct health *h = xcalloc(1, sizeof *h);
    h->last = &h->conditions;
    h->started = moment_now();
    h->second = second_now();
    uv_timer_init(loop, &h->tick);
    h->tick.data = h;
    h->expected = uv_hrtime() + (uint64_t)HEALTH_TICK_MS * 1000000u;
    uv_update_time(loop);
    uv_timer_start(&h->tick, on_tick, HEALTH_TICK_MS, 0);
    uv_unref((uv_handle_t *)&h->tick); /* nobody lives for being measured */
    return h;
}

static void on_closed(uv_handle_t *t)
{
    struct health *h = t->data;
    for (struct health_condition *c = h->conditions, *next; c != NULL; c = next) {
        next = c->next;
        free(c->why);
        free(c);
    }
    free(h->standby);
    free(h);
}

void health_free(struct health **h)
{
    if (*h != NULL)
        uv_close((uv_handle_t *)&(*h)->tick, on_closed);
    *h = NULL;
}

/* ---- conditions ---- */

static struct health_condition *condition_add(struct health *h, const char *name, bool live, const char *why)
{
    struct health_condition *c = xcalloc(1, sizeof *c);
    c->name = name;
    c->live = live;
    c->why = xstrdup(why);
    c->since = moment_now();
    *h->last = c;
    h->last = &c->next;
    return c;
}

struct health_condition *health_ready(struct health *h, const char *name, const char *why)
{
    return condition_add(h, name, false, why);
}

struct health_condition *health_live(struct health *h, const char *name, const char *why)
{
    return condition_add(h, name, true, why);
}

void health_say(struct health_condition *c, bool met, const char *fmt, ...)
{
    va_list ap;
    char *why = NULL;
    va_start(ap, fmt);
    if (vasprintf(&why, fmt, ap) < 0)
        why = xstrdup("(sentence could not be formatted)");
    va_end(ap);
    if (met != c->met)
        c->since = moment_now();
    c->met = met;
    free(c->why);
    c->why = why;
}

void health_on_asked(struct health_condition *c, void (*look)(void *arg, struct health_condition *c), void *arg)
{
    c->look = look;
    c->arg = arg;
}

void health_of_leader(struct health_condition *c)
{
    c->of_leader = true;
}

void health_standby(struct health *h, const char *why)
{
    char *copy = xstrdup(why);
    free(h->standby);
    h->standby = copy;
}

/* ---- the two pages ---- */

static bool wants_json(const struct http_exchange *x)
{
    const char *format = http_exchange_query(x, "format"), *accept = http_exchange_header(x, "Accept");
    return (format != NULL && strcmp(format, "json") == 0) ||
           (accept != NULL && strncmp(accept, "application/json", 16) == 0);
}

static void add_moment(cJSON *o, const char *name, moment_t t)
{
    char when[MOMENT_TEXT];
    moment_format_s(t, when);
    cJSON_AddStringToObject(o, name, when);
}

static cJSON *condition_object(const struct health_condition *c)
{
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "name", c->name);
    cJSON_AddBoolToObject(o, "met", c->met);
    cJSON_AddStringToObject(o, "message", c->why);
    add_moment(o, "since", c->since);
    return o;
}

static void answer_json(const struct health *h, struct http_exchange *x, bool live, bool ok)
{
    struct health_lag lag = health_lag(h);
    cJSON *o = cJSON_CreateObject(), *list = cJSON_CreateArray();
    cJSON_AddStringToObject(o, "status", ok ? "ok" : live ? "not alive" : "not ready");
    add_moment(o, "startedAt", h->started);
    cJSON_AddStringToObject(o, "version", AS_VERSION);
    cJSON_AddNumberToObject(o, "loopLagSeconds", (double)lag.worst_us / 1e6);
    cJSON_AddNumberToObject(o, "loopStalls", (double)lag.stalls);
    if (h->standby != NULL)
        cJSON_AddStringToObject(o, "standby", h->standby);
    for (const struct health_condition *c = h->conditions; c != NULL; c = c->next)
        if (!live || c->live)
            cJSON_AddItemToArray(list, condition_object(c));
    cJSON_AddItemToObject(o, "conditions", list);
    char *text = cJSON_PrintUnformatted(o);
    struct buf b = {0};
    buf_addf(&b, "%s\n", text);
    free(text);
    cJSON_Delete(o);
    http_exchange_answer(x, ok ? 200 : 503, HTTP_JSON, &b);
}

static void answer_text(const struct health *h, struct http_exchange *x, bool live, bool ok)
{
    struct health_lag lag = health_lag(h);
    struct buf b = {0};
    buf_addf(&b, "%s\n", ok ? "ok" : live ? "not alive" : "not ready");
    if (h->standby != NULL)
        buf_addf(&b, "standing by: %s\n", h->standby);
    for (const struct health_condition *c = h->conditions; c != NULL; c = c->next)
        if (!live || c->live)
            buf_addf(&b, "[%s] %s: %s\n", c->met ? "+" : h->standby != NULL && c->of_leader ? " " : "-", c->name, c->why);
    buf_addf(&b, "the event loop was at most %.3f s late in the last %d s\n", (double)lag.worst_us / 1e6, HEALTH_WINDOW_S);
    http_exchange_answer(x, ok ? 200 : 503, HTTP_TEXT, &b);
}

static void answer(struct health *h, struct http_exchange *x, bool live)
{
    bool ok = true;
    for (struct health_condition *c = h->conditions; c != NULL; c = c->next) {
        if (c->look != NULL)
            c->look(c->arg, c);
        if ((live && !c->live) || (h->standby != NULL && c->of_leader))
            continue;
        ok &= c->met;
    }
    if (wants_json(x))
        answer_json(h, x, live, ok);
    else
        answer_text(h, x, live, ok);
}

static void get_healthz(void *arg, struct http_exchange *x)
{
    answer(arg, x, true);
}

static void get_readyz(void *arg, struct http_exchange *x)
{
    answer(arg, x, false);
}

void health_routes(struct health *h, struct http_server *s)
{
    http_server_route(s, &(struct http_route){"/healthz", "is it alive: would a restart help?", false, get_healthz, h});
    http_server_route(s, &(struct http_route){"/readyz", "is it ready: does it do its work?", false, get_readyz, h});
}
