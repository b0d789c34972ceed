/* libcurl's multi handle on a libuv loop: its sockets as uv_poll, its one timer as uv_timer. Knows nothing of requests;
 * http.c stands on it. */
#pragma once

#include "base/err.h"

#include <curl/curl.h>
#include <uv.h>

struct curl_loop;

/* A transfer has ended and its handle is out of the multi handle already. Called from the loop with nothing of libcurl
 * on the stack, so everything may be done in it, also curl_loop_free. */
typedef void curl_loop_ended_cb(void *arg, CURL *easy, CURLcode code);

/* per_server: connections to one host and port at once, 0: any number. */
int curl_loop_create(uv_loop_t *loop, unsigned per_server, curl_loop_ended_cb *on_ended, void *arg,
                     struct curl_loop **l_r, struct err *e);
/* No handle may be in it any more. Memory goes when the loop has run on. Not from inside libcurl's own callbacks. */
void curl_loop_free(struct curl_loop **l);
int curl_loop_add(struct curl_loop *l, CURL *easy, struct err *e);
void curl_loop_remove(struct curl_loop *l, CURL *easy); /* on_ended is not called */
