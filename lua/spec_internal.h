/* What the files of spec mode share: spec.c (from SPEC to DONE), spec_guard.c (time), spec_host.c (what the runner can call),
 * spec_tree.c (values that cross), spec_session.c (policies under test), spec_setup.c and spec_question.c (what they are
 * asked), spec_answer.c (what they say), spec_record.c, spec_coverage.c. */
#pragma once

#include "spec.h"

#include "session.h"
#include "vm.h"

#include "base/moment.h"
#include "policy/chain.h"

#include <lua.h>
#include <stdbool.h>

struct spec_coverage;

/* A policy under test. */
struct spec_session {
    uint32_t id; /* 0: free */
    struct session *session;
    struct buf heard; /* frames that it said */
    size_t read;
    bool survey; /* it wants to see every alert first */
    bool survey_done;
    moment_t now;
    int setup_ref; /* SETUP's table, while it is not known whose the remembered state is; else LUA_NOREF */
};

/* A time zone that the engine gave. */
struct spec_zone {
    char *name;
    char *tzif; /* NULL: there is none of that name */
    size_t len;
};

struct spec {
    volatile struct black_box *box;
    struct spec_io io;
    struct vm *vm;
    uint64_t vm_used; /* instructions of the spec's VM: counted, not limited */
    struct vm_limits limits; /* of the policies */
    struct buf options;      /* SPEC's tree */
    const char *fault;       /* the engine has talked nonsense */

    int64_t deadline_us; /* of the process's CPU time; INT64_MAX: none */
    double seconds;      /* that led to it, for the sentence */
    bool late;           /* it has passed: everything raises until the guard is reached */

    struct spec_session sessions[SPEC_SESSIONS_MAX];
    uint32_t next_id;
    struct spec_zone *zones;
    size_t n_zones;
    struct spec_coverage *coverage; /* NULL: nobody counts */

    /* Scratch that survives an error being raised: cleared by whoever uses it. */
    struct buf out, frame, alert, index, text;

    struct chain chain; /* of the answers about the alert that is asked about */
    struct buf records[SPEC_RECORDS_MAX]; /* trees: what policies decided since the test began */
    size_t n_records;                     /* so many came, the last SPEC_RECORDS_MAX are kept */
};

/* The one that runs in this process. */
extern struct spec *spec_running;

/* spec_guard.c */
int64_t spec_clock_us(void);
void spec_guard_arm(lua_State *L);  /* sets the hook that looks at the time, and at lines when somebody counts them */
int spec_guard(lua_State *L);       /* host.guard */
int spec_expired(lua_State *L);     /* host.expired */

/* spec_libs.c: opens the libraries that the runner has into the VM's globals. */
void spec_libs_open(lua_State *L);

/* spec_tree.c: the value at idx as a wire tree; raises on what cannot cross. */
void spec_tree_write(lua_State *L, int idx, struct buf *out);
/* The map at idx, with `extra` members that the caller will add. */
void spec_tree_write_map(lua_State *L, int idx, uint32_t extra, struct buf *out);

/* spec_host.c */
void spec_host_push(lua_State *L); /* the table */
void spec_tell(const char *kind, const char *tree, size_t len);
/* Asks the engine. 0: *bytes_r and *found_r are set, until the next frame; -1: *bytes_r is a sentence. Raises when
 * there is no engine any more. */
int spec_need(lua_State *L, enum wire_need need, const char *how, const char *name, struct wire_text bytes,
              struct wire_text *bytes_r, struct wire_text *found_r);
/* NULL when there is no such zone. */
const struct spec_zone *spec_zone(lua_State *L, const char *name, size_t len);

/* spec_session.c: host.session, host.ask, host.free */
int spec_session_open(lua_State *L);
int spec_session_ask(lua_State *L);
int spec_session_free(lua_State *L);

/* spec_setup.c: SETUP of the table at idx into spec_running->frame. */
void spec_setup_write(lua_State *L, int idx, moment_t *now_r);

/* spec_question.c: frames of the question at idx into spec_running->frame, one question each, number 1. */
void spec_survey_write(lua_State *L, int idx);
void spec_judge_write(lua_State *L, int idx, moment_t now);
void spec_retrigger_write(lua_State *L, int idx, moment_t now, const char *key);
void spec_resolve_write(lua_State *L, int idx, const char *key, const char *policy);
void spec_compose_write(lua_State *L, int idx, moment_t now, const char *key);
/* Fields of a table at idx. Raise when there is something else. */
bool spec_has(lua_State *L, int idx, const char *name);
const char *spec_field_text(lua_State *L, int idx, const char *name, const char *missing, size_t *len_r); /* anchored: the
                                                                             table holds it as long as nobody changes it */
double spec_field_number(lua_State *L, int idx, const char *name, double missing);
moment_t spec_field_moment(lua_State *L, int idx, const char *name, moment_t missing);
moment_t spec_to_moment(lua_State *L, int idx, const char *name);

/* spec_answer.c: what a frame said, as members of the answer, which is the table at idx. Push nothing. */
void spec_ready_push(lua_State *L, struct wire_reader *r, bool *survey_r); /* pushes the table */
void spec_judged_take(lua_State *L, int idx, struct wire_reader *r);
void spec_retriggered_take(lua_State *L, int idx, struct wire_reader *r);
void spec_resolved_take(lua_State *L, int idx, struct wire_reader *r);
void spec_composed_take(lua_State *L, int idx, struct wire_reader *r);

/* spec_record.c */
void spec_record_reset(void);
/* Remembers what the policy answered: question at q, answer at a. */
void spec_record_add(lua_State *L, int q, int a, moment_t now);
void spec_records_write(struct buf *out); /* a list */
