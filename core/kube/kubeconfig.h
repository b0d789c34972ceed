/* Kubeconfig files merged into one set, and one context of it made a struct kube_config. Pure but for the files that
 * entries name (certificates, keys). config.c finds the files; this is what they mean. */
#pragma once

#include "kube/config.h"

struct kubeconfig_set;

struct kubeconfig_set *kubeconfig_set_create(void);
/* The next file of the list: of names that an earlier one has, that one's entry counts. -1: file, line and what is
 * wrong. */
int kubeconfig_set_add(struct kubeconfig_set *s, const char *file, const char *text, size_t len, struct err *e);
/* `context` NULL: the first current-context. */
int kubeconfig_set_resolve(const struct kubeconfig_set *s, const char *context, struct kube_config **config_r,
                           struct err *e);
void kubeconfig_set_free(struct kubeconfig_set **s);

/* All bytes of a file, at most `max`; NUL-terminated, in memory that is wiped by secret_free_bytes. */
int secret_read_file(const char *path, size_t max, char **bytes_r, size_t *len_r, struct err *e);
void secret_free_bytes(char *bytes, size_t len); /* NULL is fine */
void secret_free_text(char *text);               /* a string; NULL is fine */
