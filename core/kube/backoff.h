/* Waiting longer after each failure, and never all at the same moment. Pure but for the dice. */
#pragma once

#include <stdint.h>

struct backoff {
    int64_t first, most; /* microseconds */
    unsigned failures;
};

/* 0 <= x < 1, from the kernel's generator. */
double dice(void);
/* How long to wait after one more failure: first, twice that, ... up to most, each times 1 to 2. `roll` is dice(). */
int64_t backoff_next(struct backoff *b, double roll);
static inline void backoff_reset(struct backoff *b)
{
    b->failures = 0;
}
/* d * (1 .. 1 + factor), as client-go's wait.Jitter. */
int64_t jitter(int64_t d, double factor, double roll);

/* Microseconds since some start, which no one sets: for intervals. The first stands still while the machine is suspended,
 * the second does not. */
int64_t clock_running(void);
int64_t clock_boot(void);
