/* What the plugin "desk" does: functions of the test, by direction and packet type, and by event. NULL passes on. */
#ifndef TESTS_SHARD_DESK_H
#define TESTS_SHARD_DESK_H

#include "plugins/desk.h"

typedef gmq_verdict desk_handler(gmq_call *call, gmq_packet *packet);
typedef void desk_callback(gmq_call *call);

extern desk_handler *desk_incoming[GMQ_AUTH + 1];
extern desk_handler *desk_outgoing[GMQ_AUTH + 1];
extern desk_callback *desk_events[GMQ_EVENT_STOP + 1];

void desk_reset(void); /* to no handlers at all */

/* A handler that defers, and the deferrals that it made, first come, first out. */
enum { DESK_DEFERRALS_MAX = 64 };
extern uint32_t desk_limit_ms; /* of the next deferral, 0: the configured one */
extern gmq_verdict desk_at_limit;
desk_handler desk_defer;
gmq_deferral *desk_take_deferral(void); /* NULL: there is none */

#endif
