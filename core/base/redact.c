/* What looks like a secret becomes "[redacted]": see redact.h. One pass from left to right; whatever looks
 * ahead does so for a bounded number of bytes, or over bytes that are then passed. It errs on the side of
 * taking too much. */
#include "base/redact.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

enum {
    AHEAD = 256, /* bytes that an address' user part may have, and a name before = */
    RANDOM_MIN = 16,
    SCHEME_MIN = 8,
};

static const char mark[] = "[redacted]";
enum { MARK = sizeof mark - 1 };

/* A name of which this is the end has a secret for its value. */
static const char *const secret_ends[] = {
    "password",   "passwd",    "passphrase",  "passcode",   "pwd",         "_pass",       "-pass",
    "secret",     "token",     "apikey",      "api_key",    "api-key",     "accesskey",   "access_key",
    "access-key", "secretkey", "secret_key",  "secret-key", "privatekey",  "private_key", "private-key",
    "authkey",    "auth_key",  "auth-key",    "credential", "credentials", "sessionid",   "session_id",
    "session-id", "signature", "webhook_url", NULL};
/* Names whose value is the rest of the line. */
static const char *const header_ends[] = {"authorization", "cookie", NULL};
/* Words that announce something random. */
static const char *const announcers[] = {"bearer",    "basic",  "token", "secret",     "key",
                                         "password",  "apikey", "jwt",   "credential", "passphrase",
                                         "negotiate", "digest", NULL};
static const char *const short_ones[] = {"basic", "bearer", NULL};
static const char *const whole_words[] = {"pass", "sig", "pw", NULL};

/* Tokens that are known by how they start; at least so many bytes of [A-Za-z0-9_-.] follow. */
static const struct {
    const char *start;
    size_t more;
} known[] = {
    {"AKIA", 16},        {"ASIA", 16},   {"ghp_", 20},     {"gho_", 20},     {"ghu_", 20},  {"ghs_", 20},
    {"ghr_", 20},        {"glpat-", 16}, {"xoxb-", 10},    {"xoxp-", 10},    {"xoxa-", 10}, {"xoxr-", 10},
    {"xoxs-", 10},       {"sk-", 20},    {"sk_live_", 16}, {"rk_live_", 16}, {"AIza", 30},  {"eyJ", 20},
    {"github_pat_", 20}, {"npm_", 30},   {"hvs.", 20},     {"dop_v1_", 30},  {"glsa_", 20},
};

struct scan {
    const char *start, *p, *end;
    redact_out *out;
    void *arg;
};

static bool one_of(char c, const char *set)
{
    return c && strchr(set, c);
}

static bool word_byte(char c)
{
    return isalnum((unsigned char)c) || one_of(c, "_-.");
}

static bool random_byte(char c)
{
    return isalnum((unsigned char)c) || one_of(c, "+/=_-.~");
}

static bool blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool ends_in(const char *word, size_t len, const char *const *list)
{
    for (; *list; list++) {
        size_t n = strlen(*list);
        if (n <= len && strncasecmp(word + len - n, *list, n) == 0)
            return true;
    }
    return false;
}

static bool equals_one(const char *word, size_t len, const char *const *list)
{
    for (; *list; list++)
        if (strlen(*list) == len && strncasecmp(word, *list, len) == 0)
            return true;
    return false;
}

static void copy_to(struct scan *s, const char *to)
{
    s->out(s->arg, s->p, (size_t)(to - s->p));
    s->p = to;
}

static void drop_to(struct scan *s, const char *to)
{
    if ((size_t)(to - s->p) == MARK && memcmp(s->p, mark, MARK) == 0) {
        copy_to(s, to);
        return;
    }
    s->out(s->arg, mark, MARK);
    s->p = to;
}

/* Hex, UUIDs, base64: sixteen bytes in a row with a digit among them. Names of things ("payments-db-2") are
 * none. */
static bool looks_random(const char *p, const char *end)
{
    size_t run = 0, hex = 0, digits = 0, run_digits = 0;
    bool random = false;
    for (const char *c = p; c < end; c++) {
        bool digit = isdigit((unsigned char)*c);
        digits += digit;
        hex += isxdigit((unsigned char)*c) || *c == '-';
        if (isalnum((unsigned char)*c) || *c == '+' || *c == '/' || *c == '=') {
            run++;
            run_digits += digit;
            random = random || (run >= RANDOM_MIN && run_digits);
        } else {
            run = run_digits = 0;
        }
    }
    return random || (hex == (size_t)(end - p) && hex >= RANDOM_MIN && digits);
}

/* Shorter ones behind "Basic" and "Bearer"; "Basic authentication" is none. */
static bool looks_mixed(const char *p, const char *end)
{
    bool mixed = false;
    for (const char *c = p; c < end; c++)
        mixed = mixed || isdigit((unsigned char)*c) || *c == '=' ||
                (c > p && isupper((unsigned char)*c) && islower((unsigned char)c[-1]));
    return mixed && end - p >= SCHEME_MIN;
}

/* "api_key=", "user:" */
static bool name_follows(const char *p, const char *end)
{
    const char *c = p;
    if (end - c > 64)
        end = c + 64;
    while (c < end && word_byte(*c))
        c++;
    return c > p && c < end && (*c == '=' || *c == ':');
}

/* Does the byte at c end a value that is not quoted? */
static bool ends_value(const char *c, const char *end)
{
    if (isspace((unsigned char)*c) || one_of(*c, "\"'`&;<>"))
        return true;
    const char *next = c + 1;
    if (*c == ',')
        return next == end || isspace((unsigned char)*next) || one_of(*next, "\"'{[") ||
               name_follows(next, end);
    if (one_of(*c, ")]}"))
        return next == end || isspace((unsigned char)*next) || one_of(*next, ",;:.)]}\"'");
    return *c == '\\' && next < end && one_of(*next, "n\"'");
}

static const char *line_end(const char *p, const char *end)
{
    const char *c = memchr(p, '\n', (size_t)(end - p));
    return c ? c : end;
}

/* Where the quoted text that starts at p (behind its quote) ends; `escaped`: its quotes are \" */
static const char *quote_end(const char *p, const char *end, char quote, bool escaped)
{
    const char *c = p;
    for (; c < end && *c != '\n'; c++) {
        if (*c == quote) {
            if (escaped && c > p && c[-1] == '\\')
                c--;
            return c;
        }
        if (*c == '\\' && !escaped && c + 1 < end && c[1] != '\n')
            c++;
    }
    return c;
}

static const char *skip_scheme(const char *p, const char *end)
{
    static const char *const schemes[] = {"bearer", "basic", "token", "digest", "negotiate", "apikey", NULL};
    const char *c = p;
    while (c < end && isalpha((unsigned char)*c))
        c++;
    return c < end && blank(*c) && equals_one(p, (size_t)(c - p), schemes) ? c : NULL;
}

static bool private_key_at(const char *p, const char *end)
{
    static const char begin[] = "-----BEGIN ", word[] = "PRIVATE KEY";
    const char *c = p + sizeof begin - 1;
    if ((size_t)(end - p) < sizeof begin - 1 || memcmp(p, begin, sizeof begin - 1) != 0)
        return false;
    const char *kind = c;
    while (c < end && c - kind < 64 &&
           (isupper((unsigned char)*c) || isdigit((unsigned char)*c) || *c == ' '))
        c++;
    return memmem(kind, (size_t)(c - kind), word, sizeof word - 1) != NULL;
}

/* Passes the block at s->p, its last line included. */
static void drop_private_key(struct scan *s)
{
    static const char word[] = "-----END";
    const char *to = memmem(s->p, (size_t)(s->end - s->p), word, sizeof word - 1);
    drop_to(s, to ? line_end(to, s->end) : s->end);
}

/* A quote at s->p, which a backslash may precede: what is inside goes. False: there is none. */
static bool drop_quoted(struct scan *s)
{
    bool escaped = s->p < s->end && *s->p == '\\';
    const char *c = s->p + escaped;
    if (c == s->end || !one_of(*c, "\"'`"))
        return false;
    copy_to(s, c + 1);
    const char *to = quote_end(s->p, s->end, *c, escaped);
    if (to > s->p)
        drop_to(s, to);
    return true;
}

/* ["a", "b"]: at the bracket. */
static void drop_list(struct scan *s)
{
    do {
        copy_to(s, s->p + 1); /* the bracket, or a comma */
        while (s->p < s->end && blank(*s->p))
            copy_to(s, s->p + 1);
        if (!drop_quoted(s))
            return;
        while (s->p < s->end && one_of(*s->p, "\\\"'` \t"))
            copy_to(s, s->p + 1);
    } while (s->p < s->end && *s->p == ',');
}

static bool starts(const struct scan *s, const char *what)
{
    size_t n = strlen(what);
    return (size_t)(s->end - s->p) >= n && memcmp(s->p, what, n) == 0;
}

static void drop_bare(struct scan *s)
{
    const char *to = s->p, *behind = skip_scheme(s->p, s->end);
    if (behind) { /* "token: Bearer x" */
        while (behind < s->end && blank(*behind))
            behind++;
        to = behind;
    }
    if (s->end - to >= MARK && memcmp(to, mark, MARK) == 0)
        to += MARK;
    if (to < s->end && *to == '<')
        to++;
    while (to < s->end && !ends_value(to, s->end))
        to++;
    if (to > s->p)
        drop_to(s, to);
}

/* To the line's end, or the quote that was opened before the name. */
static void drop_header(struct scan *s, char quote)
{
    const char *to = s->p;
    while (to < s->end && *to != '\n' && (!quote || *to != quote))
        to++;
    if (to > s->p)
        drop_to(s, to);
}

/* s->p is where a value starts. */
static void drop_value(struct scan *s)
{
    const char *c = s->p + (s->p < s->end && *s->p == '\\');
    if (c < s->end && private_key_at(c + one_of(*c, "\"'"), s->end)) {
        copy_to(s, c + (*c != '-'));
        drop_private_key(s);
    } else if (starts(s, "[\"") || starts(s, "['") || starts(s, "[ \"") || starts(s, "[\\\"")) {
        drop_list(s);
    } else if (!drop_quoted(s)) {
        drop_bare(s);
    }
}

/* Behind a name: "=", ":", "\": ", " => " ... NULL when none stands there. `flag`: a space is enough. */
static const char *skip_separator(const char *p, const char *end, bool flag)
{
    const char *c = p;
    while (c < end && *c == '\\')
        c++;
    if (c < end && (*c == '"' || *c == '\'' || *c == '`'))
        c++;
    else if (c > p)
        return NULL;
    const char *spaces = c;
    while (c < end && blank(*c))
        c++;
    if (c < end && (*c == '=' || *c == ':')) {
        c++;
        if (c < end && (*c == '=' || *c == '>'))
            c++;
        while (c < end && blank(*c))
            c++;
        return c;
    }
    return flag && c > spaces ? c : NULL;
}

/* Behind "://": the user part, if there is one. */
static void drop_user(struct scan *s)
{
    const char *limit = s->end - s->p > AHEAD ? s->p + AHEAD : s->end, *c = s->p, *at = NULL, *slash = NULL;
    const char *colon = NULL;
    for (; c < limit && !isspace((unsigned char)*c) && !one_of(*c, "\"'`<>"); c++) {
        if (*c == ':' && !colon)
            colon = c;
        if (one_of(*c, "/?#") && !slash) {
            slash = c;
            /* host:8080/..., or a password that has a slash? */
            if (at || !colon || (size_t)(c - colon - 1) == strspn(colon + 1, "0123456789"))
                break;
        }
        if (*c == '@')
            at = c;
    }
    if (at)
        drop_to(s, at);
}

/* One word; s->p is its first byte, `word_end` behind its last. */
static void take_word(struct scan *s, const char *word_end)
{
    const char *word = s->p;
    size_t len = (size_t)(word_end - word);
    if (len < 2) {
        copy_to(s, word_end);
        return;
    }
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        size_t n = strlen(known[i].start);
        if (len >= n + known[i].more && memcmp(word, known[i].start, n) == 0) {
            drop_to(s, word_end);
            return;
        }
    }
    bool flag = len > 2 && word[0] == '-' && word[1] == '-';
    bool header = ends_in(word, len, header_ends);
    copy_to(s, word_end);
    if (header || ends_in(word, len, secret_ends) || equals_one(word, len, whole_words)) {
        const char *value = skip_separator(word_end, s->end, flag);
        if (value) {
            char before = word > s->start ? word[-1] : 0;
            copy_to(s, value);
            if (!header)
                drop_value(s);
            else if (!drop_quoted(s))
                drop_header(s, one_of(before, "\"'`") ? before : 0);
            return;
        }
    }
    if (equals_one(word, len, announcers)) {
        const char *c = word_end;
        while (c < s->end && blank(*c))
            c++;
        const char *to = c;
        /* only behind a blank: in "key/key/key/..." every word would look to the end, again and again */
        while (c > word_end && to < s->end && random_byte(*to))
            to++;
        while (to > c && to[-1] == '.')
            to--;
        bool scheme = equals_one(word, len, short_ones);
        if (c > word_end && (looks_random(c, to) || (scheme && looks_mixed(c, to)))) {
            copy_to(s, c);
            drop_to(s, to);
        }
    }
}

void redact_text(const char *text, size_t len, redact_out *out, void *arg)
{
    struct scan s = {text, text, text + len, out, arg};
    while (s.p < s.end) {
        if (*s.p == '-' && private_key_at(s.p, s.end)) {
            drop_private_key(&s);
            continue;
        }
        if (*s.p == ':' && starts(&s, "://")) {
            copy_to(&s, s.p + 3);
            drop_user(&s);
            continue;
        }
        if (*s.p == '/' && starts(&s, "/services/T")) { /* the path of a Slack webhook is its secret */
            copy_to(&s, s.p + 10);
            const char *to = s.p;
            while (to < s.end && to - s.p < AHEAD && random_byte(*to))
                to++;
            if (looks_random(s.p, to))
                drop_to(&s, to);
            continue;
        }
        const char *c = s.p;
        while (c < s.end && word_byte(*c))
            c++;
        if (c > s.p)
            take_word(&s, c);
        else
            copy_to(&s, s.p + 1);
    }
}
