/* SUBSCRIBE, SUBACK, UNSUBSCRIBE and UNSUBACK (3.8 to 3.11) to bytes. */
#include "mqtt/encode_parts.h"

void encode_subscribe(struct writer *writer, const struct gmq_packet *packet, uint32_t which)
{
    const struct gmq_subscribe *subscribe = (const struct gmq_subscribe *)packet;
    uint8_t mask = packet->version < GMQ_VERSION_5_0 ? SUBSCRIBE_QOS_MASK : UINT8_MAX;
    writer_u16(writer, packet->identifier);
    writer_properties(writer, packet, which);
    for (uint32_t i = 0; i < subscribe->count; i++) {
        writer_text(writer, subscribe->entries[i].topic_filter);
        writer_u8(writer, subscribe->entries[i].options & mask);
    }
}

/* Below 5.0 there is one failure only (3.1.1, 3.9.3). */
static uint8_t suback_reason(uint8_t reason, uint8_t version)
{
    bool is_old_failure = version < GMQ_VERSION_5_0 && reason >= GMQ_REASON_UNSPECIFIED_ERROR;
    return is_old_failure ? GMQ_REASON_UNSPECIFIED_ERROR : reason;
}

void encode_suback(struct writer *writer, const struct gmq_packet *packet, uint32_t which)
{
    const struct gmq_suback *suback = (const struct gmq_suback *)packet;
    writer_u16(writer, packet->identifier);
    writer_properties(writer, packet, which);
    for (uint32_t i = 0; i < suback->count; i++)
        writer_u8(writer, suback_reason(suback->reasons[i], packet->version));
}

void encode_unsubscribe(struct writer *writer, const struct gmq_packet *packet, uint32_t which)
{
    const struct gmq_unsubscribe *unsubscribe = (const struct gmq_unsubscribe *)packet;
    writer_u16(writer, packet->identifier);
    writer_properties(writer, packet, which);
    for (uint32_t i = 0; i < unsubscribe->count; i++)
        writer_text(writer, unsubscribe->topic_filters[i]);
}

/* Below 5.0 UNSUBACK has no payload. */
void encode_unsuback(struct writer *writer, const struct gmq_packet *packet, uint32_t which)
{
    const struct gmq_unsuback *unsuback = (const struct gmq_unsuback *)packet;
    writer_u16(writer, packet->identifier);
    writer_properties(writer, packet, which);
    if (packet->version >= GMQ_VERSION_5_0)
        for (uint32_t i = 0; i < unsuback->count; i++)
            writer_u8(writer, unsuback->reasons[i]);
}
