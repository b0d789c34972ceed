/* alertspawner: alerts in, evaluate, reconcile, Tasks out. This is the engine; it holds the network and the store and
 * never runs Lua (alertspawner-worker does). Here: which verb, and nothing else. */
#include "cli/verbs.h"
#include "tasks/sqlite/exec.h"

#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static void print_usage(FILE *f)
{
    fputs("alertspawner creates Kelos Tasks for the alerts of a Prometheus Alertmanager.\n\nUsage:\n"
          "  alertspawner VERB [options]\n\nVerbs:\n",
          f);
    for (const struct verb *v = verbs; v->name != NULL; v++)
        fprintf(f, "  %-9s %s\n", v->name, v->summary);
    fputs("\n\"alertspawner VERB --help\" tells more. Results go to standard output, logs to standard error.\n"
          "Exit codes: 0 done, 1 something failed, 2 wrong usage.\n",
          f);
}

/* What stands in standard output's buffer may not get there. */
static int finish(int rc)
{
    if (fflush(stdout) == 0 || rc != EXIT_DONE)
        return rc;
    perror("Error: writing standard output");
    return EXIT_FAILED;
}

int main(int argc, char **argv)
{
    /* glibc raises this threshold when a large block is freed, and keeps later ones in its heap for good. Fixed, what one
     * cycle of 100,000 alerts needed goes back to the system: 4 MiB less at the peak (ctest -R e2e_many -V). */
    mallopt(M_MMAP_THRESHOLD, 128 * 1024);
    signal(SIGPIPE, SIG_IGN); /* a closed pipe is an error of write(), not our end */
    if (argc < 2) {
        print_usage(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "exec-guard") == 0) /* the guard of a command of run --exec: see tasks/sqlite/exec.h */
        return exec_guard_main(argc, argv);
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
        print_usage(stdout);
        return EXIT_DONE;
    }
    const char *name = strcmp(argv[1], "--version") == 0 ? "version" : argv[1];
    const struct verb *v = verbs;
    while (v->name != NULL && strcmp(v->name, name) != 0)
        v++;
    if (v->name == NULL) {
        fprintf(stderr, "Error: unknown verb \"%s\"\n\n", argv[1]);
        print_usage(stderr);
        return EXIT_USAGE;
    }
    if ((v->takes & READS_ITSELF) != 0)
        return finish(verb_spec(argc - 1, argv + 1));
    struct options o = {0};
    struct err e = {0};
    log_set_level(strcmp(v->name, "run") == 0 ? LOG_INFO : LOG_WARN);
    int rc;
    if (options_parse(v, argc - 1, argv + 1, &o, &e) != 0)
        rc = verb_fail(&e);
    else if (o.help)
        options_help(v), rc = EXIT_DONE;
    else
        rc = v->run(&o);
    options_deinit(&o);
    return finish(rc);
}
