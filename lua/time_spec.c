#include "time_spec.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

enum { DAY_MINUTES = 24 * 60 };

static const char *const day_names[7] = {"monday", "tuesday",  "wednesday", "thursday",
                                         "friday", "saturday", "sunday"};

struct scan {
    const char *start, *p, *end;
    struct err *e;
};

static int fail(const struct scan *s, const char *what)
{
    return err_set(s->e, ERR_INVALID, "%s at character %zu", what, (size_t)(s->p - s->start) + 1);
}

static bool blank(char c)
{
    return c == ' ' || c == '\t';
}

static void skip_space(struct scan *s)
{
    while (s->p < s->end && blank(*s->p))
        s->p++;
}

static bool take(struct scan *s, char c)
{
    skip_space(s);
    if (s->p == s->end || *s->p != c)
        return false;
    s->p++;
    return true;
}

static void add(struct time_spec *spec, int from, int to)
{
    for (int i = from; i < to; i++)
        spec->inside[i % WEEK_MINUTES / 64] |= UINT64_C(1) << (i % WEEK_MINUTES % 64);
}

/* 0..6, or -1. */
static int scan_day(struct scan *s)
{
    const char *word = s->p;
    while (s->p < s->end && isalpha((unsigned char)*s->p))
        s->p++;
    size_t len = (size_t)(s->p - word);
    for (int i = 0; i < 7; i++)
        if ((len == 3 || len == strlen(day_names[i])) && strncasecmp(word, day_names[i], len) == 0)
            return i;
    s->p = word;
    return fail(s, "a weekday (Mon, Tue, Wed, Thu, Fri, Sat, Sun) is expected");
}

/* Sets the bits of the days. */
static int scan_days(struct scan *s, unsigned *days)
{
    int first = scan_day(s), last = first;
    if (first < 0)
        return -1;
    if (take(s, '-')) {
        skip_space(s);
        last = scan_day(s);
        if (last < 0)
            return -1;
    }
    for (int day = first;; day = (day + 1) % 7) {
        *days |= 1u << day;
        if (day == last)
            return 0;
    }
}

/* Minutes since midnight, or -1. */
static int scan_clock(struct scan *s)
{
    const char *p = s->p;
    if (s->end - p < 5 || !isdigit((unsigned char)p[0]) || !isdigit((unsigned char)p[1]) || p[2] != ':' ||
        !isdigit((unsigned char)p[3]) || !isdigit((unsigned char)p[4]) ||
        (s->end - p > 5 && isdigit((unsigned char)p[5])))
        return fail(s, "a time of two and two digits, such as 09:00, is expected");
    int hour = (p[0] - '0') * 10 + p[1] - '0', minute = (p[3] - '0') * 10 + p[4] - '0';
    if (minute > 59 || hour > 24 || (hour == 24 && minute))
        return fail(s, "no time between 00:00 and 24:00");
    s->p += 5;
    return hour * 60 + minute;
}

static int scan_times(struct scan *s, unsigned days, struct time_spec *spec)
{
    const char *at = s->p;
    int from = scan_clock(s);
    if (from < 0)
        return -1;
    if (!take(s, '-'))
        return fail(s, "the window's end, such as -17:30, is expected");
    skip_space(s);
    int to = scan_clock(s);
    if (to < 0)
        return -1;
    if (from == to || from == DAY_MINUTES) {
        s->p = at;
        return fail(s, from == to ? "the window has no length (a whole day is 00:00-24:00)"
                                  : "24:00 can only be the end of a window");
    }
    if (to < from)
        to += DAY_MINUTES;
    for (int day = 0; day < 7; day++)
        if (days & 1u << day)
            add(spec, day * DAY_MINUTES + from, day * DAY_MINUTES + to);
    return 0;
}

static int scan_entry(struct scan *s, struct time_spec *spec)
{
    unsigned days = 0;
    bool timed = false;
    for (;;) {
        skip_space(s);
        if (s->p == s->end || *s->p == ',')
            break;
        if (isdigit((unsigned char)*s->p)) {
            timed = true;
            if (scan_times(s, days ? days : 0x7f, spec) < 0)
                return -1;
        } else if (timed) {
            return fail(s, "a comma is expected before the next days");
        } else if (scan_days(s, &days) < 0) {
            return -1;
        }
        if (s->p < s->end && *s->p != ',' && !blank(*s->p) && !blank(s->p[-1]))
            return fail(s, "a space or a comma is expected");
    }
    if (!days && !timed)
        return fail(s, "days or times are expected");
    for (int day = 0; day < 7 && !timed; day++)
        if (days & 1u << day)
            add(spec, day * DAY_MINUTES, (day + 1) * DAY_MINUTES);
    return 0;
}

int time_spec_parse(const char *text, size_t len, struct time_spec *spec_r, struct err *e)
{
    struct scan s = {text, text, text + len, e};
    memset(spec_r, 0, sizeof *spec_r);
    if (len > TIME_SPEC_TEXT_MAX)
        return err_set(e, ERR_LIMIT, "more than %d bytes", TIME_SPEC_TEXT_MAX);
    do {
        if (scan_entry(&s, spec_r) < 0)
            return -1;
    } while (take(&s, ','));
    return 0;
}

bool time_spec_has(const struct time_spec *spec, int minute)
{
    return spec->inside[minute / 64] >> (minute % 64) & 1;
}

int time_spec_wait(const struct time_spec *spec, int minute)
{
    int wait = 0;
    while (wait < WEEK_MINUTES && !time_spec_has(spec, (minute + wait) % WEEK_MINUTES))
        wait++;
    return wait;
}
