/* Bytes of one packet -> a decoded, validated packet. Pure: nothing is kept, views point into the bytes.
 *
 * Validity here is what can be said of the packet alone. What depends on the connection's state (CONNECT first, alias
 * maximum, receive maximum, ...) is checked by broker/. */
#ifndef MQTT_DECODE_H
#define MQTT_DECODE_H

#include "mqtt/frame.h"
#include "mqtt/packet.h"

/* Decodes a complete frame that came from a client. `version` is the connection's (ignored for CONNECT, which sets it).
 * Lists (filters) are put into `arena`. Packet types that only brokers send give MQTT_ERROR_PACKET_TYPE, as does AUTH
 * below 5.0. On an error `packet` is unspecified, except that for CONNECT `packet.version` is set as far as it is known
 * (0 if it isn't). */
enum mqtt_error packet_decode(const struct frame *frame, uint8_t version, struct arena *arena, union any_packet *packet)
    __attribute__((warn_unused_result));

/* The same for PUBLISH alone, without the way through the table: the hot path. */
enum mqtt_error publish_decode(const struct frame *frame, uint8_t version, struct gmq_publish *packet)
    __attribute__((warn_unused_result));

/* Decodes what a broker sends (all types): for tests, tools and bridges. */
enum mqtt_error packet_decode_from_broker(const struct frame *frame, uint8_t version, struct arena *arena,
                                          union any_packet *packet) __attribute__((warn_unused_result));

#endif
