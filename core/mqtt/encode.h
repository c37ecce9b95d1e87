/* A packet -> bytes. Pure. */
#ifndef MQTT_ENCODE_H
#define MQTT_ENCODE_H

#include "base/buffer.h"
#include "mqtt/packet.h"

/* Appends the packet in the form of `packet->version`. In 3.1 and 3.1.1 properties and reasons that don't exist are
 * left out, and CONNACK's and SUBACK's reasons are translated to return codes. If the packet would be longer than
 * `maximum_packet_size`, first the user properties and then the reason string are left out (not of PUBLISH); if it is
 * still longer, MQTT_ERROR_PACKET_TOO_LARGE. MQTT_ERROR_PACKET_TYPE: a type that this version doesn't have (AUTH, and a
 * broker's DISCONNECT below 5.0). MQTT_ERROR_REASON_CODE: a reason that only a client may give. MQTT_ERROR_MEMORY: the
 * buffer could not grow. Nothing was appended on an error. The session expiry interval of DISCONNECT, which only a
 * client may name, is left out. */
enum mqtt_error packet_encode(const struct gmq_packet *packet, uint32_t maximum_packet_size, struct buffer *out)
    __attribute__((warn_unused_result));

/* The same for what a client sends: DISCONNECT exists in 3.1 and 3.1.1, too, and what only a client may say is said. */
enum mqtt_error packet_encode_from_client(const struct gmq_packet *packet, uint32_t maximum_packet_size,
                                          struct buffer *out) __attribute__((warn_unused_result));

enum { ENCODE_ACK_SIZE = 5, ENCODE_VARINT_MAX = 4 };

/* PUBACK, PUBREC, PUBREL or PUBCOMP without properties: at most ENCODE_ACK_SIZE bytes; returns how many. A reason of 0,
 * and any reason below 5.0, is left out. */
size_t encode_ack(uint8_t *bytes, gmq_packet_type type, uint8_t version, uint16_t packet_identifier, uint8_t reason);

/* Writes a variable byte integer; returns its size, 1 to 4. */
size_t encode_varint(uint8_t *bytes, uint32_t value);
size_t encode_varint_size(uint32_t value);

/* One delivery of a stored message to one subscriber: the hot path of encoding. All but the payload is "the head". */
struct publish_head {
    gmq_view topic;                           /* empty if an alias stands for it */
    gmq_view properties;                      /* 5.0: encoded as by properties_encode(PROPERTIES_FORWARDED) */
    const uint32_t *subscription_identifiers; /* 5.0 */
    uint32_t subscription_identifier_count;
    uint32_t message_expiry_interval; /* 5.0, if has_message_expiry */
    uint32_t payload_length;
    uint16_t packet_identifier; /* QoS 1 and 2 */
    uint16_t topic_alias;       /* 5.0; 0: none */
    uint8_t version;
    uint8_t qos;
    bool is_retained;
    bool is_duplicate;
    bool has_message_expiry;
};

/* Bytes of the head; with payload_length the size of the whole packet. 0: it can't be encoded (longer than MQTT
 * allows). */
size_t publish_head_size(const struct publish_head *head);

/* Writes exactly publish_head_size() bytes. */
void publish_head_encode(const struct publish_head *head, uint8_t *bytes);

/* Where the packet identifier stands in an encoded PUBLISH: behind the fixed header and the topic. For patching copies.
 */
size_t publish_identifier_offset(size_t header_size, size_t topic_length);

#endif
