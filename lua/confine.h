/* The walls around the worker's process: it may read descriptor 0, write 1 and 2, and use memory and the
 * processor within limits; nothing else. Every other system call fails with EPERM (it does not kill: libc
 * tries harmless things of its own, and the self-test wants to see the refusal).
 *
 *      descriptors   3 and above are closed (3 was the black box)
 *      prctl         no-new-privs, dies with its parent, not dumpable
 *      rlimits       AS 128 MiB (not under ASan), CPU 60 s, NOFILE 0, FSIZE 0, CORE 0, NPROC 0
 *      environment   empty
 *      seccomp       an allow-list; see confine.c */
#pragma once

#include "base/err.h"
#include "policy/wire.h"

enum {
    CONFINE_MEMORY = 128 * 1024 * 1024,
    CONFINE_CPU_SECONDS = 60,
};

/* Maps the page that is descriptor 3, if it is one (an unlinked file of at least that size), else a private
 * page. */
volatile struct black_box *confine_black_box(void);
/* Irrevocable. -1: some wall could not be built; then nothing may be read. */
int confine_process(struct err *e);

/* For people: `alertspawner-worker --self-test`. Tries everything that must be refused, in a confined child,
 * prints a line each. Returns the exit code: 0 only when all were refused. */
int confine_self_test(void);
