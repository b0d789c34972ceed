/* `spec new`: a spec for one alert, as it is decided today, with the alert beside it. It passes as it is written: from then on
 * it proves that this alert is decided so, or names the change that decides otherwise. */
#include "alerts/identity.h"
#include "alerts/poll.h"
#include "base/mem.h"
#include "cli/engine.h"
#include "cli/offline.h"
#include "cli/say.h"
#include "cli/verbs.h"
#include "net/http.h"
#include "policy/policy_examine.h"
#include "spawner/spawner.h"
#include "spec/spec_reach.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct verb verb = {
    "spec new", "Write a spec for an alert, as it is decided today.", "--from FINGERPRINT|FILE",
    "FILE holds one alert as Alertmanager's API returns it. A FINGERPRINT is looked for in the Alertmanager of --alertmanager or\n"
    "of the documents of -f. The spec, and the alert beside it, are new files in --to DIR (default: spec, if it is there).\n\n"
    "Examples:\n"
    "  alertspawner spec new --from 5ef77f1f8a3ecf8d --alertmanager http://localhost:9093 --policies policies.d\n"
    "  curl -s localhost:9093/api/v2/alerts | jq '.[0]' >alert.json; alertspawner spec new --from alert.json",
    TAKES_DOCUMENTS | TAKES_SOURCE | TAKES_POLICIES | TAKES_SCAFFOLD, 0, 0, NULL};

struct scaffold {
    const struct options *o;
    struct engine engine;
    struct spawner_set *spawners; /* NULL: no documents */
    const struct spawner *spawner;
    struct buf alert; /* its JSON */
    struct alert_set *set;
};

/* ---- the alert ---- */

static int take_alert(struct scaffold *s, const char *bytes, size_t len, struct err *e)
{
    s->set = alert_set_create();
    if (alert_set_add(s->set, NULL, bytes, len, e) != 0)
        return -1;
    if (alert_set_at(s->set, 0)->reason != REASON_NONE)
        return err_set(e, ERR_INVALID, "that is no alert: %s", alert_set_detail(s->set, alert_set_at(s->set, 0)));
    buf_clear(&s->alert);
    buf_add(&s->alert, bytes, len);
    return 0;
}

/* One alert, bare or as the only one of a list. */
static int read_alert(struct scaffold *s, const char *path, struct err *e)
{
    struct buf text = {0};
    int rc = spec_file_read(path, &text, e);
    cJSON *json = rc == 0 ? cJSON_ParseWithLength(text.data != NULL ? text.data : "", text.len) : NULL;
    const cJSON *alert = cJSON_IsArray(json) ? json->child : json;
    if (rc == 0 && json == NULL)
        rc = err_set(e, ERR_INVALID, "%s: is no JSON", path);
    else if (rc == 0 && (alert == NULL || alert->next != NULL))
        rc = err_set(e, ERR_INVALID, "%s: holds %d alerts: give one, as with jq '.[0]'", path, cJSON_GetArraySize(json));
    if (rc == 0) {
        char *one = cJSON_PrintUnformatted(alert);
        rc = take_alert(s, one, strlen(one), e);
        if (rc != 0)
            err_wrap(e, "%s", path);
        free(one);
    }
    cJSON_Delete(json);
    buf_free(&text);
    return rc;
}

struct waiting {
    uv_loop_t *loop;
    struct alert_set *set;
    struct err e;
    bool done;
};

static void on_polled(void *arg, struct alert_set *set, const struct err *e)
{
    struct waiting *w = arg;
    w->set = set;
    if (e != NULL)
        w->e = *e;
    w->done = true;
    uv_stop(w->loop);
}

/* 1: found; 0: that Alertmanager does not have it; -1. */
static int look_for(struct scaffold *s, const struct spawner *spawner, uint64_t fingerprint, struct err *e)
{
    static const struct selector everything = {0};
    struct waiting w = {.loop = &s->engine.loop};
    struct poll_auth auth = {0};
    struct poll *poll;
    if (spawner != NULL && spawner_auth(s->spawners, spawner, s->o->secrets, &auth, e) != 0)
        return -1;
    const struct poll_options options = {.url = spawner != NULL ? spawner->url : s->o->alertmanager,
                                         .selector = &everything,
                                         .auth = spawner != NULL && spawner->secret_name != NULL ? &auth : NULL,
                                         .max_bytes = s->o->max_response_bytes,
                                         .timeout_us = s->o->timeout_us};
    int rc = poll_start(s->engine.http, &options, on_polled, &w, &poll, e);
    poll_auth_deinit(&auth);
    while (rc == 0 && !w.done)
        uv_run(w.loop, UV_RUN_DEFAULT);
    if (rc == 0 && w.set == NULL) {
        *e = w.e;
        rc = -1;
    }
    for (size_t i = 0; rc == 0 && i < alert_set_len(w.set); i++) {
        struct buf space = {0};
        struct alert a;
        const struct alert_record *r = alert_set_at(w.set, i);
        if (r->fingerprint == fingerprint && r->reason == REASON_NONE) {
            rc = alert_set_read(w.set, i, &space, &a, e) == 0 && take_alert(s, a.bytes, r->bytes_len, e) == 0 ? 1 : -1;
            s->spawner = spawner;
        }
        buf_free(&space);
    }
    alert_set_free(&w.set);
    return rc;
}

static int find_alert(struct scaffold *s, const char *from, struct err *e)
{
    uint64_t fingerprint = strtoull(from, NULL, 16);
    if (s->spawners == NULL && s->o->alertmanager == NULL)
        return err_set(e, ERR_USAGE, "%s is no file; to look for an alert of that fingerprint, say where: --alertmanager URL, or "
                                     "-f FILE with documents that name one", from);
    struct http_client_options http = {.ca_file = s->o->ca_file, .user_agent = "alertspawner/" AS_VERSION};
    if (http_client_create(&s->engine.loop, &http, &s->engine.http, e) != 0)
        return -1;
    int rc = s->spawners == NULL ? look_for(s, NULL, fingerprint, e) : 0;
    for (size_t i = 0; rc == 0 && s->spawners != NULL && i < s->spawners->n; i++)
        rc = look_for(s, s->spawners->spawners[i], fingerprint, e);
    if (rc == 0)
        return err_set(e, ERR_NOT_FOUND, "no alert with the fingerprint %s is active there", from);
    return rc > 0 ? 0 : -1;
}

static bool is_fingerprint(const char *s)
{
    return strlen(s) == IDENTITY_TEXT - 1 && strspn(s, "0123456789abcdef") == strlen(s);
}

static int get_alert(struct scaffold *s, struct err *e)
{
    struct stat st;
    if (stat(s->o->scaffold_from, &st) == 0 || !is_fingerprint(s->o->scaffold_from))
        return read_alert(s, s->o->scaffold_from, e);
    return find_alert(s, s->o->scaffold_from, e);
}

/* ---- the spec ---- */

/* A string of Lua. */
static void add_quoted(struct buf *b, const char *s)
{
    buf_addc(b, '"');
    for (; *s != '\0'; s++)
        if (*s == '"' || *s == '\\')
            buf_addf(b, "\\%c", *s);
        else if (*s == '\n')
            buf_adds(b, "\\n");
        else if ((unsigned char)*s < 0x20 || *s == 0x7f)
            buf_addf(b, "\\%03d", (unsigned char)*s);
        else
            buf_addc(b, *s);
    buf_addc(b, '"');
}

/* JSON as Lua writes it. */
static void add_value(struct buf *b, const cJSON *v)
{
    const cJSON *child;
    if (cJSON_IsString(v)) {
        add_quoted(b, v->valuestring);
    } else if (cJSON_IsArray(v) || cJSON_IsObject(v)) {
        buf_addc(b, '{');
        cJSON_ArrayForEach(child, v)
        {
            if (child != v->child)
                buf_adds(b, ", ");
            if (cJSON_IsObject(v)) {
                buf_addc(b, '[');
                add_quoted(b, child->string);
                buf_adds(b, "] = ");
            }
            add_value(b, child);
        }
        buf_addc(b, '}');
    } else {
        char *text = cJSON_PrintUnformatted(v);
        buf_adds(b, strcmp(text, "null") == 0 ? "nil" : text);
        free(text);
    }
}

/* A part of a file's name. */
static void add_name(struct buf *b, const char *s, size_t max)
{
    for (size_t n = 0; *s != '\0' && n < max; s++, n++) {
        bool plain = strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-", *s) != NULL;
        buf_addc(b, plain ? *s : '_');
    }
}

struct decided {
    const struct judgement *j;
    const char *policy, *file, *code;
    const struct composition *c; /* NULL: dropped */
};

static void add_expectations(struct buf *b, const struct decided *d)
{
    if (d->j->answer == JUDGED_DROP) {
        buf_adds(b, "        assert.drops(d, ");
        add_quoted(b, d->code != NULL ? d->code : "filter");
        buf_adds(b, ")\n");
        if (d->j->detail != NULL && d->j->detail[0] != '\0') {
            buf_adds(b, "        assert.equal(");
            add_quoted(b, d->j->detail);
            buf_adds(b, ", d.detail)\n");
        }
        return;
    }
    buf_adds(b, "        assert.keeps(d)\n");
    buf_addf(b, "        assert.equal(%d, d.priority)\n", (int)d->j->priority);
    if (d->j->key != NULL) {
        buf_adds(b, "        assert.equal(");
        add_quoted(b, d->j->key);
        buf_adds(b, ", d.key)\n");
    }
    if (d->c != NULL && d->c->title != NULL) {
        buf_adds(b, "        assert.equal(");
        add_quoted(b, d->c->title);
        buf_adds(b, ", d.title)\n");
    }
}

static void write_spec(const struct scaffold *s, const struct decided *d, const char *alertname, moment_t now,
                       const char *fixture, struct buf *b)
{
    char at[MOMENT_TEXT];
    moment_format_s(now, at);
    buf_addf(b, "-- What %s decided on %s, written by `alertspawner spec new`.\n\nlocal p = policies.load ", d->file, at);
    add_quoted(b, d->file);
    buf_adds(b, "\n\ndescribe(");
    char *name = xasprintf("%s: %s", d->policy, alertname);
    add_quoted(b, name);
    free(name);
    buf_adds(b, ", function()\n    it(");
    add_quoted(b, d->j->answer == JUDGED_DROP ? "drops it" : "keeps it");
    buf_addf(b, ", function()\n        clock.at \"%s\"\n        local d = p:decide(alert.from ", at);
    add_quoted(b, fixture);
    if (s->spawner != NULL && s->spawner->policy_config != NULL) {
        buf_adds(b, ", {config = ");
        add_value(b, s->spawner->policy_config);
        buf_adds(b, "}");
    }
    buf_adds(b, ")\n");
    add_expectations(b, d);
    buf_adds(b, "    end)\nend)\n");
}

/* A new file; one that is there already is never touched. */
static int write_new(const char *path, const struct buf *b, struct err *e)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0)
        return err_set(e, errno == EEXIST ? ERR_CONFLICT : ERR_IO, "%s: %s", path,
                       errno == EEXIST ? "is there already; nothing is written over it" : strerror(errno));
    FILE *f = fdopen(fd, "w");
    if (f == NULL) {
        close(fd);
        return err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
    }
    bool whole = fwrite(b->data, 1, b->len, f) == b->len;
    if (fclose(f) != 0 || !whole) {
        unlink(path);
        return err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
    }
    return 0;
}

static char *pretty_alert(const struct scaffold *s)
{
    cJSON *list = cJSON_CreateArray();
    cJSON_AddItemToArray(list, cJSON_ParseWithLength(s->alert.data, s->alert.len));
    char *text = cJSON_Print(list), *line = xasprintf("%s\n", text);
    free(text);
    cJSON_Delete(list);
    return line;
}

/* Writes both files; *spec_r is the spec's path. */
static int write_files(const struct scaffold *s, const struct decided *d, moment_t now, char **spec_r, struct err *e)
{
    struct stat st;
    const char *dir = s->o->scaffold_to != NULL ? s->o->scaffold_to : stat("spec", &st) == 0 && S_ISDIR(st.st_mode) ? "spec" : ".";
    const char *alertname = alert_set_alertname(s->set, alert_set_at(s->set, 0));
    struct buf base = {0}, spec = {0}, fixture = {0};
    add_name(&base, d->policy, 60);
    buf_addc(&base, '_');
    add_name(&base, alertname[0] != '\0' ? alertname : "alert", 60);
    char *fixture_name = xasprintf("%s_alert.json", base.data), *fixture_path = xasprintf("%s/%s", dir, fixture_name);
    char *spec_path = xasprintf("%s/%s_spec.lua", dir, base.data), *json = pretty_alert(s);
    buf_adds(&fixture, json);
    write_spec(s, d, alertname, now, fixture_name, &spec);
    int rc = access(spec_path, F_OK) == 0
                 ? err_set(e, ERR_CONFLICT, "%s: is there already; nothing is written over it", spec_path)
                 : write_new(fixture_path, &fixture, e);
    if (rc == 0 && (rc = write_new(spec_path, &spec, e)) != 0)
        unlink(fixture_path);
    if (rc == 0)
        printf("%s\n%s\n", spec_path, fixture_path);
    if (rc == 0)
        *spec_r = xstrdup(spec_path);
    free(json);
    free(fixture_name);
    free(fixture_path);
    free(spec_path);
    buf_free(&base);
    buf_free(&spec);
    buf_free(&fixture);
    return rc;
}

/* ---- */

static int scaffold(struct scaffold *s, char **spec_r, struct err *e)
{
    if (get_alert(s, e) != 0)
        return -1;
    moment_t now = moment_now() / MOMENT_SECOND * MOMENT_SECOND; /* as the spec will have it */
    const struct policy_files *files = policy_set_get(s->engine.policies);
    struct judge_setup setup = policy_examine_setup(files, &s->engine.env.limits);
    struct judge *j = NULL;
    struct composition c = {0};
    setup.now = now;
    setup.set = s->set;
    if (s->spawner == NULL && s->spawners != NULL && s->spawners->n > 0)
        s->spawner = s->spawners->spawners[0];
    if (s->spawner != NULL)
        setup.spawner = s->spawner;
    int rc = offline_judge(&s->engine, &setup, &j, e);
    const struct judgement *v = rc == 0 ? judge_at(j, 0) : NULL;
    if (rc == 0 && v->answer == JUDGED_ERROR)
        rc = err_set(e, ERR_INVALID, "it is not decided at all: %s: %s", reason_code((enum reason)v->reason),
                     v->detail != NULL ? v->detail : "");
    bool kept = rc == 0 && v->answer == JUDGED_KEEP;
    if (kept)
        rc = offline_compose(&s->engine, j, 0, &c, e);
    if (rc == 0) {
        const struct policy_info *info = judge_policy_info(j, v->policy);
        const struct decided d = {v, info->name, info->file, judge_code(j, v), kept ? &c : NULL};
        rc = write_files(s, &d, now, spec_r, e);
    }
    composition_deinit(&c);
    judge_free(&j);
    policy_set_put(s->engine.policies, files);
    return rc;
}

/* Runs what was written: it must pass. */
static int prove(const struct options *o, char *spec)
{
    char *with[] = {(char *)"spec", (char *)"--policies", (char *)o->policies, spec, NULL};
    char *without[] = {(char *)"spec", spec, NULL};
    return o->policies != NULL ? verb_spec(4, with) : verb_spec(2, without);
}

int spec_new(int argc, char **argv)
{
    struct options o = {0};
    struct err e = {0};
    char *spec = NULL;
    int rc = options_parse(&verb, argc, argv, &o, &e);
    if (rc == 0 && o.help) {
        options_help(&verb);
        options_deinit(&o);
        return EXIT_DONE;
    }
    if (rc == 0 && o.scaffold_from == NULL)
        rc = err_set(&e, ERR_USAGE, "no alert: give --from FILE, or --from FINGERPRINT");
    if (rc != 0) {
        options_deinit(&o);
        return verb_fail(&e);
    }
    struct scaffold s = {.o = &o};
    size_t bad = 0;
    if (o.n_documents > 0)
        rc = engine_documents(&o, NULL, &s.spawners, &bad, &e);
    if (rc == 0) {
        rc = engine_open(&o, ENGINE_OFFLINE, &s.engine, &e);
        if (rc == 0)
            rc = scaffold(&s, &spec, &e);
        engine_close(&s.engine);
    }
    alert_set_free(&s.set);
    spawner_set_free(&s.spawners);
    buf_free(&s.alert);
    int code = rc == 0 ? prove(&o, spec) : verb_fail(&e);
    free(spec);
    options_deinit(&o);
    return code;
}
