/* The loop of the worker for tests: see fake_worker.h. */
#include "policy/fake_worker.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

volatile struct black_box *box;
struct buf out;

static void answer_survey(struct wire_reader *r)
{
    char action[64], word[256];
    uint32_t n = wire_get_u32(r);
    for (uint32_t i = 0; i < n && !r->bad; i++)
        wire_get_text(r), wire_get_text(r);
    if (!wire_at_end(r))
        _exit(92);
    n_surveyed += n;
    for (uint32_t i = 0; i < n_policies; i++)
        if (find_line(policies[i].source, "survey", NULL, action, word)) {
            act(action, word);
            n += strcmp(action, "done") == 0;
        }
    done(n);
}

static void answer(enum wire_type type, struct wire_reader *r)
{
    if (type == WIRE_SETUP)
        answer_setup(r);
    else if (type == WIRE_ZONES)
        answer_zones(r);
    else if (type == WIRE_SURVEY)
        answer_survey(r);
    else if (type == WIRE_JUDGE)
        answer_judge(r);
    else if (type == WIRE_RETRIGGER)
        answer_retrigger(r);
    else if (type == WIRE_RESOLVE)
        answer_resolve(r);
    else if (type == WIRE_COMPOSE)
        answer_compose(r);
}

int main(void)
{
    struct buf in = {0};
    box = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, 3, 0);
    if (box == MAP_FAILED)
        return 97;
    size_t mark = wire_begin(&out, WIRE_HELLO);
    wire_str(&out, WIRE_MAGIC);
    wire_u32(&out, WIRE_VERSION);
    wire_str(&out, "fake");
    wire_end(&out, mark);
    fake_flush();
    for (;;) {
        enum wire_type type;
        struct wire_reader r;
        size_t used;
        int got = in.len > 0 ? wire_frame(in.data, in.len, &type, &r, &used) : 0;
        if (got < 0)
            return 96;
        if (got == 0) {
            buf_reserve(&in, 65536);
            ssize_t n = read(0, in.data + in.len, 65536);
            if (n <= 0)
                return 0;
            in.len += (size_t)n;
            continue;
        }
        answer(type, &r);
        memmove(in.data, in.data + used, in.len - used);
        in.len -= used;
    }
}
