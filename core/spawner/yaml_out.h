/* A JSON tree printed as YAML, the way kubectl does (sigs.k8s.io/yaml): keys in natural order, block style,
 * two spaces, lists level with their key, texts of several lines as `|`, never a line folded. */
#pragma once

#include "base/buf.h"

#include <cjson/cJSON.h>

/* Appends one document that ends in a newline, without "---": who prints several writes that between them.
 *
 * What comes out says the same to a reader of YAML 1.1 and 1.2: a string that either might take for something
 * else
 * ("yes", "0x1f", "12:30") stands in double quotes. Bytes that are no UTF-8 become U+FFFD. A number that is
 * not finite is null, as in cJSON's own printing; a raw item is taken for the JSON it should hold, or else
 * for a string. */
void yaml_out(const cJSON *tree, struct buf *out);
