/* The worker's side of the protocol of policy/wire.h: frames in, answers out. Does no I/O of its own, so
 * tests and the fuzzer drive it in their own process. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "policy/wire.h"

#include "vm.h"

enum { SESSION_FLUSH = 64 * 1024 }; /* bytes of answers that wait before they are handed on */

struct session;

/* Called with answers in `out`, which it empties. */
typedef void session_output_cb(void *arg, struct buf *out);

struct session *session_create(volatile struct black_box *box, session_output_cb *on_output, void *arg);
void session_hello(struct session *s);
/* Before SETUP: tells of each line that policies run. Only spec mode does (spec.h). */
void session_watch_lines(struct session *s, vm_line_cb *on_line, void *arg);
/* One frame. -1: the engine talks nonsense; there is nothing to go on with. */
int session_frame(struct session *s, enum wire_type type, struct wire_reader *r, struct err *e);
void session_free(struct session **s);
