/* Starts the preflight's child, listens to it until it ends or its time is up, and leaves neither process nor
 * descriptor.
 *
 * The end of the pipe is no proof of the end of the process, nor the reverse: a plugin may have forked something that
 * holds the pipe. So both are watched, and the process counts. */
#include "plugin/preflight_process.h"

#include "base/clock.h"
#include "plugin/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    LINE_SIZE = 16384,
    READS_PER_TURN = 64, /* a plugin that logs without end must not keep the deadline from being seen */
    BLIND_WAIT_MS = 5    /* between looks at the process, where the kernel has no descriptor for it */
};

struct child {
    pid_t number;
    int process; /* pidfd, or -1 */
    int pipe;    /* -1 once it has ended */
    uint64_t deadline_ns;
    preflight_line *heard;
    void *data;
    size_t used;
    char line[LINE_SIZE];
};

static int child_spawn(struct child *child, const char *program, const char *manifest, int write_end)
{
    char descriptor[16];
    snprintf(descriptor, sizeof(descriptor), "%d", SPAWN_DESCRIPTOR);
    const char *arguments[] = {program, "--preflight", manifest, descriptor, NULL};
    return spawn_child(program, arguments, write_end, false, &child->number);
}

static int child_start(struct child *child, const char *program, const char *manifest)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return errno;
    int reason = fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0 ? 0 : errno;
    if (reason == 0)
        reason = child_spawn(child, program, manifest, ends[1]);
    close(ends[1]);
    if (reason != 0) {
        close(ends[0]);
        return reason;
    }
    child->pipe = ends[0];
    child->process = (int)syscall(SYS_pidfd_open, child->number, 0);
    return 0;
}

/* Hands over the whole lines. One that does not fit is cut. */
static void lines_hand_over(struct child *child)
{
    char *begin = child->line, *end = child->line + child->used, *newline;
    while ((newline = memchr(begin, '\n', (size_t)(end - begin))) != NULL) {
        *newline = '\0';
        child->heard(begin, child->data);
        begin = newline + 1;
    }
    child->used = (size_t)(end - begin);
    memmove(child->line, begin, child->used);
    if (child->used == LINE_SIZE - 1)
        child->used /= 2;
}

static void child_listen(struct child *child)
{
    for (int i = 0; i < READS_PER_TURN && child->pipe >= 0; i++) {
        ssize_t length = read(child->pipe, child->line + child->used, LINE_SIZE - 1 - child->used);
        if (length > 0) {
            child->used += (size_t)length;
            lines_hand_over(child);
        } else if (length < 0 && errno == EINTR) {
            continue;
        } else if (length < 0 && errno == EAGAIN) {
            return;
        } else {
            close(child->pipe);
            child->pipe = -1;
        }
    }
}

/* Without collecting it: as long as it isn't, its number and its group's can't be used again. */
static bool child_has_ended(const struct child *child)
{
    siginfo_t information = {0};
    if (waitid(P_PID, (id_t)child->number, &information, WEXITED | WNOHANG | WNOWAIT) != 0)
        return errno == ECHILD;
    return information.si_pid == child->number;
}

/* False when the deadline has passed. */
static bool child_await(struct child *child)
{
    while (!child_has_ended(child)) {
        uint64_t now = clock_now_ns();
        if (now >= child->deadline_ns)
            return false;
        uint64_t left_ms = (child->deadline_ns - now) / CLOCK_NS_PER_MS + 1;
        if (child->process < 0 && left_ms > BLIND_WAIT_MS)
            left_ms = BLIND_WAIT_MS;
        struct pollfd watched[2] = {{.fd = child->pipe, .events = POLLIN}, {.fd = child->process, .events = POLLIN}};
        poll(watched, 2, (int)left_ms);
        child_listen(child);
    }
    return true;
}

static void child_collect(struct child *child, struct preflight_end *end)
{
    pid_t collected;
    kill(-child->number, SIGKILL);
    kill(child->number, SIGKILL);
    do {
        collected = waitpid(child->number, &end->status, 0);
    } while (collected < 0 && errno == EINTR);
    end->is_unknown = collected < 0;
    child_listen(child);
    if (child->pipe >= 0)
        close(child->pipe);
    if (child->process >= 0)
        close(child->process);
}

int preflight_process_run(const char *program, const char *manifest, uint64_t limit_ms, preflight_line *heard,
                          void *data, struct preflight_end *end)
{
    struct child child;
    child.pipe = child.process = -1;
    child.number = -1;
    child.used = 0;
    child.heard = heard;
    child.data = data;
    child.deadline_ns = clock_now_ns() + limit_ms * CLOCK_NS_PER_MS;
    *end = (struct preflight_end){0};
    int reason = child_start(&child, program, manifest);
    if (reason != 0)
        return reason;
    end->is_late = !child_await(&child);
    child_collect(&child, end);
    return 0;
}
