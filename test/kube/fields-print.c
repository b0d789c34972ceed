/* The members of an AlertSpawner that the engine takes (core/spawner/fields.h), as JSON: test_crd.py holds the CRD of
 * deploy/ against them. */
#include "spawner/fields.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const shapes[] = {"string",   "boolean",        "int32",  "int64",
                                     "quantity", "int-or-string", "object", "any"};
static const char *const containers[] = {"one", "list", "map"};

static cJSON *fields_json(const struct schema_type *type)
{
    cJSON *all = cJSON_CreateObject();
    for (size_t i = 0; i < type->n; i++) {
        const struct schema_field *f = &type->fields[i];
        cJSON *one = cJSON_AddObjectToObject(all, f->name);
        cJSON_AddStringToObject(one, "shape", shapes[f->shape]);
        cJSON_AddStringToObject(one, "container", containers[f->container]);
        cJSON_AddBoolToObject(one, "required", f->flags & SCHEMA_REQUIRED);
        cJSON_AddBoolToObject(one, "nonempty", f->flags & SCHEMA_NONEMPTY);
        cJSON_AddBoolToObject(one, "refused", f->refused != NULL);
        if (f->choices != NULL)
            cJSON_AddStringToObject(one, "choices", f->choices);
        if (f->flags & SCHEMA_LIMITED)
            cJSON_AddNumberToObject(one, "min", (double)f->min);
        if (f->max_items > 0)
            cJSON_AddNumberToObject(one, "max_items", (double)f->max_items);
        if (f->type != NULL)
            cJSON_AddItemToObject(one, "fields", fields_json(f->type));
    }
    return all;
}

int main(void)
{
    cJSON *all = fields_json(&fields_alertspawner);
    char *text = cJSON_Print(all);
    puts(text);
    free(text);
    cJSON_Delete(all);
    return 0;
}
