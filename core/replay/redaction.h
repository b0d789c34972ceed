/* What a recording shall not hold. Identity stays: the same value becomes the same pseudonym in every poll and in every
 * later recording of the same directory, so alerts still group, match and count as they did; fingerprints stay as they are.
 *
 *   label=NAME         the label's value becomes NAME-1, NAME-2, ...; where the value stands in an annotation or the
 *                      generatorURL of the same alert (4 bytes and longer), it is replaced there, too
 *   annotation=NAME    the same for an annotation; * is every annotation
 *   generatorURL       becomes empty
 *   secrets            in annotations and the generatorURL, what looks like a secret: see base/redact.h
 *
 * Which value became which pseudonym is in DIR/pseudonyms.jsonl (0600), for the next start and for its owner: whoever gets
 * the recording must not get it. Label names, names of receivers, ids of silences and times are kept. */
#pragma once

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct redaction;

/* -1: ERR_USAGE for a rule that is none, or the table cannot be read. */
int redaction_open(const char *dir, const char *const *rules, size_t n, struct redaction **redaction_r, struct err *e);
void redaction_close(struct redaction **r);
/* Appends the answer (a complete array of alerts) with everything replaced. What is no alert, though it is JSON, becomes an
 * object with its fingerprint alone, and stays error.alert. -1: no such array, or the table cannot be written: then nothing
 * of it may be kept. */
int redaction_apply(struct redaction *r, const char *body, size_t len, struct buf *out, struct err *e);
