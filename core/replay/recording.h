/* A recording: what Alertmanagers answered over time, for replays.
 *
 * On disk it is a directory of segments, `2026-11-24T100000.000Z.jsonl.zst`: JSON lines, compressed by zstd with a window
 * that spans many polls, so that what did not change between two of them costs next to nothing. `zstdcat` and `jq` read
 * it. Each start of a recorder, and each RECORDING_SEGMENT_US after, begins a new segment, so that appending never
 * touches what is there, and a recorder that was killed can have cut the last line of its last segment only.
 *
 *   {"recording":1,"by":"alertspawner 0.1.0","time":"...","interval":30,"urls":["http://alertmanager:9093"],
 *    "redacted":["label=instance"]}
 *   {"time":"2026-11-24T10:00:00.123Z","url":"http://alertmanager:9093","status":200,"alerts":[...]}
 *   {"time":"2026-11-24T10:00:30.121Z","url":"http://alertmanager:9093","status":503,"kind":"unreachable","failed":"..."}
 *
 * `alerts` is the answer as it came (line feeds between its tokens became spaces), and always the last member. An answer
 * that was not complete is a failed poll and has no alerts: nothing may be concluded from it, then or now. The URL never
 * holds credentials: one that does is refused before it is asked.
 *
 * What others have saved is read, too: a file that is one array of alerts, as `curl .../api/v2/alerts` or `amtool -o json`
 * print it, is one poll. Its time is the one in its name (2026-11-24T10:00:00Z, 20261124-100000, seconds since 1970), else
 * when it was last modified. */
#pragma once

#include "base/err.h"
#include "base/moment.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RECORDING_SEGMENT_US (6 * 3600 * MOMENT_SECOND)
enum { RECORDING_VERSION = 1 };

struct recorded_poll {
    moment_t time;
    const char *url;    /* "" in what others have saved */
    long status;        /* 0: there was no answer */
    bool failed;
    struct err why;     /* failed: kind and sentence, without the URL */
    const char *body;   /* not failed: a JSON array */
    size_t len;
};

/* ---- writing: recording_write.c ---- */

struct recording_head {
    int64_t interval_us;
    const char *const *urls;     /* that will be asked */
    size_t n_urls;
    const char *const *redacted; /* rules, as they were given */
    size_t n_redacted;
};

struct recorder;
/* Makes the directory when it is missing (0700: alerts may be nobody else's business). */
int recorder_open(const char *dir, const struct recording_head *head, moment_t now, struct recorder **recorder_r,
                  struct err *e);
/* The poll is in the file (not only in this process) when it returns. After -1 the next one begins a new segment. */
int recorder_add(struct recorder *r, const struct recorded_poll *poll, struct err *e);
uint64_t recorder_bytes(const struct recorder *r); /* written so far */
/* Ends the segment. */
int recorder_close(struct recorder **r, struct err *e);

/* ---- reading: recording_read.c ---- */

struct recording;
/* Files and directories, in any order; polls come in the order of time. `from` and `to` (MOMENT_NONE: open) bound them:
 * from <= time < to. */
int recording_open(const char *const *paths, size_t n, moment_t from, moment_t to, struct recording **recording_r,
                   struct err *e);
void recording_close(struct recording **recording);
/* 1: a poll, whose strings stay until the next call; 0: there are no more; -1. */
int recording_next(struct recording *r, struct recorded_poll *poll_r, struct err *e);
/* Whom its files say they asked, each once, without trailing slashes; "" is what others have saved. */
size_t recording_urls(const struct recording *r);
const char *recording_url(const struct recording *r, size_t i);
/* What is odd but does no harm: "FILE: its last line is cut ...". For a person. */
size_t recording_notes(const struct recording *r);
const char *recording_note(const struct recording *r, size_t i);
/* How far it is, in bytes of its files. */
void recording_progress(const struct recording *r, uint64_t *done_r, uint64_t *total_r);
