/* Tells of calls that took longer than their budget. */
#include "plugin/route_meter.h"

#include "base/text.h"
#include "plugin/generation.h"

#include <stdio.h>

enum { OVERRUN_LINES_PER_SECOND = 1 };

/* "PUBLISH of client c1", "the event close of client c1", "the event tick" */
static const char *occasion_text(const gmq_call *call, char *text, size_t size)
{
    bool has_packet = call->packet != NULL;
    const char *name = has_packet ? packet_type_name(call->packet->type) : config_event_name(call->route->type);
    char client[80] = "?";
    if (call->client != NULL && call->meter->client_name != NULL)
        text_printable(client, sizeof(client), call->meter->client_name(call->client));
    snprintf(text, size, "%s%s%s%s", has_packet ? "" : "the event ", name, call->client != NULL ? " of client " : "",
             call->client != NULL ? client : "");
    return text;
}

uint64_t meter_overrun(const gmq_call *call, struct handler_record *record, uint64_t took_ns)
{
    const struct route_step *step = &call->route->steps[call->step];
    if (took_ns > INT64_MAX / 2) /* the worker moved to a processor whose counter is behind */
        return 0;
    uint32_t suppressed;
    handler_count(&record->overruns, 1);
    if (!log_limiter_allows(&record->overrun_lines, OVERRUN_LINES_PER_SECOND, clock_now_ns(), &suppressed))
        return took_ns;
    char occasion[160], more[40] = "";
    if (suppressed > 0)
        snprintf(more, sizeof(more), " (%u such lines left out)", (unsigned)suppressed);
    log_write(
        GMQ_LOG_WARNING, step->plugin->log_subject,
        "%s took %.3f ms for %s, its budget is %.3f ms: its worker served nobody else meanwhile; generation %llu%s",
        step->entry->handler, (double)took_ns / (double)CLOCK_NS_PER_MS,
        occasion_text(call, occasion, sizeof(occasion)), (double)step->budget_ns / (double)CLOCK_NS_PER_MS,
        (unsigned long long)call->generation->number, more);
    return took_ns;
}
