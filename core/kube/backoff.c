/* Waiting and clocks: see backoff.h. */
#include "kube/backoff.h"

#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

double dice(void)
{
    uint64_t x = 0;
    if (getrandom(&x, sizeof x, 0) != (ssize_t)sizeof x)
        abort(); /* cannot happen for so few bytes */
    return (double)(x >> 11) / 9007199254740992.0;
}

int64_t jitter(int64_t d, double factor, double roll)
{
    return d + (int64_t)((double)d * factor * roll);
}

int64_t backoff_next(struct backoff *b, double roll)
{
    int64_t d = b->first;
    for (unsigned i = 0; i < b->failures && d < b->most; i++)
        d *= 2;
    b->failures++;
    return jitter(d < b->most ? d : b->most, 1.0, roll);
}

static int64_t read_clock(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t clock_running(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

int64_t clock_boot(void)
{
    return read_clock(CLOCK_BOOTTIME);
}
