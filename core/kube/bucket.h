/* A token bucket: `burst` at once, then `rate` a second. Pure; the clock is an argument (microseconds, any start). */
#pragma once

#include <stdint.h>

struct bucket {
    double rate, burst, tokens; /* rate 0 or less: no limit */
    int64_t at;
};

static inline struct bucket bucket_make(double rate, double burst, int64_t now)
{
    return (struct bucket){.rate = rate, .burst = burst, .tokens = burst, .at = now};
}

/* Takes a token and returns 0, or how long to wait for one. */
static inline int64_t bucket_take(struct bucket *b, int64_t now)
{
    if (b->rate <= 0)
        return 0;
    if (now > b->at) {
        b->tokens += (double)(now - b->at) * b->rate / 1e6;
        b->at = now;
    }
    if (b->tokens > b->burst)
        b->tokens = b->burst;
    if (b->tokens >= 1) {
        b->tokens -= 1;
        return 0;
    }
    return (int64_t)((1 - b->tokens) / b->rate * 1e6) + 1;
}
