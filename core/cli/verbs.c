/* The index of verbs, with what --help says of them. */
#include "cli/say.h"
#include "cli/verbs.h"

#include <stdio.h>
#include <string.h>

#define CYCLE_OPTIONS (TAKES_CLUSTER | TAKES_OBJECTS | TAKES_DOCUMENTS | TAKES_SOURCE | TAKES_POLICIES | TAKES_STORE)

const struct verb verbs[] = {
    {"run", "Watch for ever: a cycle for every spawner each pollInterval.", "-f FILE [-f ...] | --store kube",
     "Polls, judges and creates Tasks until it gets SIGTERM or SIGINT; then it finishes what is in flight and exits\n"
     "within 5 seconds. Changed documents and policies are taken up while it runs.\n\n"
     "It tells about itself over HTTP: /metrics, /healthz and /readyz on --listen, the same and more on a Unix socket\n"
     "beside the store. With --decision-log it writes decisions as JSON lines (SIGHUP opens the file anew).\n\n"
     "With --exec CMD it also runs each Task on this machine: CMD in /bin/sh, the prompt on standard input, and\n"
     "KELOS_TASK_NAME, KELOS_TASKSPAWNER, KELOS_BRANCH, KELOS_MODEL, KELOS_AGENT_TYPE, KELOS_ALERT_FINGERPRINT and\n"
     "KELOS_ALERTNAME in its environment. Its exit code makes the Task Succeeded or Failed.\n\n"
     "With --store kube (in a pod: without any --store) Tasks are objects of the cluster. The AlertSpawners of the\n"
     "namespace (-n; by default the context's or the pod's), or of all (-A), are watched, and the documents of -f, too.\n"
     "Of several replicas one acts, the holder of the Lease; the others stand by. At its end it hands the Lease over.\n\n"
     "Examples:\n"
     "  alertspawner run -f examples/ --alertmanager http://localhost:9093\n"
     "  alertspawner run -f spawner.yaml --exec 'claude -p --permission-mode acceptEdits'\n"
     "  alertspawner run --store kube -A",
     CYCLE_OPTIONS | TAKES_LEASE | TAKES_EXEC | TAKES_SERVE, 0, 0, verb_run},
    {"once", "One cycle for every spawner, then exit.", "-f FILE [-f ...] | --store kube",
     "Prints one decision for every alert. Exits 1 when a cycle failed or a decision is an error.\n\n"
     "Example:\n  alertspawner once -f examples/ --alertmanager http://localhost:9093",
     CYCLE_OPTIONS | TAKES_OUTPUT | TAKES_EXPLAIN, 0, 0, verb_once},
    {"plan", "What once would do, without doing it.", "-f FILE [-f ...] | --store kube",
     "The same decisions as once, with no writes: works beside a running engine.\n\n"
     "With -o json: {\"spawners\":[{\"name\",\"namespace\",\"decisions\":[{\"fingerprint\",\"alertname\",\"verdict\",\n"
     "\"reason\",\"detail\",\"task\",...}]}]}; verdict is create, retrigger, skip, wait or error, would_change says what would\n"
     "have to be otherwise. With --explain also the chain: every hook that was called, its answer, file and line.\n\n"
     "Example:\n  alertspawner plan -f examples/ -o json | jq '.spawners[].decisions[] | select(.verdict==\"create\")'",
     CYCLE_OPTIONS | TAKES_OUTPUT | TAKES_EXPLAIN, 0, 0, verb_plan},
    {"why", "Why an alert has a Task, or none.", "FINGERPRINT|ALERTNAME [-f FILE ...]",
     "Which selector excludes it, which policy judges it and what each of its hooks said, by file and line; which limit holds\n"
     "it back, which Task it has; and what would have to be otherwise. Of an alert that does not fire any more: since when, and\n"
     "its last Task. The fingerprint may be cut after six digits or more.\n\n"
     "Asks the engine that runs on --store, or at --engine URL. With -f it asks Alertmanager and the store itself, writing\n"
     "nothing; with --alert FILE neither (but the store, when --store is given), --at TIME as if it were then.\n\n"
     "Examples:\n"
     "  alertspawner why KubeContainerOOMKilled\n"
     "  alertspawner why 41b1495b4c5f4152 -f spawner.yaml --policies policies.d --trace\n"
     "  alertspawner why -f spawner.yaml --policies policies.d --alert alert.json --at 2026-03-07T10:00:00Z",
     CYCLE_OPTIONS | TAKES_OUTPUT | TAKES_ALERT | TAKES_WHY, 0, 1, verb_why},
    {"get", "Show Tasks or spawners of the store.", "tasks|spawners [NAME]",
     "-o json prints a v1 List (or, with NAME, the object), as kubectl does.\n\n"
     "Examples:\n  alertspawner get tasks\n  alertspawner get task oom-remediator-… -o yaml",
     TAKES_STORE | TAKES_CLUSTER | TAKES_OUTPUT | TAKES_NAMESPACE, 1, 2, verb_get},
    {"finish", "Say how a Task of the local store ended.", "task NAME --phase Succeeded|Failed",
     "Sets phase and completionTime, as the agent's controller would. A command of run --exec that still runs is ended.",
     TAKES_STORE | TAKES_NAMESPACE | TAKES_PHASE, 2, 2, verb_finish},
    {"delete", "Delete a Task of the store.", "task NAME",
     "A command of run --exec that still runs is ended. If its alert still fires, a later cycle creates a new Task.",
     TAKES_STORE | TAKES_CLUSTER | TAKES_NAMESPACE, 2, 2, verb_delete},
    {"render", "Print the Task that an alert would become, touching nothing.", "-f FILE --alert ALERT.json",
     "Neither Alertmanager nor store is asked. If a selector or the policy would not take the alert, a note on standard\n"
     "error says so.\n\n"
     "Example:\n  curl -s localhost:9093/api/v2/alerts | jq '.[0]' | alertspawner render -f spawner.yaml --alert -",
     TAKES_DOCUMENTS | TAKES_POLICIES | TAKES_OUTPUT | TAKES_ALERT, 0, 0, verb_render},
    {"check", "Validate documents, templates and policies.", "[-f FILE ...] [--policies DIR]",
     "Reads everything as run would and says the same of it: a line for each policy with its match, its hash and the\n"
     "libraries that it includes, a line for each TaskSpawner, every problem with file and line. Without -f it is for\n"
     "policies alone. Exits 1 if there is an error, 0 if there are only warnings.\n\n"
     "Examples:\n"
     "  alertspawner check -f examples/ --policies policies.d\n"
     "  alertspawner check --policies policies.d",
     TAKES_DOCUMENTS | TAKES_POLICIES | POLICIES_WILL_DO, 0, 0, verb_check},
    {"bench", "What the hooks of policies cost over a recording.", "RECORDING... -f FILE [--policies DIR]",
     "Replays the recording twice, for time and memory and for instructions, and prints of every hook of every policy\n"
     "the median, the 99th percentile and the most of one call, what one alert costs altogether, and the share of its\n"
     "budget that the dearest call took. Warns when that is more than half.\n\n"
     "Example:\n  alertspawner bench monday -f examples/ --policies policies.d",
     TAKES_DOCUMENTS | TAKES_URL | TAKES_POLICIES | TAKES_OUTPUT | TAKES_WINDOW, 1, 1000, verb_bench},
    {"decide", "What becomes of an alert with these labels.", "LABEL=VALUE... [--policies DIR] [-f FILE] [--expect keep|drop]",
     "Judges one alert that fires since five minutes and never had a Task, and says how the decision came about. Without -f\n"
     "a document that selects everything stands in. With --expect it exits 1 when another decision is made: a test in one\n"
     "line. --at makes it another time.\n\n"
     "Examples:\n"
     "  alertspawner decide alertname=DiskFull severity=info --policies policies.d --expect drop:noise\n"
     "  alertspawner decide alertname=DiskFull team=db --policies policies.d --at 2026-03-07T03:00:00Z",
     TAKES_DOCUMENTS | TAKES_POLICIES | TAKES_OUTPUT | TAKES_DECIDE, 1, 1000, verb_decide},
    {"record", "Save what an Alertmanager answers, for replay.", "DIR --alertmanager URL | -f FILE",
     "Asks every --interval for all firing alerts, whatever the documents select, and appends each answer to the\n"
     "recording DIR; failed polls are recorded as such. Ends after --for, or with SIGINT or SIGTERM; started again it goes\n"
     "on. With -f it asks each Alertmanager of the documents, with their credentials, which are not recorded.\n\n"
     "--redact replaces values, the same one always by the same pseudonym, so that alerts still group as they did:\n"
     "what is kept and what is not stands in docs/replay.md.\n\n"
     "Examples:\n"
     "  alertspawner record monday --alertmanager http://localhost:9093 --for 24h\n"
     "  alertspawner record monday -f examples/ --redact label=instance --redact secrets",
     TAKES_DOCUMENTS | TAKES_SOURCE | TAKES_RECORD | URL_WILL_DO, 1, 1, verb_record},
    {"replay", "What the policies would have done with a recording.", "RECORDING... -f FILE [--policies DIR [--against DIR]]",
     "Runs documents and policies through what an Alertmanager answered over time, with the cycles of a running engine, a\n"
     "virtual clock and virtual Tasks that end after --task-duration; touches nothing. Prints Tasks per hour and policy,\n"
     "decisions by reason, waits and storms; with --against (or --against-documents) also every Task that --policies adds,\n"
     "removes or moves, and why, on both sides.\n\n"
     "RECORDING is what record made (a directory or files of it), or a directory of files with one array of alerts each,\n"
     "as curl saves it; of several, polls are taken in the order of time.\n\n"
     "Examples:\n"
     "  alertspawner replay monday -f examples/ --policies policies.d\n"
     "  alertspawner replay monday -f examples/ --policies new.d --against policies.d --html difference.html",
     TAKES_DOCUMENTS | TAKES_URL | TAKES_POLICIES | TAKES_OUTPUT | TAKES_AGAINST | TAKES_WINDOW | TAKES_VIRTUAL, 1, 1000,
     verb_replay},
    {"spec", "Run specs of policies: busted's describe, it and assert.", "[options] [FILE|DIR ...]", "", READS_ITSELF, 0, 0, NULL},
    {"version", "Print the version.", "", "One line, for scripts.", 0, 0, 0, verb_version},
    {0},
};

int verb_fail(const struct err *e)
{
    if (e->kind == ERR_USAGE)
        fprintf(stderr, "Error: %s\n", e->msg); /* of the command line only; may have a second line, "Usage: ..." */
    else
        say("Error: %s", e->msg);
    return e->kind == ERR_USAGE ? EXIT_USAGE : EXIT_FAILED;
}

int noun_parse(const char *s, enum noun *noun_r, struct err *e)
{
    static const struct {
        const char *name;
        enum noun noun;
    } nouns[] = {{"task", NOUN_TASK},           {"tasks", NOUN_TASK},         {"spawner", NOUN_SPAWNER},
                 {"spawners", NOUN_SPAWNER},    {"taskspawner", NOUN_SPAWNER}, {"taskspawners", NOUN_SPAWNER},
                 {"ts", NOUN_SPAWNER}};
    for (size_t i = 0; i < sizeof nouns / sizeof *nouns; i++)
        if (strcmp(s, nouns[i].name) == 0) {
            *noun_r = nouns[i].noun;
            return 0;
        }
    return err_set(e, ERR_USAGE, "unknown resource \"%s\": must be one of tasks, spawners", s);
}

int verb_version(const struct options *o)
{
    (void)o;
    puts(AS_VERSION);
    return EXIT_DONE;
}
