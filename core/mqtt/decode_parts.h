/* The decoders of the single packet types, for the tables in decode.c. Private to mqtt/.
 *
 * When one is called, the packet is as packet_init() leaves it (but for PUBLISH) and the fixed header is checked (but
 * for PUBLISH and CONNECT). */
#ifndef MQTT_DECODE_PARTS_H
#define MQTT_DECODE_PARTS_H

#include "mqtt/decode.h"
#include "mqtt/encode.h"
#include "mqtt/properties.h"
#include "mqtt/reader.h"

typedef enum mqtt_error decode_function(const struct frame *frame, struct arena *arena, union any_packet *packet);

decode_function decode_connect;
decode_function decode_connack;
decode_function decode_ack; /* PUBACK, PUBREC, PUBREL, PUBCOMP */
decode_function decode_subscribe;
decode_function decode_suback;
decode_function decode_unsubscribe;
decode_function decode_unsuback;
decode_function decode_ping; /* PINGREQ, PINGRESP */
decode_function decode_disconnect;
decode_function decode_disconnect_from_broker;
decode_function decode_auth;
decode_function decode_auth_from_broker;

/* PUBLISH with the list of its subscription identifiers. */
enum mqtt_error publish_decode_from_broker(const struct frame *frame, uint8_t version, struct arena *arena,
                                           struct gmq_publish *packet);

/* Puts all subscription identifiers of the (well-formed) properties that begin where `reader` stands into a list. */
enum mqtt_error properties_collect_identifiers(struct reader *reader, struct arena *arena,
                                               struct properties *properties);

static inline struct reader reader_of_frame(const struct frame *frame)
{
    return reader_make(frame->body, frame->remaining_length);
}

/* Whether the remaining length is in its shortest form, which 5.0 demands [MQTT-1.5.5-1] and 3.1.1 does not. */
static inline bool frame_is_minimal(const struct frame *frame)
{
    return frame->header_size == 1 + encode_varint_size(frame->remaining_length);
}

/* The properties of 5.0; below it there are none. */
static inline void reader_properties(struct reader *reader, uint32_t place, struct gmq_packet *packet)
{
    if (packet->version >= GMQ_VERSION_5_0 && reader->error == MQTT_OK)
        reader->error = properties_decode(reader->bytes, reader->length, &reader->position, place, &packet->properties);
}

/* A packet identifier, which is never 0 [MQTT-2.2.1-3, 2.2.1-4]. */
static inline void reader_identifier(struct reader *reader, struct gmq_packet *packet)
{
    packet->identifier = reader_u16(reader);
    reader_require(reader, packet->identifier != 0, MQTT_ERROR_PACKET_IDENTIFIER);
}

#endif
