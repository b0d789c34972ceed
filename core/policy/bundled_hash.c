/* A tool of the build: bundled_hash policies/default.lua prints the header that tells policy_files.c which default.lua is
 * the bundled one. The engine needs its hash only; the text is the worker's. */
#include "policy/policy_hash.h"

#include "base/buf.h"

#include <stdio.h>

int main(int argc, char **argv)
{
    struct buf b = {0};
    char hash[POLICY_HASH];
    FILE *f = argc == 2 ? fopen(argv[1], "rb") : NULL;
    if (f == NULL)
        return 1;
    for (int c; (c = getc(f)) != EOF;)
        buf_addc(&b, (char)c);
    int failed = ferror(f);
    fclose(f);
    policy_hash_bundled(b.data, b.len, hash);
    printf("#define BUNDLED_HASH \"%s\"\n", hash);
    buf_free(&b);
    return failed != 0;
}
