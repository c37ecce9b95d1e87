/* What the plugin "desk" asks for. */
#include "shard/desk.h"

#include "shard/demand.h"

#include <string.h>

desk_handler *desk_incoming[GMQ_AUTH + 1];
desk_handler *desk_outgoing[GMQ_AUTH + 1];
desk_callback *desk_events[GMQ_EVENT_STOP + 1];

uint32_t desk_limit_ms;
gmq_verdict desk_at_limit = GMQ_CLOSE;

static gmq_deferral *deferrals[DESK_DEFERRALS_MAX];
static size_t deferral_count;

void desk_reset(void)
{
    memset(desk_incoming, 0, sizeof desk_incoming);
    memset(desk_outgoing, 0, sizeof desk_outgoing);
    memset(desk_events, 0, sizeof desk_events);
    desk_limit_ms = 0;
    desk_at_limit = GMQ_CLOSE;
}

gmq_verdict desk_handle(gmq_call *call, gmq_packet *packet, gmq_packet_type type)
{
    desk_handler *handler = gmq_call_direction(call) == GMQ_INCOMING ? desk_incoming[type] : desk_outgoing[type];
    return handler != NULL ? handler(call, packet) : GMQ_NEXT;
}

void desk_call_back(gmq_call *call, gmq_event event)
{
    if (desk_events[event] != NULL)
        desk_events[event](call);
}

gmq_verdict desk_defer(gmq_call *call, gmq_packet *packet)
{
    (void)packet;
    gmq_deferral *deferral = gmq_defer(call, desk_limit_ms, desk_at_limit);
    if (deferral == NULL)
        return gmq_reject(call, GMQ_REASON_SERVER_BUSY, NULL);
    demand(deferral_count < DESK_DEFERRALS_MAX, "too many deferrals");
    deferrals[deferral_count++] = deferral;
    return GMQ_DEFER;
}

gmq_deferral *desk_take_deferral(void)
{
    if (deferral_count == 0)
        return NULL;
    gmq_deferral *first = deferrals[0];
    deferral_count--;
    for (size_t i = 0; i < deferral_count; i++)
        deferrals[i] = deferrals[i + 1];
    return first;
}
