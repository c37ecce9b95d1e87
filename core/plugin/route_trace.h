/* For whoever wants to see packets pass their routes: functions that are told of every step, on the worker, as it
 * happens. While nobody wants to, a packet's way has one branch for it. */
#ifndef PLUGIN_ROUTE_TRACE_H
#define PLUGIN_ROUTE_TRACE_H

#include "plugin/call.h"

/* Embedded in what the functions need. All are called on the worker whose route_meter.trace it is, and must neither
 * block nor close or send anything: a packet is on its way. What they point to (client, packet, plugin) may be gone
 * when they return. They come nested: a handler that publishes has other packets pass their routes before its own step
 * is told. `call` says the rest: client (NULL in some callbacks), packet (NULL in callbacks), direction, generation,
 * route, and the step that it is about (call->step, call->route->steps[call->step]). */
struct route_trace {
    /* A packet is about to take its route, or an event its callbacks. After a deferred verdict it goes on at a later
     * step, after `settled`. */
    void (*begin)(struct route_trace *trace, const gmq_call *call);
    /* The step's conditions don't hold. */
    void (*skipped)(struct route_trace *trace, const gmq_call *call);
    /* The step has run and answered (a callback: GMQ_NEXT, whatever it did); `took_ns` as in handler_figures.took.
     * With GMQ_REJECT and GMQ_CLOSE the call has the reason. */
    void (*passed)(struct route_trace *trace, const gmq_call *call, gmq_verdict verdict, uint64_t took_ns);
    /* The route is over for now. GMQ_NEXT: no handler took the packet; GMQ_DEFER: `settled` will follow, unless the
     * client goes. */
    void (*end)(struct route_trace *trace, const gmq_call *call, gmq_verdict verdict);
    /* The verdict of a deferred call has come, or its time limit: the step that deferred is call->step. */
    void (*settled)(struct route_trace *trace, const gmq_call *call, gmq_verdict verdict, uint64_t waited_ns,
                    bool is_timeout);
};

#endif
