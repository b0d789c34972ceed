/* The words that cross the wall between the engine and a worker. Both executables link this file.
 *
 * A frame is a u32 (little endian: how many bytes follow), a type byte and fields. Fields: u8, u32, u64, i64 (little
 * endian) and text (u32 length, bytes). Alert text crosses length-counted and is never parsed again; there is no JSON
 * here. A reader that runs past the end of a frame is `bad` and reads zeroes from then on: check once, at the end.
 *
 * One worker serves one cycle of one spawner:
 *
 *      engine                      worker
 *                    <-- HELLO     I am a worker, I speak version N
 *      SETUP         -->           the spawner, the policies, the templates, what is remembered
 *                   [<-- WANT      time zones that policies name
 *      ZONES         -->]          their data
 *                    <-- READY     what could not be loaded, and what is there
 *     [SURVEY (many) -->           every alert of the poll, when READY asked for it
 *                    <-- DONE]     one each
 *      JUDGE (many)  -->           alerts
 *                    <-- JUDGED*   one each, in order; then DONE
 *      RETRIGGER     -->           keys that had a Task
 *                    <-- RETRIGGERED*, DONE
 *      RESOLVE       -->           keys whose alerts have resolved while their Task waits
 *                    <-- RESOLVED*, DONE
 *      COMPOSE       -->           winners
 *                    <-- COMPOSED*, DONE
 *      (end of file) -->           the worker exits 0
 *
 * A worker whose first frame is SPEC instead of SETUP runs one file of specs (`alertspawner spec`, and the gate before a
 * changed policy serves) and is gone. Only such a worker ever says TELL or NEED, and it takes none of the frames above:
 *
 *      SPEC          -->           what to run, with which options
 *                   [<-- NEED      a file, a time zone, a golden to be kept
 *      GIVE          -->]          what came of it
 *                    <-- TELL*     what happens: a test begins, ends, prints
 *                    <-- DONE      nothing more to come
 *
 * One request at a time; the worker may write answers while it works. Before each call into a policy it writes what it
 * is about to do into the black box, a shared page that the engine reads when the worker has died. */
#pragma once

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    WIRE_VERSION = 3,
    WIRE_FRAME_MAX = 32 * 1024 * 1024,
    WIRE_TEXT_SHOWN = 1024, /* longest reason detail, error text and the like that the worker sends */
    WIRE_ZONES_MAX = 64,    /* time zones of one cycle */
    WIRE_NOTES_MAX = 16,    /* ctx.note: of one hook */
    WIRE_NOTE_NAME_MAX = 64,
    WIRE_NOTE_VALUE_MAX = 256,
    WIRE_STATE_NAMES_MAX = 32, /* ctx.state: names of one key */
    WIRE_STATE_NAME_MAX = 64,
    WIRE_STATE_STRING_MAX = 1024,
    WIRE_STATE_ITEM_MAX = 4096, /* bytes of all names and values of one key, as written here */
    WIRE_MEMBERS_MAX = 50,      /* alerts of a group that COMPOSE brings along */
};
/* What a policy may say. The worker refuses more with a sentence for its author, the engine as nonsense. */
enum {
    WIRE_SOURCE_MAX = 64 * 1024, /* bytes of a file: the parser is quadratic in places */
    WIRE_MATCH_MAX = 4096,
    WIRE_KEY_MAX = 200,
    WIRE_PRIORITY_MAX = 1000,
    WIRE_BODY_MAX = 64 * 1024,
    WIRE_VALUE_MAX = 64 * 1024,    /* bytes of what a template makes: a name, a branch, a label... */
    WIRE_PROMPT_MAX = 1024 * 1024, /* ... but of a prompt so many */
    WIRE_PER_HOUR_MAX = 10000,     /* limits */
    WIRE_PER_DAY_MAX = 10000,      /* no more than the store remembers: STORE_CREATIONS_MAX */
    WIRE_RAMP_MAX = 10000,
    WIRE_SLOTS_MAX = 1000,
};
#define WIRE_MAGIC "alertspawner-worker"
/* How the detail of a policy.timeout goes on when not the hook in hand but the whole worker's life had too little: no
 * policy is to blame for that. */
#define WIRE_ALL_HOOKS "all hooks together used more than"
/* The detail of a policy.memory when the policy is within its own ceiling, but the worker has no more to give. */
#define WIRE_ALL_MEMORY "all policies together use up the memory of a worker"

enum wire_type {
    WIRE_HELLO = 'H',
    WIRE_SETUP = 'S',
    WIRE_READY = 'R',
    WIRE_JUDGE = 'J',
    WIRE_JUDGED = 'j',
    WIRE_RETRIGGER = 'T',
    WIRE_RETRIGGERED = 't',
    WIRE_COMPOSE = 'C',
    WIRE_COMPOSED = 'c',
    WIRE_WANT = 'w',
    WIRE_ZONES = 'Z',
    WIRE_SURVEY = 'V',
    WIRE_RESOLVE = 'X',
    WIRE_RESOLVED = 'x',
    WIRE_DONE = 'd',
    WIRE_SPEC = 'P',
    WIRE_NEED = 'n',
    WIRE_GIVE = 'G',
    WIRE_TELL = 'e',
};

/* Groups of fields that several messages share. Moments are microseconds since 1970, INT64_MIN when unset.
 *
 * seen:    i64 first (when this episode of the alert began to be seen), u32 polls (complete polls of the episode that
 *          held it, this one included), u32 flaps (how often it came back in the last hour), i64 absent (microseconds
 *          that it was away before it came back last; 0: never), u32 episode (1: the first that is remembered)
 * last:    text task name, u8 task phase (enum task_phase), u8 gone, i64 created, i64 completed, i64 starts_at of the
 *          Task, i64 since when the alert fires (the earliest of its group; unset: its own startsAt), u32 attempts.
 *          No Task yet: name "", attempts 0.
 * key:     u8 has key (and it is not the fingerprint), text key ("" without one)
 * chain:   u32 n, n * (u8 enum black_box_hook, u8 depth, u8 enum chain_bits, u8 tag, text value, text reason, text detail,
 *          text error ("" or "policy.error" and so on), text by, text source, u64 microseconds, u64 instructions,
 *          u64 bytes, u8 m, m * (text name, u8 there, text value)), u32 more links,
 *          u32 n, n * (text policy, text file, text match, u8 enum chain_fit, text detail),
 *          u32 n, n * (text place, text source, text locals), u32 more lines. See chain.h.
 * extras:  u8 bits: 1 notes, 2 state, 4 chain (when SETUP wants the alert explained, else never). With notes: u32 n,
 *          n * (text name, text value). With state: text key ("" = the fingerprint), u32 n, n * (text name, tree of one
 *          scalar; null removes the name). Only what hooks of this answer wrote, each name once, the last value. With
 *          chain: chain.
 *
 * SETUP:   i64 now, text spawner name, text namespace,
 *          text named policy ("" = choose by match),
 *          tree policy config (see wire_tree below; nil when there is none),
 *          i64 poll interval (microseconds),
 *          u32 n, n * text priorityLabels,
 *          text promptTemplate, text branchTemplate (""=none), text nameTemplate (""=none),
 *          u32 n, n * (text key, text template)  labels
 *          u32 n, n * (text key, text template)  annotations
 *          u32 n, n * (text file name, text source)  libraries: lib_*.lua, as often as versions of them are in use
 *          u32 n, n * (text file name, text source, u32 m, m * u32 number of a library)  policies, sorted by file name;
 *                 never default.lua. include "lib_x" finds lib_x.lua among the policy's own libraries only.
 *          u64 instructions a hook may use, u64 instructions of all hooks of one worker's life,
 *          u64 bytes of memory of the policies' VM
 *          u32 n, n * u32 quarantined: numbers of files in `policies` above
 *          u8 bits: 1 lint, 2 every alert is explained, 4 those alerts are explained whose fingerprints follow,
 *                   8 with a trace of the lines, 16 only measured (with 2: neither places nor what was read, instructions
 *                   in steps of a thousand: what it costs is what it costs otherwise, too)
 *          only with 4: u32 n, n * u64 fingerprint, ascending
 *          u32 n, n * (text policy name, u32 m, m * i64 moment)  Tasks created in the last 24 h, oldest first
 *          u32 n, n * (text policy name, u64 identity, u32 version, tree)  ctx.state: a 'm' of scalars
 *          A policy of length 0 is a broken file: loading it has killed a worker; it is not tried and READY lists it.
 *          A quarantined file is loaded as usual (its match is known, READY lists it) but none of its hooks is called:
 *          its alerts are JUDGED_ERROR and ANSWER_ERROR policy.quarantined, and COMPOSED takes title and body from the
 *          base. UINT32_MAX in that list is the default policy.
 *
 * WANT:    u32 n, n * text zone ("Europe/Rome"): sent after SETUP only when a policy (or the member "zone" or "zones" of
 *          the policy config) names a zone other than UTC. ZONES: u32 n, n * (text zone, u8 there, text TZif bytes) in
 *          the order of WANT. A policy that names a zone that is not there cannot be used (POLICY_LOAD).
 *
 * READY:   u32 n, n * (text file, text sentence)                  policies that cannot be used (POLICY_LOAD)
 *          u32 n, n * (text name, text file, text match, u8 bits: 1 shadow, 2 on_resolve,
 *                 u32 per_hour, u32 per_day, u32 ramp, u32 reserved slots, u32 reserved priority (0 slots: none),
 *                 u32 state_version, u32 m, m * u32 numbers of the libraries it included)
 *                                                                 policies that can, in the order of choice
 *          u32 n, n * (text file, u32 line, text sentence)        lint warnings, by file and line (libraries too)
 *          u32 n, n * (text which, text sentence)                 templates that do not parse: "prompt", "branch",
 *                                                                 "name", "label[k]", "annotation[k]"
 *          u8  named policy is there (1 when none is named)
 *          u8  survey wanted: a policy uses ctx.firing
 *          text hash of the default policy (32 hex digits)
 *
 * SURVEY:  u32 n, n * (text bytes, text index). All frames of it come before the first JUDGE. DONE answers each.
 *
 * JUDGE:   u32 n, n * (u32 id, text bytes, text index, seen)      index: struct alert_index and what follows it
 * JUDGED:  u32 id, u8 wire_judgement, text reason code, text detail, text policy name, text where ("payments.lua:31"),
 *          u8 has key (and it is not the fingerprint), then only if so: text key,
 *          i64 priority (0..1000, lower first),
 *          text rendered nameTemplate ("" when there is none; not sanitised), text name error ("" = fine),
 *          text fallback ("" or which hook failed and was answered by the base: a sentence), extras
 *          The match of a broken file is unknown, so it may have owned any alert that no earlier file has matched.
 *          When no policy is named, only an alert that a good file before the first broken one matches is judged;
 *          every other is JUDGED_ERROR policy.load, detail naming the broken file: it must not get past a filter that
 *          a typo has taken away. When a policy is named only that one counts; not there: policy.missing.
 *
 * RETRIGGER: u32 n, n * (u32 id, text bytes, text index, seen, key, last)
 * RETRIGGERED: u32 id, u8 wire_answer, i64 at (only ANSWER_AT), text reason code, text detail, text policy, text where,
 *          extras
 *
 * RESOLVE: u32 n, n * (u32 id, text policy name, text bytes, text index, key, last)
 *          The alert is gone; what is handed over is made of what its Task tells: alertname, fingerprint, startsAt.
 * RESOLVED: u32 id, u8 wire_resolve, text reason code, text detail, text where, extras. A policy that is not there any
 *          more, or fails, keeps.
 *
 * COMPOSE: u32 n, n * (u32 id, text bytes, text index, key, seen, last, u32 alerts of its group (1: alone),
 *          u32 m, m * (text bytes, text index))  the members with the leader first, at most WIRE_MEMBERS_MAX; m = 0: alone
 * COMPOSED: u32 id, u8 ok, text reason code, text detail (when not ok: "failed to render prompt template: ..."),
 *          text title, text body, text prompt, text branch,
 *          u32 n, n * text labels, u32 n, n * text annotations     in the order of SETUP
 *          text fallback, extras
 * DONE:    u32 how many were answered
 *
 * SPEC:    u64 instructions a hook may use, u64 instructions of all hooks of one session, u64 bytes of memory of a policies'
 *          VM (what SETUP has in production), tree options: a map for the runner, see lua/spec/main.lua
 * NEED:    u8 wire_need, text how (only NEED_FILE: "spec", "policy", "fixture", "golden", "module" or ""), text name,
 *          text bytes (only NEED_GOLDEN)
 * GIVE:    u8 ok, text bytes (of the file; of the zone, TZif) or, when not ok, a sentence, text where it was found, as a
 *          person would write it
 * TELL:    text kind ("test_end" and so on), tree: its members, see lua/spec/main.lua; of "print" a string
 * DONE:    u32 0 */

enum wire_judgement { JUDGED_KEEP, JUDGED_DROP, JUDGED_ERROR };
enum wire_answer { ANSWER_NEVER, ANSWER_NOW, ANSWER_AT, ANSWER_ERROR };
enum wire_resolve { RESOLVE_KEEP, RESOLVE_CANCEL_PENDING, RESOLVE_ERROR };
enum wire_need { NEED_FILE, NEED_GOLDEN, NEED_ZONE };

/* A JSON value as fields, so that the worker needs no JSON: u8 tag, then
 * 'z' null | 't' true | 'f' false | 'i' i64 | 'd' u64 (bits of the double) | 's' text | 'l' u32 n, n trees |
 * 'm' u32 n, n * (text key, tree). At most 32 deep. */
enum { WIRE_TREE_DEPTH = 32 };

/* Writing: start a frame in `b` (which may already hold frames), add fields, end it. */
size_t wire_begin(struct buf *b, enum wire_type type); /* returns the mark that wire_end wants */
void wire_end(struct buf *b, size_t mark);
void wire_u8(struct buf *b, uint8_t v);
void wire_u32(struct buf *b, uint32_t v);
void wire_u64(struct buf *b, uint64_t v);
void wire_i64(struct buf *b, int64_t v);
void wire_text(struct buf *b, const char *s, size_t len);
void wire_str(struct buf *b, const char *s); /* NULL is "" */

/* Reading one frame's fields in place. */
struct wire_reader {
    const char *p, *end;
    bool bad;
};
struct wire_text {
    const char *s; /* not NUL-terminated; aligned as it happens to lie */
    size_t len;
};
uint8_t wire_get_u8(struct wire_reader *r);
uint32_t wire_get_u32(struct wire_reader *r);
uint64_t wire_get_u64(struct wire_reader *r);
int64_t wire_get_i64(struct wire_reader *r);
struct wire_text wire_get_text(struct wire_reader *r);
/* Passes over one tree, checking tags, lengths and depth. -1: that is no tree. */
int wire_tree_skip(struct wire_reader *r);
bool wire_at_end(const struct wire_reader *r); /* everything was read and nothing was bad */

/* Looks for a whole frame at the start of bytes. 1: *type_r, *fields_r set and *used_r bytes belong to it. 0: more bytes
 * are needed. -1: no frame can start like this (too long, unknown type). */
int wire_frame(const char *bytes, size_t len, enum wire_type *type_r, struct wire_reader *fields_r, size_t *used_r);

/* The black box: one page of shared memory, handed to the worker as descriptor 3 (mapped, then closed). The worker
 * writes, the engine reads, trusts nothing in it, and checks every value. */
struct black_box {
    uint64_t calls;      /* counts calls into policies and templates: it moves, so the worker lives */
    uint32_t id;         /* of the alert in hand */
    uint32_t hook;       /* enum black_box_hook */
    uint32_t policy;     /* number of the policy in the order of READY's second list; UINT32_MAX: none or base */
    uint32_t reserved;
    uint64_t instructions; /* used by the call in hand, in steps of 1,000 */
};
enum black_box_hook {
    HOOK_NONE,
    HOOK_LOAD, /* `policy` is then the number of the file in SETUP */
    HOOK_FILTER,
    HOOK_KEY,
    HOOK_PRIORITY,
    HOOK_NAME,
    HOOK_RETRIGGER,
    HOOK_TITLE,
    HOOK_BODY,
    HOOK_TEMPLATE,
    HOOK_RESOLVE,
    HOOK_COUNT
};
const char *black_box_hook_name(uint32_t hook); /* "filter", ...; "?" for anything else */
