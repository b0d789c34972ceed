/* A replay: see replay.h. Here is the recording; the sides are in replay_side.c. */
#include "replay/replay.h"

#include "base/mem.h"
#include "replay/replay_side.h"

#include <stdlib.h>
#include <string.h>

enum { PROGRESS_POLLS = 16 };

struct replay {
    uv_loop_t *loop;
    const struct replay_options *options;
    struct recording *recording;
    struct last_answers answers;
    struct side *sides[2];
    size_t busy;
    struct replay_result *result;
};

static void on_idle(void *arg)
{
    ((struct replay *)arg)->busy--;
}

static int sides_wait(struct replay *r, struct err *e)
{
    while (r->busy > 0)
        uv_run(r->loop, UV_RUN_ONCE);
    for (size_t i = 0; i < r->options->n_sides; i++)
        if (side_error(r->sides[i]) != NULL) {
            *e = *side_error(r->sides[i]);
            return -1;
        }
    return 0;
}

static int sides_until(struct replay *r, moment_t until, struct err *e)
{
    r->busy = r->options->n_sides;
    for (size_t i = 0; i < r->options->n_sides; i++)
        side_until(r->sides[i], until);
    return sides_wait(r, e);
}

static int sides_deliver(struct replay *r, const struct last_answer *answer, struct err *e)
{
    r->busy = r->options->n_sides;
    for (size_t i = 0; i < r->options->n_sides; i++)
        side_deliver(r->sides[i], answer);
    return sides_wait(r, e);
}

/* The place for what this Alertmanager answers. */
static struct last_answer *answer_place(struct last_answers *a, const char *url)
{
    size_t n = strlen(url);
    while (n > 0 && url[n - 1] == '/')
        n--;
    for (size_t i = 0; i < a->n; i++)
        if (strncmp(a->v[i].url, url, n) == 0 && a->v[i].url[n] == '\0')
            return &a->v[i];
    xgrow(&a->v, &a->cap, a->n + 1, sizeof *a->v);
    a->v[a->n] = (struct last_answer){.url = xstrndup(url, n), .at = MOMENT_NONE};
    return &a->v[a->n++];
}

static void gap_note(struct replay_result *result, moment_t before, moment_t now)
{
    if (before == MOMENT_NONE || now - before <= REPLAY_ANSWER_KEEP)
        return;
    result->gaps++;
    result->gaps_us += now - before;
}

static int poll_take(struct replay *r, const struct recorded_poll *p, struct err *e)
{
    struct replay_result *result = r->result;
    if (sides_until(r, p->time, e) != 0)
        return -1;
    struct last_answer *a = answer_place(&r->answers, p->url);
    if (result->from == MOMENT_NONE)
        result->from = p->time;
    gap_note(result, result->to, p->time);
    result->to = p->time;
    result->polls++;
    result->failed_polls += p->failed;
    a->at = p->time;
    a->failed = p->failed;
    a->why = p->why;
    buf_clear(&a->body);
    buf_add(&a->body, p->body != NULL ? p->body : "", p->len);
    return sides_deliver(r, a, e);
}

static void progress(const struct replay *r)
{
    uint64_t tasks = 0;
    for (size_t i = 0; i < r->options->n_sides; i++)
        tasks += side_history(r->sides[i])->n_tasks;
    if (r->options->progress != NULL)
        r->options->progress(r->options->arg, r->result->to, r->result->polls, tasks);
}

static int polls_take(struct replay *r, struct err *e)
{
    struct recorded_poll p;
    int rc;
    while ((rc = recording_next(r->recording, &p, e)) == 1) {
        if (poll_take(r, &p, e) != 0)
            return -1;
        if (r->result->polls % PROGRESS_POLLS == 0)
            progress(r);
    }
    return rc;
}

/* Whose Alertmanager is not in the recording hears nothing; if that is so of all of them, there is nothing to replay. */
static int check_urls(const struct replay *r, struct err *e)
{
    const struct spawner *unheard = NULL;
    for (size_t i = 0; i < r->options->n_sides; i++)
        for (size_t k = 0; k < r->options->sides[i].spawners->n; k++) {
            const struct spawner *s = r->options->sides[i].spawners->spawners[k];
            if (last_answer_of(&r->answers, s) != NULL)
                return 0;
            unheard = s;
        }
    if (unheard == NULL || r->result->polls == 0)
        return 0;
    return err_set(e, ERR_NOT_FOUND,
                   "%s asks %s, and the recording holds other Alertmanagers (%s%s); --alertmanager URL makes all documents ask "
                   "one of them",
                   spawner_who(unheard), unheard->url, recording_url(r->recording, 0),
                   recording_urls(r->recording) > 1 ? ", ..." : "");
}

static int run(struct replay *r, struct err *e)
{
    for (size_t i = 0; i < r->options->n_sides; i++)
        if (side_create(r->loop, r->options->pool, &r->options->sides[i], r->options, &r->answers, on_idle, r, &r->sides[i],
                        e) != 0)
            return -1;
    r->answers.one_url = recording_urls(r->recording) == 1;
    if (polls_take(r, e) != 0 || check_urls(r, e) != 0)
        return -1;
    /* Tasks that end with the last answer's time have ended. */
    return r->result->polls > 0 ? sides_until(r, r->result->to + 1, e) : 0;
}

int replay_run(uv_loop_t *loop, struct recording *recording, const struct replay_options *options,
               struct replay_result *result, struct err *e)
{
    struct replay r = {.loop = loop, .options = options, .recording = recording, .result = result};
    *result = (struct replay_result){.from = MOMENT_NONE, .to = MOMENT_NONE};
    int rc = run(&r, e);
    for (size_t i = 0; i < options->n_sides; i++) {
        if (rc == 0)
            result->sides[i] = side_take_history(r.sides[i], result->from, result->to);
        side_free(&r.sides[i]);
    }
    for (size_t i = 0; i < r.answers.n; i++) {
        free(r.answers.v[i].url);
        buf_free(&r.answers.v[i].body);
    }
    free(r.answers.v);
    return rc;
}

void replay_result_deinit(struct replay_result *r)
{
    for (size_t i = 0; i < 2; i++)
        history_free(&r->sides[i]);
}
