/* What a spec's worker says, and what is read of it: trees into JSON, and lines out of dumps. Whatever comes, nothing may be
 * read or written out of bounds, or leaked; and JSON that was read crosses again. */
#include "lua/spec_coverage.h"

#include "base/buf.h"
#include "policy/wire_json.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint32_t *lines;
    size_t n;
    struct wire_reader r = {(const char *)data, (const char *)data + size, false};
    cJSON *v = wire_json_read(&r);
    if (v != NULL) {
        struct buf b = {0};
        wire_json_write(&b, v);
        struct wire_reader again = {b.data, b.data + b.len, false};
        cJSON *second = wire_json_read(&again);
        if (second == NULL || !wire_at_end(&again))
            abort();
        cJSON_Delete(second);
        buf_free(&b);
    }
    cJSON_Delete(v);
    if (spec_lines((const char *)data, size, &lines, &n) == 0)
        free(lines);
    return 0;
}
