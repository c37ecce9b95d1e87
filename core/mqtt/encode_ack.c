/* The small packets to bytes: PUBACK, PUBREC, PUBREL, PUBCOMP, PINGREQ, PINGRESP, DISCONNECT and AUTH. */
#include "mqtt/encode_parts.h"
#include "mqtt/properties.h"

/* The short forms: a reason of 0 and no properties need not be said (3.4.2.1, 3.14.2.1, 3.15.2.1). */
static void write_reason_and_properties(struct writer *writer, const struct gmq_packet *packet, uint32_t which)
{
    if (packet->version < GMQ_VERSION_5_0)
        return;
    bool has_properties = properties_size(&packet->properties, which) > 0;
    if (packet->reason != 0 || has_properties)
        writer_u8(writer, packet->reason);
    if (has_properties)
        writer_properties(writer, packet, which);
}

void encode_acknowledgement(struct writer *writer, const struct gmq_packet *packet, uint32_t which)
{
    writer_u16(writer, packet->identifier);
    write_reason_and_properties(writer, packet, which);
}

void encode_nothing(struct writer *writer, const struct gmq_packet *packet, uint32_t which)
{
    (void)writer;
    (void)packet;
    (void)which;
}

void encode_disconnect(struct writer *writer, const struct gmq_packet *packet, uint32_t which)
{
    write_reason_and_properties(writer, packet, which);
}

/* Unlike the others, AUTH can't leave out the property length behind a reason (3.15.2.1). */
void encode_auth(struct writer *writer, const struct gmq_packet *packet, uint32_t which)
{
    if (packet->reason != 0 || properties_size(&packet->properties, which) > 0) {
        writer_u8(writer, packet->reason);
        writer_properties(writer, packet, which);
    }
}
