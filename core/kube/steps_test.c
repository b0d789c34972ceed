/* The pure parts that decide when: the informer's step, the candidate's, the Events', waiting. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "kube/backoff.h"
#include "kube/bucket.h"
#include "kube/event_step.h"
#include "kube/informer_step.h"
#include "kube/lease_step.h"

#include <stdio.h>

#define S MOMENT_SECOND

/* ---- waiting ---- */

static void waiting(void **state)
{
    (void)state;
    struct backoff b = {.first = 8 * S / 10, .most = 30 * S};
    static const int64_t want[] = {8, 16, 32, 64, 128, 256, 300, 300}; /* tenths of seconds */
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(backoff_next(&b, 0), want[i] * S / 10);
    assert_int_equal(backoff_next(&b, 0.5), 45 * S);
    backoff_reset(&b);
    assert_int_equal(backoff_next(&b, 0.999), (int64_t)(0.8 * 1.999 * (double)S));
    for (int i = 0; i < 1000; i++) {
        double d = dice();
        assert_true(d >= 0 && d < 1);
    }
}

static void a_bucket(void **state)
{
    (void)state;
    struct bucket b = bucket_make(10, 3, 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(bucket_take(&b, 0), 0);
    int64_t wait = bucket_take(&b, 0);
    assert_true(wait > 99000 && wait <= 100001);
    assert_int_equal(bucket_take(&b, wait), 0);
    assert_true(bucket_take(&b, wait) > 0);
    for (int i = 0; i < 3; i++) /* never more than its burst */
        assert_int_equal(bucket_take(&b, 3600 * S), 0);
    assert_true(bucket_take(&b, 3600 * S) > 0);
    assert_true(bucket_take(&b, 1800 * S) > 0); /* a clock that goes back gives nothing */
    struct bucket none = bucket_make(-1, 0, 0);
    assert_int_equal(bucket_take(&none, 0), 0);
}

/* ---- the informer ---- */

static struct informer_action step(struct informer_state *s, int64_t now, enum informer_do want)
{
    struct informer_action a = informer_step(s, now);
    assert_int_equal(a.what, want);
    return a;
}

static void informer_life(void **state)
{
    (void)state;
    struct informer_state s;
    informer_state_init(&s);
    struct informer_action a = step(&s, 0, INFORMER_LIST);
    assert_true(a.first && a.limit == INFORMER_PAGE);
    step(&s, 1, INFORMER_NOTHING);
    assert_false(informer_page(&s, "token", "50"));
    a = step(&s, 1, INFORMER_LIST);
    assert_true(!a.first && a.limit == INFORMER_PAGE && !s.synced);
    assert_true(informer_page(&s, "", "50"));
    assert_true(s.synced);
    step(&s, 2, INFORMER_WATCH);
    assert_string_equal(s.version, "50");
    informer_heard(&s, "60");
    informer_watch_ended(&s, ERR_NONE, 3, 0); /* it ended by itself: go on where it stopped, at once */
    step(&s, 3, INFORMER_WATCH);
    assert_string_equal(s.version, "60");
    informer_watch_ended(&s, ERR_UNREACHABLE, 4, 0);
    a = step(&s, 4, INFORMER_WAIT);
    assert_int_equal(a.at, 4 + 8 * S / 10);
    step(&s, a.at, INFORMER_WATCH);
    informer_watch_ended(&s, ERR_TIMEOUT, S, 0); /* nothing came: longer */
    a = step(&s, S, INFORMER_WAIT);
    assert_int_equal(a.at, S + 16 * S / 10);
    step(&s, a.at, INFORMER_WATCH);
    assert_string_equal(s.version, "60");
    informer_heard(&s, "61");
    informer_watch_ended(&s, ERR_GONE, 3 * S, 0); /* too old: a list, at once the first time */
    a = step(&s, 3 * S, INFORMER_LIST);
    assert_true(a.first && s.synced);
    informer_state_deinit(&s);
    step(&s, 0, INFORMER_NOTHING);
}

static void informer_troubles(void **state)
{
    (void)state;
    struct informer_state s;
    informer_state_init(&s);
    step(&s, 0, INFORMER_LIST);
    informer_list_failed(&s, ERR_FORBIDDEN, 0, 0);
    struct informer_action a = step(&s, 0, INFORMER_WAIT);
    step(&s, a.at, INFORMER_LIST);
    informer_page(&s, "token", "50");
    step(&s, a.at, INFORMER_LIST);
    informer_list_failed(&s, ERR_GONE, a.at, 0); /* its token expired: from the start, in one piece */
    a = step(&s, a.at, INFORMER_WAIT);
    a = step(&s, a.at, INFORMER_LIST);
    assert_true(a.first && a.limit == 0);
    informer_list_failed(&s, ERR_TIMEOUT, 0, 0);
    s.not_before = 0;
    assert_int_equal(step(&s, 0, INFORMER_LIST).limit, 0); /* until one is complete */
    assert_true(informer_page(&s, "", "70"));
    /* a watch that is refused at once, again and again, must not become a storm */
    int64_t now = 0;
    size_t asked = 0;
    while (now < 60 * S) {
        a = informer_step(&s, now);
        if (a.what == INFORMER_WAIT) {
            now = a.at;
            continue;
        }
        assert_int_equal(a.what, asked % 2 == 0 ? INFORMER_WATCH : INFORMER_LIST);
        asked++;
        if (a.what == INFORMER_WATCH)
            informer_watch_ended(&s, ERR_GONE, now, 0);
        else {
            struct backoff kept = s.backoff;
            informer_list_failed(&s, ERR_UNREACHABLE, now, 0);
            assert_true(s.backoff.failures > kept.failures);
            s.phase = INFORMER_WATCH_DUE;
        }
    }
    assert_true(asked < 10);
    informer_state_deinit(&s);
}

static void informer_short_watches(void **state)
{
    (void)state;
    struct informer_state s;
    informer_state_init(&s);
    step(&s, 0, INFORMER_LIST);
    informer_page(&s, "", "1");
    step(&s, 0, INFORMER_WATCH);
    informer_watch_ended(&s, ERR_NONE, 10, 0); /* at once, and it told nothing: a proxy that does not understand */
    step(&s, 10, INFORMER_WAIT);
    informer_state_deinit(&s);
}

static void informer_refreshes(void **state)
{
    (void)state;
    struct informer_state s;
    informer_state_init(&s);
    step(&s, 0, INFORMER_LIST);
    informer_page(&s, "token", "5");
    step(&s, 0, INFORMER_LIST);
    informer_ask_anew(&s); /* the list under way began too early */
    step(&s, 0, INFORMER_STOP);
    assert_false(informer_page(&s, "", "5")); /* its answer came all the same */
    assert_false(s.synced);
    struct informer_action a = step(&s, 0, INFORMER_LIST);
    assert_true(a.first);
    assert_true(informer_page(&s, "", "6"));
    step(&s, 0, INFORMER_WATCH);
    informer_ask_anew(&s);
    step(&s, 0, INFORMER_STOP);
    informer_watch_ended(&s, ERR_CONFLICT, 0, 0);
    a = step(&s, 0, INFORMER_LIST); /* no waiting */
    assert_true(a.first && !s.synced);
    informer_state_deinit(&s);
}

/* ---- the election ---- */

enum { WALL = 1000 };

static struct lease_state candidate(const char *name)
{
    struct lease_state s;
    lease_state_init(&s, name, 15 * S, 10 * S, 2 * S);
    return s;
}

static struct lease_action act(struct lease_state *s, int64_t now, enum lease_do want)
{
    struct lease_action a = lease_step(s, now, WALL + now);
    if (a.what != want)
        fail_msg("%s at %lld: %d, not %d", s->identity, (long long)now, a.what, want);
    return a;
}

static struct lease_record held(const char *holder, const char *renewed)
{
    struct lease_record r = {.duration_s = 15};
    snprintf(r.holder, sizeof r.holder, "%s", holder);
    snprintf(r.renewed, sizeof r.renewed, "%s", renewed);
    return r;
}

/* Takes an absent Lease at `now`. */
static void lead(struct lease_state *s, int64_t now)
{
    act(s, now, LEASE_GET);
    lease_got(s, NULL, now, 0);
    act(s, now, LEASE_CREATE);
    lease_wrote(s, now);
    assert_true(s->leads);
}

static void taking_and_renewing(void **state)
{
    (void)state;
    struct lease_state s = candidate("a");
    lead(&s, 0);
    assert_string_equal(s.seen.holder, "a");
    assert_string_equal(s.seen.renewed, "1970-01-01T00:00:00.001000Z"); /* six digits, or Go cannot read it */
    assert_int_equal(s.seen.transitions, 0);
    assert_int_equal(act(&s, S, LEASE_WAIT).at, 2 * S);
    act(&s, 2 * S, LEASE_UPDATE); /* without asking first: nobody else writes while it is held */
    assert_string_equal(s.writing.acquired, "1970-01-01T00:00:00.001000Z");
    assert_string_equal(s.writing.renewed, "1970-01-01T00:00:02.001000Z");
    lease_wrote(&s, 2 * S + 1);
    assert_true(lease_state_may_act(&s, 11 * S));
    assert_false(lease_state_may_act(&s, 12 * S)); /* from when it was sent */
}

static void a_candidate_waits_by_its_own_clock(void **state)
{
    (void)state;
    struct lease_state s = candidate("b");
    struct lease_record r = held("a", "2099-01-01T00:00:00.000000Z"); /* a clock that is wrong says nothing */
    act(&s, 0, LEASE_GET);
    lease_got(&s, &r, 0, 0.5);
    assert_int_equal(act(&s, 0, LEASE_WAIT).at, 2 * S + (int64_t)(2 * S * 1.2 * 0.5));
    act(&s, 5 * S, LEASE_GET);
    r = held("a", "2099-01-01T00:00:02.000000Z"); /* renewed */
    lease_got(&s, &r, 5 * S, 0);
    act(&s, 19 * S, LEASE_GET);
    lease_got(&s, &r, 19 * S, 0); /* 14 s without a change */
    act(&s, 19 * S, LEASE_WAIT);
    act(&s, 21 * S, LEASE_GET);
    lease_got(&s, &r, 21 * S, 0); /* 16 s */
    act(&s, 21 * S, LEASE_UPDATE);
    assert_int_equal(s.writing.transitions, 1);
    assert_false(s.leads);
    lease_wrote(&s, 21 * S);
    assert_true(s.leads);
}

static void somebody_was_faster(void **state)
{
    (void)state;
    struct lease_state s = candidate("b");
    act(&s, 0, LEASE_GET);
    lease_got(&s, NULL, 0, 0);
    act(&s, 0, LEASE_CREATE);
    lease_write_failed(&s, true, 1, 0); /* AlreadyExists */
    assert_false(s.leads);
    act(&s, 1, LEASE_GET);
    struct lease_record r = held("a", "x");
    lease_got(&s, &r, 2, 0);
    act(&s, 2, LEASE_WAIT);
    /* a released one is free at once */
    struct lease_record released = held("", "y");
    act(&s, 10 * S, LEASE_GET);
    lease_got(&s, &released, 10 * S, 0);
    act(&s, 10 * S, LEASE_UPDATE);
    assert_int_equal(s.writing.transitions, 1);
    lease_write_failed(&s, true, 10 * S, 0); /* Conflict */
    act(&s, 10 * S, LEASE_GET);
}

static void a_leader_that_is_not_heard_gives_up_in_time(void **state)
{
    (void)state;
    struct lease_state s = candidate("a");
    lead(&s, 0);
    int64_t now = 2 * S;
    act(&s, now, LEASE_UPDATE);
    lease_write_failed(&s, false, now, 0.9); /* no answer: it may have been written, so it asks first */
    assert_int_equal(act(&s, now, LEASE_WAIT).at, 4 * S); /* a leader comes back without jitter */
    act(&s, 4 * S, LEASE_GET);
    assert_int_equal(act(&s, 9 * S, LEASE_NOTHING).at, 10 * S);
    assert_true(lease_state_may_act(&s, 9 * S));
    act(&s, 10 * S, LEASE_NOTHING);
    assert_false(s.leads);
    lease_get_failed(&s, 10 * S, 0);
    /* the server is back, and nobody took it: it is ours still, and is taken again properly */
    act(&s, 12 * S, LEASE_GET);
    struct lease_record ours = s.seen;
    lease_got(&s, &ours, 12 * S, 0);
    act(&s, 12 * S, LEASE_UPDATE);
    lease_wrote(&s, 12 * S);
    assert_true(s.leads && lease_state_may_act(&s, 13 * S));
}

static void a_written_renewal_whose_answer_was_lost(void **state)
{
    (void)state;
    struct lease_state s = candidate("a");
    lead(&s, 0);
    act(&s, 2 * S, LEASE_UPDATE);
    struct lease_record written = s.writing;
    lease_write_failed(&s, false, 3 * S, 0);
    act(&s, 5 * S, LEASE_GET);
    lease_got(&s, &written, 5 * S, 0);
    assert_true(s.leads);
    act(&s, 5 * S, LEASE_UPDATE);
    assert_false(lease_state_may_act(&s, 10 * S)); /* only a renewal that is known counts */
}

static void taken_from_under_us(void **state)
{
    (void)state;
    struct lease_state s = candidate("a");
    lead(&s, 0);
    act(&s, 2 * S, LEASE_UPDATE);
    lease_write_failed(&s, true, 2 * S, 0);
    act(&s, 2 * S, LEASE_GET);
    struct lease_record theirs = held("b", "z");
    lease_got(&s, &theirs, 2 * S, 0);
    assert_false(s.leads || lease_state_may_act(&s, 2 * S));
    struct lease_state d = candidate("a"); /* somebody deleted the Lease */
    lead(&d, 0);
    act(&d, 2 * S, LEASE_UPDATE);
    lease_write_failed(&d, true, 2 * S, 0);
    act(&d, 2 * S, LEASE_GET);
    lease_got(&d, NULL, 2 * S, 0);
    assert_false(d.leads);
    act(&d, 2 * S, LEASE_CREATE);
}

static void asleep_past_the_lease(void **state)
{
    (void)state;
    struct lease_state s = candidate("a");
    lead(&s, 0);
    act(&s, 2 * S, LEASE_UPDATE);
    /* it is stopped, with the answer on its way, and wakes an hour later */
    assert_false(lease_state_may_act(&s, 3600 * S));
    lease_wrote(&s, 3600 * S);
    assert_false(lease_state_may_act(&s, 3600 * S)); /* the answer is of a renewal long ago */
    act(&s, 3600 * S, LEASE_WAIT);
    assert_false(s.leads);
}

static void stopping(void **state)
{
    (void)state;
    struct lease_state s = candidate("a");
    lead(&s, 0);
    act(&s, 2 * S, LEASE_UPDATE);
    s.stopping = true;
    act(&s, 2 * S, LEASE_NOTHING); /* what is in flight first */
    lease_wrote(&s, 2 * S);
    act(&s, 2 * S, LEASE_RELEASE);
    assert_string_equal(s.writing.holder, "");
    assert_int_equal(s.writing.duration_s, 1);
    assert_int_equal(s.writing.transitions, 0);
    assert_true(s.writing.renewed[0] != '\0' && s.writing.acquired[0] != '\0');
    lease_wrote(&s, 2 * S);
    act(&s, 2 * S, LEASE_DONE);
    assert_false(s.leads || lease_state_may_act(&s, 2 * S));
    struct lease_state c = candidate("b"); /* a candidate has nothing to release */
    c.stopping = true;
    act(&c, 0, LEASE_DONE);
    struct lease_state late = candidate("c"); /* nor one whose time is over: it may be another's by now */
    lead(&late, 0);
    late.stopping = true;
    act(&late, 10 * S, LEASE_DONE);
    struct lease_state cut = candidate("d");
    lead(&cut, 0);
    cut.stopping = true;
    act(&cut, S, LEASE_RELEASE);
    lease_write_failed(&cut, false, S, 0);
    act(&cut, S, LEASE_DONE);
}

/* Several candidates, one Lease, answers that are late or get lost, processes that sleep: never two that may act. */
enum { CANDIDATES = 4 };
static uint64_t seed;
static unsigned roll(unsigned n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(seed >> 33) % n;
}

static void never_two(void **state)
{
    (void)state;
    for (unsigned run = 1; run <= 300; run++) {
        static const char *const names[CANDIDATES] = {"a", "b", "c", "d"};
        struct lease_state s[CANDIDATES];
        struct lease_record server = {0};
        uint64_t version = 0;      /* 0: no Lease */
        uint64_t knows[CANDIDATES] = {0};
        struct {
            bool open, lost, done, ok, exists;
            enum lease_do what;
            int64_t lands, answers;
            struct lease_record got;
            uint64_t version;
        } f[CANDIDATES] = {0};
        int64_t asleep[CANDIDATES] = {0}, led = 0;
        seed = run;
        for (size_t i = 0; i < CANDIDATES; i++)
            s[i] = candidate(names[i]);
        for (int64_t now = 0; now < 300 * S; now += S / 10) {
            size_t acting = 0;
            for (size_t i = 0; i < CANDIDATES; i++) {
                if (f[i].open && !f[i].done && now >= f[i].lands) { /* the server carries it out, asleep or not */
                    f[i].done = true;
                    f[i].exists = version != 0;
                    f[i].got = server;
                    f[i].version = version;
                    if (f[i].what != LEASE_GET) {
                        f[i].ok = f[i].what == LEASE_CREATE ? version == 0 : version == knows[i];
                        if (f[i].ok) {
                            server = s[i].writing;
                            f[i].version = ++version;
                        }
                    }
                }
                if (asleep[i] > now)
                    continue; /* it is stopped: it acts when it wakes, and asks first then */
                acting += lease_state_may_act(&s[i], now);
                led += lease_state_may_act(&s[i], now);
                double d = roll(1000) / 1000.0;
                if (f[i].open && now >= f[i].answers) {
                    f[i].open = false;
                    if (f[i].lost && f[i].what == LEASE_GET)
                        lease_get_failed(&s[i], now, d);
                    else if (f[i].lost)
                        lease_write_failed(&s[i], false, now, d);
                    else if (f[i].what == LEASE_GET) {
                        knows[i] = f[i].version;
                        lease_got(&s[i], f[i].exists ? &f[i].got : NULL, now, d);
                    } else if (f[i].ok) {
                        knows[i] = f[i].version;
                        lease_wrote(&s[i], now);
                    } else
                        lease_write_failed(&s[i], true, now, d);
                }
                struct lease_action a = lease_step(&s[i], now, WALL + now);
                if (a.what == LEASE_GET || a.what == LEASE_CREATE || a.what == LEASE_UPDATE) {
                    bool lost = roll(6) == 0; /* then it lands later than its sender waits for it, or never */
                    f[i].open = true;
                    f[i].done = f[i].ok = false;
                    f[i].what = a.what;
                    f[i].lost = lost;
                    f[i].lands = now + (roll(20) == 0 ? INT64_MAX / 2 : roll(10) * S / 10);
                    f[i].answers = lost || f[i].lands > now + 5 * S ? now + 5 * S : f[i].lands + roll(5) * S / 10;
                    if (f[i].lands > now + 5 * S)
                        f[i].lost = true;
                }
                if (roll(400) == 0)
                    asleep[i] = now + roll(40) * S;
            }
            if (acting > 1)
                fail_msg("run %u: %zu may act at %lld s", run, acting, (long long)(now / S));
        }
        assert_true(led > 0);
    }
}

/* ---- events ---- */

static void events_are_counted(void **state)
{
    (void)state;
    struct event_state *s = event_state_create();
    struct event_verdict v = event_step(s, 1, 1, 1, 0);
    assert_true(v.count == 1 && v.name[0] == '\0' && !v.drop && !v.combined);
    event_written(s, v.key, "x.1");
    v = event_step(s, 1, 1, 1, S);
    assert_true(v.count == 2 && !v.drop);
    assert_string_equal(v.name, "x.1");
    v = event_step(s, 1, 1, 2, S); /* another note, another Event */
    assert_true(v.count == 1 && v.name[0] == '\0');
    v = event_step(s, 2, 1, 1, S); /* another object */
    assert_true(v.count == 1 && v.name[0] == '\0');
    v = event_step(s, 1, 1, 1, 2 * S);
    assert_int_equal(v.count, 3);
    event_written(s, v.key, NULL); /* the server had forgotten it */
    event_written(s, v.key, "x.2");
    v = event_step(s, 1, 1, 1, 3 * S);
    assert_int_equal(v.count, 2);
    assert_string_equal(v.name, "x.2");
    event_state_free(&s);
}

static void events_are_combined(void **state)
{
    (void)state;
    struct event_state *s = event_state_create();
    struct event_verdict v;
    for (uint64_t note = 0; note < 10; note++) {
        v = event_step(s, 1, 1, note, 0);
        assert_false(v.combined);
        char name[8];
        snprintf(name, sizeof name, "e.%d", (int)note);
        event_written(s, v.key, name);
    }
    v = event_step(s, 1, 1, 10, S);
    assert_true(v.combined && v.count == 1);
    event_written(s, v.key, "e.all");
    v = event_step(s, 1, 1, 11, S);
    assert_true(v.combined && v.count == 2);
    v = event_step(s, 1, 1, 3, S); /* one of the ten keeps its own */
    assert_true(!v.combined && v.count == 2);
    v = event_step(s, 1, 1, 12, EVENT_WINDOW + 2 * S); /* quiet for long enough: by itself again */
    assert_false(v.combined);
    event_state_free(&s);
}

static void events_have_a_budget(void **state)
{
    (void)state;
    struct event_state *s = event_state_create();
    int written = 0;
    for (int i = 0; i < 100; i++)
        written += !event_step(s, 1, (uint64_t)i, 1, 0).drop;
    assert_int_equal(written, EVENT_BURST);
    assert_false(event_step(s, 2, 1, 1, 0).drop); /* of each object */
    assert_true(event_step(s, 1, 1, 1, 299 * S).drop);
    assert_false(event_step(s, 1, 1, 1, 301 * S).drop);
    for (uint64_t i = 0; i < 20000; i++)
        event_step(s, i, 1, i, 0);
    assert_true(event_state_records(s) <= 3 * EVENT_RECORDS_MAX);
    event_state_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waiting),
        cmocka_unit_test(a_bucket),
        cmocka_unit_test(informer_life),
        cmocka_unit_test(informer_troubles),
        cmocka_unit_test(informer_short_watches),
        cmocka_unit_test(informer_refreshes),
        cmocka_unit_test(taking_and_renewing),
        cmocka_unit_test(a_candidate_waits_by_its_own_clock),
        cmocka_unit_test(somebody_was_faster),
        cmocka_unit_test(a_leader_that_is_not_heard_gives_up_in_time),
        cmocka_unit_test(a_written_renewal_whose_answer_was_lost),
        cmocka_unit_test(taken_from_under_us),
        cmocka_unit_test(asleep_past_the_lease),
        cmocka_unit_test(stopping),
        cmocka_unit_test(never_two),
        cmocka_unit_test(events_are_counted),
        cmocka_unit_test(events_are_combined),
        cmocka_unit_test(events_have_a_budget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
