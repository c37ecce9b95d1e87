/* Properties: the table against the standard's, and reading, changing, encoding. */
#include "mqtt/properties.h"

#include <criterion/criterion.h>
#include <stdio.h>

#include "mqtt/random_packet.h"

/* MQTT 5.0, table 2-4, by hand: the types as hexadecimal digits, "0" for the will properties. */
struct property_fact {
    int identifier;
    enum property_type type;
    const char *places;
};

static const struct property_fact facts[] = {
    {1, PROPERTY_BYTE, "30"},
    {2, PROPERTY_U32, "30"},
    {3, PROPERTY_STRING, "30"},
    {8, PROPERTY_STRING, "30"},
    {9, PROPERTY_BINARY, "30"},
    {11, PROPERTY_VARINT, "38"},
    {17, PROPERTY_U32, "12E"},
    {18, PROPERTY_STRING, "2"},
    {19, PROPERTY_U16, "2"},
    {21, PROPERTY_STRING, "12F"},
    {22, PROPERTY_BINARY, "12F"},
    {23, PROPERTY_BYTE, "1"},
    {24, PROPERTY_U32, "0"},
    {25, PROPERTY_BYTE, "1"},
    {26, PROPERTY_STRING, "2"},
    {28, PROPERTY_STRING, "2E"},
    {31, PROPERTY_STRING, "245679BEF"},
    {33, PROPERTY_U16, "12"},
    {34, PROPERTY_U16, "12"},
    {35, PROPERTY_U16, "3"},
    {36, PROPERTY_BYTE, "2"},
    {37, PROPERTY_BYTE, "2"},
    {38, PROPERTY_PAIR, "1230456789ABEF"},
    {39, PROPERTY_U32, "12"},
    {40, PROPERTY_BYTE, "2"},
    {41, PROPERTY_BYTE, "2"},
    {42, PROPERTY_BYTE, "2"},
};

static const struct property_fact *fact_of(int identifier)
{
    for (size_t i = 0; i < sizeof facts / sizeof facts[0]; i++)
        if (facts[i].identifier == identifier)
            return &facts[i];
    return NULL;
}

/* A value that the property may have, with its identifier in front. */
static size_t value_write(uint8_t *bytes, const struct property_fact *fact)
{
    static const char *const values[] = {
        [PROPERTY_BYTE] = "\1",
        [PROPERTY_U16] = "\0\1",
        [PROPERTY_U32] = "\0\0\0\1",
        [PROPERTY_VARINT] = "\1",
        [PROPERTY_STRING] = "\0\1"
                            "a",
        [PROPERTY_BINARY] = "\0\1\0",
        [PROPERTY_PAIR] = "\0\1"
                          "n\0\1"
                          "v",
    };
    static const size_t sizes[] = {
        [PROPERTY_BYTE] = 1,   [PROPERTY_U16] = 2,    [PROPERTY_U32] = 4,  [PROPERTY_VARINT] = 1,
        [PROPERTY_STRING] = 3, [PROPERTY_BINARY] = 3, [PROPERTY_PAIR] = 6,
    };
    bytes[0] = (uint8_t)fact->identifier;
    memcpy(bytes + 1, values[fact->type], sizes[fact->type]);
    return 1 + sizes[fact->type];
}

static enum mqtt_error decode(const uint8_t *bytes, size_t length, uint32_t place, struct properties *properties)
{
    uint8_t *wire = malloc(length + 1);
    wire[0] = (uint8_t)length;
    memcpy(wire + 1, bytes, length);
    size_t position = 0;
    enum mqtt_error error = properties_decode(wire, length + 1, &position, place, properties);
    cr_assert_eq(position, error == MQTT_OK ? length + 1 : 0);
    free(wire);
    return error;
}

Test(properties, each_is_allowed_in_the_packets_that_the_standard_lists_and_refused_in_all_others)
{
    for (int identifier = 0; identifier < 128; identifier++)
        for (int place = 0; place < 16; place++) {
            const struct property_fact *fact = fact_of(identifier);
            struct property_fact unknown = {identifier, PROPERTY_BYTE, ""};
            uint8_t bytes[16];
            struct properties properties;
            size_t size = value_write(bytes, fact != NULL ? fact : &unknown);
            enum mqtt_error expected = fact == NULL ? MQTT_ERROR_PROPERTY_UNKNOWN : MQTT_ERROR_PROPERTY_MISPLACED;
            if (fact != NULL && strchr(fact->places, "0123456789ABCDEF"[place]) != NULL)
                expected = MQTT_OK;
            enum mqtt_error got = decode(bytes, size, PROPERTY_IN(place), &properties);
            cr_assert_eq(got, expected, "property %d in %d: %s", identifier, place, mqtt_error_text(got));
        }
}

Test(properties, each_may_stand_once_but_user_properties_and_a_brokers_subscription_identifiers)
{
    for (size_t i = 0; i < sizeof facts / sizeof facts[0]; i++)
        for (const char *digit = facts[i].places; *digit != '\0'; digit++) {
            int place = *digit <= '9' ? *digit - '0' : *digit - 'A' + 10;
            uint8_t bytes[32];
            struct properties properties;
            size_t size = value_write(bytes, &facts[i]);
            size += value_write(bytes + size, &facts[i]);
            bool repeats = facts[i].identifier == 38 || (facts[i].identifier == 11 && place == GMQ_PUBLISH);
            enum mqtt_error got = decode(bytes, size, PROPERTY_IN(place), &properties);
            cr_assert_eq(got, repeats ? MQTT_OK : MQTT_ERROR_PROPERTY_REPEATED, "property %d in %d: %s",
                         facts[i].identifier, place, mqtt_error_text(got));
        }
}

Test(properties, each_prefix_of_each_is_refused)
{
    for (size_t i = 0; i < sizeof facts / sizeof facts[0]; i++) {
        int place = facts[i].places[0] - '0';
        uint8_t bytes[16];
        struct properties properties;
        size_t size = value_write(bytes, &facts[i]);
        for (size_t cut = 1; cut < size; cut++)
            cr_assert_eq(decode(bytes, cut, PROPERTY_IN(place), &properties), MQTT_ERROR_PROPERTY_LENGTH,
                         "property %d, %zu bytes", facts[i].identifier, cut);
    }
}

struct broken {
    const char *bytes;
    size_t length;
    gmq_packet_type type;
    enum mqtt_error error;
};

/* With their property length. */
static const struct broken broken[] = {
    {"", 0, GMQ_PUBLISH, MQTT_ERROR_TRUNCATED},
    {"\x80", 1, GMQ_PUBLISH, MQTT_ERROR_TRUNCATED},
    {"\x80\x00", 2, GMQ_PUBLISH, MQTT_ERROR_VARINT},
    {"\x82\x00\x01\x01", 4, GMQ_PUBLISH, MQTT_ERROR_VARINT},
    {"\xFF\xFF\xFF\xFF\x01", 5, GMQ_PUBLISH, MQTT_ERROR_VARINT},
    {"\x03\x01\x01", 3, GMQ_PUBLISH, MQTT_ERROR_PROPERTY_LENGTH},
    {"\xFF\xFF\xFF\x7F", 4, GMQ_PUBLISH, MQTT_ERROR_PROPERTY_LENGTH},
    {"\x03\x81\x00\x01", 4, GMQ_PUBLISH, MQTT_ERROR_VARINT},
    {"\x03\x81\x01\x01", 4, GMQ_PUBLISH, MQTT_ERROR_PROPERTY_UNKNOWN},
    {"\x02\x01\x02", 3, GMQ_PUBLISH, MQTT_ERROR_PROPERTY_VALUE},
    {"\x03\x23\x00\x00", 4, GMQ_PUBLISH, MQTT_ERROR_TOPIC_ALIAS},
    {"\x02\x0B\x00", 3, GMQ_SUBSCRIBE, MQTT_ERROR_PROPERTY_VALUE},
    {"\x03\x0B\x80\x00", 4, GMQ_SUBSCRIBE, MQTT_ERROR_VARINT},
    {"\x05\x0B\xFF\xFF\xFF\x7F", 6, GMQ_SUBSCRIBE, MQTT_OK},
    {"\x05\x0B\xFF\xFF\xFF\xFF", 6, GMQ_SUBSCRIBE, MQTT_ERROR_VARINT},
    {"\x03\x21\x00\x00", 4, GMQ_CONNECT, MQTT_ERROR_PROPERTY_VALUE},
    {"\x05\x27\x00\x00\x00\x00", 6, GMQ_CONNECT, MQTT_ERROR_PROPERTY_VALUE},
    {"\x02\x17\x02", 3, GMQ_CONNECT, MQTT_ERROR_PROPERTY_VALUE},
    {"\x02\x19\x02", 3, GMQ_CONNECT, MQTT_ERROR_PROPERTY_VALUE},
    {"\x02\x24\x02", 3, GMQ_CONNACK, MQTT_ERROR_PROPERTY_VALUE},
    {"\x04\x03\x00\x01\xFF", 5, GMQ_PUBLISH, MQTT_ERROR_UTF8},
    {"\x04\x03\x00\x01\x00", 5, GMQ_PUBLISH, MQTT_ERROR_UTF8},
    {"\x06\x26\x00\x01\xFF\x00\x00", 7, GMQ_PUBLISH, MQTT_ERROR_UTF8},
    {"\x06\x26\x00\x00\x00\x01\xFF", 7, GMQ_PUBLISH, MQTT_ERROR_UTF8},
    {"\x05\x26\x00\x00\x00\x00", 6, GMQ_PUBLISH, MQTT_OK},
    {"\x04\x08\x00\x01#", 5, GMQ_PUBLISH, MQTT_ERROR_TOPIC_NAME},
    {"\x03\x08\x00\x00", 4, GMQ_PUBLISH, MQTT_ERROR_TOPIC_NAME},
    {"\x04\x09\x00\x01\xFF", 5, GMQ_PUBLISH, MQTT_OK},
};

Test(properties, broken_ones_are_refused_by_their_fault)
{
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        uint8_t *bytes = malloc(broken[i].length + 1);
        memcpy(bytes + 1, broken[i].bytes, broken[i].length);
        struct properties properties;
        size_t position = 0;
        enum mqtt_error got =
            properties_decode(bytes + 1, broken[i].length, &position, PROPERTY_IN(broken[i].type), &properties);
        cr_assert_eq(got, broken[i].error, "row %zu: %s", i, mqtt_error_text(got));
        free(bytes);
    }
}

/* ---- changing ---- */

static struct arena arena;
static struct properties properties;

static void set_up(void)
{
    arena_init(&arena, 1 << 20);
    properties_init(&properties);
}

static void tear_down(void)
{
    arena_deinit(&arena);
}

TestSuite(changing, .init = set_up, .fini = tear_down);

Test(changing, a_number_is_checked_against_rule_and_place)
{
    const uint32_t place = PROPERTY_IN(GMQ_CONNACK);
    cr_assert_eq(properties_set_number(&properties, place, GMQ_PROPERTY_RECEIVE_MAXIMUM, 7), GMQ_OK);
    cr_assert_eq(properties_number(&properties, PROPERTY_RECEIVE_MAXIMUM, 1), 7);
    cr_assert_eq(properties_set_number(&properties, place, GMQ_PROPERTY_RECEIVE_MAXIMUM, 0), GMQ_ERROR_ARGUMENT);
    cr_assert_eq(properties_set_number(&properties, place, GMQ_PROPERTY_RECEIVE_MAXIMUM, 65536), GMQ_ERROR_ARGUMENT);
    cr_assert_eq(properties_set_number(&properties, place, GMQ_PROPERTY_REASON_STRING, 1), GMQ_ERROR_ARGUMENT);
    cr_assert_eq(properties_set_number(&properties, place, GMQ_PROPERTY_USER_PROPERTY, 1), GMQ_ERROR_ARGUMENT);
    cr_assert_eq(properties_set_number(&properties, place, 0x7F, 1), GMQ_ERROR_ARGUMENT);
    cr_assert_eq(properties_set_number(&properties, place, 0x10000001, 1), GMQ_ERROR_ARGUMENT);
    cr_assert_eq(properties_set_number(&properties, place, GMQ_PROPERTY_TOPIC_ALIAS, 1), GMQ_ERROR_UNSUPPORTED);
    cr_assert_eq(properties_number(&properties, PROPERTY_RECEIVE_MAXIMUM, 1), 7);
    properties_remove(&properties, GMQ_PROPERTY_RECEIVE_MAXIMUM);
    cr_assert_eq(properties_number(&properties, PROPERTY_RECEIVE_MAXIMUM, 1), 1);
}

Test(changing, a_text_is_checked_and_copied)
{
    const uint32_t place = PROPERTY_IN(GMQ_PUBLISH);
    char text[] = "text";
    char *long_text = calloc(1, 65536);
    memset(long_text, 'a', 65536);
    gmq_view view = gmq_view_of(text);
    cr_assert_eq(properties_set_text(&properties, place, GMQ_PROPERTY_CONTENT_TYPE, view, &arena), GMQ_OK);
    text[0] = 'X';
    cr_assert(gmq_view_equals(properties.value[PROPERTY_CONTENT_TYPE].text, "text"));
    gmq_view bad = GMQ_VIEW("\xFF");
    cr_assert_eq(properties_set_text(&properties, place, GMQ_PROPERTY_CONTENT_TYPE, bad, &arena), GMQ_ERROR_ARGUMENT);
    cr_assert_eq(properties_set_text(&properties, place, GMQ_PROPERTY_CORRELATION_DATA, bad, &arena), GMQ_OK);
    cr_assert_eq(properties_set_text(&properties, place, GMQ_PROPERTY_RESPONSE_TOPIC, bad, &arena), GMQ_ERROR_ARGUMENT);
    bad = GMQ_VIEW("a/#");
    cr_assert_eq(properties_set_text(&properties, place, GMQ_PROPERTY_RESPONSE_TOPIC, bad, &arena), GMQ_ERROR_ARGUMENT);
    cr_assert_eq(properties_set_text(&properties, place, GMQ_PROPERTY_TOPIC_ALIAS, bad, &arena), GMQ_ERROR_ARGUMENT);
    cr_assert_eq(properties_set_text(&properties, place, GMQ_PROPERTY_USER_PROPERTY, bad, &arena), GMQ_ERROR_ARGUMENT);
    cr_assert_eq(properties_set_text(&properties, place, GMQ_PROPERTY_REASON_STRING, bad, &arena),
                 GMQ_ERROR_UNSUPPORTED);
    bad = gmq_view_make(long_text, 65536);
    cr_assert_eq(properties_set_text(&properties, place, GMQ_PROPERTY_CORRELATION_DATA, bad, &arena),
                 GMQ_ERROR_ARGUMENT);
    cr_assert_eq(properties_add_user(&properties, bad, GMQ_VIEW(""), &arena), GMQ_ERROR_ARGUMENT);
    cr_assert_eq(properties_add_user(&properties, GMQ_VIEW(""), GMQ_VIEW("\xC0\x80"), &arena), GMQ_ERROR_ARGUMENT);
    free(long_text);
}

Test(changing, user_properties_keep_their_order_received_ones_first)
{
    const uint8_t wire[] = {20, 0x26, 0, 1, 'a', 0, 1, '1', 0x03, 0, 1, 't', 0x01, 1, 0x26, 0, 1, 'b', 0, 1, '2'};
    size_t position = 0;
    cr_assert_eq(properties_decode(wire, sizeof wire, &position, PROPERTY_IN(GMQ_PUBLISH), &properties), MQTT_OK);
    cr_assert_eq(properties_add_user(&properties, GMQ_VIEW("c"), GMQ_VIEW("3"), &arena), GMQ_OK);
    cr_assert_eq(properties_add_user(&properties, GMQ_VIEW("a"), GMQ_VIEW("4"), &arena), GMQ_OK);
    char got[64] = "";
    gmq_view name, value;
    for (size_t i = 0; properties_user_at(&properties, i, &name, &value); i++)
        sprintf(got + strlen(got), "%.*s=%.*s ", (int)name.length, name.data, (int)value.length, value.data);
    cr_assert_str_eq(got, "a=1 b=2 c=3 a=4 ");
    properties_remove(&properties, GMQ_PROPERTY_USER_PROPERTY);
    cr_assert(!properties_user_at(&properties, 0, &name, &value));
    cr_assert(properties_has(&properties, PROPERTY_CONTENT_TYPE));
}

/* ---- encoding ---- */

Test(changing, encoding_is_in_ascending_order_with_user_properties_last)
{
    const uint32_t place = PROPERTY_IN(GMQ_CONNACK);
    cr_assert_eq(properties_add_user(&properties, GMQ_VIEW("n"), GMQ_VIEW("v"), &arena), GMQ_OK);
    cr_assert_eq(properties_set_number(&properties, place, GMQ_PROPERTY_SHARED_SUBSCRIPTION_AVAILABLE, 1), GMQ_OK);
    cr_assert_eq(properties_set_number(&properties, place, GMQ_PROPERTY_MAXIMUM_PACKET_SIZE, 258), GMQ_OK);
    cr_assert_eq(properties_set_text(&properties, place, GMQ_PROPERTY_REASON_STRING, GMQ_VIEW("r"), &arena), GMQ_OK);
    const uint8_t expected[] = {0x1F, 0, 1, 'r', 0x27, 0, 0, 1, 2, 0x2A, 1, 0x26, 0, 1, 'n', 0, 1, 'v'};
    struct buffer out;
    buffer_init(&out);
    properties_encode(&properties, UINT32_MAX, &out);
    cr_assert_eq(out.length, sizeof expected);
    cr_assert_arr_eq(out.bytes, expected, sizeof expected);
    cr_assert_eq(properties_size(&properties, UINT32_MAX), sizeof expected);
    buffer_clear(&out);
    properties_encode(&properties, PROPERTY_BIT(PROPERTY_REASON_STRING), &out);
    cr_assert_eq(out.length, 4);
    buffer_clear(&out);
    properties_encode(&properties, 0, &out);
    cr_assert_eq(out.length, 0);
    buffer_deinit(&out);
}

Test(changing, what_is_forwarded_leaves_out_what_belongs_to_one_connection)
{
    const uint32_t place = PROPERTY_IN(GMQ_PUBLISH);
    struct dice dice = {3};
    for (unsigned index = 0; index < PROPERTY_COUNT; index++)
        if ((property_rule_at(index)->packets & place) != 0)
            random_property(&dice, place, index, &properties, &arena);
    uint8_t length[ENCODE_VARINT_MAX];
    uint32_t size = (uint32_t)properties_size(&properties, PROPERTIES_FORWARDED);
    struct buffer out;
    buffer_init(&out);
    buffer_append(&out, length, encode_varint(length, size));
    properties_encode(&properties, PROPERTIES_FORWARDED, &out);
    struct properties forwarded;
    size_t position = 0;
    cr_assert_eq(properties_decode(out.bytes, out.length, &position, place, &forwarded), MQTT_OK);
    cr_assert(properties_has(&forwarded, PROPERTY_CONTENT_TYPE));
    cr_assert(properties_has(&forwarded, PROPERTY_USER_PROPERTY));
    cr_assert(!properties_has(&forwarded, PROPERTY_MESSAGE_EXPIRY_INTERVAL));
    cr_assert(!properties_has(&forwarded, PROPERTY_TOPIC_ALIAS));
    cr_assert(!properties_has(&forwarded, PROPERTY_SUBSCRIPTION_IDENTIFIER));
    buffer_deinit(&out);
}
