/* Which requests could come from a stranger's page. */
#include "net/guard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static void hosts(void **state)
{
    (void)state;
    static const char *const names[] = {"alerts.example.com", NULL};
    static const struct {
        const char *host;
        bool ok;
    } rows[] = {
        {NULL, true},
        {"127.0.0.1:8080", true},
        {"127.0.0.1", true},
        {"10.244.1.7:8080", true},
        {"[::1]:8080", true},
        {"[::1]", true},
        {"[fd00::1:2]:80", true},
        {"localhost", true},
        {"LocalHost:8080", true},
        {"localhost.:8080", true},
        {"alertspawner:8080", true},
        {"alertspawner.monitoring.svc:8080", true},
        {"alertspawner.monitoring.svc.cluster.local:8080", true},
        {"a.localhost:1", true},
        {"host.internal", true},
        {"alerts.example.com", true},
        {"ALERTS.example.com:8080", true},
        {"evil.example.com", false},
        {"evil.example.com:8080", false},
        {"alerts.example.com.evil.com", false},
        {"127.0.0.1.evil.com:8080", false},
        {"localhost.evil.com", false},
        {"a.svc.evil.com", false},
        {"127.0.0.1.nip.io", false},
        {"a.local", false}, /* multicast DNS: anybody on the network gives it */
        {"", false},
        {":8080", false},
        {"[::1", false},
        {"[evil.com]:80", false},
        {"[127.0.0.1]:80", false},
        {"::1", false},
        {"localhost:8080:9", false},
        {"localhost:80x", false},
        {"localhost:evil.com", false},
        {"localhost:123456", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (guard_host(rows[i].host, names) != rows[i].ok)
            fail_msg("Host %s: %s", rows[i].host != NULL ? rows[i].host : "(none)", rows[i].ok ? "refused" : "taken");
    assert_true(guard_host("localhost", NULL));
    assert_false(guard_host("evil.example.com", NULL));
}

static void origins(void **state)
{
    (void)state;
    static const struct {
        const char *origin, *host, *site, *mode;
        bool ok;
    } rows[] = {
        {NULL, "localhost:8080", NULL, NULL, true}, /* curl, Prometheus */
        {NULL, "localhost:8080", "same-origin", "cors", true},
        {NULL, "localhost:8080", "none", "navigate", true},       /* typed into the address bar */
        {NULL, "localhost:8080", "cross-site", "navigate", true}, /* a link followed */
        {NULL, "localhost:8080", "cross-site", "no-cors", false}, /* <script src>, <img src> */
        {NULL, "localhost:8080", "same-site", "cors", false},     /* another port of this machine */
        {NULL, "localhost:8080", "cross-site", NULL, false},
        {"http://localhost:8080", "localhost:8080", "same-origin", "cors", true},
        {"http://localhost:8080", "localhost:8080", NULL, NULL, true},
        {"https://evil.com", "localhost:8080", NULL, NULL, false},
        {"http://localhost:3000", "localhost:8080", NULL, NULL, false},
        {"http://localhost", "localhost:8080", NULL, NULL, false},
        {"null", "localhost:8080", NULL, NULL, false}, /* a sandboxed frame, a file */
        {"null", "null", NULL, NULL, false},
        {"", "localhost:8080", NULL, NULL, false},
        {"http://localhost:8080", NULL, NULL, NULL, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (guard_origin(rows[i].origin, rows[i].host, rows[i].site, rows[i].mode) != rows[i].ok)
            fail_msg("row %zu", i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hosts),
        cmocka_unit_test(origins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
