/* See policy_gate.h. */
#include "policy/policy_gate.h"

#include "base/mem.h"
#include "policy/library_name.h"
#include "policy/spec_job.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

/* ---- what has passed ---- */

struct passed {
    char *name;
    uint64_t hash;
};

struct gate_memory {
    struct passed *passed;
    size_t n;
};

struct gate_memory *gate_memory_create(void)
{
    return xcalloc(1, sizeof(struct gate_memory));
}

void gate_memory_free(struct gate_memory **memoryp)
{
    struct gate_memory *m = *memoryp;
    *memoryp = NULL;
    if (m == NULL)
        return;
    for (size_t i = 0; i < m->n; i++)
        free(m->passed[i].name);
    free(m->passed);
    free(m);
}

static bool has_passed(const struct gate_memory *m, const char *name, uint64_t hash)
{
    for (size_t i = 0; m != NULL && i < m->n; i++)
        if (strcmp(m->passed[i].name, name) == 0)
            return m->passed[i].hash == hash;
    return false;
}

static void note_passed(struct gate_memory *m, const char *name, uint64_t hash)
{
    if (m == NULL)
        return;
    for (size_t i = 0; i < m->n; i++)
        if (strcmp(m->passed[i].name, name) == 0) {
            m->passed[i].hash = hash;
            return;
        }
    m->passed = xrealloc(m->passed, (m->n + 1) * sizeof *m->passed);
    m->passed[m->n++] = (struct passed){xstrdup(name), hash};
}

/* ---- which specs there are ---- */

/* Is the file the one that the spec's name says? */
static bool names_file(const char *spec, size_t len, const char *file)
{
    return strlen(file) == len + strlen(".lua") && strncmp(file, spec, len) == 0;
}

static bool gates_any(const struct policy_files *f, const char *spec, size_t len)
{
    for (size_t i = 0; i < f->n; i++)
        if (names_file(spec, len, f->files[i].name))
            return true;
    for (size_t i = 0; i < f->n_libs; i++)
        if (names_file(spec, len, f->libs[i].name))
            return true;
    return false;
}

const char *policy_gate_idle(const struct policy_files *files, size_t *at)
{
    while (*at < files->n_beside) {
        const char *name = files->beside[(*at)++].name;
        size_t len;
        if (policy_beside_is_spec(name, &len) && !gates_any(files, name, len))
            return name;
    }
    return NULL;
}

/* All that a spec's outcome may hang on: itself, all policies and libraries, and what is no spec. */
static uint64_t input_hash(const struct policy_files *f, const struct policy_beside *spec)
{
    XXH3_state_t *x = XXH3_createState();
    size_t len, n;
    XXH3_64bits_reset(x);
    policy_beside_is_spec(spec->name, &len);
    XXH3_64bits_update(x, spec->bytes, spec->len);
    for (size_t i = 0; i < f->n; i++)
        if (names_file(spec->name, len, f->files[i].name) || strstr(spec->bytes, f->files[i].name) != NULL)
            XXH3_64bits_update(x, f->files[i].source, f->files[i].len + 1);
    for (size_t i = 0; i < f->n_libs; i++)
        XXH3_64bits_update(x, f->libs[i].source, f->libs[i].len + 1);
    for (size_t i = 0; i < f->n_beside; i++)
        if (!policy_beside_is_spec(f->beside[i].name, &n) || strstr(spec->bytes, f->beside[i].name) != NULL)
            XXH3_64bits_update(x, f->beside[i].bytes, f->beside[i].len + 1);
    uint64_t hash = XXH3_64bits_digest(x);
    XXH3_freeState(x);
    return hash;
}

/* ---- the gate ---- */

struct run {
    struct policy_gate *gate;
    const struct policy_beside *spec;
    size_t name_len; /* of NAME */
    uint64_t hash;
    bool started, ended, remembered;
    struct spec_job *job;
    char *in_hand; /* the test that runs: its full name */
    int line;
    size_t tests, failures;
    char *problem; /* the first one */
};

struct policy_gate {
    struct worker_pool *pool;
    struct judge_limits limits;
    const struct policy_files *files;
    struct policy_verdict *verdicts;
    struct gate_memory *memory;
    void (*done)(void *arg);
    void *arg;
    struct run *runs;
    size_t n, next, running;
    uint64_t began; /* uv_hrtime */
    uv_timer_t *later; /* the first step, and the end, are out of the caller's reach */
};

static const char *text_of(const cJSON *m, const char *name)
{
    const char *s = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(m, name));
    return s != NULL ? s : "";
}

static int line_of(const cJSON *m)
{
    const cJSON *at = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(m, "at"), "line");
    const cJSON *line = cJSON_IsNumber(at) ? at : cJSON_GetObjectItemCaseSensitive(m, "line");
    return cJSON_IsNumber(line) ? line->valueint : 0;
}

/* "10-payments_spec.lua:14: payments drops weekend warnings: Expected ..." in one line. */
static void note_failure(struct run *r, const char *name, int line, const char *message)
{
    struct buf b = {0};
    r->failures++;
    if (r->problem != NULL)
        return;
    buf_addf(&b, "%s", r->spec->name);
    if (line > 0)
        buf_addf(&b, ":%d", line);
    buf_adds(&b, ": ");
    if (name[0] != '\0' && strcmp(name, r->spec->name) != 0) {
        sentence_add(&b, name, strlen(name), 200);
        buf_adds(&b, ": ");
    }
    char *place = xasprintf("%s:%d: ", r->spec->name, line); /* the message begins with it as a rule */
    size_t n = strlen(place);
    if (strncmp(message, place, n) == 0)
        message += n;
    free(place);
    sentence_add(&b, message, strlen(message), 400);
    r->problem = buf_take(&b);
}

static void on_told(void *arg, const char *kind, cJSON *m)
{
    struct run *r = arg;
    const char *status = text_of(m, "status");
    bool end = strcmp(kind, "test_end") == 0, problem = strcmp(kind, "problem") == 0;
    if (strcmp(kind, "test_start") == 0) {
        free(r->in_hand);
        r->in_hand = xstrdup(text_of(m, "name"));
        r->line = line_of(m);
    } else if (end) {
        free(r->in_hand);
        r->in_hand = NULL;
        r->tests++;
    }
    if ((end && strcmp(status, "success") != 0 && strcmp(status, "pending") != 0) || problem)
        note_failure(r, text_of(m, "name"), line_of(m), text_of(m, "message"));
    else if (strcmp(kind, "bug") == 0)
        note_failure(r, "", 0, text_of(m, "message"));
    cJSON_Delete(m);
}

/* Paths that a spec may write: "x.json", "./x.json", "fixtures/x.json": a ConfigMap has no directories. */
static const char *flat_name(const char *name)
{
    while (strncmp(name, "./", 2) == 0)
        name += 2;
    return strncmp(name, "fixtures/", 9) == 0 ? name + 9 : name;
}

static int give(const char *bytes, size_t len, const char *name, struct buf *bytes_r, struct buf *found_r)
{
    buf_add(bytes_r, bytes, len);
    buf_adds(found_r, name);
    return 0;
}

static int on_need(void *arg, enum wire_need need, const char *how, const char *name, struct wire_text bytes,
                   struct buf *bytes_r, struct buf *found_r, struct err *e)
{
    const struct run *r = arg;
    const struct policy_files *f = r->gate->files;
    (void)bytes;
    (void)how;
    if (need != NEED_FILE)
        return err_set(e, ERR_INVALID, "%s: nothing is written while policies are loaded", name);
    name = flat_name(name);
    for (size_t i = 0; i < f->n; i++)
        if (strcmp(f->files[i].name, name) == 0 && f->files[i].len > 0)
            return give(f->files[i].source, f->files[i].len, name, bytes_r, found_r);
    for (size_t i = 0; i < f->n_libs; i++)
        if (strcmp(f->libs[i].name, name) == 0 && f->libs[i].len > 0)
            return give(f->libs[i].source, f->libs[i].len, name, bytes_r, found_r);
    const struct policy_beside *b = policy_beside_find(f, name);
    if (b == NULL)
        return err_set(e, ERR_NOT_FOUND, "%s: is not among the files beside the policies", name);
    if (b->problem != NULL)
        return err_set(e, ERR_IO, "%s %s", name, b->problem);
    return give(b->bytes, b->len, name, bytes_r, found_r);
}

static void start_more(struct policy_gate *g);

static void end_run(struct run *r)
{
    r->ended = true;
    if (r->problem == NULL && r->tests == 0)
        r->problem = xasprintf("%s: holds no test", r->spec->name);
    if (r->problem == NULL)
        note_passed(r->gate->memory, r->spec->name, r->hash);
}

static void on_ended(void *arg, const struct err *e)
{
    struct run *r = arg;
    struct policy_gate *g = r->gate;
    if (e != NULL) {
        char *text = r->in_hand != NULL ? xasprintf("the test %s", e->msg) : xasprintf("the worker that ran it %s", e->msg);
        note_failure(r, r->in_hand != NULL ? r->in_hand : "", r->in_hand != NULL ? r->line : 0, text);
        free(text);
    }
    spec_job_free(&r->job);
    end_run(r);
    g->running--;
    start_more(g);
}

static const struct spec_job_owner owner = {on_told, on_need, on_ended};

static void start_run(struct policy_gate *g, struct run *r)
{
    r->started = true;
    if (r->spec->problem != NULL) {
        r->problem = xasprintf("%s %s", r->spec->name, r->spec->problem);
        end_run(r);
        return;
    }
    if (memchr(r->spec->bytes, '\0', r->spec->len) != NULL) {
        r->problem = xasprintf("%s holds a NUL byte", r->spec->name);
        end_run(r);
        return;
    }
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "mode", "run");
    cJSON_AddStringToObject(o, "file", r->spec->name);
    cJSON_AddStringToObject(o, "source", r->spec->bytes);
    cJSON_AddNumberToObject(o, "seed", 0);
    cJSON_AddNumberToObject(o, "timeout", (double)GATE_TEST_US / 1e6);
    cJSON_AddBoolToObject(o, "keep_going", false);
    const struct spec_job_setup setup = {
        .pool = g->pool, .limits = g->limits, .options = o, .test_us = GATE_TEST_US, .whole_us = GATE_FILE_US};
    g->running++;
    r->job = spec_job_start(&setup, &owner, r);
    cJSON_Delete(o);
}

/* ---- what it means ---- */

static bool includes(const struct policy_files *f, const struct policy_verdict *v, const struct run *r)
{
    for (size_t i = 0; i < v->n_libs; i++)
        if (names_file(r->spec->name, r->name_len, f->libs[v->libs[i]].name))
            return true;
    return false;
}

static void tell_verdicts(struct policy_gate *g)
{
    for (size_t i = 0; i < g->files->n; i++) {
        struct policy_verdict *v = &g->verdicts[i];
        for (size_t k = 0; k < g->n && v->problem == NULL; k++) {
            const struct run *r = &g->runs[k];
            bool gates = names_file(r->spec->name, r->name_len, g->files->files[i].name) || includes(g->files, v, r);
            if (!gates || r->problem == NULL)
                continue;
            struct buf b = {0};
            buf_addf(&b, "%s: its specs fail: %s", g->files->files[i].name, r->problem);
            v->problem = buf_take(&b);
        }
    }
}

static void on_closed(uv_handle_t *h)
{
    free(h);
}

static void close_timer(struct policy_gate *g)
{
    if (g->later == NULL)
        return;
    g->later->data = NULL;
    uv_close((uv_handle_t *)g->later, on_closed);
    g->later = NULL;
}

static void start_more(struct policy_gate *g)
{
    bool late = uv_hrtime() - g->began > (uint64_t)GATE_ALL_US * 1000;
    while (g->running < GATE_PARALLEL && g->next < g->n) {
        struct run *r = &g->runs[g->next++];
        if (r->remembered) {
            r->ended = true;
        } else if (late) {
            r->problem = xasprintf("%s: has not run: the specs before it took longer than %d s", r->spec->name,
                                   (int)(GATE_ALL_US / MOMENT_SECOND));
            r->ended = true;
        } else {
            start_run(g, r);
        }
    }
    if (g->running > 0)
        return;
    close_timer(g);
    tell_verdicts(g);
    g->done(g->arg); /* may free it */
}

static void on_later(uv_timer_t *t)
{
    if (t->data != NULL)
        start_more(t->data);
}

struct policy_gate *policy_gate_start(struct worker_pool *pool, const struct judge_limits *limits,
                                      const struct policy_files *files, struct policy_verdict *verdicts,
                                      struct gate_memory *memory, void (*done)(void *arg), void *arg)
{
    struct policy_gate *g = xcalloc(1, sizeof *g);
    *g = (struct policy_gate){.pool = pool, .limits = *limits, .files = files, .verdicts = verdicts, .memory = memory,
                              .done = done, .arg = arg, .began = uv_hrtime()};
    g->runs = xcalloc(files->n_beside + 1, sizeof *g->runs);
    for (size_t i = 0; i < files->n_beside; i++) {
        const struct policy_beside *b = &files->beside[i];
        size_t len;
        if (!policy_beside_is_spec(b->name, &len) || !gates_any(files, b->name, len))
            continue;
        uint64_t hash = input_hash(files, b);
        g->runs[g->n++] = (struct run){.gate = g, .spec = b, .name_len = len, .hash = hash,
                                       .remembered = has_passed(memory, b->name, hash)};
    }
    g->later = xcalloc(1, sizeof *g->later);
    uv_timer_init(worker_pool_loop(pool), g->later);
    g->later->data = g;
    uv_timer_start(g->later, on_later, 0, 0);
    return g;
}

void policy_gate_free(struct policy_gate **gatep)
{
    struct policy_gate *g = *gatep;
    *gatep = NULL;
    if (g == NULL)
        return;
    close_timer(g);
    for (size_t i = 0; i < g->n; i++) {
        spec_job_free(&g->runs[i].job);
        free(g->runs[i].in_hand);
        free(g->runs[i].problem);
    }
    free(g->runs);
    free(g);
}
