/* Whose a Task is: see owner.h. */
#include "tasks/owner.h"

#include "base/mem.h"
#include "tasks/object.h"

#include <stdlib.h>
#include <string.h>

bool task_owned(const char *controllers, const char *label, const char *spawner, const char *uid)
{
    if (controllers[0] == '\0')
        return strcmp(label, spawner) == 0;
    size_t n = strlen(uid);
    for (const char *p = controllers; n > 0 && *p != '\0'; p += strcspn(p, " ") + 1)
        if (strncmp(p, uid, n) == 0 && p[n] == ' ')
            return true;
    return false;
}

char *task_controllers(const cJSON *object)
{
    char *all = xstrdup("");
    const cJSON *ref, *metadata = cJSON_GetObjectItemCaseSensitive(object, "metadata");
    cJSON_ArrayForEach(ref, cJSON_GetObjectItemCaseSensitive(metadata, "ownerReferences"))
    {
        if (!cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(ref, "controller")))
            continue;
        char *more = xasprintf("%s%s ", all, object_text(ref, "uid"));
        free(all);
        all = more;
    }
    return all;
}
