/* `record`: what Alertmanagers answer, poll after poll, into a recording. */
#include "replay/recording.h"

#include "alerts/poll.h"
#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "cli/engine.h"
#include "cli/say.h"
#include "cli/verbs.h"
#include "net/http.h"
#include "replay/redaction.h"
#include "spawner/spawner.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One Alertmanager. Spawners with the same URL and Secret share it. */
struct target {
    struct record *of;
    const char *url;               /* without trailing slashes */
    const struct spawner *spawner; /* whose credentials are used; NULL: none */
    struct poll *poll;             /* that is under way */
    moment_t asked_at;
    long status;
    struct buf body;
    bool failing;                  /* its last poll failed: said once */
};

struct record {
    const struct options *options;
    uv_loop_t loop;
    struct http_client *http;
    struct spawner_set *set;
    size_t bad;
    struct target *targets;
    size_t n;
    struct recorder *recorder;
    struct redaction *redaction; /* NULL: verbatim */
    struct buf redacted;
    uv_timer_t tick, end;
    uv_signal_t term, intr;
    bool stopping, opened;
    uint64_t polls, failed, alerts;
    uint64_t lost;               /* polls that could not be written */
};

static void show_progress(const struct record *r)
{
    if (!isatty(STDERR_FILENO))
        return;
    fprintf(stderr, "\r\033[Krecording: %" PRIu64 " poll%s", r->polls, r->polls == 1 ? "" : "s");
    if (r->failed > 0)
        fprintf(stderr, " (%" PRIu64 " failed)", r->failed);
    fprintf(stderr, ", %" PRIu64 " alerts in the last one, %.1f kB", r->alerts, (double)recorder_bytes(r->recorder) / 1e3);
    fflush(stderr);
}

static void clear_progress(void)
{
    if (isatty(STDERR_FILENO))
        fputs("\r\033[K", stderr);
}

static void end_if_idle(struct record *r)
{
    for (size_t i = 0; i < r->n; i++)
        if (r->targets[i].poll != NULL)
            return;
    if (r->stopping)
        uv_stop(&r->loop);
}

static void stop(struct record *r)
{
    if (r->stopping)
        return;
    r->stopping = true;
    uv_timer_stop(&r->tick);
    uv_timer_stop(&r->end);
    for (size_t i = 0; i < r->n; i++)
        if (r->targets[i].poll != NULL)
            poll_cancel(r->targets[i].poll);
    end_if_idle(r);
}

/* ---- one poll ---- */

static void on_head(void *arg, long status)
{
    ((struct target *)arg)->status = status;
}

static void on_body(void *arg, const char *bytes, size_t len)
{
    struct target *t = arg;
    if (t->status == 200)
        buf_add(&t->body, bytes, len);
}

/* A sentence of poll.c begins with the URL, which the recording has already. */
static struct err without_url(const struct err *e, const char *url)
{
    struct err why = *e;
    size_t n = strlen(url);
    if (strncmp(e->msg, url, n) == 0 && strncmp(e->msg + n, ": ", 2) == 0)
        err_set(&why, e->kind, "%s", e->msg + n + 2);
    return why;
}

static void say_change(struct target *t, const struct err *e)
{
    if ((e != NULL) == t->failing)
        return;
    t->failing = e != NULL;
    clear_progress();
    if (e != NULL)
        log_warn(NULL, "%s: %s; recorded as a failed poll, and so are those that follow", t->url, e->msg);
    else
        log_warn(NULL, "%s: answers again", t->url);
}

static void keep(struct target *t, const struct err *e)
{
    struct record *r = t->of;
    struct err why = {0};
    struct recorded_poll p = {.time = t->asked_at, .url = t->url, .status = t->status, .body = t->body.data, .len = t->body.len};
    if (e != NULL) {
        p.failed = true;
        p.why = without_url(e, t->url);
    } else if (r->redaction != NULL) {
        buf_clear(&r->redacted);
        if (redaction_apply(r->redaction, t->body.data, t->body.len, &r->redacted, &why) == 0) {
            p.body = r->redacted.data;
            p.len = r->redacted.len;
        }
    }
    say_change(t, p.failed ? &p.why : NULL);
    if (why.kind == ERR_NONE && recorder_add(r->recorder, &p, &why) == 0) {
        r->polls++;
        r->failed += p.failed;
        return;
    }
    r->lost++;
    clear_progress();
    say("Error: this poll is not recorded: %s", why.msg);
}

static void on_polled(void *arg, struct alert_set *set, const struct err *e)
{
    struct target *t = arg;
    struct record *r = t->of;
    t->poll = NULL;
    if (set != NULL)
        r->alerts = alert_set_len(set);
    if (e == NULL || e->kind != ERR_CONFLICT || !r->stopping) /* else we cancelled it ourselves */
        keep(t, e);
    alert_set_free(&set);
    show_progress(r);
    end_if_idle(r);
}

static void ask(struct target *t)
{
    struct record *r = t->of;
    struct poll_auth auth = {0};
    struct poll_tap tap = {on_head, on_body, t};
    struct err e = {0};
    t->asked_at = moment_now();
    t->status = 0;
    buf_clear(&t->body);
    int rc = t->spawner != NULL ? spawner_auth(r->set, t->spawner, r->options->secrets, &auth, &e) : 0;
    struct poll_options options = {
        .url = t->url,
        .auth = t->spawner != NULL && t->spawner->secret_name != NULL ? &auth : NULL,
        .max_bytes = r->options->max_response_bytes,
        .timeout_us = r->options->timeout_us,
        .tap = &tap,
    };
    if (rc == 0)
        rc = poll_start(r->http, &options, on_polled, t, &t->poll, &e);
    poll_auth_deinit(&auth);
    if (rc != 0)
        keep(t, &e);
}

static void on_tick(uv_timer_t *timer)
{
    struct record *r = timer->data;
    for (size_t i = 0; i < r->n; i++)
        if (r->targets[i].poll == NULL) /* one that is slow is not asked twice */
            ask(&r->targets[i]);
}

static void on_end(uv_timer_t *timer)
{
    stop(timer->data);
}

static void on_signal(uv_signal_t *s, int signum)
{
    (void)signum;
    stop(s->data);
}

/* ---- whom to ask ---- */

static bool same(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static void target_add(struct record *r, const char *url, const struct spawner *s)
{
    size_t n = strlen(url);
    while (n > 0 && url[n - 1] == '/')
        n--;
    char *base = xstrndup(url, n);
    for (size_t i = 0; i < r->n; i++)
        if (strcmp(r->targets[i].url, base) == 0 &&
            same(r->targets[i].spawner != NULL ? r->targets[i].spawner->secret_name : NULL, s != NULL ? s->secret_name : NULL)) {
            free(base);
            return;
        }
    r->targets = xrealloc(r->targets, (r->n + 1) * sizeof *r->targets);
    r->targets[r->n++] = (struct target){.of = r, .url = base, .spawner = s};
}

static int targets_make(struct record *r, struct err *e)
{
    const struct options *o = r->options;
    if (o->n_documents == 0) {
        if (poll_url_check(o->alertmanager, e) != 0) {
            err_wrap(e, "--alertmanager");
            e->kind = ERR_USAGE;
            return -1;
        }
        target_add(r, o->alertmanager, NULL);
        return 0;
    }
    if (engine_documents(o, NULL, &r->set, &r->bad, e) != 0)
        return -1;
    for (size_t i = 0; i < r->set->n; i++)
        target_add(r, r->set->spawners[i]->url, r->set->spawners[i]);
    return r->n > 0 ? 0 : err_set(e, ERR_INVALID, "the documents name no Alertmanager that can be asked");
}

/* ---- the life of the process ---- */

static int open_all(struct record *r, struct err *e)
{
    const struct options *o = r->options;
    struct http_client_options http = {.ca_file = o->ca_file, .user_agent = "alertspawner/" AS_VERSION};
    if (targets_make(r, e) != 0)
        return -1;
    if (uv_loop_init(&r->loop) != 0)
        return err_set(e, ERR_IO, "no event loop: too many open files?");
    r->opened = true;
    if (http_client_create(&r->loop, &http, &r->http, e) != 0)
        return -1;
    if (o->n_redact > 0 && redaction_open(o->args[0], o->redact, o->n_redact, &r->redaction, e) != 0)
        return -1;
    const char **urls = xcalloc(r->n, sizeof *urls);
    for (size_t i = 0; i < r->n; i++)
        urls[i] = r->targets[i].url;
    struct recording_head head = {
        .interval_us = o->interval_us, .urls = urls, .n_urls = r->n, .redacted = o->redact, .n_redacted = o->n_redact};
    int rc = recorder_open(o->args[0], &head, moment_now(), &r->recorder, e);
    free(urls);
    return rc;
}

static void run_loop(struct record *r)
{
    const struct options *o = r->options;
    uv_timer_init(&r->loop, &r->tick);
    uv_timer_init(&r->loop, &r->end);
    uv_signal_init(&r->loop, &r->term);
    uv_signal_init(&r->loop, &r->intr);
    r->tick.data = r->end.data = r->term.data = r->intr.data = r;
    uv_timer_start(&r->tick, on_tick, 0, (uint64_t)(o->interval_us / 1000));
    if (o->for_us > 0)
        uv_timer_start(&r->end, on_end, (uint64_t)(o->for_us / 1000), 0);
    uv_signal_start(&r->term, on_signal, SIGTERM);
    uv_signal_start(&r->intr, on_signal, SIGINT);
    uv_run(&r->loop, UV_RUN_DEFAULT);
    uv_close((uv_handle_t *)&r->tick, NULL);
    uv_close((uv_handle_t *)&r->end, NULL);
    uv_close((uv_handle_t *)&r->term, NULL);
    uv_close((uv_handle_t *)&r->intr, NULL);
    clear_progress();
}

static void close_all(struct record *r)
{
    if (r->opened) {
        http_client_free(&r->http);
        uv_run(&r->loop, UV_RUN_DEFAULT);
        uv_loop_close(&r->loop);
    }
    redaction_close(&r->redaction);
    for (size_t i = 0; i < r->n; i++) {
        free((char *)r->targets[i].url);
        buf_free(&r->targets[i].body);
    }
    free(r->targets);
    buf_free(&r->redacted);
    spawner_set_free(&r->set);
}

int verb_record(const struct options *o)
{
    struct record r = {.options = o};
    struct err e = {0};
    int rc = EXIT_DONE;
    if (open_all(&r, &e) != 0) {
        rc = verb_fail(&e);
    } else {
        run_loop(&r);
        printf("%s: %" PRIu64 " poll%s recorded", o->args[0], r.polls, r.polls == 1 ? "" : "s");
        printf(r.failed > 0 ? ", %" PRIu64 " of them failed\n" : "\n", r.failed);
    }
    if (recorder_close(&r.recorder, &e) != 0)
        rc = verb_fail(&e);
    close_all(&r);
    return rc == EXIT_DONE && (r.lost > 0 || r.bad > 0) ? EXIT_FAILED : rc;
}
