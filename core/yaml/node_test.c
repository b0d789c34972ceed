/* Documents as trees: positions, what is refused and how it is said, ceilings. Scalars and quantities are compared with
 * what Kubernetes' own Go code makes of them (testdata). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "yaml/node.h"
#include "yaml/quantity.h"
#include "yaml/tsv_lines.h"

#define TESTDATA "core/yaml/testdata/"

static int differing;

/* --- against Go ----------------------------------------------------------------------------------------------- */

/* The documents of a text as JSON, each on a line of its own; NULL: e says why. free() */
static char *json_of(const char *text, size_t len, struct err *e)
{
    struct node **docs;
    size_t n;
    if (nodes_parse("f", text, len, &docs, &n, e) != 0)
        return NULL;
    struct buf b = {0};
    buf_adds(&b, "");
    for (size_t i = 0; i < n; i++) {
        cJSON *j = node_to_json(docs[i]);
        char *line = cJSON_PrintUnformatted(j);
        buf_addf(&b, "%s%s", i ? "\n" : "", line);
        free(line);
        cJSON_Delete(j);
    }
    nodes_free(&docs, n);
    return buf_take(&b);
}

static void compare_json(int line, const char *document, const char *want)
{
    struct err e;
    char *got = json_of(document, strlen(document), &e);
    bool same = strcmp(got ? got : "ERR", want) == 0;
    if (!same && got && strcmp(want, "ERR") != 0) { /* Go sorts keys and escapes <>& */
        cJSON *a = cJSON_Parse(got), *b = cJSON_Parse(want);
        same = a && b && cJSON_Compare(a, b, true);
        cJSON_Delete(a);
        cJSON_Delete(b);
    }
    if (!same) {
        print_error("line %d: %s got %s (%s), want %s\n", line, document, got, got ? "" : e.msg, want);
        differing++;
    }
    free(got);
}

/* What is refused though Go takes it, or the other way round. */
static const char *const own_rules[] = {
    ".nan", ".NaN", ".NAN", ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "-.inf", "-.INF", /* as keys */
    "!!float .inf", "{.inf: 1}", "{.nan: 1}", "{-.inf: 1}",
    "!!binary gIGC",                       /* no UTF-8: Go writes U+FFFD */
    "!!timestamp a",                       /* times are strings anyway */
    "\"\\e\\a\\0\"",                     /* NUL */
    "\"\\/\"",                             /* JSON's escaped slash, which the older YAML did not know */
    "[]", "{}", "{? a}",                   /* as keys: what Go makes of them is no map with a key */
    "{1: a, \"1\": b}",                    /* twice the same key in JSON */
    "[&x yes, {*x : 1}]", "[&x 12, {*x : 1}]", NULL,
};

static bool has_own_rule(const char *text)
{
    for (size_t i = 0; own_rules[i]; i++)
        if (strcmp(text, own_rules[i]) == 0)
            return true;
    return false;
}

static void check_scalar(int line, char **fields)
{
    assert_non_null(fields[2]);
    if (has_own_rule(fields[0]))
        return;
    char *document = xasprintf("v: %s\n", fields[0]);
    compare_json(line, document, fields[1]);
    free(document);
    document = xasprintf("%s: k\n", fields[0]);
    compare_json(line, document, fields[2]);
    free(document);
}

static void scalars_as_kubernetes_reads_them(void **state)
{
    (void)state;
    differing = 0;
    assert_true(tsv_each(TESTDATA "scalars.tsv", check_scalar) > 700);
    assert_int_equal(differing, 0);
}

static void check_quantity(int line, char **fields)
{
    assert_non_null(fields[1]);
    struct buf b = {0};
    struct err e;
    bool taken = quantity_canonical(fields[0], &b, &e) == 0;
    static const char *const refused[] = {".", "-", "E", "Ki", "m", "1000E"}; /* on purpose: see quantity.h */
    bool on_purpose = false;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        on_purpose |= strcmp(fields[0], refused[i]) == 0;
    if (on_purpose)
        assert_false(taken);
    else if (strcmp(taken ? b.data : "ERR", fields[1]) != 0) {
        print_error("line %d: \"%s\" is %s, want %s\n", line, fields[0], taken ? b.data : e.msg, fields[1]);
        differing++;
    }
    buf_free(&b);
}

static void quantities_as_go_writes_them(void **state)
{
    (void)state;
    differing = 0;
    assert_true(tsv_each(TESTDATA "quantities.tsv", check_quantity) > 700);
    assert_int_equal(differing, 0);
}
/* --- one text, one outcome ------------------------------------------------------------------------------------ */

struct example {
    const char *text, *json, *error; /* the documents, or what the error says (from "f:LINE:COLUMN") */
};

static const struct example examples[] = {
    /* streams */
    {"", "", NULL},
    {"# only\n", "", NULL},
    {"---\n---\n", "", NULL},
    {"a: 1\n---\n# nothing\n---\nb: 2\n", "{\"a\":1}\n{\"b\":2}", NULL},
    {"a: 1\n...\n---\nb: 2\n", "{\"a\":1}\n{\"b\":2}", NULL},
    {"--- {a: 1}\n--- [b]\n", "{\"a\":1}\n[\"b\"]", NULL},
    {"a: |\n  x\n  ---\n  y\n", "{\"a\":\"x\\n---\\ny\\n\"}", NULL},
    {"a: |+\n  x\n\n---\nb: 1\n", "{\"a\":\"x\\n\\n\"}\n{\"b\":1}", NULL},
    {"%YAML 1.1\n---\na: yes\n", "{\"a\":true}", NULL},
    {"\xef\xbb\xbf" "a: 1\n", "{\"a\":1}", NULL},
    {"\xef\xbb\xbf{\"a\": 1}", "{\"a\":1}", NULL},
    {"\xef\xbb\xbf" "a: 1\na: 2\n", NULL, "f:2:1: the key \"a\" is already in line 1"},
    {"a: 1\r\nb:\r\n- x\r\n---\r\nc: |\r\n  y\r\n  z\r\n", "{\"a\":1,\"b\":[\"x\"]}\n{\"c\":\"y\\nz\\n\"}", NULL},
    {"a: 1\nb: 2", "{\"a\":1,\"b\":2}", NULL},
    /* JSON */
    {"{\"a\":\"\\ud83d\\ude00\\u00e9\\/\\n\"}", "{\"a\":\"😀é/\\n\"}", NULL},
    {"{\"a\":1}{\"b\":2}\n[3]", "{\"a\":1}\n{\"b\":2}\n[3]", NULL},
    {"{\n\t\"a\":\t[1,\n\t2]\n}\n", "{\"a\":[1,2]}", NULL},
    {"{\"a\":1}\n---\n{\"b\":2}\n", "{\"a\":1}\n{\"b\":2}", NULL},
    {"{\"a\":\"\\\\\\\"}\"}", "{\"a\":\"\\\\\\\"}\"}", NULL},
    {"{\"a\":\"\\b\\f\\r\\t\\u0041\"}", "{\"a\":\"\\b\\f\\r\\tA\"}", NULL},
    {"{\"a\":1.5e3,\"b\":-0,\"c\":1E-7,\"d\":12345678901234567890}",
     "{\"a\":1500,\"b\":0,\"c\":1e-7,\"d\":12345678901234567890}", NULL},
    {"{\"a\":true,\"b\":null,\"c\":\"true\"}", "{\"a\":true,\"b\":null,\"c\":\"true\"}", NULL},
    {"{\"a\":9007199254740993,\"b\":999999999999999,\"c\":1000000000000000}",
     "{\"a\":9007199254740993,\"b\":999999999999999,\"c\":1000000000000000}", NULL},
    {"{\"a\":1,\n \"a\":2}", NULL, "f:2:2: the key \"a\" is already in line 1"},
    {"{\"s\":\"\\/\\/\\ud83d\\ude00\", \"a\":1, \"a\":2}", NULL, "f:1:33: the key \"a\" is already in line 1"},
    {"{\"a\":\"\\ud83d\"}", NULL, "f:1:"},
    {"{\"a\":\"\\udc00\\ud83d\"}", NULL, "f:1:"},
    {"{\"a\":\"\\u0000\"}", NULL, "f:1:6: a NUL character"},
    {"{\"a\":1", NULL, "f:"},
    {"{\"a\":1}}", NULL, "f:1:8: "},
    {"{\"a\":1} x", NULL, "f:1:9: "},
    /* keys */
    {"1: a\nyes: b\n1.5: c\n0x1f: d\n", "{\"1\":\"a\",\"true\":\"b\",\"1.5\":\"c\",\"31\":\"d\"}", NULL},
    {"yes: a\ntrue: b\n", NULL, "f:2:1: the key \"true\" is already in line 1"},
    {"a:\n  b: 1\n  c: 2\n  b: 3\n", NULL, "f:4:3: the key \"b\" is already in line 2"},
    {"~: 1\n", NULL, "f:1:1: null or a number above 2^63 cannot be a key"},
    {"? [a]\n: 1\n", NULL, "f:1:3: a list or map cannot be a key"},
    {"a: &x [1]\n*x : 2\n", NULL, "f:2:1: an alias as a key"},
    {"é: 1\né: 2\n", NULL, "f:2:1: the key \"é\" is already in line 1"},
    /* anchors, aliases, merges */
    {"a: &x {b: 1}\nc: *x\n", "{\"a\":{\"b\":1},\"c\":{\"b\":1}}", NULL},
    {"a: &x 1\nb: &x 2\nc: *x\n", "{\"a\":1,\"b\":2,\"c\":2}", NULL},
    {"&k a: 1\nb: *k\n", "{\"a\":1,\"b\":\"a\"}", NULL},
    {"a: &x 1\n---\nb: *x\n", NULL, "f:3:4: no anchor x above"},
    {"a: *x\nb: &x 1\n", NULL, "f:1:4: no anchor x above"},
    {"a: &x [1, *x]\n", NULL, "f:1:11: the anchor x holds itself"},
    {"a: &x\n  b: &y [*x]\n", NULL, "f:2:10: the anchor x holds itself"},
    {"b: &b {x: 1, z: 2}\nm:\n  <<: *b\n  z: 3\n", "{\"b\":{\"x\":1,\"z\":2},\"m\":{\"x\":1,\"z\":3}}", NULL},
    {"<<: {a: 1}\n<<: {b: 2}\n", "{\"a\":1,\"b\":2}", NULL},
    {"a: 1\n<<: 5\n", NULL, "f:2:5: << merges a map or a list of maps"},
    {"a: 1\n<<: [{b: 1}, 2]\n", NULL, "f:2:5: << merges a map or a list of maps"},
    {"\"<<\": {a: 1}\n", "{\"<<\":{\"a\":1}}", NULL},
    {"x: &x {a: 1}\nm: {<<: *x, a: 2, a: 3}\n", NULL, "f:2:19: the key \"a\" is already in line 2"},
    /* bytes */
    {"a: b\nc: \xff\n", NULL, "f:2:4: no UTF-8"},
    {"é\xc3: 1\n", NULL, "f:1:2: no UTF-8"},
    {"a: \xed\xa0\x80\n", NULL, "f:1:4: no UTF-8"},
    {"a:\n\tb: 1\n", NULL, "f:2:1: a tab: YAML is indented with spaces"},
    {"a:\n  b: 1\n\tc: 2\n", NULL, "f:3:1: a tab: YAML is indented with spaces"},
    {"a:\tb\n", "{\"a\":\"b\"}", NULL},
    {"a: x\x01y\n", NULL, "f:1:5: no valid YAML: control characters are not allowed"},
    {"a: b: c\n", NULL, "f:1:5: no valid YAML: mapping values are not allowed"},
    {"a: 'b\nc: d\n", NULL, "f:3:1: no valid YAML: found unexpected end of stream"},
    {"a: [1, 2\nb: 3\n", NULL, "f:"},
    {"a: !!int x\n", NULL, "f:1:4: the tag !!int does not fit"},
    {"a: .inf\n", NULL, "f:1:4: .inf is no number that JSON can hold"},
    {"ok: 1\n---\na: 1\nb: @\n", NULL, "f:4:4: no valid YAML"},
};

static void examples_come_out(void **state)
{
    (void)state;
    int wrong = 0;
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        const struct example *x = &examples[i];
        struct err e = {0};
        char *got = json_of(x->text, strlen(x->text), &e);
        bool good = x->json ? got && strcmp(got, x->json) == 0
                            : !got && e.kind == ERR_INVALID && strncmp(e.msg, x->error, strlen(x->error)) == 0;
        if (!good) {
            print_error("%s\n got: %s\nwant: %s\n", x->text, got ? got : e.msg, x->json ? x->json : x->error);
            wrong++;
        }
        free(got);
    }
    assert_int_equal(wrong, 0);
}

static void a_nul_byte_is_refused(void **state)
{
    (void)state;
    static const char text[] = "a: b\0c\n", json[] = "{\"a\":\"b\0c\"}";
    struct err e;
    assert_null(json_of(text, sizeof text - 1, &e));
    assert_null(json_of(json, sizeof json - 1, &e));
}

/* --- positions ------------------------------------------------------------------------------------------------ */

struct place {
    const char *path; /* keys and indexes between slashes */
    int line, column, key_line, key_column;
};

static const struct node *walk(const struct node *n, const char *path, int *key_line, int *key_column)
{
    char *copy = xstrdup(path), *rest = copy, *step;
    while (n && (step = strsep(&rest, "/"))) {
        size_t i = (size_t)atoi(step);
        for (size_t k = 0; n->type == NODE_MAP && k < n->n; k++)
            if (strcmp(n->keys[k], step) == 0)
                i = k;
        if (n->type == NODE_MAP) {
            *key_line = n->key_lines[i];
            *key_column = n->key_columns[i];
        }
        n = i < n->n ? n->items[i] : NULL;
    }
    free(copy);
    return n;
}

static void check_places(const char *text, const struct place *places, size_t n)
{
    struct node **docs;
    size_t n_docs;
    struct err e;
    if (nodes_parse("f", text, strlen(text), &docs, &n_docs, &e) != 0)
        fail_msg("%s", e.msg);
    for (size_t i = 0; i < n; i++) {
        int key_line = 0, key_column = 0;
        const struct node *at = walk(docs[n_docs - 1], places[i].path, &key_line, &key_column);
        assert_non_null(at);
        if (at->line != places[i].line || at->column != places[i].column || key_line != places[i].key_line ||
            key_column != places[i].key_column)
            fail_msg("%s is at %d:%d, its key at %d:%d", places[i].path, at->line, at->column, key_line, key_column);
    }
    nodes_free(&docs, n_docs);
}

static void everything_knows_its_place(void **state)
{
    (void)state;
    static const struct place yaml[] = {
        {"a", 3, 4, 3, 1}, {"b", 5, 3, 4, 1}, {"b/0", 5, 5, 4, 1}, {"b/1", 6, 5, 4, 1}, {"b/1/é", 6, 8, 6, 5},
        {"b/1/d", 7, 10, 7, 5}, {"b/1/d/1", 7, 14, 7, 5}, {"e", 8, 4, 8, 1},
    };
    check_places("x: 1\n---\na: 1\nb:\n  - c\n  - é: 2\n    d:   [3, 4]\ne: |\n  t\n", yaml, 8);
    static const struct place crlf[] = {{"a", 1, 4, 1, 1}, {"b", 2, 4, 2, 1}};
    check_places("a: 1\r\nb: 2\r\n", crlf, 2);
    static const struct place json[] = {
        {"a", 4, 7, 4, 2}, {"b", 5, 3, 4, 41}, {"b/0", 5, 4, 4, 41}, {"b/1/c", 5, 12, 5, 8},
    };
    check_places("{\"x\":1}\n---\n {\n \"a\": \"\\ud83d\\ude00\\/\\ud83d\\ude00é\",    \"b\":\n  [1, {\"c\":2}]\n}", json, 4);
    static const struct place second[] = {{"b", 1, 14, 1, 10}};
    check_places("{\"a\":1} {\"b\":2}", second, 1);
    static const struct place marker[] = {{"a", 2, 9, 2, 6}};
    check_places("x: 1\n--- {a: 2}\n", marker, 1);
}

/* --- ceilings ------------------------------------------------------------------------------------------------- */

static void assert_refused(const struct buf *b, const char *says)
{
    struct err e = {0};
    char *got = json_of(b->data, b->len, &e);
    assert_null(got);
    if (strstr(e.msg, says) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", e.msg, says);
}

static void assert_taken(const struct buf *b)
{
    struct err e;
    char *got = json_of(b->data, b->len, &e);
    if (got == NULL)
        fail_msg("%s", e.msg);
    free(got);
}

static void repeat(struct buf *b, const char *s, int n)
{
    for (int i = 0; i < n; i++)
        buf_adds(b, s);
}

static void depth_has_a_ceiling(void **state)
{
    (void)state;
    static const struct {
        const char *open, *leaf, *close;
        int depth;
        bool good;
    } cases[] = {
        {"[", "1", "]", 99, true},          {"[", "1", "]", 100, false},           {"{a: ", "1", "}", 99, true},
        {"{a: ", "1", "}", 100, false},     {"[", "", "]", 20000, false},          {"[", "", "", 20000, false},
        {"{\"a\":", "1", "}", 20000, false}, {"- ", "1", "", 99, true},            {"- ", "1", "", 20000, false},
        {"? ", "1", "", 20000, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf b = {0};
        repeat(&b, cases[i].open, cases[i].depth);
        buf_adds(&b, cases[i].leaf);
        repeat(&b, cases[i].close, cases[i].depth);
        if (cases[i].good)
            assert_taken(&b);
        else
            assert_refused(&b, "f:1:");
        buf_free(&b);
    }
    /* An alias counts with the depth at which it stands. */
    struct buf b = {0};
    buf_adds(&b, "x: &x ");
    repeat(&b, "[", 60);
    repeat(&b, "]", 60);
    buf_adds(&b, "\ny: ");
    repeat(&b, "[", 60);
    buf_adds(&b, "*x");
    repeat(&b, "]", 60);
    assert_refused(&b, "nested more than 100 levels deep");
    buf_free(&b);
}

static void an_alias_bomb_ends(void **state)
{
    (void)state;
    struct buf b = {0};
    buf_adds(&b, "a0: &a0 lol\n");
    for (int i = 1; i < 30; i++) {
        buf_addf(&b, "a%d: &a%d [", i, i);
        for (int k = 0; k < 9; k++)
            buf_addf(&b, "%s*a%d", k ? "," : "", i - 1);
        buf_adds(&b, "]\n");
    }
    assert_refused(&b, "more than 200000 values");
    buf_clear(&b); /* few values, much text */
    buf_adds(&b, "a: &a ");
    repeat(&b, "x", 1000000);
    buf_adds(&b, "\nb: [");
    repeat(&b, "*a,", 20);
    buf_adds(&b, "]\n");
    assert_refused(&b, "more than 16 MiB of text");
    buf_clear(&b); /* by merges */
    buf_adds(&b, "- &m0 {");
    for (int i = 0; i < 1000; i++)
        buf_addf(&b, "k%d: 1,", i);
    buf_adds(&b, "}\n");
    repeat(&b, "- {<<: *m0}\n", 1000);
    assert_refused(&b, "more than 200000 values");
    buf_clear(&b); /* by the text of keys, which aliases repeat too */
    buf_adds(&b, "a: &a {");
    repeat(&b, "x", 900);
    buf_adds(&b, ": 1}\nb: [");
    repeat(&b, "*a,", 30000);
    buf_adds(&b, "]\n");
    assert_refused(&b, "more than 16 MiB of text");
    buf_clear(&b); /* the ceilings are for each document */
    for (int d = 0; d < 4; d++) {
        buf_adds(&b, "---\n[");
        repeat(&b, "1,", 90000);
        buf_adds(&b, "]\n");
    }
    assert_taken(&b);
    buf_free(&b);
}

static void anchors_have_a_ceiling(void **state)
{
    (void)state;
    static const char *const kinds[] = {"1", "[1]", "k: 1"};
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        struct buf b = {0};
        for (int i = 0; i <= DOCUMENT_ANCHORS_MAX; i++) {
            if (i == DOCUMENT_ANCHORS_MAX)
                assert_taken(&b);
            buf_addf(&b, "- &a%d %s\n", i, kinds[k]);
        }
        assert_refused(&b, "more than 1000 anchors");
        buf_free(&b);
    }
}

static void a_file_has_a_ceiling(void **state)
{
    (void)state;
    struct buf b = {0};
    buf_reserve(&b, DOCUMENT_BYTES_MAX + 1);
    buf_adds(&b, "a: ");
    while (b.len < DOCUMENT_BYTES_MAX)
        buf_addc(&b, 'x');
    assert_taken(&b);
    buf_addc(&b, 'x');
    assert_refused(&b, "f: larger than 4 MiB");
    static const char *const documents[] = {"---\na: 1\n", "{\"a\":1}\n"};
    for (size_t i = 0; i < sizeof documents / sizeof *documents; i++) {
        buf_clear(&b);
        repeat(&b, documents[i], DOCUMENTS_MAX);
        assert_taken(&b);
        repeat(&b, documents[i], 5);
        assert_refused(&b, "more than 10000 documents in one file");
    }
    buf_free(&b);
}

/* --- several documents, some of them broken ------------------------------------------------------------------- */

static void add_problem(void *arg, const struct err *e)
{
    buf_addf(arg, "%s\n", e->msg);
}

static void a_broken_document_leaves_the_others(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t good, broken;
        const char *problem;
    } cases[] = {
        {"a: 1\n---\nb: [\n---\nc: 3\n", 2, 1, "f:4:1: "},
        {"a: 1\n---\nb: 1\nb: 2\n---\nc: 3\n", 2, 1, "f:4:1: the key \"b\" is already in line 3"},
        {"a: \"\n---\nb: 2\n", 1, 1, "f:"},
        {"@\n---\n@\n---\na: 1\n", 1, 2, "f:1:1: "},
        {"{\"a\":1}\n{\"a\":1,\"a\":2}\n{\"b\":1}\n", 2, 1, "f:2:8: the key \"a\" is already in line 2"},
        {"{\"a\":1}\n---\n{\"b\":\n---\n{\"c\":1}\n", 2, 1, "f:4:1: "},
        {"a: *x\n---\nb: 1\n", 1, 1, "f:1:4: no anchor x above"},
        {"a: &x 1\n---\nb: *x\n", 1, 1, "f:3:4: no anchor x above"},
        {"a: 1\n---\n", 1, 0, ""},
        {"a: \xff\n---\nb: 1\n", 0, 1, "f:1:4: no UTF-8"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct node **docs;
        size_t n;
        struct buf said = {0};
        buf_adds(&said, "");
        size_t broken = nodes_parse_each("f", cases[i].text, strlen(cases[i].text), &docs, &n, add_problem, &said);
        if (n != cases[i].good || broken != cases[i].broken ||
            strncmp(said.data, cases[i].problem, strlen(cases[i].problem)) != 0)
            fail_msg("%s\n%zu good, %zu broken: %s", cases[i].text, n, broken, said.data);
        buf_free(&said);
        nodes_free(&docs, n);
        struct err e;
        assert_int_equal(nodes_parse("f", cases[i].text, strlen(cases[i].text), &docs, &n, &e),
                         cases[i].broken ? -1 : 0);
        assert_true(cases[i].broken == 0 || docs == NULL);
        nodes_free(&docs, n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scalars_as_kubernetes_reads_them),
        cmocka_unit_test(quantities_as_go_writes_them),
        cmocka_unit_test(examples_come_out),
        cmocka_unit_test(a_nul_byte_is_refused),
        cmocka_unit_test(everything_knows_its_place),
        cmocka_unit_test(depth_has_a_ceiling),
        cmocka_unit_test(an_alias_bomb_ends),
        cmocka_unit_test(anchors_have_a_ceiling),
        cmocka_unit_test(a_file_has_a_ceiling),
        cmocka_unit_test(a_broken_document_leaves_the_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
