/* A worker's stopwatch for what plugins do on it, and what becomes of a call that takes longer than its budget. */
#ifndef PLUGIN_ROUTE_METER_H
#define PLUGIN_ROUTE_METER_H

#include "base/clock.h"
#include "base/log.h"
#include "plugin/call.h"
#include "plugin/handler_statistics.h"
#include "plugin/route_trace.h"

struct route_step;

/* One for each worker, used by it alone. */
struct route_meter {
    struct route_trace *trace; /* NULL: nobody wants to see. Set between packets */
    uint64_t spent_ticks;      /* in handlers, over the worker's life: how the time of inner ones is told from the
                                  time of the one that caused them to run */
    /* The name of a client for the log; of the room above. NULL: clients have none. */
    gmq_view (*client_name)(const struct gmq_client *client);
};

/* From one reading of the clock to the next: the end of a step is the beginning of the one behind it. */
struct meter_lap {
    uint64_t began_ticks;
    uint64_t spent_ticks;
};

static inline struct meter_lap meter_begin(const struct route_meter *meter)
{
    return (struct meter_lap){.began_ticks = clock_ticks(), .spent_ticks = meter->spent_ticks};
}

/* What was spent since the lap began, without what inner calls have been told of; a new lap begins. */
static inline uint64_t meter_lap_ns(struct route_meter *meter, struct meter_lap *lap)
{
    uint64_t now = clock_ticks();
    uint64_t all = now - lap->began_ticks;
    uint64_t own = all - (meter->spent_ticks - lap->spent_ticks);
    lap->began_ticks = now;
    lap->spent_ticks += all;
    meter->spent_ticks = lap->spent_ticks;
    return clock_ticks_ns(own);
}

/* A call of call->step took longer than its budget: counts it, and logs it at most once a second for each handler and
 * worker. Returns what it took: 0 if the clock went back. */
uint64_t meter_overrun(const gmq_call *call, struct handler_record *record, uint64_t took_ns);

#endif
