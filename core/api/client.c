/* include/graftmq/client.h: clients, what is sent to them, and the bytes that plugins keep with them. */
#include <graftmq/call.h>
#include <graftmq/client.h>

#include "base/memory.h"
#include "broker/bytes.h"
#include "broker/client.h"
#include "broker/outbound.h"
#include "broker/session.h"
#include "plugin/host.h"

#include <string.h>

enum { PEER_TEXT_SIZE = 80 };

gmq_view gmq_client_identifier(const gmq_client *client)
{
    return client_identifier_view(client);
}

gmq_view gmq_client_username(const gmq_client *client)
{
    return gmq_view_make(client->user_name, client->user_name_length);
}

uint8_t gmq_client_protocol_version(const gmq_client *client)
{
    return client->version;
}

gmq_view gmq_client_listener(const gmq_client *client)
{
    return gmq_view_of(client->listener_name);
}

/* Asked for rarely, so a connection doesn't keep it: the text is made in the arena of the turn's calls. */
gmq_view gmq_client_peer_address(const gmq_client *client)
{
    struct shard *shard = client->shard;
    char *text = arena_alloc(&shard->arena, PEER_TEXT_SIZE);
    if (text == NULL)
        return gmq_view_make(NULL, 0);
    return gmq_view_of(shard->broker->ways->client_peer(client, text, PEER_TEXT_SIZE));
}

bool gmq_client_is_connected(const gmq_client *client)
{
    return client_is_connected(client);
}

void gmq_client_set_authenticated(gmq_client *client, bool is_authenticated)
{
    client->is_authenticated = is_authenticated;
}

bool gmq_client_is_authenticated(const gmq_client *client)
{
    return client->is_authenticated;
}

gmq_status gmq_send(gmq_call *call, gmq_client *client, gmq_packet *packet)
{
    if (call->direction == GMQ_OUTGOING && call->client == client && packet->type == GMQ_PUBLISH)
        return GMQ_ERROR_STATE; /* it would pass its own route again, without end */
    return outbound_send(client, packet, call->arena);
}

void gmq_client_close(gmq_call *call, gmq_client *client, gmq_reason reason, const char *text)
{
    (void)call;
    client_close(client, reason, text);
}

/* What is kept for the plugin, if the version that asks can read it. */
static gmq_view bytes_read(const gmq_call *call, const struct bytes *list, uint32_t *layout)
{
    const struct bytes *entry = bytes_find(list, gmq_plugin_name(call->plugin));
    if (entry != NULL && !plugin_reads_layout(call->plugin, entry->mark.layout))
        entry = NULL;
    if (layout != NULL)
        *layout = entry != NULL ? entry->mark.layout : 0;
    return bytes_view(entry);
}

static gmq_status bytes_write(const gmq_call *call, struct bytes **list, gmq_view bytes, enum bytes_owner owner)
{
    struct bytes_tally *tally = call->plugin->tally;
    struct bytes_mark mark = {call->plugin->layouts.written, tally != NULL ? &tally->kept[owner] : NULL};
    return bytes_set(list, gmq_plugin_name(call->plugin), bytes, mark);
}

gmq_view gmq_client_bytes_layout(const gmq_call *call, const gmq_client *client, uint32_t *layout)
{
    return bytes_read(call, client->bytes, layout);
}

gmq_view gmq_client_bytes(const gmq_call *call, const gmq_client *client)
{
    return bytes_read(call, client->bytes, NULL);
}

gmq_status gmq_client_set_bytes(gmq_call *call, gmq_client *client, gmq_view bytes)
{
    return bytes_write(call, &client->bytes, bytes, BYTES_OF_CLIENT);
}

gmq_view gmq_session_bytes_layout(const gmq_call *call, const gmq_client *client, uint32_t *layout)
{
    return bytes_read(call, client->session != NULL ? client->session->bytes : NULL, layout);
}

gmq_view gmq_session_bytes(const gmq_call *call, const gmq_client *client)
{
    return gmq_session_bytes_layout(call, client, NULL);
}

gmq_status gmq_session_set_bytes(gmq_call *call, gmq_client *client, gmq_view bytes)
{
    if (client->session == NULL)
        return GMQ_ERROR_STATE;
    return bytes_write(call, &client->session->bytes, bytes, BYTES_OF_SESSION);
}

/* An order to close, on its way to the client's worker. */
struct disconnect_mail {
    struct shard_mail mail;
    gmq_reason reason;
    char *text; /* in content, or NULL */
    size_t identifier_length;
    char content[];
};

static void disconnect_arrived(struct shard *shard, struct shard_mail *mail)
{
    struct disconnect_mail *order = (struct disconnect_mail *)(void *)mail;
    struct session *session = session_find(shard, gmq_view_make(order->content, order->identifier_length));
    if (session != NULL && session->client != NULL)
        client_close(session->client, order->reason, order->text);
    mem_free(order);
}

gmq_status gmq_disconnect_client(gmq_plugin *plugin, gmq_view client_identifier, gmq_reason reason, const char *text)
{
    if (plugin->host == NULL)
        return GMQ_ERROR_STATE; /* in preflight */
    struct broker *broker = plugin->host->broker;
    size_t text_size = text != NULL ? strlen(text) + 1 : 0;
    struct disconnect_mail *order = mem_alloc(sizeof *order + client_identifier.length + text_size);
    if (order == NULL)
        return GMQ_ERROR_MEMORY;
    order->mail.handle = disconnect_arrived;
    order->reason = reason;
    order->identifier_length = client_identifier.length;
    order->text = text != NULL ? order->content + client_identifier.length : NULL;
    memcpy(order->content, client_identifier.data, client_identifier.length);
    if (text != NULL)
        memcpy(order->text, text, text_size);
    broker->ways->post_any(broker, broker_worker_of(broker, client_identifier), &order->mail);
    return GMQ_OK;
}
