/* What of a checked document goes into a Task: see schema.h. */
#include "spawner/schema.h"

#include "base/buf.h"
#include "yaml/quantity.h"

#include <string.h>

/* Everything as it stands, without the nulls that Go would drop. */
static cJSON *any_json(const struct node *n)
{
    if (n->type != NODE_LIST && n->type != NODE_MAP)
        return node_to_json(n);
    cJSON *j = n->type == NODE_LIST ? cJSON_CreateArray() : cJSON_CreateObject();
    for (size_t i = 0; i < n->n; i++) {
        if (n->type == NODE_LIST)
            cJSON_AddItemToArray(j, any_json(n->items[i]));
        else if (n->items[i]->type != NODE_NULL)
            cJSON_AddItemToObject(j, n->keys[i], any_json(n->items[i]));
    }
    return j;
}

static cJSON *one_json(const struct node *n, const struct schema_field *f)
{
    if (f->shape == SCHEMA_OBJECT)
        return schema_json(n, f->type);
    if (f->shape != SCHEMA_QUANTITY)
        return any_json(n);
    struct buf out = {0};
    quantity_canonical(n->text, &out, NULL);
    cJSON *j = cJSON_CreateString(out.data ? out.data : "0");
    buf_free(&out);
    return j;
}

static cJSON *field_json(const struct node *n, const struct schema_field *f)
{
    if (f->container == SCHEMA_ONE)
        return one_json(n, f);
    cJSON *j = f->container == SCHEMA_LIST ? cJSON_CreateArray() : cJSON_CreateObject();
    for (size_t i = 0; i < n->n; i++) {
        if (f->container == SCHEMA_LIST)
            cJSON_AddItemToArray(j, one_json(n->items[i], f));
        else
            cJSON_AddItemToObject(j, n->keys[i], one_json(n->items[i], f));
    }
    return j;
}

/* What Go's omitempty leaves out. */
static bool is_zero(const cJSON *j)
{
    return cJSON_IsFalse(j) || (cJSON_IsNumber(j) && j->valuedouble == 0) ||
           (cJSON_IsString(j) && j->valuestring[0] == '\0') ||
           ((cJSON_IsArray(j) || cJSON_IsObject(j)) && !j->child);
}

static const struct schema_field *find(const struct schema_type *type, const char *name)
{
    for (size_t i = 0; i < type->n; i++)
        if (strcmp(type->fields[i].name, name) == 0)
            return &type->fields[i];
    return NULL;
}

cJSON *schema_json(const struct node *n, const struct schema_type *type)
{
    cJSON *out = cJSON_CreateObject();
    for (size_t i = 0; i < n->n; i++) {
        const struct schema_field *f = find(type, n->keys[i]);
        if (n->items[i]->type == NODE_NULL || f == NULL)
            continue;
        cJSON *j = field_json(n->items[i], f);
        if (!(f->flags & (SCHEMA_POINTER | SCHEMA_REQUIRED | SCHEMA_BY_VALUE)) && is_zero(j))
            cJSON_Delete(j);
        else
            cJSON_AddItemToObject(out, n->keys[i], j);
    }
    for (size_t i = 0; i < type->n; i++)
        if ((type->fields[i].flags & SCHEMA_BY_VALUE) && schema_has(n, type->fields[i].name) == NULL)
            cJSON_AddItemToObject(out, type->fields[i].name,
                                  type->fields[i].shape == SCHEMA_QUANTITY ? cJSON_CreateString("0")
                                                                           : cJSON_CreateObject());
    return out;
}
