/* Checking a document against its tables: see schema.h. */
#include "spawner/schema.h"

#include "base/buf.h"
#include "base/mem.h"
#include "spawner/nearest.h"
#include "yaml/quantity.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { SHOWN_MAX = 80 }; /* bytes of a value in a sentence */

const struct node *schema_has(const struct node *map, const char *key)
{
    const struct node *n = node_get(map, key);
    return n && n->type != NODE_NULL ? n : NULL;
}

const char *schema_text(const struct node *map, const char *key)
{
    const struct node *n = schema_has(map, key);
    return n && n->type == NODE_STRING && n->text[0] ? n->text : NULL;
}

char *schema_path(const char *path, const char *key)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    if (*key == '\0' || key[strspn(key, plain)] != '\0')
        return xasprintf("%s[\"%.*s\"]", path, SHOWN_MAX, key);
    return xasprintf("%s%s%.*s", path, *path ? "." : "", SHOWN_MAX, key);
}

static void wrong_type(struct report *r, const char *path, const struct node *n, const char *expected,
                       const struct schema_field *f)
{
    const char *got = node_type_name(n->type);
    bool scalar = n->type == NODE_BOOL || n->type == NODE_INT || n->type == NODE_FLOAT;
    if (f && f->shape == SCHEMA_STRING && scalar && !(f->flags & SCHEMA_SECRET))
        report_add(r, n->line, n->column, path, "expected %s, got %s; write \"%.*s\" in quotes", expected,
                   got, SHOWN_MAX, n->written ? n->written : "...");
    else if (f && f->shape == SCHEMA_STRING && scalar)
        report_add(r, n->line, n->column, path, "expected %s, got %s; write it in quotes", expected, got);
    else if (f && n->type == NODE_STRING &&
             (f->shape == SCHEMA_BOOL || f->shape == SCHEMA_INT32 || f->shape == SCHEMA_INT64))
        report_add(r, n->line, n->column, path, "expected %s, got %s; write it without quotes", expected,
                   got);
    else
        report_add(r, n->line, n->column, path, "expected %s, got %s", expected, got);
}

static bool chosen(const char *choices, const char *text)
{
    size_t len = strlen(text);
    for (const char *c = choices;; c++) {
        size_t n = strcspn(c, "|");
        if (n == len && memcmp(c, text, n) == 0)
            return true;
        c += n;
        if (*c == '\0')
            return false;
    }
}

static void check_choice(struct report *r, const char *path, const struct node *n, const char *choices)
{
    struct buf list = {0};
    struct nearest near;
    nearest_init(&near, n->text);
    if (chosen(choices, n->text))
        return;
    for (const char *c = choices; *c;) {
        size_t len = strcspn(c, "|");
        char *one = xstrndup(c, len);
        buf_addf(&list, "%s%s", list.len ? ", " : "", one);
        nearest_offer(&near, one);
        free(one);
        c += len + (c[len] == '|');
    }
    report_add(r, n->line, n->column, path, "\"%.*s\" is not one of %s%s%s%s", SHOWN_MAX, n->text, list.data,
               near.best[0] ? "; did you mean \"" : "", near.best, near.best[0] ? "\"?" : "");
    buf_free(&list);
}

static void check_string(struct report *r, const char *path, const struct node *n,
                         const struct schema_field *f)
{
    if (n->type != NODE_STRING)
        wrong_type(r, path, n, "a string", f);
    else if ((f->flags & SCHEMA_NONEMPTY) && n->text[0] == '\0')
        report_add(r, n->line, n->column, path, "must not be empty");
    else if (f->choices)
        check_choice(r, path, n, f->choices);
    else if (f->check)
        f->check(r, path, n);
}

static void check_integer(struct report *r, const char *path, const struct node *n,
                          const struct schema_field *f)
{
    int64_t max = f->shape == SCHEMA_INT64 ? INT64_MAX : INT32_MAX;
    int64_t min = f->flags & SCHEMA_LIMITED ? f->min : f->shape == SCHEMA_INT64 ? INT64_MIN : INT32_MIN;
    if (n->type != NODE_INT)
        wrong_type(r, path, n, "an integer", f);
    else if (n->integer < min)
        report_add(r, n->line, n->column, path, "must be at least %" PRId64 ", is %" PRId64, min, n->integer);
    else if (n->integer > max)
        report_add(r, n->line, n->column, path, "must be at most %" PRId64 ", is %" PRId64, max, n->integer);
    else if (f->check)
        f->check(r, path, n);
}

static void check_quantity(struct report *r, const char *path, const struct node *n)
{
    struct buf out = {0};
    struct err e;
    if (n->type != NODE_STRING && n->type != NODE_INT && n->type != NODE_FLOAT)
        wrong_type(r, path, n, "a quantity like \"500m\" or \"1Gi\"", NULL);
    else if (quantity_canonical(n->text, &out, &e) != 0)
        report_add(r, n->line, n->column, path, "%s", e.msg);
    buf_free(&out);
}

static void check_one(struct report *r, const char *path, const struct node *n, const struct schema_field *f)
{
    switch (f->shape) {
    case SCHEMA_STRING:
        check_string(r, path, n, f);
        return;
    case SCHEMA_BOOL:
        if (n->type != NODE_BOOL)
            wrong_type(r, path, n, "a boolean", f);
        return;
    case SCHEMA_INT32:
    case SCHEMA_INT64:
        check_integer(r, path, n, f);
        return;
    case SCHEMA_QUANTITY:
        check_quantity(r, path, n);
        return;
    case SCHEMA_INT_OR_STRING:
        if (n->type == NODE_INT)
            check_integer(r, path, n, f);
        else if (n->type != NODE_STRING)
            wrong_type(r, path, n, "an integer or a string", NULL);
        return;
    case SCHEMA_OBJECT:
        schema_check(r, path, n, f->type);
        return;
    case SCHEMA_ANY_MAP:
        if (n->type != NODE_MAP)
            wrong_type(r, path, n, "a map", NULL);
        return;
    }
}

static void check_field(struct report *r, const char *path, const struct node *n,
                        const struct schema_field *f)
{
    if (f->container == SCHEMA_ONE) {
        check_one(r, path, n, f);
        return;
    }
    enum node_type want = f->container == SCHEMA_LIST ? NODE_LIST : NODE_MAP;
    if (n->type != want) {
        wrong_type(r, path, n, node_type_name(want), NULL);
        return;
    }
    if ((f->flags & SCHEMA_NONEMPTY) && n->n == 0)
        report_add(r, n->line, n->column, path,
                   "must hold at least one entry; leave it out if there is none");
    if (f->max_items && n->n > f->max_items)
        report_add(r, n->line, n->column, path, "must hold at most %zu entries, has %zu", f->max_items, n->n);
    for (size_t i = 0; i < n->n; i++) {
        char *at = want == NODE_LIST ? xasprintf("%s[%zu]", path, i) : schema_path(path, n->keys[i]);
        check_one(r, at, n->items[i], f);
        free(at);
    }
    if (f->check_all)
        f->check_all(r, path, n);
}

static const struct schema_field *find(const struct schema_type *type, const char *name)
{
    for (size_t i = 0; i < type->n; i++)
        if (strcmp(type->fields[i].name, name) == 0)
            return &type->fields[i];
    return NULL;
}

static void unknown(struct report *r, const char *path, const struct node *map, size_t i,
                    const struct schema_type *type)
{
    struct nearest near;
    nearest_init(&near, map->keys[i]);
    for (size_t k = 0; k < type->n; k++)
        if (type->fields[k].refused == NULL && !(type->fields[k].flags & SCHEMA_IGNORED))
            nearest_offer(&near, type->fields[k].name);
    report_add(r, map->key_lines[i], map->key_columns[i], path, "unknown field%s%s%s",
               near.best[0] ? "; did you mean \"" : "", near.best, near.best[0] ? "\"?" : "");
}

void schema_check(struct report *r, const char *path, const struct node *n, const struct schema_type *type)
{
    if (n->type != NODE_MAP) {
        wrong_type(r, *path ? path : NULL, n, "a map", NULL);
        return;
    }
    for (size_t i = 0; i < n->n; i++) {
        const struct schema_field *f = find(type, n->keys[i]);
        const struct node *v = n->items[i];
        char *at = schema_path(path, n->keys[i]);
        if (f == NULL)
            unknown(r, at, n, i, type);
        else if (f && f->refused && v->type != NODE_NULL)
            report_add(r, n->key_lines[i], n->key_columns[i], at, "%s", f->refused);
        else if (f && !f->refused && !(f->flags & SCHEMA_IGNORED) && v->type != NODE_NULL)
            check_field(r, at, v, f);
        free(at);
    }
    for (size_t i = 0; i < type->n; i++)
        if ((type->fields[i].flags & SCHEMA_REQUIRED) && schema_has(n, type->fields[i].name) == NULL) {
            char *at = schema_path(path, type->fields[i].name);
            report_add(r, n->line, n->column, at, "required, but missing");
            free(at);
        }
}
