/* lua/matchers.tsv: a list of matchers, a tab, and what Alertmanager makes of it for one alert ("error": no
 * matchers). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "matcher.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>

static const char json[] = "{\"labels\":{\"team\":\"payments\",\"severity\":\"critical\",\"quote\":\"say "
                           "\\\"hi\\\", you\",\"line\":\"one\\ntwo\","
                           "\"back\":\"a\\\\b\",\"uni\":\"gr\\u00f6\\u00dfe\",\"caf\\u00e9 "
                           "1\":\"x\"},\"fingerprint\":\"a1b2c3d4e5f60718\","
                           "\"startsAt\":\"2026-11-18T10:00:00Z\",\"status\":{\"state\":\"active\"}}";

static void with_alert(struct buf *index, struct alert *a)
{
    struct err e;
    assert_int_equal(alert_index(json, strlen(json), index, &e), ALERT_OK);
    alert_view(a, json, index->data);
}

static const char *answer(const struct alert *a, const char *text, size_t len)
{
    struct err e = {0};
    struct buf space = {0};
    struct matcher *m = matcher_parse(text, len, &e);
    if (!m) {
        assert_true(e.kind == ERR_INVALID || e.kind == ERR_LIMIT);
        return "error";
    }
    bool fits = matcher_fits(m, a, &space);
    matcher_free(&m);
    buf_free(&space);
    return fits ? "true" : "false";
}

static void as_alertmanager_does(void **state)
{
    (void)state;
    struct buf index = {0};
    struct alert a;
    char line[512];
    size_t rows = 0;
    with_alert(&index, &a);
    FILE *f = fopen("lua/matchers.tsv", "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f)) {
        char *tab = strchr(line, '\t');
        assert_non_null(tab);
        tab[strcspn(tab, "\n")] = 0;
        const char *got = answer(&a, line, (size_t)(tab - line));
        if (strcmp(got, tab + 1) != 0)
            fail_msg("%.*s: %s, not %s", (int)(tab - line), line, got, tab + 1);
        rows++;
    }
    fclose(f);
    assert_true(rows > 60);
    buf_free(&index);
}

/* Where this is stricter or younger than the classic syntax. */
static void our_own(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } table[] = {
        {"", "error"},
        {"{}", "error"},
        {"{team=\"payments\"", "true"},
        {"team=\"payments\"}", "true"},
        {",", "error"},
        {"team=payments,,severity=critical", "error"},
        {"\"team\"=\"payments\"", "true"},
        {"\"caf\xc3\xa9 1\"=\"x\"", "true"},
        {"\"\"=\"x\"", "false"},
        {"\"a\\x00b\"=\"x\"", "error"},
        {"team=\"\xff\"", "error"},
    };
    struct buf index = {0};
    struct alert a;
    with_alert(&index, &a);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        assert_string_equal(answer(&a, table[i].text, strlen(table[i].text)), table[i].want);
    char *large = xmalloc(MATCHER_TEXT_MAX + 2);
    memset(large, 'a', MATCHER_TEXT_MAX + 1);
    assert_string_equal(answer(&a, large, MATCHER_TEXT_MAX + 1), "error");
    /* an expression that would need gigabytes is refused, not compiled */
    assert_string_equal(answer(&a, "team=~\"((a{100}){100}){100}\"", 28), "error");
    free(large);
    buf_free(&index);
}

static void the_cache_gives_the_same(void **state)
{
    (void)state;
    struct buf index = {0}, space = {0};
    struct alert a;
    struct matcher_cache *cache = NULL;
    struct err e;
    with_alert(&index, &a);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 2 * MATCHER_CACHE_MAX; i++) {
            char text[64];
            int n = snprintf(text, sizeof text, "team=~\"pay.*|%d\",severity!=\"%d\"", i, i);
            const struct matcher *m = matcher_cached(&cache, text, (size_t)n, &e);
            assert_non_null(m);
            assert_ptr_equal(m, matcher_cached(&cache, text, (size_t)n, &e));
            assert_true(matcher_fits(m, &a, &space));
        }
    }
    assert_null(matcher_cached(&cache, "x", 1, &e));
    matcher_cache_free(&cache);
    buf_free(&space);
    buf_free(&index);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_alertmanager_does),
        cmocka_unit_test(our_own),
        cmocka_unit_test(the_cache_gives_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
