/* How a policy came to its answer: every hook that was called, and of each the layers that spoke (the policy's own
 * function, what super() said, the base). Plain data that both executables link: the worker makes it (lua/chain_maker.h)
 * when somebody asks why, a frame carries it (wire.h, `chain`), the engine checks it and shows it.
 *
 * Links stand in the order in which functions were entered. `depth` is how deep in other links' super() a link is; a hook
 * whose outermost function returned nil ("no opinion") has a second link of the same depth, of what lies below it. Figures
 * of a link include those of the links inside of it. */
#pragma once

#include "policy/wire.h"

enum {
    WIRE_CHAIN_LINKS_MAX = 64,  /* of one answer */
    WIRE_CHAIN_DEPTH_MAX = 16,
    WIRE_CHAIN_READS_MAX = 12,  /* names that one link has read */
    WIRE_CHAIN_VALUE_MAX = 256, /* bytes of a value, a name, a line of a file */
    WIRE_CHAIN_PLACE_MAX = 300,
    WIRE_CHAIN_CHOICES_MAX = 256,
    WIRE_CHAIN_STEPS_MAX = 500,
    WIRE_CHAIN_LOCALS_MAX = 512,
    WIRE_CHAIN_BYTES_MAX = 96 * 1024, /* of all of it; the rest is counted */
};

enum chain_bits {
    CHAIN_DECIDED = 1,   /* this layer's value is the hook's answer */
    CHAIN_PASSED_ON = 2, /* it returned what super() said, unchanged: that layer has CHAIN_DECIDED */
    CHAIN_STAND_IN = 4,  /* the policy's own hook failed: the base answers for it */
    CHAIN_FELL = 8,      /* it returned nil, so what lies below it was asked */
};

/* What a hook read of the alert or of ctx, and what was there. */
struct chain_read {
    char *name;  /* "labels.track" */
    char *value; /* as it stands in text; NULL: there is none */
    char *near;  /* ... and this name there is: it may be meant. Not on the wire: who has the alert finds it. NULL: none */
};

struct chain_link {
    uint32_t hook;   /* enum black_box_hook */
    uint8_t depth, bits;
    char tag;        /* of the value: 'z' nil, 't', 'f', 'n' number, 's' text, 'o' something else; '-' it never returned */
    char *value;     /* 'n': as JSON writes it; 's': its beginning; 'o': what it is ("a table"); else "" */
    char *reason;    /* as it was given: a declared code or free text; "" */
    char *detail;    /* the third result, or what went wrong; "" */
    char *error;     /* "policy.error" and so on, in the layer where it happened; "" */
    char *by;        /* "payments.lua:14": where it returned or failed */
    char *source;    /* that line of the file, without the spaces around it; "" */
    uint64_t us, instructions, memory; /* microseconds; bytes that it held at most beyond those that were held before */
    struct chain_read *reads; /* each name once, in the order of reading */
    size_t n_reads;
};

/* How the policies' matches did: which policy judges, and why not an earlier one. In the order of choice. */
enum chain_fit {
    FIT_NO,       /* its match does not fit; detail: the first matcher that does not */
    FIT_CHOSEN,
    FIT_LATER,    /* it fits, too, but an earlier one has the alert */
    FIT_BROKEN,   /* it could not be loaded, and might have been meant; detail: why */
    FIT_NAMELESS, /* without a match: it acts only when named */
    FIT_OTHER,    /* the document names another policy */
    FIT_COUNT
};
const char *chain_fit_name(uint32_t fit); /* "no", "chosen", ... */
struct chain_choice {
    char *policy, *file, *match, *detail; /* policy: "" when it has no name yet; match: "" when it has none */
    uint8_t fit;
};

/* One executed line of a policy's file, before it was executed: only with a trace. */
struct chain_step {
    char *place, *source, *locals; /* "payments.lua:14", the line, "track=\"canary\" n=2" */
};

struct chain {
    struct chain_link *links;
    struct chain_choice *choices;
    struct chain_step *steps;
    size_t n_links, n_choices, n_steps;
    uint32_t more_links, more_steps; /* that found no room */
};
void chain_clear(struct chain *c); /* frees everything and zeroes it */
/* Hands what `from` has to the end of `to`. */
void chain_append(struct chain *to, struct chain *from);
size_t chain_bytes(const struct chain *c); /* memory, about */

/* The fields `chain` of wire.h. */
void chain_write(const struct chain *c, struct buf *b);
/* Checks every field. -1: nonsense, `e` says what, and *c_r is empty. */
int chain_read(struct wire_reader *r, struct chain *c_r, struct err *e);

/* Takes out the links of key, priority, title and body where the default policy alone spoke: nobody asks about those. Their
 * names, as "key, title", are appended to `names`. */
void chain_fold(struct chain *c, struct buf *names);

/* For a person, some lines, each begun with `indent` and ended:
 *
 *     filter    false  canary: by hand   payments.lua:4
 *               return alert.labels.track ~= "canary", "canary"
 *               read labels.track = "canary"
 *
 * What could move a cursor is written as \xNN. */
void chain_text(const struct chain *c, const char *indent, struct buf *out);
void chain_choices_text(const struct chain *c, const char *indent, struct buf *out);
void chain_steps_text(const struct chain *c, const char *indent, struct buf *out);
