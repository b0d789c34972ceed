/* lint_table: prints the rules of the lint as a table in Markdown, for docs/policies.md. */
#include "lint.h"

#include <stdio.h>

static void print_rule(void *arg, const char *code, bool error, const char *sentence)
{
    (void)arg;
    printf("| `%s` | %s | %s |\n", code, error ? "error" : "warning", sentence);
}

int main(void)
{
    struct lint *l = lint_open(NULL);
    puts("| Code | | What it finds |\n|---|---|---|");
    lint_each_rule(l, print_rule, NULL);
    lint_free(&l);
    return fflush(stdout) == 0 ? 0 : 1;
}
