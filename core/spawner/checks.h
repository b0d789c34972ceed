/* What a value must look like beyond its type: the check functions of the tables. Pure. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "spawner/schema.h"

schema_value_check check_spawner_name; /* DNS-1123 subdomain, 63 bytes */
schema_value_check check_subdomain;    /* DNS-1123 subdomain, 253 bytes: safe as a file name, too */
schema_value_check check_namespace;    /* DNS-1123 label; "" is none */
schema_value_check check_label_name;   /* DNS-1123 label */
schema_value_check check_url;
schema_value_check check_interval; /* "" is none */
schema_value_check check_base64;
schema_value_check check_rate;  /* at most CHECK_RATE_MAX */
schema_value_check check_slots; /* at most CHECK_SLOTS_MAX */

/* Of a whole list or map. */
schema_value_check check_label_keys;
schema_value_check check_no_empty_key;
schema_value_check check_secret_keys;
schema_value_check check_our_annotations;
schema_value_check check_unique_names;
schema_value_check check_container_names;
schema_value_check check_init_container_names;
schema_value_check check_failure_rules;

enum { CHECK_RATE_MAX = 10000, CHECK_SLOTS_MAX = 1000 }; /* as of a policy's limits */

bool name_is_subdomain(const char *s, size_t max);
bool name_is_label(const char *s);

/* http(s)://host[:port][/path], no user, query or fragment. -1: a sentence that does not quote it, since
 * people put passwords there. */
int url_check(const char *url, struct err *e);

enum { ANNOTATION_TEXT_MAX = 256 * 1024 };
#define ANNOTATION_POLICY        "alerts.kelos.dev/policy"
#define ANNOTATION_POLICY_CONFIG "alerts.kelos.dev/policy-config"
