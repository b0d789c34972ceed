/* One running command, from the engine's side. See run.h; the other side is guard.c. */
#include "tasks/sqlite/run.h"

#include "base/mem.h"
#include "tasks/sqlite/guard.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void over(struct run *r, enum task_phase phase, const char *message)
{
    r->over = true;
    r->phase = phase;
    snprintf(r->message, sizeof r->message, "%s", message);
}

/* One line of the guard. */
static void hear(struct run *r, const char *line)
{
    char message[200];
    int n;
    if (sscanf(line, "pid %ld", &r->shell) == 1 || r->over)
        return;
    if (sscanf(line, "exit %d", &n) == 1) {
        snprintf(message, sizeof message, "exit code %d", n);
        over(r, n == 0 ? TASK_SUCCEEDED : TASK_FAILED, n == 0 ? "" : message);
    } else if (sscanf(line, "signal %d", &n) == 1) {
        snprintf(message, sizeof message, "killed by signal %d", n);
        over(r, TASK_FAILED, message);
    } else if (strcmp(line, "deadline") == 0) {
        snprintf(message, sizeof message, "exceeded activeDeadlineSeconds (%lld)", (long long)r->deadline_s);
        over(r, TASK_FAILED, message);
    } else if (strncmp(line, "error ", 6) == 0) {
        over(r, TASK_FAILED, line + 6);
    }
}

/* The last word needs both: the guard's end, and all that it had said. */
static void step(struct run *r)
{
    if (!r->exited || !r->silent || r->on_over == NULL)
        return;
    if (!r->over) {
        char message[100];
        snprintf(message, sizeof message, "the guard of the command died (signal %d)", r->guard_signal);
        over(r, TASK_FAILED, message);
        /* It took nobody along, so the shell's group is ours to end. */
        if (r->shell > 1)
            kill((pid_t)-r->shell, SIGKILL);
    }
    void (*on_over)(struct run *) = r->on_over;
    r->on_over = NULL;
    on_over(r);
}

static void on_exit_(uv_process_t *process, int64_t status, int signal)
{
    struct run *r = process->data;
    (void)status;
    r->exited = true;
    r->guard_signal = signal;
    step(r);
}

static void on_alloc(uv_handle_t *h, size_t want, uv_buf_t *b)
{
    struct run *r = h->data;
    (void)want;
    *b = uv_buf_init(r->heard + r->n_heard, (unsigned)(sizeof r->heard - r->n_heard));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *b)
{
    struct run *r = stream->data;
    (void)b;
    if (n < 0) { /* its end, or a line longer than the guard ever writes */
        uv_read_stop(stream);
        r->silent = true;
        step(r);
        return;
    }
    r->n_heard += (size_t)n;
    char *end, *start = r->heard;
    while ((end = memchr(start, '\n', r->n_heard - (size_t)(start - r->heard))) != NULL) {
        *end = '\0';
        hear(r, start);
        start = end + 1;
    }
    r->n_heard -= (size_t)(start - r->heard);
    memmove(r->heard, start, r->n_heard);
}

/* The prompt as a file that has no name: a command that never reads it cannot block anybody, and none can be lost. */
static int prompt_file(const char *prompt, struct err *e)
{
    int fd = memfd_create("prompt", MFD_CLOEXEC);
    size_t n = strlen(prompt);
    if (fd < 0)
        return err_set(e, ERR_IO, "a place for the prompt: %s", strerror(errno));
    for (size_t done = 0; done < n;) {
        ssize_t w = write(fd, prompt + done, n - done);
        if (w < 0 && errno == EINTR)
            continue;
        if (w <= 0) {
            err_set(e, ERR_IO, "keeping the prompt: %s", strerror(errno));
            close(fd);
            return -1;
        }
        done += (size_t)w;
    }
    lseek(fd, 0, SEEK_SET);
    return fd;
}

static int spawn(struct run *r, uv_loop_t *loop, const struct exec_options *options, const struct task_row *task,
                 int prompt, int output)
{
    char deadline[24], max[24];
    snprintf(deadline, sizeof deadline, "%lld", (long long)r->deadline_s);
    snprintf(max, sizeof max, "%lld", (long long)(options->output_max > 0 ? options->output_max : EXEC_OUTPUT_MAX));
    const char *file = options->guard_path != NULL ? options->guard_path : "/proc/self/exe";
    char *args[] = {(char *)"alertspawner", (char *)GUARD_VERB, deadline, max, (char *)options->command, NULL};
    uv_stdio_container_t stdio[] = {
        {.flags = UV_INHERIT_FD, .data.fd = prompt},
        {.flags = UV_INHERIT_FD, .data.fd = output},
        {.flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO},
        {.flags = UV_CREATE_PIPE | UV_READABLE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *)&r->control},
    };
    char **env = environment_make(task);
    /* A session of its own: Ctrl-C on the engine's terminal is the engine's business. */
    uv_process_options_t how = {
        .file = file,
        .args = args,
        .env = env,
        .stdio = stdio,
        .stdio_count = 4,
        .flags = UV_PROCESS_DETACHED,
        .exit_cb = on_exit_,
    };
    uv_pipe_init(loop, &r->control, 0);
    int rc = uv_spawn(loop, &r->process, &how);
    environment_free(env);
    return rc;
}

int run_start(struct run *r, uv_loop_t *loop, const struct exec_options *options, const struct task_row *task,
              int output, bool *closing_r, struct err *e)
{
    *closing_r = false;
    const cJSON *spec = cJSON_GetObjectItemCaseSensitive(task->object, "spec");
    int prompt = prompt_file(object_text(spec, "prompt"), e);
    if (prompt < 0)
        return -1;
    r->deadline_s = spec_deadline_s(task->object);
    r->process.data = r->control.data = r;
    r->open_handles = 2;
    int rc = spawn(r, loop, options, task, prompt, output);
    close(prompt);
    if (rc == 0)
        rc = uv_read_start((uv_stream_t *)&r->control, on_alloc, on_read);
    if (rc == 0)
        return 0;
    r->on_over = NULL;
    *closing_r = true;
    run_close(r);
    return err_set(e, ERR_IO, "the command could not be started: %s", uv_strerror(rc));
}

static void tell(struct run *r, char byte)
{
    uv_buf_t b = uv_buf_init(&byte, 1);
    /* One byte always fits; a guard that is gone needs no telling. */
    if (!r->silent)
        uv_try_write((uv_stream_t *)&r->control, &b, 1);
}

void run_term(struct run *r)
{
    r->asked_to_end = true;
    tell(r, GUARD_TERM);
}

void run_kill(struct run *r)
{
    r->asked_to_end = true;
    tell(r, GUARD_KILL);
}

static void on_handle_closed(uv_handle_t *h)
{
    struct run *r = h->data;
    if (--r->open_handles == 0)
        r->on_closed(r);
}

void run_close(struct run *r)
{
    r->on_over = NULL;
    uv_close((uv_handle_t *)&r->process, on_handle_closed);
    uv_close((uv_handle_t *)&r->control, on_handle_closed);
}

void run_free(struct run *r)
{
    free(r->ns);
    free(r->name);
    free(r->uid);
    free(r->spawner);
    free(r);
}
