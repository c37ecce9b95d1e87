/* CONNECT and CONNACK (3.1, 3.2) to bytes. */
#include "mqtt/encode_parts.h"

static uint8_t connect_flags(const struct gmq_connect *connect)
{
    unsigned flags = (unsigned)connect->is_clean_start << 1 | (unsigned)connect->has_will << 2 |
                     (unsigned)connect->has_password << 6 | (unsigned)connect->has_user_name << 7;
    if (connect->has_will)
        flags |= (unsigned)connect->will.qos << 3 | (unsigned)connect->will.is_retained << 5;
    return (uint8_t)flags;
}

static void write_will(struct writer *writer, const struct gmq_connect *connect)
{
    if (connect->packet.version >= GMQ_VERSION_5_0) {
        /* What the standard wants left out are the user properties of answers, not those of the will. */
        properties_write_with_length(writer, &connect->will.packet.properties, UINT32_MAX);
    }
    writer_text(writer, connect->will.topic);
    writer_text(writer, connect->will.payload);
}

void encode_connect(struct writer *writer, const struct gmq_packet *packet, uint32_t which)
{
    const struct gmq_connect *connect = (const struct gmq_connect *)packet;
    bool is_3_1 = packet->version == GMQ_VERSION_3_1;
    writer_text(writer, is_3_1 ? GMQ_VIEW("MQIsdp") : GMQ_VIEW("MQTT"));
    writer_u8(writer, packet->version);
    writer_u8(writer, connect_flags(connect));
    writer_u16(writer, connect->keep_alive);
    writer_properties(writer, packet, which);
    writer_text(writer, connect->client_identifier);
    if (connect->has_will)
        write_will(writer, connect);
    if (connect->has_user_name)
        writer_text(writer, connect->user_name);
    if (connect->has_password)
        writer_text(writer, connect->password);
}

/* A refusal has no session [MQTT-3.2.2-6], and 3.1 doesn't know the flag. */
void encode_connack(struct writer *writer, const struct gmq_packet *packet, uint32_t which)
{
    const struct gmq_connack *connack = (const struct gmq_connack *)packet;
    bool says_session = packet->reason == 0 && packet->version != GMQ_VERSION_3_1;
    bool is_old = packet->version < GMQ_VERSION_5_0;
    writer_u8(writer, says_session && connack->is_session_present);
    writer_u8(writer, is_old ? mqtt_return_code_of((gmq_reason)packet->reason) : packet->reason);
    writer_properties(writer, packet, which);
}
