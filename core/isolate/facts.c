/* What a process is told of a client, each time: it may have changed since, and a plugin asks for it in most calls. */
#include "broker/session.h"
#include "isolate/isolated.h"

uint8_t facts_flags(const struct gmq_client *client)
{
    if (client == NULL)
        return 0;
    unsigned flags = CLIENT_IS_THERE;
    flags |= client_is_connected(client) ? CLIENT_IS_CONNECTED : 0u;
    flags |= client->is_authenticated ? CLIENT_IS_AUTHENTICATED : 0u;
    flags |= client->session != NULL ? CLIENT_HAS_SESSION : 0u;
    return (uint8_t)flags;
}

void facts_write(struct buffer *out, const struct gmq_client *client, gmq_view plugin_name)
{
    record_u8(out, facts_flags(client));
    if (client == NULL)
        return;
    record_u8(out, client->version);
    record_view(out, client_identifier_view(client));
    record_view(out, gmq_view_make(client->user_name, client->user_name_length));
    record_view(out, gmq_view_of(client->listener_name));
    record_view(out, bytes_find(client->bytes, plugin_name));
    record_view(out, client->session != NULL ? bytes_find(client->session->bytes, plugin_name) : GMQ_VIEW(""));
}
