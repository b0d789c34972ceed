/* Local time by cctz, behind a C face: no exception and no C++ type gets through. Nothing here opens a file:
 * a zone is made of bytes that somebody hands over (TZif, as in /usr/share/zoneinfo), and UTC needs none. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Moments that are asked about: the years 1 to 9999. */
#define TIME_FIRST INT64_C(-62135596800)
#define TIME_LAST  INT64_C(253402300799)

struct time_zone;

struct local_time {
    int64_t year;
    int month, day, hour, minute, second;
    int weekday; /* 1 = Monday .. 7 = Sunday */
    int yearday; /* 1 .. 366 */
    int offset;  /* seconds east of UTC */
    bool dst;
    char abbreviation[16];
};

const struct time_zone *time_zone_utc(void);
/* The zone, which stays for the life of the process; NULL when the bytes are no TZif or memory is short. A
 * name is read once: bytes that come later under the same name are not looked at. Not for several threads. */
const struct time_zone *time_zone_load(const char *name, const char *tzif, size_t len);

/* `t` is epoch seconds between TIME_FIRST and TIME_LAST. */
void time_zone_local(const struct time_zone *z, int64_t t, struct local_time *local_r);
/* The first moment after `t` at which the zone's clocks jump; false when they never do again. */
bool time_zone_next_jump(const struct time_zone *z, int64_t t, int64_t *moment_r);

#ifdef __cplusplus
}
#endif
