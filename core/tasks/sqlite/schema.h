/* The tables, and how an older file becomes a newer one. */
#pragma once

#include "tasks/sqlite/db.h"

#define SCHEMA_APPLICATION_ID 0x616c7370 /* "alsp": which program a database file belongs to */

/* One step a version; NULL ends the list. Those that a file lacks are run in one transaction, with user_version. */
extern const char *const schema_steps[];

/* Checks that the file is ours and not newer than `steps`; with `write`, brings it up to date. *empty_r: there are no
 * tables (a file that is new, or was never written). */
int schema_prepare(struct db *db, const char *const *steps, bool write, bool *empty_r, struct err *e);
