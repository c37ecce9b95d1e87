/* A delivery that handlers may see, change or suppress: the outgoing route of PUBLISH. */
#include "broker/delivery.h"

#include "broker/outbound.h"
#include "mqtt/encode.h"
#include "mqtt/properties.h"

#include <string.h>

/* The kept properties as a decoded packet has them. */
static bool routed_properties(struct gmq_publish *packet, struct publication *publication,
                              const struct delivery_flags *flags, struct shard *shard)
{
    gmq_view wire = publication_properties(publication);
    struct properties *properties = &packet->packet.properties;
    if (publication->properties.is_failed)
        return false;
    if (wire.length > 0) {
        uint8_t *bytes = arena_alloc(&shard->arena, ENCODE_VARINT_MAX + wire.length);
        if (bytes == NULL)
            return false;
        size_t prefix = encode_varint(bytes, (uint32_t)wire.length);
        memcpy(bytes + prefix, wire.data, wire.length);
        size_t position = 0;
        if (properties_decode(bytes, prefix + wire.length, &position, PROPERTY_IN(GMQ_PUBLISH), properties) != MQTT_OK)
            return false;
    }
    if (publication->parts.expires_ns != UINT64_MAX) {
        properties->present |= PROPERTY_BIT(PROPERTY_MESSAGE_EXPIRY_INTERVAL);
        properties->value[PROPERTY_MESSAGE_EXPIRY_INTERVAL].number = publication_expiry_seconds(publication, shard);
    }
    properties->subscription_identifiers = flags->identifiers;
    properties->subscription_identifier_count = flags->identifier_count;
    return true;
}

static enum delivery_result routed_send_changed(struct gmq_client *client, const struct gmq_publish *packet,
                                                const struct delivery_flags *flags)
{
    struct publication changed;
    publication_init(&changed, packet, 0, client->shard->now_ns);
    struct delivery_flags changed_flags = *flags;
    changed_flags.is_retained = packet->is_retained;
    enum delivery_result result = delivery_send_unrouted(client, &changed, &changed_flags);
    publication_deinit(&changed);
    return result;
}

static enum delivery_result routed_run(struct gmq_client *client, struct publication *publication,
                                       const struct delivery_flags *flags)
{
    union any_packet any;
    struct gmq_publish *packet = &any.publish;
    packet_init(&packet->packet, GMQ_PUBLISH, client->version);
    packet->topic = publication->parts.topic;
    packet->payload = publication->parts.payload;
    packet->qos = flags->qos;
    packet->is_retained = flags->is_retained;
    packet->is_duplicate = flags->is_duplicate;
    packet->packet.identifier = flags->packet_identifier;
    if (!routed_properties(packet, publication, flags, client->shard))
        return DELIVERY_NO_MEMORY;
    bool is_let_through = outbound_route(client, &packet->packet, &client->shard->arena);
    if (client->state == CLIENT_CLOSING)
        return DELIVERY_SENT; /* nothing more goes out; a resumable session keeps it in flight */
    if (!is_let_through)
        return DELIVERY_SUPPRESSED;
    if (packet->packet.is_changed || packet->is_retained != flags->is_retained)
        return routed_send_changed(client, packet, flags);
    return delivery_send_unrouted(client, publication, flags);
}

enum delivery_result delivery_send_routed(struct gmq_client *client, struct publication *publication,
                                          const struct delivery_flags *flags)
{
    struct shard *shard = client->shard;
    shard->call_depth++;
    enum delivery_result result = routed_run(client, publication, flags);
    shard_call_end(shard);
    return result;
}
