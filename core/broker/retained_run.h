/* Retained messages on their way to a new subscription: searched for, then sent in slices as the output and the window
 * allow, so that neither the worker nor the client's queue is flooded. */
#ifndef BROKER_RETAINED_RUN_H
#define BROKER_RETAINED_RUN_H

#include "broker/delivery.h"

struct retained_run {
    struct list link; /* of those that are searched for, or let go of */
    struct session *session;
    struct retained_run *next; /* of the same session: later subscriptions */
    struct message **messages; /* references; those before `position` were given up */
    uint32_t count;
    uint32_t capacity;
    uint32_t position;
    uint32_t identifier; /* subscription identifier, 0: none */
    uint8_t options;
    bool is_late;   /* time has passed since it was collected: messages may have been replaced */
    bool is_failed; /* memory was out while it was collected */
    char *filter;   /* owned: its search is not over; or NULL */
    uint16_t filter_length;
};

enum run_progress { RUN_DONE, RUN_WAITS, RUN_HAS_MORE };

/* Sends from the session's runs: RUN_WAITS for the client (its output or its window is full) or for a search,
 * RUN_HAS_MORE: the slice was used up. */
enum run_progress retained_run_advance(struct session *session);

/* The client has gone: what a resumable session must not lose is queued, the rest dropped. What is still searched for
 * is queued when it is found. */
void retained_run_abandon(struct session *session);

#endif
