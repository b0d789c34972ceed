/* Lines in a rotated file: every line that was taken is in exactly one place, whole. */
#include "base/rotated.h"

#include "base/buf.h"
#include "base/mem.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct rig {
    char dir[40], path[60];
};

static int setup(void **state)
{
    struct rig *r = xcalloc(1, sizeof *r);
    strcpy(r->dir, "/tmp/rotated_test.XXXXXX");
    assert_non_null(mkdtemp(r->dir));
    snprintf(r->path, sizeof r->path, "%s/log", r->dir);
    *state = r;
    return 0;
}

static int teardown(void **state)
{
    struct rig *r = *state;
    char *command = xasprintf("chmod -R u+w %s; rm -rf %s", r->dir, r->dir);
    assert_int_equal(system(command), 0);
    free(command);
    free(r);
    return 0;
}

static char *read_file(const struct rig *r, const char *suffix)
{
    char *path = xasprintf("%s%s", r->path, suffix);
    struct buf b = {0};
    char piece[4096];
    ssize_t n;
    int fd = open(path, O_RDONLY);
    free(path);
    if (fd < 0)
        return NULL;
    while ((n = read(fd, piece, sizeof piece)) > 0)
        buf_add(&b, piece, (size_t)n);
    close(fd);
    return buf_take(&b);
}

static void expect_file(const struct rig *r, const char *suffix, const char *text)
{
    char *got = read_file(r, suffix);
    if (text == NULL ? got != NULL : got == NULL || strcmp(got, text) != 0)
        fail_msg("log%s is %s, not %s", suffix, got, text);
    free(got);
}

static void put(struct rotated *f, const char *lines)
{
    size_t lost = 9;
    struct err e = {0};
    if (rotated_write(f, lines, strlen(lines), &lost, &e) != 0)
        fail_msg("%s", e.msg);
    assert_int_equal(lost, 0);
}

static struct rotated *start(const struct rig *r, uint64_t max, unsigned keep)
{
    struct rotated *f = NULL;
    struct err e = {0};
    if (rotated_open(r->path, max, keep, &f, &e) != 0)
        fail_msg("%s", e.msg);
    return f;
}

static void rotation(void **state)
{
    struct rig *r = *state;
    struct stat st;
    struct rotated *f = start(r, 10, 2);
    assert_int_equal(stat(r->path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    put(f, "aaaa\nbbbb\n"); /* exactly full */
    expect_file(r, "", "aaaa\nbbbb\n");
    expect_file(r, ".1", NULL);
    put(f, "cccc\n");
    expect_file(r, "", "cccc\n");
    expect_file(r, ".1", "aaaa\nbbbb\n");
    put(f, "dddd\neeee\nffff\ngggg\n"); /* over two borders at once */
    expect_file(r, "", "gggg\n");
    expect_file(r, ".1", "eeee\nffff\n");
    expect_file(r, ".2", "cccc\ndddd\n");
    expect_file(r, ".3", NULL);
    put(f, "a line that is longer than a whole file\nh\n");
    expect_file(r, "", "h\n");
    expect_file(r, ".1", "a line that is longer than a whole file\n");
    expect_file(r, ".2", "gggg\n");
    rotated_close(&f);
    f = start(r, 10, 2); /* goes on where it was */
    put(f, "iiiiiii\n");
    expect_file(r, "", "h\niiiiiii\n");
    rotated_close(&f);
}

static void none_is_kept(void **state)
{
    struct rig *r = *state;
    struct rotated *f = start(r, 6, 0);
    put(f, "aaaa\n");
    put(f, "bbbb\n");
    expect_file(r, "", "bbbb\n");
    expect_file(r, ".1", NULL);
    rotated_close(&f);
}

static void moved_and_removed(void **state)
{
    struct rig *r = *state;
    struct rotated *f = start(r, 1000, 2);
    char *other = xasprintf("%s.moved", r->path);
    put(f, "a\n");
    assert_int_equal(rename(r->path, other), 0); /* logrotate */
    put(f, "b\n");
    expect_file(r, ".moved", "a\n");
    expect_file(r, "", "b\n");
    unlink(r->path);
    put(f, "c\n");
    expect_file(r, "", "c\n");
    rotated_reopen(f);
    put(f, "d\n");
    expect_file(r, "", "c\nd\n");
    free(other);
    rotated_close(&f);
}

static void a_line_that_a_dead_one_left_half(void **state)
{
    struct rig *r = *state;
    int fd = open(r->path, O_CREAT | O_WRONLY, 0600);
    assert_int_equal(write(fd, "a\nhal", 5), 5);
    close(fd);
    struct rotated *f = start(r, 1000, 1);
    put(f, "b\n");
    expect_file(r, "", "a\nhal\nb\n");
    rotated_close(&f);
}

/* The kernel refuses in the middle of a line, as a full disk does. */
static void a_full_disk(void **state)
{
    struct rig *r = *state;
    struct rotated *f = start(r, 1000, 1);
    struct rlimit old, small;
    size_t lost = 0;
    struct err e = {0};
    put(f, "aaaa\n");
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = (struct rlimit){12, old.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    assert_int_equal(rotated_write(f, "bbbb\ncccc\ndddd\n", 15, &lost, &e), -1);
    assert_int_equal(lost, 2);
    assert_int_equal(e.kind, ERR_IO);
    assert_non_null(strstr(e.msg, r->path));
    assert_int_equal(rotated_write(f, "eeee\n", 5, &lost, &e), -1);
    assert_int_equal(lost, 1);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    expect_file(r, "", "aaaa\nbbbb\n"); /* no half line */
    put(f, "ffff\n");
    expect_file(r, "", "aaaa\nbbbb\nffff\n");
    rotated_close(&f);
}

/* A name that cannot be had any more: the file grows on, nothing is lost. */
static void a_rotation_that_fails(void **state)
{
    struct rig *r = *state;
    char *in_the_way = xasprintf("%s.1", r->path), *inside = xasprintf("%s.1/x", r->path);
    struct rotated *f = start(r, 6, 1);
    size_t lost = 9;
    struct err e = {0};
    assert_int_equal(mkdir(in_the_way, 0700), 0);
    assert_int_equal(mkdir(inside, 0700), 0);
    put(f, "aaaa\n");
    assert_int_equal(rotated_write(f, "bbbb\n", 5, &lost, &e), -1);
    assert_int_equal(lost, 0);
    assert_non_null(strstr(e.msg, "it grows on"));
    expect_file(r, "", "aaaa\nbbbb\n");
    rmdir(inside);
    rmdir(in_the_way);
    put(f, "cccc\n"); /* not tried again at once */
    expect_file(r, ".1", "aaaa\nbbbb\n");
    expect_file(r, "", "cccc\n");
    rotated_close(&f);
    free(in_the_way);
    free(inside);
}

static void pipes(void **state)
{
    struct rig *r = *state;
    struct rotated *f = NULL;
    struct err e = {0};
    size_t lost = 0;
    char got[200000];
    assert_int_equal(mkfifo(r->path, 0600), 0);
    assert_int_equal(rotated_open(r->path, 10, 1, &f, &e), -1); /* nobody reads there */
    int fd = open(r->path, O_RDONLY | O_NONBLOCK);
    f = start(r, 10, 1);
    put(f, "aaaa\nbbbb\ncccc\n"); /* no rotation */
    assert_int_equal(read(fd, got, sizeof got), 15);
    /* nobody reads: no waiting for ever, what does not fit is counted, and the next line begins at its beginning */
    struct buf many = {0};
    for (int i = 0; i < 20000; i++)
        buf_addf(&many, "%08d\n", i);
    assert_int_equal(rotated_write(f, many.data, many.len, &lost, &e), -1);
    assert_true(lost > 1000 && lost < 20000);
    size_t n = 0;
    for (ssize_t k; (k = read(fd, got + n, sizeof got - n)) > 0;)
        n += (size_t)k;
    put(f, "next\n");
    n += (size_t)read(fd, got + n, sizeof got - n);
    got[n] = '\0';
    assert_string_equal(got + n - 6, "\nnext\n");
    size_t whole = 0;
    for (char *p = got, *end; (end = strchr(p, '\n')) != NULL; p = end + 1)
        whole += end - p == 8;
    assert_int_equal(whole + lost, 20000);
    buf_free(&many);
    close(fd);
    rotated_close(&f);
}

static void what_cannot_be_opened(void **state)
{
    struct rig *r = *state;
    struct rotated *f = NULL;
    struct err e = {0};
    char *inside = xasprintf("%s/no/such", r->dir);
    assert_int_equal(rotated_open(inside, 10, 1, &f, &e), -1);
    assert_int_equal(e.kind, ERR_IO);
    assert_int_equal(rotated_open(r->dir, 10, 1, &f, &e), -1);
    free(inside);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
    signal(SIGXFSZ, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {T(rotation),    T(none_is_kept),          T(moved_and_removed), T(a_line_that_a_dead_one_left_half),
                                       T(a_full_disk), T(a_rotation_that_fails), T(pipes),             T(what_cannot_be_opened)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
