/* The report of a replay for people. */
#pragma once

#include "replay/replay.h"

void replay_text(const struct replay_result *r);
