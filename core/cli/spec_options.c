/* See spec_options.h. */
#include "cli/spec_options.h"

#include "base/mem.h"
#include "base/moment.h"

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind {
    FLAG,     /* true; with a "no-" before it, false */
    TEXT,     /* the last one counts */
    LIST,     /* repeatable */
    TAGS,     /* repeatable, and each may be several: a,b */
    NUMBER,   /* a whole number of at least 1 */
    SEED,     /* a whole number */
    PERCENT,  /* 0 to 100 */
    DURATION, /* seconds, from a duration */
    EXTRA,    /* -Xhelper VALUE */
};

static const struct row {
    char code; /* or 0 */
    enum kind kind;
    const char *name, *arg, *help;
} rows[] = {
    {'p', LIST, "pattern", "PATTERN", "of files in directories: a Lua pattern for the base name (default _spec)"},
    {0, LIST, "exclude-pattern", "PATTERN", "not files whose base name it finds"},
    {'R', FLAG, "recursive", NULL, "look into subdirectories (default); --no-recursive does not"},
    {'t', TAGS, "tags", "TAGS", "only tests with one of these #tags (their beginning is enough, as in busted)"},
    {0, TAGS, "exclude-tags", "TAGS", "not tests with one of these #tags"},
    {0, FLAG, "exact-tags", NULL, "a tag is meant as a whole, not by its beginning"},
    {0, LIST, "filter", "PATTERN", "only tests whose full name the Lua pattern finds"},
    {0, LIST, "filter-out", "PATTERN", "not tests whose full name it finds"},
    {0, LIST, "name", "NAME", "only tests with exactly this full name"},
    {0, TEXT, "exclude-names-file", "FILE", "not the tests whose full names stand in the file, one a line"},
    {'l', FLAG, "list", NULL, "print the tests that would run, with file and line, and run none"},
    {'o', LIST, "output", "FORMAT[:FILE]", "terminal, plain, tap, junit, jsonl or github; repeatable"},
    {'v', FLAG, "verbose", NULL, "a line for each test, tracebacks for what failed"},
    {'C', TEXT, "directory", "DIR", "be there instead of here"},
    {'f', TEXT, "config-file", "FILE", "a file of options (default .busted, if it is there)"},
    {'r', TEXT, "run", "TASK", "with the options of this task of that file"},
    {0, TEXT, "policies", "DIR", "where policies.load looks first (then beside the spec, then ./policies)"},
    {0, NUMBER, "repeat", "N", "run everything so often"},
    {0, FLAG, "shuffle", NULL, "files, and tests in their blocks, in a random order"},
    {0, FLAG, "shuffle-files", NULL, "only files"},
    {0, FLAG, "shuffle-tests", NULL, "only tests"},
    {0, FLAG, "sort", NULL, "files, and tests in their blocks, by name"},
    {0, FLAG, "sort-files", NULL, "only files"},
    {0, FLAG, "sort-tests", NULL, "only tests"},
    {0, SEED, "seed", "N", "of the random order"},
    {'k', FLAG, "keep-going", NULL, "-k, --no-keep-going: stop at the first failure"},
    {0, FLAG, "suppress-pending", NULL, "say nothing of pending tests"},
    {0, FLAG, "lazy", NULL, "setup and teardown are lazy"},
    {0, FLAG, "auto-insulate", NULL, "--no-auto-insulate: all files in one worker, one after the other"},
    {0, TEXT, "helper", "FILE", "Lua that runs before each file"},
    {'X', EXTRA, "Xhelper", "helper VALUE", "-Xhelper VALUE: arguments for the helper (a,b is two); repeatable"},
    {'e', LIST, "e", "LUA", "-e LUA: run it before each file; repeatable"},
    {'m', LIST, "lpath", "PATH", "where require looks, such as ./src/?.lua"},
    {'c', FLAG, "coverage", NULL, "count the lines run and the decisions made"},
    {0, PERCENT, "coverage-min", "PERCENT", "less is exit code 3; counts, too"},
    {0, FLAG, "update-golden", NULL, "write what assert.golden compares with"},
    {0, DURATION, "timeout", "DURATION", "of one test (default 2s; 0: none)"},
    {0, FLAG, "allow-empty", NULL, "it is no failure when no test runs"},
    {0, FLAG, "watch", NULL, "run again whenever a file changes"},
    {0, NUMBER, "jobs", "N", "files at a time (default: processors)"},
    {0, TEXT, "worker", "FILE", "the worker executable (default: beside this one)"},
    {0, FLAG, "version", NULL, "print the version"},
    {'h', FLAG, "help", NULL, "this page"},
};
enum { N_ROWS = sizeof rows / sizeof *rows, NO = 512, LONG = 1024 };

static void set(cJSON *o, const char *name, cJSON *value)
{
    cJSON_DeleteItemFromObjectCaseSensitive(o, name);
    cJSON_AddItemToObject(o, name, value);
}

static void add(cJSON *o, const char *name, const char *value, size_t len)
{
    cJSON *list = cJSON_GetObjectItemCaseSensitive(o, name);
    if (list == NULL)
        list = cJSON_AddArrayToObject(o, name);
    char *text = xstrndup(value, len);
    cJSON_AddItemToArray(list, cJSON_CreateString(text));
    free(text);
}

static void add_tags(cJSON *o, const char *name, const char *value)
{
    while (*value != '\0') {
        size_t n = strcspn(value, ",");
        if (n > 0)
            add(o, name, value, n);
        value += n + (value[n] == ',');
    }
}

static int take_number(cJSON *o, const struct row *row, const char *arg, struct err *e)
{
    char *end;
    errno = 0;
    if (row->kind == PERCENT) {
        double d = strtod(arg, &end);
        if (errno != 0 || *arg == '\0' || *end != '\0' || !(d >= 0 && d <= 100))
            return err_set(e, ERR_USAGE, "--%s %s: give per cent, from 0 to 100", row->name, arg);
        set(o, row->name, cJSON_CreateNumber(d));
        return 0;
    }
    long long n = strtoll(arg, &end, 10);
    if (errno != 0 || *arg == '\0' || *end != '\0' || (row->kind == NUMBER && (n < 1 || n > 100000)) || n > INT64_C(1) << 53 ||
        n < -(INT64_C(1) << 53))
        return err_set(e, ERR_USAGE, "--%s %s: give a whole number%s", row->name, arg,
                       row->kind == NUMBER ? " of at least 1" : "");
    set(o, row->name, cJSON_CreateNumber((double)n));
    return 0;
}

static int take_duration(cJSON *o, const struct row *row, const char *arg, struct err *e)
{
    int64_t us;
    struct err why;
    if (duration_parse(arg, &us, &why) != 0 || us < 0)
        return err_set(e, ERR_USAGE, "--%s %s: give a duration such as 500ms or 2s, or 0 for none", row->name, arg);
    set(o, row->name, cJSON_CreateNumber((double)us / MOMENT_SECOND));
    return 0;
}

static int take(cJSON *o, const struct row *row, bool no, const char *arg, struct err *e)
{
    switch (row->kind) {
    case FLAG:
        set(o, row->name, cJSON_CreateBool(!no && !(row->code == 'k')));
        return 0;
    case TEXT:
        set(o, row->name, cJSON_CreateString(arg));
        return 0;
    case LIST:
    case EXTRA:
        add(o, row->name, arg, strlen(arg));
        return 0;
    case TAGS:
        add_tags(o, row->name, arg);
        return 0;
    case DURATION:
        return take_duration(o, row, arg, e);
    default:
        return take_number(o, row, arg, e);
    }
}

/* -Xhelper VALUE comes as the option X with the value "helper". */
static int take_extra(cJSON *o, const char *what, int argc, char **argv, struct err *e)
{
    if (strcmp(what, "helper") != 0)
        return err_set(e, ERR_USAGE, "unknown option -X%s (see alertspawner spec --help)", what);
    if (optind >= argc)
        return err_set(e, ERR_USAGE, "option -Xhelper wants a value");
    const char *value = argv[optind++];
    add_tags(o, "Xhelper", value);
    return 0;
}

static int take_option(cJSON *o, int code, const char *arg, int argc, char **argv, struct err *e)
{
    if (code == 'X')
        return take_extra(o, arg, argc, argv, e);
    if (code >= LONG) {
        const struct row *row = &rows[(code & ~(LONG | NO))];
        /* --keep-going means what it says; only -k turns it round */
        if (row->kind == FLAG) {
            set(o, row->name, cJSON_CreateBool((code & NO) == 0));
            return 0;
        }
        return take(o, row, false, arg, e);
    }
    for (size_t i = 0; i < N_ROWS; i++)
        if (rows[i].code == code)
            return take(o, &rows[i], false, arg, e);
    return err_set(e, ERR_BUG, "option %d has no meaning", code);
}

int spec_options_parse(int argc, char **argv, cJSON **options_r, struct err *e)
{
    struct option longs[2 * N_ROWS + 1] = {0};
    char *negated[N_ROWS] = {0}, shorts[2 * N_ROWS + 2] = ":";
    size_t n = 0, m = 1;
    for (size_t i = 0; i < N_ROWS; i++) {
        longs[n++] = (struct option){rows[i].name, rows[i].arg ? required_argument : no_argument, NULL, LONG | (int)i};
        if (rows[i].kind == FLAG) {
            negated[i] = xasprintf("no-%s", rows[i].name);
            longs[n++] = (struct option){negated[i], no_argument, NULL, LONG | NO | (int)i};
        }
        if (rows[i].code) {
            shorts[m++] = rows[i].code;
            if (rows[i].arg)
                shorts[m++] = ':';
        }
    }
    cJSON *o = cJSON_CreateObject();
    int code, rc = 0;
    optind = 0; /* glibc: start over */
    opterr = 0;
    while (rc == 0 && (code = getopt_long(argc, argv, shorts, longs, NULL)) != -1)
        if (code == '?' || code == ':')
            rc = err_set(e, ERR_USAGE, code == ':' ? "option %s wants a value (see alertspawner spec --help)"
                                                   : "unknown option %s (see alertspawner spec --help)",
                         argv[optind - 1]);
        else
            rc = take_option(o, code, optarg, argc, argv, e);
    for (int i = optind; rc == 0 && i < argc; i++)
        add(o, "ROOT", argv[i], strlen(argv[i]));
    for (size_t i = 0; i < N_ROWS; i++)
        free(negated[i]);
    if (rc != 0)
        cJSON_Delete(o);
    else
        *options_r = o;
    return rc;
}

void spec_options_help(void)
{
    puts("Run specs of policies: busted's describe, it and assert.\n\nUsage:\n"
         "  alertspawner spec [options] [FILE|DIR ...]                (default: spec)\n"
         "  alertspawner spec new --from FILE|FINGERPRINT [options]   a spec for an alert, as it is decided today\n\n"
         "Each file runs in a worker without files, processes or network; the policies under test run with the budgets\n"
         "that they have in production. docs/specs.md tells what a spec can say.\n\n"
         "Exit codes: 0 all passed or are pending, 1 something failed, or nothing ran, 2 wrong usage, 3 less covered than\n"
         "--coverage-min.\n\n"
         "Examples:\n"
         "  alertspawner spec --policies policies.d spec/\n"
         "  alertspawner spec -t fast --coverage-min 90 -o terminal -o junit:report.xml\n"
         "  alertspawner spec --watch spec/payments_spec.lua\n\nOptions:");
    for (size_t i = 0; i < N_ROWS; i++) {
        char left[80];
        bool only_short = rows[i].kind == EXTRA || strlen(rows[i].name) == 1;
        if (only_short)
            snprintf(left, sizeof left, "%.*s", (int)strcspn(rows[i].help, ":"), rows[i].help);
        else
            snprintf(left, sizeof left, "%c%c%s --%s%s%s", rows[i].code ? '-' : ' ', rows[i].code ? rows[i].code : ' ',
                     rows[i].code ? "," : " ", rows[i].name, rows[i].arg ? " " : "", rows[i].arg ? rows[i].arg : "");
        printf("  %-34s %s\n", left, only_short ? strchr(rows[i].help, ':') + 2 : rows[i].help);
    }
}
