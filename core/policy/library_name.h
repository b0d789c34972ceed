/* Names of libraries, as include has them: "lib_hours" for lib_hours.lua. Both executables link this file. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define LIBRARY_PREFIX "lib_"
enum { LIBRARY_NAME_MAX = 200 };

/* The prefix and at least one of [A-Za-z0-9._-]. */
bool library_name_legal(const char *name, size_t len);
