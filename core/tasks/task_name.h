/* Names of Tasks. Pure. A Task's name becomes a label value of its pod, so nothing longer than 63 bytes ever leaves. */
#pragma once

#include "base/buf.h"
#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

enum { TASK_NAME_MAX = 63 };

/* lower("<spawner>-<ID>") made a DNS-1123 subdomain: lower case, each character outside [a-z0-9.-] becomes one '-',
 * split on '.', '-' trimmed from each label, empty labels dropped. Over 63 bytes: what stands before "-<16 digits>" is
 * cut to 37 bytes, its trailing '-' and '.' go, and '-' with the first 8 hex digits of XXH3-64 (seed 0) of the spawner's
 * name follows. */
void task_name_default(const char *spawner, const char *id, uint64_t identity, char out[TASK_NAME_MAX + 1]);

/* The rules for a rendered nameTemplate: "<no value>" in it is an error; lower case (Unicode, as Go), each rune outside
 * [a-z0-9.-] becomes '-', cut to the first 63 bytes, split on '.', trim, rejoin; empty is an error. */
int task_name_sanitise(const char *rendered, size_t len, char out[TASK_NAME_MAX + 1], struct err *e);
