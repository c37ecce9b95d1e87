/* Changes messages on their way: each gets a user property "stamped-by" with the name of who sent it, and a prefix in
 * front of its payload. Which messages, the route says; what prefix, the route's "args".
 *
 *     {
 *       "plugins": { "broker": { "path": "broker.so" }, "stamp": { "path": "stamp.so" } },
 *       "routes": {
 *         "PUBLISH": [
 *           { "handler": "stamp:on_publish", "topics": [ "notes/#" ], "args": { "prefix": "note: " } },
 *           "broker:on_publish"
 *         ]
 *       }
 *     }
 *
 * The handler answers NEXT, so the message goes on to `broker`, which stores and delivers the changed one. */
#include <graftmq/plugin.h>

GMQ_PLUGIN("stamp", "1.0.0");

static gmq_view sender_of(gmq_call *call)
{
    gmq_client *client = gmq_call_client(call);
    gmq_view user = gmq_client_username(client);
    return user.length > 0 ? user : gmq_client_identifier(client);
}

static gmq_status add_prefix(gmq_call *call, gmq_publish *packet, gmq_view prefix)
{
    gmq_view payload = gmq_publish_payload(packet);
    size_t length = prefix.length + payload.length;
    char *text = gmq_call_allocate(call, length);
    if (text == NULL)
        return GMQ_ERROR_MEMORY;
    memcpy(text, prefix.data, prefix.length);
    if (payload.length > 0)
        memcpy(text + prefix.length, payload.data, payload.length);
    return gmq_publish_set_payload(call, packet, gmq_view_make(text, length));
}

static gmq_verdict on_publish(gmq_call *call, gmq_publish *packet)
{
    /* An empty retained message clears its topic; with a prefix it would not any more. */
    if (gmq_publish_is_retained(packet) && gmq_publish_payload(packet).length == 0)
        return GMQ_NEXT;
    gmq_view prefix = gmq_settings_string(gmq_call_arguments(call), "prefix", "");
    gmq_status status = gmq_publish_add_user_property(call, packet, GMQ_VIEW("stamped-by"), sender_of(call));
    if (status == GMQ_OK && prefix.length > 0)
        status = add_prefix(call, packet, prefix);
    if (status != GMQ_OK)
        return gmq_reject(call, GMQ_REASON_IMPLEMENTATION_SPECIFIC_ERROR, "could not be stamped");
    return GMQ_NEXT;
}
GMQ_HANDLER(PUBLISH, on_publish);
