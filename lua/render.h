/* Templates of the spawner, rendered in a VM that no policy has ever touched. A template without "{{" is
 * itself; the VM is made only when some template needs it. */
#pragma once

#include "alerts/alert.h"
#include "base/buf.h"
#include "policy/wire.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    RENDER_MEMORY = 64 * 1024 * 1024,
    RENDER_INSTRUCTIONS = 50 * 1000 * 1000, /* of one rendering */
};

struct render_template {
    const char *which; /* "prompt", "branch", "name", "label[k]", "annotation[k]": as Go names the template */
    const char *label; /* "prompt", "label k": as sentences name it */
    struct wire_text text;
    bool is_name; /* must not refer to Context, must not come out with "<no value>" */
    /* found by render_open: */
    bool literal;
    bool uses_title, uses_body, uses_alert;
    char *problem; /* a sentence: it does not parse. Freed by render_free. */
};

/* The variables of one rendering. */
struct render_data {
    const struct alert *alert;
    const char *id;
    uint32_t number;
    struct buf *title, *body;
    uint64_t serial; /* data of the same serial are the same and need not be handed over again; never 0 */
};

struct render;
/* Parses all; `templates` is borrowed until render_free. */
struct render *render_open(struct render_template *templates, size_t n, volatile struct black_box *box);
/* 0, or -1 and the sentence in *out: "failed to render prompt template: failed to execute template: ..." */
int render_execute(struct render *r, size_t i, uint32_t id, const struct render_data *data, struct buf *out);
void render_free(struct render **r);
