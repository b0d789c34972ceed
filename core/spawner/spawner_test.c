/* Documents: what is taken, and what is said of the rest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "alerts/poll.h"
#include "base/buf.h"
#include "base/mem.h"
#include "spawner/spawner.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static struct spawner_set *load(const char *text)
{
    static const char *const dash[] = {"-"};
    struct spawner_source source = {
        .paths = dash, .n_paths = 1, .stdin_text = text, .stdin_len = strlen(text)};
    struct spawner_set *set = NULL;
    struct err e;
    assert_int_equal(spawner_set_load(&source, &set, &e), 0);
    return set;
}

static char *problems_of(const struct spawner_set *set)
{
    struct buf b = {0};
    buf_adds(&b, "");
    for (size_t i = 0; i < set->n_problems; i++)
        buf_addf(&b, "%s%s", i ? "\n" : "", set->problems[i]);
    return buf_take(&b);
}

static void assert_problems(const char *text, const char *expected)
{
    struct spawner_set *set = load(text);
    char *got = problems_of(set);
    if (strcmp(got, expected) != 0) {
        print_error("--- document\n%s\n", text);
        assert_string_equal(got, expected);
    }
    free(got);
    spawner_set_free(&set);
}

/* A document out of its parts. The spec begins in line 4, when's content in line 6, the template's content in
 * line 9. */
static char *document(const char *api, const char *when, const char *template, const char *spec)
{
    const char *kind = strncmp(api, "alerts", 6) == 0 ? "AlertSpawner" : "TaskSpawner";
    return xasprintf("apiVersion: %s\nkind: %s\nmetadata: {name: a}\nspec:\n  when:\n    prometheusAlerts:\n"
                     "      url: http://am:9093\n%s  taskTemplate:\n%s%s",
                     api, kind, when, template, spec);
}

#define V1   "kelos.dev/v1alpha1"
#define V2   "kelos.dev/v1alpha2"
#define OURS "alerts.kelos.dev/v1alpha1"
#define OK_T "    type: codex\n    credentials: {type: none}\n    promptTemplate: x\n"

/* ---- both examples, field by field ---- */

static struct spawner_set *load_path(const char *path)
{
    struct spawner_source source = {.paths = &path, .n_paths = 1};
    struct spawner_set *set = NULL;
    struct err e = {0};
    if (spawner_set_load(&source, &set, &e) != 0)
        fail_msg("%s", e.msg);
    return set;
}

static void assert_json(const cJSON *j, const char *expected)
{
    char *got = cJSON_PrintUnformatted(j);
    assert_string_equal(got, expected);
    cJSON_free(got);
}

static void example_oom(void **state)
{
    (void)state;
    struct spawner_set *set = load_path("examples/oom-remediator.yaml");
    assert_int_equal(set->n_problems, 0);
    assert_int_equal(set->n, 1);
    const struct spawner *s = spawner_set_find(set, "default", "oom-remediator");
    assert_non_null(s);
    assert_string_equal(s->file, "examples/oom-remediator.yaml");
    assert_int_equal(s->line, 1);
    assert_string_equal(s->kind, "TaskSpawner");
    assert_string_equal(s->api_version, V1);
    assert_string_equal(spawner_who(s), "default/oom-remediator");
    assert_string_equal(s->uid, "");
    assert_true(s->hash != 0);
    assert_string_equal(s->url, "http://alertmanager.monitoring.svc:9093");
    assert_int_equal(s->selector.n_alert_names, 2);
    assert_string_equal(s->selector.alert_names[0], "KubePodCrashLooping");
    assert_string_equal(s->selector.alert_names[1], "KubeContainerOOMKilled");
    assert_int_equal(s->selector.n_labels, 1);
    assert_string_equal(s->selector.labels[0].name, "namespace");
    assert_string_equal(s->selector.labels[0].value, "production");
    assert_int_equal(s->selector.n_exclude_labels + s->selector.n_severities + s->n_priority_labels, 0);
    assert_int_equal(s->poll_interval_us, 120 * MOMENT_SECOND);
    assert_null(s->secret_name);
    assert_int_equal(s->max_concurrency, 2);
    assert_int_equal(s->max_total_tasks, 20);
    assert_false(s->suspend);
    assert_null(s->policy);
    assert_null(s->policy_config);
    assert_memory_equal(s->prompt_template,
                        "A production alert is firing: {{.Title}}\n\nAlert details:\n{{.Body}}\n", 60);
    assert_string_equal(s->branch_template, "fix/alert-{{.ID}}");
    assert_null(s->name_template);
    assert_int_equal(s->n_labels + s->n_annotations, 0);
    assert_json(
        s->task_spec,
        "{\"type\":\"claude-code\",\"credentials\":{\"type\":\"api-key\",\"secretRef\":{\"name\":"
        "\"claude-credentials\"}},\"workspaceRef\":{\"name\":\"main-app\"},\"ttlSecondsAfterFinished\":7200,"
        "\"podOverrides\":{\"activeDeadlineSeconds\":1800},\"agentConfigRefs\":[{\"name\":\"sre-agent\"}]}");
    assert_null(s->credentials);
    assert_int_equal(s->n_warnings, 0);
    spawner_set_free(&set);
    assert_null(set);
}

static void example_slo(void **state)
{
    (void)state;
    struct spawner_set *set = load_path("examples/slo-investigator.yaml");
    assert_int_equal(set->n_problems, 0);
    const struct spawner *s = spawner_set_find(set, "default", "slo-investigator");
    assert_non_null(s);
    assert_int_equal(s->selector.n_labels, 2);
    assert_string_equal(s->selector.labels[1].name, "team");
    assert_string_equal(s->selector.labels[1].value, "platform");
    assert_int_equal(s->selector.n_exclude_labels, 1);
    assert_string_equal(s->selector.exclude_labels[0].name, "silenced");
    assert_string_equal(s->selector.exclude_labels[0].value, "true");
    assert_int_equal(s->poll_interval_us, 60 * MOMENT_SECOND);
    assert_int_equal(s->max_concurrency, 3);
    assert_int_equal(s->max_total_tasks, 0);
    assert_string_equal(s->branch_template, "investigate/{{.Title}}-{{.ID}}");
    assert_json(s->task_spec,
                "{\"type\":\"claude-code\",\"credentials\":{\"type\":\"oauth\",\"secretRef\":{\"name\":"
                "\"claude-oauth\"}},"
                "\"workspaceRef\":{\"name\":\"platform-services\"},\"ttlSecondsAfterFinished\":3600,"
                "\"agentConfigRefs\":[{\"name\":\"sre-investigator\"}]}");
    spawner_set_free(&set);
}

/* ---- everything that a document can hold ---- */

static void every_field(void **state)
{
    (void)state;
    struct spawner_set *set =
        load("apiVersion: alerts.kelos.dev/v1alpha1\nkind: AlertSpawner\nmetadata:\n  name: all.of-it\n  "
             "namespace: ops\n"
             "  uid: u-1\n  generation: 3\n  managedFields: [{a: 1}]\n  labels: {a: b}\n  annotations:\n"
             "    alerts.kelos.dev/policy: pages\n    alerts.kelos.dev/policy-config: '{\"a\": [1]}'\n"
             "spec:\n  pollInterval: 90s\n  suspend: true\n  credentials:\n"
             "  - {name: one, type: oauth, secretRef: {name: s1}}\n  - {name: two, type: api-key, secretRef: "
             "{name: s2}}\n"
             "  when:\n    prometheusAlerts:\n      url: https://am.example:443/prefix/\n      severities: "
             "[critical]\n"
             "      secretRef: {name: am}\n      priorityLabels: [severity=critical, team]\n"
             "  taskTemplate:\n    worker: {type: cursor, model: m, effort: '', workspaceRef: {name: w}}\n"
             "    dependsOn: [t1]\n    upstreamRepo: o/r\n    branch: b\n    nameTemplate: n-{{.ID}}\n"
             "    metadata:\n      labels: {l: 'x{{.ID}}'}\n      annotations: {x.y/a: v}\n"
             "    podFailurePolicy:\n      rules:\n      - {action: Ignore, onExitCodes: {operator: In, "
             "values: [1, 2]}}\n"
             "status: {whatever: 1}\n");
    char *p = problems_of(set);
    assert_string_equal(p, "");
    free(p);
    const struct spawner *s = spawner_set_find(set, "ops", "all.of-it");
    assert_non_null(s);
    assert_string_equal(s->uid, "u-1");
    assert_string_equal(s->policy, "pages");
    assert_json(s->policy_config, "{\"a\":[1]}");
    assert_int_equal(s->poll_interval_us, 90 * MOMENT_SECOND);
    assert_true(s->suspend);
    assert_string_equal(s->secret_name, "am");
    assert_int_equal(s->n_priority_labels, 2);
    assert_string_equal(s->priority_labels[0], "severity=critical");
    assert_int_equal(s->selector.n_severities, 1);
    assert_json(s->credentials, "[{\"name\":\"one\",\"type\":\"oauth\",\"secretRef\":{\"name\":\"s1\"}},"
                                "{\"name\":\"two\",\"type\":\"api-key\",\"secretRef\":{\"name\":\"s2\"}}]");
    assert_string_equal(s->prompt_template, "{{.Title}}");
    assert_string_equal(s->name_template, "n-{{.ID}}");
    assert_string_equal(s->labels[0].key, "l");
    assert_string_equal(s->labels[0].template, "x{{.ID}}");
    assert_string_equal(s->annotations[0].key, "x.y/a");
    assert_json(
        s->task_spec,
        "{\"worker\":{\"type\":\"cursor\",\"model\":\"m\",\"workspaceRef\":{\"name\":\"w\"}},\"dependsOn\":["
        "\"t1\"],"
        "\"upstreamRepo\":\"o/r\",\"podFailurePolicy\":{\"rules\":[{\"action\":\"Ignore\",\"onExitCodes\":"
        "{\"operator\":\"In\",\"values\":[1,2]}}]}}");
    assert_int_equal(s->n_warnings, 1);
    assert_string_equal(s->warnings[0],
                        "empty promptTemplate: the agent is told the alert's name and nothing else");
    spawner_set_free(&set);
}

/* What Go would write back. */
static void task_spec_survives_go(void **state)
{
    (void)state;
    static const struct {
        const char *template, *json;
    } rows[] = {
        {"    model: ''\n    image: ~\n    dependsOn: []\n    podOverrides: {}\n", ""},
        {"    ttlSecondsAfterFinished: 0\n", ",\"ttlSecondsAfterFinished\":0"},
        {"    podOverrides: {resources: {requests: {cpu: 1, memory: 1024Mi}, limits: {cpu: 0.5, x: "
         "1000m}}}\n",
         ",\"podOverrides\":{\"resources\":{\"requests\":{\"cpu\":\"1\",\"memory\":\"1Gi\"},\"limits\":{"
         "\"cpu\":\"500m\","
         "\"x\":\"1\"}}}"},
        {"    podOverrides: {extraContainers: [{name: c, tty: false, stdin: true, command: []}]}\n",
         ",\"podOverrides\":{\"extraContainers\":[{\"name\":\"c\",\"stdin\":true,\"resources\":{}}]}"},
        {"    podOverrides: {extraInitContainers: [{name: c, resources: {limits: {cpu: 2000m}}}]}\n",
         ",\"podOverrides\":{\"extraInitContainers\":[{\"name\":\"c\",\"resources\":{\"limits\":{\"cpu\":"
         "\"2\"}}}]}"},
        {"    podOverrides: {env: [{name: A, value: ''}, {name: B, value: b}], labels: {a: ''}}\n",
         ",\"podOverrides\":{\"env\":[{\"name\":\"A\"},{\"name\":\"B\",\"value\":\"b\"}],\"labels\":{\"a\":"
         "\"\"}}"},
        {"    podOverrides: {volumes: [{name: v, emptyDir: {}}, {name: w, secret: {secretName: s}}]}\n",
         ",\"podOverrides\":{\"volumes\":[{\"name\":\"v\",\"emptyDir\":{}},{\"name\":\"w\",\"secret\":{"
         "\"secretName\":"
         "\"s\"}}]}"},
        {"    podOverrides: {volumeMounts: [{name: v, mountPath: /x, readOnly: false}], tolerations: [{key: "
         "k, "
         "tolerationSeconds: 0, value: ''}]}\n",
         ",\"podOverrides\":{\"volumeMounts\":[{\"name\":\"v\",\"mountPath\":\"/"
         "x\"}],\"tolerations\":[{\"key\":\"k\","
         "\"tolerationSeconds\":0}]}"},
        {"    podOverrides: {podSecurityContext: {runAsNonRoot: false, fsGroup: ~}}\n",
         ",\"podOverrides\":{\"podSecurityContext\":{\"runAsNonRoot\":false}}"},
        {"    agentConfigRef: {name: a}\n", ",\"agentConfigRefs\":[{\"name\":\"a\"}]"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *t = xasprintf(OK_T "%s", rows[i].template), *doc = document(V2, "", t, "");
        char *expected =
            xasprintf("{\"type\":\"codex\",\"credentials\":{\"type\":\"none\"}%s}", rows[i].json);
        struct spawner_set *set = load(doc);
        char *p = problems_of(set);
        assert_string_equal(p, "");
        assert_json(set->spawners[0]->task_spec, expected);
        free(p);
        spawner_set_free(&set);
        free(expected);
        free(doc);
        free(t);
    }
}

/* ---- problems ---- */

#define W "stdin:8:"

static void when_problems(void **state)
{
    (void)state;
    static const struct {
        const char *api, *when, *problem;
    } rows[] = {
        {V1, "", ""},
        {V1, "      alertName: [a]\n",
         W "7: spec.when.prometheusAlerts.alertName: unknown field; did you mean \"alertNames\"?"},
        {V1, "      ALERTNAMES: [a]\n",
         W "7: spec.when.prometheusAlerts.ALERTNAMES: unknown field; did you mean \"alertNames\"?"},
        {V1, "      labesl: {a: b}\n",
         W "7: spec.when.prometheusAlerts.labesl: unknown field; did you mean \"labels\"?"},
        {V1, "      quite-other: 1\n", W "7: spec.when.prometheusAlerts.quite-other: unknown field"},
        {V1, "      excludeLabels: {silenced: true}\n",
         W "33: spec.when.prometheusAlerts.excludeLabels.silenced: expected a string, got a boolean; write "
           "\"true\" in "
           "quotes"},
        {V1, "      excludeLabels: {silenced: yes}\n",
         W "33: spec.when.prometheusAlerts.excludeLabels.silenced: expected a string, got a boolean; write "
           "\"yes\" in "
           "quotes"},
        {V1, "      labels: {v: 1.10}\n",
         W "19: spec.when.prometheusAlerts.labels.v: expected a string, got a number; write \"1.10\" in "
           "quotes"},
        {V1, "      labels: {v: ~}\n",
         W "19: spec.when.prometheusAlerts.labels.v: expected a string, got null"},
        {V1, "      alertNames: x\n",
         W "19: spec.when.prometheusAlerts.alertNames: expected a list, got a string"},
        {V1, "      alertNames: [a, 2]\n",
         W "23: spec.when.prometheusAlerts.alertNames[1]: expected a string, got an integer; write \"2\" in "
           "quotes"},
        {V1, "      labels: [a]\n", W "15: spec.when.prometheusAlerts.labels: expected a map, got a list"},
        {V1, "      pollInterval: 5s\n", ""},
        {V1, "      pollInterval: '90'\n", ""},
        {V1, "      pollInterval: 90\n",
         W "21: spec.when.prometheusAlerts.pollInterval: expected a string, got an integer; write \"90\" in "
           "quotes"},
        {V1, "      pollInterval: 4s\n",
         W "21: spec.when.prometheusAlerts.pollInterval: \"4s\" is too short: at least 5s"},
        {V1, "      pollInterval: -1m\n",
         W "21: spec.when.prometheusAlerts.pollInterval: \"-1m\" is too short: at least 5s"},
        {V1, "      pollInterval: soon\n",
         W "21: spec.when.prometheusAlerts.pollInterval: \"soon\" is no duration: write 30s, 2m, 1h30m or "
           "whole seconds"},
        {V1, "      secretRef: {}\n",
         W "18: spec.when.prometheusAlerts.secretRef.name: required, but missing"},
        {V1, "      secretRef: {name: ../x}\n",
         W "25: spec.when.prometheusAlerts.secretRef.name: \"../x\" is no name: lower case letters, digits, "
           "\"-\" and "
           "\".\", with a letter or digit at both ends"},
        {V1, "    cron: {schedule: x}\n",
         W "5: spec.when.cron: not served here: `when` must hold prometheusAlerts and nothing else; leave "
           "this spawner to "
           "Kelos, or split it"},
        {V1, "  pollInterval: 3m\n", ""},
        {OURS, "  pollInterval: 3m\n", ""},
        {V2, "  pollInterval: 3m\n",
         W "3: spec.pollInterval: unknown field in kelos.dev/v1alpha2; put it in "
           "when.prometheusAlerts.pollInterval"},
        {V1, "  maxConcurrency: -1\n", W "19: spec.maxConcurrency: must be at least 0, is -1"},
        {V1, "  maxTotalTasks: 2147483648\n",
         W "18: spec.maxTotalTasks: must be at most 2147483647, is 2147483648"},
        {V1, "  maxTotalTasks: '2'\n",
         W "18: spec.maxTotalTasks: expected an integer, got a string; write it without quotes"},
        {V1, "  suspend: 'true'\n",
         W "12: spec.suspend: expected a boolean, got a string; write it without quotes"},
        {V1, "  suspend: yes\n", ""},
        {V1, "  when2: 1\n", W "3: spec.when2: unknown field; did you mean \"when\"?"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *doc = document(rows[i].api, rows[i].when, OK_T, "");
        assert_problems(doc, rows[i].problem);
        free(doc);
    }
}

static void url_problems(void **state)
{
    (void)state;
    static const char *const good[] = {"http://am", "https://am:9093/x/y/", "http://[::1]:9093",
                                       "http://127.0.0.1:1/a%20b"};
    static const char *const bad[] = {"",
                                      "ftp://am",
                                      "am:9093",
                                      "http://",
                                      "http:///x",
                                      "http://:9093",
                                      "http://am:0",
                                      "http://am:",
                                      "http://am:65536",
                                      "http://u:p@am",
                                      "http://am/?a=b",
                                      "http://am#x",
                                      "http://am?x",
                                      "HTTP://am",
                                      "http://a b",
                                      "http://am:9093x",
                                      "http://[::1",
                                      "http://...",
                                      "http://a\\b/",
                                      "http://[]/",
                                      "http://ä"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        char *doc = xasprintf(
            "{\"apiVersion\": \"" V1 "\", \"kind\": \"TaskSpawner\", \"metadata\": {\"name\": \"a\"}, "
            "\"spec\": {\"when\": {\"prometheusAlerts\": {\"url\": \"%s\"}}, \"taskTemplate\": "
            "{\"type\": \"codex\", \"credentials\": {\"type\": \"none\"}}}}",
            good[i]);
        assert_problems(doc, "");
        free(doc);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char *doc = xasprintf("apiVersion: " V1 "\nkind: TaskSpawner\nmetadata: {name: a}\nspec:\n  when:\n"
                              "    prometheusAlerts:\n      url: '%s'\n  taskTemplate:\n" OK_T,
                              bad[i]);
        struct spawner_set *set = load(doc);
        if (set->n_problems != 1 ||
            strncmp(set->problems[0], "stdin:7:12: spec.when.prometheusAlerts.url: ", 44) != 0)
            fail_msg("%s: %s", bad[i], set->n_problems ? set->problems[0] : "no problem");
        assert_null(strstr(set->problems[0], "u:p"));
        spawner_set_free(&set);
        free(doc);
    }
    struct spawner_set *set = load_path("examples/oom-remediator.yaml");
    struct err e;
    assert_int_equal(spawner_set_override_url(set, "http://127.0.0.1:9", &e), 0);
    assert_string_equal(set->spawners[0]->url, "http://127.0.0.1:9");
    assert_int_equal(spawner_set_override_url(set, "localhost:9", &e), -1);
    assert_string_equal(e.msg, "--alertmanager: the URL must begin with http:// or https://");
    assert_string_equal(set->spawners[0]->url, "http://127.0.0.1:9");
    spawner_set_free(&set);
}

/* The rules of the CRDs: the sentences are theirs. */
static void template_problems(void **state)
{
    (void)state;
#define T              "spec.taskTemplate"
#define NC             "    credentials: {type: none}\n"
#define TYP            "    type: codex\n"
#define POOL           "    workerPoolRef: {name: p}\n"
#define LIST           "  credentials: [{name: a, type: oauth, secretRef: {name: s}}]\n"
#define NO_CREDENTIALS "spec: inline task templates require taskTemplate credentials or spec.credentials"
#define EXCLUSIVE                                                                                            \
    "spec: spec.credentials is mutually exclusive with taskTemplate credentials and workerPoolRef"
    static const struct {
        const char *api, *template, *spec, *problem;
    } rows[] = {
        {V2, TYP NC, "", ""},
        {V2, POOL, "", ""},
        {V2, POOL "    image: ''\n    dependsOn: []\n    branch: ''\n    model: m\n    upstreamRepo: o/r\n",
         "", ""},
        {V2, "    worker: {type: codex, credentials: {type: none}}\n", "", ""},
        {V2, TYP, LIST, ""},
        {V2, "    worker: {type: codex}\n", LIST, ""},
        {V2, "    model: m\n" NC, "",
         "stdin:9:5: " T
         ": either workerPoolRef, worker with type, or type is required\nstdin:9:5: " NO_CREDENTIALS},
        {V2, "    worker: {credentials: {type: none}}\n", "",
         "stdin:9:5: " T ": either workerPoolRef, worker with type, or type is required"},
        {V2, "    type: ''\n" NC, "",
         "stdin:9:5: " T ": either workerPoolRef, worker with type, or type is required"},
        {V2, TYP, "", "stdin:9:5: " NO_CREDENTIALS},
        {V2, "    worker: {type: codex}\n", "", "stdin:9:5: " NO_CREDENTIALS},
        {V2, TYP NC, LIST, "stdin:11:16: " EXCLUSIVE},
        {V2, "    worker: {type: codex, credentials: {type: none}}\n", LIST, "stdin:10:16: " EXCLUSIVE},
        {V2, POOL, LIST, "stdin:10:16: " EXCLUSIVE},
        {V2, POOL TYP, "",
         "stdin:10:11: " T ": workerPoolRef is mutually exclusive with inline type/credentials"},
        {V2, POOL NC, "",
         "stdin:10:18: " T ": workerPoolRef is mutually exclusive with inline type/credentials"},
        {V2, POOL "    worker: {type: codex}\n", "",
         "stdin:10:13: " T
         ": workerPoolRef is mutually exclusive with inline worker (per-task overrides not yet supported)"},
        {V2, POOL "    image: i\n", "", "stdin:10:12: " T ": image is not supported with workerPoolRef"},
        {V2, POOL "    workspaceRef: {name: w}\n", "",
         "stdin:10:19: " T ": workspaceRef is not supported with workerPoolRef"},
        {V2, POOL "    agentConfigRefs: [{name: w}]\n", "",
         "stdin:10:22: " T ": agentConfigRefs is not supported with workerPoolRef"},
        {V2, POOL "    agentConfigRef: {name: w}\n", "",
         "stdin:10:21: " T ": agentConfigRefs is not supported with workerPoolRef"},
        {V2, POOL "    dependsOn: [a]\n", "",
         "stdin:10:16: " T ": dependsOn is not supported with workerPoolRef"},
        {V2, POOL "    branch: b\n", "", "stdin:10:13: " T ": branch is not supported with workerPoolRef"},
        {V2, POOL "    ttlSecondsAfterFinished: 0\n", "",
         "stdin:10:30: " T ": ttlSecondsAfterFinished is not supported with workerPoolRef"},
        {V2, POOL "    podOverrides: {}\n", "",
         "stdin:10:19: " T ": podOverrides is not supported with workerPoolRef"},
        {V2, POOL "    podFailurePolicy: {rules: []}\n", "",
         "stdin:10:23: " T ": podFailurePolicy is not supported with workerPoolRef"},
        {V2, TYP NC "    worker: {type: codex, credentials: {type: none}}\n", "",
         "stdin:9:11: " T ": worker is mutually exclusive with legacy type/credentials fields"},
        {V1, TYP "    credentials: {type: oauth}\n", "",
         "stdin:10:18: " T ".credentials: secretRef is required for api-key and oauth credential types"},
        {V2, "    worker: {type: codex, credentials: {type: api-key}}\n", "",
         "stdin:9:40: " T
         ".worker: credentials.secretRef is required for api-key and oauth credential types"},
        {V1, TYP NC "    agentConfigRef: {name: a}\n    agentConfigRefs: [{name: b}]\n", "",
         "stdin:11:21: " T ": agentConfigRef and agentConfigRefs are mutually exclusive"},
        {V2, TYP NC "    agentConfigRefs: []\n", "",
         "stdin:11:22: " T ".agentConfigRefs: must hold at least one entry; leave it out if there is none"},
        {V2, TYP NC "    podFailurePolicy: {rules: [{action: FailIndex}]}\n", "",
         "stdin:11:32: " T
         ".podFailurePolicy.rules: podFailurePolicy.rules[].action FailIndex is not supported for Task Jobs"},
        {V2, TYP NC "    podOverrides: {extraContainers: [{name: kelos-x}]}\n", "",
         "stdin:11:45: " T
         ".podOverrides.extraContainers: extraContainers[].name must not use the reserved 'kelos-' prefix "
         "or a built-in init container name"},
        {V2, TYP NC "    podOverrides: {extraInitContainers: [{name: git-clone}, {name: ''}]}\n", "",
         "stdin:11:49: " T ".podOverrides.extraInitContainers: extraInitContainers[].name must not use the "
                           "reserved 'kelos-' prefix or a "
         "built-in init container name\nstdin:11:68: " T
         ".podOverrides.extraInitContainers: extraInitContainers[].name must not be empty"},
        {V2, TYP NC "    podOverrides: {extraContainers: [{name: a}, {name: a}]}\n", "",
         "stdin:11:49: " T ".podOverrides.extraContainers: two entries are named \"a\""},
        {V1, TYP NC "    podOverrides: {volumes: [{name: kelos-x, emptyDir: {}}]}\n", "",
         "stdin:11:30: " T
         ".podOverrides.volumes: volumes[].name must not be 'workspace' or use the reserved 'kelos-' prefix"},
        {V2, TYP NC "    podOverrides: {volumes: [{name: workspace, emptyDir: {}}]}\n", "", ""},
        {V2, TYP NC "    podOverrides: {activeDeadlineSeconds: 0}\n", "",
         "stdin:11:43: " T ".podOverrides.activeDeadlineSeconds: must be at least 1, is 0"},
        {V2, TYP NC "    podOverrides: {resources: {limits: {cpu: lots}}}\n", "",
         "stdin:11:46: " T
         ".podOverrides.resources.limits.cpu: \"lots\" is no quantity: write 500m, 2, 1.5Gi or 1e3"},
        {V2, TYP NC "    podOverrides: {nodeselector: {}}\n", "",
         "stdin:11:20: " T ".podOverrides.nodeselector: unknown field; did you mean \"nodeSelector\"?"},
        {V2, "    type: claudecode\n" NC, "",
         "stdin:9:11: " T ".type: \"claudecode\" is not one of claude-code, codex, gemini, opencode, cursor; "
                          "did you mean \"claude-code\"?"},
        {V2, TYP NC "    ttlSecondsAfterFinished: 1.5\n", "",
         "stdin:11:30: " T ".ttlSecondsAfterFinished: expected an integer, got a number"},
        {V2, TYP NC "    contextSources: []\n", "",
         "stdin:11:5: " T ".contextSources: contextSources are not supported yet: remove them or let the "
                          "agent fetch what it needs"},
        {V2, TYP NC "    metadata: {labels: {'a b': x}}\n", "",
         "stdin:11:25: " T ".metadata.labels[\"a b\"]: the key is none that Kubernetes takes: [prefix/]name, "
                           "where name has at most 63 "
         "letters, digits, \"-\", \"_\" and \".\""},
        {V2, TYP, "  credentials: []\n",
         "stdin:10:16: spec.credentials: must hold at least one entry; leave it out if there is none"},
        {V2, TYP, "  credentials: [{name: A, type: none, secretRef: {}}]\n",
         "stdin:10:24: spec.credentials[0].name: \"A\" is no name: at most 63 lower case letters, digits and "
         "\"-\", with a "
         "letter or digit at both ends\nstdin:10:33: spec.credentials[0].type: \"none\" is not one of "
         "api-key, oauth\n"
         "stdin:10:50: spec.credentials[0].secretRef.name: required, but missing"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *doc = document(rows[i].api, "", rows[i].template, rows[i].spec);
        assert_problems(doc, rows[i].problem);
        free(doc);
    }
}

static void document_problems(void **state)
{
    (void)state;
#define SPEC "spec: {when: {prometheusAlerts: {url: 'http://a'}}, taskTemplate: {workerPoolRef: {name: p}}}\n"
#define HEAD "apiVersion: " V2 "\nkind: TaskSpawner\n"
    static const struct {
        const char *text, *problem;
    } rows[] = {
        {HEAD "metadata: {name: a}\n" SPEC, ""},
        {"x", "stdin:1:1: expected a document like a TaskSpawner, got a string"},
        {"a: 1\n", "stdin:1:1: apiVersion: required, but missing: is this a Kubernetes document?\n"
                   "stdin:1:1: kind: required, but missing: is this a Kubernetes document?"},
        {"apiVersion: v1\nkind: Pod\n",
         "stdin:2:7: kind: \"Pod\" is not taken here: TaskSpawner, AlertSpawner, Secret or a List of them"},
        {"apiVersion: kelos.dev/v1\nkind: TaskSpawner\n",
         "stdin:1:13: apiVersion: \"kelos.dev/v1\" has no TaskSpawner: write kelos.dev/v1alpha1 or "
         "kelos.dev/v1alpha2"},
        {"apiVersion: kelos.dev/v1alpha1\nkind: AlertSpawner\n",
         "stdin:1:13: apiVersion: \"kelos.dev/v1alpha1\" has no AlertSpawner: write "
         "alerts.kelos.dev/v1alpha1"},
        {HEAD SPEC, "stdin:1:1: metadata: required, but missing"},
        {HEAD "metadata: {name: A_b}\n" SPEC, "stdin:3:18: metadata.name: \"A_b\" is no name: lower case "
                                              "letters, digits, \"-\" and \".\", with a letter or digit "
                                              "at both ends"},
        {HEAD "metadata: {name: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa}\n" SPEC,
         "stdin:3:18: metadata.name: has 64 characters, 63 are allowed: it becomes the value of a label"},
        {HEAD "metadata: {name: a, namespace: x.y}\n" SPEC,
         "stdin:3:32: metadata.namespace: \"x.y\" is no name: at most 63 lower case letters, digits and "
         "\"-\", with a letter "
         "or digit at both ends"},
        {HEAD "metadata: {name: a, annotations: {alerts.kelos.dev/policy-config: \"{\\n x}\"}}\n" SPEC,
         "stdin:3:67: metadata.annotations[\"alerts.kelos.dev/policy-config\"]: broken JSON, in line 2 of "
         "it"},
        {HEAD "metadata: {name: a, annotations: {alerts.kelos.dev/policy: ''}}\n" SPEC,
         "stdin:3:60: metadata.annotations[\"alerts.kelos.dev/policy\"]: must not be empty: name a policy or "
         "leave it out"},
        {HEAD "metadata: {name: a}\nspec: {when: {}, taskTemplate: {workerPoolRef: {name: p}}}\n",
         "stdin:4:14: spec.when.prometheusAlerts: required, but missing"},
        {HEAD "metadata: {name: a}\nspec: {when: {prometheusAlerts: {}}}\n",
         "stdin:4:33: spec.when.prometheusAlerts.url: required, but missing\n"
         "stdin:4:7: spec.taskTemplate: required, but missing"},
        {HEAD "metadata: {name: a}\n" SPEC "---\n" HEAD "metadata: {name: a, namespace: default}\n" SPEC,
         "stdin:8:18: metadata.name: default/a is already defined at stdin:1"},
        {HEAD "metadata: {name: a}\n" SPEC "---\n" HEAD "metadata: {name: a, namespace: other}\n" SPEC, ""},
        {"apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {K: 'no base64'}\nstringData: {P: "
         "271828}\n",
         "stdin:4:11: data.K: is no base64; plain text goes into stringData\n"
         "stdin:5:17: stringData.P: expected a string, got an integer; write it in quotes"},
        {"apiVersion: v1\nkind: Secret\nmetadata: {name: s}\n---\napiVersion: v1\nkind: Secret\nmetadata: "
         "{name: s}\n",
         "stdin:7:18: metadata.name: the Secret default/s is already defined"},
        {"apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Pod}\n- 1\n",
         "stdin:5:3: items[1]: expected a map, got an integer\n"
         "stdin:4:26: kind: \"Pod\" is not taken here: TaskSpawner, AlertSpawner, Secret or a List of them"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_problems(rows[i].text, rows[i].problem);
}

/* A broken document, be it YAML or a rule, takes none of the others with it; a List counts as its items. */
static void others_live_on(void **state)
{
    (void)state;
    struct spawner_set *set =
        load(HEAD "metadata: {name: a}\n" SPEC "---\na: [\n---\n" HEAD "metadata: {name: b}\nspec: {}\n---\n"
                  "apiVersion: v1\nkind: List\nmetadata: {}\nitems:\n- {apiVersion: " V2
                  ", kind: TaskSpawner, metadata: {name: c}, " SPEC "  }\n---\n" HEAD
                  "metadata: {name: d}\n" SPEC);
    assert_int_equal(set->n, 3);
    assert_non_null(spawner_set_find(set, "default", "a"));
    assert_null(spawner_set_find(set, "default", "b"));
    assert_non_null(spawner_set_find(set, "default", "c"));
    assert_non_null(spawner_set_find(set, "default", "d"));
    assert_int_equal(set->n_problems, 3);
    spawner_set_free(&set);
}

static void problems_have_a_ceiling(void **state)
{
    (void)state;
    struct buf b = {0};
    buf_adds(&b, HEAD "metadata: {name: a}\n" SPEC);
    for (int i = 0; i < 80; i++)
        buf_addf(&b, "field%d: 1\n", i);
    struct spawner_set *set = load(b.data);
    assert_int_equal(set->n, 0);
    assert_int_equal(set->n_problems, 51);
    assert_non_null(strstr(set->problems[50], "and more: the first 50 problems"));
    spawner_set_free(&set);
    buf_free(&b);
}

static void hash_is_of_what_people_wrote(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool same;
    } rows[] = {
        {HEAD "metadata: {name: a, generation: 2, resourceVersion: '7'}\n" SPEC "status: {x: 1}\n", true},
        {HEAD "metadata: {name: a, labels: {x: z}}\n" SPEC, false},
        {HEAD "metadata: {name: a}\n" SPEC "# a remark\n", true},
    };
    struct spawner_set *first = load(HEAD "metadata: {name: a}\n" SPEC);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct spawner_set *set = load(rows[i].text);
        assert_int_equal(set->n, 1);
        assert_int_equal(set->spawners[0]->hash == first->spawners[0]->hash, rows[i].same);
        spawner_set_free(&set);
    }
    spawner_set_free(&first);
}

/* ---- directories and Secrets ---- */

static char tmp[] = "/tmp/spawner_test.XXXXXX";

static void put_file(const char *name, const char *text)
{
    char *path = xasprintf("%s/%s", tmp, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    free(path);
}

static void put_dir(const char *name)
{
    char *path = xasprintf("%s/%s", tmp, name);
    assert_int_equal(mkdir(path, 0700), 0);
    free(path);
}

static void directories(void **state)
{
    (void)state;
    put_dir("docs");
    put_dir("docs/below.yaml");
    put_dir("docs/..data");
    put_file("docs/..data/z.yaml", HEAD "metadata: {name: z}\n" SPEC);
    put_file("docs/b.yml", HEAD "metadata: {name: b}\n" SPEC);
    put_file("docs/a.json",
             "{\"apiVersion\": \"v1\", \"kind\": \"Secret\", \"metadata\": {\"name\": \"s\"}}");
    put_file("docs/c.txt", "no document");
    put_file("docs/.hidden.yaml", "no document");
    put_file("docs/below.yaml/x.yaml", "no document");
    char *path = xasprintf("%s/docs", tmp), *link = xasprintf("%s/docs/z.yaml", tmp);
    assert_int_equal(symlink("..data/z.yaml", link), 0);
    struct spawner_set *set = load_path(path);
    char *p = problems_of(set);
    assert_string_equal(p, "");
    assert_int_equal(set->n, 2);
    assert_string_equal(set->spawners[0]->name, "b");
    assert_string_equal(set->spawners[1]->name, "z");
    assert_int_equal(set->n_secrets, 1);
    free(p);
    spawner_set_free(&set);

    const char *missing[] = {path, "/nonexistent/x.yaml"};
    struct spawner_source source = {.paths = missing, .n_paths = 2, .ns = "team"};
    struct err e;
    assert_int_equal(spawner_set_load(&source, &set, &e), -1);
    assert_int_equal(e.kind, ERR_NOT_FOUND);
    assert_string_equal(e.msg, "/nonexistent/x.yaml: No such file or directory");
    assert_null(set);
    source.n_paths = 1;
    assert_int_equal(spawner_set_load(&source, &set, &e), 0);
    assert_non_null(spawner_set_find(set, "team", "b"));
    spawner_set_free(&set);
    free(path);
    free(link);
}

#define AM                                                                                                   \
    HEAD "metadata: {name: a}\nspec: {when: {prometheusAlerts: {url: 'http://a', secretRef: {name: am}}}, "  \
         "taskTemplate: {workerPoolRef: {name: p}}}\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: "   \
         "am}\n"
#define TAKES ". It takes ALERTMANAGER_TOKEN alone, or ALERTMANAGER_USER and ALERTMANAGER_PASSWORD"

static void credentials_of_documents(void **state)
{
    (void)state;
    static const struct {
        const char *secret, *bearer, *user, *password, *error;
    } rows[] = {
        {"stringData: {ALERTMANAGER_TOKEN: t0ken}", "t0ken", NULL, NULL, NULL},
        {"data: {ALERTMANAGER_TOKEN: dDBrZW4K}", "t0ken", NULL, NULL, NULL},
        {"data: {ALERTMANAGER_TOKEN: eA==}\nstringData: {ALERTMANAGER_TOKEN: w, other: z}", "w", NULL, NULL,
         NULL},
        {"stringData: {ALERTMANAGER_USER: u, ALERTMANAGER_PASSWORD: 'p: q'}", NULL, "u", "p: q", NULL},
        {"", NULL, NULL, NULL, "holds no credentials for Alertmanager; it has no keys" TAKES},
        {"stringData: {TOKEN: hush}", NULL, NULL, NULL,
         "holds no credentials for Alertmanager; its key is TOKEN" TAKES},
        {"stringData: {ALERTMANAGER_USER: hush}", NULL, NULL, NULL,
         "ALERTMANAGER_PASSWORD is missing; its key is ALERTMANAGER_USER" TAKES},
        {"stringData: {ALERTMANAGER_PASSWORD: hush}", NULL, NULL, NULL,
         "ALERTMANAGER_USER is missing; its key is ALERTMANAGER_PASSWORD" TAKES},
        {"stringData: {ALERTMANAGER_TOKEN: hush, ALERTMANAGER_USER: hush}", NULL, NULL, NULL,
         "holds a token and a user or password; its keys are ALERTMANAGER_TOKEN, ALERTMANAGER_USER" TAKES},
        {"stringData: {ALERTMANAGER_TOKEN: ''}", NULL, NULL, NULL, "ALERTMANAGER_TOKEN is empty"},
        {"stringData: {ALERTMANAGER_TOKEN: \"\\n\"}", NULL, NULL, NULL, "ALERTMANAGER_TOKEN is empty"},
        {"stringData: {ALERTMANAGER_TOKEN: \"hush\\nhush\"}", NULL, NULL, NULL,
         "ALERTMANAGER_TOKEN holds a line break or another control character"},
        {"data: {ALERTMANAGER_TOKEN: YQBi}", NULL, NULL, NULL,
         "ALERTMANAGER_TOKEN holds a line break or another control character"},
        {"stringData: {ALERTMANAGER_USER: hush, ALERTMANAGER_PASSWORD: ''}", NULL, NULL, NULL,
         "ALERTMANAGER_PASSWORD is empty"},
        {"stringData: {ALERTMANAGER_USER: 'a:hush', ALERTMANAGER_PASSWORD: hush}", NULL, NULL, NULL,
         "ALERTMANAGER_USER holds a \":\", which Basic authentication cannot say"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *text = xasprintf(AM "%s\n", rows[i].secret);
        struct spawner_set *set = load(text);
        struct poll_auth auth;
        struct err e = {0};
        char *problems = problems_of(set);
        assert_string_equal(problems, "");
        free(problems);
        int rc = spawner_auth(set, set->spawners[0], NULL, &auth, &e);
        if (rows[i].error) {
            char *expected = xasprintf("the Secret default/am: %s", rows[i].error);
            assert_int_equal(rc, -1);
            assert_string_equal(e.msg, expected);
            assert_null(strstr(e.msg, "hush"));
            free(expected);
        } else if (rc != 0) {
            fail_msg("%s", e.msg);
        }
        const char *want[] = {rows[i].bearer, rows[i].user, rows[i].password};
        char *got[] = {auth.bearer, auth.user, auth.password};
        for (int k = 0; k < 3; k++) {
            assert_int_equal(want[k] == NULL, got[k] == NULL);
            if (want[k])
                assert_string_equal(want[k], got[k]);
        }
        poll_auth_deinit(&auth);
        spawner_set_free(&set);
        free(text);
    }
}

static void credentials_of_a_directory(void **state)
{
    (void)state;
    struct spawner_set *set =
        load(HEAD "metadata: {name: a}\nspec: {when: {prometheusAlerts: {url: 'http://a', secretRef: "
                  "{name: am}}}, taskTemplate: {workerPoolRef: {name: p}}}\n");
    struct poll_auth auth;
    struct err e;
    assert_int_equal(set->n, 1);
    assert_int_equal(spawner_auth(set, set->spawners[0], NULL, &auth, &e), -1);
    assert_string_equal(
        e.msg, "no Secret default/am: give it as a document of -f, or as a directory with --secrets");
    assert_int_equal(spawner_auth(set, set->spawners[0], tmp, &auth, &e), -1);
    assert_int_equal(e.kind, ERR_NOT_FOUND);

    /* As Kubernetes mounts it. */
    put_dir("am");
    put_dir("am/..v1");
    put_file("am/..v1/ALERTMANAGER_TOKEN", "one\r\n");
    char *data = xasprintf("%s/am/..data", tmp), *key = xasprintf("%s/am/ALERTMANAGER_TOKEN", tmp);
    assert_int_equal(symlink("..v1", data), 0);
    assert_int_equal(symlink("..data/ALERTMANAGER_TOKEN", key), 0);
    assert_int_equal(spawner_auth(set, set->spawners[0], tmp, &auth, &e), 0);
    assert_string_equal(auth.bearer, "one");
    poll_auth_deinit(&auth);
    put_file("am/..v1/ALERTMANAGER_TOKEN", "two"); /* it rotates */
    assert_int_equal(spawner_auth(set, set->spawners[0], tmp, &auth, &e), 0);
    assert_string_equal(auth.bearer, "two");
    poll_auth_deinit(&auth);

    char *big = xmalloc(1024 * 1024 + 2);
    memset(big, 'x', 1024 * 1024 + 1);
    big[1024 * 1024 + 1] = '\0';
    put_file("am/..v1/ALERTMANAGER_TOKEN", big);
    assert_int_equal(spawner_auth(set, set->spawners[0], tmp, &auth, &e), -1);
    assert_int_equal(e.kind, ERR_LIMIT);
    assert_null(strstr(e.msg, "xxx"));
    free(big);
    free(data);
    free(key);
    spawner_set_free(&set);

    set = load(AM "stringData: {ALERTMANAGER_TOKEN: doc}\n"); /* a document wins */
    assert_int_equal(spawner_auth(set, set->spawners[0], tmp, &auth, &e), 0);
    assert_string_equal(auth.bearer, "doc");
    poll_auth_deinit(&auth);
    spawner_set_free(&set);

    set = load(HEAD "metadata: {name: a}\n" SPEC); /* no secretRef: anonymous */
    assert_int_equal(spawner_auth(set, set->spawners[0], tmp, &auth, &e), 0);
    assert_null(auth.bearer);
    assert_null(auth.user);
    spawner_set_free(&set);
}

static void intervals(void **state)
{
    (void)state;
    static const struct {
        const char *api, *when, *spec;
        int seconds;
    } rows[] = {
        {V1, "", "", 120},
        {V1, "", "  pollInterval: 5m\n", 300},
        {OURS, "", "  pollInterval: '30'\n", 30},
        {V1, "      pollInterval: 1m30s\n", "  pollInterval: 5m\n", 90},
        {V1, "      pollInterval: ''\n", "  pollInterval: 5m\n", 300},
        {V2, "      pollInterval: 5s\n", "", 5},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *doc = document(rows[i].api, rows[i].when, OK_T, rows[i].spec);
        struct spawner_set *set = load(doc);
        assert_int_equal(set->n, 1);
        assert_int_equal(set->spawners[0]->poll_interval_us, rows[i].seconds * MOMENT_SECOND);
        spawner_set_free(&set);
        free(doc);
    }
}

static void warnings(void **state)
{
    (void)state;
    static const struct {
        const char *template;
        size_t n;
    } rows[] = {{"    branch: b\n", 1},
                {"    branch: b\n    workspaceRef: {name: w}\n", 0},
                {"    branch: ''\n", 0},
                {"", 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *t = xasprintf(OK_T "%s", rows[i].template), *doc = document(V1, "", t, "");
        struct spawner_set *set = load(doc);
        assert_int_equal(set->n, 1);
        assert_int_equal(set->spawners[0]->n_warnings, rows[i].n);
        spawner_set_free(&set);
        free(doc);
        free(t);
    }
}

static int make_tmp(void **state)
{
    (void)state;
    return mkdtemp(tmp) ? 0 : -1;
}

static int remove_tmp(void **state)
{
    (void)state;
    char *command = xasprintf("rm -r %s", tmp);
    int rc = system(command);
    free(command);
    return rc;
}

/* A Task's spec may never change by being read into Go types and written back: testdata/pod.yaml holds what would, and
 * testdata/pod.json is what Go makes of it. */
static void go_writes_it_the_same(void **state)
{
    (void)state;
    static const char *const paths[] = {"core/spawner/testdata/pod.yaml"};
    struct spawner_source source = {.paths = paths, .n_paths = 1};
    struct spawner_set *set = NULL;
    struct err e;
    assert_int_equal(spawner_set_load(&source, &set, &e), 0);
    assert_int_equal(set->n_problems, 0);
    assert_int_equal(set->n, 1);
    static char text[64 * 1024];
    FILE *f = fopen("core/spawner/testdata/pod.json", "r");
    assert_non_null(f);
    text[fread(text, 1, sizeof text - 1, f)] = '\0';
    fclose(f);
    cJSON *go = cJSON_Parse(text);
    assert_non_null(go);
    if (!cJSON_Compare(set->spawners[0]->task_spec, go, 1)) {
        char *ours = cJSON_Print(set->spawners[0]->task_spec);
        fail_msg("ours:\n%s", ours);
    }
    cJSON_Delete(go);
    spawner_set_free(&set);
}

/* The types of Kubernetes are checked as deep as they go. */
static void pods_are_checked_in_depth(void **state)
{
    (void)state;
    static const struct {
        const char *pod, *says;
    } rows[] = {
        {"podSecurityContext: {runAsUsr: 1}", "podSecurityContext.runAsUsr: unknown field; did you mean \"runAsUser\"?"},
        {"podSecurityContext: {fsGroup: \"1\"}", "podSecurityContext.fsGroup: expected an integer, got a string"},
        {"affinity: {nodeAfinity: {}}", "affinity.nodeAfinity: unknown field; did you mean \"nodeAffinity\"?"},
        {"env: [{name: A, valueFrom: {secretKeyRef: {name: s, ky: k}}}]", "secretKeyRef.ky: unknown field"},
        {"extraContainers: [{name: c, livenessProbe: {httpGet: {port: true}}}]", "httpGet.port: expected an integer or a string"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *template = xasprintf("    type: codex\n    credentials: {type: none}\n    podOverrides: {%s}\n", rows[i].pod);
        char *text = document("kelos.dev/v1alpha2", "", template, "");
        struct spawner_set *set = load(text);
        char *got = problems_of(set);
        if (strstr(got, rows[i].says) == NULL)
            fail_msg("%s: %s", rows[i].pod, got);
        free(got);
        spawner_set_free(&set);
        free(text);
        free(template);
    }
}

/* ---- limits, and objects of the API server ---- */

static void limits_of_an_alertspawner(void **state)
{
    (void)state;
    char *text = document(OURS, "", OK_T,
                          "  maxConcurrency: 4\n  limits: {perHour: 10, perDay: 10000, ramp: 1, reserve: {slots: 2, priority: 7}}\n");
    struct spawner_set *set = load(text);
    free(text);
    assert_int_equal(set->n, 1);
    const struct spawner_limits *l = &set->spawners[0]->limits;
    assert_int_equal(l->per_hour, 10);
    assert_int_equal(l->per_day, 10000);
    assert_int_equal(l->ramp, 1);
    assert_int_equal(l->reserve_slots, 2);
    assert_int_equal(l->reserve_priority, 7);
    assert_int_equal(set->spawners[0]->n_warnings, 0);
    spawner_set_free(&set);

    static const char *const wrong[][2] = {
        {"  limits: {perHour: 10001}\n", "stdin:12:21: spec.limits.perHour: must be at most 10000, is 10001"},
        {"  limits: {reserve: {priority: 1}}\n", "stdin:12:21: spec.limits.reserve.slots: required, but missing"},
        {"  limits: {reserve: {slots: 1001}}\n", "stdin:12:29: spec.limits.reserve.slots: must be at most 1000, is 1001"},
        {"  limits: {ramp: 0}\n", "stdin:12:18: spec.limits.ramp: must be at least 1, is 0"},
        {"  limits: {per_hour: 1}\n", "stdin:12:12: spec.limits.per_hour: unknown field"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        text = document(OURS, "", OK_T, wrong[i][0]);
        set = load(text);
        assert_int_equal(set->n, 0);
        assert_int_equal(set->n_problems, 1);
        if (strncmp(set->problems[0], wrong[i][1], strlen(wrong[i][1])) != 0)
            fail_msg("%s, not %s", set->problems[0], wrong[i][1]);
        spawner_set_free(&set);
        free(text);
    }
    text = document(V2, "", OK_T, "  limits: {perHour: 1}\n"); /* Kelos' own kind has none */
    set = load(text);
    assert_int_equal(set->n, 0);
    free(text);
    spawner_set_free(&set);
}

/* What the API server sends: one line of JSON with managed members. A change of status or metadata is no change. */
static void objects_of_the_api_server(void **state)
{
    (void)state;
#define OBJECT(generation, status)                                                                                \
    "{\"apiVersion\":\"alerts.kelos.dev/v1alpha1\",\"kind\":\"AlertSpawner\",\"metadata\":{\"name\":\"a\",\"namespace\":"      \
    "\"n\",\"uid\":\"u-1\",\"generation\":" generation ",\"resourceVersion\":\"9" generation "\",\"managedFields\":[]},"   \
    "\"spec\":{\"when\":{\"prometheusAlerts\":{\"url\":\"http://am:9093\"}},\"taskTemplate\":{\"type\":\"codex\","           \
    "\"credentials\":{\"type\":\"none\"},\"promptTemplate\":\"x\"}},\"status\":{\"phase\":\"" status "\"}}"
    struct spawner_object objects[] = {
        {"AlertSpawner n/a", OBJECT("3", "Running"), strlen(OBJECT("3", "Running"))},
        {"AlertSpawner n/b", "{\"apiVersion\":\"alerts.kelos.dev/v1alpha1\",\"kind\":\"AlertSpawner\",\"metadata\":{\"name\":"
                             "\"b\"},\"spec\":{\"when\":{}}}", 0},
    };
    objects[1].len = strlen(objects[1].json);
    struct spawner_source source = {.objects = objects, .n_objects = 2, .ns = "elsewhere"};
    struct spawner_set *set;
    struct err e;
    assert_int_equal(spawner_set_load(&source, &set, &e), 0);
    assert_int_equal(set->n, 1);
    const struct spawner *s = set->spawners[0];
    assert_true(s->in_cluster);
    assert_string_equal(s->uid, "u-1");
    assert_string_equal(s->ns, "n");
    assert_int_equal(s->generation, 3);
    uint64_t hash = s->hash;
    assert_true(set->n_problems > 0); /* b alone */
    for (size_t i = 0; i < set->n_problems; i++)
        assert_memory_equal(set->problems[i], "AlertSpawner n/b:", 17);
    spawner_set_free(&set);
    objects[0] = (struct spawner_object){"AlertSpawner n/a", OBJECT("4", "Failed"), strlen(OBJECT("4", "Failed"))};
    assert_int_equal(spawner_set_load(&source, &set, &e), 0);
    assert_true(set->spawners[0]->hash == hash);
    assert_int_equal(set->spawners[0]->generation, 4);
    spawner_set_free(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(example_oom),
        cmocka_unit_test(example_slo),
        cmocka_unit_test(every_field),
        cmocka_unit_test(task_spec_survives_go),
        cmocka_unit_test(when_problems),
        cmocka_unit_test(url_problems),
        cmocka_unit_test(template_problems),
        cmocka_unit_test(document_problems),
        cmocka_unit_test(others_live_on),
        cmocka_unit_test(problems_have_a_ceiling),
        cmocka_unit_test(hash_is_of_what_people_wrote),
        cmocka_unit_test(directories),
        cmocka_unit_test(credentials_of_documents),
        cmocka_unit_test(credentials_of_a_directory),
        cmocka_unit_test(intervals),
        cmocka_unit_test(warnings),
        cmocka_unit_test(go_writes_it_the_same),
        cmocka_unit_test(pods_are_checked_in_depth),
        cmocka_unit_test(limits_of_an_alertspawner),
        cmocka_unit_test(objects_of_the_api_server),
    };
    return cmocka_run_group_tests(tests, make_tmp, remove_tmp);
}
