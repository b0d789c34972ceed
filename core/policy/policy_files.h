/* The policy files of --policies DIR, read by the engine and handed to the worker: *.lua files directly in
 * DIR, in byte order of their names, through one directory descriptor. Where DIR is a mounted ConfigMap, that
 * is the one behind its `..data` link, opened once: all files come from one generation, however often the link
 * moves meanwhile.
 * lib_*.lua are libraries: policies include them. Neither: *_spec.lua, names that start with ".", and default.lua
 * (the bundled one's name: a problem, unless it is the bundled one to the byte). The engine never parses them.
 *
 * NAME_spec.lua and NAME_cases.json are the gate of NAME.lua: a policy (or library) whose specs fail does not serve. Where
 * there is one, everything else in the directory is read too, since specs may ask for it: fixtures and goldens.
 *
 * A link is followed as long as it stays in the directory: one that leads out of it could name any file that the
 * engine may read, and the error of a file that is no Lua quotes it.
 *
 * A file that cannot be used (too large, empty, no UTF-8, no regular file, unreadable) is a problem, and
 * stands in `files` or `libs` with length 0: nobody knows which alerts its match would have claimed, so it may not just
 * vanish. */
#pragma once

#include "base/err.h"
#include "policy/policy_hash.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    POLICY_FILES_MAX = 200,  /* policies, and libraries beside them */
    POLICY_BESIDE_MAX = 1000, /* files for specs */
    POLICY_BESIDE_BYTES_MAX = 1024 * 1024, /* of one of them */
    POLICY_BESIDE_ALL_MAX = 8 * 1024 * 1024,
};

struct policy_file {
    char *name;   /* "10-payments.lua" */
    char *source; /* never NULL */
    size_t len;   /* 0: the file cannot be used, see problems */
    uint32_t *libs; /* numbers of the libraries that it may include. As read: every lib_*.lua; as served: its own */
    size_t n_libs;
};

/* A file for specs, or a spec. */
struct policy_beside {
    char *name;
    char *bytes; /* never NULL; a NUL follows */
    size_t len;
    char *problem; /* why it could not be read; or NULL */
};

struct policy_files {
    struct policy_file *files; /* policies; not lib_*.lua */
    size_t n;
    struct policy_file *libs;  /* lib_*.lua; where a last good version is served, its libraries too: names may repeat */
    size_t n_libs;
    struct policy_beside *beside; /* as read; as served: none. In byte order of their names */
    size_t n_beside;
    uint64_t hash; /* XXH3 of names and contents, of all of it: the generation */
    struct policy_problem {
        char *file, *sentence;
    } * problems; /* a file that is too large, no UTF-8, no regular file, unreadable; see policy_problem_text */
    size_t n_problems;
};

/* `dir` NULL: no files (the default policy judges everything). -1: the directory cannot be read at all, or
 * holds more than POLICY_FILES_MAX policies or libraries. */
int policy_files_read(const char *dir, struct policy_files **files_r, struct err *e);
void policy_files_free(struct policy_files **files);

/* "x.lua is empty", "x.lua:3: unexpected symbol": the sentence with the file's name, with which it may begin. free() */
char *policy_problem_text(const struct policy_problem *p);
/* Why a file has length 0, or NULL. */
const struct policy_problem *policy_files_problem(const struct policy_files *f, const char *file);

/* For who puts files together. */
void policy_files_add_problem(struct policy_files *f, const char *file, const char *sentence);
uint64_t policy_files_hash(const struct policy_files *f);
/* Is it NAME_spec.lua or NAME_cases.json? Then *len_r: bytes of NAME. */
bool policy_beside_is_spec(const char *name, size_t *len_r);
const struct policy_beside *policy_beside_find(const struct policy_files *f, const char *name);
/* XXH3 of what gates this policy: its specs, and those of libraries (whichever it includes). 0: nothing does. */
uint64_t policy_beside_proof(const struct policy_files *f, size_t file);
/* Reads them from the open directory (policy_beside.c). -1: the directory cannot be read. */
int policy_beside_read(int dir, struct policy_files *f, struct err *e);
void policy_beside_free(struct policy_files *f);

/* Numbers of libraries, in byte order of their names. */
void policy_libs_sort(const struct policy_files *f, uint32_t *libs, size_t n);
/* policy_hash_unit of a policy's file and the libraries that it included (numbers in f->libs). */
void policy_unit_hash(const struct policy_files *f, size_t file, const uint32_t *libs, size_t n_libs,
                      char out[POLICY_HASH]);
