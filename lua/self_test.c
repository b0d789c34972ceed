#include "confine.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Straight system calls: libc's wrappers would choose others. */
static long try_openat(void)
{
    return syscall(SYS_openat, AT_FDCWD, "/etc/passwd", O_RDONLY);
}
static long try_creat(void)
{
    return syscall(SYS_openat, AT_FDCWD, "/tmp/alertspawner-self-test", O_WRONLY | O_CREAT, 0600);
}
static long try_socket(void)
{
    return syscall(SYS_socket, AF_INET, SOCK_STREAM, 0);
}
static long try_socketpair(void)
{
    int fds[2];
    return syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, fds);
}
static long try_clone(void)
{
    return syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
}
static long try_execve(void)
{
    char *const argv[] = {"true", NULL}, *const envp[] = {NULL};
    return syscall(SYS_execve, "/bin/true", argv, envp);
}
static long try_kill(void)
{
    return syscall(SYS_kill, getppid(), 0);
}
static long try_ptrace(void)
{
    return syscall(SYS_ptrace, PTRACE_TRACEME, 0, 0, 0);
}
static long try_process_vm_readv(void)
{
    return syscall(SYS_process_vm_readv, 1, 0, 0, 0, 0, 0);
}
static long try_mmap_exec(void)
{
    return syscall(SYS_mmap, NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}
static long try_mmap_file(void)
{
    return syscall(SYS_mmap, NULL, 4096, PROT_READ, MAP_PRIVATE, 0, 0);
}
static long try_mprotect_exec(void)
{
    return syscall(SYS_mprotect, (void *)((uintptr_t)&try_mmap_file & ~(uintptr_t)4095), 4096,
                   PROT_READ | PROT_WRITE);
}
static long try_read(void)
{
    char c;
    return syscall(SYS_read, 3, &c, 1);
}
static long try_write(void)
{
    return syscall(SYS_write, 3, "x", 1);
}
static long try_dup(void)
{
    return syscall(SYS_dup, 0);
}
static long try_unlinkat(void)
{
    return syscall(SYS_unlinkat, AT_FDCWD, "/tmp/alertspawner-self-test", 0);
}
static long try_memfd(void)
{
    return syscall(SYS_memfd_create, "x", 0);
}
static long try_prctl(void)
{
    return syscall(SYS_prctl, 4 /* PR_SET_DUMPABLE */, 1, 0, 0, 0);
}
static long try_io_uring(void)
{
    return syscall(SYS_io_uring_setup, 1, NULL);
}
static long try_nanosleep(void)
{
    return syscall(SYS_clock_nanosleep, 0, 0, &(struct timespec){0, 1}, NULL);
}
#ifdef SYS_open
static long try_open(void)
{
    return syscall(SYS_open, "/etc/passwd", O_RDONLY);
}
static long try_fork(void)
{
    return syscall(SYS_fork);
}
#endif

static const struct {
    const char *name;
    long (*attempt)(void);
} attempts[] = {
#ifdef SYS_open
    {"open", try_open},
    {"fork", try_fork},
#endif
    {"openat", try_openat},
    {"openat to create", try_creat},
    {"socket", try_socket},
    {"socketpair", try_socketpair},
    {"clone", try_clone},
    {"execve", try_execve},
    {"kill", try_kill},
    {"ptrace", try_ptrace},
    {"process_vm_readv", try_process_vm_readv},
    {"mmap PROT_EXEC", try_mmap_exec},
    {"mmap of a file", try_mmap_file},
    {"mprotect of code", try_mprotect_exec},
    {"read from descriptor 3", try_read},
    {"write to descriptor 3", try_write},
    {"dup", try_dup},
    {"unlinkat", try_unlinkat},
    {"memfd_create", try_memfd},
    {"prctl", try_prctl},
    {"io_uring_setup", try_io_uring},
    {"clock_nanosleep", try_nanosleep},
};

/* In the child, which may only write to its descriptor 1 from here on. */
static _Noreturn void attempt_all(void)
{
    struct err e;
    int allowed = 0;
    if (confine_process(&e) < 0) {
        dprintf(1, "%s\n", e.msg);
        _exit(1);
    }
    for (size_t i = 0; i < sizeof attempts / sizeof *attempts; i++) {
        char line[200];
        errno = 0;
        long rc = attempts[i].attempt();
        if (rc == 0 && (strcmp(attempts[i].name, "clone") == 0 || strcmp(attempts[i].name, "fork") == 0))
            _exit(0); /* the child that should not be */
        bool refused = rc == -1 && errno == EPERM;
        int n = snprintf(line, sizeof line, "%s: %s (%s)\n", attempts[i].name,
                         refused ? "refused" : "ALLOWED", rc == -1 ? strerror(errno) : "no error");
        if (write(1, line, (size_t)n) != n)
            allowed++;
        allowed += !refused;
    }
    _exit(allowed ? 1 : 0);
}

int confine_self_test(void)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) < 0)
        return 1;
    fflush(NULL);
    pid_t child = fork();
    if (child < 0)
        return 1;
    if (child == 0) { /* its own pipe: a confined process cannot even write to a file that stdout may be */
        dup2(fds[1], 1);
        attempt_all();
    }
    close(fds[1]);
    char text[4096];
    ssize_t n;
    while ((n = read(fds[0], text, sizeof text)) > 0)
        fwrite(text, 1, (size_t)n, stdout);
    close(fds[0]);
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    bool ok = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    puts(ok ? "all refused" : "THE WALL HAS A HOLE");
    return fflush(stdout) == 0 && ok ? 0 : 1;
}
