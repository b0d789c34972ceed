/* The worker as the engine meets it: the real executable, through its pipes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "worker_kit.h"

#include "base/mem.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void templates_render(void **state)
{
    (void)state;
    static const struct {
        struct rig_setup setup;
        const char *want;
    } table[] = {
        {{0}, "prompt=[HighErrorRate] branch=[]\n"},
        {{.prompt = "look"}, "prompt=[look] branch=[]"},
        {{.prompt = "{{.ID}} {{.Number}} {{.Kind}} {{.Labels}}|{{.Comments}}|{{.URL}}"},
         "prompt=[HighErrorRate-a1b2c3d4e5f60718 1145357516 Alert alertname, severity, "
         "team||http://p/g?x=1]"},
        {{.prompt = "{{.Fingerprint}} {{.StartsAt}} {{.Severity}} {{.Alert.labels.team}} {{.Alert.endsAt}} "
                    "{{.Alert.state}}"},
         "prompt=[a1b2c3d4e5f60718 2026-11-18T10:00:00.123456Z critical payments 2026-11-18T10:05:00.000Z "
         "active]"},
        {{.branch = "fix/{{.ID}}",
          .labels = {{"owner", "{{.Severity}}"}, {"x", "y"}},
          .annotations = {{"a", "{{.Title}}"}}},
         "branch=[fix/HighErrorRate-a1b2c3d4e5f60718] label=[critical] label=[y] annotation=[HighErrorRate]"},
        {{.prompt = "{{.Missing}}"},
         "compose: error error.template [failed to render prompt template: failed to execute template: "
         "template: prompt:1:2: "
         "executing \"prompt\" at <.Missing>: map has no entry for key \"Missing\"]"},
        {{.prompt = "{{"},
         "template: prompt: failed to render prompt template: failed to parse template: template: "
         "prompt:1: "},
        {{.prompt = "{{"},
         "compose: error error.template [failed to render prompt template: failed to parse template: "},
        {{.branch = "{{printf \"%0100000d\" 1}}"}, "failed to render branch template: "},
        {{.branch = "{{slice .URL 0 1}}{{\"\\xff\\x00\"}}"}, "branch=[h\xef\xbf\xbd\xef\xbf\xbd]"},
        {{.labels = {{"owner", "{{.No}}"}}},
         "[failed to render label owner template: failed to execute template: template: "
         "label[owner]:1:2: "},
        {{.name = "n-{{.ID}}"}, "name=n-HighErrorRate-a1b2c3d4e5f60718"},
        {{.name = "{{.}}"}, " Title:HighErrorRate "},
        {{.name = "{{.}}"}, "map[Alert:map[annotations:map["},
        {{.name = "{{$.Alert.labels.team}}"}, "name=payments"},
        {{.name = "{{with .Alert}}{{.labels.team}}{{end}}"}, "name=payments"},
        {{.name = "{{index . \"Alert\" \"state\"}}"}, "name=active"},
        {{.name = "{{$x := .}}{{$x.Body | len}}"}, "name=111"},
        {{.name = "{{.Title}}-x"}, "name=HighErrorRate-x"},
        {{.name = "{{.Context.x}}"},
         "name error=failed to render name template: failed to parse template: a name cannot refer "
         "to Context"},
        {{.name = "{{.Nope}}"},
         "judge: keep priority=1000 name error=failed to render name template: failed to execute template: "},
        {{.name = "{{.ID}}",
          .policies = {{"a.lua",
                        "return { api = 1, match = 'team=payments', key = function() return 'a/b' end }",
                        0}}},
         "key=a/b name=a-b-"},
        {{.name = "{{.Title}}",
          .policies = {{"a.lua",
                        "return { api = 1, match = 'team=payments', title = function() return 'mine' end }",
                        0}}},
         "name=mine"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char *got = kit_run(&table[i].setup, kit_plain, NULL, true);
        kit_expect(got, table[i].want);
        free(got);
    }
}

/* A policy that uses up its budget fails alone; the next alert and the next policy are judged. */
static void ceilings_are_per_question(void **state)
{
    (void)state;
    static const char source[] =
        "local n = 0 return { api = 1, match = 'alertname!=\"\"', filter = function() n = n + 1\n"
        "if n == 1 then while true do end elseif n == 2 then local t = {} while true do t = {t, {}, {}, {}} "
        "end "
        "else return false, 'n ' .. n end end }";
    const char *const three[] = {kit_plain, kit_plain, kit_plain};
    struct rig_setup s = {.policies = {{"a.lua", source, 0}}};
    struct rig r = {0};
    struct buf text = {0};
    rig_start(&r);
    rig_ready(&r, &s, &text);
    rig_judge(&r, three, 3, &text);
    rig_judge(&r, three, 1, &text);
    /* memory throws the VM away: what the policy remembered is gone, and the first question comes again */
    kit_expect(
        text.data,
        "judge: error policy.timeout [a.lua:2: filter: used more than 2000000 instructions] by=a at=a.lua:2\n"
        "judge: error policy.memory [a.lua:1: filter: used more than 16384 KiB of memory] by=a at=a.lua:1\n"
        "judge: error policy.timeout");
    buf_free(&text);
    rig_stop(&r);

    struct rig_setup total = {.cycle_instructions = 3000000,
                              .policies = {{"a.lua",
                                            "return { api = 1, match = 'team=payments', filter = function() "
                                            "for i = 1, 400000 do end return true end }",
                                            0}}};
    struct rig q = {0};
    const char *many[12];
    for (size_t i = 0; i < 12; i++)
        many[i] = kit_plain;
    rig_start(&q);
    rig_ready(&q, &total, &text);
    rig_judge(&q, many, 12, &text);
    kit_expect(text.data, "judge: keep");
    kit_expect(text.data, "judge: error policy.timeout [a.lua:1: filter: all hooks together used more than "
                      "3000000 instructions]");
    buf_free(&text);
    rig_stop(&q);
}

/* The engine's side of a death: the black box says what it was doing. */
static void the_black_box_tells(void **state)
{
    (void)state;
    static const char source[] = "return { api = 1, match = 'alertname!=\"\"', key = function() return "
                                 "('a'):rep(2000):find(('.-'):rep(9) .. 'b') end }";
    struct rig_setup s = {.policies = {{"a.lua", KEEPS("one", "team=web"), 0}, {"b.lua", source, 0}}};
    struct rig r = {.patience_ms = 1500};
    struct buf text = {0};
    const char *const two[] = {ALERT("\"alertname\":\"A\",\"team\":\"web\"", ""), kit_plain};
    rig_start(&r);
    rig_ready(&r, &s, &text);
    rig_judge(&r, two, 2, &text);
    kit_expect(text.data, "worker: hung");
    assert_int_equal(r.box->hook, HOOK_KEY);
    assert_int_equal(r.box->policy, 1);
    assert_int_equal(r.box->id, 1);
    assert_true(r.box->calls > 5);
    buf_free(&text);
    rig_stop(&r);
}

static void nonsense_ends_the_worker(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
    } table[] = {
        {"\0\0\0\0", 4},
        {"\xff\xff\xff\xff", 4},
        {"GET / HTTP/1.1\r\n\r\n", 18},
        {"\x01\0\0\0J", 5},         /* before SETUP */
        {"\x01\0\0\0H", 5},         /* not for a worker */
        {"\x05\0\0\0S\0\0\0\0", 9}, /* SETUP that ends early */
        {"\x09\0\0\0J\xff\xff\xff\xffxxxx", 13},
        {"\x00\x00\x00\x01J", 5}, /* half a frame, then the end */
        {"\x05", 1},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct rig r = {0};
        rig_start(&r);
        assert_int_equal(write(r.in, table[i].bytes, table[i].len), table[i].len);
        close(r.in);
        r.in = -1;
        struct buf nothing = {0};
        assert_false(rig_exchange(&r, &nothing, WIRE_READY));
        assert_true(WIFEXITED(r.status));
        assert_int_equal(WEXITSTATUS(r.status), 3);
        assert_int_equal(strncmp(r.stderr_text.data, "alertspawner-worker: ", 21), 0);
        rig_stop(&r);
    }
    struct rig r = {0}; /* the ordinary end */
    rig_start(&r);
    close(r.in);
    r.in = -1;
    struct buf nothing = {0};
    assert_false(rig_exchange(&r, &nothing, WIRE_READY));
    assert_int_equal(r.status, 0);
    rig_stop(&r);
}

/* After SETUP: every truncation of a JUDGE frame and a lying index. */
static void half_questions_end_the_worker(void **state)
{
    (void)state;
    struct buf whole = {0};
    wire_u32(&whole, 1);
    rig_add_alert(&whole, 1, kit_plain);
    for (size_t cut = 0; cut < whole.len; cut += 37) {
        struct rig r = {0};
        struct buf text = {0}, b = {0};
        struct rig_setup s = {0};
        rig_start(&r);
        rig_ready(&r, &s, &text);
        size_t mark = wire_begin(&b, WIRE_JUDGE);
        buf_add(&b, whole.data, cut);
        wire_end(&b, mark);
        assert_false(rig_exchange(&r, &b, WIRE_READY));
        assert_int_equal(WIFEXITED(r.status) ? WEXITSTATUS(r.status) : 99, 3);
        rig_stop(&r);
        buf_free(&b);
        buf_free(&text);
    }
    buf_free(&whole);
}

static int run_command(const char *command, struct buf *out)
{
    FILE *f = popen(command, "r");
    assert_non_null(f);
    char text[4096];
    size_t n;
    while ((n = fread(text, 1, sizeof text, f)) > 0)
        buf_add(out, text, n);
    buf_addc(out, 0);
    return pclose(f);
}

static void the_wall_stands(void **state)
{
    (void)state;
    struct buf out = {0};
    assert_int_equal(run_command(WORKER_PATH " --self-test", &out), 0);
    static const char *const names[] = {"openat", "socket", "clone",          "execve",
                                        "kill",   "ptrace", "mmap PROT_EXEC", "read from descriptor 3"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *line = xasprintf("%s: refused (Operation not permitted)\n", names[i]);
        kit_expect(out.data, line);
        free(line);
    }
    assert_null(strstr(out.data, "ALLOWED"));
    buf_free(&out);
    assert_int_equal(run_command("ldd " WORKER_PATH, &out), 0);
    static const char *const banned[] = {"curl",   "libssl", "libcrypto", "libuv",
                                         "sqlite", "cjson",  "libyaml"};
    for (size_t i = 0; i < sizeof banned / sizeof *banned; i++)
        assert_null(strcasestr(out.data, banned[i]));
    kit_expect(out.data, "liblua5.4");
    buf_free(&out);
    assert_int_equal(run_command(WORKER_PATH " --version", &out), 0);
    kit_expect(out.data, "alertspawner-worker " AS_VERSION "\n");
    buf_free(&out);
    assert_int_equal(WEXITSTATUS(run_command(WORKER_PATH " --nonsense 2>&1", &out)), 2);
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(templates_render),
        cmocka_unit_test(ceilings_are_per_question),
        cmocka_unit_test(the_black_box_tells),
        cmocka_unit_test(nonsense_ends_the_worker),
        cmocka_unit_test(half_questions_end_the_worker),
        cmocka_unit_test(the_wall_stands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
