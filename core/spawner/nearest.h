/* "Did you mean": the nearest of the known names. Nearest is: the same but for case, else the fewest slips of
 * the keyboard (a letter more, less, other, or two swapped), two at most. Pure. */
#pragma once

enum { NEAREST_NAME_MAX = 64 };

struct nearest {
    const char *written;
    int distance;
    char best[NEAREST_NAME_MAX + 1]; /* "" when nothing is near */
};

void nearest_init(struct nearest *n, const char *written);
void nearest_offer(struct nearest *n, const char *name);
