/* The encoders of the single packet types, for the table in encode.c. Private to mqtt/.
 *
 * Each writes the body: all behind the fixed header. `which` is the set of properties that may be written. */
#ifndef MQTT_ENCODE_PARTS_H
#define MQTT_ENCODE_PARTS_H

#include "mqtt/encode.h"
#include "mqtt/writer.h"

typedef void encode_function(struct writer *writer, const struct gmq_packet *packet, uint32_t which);

encode_function encode_connect;
encode_function encode_connack;
encode_function encode_publish;
encode_function encode_acknowledgement; /* PUBACK, PUBREC, PUBREL, PUBCOMP */
encode_function encode_subscribe;
encode_function encode_suback;
encode_function encode_unsubscribe;
encode_function encode_unsuback;
encode_function encode_nothing; /* PINGREQ, PINGRESP */
encode_function encode_disconnect;
encode_function encode_auth;

enum { REMAINING_LENGTH_MAX = 268435455 }; /* 2.1.4 */

/* The low four bits of the first byte of PUBLISH (3.3.1). */
uint8_t publish_flags(uint8_t qos, bool is_retained, bool is_duplicate);

/* Below 5.0 there are no properties. */
static inline void writer_properties(struct writer *writer, const struct gmq_packet *packet, uint32_t which)
{
    if (packet->version >= GMQ_VERSION_5_0)
        properties_write_with_length(writer, &packet->properties, which);
}

#endif
