/* Bytes of a list or a watch in, objects out, while they arrive: the cutter of base, and cJSON for each object. Pure. */
#pragma once

#include "base/cutter.h"
#include "kube/client.h"

enum { KUBE_OBJECT_BYTES_MAX = 8 * 1024 * 1024 }; /* one object; etcd's own ceiling is 1.5 MiB */

struct list_reader {
    struct cutter cutter;
    kube_item_cb *on_item;
    void *arg;
    struct kube_page page;
};
void list_reader_init(struct list_reader *r, kube_item_cb *on_item, void *arg);
int list_reader_feed(struct list_reader *r, const char *bytes, size_t len, struct err *e);
int list_reader_end(struct list_reader *r, struct err *e); /* -1 unless it was a complete list */
void list_reader_deinit(struct list_reader *r);

struct watch_reader {
    struct cutter cutter;
    kube_watch_cb *on_event;
    void *arg;
    const char *what; /* for sentences */
};
void watch_reader_init(struct watch_reader *r, const char *what, kube_watch_cb *on_event, void *arg);
int watch_reader_feed(struct watch_reader *r, const char *bytes, size_t len, struct err *e);
/* The stream has ended. An event that was cut is -1 (ERR_UNREACHABLE): it will come again. */
int watch_reader_end(struct watch_reader *r, struct err *e);
void watch_reader_deinit(struct watch_reader *r);

/* One JSON object, checked to the last byte; NULL with `e` set. */
cJSON *kube_parse(const char *bytes, size_t len, struct err *e);
