/* Rules of time zones, for workers, which cannot read files: TZif data (RFC 8536) as the system's tzdata installs it. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "policy/zone_name.h"

#include <stddef.h>

enum { ZONE_FILE_MAX = 256 * 1024 }; /* bytes; the largest of tzdata has 4 KiB */

/* $TZDIR when it is an absolute path, as the C library takes it, else /usr/share/zoneinfo. */
const char *zone_files_dir(void);
/* Appends the file's bytes. -1: no such zone in `dir` (ERR_NOT_FOUND), or what is there is no time zone; nothing is
 * appended then. */
int zone_file_read(const char *dir, const char *name, size_t len, struct buf *bytes, struct err *e);
