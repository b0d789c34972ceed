/* Which value is called what, for as long as a recording's directory lives: DIR/pseudonyms.jsonl, a line each. Numbered as
 * they come, so that a pseudonym tells nothing of its value. */
#pragma once

#include "base/err.h"

struct pseudonyms;

/* A last line that is cut (the recorder was killed) is forgotten: its pseudonym is in no recording, because the table is
 * written before the poll. */
int pseudonyms_open(const char *dir, struct pseudonyms **p_r, struct err *e);
void pseudonyms_close(struct pseudonyms **p);
/* "instance-7"; NULL: the table cannot be written. Stays until it is closed. */
const char *pseudonyms_get(struct pseudonyms *p, const char *name, const char *value, struct err *e);
