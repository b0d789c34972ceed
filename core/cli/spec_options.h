/* The command line of `spec`: busted's options, with busted's meanings, and ours. They become one JSON object by their long
 * names, because .busted, which is Lua, is merged with it by the runner: defaults < _all < task < command line. */
#pragma once

#include "base/err.h"

#include <cjson/cJSON.h>

/* argv[0] is "spec". *options_r: only what stands on the command line; what is no option is the list ROOT. cJSON_Delete.
 * -1: ERR_USAGE. */
int spec_options_parse(int argc, char **argv, cJSON **options_r, struct err *e);
void spec_options_help(void);
