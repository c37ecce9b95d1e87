/* Properties: the table by identifier, reading, changing, and their wire form (MQTT 5.0, 2.2.2). */
#ifndef MQTT_PROPERTIES_H
#define MQTT_PROPERTIES_H

#include "base/arena.h"
#include "base/buffer.h"
#include "mqtt/packet.h"

enum property_type {
    PROPERTY_BYTE,
    PROPERTY_U16,
    PROPERTY_U32,
    PROPERTY_VARINT,
    PROPERTY_STRING,
    PROPERTY_BINARY,
    PROPERTY_PAIR
};

/* Bit of the set of packets in which a property is allowed; PROPERTY_IN_WILL is the will part of CONNECT. */
#define PROPERTY_IN(type) (UINT32_C(1) << (type))
#define PROPERTY_IN_WILL UINT32_C(1)

struct property_rule {
    const char *name;
    uint32_t packets;
    uint32_t smallest;
    uint32_t largest;
    uint8_t identifier;
    uint8_t type; /* enum property_type */
    bool may_repeat;
};

/* The row of a dense index; of an identifier, or NULL if it's unknown. */
const struct property_rule *property_rule_at(enum property_index index);
const struct property_rule *property_rule_of(uint32_t identifier, enum property_index *index);

void properties_init(struct properties *properties);

/* Decodes a property length and what it covers. `place` is PROPERTY_IN(type) or PROPERTY_IN_WILL. On success *position
 * is behind it. */
enum mqtt_error properties_decode(const uint8_t *bytes, size_t length, size_t *position, uint32_t place,
                                  struct properties *properties);

static inline bool properties_has(const struct properties *properties, enum property_index index)
{
    return (properties->present & PROPERTY_BIT(index)) != 0;
}

/* The number, or the fallback where the property is absent. */
static inline uint32_t properties_number(const struct properties *properties, enum property_index index,
                                         uint32_t fallback)
{
    return properties_has(properties, index) ? properties->value[index].number : fallback;
}

/* As gmq_packet_set_number, gmq_packet_set_text: checked against the rule and `place`; texts are copied to `arena`. */
gmq_status properties_set_number(struct properties *properties, uint32_t place, uint32_t identifier, uint32_t value);
gmq_status properties_set_text(struct properties *properties, uint32_t place, uint32_t identifier, gmq_view value,
                               struct arena *arena);
void properties_remove(struct properties *properties, uint32_t identifier);

/* User properties in order; `index` from 0. */
bool properties_user_at(const struct properties *properties, size_t index, gmq_view *name, gmq_view *value);
/* Steps through the user properties, each in constant time. Begin with a cursor of zeros. */
struct user_property_cursor {
    size_t position; /* in the wire form */
    const struct added_user_property *added;
    bool is_behind_wire;
};
bool properties_user_next(const struct properties *properties, struct user_property_cursor *cursor, gmq_view *name,
                          gmq_view *value);

gmq_status properties_add_user(struct properties *properties, gmq_view name, gmq_view value, struct arena *arena);

/* Appends the properties without their length: those in `which` (a set of PROPERTY_BIT), user properties among them, in
 * ascending order of identifier, user properties last. Subscription identifiers too where the list is set. */
void properties_encode(const struct properties *properties, uint32_t which, struct buffer *out);

/* How many bytes properties_encode() appends. */
size_t properties_size(const struct properties *properties, uint32_t which);

/* A copy in `arena` of all that the views point to, also of the list of subscription identifiers. */
bool properties_copy(struct properties *copy, const struct properties *properties, struct arena *arena)
    __attribute__((warn_unused_result));

/* What a PUBLISH carries on to its subscribers: all but message expiry interval, topic alias, subscription identifiers
 * and will delay. */
extern const uint32_t PROPERTIES_FORWARDED;

#endif
