/* The helpers of policies, by chunks of lua/testdata; `lib_test FILE` runs one of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib_rig.h"

#define CHUNK(name)                                                                                          \
    static void name(void **state)                                                                           \
    {                                                                                                        \
        (void)state;                                                                                         \
        rig_run_file(#name ".lua");                                                                          \
    }
CHUNK(duration)
CHUNK(time)
CHUNK(texts)
CHUNK(redact)
CHUNK(fence)
CHUNK(json)
CHUNK(template)
CHUNK(hash)
CHUNK(k8s)
CHUNK(severity)
CHUNK(retrigger)
CHUNK(report)
CHUNK(matchers)
CHUNK(helpers)
CHUNK(nasty)

static const char *only;

static void only_file(void **state)
{
    (void)state;
    rig_run_file(only);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(duration), cmocka_unit_test(time),      cmocka_unit_test(texts),
        cmocka_unit_test(redact),   cmocka_unit_test(fence),     cmocka_unit_test(json),
        cmocka_unit_test(template), cmocka_unit_test(hash),      cmocka_unit_test(k8s),
        cmocka_unit_test(severity), cmocka_unit_test(retrigger), cmocka_unit_test(report),
        cmocka_unit_test(matchers), cmocka_unit_test(helpers),   cmocka_unit_test(nasty),
    };
    const struct CMUnitTest one[] = {cmocka_unit_test(only_file)};
    only = argc > 1 ? argv[1] : NULL;
    return only ? cmocka_run_group_tests(one, NULL, NULL) : cmocka_run_group_tests(tests, NULL, NULL);
}
