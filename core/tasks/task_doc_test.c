/* task_doc: whole Tasks, and what may not become one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "policy/judge.h"
#include "spawner/spawner.h"
#include "tasks/task_doc.h"

#include <stdio.h>
#include <stdlib.h>

/* A spawner and a composition that a test may change before it builds. */
struct fixture {
    struct spawner spawner;
    struct composition composition;
    struct task_doc_input in;
    struct template_pair labels[2], annotations[8];
    char *label_texts[2], *annotation_texts[8];
    cJSON *task;
    char *warning;
    struct err err;
};

static cJSON *json(const char *text)
{
    cJSON *j = cJSON_Parse(text);
    assert_non_null(j);
    return j;
}

static void fixture_init(struct fixture *f, const char *spec)
{
    memset(f, 0, sizeof *f);
    f->spawner = (struct spawner){.kind = "TaskSpawner", .api_version = "kelos.dev/v1alpha1", .name = "oom-remediator",
                                  .ns = "default", .uid = "", .task_spec = json(spec), .labels = f->labels,
                                  .annotations = f->annotations};
    f->composition = (struct composition){.ok = true, .prompt = "Look at it", .prompt_len = 10,
                                          .labels = f->label_texts, .annotations = f->annotation_texts};
    f->in = (struct task_doc_input){.spawner = &f->spawner, .composition = &f->composition, .name = "oom-a-1",
                                    .identity = 0x00c0ffee12345678, .alertname = "KubePodOOMKilled",
                                    .policy = "default", .reason = REASON_CREATE_NEW};
    assert_int_equal(moment_parse("2026-11-22T08:15:30.123456Z", 27, &f->in.starts_at), 0);
}

static void label(struct fixture *f, char *key, char *text)
{
    f->label_texts[f->spawner.n_labels] = text;
    f->labels[f->spawner.n_labels++] = (struct template_pair){key, "{{.X}}"};
    f->composition.n_labels = f->spawner.n_labels;
}

static void annotation(struct fixture *f, char *key, char *text)
{
    f->annotation_texts[f->spawner.n_annotations] = text;
    f->annotations[f->spawner.n_annotations++] = (struct template_pair){key, "{{.X}}"};
    f->composition.n_annotations = f->spawner.n_annotations;
}

static void fixture_deinit(struct fixture *f)
{
    cJSON_Delete(f->task);
    cJSON_Delete(f->spawner.task_spec);
    cJSON_Delete(f->spawner.credentials);
    free(f->warning);
}

static int build(struct fixture *f)
{
    return task_doc_build(&f->in, &f->task, &f->warning, &f->err);
}

static void check_task(struct fixture *f, const char *want)
{
    cJSON *spec_before = cJSON_Duplicate(f->spawner.task_spec, true);
    if (build(f) < 0)
        fail_msg("%s", f->err.msg);
    char *got = cJSON_PrintUnformatted(f->task);
    assert_string_equal(got, want);
    free(got);
    /* The template is everybody's: it must stay as it was. */
    assert_true(cJSON_Compare(spec_before, f->spawner.task_spec, true));
    cJSON_Delete(spec_before);
}

static void check_bad(struct fixture *f, enum err_kind kind, const char *part)
{
    assert_int_equal(build(f), -1);
    assert_null(f->task);
    assert_null(f->warning);
    assert_int_equal(f->err.kind, kind);
    assert_non_null(strstr(f->err.msg, "Task oom-a-1"));
    if (strstr(f->err.msg, part) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", part, f->err.msg);
    fixture_deinit(f);
}

#define META \
    "{\"apiVersion\":\"kelos.dev/v1alpha2\",\"kind\":\"Task\",\"metadata\":{\"name\":\"oom-a-1\",\"namespace\":\"default\","
#define ANNOTATIONS                                                                                             \
    "\"annotations\":{\"alerts.kelos.dev/fingerprint\":\"00c0ffee12345678\","                                   \
    "\"alerts.kelos.dev/starts-at\":\"2026-11-22T08:15:30.123456Z\","                                           \
    "\"alerts.kelos.dev/alertname\":\"KubePodOOMKilled\",\"alerts.kelos.dev/policy\":\"default\","              \
    "\"alerts.kelos.dev/reason\":\"create.new\"}"
#define SPAWNER_LABEL "\"labels\":{\"kelos.dev/taskspawner\":\"oom-remediator\"},"

static void test_least(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, "{\"type\":\"claude-code\"}");
    check_task(&f, META SPAWNER_LABEL ANNOTATIONS "},\"spec\":{\"type\":\"claude-code\",\"prompt\":\"Look at it\"}}");
    assert_null(f.warning);
    fixture_deinit(&f);
}

static void test_most(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, "{\"type\":\"claude-code\",\"credentials\":{\"type\":\"api-key\",\"secretRef\":{\"name\":\"k\"}},"
                     "\"workspaceRef\":{\"name\":\"w\"},\"ttlSecondsAfterFinished\":0,\"dependsOn\":[\"x\"]}");
    f.spawner.uid = "8f3b";
    f.spawner.kind = "AlertSpawner";
    f.spawner.api_version = "alerts.kelos.dev/v1alpha1";
    f.composition.branch = "fix/alert-a";
    f.in.reason_text = "policy.page";
    f.in.policy_hash = "0123456789abcdef0123456789abcdef";
    f.in.alertname = "";
    label(&f, "team", "");
    label(&f, "kelos.dev/taskspawner", "somebody-else");
    annotation(&f, "alerts.kelos.dev/fingerprint", "forged");
    annotation(&f, "alerts.kelos.dev/starts-at", "forged");
    annotation(&f, "alerts.kelos.dev/ordinal", "99999");
    annotation(&f, "alerts.kelos.dev/policy-hash", "forged");
    annotation(&f, "Example.COM/note", "caf\303\251 \"x\"\n");
    check_task(&f, META "\"labels\":{\"kelos.dev/taskspawner\":\"oom-remediator\",\"team\":\"\"},"
                        "\"annotations\":{\"alerts.kelos.dev/fingerprint\":\"00c0ffee12345678\","
                        "\"alerts.kelos.dev/starts-at\":\"2026-11-22T08:15:30.123456Z\","
                        "\"alerts.kelos.dev/policy\":\"default\","
                        "\"alerts.kelos.dev/policy-hash\":\"0123456789abcdef0123456789abcdef\","
                        "\"alerts.kelos.dev/reason\":\"policy.page\","
                        "\"Example.COM/note\":\"caf\303\251 \\\"x\\\"\\n\"},"
                        "\"ownerReferences\":[{\"apiVersion\":\"alerts.kelos.dev/v1alpha1\",\"kind\":\"AlertSpawner\","
                        "\"name\":\"oom-remediator\",\"uid\":\"8f3b\",\"controller\":true}]},"
                        "\"spec\":{\"type\":\"claude-code\",\"credentials\":{\"type\":\"api-key\","
                        "\"secretRef\":{\"name\":\"k\"}},\"workspaceRef\":{\"name\":\"w\"},"
                        "\"ttlSecondsAfterFinished\":0,\"dependsOn\":[\"x\"],\"prompt\":\"Look at it\","
                        "\"branch\":\"fix/alert-a\"}}");
    assert_null(f.warning);
    fixture_deinit(&f);
}

#define CREDENTIALS                                                                   \
    "[{\"name\":\"a\",\"type\":\"oauth\",\"secretRef\":{\"name\":\"sa\"}},"           \
    "{\"name\":\"b\",\"type\":\"api-key\",\"secretRef\":{\"name\":\"sb\"}}]"

static void test_credentials(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, "{\"worker\":{\"type\":\"codex\"}}");
    f.spawner.credentials = json(CREDENTIALS);
    f.in.credential_pick = UINT64_MAX; /* odd: the second */
    label(&f, "kelos.dev/spawner-credential", "forged");
    check_task(&f, META "\"labels\":{\"kelos.dev/taskspawner\":\"oom-remediator\","
                        "\"kelos.dev/spawner-credential\":\"b\"}," ANNOTATIONS
                        "},\"spec\":{\"worker\":{\"type\":\"codex\",\"credentials\":{\"type\":\"api-key\","
                        "\"secretRef\":{\"name\":\"sb\"}}},\"prompt\":\"Look at it\"}}");
    fixture_deinit(&f);

    fixture_init(&f, "{\"type\":\"codex\"}");
    f.spawner.credentials = json(CREDENTIALS);
    f.in.credential_pick = 4;
    check_task(&f, META "\"labels\":{\"kelos.dev/taskspawner\":\"oom-remediator\","
                        "\"kelos.dev/spawner-credential\":\"a\"}," ANNOTATIONS
                        "},\"spec\":{\"type\":\"codex\",\"credentials\":{\"type\":\"oauth\","
                        "\"secretRef\":{\"name\":\"sa\"}},\"prompt\":\"Look at it\"}}");
    fixture_deinit(&f);

    /* Without spec.credentials that label is a label like others. */
    fixture_init(&f, "{\"type\":\"codex\"}");
    label(&f, "kelos.dev/spawner-credential", "mine");
    assert_int_equal(build(&f), 0);
    const cJSON *labels = cJSON_GetObjectItem(cJSON_GetObjectItem(f.task, "metadata"), "labels");
    assert_string_equal(cJSON_GetObjectItem(labels, "kelos.dev/spawner-credential")->valuestring, "mine");
    fixture_deinit(&f);
}

static const char *spec_text(const struct fixture *f, const char *key)
{
    return cJSON_GetStringValue(cJSON_GetObjectItem(cJSON_GetObjectItem(f->task, "spec"), key));
}

/* branch in, branch out, what the warning says ("" = none) */
static const struct {
    char *rendered;
    const char *branch, *warning;
} branches[] = {
    {"fix/a", "fix/a", ""},
    {"", NULL, ""},
    {NULL, NULL, ""},
    {"fix/Disk Full", "fix/Disk-Full", "branch \"fix/Disk Full\" is no branch that git takes: it became \"fix/Disk-Full\""},
    {"..", NULL, "branch \"..\" is no branch that git takes: nothing of it is left, and the Task has none"},
};

static void test_branches(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof branches / sizeof branches[0]; i++) {
        struct fixture f;
        fixture_init(&f, "{\"type\":\"codex\"}");
        f.composition.branch = branches[i].rendered;
        assert_int_equal(build(&f), 0);
        const char *branch = spec_text(&f, "branch");
        assert_int_equal(branch == NULL, branches[i].branch == NULL);
        if (branch != NULL)
            assert_string_equal(branch, branches[i].branch);
        assert_string_equal(f.warning != NULL ? f.warning : "", branches[i].warning);
        fixture_deinit(&f);
    }
    struct fixture f;
    char branch[400];
    memset(branch, '~', sizeof branch);
    branch[0] = 'x';
    branch[399] = '\0';
    fixture_init(&f, "{\"type\":\"codex\"}");
    f.composition.branch = branch;
    assert_int_equal(build(&f), 0);
    assert_non_null(strstr(f.warning, "~~...\""));
    assert_true(strlen(f.warning) < 200);
    fixture_deinit(&f);
    fixture_init(&f, "{\"workerPoolRef\":{\"name\":\"p\"}}");
    f.composition.branch = "x";
    check_bad(&f, ERR_INVALID, "workerPoolRef");
}

static void test_prompts(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, "{\"type\":\"codex\"}");
    f.composition.prompt = "a\0b\377{{x}}";
    f.composition.prompt_len = 9;
    assert_int_equal(build(&f), 0);
    assert_string_equal(spec_text(&f, "prompt"), "a\357\277\275b\357\277\275{{x}}");
    assert_null(f.warning);
    fixture_deinit(&f);

    fixture_init(&f, "{\"type\":\"codex\",\"dependsOn\":[\"x\"]}");
    f.composition.prompt = "{{x}}";
    f.composition.prompt_len = 5;
    f.composition.branch = "a b";
    assert_int_equal(build(&f), 0);
    assert_non_null(strstr(f.warning, "dependsOn"));
    assert_non_null(strstr(f.warning, "; branch \"a b\"")); /* both are said */
    fixture_deinit(&f);

    fixture_init(&f, "{\"type\":\"codex\"}");
    f.composition.prompt = "";
    f.composition.prompt_len = 0;
    assert_int_equal(build(&f), 0);
    assert_string_equal(f.warning, "the prompt is empty");
    assert_string_equal(spec_text(&f, "prompt"), ""); /* required, so it is there */
    fixture_deinit(&f);

    char *big = xmalloc(TASK_PROMPT_MAX + 1);
    memset(big, 'p', TASK_PROMPT_MAX + 1);
    fixture_init(&f, "{\"type\":\"codex\"}");
    f.composition.prompt = big;
    f.composition.prompt_len = TASK_PROMPT_MAX;
    assert_int_equal(build(&f), 0);
    fixture_deinit(&f);
    fixture_init(&f, "{\"type\":\"codex\"}");
    f.composition.prompt = big;
    f.composition.prompt_len = TASK_PROMPT_MAX + 1;
    check_bad(&f, ERR_LIMIT, "prompt");
    free(big);
}

#define C63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define C50 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."
#define P253 C50 C50 C50 C50 C50 "abc"

/* Keys and values as labels, and the same as annotations: what apimachinery's IsQualifiedName and IsValidLabelValue
 * say to them. */
static const struct {
    char *key, *value;
    bool label, annotation;
} pairs[] = {
    {"team", "payments", true, true},
    {"team", "", true, true},
    {"a.b_c-D/x", "v", false, false}, /* '_' is not for DNS */
    {"example.com/team", "A-z_0.9", true, true},
    {"Example.com/team", "v", false, true},
    {"T", "v", true, true},
    {C63, C63, true, true},
    {C63 "a", "v", false, false},
    {"team", C63 "a", false, true},
    {P253 "/x", "v", true, true},
    {"a" P253 "/x", "v", false, false},
    {"", "v", false, false},
    {"/x", "v", false, false},
    {"x/", "v", false, false},
    {"a/b/c", "v", false, false},
    {"-x", "v", false, false},
    {"x-", "v", false, false},
    {"x y", "v", false, false},
    {"a..b/x", "v", false, false},
    {"a.-b/x", "v", false, false},
    {"a-.b/x", "v", false, false},
    {"-a/x", "v", false, false},
    {"a-/x", "v", false, false},
    {"\303\251", "v", false, false},
    {"team", "two words", false, true},
    {"team", "-x", false, true},
    {"team", "x.", false, true},
    {"team", "caf\303\251", false, true},
    {"team", "a/b", false, true},
};

static void test_pairs(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2 * sizeof pairs / sizeof pairs[0]; i++) {
        char *key = pairs[i / 2].key, *value = pairs[i / 2].value;
        struct fixture f;
        fixture_init(&f, "{\"type\":\"codex\"}");
        (i % 2 == 0 ? label : annotation)(&f, key, value);
        if (i % 2 == 0 ? !pairs[i / 2].label : !pairs[i / 2].annotation) {
            char part[400];
            snprintf(part, sizeof part, "%s \"%s\"", i % 2 == 0 ? "label" : "annotation", key);
            check_bad(&f, ERR_INVALID, part);
            continue;
        }
        if (build(&f) < 0)
            fail_msg("%s=%s: %s", key, value, f.err.msg);
        const cJSON *map = cJSON_GetObjectItem(cJSON_GetObjectItem(f.task, "metadata"),
                                               i % 2 == 0 ? "labels" : "annotations");
        assert_string_equal(cJSON_GetObjectItemCaseSensitive(map, key)->valuestring, value);
        fixture_deinit(&f);
    }
}

static void test_limits(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, "{\"type\":\"codex\"}");
    f.spawner.name = C63;
    assert_int_equal(build(&f), 0);
    fixture_deinit(&f);
    fixture_init(&f, "{\"type\":\"codex\"}");
    f.spawner.name = C63 "a";
    check_bad(&f, ERR_INVALID, "label \"kelos.dev/taskspawner\": its value has 64 bytes");

    char *big = xmalloc(TASK_ANNOTATIONS_MAX + 1);
    memset(big, 'v', TASK_ANNOTATIONS_MAX);
    big[TASK_ANNOTATIONS_MAX - 1000] = '\0';
    fixture_init(&f, "{\"type\":\"codex\"}");
    annotation(&f, "note", big);
    assert_int_equal(build(&f), 0);
    fixture_deinit(&f);
    big[TASK_ANNOTATIONS_MAX - 1000] = 'v';
    big[TASK_ANNOTATIONS_MAX] = '\0';
    fixture_init(&f, "{\"type\":\"codex\"}");
    annotation(&f, "note", big);
    check_bad(&f, ERR_INVALID, "annotation \"note\"");
    free(big);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_least),    cmocka_unit_test(test_most),    cmocka_unit_test(test_credentials),
        cmocka_unit_test(test_branches), cmocka_unit_test(test_prompts), cmocka_unit_test(test_pairs),
        cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
