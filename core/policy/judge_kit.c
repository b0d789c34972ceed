/* See judge_kit.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "policy/judge_kit.h"

#include "base/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/wait.h>

void kit_open(struct kit *k, const char *worker, size_t ahead)
{
    struct err e = {0};
    memset(k, 0, sizeof *k);
    assert_int_equal(uv_loop_init(&k->loop), 0);
    if (worker_pool_create(&k->loop, worker, ahead, &k->pool, &e) != 0)
        fail_msg("%s", e.msg);
    k->spawner = (struct spawner){
        .name = (char *)"oom",
        .ns = (char *)"default",
        .prompt_template = (char *)"{{.Title}}",
        .poll_interval_us = 120 * MOMENT_SECOND,
    };
    k->policies.files = k->files;
    k->policies.libs = k->libs;
    k->set = alert_set_create();
    k->setup = (struct judge_setup){.spawner = &k->spawner,
                                    .files = &k->policies,
                                    .set = k->set,
                                    .now = 1700000000 * MOMENT_SECOND,
                                    .limits = judge_limits_default()};
}

void kit_policy(struct kit *k, const char *file, const char *source)
{
    k->files[k->policies.n++] = (struct policy_file){.name = (char *)file, .source = (char *)source, .len = strlen(source)};
}

void kit_lib(struct kit *k, const char *file, const char *source)
{
    k->libs[k->policies.n_libs++] = (struct policy_file){.name = (char *)file, .source = (char *)source, .len = strlen(source)};
}

void kit_alert_with(struct kit *k, const char *alertname, const char *labels, const char *annotations)
{
    struct buf b = {0};
    struct err e = {0};
    buf_addf(&b,
             "{\"labels\":{\"alertname\":\"%s\"%s%s},\"annotations\":{%s},\"fingerprint\":\"%016zx\","
             "\"startsAt\":\"2026-11-22T08:15:30Z\",\"endsAt\":\"2026-11-23T08:15:30Z\","
             "\"updatedAt\":\"2026-11-22T08:15:30Z\",\"generatorURL\":\"http://p/"
             "g\",\"receivers\":[{\"name\":\"r\"}],"
             "\"status\":{\"state\":\"active\",\"silencedBy\":[],\"inhibitedBy\":[]}}",
             alertname, labels[0] ? "," : "", labels, annotations, alert_set_len(k->set) + 0xa0);
    if (alert_set_add(k->set, NULL, b.data, b.len, &e) != 0)
        fail_msg("%s", e.msg);
    buf_free(&b);
}

void kit_alert(struct kit *k, const char *alertname)
{
    kit_alert_with(k, alertname, "", "");
}

static void on_done(void *arg, const struct err *e)
{
    struct kit *k = arg;
    assert_false(k->done); /* once */
    k->done = true;
    k->err = e != NULL ? *e : (struct err){0};
    uv_stop(&k->loop);
}

static void wait_done(struct kit *k)
{
    while (!k->done)
        uv_run(&k->loop, UV_RUN_DEFAULT); /* ONCE would wait for more after a timer's callback */
}

static void must(int rc, const struct err *e, struct kit *k)
{
    if (rc != 0)
        fail_msg("%s", e->msg);
    assert_false(k->done); /* never from inside */
    wait_done(k);
}

void kit_judge(struct kit *k)
{
    static uint32_t numbers[4] = {0, 1, 2, 3};
    struct err e = {0};
    k->done = false;
    for (size_t i = 0; i < k->policies.n; i++) {
        k->files[i].libs = numbers;
        k->files[i].n_libs = k->policies.n_libs;
    }
    must(judge_start(k->pool, &k->setup, on_done, k, &k->j, &e), &e, k);
}

void kit_retrigger(struct kit *k, const struct retrigger_question *q, size_t n, struct retrigger_answer *a)
{
    struct err e = {0};
    k->done = false;
    must(judge_retrigger(k->j, q, n, a, on_done, k, &e), &e, k);
}

void kit_resolve(struct kit *k, const struct resolve_question *q, size_t n, struct resolve_answer *a)
{
    struct err e = {0};
    k->done = false;
    must(judge_resolve(k->j, q, n, a, on_done, k, &e), &e, k);
}

void kit_compose_questions(struct kit *k, const struct compose_question *q, size_t n, struct composition *c)
{
    struct err e = {0};
    k->done = false;
    must(judge_compose(k->j, q, n, c, on_done, k, &e), &e, k);
}

void kit_compose(struct kit *k, const size_t *alerts, size_t n, struct composition *c)
{
    for (size_t i = 0; i < n; i++)
        k->winners[i] = (struct compose_question){.alert = alerts[i]};
    kit_compose_questions(k, k->winners, n, c);
}

const char *kit_reason(struct kit *k, size_t alert)
{
    const struct judgement *v = judge_at(k->j, alert);
    return v->answer == JUDGED_KEEP ? "keep" : reason_code((enum reason)v->reason);
}

bool kit_noted(struct kit *k, const char *part)
{
    for (size_t i = 0; i < judge_notes(k->j); i++)
        if (strstr(judge_note(k->j, i), part) != NULL)
            return true;
    for (size_t i = 0; i < judge_notes(k->j); i++)
        print_message("note: %s\n", judge_note(k->j, i));
    return false;
}

bool kit_has_problem(struct kit *k, const char *part)
{
    for (size_t i = 0; i < judge_problems(k->j); i++)
        if (strstr(judge_problem(k->j, i), part) != NULL)
            return true;
    for (size_t i = 0; i < judge_problems(k->j); i++)
        print_message("problem: %s\n", judge_problem(k->j, i));
    return false;
}

void kit_again(struct kit *k)
{
    judge_free(&k->j);
    k->policies.n = k->policies.n_libs = 0;
}

void assert_contains(const char *text, const char *part)
{
    if (text == NULL || strstr(text, part) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", part, text != NULL ? text : "(nothing)");
}

void kit_close(struct kit *k)
{
    judge_free(&k->j);
    worker_pool_free(&k->pool);
    uv_run(&k->loop, UV_RUN_DEFAULT); /* ends when the last handle has closed */
    assert_int_equal(uv_loop_close(&k->loop), 0);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
    alert_set_free(&k->set);
}
