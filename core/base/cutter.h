/* A streaming cutter: bytes of a JSON document in, complete elements of one array out, each with its index.
 *
 * Two shapes: the document is the array itself (Alertmanager), or an object with a member that is the array
 * (`"items"` of a Kubernetes list; its other members are passed over and handed out whole through on_member), or a
 * stream of separate values (a Kubernetes watch). The cutter finds boundaries only (quotes, escapes, brackets); the one
 * who takes an element checks it. What lies between elements is checked here: commas, white space, the closing
 * bracket, nothing after the end. An element that arrived whole in one piece is handed out in place; one that did not
 * is joined first.
 *
 * Member names are handed out as they stand between their quotes, escapes unresolved. A member that nobody asked for
 * (on_member is NULL) is not kept and not checked. `null` in the array's place is an empty array. Sentences speak of
 * "the answer" and never quote it. */
#pragma once

#include "base/buf.h"
#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

enum cutter_shape { CUT_ARRAY, CUT_MEMBER, CUT_STREAM };

/* Return -1 with `e` set to stop the cutting. */
typedef int cutter_element_cb(void *arg, size_t i, const char *bytes, size_t len, struct err *e);
typedef int cutter_member_cb(void *arg, const char *name, size_t name_len, const char *bytes, size_t len, struct err *e);

struct cutter {
    enum cutter_shape shape;
    const char *member;      /* CUT_MEMBER: name of the array */
    size_t element_max;      /* bytes of one element; larger is ERR_LIMIT */
    cutter_element_cb *on_element;
    cutter_member_cb *on_member; /* may be NULL */
    void *arg;
    /* private */
    int state;
    int depth;
    int in_string, escaped, scalar;
    int is_array, seen_array; /* CUT_MEMBER: this member, or one before, is the array */
    size_t count;
    uint64_t offset; /* bytes seen, for messages */
    struct buf held; /* the start of an unfinished element */
    struct buf name;
};

void cutter_init(struct cutter *c, enum cutter_shape shape, size_t element_max, cutter_element_cb *on_element,
                 void *arg);
/* -1: not such a document (ERR_INVALID: sentence without the bytes), too large, or a callback said so. After -1 the
 * cutter only returns -1. */
int cutter_feed(struct cutter *c, const char *bytes, size_t len, struct err *e);
/* The input has ended: -1 unless the document was complete. */
int cutter_end(struct cutter *c, struct err *e);
void cutter_deinit(struct cutter *c);
