/* What every store shares: phases, and looking things up in facts. See store.h. */
#include "tasks/store.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

static const char *const phase_names[] = {
    [TASK_NEW] = "",
    [TASK_PENDING] = "Pending",
    [TASK_WAITING] = "Waiting",
    [TASK_RUNNING] = "Running",
    [TASK_SUCCEEDED] = "Succeeded",
    [TASK_FAILED] = "Failed",
};

const char *task_phase_name(enum task_phase p)
{
    return phase_names[p];
}

int task_phase_parse(const char *s, enum task_phase *p_r)
{
    for (size_t i = 0; i < sizeof phase_names / sizeof phase_names[0]; i++)
        if (strcmp(s, phase_names[i]) == 0) {
            *p_r = (enum task_phase)i;
            return 0;
        }
    return -1;
}

bool task_phase_terminal(enum task_phase p)
{
    return p == TASK_SUCCEEDED || p == TASK_FAILED;
}

void task_fact_deinit(struct task_fact *f)
{
    free(f->name);
    free(f->uid);
    free(f->resource_version);
    free(f->policy);
    free(f->alertname);
    *f = (struct task_fact){0};
}

void spawner_facts_free(struct spawner_facts **facts)
{
    struct spawner_facts *f = *facts;
    *facts = NULL;
    if (f == NULL)
        return;
    for (size_t i = 0; i < f->n_tasks; i++)
        task_fact_deinit(&f->tasks[i]);
    for (size_t i = 0; i < f->n_keys; i++)
        free(f->keys[i].task);
    free(f->tasks);
    free(f->keys);
    free(f);
}

void spawner_memory_free(struct spawner_memory **memory)
{
    struct spawner_memory *m = *memory;
    *memory = NULL;
    if (m == NULL)
        return;
    episodes_free(&m->episodes);
    for (size_t i = 0; i < m->n_policies; i++)
        free(m->policies[i]);
    for (size_t i = 0; i < m->n_states; i++)
        free(m->states[i].item);
    free(m->policies);
    free(m->creations);
    free(m->states);
    free(m);
}

static int compare_task(const void *name, const void *fact)
{
    return strcmp(name, ((const struct task_fact *)fact)->name);
}

const struct task_fact *spawner_facts_task(const struct spawner_facts *f, const char *name)
{
    return f->n_tasks == 0 ? NULL : bsearch(name, f->tasks, f->n_tasks, sizeof *f->tasks, compare_task);
}

static int compare_key(const void *identity, const void *fact)
{
    uint64_t a = *(const uint64_t *)identity, b = ((const struct key_fact *)fact)->identity;
    return a < b ? -1 : a > b;
}

const struct key_fact *spawner_facts_key(const struct spawner_facts *f, uint64_t identity)
{
    return f->n_keys == 0 ? NULL : bsearch(&identity, f->keys, f->n_keys, sizeof *f->keys, compare_key);
}
