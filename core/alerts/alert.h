/* One alert as Alertmanager's API v2 returns it: its own bytes (one JSON object) plus an index of them.
 *
 * The index is made in one pass, in place; nothing is copied and no tree is built. It is plain data without pointers,
 * so bytes and index together can be spooled or sent to the worker, which reads them with these same functions and does
 * not parse again. Values stay escaped in the bytes until somebody reads them.
 *
 * Both executables link this file. It does no I/O. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "base/moment.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A JSON string's content inside the alert's bytes, between its quotes. len's top bit: it holds escapes. */
struct span {
    uint32_t off;
    uint32_t len;
};
#define SPAN_ESCAPED 0x80000000u
#define SPAN_NONE    UINT32_MAX /* off of a member that is absent */

struct pair {
    struct span name, value;
};

/* Scalars of an alert that are read by name. */
enum alert_field {
    ALERT_FINGERPRINT,
    ALERT_STARTS_AT,
    ALERT_ENDS_AT,
    ALERT_UPDATED_AT,
    ALERT_GENERATOR_URL,
    ALERT_STATE, /* status.state */
    ALERT_FIELDS
};

/* The index: this header, followed by n_labels + n_annotations struct pair (labels first, each group in the order of
 * the bytes), followed by n_receivers + n_silenced + n_inhibited + n_muted struct span. */
struct alert_index {
    uint64_t fingerprint; /* the 16 hex digits as a number */
    uint32_t n_labels, n_annotations, n_receivers, n_silenced, n_inhibited, n_muted;
    struct span field[ALERT_FIELDS];
};

enum {
    ALERT_BYTES_MAX = 1024 * 1024, /* one alert's bytes; a larger one is error.alert */
    ALERT_PAIRS_MAX = 1024,        /* labels, and annotations, of one alert */
    ALERT_LIST_MAX = 1024,         /* receivers, and entries of silencedBy and the like, of one alert */
    ALERT_NAMES_MAX = 4096,        /* member names of the objects that are open at any point of one alert */
    ALERT_DEPTH_MAX = 64,          /* nesting inside one alert */
};

/* What alert_index() found. */
enum alert_verdict {
    ALERT_OK,
    ALERT_BAD,    /* well-formed JSON, but no alert: `e` says what (a duplicate key, a wrong type, no fingerprint) */
    ALERT_BROKEN, /* no well-formed JSON (RFC 8259, strict UTF-8, no lone surrogates, depth): the whole answer is bad */
};

/* Checks the bytes of one JSON value completely and, when it is an alert, appends its index to `index_r` (which is
 * cleared first). Required: labels (object of strings), fingerprint (16 lower-case hex digits), startsAt (RFC 3339),
 * status.state (string). Optional: annotations, endsAt, updatedAt, generatorURL, receivers ([{name}]),
 * status.silencedBy / inhibitedBy / mutedBy (lists of strings); null is as good as absent for these, as it is for Go.
 * Unknown members are checked and passed over. A name that stands twice in one object, at any level, is ALERT_BAD; names
 * are compared with their escapes resolved. With ALERT_BAD the index holds what could be read (fingerprint 0 if it could
 * not): good enough to name the alert in a message, for nothing else.
 * Sentences in `e` never quote the bytes' values, only member names of our own list. */
enum alert_verdict alert_index(const char *bytes, size_t len, struct buf *index_r, struct err *e);

/* A read-only view of bytes and index. Checks nothing; see alert_view_checked for data from the other process. */
struct alert {
    const char *bytes;
    const struct alert_index *index;
    const struct pair *labels, *annotations;
    const struct span *receivers, *silenced_by, *inhibited_by, *muted_by;
};
void alert_view(struct alert *a, const char *bytes, const void *index);
/* The same with every offset and count checked against the lengths: -1 when they do not fit. `index` must be aligned
 * for uint64_t. */
int alert_view_checked(struct alert *a, const char *bytes, size_t bytes_len, const void *index, size_t index_len);
size_t alert_index_size(const struct alert_index *index);

/* Appends a span's text with escapes resolved. A NUL (\u0000) becomes U+FFFD, so the result can be a C string.
 * Valid UTF-8 always. */
void alert_text(const struct alert *a, struct span s, struct buf *out);
char *alert_text_dup(const struct alert *a, struct span s); /* free(); NULL when the span is absent */
bool span_absent(struct span s);
bool span_empty(struct span s); /* absent or "" */

/* Does the span's text equal `s`? Without copying. An absent span equals "". */
bool alert_span_equal(const struct alert *a, struct span s, const char *text, size_t len);
/* Byte order of two spans' texts (escapes resolved): <0, 0, >0. */
int alert_span_compare(const struct alert *a, struct span x, struct span y);

/* The value of a label or annotation; an absent span (off == SPAN_NONE) when there is none. */
struct span alert_label(const struct alert *a, const char *name);
struct span alert_annotation(const struct alert *a, const char *name);

/* startsAt and the like; MOMENT_NONE when absent or unreadable. startsAt of an indexed alert is always readable. */
moment_t alert_moment(const struct alert *a, enum alert_field f);
