/* CONNECT (3.1) from bytes, in all versions. */
#include "mqtt/decode_parts.h"
#include "mqtt/topic.h"

enum {
    FLAG_RESERVED = 0x01,
    FLAG_CLEAN_START = 0x02,
    FLAG_WILL = 0x04,
    FLAG_WILL_QOS_SHIFT = 3,
    FLAG_WILL_QOS_MASK = 0x18,
    FLAG_WILL_RETAIN = 0x20,
    FLAG_PASSWORD = 0x40,
    FLAG_USER_NAME = 0x80
};

struct protocol {
    const char *name;
    uint8_t level;
};

static const struct protocol protocols[] = {
    {"MQTT", GMQ_VERSION_5_0}, {"MQTT", GMQ_VERSION_3_1_1}, {"MQIsdp", GMQ_VERSION_3_1}};

enum { PROTOCOL_COUNT = sizeof protocols / sizeof protocols[0] };

/* The version that an unsupported level is to be refused in. Some brokers' bridges set the highest bit of 3 or 4 to say
 * who they are; they wait for a return code of 3.1.1 before they try without it. */
static uint8_t version_of_unknown(uint8_t level)
{
    enum { BRIDGE = 0x80 };
    bool is_old_bridge = (level & BRIDGE) != 0 && (level & ~BRIDGE) < GMQ_VERSION_5_0;
    return level >= GMQ_VERSION_5_0 && !is_old_bridge ? level : 0;
}

/* [MQTT-3.1.2-1, 3.1.2-2] */
static void read_version(struct reader *reader, struct gmq_connect *connect)
{
    connect->protocol_name = reader_string(reader);
    if (reader->error != MQTT_OK)
        return;
    bool is_known = false;
    for (size_t i = 0; i < PROTOCOL_COUNT; i++)
        is_known |= gmq_view_equals(connect->protocol_name, protocols[i].name);
    reader_require(reader, is_known, MQTT_ERROR_PROTOCOL_NAME);
    uint8_t level = reader_u8(reader);
    for (size_t i = 0; i < PROTOCOL_COUNT; i++) {
        if (level == protocols[i].level && gmq_view_equals(connect->protocol_name, protocols[i].name)) {
            connect->packet.version = level;
            return;
        }
    }
    if (reader->error == MQTT_OK) {
        connect->packet.version = version_of_unknown(level);
        reader_fail(reader, MQTT_ERROR_PROTOCOL_VERSION);
    }
}

static enum mqtt_error check_flags(uint8_t flags, uint8_t version)
{
    bool has_will = (flags & FLAG_WILL) != 0;
    if ((flags & FLAG_RESERVED) != 0 && version != GMQ_VERSION_3_1) /* [MQTT-3.1.2-3]; 3.1: "not used" */
        return MQTT_ERROR_CONNECT_FLAGS;
    if (!has_will && (flags & (FLAG_WILL_QOS_MASK | FLAG_WILL_RETAIN)) != 0) /* [MQTT-3.1.2-11, 3.1.2-13] */
        return MQTT_ERROR_CONNECT_FLAGS;
    if ((flags & FLAG_WILL_QOS_MASK) == FLAG_WILL_QOS_MASK) /* [MQTT-3.1.2-12] */
        return MQTT_ERROR_QOS;
    /* 3.1.1 [MQTT-3.1.2-22]; 5.0 lifted it (3.1.2.9). */
    bool has_lone_password = (flags & (FLAG_PASSWORD | FLAG_USER_NAME)) == FLAG_PASSWORD;
    return has_lone_password && version < GMQ_VERSION_5_0 ? MQTT_ERROR_CONNECT_FLAGS : MQTT_OK;
}

static void read_flags(struct reader *reader, struct gmq_connect *connect)
{
    uint8_t flags = reader_u8(reader);
    if (reader->error != MQTT_OK)
        return;
    reader_fail(reader, check_flags(flags, connect->packet.version));
    connect->is_clean_start = (flags & FLAG_CLEAN_START) != 0;
    connect->has_will = (flags & FLAG_WILL) != 0;
    connect->has_password = (flags & FLAG_PASSWORD) != 0;
    connect->has_user_name = (flags & FLAG_USER_NAME) != 0;
    connect->will.qos = (uint8_t)((flags & FLAG_WILL_QOS_MASK) >> FLAG_WILL_QOS_SHIFT);
    connect->will.is_retained = (flags & FLAG_WILL_RETAIN) != 0;
}

/* 3.1 wants at least one character, 3.1.1 does with a session that is kept [MQTT-3.1.3-7]; in 5.0 the broker chooses
 * [MQTT-3.1.3-6]. That 3.1 allows 23 characters at most is not held against anyone: its own clients never did. */
static bool may_be_anonymous(const struct gmq_connect *connect)
{
    uint8_t version = connect->packet.version;
    return version >= GMQ_VERSION_5_0 || (version == GMQ_VERSION_3_1_1 && connect->is_clean_start);
}

static void read_client_identifier(struct reader *reader, struct gmq_connect *connect)
{
    connect->client_identifier = reader_string(reader); /* [MQTT-3.1.3-3, 3.1.3-4] */
    bool is_allowed = connect->client_identifier.length > 0 || may_be_anonymous(connect);
    reader_require(reader, is_allowed, MQTT_ERROR_CLIENT_IDENTIFIER);
}

/* [MQTT-3.1.2-9] */
static void read_will(struct reader *reader, struct gmq_connect *connect)
{
    struct gmq_publish *will = &connect->will;
    will->packet.type = GMQ_PUBLISH;
    will->packet.version = connect->packet.version;
    reader_properties(reader, PROPERTY_IN_WILL, &will->packet);
    will->topic = reader_binary(reader); /* [MQTT-3.1.3-11] */
    if (reader->error == MQTT_OK)
        reader_fail(reader, topic_check_name(will->topic));
    will->payload = reader_binary(reader);
}

/* In 3.1 the remaining length has precedence over the flags: what it leaves out isn't there (3.1, "User name and
 * password flags"). */
static void read_credentials(struct reader *reader, struct gmq_connect *connect)
{
    bool is_lenient = connect->packet.version == GMQ_VERSION_3_1;
    if (is_lenient && reader_is_at_end(reader))
        connect->has_user_name = false;
    if (connect->has_user_name) /* [MQTT-3.1.2-17, 3.1.3-12] */
        connect->user_name = reader_string(reader);
    if (is_lenient && reader_is_at_end(reader))
        connect->has_password = false;
    if (connect->has_password) /* [MQTT-3.1.2-19] */
        connect->password = reader_binary(reader);
}

static void check_authentication(struct reader *reader, const struct properties *properties)
{
    bool has_method = properties_has(properties, PROPERTY_AUTHENTICATION_METHOD);
    bool has_data = properties_has(properties, PROPERTY_AUTHENTICATION_DATA);
    reader_require(reader, has_method || !has_data, MQTT_ERROR_AUTHENTICATION_DATA); /* 3.1.2.11.10 */
}

enum mqtt_error decode_connect(const struct frame *frame, struct arena *arena, union any_packet *packet)
{
    (void)arena;
    struct gmq_connect *connect = &packet->connect;
    struct reader reader = reader_of_frame(frame);
    read_version(&reader, connect);
    reader_require(&reader, frame->flags == 0, MQTT_ERROR_FIXED_HEADER_FLAGS); /* [MQTT-2.1.3-1] */
    bool is_minimal = connect->packet.version < GMQ_VERSION_5_0 || frame_is_minimal(frame);
    reader_require(&reader, is_minimal, MQTT_ERROR_VARINT);
    read_flags(&reader, connect);
    connect->keep_alive = reader_u16(&reader);
    reader_properties(&reader, PROPERTY_IN(GMQ_CONNECT), &connect->packet);
    check_authentication(&reader, &connect->packet.properties);
    read_client_identifier(&reader, connect); /* the order is that of [MQTT-3.1.3-1] */
    if (connect->has_will)
        read_will(&reader, connect);
    read_credentials(&reader, connect);
    return reader_finish(&reader);
}
