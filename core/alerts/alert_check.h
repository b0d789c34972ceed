/* For tests and fuzzing only: everything that must hold of alert_index on any bytes. Aborts when it does not. */
#pragma once

#include "alerts/alert.h"
#include "base/mem.h"
#include "test/fuzz/json_oracle.h"

#include <stdio.h>
#include <stdlib.h>

#define CHECK(x)                                                                                                       \
    do {                                                                                                               \
        if (!(x)) {                                                                                                    \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x);                                                    \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

/* Reads all there is to read. */
static inline void alert_read_all(const struct alert *a)
{
    struct buf b = {0};
    const struct span *v = (const struct span *)(const void *)(a->index + 1);
    size_t n = (alert_index_size(a->index) - sizeof *a->index) / sizeof *v;
    for (size_t i = 0; i < n; i++) {
        buf_clear(&b);
        alert_text(a, v[i], &b);
        alert_span_compare(a, v[i], v[i / 2]);
        CHECK(b.len == 0 || alert_span_equal(a, v[i], b.data, b.len));
    }
    for (int f = 0; f < ALERT_FIELDS; f++) {
        alert_text(a, a->index->field[f], &b);
        alert_moment(a, (enum alert_field)f);
    }
    alert_label(a, "alertname");
    alert_annotation(a, "summary");
    buf_free(&b);
}

/* The text reads as cJSON reads it. */
static inline void alert_check_text(const struct alert *a, struct span s, const char *want)
{
    char *text = alert_text_dup(a, s);
    CHECK(utf8_valid(text, strlen(text)) == strlen(text));
    CHECK(strcmp(text, want) == 0);
    CHECK(alert_span_equal(a, s, text, strlen(text)));
    free(text);
}

static inline void alert_check_pairs(const struct alert *a, const struct pair *v, size_t n, const cJSON *object)
{
    const cJSON *item = object == NULL ? NULL : object->child;
    for (size_t i = 0; i < n; i++, item = item->next) {
        CHECK(item != NULL);
        alert_check_text(a, v[i].name, item->string);
        alert_check_text(a, v[i].value, item->valuestring);
        for (size_t j = 0; j < i; j++)
            CHECK(alert_span_compare(a, v[i].name, v[j].name) != 0);
    }
    CHECK(item == NULL);
}

static inline void alert_check_tree(const struct alert *a, const cJSON *doc)
{
    static const char *const names[] = {"fingerprint", "startsAt", "endsAt", "updatedAt", "generatorURL"};
    alert_check_pairs(a, a->labels, a->index->n_labels, cJSON_GetObjectItemCaseSensitive(doc, "labels"));
    alert_check_pairs(a, a->annotations, a->index->n_annotations,
                      cJSON_GetObjectItemCaseSensitive(doc, "annotations"));
    for (int f = 0; f < 5; f++) {
        const cJSON *item = cJSON_GetObjectItemCaseSensitive(doc, names[f]);
        CHECK(span_absent(a->index->field[f]) == !cJSON_IsString(item));
        if (cJSON_IsString(item))
            alert_check_text(a, a->index->field[f], item->valuestring);
    }
    char hex[17];
    snprintf(hex, sizeof hex, "%016llx", (unsigned long long)a->index->fingerprint);
    CHECK(alert_span_equal(a, a->index->field[ALERT_FINGERPRINT], hex, 16));
    CHECK(alert_moment(a, ALERT_STARTS_AT) != MOMENT_NONE);
    const cJSON *status = cJSON_GetObjectItemCaseSensitive(doc, "status");
    const cJSON *by = cJSON_GetObjectItemCaseSensitive(status, "silencedBy");
    CHECK((int)a->index->n_silenced == cJSON_GetArraySize(by));
    by = cJSON_GetObjectItemCaseSensitive(doc, "receivers");
    CHECK((int)a->index->n_receivers == cJSON_GetArraySize(by));
}

/* A damaged index must be refused or be safe to read. */
static inline void alert_check_damaged(const char *bytes, size_t len, const struct buf *index, unsigned damage)
{
    struct alert a;
    size_t n = index->len;
    char *copy = xmalloc(n + 8); /* exact sizes and own memory, so that ASan sees every overrun */
    memcpy(copy, index->data, n);
    size_t at = damage * 37 % n;
    copy[at] = (char)(copy[at] + 1 + damage / 3);
    if (alert_view_checked(&a, bytes, len, copy, n) == 0)
        alert_read_all(&a);
    CHECK(alert_view_checked(&a, bytes, len, index->data, n - 1) == -1);
    CHECK(alert_view_checked(&a, bytes, len, index->data, sizeof(struct alert_index) - 1) == -1);
    free(copy);
}

static inline enum alert_verdict alert_check(const char *data, size_t len, unsigned damage)
{
    char *bytes = xmalloc(len);
    if (len > 0)
        memcpy(bytes, data, len);
    struct buf index = {0};
    struct err e = {0};
    enum alert_verdict v = alert_index(bytes, len, &index, &e);
    cJSON *doc = oracle_parse(bytes, len, ALERT_DEPTH_MAX);
    CHECK((v == ALERT_BROKEN) == (doc == NULL));
    CHECK((v == ALERT_OK) == (e.kind == ERR_NONE));
    struct alert a;
    if (v != ALERT_BROKEN) {
        CHECK(alert_view_checked(&a, bytes, len, index.data, index.len) == 0);
        alert_read_all(&a);
        if (v == ALERT_OK && memmem(bytes, len, "\\u0000", 6) == NULL) /* cJSON ends strings there */
            alert_check_tree(&a, doc);
        alert_check_damaged(bytes, len, &index, damage);
    }
    cJSON_Delete(doc);
    buf_free(&index);
    free(bytes);
    return v;
}
