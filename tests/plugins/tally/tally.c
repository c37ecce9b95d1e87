/* A plugin that counts messages with the client, with the session and for itself, in three versions that keep the
 * counts in two layouts:
 *
 *     1.0  -DVERSION=10  writes layout 1 (the number of messages as text), reads layout 1
 *     1.1  -DVERSION=11  writes layout 1, reads 1 and 2: the version to go back to from 2.0
 *     2.0  -DVERSION=20  writes layout 2 (messages and bytes, as two numbers), reads 1 and 2
 *
 * Each message that passes gets the counts as user properties, and the layout in which the session's were found. */
#include <graftmq/plugin.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#if VERSION == 10
GMQ_PLUGIN("tally", "1.0");
GMQ_BYTES(1, 1, 1);
#elif VERSION == 11
GMQ_PLUGIN("tally", "1.1");
GMQ_BYTES(1, 1, 2);
#elif VERSION == 20
GMQ_PLUGIN("tally", "2.0");
GMQ_BYTES(2, 1, 2);
#else
#error "VERSION is 10, 11 or 20"
#endif

struct counts {
    uint64_t messages;
    uint64_t bytes; /* of payload; what layout 1 doesn't know begins with 0 */
};

static struct counts decode(gmq_view view, uint32_t layout)
{
    struct counts counts = {0, 0};
    char text[24] = "";
    if (layout == 2 && view.length == sizeof(counts)) {
        memcpy(&counts, view.data, sizeof(counts));
    } else if (layout == 1 && view.length < sizeof(text)) {
        memcpy(text, view.data, view.length);
        counts.messages = strtoull(text, NULL, 10);
    }
    return counts;
}

struct encoded {
    char bytes[24];
    size_t length;
};

static struct encoded encode(struct counts counts)
{
    struct encoded encoded;
#if VERSION == 20
    memcpy(encoded.bytes, &counts, sizeof(counts));
    encoded.length = sizeof(counts);
#else
    encoded.length = (size_t)snprintf(encoded.bytes, sizeof(encoded.bytes), "%" PRIu64, counts.messages);
#endif
    return encoded;
}

static struct counts counted(struct counts counts, const gmq_publish *packet)
{
    counts.messages++;
    counts.bytes += gmq_publish_payload(packet).length;
    return counts;
}

static void tell(gmq_call *call, gmq_publish *packet, const char *what, struct counts counts)
{
    char text[64];
    snprintf(text, sizeof(text), "%" PRIu64 " %" PRIu64, counts.messages, counts.bytes);
    (void)gmq_publish_add_user_property(call, packet, gmq_view_of(what), gmq_view_of(text));
}

static gmq_verdict on_publish(gmq_call *call, gmq_publish *packet)
{
    gmq_client *client = gmq_call_client(call);
    gmq_plugin *plugin = gmq_call_plugin(call);
    uint32_t layout = 0, found = 0;
    char text[24];

    gmq_view view = gmq_client_bytes_layout(call, client, &layout);
    struct counts counts = counted(decode(view, layout), packet);
    struct encoded encoded = encode(counts);
    (void)gmq_client_set_bytes(call, client, gmq_view_make(encoded.bytes, encoded.length));
    tell(call, packet, "client", counts);

    view = gmq_session_bytes_layout(call, client, &found);
    counts = counted(decode(view, found), packet);
    encoded = encode(counts);
    (void)gmq_session_set_bytes(call, client, gmq_view_make(encoded.bytes, encoded.length));
    tell(call, packet, "session", counts);

    size_t length = gmq_plugin_bytes_layout(plugin, text, sizeof(text), &layout);
    counts = counted(decode(gmq_view_make(text, length), layout), packet);
    encoded = encode(counts);
    (void)gmq_plugin_set_bytes(plugin, encoded.bytes, encoded.length);
    tell(call, packet, "plugin", counts);

    snprintf(text, sizeof(text), "%" PRIu32, found);
    (void)gmq_publish_add_user_property(call, packet, GMQ_VIEW("layout"), gmq_view_of(text));
    return GMQ_NEXT;
}
GMQ_HANDLER(PUBLISH, on_publish);
