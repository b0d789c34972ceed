#include "cli/replay_text.h"
#include <stdio.h>
void replay_text(const struct replay_result *r)
{
    for (size_t i = 0; i < r->sides[0]->n_counts; i++) { const struct decision_count *c = &r->sides[0]->counts[i];
        printf("%s %s %s %u %llu\n", verdict_name(c->verdict), c->reason, c->policy, c->alerts, (unsigned long long)c->decisions); }
    printf("%u polls %zu tasks %s\n", r->polls, r->sides[0]->n_tasks, r->sides[0]->spawners[0].first_failure);
}
