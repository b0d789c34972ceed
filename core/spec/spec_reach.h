/* Which files specs may read: the worker that runs them has no files of its own and asks for each. What is given out stands
 * under the run's roots, the directory that `spec` was started in, that of the policies, or where Lua's modules lie;
 * never where a link or ".." leads out of them. The only files that are written are goldens beside a spec, with
 * --update-golden. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "policy/wire.h"

#include <stdbool.h>
#include <stddef.h>

enum { SPEC_FILE_MAX = 8 * 1024 * 1024 }; /* bytes of one file */

struct spec_reach {
    char **roots; /* directories: those given, and those of files that were given */
    size_t n_roots;
    char **lpath; /* directories of modules, besides */
    size_t n_lpath;
    const char *policies; /* --policies, or NULL */
    bool update_golden;
};

void spec_reach_add_root(struct spec_reach *r, const char *dir);
/* "./src/?.lua" -> ./src */
void spec_reach_add_lpath(struct spec_reach *r, const char *pattern);
void spec_reach_deinit(struct spec_reach *r);

/* `spec_file`: the path of the spec that asks, as it was found. *found_r: the path, as a person would write it. `how` as in
 * wire.h. -1: a sentence that says where it was looked for. */
int spec_reach_read(const struct spec_reach *r, const char *spec_file, const char *how, const char *name,
                    struct buf *bytes_r, struct buf *found_r, struct err *e);
int spec_reach_write(const struct spec_reach *r, const char *spec_file, const char *name, struct wire_text bytes,
                     struct err *e);
/* A whole file, whoever names it on the command line: specs, helpers, .busted. */
int spec_file_read(const char *path, struct buf *bytes_r, struct err *e);
char *spec_dir_of(const char *path); /* "spec" of "spec/x_spec.lua", "." without one; free() */
