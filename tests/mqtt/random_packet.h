/* Random packets that are valid for their type, version and sender, and a comparison that is too simple to be wrong. */
#ifndef TESTS_RANDOM_PACKET_H
#define TESTS_RANDOM_PACKET_H

#include "base/arena.h"
#include "base/buffer.h"
#include "mqtt/decode.h"
#include "mqtt/encode.h"
#include "mqtt/properties.h"

#include <stdlib.h>

enum side { FROM_CLIENT, FROM_BROKER };

/* ---- numbers and texts (splitmix64) ---- */

struct dice {
    uint64_t state;
};

static inline uint64_t dice_next(struct dice *dice)
{
    uint64_t z = (dice->state += UINT64_C(0x9E3779B97F4A7C15));
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

static inline uint32_t dice_below(struct dice *dice, uint32_t bound)
{
    return (uint32_t)(dice_next(dice) % bound);
}

static inline bool dice_one_in(struct dice *dice, uint32_t n)
{
    return dice_below(dice, n) == 0;
}

static inline gmq_view random_of(struct dice *dice, const char *const *choices, uint32_t count)
{
    return gmq_view_of(choices[dice_below(dice, count)]);
}

static inline gmq_view random_text(struct dice *dice)
{
    static const char *const texts[] = {"",
                                        "a",
                                        "text/plain",
                                        "\xEF\xBB\xBF"
                                        "bom",
                                        "\xC3\xA4\xE2\x82\xAC\xF0\x9F\x90\xBB",
                                        "a longer text, of more than one hundred and twenty-seven bytes, so that the "
                                        "length of what contains it needs a second byte: that is where mistakes hide"};
    return random_of(dice, texts, sizeof texts / sizeof texts[0]);
}

static inline gmq_view random_topic(struct dice *dice)
{
    static const char *const topics[] = {
        "a", "/", "a/b", "a//b", "$SYS/x", "sensors/kitchen/temperature/7", "\xC3\xBC/\xE2\x82\xAC"};
    return random_of(dice, topics, sizeof topics / sizeof topics[0]);
}

static inline gmq_view random_filter(struct dice *dice)
{
    static const char *const filters[] = {"a", "#", "+", "a/+/c", "a/#", "$SYS/#", "$share/group/a/+", "/+/\xC3\xBC"};
    return random_of(dice, filters, sizeof filters / sizeof filters[0]);
}

static inline gmq_view random_bytes(struct dice *dice)
{
    static const char bytes[300] = {0, 1, (char)0xFF, '#', 0};
    return gmq_view_make(bytes, dice_one_in(dice, 10) ? 300 : dice_below(dice, 6));
}

/* ---- properties ---- */

static inline uint32_t random_number(struct dice *dice, const struct property_rule *rule)
{
    switch (dice_below(dice, 3)) {
    case 0:
        return rule->smallest;
    case 1:
        return rule->largest;
    default:
        return rule->smallest + (uint32_t)(dice_next(dice) % ((uint64_t)rule->largest - rule->smallest + 1));
    }
}

static inline void random_property(struct dice *dice, uint32_t place, enum property_index index,
                                   struct properties *properties, struct arena *arena)
{
    const struct property_rule *rule = property_rule_at(index);
    gmq_status status;
    if (rule->type <= PROPERTY_VARINT) {
        status = properties_set_number(properties, place, rule->identifier, random_number(dice, rule));
    } else if (rule->type == PROPERTY_PAIR) {
        status = properties_add_user(properties, random_text(dice), random_text(dice), arena);
    } else {
        gmq_view text = index == PROPERTY_RESPONSE_TOPIC ? random_topic(dice)
                        : rule->type == PROPERTY_BINARY  ? random_bytes(dice)
                                                         : random_text(dice);
        status = properties_set_text(properties, place, rule->identifier, text, arena);
    }
    if (status != GMQ_OK)
        abort();
}

/* Some that the type may have; user properties up to three. */
static inline void random_properties(struct dice *dice, uint32_t place, struct properties *properties,
                                     struct arena *arena)
{
    if (dice_one_in(dice, 4))
        return;
    for (unsigned index = 0; index < PROPERTY_COUNT; index++) {
        const struct property_rule *rule = property_rule_at(index);
        unsigned most = rule->may_repeat ? 3 : 1;
        for (unsigned i = 0; i < most && (rule->packets & place) != 0; i++)
            if (dice_one_in(dice, 3))
                random_property(dice, place, index, properties, arena);
    }
}

/* ---- packets ---- */

static inline uint8_t random_reason(struct dice *dice, gmq_packet_type type, enum side side)
{
    for (;;) {
        gmq_reason reason = (gmq_reason)dice_below(dice, 256);
        bool is_allowed =
            mqtt_reason_is_allowed(type, reason) && (side == FROM_CLIENT || !mqtt_reason_is_of_client(reason));
        if (type == GMQ_DISCONNECT && side == FROM_CLIENT)
            is_allowed = mqtt_reason_is_of_leaving(reason);
        if (is_allowed)
            return (uint8_t)reason;
    }
}

static inline void random_publish(struct dice *dice, struct gmq_publish *publish, enum side side)
{
    struct gmq_packet *packet = &publish->packet;
    publish->qos = (uint8_t)dice_below(dice, 3);
    publish->is_retained = dice_one_in(dice, 2);
    publish->is_duplicate = publish->qos > 0 && dice_one_in(dice, 2);
    bool has_alias = properties_has(&packet->properties, PROPERTY_TOPIC_ALIAS);
    publish->topic = has_alias && dice_one_in(dice, 2) ? GMQ_VIEW("") : random_topic(dice);
    publish->payload = random_bytes(dice);
    if (publish->qos == 0)
        packet->identifier = 0;
    static const uint32_t identifiers[] = {1, 128, 268435455};
    if (side == FROM_BROKER && packet->version >= GMQ_VERSION_5_0) {
        properties_remove(&packet->properties, GMQ_PROPERTY_SUBSCRIPTION_IDENTIFIER);
        packet->properties.subscription_identifiers = identifiers;
        packet->properties.subscription_identifier_count = dice_below(dice, 4);
    } else {
        properties_remove(&packet->properties, GMQ_PROPERTY_SUBSCRIPTION_IDENTIFIER);
    }
}

static inline void random_connect(struct dice *dice, struct gmq_connect *connect, struct arena *arena)
{
    uint8_t version = connect->packet.version;
    connect->is_clean_start = dice_one_in(dice, 2);
    connect->keep_alive = (uint16_t)dice_next(dice);
    bool may_be_empty = version == GMQ_VERSION_5_0 || (version == GMQ_VERSION_3_1_1 && connect->is_clean_start);
    connect->client_identifier = may_be_empty && dice_one_in(dice, 3) ? GMQ_VIEW("") : GMQ_VIEW("client-7");
    connect->protocol_name = version == GMQ_VERSION_3_1 ? GMQ_VIEW("MQIsdp") : GMQ_VIEW("MQTT");
    connect->has_user_name = dice_one_in(dice, 2);
    connect->has_password = dice_one_in(dice, 2) && (connect->has_user_name || version >= GMQ_VERSION_5_0);
    connect->user_name = connect->has_user_name ? random_text(dice) : GMQ_VIEW("");
    connect->password = connect->has_password ? random_bytes(dice) : GMQ_VIEW("");
    connect->has_will = dice_one_in(dice, 2);
    struct properties *properties = &connect->packet.properties;
    if (!properties_has(properties, PROPERTY_AUTHENTICATION_METHOD))
        properties_remove(properties, GMQ_PROPERTY_AUTHENTICATION_DATA);
    if (connect->has_will) {
        struct gmq_publish *will = &connect->will;
        packet_init(&will->packet, GMQ_PUBLISH, version);
        if (version >= GMQ_VERSION_5_0)
            random_properties(dice, PROPERTY_IN_WILL, &will->packet.properties, arena);
        will->qos = (uint8_t)dice_below(dice, 3);
        will->is_retained = dice_one_in(dice, 2);
        will->topic = random_topic(dice);
        will->payload = random_bytes(dice);
    }
}

static inline void *random_alloc(struct arena *arena, size_t size)
{
    void *block = arena_alloc(arena, size);
    if (block == NULL)
        abort();
    return block;
}

static inline void random_subscribe(struct dice *dice, struct gmq_subscribe *subscribe, struct arena *arena)
{
    bool is_5_0 = subscribe->packet.version >= GMQ_VERSION_5_0;
    subscribe->count = 1 + dice_below(dice, 4);
    subscribe->entries = random_alloc(arena, subscribe->count * sizeof *subscribe->entries);
    for (uint32_t i = 0; i < subscribe->count; i++) {
        struct subscribe_entry *entry = &subscribe->entries[i];
        entry->topic_filter = random_filter(dice);
        bool is_shared = strncmp(entry->topic_filter.data, "$share/", 7) == 0;
        unsigned qos = dice_below(dice, 3);
        unsigned no_local = is_5_0 && !is_shared && dice_one_in(dice, 2) ? SUBSCRIBE_NO_LOCAL : 0;
        unsigned rest = is_5_0 ? dice_below(dice, 2) << 3 | dice_below(dice, 3) << 4 : 0;
        entry->options = (uint8_t)(qos | no_local | rest);
        entry->refused = 0;
    }
}

static inline void random_unsubscribe(struct dice *dice, struct gmq_unsubscribe *unsubscribe, struct arena *arena)
{
    unsubscribe->count = 1 + dice_below(dice, 4);
    unsubscribe->topic_filters = random_alloc(arena, unsubscribe->count * sizeof *unsubscribe->topic_filters);
    for (uint32_t i = 0; i < unsubscribe->count; i++)
        unsubscribe->topic_filters[i] = random_filter(dice);
}

static inline uint8_t *random_reasons(struct dice *dice, gmq_packet_type type, uint8_t version, uint32_t count,
                                      struct arena *arena)
{
    static const uint8_t old_reasons[] = {0, 1, 2, 0x80};
    uint8_t *reasons = random_alloc(arena, count);
    for (uint32_t i = 0; i < count; i++)
        reasons[i] =
            version >= GMQ_VERSION_5_0 ? random_reason(dice, type, FROM_BROKER) : old_reasons[dice_below(dice, 4)];
    return reasons;
}

static inline void random_connack(struct dice *dice, struct gmq_connack *connack)
{
    static const uint8_t old_reasons[] = {0, 0x84, 0x85, 0x88, 0x86, 0x87};
    struct gmq_packet *packet = &connack->packet;
    packet->reason = packet->version >= GMQ_VERSION_5_0 ? random_reason(dice, GMQ_CONNACK, FROM_BROKER)
                                                        : old_reasons[dice_below(dice, 6)];
    if (dice_one_in(dice, 2))
        packet->reason = 0;
    connack->is_session_present = packet->reason == 0 && packet->version != GMQ_VERSION_3_1 && dice_one_in(dice, 2);
}

static inline void random_reason_packet(struct dice *dice, struct gmq_packet *packet, enum side side,
                                        struct arena *arena)
{
    if (packet->version < GMQ_VERSION_5_0)
        return;
    packet->reason = dice_one_in(dice, 3) ? 0 : random_reason(dice, packet->type, side);
    if (packet->type == GMQ_DISCONNECT && side == FROM_BROKER)
        properties_remove(&packet->properties, GMQ_PROPERTY_SESSION_EXPIRY_INTERVAL);
    bool is_short = packet->type == GMQ_AUTH && packet->reason == 0 && packet->properties.present == 0;
    if (packet->type == GMQ_AUTH && !is_short &&
        properties_set_text(&packet->properties, PROPERTY_IN(GMQ_AUTH), GMQ_PROPERTY_AUTHENTICATION_METHOD,
                            GMQ_VIEW("method"), arena) != GMQ_OK)
        abort();
}

static inline void random_body(struct dice *dice, union any_packet *any, enum side side, struct arena *arena)
{
    switch (any->packet.type) {
    case GMQ_CONNECT:
        random_connect(dice, &any->connect, arena);
        break;
    case GMQ_CONNACK:
        random_connack(dice, &any->connack);
        break;
    case GMQ_PUBLISH:
        random_publish(dice, &any->publish, side);
        break;
    case GMQ_SUBSCRIBE:
        random_subscribe(dice, &any->subscribe, arena);
        break;
    case GMQ_UNSUBSCRIBE:
        random_unsubscribe(dice, &any->unsubscribe, arena);
        break;
    case GMQ_SUBACK:
        any->suback.count = 1 + dice_below(dice, 4);
        any->suback.reasons = random_reasons(dice, GMQ_SUBACK, any->packet.version, any->suback.count, arena);
        break;
    case GMQ_UNSUBACK:
        any->unsuback.count = any->packet.version >= GMQ_VERSION_5_0 ? 1 + dice_below(dice, 4) : 0;
        any->unsuback.reasons = random_reasons(dice, GMQ_UNSUBACK, any->packet.version, any->unsuback.count, arena);
        break;
    case GMQ_PINGREQ:
    case GMQ_PINGRESP:
        break;
    default:
        random_reason_packet(dice, &any->packet, side, arena);
    }
}

/* Whether there is such a packet. */
static inline bool packet_exists(gmq_packet_type type, uint8_t version, enum side side)
{
    bool is_sent = side == FROM_CLIENT ? packet_type_is_incoming(type) : packet_type_is_outgoing(type);
    bool is_new = type == GMQ_AUTH || (type == GMQ_DISCONNECT && side == FROM_BROKER);
    return is_sent && (!is_new || version >= GMQ_VERSION_5_0);
}

static inline void random_packet(struct dice *dice, gmq_packet_type type, uint8_t version, enum side side,
                                 struct arena *arena, union any_packet *any)
{
    bool has_identifier = (type >= GMQ_PUBLISH && type <= GMQ_UNSUBACK);
    packet_init(&any->packet, type, version);
    any->packet.identifier = has_identifier ? (uint16_t)(1 + dice_below(dice, 65535)) : 0;
    if (version >= GMQ_VERSION_5_0)
        random_properties(dice, PROPERTY_IN(type), &any->packet.properties, arena);
    random_body(dice, any, side, arena);
}

/* ---- the way over the wire ---- */

static inline enum mqtt_error encode_on(enum side side, const struct gmq_packet *packet, struct buffer *out)
{
    return side == FROM_CLIENT ? packet_encode_from_client(packet, UINT32_MAX, out)
                               : packet_encode(packet, UINT32_MAX, out);
}

static inline enum mqtt_error decode_on(enum side side, const struct frame *frame, uint8_t version, struct arena *arena,
                                        union any_packet *any)
{
    return side == FROM_CLIENT ? packet_decode(frame, version, arena, any)
                               : packet_decode_from_broker(frame, version, arena, any);
}

/* ---- comparison ---- */

static inline bool users_are_equal(const struct properties *left, const struct properties *right)
{
    gmq_view left_name, left_value, right_name, right_value;
    for (size_t i = 0;; i++) {
        bool left_has = properties_user_at(left, i, &left_name, &left_value);
        bool right_has = properties_user_at(right, i, &right_name, &right_value);
        if (left_has != right_has)
            return false;
        if (!left_has)
            return true;
        if (!gmq_view_same(left_name, right_name) || !gmq_view_same(left_value, right_value))
            return false;
    }
}

static inline bool identifiers_are_equal(const struct properties *left, const struct properties *right)
{
    uint32_t count = left->subscription_identifier_count;
    return count == right->subscription_identifier_count &&
           (count == 0 ||
            memcmp(left->subscription_identifiers, right->subscription_identifiers, count * sizeof(uint32_t)) == 0);
}

static inline bool properties_are_equal(const struct properties *left, const struct properties *right)
{
    for (unsigned index = 0; index < PROPERTY_COUNT; index++) {
        if (index == PROPERTY_USER_PROPERTY ||
            (index == PROPERTY_SUBSCRIPTION_IDENTIFIER && left->subscription_identifier_count > 0))
            continue;
        if (properties_has(left, index) != properties_has(right, index))
            return false;
        if (!properties_has(left, index))
            continue;
        bool is_number = property_rule_at(index)->type <= PROPERTY_VARINT;
        bool is_equal = is_number ? left->value[index].number == right->value[index].number
                                  : gmq_view_same(left->value[index].text, right->value[index].text);
        if (!is_equal)
            return false;
    }
    return users_are_equal(left, right) && identifiers_are_equal(left, right);
}

static inline bool publishes_are_equal(const struct gmq_publish *left, const struct gmq_publish *right)
{
    return left->qos == right->qos && left->is_retained == right->is_retained &&
           left->is_duplicate == right->is_duplicate && gmq_view_same(left->topic, right->topic) &&
           gmq_view_same(left->payload, right->payload);
}

static inline bool connects_are_equal(const struct gmq_connect *left, const struct gmq_connect *right)
{
    return gmq_view_same(left->protocol_name, right->protocol_name) &&
           gmq_view_same(left->client_identifier, right->client_identifier) &&
           left->is_clean_start == right->is_clean_start && left->has_will == right->has_will &&
           left->has_user_name == right->has_user_name && left->has_password == right->has_password &&
           left->keep_alive == right->keep_alive && gmq_view_same(left->user_name, right->user_name) &&
           gmq_view_same(left->password, right->password) &&
           (!left->has_will || (publishes_are_equal(&left->will, &right->will) &&
                                properties_are_equal(&left->will.packet.properties, &right->will.packet.properties)));
}

static inline bool subscribes_are_equal(const struct gmq_subscribe *left, const struct gmq_subscribe *right)
{
    bool is_equal = left->count == right->count;
    for (uint32_t i = 0; is_equal && i < left->count; i++)
        is_equal = gmq_view_same(left->entries[i].topic_filter, right->entries[i].topic_filter) &&
                   left->entries[i].options == right->entries[i].options &&
                   left->entries[i].refused == right->entries[i].refused;
    return is_equal;
}

static inline bool unsubscribes_are_equal(const struct gmq_unsubscribe *left, const struct gmq_unsubscribe *right)
{
    bool is_equal = left->count == right->count;
    for (uint32_t i = 0; is_equal && i < left->count; i++)
        is_equal = gmq_view_same(left->topic_filters[i], right->topic_filters[i]);
    return is_equal;
}

static inline bool bodies_are_equal(const union any_packet *left, const union any_packet *right)
{
    switch (left->packet.type) {
    case GMQ_CONNECT:
        return connects_are_equal(&left->connect, &right->connect);
    case GMQ_CONNACK:
        return left->connack.is_session_present == right->connack.is_session_present;
    case GMQ_PUBLISH:
        return publishes_are_equal(&left->publish, &right->publish);
    case GMQ_SUBSCRIBE:
        return subscribes_are_equal(&left->subscribe, &right->subscribe);
    case GMQ_UNSUBSCRIBE:
        return unsubscribes_are_equal(&left->unsubscribe, &right->unsubscribe);
    case GMQ_SUBACK:
        return left->suback.count == right->suback.count &&
               memcmp(left->suback.reasons, right->suback.reasons, left->suback.count) == 0;
    case GMQ_UNSUBACK:
        return left->unsuback.count == right->unsuback.count &&
               (left->unsuback.count == 0 ||
                memcmp(left->unsuback.reasons, right->unsuback.reasons, left->unsuback.count) == 0);
    default:
        return true;
    }
}

static inline bool packets_are_equal(const union any_packet *left, const union any_packet *right)
{
    return left->packet.type == right->packet.type && left->packet.version == right->packet.version &&
           left->packet.reason == right->packet.reason && left->packet.identifier == right->packet.identifier &&
           properties_are_equal(&left->packet.properties, &right->packet.properties) && bodies_are_equal(left, right);
}

/* Runs `visit` for every kind of packet that exists. */
static inline void each_kind(void (*visit)(gmq_packet_type type, uint8_t version, enum side side))
{
    for (unsigned type = GMQ_CONNECT; type <= GMQ_AUTH; type++)
        for (uint8_t version = GMQ_VERSION_3_1; version <= GMQ_VERSION_5_0; version++)
            for (unsigned side = FROM_CLIENT; side <= FROM_BROKER; side++)
                if (packet_exists(type, version, side))
                    visit(type, version, side);
}

#endif
