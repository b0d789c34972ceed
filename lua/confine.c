#include "confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

volatile struct black_box *confine_black_box(void)
{
    struct stat st;
    void *page = MAP_FAILED;
    /* no link: a memfd or an unlinked file made for us, not some file that a shell has left open at 3 */
    if (fstat(3, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 0 &&
        st.st_size >= (off_t)sizeof(struct black_box))
        page = mmap(NULL, sizeof(struct black_box), PROT_READ | PROT_WRITE, MAP_SHARED, 3, 0);
    if (page == MAP_FAILED)
        page =
            mmap(NULL, sizeof(struct black_box), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return page == MAP_FAILED ? NULL : page;
}

static void close_descriptors(void)
{
    if (close_range(3, ~0u, 0) == 0)
        return;
    long max = sysconf(_SC_OPEN_MAX); /* a kernel before 5.9 */
    for (int fd = 3; fd < (max > 0 ? max : 1024); fd++)
        close(fd);
}

static int set_limits(struct err *e)
{
    static const struct {
        int which;
        const char *name;
        rlim_t value;
    } limits[] = {
#ifndef AS_SANITIZED /* the shadow memory of ASan is terabytes of addresses */
        {RLIMIT_AS, "AS", CONFINE_MEMORY},
#endif
        {RLIMIT_CPU, "CPU", CONFINE_CPU_SECONDS},
        {RLIMIT_NOFILE, "NOFILE", 0},
        {RLIMIT_FSIZE, "FSIZE", 0},
        {RLIMIT_CORE, "CORE", 0},
        {RLIMIT_NPROC, "NPROC", 0},
    };
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        struct rlimit l = {limits[i].value, limits[i].value};
        if (setrlimit((__rlimit_resource_t)limits[i].which, &l) < 0)
            return err_set(e, ERR_IO, "rlimit %s: %s", limits[i].name, strerror(errno));
    }
    return 0;
}

static int set_process(pid_t parent, struct err *e)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return err_set(e, ERR_IO, "no-new-privs: %s", strerror(errno));
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
        return err_set(e, ERR_IO, "parent-death signal: %s", strerror(errno));
    if (getppid() != parent) /* it died before it could be noticed */
        return err_set(e, ERR_IO, "the parent is gone");
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return err_set(e, ERR_IO, "dumpable: %s", strerror(errno));
    return 0;
}

/* What a program needs that computes and talks over two pipes. */
static const int plain[] = {
    SCMP_SYS(exit),         SCMP_SYS(exit_group),      SCMP_SYS(brk),   SCMP_SYS(munmap),
    SCMP_SYS(mremap),       SCMP_SYS(madvise),         SCMP_SYS(futex), SCMP_SYS(clock_gettime),
    SCMP_SYS(rt_sigreturn), SCMP_SYS(restart_syscall),
};

#ifdef AS_SANITIZED
/* What the sanitizers' runtime needs besides, to report and to die. */
static const int sanitizer[] = {
    SCMP_SYS(getpid),         SCMP_SYS(gettid),       SCMP_SYS(sched_yield), SCMP_SYS(sigaltstack),
    SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigaction), SCMP_SYS(getrlimit),   SCMP_SYS(getrusage),
};
#endif

static int allow_plain(scmp_filter_ctx filter, const int *calls, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0) < 0)
            return -1;
    return 0;
}

static int allow_all(scmp_filter_ctx filter)
{
    if (allow_plain(filter, plain, sizeof plain / sizeof *plain) < 0)
        return -1;
#ifdef AS_SANITIZED
    if (allow_plain(filter, sanitizer, sizeof sanitizer / sizeof *sanitizer) < 0)
        return -1;
#endif
    if (seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(read), 1, SCMP_A0(SCMP_CMP_EQ, 0, 0)) < 0 ||
        seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(write), 1, SCMP_A0(SCMP_CMP_EQ, 1, 0)) < 0 ||
        seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(write), 1, SCMP_A0(SCMP_CMP_EQ, 2, 0)) < 0)
        return -1;
    /* memory of its own that is never code */
    return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 2,
                            SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0),
                            SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS, MAP_ANONYMOUS));
}

static int set_filter(struct err *e)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    int rc = filter ? allow_all(filter) : -1;
    if (rc == 0)
        rc = seccomp_load(filter);
    if (filter)
        seccomp_release(filter);
    return rc < 0 ? err_set(e, ERR_IO, "seccomp filter: it could not be installed") : 0;
}

int confine_process(struct err *e)
{
    pid_t parent = getppid();
    close_descriptors();
    clearenv();
    if (set_process(parent, e) < 0 || set_limits(e) < 0 || set_filter(e) < 0)
        return err_wrap(e, "confining the worker");
    return 0;
}
