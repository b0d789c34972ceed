/* Times and durations: see moment.h. */
#include "base/moment.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

moment_t moment_now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * MOMENT_SECOND + ts.tv_nsec / 1000;
}

static int digits(const char **s, const char *end, int n, int *v_r)
{
    int v = 0;
    for (int i = 0; i < n; i++) {
        if (*s >= end || **s < '0' || **s > '9')
            return -1;
        v = v * 10 + (*(*s)++ - '0');
    }
    *v_r = v;
    return 0;
}

static int expect(const char **s, const char *end, const char *any)
{
    if (*s >= end || **s == '\0' || strchr(any, **s) == NULL)
        return -1;
    (*s)++;
    return 0;
}

/* Days from the epoch to a date. timegm() does the same, but takes a lock and a hundred times as long, and every alert
 * brings a date. Years start in March here, so that the leap day is a year's last. */
static int64_t days_before(int y, int mo, int d)
{
    y -= mo <= 2;
    int64_t leaps = y / 4 - y / 100 + y / 400;
    return (int64_t)y * 365 + leaps + (153 * (mo + (mo > 2 ? -3 : 9)) + 2) / 5 + d - 1 - 719468;
}

int moment_parse(const char *s, size_t len, moment_t *t_r)
{
    const char *end = s + len;
    int y, mo, d, h, mi, se;
    if (digits(&s, end, 4, &y) || expect(&s, end, "-") || digits(&s, end, 2, &mo) || expect(&s, end, "-") ||
        digits(&s, end, 2, &d) || expect(&s, end, "Tt") || digits(&s, end, 2, &h) || expect(&s, end, ":") ||
        digits(&s, end, 2, &mi) || expect(&s, end, ":") || digits(&s, end, 2, &se))
        return -1;
    static const int month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
    if (y < 1 || mo < 1 || mo > 12 || d < 1 || d > month_days[mo - 1] + (mo == 2 && leap) || h > 23 || mi > 59 ||
        se > 59) /* no leap second: Go, which writes these texts, never has one */
        return -1;
    int64_t us = 0;
    if (s < end && *s == '.') {
        s++;
        if (s >= end || *s < '0' || *s > '9')
            return -1;
        int64_t unit = 100000;
        for (; s < end && *s >= '0' && *s <= '9'; s++, unit /= 10)
            us += unit * (*s - '0');
    }
    int64_t off = 0;
    if (expect(&s, end, "Zz") != 0) {
        int sign = s < end && *s == '-' ? -1 : 1, oh, om;
        if (expect(&s, end, "+-") || digits(&s, end, 2, &oh) || expect(&s, end, ":") || digits(&s, end, 2, &om) ||
            oh > 23 || om > 59)
            return -1;
        off = sign * (oh * 3600 + om * 60);
    }
    if (s != end)
        return -1;
    *t_r = ((days_before(y, mo, d) * 24 + h) * 3600 + mi * 60 + se - off) * MOMENT_SECOND + us;
    return 0;
}

static void format(moment_t t, int with_fraction, char out[MOMENT_TEXT])
{
    if (t == MOMENT_NONE) {
        out[0] = '\0';
        return;
    }
    int64_t sec = t / MOMENT_SECOND, us = t % MOMENT_SECOND;
    if (us < 0) {
        us += MOMENT_SECOND;
        sec--;
    }
    time_t tt = (time_t)sec;
    struct tm tm;
    gmtime_r(&tt, &tm);
    int n = snprintf(out, MOMENT_TEXT, "%04d-%02d-%02dT%02d:%02d:%02d", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
                     tm.tm_hour, tm.tm_min, tm.tm_sec);
    if (with_fraction)
        n += us % 1000 ? snprintf(out + n, MOMENT_TEXT - (size_t)n, ".%06" PRId64, us)
                       : snprintf(out + n, MOMENT_TEXT - (size_t)n, ".%03" PRId64, us / 1000);
    snprintf(out + n, MOMENT_TEXT - (size_t)n, "Z");
}

void moment_format(moment_t t, char out[MOMENT_TEXT])
{
    format(t, 1, out);
}

void moment_format_s(moment_t t, char out[MOMENT_TEXT])
{
    format(t, 0, out);
}

moment_t moment_ceil_s(moment_t t)
{
    moment_t past = t == MOMENT_NONE ? 0 : (t % MOMENT_SECOND + MOMENT_SECOND) % MOMENT_SECOND;
    return past == 0 || t > INT64_MAX - MOMENT_SECOND ? t : t - past + MOMENT_SECOND;
}

static int whole_seconds(const char *s, int64_t *us_r)
{
    int neg = *s == '-';
    if (*s == '-' || *s == '+')
        s++;
    if (*s == '\0')
        return -1;
    int64_t v = 0;
    for (; *s; s++) {
        if (*s < '0' || *s > '9' || v > INT64_MAX / MOMENT_SECOND / 10 - 10)
            return -1;
        v = v * 10 + (*s - '0');
    }
    *us_r = (neg ? -v : v) * MOMENT_SECOND;
    return 0;
}

static int go_duration(const char *s, int64_t *us_r)
{
    int neg = *s == '-';
    if (*s == '-' || *s == '+')
        s++;
    if (strcmp(s, "0") == 0) {
        *us_r = 0;
        return 0;
    }
    static const struct {
        const char *name;
        double us;
    } units[] = {{"ns", 1e-3}, {"us", 1},   {"\xc2\xb5s", 1}, {"\xce\xbcs", 1},
                 {"ms", 1e3},  {"s", 1e6},  {"m", 60e6},      {"h", 3600e6}};
    double total = 0;
    if (*s == '\0')
        return -1;
    while (*s) {
        double v = 0, frac = 1;
        int any = 0;
        for (; *s >= '0' && *s <= '9'; s++, any = 1)
            v = v * 10 + (*s - '0');
        if (*s == '.')
            for (s++; *s >= '0' && *s <= '9'; s++, any = 1)
                v += (*s - '0') * (frac /= 10);
        if (!any)
            return -1;
        size_t n = strcspn(s, ".0123456789"), i;
        for (i = 0; i < sizeof units / sizeof *units; i++)
            if (strlen(units[i].name) == n && memcmp(units[i].name, s, n) == 0)
                break;
        if (i == sizeof units / sizeof *units)
            return -1;
        total += v * units[i].us;
        s += n;
    }
    if (total > 9.2e15) /* Go's own limit, 292 years */
        return -1;
    *us_r = (int64_t)(neg ? -total - 0.5 : total + 0.5);
    return 0;
}

int duration_parse(const char *s, int64_t *us_r, struct err *e)
{
    if (go_duration(s, us_r) == 0 || whole_seconds(s, us_r) == 0)
        return 0;
    return err_set(e, ERR_INVALID, "\"%.40s\" is no duration: write 30s, 2m, 1h30m or whole seconds", s);
}

void duration_format(int64_t us, char out[MOMENT_TEXT])
{
    size_t n = 0;
    if (us < 0) {
        out[n++] = '-';
        us = -us;
    }
    if (us < MOMENT_SECOND) {
        snprintf(out + n, MOMENT_TEXT - n, us % 1000 ? "%.3fms" : "%.0fms", (double)us / 1000);
        return;
    }
    int64_t s = us / MOMENT_SECOND, d = s / 86400, h = s / 3600 % 24, m = s / 60 % 60;
    s %= 60;
    const struct {
        int64_t v;
        char u;
    } part[] = {{d, 'd'}, {h, 'h'}, {m, 'm'}, {s, 's'}};
    out[n] = '\0';
    for (size_t i = 0; i < 4; i++)
        if (part[i].v)
            n += (size_t)snprintf(out + n, MOMENT_TEXT - n, "%" PRId64 "%c", part[i].v, part[i].u);
}
