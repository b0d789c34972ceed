/* yaml_out against kubectl's own printing (oracle data), and read back by the engine's reader and by PyYAML.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "spawner/yaml_out.h"
#include "yaml/node.h"
#include "yaml/tsv_lines.h"

#include <math.h>
#include <unistd.h>

#define TESTDATA "core/spawner/testdata/"

static int differing;

/* Where yaml_out differs on purpose, because some reader would not get the same back: white space at the start of a
 * literal, breaks other than \n, `<<` and `=`. */
static bool differs_on_purpose(const char *json)
{
    static const char *const marks[] = {"\"\\n", "\"<<\"", "\"=\"", "\xe2\x80\xa8", "\xc2\x85", "a\\nb\": 7"};
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (strstr(json, marks[i]))
            return true;
    return false;
}

static void check_oracle(int line, char **fields)
{
    cJSON *tree = cJSON_Parse(fields[0]), *want = cJSON_Parse(fields[1]);
    assert_non_null(tree);
    assert_true(cJSON_IsString(want));
    struct buf b = {0};
    yaml_out(tree, &b);
    if (strcmp(b.data, want->valuestring) != 0 && !differs_on_purpose(fields[0])) {
        print_error("line %d: %s\n got: %s\nwant: %s\n", line, fields[0], b.data, want->valuestring);
        differing++;
    }
    buf_free(&b);
    cJSON_Delete(tree);
    cJSON_Delete(want);
}

static void prints_as_kubectl_does(void **state)
{
    (void)state;
    assert_true(tsv_each(TESTDATA "yaml_out.tsv", check_oracle) > 150);
    assert_int_equal(differing, 0);
}

/* --- random trees
 * --------------------------------------------------------------------------------------------- */

static uint32_t seed = 20260101;

static uint32_t rnd(uint32_t below)
{
    seed = seed * 1664525u + 1013904223u;
    return (uint32_t)(((uint64_t)seed * below) >> 32);
}

/* clang-format off */
static const char *const pieces[] = {
    "a", "b", " ", "  ", "\t", "\n", "\n\n", "\r", "\r\n", "#", " #", ": ", ":", "- ", "-", "?", "? ",
    "'", "\"", "\\", "|", ">", "{", "}", "[", "]", ",", "&", "*", "!", "%", "@", "`", "<<", "=", "~",
    "yes", "no", "0x1f", "1e3", "12", ":30", "_", ".", "+", "0o7", ".inf", "null", "true", "é", "日本", "😀",
    "\x01", "\x7f", "---", "...", "\xc2\x85", "\xe2\x80\xa8", "\xe2\x80\xa9", "\xef\xbb\xbf", "\xc2\xa0",
    "2001-12-14", "T", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx ",
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx ", "\x1b",
};
/* clang-format on */

/* clang-format off */
static const char *const whole[] = {
    "", " ", "yes", "No", "on", "y", "~", "null", "0x1f", "1e3", "1_000", "12:30:45", "0b1", "017", "1.5",
    "-1", "+1", ".5", "5.", ".inf", ".NaN", "2001-12-14", "2001-12-14T21:59:43Z", "=", "<<", "a\n\n\n",
    "\n", "\n a", "a\n ", " a\nb", "---", "...", "--- a\n", "# a", "a: b", "a #b", "!!int 1", "*a", "&a",
    "%TAG",
};
/* clang-format on */

static char *random_text(void)
{
    if (rnd(3) == 0)
        return xstrdup(whole[rnd(sizeof whole / sizeof *whole)]);
    struct buf b = {0};
    for (uint32_t i = rnd(7); i > 0; i--)
        buf_adds(&b, pieces[rnd(sizeof pieces / sizeof *pieces)]);
    return buf_take(&b);
}

static cJSON *random_tree(int depth)
{
    static const double numbers[] = {0,     -1,    1.5, 0.1, 1e21, 1.25e-7, 1234567.5, 123456789012.0,
                                     1e300, 5e-324};
    uint32_t kind = rnd(depth > 4 ? 6 : 9);
    if (kind == 0)
        return cJSON_CreateBool(rnd(2) != 0);
    if (kind == 1)
        return cJSON_CreateNumber(numbers[rnd(sizeof numbers / sizeof *numbers)]);
    if (kind == 2)
        return cJSON_CreateNull();
    if (kind < 6) {
        char *text = random_text();
        cJSON *j = cJSON_CreateString(text);
        free(text);
        return j;
    }
    cJSON *j = kind == 6 ? cJSON_CreateArray() : cJSON_CreateObject();
    for (uint32_t i = rnd(6); i > 0; i--) {
        cJSON *item = random_tree(depth + 1);
        char *key = random_text();
        if (kind == 6)
            cJSON_AddItemToArray(j, item);
        else if (cJSON_GetObjectItemCaseSensitive(j, key))
            cJSON_Delete(item);
        else
            cJSON_AddItemToObject(j, key, item);
        free(key);
    }
    return j;
}

/* Numbers compared as doubles: large ones come back as cJSON's raw digits. */
static bool same(const cJSON *a, const cJSON *b)
{
    if (cJSON_IsNumber(a))
        return a->valuedouble == (cJSON_IsRaw(b) ? strtod(b->valuestring, NULL) : b->valuedouble);
    if ((a->type & 0xff) != (b->type & 0xff))
        return false;
    if (cJSON_IsString(a))
        return strcmp(a->valuestring, b->valuestring) == 0;
    if (cJSON_GetArraySize(a) != cJSON_GetArraySize(b))
        return false;
    const cJSON *y = b->child;
    for (const cJSON *x = a->child; x; x = x->next, y = y ? y->next : NULL) {
        const cJSON *other = cJSON_IsObject(a) ? cJSON_GetObjectItemCaseSensitive(b, x->string) : y;
        if (other == NULL || !same(x, other))
            return false;
    }
    return true;
}

static void check_read_back(const cJSON *tree)
{
    struct buf b = {0};
    yaml_out(tree, &b);
    struct node **docs = NULL;
    size_t n = 0;
    struct err e;
    assert_int_equal(b.data[b.len - 1], '\n');
    if (nodes_parse("printed", b.data, b.len, &docs, &n, &e) != 0)
        fail_msg("%s in\n%s", e.msg, b.data);
    assert_int_equal(n, 1);
    cJSON *back = node_to_json(docs[0]);
    if (!same(tree, back)) {
        char *want = cJSON_Print(tree), *got = cJSON_Print(back);
        fail_msg("printed:\n%s\ncame back as %s\ninstead of %s", b.data, got, want);
    }
    cJSON_Delete(back);
    nodes_free(&docs, n);
    buf_free(&b);
}

static cJSON *random_map(void)
{
    cJSON *map = cJSON_CreateObject();
    cJSON_AddItemToObject(map, "k", random_tree(0));
    return map;
}

static void comes_back_the_same(void **state)
{
    (void)state;
    for (int i = 0; i < 4000; i++) {
        cJSON *tree = random_map();
        check_read_back(tree);
        cJSON_Delete(tree);
    }
}

static void python_reads_the_same(void **state)
{
    (void)state;
    if (access("/usr/bin/python3", X_OK) != 0 || system("/usr/bin/python3 -c 'import yaml'") != 0)
        skip();
    char path[] = "/tmp/yaml_out_test.XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    FILE *f = fdopen(fd, "w");
    struct buf b = {0};
    for (int i = 0; i < 1500; i++) {
        cJSON *tree = random_map();
        char *json = cJSON_PrintUnformatted(tree);
        buf_clear(&b);
        yaml_out(tree, &b);
        fprintf(f, "%s%c%s%c", json, 0, b.data, 0);
        free(json);
        cJSON_Delete(tree);
    }
    fclose(f);
    buf_free(&b);
    char *command = xasprintf(
        "/usr/bin/python3 -c '\n"
        "import json, sys, yaml\n"
        "parts = open(sys.argv[1], newline=\"\", encoding=\"utf-8\").read().split(chr(0))[:-1]\n"
        "wrong = 0\n"
        "for j, y in zip(parts[0::2], parts[1::2]):\n"
        "    try: got = yaml.safe_load(y)\n"
        "    except Exception as e: got = e\n"
        "    if got != json.loads(j): print(\"FROM\", j, \"PRINTED\", repr(y), \"READ\", repr(got)); wrong "
        "+= 1\n"
        "    if wrong > 4: break\n"
        "if yaml.safe_load_all(\"---\\n\".join(parts[1::2])) is None or len(parts) != 3000: wrong += 1\n"
        "sys.exit(wrong > 0)' %s",
        path);
    int rc = system(command);
    free(command);
    unlink(path);
    assert_int_equal(rc, 0);
}

/* --- single cases
 * --------------------------------------------------------------------------------------------- */

static void check_print(cJSON *tree, const char *want)
{
    struct buf b = {0};
    buf_adds(&b, "---\n");
    yaml_out(tree, &b);
    assert_string_equal(b.data + 4, want);
    buf_free(&b);
    cJSON_Delete(tree);
}

static void odd_items(void **state)
{
    (void)state;
    check_print(cJSON_CreateRaw("18446744073709551615"), "18446744073709551615\n");
    check_print(cJSON_CreateRaw("1e+30"), "1.0e+30\n");
    check_print(cJSON_CreateRaw("{\"b\":[1],\"a\":\"yes\"}"), "a: \"yes\"\nb:\n- 1\n");
    check_print(cJSON_CreateRaw("no: JSON"), "'no: JSON'\n");
    check_print(cJSON_CreateNumber(NAN), "null\n");
    check_print(cJSON_CreateNumber(-INFINITY), "null\n");
    check_print(cJSON_CreateNumber(1e21), "1.0e+21\n");
    check_print(cJSON_CreateNumber(1e15), "1000000000000000\n");
    check_print(cJSON_CreateString("a\xff\xc3"
                                   "b"),
                "a��b\n");
    check_print(cJSON_CreateString("a\n\n\n"), "|+\n  a\n\n\n");
    check_print(cJSON_CreateString("a\n...\n"), "|\n  a\n  ...\n");
    cJSON *twice = cJSON_CreateObject(); /* cJSON allows it; the order stays */
    cJSON_AddNumberToObject(twice, "a", 1);
    cJSON_AddNumberToObject(twice, "a", 2);
    check_print(twice, "a: 1\na: 2\n");
}

/* Several documents with the caller's "---" between them, a text that ends in many newlines first. */
static void several_documents(void **state)
{
    (void)state;
    struct buf b = {0};
    cJSON *tree = cJSON_CreateObject();
    cJSON_AddStringToObject(tree, "k", "a\n\n\n");
    yaml_out(tree, &b);
    buf_adds(&b, "---\n");
    yaml_out(tree, &b);
    assert_string_equal(b.data, "k: |+\n  a\n\n\n---\nk: |+\n  a\n\n\n");
    struct node **docs;
    size_t n;
    assert_int_equal(nodes_parse("printed", b.data, b.len, &docs, &n, NULL), 0);
    assert_int_equal(n, 2);
    for (size_t i = 0; i < n; i++)
        assert_string_equal(node_get(docs[i], "k")->text, "a\n\n\n");
    nodes_free(&docs, n);
    cJSON_Delete(tree);
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prints_as_kubectl_does), cmocka_unit_test(comes_back_the_same),
        cmocka_unit_test(python_reads_the_same),  cmocka_unit_test(odd_items),
        cmocka_unit_test(several_documents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
