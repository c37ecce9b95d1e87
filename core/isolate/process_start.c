/* The birth of a plugin's process: its sockets, the program, and what it is told first. */
#include "isolate/isolated.h"
#include "plugin/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { DESCRIPTORS_MAX = BROKER_WORKERS_MAX + 1, WRITE_LIMIT_MS = 5000 };

/* The ends that are the process's, until it has them: requests, then lanes. */
struct far_ends {
    int descriptors[DESCRIPTORS_MAX];
    size_t count;
};

static bool pair_make(int *near_end, struct far_ends *far)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return false;
    if (fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0) {
        close(ends[0]);
        close(ends[1]);
        return false;
    }
    *near_end = ends[0];
    far->descriptors[far->count++] = ends[1];
    return true;
}

/* The lanes' ends are under the lock: a worker may take one as soon as the process serves. */
static bool pairs_make(struct process *process, struct far_ends *far)
{
    const struct isolated *isolated = process->isolated;
    bool is_made = pair_make(&process->requests.descriptor, far);
    pthread_mutex_lock(&process->lock);
    for (uint32_t i = process->number; i < isolated->worker_count && is_made; i += isolated->config.processes)
        is_made = pair_make(&process->ends[i], far);
    pthread_mutex_unlock(&process->lock);
    return is_made;
}

/* The header with the sockets; the fields follow as an ordinary part of the stream. */
static bool send_sockets(int control, const struct buffer *out, const struct far_ends *far)
{
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(far->descriptors))];
    } ancillary;
    size_t size = far->count * sizeof(int);
    memset(&ancillary, 0, sizeof ancillary);
    struct iovec bytes = {.iov_base = out->bytes, .iov_len = sizeof(struct message_header)};
    struct msghdr message = {
        .msg_iov = &bytes, .msg_iovlen = 1, .msg_control = &ancillary, .msg_controllen = CMSG_SPACE(size)};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    *header = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(size)};
    memcpy(CMSG_DATA(header), far->descriptors, size);
    ssize_t sent;
    do {
        sent = sendmsg(control, &message, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    return sent == (ssize_t)sizeof(struct message_header);
}

static bool tell(const struct process *process, struct buffer *out, const struct far_ends *far)
{
    const struct isolated *isolated = process->isolated;
    buffer_clear(out);
    size_t begin = message_begin(out, MESSAGE_BEGIN, 0);
    record_u32(out, MESSAGE_PROTOCOL);
    record_view(out, gmq_view_of(isolated->plugin->name));
    record_view(out, gmq_view_of(isolated->plugin->library->path_original));
    record_view(out, gmq_view_of(isolated->copy));
    record_view(out, isolated->settings);
    record_u32(out, isolated->worker_count);
    record_u32(out, process->number);
    record_u32(out, isolated->config.processes);
    message_end(out, begin);
    if (out->is_failed || !send_sockets(process->control.descriptor, out, far))
        return false;
    struct buffer rest = *out;
    rest.bytes += sizeof(struct message_header);
    rest.length -= sizeof(struct message_header);
    return message_write(process->control.descriptor, &rest, WRITE_LIMIT_MS);
}

int process_spawn(struct process *process)
{
    struct far_ends control = {.count = 0}, far = {.count = 0};
    const char *program = process->isolated->program;
    const char *arguments[] = {program, process->isolated->plugin->name, NULL};
    int reason = 0;
    if (!pair_make(&process->control.descriptor, &control) || !pairs_make(process, &far))
        reason = errno;
    if (reason == 0)
        reason = spawn_child(program, arguments, control.descriptors[0], true, &process->pid);
    if (reason != 0)
        process->pid = 0;
    else if (!tell(process, &process->out, &far))
        reason = errno != 0 ? errno : EPIPE;
    if (process->pid != 0)
        process->handle = (int)syscall(SYS_pidfd_open, process->pid, 0);
    for (size_t i = 0; i < control.count; i++)
        close(control.descriptors[i]);
    for (size_t i = 0; i < far.count; i++)
        close(far.descriptors[i]);
    return reason;
}
