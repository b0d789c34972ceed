/* What matcher.c and matcher_parse.c share. */
#pragma once

#include "matcher.h"

struct matcher {
    struct matcher_term *terms;
    size_t n, cap;
};
