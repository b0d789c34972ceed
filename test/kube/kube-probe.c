/* core/kube at the end of two pipes: commands in, one a line, JSON lines out. For test_client.py; see the table at the
 * bottom for the commands. KUBECONFIG is the argument. Ends with standard input. */
#include "base/buf.h"
#include "base/mem.h"
#include "kube/config.h"
#include "kube/event.h"
#include "kube/informer.h"
#include "kube/lease.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uv_loop_t loop;
static uv_pipe_t input;
static struct buf line;
static struct kube_client *client;
static struct informer *informer;
static struct lease *lease;
static struct kube_events *events;
static bool puts_own = true;
static int64_t timeout_us;

/* ---- saying ---- */

static void say(cJSON *o)
{
    char *text = cJSON_PrintUnformatted(o);
    puts(text);
    fflush(stdout);
    cJSON_free(text);
    cJSON_Delete(o);
}

static cJSON *saying(const char *what)
{
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "says", what);
    return o;
}

static void add_error(cJSON *o, const struct err *e)
{
    if (e == NULL)
        return;
    cJSON_AddStringToObject(o, "error", err_kind_name(e->kind));
    cJSON_AddStringToObject(o, "message", e->msg);
}

static void say_error(const char *what, const struct err *e)
{
    cJSON *o = saying(what);
    add_error(o, e);
    say(o);
}

/* ---- questions ---- */

static const struct kube_resource *resource(const char *plural)
{
    static const struct kube_resource widgets = {"alerts.kelos.dev", "v1alpha1", "alertspawners", "AlertSpawner", false,
                                                 "kubectl apply -k deploy/"};
    static const struct kube_resource absent = {"kelos.dev", "v7", "tasks", "Task", false, "install Kelos"};
    static const struct kube_resource unknown = {"nobody.example", "v1", "things", "Thing", false, NULL};
    const struct kube_resource *all[] = {&kube_tasks, &kube_config_maps, &kube_secrets, &kube_leases, &kube_events, &widgets};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (strcmp(all[i]->plural, plural) == 0)
            return all[i];
    return strcmp(plural, "absent") == 0 ? &absent : &unknown;
}

static void on_object(void *arg, cJSON *object, const struct err *e)
{
    cJSON *o = saying(arg);
    if (object != NULL) {
        if (informer != NULL && puts_own && strcmp(arg, "get") != 0 && *kube_uid(object) != '\0')
            informer_put(informer, object);
        cJSON_AddItemToObject(o, "object", object);
    }
    add_error(o, e);
    say(o);
}

struct deletion {
    char *name, *uid, *ns;
};

static void on_deleted(void *arg, cJSON *object, const struct err *e)
{
    struct deletion *d = arg;
    if (e == NULL && informer != NULL && puts_own) {
        if (strcmp(kube_text(object, "kind", NULL), "Status") == 0)
            informer_gone(informer, d->ns, d->name, d->uid);
        else
            informer_put(informer, object);
    }
    cJSON *o = saying("delete");
    if (object != NULL)
        cJSON_AddItemToObject(o, "object", object);
    add_error(o, e);
    say(o);
    free(d->name);
    free(d->uid);
    free(d->ns);
    free(d);
}

static void failed(const char *what, int rc, const struct err *e)
{
    if (rc != 0)
        say_error(what, e);
}

static void do_get(char **a)
{
    struct err e;
    const struct kube_ref ref = {.resource = resource(a[0]), .name = a[1]};
    const struct kube_options o = {.timeout_us = timeout_us};
    failed("get", kube_get(client, &ref, &o, on_object, "get", NULL, &e), &e);
}

static void do_write(const char *what, char **a, bool name)
{
    struct err e;
    const struct kube_ref ref = {.resource = resource(a[0]), .name = name ? a[1] : NULL};
    const struct kube_options o = {.timeout_us = timeout_us, .strict = true};
    cJSON *object = cJSON_Parse(name ? a[2] : a[1]);
    int rc = *what == 'c'   ? kube_create(client, &ref, object, &o, on_object, "create", NULL, &e)
             : *what == 'u' ? kube_update(client, &ref, object, &o, on_object, "update", NULL, &e)
             : *what == 'a' ? kube_patch(client, &ref, KUBE_PATCH_APPLY, object, &o, on_object, "apply", NULL, &e)
                            : kube_patch(client, &ref, KUBE_PATCH_MERGE, object, &o, on_object, "patch", NULL, &e);
    cJSON_Delete(object);
    failed(what, rc, &e);
}

static void do_create(char **a) { do_write("create", a, false); }
static void do_update(char **a) { do_write("update", a, true); }
static void do_patch(char **a) { do_write("patch", a, true); }
static void do_apply(char **a) { do_write("apply", a, true); }

static void do_delete(char **a)
{
    struct err e;
    struct deletion *d = xcalloc(1, sizeof *d);
    d->name = xstrdup(a[1]);
    d->uid = xstrdup(a[2]);
    d->ns = xstrdup(kube_client_config(client)->ns);
    const struct kube_ref ref = {.resource = resource(a[0]), .name = a[1]};
    const struct kube_options o = {.timeout_us = timeout_us, .uid = a[2], .resource_version = strcmp(a[3], "-") ? a[3] : NULL};
    failed("delete", kube_delete(client, &ref, &o, on_deleted, d, NULL, &e), &e);
}

static void do_discover(char **a)
{
    struct err e;
    failed("discover", kube_discover(client, resource(a[0]), on_object, "discover", NULL, &e), &e);
}

static size_t listed;
static int on_item(void *arg, cJSON *item, struct err *e)
{
    (void)arg, (void)e;
    listed++;
    cJSON_Delete(item);
    return 0;
}

static void on_page(void *arg, const struct kube_page *page, const struct err *e)
{
    cJSON *o = saying("list");
    (void)arg;
    cJSON_AddNumberToObject(o, "items", (double)listed);
    if (page != NULL) {
        cJSON_AddStringToObject(o, "continue", page->continue_token);
        cJSON_AddStringToObject(o, "version", page->resource_version);
    }
    add_error(o, e);
    say(o);
}

static void do_list(char **a) /* list PLURAL LIMIT LABELS CONTINUE */
{
    struct err e;
    const struct kube_ref ref = {.resource = resource(a[0])};
    const struct kube_list l = {.limit = (uint32_t)strtoul(a[1], NULL, 10), .selection.labels = strcmp(a[2], "-") ? a[2] : NULL,
                                .continue_token = strcmp(a[3], "-") ? a[3] : NULL, .on_item = on_item, .done = on_page};
    listed = 0;
    failed("list", kube_list(client, &ref, &l, NULL, &e), &e);
}

/* ---- the informer ---- */

static void *extract(void *arg, const cJSON *object)
{
    (void)arg;
    char *data = cJSON_PrintUnformatted(cJSON_GetObjectItemCaseSensitive(object, "data"));
    char *kept = xasprintf("%s %s", kube_version(object), data != NULL ? data : kube_text(object, "status", "phase", NULL));
    cJSON_free(data);
    return kept;
}

static void discard(void *arg, void *kept)
{
    (void)arg;
    free(kept);
}

static void on_change(void *arg, const struct informer_entry *now, const struct informer_entry *before)
{
    (void)arg;
    cJSON *o = saying(now == NULL ? "gone" : before == NULL ? "new" : "changed");
    cJSON_AddStringToObject(o, "name", now != NULL ? now->name : before->name);
    if (now != NULL)
        cJSON_AddStringToObject(o, "kept", now->kept);
    say(o);
}

static void on_synced(void *arg)
{
    (void)arg;
    say(saying("synced"));
}

static void on_trouble(void *arg, const struct err *e)
{
    say_error(arg, e);
}

static void do_informer(char **a) /* informer PLURAL LABELS */
{
    struct err e;
    const struct informer_options o = {.resource = resource(a[0]), .selection.labels = strcmp(a[1], "-") ? a[1] : NULL,
                                       .extract = extract, .discard = discard, .on_change = on_change, .on_synced = on_synced,
                                       .on_trouble = on_trouble, .arg = "trouble"};
    failed("informer", informer_create(&loop, client, &o, &informer, &e), &e);
}

static void each(void *arg, const struct informer_entry *entry)
{
    cJSON_AddStringToObject(arg, entry->name, entry->kept);
}

static void do_dump(char **a)
{
    (void)a;
    struct informer_status s = informer_status(informer);
    cJSON *o = saying("dump"), *all = cJSON_AddObjectToObject(o, "index");
    informer_each(informer, each, all);
    cJSON_AddBoolToObject(o, "synced", s.synced);
    cJSON_AddBoolToObject(o, "watching", s.watching);
    cJSON_AddStringToObject(o, "trouble", s.trouble);
    cJSON_AddNumberToObject(o, "lists", (double)s.lists);
    cJSON_AddNumberToObject(o, "watches", (double)s.watches);
    cJSON_AddNumberToObject(o, "stale", (double)s.stale_events);
    say(o);
}

static void do_refresh(char **a)
{
    (void)a;
    informer_refresh(informer);
    do_dump(a);
}

static void do_own(char **a)
{
    puts_own = strcmp(a[0], "on") == 0;
}

static void do_timeout(char **a)
{
    timeout_us = strtoll(a[0], NULL, 10) * 1000;
}

/* ---- the lease ---- */

static void on_leader(void *arg, bool leads, const char *holder)
{
    (void)arg;
    cJSON *o = saying("leader");
    cJSON_AddBoolToObject(o, "leads", leads);
    cJSON_AddStringToObject(o, "holder", holder);
    say(o);
}

static void do_lease(char **a) /* lease NAME IDENTITY DURATION DEADLINE RETRY (ms) */
{
    struct err e;
    const struct lease_options o = {.name = a[0], .identity = a[1], .duration_us = strtoll(a[2], NULL, 10) * 1000,
                                    .renew_deadline_us = strtoll(a[3], NULL, 10) * 1000,
                                    .retry_period_us = strtoll(a[4], NULL, 10) * 1000, .on_change = on_leader,
                                    .on_trouble = on_trouble, .arg = "lease trouble"};
    failed("lease", lease_create(&loop, client, &o, &lease, &e), &e);
}

static void do_may(char **a)
{
    (void)a;
    cJSON *o = saying("may");
    cJSON_AddBoolToObject(o, "act", lease_may_act(lease));
    say(o);
}

static void on_stopped(void *arg)
{
    (void)arg;
    say(saying("released"));
}

static void do_release(char **a)
{
    (void)a;
    lease_stop(lease, on_stopped, NULL);
}

/* ---- events ---- */

static void do_event(char **a) /* event OBJECT UID REASON NOTE COUNT */
{
    const struct kube_object_ref about = {.api_version = "v1", .kind = "ConfigMap", .ns = kube_client_config(client)->ns,
                                          .name = a[0], .uid = a[1]};
    if (events == NULL)
        events = kube_events_create(&loop, client, "alertspawner", "probe");
    const char *hash = strchr(a[3], '#'); /* stands for the number */
    for (int i = atoi(a[4]); i > 0; i--)
        if (hash != NULL)
            kube_event(events, &about, strncmp(a[2], "Failed", 6) == 0, a[2], "%.*s%d", (int)(hash - a[3]), a[3], i);
        else
            kube_event(events, &about, strncmp(a[2], "Failed", 6) == 0, a[2], "%s", a[3]);
}

static void do_events(char **a)
{
    (void)a;
    struct kube_events_status s = kube_events_status(events);
    cJSON *o = saying("events");
    cJSON_AddNumberToObject(o, "created", (double)s.created);
    cJSON_AddNumberToObject(o, "counted", (double)s.counted);
    cJSON_AddNumberToObject(o, "dropped", (double)s.dropped);
    say(o);
}

/* ---- commands ---- */

static const struct {
    const char *name;
    int args;
    void (*act)(char **a);
} commands[] = {
    {"get", 2, do_get},         {"create", 2, do_create},   {"update", 3, do_update},     {"patch", 3, do_patch},
    {"apply", 3, do_apply},     {"delete", 4, do_delete},   {"discover", 1, do_discover}, {"list", 4, do_list},
    {"informer", 2, do_informer}, {"dump", 0, do_dump},     {"refresh", 0, do_refresh},   {"own", 1, do_own},
    {"timeout", 1, do_timeout}, {"lease", 5, do_lease},     {"may", 0, do_may},           {"release", 0, do_release},
    {"event", 5, do_event},     {"events", 0, do_events},
};

/* Words are separated by tabs. */
static void obey(char *text)
{
    char *words[8] = {0}, *name = strsep(&text, "\t");
    int n = 0;
    while (text != NULL && n < 8)
        words[n++] = strsep(&text, "\t");
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(commands[i].name, name) == 0 && commands[i].args == n) {
            commands[i].act(words);
            return;
        }
    fprintf(stderr, "no such command: %s with %d\n", name, n);
    exit(2);
}

static void on_alloc(uv_handle_t *h, size_t hint, uv_buf_t *b)
{
    static char block[65536];
    (void)h, (void)hint;
    *b = uv_buf_init(block, sizeof block);
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *b)
{
    if (n < 0) {
        uv_close((uv_handle_t *)s, NULL);
        informer_free(&informer);
        lease_free(&lease);
        kube_events_free(&events);
        kube_client_free(&client);
        return;
    }
    for (ssize_t i = 0; i < n; i++) {
        if (b->base[i] != '\n') {
            buf_addc(&line, b->base[i]);
            continue;
        }
        char *text = buf_take(&line);
        obey(text);
        free(text);
    }
}

int main(int argc, char **argv)
{
    struct err e;
    struct kube_config *config;
    const struct kube_config_source source = {.kubeconfig = argc > 1 && *argv[1] ? argv[1] : NULL,
                                              .context = argc > 2 ? argv[2] : NULL};
    const struct kube_client_options o = {.user_agent = "kube-probe"};
    uv_loop_init(&loop);
    if (kube_config_load(&source, &config, &e) != 0 || kube_client_create(&loop, config, &o, &client, &e) != 0) {
        say_error("config", &e);
        return 1;
    }
    cJSON *hello = saying("ready");
    cJSON_AddStringToObject(hello, "server", config->server);
    cJSON_AddStringToObject(hello, "ns", config->ns);
    cJSON_AddStringToObject(hello, "origin", config->origin);
    cJSON_AddStringToObject(hello, "ca", config->ca_pem != NULL ? config->ca_pem : "");
    cJSON_AddStringToObject(hello, "cert", config->cert_pem != NULL ? config->cert_pem : "");
    cJSON_AddStringToObject(hello, "token", config->token != NULL ? config->token : "");
    cJSON_AddStringToObject(hello, "user", config->user != NULL ? config->user : "");
    cJSON_AddBoolToObject(hello, "insecure", config->insecure);
    cJSON_AddStringToObject(hello, "tls_server_name", config->tls_server_name != NULL ? config->tls_server_name : "");
    cJSON_AddStringToObject(hello, "proxy", config->proxy_url != NULL ? config->proxy_url : "");
    say(hello);
    uv_pipe_init(&loop, &input, 0);
    uv_pipe_open(&input, 0);
    uv_read_start((uv_stream_t *)&input, on_alloc, on_read);
    uv_run(&loop, UV_RUN_DEFAULT);
    buf_free(&line);
    return uv_loop_close(&loop) == 0 ? 0 : 3;
}
