/* What policy_set.c (which generation serves, what is said) and policy_follow.c (when to look, what to examine) share.
 * Nobody else includes it. */
#pragma once

#include "policy/policy_gate.h"
#include "policy/policy_set.h"
#include "policy/policy_units.h"

struct follower;

/* One generation; it lives as long as somebody holds it. */
struct generation {
    struct policy_files *files;
    size_t refs;
    struct generation *next;
};

struct sentence_list {
    char **v;
    size_t n;
};

struct policy_set {
    char *dir; /* NULL: none */
    struct generation *serving, *all;
    struct policy_units *units;
    bool examined;
    struct gate_memory *memory; /* which specs have passed */
    char *trouble; /* concerns all files; or NULL */
    struct sentence_list problems; /* trouble first */
    struct sentence_list own;      /* those of single files, of the last examination */
    moment_t good_at;
    bool logged;                   /* the problems are */
    struct follower *follower;     /* NULL: nobody follows */
};

/* The reading was examined: what loads, serves. true: other versions or other problems than before. */
bool policy_set_take(struct policy_set *set, const struct policy_files *read, const struct policy_verdict *verdicts,
                     moment_t now);
/* The files could not be read or examined: what served goes on. true: this is new. */
bool policy_set_note_trouble(struct policy_set *set, const struct err *e);
