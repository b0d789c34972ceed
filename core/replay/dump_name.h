/* When a dump of alerts was made, from its file's name. Pure. */
#pragma once

#include "base/moment.h"

/* "alerts-2026-11-24T10:00:00Z.json", "20261124-100000.json", "1764000000.json" (seconds or milliseconds since 1970); UTC.
 * MOMENT_NONE: the name tells no time. */
moment_t dump_name_time(const char *path);
