/* Things that a broker holds while nothing happens: what each of them costs in memory, and to come by. */
#ifndef LOAD_HOLD_H
#define LOAD_HOLD_H

#include "options.h"

/* What to measure with "connections", "sessions", "subscriptions" or "retained"; prints the result as JSON. The exit
 * code: 0, or 1 where the broker made faults. */
int hold_run(const struct options *options);

#endif
