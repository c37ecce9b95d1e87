/* SUBSCRIBE, SUBACK, UNSUBSCRIBE and UNSUBACK (3.8 to 3.11) from bytes: the packets with lists, which go into the
 * arena. */
#include "mqtt/decode_parts.h"
#include "mqtt/topic.h"

/* How many filters there are, each followed by `tail` more bytes. Looks ahead: the reader stays where it is, unless one
 * is cut off or there is none [MQTT-3.8.3-2, 3.10.3-2]. */
static uint32_t count_filters(struct reader *reader, size_t tail)
{
    struct reader ahead = *reader;
    uint32_t count = 0;
    for (; !reader_is_at_end(&ahead); count++) {
        (void)reader_binary(&ahead);
        (void)reader_take(&ahead, tail);
    }
    reader_fail(reader, ahead.error);
    reader_require(reader, count > 0, MQTT_ERROR_NO_FILTERS);
    return count;
}

static gmq_view read_filter(struct reader *reader)
{
    gmq_view filter = reader_string(reader); /* [MQTT-3.8.3-1, 3.10.3-1] */
    if (reader->error == MQTT_OK && !topic_is_filter(filter))
        reader_fail(reader, MQTT_ERROR_TOPIC_FILTER);
    return filter;
}

/* Below 5.0 all bits but the QoS are reserved: 3.1.1 demands zeros [MQTT-3.8.3-4 there], 3.1 doesn't use them. */
static enum mqtt_error check_old_options(uint8_t options, uint8_t version)
{
    if ((options & SUBSCRIBE_QOS_MASK) == SUBSCRIBE_QOS_MASK)
        return MQTT_ERROR_QOS;
    bool has_reserved = (options & ~SUBSCRIBE_QOS_MASK) != 0;
    return has_reserved && version != GMQ_VERSION_3_1 ? MQTT_ERROR_SUBSCRIPTION_OPTIONS : MQTT_OK;
}

/* Reserved bits are malformed [MQTT-3.8.3-5], but values that don't exist are against the protocol (3.8.3.1). */
static enum mqtt_error check_options(const struct subscribe_entry *entry)
{
    enum { RESERVED = 0xC0, QOS_3 = SUBSCRIBE_QOS_MASK, RETAIN_HANDLING_3 = SUBSCRIBE_RETAIN_HANDLING_MASK };
    uint8_t options = entry->options;
    if ((options & RESERVED) != 0)
        return MQTT_ERROR_SUBSCRIPTION_OPTIONS;
    if ((options & SUBSCRIBE_QOS_MASK) == QOS_3 || (options & SUBSCRIBE_RETAIN_HANDLING_MASK) == RETAIN_HANDLING_3)
        return MQTT_ERROR_SUBSCRIPTION_VALUE;
    bool is_no_local = (options & SUBSCRIBE_NO_LOCAL) != 0; /* [MQTT-3.8.3-4] */
    return is_no_local && topic_is_shared(entry->topic_filter) ? MQTT_ERROR_SHARED_NO_LOCAL : MQTT_OK;
}

static void read_entry(struct reader *reader, uint8_t version, struct subscribe_entry *entry)
{
    entry->topic_filter = read_filter(reader);
    entry->options = reader_u8(reader);
    entry->refused = 0;
    bool is_old = version < GMQ_VERSION_5_0;
    if (reader->error == MQTT_OK)
        reader_fail(reader, is_old ? check_old_options(entry->options, version) : check_options(entry));
    if (is_old)
        entry->options &= SUBSCRIBE_QOS_MASK;
}

enum mqtt_error decode_subscribe(const struct frame *frame, struct arena *arena, union any_packet *packet)
{
    struct gmq_subscribe *subscribe = &packet->subscribe;
    struct reader reader = reader_of_frame(frame);
    reader_identifier(&reader, &subscribe->packet);
    reader_properties(&reader, PROPERTY_IN(GMQ_SUBSCRIBE), &subscribe->packet);
    uint32_t count = count_filters(&reader, 1);
    if (reader.error != MQTT_OK)
        return reader.error;
    subscribe->entries = arena_alloc(arena, count * sizeof *subscribe->entries);
    if (subscribe->entries == NULL)
        return MQTT_ERROR_MEMORY;
    subscribe->count = count;
    for (uint32_t i = 0; i < count && reader.error == MQTT_OK; i++)
        read_entry(&reader, subscribe->packet.version, &subscribe->entries[i]);
    return reader_finish(&reader);
}

enum mqtt_error decode_unsubscribe(const struct frame *frame, struct arena *arena, union any_packet *packet)
{
    struct gmq_unsubscribe *unsubscribe = &packet->unsubscribe;
    struct reader reader = reader_of_frame(frame);
    reader_identifier(&reader, &unsubscribe->packet);
    reader_properties(&reader, PROPERTY_IN(GMQ_UNSUBSCRIBE), &unsubscribe->packet);
    uint32_t count = count_filters(&reader, 0);
    if (reader.error != MQTT_OK)
        return reader.error;
    unsubscribe->topic_filters = arena_alloc(arena, count * sizeof *unsubscribe->topic_filters);
    if (unsubscribe->topic_filters == NULL)
        return MQTT_ERROR_MEMORY;
    unsubscribe->count = count;
    for (uint32_t i = 0; i < count && reader.error == MQTT_OK; i++)
        unsubscribe->topic_filters[i] = read_filter(&reader);
    return reader_finish(&reader);
}

/* 3.1.1 knows 0, 1, 2 and 0x80 [MQTT-3.9.3-2 there]. */
static bool reason_is_valid(const struct gmq_packet *packet, uint8_t reason)
{
    bool is_old = packet->version < GMQ_VERSION_5_0;
    bool is_new_refusal = reason > GMQ_REASON_UNSPECIFIED_ERROR;
    return mqtt_reason_is_allowed((gmq_packet_type)packet->type, (gmq_reason)reason) && !(is_old && is_new_refusal);
}

/* The rest of the packet as a list of reasons; NULL if memory is out. [MQTT-3.9.3-2, 3.11.3-2] */
static uint8_t *read_reasons(struct reader *reader, struct arena *arena, const struct gmq_packet *packet)
{
    size_t count = reader->length - reader->position;
    reader_require(reader, count > 0, MQTT_ERROR_NO_FILTERS);
    const uint8_t *bytes = reader_take(reader, count);
    if (bytes == NULL)
        return NULL;
    for (size_t i = 0; i < count; i++)
        reader_require(reader, reason_is_valid(packet, bytes[i]), MQTT_ERROR_REASON_CODE);
    uint8_t *reasons = arena_copy(arena, bytes, count);
    reader_require(reader, reasons != NULL, MQTT_ERROR_MEMORY);
    return reasons;
}

enum mqtt_error decode_suback(const struct frame *frame, struct arena *arena, union any_packet *packet)
{
    struct gmq_suback *suback = &packet->suback;
    struct reader reader = reader_of_frame(frame);
    reader_identifier(&reader, &suback->packet);
    reader_properties(&reader, PROPERTY_IN(GMQ_SUBACK), &suback->packet);
    suback->count = (uint32_t)(reader.length - reader.position);
    suback->reasons = read_reasons(&reader, arena, &suback->packet);
    return reader_finish(&reader);
}

enum mqtt_error decode_unsuback(const struct frame *frame, struct arena *arena, union any_packet *packet)
{
    struct gmq_unsuback *unsuback = &packet->unsuback;
    struct reader reader = reader_of_frame(frame);
    reader_identifier(&reader, &unsuback->packet);
    if (unsuback->packet.version >= GMQ_VERSION_5_0) { /* before, UNSUBACK had no payload */
        reader_properties(&reader, PROPERTY_IN(GMQ_UNSUBACK), &unsuback->packet);
        unsuback->count = (uint32_t)(reader.length - reader.position);
        unsuback->reasons = read_reasons(&reader, arena, &unsuback->packet);
    }
    return reader_finish(&reader);
}
