/* include/graftmq/call.h: what a handler learns from its call, and the verdicts that carry more than a word. */
#include <graftmq/call.h>

#include "base/log.h"
#include "base/memory.h"
#include "broker/client.h"
#include "broker/deferral.h"
#include "broker/shard.h"

#include <string.h>

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
        reason = GMQ_REASON_UNSPECIFIED_ERROR; /* a refusal with a reason of success would be none */
    return call_decide(call, GMQ_REJECT, reason, text);
}

gmq_verdict gmq_close(gmq_call *call, gmq_reason reason, const char *text)
{
    return call_decide(call, GMQ_CLOSE, reason, text);
}

gmq_deferral *gmq_defer(gmq_call *call, uint32_t limit_ms, gmq_verdict at_limit)
{
    bool is_possible = call->route != NULL && call->packet != NULL && call->direction == GMQ_INCOMING;
    if (!is_possible || call->deferral != NULL)
        return NULL;
    call->deferral = deferral_new(call, limit_ms, at_limit);
    return call->deferral;
}

void gmq_resume(gmq_deferral *deferral, gmq_verdict verdict)
{
    deferral->verdict = verdict == GMQ_NEXT || verdict == GMQ_DONE ? verdict : GMQ_CLOSE;
    deferral_resume(deferral);
}

void gmq_resume_reject(gmq_deferral *deferral, gmq_reason reason, const char *text)
{
    deferral->verdict = GMQ_REJECT;
    deferral->reason = reason >= GMQ_REASON_UNSPECIFIED_ERROR ? reason : GMQ_REASON_UNSPECIFIED_ERROR;
    if (text != NULL)
        deferral->text = mem_copy_text(text, strlen(text)); /* without it, if memory is out */
    deferral_resume(deferral);
}

void gmq_resume_with(gmq_deferral *deferral, gmq_continuation *continuation, void *data)
{
    deferral->continuation = continuation;
    deferral->data = data;
    deferral_resume(deferral);
}

gmq_deferral *gmq_client_deferral(const gmq_call *call, const gmq_client *client)
{
    (void)call;
    return client->connect_deferral != NULL ? client->connect_deferral : client->deferral;
}

void gmq_log(const gmq_plugin *plugin, gmq_log_level level, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    log_write_list(level, plugin->log_subject, format, arguments);
    va_end(arguments);
}

gmq_view gmq_plugin_name(const gmq_plugin *plugin)
{
    return gmq_view_of(plugin->name);
}

const gmq_settings *gmq_plugin_settings(const gmq_plugin *plugin)
{
    return plugin->settings;
}

size_t gmq_plugin_bytes_layout(const gmq_plugin *plugin, void *bytes, size_t capacity, uint32_t *layout)
{
    const gmq_bytes_layouts *layouts = &plugin->layouts;
    struct bytes_kept kept =
        plugin_storage_read_between(plugin->storage, gmq_plugin_name(plugin), layouts, bytes, capacity);
    if (layout != NULL)
        *layout = kept.layout;
    return kept.own;
}

size_t gmq_plugin_bytes(const gmq_plugin *plugin, void *bytes, size_t capacity)
{
    return gmq_plugin_bytes_layout(plugin, bytes, capacity, NULL);
}

gmq_status gmq_plugin_set_bytes(gmq_plugin *plugin, const void *bytes, size_t length)
{
    return plugin_storage_write_layout(plugin->storage, gmq_plugin_name(plugin), plugin->layouts.written, bytes,
                                       length);
}
