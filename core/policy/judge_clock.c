/* A cycle's time: looks at the black box of the worker at hand, kills the one that stalls, and ends everything when the
 * cycle's time is used up. */
#include "policy/judge_private.h"

#include "base/mem.h"

#include <stdlib.h>

/* The timers, which outlive the judge by the moment that their closing takes. */
struct judge_clock {
    uv_timer_t tick;  /* looks at the black box */
    uv_timer_t later; /* takes a start's first step out of the start */
    struct judge *j;
    int open;
};

enum { TICK_MIN_MS = 10, TICK_MAX_MS = 100 };

bool judge_time_is_up(const struct judge *j)
{
    return j->used_us >= j->setup.limits.cycle_us;
}

static uint64_t clock_us(void)
{
    return uv_hrtime() / 1000;
}

static uint64_t tick_ms(const struct judge *j)
{
    int64_t ms = j->setup.limits.hook_us / 8000;
    return ms < TICK_MIN_MS ? TICK_MIN_MS : ms > TICK_MAX_MS ? TICK_MAX_MS : (uint64_t)ms;
}

static void look_at_box(struct judge *j, int64_t passed)
{
    uint64_t calls = worker_box(j->worker).calls;
    char span[MOMENT_TEXT];
    j->stalled_us = calls == j->calls ? j->stalled_us + passed : 0;
    j->calls = calls;
    if (j->stalled_us < j->setup.limits.hook_us)
        return;
    duration_format(j->setup.limits.hook_us, span);
    worker_kill(j->worker, WORKER_TIMEOUT, "used more than %s", span);
}

void judge_clock_be_nice(struct judge *j)
{
    if (j->nice || j->worker == NULL || j->busy_us < JUDGE_NICE_US)
        return;
    worker_be_nice(j->worker);
    j->nice = true;
}

static void on_tick(uv_timer_t *t)
{
    struct judge *j = ((struct judge_clock *)t->data)->j;
    uint64_t now = clock_us();
    int64_t passed = (int64_t)(now - j->looked_at), most = (int64_t)tick_ms(j) * 2000;
    j->looked_at = now;
    /* A loop that was busy elsewhere has not looked: what passed meanwhile is not all the worker's. */
    if (passed > most)
        passed = most;
    j->used_us += passed;
    if (judge_time_is_up(j)) {
        if (j->worker != NULL) {
            worker_kill(j->worker, WORKER_TIMEOUT, "has used up the time of the cycle"); /* its death goes on */
        } else {
            worker_pool_cancel(j->pool, &j->ticket);
            j->state = WORKER_NONE;
            judge_step(j);
        }
    } else if (j->worker != NULL && (j->asking || j->state == WORKER_SETUP)) {
        j->busy_us += passed;
        judge_clock_be_nice(j);
        look_at_box(j, passed);
    }
}

static void on_later(uv_timer_t *t)
{
    judge_step(((struct judge_clock *)t->data)->j);
}

struct judge_clock *judge_clock_create(uv_loop_t *loop, struct judge *j)
{
    struct judge_clock *c = xcalloc(1, sizeof *c);
    uv_timer_init(loop, &c->tick);
    uv_timer_init(loop, &c->later);
    c->tick.data = c->later.data = c;
    c->j = j;
    c->open = 2;
    return c;
}

void judge_clock_start(struct judge *j)
{
    j->looked_at = clock_us();
    uv_timer_start(&j->clock->tick, on_tick, tick_ms(j), tick_ms(j));
    uv_timer_start(&j->clock->later, on_later, 0, 0);
}

void judge_clock_stop(struct judge *j)
{
    uv_timer_stop(&j->clock->tick);
    uv_timer_stop(&j->clock->later);
}

static void on_closed(uv_handle_t *h)
{
    struct judge_clock *c = h->data;
    if (--c->open == 0)
        free(c);
}

void judge_clock_close(struct judge *j)
{
    uv_close((uv_handle_t *)&j->clock->tick, on_closed);
    uv_close((uv_handle_t *)&j->clock->later, on_closed);
}
