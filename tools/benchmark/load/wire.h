/* As much of MQTT 3.1.1 and 5.0 as a client of the load generator says and hears. Written apart from the broker's
 * codec, so that a mistake there isn't repeated here. */
#ifndef LOAD_WIRE_H
#define LOAD_WIRE_H

#include "bytes.h"

#include <stdbool.h>

enum packet_type {
    CONNECT = 1,
    CONNACK,
    PUBLISH,
    PUBACK,
    PUBREC,
    PUBREL,
    PUBCOMP,
    SUBSCRIBE,
    SUBACK,
    PINGREQ = 12,
    PINGRESP,
    DISCONNECT
};

enum { VERSION_3_1_1 = 4, VERSION_5 = 5, FAILURE_FROM = 0x80 };

struct packet {
    enum packet_type type;
    uint8_t flags;
    const uint8_t *body;
    uint32_t length;
};

/* The first packet of a run of bytes: its size, or 0 while it isn't whole. */
size_t wire_next(const uint8_t *bytes, size_t length, struct packet *packet);

/* `is_lasting`: the session outlives the connection. No keep alive. */
void wire_connect(struct bytes *out, uint8_t version, const char *client_identifier, bool is_lasting);

/* The same with a will, unless that is NULL. */
struct will_form {
    const char *topic;
    uint8_t qos;
    const uint8_t *payload;
    uint16_t payload_length;
};
void wire_connect_with_will(struct bytes *out, uint8_t version, const char *client_identifier, bool is_lasting,
                            const struct will_form *will);

void wire_subscribe(struct bytes *out, uint8_t version, uint16_t identifier, const struct bytes *filters);
void wire_acknowledge(struct bytes *out, enum packet_type type, uint16_t identifier);
void wire_empty(struct bytes *out, enum packet_type type); /* PINGREQ, DISCONNECT */

/* A list of filters for wire_subscribe is filled with this. */
void wire_add_filter(struct bytes *filters, const char *filter, uint8_t qos);

/* A PUBLISH up to its payload. The packet identifier is written for QoS 1 and 2. */
struct publish_form {
    uint8_t version;
    uint8_t qos;
    bool is_retained;
    bool is_duplicate; /* sent once before */
    uint16_t topic_length;
    const char *topic;
    uint32_t payload_length;
};
void wire_publish_head(struct bytes *out, const struct publish_form *form, uint16_t identifier);

/* What a PUBLISH says; false: it ends too soon. */
struct publish {
    uint8_t qos;
    uint16_t identifier;
    uint16_t topic_length;
    const char *topic;
    const uint8_t *payload;
    uint32_t payload_length;
};
bool wire_read_publish(const struct packet *packet, uint8_t version, struct publish *publish);

/* The packet identifier of an acknowledgement, and the reason: 0 where there is none. False: it ends too soon. */
bool wire_read_acknowledgement(const struct packet *packet, uint16_t *identifier, uint8_t *reason);

/* The worst reason of a SUBACK. */
uint8_t wire_suback_reason(const struct packet *packet, uint8_t version);

/* CONNACK's return code or reason, and the receive maximum: 65,535 where it isn't said. */
uint8_t wire_read_connack(const struct packet *packet, uint8_t version, uint16_t *receive_maximum);

#endif
