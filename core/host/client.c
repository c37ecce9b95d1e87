/* graftmq/client.h in the process of an isolated plugin: what came along with the call, and what the broker is asked.
 */
#include "host/host.h"

gmq_view gmq_client_identifier(const gmq_client *client)
{
    return client->identifier;
}

gmq_view gmq_client_username(const gmq_client *client)
{
    return client->username;
}

uint8_t gmq_client_protocol_version(const gmq_client *client)
{
    return client->version;
}

gmq_view gmq_client_listener(const gmq_client *client)
{
    return client->listener;
}

static void peer_ask(struct gmq_client *client)
{
    struct lane *lane = client->lane;
    uint8_t flags;
    uint32_t status;
    struct record_reader rest;
    size_t begin = operation_begin(lane, client->call, OPERATION_PEER_ADDRESS);
    if (!operation_ask(lane, begin, &flags, &status, &rest))
        return;
    gmq_view address = record_read_view(&rest);
    const char *copy = arena_copy(client->arena, address.data, address.length);
    client->peer = gmq_view_make(copy, copy != NULL ? address.length : 0);
    client->has_peer = true;
}

/* Rarely wanted, so it isn't told beforehand. What is asked once is kept with the call, whose client is our own. */
gmq_view gmq_client_peer_address(const gmq_client *client)
{
    if (!client->has_peer)
        peer_ask((struct gmq_client *)(uintptr_t)client);
    return client->peer;
}

bool gmq_client_is_connected(const gmq_client *client)
{
    return (client->flags & CLIENT_IS_CONNECTED) != 0;
}

void gmq_client_set_authenticated(gmq_client *client, bool is_authenticated)
{
    size_t begin = operation_begin(client->lane, client->call, OPERATION_SET_AUTHENTICATED);
    record_u8(&client->lane->out, is_authenticated);
    operation_tell(client->lane, begin);
    client->flags = (uint8_t)(is_authenticated ? client->flags | CLIENT_IS_AUTHENTICATED
                                               : client->flags & ~CLIENT_IS_AUTHENTICATED);
}

bool gmq_client_is_authenticated(const gmq_client *client)
{
    return (client->flags & CLIENT_IS_AUTHENTICATED) != 0;
}

gmq_status gmq_send(gmq_call *call, gmq_client *client, gmq_packet *packet)
{
    struct lane *lane = lane_of(call);
    size_t begin = operation_begin(lane, client->call, OPERATION_SEND);
    record_u8(&lane->out, PACKET_OWN);
    packet_flat_write(&lane->out, packet);
    return operation_status(lane, begin, client);
}

void gmq_client_close(gmq_call *call, gmq_client *client, gmq_reason reason, const char *text)
{
    struct lane *lane = lane_of(call);
    size_t begin = operation_begin(lane, client->call, OPERATION_CLOSE_CLIENT);
    record_u8(&lane->out, (uint8_t)reason);
    record_u8(&lane->out, text != NULL);
    record_view(&lane->out, gmq_view_of(text));
    operation_tell(lane, begin);
}

gmq_view gmq_client_bytes_layout(const gmq_call *call, const gmq_client *client, uint32_t *layout)
{
    (void)call;
    if (layout != NULL)
        *layout = client->layout;
    return client->bytes;
}

gmq_view gmq_client_bytes(const gmq_call *call, const gmq_client *client)
{
    return gmq_client_bytes_layout(call, client, NULL);
}

gmq_view gmq_session_bytes_layout(const gmq_call *call, const gmq_client *client, uint32_t *layout)
{
    (void)call;
    if (layout != NULL)
        *layout = client->session_layout;
    return client->session_bytes;
}

gmq_view gmq_session_bytes(const gmq_call *call, const gmq_client *client)
{
    return gmq_session_bytes_layout(call, client, NULL);
}

/* A copy in the client's own memory; false: memory is out. */
static bool bytes_keep(const struct gmq_client *client, gmq_view bytes, gmq_view *kept)
{
    const char *copy = arena_copy(client->arena, bytes.data, bytes.length);
    if (copy != NULL)
        *kept = gmq_view_make(copy, bytes.length);
    return copy != NULL;
}

gmq_status gmq_client_set_bytes(gmq_call *call, gmq_client *client, gmq_view bytes)
{
    struct lane *lane = lane_of(call);
    gmq_view kept;
    if (!bytes_keep(client, bytes, &kept))
        return GMQ_ERROR_MEMORY;
    size_t begin = operation_begin(lane, client->call, OPERATION_SET_CLIENT_BYTES);
    record_view(&lane->out, bytes);
    operation_tell(lane, begin);
    client->bytes = kept;
    client->layout = bytes.length > 0 ? call->plugin->layouts.written : 0;
    return GMQ_OK;
}

gmq_status gmq_session_set_bytes(gmq_call *call, gmq_client *client, gmq_view bytes)
{
    struct lane *lane = lane_of(call);
    gmq_view kept;
    if ((client->flags & CLIENT_HAS_SESSION) == 0)
        return GMQ_ERROR_STATE;
    if (!bytes_keep(client, bytes, &kept))
        return GMQ_ERROR_MEMORY;
    size_t begin = operation_begin(lane, client->call, OPERATION_SET_SESSION_BYTES);
    record_view(&lane->out, client->identifier);
    record_view(&lane->out, bytes);
    operation_tell(lane, begin);
    client->session_bytes = kept;
    client->session_layout = bytes.length > 0 ? call->plugin->layouts.written : 0;
    return GMQ_OK;
}

gmq_status gmq_disconnect_client(gmq_plugin *plugin, gmq_view client_identifier, gmq_reason reason, const char *text)
{
    uint32_t status = GMQ_ERROR_MEMORY;
    gmq_view nothing;
    (void)plugin;
    size_t begin = request_begin(MESSAGE_DISCONNECT_CLIENT, 0);
    record_view(&host.request, client_identifier);
    record_u8(&host.request, (uint8_t)reason);
    record_u8(&host.request, text != NULL);
    record_view(&host.request, gmq_view_of(text));
    bool is_done = request_send(begin, true, &status, &nothing);
    request_end();
    return is_done ? (gmq_status)status : GMQ_ERROR_MEMORY;
}
