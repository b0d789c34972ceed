/* What policy.c (loading), policy_include.c, policy_ask.c (asking) and policy_answer.c (what hooks may return) share. */
#pragma once

#include "chain_maker.h"
#include "policy.h"

/* The black box: what is about to be done, and that it is done. */
void policy_announce(const struct policy *p, uint32_t hook, uint32_t id, uint32_t policy);
void policy_announce_end(const struct policy *p);

uint32_t policy_box_hook(enum policy_hook hook); /* enum black_box_hook */

/* Takes `policy` off the top and sets it and `include` in the environment below. `caller`: the number among p->libraries of
 * the file that will have it, UINT32_MAX for the policy itself. */
void include_open_env(lua_State *L, struct policy *p, uint32_t caller);
/* Forgets what a former VM had loaded. */
void include_reset(lua_State *L, struct policy *p);

/* Does the word stand in the policy's source, or in that of a library it included? */
bool include_mentions(const struct policy *p, const char *word);

/* A hook's question while it is asked. */
struct question {
    struct policy *p;
    enum policy_hook hook;
    struct policy_answer *answer;
    bool bad; /* the value is none: answer->detail says so */
};
/* The hook's results at `first` and above (value, reason, detail, is it the base's own) into q->answer. */
void answer_take(lua_State *L, struct question *q, int first);
void answer_clear(struct policy_answer *a);

/* Inside a hook that has touched ctx.state before the key is known: asks `key`. Raises when that fails. */
void policy_need_key(lua_State *L, struct policy *p);
