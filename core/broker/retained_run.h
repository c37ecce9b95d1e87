/* Retained messages on their way to a new subscription: collected at once, sent in slices as the output and the window
 * allow, so that neither the worker nor the client's queue is flooded. */
#ifndef BROKER_RETAINED_RUN_H
#define BROKER_RETAINED_RUN_H

#include "broker/delivery.h"

enum run_progress { RUN_DONE, RUN_WAITS, RUN_HAS_MORE };

/* Sends from the session's runs: RUN_WAITS for the client (its output or its window is full), RUN_HAS_MORE: the slice
 * was used up. */
enum run_progress retained_run_advance(struct session *session);

/* The client has gone: what a resumable session must not lose is queued, the rest dropped. */
void retained_run_abandon(struct session *session);

#endif
