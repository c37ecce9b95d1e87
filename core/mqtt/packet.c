/* What holds for every packet type: names, sizes, direction, empty packets. From packets.def. */
#include "mqtt/packet.h"

#include "mqtt/properties.h"

enum sender { CLIENT = 1, BROKER = 2, BOTH = CLIENT | BROKER };

struct packet_row {
    const char *name;
    size_t size;
    enum sender sender;
};

static const struct packet_row rows[16] = {
#define PACKET(number, name, struct_name, flags, sender) [number] = {#name, sizeof(struct gmq_##struct_name), sender},
#include "mqtt/packets.def"
#undef PACKET
};

static const struct packet_row *row_of(gmq_packet_type type)
{
    return &rows[(unsigned)type < 16 ? type : 0];
}

size_t packet_struct_size(gmq_packet_type type)
{
    return row_of(type)->size;
}

const char *packet_type_name(gmq_packet_type type)
{
    const char *name = row_of(type)->name;
    return name != NULL ? name : "?";
}

gmq_packet_type packet_type_by_name(gmq_view name)
{
    for (unsigned type = GMQ_CONNECT; type <= GMQ_AUTH; type++)
        if (gmq_view_equals(name, rows[type].name))
            return (gmq_packet_type)type;
    return (gmq_packet_type)0;
}

bool packet_type_is_incoming(gmq_packet_type type)
{
    return (row_of(type)->sender & CLIENT) != 0;
}

bool packet_type_is_outgoing(gmq_packet_type type)
{
    return (row_of(type)->sender & BROKER) != 0;
}

void packet_init(struct gmq_packet *packet, gmq_packet_type type, uint8_t version)
{
    size_t size = packet_struct_size(type);
    packet->type = (uint8_t)type;
    packet->version = version;
    packet->reason = 0;
    packet->is_changed = false;
    packet->identifier = 0;
    properties_init(&packet->properties);
    if (size > sizeof *packet)
        memset((char *)packet + sizeof *packet, 0, size - sizeof *packet);
}
