/* The index of an informer: every rule of index.h, and then whatever order things may come in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "kube/index.h"

#include <stdio.h>
#include <stdlib.h>

struct log {
    char text[4096];
    size_t kept; /* extracts alive */
};

static void *extract(void *arg, const cJSON *object)
{
    struct log *l = arg;
    if (*kube_text(object, "hide", NULL) != '\0')
        return NULL;
    l->kept++;
    return xstrdup(kube_version(object));
}

static void discard(void *arg, void *kept)
{
    struct log *l = arg;
    l->kept--;
    free(kept);
}

static void on_change(void *arg, const struct informer_entry *now, const struct informer_entry *before)
{
    struct log *l = arg;
    char line[128];
    snprintf(line, sizeof line, "%s%s:%s>%s ", now ? now->name : before->name, now && before ? "~" : now ? "+" : "-",
             before ? (char *)before->kept : "", now ? (char *)now->kept : "");
    strncat(l->text, line, sizeof l->text - strlen(l->text) - 1);
}

static struct index *start(struct log *l, size_t max)
{
    const struct informer_options o = {.extract = extract, .discard = discard, .on_change = on_change, .arg = l,
                                       .max_objects = max};
    *l = (struct log){0};
    return index_create(&o);
}

static cJSON *object(const char *name, const char *uid, const char *version)
{
    char *text = xasprintf("{\"metadata\":{\"name\":\"%s\",\"namespace\":\"n\",\"uid\":\"%s\",\"resourceVersion\":\"%s\"}}", name,
                           uid, version);
    cJSON *o = cJSON_Parse(text);
    free(text);
    return o;
}

static bool event(struct index *ix, enum kube_event_type type, const char *name, const char *uid, const char *version)
{
    cJSON *o = object(name, uid, version);
    bool fresh = index_event(ix, type, o);
    cJSON_Delete(o);
    return fresh;
}

static int item(struct index *ix, const char *name, const char *uid, const char *version)
{
    struct err e;
    cJSON *o = object(name, uid, version);
    int rc = index_list_item(ix, o, &e);
    cJSON_Delete(o);
    return rc;
}

static void put(struct index *ix, const char *name, const char *uid, const char *version)
{
    cJSON *o = object(name, uid, version);
    index_put(ix, o);
    cJSON_Delete(o);
}

static void said(struct log *l, const char *want)
{
    if (strcmp(l->text, want) != 0)
        fail_msg("said \"%s\", not \"%s\"", l->text, want);
    l->text[0] = '\0';
}

static void end(struct index **ix, struct log *l)
{
    index_free(ix);
    assert_int_equal(l->kept, 0);
}

static void list_empty(struct index *ix, const char *version)
{
    index_list_begin(ix);
    index_list_end(ix, version);
}

static void a_list_replaces(void **state)
{
    (void)state;
    struct log l;
    struct index *ix = start(&l, 0);
    index_list_begin(ix);
    item(ix, "a", "1", "10");
    item(ix, "b", "2", "11");
    index_list_end(ix, "20");
    said(&l, "a+:>10 b+:>11 ");
    index_list_begin(ix);
    item(ix, "a", "1", "10");  /* as before: nothing to tell */
    item(ix, "c", "3", "25");
    index_list_end(ix, "30");  /* b has gone meanwhile */
    said(&l, "c+:>25 b-:11> ");
    assert_int_equal(index_count(ix), 2);
    /* the storage was put back in time: versions are smaller, and the list is right all the same */
    index_list_begin(ix);
    item(ix, "a", "1", "3");
    index_list_end(ix, "5");
    said(&l, "a~:10>3 c-:25> ");
    assert_true(event(ix, KUBE_MODIFIED, "a", "1", "6"));
    said(&l, "a~:3>6 ");
    end(&ix, &l);
}

static void a_list_that_is_given_up(void **state)
{
    (void)state;
    struct log l;
    struct index *ix = start(&l, 0);
    index_list_begin(ix);
    item(ix, "a", "1", "10");
    index_list_begin(ix); /* anew: a has gone */
    item(ix, "b", "2", "11");
    index_list_end(ix, "20");
    said(&l, "a+:>10 b+:>11 a-:10> ");
    end(&ix, &l);
}

static void events_in_order(void **state)
{
    (void)state;
    struct log l;
    struct index *ix = start(&l, 0);
    list_empty(ix, "5");
    assert_true(event(ix, KUBE_ADDED, "a", "1", "9"));
    assert_true(event(ix, KUBE_MODIFIED, "a", "1", "10")); /* by number, not by text */
    assert_true(event(ix, KUBE_BOOKMARK, "", "", "15"));
    assert_true(event(ix, KUBE_DELETED, "a", "1", "16"));
    said(&l, "a+:>9 a~:9>10 a-:10> ");
    assert_true(event(ix, KUBE_DELETED, "a", "1", "17")); /* twice does no harm */
    said(&l, "");
    end(&ix, &l);
}

static void stale_events_do_nothing(void **state)
{
    (void)state;
    struct log l;
    struct index *ix = start(&l, 0);
    list_empty(ix, "5");
    event(ix, KUBE_ADDED, "a", "1", "20");
    said(&l, "a+:>20 ");
    assert_false(event(ix, KUBE_MODIFIED, "a", "1", "19"));
    assert_false(event(ix, KUBE_DELETED, "a", "1", "19"));
    assert_false(event(ix, KUBE_DELETED, "a", "0", "18")); /* of an earlier object of that name */
    assert_true(event(ix, KUBE_MODIFIED, "a", "1", "20"));
    said(&l, "");
    /* what has gone does not come back, and what was told stays told */
    assert_true(event(ix, KUBE_DELETED, "a", "1", "21"));
    assert_false(event(ix, KUBE_MODIFIED, "a", "1", "20"));
    assert_false(event(ix, KUBE_ADDED, "b", "2", "4")); /* from before the list */
    put(ix, "a", "1", "20");                            /* an answer that was overtaken by all of that */
    said(&l, "a-:20> ");
    assert_true(event(ix, KUBE_ADDED, "a", "3", "22")); /* one of its name that came later */
    said(&l, "a+:>22 ");
    end(&ix, &l);
}

static void own_writes(void **state)
{
    (void)state;
    struct log l;
    struct index *ix = start(&l, 0);
    list_empty(ix, "5");
    put(ix, "a", "1", "10");
    said(&l, "a+:>10 ");
    assert_true(event(ix, KUBE_ADDED, "a", "1", "10")); /* its echo */
    put(ix, "a", "1", "12");
    assert_false(event(ix, KUBE_MODIFIED, "a", "1", "11")); /* somebody else's, before ours */
    put(ix, "a", "1", "11");                                /* an answer that was overtaken */
    said(&l, "a~:10>12 ");
    /* the watch was faster: the object had gone before our answer came */
    event(ix, KUBE_ADDED, "b", "2", "20");
    event(ix, KUBE_DELETED, "b", "2", "21");
    put(ix, "b", "2", "20");
    said(&l, "b+:>20 b-:20> ");
    assert_null(index_get(ix, "n", "b"));
    end(&ix, &l);
}

static void own_deletions(void **state)
{
    (void)state;
    struct log l;
    struct index *ix = start(&l, 0);
    list_empty(ix, "5");
    put(ix, "a", "1", "10");
    index_gone(ix, "n", "a", "other"); /* another object: not ours to take out */
    index_gone(ix, "n", "a", "1");
    said(&l, "a+:>10 a-:10> ");
    assert_int_equal(index_graves(ix), 1);
    assert_false(event(ix, KUBE_ADDED, "a", "1", "10"));
    assert_false(event(ix, KUBE_MODIFIED, "a", "1", "11")); /* a finalizer, before it went */
    put(ix, "a", "1", "11");
    said(&l, "");
    put(ix, "a", "2", "15"); /* made anew under the same name */
    assert_false(event(ix, KUBE_DELETED, "a", "1", "12"));
    said(&l, "a+:>15 ");
    assert_int_equal(index_graves(ix), 0);
    assert_true(event(ix, KUBE_ADDED, "a", "2", "15"));
    said(&l, "");
    end(&ix, &l);
}

static void own_writes_while_a_list_is_under_way(void **state)
{
    (void)state;
    struct log l;
    struct index *ix = start(&l, 0);
    index_list_begin(ix);
    put(ix, "new", "1", "30");   /* after the list's moment */
    put(ix, "ghost", "2", "15"); /* before it, and it has gone since: the list does not hold it */
    put(ix, "both", "3", "30");
    item(ix, "both", "3", "18"); /* as it was at the list's moment */
    item(ix, "dead", "4", "17");
    index_gone(ix, "n", "dead", "4");
    item(ix, "dead2", "5", "17");
    index_list_end(ix, "20");
    assert_non_null(index_get(ix, "n", "new"));
    assert_null(index_get(ix, "n", "ghost"));
    assert_string_equal(index_get(ix, "n", "both")->resource_version, "30");
    assert_null(index_get(ix, "n", "dead"));
    l.text[0] = '\0';
    assert_false(event(ix, KUBE_MODIFIED, "both", "3", "25"));
    assert_false(event(ix, KUBE_MODIFIED, "dead", "4", "21"));
    assert_true(event(ix, KUBE_DELETED, "dead", "4", "22"));
    said(&l, "");
    end(&ix, &l);
}

static void a_deletion_is_remembered_over_one_list_only(void **state)
{
    (void)state;
    struct log l;
    struct index *ix = start(&l, 0);
    list_empty(ix, "5");
    for (int i = 0; i < 1000; i++) {
        char name[16], version[16];
        snprintf(name, sizeof name, "t%d", i);
        snprintf(version, sizeof version, "%d", i + 10);
        put(ix, name, name, version);
        index_gone(ix, "n", name, name);
    }
    assert_int_equal(index_graves(ix), 1000);
    index_list_begin(ix);
    assert_int_equal(item(ix, "x", "t3", "13"), 0); /* a list that began later knows better */
    index_list_end(ix, "2000");
    assert_int_equal(index_graves(ix), 0);
    assert_int_equal(index_count(ix), 1);
    end(&ix, &l);
}

static void what_is_not_kept(void **state)
{
    (void)state;
    struct log l;
    struct index *ix = start(&l, 0);
    list_empty(ix, "5");
    event(ix, KUBE_ADDED, "a", "1", "10");
    cJSON *o = object("a", "1", "11");
    cJSON_AddStringToObject(o, "hide", "yes");
    assert_true(index_event(ix, KUBE_MODIFIED, o));
    cJSON_Delete(o);
    said(&l, "a+:>10 a-:10> ");
    assert_int_equal(index_count(ix), 0);
    end(&ix, &l);
}

static void a_ceiling(void **state)
{
    (void)state;
    struct log l;
    struct index *ix = start(&l, 3);
    struct err e;
    index_list_begin(ix);
    for (int i = 0; i < 3; i++) {
        char name[8];
        snprintf(name, sizeof name, "%d", i);
        assert_int_equal(item(ix, name, name, "1"), 0);
    }
    cJSON *o = object("3", "3", "1");
    assert_int_equal(index_list_item(ix, o, &e), -1);
    assert_int_equal(e.kind, ERR_LIMIT);
    cJSON_Delete(o);
    assert_int_equal(item(ix, "2", "2", "2"), 0); /* one that is there may change */
    end(&ix, &l);
}

static void versions(void **state)
{
    (void)state;
    assert_true(kube_version_compare("9", "10") < 0);
    assert_true(kube_version_compare("10", "9") > 0);
    assert_true(kube_version_compare("18446744073709551616", "18446744073709551615") > 0);
    assert_int_equal(kube_version_compare("7", "7"), 0);
    assert_int_equal(kube_version_compare("abc", "abc"), 0);
    assert_true(kube_version_compare("abc", "7") > 0);
    assert_true(kube_version_compare("7", "") > 0);
    assert_true(kube_version_compare("007", "8") > 0); /* no number as Kubernetes writes them */
}

/* ---- against a model: one object's true history, told in every way in which it may come ---- */

static uint64_t dice_state;
static unsigned roll(unsigned n)
{
    dice_state = dice_state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(dice_state >> 33) % n;
}

enum { NAMES = 4, STEPS = 400 };
struct model {
    unsigned version, uid;
    struct {
        unsigned uid, version; /* 0: not there */
    } now[NAMES];
    struct {
        enum kube_event_type type;
        unsigned name, uid, version;
    } history[STEPS * 2];
    size_t n, told; /* events so far; those that the watch has told */
};

static void texts(unsigned name, unsigned uid, unsigned version, char out[3][16])
{
    snprintf(out[0], 16, "m%u", name);
    snprintf(out[1], 16, "u%u", uid);
    snprintf(out[2], 16, "%u", version);
}

/* Something is written; sometimes by us, and then the answer comes at once, or later, or never. */
static void write_something(struct model *m, struct index *ix, bool listing)
{
    unsigned name = roll(NAMES);
    bool there = m->now[name].version != 0, ours = roll(2) == 0, gone = there && roll(3) == 0;
    char t[3][16];
    m->version++;
    if (!there)
        m->now[name].uid = ++m->uid;
    m->history[m->n].type = gone ? KUBE_DELETED : there ? KUBE_MODIFIED : KUBE_ADDED;
    m->history[m->n].name = name;
    m->history[m->n].uid = m->now[name].uid;
    m->history[m->n++].version = m->version;
    texts(name, m->now[name].uid, m->version, t);
    m->now[name].version = gone ? 0 : m->version;
    if (!listing && ours && roll(4) == 0 && m->told < m->n) { /* the watch is faster than our answer */
        while (m->told < m->n) {
            char h[3][16];
            texts(m->history[m->told].name, m->history[m->told].uid, m->history[m->told].version, h);
            event(ix, m->history[m->told].type, h[0], h[1], h[2]);
            m->told++;
        }
    }
    if (ours && gone)
        index_gone(ix, "n", t[0], t[1]);
    else if (ours)
        put(ix, t[0], t[1], t[2]);
}

static void tell_some(struct model *m, struct index *ix)
{
    char t[3][16];
    for (size_t upto = m->told + roll(4); m->told < upto && m->told < m->n; m->told++) {
        texts(m->history[m->told].name, m->history[m->told].uid, m->history[m->told].version, t);
        event(ix, m->history[m->told].type, t[0], t[1], t[2]);
    }
}

static void list(struct model *m, struct index *ix)
{
    struct model at = *m; /* the list is of this moment, and goes on while things change */
    char t[3][16], version[16];
    snprintf(version, sizeof version, "%u", at.version);
    index_list_begin(ix);
    if (roll(4) == 0) {
        write_something(m, ix, true);
        index_list_begin(ix); /* it failed and begins anew */
        at = *m;
        snprintf(version, sizeof version, "%u", at.version);
    }
    for (unsigned i = 0; i < NAMES; i++) {
        if (m->n < STEPS * 2 - 4 && roll(3) == 0)
            write_something(m, ix, true);
        if (at.now[i].version != 0) {
            texts(i, at.now[i].uid, at.now[i].version, t);
            item(ix, t[0], t[1], t[2]);
        }
    }
    index_list_end(ix, version);
    m->told = at.n;
}

static void whatever_the_order(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 300; seed++) {
        struct log l;
        struct index *ix = start(&l, 0);
        struct model m = {.version = 9};
        dice_state = seed;
        list(&m, ix);
        while (m.n < STEPS) {
            unsigned what = roll(20);
            l.text[0] = '\0';
            if (what == 0)
                list(&m, ix);
            else if (what < 10)
                write_something(&m, ix, false);
            else
                tell_some(&m, ix);
        }
        while (m.told < m.n)
            tell_some(&m, ix);
        size_t there = 0;
        for (unsigned i = 0; i < NAMES; i++) {
            char t[3][16];
            texts(i, m.now[i].uid, m.now[i].version, t);
            const struct informer_entry *entry = index_get(ix, "n", t[0]);
            there += m.now[i].version != 0;
            if ((entry != NULL) != (m.now[i].version != 0) ||
                (entry != NULL && (strcmp(entry->resource_version, t[2]) != 0 || strcmp(entry->uid, t[1]) != 0)))
                fail_msg("seed %u: %s is %s, not %s", seed, t[0], entry ? entry->resource_version : "gone", t[2]);
        }
        assert_int_equal(index_count(ix), there);
        end(&ix, &l);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_replaces),
        cmocka_unit_test(a_list_that_is_given_up),
        cmocka_unit_test(events_in_order),
        cmocka_unit_test(stale_events_do_nothing),
        cmocka_unit_test(own_writes),
        cmocka_unit_test(own_deletions),
        cmocka_unit_test(own_writes_while_a_list_is_under_way),
        cmocka_unit_test(a_deletion_is_remembered_over_one_list_only),
        cmocka_unit_test(what_is_not_kept),
        cmocka_unit_test(a_ceiling),
        cmocka_unit_test(versions),
        cmocka_unit_test(whatever_the_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
