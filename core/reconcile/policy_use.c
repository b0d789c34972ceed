/* How much of its limits a policy has used: see policy_use.h. */
#include "reconcile/policy_use.h"

#include "base/mem.h"

#include <stdlib.h>

static const int64_t HOUR = 3600 * MOMENT_SECOND, DAY = 24 * 3600 * MOMENT_SECOND;

/* Saturates: the ends of time are as good as never. */
static moment_t plus(moment_t t, int64_t us)
{
    moment_t sum;
    return !__builtin_add_overflow(t, us, &sum) ? sum : us < 0 ? INT64_MIN : INT64_MAX;
}

/* The first of the creations that is later than `t`. */
static size_t first_after(const struct policy_limits *limits, moment_t t)
{
    size_t low = 0, high = limits->n_created;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (limits->created[mid] <= t)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

void policy_use_begin(struct policy_use *use, const struct policy_limits *limits, moment_t now)
{
    *use = (struct policy_use){.hour_from = first_after(limits, plus(now, -HOUR)),
                               .day_from = first_after(limits, plus(now, -DAY))};
    use->hour = first_after(limits, plus(now, HOUR)) - use->hour_from;
    use->day = first_after(limits, plus(now, DAY)) - use->day_from;
}

void policy_use_end(struct policy_use *use)
{
    free(use->waiting);
    use->waiting = NULL;
    use->cap = 0;
}

enum reason policy_use_refuses(const struct policy_use *use, const struct policy_limits *limits, uint32_t cycles)
{
    if ((limits->per_hour > 0 && use->hour + use->given >= limits->per_hour) ||
        (limits->per_day > 0 && use->day + use->given >= limits->per_day))
        return REASON_LIMIT_RATE;
    if (limits->ramp > 0 && cycles < RAMP_CYCLES_MAX && use->given >= (uint64_t)limits->ramp << cycles)
        return REASON_LIMIT_RAMP;
    return REASON_NONE;
}

/* When one window has room for another Task. In the order of time there are: the creations that count, those of this
 * plan (now), and those who wait. Once all but the last limit - 1 of them have left it, there is. */
static moment_t room_at(const struct policy_use *use, const moment_t *created, size_t from, size_t n, uint32_t limit,
                        int64_t window, moment_t now)
{
    size_t before = n + use->given + use->n_waiting;
    if (limit == 0 || before < limit)
        return now;
    size_t i = before - limit;
    moment_t at = i < n ? created[from + i] : i < n + use->given ? now : use->waiting[i - n - use->given];
    return plus(at, window);
}

moment_t policy_use_wait(struct policy_use *use, const struct policy_limits *limits, moment_t now)
{
    moment_t at = room_at(use, limits->created, use->hour_from, use->hour, limits->per_hour, HOUR, now);
    moment_t day = room_at(use, limits->created, use->day_from, use->day, limits->per_day, DAY, now);
    at = day > at ? day : at;
    if (use->n_waiting > 0 && use->waiting[use->n_waiting - 1] > at)
        at = use->waiting[use->n_waiting - 1];
    xgrow(&use->waiting, &use->cap, use->n_waiting + 1, sizeof *use->waiting);
    use->waiting[use->n_waiting++] = at;
    return at < INT64_MAX ? at : MOMENT_NONE;
}
