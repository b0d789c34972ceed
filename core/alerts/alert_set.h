/* All alerts of one complete poll, in the order Alertmanager gave them: one small record each. What the source keeps is
 * in the spool (bytes and index); what it excludes has only its record. */
#pragma once

#include "alerts/alert.h"
#include "alerts/spool.h"
#include "reconcile/reason.h"

#include <stddef.h>
#include <stdint.h>

enum {
    ALERTNAME_SHOWN = 256,   /* bytes of an alertname kept for display (cut at a character) */
    ALERT_SET_MAX = 1000000, /* alerts of one poll; more is a failed poll (ERR_LIMIT) */
};

struct alert_record {
    uint64_t fingerprint; /* 0 for error.alert without a readable one */
    union {
        struct {                     /* kept */
            uint64_t offset : 43;    /* in the spool: bytes, padded to 8, then the index */
            uint64_t bytes_len : 21; /* at most ALERT_BYTES_MAX */
        };
        uint32_t detail; /* error.alert: number of an interned string, what is wrong with it */
    };
    uint32_t index_len : 24; /* ALERT_NAMES_MAX and the other ceilings keep it far below */
    enum reason reason : 8;  /* REASON_NONE: kept; source.*; error.alert */
    uint32_t alertname;   /* number of an interned string; see alert_set_alertname */
    moment_t starts_at;   /* MOMENT_NONE when it cannot be read (error.alert) */
};

struct alert_set;

struct alert_set *alert_set_create(void);
void alert_set_free(struct alert_set **set);
/* One complete JSON value out of the array. 0 = taken (kept, excluded or error.alert); -1 = broken JSON or the spool
 * failed: the poll has failed. `selector` may be NULL (keep every alert). */
struct selector;
int alert_set_add(struct alert_set *set, const struct selector *selector, const char *bytes, size_t len,
                  struct err *e);

/* The same for who looks for single alerts: only one that is `wanted` is taken, as kept. What is no alert is not. */
int alert_set_add_wanted(struct alert_set *set, bool (*wanted)(void *arg, const struct alert *a), void *arg,
                         const char *bytes, size_t len, struct err *e);

size_t alert_set_len(const struct alert_set *set);
size_t alert_set_kept(const struct alert_set *set); /* how many have REASON_NONE */
const struct alert_record *alert_set_at(const struct alert_set *set, size_t i);
const char *alert_set_alertname(const struct alert_set *set, const struct alert_record *r); /* "" if none */
const char *alert_set_detail(const struct alert_set *set, const struct alert_record *r);    /* NULL if none */
/* Reads a kept alert back into `space` and points `a` into it; valid until the next use of `space`. */
int alert_set_read(struct alert_set *set, size_t i, struct buf *space, struct alert *a, struct err *e);
