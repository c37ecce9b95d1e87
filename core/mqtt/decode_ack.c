/* The small packets from bytes: PUBACK, PUBREC, PUBREL, PUBCOMP (3.4 to 3.7), PINGREQ, PINGRESP (3.12, 3.13),
 * DISCONNECT (3.14) and AUTH (3.15). All but the pings end with a reason and properties that may be left out. */
#include "mqtt/decode_parts.h"

/* Below 5.0 there is no reason. In 5.0 it may be missing if it is 0, and behind it the properties may
 * (3.4.2.1, 3.14.2.1). */
static void read_reason_and_properties(struct reader *reader, struct gmq_packet *packet)
{
    if (packet->version < GMQ_VERSION_5_0 || reader_is_at_end(reader))
        return;
    packet->reason = reader_u8(reader);
    bool is_allowed = mqtt_reason_is_allowed((gmq_packet_type)packet->type, (gmq_reason)packet->reason);
    reader_require(reader, is_allowed, MQTT_ERROR_REASON_CODE); /* [MQTT-3.4.2-1 and its like] */
    if (!reader_is_at_end(reader))
        reader_properties(reader, PROPERTY_IN(packet->type), packet);
}

enum mqtt_error decode_ack(const struct frame *frame, struct arena *arena, union any_packet *packet)
{
    (void)arena;
    struct reader reader = reader_of_frame(frame);
    reader_identifier(&reader, &packet->packet);
    read_reason_and_properties(&reader, &packet->packet);
    return reader_finish(&reader);
}

enum mqtt_error decode_ping(const struct frame *frame, struct arena *arena, union any_packet *packet)
{
    (void)arena;
    (void)packet;
    struct reader reader = reader_of_frame(frame);
    return reader_finish(&reader);
}

enum mqtt_error decode_disconnect(const struct frame *frame, struct arena *arena, union any_packet *packet)
{
    (void)arena;
    struct reader reader = reader_of_frame(frame);
    read_reason_and_properties(&reader, &packet->packet);
    bool is_of_client = mqtt_reason_is_of_leaving((gmq_reason)packet->packet.reason);
    reader_require(&reader, is_of_client, MQTT_ERROR_REASON_CODE);
    return reader_finish(&reader);
}

enum mqtt_error decode_disconnect_from_broker(const struct frame *frame, struct arena *arena, union any_packet *packet)
{
    (void)arena;
    struct reader reader = reader_of_frame(frame);
    read_reason_and_properties(&reader, &packet->packet);
    reader_require(&reader, !mqtt_reason_is_of_client((gmq_reason)packet->packet.reason), MQTT_ERROR_REASON_CODE);
    bool has_expiry = properties_has(&packet->packet.properties, PROPERTY_SESSION_EXPIRY_INTERVAL);
    reader_require(&reader, !has_expiry, MQTT_ERROR_PROPERTY_MISPLACED); /* [MQTT-3.14.2-2] */
    return reader_finish(&reader);
}

enum mqtt_error decode_auth(const struct frame *frame, struct arena *arena, union any_packet *packet)
{
    (void)arena;
    struct reader reader = reader_of_frame(frame);
    if (reader.length > 0) { /* 3.15.2.1: only reason and properties together may be left out */
        packet->packet.reason = reader_u8(&reader);
        bool is_allowed = mqtt_reason_is_allowed(GMQ_AUTH, (gmq_reason)packet->packet.reason);
        reader_require(&reader, is_allowed, MQTT_ERROR_REASON_CODE); /* [MQTT-3.15.2-1] */
        reader_properties(&reader, PROPERTY_IN(GMQ_AUTH), &packet->packet);
        bool has_method = properties_has(&packet->packet.properties, PROPERTY_AUTHENTICATION_METHOD);
        reader_require(&reader, has_method, MQTT_ERROR_AUTHENTICATION_METHOD); /* 3.15.2.2.2 */
    }
    return reader_finish(&reader);
}

enum mqtt_error decode_auth_from_broker(const struct frame *frame, struct arena *arena, union any_packet *packet)
{
    enum mqtt_error error = decode_auth(frame, arena, packet);
    if (error == MQTT_OK && mqtt_reason_is_of_client((gmq_reason)packet->packet.reason))
        return MQTT_ERROR_REASON_CODE;
    return error;
}
