/* What is kept of a spawner, as its ConfigMap holds it: gzip of lines that a person can read
 *
 *   kubectl get configmap alertspawner-NAME -o jsonpath='{.binaryData.memory\.gz}' | base64 -d | gunzip
 *
 * and grep. The first line is "alertspawner-memory 1"; fields are separated by tabs, times are microseconds since 1970
 * ("-" for none), identities 16 hex digits. A reader refuses a version that it does not know, rather than to overwrite
 * what a later alertspawner wrote. Pure. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "tasks/kube/kept.h"

enum {
    KEPT_TEXT_VERSION = 1,
    KEPT_BYTES_MAX = 900 * 1024,      /* of the gzip; a ConfigMap may hold 1 MiB in all */
    KEPT_TEXT_MAX = 64 * 1024 * 1024, /* unpacked: more is no memory of ours */
};

/* Fits in KEPT_BYTES_MAX whatever there is. What does not fit goes, and from `k` too, in this order: episodes of alerts
 * that are away (the longest away first), keys whose Task is the longest untouched, states the longest untouched,
 * creations (oldest first), episodes of the rest. Returns how many went. */
size_t kept_write(struct kept *k, struct buf *gzip);
/* -1: ERR_INVALID, with a sentence about the text. */
int kept_read(const char *gzip, size_t len, struct kept **k_r, struct err *e);
