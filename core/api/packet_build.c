/* New packets, in the call's arena. gmq_send() gives them the version of the client that they go to. */
#include <graftmq/packet.h>

#include "mqtt/packet.h"
#include "plugin/call.h"

/* An empty packet; NULL when memory is out. */
static void *packet_new(gmq_call *call, gmq_packet_type type, uint8_t version)
{
    struct gmq_packet *packet = arena_alloc(call->arena, packet_struct_size(type));
    if (packet != NULL)
        packet_init(packet, type, version);
    return packet;
}

static uint8_t version_of(const gmq_call *call)
{
    return call->packet != NULL ? call->packet->version : GMQ_VERSION_5_0;
}

/* A packet with a reason; NULL too where the standard forbids the reason to a broker. */
static void *answer_new(gmq_call *call, gmq_packet_type type, gmq_reason reason)
{
    bool is_ours = mqtt_reason_is_allowed(type, reason) && !mqtt_reason_is_of_client(reason);
    struct gmq_packet *packet = is_ours ? packet_new(call, type, version_of(call)) : NULL;
    if (packet != NULL)
        packet->reason = (uint8_t)reason;
    return packet;
}

/* One that acknowledges; NULL too for the identifier 0, which no packet has [MQTT-2.2.1-3]. */
static void *acknowledgement_new(gmq_call *call, gmq_packet_type type, uint16_t packet_identifier, gmq_reason reason)
{
    struct gmq_packet *packet = packet_identifier != 0 ? answer_new(call, type, reason) : NULL;
    if (packet != NULL)
        packet->identifier = packet_identifier;
    return packet;
}

/* ---- PUBLISH ---- */

/* Always 5.0, as its properties are for subscribers of any version, whoever's packet led to it. Topic and payload are
 * checked as those of a received one are: by the setters. */
gmq_publish *gmq_publish_new(gmq_call *call, gmq_view topic, gmq_view payload, uint8_t qos)
{
    struct gmq_publish *packet = qos <= 2 ? packet_new(call, GMQ_PUBLISH, GMQ_VERSION_5_0) : NULL;
    if (packet == NULL || gmq_publish_set_topic(call, packet, topic) != GMQ_OK ||
        gmq_publish_set_payload(call, packet, payload) != GMQ_OK)
        return NULL;
    packet->qos = qos;
    return packet;
}

/* ---- acknowledgements ---- */

gmq_connack *gmq_connack_new(gmq_call *call, gmq_reason reason, bool is_session_present)
{
    struct gmq_connack *packet = answer_new(call, GMQ_CONNACK, reason);
    if (packet != NULL)
        gmq_connack_set_session_present(packet, is_session_present);
    return packet;
}

gmq_puback *gmq_puback_new(gmq_call *call, uint16_t packet_identifier, gmq_reason reason)
{
    return acknowledgement_new(call, GMQ_PUBACK, packet_identifier, reason);
}

gmq_pubrec *gmq_pubrec_new(gmq_call *call, uint16_t packet_identifier, gmq_reason reason)
{
    return acknowledgement_new(call, GMQ_PUBREC, packet_identifier, reason);
}

gmq_pubrel *gmq_pubrel_new(gmq_call *call, uint16_t packet_identifier, gmq_reason reason)
{
    return acknowledgement_new(call, GMQ_PUBREL, packet_identifier, reason);
}

gmq_pubcomp *gmq_pubcomp_new(gmq_call *call, uint16_t packet_identifier, gmq_reason reason)
{
    return acknowledgement_new(call, GMQ_PUBCOMP, packet_identifier, reason);
}

gmq_pingresp *gmq_pingresp_new(gmq_call *call)
{
    return packet_new(call, GMQ_PINGRESP, version_of(call));
}

gmq_disconnect *gmq_disconnect_new(gmq_call *call, gmq_reason reason)
{
    return answer_new(call, GMQ_DISCONNECT, reason);
}

gmq_auth *gmq_auth_new(gmq_call *call, gmq_reason reason)
{
    return answer_new(call, GMQ_AUTH, reason);
}

/* `count` reasons; NULL for none, as the standard wants at least one. */
static uint8_t *reasons_new(gmq_call *call, size_t count)
{
    uint8_t *reasons = count > 0 && count <= UINT32_MAX ? arena_alloc(call->arena, count) : NULL;
    if (reasons != NULL)
        memset(reasons, GMQ_REASON_UNSPECIFIED_ERROR, count);
    return reasons;
}

gmq_suback *gmq_suback_new(gmq_call *call, uint16_t packet_identifier, size_t count)
{
    uint8_t *reasons = reasons_new(call, count);
    struct gmq_suback *packet =
        reasons != NULL ? acknowledgement_new(call, GMQ_SUBACK, packet_identifier, GMQ_REASON_SUCCESS) : NULL;
    if (packet == NULL)
        return NULL;
    packet->reasons = reasons;
    packet->count = (uint32_t)count;
    return packet;
}

gmq_unsuback *gmq_unsuback_new(gmq_call *call, uint16_t packet_identifier, size_t count)
{
    uint8_t *reasons = reasons_new(call, count);
    struct gmq_unsuback *packet =
        reasons != NULL ? acknowledgement_new(call, GMQ_UNSUBACK, packet_identifier, GMQ_REASON_SUCCESS) : NULL;
    if (packet == NULL)
        return NULL;
    packet->reasons = reasons;
    packet->count = (uint32_t)count;
    return packet;
}
