#include "extras.h"

#include "alerts/identity.h"
#include "base/mem.h"
#include "policy/chain.h"

#include <stdlib.h>
#include <string.h>

void extras_clear(struct extras *x)
{
    x->identified = false;
    x->chain = NULL;
    buf_clear(&x->key);
    if (x->state.open)
        state_item_close(&x->state);
    x->state_failed = false;
    for (size_t i = 0; i < x->n_notes; i++) {
        free(x->notes[i].name);
        buf_free(&x->notes[i].value);
    }
    x->n_notes = x->n_of_hook = 0;
}

void extras_deinit(struct extras *x)
{
    extras_clear(x);
    buf_free(&x->key);
    free(x->notes);
    *x = (struct extras){0};
}

void extras_identify(struct extras *x, const char *key, size_t len, uint64_t fingerprint)
{
    x->identified = true;
    buf_clear(&x->key);
    x->identity = key ? identity_of_key(key, len) : fingerprint;
    if (key)
        buf_add(&x->key, key, len);
}

void extras_settle(struct extras *x, bool ok)
{
    if (x->state.open)
        state_item_settle(&x->state, ok);
    if (!ok)
        x->state_failed = true;
    if (!x->n_of_hook)
        return;
    for (size_t i = 0; i < x->n_notes; i++)
        x->notes[i].by_this_hook = false;
    x->n_of_hook = 0;
}

int extras_note(struct extras *x, const char *name, const char *value, size_t len)
{
    size_t i = 0;
    while (i < x->n_notes && strcmp(x->notes[i].name, name) != 0)
        i++;
    bool known = i < x->n_notes;
    if (!known || !x->notes[i].by_this_hook) {
        if (x->n_of_hook == WIRE_NOTES_MAX)
            return -1;
        x->n_of_hook++;
    }
    if (!known) {
        xgrow(&x->notes, &x->cap_notes, x->n_notes + 1, sizeof *x->notes);
        x->notes[x->n_notes++] = (struct note){.name = xstrdup(name)};
    }
    struct note *n = &x->notes[i];
    n->by_this_hook = true;
    buf_clear(&n->value);
    buf_add(&n->value, value, len);
    return 0;
}

void extras_write(const struct extras *x, struct buf *out)
{
    size_t bits_at = out->len;
    wire_u8(out, x->n_notes ? 1 : 0);
    if (x->n_notes) {
        wire_u32(out, (uint32_t)x->n_notes);
        for (size_t i = 0; i < x->n_notes; i++) {
            wire_str(out, x->notes[i].name);
            wire_text(out, x->notes[i].value.data, x->notes[i].value.len);
        }
    }
    size_t at = out->len;
    if (x->state.open && !x->state_failed) {
        wire_text(out, x->key.data, x->key.len);
        if (state_item_write(&x->state, out))
            out->data[bits_at] = (char)(out->data[bits_at] | 2);
        else
            out->len = at; /* read only */
    }
    if (x->chain) {
        out->data[bits_at] = (char)(out->data[bits_at] | 4);
        chain_write(x->chain, out);
    }
}
