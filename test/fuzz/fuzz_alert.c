/* alert_index against cJSON: both accept the same bytes, and what was indexed reads the same. The first byte picks
 * how a copy of the index is then damaged: view_checked must refuse it or every reader must be safe on it. */
#include "alerts/alert.h"
#include "alerts/alert_check.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 0)
        alert_check((const char *)data + 1, size - 1, data[0]);
    return 0;
}
