/* One YAML scalar as Kubernetes reads it: the rules of sigs.k8s.io/yaml, which are YAML 1.1 as go-yaml v2 understands it
 * (yes, no, on, off, y and n are booleans; 017, 0o17 and 0xf are integers; times and 12:30:45 stay strings), followed
 * by the way Go writes the number as JSON. Pure. */
#pragma once

#include "yaml/node.h"

#include <stddef.h>

enum { SCALAR_NUMBER_MAX = 40 }; /* bytes of a number as JSON writes it */

struct scalar {
    enum node_type type; /* NODE_NULL, NODE_BOOL, NODE_INT, NODE_FLOAT or NODE_STRING */
    bool boolean;
    int64_t integer;
    bool real; /* came from a floating-point scalar (1e3 is a NODE_INT all the same: JSON writes 1000) */
    double value;
    char text[SCALAR_NUMBER_MAX]; /* NODE_INT, NODE_FLOAT: as JSON writes it */
};

/* `tag` is the explicit tag ("tag:yaml.org,2002:int", "!mine") or NULL; `in` is NUL-terminated. NODE_STRING means: the
 * text as it stands. -1: the tag does not fit the text, or the number (.inf, .nan) has no JSON form. */
int scalar_resolve(const char *tag, const char *in, struct scalar *s_r, struct err *e);

/* What a scalar becomes as a key of a map: Kubernetes turns integers, floats and booleans into strings. NULL when it
 * cannot be one (null, an integer above 2^63). free() */
char *scalar_key(const struct scalar *s, const char *in);
