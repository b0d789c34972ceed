/* The guard: a small process between the engine and one command, so that the command never outlives its Task.
 *
 *   engine --- control socket --- guard --- /bin/sh -c COMMAND --- whatever it starts
 *
 * It is the subreaper of all that the command starts. When the command is over, when its deadline has passed, when the
 * engine asks or is gone, everything below the guard is killed: a Task is over when its command is, and what it left
 * running in the background goes with it. It copies the output so that a file cannot grow without end. See guard.h. */
#include "tasks/sqlite/guard.h"

#include "tasks/sqlite/exec.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { CONTROL = 3, KILL_ROUNDS = 2000 };

struct guard {
    pid_t shell;
    int output, signals; /* read end of the command's output; signalfd */
    long long room;      /* bytes that the output file may still take */
    bool control_open, cut;
    int status;          /* of the shell */
    bool over;           /* the shell has ended, or everything was killed */
    bool late;           /* the deadline passed */
    long long deadline, kill_at, give_up_at; /* monotonic milliseconds; 0: not set */
};

static long long now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *fmt, ...)
{
    char line[256];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    /* The engine may be gone: then nobody is told. */
    if (n > 0 && send(CONTROL, line, (size_t)n < sizeof line ? (size_t)n : sizeof line - 1, MSG_NOSIGNAL) < 0) {
    }
}

static int fail(const char *what)
{
    say("error %s: %s\n", what, strerror(errno));
    return 1;
}

static void close_from(unsigned first)
{
    if (close_range(first, ~0U, 0) == 0)
        return;
    struct rlimit r;
    unsigned end = getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur < 65536 ? (unsigned)r.rlim_cur : 65536;
    for (unsigned fd = first; fd < end; fd++)
        close((int)fd);
}

static void shell_run(const char *command, int out, pid_t guard, const sigset_t *mask)
{
    setpgid(0, 0);
    /* Whoever kills the guard kills the shell. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != guard)
        _exit(127);
    if (dup2(out, 1) < 0 || dup2(out, 2) < 0)
        _exit(127);
    close_from(3);
    static const int ignored[] = {SIGINT, SIGHUP, SIGPIPE, SIGTERM};
    for (size_t i = 0; i < sizeof ignored / sizeof ignored[0]; i++)
        signal(ignored[i], SIG_DFL);
    sigprocmask(SIG_SETMASK, mask, NULL);
    execl(EXEC_SHELL, "sh", "-c", command, (char *)NULL);
    _exit(127);
}

static void write_all(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t w = write(fd, p, n);
        if (w < 0 && errno == EINTR)
            continue;
        if (w <= 0)
            return; /* a full disk costs the output, not the command */
        p += w;
        n -= (size_t)w;
    }
}

/* Copies what there is; false: no more will come. */
static bool copy_output(struct guard *g, long long max)
{
    char block[65536];
    ssize_t n = read(g->output, block, sizeof block);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    if (n == 0)
        return false;
    long long take = n < g->room ? n : g->room;
    write_all(1, block, (size_t)take);
    g->room -= take;
    if (take < n && !g->cut) {
        char line[80];
        int len = max >= 1 << 20 ? snprintf(line, sizeof line, "\n[output cut at %lld MiB]\n", max >> 20)
                                 : snprintf(line, sizeof line, "\n[output cut at %lld bytes]\n", max);
        write_all(1, line, (size_t)len);
        g->cut = true;
    }
    return true;
}

static void term(struct guard *g)
{
    if (g->kill_at != 0)
        return;
    kill(-g->shell, SIGTERM);
    descendants_kill(SIGTERM);
    g->kill_at = now_ms() + GUARD_GRACE_S * 1000LL;
}

/* One ended child, if there is one: its pid, 0 for none now, -1 for no children at all. */
static pid_t reap_one(struct guard *g)
{
    int status;
    pid_t pid = waitpid(-1, &status, WNOHANG);
    if (pid < 0)
        return errno == ECHILD ? -1 : 0;
    if (pid > 0 && pid == g->shell) {
        g->status = status;
        g->shell = 0;
    }
    return pid;
}

static void kill_all(struct guard *g)
{
    if (g->give_up_at == 0)
        g->give_up_at = now_ms() + GUARD_REAP_S * 1000LL;
    g->kill_at = 0;
    g->over = true;
    /* The shell is reaped by us alone, so until then its number names nobody else's group. */
    if (g->shell > 0)
        kill(-g->shell, SIGKILL);
    descendants_kill(SIGKILL);
    /* Whoever loses its parent now becomes our child and is seen by the next round. */
    for (int i = 0; i < KILL_ROUNDS && children_kill(SIGKILL) > 0; i++)
        while (reap_one(g) > 0) {
        }
}

static void on_control(struct guard *g)
{
    char byte;
    ssize_t n = recv(CONTROL, &byte, 1, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n == 1 && byte == GUARD_TERM) {
        term(g);
        return;
    }
    if (n != 1)
        g->control_open = false;
    kill_all(g);
}

/* True when no child is left. */
static bool reap(struct guard *g)
{
    for (;;) {
        pid_t shell = g->shell, pid = reap_one(g);
        if (pid <= 0)
            return pid < 0;
        if (pid == shell)
            kill_all(g);
    }
}

static int wait_ms(const struct guard *g)
{
    if (g->over)
        return 10; /* kill again soon: something may have forked meanwhile */
    long long at = g->kill_at != 0 ? g->kill_at : g->deadline, now = now_ms();
    if (at == 0)
        return -1;
    return at <= now ? 0 : at - now > 3600000 ? 3600000 : (int)(at - now);
}

static void loop(struct guard *g, long long max)
{
    for (;;) {
        struct pollfd fds[] = {
            {.fd = g->control_open ? CONTROL : -1, .events = POLLIN},
            {.fd = g->signals, .events = POLLIN},
            {.fd = g->output, .events = POLLIN},
        };
        poll(fds, 3, wait_ms(g));
        if (fds[0].revents)
            on_control(g);
        struct signalfd_siginfo info;
        while (read(g->signals, &info, sizeof info) == sizeof info)
            if (info.ssi_signo == SIGTERM)
                term(g);
        if (fds[2].revents && !copy_output(g, max)) {
            close(g->output);
            g->output = -1;
        }
        if (reap(g))
            break;
        long long now = now_ms();
        if (!g->over && g->kill_at != 0 && now >= g->kill_at)
            kill_all(g);
        else if (!g->over && g->kill_at == 0 && g->deadline != 0 && now >= g->deadline) {
            g->late = true;
            term(g);
        } else if (g->over && now >= g->give_up_at)
            break;
        else if (g->over)
            kill_all(g);
    }
    /* Nobody writes any more; what is in the pipe belongs to the output. */
    for (int i = 0; g->output >= 0 && i < 64; i++) {
        struct pollfd left = {.fd = g->output, .events = POLLIN};
        if (poll(&left, 1, 0) <= 0 || !copy_output(g, max))
            break;
    }
}

int exec_guard_main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "%s is started by alertspawner itself\n", GUARD_VERB);
        return 2;
    }
    struct guard g = {.control_open = true};
    long long seconds = atoll(argv[2]), max = atoll(argv[3]);
    close_from(CONTROL + 1);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    sigset_t mask, old;
    sigemptyset(&mask);
    sigaddset(&mask, SIGCHLD);
    sigaddset(&mask, SIGTERM);
    int out[2];
    pid_t self = getpid();
    if (sigprocmask(SIG_BLOCK, &mask, &old) != 0 || (g.signals = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK)) < 0)
        return fail("signals");
    if (prctl(PR_SET_CHILD_SUBREAPER, 1) != 0)
        return fail("becoming the reaper of the command's processes");
    if (pipe2(out, O_CLOEXEC) != 0)
        return fail("a pipe for the output");
    g.room = max;
    g.output = out[0];
    fcntl(g.output, F_SETFL, O_NONBLOCK); /* our end only: the command's is another description */
    if (seconds > 0)
        g.deadline = now_ms() + seconds * 1000;
    g.shell = fork();
    if (g.shell < 0)
        return fail("starting /bin/sh");
    if (g.shell == 0)
        shell_run(argv[4], out[1], self, &old);
    setpgid(g.shell, g.shell); /* on both sides: neither may come too late */
    close(out[1]);
    close(0);
    say("pid %d\n", (int)g.shell);
    loop(&g, max);
    if (g.late)
        say("deadline\n");
    else if (g.shell != 0)
        say("error a process of the command cannot be killed\n");
    else if (WIFSIGNALED(g.status))
        say("signal %d\n", WTERMSIG(g.status));
    else
        say("exit %d\n", WEXITSTATUS(g.status));
    return 0;
}
