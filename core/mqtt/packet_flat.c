/* Packets as bytes and back. */
#include "mqtt/packet_flat.h"

#include "base/text.h"
#include "mqtt/properties.h"
#include "mqtt/topic.h"

enum { PAYLOAD_SIZE_MAX = 268435455, RETAIN_HANDLING_MAX = 2, USER_PROPERTY_IDENTIFIER = 0x26 };

#define USER_BIT PROPERTY_BIT(PROPERTY_USER_PROPERTY)

static bool rule_is_number(const struct property_rule *rule)
{
    return rule->type <= PROPERTY_VARINT;
}

/* ---- writing ---- */

static void properties_write_flat(struct buffer *out, const struct properties *properties)
{
    uint32_t rest = properties->present & ~USER_BIT;
    record_u32(out, properties->present);
    for (; rest != 0; rest &= rest - 1) {
        int index = __builtin_ctz(rest);
        if (rule_is_number(property_rule_at((enum property_index)index)))
            record_u32(out, properties->value[index].number);
        else
            record_view(out, properties->value[index].text);
    }
    record_u32(out, properties->subscription_identifier_count);
    for (uint32_t i = 0; i < properties->subscription_identifier_count; i++)
        record_u32(out, properties->subscription_identifiers[i]);
    if ((properties->present & USER_BIT) == 0)
        return;
    record_u32(out, (uint32_t)properties_size(properties, USER_BIT));
    properties_encode(properties, USER_BIT, out);
}

static void header_write(struct buffer *out, const struct gmq_packet *packet)
{
    record_u8(out, packet->type);
    record_u8(out, packet->version);
    record_u8(out, packet->reason);
    record_u16(out, packet->identifier);
    properties_write_flat(out, &packet->properties);
}

static void publish_write(struct buffer *out, const struct gmq_packet *packet)
{
    const struct gmq_publish *publish = (const struct gmq_publish *)packet;
    record_u8(out, publish->qos);
    record_u8(out, publish->is_retained);
    record_u8(out, publish->is_duplicate);
    record_view(out, publish->topic);
    record_view(out, publish->payload);
}

static void connect_write(struct buffer *out, const struct gmq_packet *packet)
{
    const struct gmq_connect *connect = (const struct gmq_connect *)packet;
    record_view(out, connect->protocol_name);
    record_view(out, connect->client_identifier);
    record_u8(out, connect->is_identifier_assigned);
    record_u8(out, connect->is_clean_start);
    record_u16(out, connect->keep_alive);
    record_u8(out, connect->has_user_name);
    record_view(out, connect->has_user_name ? connect->user_name : GMQ_VIEW(""));
    record_u8(out, connect->has_password);
    record_view(out, connect->has_password ? connect->password : GMQ_VIEW(""));
    record_u8(out, connect->has_will);
    if (!connect->has_will)
        return;
    header_write(out, &connect->will.packet);
    publish_write(out, &connect->will.packet);
}

static void connack_write(struct buffer *out, const struct gmq_packet *packet)
{
    record_u8(out, ((const struct gmq_connack *)packet)->is_session_present);
}

static void subscribe_write(struct buffer *out, const struct gmq_packet *packet)
{
    const struct gmq_subscribe *subscribe = (const struct gmq_subscribe *)packet;
    record_u32(out, subscribe->count);
    for (uint32_t i = 0; i < subscribe->count; i++) {
        record_view(out, subscribe->entries[i].topic_filter);
        record_u8(out, subscribe->entries[i].options);
        record_u8(out, subscribe->entries[i].refused);
    }
}

static void unsubscribe_write(struct buffer *out, const struct gmq_packet *packet)
{
    const struct gmq_unsubscribe *unsubscribe = (const struct gmq_unsubscribe *)packet;
    record_u32(out, unsubscribe->count);
    for (uint32_t i = 0; i < unsubscribe->count; i++)
        record_view(out, unsubscribe->topic_filters[i]);
}

static void suback_write(struct buffer *out, const struct gmq_packet *packet)
{
    const struct gmq_suback *suback = (const struct gmq_suback *)packet;
    record_view(out, gmq_view_make(suback->reasons, suback->count));
}

static void unsuback_write(struct buffer *out, const struct gmq_packet *packet)
{
    const struct gmq_unsuback *unsuback = (const struct gmq_unsuback *)packet;
    record_view(out, gmq_view_make(unsuback->reasons, unsuback->count));
}

/* ---- reading ---- */

static bool text_is_valid(gmq_view text)
{
    return text.length <= UINT16_MAX && (text.length == 0 || text_is_utf8(text.data, text.length));
}

static bool filter_is_valid(gmq_view filter)
{
    return filter.length > 0 && text_is_valid(filter) && topic_is_filter(filter);
}

static bool property_text_is_valid(int index, const struct property_rule *rule, gmq_view text)
{
    if (rule->type == PROPERTY_BINARY)
        return text.length <= UINT16_MAX;
    return index == PROPERTY_RESPONSE_TOPIC ? topic_check_name(text) == MQTT_OK : text_is_valid(text);
}

static void property_read(struct record_reader *reader, int index, uint32_t place, union property_value *value)
{
    const struct property_rule *rule = property_rule_at((enum property_index)index);
    record_require(reader, (rule->packets & place) != 0);
    if (rule_is_number(rule)) {
        value->number = record_read_u32(reader);
        record_require(reader, value->number >= rule->smallest && value->number <= rule->largest);
    } else {
        value->text = record_read_view(reader);
        record_require(reader, property_text_is_valid(index, rule, value->text));
    }
}

static gmq_view wire_text(struct record_reader *reader)
{
    const uint8_t *length = record_take(reader, 2);
    size_t size = length != NULL ? (size_t)length[0] << 8 | length[1] : 0;
    const uint8_t *text = record_take(reader, size);
    return text != NULL ? gmq_view_make(text, size) : GMQ_VIEW("");
}

static void user_properties_read(struct record_reader *reader, struct properties *properties)
{
    properties->wire = record_read_view(reader);
    struct record_reader pairs = record_reader_make(properties->wire.data, properties->wire.length);
    while (!pairs.is_bad && pairs.position < pairs.length) {
        record_require(&pairs, record_read_u8(&pairs) == USER_PROPERTY_IDENTIFIER);
        record_require(&pairs, text_is_valid(wire_text(&pairs)));
        record_require(&pairs, text_is_valid(wire_text(&pairs)));
    }
    record_require(reader, !pairs.is_bad);
}

static void identifiers_read(struct record_reader *reader, struct properties *properties, struct arena *arena)
{
    uint32_t count = record_read_u32(reader);
    record_require(reader, count <= (reader->length - reader->position) / sizeof(uint32_t));
    if (reader->is_bad || count == 0)
        return;
    uint32_t *identifiers = arena_alloc(arena, count * sizeof *identifiers);
    record_require(reader, identifiers != NULL);
    for (uint32_t i = 0; i < count && !reader->is_bad; i++) {
        identifiers[i] = record_read_u32(reader);
        record_require(reader, identifiers[i] >= 1 && identifiers[i] <= PAYLOAD_SIZE_MAX);
    }
    properties->subscription_identifiers = identifiers;
    properties->subscription_identifier_count = count;
}

static void properties_read_flat(struct record_reader *reader, uint32_t place, struct properties *properties,
                                 struct arena *arena)
{
    uint32_t present = record_read_u32(reader);
    properties_init(properties);
    record_require(reader, PROPERTY_COUNT == 32 || present >> PROPERTY_COUNT == 0);
    for (uint32_t rest = present & ~USER_BIT; rest != 0 && !reader->is_bad; rest &= rest - 1) {
        int index = __builtin_ctz(rest);
        property_read(reader, index, place, &properties->value[index]);
    }
    identifiers_read(reader, properties, arena);
    if ((present & USER_BIT) != 0)
        user_properties_read(reader, properties);
    properties->present = reader->is_bad ? 0 : present;
}

static void header_read(struct record_reader *reader, uint32_t place, struct gmq_packet *packet, struct arena *arena)
{
    packet->type = record_read_u8(reader);
    packet->version = record_read_u8(reader);
    packet->reason = record_read_u8(reader);
    packet->identifier = record_read_u16(reader);
    packet->is_changed = true;
    record_require(reader, packet->version >= GMQ_VERSION_3_1 && packet->version <= GMQ_VERSION_5_0);
    record_require(reader, packet->reason == 0 ||
                               mqtt_reason_is_allowed((gmq_packet_type)packet->type, (gmq_reason)packet->reason));
    properties_read_flat(reader, place, &packet->properties, arena);
}

typedef void read_function(struct record_reader *reader, struct gmq_packet *packet, struct arena *arena);

static void publish_read(struct record_reader *reader, struct gmq_packet *packet, struct arena *arena)
{
    (void)arena;
    struct gmq_publish *publish = (struct gmq_publish *)packet;
    publish->qos = record_read_u8(reader);
    publish->is_retained = record_read_bool(reader);
    publish->is_duplicate = record_read_bool(reader);
    publish->topic = record_read_view(reader);
    publish->payload = record_read_view(reader);
    record_require(reader, publish->qos <= 2 && topic_check_name(publish->topic) == MQTT_OK &&
                               publish->payload.length <= PAYLOAD_SIZE_MAX);
}

static void connect_read(struct record_reader *reader, struct gmq_packet *packet, struct arena *arena)
{
    struct gmq_connect *connect = (struct gmq_connect *)packet;
    connect->protocol_name = record_read_view(reader);
    connect->client_identifier = record_read_view(reader);
    connect->is_identifier_assigned = record_read_bool(reader);
    connect->is_clean_start = record_read_bool(reader);
    connect->keep_alive = record_read_u16(reader);
    connect->has_user_name = record_read_bool(reader);
    connect->user_name = record_read_view(reader);
    connect->has_password = record_read_bool(reader);
    connect->password = record_read_view(reader);
    connect->has_will = record_read_bool(reader);
    record_require(reader, text_is_valid(connect->protocol_name) && text_is_valid(connect->client_identifier) &&
                               text_is_valid(connect->user_name) && connect->password.length <= UINT16_MAX);
    if (!connect->has_will)
        return;
    header_read(reader, PROPERTY_IN_WILL, &connect->will.packet, arena);
    publish_read(reader, &connect->will.packet, arena);
    record_require(reader, connect->will.packet.type == GMQ_PUBLISH && connect->will.packet.reason == 0);
}

static void connack_read(struct record_reader *reader, struct gmq_packet *packet, struct arena *arena)
{
    (void)arena;
    ((struct gmq_connack *)packet)->is_session_present = record_read_bool(reader) && packet->reason == 0;
}

/* How many elements follow, each of at least `smallest` bytes; 0 and bad where there can't be so many, or none. */
static uint32_t count_read(struct record_reader *reader, size_t smallest)
{
    uint32_t count = record_read_u32(reader);
    record_require(reader, count > 0 && count <= (reader->length - reader->position) / smallest);
    return reader->is_bad ? 0 : count;
}

static bool options_are_valid(unsigned options)
{
    const unsigned known =
        SUBSCRIBE_QOS_MASK | SUBSCRIBE_NO_LOCAL | SUBSCRIBE_RETAIN_AS_PUBLISHED | SUBSCRIBE_RETAIN_HANDLING_MASK;
    unsigned retain_handling = (options & SUBSCRIBE_RETAIN_HANDLING_MASK) >> SUBSCRIBE_RETAIN_HANDLING_SHIFT;
    return (options & ~known) == 0 && (options & SUBSCRIBE_QOS_MASK) <= 2 && retain_handling <= RETAIN_HANDLING_MAX;
}

static void subscribe_read(struct record_reader *reader, struct gmq_packet *packet, struct arena *arena)
{
    struct gmq_subscribe *subscribe = (struct gmq_subscribe *)packet;
    uint32_t count = count_read(reader, 6);
    subscribe->entries = arena_alloc(arena, count * sizeof *subscribe->entries);
    record_require(reader, subscribe->entries != NULL);
    for (uint32_t i = 0; i < count && !reader->is_bad; i++) {
        struct subscribe_entry *entry = &subscribe->entries[i];
        entry->topic_filter = record_read_view(reader);
        entry->options = record_read_u8(reader);
        entry->refused = record_read_u8(reader);
        record_require(reader, filter_is_valid(entry->topic_filter) && options_are_valid(entry->options));
        record_require(reader, entry->refused == 0 || (entry->refused >= GMQ_REASON_UNSPECIFIED_ERROR &&
                                                       mqtt_reason_is_allowed(GMQ_SUBACK, entry->refused)));
    }
    subscribe->count = count;
}

static void unsubscribe_read(struct record_reader *reader, struct gmq_packet *packet, struct arena *arena)
{
    struct gmq_unsubscribe *unsubscribe = (struct gmq_unsubscribe *)packet;
    uint32_t count = count_read(reader, 4);
    unsubscribe->topic_filters = arena_alloc(arena, count * sizeof *unsubscribe->topic_filters);
    record_require(reader, unsubscribe->topic_filters != NULL);
    for (uint32_t i = 0; i < count && !reader->is_bad; i++) {
        unsubscribe->topic_filters[i] = record_read_view(reader);
        record_require(reader, filter_is_valid(unsubscribe->topic_filters[i]));
    }
    unsubscribe->count = count;
}

static uint8_t *reasons_read(struct record_reader *reader, gmq_packet_type type, uint32_t *count, struct arena *arena)
{
    gmq_view reasons = record_read_view(reader);
    record_require(reader, reasons.length > 0);
    for (size_t i = 0; i < reasons.length && !reader->is_bad; i++)
        record_require(reader, mqtt_reason_is_allowed(type, (gmq_reason)(uint8_t)reasons.data[i]));
    uint8_t *copy = arena_copy(arena, reasons.data, reasons.length);
    record_require(reader, copy != NULL);
    *count = (uint32_t)reasons.length;
    return copy;
}

static void suback_read(struct record_reader *reader, struct gmq_packet *packet, struct arena *arena)
{
    struct gmq_suback *suback = (struct gmq_suback *)packet;
    suback->reasons = reasons_read(reader, GMQ_SUBACK, &suback->count, arena);
}

static void unsuback_read(struct record_reader *reader, struct gmq_packet *packet, struct arena *arena)
{
    struct gmq_unsuback *unsuback = (struct gmq_unsuback *)packet;
    unsuback->reasons = reasons_read(reader, GMQ_UNSUBACK, &unsuback->count, arena);
}

/* Types with no more than a header have no functions. */
static const struct {
    void (*write)(struct buffer *out, const struct gmq_packet *packet);
    read_function *read;
} bodies[16] = {
    [GMQ_CONNECT] = {connect_write, connect_read},    [GMQ_CONNACK] = {connack_write, connack_read},
    [GMQ_PUBLISH] = {publish_write, publish_read},    [GMQ_SUBSCRIBE] = {subscribe_write, subscribe_read},
    [GMQ_SUBACK] = {suback_write, suback_read},       [GMQ_UNSUBSCRIBE] = {unsubscribe_write, unsubscribe_read},
    [GMQ_UNSUBACK] = {unsuback_write, unsuback_read},
};

void packet_flat_write(struct buffer *out, const struct gmq_packet *packet)
{
    header_write(out, packet);
    if (bodies[packet->type].write != NULL)
        bodies[packet->type].write(out, packet);
}

struct gmq_packet *packet_flat_read(gmq_view bytes, struct arena *arena)
{
    struct record_reader reader = record_reader_make(bytes.data, bytes.length);
    size_t size = bytes.length > 0 ? packet_struct_size((gmq_packet_type)(uint8_t)bytes.data[0]) : 0;
    struct gmq_packet *packet = size > 0 ? arena_alloc(arena, size) : NULL;
    if (packet == NULL)
        return NULL;
    memset((char *)packet + sizeof *packet, 0, size - sizeof *packet);
    header_read(&reader, PROPERTY_IN((uint8_t)bytes.data[0]), packet, arena);
    if (bodies[packet->type].read != NULL && !reader.is_bad)
        bodies[packet->type].read(&reader, packet, arena);
    return record_is_whole(&reader) ? packet : NULL;
}
