/* policy-probe: what a policy says, for its spec and for the examples in docs/policies.md.
 *
 * Reads requests from standard input, one JSON object a line, and answers each with one line. A request is put to
 * a real alertspawner-worker with the engine's limits; nothing of a policy runs in here.
 *
 *      {"moment": "2026-03-29T01:59:00 Europe/Rome"}       -> {"moment": 1774745940}
 *      {"files": {"mine.lua": "return ..."}, ...}          -> {"load": [...], "policies": [...], ...}
 *
 * Members of the second kind, all but files optional: named, now, spawner, namespace, poll_interval,
 * priority_labels, config, templates {prompt, branch, name, labels, annotations}, lint, state,
 * state_version, created {policy: [moments]}, and about one alert: alert (as Alertmanager returns it; what
 * is missing is filled in), group (the other members), group_count, firing (other alerts of the poll), seen,
 * last. With an alert the answer has "judged"; if it is kept, "composed"; with last, "retriggered"; with
 * resolve: true, "resolved". */
#include "policy-probe.h"

#include "alerts/identity.h"

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE_S = 120 }; /* sanitizers are slow, and so is a machine with other things to do */

void probe_fail(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    fputs("policy-probe: ", stderr);
    vfprintf(stderr, fmt, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

/* The worker */

struct worker {
    pid_t pid;
    int in, out;
    struct buf answers;
    size_t read; /* of answers */
};

static void worker_begin(struct worker *w)
{
    int in[2], out[2], page = memfd_create("black box", MFD_CLOEXEC);
    if (page < 0 || ftruncate(page, 4096) != 0 || pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0)
        probe_fail("no pipes");
    w->pid = fork();
    if (w->pid < 0)
        probe_fail("no process");
    if (w->pid == 0) {
        int spare = fcntl(page, F_DUPFD, 10);
        dup2(in[0], 0);
        dup2(out[1], 1);
        dup2(spare, 3);
        execl(WORKER_PATH, WORKER_PATH, (char *)NULL);
        _exit(127);
    }
    close(page);
    close(in[0]);
    close(out[1]);
    w->in = in[1];
    w->out = out[0];
}

static void worker_end(struct worker *w)
{
    int status;
    close(w->in);
    close(w->out);
    waitpid(w->pid, &status, 0);
    buf_free(&w->answers);
    *w = (struct worker){0};
}

/* The next frame. The worker reads a request to its end before it answers, so nobody waits for the other. */
static enum wire_type worker_hear(struct worker *w, struct wire_reader *fields_r)
{
    for (;;) {
        enum wire_type type;
        size_t used;
        int rc = wire_frame(w->answers.data + w->read, w->answers.len - w->read, &type, fields_r, &used);
        if (rc < 0)
            probe_fail("the worker talks nonsense");
        if (rc == 1) {
            w->read += used;
            return type;
        }
        buf_reserve(&w->answers, 65536);
        ssize_t n = read(w->out, w->answers.data + w->answers.len, 65536);
        if (n <= 0)
            probe_fail("the worker is gone");
        w->answers.len += (size_t)n;
    }
}

static void worker_tell(struct worker *w, struct buf *frame)
{
    for (size_t sent = 0; sent < frame->len;) {
        ssize_t n = write(w->in, frame->data + sent, frame->len - sent);
        if (n <= 0)
            probe_fail("the worker does not listen");
        sent += (size_t)n;
    }
    buf_free(frame);
}

/* Tells, and takes frames up to one of the type, or DONE: false. */
static bool worker_ask(struct worker *w, struct buf *frame, enum wire_type until,
                       struct wire_reader *fields_r)
{
    enum wire_type type;
    worker_tell(w, frame);
    do
        type = worker_hear(w, fields_r);
    while (type != until && type != WIRE_DONE);
    return type == until;
}

/* A conversation */

/* Up to the judgement; the key that it gave, or NULL. */
static const char *ask_filter(struct worker *w, const struct request *q, cJSON *answer)
{
    struct wire_reader fields;
    struct buf frame = {0};
    enum wire_type type;
    bool survey;
    if (worker_hear(w, &fields) != WIRE_HELLO)
        probe_fail("the worker does not say hello");
    probe_write_setup(&frame, q);
    worker_tell(w, &frame);
    while ((type = worker_hear(w, &fields)) == WIRE_WANT) {
        probe_write_zones(&frame, fields);
        worker_tell(w, &frame);
    }
    if (type != WIRE_READY)
        probe_fail("the worker is not ready");
    probe_take_ready(answer, &fields, &survey);
    if (!cJSON_HasObjectItem(q->json, "alert"))
        return NULL;
    if (survey) {
        probe_write_survey(&frame, q);
        worker_ask(w, &frame, WIRE_DONE, &fields);
    }
    probe_write_judge(&frame, q);
    if (!worker_ask(w, &frame, WIRE_JUDGED, &fields))
        probe_fail("the worker judges nothing");
    cJSON *judged = probe_take_judged(answer, &fields);
    if (!wire_at_end(&fields) || worker_hear(w, &fields) != WIRE_DONE)
        probe_fail("JUDGED is not as wire.h has it");
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(judged, "key"));
}

static void ask_rest(struct worker *w, const struct request *q, const char *key, cJSON *answer)
{
    struct wire_reader fields;
    struct buf frame = {0};
    const cJSON *judged = cJSON_GetObjectItemCaseSensitive(answer, "judged");
    const char *policy = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(judged, "policy"));
    if (strcmp(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(judged, "answer")), "keep") == 0) {
        if (cJSON_IsObject(cJSON_GetObjectItemCaseSensitive(q->json, "last"))) {
            probe_write_retrigger(&frame, q, key);
            if (worker_ask(w, &frame, WIRE_RETRIGGERED, &fields))
                probe_take_retriggered(answer, &fields);
            if (!wire_at_end(&fields) || worker_hear(w, &fields) != WIRE_DONE)
                probe_fail("RETRIGGERED is not as wire.h has it");
        }
        probe_write_compose(&frame, q, key);
        if (worker_ask(w, &frame, WIRE_COMPOSED, &fields))
            probe_take_composed(answer, &fields);
        if (!wire_at_end(&fields) || worker_hear(w, &fields) != WIRE_DONE)
            probe_fail("COMPOSED is not as wire.h has it");
    }
    if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(q->json, "resolve"))) {
        probe_write_resolve(&frame, q, key, policy);
        if (worker_ask(w, &frame, WIRE_RESOLVED, &fields))
            probe_take_resolved(answer, &fields);
        if (!wire_at_end(&fields) || worker_hear(w, &fields) != WIRE_DONE)
            probe_fail("RESOLVED is not as wire.h has it");
    }
}

static cJSON *new_answer(void)
{
    cJSON *answer = cJSON_CreateObject();
    cJSON_AddArrayToObject(answer, "notes");
    cJSON_AddObjectToObject(answer, "state");
    return answer;
}

/* Which key the alert has, so that what is remembered of it can be found. */
static uint64_t find_identity(const struct request *q)
{
    struct worker w = {0};
    cJSON *answer = new_answer();
    worker_begin(&w);
    const char *key = ask_filter(&w, q, answer);
    uint64_t identity = key ? identity_of_key(key, strlen(key))
                            : probe_fingerprint(cJSON_GetObjectItemCaseSensitive(q->json, "alert"));
    worker_end(&w);
    cJSON_Delete(answer);
    return identity;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp((*(cJSON *const *)a)->string, (*(cJSON *const *)b)->string);
}

static void sort_files(cJSON *json)
{
    cJSON *files = cJSON_GetObjectItemCaseSensitive(json, "files"), *sorted[256];
    int n = cJSON_GetArraySize(files);
    if (!cJSON_IsObject(files) || n > 256)
        probe_fail("files must be an object of at most 256");
    for (int i = 0; i < n; i++)
        sorted[i] = cJSON_DetachItemFromArray(files, 0);
    if (n)
        qsort(sorted, (size_t)n, sizeof *sorted, compare_names);
    for (int i = 0; i < n; i++)
        cJSON_AddItemToArray(files, sorted[i]);
}

static cJSON *answer_policy(cJSON *json)
{
    struct request q = {.json = json, .now = probe_moment(json, "now", moment_now())};
    struct worker w = {0};
    cJSON *answer = new_answer(), *a;
    static const char *const lists[] = {"group", "firing"};
    sort_files(json);
    if (cJSON_HasObjectItem(json, "alert"))
        probe_fill_alert(cJSON_GetObjectItemCaseSensitive(json, "alert"), q.now);
    for (size_t i = 0; i < 2; i++)
        cJSON_ArrayForEach(a, cJSON_GetObjectItemCaseSensitive(json, lists[i])) probe_fill_alert(a, q.now);

    const cJSON *state = cJSON_GetObjectItemCaseSensitive(json, "state");
    if (cJSON_IsObject(state) && state->child) {
        q.identity = find_identity(&q);
        q.state = state;
    }
    worker_begin(&w);
    char *key = NULL;
    const char *given = ask_filter(&w, &q, answer);
    if (given)
        key = strdup(given);
    if (cJSON_HasObjectItem(json, "alert"))
        ask_rest(&w, &q, key, answer);
    free(key);
    worker_end(&w);
    return answer;
}

/* Moments with a zone's name */

static bool same_wall(const struct tm *a, const struct tm *b)
{
    return a->tm_min == b->tm_min && a->tm_hour == b->tm_hour && a->tm_mday == b->tm_mday &&
           a->tm_mon == b->tm_mon;
}

/* "2026-03-29T01:59:00 Europe/Rome", or RFC 3339. A time that came twice: the first; one that never was: an
 * error. */
static double find_moment(const char *text)
{
    moment_t t;
    struct tm wall = {0};
    const char *zone = strchr(text, ' ');
    if (!zone) {
        if (moment_parse(text, strlen(text), &t) != 0)
            probe_fail("'%s' is neither RFC 3339 nor local time and zone", text);
        return (double)t / MOMENT_SECOND;
    }
    const char *end = strptime(text, "%Y-%m-%dT%H:%M:%S", &wall);
    struct buf path = {0};
    buf_addf(&path, "/usr/share/zoneinfo/%s", zone + 1);
    if (end != zone || access(path.data, R_OK) != 0)
        probe_fail("'%s' is no local time with a zone, such as 2026-03-29T01:59:00 Europe/Rome", text);
    buf_free(&path);
    setenv("TZ", zone + 1, 1);
    tzset();
    for (int dst = 1; dst >= 0; dst--) {
        struct tm asked = wall, found;
        asked.tm_isdst = dst;
        time_t s = mktime(&asked);
        localtime_r(&s, &found);
        if (same_wall(&found, &wall))
            return (double)s;
    }
    probe_fail("'%s' never was: the clocks were put forward", text);
}

int main(void)
{
    char *line = NULL;
    size_t room = 0;
    signal(SIGPIPE, SIG_IGN);
    while (getline(&line, &room, stdin) > 0) {
        alarm(PATIENCE_S);
        cJSON *json = cJSON_Parse(line), *answer;
        if (!json)
            probe_fail("a line is no JSON");
        const char *moment = probe_text(json, "moment", NULL);
        if (moment) {
            answer = cJSON_CreateObject();
            cJSON_AddNumberToObject(answer, "moment", find_moment(moment));
        } else {
            answer = answer_policy(json);
        }
        char *text = cJSON_PrintUnformatted(answer);
        puts(text);
        fflush(stdout);
        free(text);
        cJSON_Delete(answer);
        cJSON_Delete(json);
    }
    free(line);
    return 0;
}
