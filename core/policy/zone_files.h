/* Rules of time zones, for workers, which cannot read files: TZif data (RFC 8536) as the system's tzdata installs it.
 *
 * A zone's name comes from a policy or from an annotation, so from somebody who may not choose what the engine reads:
 * it must be one to ZONE_PARTS_MAX parts of [A-Za-z0-9_+-] joined by "/", which leaves no way out of the directory. */
#pragma once

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    ZONE_NAME_MAX = 64,          /* bytes; "America/Argentina/ComodRivadavia" has 32 */
    ZONE_PARTS_MAX = 4,
    ZONE_FILE_MAX = 256 * 1024,  /* bytes; the largest of tzdata has 4 KiB */
};

bool zone_name_legal(const char *name, size_t len);
/* $TZDIR when it is an absolute path, as the C library takes it, else /usr/share/zoneinfo. */
const char *zone_files_dir(void);
/* Appends the file's bytes. -1: no such zone in `dir` (ERR_NOT_FOUND), or what is there is no time zone; nothing is
 * appended then. */
int zone_file_read(const char *dir, const char *name, size_t len, struct buf *bytes, struct err *e);
