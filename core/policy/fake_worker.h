/* A worker for tests: it speaks the protocol, runs no Lua, and does whatever its "policies" tell it to. A
 * policy's source is lines of
 *
 *     match ALERTNAME                  which alerts it owns ("*": all)
 *     HOOK ALERTNAME ACTION [WORDS]    what happens in a hook (black_box_hook_name, "load" or "survey") for an alert
 *                                      ("*": any); of several lines for one hook and alert the first counts, but for
 *                                      "load", where all do
 *
 * The default policy keeps everything. fake_worker.c reads what the engine says, fake_ready.c answers SETUP,
 * fake_answers.c the questions, fake_acts.c misbehaves. */
#pragma once

#include "base/buf.h"
#include "policy/wire.h"

#include <stdbool.h>

enum { FAKE_MAX = 64, FAKE_SOURCE = 4096 };

struct fake_policy {
    char file[256], name[256], source[FAKE_SOURCE];
    bool broken, quarantined;
    uint32_t good; /* number in READY's second list */
};

extern struct fake_policy policies[FAKE_MAX];
extern uint32_t n_policies, n_labels, n_annotations, n_surveyed;
extern bool base_quarantined, lint;
extern struct buf memory, zones; /* what SETUP and ZONES said, for people */
extern volatile struct black_box *box;
extern struct buf out;

struct item {
    uint32_t id;
    char name[128];
    int policy; /* -1: default; -2: a broken one may own it */
};

/* fake_acts.c */
void fake_flush(void);
void copy_text(char *to, size_t size, struct wire_text t);
/* Finds "FIRST SECOND ACTION [WORD]" in a source, from *from on, which then stands behind it; SECOND NULL: any. */
bool next_line(const char **from, const char *first, const char *second, char action[64], char word[256]);
bool find_line(const char *source, const char *first, const char *second, char action[64], char word[256]);
/* Actions that end the worker or make it useless; false: none of these. */
bool act(const char *action, const char *word);
/* Tells the box, moves the counter, does what the policy says. */
bool call(uint32_t hook, int policy, uint32_t id, const char *alert, char action[64], char word[256]);
/* Descriptors, environment, directory and signals of this process. */
void fake_report(struct buf *b);
/* The fields `extras` as the action wants them: "extras n:NAME=TEXT s:NAME=TEXT i:NAME=5 z:NAME k:KEY", "badextras KIND",
 * else none. */
void write_extras(const char *action, const char *word);

/* fake_ready.c */
void answer_setup(struct wire_reader *r); /* WANT or READY */
void answer_zones(struct wire_reader *r);

/* fake_answers.c */
void get_item(struct wire_reader *r, struct item *it);
void done(uint32_t n);
void answer_judge(struct wire_reader *r);
void answer_retrigger(struct wire_reader *r);
void answer_resolve(struct wire_reader *r);
void answer_compose(struct wire_reader *r);
