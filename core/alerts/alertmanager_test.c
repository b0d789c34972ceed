/* The selector against a real Alertmanager: what it leaves out of its answer and what selector_judge says must agree,
 * for every nasty value. The program is $ALERTMANAGER, else prometheus-alertmanager of the PATH; without one the test
 * is skipped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "alerts/poll_run.h"
#include "base/buf.h"

#include <arpa/inet.h>
#include <cjson/cJSON.h>
#include <curl/curl.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t alertmanager;
static char dir[] = "/tmp/alertmanager_test-XXXXXX", base[64];

static const char *const values[] = {
    "plain", "Plain", "a\"b", "a\\b", "a\\\\b", "a\\nb", "a\nb", "a\n", "\na", "a|b", "a", "b", "a.b", "axb", "a*", "aa", "a+", "a?",
    "(a)", "[a]", "{a}", "{a=\"b\"}", "^a$", "$", "a=b,c=d", "=b", "=~b", "!=b", " lead", "trail ", " ", "a b", "\t",
    "a\tb", "\r", "\xc3\xa9", "\xe6\x97\xa5\xe6\x9c\xac", "\xf0\x9f\x98\x80", "\xef\xbf\xbd", "\"", "\"\"", "\"a\"", "'a'", "`a`", "\\", "\\\\",
    "a\\d+", "a\\", "\\Qa\\E", "(?i)plain", "%41", "%", "a&b", "a;b", "a#b", "a+b", "a%20b", "{{ .x }}", "a,b", "\x01", "\x7f", "-", "a/b?c=d",
};
enum { VALUES = sizeof values / sizeof *values };

static int free_port(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int rc = bind(fd, (struct sockaddr *)&a, n) | getsockname(fd, (struct sockaddr *)&a, &n);
    close(fd);
    return rc == 0 ? ntohs(a.sin_port) : -1;
}

static struct poll_run ask(const struct selector *s)
{
    struct poll_options o = {.url = base, .selector = s, .max_bytes = 16 << 20, .timeout_us = 10 * MOMENT_SECOND};
    return poll_run(&o);
}

static int start(void **state)
{
    (void)state;
    int port = free_port();
    if (port < 0 || mkdtemp(dir) == NULL)
        return -1;
    char config[100], config_arg[120], storage[100], listen[64];
    snprintf(config, sizeof config, "%s/config.yml", dir);
    snprintf(config_arg, sizeof config_arg, "--config.file=%s", config);
    snprintf(storage, sizeof storage, "--storage.path=%s", dir);
    snprintf(listen, sizeof listen, "--web.listen-address=127.0.0.1:%d", port);
    snprintf(base, sizeof base, "http://127.0.0.1:%d", port);
    FILE *f = fopen(config, "w");
    fputs("route: {receiver: nobody}\nreceivers: [{name: nobody}]\n", f);
    fclose(f);
    const char *program = getenv("ALERTMANAGER");
    if (program == NULL)
        program = "prometheus-alertmanager";
    alertmanager = fork();
    if (alertmanager == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        int null = open("/dev/null", O_RDWR);
        dup2(null, 1);
        dup2(null, 2);
        execlp(program, program, config_arg, storage, listen, "--cluster.listen-address=", (char *)NULL);
        _exit(127);
    }
    for (int i = 0; i < 300; i++) {
        if (waitpid(alertmanager, NULL, WNOHANG) == alertmanager) {
            alertmanager = 0; /* not installed */
            return 0;
        }
        struct poll_run r = ask(NULL);
        alert_set_free(&r.set);
        if (r.e.kind == ERR_NONE)
            return 0;
        usleep(50 * 1000);
    }
    return -1;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static int stop(void **state)
{
    (void)state;
    if (alertmanager > 0) {
        kill(alertmanager, SIGKILL);
        waitpid(alertmanager, NULL, 0);
    }
    return nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static size_t ignore(char *bytes, size_t one, size_t n, void *arg)
{
    (void)bytes, (void)arg;
    return one * n;
}

static long post(const char *path, cJSON *body)
{
    char url[128];
    long status = 0;
    char *text = cJSON_PrintUnformatted(body);
    struct curl_slist *type = curl_slist_append(NULL, "Content-Type: application/json");
    CURL *h = curl_easy_init();
    snprintf(url, sizeof url, "%s%s", base, path);
    curl_easy_setopt(h, CURLOPT_URL, url);
    curl_easy_setopt(h, CURLOPT_POSTFIELDS, text);
    curl_easy_setopt(h, CURLOPT_HTTPHEADER, type);
    curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, ignore);
    assert_int_equal(curl_easy_perform(h), CURLE_OK);
    curl_easy_getinfo(h, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_cleanup(h);
    curl_slist_free_all(type);
    free(text);
    cJSON_Delete(body);
    return status;
}

static cJSON *add_alert(cJSON *list, const char *alertname, const char *name, const char *value)
{
    cJSON *a = cJSON_CreateObject(), *labels = cJSON_AddObjectToObject(a, "labels");
    if (alertname != NULL)
        cJSON_AddStringToObject(labels, "alertname", alertname);
    cJSON_AddStringToObject(labels, name, value);
    cJSON_AddItemToArray(list, a);
    return labels;
}

/* Every alert that Alertmanager has, each judged here, against the answer to the pushed-down question. `exact`: the
 * server alone must have come to the same result. */
static void check(const struct selector *s, const struct alert_set *all, bool exact, const char *what)
{
    struct poll_run r = ask(s);
    if (r.set == NULL)
        fail_msg("%s: %s", what, r.e.msg);
    struct buf space = {0};
    size_t wanted = 0, at = 0;
    for (size_t i = 0; i < alert_set_len(all); i++) {
        struct alert a;
        assert_int_equal(alert_set_read((struct alert_set *)all, i, &space, &a, NULL), 0);
        if (selector_judge(s, &a) != REASON_NONE)
            continue;
        wanted++;
        /* both come sorted by fingerprint */
        while (at < alert_set_len(r.set) && (alert_set_at(r.set, at)->reason != REASON_NONE ||
                                             alert_set_at(r.set, at)->fingerprint != a.index->fingerprint))
            at++;
        if (at == alert_set_len(r.set))
            fail_msg("%s: the server left out %016llx", what, (unsigned long long)a.index->fingerprint);
    }
    if (alert_set_kept(r.set) != wanted || (exact && alert_set_len(r.set) != wanted))
        fail_msg("%s: wanted %zu, the server sent %zu, %zu were kept", what, wanted, alert_set_len(r.set),
                 alert_set_kept(r.set));
    buf_free(&space);
    alert_set_free(&r.set);
}

static void test_agreement(void **state)
{
    (void)state;
    if (alertmanager == 0)
        skip();
    cJSON *list = cJSON_CreateArray();
    for (int i = 0; i < VALUES; i++)
        cJSON_AddStringToObject(add_alert(list, values[i], "v", values[i]), "severity", values[VALUES - 1 - i]);
    add_alert(list, NULL, "other", "x"); /* no alertname, no v, no severity */
    add_alert(list, "both", "v", "plain");
    assert_int_equal(post("/api/v2/alerts", list), 200);
    /* names that only newer ones take */
    list = cJSON_CreateArray();
    add_alert(list, "utf8", "service.name", "x");
    bool utf8_names = post("/api/v2/alerts", list) == 200;
    printf("UTF-8 label names: %s\n", utf8_names ? "taken" : "refused");

    struct poll_run all = ask(NULL);
    assert_non_null(all.set);
    assert_int_equal(alert_set_kept(all.set), VALUES + 2 + utf8_names);

    for (int i = 0; i < VALUES; i++) {
        char *one = (char *)values[i];
        struct label_pair v = {(char *)"v", one}, odd = {(char *)"service.name", one};
        char *some[] = {one, (char *)values[(i + 1) % VALUES], (char *)"none"};
        char *or_none[] = {one, (char *)""};
        check(&(struct selector){.labels = &v, .n_labels = 1}, all.set, true, one);
        check(&(struct selector){.exclude_labels = &v, .n_exclude_labels = 1}, all.set, true, one);
        check(&(struct selector){.alert_names = &one, .n_alert_names = 1}, all.set, true, one);
        check(&(struct selector){.alert_names = some, .n_alert_names = 3}, all.set, true, one);
        check(&(struct selector){.alert_names = or_none, .n_alert_names = 2}, all.set, true, one);
        check(&(struct selector){.severities = some, .n_severities = 3, .alert_names = some, .n_alert_names = 2},
              all.set, true, one);
        check(&(struct selector){.exclude_labels = &odd, .n_exclude_labels = 1}, all.set, false, one);
    }
    struct label_pair empty = {(char *)"v", (char *)""}, x = {(char *)"service.name", (char *)"x"};
    char *nothing = (char *)"";
    check(&(struct selector){.labels = &empty, .n_labels = 1}, all.set, true, "v empty");
    check(&(struct selector){.exclude_labels = &empty, .n_exclude_labels = 1}, all.set, true, "v not empty");
    check(&(struct selector){.alert_names = &nothing, .n_alert_names = 1}, all.set, true, "no alertname");
    check(&(struct selector){.severities = &nothing, .n_severities = 1}, all.set, true, "no severity");
    check(&(struct selector){.labels = &x, .n_labels = 1}, all.set, false, "service.name");
    check(&(struct selector){.exclude_labels = &x, .n_exclude_labels = 1}, all.set, false, "not service.name");
    check(&(struct selector){0}, all.set, true, "everything");

    /* all of them in one question: longer than a request line may be, so left out and judged here */
    check(&(struct selector){.alert_names = (char **)(uintptr_t)values, .n_alert_names = VALUES}, all.set, false, "all");
    alert_set_free(&all.set);
}

static void test_silenced_does_not_come(void **state)
{
    (void)state;
    if (alertmanager == 0)
        skip();
    cJSON *silence = cJSON_Parse("{\"matchers\":[{\"name\":\"v\",\"value\":\"plain\",\"isRegex\":false,\"isEqual\":true}],"
                                 "\"startsAt\":\"2020-01-01T00:00:00Z\",\"endsAt\":\"2099-01-01T00:00:00Z\","
                                 "\"createdBy\":\"test\",\"comment\":\"test\"}");
    struct poll_run before = ask(NULL);
    assert_int_equal(post("/api/v2/silences", silence), 200);
    struct poll_run after = ask(NULL);
    assert_int_equal(alert_set_len(after.set), alert_set_len(before.set) - 2);
    alert_set_free(&before.set);
    alert_set_free(&after.set);
}

static void test_wrong_path(void **state)
{
    (void)state;
    if (alertmanager == 0)
        skip();
    char url[100];
    snprintf(url, sizeof url, "%s/prefix/", base);
    struct poll_options o = {.url = url, .max_bytes = 1 << 20, .timeout_us = 10 * MOMENT_SECOND};
    struct poll_run r = poll_run(&o);
    assert_non_null(strstr(r.e.msg, "is a route prefix missing?"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_agreement),
        cmocka_unit_test(test_silenced_does_not_come),
        cmocka_unit_test(test_wrong_path),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
