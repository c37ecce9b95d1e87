/* What follows from a verdict: the answer of a refused packet, the end of a connection, a packet put aside. */
#ifndef BROKER_VERDICT_H
#define BROKER_VERDICT_H

#include "broker/client.h"
#include "broker/deferral.h"

/* Runs the route of a call from call->step on and does what its verdict says. Returns whether the client is now waiting
 * for a deferred verdict. */
bool verdict_run(struct gmq_call *call);

/* The verdict of a deferred call has come, and the client doesn't wait for it any more: goes on behind the step that
 * deferred. */
void verdict_continue(struct gmq_call *call, gmq_verdict verdict);

#endif
