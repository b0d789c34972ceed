/* The hours of a week: "Mon-Fri 09:00-17:30, Sat 10:00-12:00". Pure.
 *
 *      spec    = entry {"," entry}
 *      entry   = days {times} | times {times}
 *      days    = day ["-" day] {" " day ["-" day]}      mon, Monday; "Sat-Mon" goes over the week's end
 *      times   = HH:MM "-" HH:MM                        the end is not inside; 24:00 is the end of the day
 *
 * Days alone are whole days, times alone are every day's. A window whose end is not after its start goes over
 * midnight and belongs to the day it starts on: "Fri 22:00-06:00" ends on Saturday. */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    TIME_SPEC_TEXT_MAX = 1024,
    WEEK_MINUTES = 7 * 24 * 60, /* minute 0 is Monday 00:00 */
};

struct time_spec {
    uint64_t inside[(WEEK_MINUTES + 63) / 64];
};

/* 0, or -1 and a sentence. */
int time_spec_parse(const char *text, size_t len, struct time_spec *spec_r, struct err *e);
bool time_spec_has(const struct time_spec *spec, int minute);
/* Minutes from this one to the next inside (0: it is), the week being a circle; every spec has some. */
int time_spec_wait(const struct time_spec *spec, int minute);
