/* Policies that mean harm: test/hostile/, one file each. The first lines of each say "-- expect: " and a
 * piece of what the worker must say (see worker_rig.h), or "-- expect-not: " and one that it must not. Those that
 * must hang are those whose only cure is the engine's kill. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "worker_rig.h"

#include "base/mem.h"
#include "tasks/store.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

static const char alert[] =
    "{\"annotations\":{\"summary\":\"errors are up\"},\"endsAt\":\"2026-11-18T10:05:00.000Z\","
    "\"fingerprint\":\"a1b2c3d4e5f60718\",\"receivers\":[{\"name\":\"oncall\"}],\"startsAt\":\"2026-11-18T10:"
    "00:00.123456Z\","
    "\"status\":{\"inhibitedBy\":[],\"silencedBy\":[],\"state\":\"active\"},\"labels\":{\"alertname\":"
    "\"HighErrorRate\"}}";

static char *read_file(const char *path)
{
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    struct buf b = {0};
    char text[4096];
    size_t n;
    while ((n = fread(text, 1, sizeof text, f)) > 0)
        buf_add(&b, text, n);
    fclose(f);
    return buf_take(&b);
}

/* Everything the worker says about one policy and one alert. */
static char *provoke_with(const char *file, const char *source, size_t len, const char *about, int64_t patience_ms)
{
    static const struct rig_last last = {
        .task = "t", .phase = TASK_SUCCEEDED, .completed = 1, .created = 1, .starts_at = 1};
    const char *alerts[] = {about};
    struct rig r = {.patience_ms = patience_ms};
    struct rig_setup setup = {.policies = {{file, source, len}}};
    struct buf text = {0};
    rig_start(&r);
    rig_ready(&r, &setup, &text);
    if (!r.dead)
        rig_judge(&r, alerts, 1, &text);
    if (!r.dead)
        rig_retrigger(&r, about, &last, &text);
    if (!r.dead)
        rig_compose(&r, about, NULL, &text);
    rig_stop(&r);
    return buf_take(&text);
}

static char *provoke(const char *file, const char *source, size_t len, int64_t patience_ms)
{
    return provoke_with(file, source, len, alert, patience_ms);
}

/* The first lines of a file: "-- expect: piece", "-- expect-not: piece". */
static bool check_lines(const char *file, const char *source, const char *got, bool *hangs_r)
{
    static const char *const marks[] = {"-- expect: ", "-- expect-not: "};
    size_t lines = 0;
    bool ok = true;
    for (const char *p = source; *p; p += strcspn(p, "\n"), p += *p == '\n', lines++) {
        bool not = strncmp(p, marks[1], strlen(marks[1])) == 0;
        if (!not && strncmp(p, marks[0], strlen(marks[0])) != 0)
            break;
        p += strlen(marks[not]);
        char *piece = xstrndup(p, strcspn(p, "\n"));
        *hangs_r = *hangs_r || strcmp(piece, "worker: hung") == 0;
        if ((strstr(got, piece) == NULL) != not) {
            print_error("%s\n  %s: %s\n  in:       %.2000s\n", file, not ? "unwanted" : "expected", piece, got);
            ok = false;
        }
        free(piece);
    }
    return ok && lines > 0;
}

static bool check_file(const char *file)
{
    char *path = xasprintf("test/hostile/%s", file);
    char *source = read_file(path),
         *got = provoke(file, source, 0, strstr(source, "worker: hung") ? 2000 : 60000);
    bool hangs = false, ok = check_lines(file, source, got, &hangs);
    if (!hangs && strstr(got, "worker: ")) {
        print_error("%s: the worker did not survive: %.2000s\n", file, got);
        ok = false;
    }
    /* nothing in what it says can steer a terminal or forge a line */
    for (const char *p = got; *p; p++)
        if ((unsigned char)*p < 32 && *p != '\n')
            ok = false;
    free(path);
    free(source);
    free(got);
    return ok;
}

static void every_file_meets_its_end(void **state)
{
    (void)state;
    struct dirent **names;
    int n = scandir("test/hostile", &names, NULL, alphasort), tried = 0, failed = 0;
    assert_true(n > 0);
    for (int i = 0; i < n; i++) {
        const char *dot = strrchr(names[i]->d_name, '.');
        if (dot && strcmp(dot, ".lua") == 0) {
            tried++;
            failed += !check_file(names[i]->d_name);
        }
        free(names[i]);
    }
    free(names);
    assert_true(tried >= 60);
    assert_int_equal(failed, 0);
}

/* Sources that cannot be files of a readable size. */
static void sources_that_are_no_text(void **state)
{
    (void)state;
    struct buf elseif = {0}, parens = {0}, locals = {0}, labels = {0}, concat = {0}, quote = {0}, braces = {0},
               functions = {0}, unary = {0}, upvalues = {0}, constants = {0};
    buf_adds(&elseif, "if x then ");
    for (int i = 0; i < 3000; i++)
        buf_adds(&elseif, "elseif x==1 then ");
    buf_adds(&elseif, "end");
    buf_adds(&parens, "return ");
    for (int i = 0; i < 30000; i++)
        buf_addc(&parens, '(');
    for (int i = 0; i < 201; i++)
        buf_addf(&locals, "local a%d\n", i);
    for (int i = 0; i < 5000; i++)
        buf_addf(&labels, "::l%d::", i);
    buf_adds(&concat, "return ''");
    for (int i = 0; i < 15000; i++)
        buf_adds(&concat, "..x");
    buf_adds(&quote, "return [[");
    for (int i = 0; i < 65530; i++)
        buf_addc(&quote, 'x');
    buf_adds(&quote, "]]");
    buf_adds(&braces, "return ");
    for (int i = 0; i < 30000; i++)
        buf_addc(&braces, '{');
    for (int i = 0; i < 3000; i++)
        buf_adds(&functions, "return function() ");
    buf_adds(&unary, "return ");
    for (int i = 0; i < 15000; i++)
        buf_adds(&unary, "- -~");
    for (int i = 0; i < 150; i++)
        buf_addf(&upvalues, "local a%d\n", i);
    buf_adds(&upvalues, "return function()\n");
    for (int i = 0; i < 150; i++)
        buf_addf(&upvalues, "local b%d\n", i);
    buf_adds(&upvalues, "return function() return 0");
    for (int i = 0; i < 150; i++)
        buf_addf(&upvalues, "+a%d+b%d", i, i);
    buf_adds(&upvalues, " end end");
    buf_adds(&constants, "return {");
    for (int i = 0; constants.len < 65000; i++)
        buf_addf(&constants, "%d,", 100000 + i);
    buf_adds(&constants, "}");
    const struct {
        const char *source;
        size_t len;
        const char *want;
    } table[] = {
        {braces.data, braces.len, "load: x.lua: C stack overflow"},
        {functions.data, functions.len, "load: x.lua: C stack overflow"},
        {unary.data, unary.len, "load: x.lua: C stack overflow"},
        {upvalues.data, upvalues.len, "too many upvalues"},
        {constants.data, constants.len, "load: x.lua: unknown field '[1"},
        {elseif.data, elseif.len, "load: x.lua: must return one table"},
        {parens.data, parens.len, "load: x.lua: C stack overflow"},
        {locals.data, locals.len, "load: x.lua:202: too many local variables"},
        {labels.data, labels.len, "load: x.lua: C stack overflow"},
        {concat.data, concat.len, "load: x.lua: C stack overflow"},
        {quote.data, quote.len, "load: x.lua: is larger than 64 KiB"},
        {"\x1bLuaS\0\x19\x93\r\n\x1a\n", 12, "load: x.lua: "},
        {"# comment\n\x1bLuaT", 15, "load: x.lua:1: unexpected symbol near '#'"},
        {"\xef\xbb\xbf\x1bLuaT", 8, "load: x.lua:1: "},
        {"\xff\xfe"
         "r\0e\0t\0",
         8, "load: x.lua: is not valid UTF-8"},
        {"\x1f\x8b\x08", 3, "load: x.lua: is not valid UTF-8"},
        {"return \0 {}", 11, "load: x.lua:1: "},
        {"x", 1, "load: x.lua:1: syntax error near <eof>"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char *got = provoke("x.lua", table[i].source, table[i].len, 60000);
        if (!strstr(got, table[i].want) || strstr(got, "worker: "))
            fail_msg("row %zu\n  expected: %s\n  in:       %.2000s", i, table[i].want, got);
        free(got);
    }
    struct buf *bufs[] = {&elseif, &parens, &locals, &labels, &concat, &quote,
                          &braces, &functions, &unary, &upvalues, &constants};
    for (size_t i = 0; i < sizeof bufs / sizeof *bufs; i++)
        buf_free(bufs[i]);
}

/* The alert as the attacker: policies that mean well, and label names and values that somebody chose with care. */
static void alerts_that_mean_harm(void **state)
{
    (void)state;
    struct buf spaces = {0}, long_value = {0};
    buf_adds(&spaces, "{\"annotations\":{\"summary\":\"");
    for (int i = 0; i < 32768; i++)
        buf_addc(&spaces, ' ');
    buf_adds(&spaces, "x\"},\"labels\":{\"alertname\":\"A\"}");
    buf_adds(&long_value, "{\"annotations\":{},\"labels\":{\"alertname\":\"A\",\"big\":\"");
    for (int i = 0; i < 1000000; i++)
        buf_addc(&long_value, (char)('a' + i % 26));
    buf_adds(&long_value, "\"}");
    static const char rest[] = ",\"endsAt\":\"2026-11-18T10:05:00Z\",\"startsAt\":\"2026-11-18T10:00:00Z\",\"fingerprint\":"
                               "\"a1b2c3d4e5f60718\",\"receivers\":[],\"status\":{\"inhibitedBy\":[],\"silencedBy\":[],"
                               "\"state\":\"active\"}}";
    const struct {
        const char *alert, *source, *want;
    } table[] = {
        {"{\"annotations\":{},\"labels\":{\"__index\":\"i\",\"__gc\":\"g\",\"__metatable\":\"m\",\"__pairs\":\"p\",\"__len\":"
         "\"l\",\"n\":\"9\",\"1\":\"one\"}",
         "local l = alert.labels local s = '' for k, v in pairs(l) do s = s .. k .. '=' .. v .. ' ' end "
         "return s .. tostring(l.alertname) .. tostring(l[1]) .. l['1'] .. tostring(getmetatable(l))",
         "body=[1=one __gc=g __index=i __len=l __metatable=m __pairs=p n=9 nilnilonenil]"},
        {spaces.data, "return text.trim(alert.annotations.summary) .. #text.trim_end(alert.annotations.summary)",
         "body=[x32769]"},
        {spaces.data, "return #text.split(alert.annotations.summary, ' ') .. ' ' .. #text.lines(alert.annotations.summary)",
         "body=[32769 1]"},
        {spaces.data, "return #text.truncate(alert.annotations.summary, 100, '...')", "returned the number 100"},
        {spaces.data, "return alert.annotations.summary:match('^%s*(.-)%s*$')", "patterns work on at most 8192 bytes"},
        {long_value.data, "return tostring(#alert.labels.big)", "body=[1000000]"},
        {long_value.data, "return alert.labels.big", "[truncated]"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char *json = xasprintf("%s%s", table[i].alert, rest);
        char *source = xasprintf("return { api = 1, match = 'alertname=~\".*\"', body = function(alert) %s end }",
                                 table[i].source);
        char *got = provoke_with("x.lua", source, 0, json, 60000);
        if (!strstr(got, table[i].want) || strstr(got, "worker: "))
            fail_msg("row %zu\n  expected: %s\n  in:       %.2000s", i, table[i].want, got);
        free(json);
        free(source);
        free(got);
    }
    buf_free(&spaces);
    buf_free(&long_value);
}

/* Every ceiling on memory from none upwards: no crash, and in the end it works. */
static void every_memory_ceiling_is_survived(void **state)
{
    (void)state;
    static const char source[] =
        "return policy.extend(policy.base, { api = 1, match = 'alertname=~\"High.*\"', "
        "filter = function(a, c, s) return s() end, title = function(a) return 'T' .. a.name end })";
    static const struct rig_last last = {
        .task = "t", .phase = TASK_SUCCEEDED, .completed = 1, .created = 1, .starts_at = 1};
    const char *alerts[] = {alert};
    bool worked = false;
    for (uint64_t memory = 1; memory < 200000; memory += memory < 4000 ? 499 : 1777) {
        struct rig r = {0};
        struct rig_setup setup = {.memory = memory, .policies = {{"a.lua", source, 0}}};
        struct buf text = {0};
        rig_start(&r);
        rig_ready(&r, &setup, &text);
        rig_judge(&r, alerts, 1, &text);
        rig_retrigger(&r, alert, &last, &text);
        rig_compose(&r, alert, NULL, &text);
        assert_null(strstr(text.data, "worker: "));
        bool now = strstr(text.data, "judge: keep priority=1000 by=a\n") &&
                   strstr(text.data, "title=[THighErrorRate]");
        assert_true(now || !worked || strstr(text.data, "policy.memory") || strstr(text.data, "fallback="));
        worked = now;
        rig_stop(&r);
        buf_free(&text);
    }
    assert_true(worked);
}

/* Each within its own ceiling, one alert for each in one batch: no policy loses its memory to the others. (Only where the
 * worker's own memory is limited, which it is not under the sanitizers, can this fail.) */
static void many_large_policies_take_turns(void **state)
{
    (void)state;
    enum { POLICIES = 15 };
    struct rig r = {0};
    struct rig_setup setup = {0};
    struct buf text = {0};
    char *alerts[POLICIES];
    for (int i = 0; i < POLICIES; i++) {
        setup.policies[i].file = xasprintf("p%02d.lua", i);
        setup.policies[i].source =
            xasprintf("local t = {} for i = 1, 400000 do t[i] = i end "
                      "return { api = 1, match = 'alertname=\"A%d\"', key = function() return 'k' .. #t end }", i);
        alerts[i] = xasprintf("{\"annotations\":{},\"labels\":{\"alertname\":\"A%d\"},\"endsAt\":\"2026-11-18T10:05:00Z\","
                              "\"startsAt\":\"2026-11-18T10:00:00Z\",\"fingerprint\":\"a1b2c3d4e5f60718\","
                              "\"receivers\":[],\"status\":{\"inhibitedBy\":[],\"silencedBy\":[],\"state\":\"active\"}}",
                              i);
    }
    rig_start(&r);
    rig_ready(&r, &setup, &text);
    buf_clear(&text);
    rig_judge(&r, (const char *const *)alerts, POLICIES, &text);
    for (int i = 0; i < POLICIES; i++) {
        char *want = xasprintf("judge: keep priority=1000 key=k400000 by=p%02d", i);
        if (!strstr(text.data, want))
            fail_msg("\n  expected: %s\n  in:       %s", want, text.data);
        free(want);
        free((char *)setup.policies[i].file);
        free((char *)setup.policies[i].source);
        free(alerts[i]);
    }
    rig_stop(&r);
    buf_free(&text);
}

/* The exact set of what a policy can reach, by name and type. A new name here is a decision. */
static void the_environment_is_exactly_this(void **state)
{
    (void)state;
    static const char walker[] =
        "local out, seen = {}, {}\n"
        "local function walk(path, t)\n"
        "  if seen[t] then return end seen[t] = true\n"
        "  for k, v in next, t do\n"
        "    out[#out + 1] = path .. tostring(k) .. ':' .. type(v)\n"
        "    if type(v) == 'table' and v ~= seen and v ~= out then walk(path .. tostring(k) .. '.', v) end\n"
        "    local mt = getmetatable(v) if mt then out[#out + 1] = path .. tostring(k) .. ' has a metatable' "
        "end\n"
        "  end\n"
        "end\n"
        "walk('', _ENV)\n"
        "table.sort(out)\n"
        "for k, v in next, string do if ('')[k] == nil then out[#out + 1] = 'no method ' .. k end end\n"
        "local list = table.concat(out, ' ')\n"
        "return { api = 1, match = 'alertname!=\"\"', body = function() return list end }";
    static const char want[] =
        "body=[_VERSION:string assert:function backoff:function cooldown:function duration.format:function "
        "duration.parse:function duration:table error:function getmetatable:function "
        "hash.bucket:function hash.fingerprint:function hash.hex:function hash:table include:function "
        "ipairs:function k8s.branch:function k8s.label_value:function k8s.name:function k8s:table "
        "match:function math.abs:function math.acos:function math.asin:function math.atan:function "
        "math.ceil:function math.cos:function math.deg:function math.exp:function math.floor:function "
        "math.fmod:function math.huge:number math.log:function math.max:function math.maxinteger:number "
        "math.min:function math.mininteger:number math.modf:function math.pi:number math.rad:function "
        "math.sin:function math.sqrt:function math.tan:function math.tointeger:function "
        "math.type:function math.ult:function math:table next:function pairs:function pcall:function "
        "policy.base.api:number policy.base.body:function policy.base.describe:string "
        "policy.base.filter:function policy.base.key:function policy.base.name:string "
        "policy.base.on_resolve:function policy.base.priority:function policy.base.retrigger:function "
        "policy.base.title:function policy.base:table policy.extend:function policy:table "
        "print:function report.body:function report.members:function report:table select:function "
        "setmetatable:function severity.at_least:function severity.rank:function severity:table "
        "string.byte:function string.char:function string.find:function string.format:function "
        "string.gmatch:function string.gsub:function string.len:function string.lower:function "
        "string.match:function string.pack:function string.packsize:function string.rep:function "
        "string.reverse:function string.sub:function string.unpack:function string.upper:function "
        "string:table table.concat:function table.insert:function table.move:function "
        "table.pack:function table.remove:function table.sort:function table.unpack:function "
        "table:table template.render:function template:table text.contains:function "
        "text.ends_with:function text.fence:function text.json:function text.lines:function "
        "text.lower:function text.redact:function text.replace:function text.sorted:function "
        "text.split:function text.starts_with:function text.table:function text.title:function "
        "text.trim:function text.trim_end:function text.truncate:function text.upper:function "
        "text:table time.format:function time.holiday:function time.next:function time.parse:function "
        "time.parts:function time.within:function time:table tonumber:function tostring:function "
        "type:function utf8.char:function utf8.charpattern:string utf8.codepoint:function "
        "utf8.codes:function utf8.len:function utf8.offset:function utf8:table]";
    char *got = provoke("walk.lua", walker, 0, 60000);
    if (!strstr(got, want))
        fail_msg("\n  expected: %s\n  in:       %s", want, got);
    free(got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_file_meets_its_end),
        cmocka_unit_test(sources_that_are_no_text),
        cmocka_unit_test(alerts_that_mean_harm),
        cmocka_unit_test(every_memory_ceiling_is_survived),
        cmocka_unit_test(many_large_policies_take_turns),
        cmocka_unit_test(the_environment_is_exactly_this),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
