/* --alert FILE: alerts as Alertmanager's API returns them, one or an array. */
#pragma once

#include "base/buf.h"
#include "base/err.h"

enum { ALERT_FILE_MAX = 4 * 1024 * 1024 };

/* The text of a file, or of standard input ("-"). */
int alert_file_read(const char *path, struct buf *out, struct err *e);
