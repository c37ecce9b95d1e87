/* One client of the control socket. */
#include "control/connection.h"

#include "base/log.h"
#include "base/memory.h"
#include "control/command.h"
#include "control/gather.h"
#include "control/json_line.h"
#include "control/trace.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNECTION_READ_SIZE = 16 * 1024, CONNECTION_ERROR_SIZE = 1024 };

/* Somebody waits for the client: for its request, or for it to read. */
static bool connection_owes(const struct control_connection *connection)
{
    return !connection->is_busy || control_connection_pending(connection) != 0;
}

static void connection_be_patient(struct control_connection *connection)
{
    struct controller *controller = connection->control->controller;
    event_timer_start(controller->loop, &connection->patience,
                      controller->generation->config->limits.control_ms * UINT64_C(1000000));
}

static void connection_out_of_patience(struct ev_loop *loop, ev_timer *watcher, int events)
{
    (void)loop;
    (void)events;
    struct control_connection *connection = watcher->data;
    if (connection_owes(connection))
        connection->is_dropped = true;
    else
        connection_be_patient(connection);
    control_connection_settle(connection);
}

static void connection_read(struct control_connection *connection)
{
    uint8_t *room = buffer_reserve(&connection->input, CONNECTION_READ_SIZE);
    ssize_t count = room != NULL ? read(connection->descriptor, room, CONNECTION_READ_SIZE) : 0;
    if (count > 0) {
        connection->input.length += (size_t)count;
        return;
    }
    if (count < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    /* Who shuts down its side only still wants the answer; but that of a trace ends so. */
    connection->is_at_end = true;
    connection->is_dropped = room == NULL || count < 0 || connection->trace != NULL;
}

static void connection_ready(struct ev_loop *loop, ev_io *watcher, int events)
{
    (void)loop;
    struct control_connection *connection = watcher->data;
    if (events & EV_READ)
        connection_read(connection);
    control_connection_settle(connection);
}

void control_connection_new(struct control *control, int descriptor)
{
    struct control_connection *connection = mem_alloc_zero(1, sizeof(*connection));
    if (connection == NULL) {
        close(descriptor);
        return;
    }
    connection->control = control;
    connection->descriptor = descriptor;
    buffer_init(&connection->input);
    buffer_init(&connection->output);
    list_append(&control->connections, &connection->link);
    control->connection_count++;
    event_io_init(&connection->io, connection_ready, descriptor, EV_READ, connection);
    event_timer_init(&connection->patience, connection_out_of_patience, connection);
    ev_io_start(control->controller->loop, &connection->io);
    connection_be_patient(connection);
}

void control_connection_free(struct control_connection *connection)
{
    struct control *control = connection->control;
    struct ev_loop *loop = control->controller->loop;
    controller_withdraw(&connection->request);
    if (connection->gather != NULL)
        gather_abandon(connection->gather);
    if (connection->trace != NULL)
        trace_abandon(connection->trace);
    ev_io_stop(loop, &connection->io);
    ev_timer_stop(loop, &connection->patience);
    close(connection->descriptor);
    list_remove(&connection->link);
    control->connection_count--;
    buffer_deinit(&connection->input);
    buffer_deinit(&connection->output);
    mem_free(connection);
}

/* False: the client can't be written to any more. */
static bool connection_write(struct control_connection *connection)
{
    size_t pending = control_connection_pending(connection);
    if (pending == 0)
        return true;
    ssize_t count = send(connection->descriptor, connection->output.bytes + connection->written, pending, MSG_NOSIGNAL);
    if (count < 0)
        return errno == EAGAIN || errno == EINTR;
    connection->written += (size_t)count;
    connection_be_patient(connection);
    if (control_connection_pending(connection) == 0) {
        buffer_deinit(&connection->output);
        connection->written = 0;
    } else if (connection->written >= CONTROL_OUTPUT_ENOUGH) {
        connection->output.length -= connection->written;
        memmove(connection->output.bytes, connection->output.bytes + connection->written, connection->output.length);
        connection->written = 0;
    }
    return true;
}

/* The next whole line, taken out of the input once it has been answered. */
static void connection_take_request(struct control_connection *connection)
{
    struct buffer *input = &connection->input;
    const uint8_t *end = input->length != 0 ? memchr(input->bytes, '\n', input->length) : NULL;
    if (end == NULL) {
        if (input->length <= CONTROL_REQUEST_SIZE_MAX)
            return;
        answer_refuse(connection, "the request is longer than %d bytes", CONTROL_REQUEST_SIZE_MAX);
        input->length = 0;
        connection->is_at_end = true;
        return;
    }
    size_t length = (size_t)(end - input->bytes);
    connection->is_busy = true;
    command_run(connection, gmq_view_make(input->bytes, length));
    input->length -= length + 1;
    memmove(input->bytes, end + 1, input->length);
}

static void connection_take_requests(struct control_connection *connection)
{
    size_t before;
    do {
        before = connection->input.length;
        if (!connection->is_busy && before != 0 && control_connection_pending(connection) < CONTROL_OUTPUT_ENOUGH)
            connection_take_request(connection);
    } while (connection->input.length != before);
}

static void connection_watch(struct control_connection *connection)
{
    bool is_full = connection->input.length > CONTROL_REQUEST_SIZE_MAX;
    int events = connection->is_at_end || is_full ? 0 : EV_READ;
    if (control_connection_pending(connection) != 0)
        events |= EV_WRITE;
    event_io_set(connection->control->controller->loop, &connection->io, events);
}

void control_connection_settle(struct control_connection *connection)
{
    connection_take_requests(connection);
    bool is_lost = connection->output.is_failed || connection->input.is_failed ||
                   control_connection_pending(connection) > CONTROL_OUTPUT_MAX || !connection_write(connection);
    bool is_over = connection->is_at_end && !connection->is_busy && control_connection_pending(connection) == 0;
    if (is_lost || is_over || connection->is_dropped) {
        control_connection_free(connection);
        return;
    }
    if (connection->gather != NULL)
        gather_go_on(connection->gather);
    if (connection->trace != NULL)
        trace_go_on(connection->trace);
    connection_watch(connection);
}

void answer_end_begin(struct control_connection *connection, bool is_done)
{
    json_line_begin(&connection->output, "end");
    json_bool(&connection->output, "ok", is_done);
}

void answer_end(struct control_connection *connection)
{
    json_line_end(&connection->output);
    connection->is_busy = false;
    connection_be_patient(connection);
}

void answer_refuse(struct control_connection *connection, const char *format, ...)
{
    char text[CONNECTION_ERROR_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    answer_end_begin(connection, false);
    json_begin(&connection->output, "errors", '[');
    json_text(&connection->output, NULL, text);
    json_end(&connection->output, ']');
    answer_end(connection);
}
