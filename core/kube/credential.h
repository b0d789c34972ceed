/* What we show the API server now: a token that rotates in its file, one that a plugin gave until it expires, or what the
 * kubeconfig holds. Only the client uses it. */
#pragma once

#include "base/err.h"
#include "kube/config.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct credential;

/* `changed` is called from the loop when one that was being fetched has come, or could not be had. */
struct credential *credential_create(uv_loop_t *loop, const struct kube_config *config, void (*changed)(void *arg),
                                     void *arg);
void credential_free(struct credential **c); /* wipes; the loop must run on */

/* 0: it is there. 1: it is being fetched, `changed` follows. -1: it cannot be had; asked again the next time. */
int credential_ready(struct credential *c, struct err *e);
/* Counts what was shown so far: a question notes it when it is sent. */
uint64_t credential_generation(const struct credential *c);
/* The server has refused what was shown in that generation. True: another one may do, ask again (credential_ready). */
bool credential_refused(struct credential *c, uint64_t generation);

const char *credential_token(const struct credential *c); /* NULL: none */
/* A client certificate of the plugin; false: that of the config holds. */
bool credential_certificate(const struct credential *c, const char **cert_r, const char **key_r);
