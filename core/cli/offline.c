/* Waiting for a judge: see offline.h. */
#include "cli/offline.h"

#include <stdbool.h>

struct waiting {
    uv_loop_t *loop;
    bool done;
    struct err *e;
    int rc;
};

static void on_done(void *arg, const struct err *e)
{
    struct waiting *w = arg;
    w->done = true;
    w->rc = e != NULL ? -1 : 0;
    if (e != NULL && w->e != NULL)
        *w->e = *e;
    uv_stop(w->loop);
}

static int wait_for(struct waiting *w)
{
    if (!w->done)
        uv_run(w->loop, UV_RUN_DEFAULT);
    return w->done ? w->rc : err_set(w->e, ERR_BUG, "the worker was never heard of again");
}

int offline_judge(struct engine *g, const struct judge_setup *setup, struct judge **judge_r, struct err *e)
{
    struct waiting w = {.loop = &g->loop, .e = e};
    if (judge_start(g->pool, setup, on_done, &w, judge_r, e) != 0)
        return -1;
    return wait_for(&w);
}

int offline_compose(struct engine *g, struct judge *j, size_t alert, struct composition *c, struct err *e)
{
    struct waiting w = {.loop = &g->loop, .e = e};
    struct compose_question question = {.alert = alert};
    if (judge_compose(j, &question, 1, c, on_done, &w, e) != 0)
        return -1;
    return wait_for(&w);
}

int offline_examine(struct engine *g, const struct policy_files *files, struct policy_examination **x_r, struct err *e)
{
    struct waiting w = {.loop = &g->loop, .e = e};
    if (policy_examination_start(g->pool, &g->env.limits, files, NULL, on_done, &w, x_r, e) != 0)
        return -1;
    return wait_for(&w);
}
