/* The control socket: a unix socket on the controller's loop, on which the broker's owner looks at it and tells it what
 * to do. README.md in this folder has the protocol.
 *
 * It never waits: what workers know is asked for by mail and comes in slices, what a client doesn't read is kept up to
 * a bound, and a client that stops in the middle is dropped. Only a reload, whose preflight the controller waits for,
 * keeps other clients of the socket waiting. */
#ifndef CONTROL_CONTROL_H
#define CONTROL_CONTROL_H

#include "worker/controller.h"

/* For struct controller_options. */
extern const struct controller_extension control_extension;

#endif
