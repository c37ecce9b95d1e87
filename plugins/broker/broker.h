/* What the files of the standard plugin share. */
#ifndef BROKER_BROKER_H
#define BROKER_BROKER_H

#include <graftmq/plugin.h>

/* Sends an answer that has to reach the client: DONE, or the connection is closed, since a client that waits for an
 * acknowledgement that never comes would hang. `packet` NULL: there was no memory for it. */
gmq_verdict answer(gmq_call *call, gmq_packet *packet);

/* The end of a handler by the status of its last step: DONE, or the connection is closed with what went wrong. */
gmq_verdict done_or_close(gmq_call *call, gmq_status status);

/* The topic, or filter, begins with `prefix`. */
bool begins_with(gmq_view topic, gmq_view prefix);

#endif
