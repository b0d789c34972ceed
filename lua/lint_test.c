/* The lint: cases in test/lint, files that must be clean, files that must not hurt it, and its parser against Lua's.
 *
 * A file of test/lint holds cases: "--- case WORDS", then lines of source. A comment "--> warning: words" or
 * "--> error: words" on a line says that this line has a finding whose sentence holds the words; no other finding is
 * expected. Further lines at the head of a case: "--- file lib_x.lua", "--- labels severity team", "--- needs time". */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lua/lint.h"

#include "base/mem.h"

#include <glob.h>
#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>

static void read_file(const char *path, struct buf *out)
{
    FILE *f = fopen(path, "re");
    assert_non_null(f);
    char bytes[4096];
    size_t n;
    buf_clear(out);
    buf_add(out, "", 0);
    while ((n = fread(bytes, 1, sizeof bytes, f)) > 0)
        buf_add(out, bytes, n);
    fclose(f);
    buf_addc(out, 0);
    out->len--;
}

/* Cases */

enum { EXPECTED_MAX = 64, CODES_MAX = 64, LABELS_MAX = 16 };

struct expected {
    unsigned line;
    bool error, seen;
    char words[160];
};

struct kase {
    const char *path;
    char name[100], file[64];
    struct buf source;
    struct expected expected[EXPECTED_MAX];
    size_t n;
    char *labels[LABELS_MAX];
    size_t n_labels;
    bool skipped;
    int wrong;
};

static char seen_codes[CODES_MAX][32];
static size_t n_seen_codes, n_cases, n_skipped;

static void note_code(const char *code)
{
    for (size_t i = 0; i < n_seen_codes; i++)
        if (strcmp(seen_codes[i], code) == 0)
            return;
    assert_true(n_seen_codes < CODES_MAX);
    snprintf(seen_codes[n_seen_codes++], sizeof seen_codes[0], "%s", code);
}

static void on_case_finding(void *arg, const struct lint_finding *f)
{
    struct kase *k = arg;
    note_code(f->code);
    for (size_t i = 0; i < k->n; i++) {
        struct expected *x = &k->expected[i];
        if (!x->seen && x->line == f->line && x->error == f->error && strstr(f->sentence, x->words)) {
            x->seen = true;
            return;
        }
    }
    print_error("%s: %s: unexpected at line %u: %s: [%s] %s\n", k->path, k->name, f->line,
                f->error ? "error" : "warning", f->code, f->sentence);
    k->wrong++;
}

static void expect_from(struct kase *k, unsigned line, const char *comment)
{
    while (comment) {
        struct expected *x = &k->expected[k->n++];
        assert_true(k->n < EXPECTED_MAX);
        x->line = line;
        x->error = strncmp(comment, "--> error: ", 11) == 0;
        assert_true(x->error || strncmp(comment, "--> warning: ", 13) == 0);
        const char *words = strchr(comment, ':') + 2, *next = strstr(comment + 3, " --> ");
        int len = next ? (int)(next - words) : (int)strlen(words);
        assert_true(len > 0 && len < (int)sizeof x->words);
        snprintf(x->words, sizeof x->words, "%.*s", len, words);
        comment = next ? next + 1 : NULL;
    }
}

static void run_case(struct kase *k, struct lint *l)
{
    if (!k->name[0])
        return;
    n_cases++;
    if (k->skipped) {
        n_skipped++;
        return;
    }
    lint_set_labels(l, (const char *const *)k->labels, k->n_labels);
    lint_run(l, k->source.data, k->source.len, k->file, on_case_finding, k);
    for (size_t i = 0; i < k->n; i++) {
        if (k->expected[i].seen)
            continue;
        print_error("%s: %s: missing at line %u: %s: %s\n", k->path, k->name, k->expected[i].line,
                    k->expected[i].error ? "error" : "warning", k->expected[i].words);
        k->wrong++;
    }
}

static void reset_case(struct kase *k, const char *name)
{
    for (size_t i = 0; i < k->n_labels; i++)
        free(k->labels[i]);
    struct kase fresh = {.path = k->path, .source = k->source, .wrong = k->wrong};
    *k = fresh;
    buf_clear(&k->source);
    buf_add(&k->source, "", 0);
    snprintf(k->name, sizeof k->name, "%s", name);
    snprintf(k->file, sizeof k->file, "payments.lua");
}

static void head_line(struct kase *k, char *line, struct lint *l)
{
    char *save, *word = strtok_r(line, " ", &save);
    while ((word = strtok_r(NULL, " ", &save))) {
        if (strncmp(line, "labels", 6) == 0) {
            assert_true(k->n_labels < LABELS_MAX);
            k->labels[k->n_labels++] = xstrdup(word);
        } else if (strncmp(line, "file", 4) == 0) {
            snprintf(k->file, sizeof k->file, "%s", word);
        } else if (strncmp(line, "needs", 5) == 0) {
            k->skipped |= !lint_knows_global(l, word);
        } else {
            fail_msg("%s: unknown line '--- %s'", k->path, line);
        }
    }
}

static int run_case_file(const char *path, struct lint *l)
{
    struct buf text = {0};
    read_file(path, &text);
    struct kase k = {.path = path};
    unsigned line_number = 0;
    for (char *line = text.data, *next; line; line = next) {
        next = strchr(line, '\n');
        if (next)
            *next++ = 0;
        if (strncmp(line, "--- case ", 9) == 0) {
            run_case(&k, l);
            reset_case(&k, line + 9);
            line_number = 0;
            continue;
        }
        if (strncmp(line, "--- ", 4) == 0) {
            head_line(&k, line + 4, l);
            continue;
        }
        line_number++;
        if (k.name[0])
            expect_from(&k, line_number, strstr(line, "--> "));
        buf_adds(&k.source, line);
        buf_addc(&k.source, '\n');
    }
    run_case(&k, l);
    reset_case(&k, "");
    buf_free(&k.source);
    buf_free(&text);
    return k.wrong;
}

static void on_rule_seen(void *arg, const char *code, bool error, const char *sentence)
{
    int *missing = arg;
    (void)error;
    assert_true(strlen(sentence) > 10);
    if (strcmp(code, "not_looked_at") == 0)
        return; /* test_too_much */
    for (size_t i = 0; i < n_seen_codes; i++)
        if (strcmp(seen_codes[i], code) == 0)
            return;
    if (n_skipped == 0) {
        print_error("no case shows the rule %s\n", code);
        ++*missing;
    }
}

static void test_cases(void **state)
{
    struct lint *l = *state;
    glob_t g;
    int wrong = 0;
    assert_int_equal(glob("test/lint/*.lua", 0, NULL, &g), 0);
    for (size_t i = 0; i < g.gl_pathc; i++)
        wrong += run_case_file(g.gl_pathv[i], l);
    globfree(&g);
    lint_each_rule(l, on_rule_seen, &wrong);
    print_message("%zu cases, %zu of them wait for a helper\n", n_cases, n_skipped);
    lint_set_labels(l, NULL, 0);
    assert_true(n_cases >= 60);
    assert_int_equal(wrong, 0);
}

/* Files */

static void on_any(void *arg, const struct lint_finding *f)
{
    const char *path = arg;
    print_error("%s:%u: [%s] %s\n", path, f->line, f->code, f->sentence);
}

static void on_none(void *arg, const struct lint_finding *f)
{
    size_t *n = arg;
    assert_true(f->line > 0 && strlen(f->sentence) > 0 && strlen(f->sentence) <= WIRE_TEXT_SHOWN);
    assert_null(strstr(f->sentence, "prelude/")); /* a fault of ours */
    if (strcmp(f->code, "not_looked_at") == 0)
        assert_non_null(strstr(f->sentence, "more findings than are shown"));
    ++*n;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static void test_bundled_are_clean(void **state)
{
    struct lint *l = *state;
    struct buf source = {0};
    size_t findings = 0;
    glob_t g;
    assert_int_equal(glob("policies/*.lua", 0, NULL, &g), 0);
    for (size_t i = 0; i < g.gl_pathc; i++) {
        size_t n = 0;
        read_file(g.gl_pathv[i], &source);
        lint_run(l, source.data, source.len, base_name(g.gl_pathv[i]), on_none, &n);
        if (n)
            lint_run(l, source.data, source.len, base_name(g.gl_pathv[i]), on_any, g.gl_pathv[i]);
        findings += n;
    }
    globfree(&g);
    buf_free(&source);
    assert_int_equal(findings, 0);
}

/* What prelude/check.lua lets through, the lint knows, and no more: its lists are found as upvalues. */
static const char same_fields[] =
    "local hooks = {'filter', 'key', 'priority', 'title', 'body', 'retrigger', 'on_resolve'}\n"
    "local known = assert(loadfile('lua/prelude/lint_options.lua'))()({})\n"
    "text = {truncate = string.sub}\n"
    "local check = assert(loadfile('lua/prelude/check.lua'))(hooks, function() return '' end)\n"
    "local found, seen = {}, {}\n"
    "local function walk(f)\n"
    "    if seen[f] then return end\n"
    "    seen[f] = true\n"
    "    for i = 1, 250 do\n"
    "        local name, value = debug.getupvalue(f, i)\n"
    "        if not name then break end\n"
    "        if type(value) == 'function' then walk(value) else found[name] = value end\n"
    "    end\n"
    "end\n"
    "walk(check)\n"
    "local function same(what, ours, theirs)\n"
    "    for name in pairs(ours) do assert(theirs[name], what .. ': only the lint knows ' .. name) end\n"
    "    for name in pairs(theirs) do assert(ours[name], what .. ': the lint does not know ' .. name) end\n"
    "end\n"
    "local function set(list, more)\n"
    "    local names = {[more or list[1]] = true}\n"
    "    for _, name in ipairs(list) do names[name] = true end\n"
    "    return names\n"
    "end\n"
    "same('fields', known.fields, set(found.FIELDS))\n"
    "same('limits', known.members.limits, set(found.LIMITS, 'reserve'))\n"
    "same('reserve', known.members['limits.reserve'], set(found.RESERVE))\n"
    "for _, hook in ipairs(hooks) do assert(known.fields[hook] == 'function', hook) end\n";

static void test_fields_are_those_of_check(void **state)
{
    (void)state;
    lua_State *L = luaL_newstate();
    luaL_openlibs(L);
    if (luaL_dostring(L, same_fields))
        fail_msg("%s", lua_tostring(L, -1));
    lua_close(L);
}

/* The parser against Lua's */

/* Lua's verdict: 1 accepts, 0 refuses, -1 refuses for a reason that the parser does not look at. */
static int lua_accepts(const char *source, size_t len, struct buf *message)
{
    static const char *const beyond[] = {"label", "goto", "overflow", "too many", "limit", "control structure",
                                         "not enough memory"};
    lua_State *L = luaL_newstate();
    buf_clear(message);
    int verdict = luaL_loadbufferx(L, source, len, "=x", "t") == LUA_OK;
    if (!verdict) {
        buf_adds(message, lua_tostring(L, -1));
        for (size_t i = 0; i < sizeof beyond / sizeof *beyond; i++)
            if (strstr(message->data, beyond[i]))
                verdict = -1;
    }
    lua_close(L);
    return verdict;
}

static int compare(struct lint *l, const char *what, const char *source, size_t len)
{
    struct buf message = {0}, refusal = {0};
    int verdict = lua_accepts(source, len, &message);
    bool own = lint_reads(l, source, len, &refusal);
    int wrong = verdict >= 0 && own != (verdict == 1);
    if (wrong) {
        print_error("%s: Lua: %s; the lint: %s\n", what, verdict ? "accepts" : message.data,
                    own ? "accepts" : refusal.data);
        if (len < 400)
            print_error("    %.*s\n", (int)len, source);
    }
    buf_free(&message);
    buf_free(&refusal);
    return wrong;
}

static const char *const corpora[] = {"policies/*.lua",  "lua/prelude/*.lua",      "test/hostile/*.lua",
                                      "test/lint/*.lua", "test/lint/parser/*.lua", "examples/*.lua",
                                      "examples/*/*.lua", "/usr/share/lua/5.*/*.lua"};

/* Every file; the file cut off in the middle of things; the file with a byte changed. */
static int torture(struct lint *l, const char *path, const struct buf *source)
{
    int wrong = 0;
    size_t n = 0;
    if (source->len > WIRE_SOURCE_MAX)
        return 0;
    wrong += compare(l, path, source->data, source->len);
    lint_run(l, source->data, source->len, base_name(path), on_none, &n);
    struct buf copy = {0};
    for (int i = 0; i < 6 && source->len; i++) {
        size_t at = (size_t)(rand() % (int)source->len);
        wrong += compare(l, path, source->data, at);
        buf_clear(&copy);
        buf_add(&copy, source->data, source->len);
        copy.data[at] = (char)(rand() % 256);
        wrong += compare(l, path, copy.data, copy.len);
        lint_run(l, copy.data, copy.len, base_name(path), on_none, &n);
    }
    buf_free(&copy);
    return wrong;
}

static void test_files_against_lua(void **state)
{
    struct lint *l = *state;
    struct buf source = {0};
    int wrong = 0;
    size_t files = 0;
    srand(1);
    for (size_t i = 0; i < sizeof corpora / sizeof *corpora; i++) {
        glob_t g;
        if (glob(corpora[i], 0, NULL, &g) != 0)
            continue;
        for (size_t j = 0; j < g.gl_pathc; j++, files++) {
            read_file(g.gl_pathv[j], &source);
            wrong += torture(l, g.gl_pathv[j], &source);
        }
        globfree(&g);
    }
    buf_free(&source);
    assert_true(files > 60);
    assert_int_equal(wrong, 0);
}

/* Random statements: mostly right, so that both verdicts are common. */
static const char *const fragments[] = {
    "a", "b", "f", "self", "t.x", "t[1]", "t:m()", "f(1)", "f{...}", "f'x'", "f[[y]]", "1", "0x1p4", "3e", ".5", "0x",
    "1..2", "'a\\65\\x41\\z  b'", "'\\u{7FFFFFFF}'", "'\\q'", "\"q", "[==[ x ]==]", "[=x", "--[[ c ]]", "-- c\n", "nil",
    "true", "...", "function(a, b, ...) return ... end", "function() return ... end", "function(a,) end", "{1, 2; x = 3}",
    "{[1] = 2, }", "{,}", "(a)", "(f())", "-a", "not a", "#t", "~b", "a.b.c", "x", "y",
};
static const char *const signs[] = {"+", "-", "*", "/", "//", "%", "^", "..", "==", "~=", "<", "<=", ">", ">=", "and",
                                    "or", "&", "|", "~", "<<", ">>", "=", ",", ";", ":", "::", ".", "(", ")", "{", "}",
                                    "[", "]", "then", "do", "end", "in", "until", "else", "#", "!", "@", "\\"};
static const char *const patterns[] = {
    "$ = $", "local x = $", "local x <const>, y = $, $", "local x <close> = $", "local x <odd> = $", "f($)",
    "$.g($, $)", "if $ then return $ end", "if $ then elseif $ then break else end", "while $ do break end",
    "for i = $, $ do break end", "for k, v in $ do end", "repeat local z = $ until z", "return $", "return", "break",
    "function f(a) return $ end", "function t.a.b:c(...) return ... end", "local function g() g() end", "do $ end",
    "goto done", "::done::", "$, $ = $", "x = 1", "y = $", "local a = {$, [$] = $}", "$", ";", "; ; return $;",
};

static const char *pick(const char *const *list, size_t n)
{
    return list[(size_t)rand() % n];
}
#define PICK(list) pick(list, sizeof(list) / sizeof *(list))

static void add_expression(struct buf *b, int depth)
{
    buf_adds(b, PICK(fragments));
    while (depth > 0 && rand() % 3 == 0) {
        buf_addc(b, ' ');
        buf_adds(b, PICK(signs));
        buf_addc(b, ' ');
        add_expression(b, --depth);
    }
}

static void add_statement(struct buf *b)
{
    for (const char *p = PICK(patterns); *p; p++) {
        if (*p == '$')
            add_expression(b, rand() % 8 == 0 ? 3 : 0);
        else
            buf_addc(b, *p);
    }
    buf_adds(b, rand() % 4 ? "\n" : " ");
}

static void test_random_against_lua(void **state)
{
    struct lint *l = *state;
    struct buf source = {0}, message = {0};
    int wrong = 0, accepted = 0, refused = 0;
    srand(2);
    for (int i = 0; i < 3000 && wrong < 10; i++) {
        size_t n = 0;
        buf_clear(&source);
        buf_add(&source, "", 0);
        for (int j = rand() % 4; j >= 0; j--) {
            if (rand() % 12 == 0)
                buf_adds(&source, PICK(signs));
            add_statement(&source);
        }
        int verdict = lua_accepts(source.data, source.len, &message);
        accepted += verdict == 1;
        refused += verdict == 0;
        wrong += compare(l, "random", source.data, source.len);
        lint_run(l, source.data, source.len, "x.lua", on_none, &n);
    }
    buf_free(&source);
    buf_free(&message);
    print_message("%d accepted, %d refused\n", accepted, refused);
    assert_true(accepted > 300 && refused > 300);
    assert_int_equal(wrong, 0);
}

/* Bounds */

static void repeat(struct buf *b, const char *head, const char *unit, const char *tail, size_t max)
{
    buf_clear(b);
    buf_adds(b, head);
    size_t unit_len = strlen(unit), tail_len = strlen(tail);
    while (b->len + unit_len + tail_len <= max)
        buf_adds(b, unit);
    buf_adds(b, tail);
}

/* Sources of 64 KiB that are long in one way each. They are looked through to the end, with memory and instructions to
 * spare. */
static void test_long_sources(void **state)
{
    static const struct {
        const char *head, *unit, *tail;
    } rows[] = {
        {"return a", ".b", ""},
        {"return a", "()", ""},
        {"return a", "+a", ""},
        {"return a", " and a", ""},
        {"return a", ":b()", ""},
        {"local t = {", "1,", "}"},
        {"local t = {", "a=1,", "}"},
        {"return {", "x=1,", "}"},
        {"", "x=1 ", ""},
        {"", ";", ""},
        {"", "local a ", ""},
        {"", "local a=a ", ""},
        {"", "::a::", ""},
        {"", "os.time() ", ""},
        {"if a then ", "elseif a then ", "end"},
        {"", "do end ", ""},
        {"", "f'('", ""},
        {"return '", "\\n", "'"},
        {"--", "x", ""},
        {"", "\n", ""},
        {"return [[", "\r\n", "]]"},
        {"local s return {filter=function(alert) ", "s='a'..alert.labels.a ", "end}"},
        {"local t={} return {filter=function(alert) ", "t.a=1 ", "end}"},
        {"return {body=function() ", "for _ in pairs({}) do x=''..1 end ", "end}"},
        {"return {body=function() ", "(''):find('.-.-') ", "end}"},
        {"local ", "a,", "a"},
        {"f(", "1,", "1)"},
        {"return function(", "a,", "a) end"},
        {"", "match(alert,'a') ", ""},
        {"", "match(alert,'a=~\"(b|c)*\"') ", ""},
        {"return {", "zones={'a'},", "}"},
        {"local a=policy.extend(b,c) ", "local a=policy.extend(a,a) ", "return a"},
        {"local a = 1 ", "local a=a+a ", "return {filter=a}"},
    };
    struct lint *l = *state;
    struct buf source = {0};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t n = 0;
        repeat(&source, rows[i].head, rows[i].unit, rows[i].tail, WIRE_SOURCE_MAX);
        lint_run(l, source.data, source.len, "x.lua", on_none, &n);
        assert_true(n <= 201);
    }
    buf_free(&source);
}

/* Deep nesting: refused like Lua does, by both, without hurting. */
static void test_deep_sources(void **state)
{
    static const char *const units[] = {"(", "{", "[[", "f(", "a[", "- ", "not ", "a..", "a^", "function() ", "do ",
                                        "if a then ", "while a do ", "repeat ", "for i=1,2 do ", "a=", "{a=", "{[",
                                        "return function() ", "local function f() ", "x=function() "};
    struct lint *l = *state;
    struct buf source = {0}, refusal = {0};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        static const char *const heads[] = {"", "return "};
        for (size_t j = 0; j < 2; j++) {
            size_t n = 0;
            repeat(&source, heads[j], units[i], "", WIRE_SOURCE_MAX);
            if (lint_reads(l, source.data, source.len, &refusal))
                fail_msg("accepted: %s%s...", heads[j], units[i]);
            lint_run(l, source.data, source.len, "x.lua", on_none, &n);
            assert_int_equal(n, 1);
        }
    }
    buf_free(&source);
    buf_free(&refusal);
}

static void on_first(void *arg, const struct lint_finding *f)
{
    struct buf *first = arg;
    if (!first->len)
        buf_addf(first, "%u %s %s: %s", f->line, f->error ? "error" : "warning", f->code, f->sentence);
}

/* What is too much for it is said, and the next file is looked at as usual. */
static void test_too_much(void **state)
{
    struct lint *l = *state;
    struct buf source = {0}, first = {0};
    repeat(&source, "", "x = 1 ", "", WIRE_SOURCE_MAX + 6);
    assert_int_equal(lint_run(l, source.data, source.len, "x.lua", on_first, &first), 0);
    assert_string_equal(first.data,
                        "1 warning not_looked_at: the lint could not look through this file: it is larger than 64 KiB");
    buf_clear(&first);
    assert_int_equal(lint_run(l, "x = 1", 5, "x.lua", on_first, &first), 1);
    assert_string_equal(first.data, "1 error global_write: 'x' is a global, and globals are not kept; write local x");
    buf_clear(&first);
    assert_int_equal(lint_run(l, "\n\nx = = 1", 9, "x.lua", on_first, &first), 1);
    assert_string_equal(first.data, "3 error syntax: unexpected symbol near '='");
    buf_clear(&first);
    assert_int_equal(lint_run(l, "", 0, "x.lua", on_first, &first), 0);
    assert_int_equal(first.len, 0);

    /* more than can be shown */
    size_t n = 0;
    repeat(&source, "", "a = os.time()\n", "", 14 * 300);
    assert_int_equal(lint_run(l, source.data, source.len, "x.lua", on_none, &n), 100);
    assert_int_equal(n, 101);
    buf_free(&source);
    buf_free(&first);
}

static int open_one(void **state)
{
    *state = lint_open(NULL);
    return 0;
}

static int close_one(void **state)
{
    struct lint *l = *state;
    lint_free(&l);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_bundled_are_clean),
        cmocka_unit_test(test_fields_are_those_of_check),
        cmocka_unit_test(test_files_against_lua),
        cmocka_unit_test(test_random_against_lua),
        cmocka_unit_test(test_long_sources),
        cmocka_unit_test(test_deep_sources),
        cmocka_unit_test(test_too_much),
    };
    return cmocka_run_group_tests(tests, open_one, close_one);
}
