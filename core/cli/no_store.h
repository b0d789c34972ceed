/* A store in which nothing has ever happened, for `why --alert` without --store. Nothing can be applied to it. */
#pragma once

#include "tasks/store.h"

#include <uv.h>

struct store *no_store_open(uv_loop_t *loop); /* ops->close frees it; the loop must run on */
