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

/* What is kept for the plugin, and its layout, if it can read that. */
static void bytes_write(struct buffer *out, const struct bytes *list, const struct gmq_plugin *plugin)
{
    const struct bytes *entry = bytes_find(list, gmq_view_of(plugin->name));
    if (entry != NULL && !plugin_reads_layout(plugin, entry->mark.layout))
        entry = NULL;
    record_view(out, bytes_view(entry));
    record_u32(out, entry != NULL ? entry->mark.layout : 0);
}

void facts_write(struct buffer *out, const struct gmq_client *client, const struct gmq_plugin *plugin)
{
    record_u8(out, facts_flags(client));
    if (client == NULL)
        return;
    record_u8(out, client->version);
    record_view(out, client_identifier_view(client));
    record_view(out, gmq_view_make(client->user_name, client->user_name_length));
    record_view(out, gmq_view_of(client->listener_name));
    bytes_write(out, client->bytes, plugin);
    bytes_write(out, client->session != NULL ? client->session->bytes : NULL, plugin);
}
