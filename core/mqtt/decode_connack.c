/* CONNACK (3.2) from bytes: what a client has to read. */
#include "mqtt/decode_parts.h"

enum { SESSION_PRESENT = 0x01, RESERVED_FLAGS = 0xFE };

/* What a return code of 3.1.1 (3.2.2.3) means in 5.0. */
static const uint8_t reasons_of_return_codes[] = {
    GMQ_REASON_SUCCESS,
    GMQ_REASON_UNSUPPORTED_PROTOCOL_VERSION,
    GMQ_REASON_CLIENT_IDENTIFIER_NOT_VALID,
    GMQ_REASON_SERVER_UNAVAILABLE,
    GMQ_REASON_BAD_USER_NAME_OR_PASSWORD,
    GMQ_REASON_NOT_AUTHORIZED,
};

static void read_return_code(struct reader *reader, struct gmq_packet *packet)
{
    uint8_t code = reader_u8(reader);
    if (code >= sizeof reasons_of_return_codes) {
        reader_fail(reader, MQTT_ERROR_REASON_CODE);
        return;
    }
    packet->reason = reasons_of_return_codes[code];
}

static void read_reason(struct reader *reader, struct gmq_packet *packet)
{
    if (packet->version < GMQ_VERSION_5_0) {
        read_return_code(reader, packet);
        return;
    }
    packet->reason = reader_u8(reader); /* [MQTT-3.2.2-8] */
    bool is_allowed = mqtt_reason_is_allowed(GMQ_CONNACK, (gmq_reason)packet->reason);
    reader_require(reader, is_allowed, MQTT_ERROR_REASON_CODE);
}

/* [MQTT-3.2.2-1, 3.2.2-6]; in 3.1 the byte is reserved and unused. */
static void check_flags(struct reader *reader, uint8_t flags, struct gmq_connack *connack)
{
    if (connack->packet.version == GMQ_VERSION_3_1)
        return;
    connack->is_session_present = (flags & SESSION_PRESENT) != 0;
    bool is_contradiction = connack->is_session_present && connack->packet.reason != 0;
    reader_require(reader, (flags & RESERVED_FLAGS) == 0 && !is_contradiction, MQTT_ERROR_CONNACK_FLAGS);
}

enum mqtt_error decode_connack(const struct frame *frame, struct arena *arena, union any_packet *packet)
{
    (void)arena;
    struct gmq_connack *connack = &packet->connack;
    struct reader reader = reader_of_frame(frame);
    uint8_t flags = reader_u8(&reader);
    read_reason(&reader, &connack->packet);
    check_flags(&reader, flags, connack);
    reader_properties(&reader, PROPERTY_IN(GMQ_CONNACK), &connack->packet);
    return reader_finish(&reader);
}
