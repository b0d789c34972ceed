/* The policy files of --policies DIR, read by the engine and handed to the worker: *.lua files directly in
 * DIR, in byte order of their names, through one directory descriptor. Where DIR is a mounted ConfigMap, that
 * is the one behind its
 * `..data` link, opened once: all files come from one generation, however often the link moves meanwhile.
 * lib_*.lua are libraries: policies include them. Not policies: *_spec.lua, names that start with ".", and default.lua (the bundled one's name: a problem).
 * The engine never parses them.
 *
 * A file that cannot be used (too large, empty, no UTF-8, no regular file, unreadable) is a problem, and
 * stands in `files` with length 0: nobody knows which alerts its match would have claimed, so it may not just
 * vanish. */
#pragma once

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

enum {
    POLICY_SOURCE_MAX = 64 * 1024, /* bytes of one file: the parser is quadratic in places */
    POLICY_FILES_MAX = 200,
};

struct policy_file {
    char *name;   /* "10-payments.lua" */
    char *source; /* never NULL */
    size_t len;   /* 0: the file cannot be used, see problems */
    uint32_t *libs; /* numbers of the libraries that it may include; every lib_*.lua of its own generation */
    size_t n_libs;
};

struct policy_files {
    struct policy_file *files; /* policies; not lib_*.lua */
    size_t n;
    struct policy_file *libs;  /* lib_*.lua, and where a last good version is served, its libraries too: names may repeat */
    size_t n_libs;
    uint64_t hash; /* XXH3-64 of names and contents: the generation */
    struct policy_problem {
        char *file, *sentence;
    } * problems; /* a file that is too large, no UTF-8, no regular file, unreadable */
    size_t n_problems;
};

/* `dir` NULL: no files (the default policy judges everything). -1: the directory cannot be read at all, or
 * holds more than POLICY_FILES_MAX policies. */
int policy_files_read(const char *dir, struct policy_files **files_r, struct err *e);
void policy_files_free(struct policy_files **files);
