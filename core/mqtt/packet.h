/* The decoded packets. The structs behind the opaque names that plugins see; laid out here because the hot path decodes
 * into them on the stack.
 *
 * Views point into the bytes that were decoded, or into the arena of the call when a handler changed something. */
#ifndef MQTT_PACKET_H
#define MQTT_PACKET_H

#include "base/arena.h"
#include "mqtt/error.h"

#include <graftmq/types.h>
#include <stdbool.h>
#include <stdint.h>

/* A dense number for each property, to index arrays and bit sets; from properties.def. */
enum property_index {
#define PROPERTY(identifier, name, type, packets, repeats, smallest, largest) PROPERTY_##name,
#include "mqtt/properties.def"
#undef PROPERTY
    PROPERTY_COUNT
};

union property_value {
    uint32_t number;
    gmq_view text;
};

/* A user property that a handler added, in the arena. */
struct added_user_property {
    struct added_user_property *next;
    gmq_view name;
    gmq_view value;
};

/* `value[i]` is valid only where bit i of `present` is set; nothing else of it is initialised. User properties are
 * those in `wire` (well-formed, all kinds of properties mixed, as received), then those in `added`. In an outgoing
 * PUBLISH subscription identifiers are kept apart, as there may be several. */
struct properties {
    uint32_t present;
    gmq_view wire; /* scanned for user properties only; empty: none */
    struct added_user_property *added;
    struct added_user_property *added_last;
    const uint32_t *subscription_identifiers; /* outgoing PUBLISH */
    uint32_t subscription_identifier_count;
    union property_value value[PROPERTY_COUNT];
};

#define PROPERTY_BIT(index) (UINT32_C(1) << (index))

struct gmq_packet {
    uint8_t type;    /* gmq_packet_type */
    uint8_t version; /* GMQ_VERSION_...; of the connection that it came from or goes to */
    uint8_t reason;  /* where the packet has one */
    bool is_changed; /* a handler changed it: encode it anew */
    uint16_t identifier;
    struct properties properties;
};

struct gmq_publish {
    struct gmq_packet packet;
    uint8_t qos;
    bool is_retained;
    bool is_duplicate;
    gmq_view topic; /* empty only between decoding and alias resolution */
    gmq_view payload;
};

struct gmq_connect {
    struct gmq_packet packet;
    gmq_view protocol_name;
    gmq_view client_identifier;
    bool is_identifier_assigned;
    bool is_clean_start;
    bool has_will;
    bool has_user_name;
    bool has_password;
    uint16_t keep_alive;
    gmq_view user_name;
    gmq_view password;
    struct gmq_publish will; /* if has_will */
};

struct gmq_connack {
    struct gmq_packet packet;
    bool is_session_present;
};

struct gmq_puback {
    struct gmq_packet packet;
};
struct gmq_pubrec {
    struct gmq_packet packet;
};
struct gmq_pubrel {
    struct gmq_packet packet;
};
struct gmq_pubcomp {
    struct gmq_packet packet;
};

/* One filter of SUBSCRIBE; `options` as on the wire (3.8.3.1), for 3.1 and 3.1.1 the QoS alone. */
struct subscribe_entry {
    gmq_view topic_filter;
    uint8_t options;
    uint8_t refused; /* a reason code that a handler decided beforehand, or 0 */
};

enum {
    SUBSCRIBE_QOS_MASK = 0x03,
    SUBSCRIBE_NO_LOCAL = 0x04,
    SUBSCRIBE_RETAIN_AS_PUBLISHED = 0x08,
    SUBSCRIBE_RETAIN_HANDLING_SHIFT = 4,
    SUBSCRIBE_RETAIN_HANDLING_MASK = 0x30
};

struct gmq_subscribe {
    struct gmq_packet packet;
    struct subscribe_entry *entries; /* in the arena */
    uint32_t count;
};

struct gmq_unsubscribe {
    struct gmq_packet packet;
    gmq_view *topic_filters; /* in the arena */
    uint32_t count;
};

struct gmq_suback {
    struct gmq_packet packet;
    uint8_t *reasons; /* in the arena */
    uint32_t count;
};

struct gmq_unsuback {
    struct gmq_packet packet;
    uint8_t *reasons; /* in the arena */
    uint32_t count;
};

struct gmq_pingreq {
    struct gmq_packet packet;
};
struct gmq_pingresp {
    struct gmq_packet packet;
};
struct gmq_disconnect {
    struct gmq_packet packet;
};
struct gmq_auth {
    struct gmq_packet packet;
};

/* Room for any packet, for decoding on the stack. */
union any_packet {
    struct gmq_packet packet;
    struct gmq_connect connect;
    struct gmq_connack connack;
    struct gmq_publish publish;
    struct gmq_puback puback;
    struct gmq_pubrec pubrec;
    struct gmq_pubrel pubrel;
    struct gmq_pubcomp pubcomp;
    struct gmq_subscribe subscribe;
    struct gmq_suback suback;
    struct gmq_unsubscribe unsubscribe;
    struct gmq_unsuback unsuback;
    struct gmq_pingreq pingreq;
    struct gmq_pingresp pingresp;
    struct gmq_disconnect disconnect;
    struct gmq_auth auth;
};

/* The size of the struct of a packet type; 0 for numbers that are no type. */
size_t packet_struct_size(gmq_packet_type type);

/* "PUBLISH", or "?" for numbers that are no type. */
const char *packet_type_name(gmq_packet_type type);

/* The type named by `name` ("PUBLISH"), or 0. */
gmq_packet_type packet_type_by_name(gmq_view name);

/* Whether clients, or brokers, send packets of this type. */
bool packet_type_is_incoming(gmq_packet_type type);
bool packet_type_is_outgoing(gmq_packet_type type);

/* An empty packet: type, version, no reason, no properties; the rest is cleared but for the property values. */
void packet_init(struct gmq_packet *packet, gmq_packet_type type, uint8_t version);

/* A copy of a packet and all that its views point to, in `arena`: for a deferred call, whose read buffer moves on.
 * NULL: memory is out. */
struct gmq_packet *packet_copy(const struct gmq_packet *packet, struct arena *arena);

#endif
