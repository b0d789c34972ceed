/* What was asked for on the command line: one struct for all verbs; each verb says in verbs.c which options it takes, and
 * --help is made from the same table. Options may stand before and after names, as with kubectl. */
#pragma once

#include "base/err.h"
#include "base/log.h"
#include "base/moment.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum output { OUTPUT_TABLE, OUTPUT_JSON, OUTPUT_YAML };

/* Groups of options that a verb takes. */
enum {
    TAKES_DOCUMENTS = 1 << 0, /* -f -n */
    TAKES_SOURCE = 1 << 1,    /* --alertmanager --secrets --ca-file --max-response-bytes --timeout */
    TAKES_POLICIES = 1 << 2,  /* --policies --worker */
    TAKES_STORE = 1 << 3,     /* --store */
    TAKES_OUTPUT = 1 << 4,    /* -o */
    TAKES_NAMESPACE = 1 << 5, /* -n -A */
    TAKES_PHASE = 1 << 6,     /* --phase --message */
    TAKES_ALERT = 1 << 7,     /* --alert --spawner */
    TAKES_EXEC = 1 << 8,      /* --exec --exec-output --exec-parallel */
    TAKES_AGAINST = 1 << 22,  /* --against --against-documents --html */
    TAKES_WINDOW = 1 << 23,   /* --from --to */
    TAKES_VIRTUAL = 1 << 24,  /* --task-start --task-duration --task-failures */
    TAKES_URL = 1 << 25,      /* --alertmanager alone, of TAKES_SOURCE */
    TAKES_DECIDE = 1 << 27,   /* --annotation --expect --at --spawner; -f is not needed */
    TAKES_RECORD = 1 << 20,   /* --interval --for --redact */
    URL_WILL_DO = 1 << 21,    /* with TAKES_DOCUMENTS: --alertmanager without any -f is enough */
    TAKES_SERVE = 1 << 12,    /* --listen --decision-log... */
    TAKES_CLUSTER = 1 << 18,  /* --kubeconfig --context */
    TAKES_LEASE = 1 << 26,    /* --lease */
    TAKES_OBJECTS = 1 << 19,  /* -A --take-taskspawners; with --store kube no -f is needed */
    TAKES_SCAFFOLD = 1 << 29, /* --from --to; with TAKES_DOCUMENTS: -f is no must */
    READS_ITSELF = 1 << 30,   /* the verb reads its command line itself: spec_options.h */
    TAKES_EXPLAIN = 1 << 16,  /* --explain */
    TAKES_WHY = 1 << 17,      /* --at --trace */
    POLICIES_WILL_DO = 1 << 9, /* with TAKES_DOCUMENTS: --policies without any -f is enough */
};

struct options {
    const char **documents; /* -f, in the order given */
    size_t n_documents;
    const char *ns;         /* -n, or NULL */
    bool all_namespaces;    /* -A */
    enum output output;
    bool output_given;
    const char *alertmanager, *policies, *secrets, *store, *ca_file, *worker;
    uint64_t max_response_bytes; /* default 1 GiB */
    int64_t timeout_us;          /* default 30 s */
    const char *phase, *message;
    const char *alert, *spawner;
    const char *scaffold_from, *scaffold_to; /* spec new */
    const char *exec, *exec_output;
    int exec_parallel;
    const char **annotations;    /* "name=value" */
    size_t n_annotations;
    const char *expect;
    const char *against, *html;
    const char **against_documents;
    size_t n_against_documents;
    moment_t from, to;           /* MOMENT_NONE: open */
    int64_t task_start_us, task_duration_us;
    uint32_t task_failures_ppm;
    int64_t interval_us, for_us; /* for_us 0: until it is stopped */
    const char **redact;
    size_t n_redact;
    const char *listen; /* NULL: not given */
    const char *decision_log; /* "-": standard output; NULL: none */
    uint64_t decision_log_bytes; /* default 100 MiB */
    unsigned decision_log_keep;  /* default 5 */
    bool decision_log_all;
    const char *kubeconfig, *context;
    bool take_task_spawners;
    const char *lease;          /* name of the election's Lease, "none"; NULL: the default */
    bool explain, trace;
    const char *engine; /* URL of a running one */
    int64_t at; /* moment_t; MOMENT_NONE: now */
    bool help;

    char **args; /* what is no option */
    size_t n_args;
};

struct verb {
    const char *name;
    const char *summary;      /* one line */
    const char *usage;        /* what follows the name: "-f FILE ..." */
    const char *help;         /* paragraphs and examples */
    unsigned takes;
    size_t min_args, max_args;
    int (*run)(const struct options *o); /* exit code */
};

/* argv[0] is the verb's name. -1: ERR_USAGE with a sentence. Strings point into argv; free with options_deinit. */
int options_parse(const struct verb *verb, int argc, char **argv, struct options *o, struct err *e);
void options_deinit(struct options *o);
void options_help(const struct verb *verb);
