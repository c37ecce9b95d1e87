/* The control room's state, for the files that make it up. The controller's thread only, but for what gather.h says. */
#ifndef CONTROL_CONTROL_STATE_H
#define CONTROL_CONTROL_STATE_H

#include "base/list.h"
#include "base/mailbox.h"
#include "net/event.h"
#include "net/unix_socket.h"
#include "worker/controller_state.h"

enum { CONTROL_CONNECTIONS_MAX = 32 };

struct control {
    struct controller *controller;
    struct unix_socket socket; /* descriptor -1: there is none */
    char *path;
    ev_io accepting;
    ev_timer accept_pause;   /* runs while no connection can be taken: descriptors are out */
    struct list connections; /* control_connection.link */
    size_t connection_count;
    struct list gathers;    /* gather.link: all there are, wherever they are */
    struct list traces;     /* trace.link: the same */
    struct trace_tap *taps; /* of each worker */
    struct mailbox mailbox; /* control_mail on its way back */
    int wake_descriptor;    /* an eventfd */
    ev_io wake;
    uint64_t started_ns;
    bool is_stopping;
};

/* The file of the control socket in the folder of private copies. */
#define CONTROL_FILE_NAME "control"

#endif
