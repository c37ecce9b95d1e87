/* The commands: a row each, by the name that a request has. */
#ifndef CONTROL_COMMAND_H
#define CONTROL_COMMAND_H

#include "control/connection.h"

/* The protocol's version, which every request names. */
enum { CONTROL_VERSION = 1 };

/* What a request may have beside "version" and "command". Views into the request; data NULL: it isn't there. */
struct command_arguments {
    gmq_view client;
    gmq_view topic;
};

/* Answers the request: at once, or later; answer_end in any case. */
void command_run(struct control_connection *connection, gmq_view request);

typedef void command_function(struct control_connection *connection, const struct command_arguments *arguments);

/* describe.c */
command_function command_status, command_routes, command_plugins;
/* list.c */
command_function command_clients, command_sessions, command_subscriptions, command_kick;
/* trace.c */
command_function command_trace;
/* change.c */
command_function command_reload, command_rollback;

#endif
