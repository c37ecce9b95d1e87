/* What an isolated plugin may ask for on any thread, outside of its calls: answered by its supervisor. */
#include "base/log.h"
#include "base/memory.h"
#include "isolate/isolated.h"

#include <graftmq/call.h>
#include <graftmq/client.h>
#include <graftmq/loop.h>

enum { WRITE_LIMIT_MS = 1000 };

/* A posted function of a process, on its way to the worker of its client. */
struct posted {
    struct isolated *isolated;
    uint64_t token; /* what the process calls it */
    uint64_t epoch; /* of the process: a newer one doesn't know it */
    uint32_t number;
};

static void posted_arrived(gmq_call *call, void *data)
{
    struct posted *posted = data;
    struct lane *lane = &posted->isolated->lanes[call->worker];
    struct pending *pending = NULL;
    if (lane_is_ready(lane, call->shard) && lane->epoch == posted->epoch && lane->process->number == posted->number)
        pending = lane_posted(lane, call, posted->token);
    if (pending != NULL) {
        atomic_fetch_add_explicit(&pending->plugin->pins, 1, memory_order_relaxed);
        pending_set_client(pending, call->client);
    }
    mem_free(posted);
}

static gmq_status post(struct process *process, gmq_view identifier, uint64_t token)
{
    struct posted *posted = mem_alloc(sizeof *posted);
    if (posted == NULL)
        return GMQ_ERROR_MEMORY;
    *posted = (struct posted){process->isolated, token, process->last_epoch, process->number};
    gmq_status status = gmq_post_to_client(process->isolated->plugin, identifier, posted_arrived, posted);
    if (status != GMQ_OK)
        mem_free(posted);
    return status;
}

static bool reply(struct process *process, uint32_t status, gmq_view bytes)
{
    struct buffer *out = &process->out;
    buffer_clear(out);
    size_t begin = message_begin(out, MESSAGE_REPLY, 0);
    record_u32(out, status);
    record_view(out, bytes);
    message_end(out, begin);
    return message_write(process->requests.descriptor, out, WRITE_LIMIT_MS);
}

static bool take_log(struct process *process, struct record_reader *reader)
{
    unsigned level = record_read_u8(reader);
    gmq_view text = record_read_view(reader);
    if (!record_is_whole(reader) || level > GMQ_LOG_DEBUG)
        return false;
    log_write((gmq_log_level)level, process->isolated->plugin->log_subject, "%.*s", (int)text.length, text.data);
    return true;
}

/* The bytes may grow between the two looks; then what fits of them is as good as what was there before. */
static bool take_bytes(struct process *process)
{
    const gmq_plugin *plugin = process->isolated->plugin;
    uint32_t layout = 0;
    size_t length = gmq_plugin_bytes(plugin, NULL, 0);
    char *bytes = mem_alloc(length);
    size_t stored = bytes != NULL ? gmq_plugin_bytes_layout(plugin, bytes, length, &layout) : 0;
    bool is_sent = reply(process, layout, gmq_view_make(bytes, stored < length ? stored : length));
    mem_free(bytes);
    return is_sent;
}

static bool take_disconnect(struct process *process, struct record_reader *reader)
{
    gmq_view identifier = record_read_view(reader);
    unsigned reason = record_read_u8(reader);
    bool has_text = record_read_bool(reader);
    gmq_view text = record_read_view(reader);
    if (!record_is_whole(reader))
        return false;
    char *copy = has_text ? mem_copy_text(text.data, text.length) : NULL;
    gmq_status status = gmq_disconnect_client(process->isolated->plugin, identifier, (gmq_reason)reason, copy);
    mem_free(copy);
    return reply(process, status, GMQ_VIEW(""));
}

bool request_take(struct process *process, const struct message_header *header, struct record_reader *reader)
{
    struct gmq_plugin *plugin = process->isolated->plugin;
    gmq_view view;
    switch (header->kind) {
    case MESSAGE_LOG:
        return take_log(process, reader);
    case MESSAGE_PLUGIN_BYTES:
        return take_bytes(process);
    case MESSAGE_SET_PLUGIN_BYTES:
        view = record_read_view(reader);
        return record_is_whole(reader) &&
               reply(process, gmq_plugin_set_bytes(plugin, view.data, view.length), GMQ_VIEW(""));
    case MESSAGE_DISCONNECT_CLIENT:
        return take_disconnect(process, reader);
    case MESSAGE_POST_TO_CLIENT:
        view = record_read_view(reader);
        return record_is_whole(reader) && reply(process, post(process, view, header->id), GMQ_VIEW(""));
    default:
        return false;
    }
}
