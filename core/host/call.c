/* graftmq/call.h in the process of an isolated plugin; deferring and resuming is in invoke.c. */
#include "host/host.h"

#include <stdarg.h>
#include <stdio.h>

gmq_client *gmq_call_client(const gmq_call *call)
{
    return call->client;
}

gmq_plugin *gmq_call_plugin(const gmq_call *call)
{
    return call->plugin;
}

gmq_direction gmq_call_direction(const gmq_call *call)
{
    return call->direction;
}

uint32_t gmq_call_worker(const gmq_call *call)
{
    return call->worker;
}

struct ev_loop *gmq_call_loop(const gmq_call *call)
{
    return lane_of(call)->loop;
}

const gmq_settings *gmq_call_arguments(const gmq_call *call)
{
    return call->arguments;
}

const gmq_settings *gmq_call_settings(const gmq_call *call)
{
    return call->plugin->settings;
}

void *gmq_call_allocate(gmq_call *call, size_t size)
{
    return arena_alloc(call->arena, size);
}

static gmq_verdict call_decide(gmq_call *call, gmq_verdict verdict, gmq_reason reason, const char *text)
{
    call->reason = reason;
    call->text = NULL;
    if (text != NULL)
        call->text = arena_copy(call->arena, text, strlen(text) + 1); /* without it, if memory is out */
    return verdict;
}

gmq_verdict gmq_reject(gmq_call *call, gmq_reason reason, const char *text)
{
    if (reason < GMQ_REASON_UNSPECIFIED_ERROR)
        reason = GMQ_REASON_UNSPECIFIED_ERROR;
    return call_decide(call, GMQ_REJECT, reason, text);
}

gmq_verdict gmq_close(gmq_call *call, gmq_reason reason, const char *text)
{
    return call_decide(call, GMQ_CLOSE, reason, text);
}

gmq_deferral *gmq_client_deferral(const gmq_call *call, const gmq_client *client)
{
    struct lane *lane = lane_of(call);
    uint8_t flags;
    uint32_t status;
    struct record_reader rest;
    size_t begin = operation_begin(lane, client->call, OPERATION_CLIENT_DEFERRAL);
    uint64_t id = operation_ask(lane, begin, &flags, &status, &rest) ? record_read_u64(&rest) : 0;
    return (gmq_deferral *)(uintptr_t)id; /* NOLINT: a number for the plugin to keep */
}

void gmq_log(const gmq_plugin *plugin, gmq_log_level level, const char *format, ...)
{
    char text[2048];
    va_list arguments;
    (void)plugin;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (length < 0)
        return;
    size_t used = (size_t)length < sizeof text ? (size_t)length : sizeof text - 1;
    size_t begin = request_begin(MESSAGE_LOG, 0);
    record_u8(&host.request, (uint8_t)level);
    record_view(&host.request, gmq_view_make(text, used));
    (void)request_send(begin, false, NULL, NULL);
    request_end();
}

gmq_view gmq_plugin_name(const gmq_plugin *plugin)
{
    return gmq_view_of(plugin->name);
}

const gmq_settings *gmq_plugin_settings(const gmq_plugin *plugin)
{
    return plugin->settings;
}

size_t gmq_plugin_bytes(const gmq_plugin *plugin, void *bytes, size_t capacity)
{
    return gmq_plugin_bytes_layout(plugin, bytes, capacity, NULL);
}

size_t gmq_plugin_bytes_layout(const gmq_plugin *plugin, void *bytes, size_t capacity, uint32_t *layout)
{
    uint32_t stored_layout = 0;
    gmq_view stored = {NULL, 0};
    (void)plugin;
    size_t begin = request_begin(MESSAGE_PLUGIN_BYTES, 0);
    bool is_told = request_send(begin, true, &stored_layout, &stored);
    size_t length = is_told ? stored.length : 0, copied = length < capacity ? length : capacity;
    if (copied > 0)
        memcpy(bytes, stored.data, copied);
    request_end();
    if (layout != NULL)
        *layout = length > 0 ? stored_layout : 0;
    return length;
}

gmq_status gmq_plugin_set_bytes(gmq_plugin *plugin, const void *bytes, size_t length)
{
    uint32_t status = GMQ_ERROR_MEMORY;
    gmq_view nothing;
    (void)plugin;
    size_t begin = request_begin(MESSAGE_SET_PLUGIN_BYTES, 0);
    record_view(&host.request, gmq_view_make(bytes, length));
    bool is_done = request_send(begin, true, &status, &nothing);
    request_end();
    return is_done ? (gmq_status)status : GMQ_ERROR_MEMORY;
}
