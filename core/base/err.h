/* An error: a kind to branch on and a sentence for a person.
 *
 * Functions that can fail return 0 or -1 and take `struct err *` last. The sentence names the thing, the place and
 * what to do; context is added outward ("reading policies: ..."). Nobody logs an error but the one who decides what
 * happens next. Secrets and bodies of servers' answers never go into a sentence. */
#pragma once

enum err_kind {
    ERR_NONE = 0,
    ERR_USAGE,       /* the command line: exit 2 */
    ERR_INVALID,     /* a document, a policy, an answer is wrong: trying again does not help */
    ERR_NOT_FOUND,   /* the named thing is not there */
    ERR_CONFLICT,    /* somebody else was first (a lock, a name, a version) */
    ERR_EXISTS,      /* an object of that name is there already */
    ERR_FORBIDDEN,   /* these credentials may not do it, or are not accepted */
    ERR_GONE,        /* what the question refers to is too old by now: ask anew from the start */
    ERR_THROTTLED,   /* the server asks to come back later, and it was too late to wait */
    ERR_UNREACHABLE, /* a server or process did not answer: try again later */
    ERR_TIMEOUT,     /* it took too long: try again later */
    ERR_LIMIT,       /* a ceiling that has a name was hit */
    ERR_IO,          /* files, pipes, the database */
    ERR_BUG,         /* ours */
};

struct err {
    enum err_kind kind;
    char msg[1024]; /* always NUL-terminated, one line, valid UTF-8 if its parts were */
};

/* Sets kind and sentence; returns -1 so that `return err_set(...)` reads well. `e` may be NULL. */
int err_set(struct err *e, enum err_kind kind, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Puts "<context>: " before the sentence, keeps the kind; returns -1. */
int err_wrap(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* "invalid", "timeout", ...: for logs and metrics. */
const char *err_kind_name(enum err_kind kind);
