/* What an informer asks next: a list page by page, then a watch, and after whatever goes wrong the right one of the two,
 * not too soon. Pure: no I/O, the clock and the dice are arguments. */
#pragma once

#include "base/err.h"
#include "kube/backoff.h"

#include <stdbool.h>
#include <stdint.h>

enum { INFORMER_PAGE = 500 };

enum informer_phase { INFORMER_LIST_DUE, INFORMER_LISTING, INFORMER_WATCH_DUE, INFORMER_WATCHING, INFORMER_ENDED };

struct informer_state {
    enum informer_phase phase;
    char *version;      /* where the watch goes on */
    char *token;        /* of the next page; "" at the start of a list */
    bool whole;         /* the next list in one piece: a continue token expired under way */
    bool synced;
    bool refresh;       /* what is in flight is to be given up for a new list */
    bool heard;         /* the watch has brought something */
    int64_t not_before, began;
    struct backoff backoff;
};

enum informer_do {
    INFORMER_NOTHING, /* something is in flight */
    INFORMER_WAIT,    /* until `at` */
    INFORMER_LIST,    /* ask for a page: token, limit; `first`: of a new list */
    INFORMER_WATCH,   /* from version */
    INFORMER_STOP,    /* cancel what is in flight */
};
struct informer_action {
    enum informer_do what;
    int64_t at;
    bool first;
    uint32_t limit;
};

void informer_state_init(struct informer_state *s);
void informer_state_deinit(struct informer_state *s);

/* Decides. What it says to ask counts as asked. */
struct informer_action informer_step(struct informer_state *s, int64_t now);

/* What came. */
bool informer_page(struct informer_state *s, const char *token, const char *version); /* true: the list is complete */
void informer_list_failed(struct informer_state *s, enum err_kind why, int64_t now, double roll);
void informer_heard(struct informer_state *s, const char *version); /* an event or bookmark */
void informer_watch_ended(struct informer_state *s, enum err_kind why, int64_t now, double roll); /* ERR_NONE: by itself */
void informer_ask_anew(struct informer_state *s);
