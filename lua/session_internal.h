/* What session.c (setup and judging) and session_compose.c share. */
#pragma once

#include "policy.h"
#include "render.h"
#include "session.h"

struct session {
    volatile struct black_box *box;
    session_output_cb *on_output;
    void *arg;
    struct buf out;
    struct buf setup; /* SETUP's fields: sources and templates are read in place */
    bool ready;

    struct policy_cycle cycle;
    uint64_t total_used;
    struct wire_text named;
    struct policy base;      /* the default policy, in a VM that no file has touched */
    struct policy *policies; /* the files, in their order */
    size_t n_policies;

    struct render_template *templates; /* prompt, branch, name, labels, annotations */
    char **template_texts;             /* what `which` and `label` of templates point to */
    size_t n_templates, n_labels, n_annotations;
    struct render *render;
    uint64_t serial;

    struct buf index; /* an alert's index, aligned */
    struct policy_answer answer;
    struct buf title, body, id, rendered, fallback;
};
enum { TEMPLATE_PROMPT, TEMPLATE_BRANCH, TEMPLATE_NAME, TEMPLATE_FIRST_LABEL };

/* Which policy an alert belongs to. */
struct choice {
    struct policy *policy; /* NULL: none can judge it */
    const char *failed;    /* then: "policy.load", "policy.missing", "policy.quarantined" */
    const char *name;      /* of the policy; "" when it has none */
    char detail[WIRE_TEXT_SHOWN];
};
void session_choose(struct session *s, const struct alert *alert, struct choice *c);
/* Reads an alert's bytes and index; -1 when they are nonsense. */
int session_read_alert(struct session *s, struct wire_reader *r, struct alert *a, struct err *e);
/* Asks title or body; when that fails the base answers and s->fallback says so. */
void session_ask_text(struct session *s, struct policy *p, enum policy_hook hook, uint32_t id,
                      const struct alert *a, struct buf *out);
/* ID and Number, by the fingerprint or by the policy's key (NULL). */
void session_identify(struct session *s, const struct alert *a, const char *key, size_t key_len,
                      struct render_data *data);
void session_close_alert(struct session *s, struct policy *p);
/* Keeps all policies' VMs together within bounds. */
void session_trim(struct session *s);
/* Hands answers on when enough have gathered. */
void session_flush(struct session *s, size_t at_least);
/* A text for people: at most WIRE_TEXT_SHOWN bytes, and no half character at its end. */
void session_write_sentence(struct session *s, const char *text, size_t len);
/* "policy.noise" and its text, or `none` when the policy gave no reason. */
void session_write_reason(struct session *s, const struct policy_answer *a, const char *none);

int session_setup(struct session *s, struct wire_reader *r, struct err *e);
int session_compose(struct session *s, struct wire_reader *r, struct err *e);
