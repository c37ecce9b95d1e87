/* A route: the ordered handlers of one packet type in one direction, resolved to functions. */
#ifndef PLUGIN_ROUTE_H
#define PLUGIN_ROUTE_H

#include "config/config.h"
#include "plugin/call.h"
#include "plugin/plugin.h"

#include <graftmq/call.h>

/* All handlers are stored as this type and called as what their record's packet type says they are: one packet pointer,
 * one verdict. */
typedef gmq_verdict route_function(gmq_call *call, void *packet);

/* A step without conditions has is_conditional false: one predictable branch. */
struct route_step {
    route_function *function;
    struct gmq_plugin *plugin;
    const gmq_record *record;         /* in the plugin: what the function is called there */
    const struct config_entry *entry; /* conditions and arguments; of the generation's configuration */
    const struct gmq_settings *arguments;
    struct handler_record *records; /* of worker 0; see generation.records */
    uint64_t budget_ns;             /* what a call may take before it is told */
    bool is_conditional;
};

struct route {
    struct route_step *steps;
    uint32_t count;
    uint8_t type; /* gmq_packet_type, or gmq_event for callbacks */
};

/* What the conditions of a step are held against. */
struct route_facts {
    uint32_t listener; /* index in the generation's configuration; UINT32_MAX: the listener is not in it any more */
    uint8_t version;   /* of the connection */
};

/* Runs the steps from call->step on, as long as they answer GMQ_NEXT. GMQ_NEXT from here means that the route ended
 * without a verdict. On GMQ_DEFER call->step is the deferring step. An answer that is no verdict counts as GMQ_CLOSE
 * with 0x83. */
gmq_verdict route_run(gmq_call *call, const struct route_facts *facts);

/* Runs all callbacks of an event, with call->client as it is. */
void route_call_back(gmq_call *call, const struct route *callbacks);

/* Runs the continuation of the call that call->step has deferred, under that step's budget. As route_run, an answer
 * that is no verdict counts as GMQ_CLOSE. */
gmq_verdict route_continue(gmq_call *call, gmq_continuation *continuation, void *data);

/* Counts what has become of a call that call->step deferred at `since_ticks` (clock_ticks). */
void route_settle(gmq_call *call, gmq_verdict verdict, uint64_t since_ticks, bool is_timeout);

/* Counts that the plugin of call->step couldn't answer: the process that it is isolated in crashed, hangs or isn't
 * there. */
void route_fault(const gmq_call *call);

/* Whether a step's conditions hold for the packet: topic filters match a PUBLISH by its topic, SUBSCRIBE and
 * UNSUBSCRIBE if one of their filters is one of the condition's, or (without wildcards of its own) matched by one. */
bool route_step_applies(const struct route_step *step, const struct gmq_packet *packet,
                        const struct route_facts *facts);

#endif
