/* Puts one PUBLISH into a client's output. */
#include "broker/delivery.h"

#include "broker/alias.h"
#include "broker/outbound.h"
#include "mqtt/encode.h"
#include "mqtt/properties.h"

#include <string.h>

enum { CACHE_KEY_V5 = 1 << 4, CACHE_KEY_RETAINED = 1 << 3 };

/* Subscribers of the same kind get the same bytes but for the packet identifier, unless something in the packet is
 * theirs alone. */
static bool send_is_shareable(const struct gmq_client *client, const struct publication *publication,
                              const struct delivery_flags *flags)
{
    if (flags->is_duplicate)
        return false;
    if (client->version != GMQ_VERSION_5_0)
        return true;
    return flags->identifier_count == 0 && client->topic_alias_maximum_out == 0 &&
           publication->parts.expires_ns == UINT64_MAX;
}

static uint8_t send_cache_key(const struct gmq_client *client, const struct delivery_flags *flags)
{
    unsigned key = flags->qos;
    key |= client->version == GMQ_VERSION_5_0 ? CACHE_KEY_V5 : 0u;
    key |= flags->is_retained ? CACHE_KEY_RETAINED : 0u;
    return (uint8_t)key;
}

static enum delivery_result send_cached(struct gmq_client *client, const struct publication *publication,
                                        const struct delivery_flags *flags)
{
    uint32_t length = publication->cached_length;
    if (length > client->maximum_packet_size)
        return DELIVERY_SUPPRESSED;
    uint8_t *bytes = output_reserve(&client->output, &client->shard->outputs, length);
    if (bytes == NULL)
        return DELIVERY_NO_MEMORY;
    memcpy(bytes, publication->cache, length);
    if (flags->qos > 0) {
        bytes[publication->cached_identifier_at] = (uint8_t)(flags->packet_identifier >> 8);
        bytes[publication->cached_identifier_at + 1] = (uint8_t)flags->packet_identifier;
    }
    output_commit(&client->output, length);
    client_attention(client);
    return DELIVERY_SENT;
}

static void send_remember(struct publication *publication, const struct publish_head *head, const uint8_t *bytes,
                          uint32_t length, uint8_t key)
{
    size_t remaining = 2 + head->topic.length;
    memcpy(publication->cache, bytes, length);
    publication->cached_length = length;
    publication->cached_key = key;
    /* The fixed header is what stands before the topic's length: find it from the remaining length's size. */
    size_t header_size = 1;
    while ((bytes[header_size] & 0x80) != 0)
        header_size++;
    publication->cached_identifier_at = (uint32_t)(header_size + 1 + remaining);
}

/* The head as far as it is the same in every version. */
static void head_init(struct publish_head *head, const struct gmq_client *client, const struct publication *publication,
                      const struct delivery_flags *flags)
{
    *head = (struct publish_head){
        .topic = publication->parts.topic,
        .payload_length = (uint32_t)publication->parts.payload.length,
        .packet_identifier = flags->packet_identifier,
        .version = client->version,
        .qos = flags->qos,
        .is_retained = flags->is_retained,
        .is_duplicate = flags->is_duplicate,
    };
}

/* What 5.0 adds: properties, the rest of the expiry interval, an alias. True: the alias is new, to be assigned once the
 * packet is on its way. */
static bool head_add_v5(struct publish_head *head, const struct gmq_client *client, struct publication *publication,
                        const struct delivery_flags *flags)
{
    head->properties = publication_properties(publication);
    head->subscription_identifiers = flags->identifiers;
    head->subscription_identifier_count = flags->identifier_count;
    if (publication->parts.expires_ns != UINT64_MAX) {
        head->has_message_expiry = true;
        head->message_expiry_interval = publication_expiry_seconds(publication, client->shard);
    }
    if (client->topic_alias_maximum_out == 0)
        return false;
    head->topic_alias = alias_known(client, head->topic);
    if (head->topic_alias != 0) {
        head->topic = gmq_view_make(NULL, 0);
        return false;
    }
    head->topic_alias = alias_next(client, head->topic);
    return head->topic_alias != 0;
}

static void send_release_message(void *owner)
{
    message_unref(owner);
}

/* A long payload is referenced, not copied. */
static bool send_append_payload(struct gmq_client *client, struct publication *publication)
{
    gmq_view payload = publication->parts.payload;
    struct output_pool *pool = &client->shard->outputs;
    if (payload.length < OUTPUT_REFERENCE_FROM)
        return output_append(&client->output, pool, payload.data, payload.length);
    struct message *message = publication_message(publication);
    if (message == NULL)
        return false;
    message_ref(message, 1);
    gmq_view kept = message_payload(message);
    if (output_append_reference(&client->output, pool, kept.data, kept.length, send_release_message, message))
        return true;
    message_unref(message);
    return false;
}

/* A packet cut short would break the stream: once its head is in the output and the payload isn't, the client has to
 * go. */
static enum delivery_result send_long(struct gmq_client *client, struct publication *publication,
                                      const struct publish_head *head, size_t head_size)
{
    struct shard *shard = client->shard;
    buffer_clear(&shard->scratch);
    uint8_t *bytes = buffer_reserve(&shard->scratch, head_size);
    if (bytes == NULL)
        return DELIVERY_NO_MEMORY;
    publish_head_encode(head, bytes);
    if (!output_append(&client->output, &shard->outputs, bytes, head_size))
        return DELIVERY_NO_MEMORY;
    if (send_append_payload(client, publication)) {
        client_attention(client);
        return DELIVERY_SENT;
    }
    client_lost(client, "out of memory in the middle of a packet");
    return DELIVERY_SENT;
}

/* The bytes, which stay where they are until the output is written; NULL: memory is out. */
static const uint8_t *send_short(struct gmq_client *client, struct publication *publication,
                                 const struct publish_head *head, size_t head_size)
{
    gmq_view payload = publication->parts.payload;
    uint32_t length = (uint32_t)(head_size + payload.length);
    uint8_t *bytes = output_reserve(&client->output, &client->shard->outputs, length);
    if (bytes == NULL)
        return NULL;
    publish_head_encode(head, bytes);
    if (payload.length > 0)
        memcpy(bytes + head_size, payload.data, payload.length);
    output_commit(&client->output, length);
    client_attention(client);
    return bytes;
}

static enum delivery_result send_encoded(struct gmq_client *client, struct publication *publication,
                                         const struct delivery_flags *flags, bool is_shareable)
{
    struct publish_head head;
    head_init(&head, client, publication, flags);
    gmq_view topic = head.topic;
    bool is_new_alias = client->version == GMQ_VERSION_5_0 && head_add_v5(&head, client, publication, flags);
    if (publication->properties.is_failed)
        return DELIVERY_NO_MEMORY;
    size_t head_size = publish_head_size(&head);
    size_t size = head_size + publication->parts.payload.length;
    if (is_new_alias && size > client->maximum_packet_size) {
        head.topic_alias = 0;
        is_new_alias = false;
        head_size = publish_head_size(&head);
        size = head_size + publication->parts.payload.length;
    }
    if (head_size == 0 || size > client->maximum_packet_size)
        return DELIVERY_SUPPRESSED; /* [MQTT-3.1.2-24] */
    if (is_new_alias && !alias_assign(client, topic))
        return DELIVERY_NO_MEMORY;
    if (size > OUTPUT_CHUNK_SIZE / 2)
        return send_long(client, publication, &head, head_size);
    const uint8_t *bytes = send_short(client, publication, &head, head_size);
    if (bytes == NULL) {
        if (is_new_alias)
            client_lost(client, "out of memory"); /* it would not know the alias */
        return DELIVERY_NO_MEMORY;
    }
    if (is_shareable && size <= PUBLICATION_CACHE_SIZE)
        send_remember(publication, &head, bytes, (uint32_t)size, send_cache_key(client, flags));
    return DELIVERY_SENT;
}

enum delivery_result delivery_send(struct gmq_client *client, struct publication *publication,
                                   const struct delivery_flags *flags)
{
    /* What was sent before doesn't expire any more [MQTT-4.3.3-7]. */
    if (publication->parts.expires_ns <= client->shard->now_ns && !flags->is_duplicate)
        return DELIVERY_SUPPRESSED; /* [MQTT-3.3.2-5] */
    if (outbound_has_route(client, GMQ_PUBLISH))
        return delivery_send_routed(client, publication, flags);
    return delivery_send_unrouted(client, publication, flags);
}

enum delivery_result delivery_send_unrouted(struct gmq_client *client, struct publication *publication,
                                            const struct delivery_flags *flags)
{
    bool is_shareable = send_is_shareable(client, publication, flags);
    if (is_shareable && publication->cached_length > 0 && publication->cached_key == send_cache_key(client, flags))
        return send_cached(client, publication, flags);
    return send_encoded(client, publication, flags, is_shareable);
}
