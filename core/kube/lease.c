/* Leader election on the loop: see lease.h. lease_step decides, this file sends and receives. */
#include "kube/lease.h"

#include "base/mem.h"
#include "kube/backoff.h"
#include "kube/lease_step.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define DURATION       (15 * MOMENT_SECOND)
#define RENEW_DEADLINE (10 * MOMENT_SECOND)
#define RETRY_PERIOD   (2 * MOMENT_SECOND)
#define RELEASE_PATIENCE (2 * MOMENT_SECOND) /* somebody waits for our end */

struct lease {
    struct kube_client *client;
    struct lease_options options;
    char *ns, *name, *identity;
    struct lease_state state;
    cJSON *object; /* as the server has it: what others put there stays */
    struct kube_call *call;
    uv_timer_t timer;
    bool told_leads, freed, timer_closed;
    char told_holder[LEASE_HOLDER_MAX];
    struct err trouble;
    void (*on_stopped)(void *arg);
    void *stopped_arg;
};

char *lease_identity(void)
{
    unsigned char b[16];
    char host[256] = "unknown";
    if (getrandom(b, sizeof b, 0) != (ssize_t)sizeof b)
        abort(); /* cannot happen for so few bytes */
    gethostname(host, sizeof host - 1);
    b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
    b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
    return xasprintf("%.180s_%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", host, b[0], b[1], b[2],
                     b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
}

static void step(struct lease *l);

/* ---- records ---- */

static int64_t number(const cJSON *spec, const char *name)
{
    const cJSON *n = cJSON_GetObjectItemCaseSensitive(spec, name);
    return cJSON_IsNumber(n) ? (int64_t)n->valuedouble : 0;
}

static void read_record(const cJSON *object, struct lease_record *r)
{
    const cJSON *spec = cJSON_GetObjectItemCaseSensitive(object, "spec");
    *r = (struct lease_record){.duration_s = number(spec, "leaseDurationSeconds"),
                               .transitions = number(spec, "leaseTransitions")};
    snprintf(r->holder, sizeof r->holder, "%s", kube_text(spec, "holderIdentity", NULL));
    snprintf(r->acquired, sizeof r->acquired, "%s", kube_text(spec, "acquireTime", NULL));
    snprintf(r->renewed, sizeof r->renewed, "%s", kube_text(spec, "renewTime", NULL));
}

static void put(cJSON *o, const char *name, cJSON *value)
{
    cJSON_DeleteItemFromObjectCaseSensitive(o, name);
    cJSON_AddItemToObject(o, name, value);
}

static cJSON *write_record(const struct lease *l, const struct lease_record *r)
{
    cJSON *o = l->object != NULL ? cJSON_Duplicate(l->object, true) : cJSON_CreateObject();
    if (l->object == NULL) {
        cJSON_AddStringToObject(o, "apiVersion", "coordination.k8s.io/v1");
        cJSON_AddStringToObject(o, "kind", "Lease");
        cJSON *metadata = cJSON_AddObjectToObject(o, "metadata");
        cJSON_AddStringToObject(metadata, "name", l->name);
        if (l->ns != NULL)
            cJSON_AddStringToObject(metadata, "namespace", l->ns);
    }
    cJSON *spec = cJSON_GetObjectItemCaseSensitive(o, "spec");
    if (spec == NULL)
        spec = cJSON_AddObjectToObject(o, "spec");
    put(spec, "holderIdentity", cJSON_CreateString(r->holder));
    put(spec, "leaseDurationSeconds", cJSON_CreateNumber((double)r->duration_s));
    put(spec, "acquireTime", cJSON_CreateString(r->acquired));
    put(spec, "renewTime", cJSON_CreateString(r->renewed));
    put(spec, "leaseTransitions", cJSON_CreateNumber((double)r->transitions));
    return o;
}

/* ---- what came ---- */

static void release(struct lease *l)
{
    if (!l->freed || !l->timer_closed || l->call != NULL)
        return;
    cJSON_Delete(l->object);
    free(l->ns);
    free(l->name);
    free(l->identity);
    free(l);
}

static void report(struct lease *l, const struct err *e)
{
    bool news = e == NULL ? l->trouble.kind != ERR_NONE : strcmp(l->trouble.msg, e->msg) != 0;
    if (e == NULL)
        l->trouble = (struct err){0};
    else
        l->trouble = *e;
    if (news && l->options.on_trouble != NULL)
        l->options.on_trouble(l->options.arg, e);
}

static void keep(struct lease *l, cJSON *object)
{
    cJSON_Delete(l->object);
    l->object = object;
}

/* true: it was the last that l waited for. */
static bool landed(struct lease *l, cJSON *object)
{
    l->call = NULL;
    if (!l->freed)
        return false;
    cJSON_Delete(object);
    release(l);
    return true;
}

static void on_got(void *arg, cJSON *object, const struct err *e)
{
    struct lease *l = arg;
    struct lease_record r;
    if (landed(l, object))
        return;
    if (e == NULL) {
        keep(l, object);
        read_record(object, &r);
        lease_got(&l->state, &r, clock_boot(), dice());
        report(l, NULL);
    } else if (e->kind == ERR_NOT_FOUND) {
        keep(l, NULL);
        lease_got(&l->state, NULL, clock_boot(), dice());
    } else {
        lease_get_failed(&l->state, clock_boot(), dice());
        report(l, e);
    }
    step(l);
}

static void on_wrote(void *arg, cJSON *object, const struct err *e)
{
    struct lease *l = arg;
    if (landed(l, object))
        return;
    if (e == NULL) {
        keep(l, object);
        lease_wrote(&l->state, clock_boot());
        report(l, NULL);
    } else {
        bool taken = e->kind == ERR_CONFLICT || e->kind == ERR_EXISTS || e->kind == ERR_NOT_FOUND;
        lease_write_failed(&l->state, taken, clock_boot(), dice());
        if (!taken)
            report(l, e);
    }
    step(l);
}

/* ---- the step ---- */

static int ask(struct lease *l, enum lease_do what, struct err *e)
{
    const struct kube_ref ref = {.resource = &kube_leases, .ns = l->ns, .name = l->name};
    int64_t patience = what == LEASE_RELEASE ? RELEASE_PATIENCE : l->state.renew_deadline / 2;
    const struct kube_options o = {.timeout_us = patience, .urgent = true, .once = true};
    if (what == LEASE_GET)
        return kube_get(l->client, &ref, &o, on_got, l, &l->call, e);
    cJSON *object = write_record(l, &l->state.writing);
    int rc = what == LEASE_CREATE ? kube_create(l->client, &ref, object, &o, on_wrote, l, &l->call, e)
                                  : kube_update(l->client, &ref, object, &o, on_wrote, l, &l->call, e);
    cJSON_Delete(object);
    return rc;
}

static void tell(struct lease *l)
{
    const char *holder = lease_holder(l);
    if (l->told_leads == l->state.leads && strcmp(l->told_holder, holder) == 0)
        return;
    l->told_leads = l->state.leads;
    snprintf(l->told_holder, sizeof l->told_holder, "%s", holder);
    if (l->options.on_change != NULL)
        l->options.on_change(l->options.arg, l->told_leads, l->told_holder);
}

static void on_timer(uv_timer_t *t)
{
    step(t->data);
}

static void sleep_until(struct lease *l, int64_t at, int64_t now)
{
    if (at != INT64_MAX)
        uv_timer_start(&l->timer, on_timer, at > now ? (uint64_t)((at - now) / 1000 + 1) : 0, 0);
}

static void stopped(struct lease *l)
{
    void (*done)(void *) = l->on_stopped;
    uv_timer_stop(&l->timer);
    l->on_stopped = NULL;
    tell(l);
    if (done != NULL)
        done(l->stopped_arg);
}

static void step(struct lease *l)
{
    struct err e;
    int64_t now = clock_boot();
    struct lease_action a = lease_step(&l->state, now, moment_now());
    switch (a.what) {
    case LEASE_DONE:
        stopped(l);
        return;
    case LEASE_WAIT:
    case LEASE_NOTHING:
        sleep_until(l, a.at, now);
        break;
    default:
        if (l->state.leads)
            sleep_until(l, l->state.renewed_sent_at + l->state.renew_deadline, now);
        if (ask(l, a.what, &e) != 0) {
            report(l, &e);
            if (a.what == LEASE_GET)
                lease_get_failed(&l->state, now, dice());
            else
                lease_write_failed(&l->state, false, now, dice());
            if (l->state.stopped) {
                stopped(l);
                return;
            }
            sleep_until(l, l->state.next, now);
        }
    }
    tell(l);
}

/* ---- its life ---- */

int lease_create(uv_loop_t *loop, struct kube_client *client, const struct lease_options *o, struct lease **lease_r,
                 struct err *e)
{
    int64_t duration = o->duration_us > 0 ? o->duration_us : DURATION;
    int64_t deadline = o->renew_deadline_us > 0 ? o->renew_deadline_us : RENEW_DEADLINE;
    int64_t retry = o->retry_period_us > 0 ? o->retry_period_us : RETRY_PERIOD;
    if (duration <= deadline || (double)deadline <= 1.2 * (double)retry)
        return err_set(e, ERR_USAGE, "leader election: the lease must last longer than the renew deadline, and that longer "
                                     "than 1.2 retry periods");
    if (*o->identity == '\0' || strlen(o->identity) >= LEASE_HOLDER_MAX)
        return err_set(e, ERR_USAGE, "leader election: an identity has 1 to %d bytes", LEASE_HOLDER_MAX - 1);
    struct lease *l = xcalloc(1, sizeof *l);
    l->client = client;
    l->options = *o;
    l->ns = xstrdup(o->ns);
    l->name = xstrdup(o->name);
    l->identity = xstrdup(o->identity);
    lease_state_init(&l->state, l->identity, duration, deadline, retry);
    uv_timer_init(loop, &l->timer);
    l->timer.data = l;
    uv_timer_start(&l->timer, on_timer, 0, 0);
    *lease_r = l;
    return 0;
}

bool lease_may_act(const struct lease *l)
{
    return lease_state_may_act(&l->state, clock_boot());
}

bool lease_leads(const struct lease *l)
{
    return l->state.leads;
}

const char *lease_holder(const struct lease *l)
{
    return l->state.exists ? l->state.seen.holder : "";
}

void lease_stop(struct lease *l, void (*done)(void *arg), void *arg)
{
    l->state.stopping = true;
    l->on_stopped = done;
    l->stopped_arg = arg;
    uv_timer_start(&l->timer, on_timer, 0, 0);
}

static void on_closed(uv_handle_t *h)
{
    struct lease *l = h->data;
    l->timer_closed = true;
    release(l);
}

void lease_free(struct lease **lp)
{
    struct lease *l = *lp;
    *lp = NULL;
    if (l == NULL)
        return;
    l->freed = true;
    if (l->call != NULL)
        kube_cancel(l->call);
    uv_close((uv_handle_t *)&l->timer, on_closed);
}
