/* What an API server's answer means that is no success. Pure. */
#pragma once

#include "base/err.h"

#include <cjson/cJSON.h>
#include <stddef.h>

/* Sets kind and sentence from the HTTP status and, where the body is a Status object, from its reason, message and
 * causes. `what` is "POST /apis/..." for the sentence. Returns -1. */
int answer_error(long status, const char *body, size_t len, const char *what, struct err *e);
/* The same of a Status object, as in a watch's ERROR event. */
int answer_status(const cJSON *status, const char *what, struct err *e);
