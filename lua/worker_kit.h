/* For the worker's tests: one policy, one alert, everything that the worker says. */
#pragma once

#include "worker_rig.h"

#define ALERT(labels, annotations)                                                                           \
    "{\"annotations\":{" annotations                                                                         \
    "},\"endsAt\":\"2026-11-18T10:05:00.000Z\",\"fingerprint\":\"a1b2c3d4e5f60718\","                        \
    "\"receivers\":[{\"name\":\"oncall\"},{\"name\":\"web\"}],\"startsAt\":\"2026-11-18T10:00:00.123456Z\"," \
    "\"status\":{\"inhibitedBy\":[],\"silencedBy\":[],\"state\":\"active\"},"                                \
    "\"updatedAt\":\"2026-11-18T10:01:00.000Z\",\"generatorURL\":\"http://p/g?x=1\",\"labels\":{" labels     \
    "}}"

/* A policy file with these fields that owns every alert. */
#define POLICY(fields) "return policy.extend(policy.base, { api = 1, match = 'alertname!=\"\"'," fields "})"

/* ... that keeps what it owns. */
#define KEEPS(name, match) "return { api = 1, name = '" name "', match = '" match "' }"

extern const char kit_plain[];              /* HighErrorRate, critical, of the team payments */
extern const struct rig_last kit_finished; /* a Task that has succeeded long ago */

/* READY, JUDGE, RETRIGGER when there is a last Task, COMPOSE when asked for. free() */
char *kit_run(const struct rig_setup *setup, const char *alert, const struct rig_last *last, bool compose);
void kit_expect(const char *got, const char *want); /* fails unless it is in there */
/* Both; COMPOSE only when `want` is about it. */
void kit_expect_run(const struct rig_setup *setup, const char *alert, const struct rig_last *last, const char *want);
/* The same with a file 10-payments.lua and all questions. */
void kit_expect_policy(const char *source, const char *alert, const char *want);
/* What filter makes of a statement in its second line, in a.lua, must hold `want`. */
void kit_expect_filter(const struct rig_setup *setup, const char *statement, const char *want);
