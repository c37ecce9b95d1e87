/* The control socket's life: opened when all else is ready, closed when the broker begins to end. */
#include "control/control.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "control/gather.h"
#include "control/trace.h"
#include "plugin/library_folder.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define ACCEPT_PAUSE_NS (CLOCK_NS_PER_SECOND / 4)

static const char place[] = "control.path";

static const char *configured_path(const struct config *config)
{
    return config->control_path;
}

static bool control_check(const struct controller *controller, const struct config *config, struct problems *problems)
{
    (void)controller;
    const char *path = configured_path(config);
    if (path == NULL || strcmp(path, CONFIG_CONTROL_NONE) == 0)
        return true;
    return unix_socket_check(path, place, problems);
}

/* ---- accepting ---- */

/* The socket's mode lets nobody else in; but its folder may be shared, and modes be changed. */
static bool peer_is_allowed(int descriptor)
{
    struct ucred peer;
    socklen_t size = sizeof(peer);
    return getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
           (peer.uid == geteuid() || peer.uid == 0);
}

static void turn_away(int descriptor, const char *why)
{
    char line[256];
    int length = snprintf(line, sizeof(line), "{\"type\":\"end\",\"ok\":false,\"errors\":[\"%s\"]}\n", why);
    ssize_t written = send(descriptor, line, (size_t)length, MSG_NOSIGNAL);
    (void)written; /* a fresh socket has room */
    close(descriptor);
}

static void control_pause(struct control *control)
{
    event_io_set(control->controller->loop, &control->accepting, 0);
    event_timer_start(control->controller->loop, &control->accept_pause, ACCEPT_PAUSE_NS);
}

static void control_resume(struct ev_loop *loop, ev_timer *watcher, int events)
{
    (void)events;
    struct control *control = watcher->data;
    event_io_set(loop, &control->accepting, EV_READ);
}

static void control_accept(struct ev_loop *loop, ev_io *watcher, int events)
{
    (void)loop;
    (void)events;
    struct control *control = watcher->data;
    int descriptor = accept4(watcher->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (descriptor < 0) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
            control_pause(control);
    } else if (!peer_is_allowed(descriptor)) {
        log_write(GMQ_LOG_WARNING, "control", "another user's process was turned away");
        turn_away(descriptor, "only the broker's own user and root may control it");
    } else if (control->connection_count >= CONTROL_CONNECTIONS_MAX) {
        turn_away(descriptor, "too many clients of the control socket; try again");
    } else {
        control_connection_new(control, descriptor);
    }
}

static void control_woken(struct ev_loop *loop, ev_io *watcher, int events)
{
    (void)loop;
    (void)events;
    uint64_t count;
    ssize_t got = read(watcher->fd, &count, sizeof(count));
    (void)got;
    control_mail_take(watcher->data);
}

/* ---- opening ---- */

static char *default_path(const struct control *control)
{
    return library_folder_file(control->controller->loader.folder, CONTROL_FILE_NAME);
}

/* A socket that was asked for must be there; the default is not worth not to start. */
static bool control_listen(struct control *control, struct problems *problems)
{
    const char *configured = configured_path(control->controller->plan.generation->config);
    if (configured != NULL && strcmp(configured, CONFIG_CONTROL_NONE) == 0)
        return true;
    struct problems ours = {0};
    bool is_default = configured == NULL;
    control->path = is_default ? default_path(control) : mem_copy_text(configured, strlen(configured));
    bool is_open = control->path != NULL &&
                   unix_socket_open(control->path, 0600, false, place, is_default ? &ours : problems, &control->socket);
    if (!is_open) {
        control->socket.descriptor = -1;
        if (is_default)
            problems_warn(problems, "there is no control socket, as %s",
                          ours.count != 0 ? ours.lines[0] : "memory is out");
    }
    problems_deinit(&ours);
    return is_open || is_default;
}

static void control_free(void *extension)
{
    struct control *control = extension;
    gather_free_all(control);
    trace_free_all(control);
    trace_taps_free(control->taps);
    if (control->socket.descriptor >= 0) {
        unix_socket_remove(control->path, control->socket.device, control->socket.inode);
        close(control->socket.descriptor);
    }
    if (control->wake_descriptor >= 0)
        close(control->wake_descriptor);
    mem_free(control->path);
    mem_free(control);
}

static void *control_open(struct controller *controller, struct problems *problems)
{
    struct control *control = mem_alloc_zero(1, sizeof(*control));
    if (control == NULL) {
        problems_add(problems, "memory is out");
        return NULL;
    }
    control->controller = controller;
    control->socket.descriptor = -1;
    list_init(&control->connections);
    list_init(&control->gathers);
    list_init(&control->traces);
    mailbox_init(&control->mailbox);
    control->taps = trace_taps_new(controller->crew->count);
    control->wake_descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (control->taps == NULL || control->wake_descriptor < 0)
        problems_add(problems, "%s: %s", place, strerror(errno));
    else if (control_listen(control, problems))
        return control;
    control_free(control);
    return NULL;
}

static void control_start(void *extension)
{
    struct control *control = extension;
    struct ev_loop *loop = control->controller->loop;
    control->started_ns = clock_now_ns();
    event_io_init(&control->wake, control_woken, control->wake_descriptor, EV_READ, control);
    ev_io_start(loop, &control->wake);
    if (control->socket.descriptor < 0)
        return;
    event_io_init(&control->accepting, control_accept, control->socket.descriptor, EV_READ, control);
    event_timer_init(&control->accept_pause, control_resume, control);
    ev_io_start(loop, &control->accepting);
    if (unix_socket_publish(control->path))
        log_write(GMQ_LOG_INFO, "control", "listening on %s", control->path);
    else
        log_write(GMQ_LOG_ERROR, "control", "can't listen on %s: %s", control->path, strerror(errno));
}

/* Who waits for an answer is told by the end of the connection. */
static void control_stop(void *extension)
{
    struct control *control = extension;
    struct ev_loop *loop = control->controller->loop;
    control->is_stopping = true;
    while (!list_is_empty(&control->connections))
        control_connection_free(LIST_OBJECT(control->connections.next, struct control_connection, link));
    if (control->socket.descriptor < 0)
        return;
    ev_io_stop(loop, &control->accepting);
    ev_timer_stop(loop, &control->accept_pause);
    unix_socket_remove(control->path, control->socket.device, control->socket.inode);
    close(control->socket.descriptor);
    control->socket.descriptor = -1;
}

const struct controller_extension control_extension = {control_check, control_open, control_start, control_stop,
                                                       control_free};
