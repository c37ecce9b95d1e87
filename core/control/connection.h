/* One client of the control socket: its request, one at a time, and the answer's lines. */
#ifndef CONTROL_CONNECTION_H
#define CONTROL_CONNECTION_H

#include "base/buffer.h"
#include "control/control_state.h"

enum {
    CONTROL_REQUEST_SIZE_MAX = 512 * 1024, /* a topic of 65,535 bytes, each escaped */
    CONTROL_OUTPUT_ENOUGH = 256 * 1024,    /* at it nothing more is asked for */
    CONTROL_OUTPUT_MAX = 4 * 1024 * 1024   /* beyond it the client is dropped */
};

struct gather;
struct trace;

struct control_connection {
    struct list link;
    struct control *control;
    int descriptor;
    ev_io io;
    ev_timer patience;
    struct buffer input;  /* what was read and not yet taken */
    struct buffer output; /* the answer; the first `written` bytes have gone */
    size_t written;
    bool is_busy;          /* a command is under way */
    bool is_at_end;        /* the client sends nothing more */
    bool is_dropped;       /* to be freed by connection_settle */
    struct gather *gather; /* of the command; NULL: none */
    struct trace *trace;   /* the same */
    struct controller_request request;
};

/* Takes over the descriptor, also if it fails. */
void control_connection_new(struct control *control, int descriptor);
void control_connection_free(struct control_connection *connection);

/* After whatever was done with it: writes what is pending, takes the next request, and frees it if it is over. The one
 * place where a connection is freed while the broker runs. */
void control_connection_settle(struct control_connection *connection);

/* The answer's last line: it begins with whether it is done; then come members of the command's own; then it ends, and
 * with it the command. */
void answer_end_begin(struct control_connection *connection, bool is_done);
void answer_end(struct control_connection *connection);

/* The whole last line of an answer that is none. */
void answer_refuse(struct control_connection *connection, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static inline size_t control_connection_pending(const struct control_connection *connection)
{
    return connection->output.length - connection->written;
}

#endif
