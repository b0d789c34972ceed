/* JSON values as fields of wire.h's trees, and back. */
#pragma once

#include "policy/wire.h"

#include <cjson/cJSON.h>

/* What is deeper than WIRE_TREE_DEPTH is null; so is NULL. */
void wire_json_write(struct buf *b, const cJSON *v);
/* Reads one tree. NULL: that is none (the reader is bad then). Texts are made valid UTF-8 without NUL: what is not becomes
 * U+FFFD. cJSON_Delete. */
cJSON *wire_json_read(struct wire_reader *r);
