/* Questions over HTTP: see why_route.h. */
#include "cli/why_route.h"

#include "base/mem.h"
#include "net/server.h"
#include "spawner/spawner.h"
#include "spawner/watch.h"
#include "spawner/why.h"

#include <stdlib.h>
#include <string.h>

enum { WAITING_MAX = 16 };

/* A request in line; the first of them is being answered. */
struct request {
    struct why_route *route;
    struct request *next;
    struct http_exchange *x; /* NULL: nobody waits any more */
    char *name, *ns, *spawner;
    bool trace;
};

struct why_route {
    const struct cycle_env *env;
    struct watches *watches;
    struct request *first;
    size_t n;
    struct why *why;           /* of the first */
    struct watches_members hold;
};

static void start_first(struct why_route *r);

static void request_free(struct request *q)
{
    free(q->name);
    free(q->ns);
    free(q->spawner);
    free(q);
}

/* The first has its answer, or needs none. */
static void next_request(struct why_route *r)
{
    struct request *q = r->first;
    r->first = q->next;
    r->n--;
    request_free(q);
    watches_release(&r->hold);
    if (r->first != NULL)
        start_first(r);
}

static int status_of(enum err_kind kind)
{
    return kind == ERR_NOT_FOUND ? 404 : kind == ERR_UNREACHABLE || kind == ERR_TIMEOUT ? 502 : 500;
}

static void answer(struct request *q, struct why *w)
{
    struct err e = {0};
    struct buf body = {0};
    if (q->x == NULL)
        return;
    cJSON *o = why_answer(w, &e);
    if (o == NULL) {
        http_exchange_fail(q->x, status_of(e.kind), "%s", e.msg);
        return;
    }
    char *text = cJSON_PrintUnformatted(o);
    buf_adds(&body, text);
    buf_addc(&body, '\n');
    free(text);
    cJSON_Delete(o);
    http_exchange_answer(q->x, 200, HTTP_JSON, &body);
}

static void on_why(void *arg, struct why *w)
{
    struct why_route *r = arg;
    struct request *q = r->first;
    answer(q, w);
    q->x = NULL;
    why_free(&r->why);
    next_request(r);
}

static int plan(void *arg, const struct why_target *t, const struct judge_explain *explain, cycle_done_cb *done,
                void *done_arg, struct err *e);

static void start_first(struct why_route *r)
{
    const struct request *q = r->first;
    r->hold = watches_members(r->watches);
    struct why_target *targets = xcalloc(r->hold.n, sizeof *targets);
    for (size_t i = 0; i < r->hold.n; i++)
        targets[i] = (struct why_target){r->hold.sets[i], r->hold.spawners[i]};
    const struct why_host host = {.env = r->env, .targets = targets, .n_targets = r->hold.n, .plan = plan, .arg = r};
    const struct why_question question = {.name = q->name, .ns = q->ns, .spawner = q->spawner, .trace = q->trace};
    r->why = why_start(&host, &question, on_why, r);
    free(targets);
}

static int plan(void *arg, const struct why_target *t, const struct judge_explain *explain, cycle_done_cb *done,
                void *done_arg, struct err *e)
{
    struct why_route *r = arg;
    return watches_plan(r->watches, t->spawner->ns, t->spawner->name, explain, done, done_arg, e);
}

/* The client has gone. What is being answered is finished all the same: others wait behind it. */
static void on_gone(void *arg, struct http_exchange *x)
{
    struct request *q = arg;
    (void)x;
    q->x = NULL;
}

static void get_why(void *arg, struct http_exchange *x)
{
    struct why_route *r = arg;
    const char *name = http_exchange_rest(x), *trace = http_exchange_query(x, "trace");
    if (name[0] == '\0' || strlen(name) > WHY_NAME_MAX) {
        http_exchange_fail(x, 400, "which alert? /api/v1/why/FINGERPRINT or /api/v1/why/ALERTNAME");
        return;
    }
    if (r->n >= WAITING_MAX) {
        http_exchange_fail(x, 503, "%d questions are waiting already: ask again in a moment", WAITING_MAX);
        return;
    }
    struct request *q = xcalloc(1, sizeof *q), **end = &r->first;
    q->route = r;
    q->x = x;
    q->name = xstrdup(name);
    q->ns = xstrdup(http_exchange_query(x, "namespace"));
    q->spawner = xstrdup(http_exchange_query(x, "spawner"));
    q->trace = trace != NULL && strcmp(trace, "1") == 0;
    http_exchange_on_gone(x, on_gone, q);
    while (*end != NULL)
        end = &(*end)->next;
    *end = q;
    if (r->n++ == 0)
        start_first(r);
}

struct why_route *why_route_create(struct http_server *server, const struct cycle_env *env, struct watches *watches)
{
    struct why_route *r = xcalloc(1, sizeof *r);
    r->env = env;
    r->watches = watches;
    http_server_route(server, &(struct http_route){.path = "/api/v1/why/",
                                                   .summary = "why an alert has a Task, or none: FINGERPRINT or ALERTNAME",
                                                   .local = true,
                                                   .get = get_why,
                                                   .arg = r});
    return r;
}

void why_route_free(struct why_route **rp)
{
    struct why_route *r = *rp;
    *rp = NULL;
    if (r == NULL)
        return;
    why_free(&r->why);
    while (r->first != NULL) {
        struct request *q = r->first;
        r->first = q->next;
        request_free(q);
    }
    watches_release(&r->hold);
    free(r);
}
