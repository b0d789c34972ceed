/* The command line: see options.h. */
#include "cli/options.h"

#include "base/mem.h"
#include "base/moment.h"
#include "cli/cluster.h"
#include "spawner/checks.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    O_ALERTMANAGER = 256,
    O_POLICIES,
    O_SECRETS,
    O_STORE,
    O_CA_FILE,
    O_WORKER,
    O_MAX_BYTES,
    O_TIMEOUT,
    O_PHASE,
    O_MESSAGE,
    O_ALERT,
    O_SPAWNER,
    O_EXEC,
    O_EXEC_OUTPUT,
    O_EXEC_PARALLEL,
    O_LISTEN,
    O_LOG,
    O_LOG_SIZE,
    O_LOG_KEEP,
    O_LOG_ALL,
    O_EXPLAIN,
    O_AT,
    O_TRACE,
    O_ENGINE,
    O_LOG_LEVEL,
    O_SCAFFOLD_FROM,
    O_SCAFFOLD_TO,
    O_AGAINST,
    O_AGAINST_DOCUMENTS,
    O_HTML,
    O_FROM,
    O_TO,
    O_TASK_START,
    O_TASK_DURATION,
    O_TASK_FAILURES,
    O_ANNOTATION,
    O_EXPECT,
    O_INTERVAL,
    O_FOR,
    O_REDACT,
    O_KUBECONFIG,
    O_CONTEXT,
    O_TAKE_TASKSPAWNERS,
    O_LEASE,
};

static const struct row {
    unsigned takes; /* 0: every verb */
    int code;
    const char *name, *arg, *help;
} rows[] = {
    {TAKES_DOCUMENTS, 'f', "filename", "FILE|DIR|-", "TaskSpawner documents (YAML or JSON), and Secrets; may be repeated"},
    {TAKES_DOCUMENTS | TAKES_NAMESPACE, 'n', "namespace", "NS", "namespace: of documents that name none; of what to show"},
    {TAKES_NAMESPACE | TAKES_OBJECTS, 'A', "all-namespaces", NULL,
     "every namespace (of the local store this is so without -n, too)"},
    {TAKES_OUTPUT, 'o', "output", "FORMAT", "table, json or yaml"},
    {TAKES_SOURCE | TAKES_URL, O_ALERTMANAGER, "alertmanager", "URL", "ask this Alertmanager instead of the documents' url"},
    {TAKES_SOURCE, O_SECRETS, "secrets", "DIR", "mounted Secrets: DIR/<name>/<KEY>"},
    {TAKES_SOURCE, O_CA_FILE, "ca-file", "FILE", "trust these CAs (PEM) instead of the system's"},
    {TAKES_SOURCE, O_MAX_BYTES, "max-response-bytes", "N", "a longer answer is a failed poll (default 1Gi; Ki, Mi, Gi)"},
    {TAKES_SOURCE, O_TIMEOUT, "timeout", "DURATION", "of one poll (default 30s)"},
    {TAKES_POLICIES, O_POLICIES, "policies", "DIR", "policies (*.lua) and their libraries (lib_*.lua); without it the default policy judges"},
    {TAKES_POLICIES, O_WORKER, "worker", "FILE", "the worker executable (default: beside this one)"},
    {TAKES_STORE, O_STORE, "store", "sqlite:PATH|kube[:NS]",
     "where Tasks live (default in a pod: kube; else sqlite, $XDG_STATE_HOME/alertspawner/tasks.db)"},
    {TAKES_CLUSTER, O_KUBECONFIG, "kubeconfig", "FILE", "of --store kube (default $KUBECONFIG, ~/.kube/config, the pod's account)"},
    {TAKES_CLUSTER, O_CONTEXT, "context", "NAME", "of the kubeconfig (default its current-context)"},
    {TAKES_LEASE, O_LEASE, "lease", "NAME|none",
     "of --store kube: the Lease by which replicas elect who acts (default alertspawner)"},
    {TAKES_OBJECTS, O_TAKE_TASKSPAWNERS, "take-taskspawners", NULL,
     "also TaskSpawner objects annotated alerts.kelos.dev/engine: alertspawner"},
    {TAKES_PHASE, O_PHASE, "phase", "PHASE", "Succeeded or Failed"},
    {TAKES_PHASE, O_MESSAGE, "message", "TEXT", "why, for the Task's status"},
    {TAKES_ALERT, O_ALERT, "alert", "FILE|-", "one alert as Alertmanager's API returns it (an array of one is fine)"},
    {TAKES_ALERT | TAKES_DECIDE, O_SPAWNER, "spawner", "NAME", "only this TaskSpawner of the documents"},
    {TAKES_EXPLAIN, O_EXPLAIN, "explain", NULL, "with -o json or yaml: how each decision came about (chain); takes ten times as long"},
    {TAKES_WHY | TAKES_DECIDE, O_AT, "at", "TIME", "as if it were then (RFC 3339, such as 2026-03-07T10:00:00Z)"},
    {TAKES_WHY, O_ENGINE, "engine", "URL", "ask the engine there, such as http://localhost:8080 of kubectl port-forward"},
    {TAKES_WHY, O_TRACE, "trace", NULL, "show each executed line of the policy, with its locals"},
    {TAKES_EXEC, O_EXEC, "exec", "CMD", "run each Task on this machine: CMD in /bin/sh, the prompt on standard input"},
    {TAKES_EXEC, O_EXEC_OUTPUT, "exec-output", "DIR", "where commands' output goes (default <store>.output/)"},
    {TAKES_EXEC, O_EXEC_PARALLEL, "exec-parallel", "N", "commands at once, over all spawners (default: processors)"},
    {TAKES_DECIDE, O_ANNOTATION, "annotation", "NAME=VALUE", "the alert has this annotation; may be repeated"},
    {TAKES_DECIDE, O_EXPECT, "expect", "keep|drop[:REASON]", "exit 1 unless this is decided (also wait, error; noise is policy.noise)"},
    {TAKES_RECORD, O_INTERVAL, "interval", "DURATION", "how often it asks (default 30s)"},
    {TAKES_RECORD, O_FOR, "for", "DURATION", "stop after this time (default: when it is told to)"},
    {TAKES_RECORD, O_REDACT, "redact", "RULE", "label=NAME, annotation=NAME, annotation=*, generatorURL or secrets; may be repeated"},
    {TAKES_AGAINST, O_AGAINST, "against", "DIR", "the other set of policies: what would be different with --policies"},
    {TAKES_AGAINST, O_AGAINST_DOCUMENTS, "against-documents", "FILE|DIR", "the other set of documents; may be repeated (default: -f)"},
    {TAKES_AGAINST, O_HTML, "html", "FILE", "write the report as one page with a time line, too"},
    {TAKES_WINDOW, O_FROM, "from", "TIME", "only polls from this time on (RFC 3339)"},
    {TAKES_WINDOW, O_TO, "to", "TIME", "only polls before this time"},
    {TAKES_VIRTUAL, O_TASK_START, "task-start", "DURATION", "from a Task's creation until it runs (default 5s)"},
    {TAKES_VIRTUAL, O_TASK_DURATION, "task-duration", "DURATION", "how long a Task runs (default 10m)"},
    {TAKES_VIRTUAL, O_TASK_FAILURES, "task-failures", "PERCENT", "how many Tasks fail (default 0); always the same ones"},
    {TAKES_SERVE, O_LISTEN, "listen", "ADDR",
     "metrics and health: HOST:PORT, :PORT or none (default 127.0.0.1:8080; :8080 in a cluster)"},
    {TAKES_SCAFFOLD, O_SCAFFOLD_FROM, "from", "FINGERPRINT|FILE", "the alert: a file, or one that is active"},
    {TAKES_SCAFFOLD, O_SCAFFOLD_TO, "to", "DIR", "where the spec and the alert are written (default: spec, if it is there)"},
    {TAKES_SERVE, O_LOG, "decision-log", "FILE|-", "decisions as JSON lines: what happened, and what changed for an alert"},
    {TAKES_SERVE, O_LOG_SIZE, "decision-log-size", "N", "rotate it at this size (default 100Mi; Ki, Mi, Gi)"},
    {TAKES_SERVE, O_LOG_KEEP, "decision-log-keep", "N", "rotated files that are kept: FILE.1 to FILE.N (default 5)"},
    {TAKES_SERVE, O_LOG_ALL, "decision-log-all", NULL, "every decision of every cycle goes there"},
    {0, O_LOG_LEVEL, "log-level", "LEVEL", "debug, info, warn or error (default info for run, else warn)"},
    {0, 'h', "help", NULL, "this page"},
};
enum { N_ROWS = sizeof rows / sizeof *rows };

static bool applies(const struct verb *verb, const struct row *r)
{
    return r->takes == 0 || (verb->takes & r->takes) != 0;
}

static int parse_bytes(const char *option, const char *s, uint64_t *n_r, struct err *e)
{
    char *end;
    errno = 0;
    unsigned long long v = strtoull(s, &end, 10);
    int shift = strcmp(end, "Ki") == 0 ? 10 : strcmp(end, "Mi") == 0 ? 20 : strcmp(end, "Gi") == 0 ? 30 : 0;
    if (errno != 0 || *s < '0' || *s > '9' || (shift == 0 && *end != '\0') || v == 0 || v > (UINT64_MAX >> shift))
        return err_set(e, ERR_USAGE, "%s %s: give a number of bytes, with Ki, Mi or Gi if you like", option, s);
    *n_r = (uint64_t)v << shift;
    return 0;
}

static int take_output(const char *s, struct options *o, struct err *e)
{
    static const char *const names[] = {"table", "json", "yaml"};
    for (size_t i = 0; i < 3; i++)
        if (strcmp(s, names[i]) == 0) {
            o->output = (enum output)i;
            o->output_given = true;
            return 0;
        }
    return err_set(e, ERR_USAGE, "unknown output format \"%s\": must be one of table, json, yaml", s);
}

static int take_time(const char *option, const char *s, moment_t *t_r, struct err *e)
{
    if (moment_parse(s, strlen(s), t_r) != 0)
        return err_set(e, ERR_USAGE, "%s %s: give a time such as 2026-11-24T10:00:00Z", option, s);
    return 0;
}

static int take_duration(const char *option, const char *s, int64_t least, int64_t *us_r, struct err *e)
{
    struct err why;
    if (duration_parse(s, us_r, &why) != 0 || *us_r < least)
        return err_set(e, ERR_USAGE, "%s %s: give a duration%s, such as 10m", option, s, least > 0 ? " of at least 1s" : "");
    return 0;
}

static int take_percent(const char *option, const char *s, uint32_t *ppm_r, struct err *e)
{
    char *end;
    double v = strtod(s, &end);
    if (end == s || (*end != '\0' && strcmp(end, "%") != 0) || !(v >= 0 && v <= 100))
        return err_set(e, ERR_USAGE, "%s %s: give a percentage from 0 to 100", option, s);
    *ppm_r = (uint32_t)(v * 10000 + 0.5);
    return 0;
}

static int take(struct options *o, int code, const char *arg, struct err *e)
{
    enum log_level level;
    struct err why;
    char *end;
    switch (code) {
    case 'f':
        o->documents[o->n_documents++] = arg;
        return 0;
    case 'n':
        o->ns = arg;
        return 0;
    case 'A':
        o->all_namespaces = true;
        return 0;
    case 'o':
        return take_output(arg, o, e);
    case 'h':
        o->help = true;
        return 0;
    case O_ALERTMANAGER:
        o->alertmanager = arg;
        return 0;
    case O_POLICIES:
        o->policies = arg;
        return 0;
    case O_SECRETS:
        o->secrets = arg;
        return 0;
    case O_STORE:
        o->store = arg;
        return 0;
    case O_CA_FILE:
        o->ca_file = arg;
        return 0;
    case O_WORKER:
        o->worker = arg;
        return 0;
    case O_MAX_BYTES:
        return parse_bytes("--max-response-bytes", arg, &o->max_response_bytes, e);
    case O_TIMEOUT:
        if (duration_parse(arg, &o->timeout_us, &why) != 0 || o->timeout_us < MOMENT_SECOND / 10)
            return err_set(e, ERR_USAGE, "--timeout %s: give a duration of at least 100ms, such as 30s", arg);
        return 0;
    case O_PHASE:
        o->phase = arg;
        return 0;
    case O_MESSAGE:
        o->message = arg;
        return 0;
    case O_ALERT:
        o->alert = arg;
        return 0;
    case O_SPAWNER:
        o->spawner = arg;
        return 0;
    case O_KUBECONFIG:
        o->kubeconfig = arg;
        return 0;
    case O_CONTEXT:
        o->context = arg;
        return 0;
    case O_LEASE:
        o->lease = arg;
        return 0;
    case O_TAKE_TASKSPAWNERS:
        o->take_task_spawners = true;
        return 0;
    case O_EXEC:
        o->exec = arg;
        return 0;
    case O_EXEC_OUTPUT:
        o->exec_output = arg;
        return 0;
    case O_EXEC_PARALLEL:
        o->exec_parallel = (int)strtol(arg, &end, 10);
        if (*end != '\0' || o->exec_parallel < 1 || o->exec_parallel > 1024)
            return err_set(e, ERR_USAGE, "--exec-parallel %s: give a number from 1 to 1024", arg);
        return 0;
    case O_ANNOTATION:
        o->annotations[o->n_annotations++] = arg;
        return 0;
    case O_EXPECT:
        o->expect = arg;
        return 0;
    case O_INTERVAL:
        return take_duration("--interval", arg, MOMENT_SECOND, &o->interval_us, e);
    case O_FOR:
        return take_duration("--for", arg, MOMENT_SECOND, &o->for_us, e);
    case O_REDACT:
        o->redact[o->n_redact++] = arg;
        return 0;
    case O_AGAINST:
        o->against = arg;
        return 0;
    case O_AGAINST_DOCUMENTS:
        o->against_documents[o->n_against_documents++] = arg;
        return 0;
    case O_HTML:
        o->html = arg;
        return 0;
    case O_FROM:
        return take_time("--from", arg, &o->from, e);
    case O_TO:
        return take_time("--to", arg, &o->to, e);
    case O_TASK_START:
        return take_duration("--task-start", arg, 0, &o->task_start_us, e);
    case O_TASK_DURATION:
        return take_duration("--task-duration", arg, MOMENT_SECOND, &o->task_duration_us, e);
    case O_TASK_FAILURES:
        return take_percent("--task-failures", arg, &o->task_failures_ppm, e);
    case O_EXPLAIN:
        o->explain = true;
        return 0;
    case O_AT:
        return moment_parse(arg, strlen(arg), &o->at) == 0
                   ? 0
                   : err_set(e, ERR_USAGE, "--at %s: give a time such as 2026-03-07T10:00:00Z or 2026-03-07T10:00:00+01:00", arg);
    case O_ENGINE:
        o->engine = arg;
        return 0;
    case O_TRACE:
        o->trace = true;
        return 0;
    case O_LISTEN:
        o->listen = arg;
        return 0;
    case O_SCAFFOLD_FROM:
        o->scaffold_from = arg;
        return 0;
    case O_SCAFFOLD_TO:
        o->scaffold_to = arg;
        return 0;
    case O_LOG:
        o->decision_log = arg;
        return 0;
    case O_LOG_SIZE:
        return parse_bytes("--decision-log-size", arg, &o->decision_log_bytes, e);
    case O_LOG_KEEP:
        o->decision_log_keep = (unsigned)strtoul(arg, &end, 10);
        if (*end != '\0' || *arg < '0' || *arg > '9' || o->decision_log_keep > 1000)
            return err_set(e, ERR_USAGE, "--decision-log-keep %s: give a number from 0 to 1000", arg);
        return 0;
    case O_LOG_ALL:
        o->decision_log_all = true;
        return 0;
    case O_LOG_LEVEL:
        if (log_level_parse(arg, &level) != 0)
            return err_set(e, ERR_USAGE, "--log-level %s: must be one of debug, info, warn, error", arg);
        log_set_level(level);
        return 0;
    }
    return err_set(e, ERR_BUG, "option %d has no meaning", code);
}

static int check_args(const struct verb *verb, const struct options *o, struct err *e)
{
    if (o->n_args < verb->min_args || o->n_args > verb->max_args)
        return err_set(e, ERR_USAGE, "%s\nUsage: alertspawner %s %s",
                       o->n_args < verb->min_args ? "a name is missing" : "too many names", verb->name, verb->usage);
    if ((verb->takes & POLICIES_WILL_DO) && o->n_documents == 0) {
        if (o->policies == NULL)
            return err_set(e, ERR_USAGE, "nothing to check: give -f FILE, --policies DIR, or both");
        return 0;
    }
    if ((verb->takes & URL_WILL_DO) && o->n_documents == 0)
        return o->alertmanager != NULL ? 0 : err_set(e, ERR_USAGE, "nobody to ask: give --alertmanager URL or -f FILE");
    bool kube = (verb->takes & TAKES_CLUSTER) && cluster_wanted(o);
    if ((verb->takes & TAKES_SCAFFOLD) != 0)
        return 0;
    if ((verb->takes & TAKES_DOCUMENTS) && o->n_documents == 0 && !(verb->takes & (TAKES_WHY | TAKES_DECIDE)) &&
        !((verb->takes & TAKES_OBJECTS) && kube))
        return err_set(e, ERR_USAGE, "no documents: give -f FILE, -f DIR or -f -%s",
                       verb->takes & TAKES_OBJECTS ? "; or --store kube, for the AlertSpawners of a cluster" : "");
    if ((o->kubeconfig != NULL || o->context != NULL || o->take_task_spawners || o->lease != NULL) && !kube)
        return err_set(e, ERR_USAGE, "--kubeconfig, --context, --lease and --take-taskspawners are for --store kube");
    if (o->lease != NULL && !name_is_subdomain(o->lease, 253))
        return err_set(e, ERR_USAGE, "--lease %s: the name of a Lease has lower case letters, digits, - and .", o->lease);
    if (o->exec != NULL && kube)
        return err_set(e, ERR_USAGE, "--exec runs the Tasks of a local store; with --store kube the Kelos controller runs "
                                     "them in the cluster: leave one of the two out");
    return 0;
}

int options_parse(const struct verb *verb, int argc, char **argv, struct options *o, struct err *e)
{
    struct option longs[N_ROWS + 1] = {0};
    char shorts[2 * N_ROWS + 2] = ":";
    size_t n = 0, m = 1;
    for (size_t i = 0; i < N_ROWS; i++) {
        if (!applies(verb, &rows[i]))
            continue;
        longs[n++] = (struct option){rows[i].name, rows[i].arg ? required_argument : no_argument, NULL, rows[i].code};
        if (rows[i].code < 256) {
            shorts[m++] = (char)rows[i].code;
            if (rows[i].arg)
                shorts[m++] = ':';
        }
    }
    *o = (struct options){.max_response_bytes = UINT64_C(1) << 30, .timeout_us = 30 * MOMENT_SECOND,
                          .decision_log_bytes = UINT64_C(100) << 20, .decision_log_keep = 5, .at = MOMENT_NONE,
                          .from = MOMENT_NONE, .to = MOMENT_NONE, .task_start_us = 5 * MOMENT_SECOND,
                          .task_duration_us = 600 * MOMENT_SECOND, .interval_us = 30 * MOMENT_SECOND};
    o->documents = xcalloc((size_t)argc, sizeof *o->documents);
    o->against_documents = xcalloc((size_t)argc, sizeof *o->against_documents);
    o->redact = xcalloc((size_t)argc, sizeof *o->redact);
    o->annotations = xcalloc((size_t)argc, sizeof *o->annotations);
    optind = 0; /* glibc: start over */
    opterr = 0;
    for (;;) {
        int code = getopt_long(argc, argv, shorts, longs, NULL);
        if (code == -1)
            break;
        if (code == '?' || code == ':')
            return err_set(e, ERR_USAGE, code == ':' ? "option %s wants a value (see alertspawner %s --help)"
                                                     : "unknown option %s (see alertspawner %s --help)",
                           argv[optind - 1], verb->name);
        if (take(o, code, optarg, e) != 0)
            return -1;
    }
    o->args = argv + optind;
    o->n_args = (size_t)(argc - optind);
    return o->help ? 0 : check_args(verb, o, e);
}

void options_deinit(struct options *o)
{
    free(o->documents);
    free(o->against_documents);
    free(o->redact);
    free(o->annotations);
    *o = (struct options){0};
}

void options_help(const struct verb *verb)
{
    printf("%s\n\nUsage:\n  alertspawner %s%s%s\n\n%s\n\nOptions:\n", verb->summary, verb->name,
           verb->usage[0] ? " " : "", verb->usage, verb->help);
    for (size_t i = 0; i < N_ROWS; i++) {
        if (!applies(verb, &rows[i]))
            continue;
        char left[64];
        snprintf(left, sizeof left, "%c%c%s --%s%s%s", rows[i].code < 256 ? '-' : ' ',
                 rows[i].code < 256 ? rows[i].code : ' ', rows[i].code < 256 ? "," : " ", rows[i].name,
                 rows[i].arg ? " " : "", rows[i].arg ? rows[i].arg : "");
        printf("  %-32s %s\n", left, rows[i].help);
    }
}
