/* Documents checked against tables: which members a map may have, of which type, and what becomes of them in
 * a Task.
 *
 * schema_check reports everything that is wrong; schema_json writes what survives. A Task's spec must not
 * change when the Kelos controller reads it into Go types and writes it back, so schema_json leaves out what
 * Go leaves out: null, and
 * "", false, 0, [] and {} of optional members, unless the member is a pointer in Go (SCHEMA_POINTER). Pure.
 */
#pragma once

#include "spawner/report.h"
#include "yaml/node.h"

#include <stdint.h>

enum schema_shape {
    SCHEMA_STRING,
    SCHEMA_BOOL,
    SCHEMA_INT32,
    SCHEMA_INT64,
    SCHEMA_QUANTITY, /* string or number; written as a canonical string */
    SCHEMA_INT_OR_STRING,
    SCHEMA_OBJECT,   /* `type` has the members */
    SCHEMA_ANY_MAP,  /* a map whose members are not looked at */
};
enum schema_container { SCHEMA_ONE, SCHEMA_LIST, SCHEMA_MAP };
enum schema_flags {
    SCHEMA_REQUIRED = 1,
    SCHEMA_NONEMPTY = 2, /* a string must not be "", a list or map must hold something */
    SCHEMA_POINTER = 4,  /* Go keeps its zero value */
    SCHEMA_BY_VALUE = 8, /* Go writes it even when it is absent: {} for an object, "0" for a quantity */
    SCHEMA_IGNORED = 16, /* taken whatever it holds: others write it */
    SCHEMA_LIMITED = 32, /* `min` counts */
    SCHEMA_SECRET = 64,  /* what it holds is never shown */
};

/* One member: of a map value or list item, `path` is the place. */
typedef void schema_value_check(struct report *r, const char *path, const struct node *n);

struct schema_type;
struct schema_field {
    const char *name;
    enum schema_shape shape;
    enum schema_container container;
    unsigned flags;
    const struct schema_type *type;
    const char *choices; /* "a|b|c"; "|" at the end: "" is one of them */
    int64_t min;
    size_t max_items;              /* 0: no limit of its own */
    schema_value_check *check;     /* each value that has the right type */
    schema_value_check *check_all; /* the list or map as a whole */
    const char *refused;           /* a member that is known and not taken: the sentence that says so */
};

struct schema_type {
    const struct schema_field *fields;
    size_t n;
};

#define SCHEMA_TYPE(table)                                                                                   \
    {                                                                                                        \
        (table), sizeof(table) / sizeof *(table)                                                             \
    }

/* `path` is "" for a whole document. */
void schema_check(struct report *r, const char *path, const struct node *n, const struct schema_type *type);
/* Only of what schema_check found nothing wrong with. cJSON_Delete */
cJSON *schema_json(const struct node *n, const struct schema_type *type);

/* A member that is there and not null, else NULL. */
const struct node *schema_has(const struct node *map, const char *key);
/* Its text; NULL when it is absent or "". */
const char *schema_text(const struct node *map, const char *key);
/* "path.key", or `path["odd key"]`; free() */
char *schema_path(const char *path, const char *key);
