/* What the engine and its guard process say to each other, over the guard's descriptor 3.
 *
 *   alertspawner exec-guard DEADLINE_S OUTPUT_MAX COMMAND
 *     0  the prompt     1  the Task's output file     2  where the guard itself complains     3  the control socket
 *
 * Guard to engine, one line each: "pid N" when the shell runs, then one of "exit N", "signal N", "deadline" and
 * "error TEXT". Engine to guard, one byte each: GUARD_TERM ends the command gently, GUARD_KILL at once. The end of the
 * engine, which closes the socket, is GUARD_KILL. */
#pragma once

#define GUARD_VERB "exec-guard"

enum {
    GUARD_TERM = 'T',
    GUARD_KILL = 'K',
    GUARD_GRACE_S = 5, /* between TERM and KILL: at the deadline, after GUARD_TERM */
    GUARD_REAP_S = 10, /* after KILL: what still lives then cannot be killed (another user's, stuck in the kernel) */
};

/* descendants.c: sends `sig` to every descendant of this process; how many there were. */
int descendants_kill(int sig);
/* The same for direct children alone, in one short read: fast enough to catch a chain of processes of which each starts
 * the next and ends. -1: this kernel does not list children. */
int children_kill(int sig);
