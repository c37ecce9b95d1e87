/* A message that is being handed out: made from a packet or a kept message. */
#include "base/clock.h"
#include "broker/delivery.h"
#include "mqtt/properties.h"

static void publication_clear(struct publication *publication)
{
    publication->message = NULL;
    publication->source = NULL;
    publication->except = NULL;
    publication->cached_length = 0;
    buffer_init(&publication->properties);
}

void publication_init(struct publication *publication, const struct gmq_publish *packet, uint64_t publisher,
                      uint64_t now_ns)
{
    publication_clear(publication);
    struct message_parts *parts = &publication->parts;
    const struct properties *properties = &packet->packet.properties;
    parts->topic = packet->topic;
    parts->payload = packet->payload;
    parts->properties = gmq_view_make(NULL, 0);
    parts->publisher = publisher;
    parts->qos = packet->qos;
    parts->is_retained = packet->is_retained;
    parts->expires_ns = UINT64_MAX;
    if (properties->present == 0 && properties->wire.length == 0 && properties->added == NULL)
        return;
    publication->source = properties;
    if (properties_has(properties, PROPERTY_MESSAGE_EXPIRY_INTERVAL)) {
        uint32_t seconds = properties->value[PROPERTY_MESSAGE_EXPIRY_INTERVAL].number;
        parts->expires_ns = now_ns + seconds * CLOCK_NS_PER_SECOND;
    }
}

void publication_init_kept(struct publication *publication, struct message *message)
{
    publication_clear(publication);
    message_ref(message, 1);
    publication->message = message;
    publication->parts = (struct message_parts){
        .topic = message_topic(message),
        .properties = message_properties(message),
        .payload = message_payload(message),
        .expires_ns = message->expires_ns,
        .publisher = message->publisher,
        .qos = message->qos,
        .is_retained = message->is_retained,
    };
}

void publication_init_parts(struct publication *publication, const struct message_parts *parts)
{
    publication_clear(publication);
    publication->parts = *parts;
}

void publication_deinit(struct publication *publication)
{
    message_unref(publication->message);
    buffer_deinit(&publication->properties);
}

gmq_view publication_properties(struct publication *publication)
{
    if (publication->source != NULL) {
        properties_encode(publication->source, PROPERTIES_FORWARDED, &publication->properties);
        publication->source = NULL;
        if (!publication->properties.is_failed)
            publication->parts.properties =
                gmq_view_make(publication->properties.bytes, publication->properties.length);
    }
    return publication->parts.properties;
}

struct message *publication_message(struct publication *publication)
{
    if (publication->message == NULL) {
        publication_properties(publication);
        if (publication->properties.is_failed)
            return NULL;
        publication->message = message_new(&publication->parts);
    }
    return publication->message;
}

uint32_t publication_expiry_seconds(const struct publication *publication, const struct shard *shard)
{
    if (publication->parts.expires_ns <= shard->now_ns)
        return 0; /* sent again after its time [MQTT-3.3.2-6] */
    uint64_t left_ns = publication->parts.expires_ns - shard->now_ns;
    return (uint32_t)((left_ns + CLOCK_NS_PER_SECOND - 1) / CLOCK_NS_PER_SECOND);
}
