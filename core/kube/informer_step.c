/* What an informer asks next: see informer_step.h. */
#include "kube/informer_step.h"

#include "base/mem.h"
#include "base/moment.h"

#include <stdlib.h>

/* client-go's reflector: 0.8 s, doubled, at most 30 s, each times 1 to 2 */
#define BACKOFF_FIRST (MOMENT_SECOND * 8 / 10)
#define BACKOFF_MOST  (30 * MOMENT_SECOND)
#define SHORT_WATCH   MOMENT_SECOND

static void set(char **to, const char *s)
{
    char *old = *to;
    *to = xstrdup(s);
    free(old);
}

void informer_state_init(struct informer_state *s)
{
    *s = (struct informer_state){.backoff = {.first = BACKOFF_FIRST, .most = BACKOFF_MOST}};
    s->version = xstrdup("");
    s->token = xstrdup("");
}

void informer_state_deinit(struct informer_state *s)
{
    free(s->version);
    free(s->token);
    *s = (struct informer_state){.phase = INFORMER_ENDED};
}

static void list_anew(struct informer_state *s)
{
    set(&s->token, "");
    s->phase = INFORMER_LIST_DUE;
}

struct informer_action informer_step(struct informer_state *s, int64_t now)
{
    bool flying = s->phase == INFORMER_LISTING || s->phase == INFORMER_WATCHING;
    if (s->phase == INFORMER_ENDED)
        return (struct informer_action){.what = INFORMER_NOTHING};
    if (flying)
        return (struct informer_action){.what = s->refresh ? INFORMER_STOP : INFORMER_NOTHING};
    if (s->refresh) {
        s->refresh = false;
        list_anew(s);
    }
    if (now < s->not_before)
        return (struct informer_action){.what = INFORMER_WAIT, .at = s->not_before};
    if (s->phase == INFORMER_LIST_DUE) {
        s->phase = INFORMER_LISTING;
        return (struct informer_action){.what = INFORMER_LIST, .first = *s->token == '\0',
                                        .limit = s->whole ? 0 : INFORMER_PAGE};
    }
    s->phase = INFORMER_WATCHING;
    s->began = now;
    s->heard = false;
    return (struct informer_action){.what = INFORMER_WATCH};
}

bool informer_page(struct informer_state *s, const char *token, const char *version)
{
    backoff_reset(&s->backoff);
    if (s->refresh) { /* it began before it was asked for: not new enough */
        list_anew(s);
        return false;
    }
    set(&s->token, token);
    if (*token != '\0') {
        s->phase = INFORMER_LIST_DUE;
        return false;
    }
    set(&s->version, version);
    s->whole = false;
    s->synced = true;
    s->phase = INFORMER_WATCH_DUE;
    return true;
}

static void wait(struct informer_state *s, int64_t now, double roll)
{
    s->not_before = now + backoff_next(&s->backoff, roll);
}

void informer_list_failed(struct informer_state *s, enum err_kind why, int64_t now, double roll)
{
    /* between two pages the server forgot the list: the next one comes in one piece, or it might never be complete */
    s->whole = s->whole || (why == ERR_GONE && *s->token != '\0');
    list_anew(s);
    if (!s->refresh)
        wait(s, now, roll);
}

void informer_heard(struct informer_state *s, const char *version)
{
    set(&s->version, version);
    s->heard = true;
    backoff_reset(&s->backoff);
}

void informer_watch_ended(struct informer_state *s, enum err_kind why, int64_t now, double roll)
{
    switch (why) {
    case ERR_NONE:
    case ERR_TIMEOUT:
    case ERR_UNREACHABLE:
    case ERR_THROTTLED:
    case ERR_CONFLICT: /* cancelled by us */
    case ERR_FORBIDDEN:
        s->phase = INFORMER_WATCH_DUE;
        break;
    default: /* too old, not understood, no such resource: the list will tell */
        list_anew(s);
    }
    bool fine = why == ERR_NONE && (s->heard || now - s->began >= SHORT_WATCH);
    if (s->refresh || fine || (why == ERR_GONE && s->heard))
        return;
    wait(s, now, roll);
}

void informer_ask_anew(struct informer_state *s)
{
    s->refresh = true;
    s->synced = false;
    s->not_before = 0;
    backoff_reset(&s->backoff);
}
