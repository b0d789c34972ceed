/* Trees as YAML: see yaml_out.h. libyaml's emitter does the writing; the order of keys and the styles are
 * ours. */
#include "spawner/yaml_out.h"

#include "base/mem.h"
#include "base/utf8.h"
#include "yaml/scalar.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

/* --- the order of keys
 * ---------------------------------------------------------------------------------------- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Above ASCII everything counts as a letter. */
static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (unsigned char)c >= 0x80;
}

static int order(size_t a, size_t b)
{
    return (a > b) - (a < b);
}

/* Two runs of digits by value, then by their leading zeros; no digits at all come first. */
static int compare_digits(const char *a, const char *b)
{
    size_t n_a = strspn(a, "0123456789"), n_b = strspn(b, "0123456789");
    size_t zeros_a = strspn(a, "0"), zeros_b = strspn(b, "0");
    int by_digits = order(n_a - zeros_a, n_b - zeros_b);
    int by_value = by_digits ? by_digits : strncmp(a + zeros_a, b + zeros_b, n_a - zeros_a);
    return by_value ? by_value : order(n_a, n_b);
}

/* Other characters before letters, numbers inside by their value ("a2" before "a10"). It is go-yaml's order
 * but for one case where that runs in circles ("11z" < "1z" < "9" < "11z"): a whole number counts even when a
 * letter follows. */
static int compare_keys(const char *a, const char *b)
{
    size_t i = 0;
    while (a[i] && a[i] == b[i])
        i++;
    if (a[i] == '\0' || b[i] == '\0')
        return order(a[i] != '\0', b[i] != '\0');
    bool number = is_digit(a[i]) || is_digit(b[i]), inside = number && i > 0 && is_digit(a[i - 1]);
    if (!inside && (is_letter(a[i]) || is_letter(b[i]))) {
        int by_class = order(is_letter(a[i]), is_letter(b[i]));
        return by_class ? by_class : order((unsigned char)a[i], (unsigned char)b[i]);
    }
    if (number) {
        while (i > 0 && is_digit(a[i - 1]))
            i--;
        return compare_digits(a + i, b + i);
    }
    return order((unsigned char)a[i], (unsigned char)b[i]);
}

struct entry {
    const cJSON *item;
    size_t position; /* of two items with one key the earlier stays first */
};

static const char *key_of(const cJSON *item)
{
    return item->string ? item->string : "";
}

static int compare_entries(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    int by_key = compare_keys(key_of(x->item), key_of(y->item));
    return by_key ? by_key : order(x->position, y->position);
}

/* --- strings
 * -------------------------------------------------------------------------------------------------- */

static size_t digits(const char *s)
{
    return strspn(s, "0123456789");
}

/* 12:30, -190:20:30.15: a number of YAML 1.1 in base 60. */
static bool is_sexagesimal(const char *s)
{
    s += *s == '-' || *s == '+';
    size_t n = is_digit(*s) ? strspn(s, "0123456789_") : 0;
    if (n == 0 || s[n] != ':')
        return false;
    for (s += n; *s == ':'; s += n) {
        n = digits(++s);
        if (n == 0 || n > 2 || (n == 2 && *s > '5'))
            return false;
    }
    return *s == '\0' || (*s == '.' && strspn(s + 1, "0123456789_") == strlen(s + 1));
}

/* 2001-12-14 and what follows a date. */
static bool is_time(const char *s)
{
    if (digits(s) != 4 || s[4] != '-')
        return false;
    size_t month = digits(s + 5), day = s[5 + month] == '-' ? digits(s + 6 + month) : 0;
    return (month == 1 || month == 2) && (day == 1 || day == 2) && strchr("tT \t", s[6 + month + day]);
}

/* 0x_, .5_: underscores where only some readers allow them. */
static bool is_underscored(const char *s)
{
    s += *s == '-' || *s == '+';
    bool prefix = strncmp(s, "0x", 2) == 0 || strncmp(s, "0b", 2) == 0;
    s += prefix ? 2 : 0;
    const char *set = prefix ? "0123456789abcdefABCDEF_" : *s == '.' ? "0123456789._eE+-" : "0123456789._";
    return strchr(s, '_') && (prefix || is_digit(s[*s == '.'])) && strspn(s, set) == strlen(s);
}

/* Would a reader of YAML take the plain text for something else than a string? The engine's own reader is
 * asked first, then what others know. */
static bool means_something_else(const char *s)
{
    struct scalar meaning;
    if (scalar_resolve(NULL, s, &meaning, NULL) != 0 || meaning.type != NODE_STRING)
        return true;
    return strcmp(s, "=") == 0 || strcmp(s, "<<") == 0 || is_sexagesimal(s) || is_time(s) ||
           is_underscored(s);
}

/* libyaml would write these breaks into the document as they are; readers normalise them or do not know them.
 */
static bool has_odd_break(const char *s)
{
    return strchr(s, '\r') || strstr(s, "\xc2\x85") || strstr(s, "\u2028") || strstr(s, "\u2029");
}

static yaml_scalar_style_t style_of(const char *s, bool is_key)
{
    if (has_odd_break(s))
        return YAML_DOUBLE_QUOTED_SCALAR_STYLE;
    if (strchr(s, '\n')) {
        /* A literal that begins with white space needs an indentation indicator, which readers disagree
         * about. */
        bool literal = !is_key && !strchr(" \n\t", *s);
        return literal ? YAML_LITERAL_SCALAR_STYLE : YAML_DOUBLE_QUOTED_SCALAR_STYLE;
    }
    return means_something_else(s) ? YAML_DOUBLE_QUOTED_SCALAR_STYLE : YAML_PLAIN_SCALAR_STYLE;
}

static void add_valid(struct buf *b, const char *s)
{
    size_t len = strlen(s);
    for (;;) {
        size_t valid = utf8_valid(s, len);
        buf_add(b, s, valid);
        if (valid == len)
            return;
        buf_adds(b, "\ufffd");
        s += valid + 1;
        len -= valid + 1;
    }
}

/* --- events
 * --------------------------------------------------------------------------------------------------- */

/* The emitter fails for want of memory only, as the events are in order and the text is UTF-8. */
static void emit(yaml_emitter_t *y, yaml_event_t *event, int made)
{
    if (!made || !yaml_emitter_emit(y, event)) {
        fprintf(stderr, "printing YAML: %s\n", made && y->problem ? y->problem : "out of memory");
        abort();
    }
}

static void emit_plain(yaml_emitter_t *y, const char *text)
{
    yaml_event_t event;
    emit(y, &event,
         yaml_scalar_event_initialize(&event, NULL, NULL, (const yaml_char_t *)text, (int)strlen(text), 1, 0,
                                      YAML_PLAIN_SCALAR_STYLE));
}

static void emit_string(yaml_emitter_t *y, const char *s, bool is_key)
{
    struct buf b = {0};
    buf_adds(&b, "");
    add_valid(&b, s);
    yaml_event_t event;
    emit(y, &event,
         yaml_scalar_event_initialize(&event, NULL, NULL, (const yaml_char_t *)b.data, (int)b.len, 1, 1,
                                      style_of(b.data, is_key)));
    explicit_bzero(b.data, b.cap); /* it may be of a Secret */
    buf_free(&b);
}

/* A number in the notation of JSON. Some readers know an exponent only after a point: 1e+21 is a string to
 * them. */
static void emit_number(yaml_emitter_t *y, const char *json)
{
    struct buf b = {0};
    size_t whole = strcspn(json, "eE");
    buf_add(&b, json, whole);
    if (json[whole]) {
        bool sign = json[whole + 1] == '-' || json[whole + 1] == '+';
        buf_addf(&b, "%se%s%s", memchr(json, '.', whole) ? "" : ".0", sign ? "" : "+", json + whole + 1);
    }
    emit_plain(y, b.data);
    buf_free(&b);
}

static void emit_double(yaml_emitter_t *y, double v)
{
    char text[40];
    if (!isfinite(v)) {
        emit_plain(y, "null");
        return;
    }
    bool whole = fabs(v) < 1e17 && v == (double)(int64_t)v;
    for (int precision = 15; precision <= 17; precision++) {
        if (whole)
            snprintf(text, sizeof text, "%.0f", v);
        else
            snprintf(text, sizeof text, "%.*g", precision, v);
        if (strtod(text, NULL) == v)
            break;
    }
    emit_number(y, text);
}

static void emit_item(yaml_emitter_t *y, const cJSON *item);

static void emit_raw(yaml_emitter_t *y, const char *raw)
{
    struct scalar s;
    bool number = strspn(raw, "0123456789+-.eE") == strlen(raw) && scalar_resolve(NULL, raw, &s, NULL) == 0 &&
                  (s.type == NODE_INT || s.type == NODE_FLOAT);
    cJSON *parsed = number ? NULL : cJSON_Parse(raw);
    if (number)
        emit_number(y, raw);
    else if (parsed)
        emit_item(y, parsed);
    else
        emit_string(y, raw, false);
    cJSON_Delete(parsed);
}

static void emit_list(yaml_emitter_t *y, const cJSON *list)
{
    yaml_event_t event;
    emit(y, &event, yaml_sequence_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_SEQUENCE_STYLE));
    for (const cJSON *i = list->child; i; i = i->next)
        emit_item(y, i);
    emit(y, &event, yaml_sequence_end_event_initialize(&event));
}

static void emit_map(yaml_emitter_t *y, const cJSON *map)
{
    struct entry *entries = NULL;
    size_t n = 0, cap = 0;
    for (const cJSON *i = map->child; i; i = i->next) {
        xgrow(&entries, &cap, n + 1, sizeof *entries);
        entries[n] = (struct entry){i, n};
        n++;
    }
    if (n > 1)
        qsort(entries, n, sizeof *entries, compare_entries);
    yaml_event_t event;
    emit(y, &event, yaml_mapping_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_MAPPING_STYLE));
    for (size_t i = 0; i < n; i++) {
        emit_string(y, key_of(entries[i].item), true);
        emit_item(y, entries[i].item);
    }
    emit(y, &event, yaml_mapping_end_event_initialize(&event));
    free(entries);
}

static void emit_item(yaml_emitter_t *y, const cJSON *item)
{
    if (cJSON_IsArray(item))
        emit_list(y, item);
    else if (cJSON_IsObject(item))
        emit_map(y, item);
    else if (cJSON_IsString(item))
        emit_string(y, item->valuestring, false);
    else if (cJSON_IsRaw(item))
        emit_raw(y, item->valuestring);
    else if (cJSON_IsNumber(item))
        emit_double(y, item->valuedouble);
    else
        emit_plain(y, cJSON_IsBool(item) ? (cJSON_IsTrue(item) ? "true" : "false") : "null");
}

static int on_bytes(void *arg, unsigned char *bytes, size_t n)
{
    buf_add(arg, bytes, n);
    return 1;
}

void yaml_out(const cJSON *tree, struct buf *out)
{
    yaml_emitter_t y;
    yaml_event_t event;
    if (!yaml_emitter_initialize(&y))
        abort();
    yaml_emitter_set_output(&y, on_bytes, out);
    yaml_emitter_set_unicode(&y, 1);
    yaml_emitter_set_width(&y, -1);
    yaml_emitter_set_indent(&y, 2);
    yaml_emitter_set_encoding(&y, YAML_UTF8_ENCODING);
    emit(&y, &event, yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING));
    emit(&y, &event, yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1));
    size_t start = out->len;
    emit_item(&y, tree);
    emit(&y, &event, yaml_document_end_event_initialize(&event, 1));
    emit(&y, &event, yaml_stream_end_event_initialize(&event));
    yaml_emitter_flush(&y);
    yaml_emitter_delete(&y);
    /* After a text that keeps its last newlines libyaml closes the document; kubectl does not, nor need it.
     */
    static const char close[] = "\n...\n";
    size_t n = sizeof close - 1;
    if (out->len - start >= n && memcmp(out->data + out->len - n, close, n) == 0) {
        out->len -= n - 1;
        out->data[out->len] = '\0';
    }
}
