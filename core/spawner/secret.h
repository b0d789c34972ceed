/* Secrets: from documents, and from a directory as Kubernetes mounts them. Values are wiped when freed. */
#pragma once

#include "base/err.h"
#include "spawner/spawner.h"
#include "yaml/node.h"

enum { SECRET_BYTES_MAX = 1024 * 1024, SECRET_KEYS_MAX = 1000 };

/* Of a checked document. stringData wins over data, as in Kubernetes. */
struct secret *secret_from_document(const struct node *doc, const char *ns);

/* DIR/<name>/<KEY>, a file each, links followed; what begins with ".." is how Kubernetes mounts and no key.
 * `name` must be a DNS-1123 subdomain. -1: ERR_NOT_FOUND when there is no such directory, else the file that
 * could not be read. */
int secret_from_dir(const char *dir, const char *ns, const char *name, struct secret **secret_r,
                    struct err *e);

/* Of an object of the API server, whose values are wiped where they stand. -1: a value that is no base64. */
int secret_from_object(cJSON *object, struct secret **secret_r, struct err *e);

struct secret *secret_find(const struct spawner_set *set, const char *ns, const char *name);
const struct secret_entry *secret_get(const struct secret *s, const char *key); /* NULL if absent */
void secret_free(struct secret **s);
