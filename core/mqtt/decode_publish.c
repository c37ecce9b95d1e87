/* PUBLISH (3.3) from bytes: the hot path. It allocates nothing and leaves the array of property values alone unless
 * there are properties. */
#include "mqtt/decode_parts.h"
#include "mqtt/topic.h"

enum { DUPLICATE_FLAG = 0x08, QOS_SHIFT = 1, QOS_MASK = 0x03, RETAIN_FLAG = 0x01 };

static enum mqtt_error read_header(const struct frame *frame, uint8_t version, struct gmq_publish *packet)
{
    uint8_t qos = (frame->flags >> QOS_SHIFT) & QOS_MASK;
    bool is_duplicate = (frame->flags & DUPLICATE_FLAG) != 0;
    if (qos > 2) /* [MQTT-3.3.1-4] */
        return MQTT_ERROR_QOS;
    if (is_duplicate && qos == 0) /* [MQTT-3.3.1-2] */
        return MQTT_ERROR_DUPLICATE_FLAG;
    if (version >= GMQ_VERSION_5_0 && !frame_is_minimal(frame))
        return MQTT_ERROR_VARINT;
    packet->packet.type = GMQ_PUBLISH;
    packet->packet.version = version;
    packet->packet.reason = 0;
    packet->packet.is_changed = false;
    packet->packet.identifier = 0;
    properties_init(&packet->packet.properties);
    packet->qos = qos;
    packet->is_duplicate = is_duplicate;
    packet->is_retained = (frame->flags & RETAIN_FLAG) != 0;
    return MQTT_OK;
}

/* An empty topic stands for an alias, and so is for later to judge. */
static void read_topic(struct reader *reader, struct gmq_publish *packet)
{
    packet->topic = reader_binary(reader);
    if (reader->error == MQTT_OK && packet->topic.length > 0) /* [MQTT-3.3.2-1, 3.3.2-2] */
        reader->error = topic_check_name(packet->topic);
}

static enum mqtt_error check_topic_or_alias(const struct gmq_publish *packet)
{
    bool has_topic = packet->topic.length > 0 || properties_has(&packet->packet.properties, PROPERTY_TOPIC_ALIAS);
    return has_topic ? MQTT_OK : MQTT_ERROR_TOPIC_MISSING; /* 3.3.2.1 */
}

/* `properties_at` is set to where the properties begin. */
static enum mqtt_error publish_read(const struct frame *frame, uint8_t version, struct gmq_publish *packet,
                                    size_t *properties_at)
{
    enum mqtt_error error = read_header(frame, version, packet);
    if (error != MQTT_OK)
        return error;
    struct reader reader = reader_of_frame(frame);
    read_topic(&reader, packet);
    if (packet->qos > 0)
        reader_identifier(&reader, &packet->packet);
    *properties_at = reader.position;
    reader_properties(&reader, PROPERTY_IN(GMQ_PUBLISH), &packet->packet);
    if (reader.error != MQTT_OK)
        return reader.error;
    packet->payload = gmq_view_make(reader.bytes + reader.position, reader.length - reader.position);
    return check_topic_or_alias(packet);
}

enum mqtt_error publish_decode(const struct frame *frame, uint8_t version, struct gmq_publish *packet)
{
    size_t properties_at;
    enum mqtt_error error = publish_read(frame, version, packet, &properties_at);
    if (error == MQTT_OK && properties_has(&packet->packet.properties, PROPERTY_SUBSCRIPTION_IDENTIFIER))
        return MQTT_ERROR_PROPERTY_MISPLACED; /* [MQTT-3.3.4-6] */
    return error;
}

enum mqtt_error publish_decode_from_broker(const struct frame *frame, uint8_t version, struct arena *arena,
                                           struct gmq_publish *packet)
{
    size_t properties_at;
    enum mqtt_error error = publish_read(frame, version, packet, &properties_at);
    if (error != MQTT_OK || !properties_has(&packet->packet.properties, PROPERTY_SUBSCRIPTION_IDENTIFIER))
        return error;
    struct reader reader = reader_of_frame(frame);
    reader.position = properties_at;
    return properties_collect_identifiers(&reader, arena, &packet->packet.properties);
}
