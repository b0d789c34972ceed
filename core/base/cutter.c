/* The streaming cutter: see cutter.h.
 *
 * A state machine over what stands between values; inside a value only strings and brackets are followed. A value that
 * a piece ends in is copied to `held` and its scan goes on where it stopped, so no byte is looked at twice. */
#include "base/cutter.h"

#include "base/scan.h"

#include <stdbool.h>
#include <string.h>

enum state {
    S_START,       /* before the document */
    S_WORD,        /* a document that starts like null, true, false: held until it is clear */
    S_FIRST,       /* behind '[': an element or ']' */
    S_NEXT,        /* behind a comma: an element */
    S_AFTER,       /* behind an element: ',' or ']' */
    S_NAME_FIRST,  /* CUT_MEMBER, behind '{': a name or '}' */
    S_NAME_NEXT,   /* behind a comma: a name */
    S_COLON,       /* behind a name */
    S_MEMBER,      /* behind the colon */
    S_MEMBER_AFTER, /* behind a member's value: ',' or '}' */
    S_VALUE,       /* CUT_STREAM, between two values */
    S_END,         /* the document is complete: only white space may follow */
    S_FAILED,
    /* inside something that may go on in the next piece */
    S_IN_NAME,
    S_IN_ELEMENT,
    S_IN_MEMBER,
};

enum { HELD_KEPT = 256 * 1024 }; /* memory of `held` that is kept between elements */

void cutter_init(struct cutter *c, enum cutter_shape shape, size_t element_max, cutter_element_cb *on_element,
                 void *arg)
{
    *c = (struct cutter){.shape = shape, .element_max = element_max, .on_element = on_element, .arg = arg};
    c->state = shape == CUT_STREAM ? S_VALUE : S_START;
}

void cutter_deinit(struct cutter *c)
{
    buf_free(&c->held);
    buf_free(&c->name);
}

static bool is_space(char ch)
{
    return ch == ' ' || ch == '\n' || ch == '\r' || ch == '\t';
}

static const char *wanted(const struct cutter *c)
{
    return c->shape == CUT_MEMBER ? "an object" : "an array";
}

static int wrong_start(const struct cutter *c, const char *what, struct err *e)
{
    return err_set(e, ERR_INVALID, "the answer is %s, not %s", what, wanted(c));
}

static int not_json(struct err *e)
{
    return err_set(e, ERR_INVALID, "the answer is not JSON");
}

/* The first byte that is no white space. */
static int start(struct cutter *c, char ch, struct err *e)
{
    if (ch == (c->shape == CUT_MEMBER ? '{' : '[')) {
        c->state = c->shape == CUT_MEMBER ? S_NAME_FIRST : S_FIRST;
        return 0;
    }
    switch (ch) {
    case '{':
        return wrong_start(c, "a JSON object", e);
    case '[':
        return wrong_start(c, "a JSON array", e);
    case '"':
        return wrong_start(c, "a JSON string", e);
    case '<':
        return err_set(e, ERR_INVALID, "the answer is HTML or XML, not JSON");
    case '\xef':
        return err_set(e, ERR_INVALID, "the answer starts with a byte order mark, which JSON does not allow");
    case 'n':
    case 't':
    case 'f':
        c->state = S_WORD;
        buf_addc(&c->held, ch);
        return 0;
    default:
        return (ch >= '0' && ch <= '9') || ch == '-' ? wrong_start(c, "a number", e) : not_json(e);
    }
}

static int word_ended(struct cutter *c, struct err *e)
{
    if (strcmp(c->held.data, "null") == 0)
        return wrong_start(c, "null", e);
    if (strcmp(c->held.data, "true") == 0 || strcmp(c->held.data, "false") == 0)
        return wrong_start(c, "a boolean", e);
    return not_json(e);
}

static int word(struct cutter *c, char ch, struct err *e)
{
    if (ch >= 'a' && ch <= 'z' && c->held.len < 6) {
        buf_addc(&c->held, ch);
        return 0;
    }
    return is_space(ch) ? word_ended(c, e) : not_json(e);
}

/* Inside a value: where it ends, or `end`. *whole_r tells whether it has ended there. */
static const char *value_end(struct cutter *c, const char *p, const char *end, bool *whole_r)
{
    *whole_r = false;
    if (c->scalar) { /* a number or a word: ends before whatever cannot be in one */
        while (p < end && !is_space(*p) && (*p == '\0' || strchr(",]}[{:\"", *p) == NULL))
            p++;
        *whole_r = p < end;
        return p;
    }
    int depth = c->depth;
    while (p < end && !*whole_r) {
        if (c->escaped) {
            c->escaped = 0;
            p++;
        } else if (c->in_string) {
            p = scan_quote(p, end);
            if (p == end)
                break;
            if (*p++ == '\\') {
                c->escaped = 1;
            } else {
                c->in_string = 0;
                *whole_r = depth == 0;
            }
        } else {
            char ch = *p++;
            if (ch == '"')
                c->in_string = 1;
            else if (ch == '{' || ch == '[')
                depth++;
            else if (ch == '}' || ch == ']')
                *whole_r = --depth == 0;
        }
    }
    c->depth = depth;
    return p;
}

static bool starts_value(char ch)
{
    return ch != ',' && ch != ']' && ch != '}' && ch != ':';
}

static void begin(struct cutter *c, int state, char ch)
{
    c->state = state;
    c->scalar = ch != '"' && ch != '{' && ch != '[';
    c->in_string = c->escaped = c->depth = 0;
    buf_clear(&c->held);
}

/* A value (or a name) is complete. */
static int hand_out(struct cutter *c, const char *bytes, size_t len, struct err *e)
{
    switch (c->state) {
    case S_IN_NAME:
        buf_clear(&c->name);
        buf_add(&c->name, bytes + 1, len - 2); /* without its quotes */
        c->state = S_COLON;
        return 0;
    case S_IN_ELEMENT:
        c->state = c->shape == CUT_STREAM ? S_VALUE : S_AFTER;
        return c->on_element(c->arg, c->count++, bytes, len, e);
    default:
        c->state = S_MEMBER_AFTER;
        if (c->is_array) /* not '[': Go writes an empty list as null when it was never made */
            return len == 4 && memcmp(bytes, "null", 4) == 0
                       ? 0
                       : err_set(e, ERR_INVALID, "\"%s\" of the answer is not an array", c->member);
        return c->on_member == NULL ? 0 : c->on_member(c->arg, c->name.data, c->name.len, bytes, len, e);
    }
}

static int too_large(const struct cutter *c, struct err *e)
{
    if (c->state == S_IN_ELEMENT)
        return err_set(e, ERR_LIMIT, "element %zu of the answer is larger than %zu bytes", c->count, c->element_max);
    return err_set(e, ERR_LIMIT, "a member of the answer is larger than %zu bytes", c->element_max);
}

/* A value is open and goes on at p. Returns where to go on, or NULL. */
static const char *inside(struct cutter *c, const char *p, const char *end, struct err *e)
{
    bool whole;
    const char *to = value_end(c, p, end, &whole);
    size_t n = (size_t)(to - p);
    /* a member nobody wants may be of any size, because nothing of it is kept */
    bool wanted_value = c->state != S_IN_MEMBER || c->on_member != NULL || c->is_array;
    if (wanted_value && n > c->element_max - c->held.len) {
        too_large(c, e);
        return NULL;
    }
    if (whole && c->held.len == 0)
        return hand_out(c, p, n, e) == 0 ? to : NULL;
    if (wanted_value)
        buf_add(&c->held, p, n);
    if (!whole)
        return to;
    int rc = hand_out(c, c->held.data, c->held.len, e);
    if (c->held.cap > HELD_KEPT)
        buf_free(&c->held);
    buf_clear(&c->held);
    return rc == 0 ? to : NULL;
}

static int closed(struct cutter *c, struct err *e)
{
    if (c->shape == CUT_MEMBER) {
        if (c->state == S_AFTER || c->state == S_FIRST) {
            c->state = S_MEMBER_AFTER;
            return 0;
        }
        if (!c->seen_array)
            return err_set(e, ERR_INVALID, "the answer has no \"%s\"", c->member);
    }
    c->state = S_END;
    return 0;
}

static int member_value(struct cutter *c, char ch, struct err *e)
{
    c->is_array = c->name.len == strlen(c->member) && memcmp(c->name.data, c->member, c->name.len) == 0;
    if (c->is_array && c->seen_array)
        return err_set(e, ERR_INVALID, "\"%s\" stands twice in the answer", c->member);
    c->seen_array |= c->is_array;
    if (c->is_array && ch == '[') {
        c->state = S_FIRST;
        return 1;
    }
    if (!starts_value(ch))
        return err_set(e, ERR_INVALID, "a member of the answer has no value (byte %llu)",
                       (unsigned long long)c->offset);
    begin(c, S_IN_MEMBER, ch);
    return 0;
}

/* One byte between values. 1: consumed; 0: the state has changed to "inside" and the byte belongs to it; -1. */
static int between(struct cutter *c, char ch, struct err *e)
{
    unsigned long long at = c->offset;
    switch (c->state) {
    case S_START:
        return start(c, ch, e) == 0 ? 1 : -1;
    case S_FIRST:
    case S_NEXT:
        if (ch == ']' && c->state == S_FIRST)
            return closed(c, e) == 0 ? 1 : -1;
        if (ch == ']')
            return err_set(e, ERR_INVALID, "a comma stands before the closing bracket of the answer (byte %llu)", at);
        if (!starts_value(ch))
            return err_set(e, ERR_INVALID, "'%c' stands where element %zu of the answer should (byte %llu)", ch,
                           c->count, at);
        begin(c, S_IN_ELEMENT, ch);
        return 0;
    case S_AFTER:
        if (ch == ']')
            return closed(c, e) == 0 ? 1 : -1;
        if (ch != ',')
            return err_set(e, ERR_INVALID, "no comma follows element %zu of the answer (byte %llu)", c->count - 1, at);
        c->state = S_NEXT;
        return 1;
    case S_NAME_FIRST:
    case S_NAME_NEXT:
        if (ch == '}' && c->state == S_NAME_FIRST)
            return closed(c, e) == 0 ? 1 : -1;
        if (ch != '"')
            return err_set(e, ERR_INVALID, "a member's name is missing in the answer (byte %llu)", at);
        begin(c, S_IN_NAME, ch);
        return 0;
    case S_COLON:
        if (ch != ':')
            return err_set(e, ERR_INVALID, "no colon follows a member's name in the answer (byte %llu)", at);
        c->state = S_MEMBER;
        return 1;
    case S_MEMBER:
        return member_value(c, ch, e);
    case S_MEMBER_AFTER:
        if (ch == '}')
            return closed(c, e) == 0 ? 1 : -1;
        if (ch != ',')
            return err_set(e, ERR_INVALID, "no comma follows a member of the answer (byte %llu)", at);
        c->state = S_NAME_NEXT;
        return 1;
    case S_VALUE:
        if (!starts_value(ch))
            return err_set(e, ERR_INVALID, "'%c' stands where value %zu should (byte %llu)", ch, c->count, at);
        begin(c, S_IN_ELEMENT, ch);
        return 0;
    case S_END:
        return err_set(e, ERR_INVALID, "something follows the end of the answer's %s (byte %llu)",
                       c->shape == CUT_MEMBER ? "object" : "array", at);
    default:
        return err_set(e, ERR_INVALID, "the answer was already found to be broken");
    }
}

static int feed(struct cutter *c, const char *p, const char *end, struct err *e)
{
    while (p < end) {
        const char *from = p;
        if (c->state == S_WORD) {
            if (word(c, *p++, e) != 0)
                return -1;
        } else if (c->state >= S_IN_NAME) {
            p = inside(c, p, end, e);
            if (p == NULL)
                return -1;
        } else if (is_space(*p) && c->state != S_FAILED) {
            p++;
        } else {
            int rc = between(c, *p, e);
            if (rc < 0)
                return -1;
            p += rc;
        }
        c->offset += (uint64_t)(p - from);
    }
    return 0;
}

int cutter_feed(struct cutter *c, const char *bytes, size_t len, struct err *e)
{
    int rc = feed(c, bytes, bytes + len, e);
    if (rc != 0)
        c->state = S_FAILED;
    return rc;
}

static int end(struct cutter *c, struct err *e)
{
    switch (c->state) {
    case S_END:
    case S_VALUE:
        return 0;
    case S_START:
        return err_set(e, ERR_INVALID, "the answer is empty");
    case S_WORD:
        return word_ended(c, e);
    case S_FAILED:
        return err_set(e, ERR_INVALID, "the answer was already found to be broken");
    case S_IN_ELEMENT:
        if (c->shape == CUT_STREAM && c->scalar) /* only the end tells that a number is complete */
            return hand_out(c, c->held.data, c->held.len, e);
        return err_set(e, ERR_INVALID, "the answer ends in the middle of element %zu", c->count);
    default:
        return err_set(e, ERR_INVALID, "the answer ends too early: %zu elements came, but no closing bracket",
                       c->count);
    }
}

int cutter_end(struct cutter *c, struct err *e)
{
    int rc = end(c, e);
    if (rc != 0)
        c->state = S_FAILED;
    return rc;
}
