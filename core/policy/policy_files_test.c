/* Reading a directory of policies: what counts, what is a problem, and that a ConfigMap is read as one
 * generation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "policy/policy_files.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[64];

static int make_dir(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/policy_files.XXXXXX");
    return mkdtemp(dir) != NULL ? 0 : -1;
}

static int remove_dir(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    return system(command);
}

static char *path_of(const char *name)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static void write_file(const char *name, const char *bytes, size_t len)
{
    FILE *f = fopen(path_of(name), "w");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, len, f), len);
    fclose(f);
}

static void put(const char *name, const char *text)
{
    write_file(name, text, strlen(text));
}

static struct policy_files *read_all(void)
{
    struct policy_files *f = NULL;
    struct err e = {0};
    if (policy_files_read(dir, &f, &e) != 0)
        fail_msg("%s", e.msg);
    return f;
}

static const char *problem_of(const struct policy_files *f, const char *file)
{
    for (size_t i = 0; i < f->n_problems; i++)
        if (strcmp(f->problems[i].file, file) == 0)
            return f->problems[i].sentence;
    return NULL;
}

static void takes_policies_in_byte_order(void **state)
{
    (void)state;
    put("b.lua", "return 2");
    put("10-a.lua", "return 1");
    put("B.lua", "return 3");
    put("a_spec.lua", "no policy");
    put(".hidden.lua", "no policy");
    put("..weird.lua", "no policy");
    put("notes.md", "no policy");
    struct policy_files *f = read_all();
    assert_int_equal(f->n, 3);
    assert_int_equal(f->n_problems, 0);
    assert_string_equal(f->files[0].name, "10-a.lua");
    assert_string_equal(f->files[1].name, "B.lua");
    assert_string_equal(f->files[2].name, "b.lua");
    assert_string_equal(f->files[2].source, "return 2");
    policy_files_free(&f);
    assert_null(f);
}

static void no_directory_is_no_files(void **state)
{
    (void)state;
    struct policy_files *f = NULL;
    struct err e = {0};
    assert_int_equal(policy_files_read(NULL, &f, &e), 0);
    assert_int_equal(f->n, 0);
    policy_files_free(&f);
    assert_int_equal(policy_files_read("/no/such/dir", &f, &e), -1);
    assert_int_equal(e.kind, ERR_NOT_FOUND);
    assert_non_null(strstr(e.msg, "/no/such/dir"));
    put("plain", "");
    assert_int_equal(policy_files_read(path_of("plain"), &f, &e), -1);
}

#define OUT "is a link that leads out of the directory"

/* What cannot be used stays in the list, without a source: its alerts must not fall to another policy. */
static void broken_files_stay_as_broken(void **state)
{
    (void)state;
    char *large = xcalloc(1, WIRE_SOURCE_MAX + 1);
    memset(large, '-', WIRE_SOURCE_MAX + 1);
    put("a-good.lua", "return 1");
    write_file("largest.lua", large, WIRE_SOURCE_MAX);
    write_file("too-large.lua", large, WIRE_SOURCE_MAX + 1);
    free(large);
    put("empty.lua", "");
    put("latin1.lua", "-- caf\xe9");
    write_file("nul.lua", "a\0b", 3);
    assert_int_equal(mkdir(path_of("dir.lua"), 0755), 0);
    assert_int_equal(mkfifo(path_of("fifo.lua"), 0644), 0);
    assert_int_equal(symlink("no-such-file", path_of("dangling.lua")), 0);
    assert_int_equal(symlink("/no/such/file", path_of("dangling-out.lua")), 0);
    assert_int_equal(symlink("/dev/zero", path_of("device.lua")), 0);
    assert_int_equal(symlink("/etc/hostname", path_of("out.lua")), 0);
    assert_int_equal(symlink("../../../../../../etc/hostname", path_of("out-relative.lua")), 0);
    assert_int_equal(symlink("/proc/self/cmdline", path_of("magic.lua")), 0);
    assert_int_equal(symlink("ring.lua", path_of("ring.lua")), 0);
    put("default.lua", "return 1");
    struct policy_files *f = read_all();
    static const struct {
        const char *file, *problem;
    } expected[] = {
        {"a-good.lua", NULL},
        {"dangling-out.lua", OUT},
        {"dangling.lua", "cannot be opened: No such file or directory"},
        {"device.lua", OUT},
        {"dir.lua", "is no regular file"},
        {"empty.lua", "is empty"},
        {"fifo.lua", "is no regular file"},
        {"largest.lua", NULL},
        {"latin1.lua", "is not UTF-8 (byte 7)"},
        {"magic.lua", OUT},
        {"nul.lua", "holds a NUL byte"},
        {"out-relative.lua", OUT},
        {"out.lua", OUT},
        {"ring.lua", "cannot be opened: Too many levels of symbolic links"},
        {"too-large.lua", "is larger than 64 KiB"},
    };
    size_t n = sizeof expected / sizeof expected[0];
    assert_int_equal(f->n, n);
    assert_int_equal(f->n_problems, n - 2 + 1);
    for (size_t i = 0; i < n; i++) {
        assert_string_equal(f->files[i].name, expected[i].file);
        assert_int_equal(f->files[i].len == 0, expected[i].problem != NULL);
        assert_int_equal(strlen(f->files[i].source), f->files[i].len);
        if (expected[i].problem != NULL)
            assert_string_equal(problem_of(f, expected[i].file), expected[i].problem);
        else
            assert_null(problem_of(f, expected[i].file));
    }
    assert_non_null(strstr(problem_of(f, "default.lua"), "bundled"));
    policy_files_free(&f);
}

static const struct policy_file *lib_of(const struct policy_files *f, const char *name)
{
    for (size_t i = 0; i < f->n_libs; i++)
        if (strcmp(f->libs[i].name, name) == 0)
            return &f->libs[i];
    return NULL;
}

/* Libraries are no policies; every policy may include all of them, and the same rules hold for their files. */
static void takes_libraries(void **state)
{
    (void)state;
    char *large = xcalloc(1, WIRE_SOURCE_MAX + 1);
    memset(large, '-', WIRE_SOURCE_MAX + 1);
    put("b.lua", "return 2");
    put("lib_b.lua", "return 'b'");
    put("lib_A-1.x.lua", "return 'a'");
    put("lib_b_spec.lua", "no library");
    put("lib_c.txt", "no library");
    put("libx.lua", "return 'a policy'");
    put("lib_empty.lua", "");
    write_file("lib_large.lua", large, WIRE_SOURCE_MAX + 1);
    put("lib_o dd.lua", "return 'nobody can say my name'");
    put("lib_.lua", "return 'nor mine'");
    free(large);
    struct policy_files *f = read_all();
    assert_int_equal(f->n, 2);
    assert_string_equal(f->files[1].name, "libx.lua");
    assert_int_equal(f->n_libs, 6);
    assert_string_equal(f->libs[0].name, "lib_.lua");
    assert_string_equal(lib_of(f, "lib_b.lua")->source, "return 'b'");
    assert_string_equal(lib_of(f, "lib_A-1.x.lua")->source, "return 'a'");
    static const char *const unusable[] = {"lib_.lua", "lib_empty.lua", "lib_large.lua", "lib_o dd.lua"};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(lib_of(f, unusable[i])->len, 0);
        assert_string_equal(lib_of(f, unusable[i])->source, "");
        assert_non_null(problem_of(f, unusable[i]));
    }
    assert_string_equal(problem_of(f, "lib_large.lua"), "is larger than 64 KiB");
    assert_non_null(strstr(problem_of(f, "lib_o dd.lua"), "cannot be included by that name"));
    assert_int_equal(f->n_problems, 4);
    for (size_t i = 0; i < f->n; i++) {
        assert_int_equal(f->files[i].n_libs, 6);
        for (uint32_t k = 0; k < 6; k++)
            assert_int_equal(f->files[i].libs[k], k);
    }
    policy_files_free(&f);
}

static void too_many_libraries_are_refused(void **state)
{
    (void)state;
    char name[32];
    struct policy_files *f = NULL;
    struct err e = {0};
    for (int i = 0; i < POLICY_FILES_MAX; i++) {
        snprintf(name, sizeof name, "p%03d.lua", i);
        put(name, "return 1");
        snprintf(name, sizeof name, "lib_%03d.lua", i);
        put(name, "return 1");
    }
    f = read_all(); /* as many of each */
    assert_int_equal(f->n, POLICY_FILES_MAX);
    assert_int_equal(f->n_libs, POLICY_FILES_MAX);
    policy_files_free(&f);
    put("lib_zzz.lua", "return 1");
    assert_int_equal(policy_files_read(dir, &f, &e), -1);
    assert_int_equal(e.kind, ERR_LIMIT);
    assert_non_null(strstr(e.msg, "more than 200 libraries"));
}

static void hash_is_of_libraries_too(void **state)
{
    (void)state;
    uint64_t seen[4];
    put("a.lua", "return 1");
    for (int i = 0; i < 4; i++) {
        if (i > 0)
            put("lib_a.lua", (const char *const[]){"", "return 1", "return 2"}[i - 1]);
        struct policy_files *f = read_all();
        seen[i] = f->hash;
        for (int k = 0; k < i; k++)
            assert_int_not_equal(seen[i], seen[k]);
        policy_files_free(&f);
    }
}

/* The identity of a reload unit: the policy and what it included, not the order in which it did. */
static void hash_of_a_unit(void **state)
{
    (void)state;
    char one[POLICY_HASH], other[POLICY_HASH];
    put("a.lua", "return 1");
    put("b.lua", "return 1");
    put("lib_x.lua", "return 1");
    put("lib_y.lua", "return 2");
    struct policy_files *f = read_all();
    policy_unit_hash(f, 0, NULL, 0, one);
    assert_int_equal(strlen(one), 32);
    policy_unit_hash(f, 0, NULL, 0, other);
    assert_string_equal(one, other);
    policy_unit_hash(f, 1, NULL, 0, other);
    assert_string_not_equal(one, other);
    policy_unit_hash(f, 0, (uint32_t[]){0}, 1, other);
    assert_string_not_equal(one, other);
    policy_unit_hash(f, 0, (uint32_t[]){0, 1}, 2, one);
    policy_unit_hash(f, 0, (uint32_t[]){1, 0}, 2, other);
    assert_string_equal(one, other);
    policy_files_free(&f);
}

static void problems_as_sentences(void **state)
{
    (void)state;
    static const struct {
        const char *file, *sentence, *text;
    } rows[] = {
        {"a.lua", "is empty", "a.lua is empty"},
        {"a.lua", "a.lua:3: unexpected symbol", "a.lua:3: unexpected symbol"},
        {"a.lua", "a.luac:3: x", "a.lua a.luac:3: x"},
        {"a.lua", "lib_x.lua:3: x", "a.lua lib_x.lua:3: x"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *text = policy_problem_text(&(struct policy_problem){(char *)rows[i].file, (char *)rows[i].sentence});
        assert_string_equal(text, rows[i].text);
        free(text);
    }
}

static void too_many_are_refused(void **state)
{
    (void)state;
    char name[32];
    struct policy_files *f = NULL;
    struct err e = {0};
    put("default.lua", "return 1"); /* does not count */
    for (int i = 0; i < POLICY_FILES_MAX; i++) {
        snprintf(name, sizeof name, "p%03d.lua", i);
        put(name, "return 1");
    }
    f = read_all();
    assert_int_equal(f->n, POLICY_FILES_MAX);
    policy_files_free(&f);
    put("zz.lua", "return 1");
    assert_int_equal(policy_files_read(dir, &f, &e), -1);
    assert_int_equal(e.kind, ERR_LIMIT);
}

/* The bundled policy may lie there, as it does among the ready-made ones; what differs by a byte is another. */
static void bundled_default_is_no_problem(void **state)
{
    (void)state;
    struct buf b = {0};
    FILE *bundled = fopen("policies/default.lua", "rb");
    assert_non_null(bundled);
    for (int c; (c = getc(bundled)) != EOF;)
        buf_addc(&b, (char)c);
    fclose(bundled);
    put("a.lua", "return 1");
    put("default.lua", b.data);
    struct policy_files *f = read_all();
    assert_int_equal(f->n, 1);
    assert_int_equal(f->n_problems, 0);
    policy_files_free(&f);
    buf_addc(&b, '\n');
    put("default.lua", b.data);
    f = read_all();
    assert_int_equal(f->n, 1);
    assert_non_null(strstr(problem_of(f, "default.lua"), "bundled"));
    policy_files_free(&f);
    buf_free(&b);
}

static void hash_is_of_names_and_contents(void **state)
{
    (void)state;
    struct policy_files *f;
    put("a.lua", "xy");
    put("b.lua", "z");
    f = read_all();
    uint64_t first = f->hash;
    policy_files_free(&f);
    f = read_all();
    assert_int_equal(f->hash, first);
    policy_files_free(&f);
    put("a.lua", "x");
    put("b.lua", "yz");
    f = read_all();
    assert_int_not_equal(f->hash, first);
    policy_files_free(&f);
    put("a.lua", "xy");
    put("c.lua", "z");
    assert_int_equal(unlink(path_of("b.lua")), 0);
    f = read_all();
    assert_int_not_equal(f->hash, first);
    policy_files_free(&f);
}

/* As kubelet lays a ConfigMap out: DIR/x.lua -> ..data/x.lua, DIR/..data -> ..2026_1. The old generation's
 * names in DIR may lag behind; what counts is what ..data holds. */
static void reads_a_config_map(void **state)
{
    (void)state;
    assert_int_equal(mkdir(path_of("..2026_1"), 0755), 0);
    put("..2026_1/a.lua", "new a");
    put("..2026_1/b.lua", "new b");
    assert_int_equal(symlink("..2026_1", path_of("..data")), 0);
    assert_int_equal(symlink("..data/a.lua", path_of("a.lua")), 0);
    assert_int_equal(symlink("..data/gone.lua", path_of("gone.lua")), 0);
    struct policy_files *f = read_all();
    assert_int_equal(f->n, 2);
    assert_int_equal(f->n_problems, 0);
    assert_string_equal(f->files[0].source, "new a");
    assert_string_equal(f->files[1].source, "new b");
    policy_files_free(&f);
}

/* A link that leads nowhere is not an empty directory, and one that leads elsewhere is not followed. */
static void a_broken_config_map_is_refused(void **state)
{
    (void)state;
    struct policy_files *f = NULL;
    struct err e = {0};
    put("a.lua", "return 1");
    assert_int_equal(symlink("..gone", path_of("..data")), 0);
    assert_int_equal(policy_files_read(dir, &f, &e), -1);
    assert_non_null(strstr(e.msg, "..data cannot be opened: No such file"));
    assert_int_equal(unlink(path_of("..data")), 0);
    assert_int_equal(symlink("/etc", path_of("..data")), 0);
    assert_int_equal(policy_files_read(dir, &f, &e), -1);
    assert_non_null(strstr(e.msg, "..data is a link that leads out of the directory"));
}

static void follows_links_to_regular_files(void **state)
{
    (void)state;
    put("real.txt", "return 1");
    assert_int_equal(symlink("real.txt", path_of("link.lua")), 0);
    struct policy_files *f = read_all();
    assert_int_equal(f->n, 1);
    assert_string_equal(f->files[0].source, "return 1");
    policy_files_free(&f);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)
    const struct CMUnitTest tests[] = {
        T(takes_policies_in_byte_order),   T(no_directory_is_no_files),      T(broken_files_stay_as_broken),
        T(too_many_are_refused),           T(hash_is_of_names_and_contents), T(reads_a_config_map),
        T(follows_links_to_regular_files), T(takes_libraries),               T(too_many_libraries_are_refused),
        T(hash_is_of_libraries_too),       T(hash_of_a_unit),                T(problems_as_sentences),
        T(a_broken_config_map_is_refused), T(bundled_default_is_no_problem),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
