/* The table of decoders by packet type and side, and the checks of the fixed header that all types share. */
#include "mqtt/decode.h"

#include "mqtt/decode_parts.h"

static enum mqtt_error decode_publish(const struct frame *frame, struct arena *arena, union any_packet *packet)
{
    (void)arena;
    return publish_decode(frame, packet->packet.version, &packet->publish);
}

static enum mqtt_error decode_publish_from_broker(const struct frame *frame, struct arena *arena,
                                                  union any_packet *packet)
{
    return publish_decode_from_broker(frame, packet->packet.version, arena, &packet->publish);
}

/* What clients send. */
static decode_function *const client_decoders[16] = {
    [GMQ_CONNECT] = decode_connect,     [GMQ_PUBLISH] = decode_publish,
    [GMQ_PUBACK] = decode_ack,          [GMQ_PUBREC] = decode_ack,
    [GMQ_PUBREL] = decode_ack,          [GMQ_PUBCOMP] = decode_ack,
    [GMQ_SUBSCRIBE] = decode_subscribe, [GMQ_UNSUBSCRIBE] = decode_unsubscribe,
    [GMQ_PINGREQ] = decode_ping,        [GMQ_DISCONNECT] = decode_disconnect,
    [GMQ_AUTH] = decode_auth,
};

/* What brokers send. */
static decode_function *const broker_decoders[16] = {
    [GMQ_CONNACK] = decode_connack,
    [GMQ_PUBLISH] = decode_publish_from_broker,
    [GMQ_PUBACK] = decode_ack,
    [GMQ_PUBREC] = decode_ack,
    [GMQ_PUBREL] = decode_ack,
    [GMQ_PUBCOMP] = decode_ack,
    [GMQ_SUBACK] = decode_suback,
    [GMQ_UNSUBACK] = decode_unsuback,
    [GMQ_PINGRESP] = decode_ping,
    [GMQ_DISCONNECT] = decode_disconnect_from_broker,
    [GMQ_AUTH] = decode_auth_from_broker,
};

static const int16_t fixed_flags[16] = {
#define PACKET(number, name, struct_name, flags, sender) [number] = flags,
#include "mqtt/packets.def"
#undef PACKET
};

/* [MQTT-2.1.3-1]; in 3.1.1 [MQTT-2.2.2-1, 2.2.2-2]. 3.1 gives PUBREL, SUBSCRIBE and UNSUBSCRIBE a QoS of 1 and a DUP
 * flag, and calls RETAIN unused: there only the QoS bits are looked at. */
static bool flags_are_valid(const struct frame *frame, uint8_t version)
{
    enum { ANY = -1, QOS_BITS = 0x06, QOS_1 = 0x02 };
    int expected = fixed_flags[frame->type];
    if (expected == ANY)
        return true;
    if (expected == QOS_1 && version == GMQ_VERSION_3_1)
        return (frame->flags & QOS_BITS) == QOS_1;
    return frame->flags == expected;
}

static bool type_exists(uint8_t type, uint8_t version, bool is_from_broker)
{
    bool is_new = type == GMQ_AUTH || (type == GMQ_DISCONNECT && is_from_broker);
    return !is_new || version >= GMQ_VERSION_5_0;
}

static enum mqtt_error decode(decode_function *function, const struct frame *frame, uint8_t version,
                              struct arena *arena, union any_packet *packet)
{
    if (frame->type == GMQ_PUBLISH) {
        packet->packet.version = version;
        return function(frame, arena, packet);
    }
    if (frame->type == GMQ_CONNECT) { /* it checks its header itself, once it knows in which version to complain */
        packet_init(&packet->packet, GMQ_CONNECT, 0);
        return function(frame, arena, packet);
    }
    packet_init(&packet->packet, (gmq_packet_type)frame->type, version);
    if (!flags_are_valid(frame, version))
        return MQTT_ERROR_FIXED_HEADER_FLAGS;
    if (version >= GMQ_VERSION_5_0 && !frame_is_minimal(frame))
        return MQTT_ERROR_VARINT;
    return function(frame, arena, packet);
}

enum mqtt_error packet_decode(const struct frame *frame, uint8_t version, struct arena *arena, union any_packet *packet)
{
    decode_function *function = client_decoders[frame->type];
    if (function == NULL || !type_exists(frame->type, version, false))
        return MQTT_ERROR_PACKET_TYPE;
    return decode(function, frame, version, arena, packet);
}

enum mqtt_error packet_decode_from_broker(const struct frame *frame, uint8_t version, struct arena *arena,
                                          union any_packet *packet)
{
    decode_function *function = broker_decoders[frame->type];
    if (function == NULL || !type_exists(frame->type, version, true))
        return MQTT_ERROR_PACKET_TYPE;
    return decode(function, frame, version, arena, packet);
}
