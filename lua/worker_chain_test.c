/* How answers came about, as the real worker tells it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "worker_kit.h"

#include "base/mem.h"

#include <stdlib.h>

enum { ALL = 2, LISTED = 4, TRACED = 8, MEASURED = 16 };

static char *explained(const char *source, unsigned explain, const struct rig_last *last, bool compose)
{
    struct rig_setup s = {.policies = {{"10-payments.lua", source, 0}}, .explain = (uint8_t)explain};
    return kit_run(&s, kit_plain, last, compose);
}

static void expect(const char *source, const char *want)
{
    char *got = explained(source, ALL, &kit_finished, true);
    kit_expect(got, want);
    free(got);
}

static void layers_tell_who_decided(void **state)
{
    (void)state;
    /* where it returned, what it read */
    expect(POLICY("\nfilter = function(alert)\n  if alert.labels.team == 'other' then\n    return true\n  end\n"
                  "  return alert.labels.severity ~= 'critical', 'too hot'\nend"),
           "  filter    10-payments.lua:6  false  too hot\n"
           "              return alert.labels.severity ~= 'critical', 'too hot'\n"
           "              read labels.team = \"payments\", labels.severity = \"critical\"\n"
           "  decided: filter 10-payments.lua:6, instructions some, memory ");
    /* a name that the alert does not have */
    expect(POLICY("\nfilter = function(alert) return alert.labels.sevrity == 'critical' end"),
           "  filter    10-payments.lua:2  false\n"
           "              filter = function(alert) return alert.labels.sevrity == 'critical' end})\n"
           "              read labels.sevrity (there is none)\n");
    /* no return: what lies below decides */
    expect(POLICY("\nfilter = function(alert)\n  if alert.labels.team ~= 'payments' then\n    return false\n  end\nend"),
           "  filter    10-payments.lua:6  nil  (no opinion: what lies below it is asked)\n"
           "              end})\n"
           "              read labels.team = \"payments\"\n"
           "            default.lua:36  true\n"
           "              return true\n");
    /* super() */
    expect(POLICY("\npriority = function(a, c, super)\n  return super()\nend"),
           "  priority  10-payments.lua:3  1000  (what super() said)\n"
           "              return super()\n"
           "              default.lua:");
    expect(POLICY("\npriority = function(a, c, super)\n  local n = super()\n  return n - 1\nend"),
           "  priority  10-payments.lua:4  999\n"
           "              return n - 1\n"
           "              default.lua:");
    expect(POLICY("\npriority = function(a, c, super)\n  return (pcall(error, 'x') and 1) or super() // 2\nend"),
           "  decided: priority 10-payments.lua:3,");
    /* a layer between the policy and the base */
    expect("local middle = policy.extend(policy.base, { api = 1,\n  title = function(a, c, super)\n"
           "    return 'M ' .. super()\n  end })\n"
           "return policy.extend(middle, { api = 1, match = 'alertname!=\"\"',\n"
           "  title = function(a, c, super) return super() end })",
           "  title     10-payments.lua:6  \"M HighErrorRate\"  (what super() said)\n"
           "              title = function(a, c, super) return super() end })\n"
           "              10-payments.lua:3  \"M HighErrorRate\"\n"
           "                return 'M ' .. super()\n"
           "                default.lua:55  \"HighErrorRate\"\n");
    expect("local middle = policy.extend(policy.base, { api = 1,\n  title = function(a, c, super)\n"
           "    return 'M ' .. super()\n  end })\n"
           "return policy.extend(middle, { api = 1, match = 'alertname!=\"\"',\n"
           "  title = function(a, c, super) return super() end })",
           "  decided: title 10-payments.lua:3,");
    /* the hook that no policy wrote */
    expect(POLICY(""), "  filter    default.lua:36  true\n              return true\n  key       default.lua:40  "
                       "\"a1b2c3d4e5f60718\"\n              return alert.fingerprint\n              read alert.fingerprint = "
                       "\"a1b2c3d4e5f60718\"\n  priority  default.lua:");
    expect(POLICY("retrigger = function(a, ctx) return ctx.last.attempts < 3, 'enough' end"),
           "  retrigger 10-payments.lua:1  false  enough\n");
    expect(POLICY("retrigger = function(a, ctx) return ctx.last.attempts < 3, 'enough' end"),
           "read ctx.last.attempts = \"3\"\n");
    /* asked from inside another hook */
    expect(POLICY("\nkey = function(a) return a.labels.team end,\nfilter = function(a, ctx) return ctx.state.x == nil end"),
           "  filter    10-payments.lua:3  true\n");
    expect(POLICY("\nkey = function(a) return a.labels.team end,\nfilter = function(a, ctx) return ctx.state.x == nil end"),
           "  key         10-payments.lua:2  \"payments\"\n");
}

static void failures_name_their_line(void **state)
{
    (void)state;
    expect(POLICY("\nfilter = function(alert)\n  return alert.labels.none .. 'x' == 'x'\nend"),
           "  filter    10-payments.lua:3  policy.error: attempt to concatenate a nil value (field 'none')\n"
           "              return alert.labels.none .. 'x' == 'x'\n"
           "              read labels.none (there is none)\n");
    expect(POLICY("\nfilter = function(alert)\n  return 'yes'\nend"),
           "  filter    10-payments.lua:3  \"yes\"  policy.bad_return: returned a string of 3 bytes; true or false");
    expect(POLICY("\nfilter = function(alert)\n  while true do end\nend"), "  filter    10-payments.lua:3  policy.timeout: ");
    expect(POLICY("\nfilter = function(alert)\n  local s = 'x'\n  while true do s = s .. s end\nend"),
           "policy.memory: used more than");
    /* the base stands in for a title that failed */
    expect(POLICY("\ntitle = function() error('no') end"),
           "  title     10-payments.lua:2  policy.error: no\n"
           "              title = function() error('no') end})\n"
           "            default.lua:55  \"HighErrorRate\"  (the base, because the policy's own hook failed)\n");
    /* caught: the chain goes on */
    expect(POLICY("\nfilter = function(a, c, super)\n  local ok = pcall(function() super(1) end)\n  return not ok\nend"),
           "  filter    10-payments.lua:4  true\n");
}

static void matches_tell_who_judges(void **state)
{
    (void)state;
    struct rig_setup s = {.policies = {{"00-wide.lua", KEEPS("wide", "severity=~\\\"crit.*\\\""), 0},
                                       {"05-broken.lua", "return {", 0},
                                       {"10-payments.lua", KEEPS("payments", "team=\\\"payments\\\""), 0},
                                       {"20-other.lua", KEEPS("other", "team!=\\\"payments\\\",x=\\\"y\\\""), 0},
                                       {"30-named.lua", "return { api = 1 }", 0}},
                          .explain = ALL};
    s.policies[0].source = "return { api = 1, name = 'wide', match = 'severity=~\"crit.*\"' }";
    s.policies[2].source = "return { api = 1, name = 'payments', match = 'team=\"payments\"' }";
    s.policies[3].source = "return { api = 1, name = 'other', match = 'severity=\"critical\",team!=\"payments\"' }";
    char *got = kit_run(&s, kit_plain, NULL, false);
    kit_expect(got, "  00-wide.lua  match severity=~\"crit.*\"  judges\n"
                    "  05-broken.lua  cannot be used, and might have been meant for it: 05-broken.lua:");
    kit_expect(got, "  10-payments.lua  match team=\"payments\"  fits, too, but an earlier file has the alert\n"
                    "  20-other.lua  match severity=\"critical\",team!=\"payments\"  does not fit: team is \"payments\"\n"
                    "  30-named.lua  has no match: acts only when named\n");
    free(got);
    s.named = "payments";
    got = kit_run(&s, kit_plain, NULL, false);
    kit_expect(got, "  00-wide.lua  match severity=~\"crit.*\"  is not the one that the document names\n");
    kit_expect(got, "  10-payments.lua  match team=\"payments\"  judges\n");
    free(got);
}

/* An alert that nobody asks about has no chain; its answer is the same to the byte. */
static void only_who_is_asked_about(void **state)
{
    (void)state;
    struct rig_setup s = {.policies = {{"10-payments.lua", POLICY("filter = function(a, c, super) return super() end"), 0}}};
    char *plain = kit_run(&s, kit_plain, &kit_finished, true);
    assert_null(strstr(plain, "chain:"));
    s.explain = LISTED;
    s.explained[0] = 1;
    char *other = kit_run(&s, kit_plain, &kit_finished, true);
    assert_string_equal(plain, other);
    s.explained[1] = 0xa1b2c3d4e5f60718;
    char *this = kit_run(&s, kit_plain, &kit_finished, true);
    assert_non_null(strstr(this, "chain:"));
    for (char *p = plain, *q = this; *p;) { /* line by line, the chain left out */
        size_t n = strcspn(p, "\n");
        if (strncmp(p, q, n) != 0)
            fail_msg("\n  expected: %s\n  in:       %s", p, q);
        q += n;
        if (strncmp(q, " chain:\n", 8) == 0) {
            q += 8;
            while (strncmp(q, "  ", 2) == 0 || *q == '\n')
                q += strcspn(q, "\n") + (*q != '\0');
        } else {
            q += *q == '\n';
        }
        p += n + (p[n] == '\n');
    }
    free(plain), free(other), free(this);
}

static void budgets_are_the_same(void **state)
{
    (void)state;
    /* a loop that fits the budget ordinarily fits it when it is explained, and one that does not does not */
    static const char fits[] = POLICY("filter = function() local n = 0 for i = 1, 400000 do n = n + i end return true end");
    static const char too_long[] = POLICY("filter = function() for i = 1, 3000000 do end return true end");
    for (unsigned explain = 0; explain <= ALL; explain += ALL) {
        char *got = explained(fits, explain, NULL, false);
        kit_expect(got, "judge: keep");
        free(got);
        got = explained(too_long, explain, NULL, false);
        kit_expect(got, "judge: error policy.timeout");
        free(got);
    }
}

/* ... and what takes long is explained, too, in not much more time. */
static void long_hooks_tell_where_they_return(void **state)
{
    (void)state;
    expect(POLICY("\nfilter = function(alert)\n  local n = 0\n  for i = 1, 400000 do\n    n = n + i\n  end\n"
                  "  return n < 0, 'long'\nend"),
           "  filter    10-payments.lua:7  false  long\n              return n < 0, 'long'\n");
    expect(POLICY("\nfilter = function(alert)\n  local n = 0\n  while true do\n    n = n + 1\n  end\nend"),
           "policy.timeout: used more than 2000000 instructions\n");
}

static void a_trace_shows_lines_and_locals(void **state)
{
    (void)state;
    static const char source[] = POLICY("\nfilter = function(alert)\n  local team = alert.labels.team\n  local n = #team\n"
                                        "  return n > 3, 'short'\nend");
    char *got = explained(source, ALL | TRACED, NULL, false);
    kit_expect(got, "  > 10-payments.lua:3  local team = alert.labels.team\n"
                    "  > 10-payments.lua:4  local n = #team    -- team=\"payments\"\n"
                    "  > 10-payments.lua:5  return n > 3, 'short'    -- team=\"payments\" n=8\n");
    free(got);
    /* it has an end */
    got = explained(POLICY("\nfilter = function()\n  for i = 1, 10000 do\n    local x = i\n  end\n  return true\nend"),
                    ALL | TRACED, NULL, false);
    kit_expect(got, " more lines\n");
    kit_expect(got, "filter    10-payments.lua:6  true\n");
    free(got);
}

static void measured_costs_little(void **state)
{
    (void)state;
    char *got = explained(POLICY("filter = function(a) return a.labels.x == nil, 'why' end"), ALL | MEASURED, NULL, false);
    kit_expect(got, "  filter    ?  true  why\n");
    assert_null(strstr(got, "read labels"));
    free(got);
}

/* What is said of itself has an end, whatever a policy does. */
static void chains_have_ends(void **state)
{
    (void)state;
    expect(POLICY("filter = function(a, c, super) for i = 1, 1000 do super() end return false, 'x' end"), "  ... and 937 more\n");
    expect(POLICY("filter = function(a, c, super) for i = 1, 1000 do local x = a.labels['l' .. i] end return true end"),
           "labels.l12 (there is none)\n");
    expect(POLICY("title = function() return ('x'):rep(190) .. '\\27[31m' end"), "xxx [31m\"");
    expect(POLICY("filter = function(a) return false, ('r'):rep(5000), ('d'):rep(5000) end"), "rrr: ddd");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layers_tell_who_decided), cmocka_unit_test(failures_name_their_line),
        cmocka_unit_test(matches_tell_who_judges), cmocka_unit_test(only_who_is_asked_about),
        cmocka_unit_test(budgets_are_the_same),    cmocka_unit_test(long_hooks_tell_where_they_return),
        cmocka_unit_test(a_trace_shows_lines_and_locals),
        cmocka_unit_test(measured_costs_little),   cmocka_unit_test(chains_have_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
