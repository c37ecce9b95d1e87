/* Properties as bytes: decoding, encoding, and stepping through the user properties where they lie. */
#include "mqtt/properties.h"

#include "mqtt/decode_parts.h"
#include "mqtt/topic.h"
#include "mqtt/writer.h"

typedef void read_function(struct reader *reader, union property_value *value);

static void read_byte(struct reader *reader, union property_value *value)
{
    value->number = reader_u8(reader);
}

static void read_u16(struct reader *reader, union property_value *value)
{
    value->number = reader_u16(reader);
}

static void read_u32(struct reader *reader, union property_value *value)
{
    value->number = reader_u32(reader);
}

static void read_varint(struct reader *reader, union property_value *value)
{
    value->number = reader_varint(reader);
}

static void read_string(struct reader *reader, union property_value *value)
{
    value->text = reader_string(reader);
}

static void read_binary(struct reader *reader, union property_value *value)
{
    value->text = reader_binary(reader);
}

static void read_pair(struct reader *reader, union property_value *value)
{
    value->text = reader_string(reader);
    value->text = reader_string(reader);
}

static read_function *const readers[] = {
    [PROPERTY_BYTE] = read_byte,     [PROPERTY_U16] = read_u16,       [PROPERTY_U32] = read_u32,
    [PROPERTY_VARINT] = read_varint, [PROPERTY_STRING] = read_string, [PROPERTY_BINARY] = read_binary,
    [PROPERTY_PAIR] = read_pair,
};

/* A broker's PUBLISH may name several subscriptions (3.3.2.3.8); a SUBSCRIBE has one identifier (3.8.2.1.2). A client's
 * PUBLISH has none [MQTT-3.3.4-6], which publish_decode() sees to. */
static bool may_repeat(const struct property_rule *rule, enum property_index index, uint32_t place)
{
    return rule->may_repeat || (index == PROPERTY_SUBSCRIPTION_IDENTIFIER && place == PROPERTY_IN(GMQ_PUBLISH));
}

static enum mqtt_error value_check(const struct property_rule *rule, enum property_index index,
                                   const union property_value *value)
{
    bool is_number = rule->type <= PROPERTY_VARINT;
    if (is_number && (value->number < rule->smallest || value->number > rule->largest))
        return index == PROPERTY_TOPIC_ALIAS ? MQTT_ERROR_TOPIC_ALIAS : MQTT_ERROR_PROPERTY_VALUE;
    if (index == PROPERTY_RESPONSE_TOPIC && !topic_is_name(value->text)) /* [MQTT-3.3.2-14] */
        return MQTT_ERROR_TOPIC_NAME;
    return MQTT_OK;
}

static void property_decode(struct reader *reader, uint32_t place, struct properties *properties)
{
    uint32_t identifier = reader_varint(reader);
    if (reader->error != MQTT_OK)
        return;
    enum property_index index;
    const struct property_rule *rule = property_rule_of(identifier, &index);
    if (rule == NULL) {
        reader_fail(reader, MQTT_ERROR_PROPERTY_UNKNOWN);
        return;
    }
    bool is_repeated = properties_has(properties, index);
    reader_require(reader, (rule->packets & place) != 0, MQTT_ERROR_PROPERTY_MISPLACED);
    reader_require(reader, !is_repeated || may_repeat(rule, index, place), MQTT_ERROR_PROPERTY_REPEATED);
    union property_value value;
    readers[rule->type](reader, &value);
    if (reader->error == MQTT_OK)
        reader_fail(reader, value_check(rule, index, &value));
    if (!is_repeated) {
        properties->value[index] = value;
        properties->present |= PROPERTY_BIT(index);
    }
}

enum mqtt_error properties_decode(const uint8_t *bytes, size_t length, size_t *position, uint32_t place,
                                  struct properties *properties)
{
    properties_init(properties);
    struct reader outer = reader_make(bytes + *position, length - *position);
    size_t size = reader_varint(&outer);
    if (outer.error != MQTT_OK)
        return outer.error;
    if (size > outer.length - outer.position)
        return MQTT_ERROR_PROPERTY_LENGTH;
    struct reader inner = reader_make(outer.bytes + outer.position, size);
    while (!reader_is_at_end(&inner))
        property_decode(&inner, place, properties);
    if (inner.error != MQTT_OK) {
        /* What the last property misses, the property length has cut off. */
        return inner.error == MQTT_ERROR_TRUNCATED ? MQTT_ERROR_PROPERTY_LENGTH : inner.error;
    }
    if (properties_has(properties, PROPERTY_USER_PROPERTY))
        properties->wire = gmq_view_make(inner.bytes, inner.length);
    *position += outer.position + size;
    return MQTT_OK;
}

/* The bytes are known to be well-formed: nothing is checked again, UTF-8 neither. */
static void property_skip(struct reader *reader, const struct property_rule *rule)
{
    union property_value value;
    if (rule->type == PROPERTY_STRING)
        read_binary(reader, &value);
    else
        readers[rule->type](reader, &value);
}

/* Moves behind the identifier of the next property that is `wanted`. */
static bool property_find(struct reader *reader, enum property_index wanted)
{
    while (!reader_is_at_end(reader)) {
        enum property_index index;
        const struct property_rule *rule = property_rule_of(reader_varint(reader), &index);
        if (rule == NULL)
            return false;
        if (index == wanted)
            return true;
        property_skip(reader, rule);
    }
    return false;
}

static bool wire_next(gmq_view wire, size_t *position, gmq_view *name, gmq_view *value)
{
    struct reader reader = reader_make((const uint8_t *)wire.data, wire.length);
    reader.position = *position;
    if (!property_find(&reader, PROPERTY_USER_PROPERTY))
        return false;
    *name = reader_binary(&reader);
    *value = reader_binary(&reader);
    *position = reader.position;
    return reader.error == MQTT_OK;
}

enum mqtt_error properties_collect_identifiers(struct reader *reader, struct arena *arena,
                                               struct properties *properties)
{
    size_t size = reader_varint(reader);
    struct reader counter = reader_make(reader_take(reader, size), size);
    struct reader collector = counter;
    uint32_t count = 0;
    for (; property_find(&counter, PROPERTY_SUBSCRIPTION_IDENTIFIER); count++)
        (void)reader_varint(&counter);
    uint32_t *identifiers = arena_alloc(arena, count * sizeof *identifiers);
    if (identifiers == NULL)
        return MQTT_ERROR_MEMORY;
    for (uint32_t i = 0; i < count && property_find(&collector, PROPERTY_SUBSCRIPTION_IDENTIFIER); i++)
        identifiers[i] = reader_varint(&collector);
    properties->subscription_identifiers = identifiers;
    properties->subscription_identifier_count = count;
    return reader->error;
}

bool properties_user_next(const struct properties *properties, struct user_property_cursor *cursor, gmq_view *name,
                          gmq_view *value)
{
    if (!cursor->is_behind_wire) {
        if (wire_next(properties->wire, &cursor->position, name, value))
            return true;
        cursor->is_behind_wire = true;
        cursor->added = properties->added;
    }
    if (cursor->added == NULL)
        return false;
    *name = cursor->added->name;
    *value = cursor->added->value;
    cursor->added = cursor->added->next;
    return true;
}

typedef void write_function(struct writer *writer, const union property_value *value);

static void write_byte(struct writer *writer, const union property_value *value)
{
    writer_u8(writer, (uint8_t)value->number);
}

static void write_u16(struct writer *writer, const union property_value *value)
{
    writer_u16(writer, (uint16_t)value->number);
}

static void write_u32(struct writer *writer, const union property_value *value)
{
    writer_u32(writer, value->number);
}

static void write_varint(struct writer *writer, const union property_value *value)
{
    writer_varint(writer, value->number);
}

static void write_text(struct writer *writer, const union property_value *value)
{
    writer_text(writer, value->text);
}

static write_function *const writers[] = {
    [PROPERTY_BYTE] = write_byte,     [PROPERTY_U16] = write_u16,     [PROPERTY_U32] = write_u32,
    [PROPERTY_VARINT] = write_varint, [PROPERTY_STRING] = write_text, [PROPERTY_BINARY] = write_text,
};

static void property_write(struct writer *writer, const struct property_rule *rule, const union property_value *value)
{
    writer_u8(writer, rule->identifier);
    writers[rule->type](writer, value);
}

static void identifiers_write(struct writer *writer, const struct properties *properties)
{
    const struct property_rule *rule = property_rule_at(PROPERTY_SUBSCRIPTION_IDENTIFIER);
    for (uint32_t i = 0; i < properties->subscription_identifier_count; i++) {
        union property_value value = {.number = properties->subscription_identifiers[i]};
        property_write(writer, rule, &value);
    }
}

static void users_write(struct writer *writer, const struct properties *properties)
{
    struct user_property_cursor cursor = {0};
    gmq_view name;
    gmq_view value;
    while (properties_user_next(properties, &cursor, &name, &value)) {
        writer_u8(writer, property_rule_at(PROPERTY_USER_PROPERTY)->identifier);
        writer_text(writer, name);
        writer_text(writer, value);
    }
}

void properties_write(struct writer *writer, const struct properties *properties, uint32_t which)
{
    const uint32_t identifier_bit = PROPERTY_BIT(PROPERTY_SUBSCRIPTION_IDENTIFIER);
    const uint32_t user_bit = PROPERTY_BIT(PROPERTY_USER_PROPERTY);
    bool has_list = properties->subscription_identifier_count > 0;
    uint32_t rest = (properties->present | (has_list ? identifier_bit : 0)) & which & ~user_bit;
    for (; rest != 0; rest &= rest - 1) {
        enum property_index index = (enum property_index)__builtin_ctz(rest);
        if (index == PROPERTY_SUBSCRIPTION_IDENTIFIER && has_list)
            identifiers_write(writer, properties);
        else
            property_write(writer, property_rule_at(index), &properties->value[index]);
    }
    if ((which & user_bit) != 0)
        users_write(writer, properties);
}

size_t properties_size(const struct properties *properties, uint32_t which)
{
    struct writer counter = {0};
    properties_write(&counter, properties, which);
    return counter.length;
}

void properties_write_with_length(struct writer *writer, const struct properties *properties, uint32_t which)
{
    writer_varint(writer, (uint32_t)properties_size(properties, which));
    properties_write(writer, properties, which);
}

void properties_encode(const struct properties *properties, uint32_t which, struct buffer *out)
{
    size_t size = properties_size(properties, which);
    uint8_t *bytes = size > 0 ? buffer_reserve(out, size) : NULL;
    if (bytes == NULL)
        return;
    struct writer writer = {.bytes = bytes};
    properties_write(&writer, properties, which);
    out->length += size;
}
