/* The tables of errors and reasons against what the standards say. */
#include "mqtt/error.h"

#include <criterion/criterion.h>

/* MQTT 5.0, table 2-6, by hand: the types as hexadecimal digits. */
struct reason_fact {
    int code;
    const char *types;
};

static const struct reason_fact facts[] = {
    {0x00, "245679BEF"}, {0x01, "9"},     {0x02, "9"},      {0x04, "E"},      {0x10, "45"}, {0x11, "B"},
    {0x18, "F"},         {0x19, "F"},     {0x80, "2459BE"}, {0x81, "2E"},     {0x82, "2E"}, {0x83, "2459BE"},
    {0x84, "2"},         {0x85, "2"},     {0x86, "2"},      {0x87, "2459BE"}, {0x88, "2"},  {0x89, "2E"},
    {0x8A, "2"},         {0x8B, "E"},     {0x8C, "2"},      {0x8D, "E"},      {0x8E, "E"},  {0x8F, "9BE"},
    {0x90, "245E"},      {0x91, "459B"},  {0x92, "67"},     {0x93, "E"},      {0x94, "E"},  {0x95, "2E"},
    {0x96, "E"},         {0x97, "2459E"}, {0x98, "E"},      {0x99, "245E"},   {0x9A, "2E"}, {0x9B, "2E"},
    {0x9C, "2E"},        {0x9D, "2E"},    {0x9E, "9E"},     {0x9F, "2E"},     {0xA0, "E"},  {0xA1, "9E"},
    {0xA2, "9E"},
};

static const char *types_of(int code)
{
    for (size_t i = 0; i < sizeof facts / sizeof facts[0]; i++)
        if (facts[i].code == code)
            return facts[i].types;
    return "";
}

Test(error, a_reason_is_allowed_where_the_standard_lists_it)
{
    for (int code = 0; code < 256; code++)
        for (int type = 0; type < 16; type++) {
            bool expected = type > 0 && strchr(types_of(code), "0123456789ABCDEF"[type]) != NULL;
            cr_assert_eq(mqtt_reason_is_allowed(type, code), expected, "reason 0x%02X in type %d", code, type);
        }
    cr_assert(!mqtt_reason_is_allowed(GMQ_CONNACK, 256));
    cr_assert(!mqtt_reason_is_allowed(99, 0));
}

Test(error, a_reason_has_a_name_exactly_if_the_standard_knows_it)
{
    for (int code = 0; code < 300; code++)
        cr_assert_eq(mqtt_reason_name(code) != NULL, types_of(code)[0] != '\0', "reason 0x%02X", code);
    cr_assert_str_eq(mqtt_reason_name(GMQ_REASON_NOT_AUTHORIZED), "not authorized");
}

Test(error, a_client_leaves_with_the_reasons_of_section_3_14_2_1)
{
    static const uint8_t expected[] = {0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x90,
                                       0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99};
    for (int code = 0; code < 256; code++)
        cr_assert_eq(mqtt_reason_is_of_leaving(code), memchr(expected, code, sizeof expected) != NULL, "0x%02X", code);
}

Test(error, two_reasons_are_the_clients_alone)
{
    for (int code = 0; code < 300; code++)
        cr_assert_eq(mqtt_reason_is_of_client(code), code == 0x04 || code == 0x19, "0x%02X", code);
}

Test(error, a_refusal_stays_a_refusal_in_the_return_code)
{
    for (int code = 0; code < 256; code++) {
        uint8_t return_code = mqtt_return_code_of(code);
        cr_assert_eq(return_code != 0, code >= 0x80, "0x%02X", code);
        cr_assert_leq(return_code, 5, "0x%02X", code);
    }
    cr_assert_eq(mqtt_return_code_of(GMQ_REASON_UNSUPPORTED_PROTOCOL_VERSION), 1);
    cr_assert_eq(mqtt_return_code_of(GMQ_REASON_CLIENT_IDENTIFIER_NOT_VALID), 2);
    cr_assert_eq(mqtt_return_code_of(GMQ_REASON_SERVER_UNAVAILABLE), 3);
    cr_assert_eq(mqtt_return_code_of(GMQ_REASON_BAD_USER_NAME_OR_PASSWORD), 4);
    cr_assert_eq(mqtt_return_code_of(GMQ_REASON_NOT_AUTHORIZED), 5);
}

Test(error, every_error_has_a_text_and_a_reason_that_ends_a_connection)
{
    for (int error = MQTT_OK + 1; error < MQTT_ERROR_COUNT; error++) {
        cr_assert_gt(strlen(mqtt_error_text(error)), 0);
        gmq_reason reason = mqtt_error_reason(error);
        bool ends = mqtt_reason_is_allowed(GMQ_DISCONNECT, reason) || mqtt_reason_is_allowed(GMQ_CONNACK, reason);
        cr_assert(ends && reason >= 0x80, "error %d", error);
    }
    cr_assert_eq(mqtt_error_return_code(MQTT_ERROR_PROTOCOL_VERSION), 1);
    cr_assert_eq(mqtt_error_return_code(MQTT_ERROR_CLIENT_IDENTIFIER), 2);
    cr_assert_eq(mqtt_error_return_code(MQTT_ERROR_CONNECT_FLAGS), 0);
    cr_assert_str_eq(mqtt_error_text(MQTT_OK), "no error");
}

/* Cannot be parsed, or is parsed and not allowed: where the standard says which of the two an error is. */
Test(error, what_is_malformed_and_what_against_the_protocol_is_told_apart)
{
    static const enum mqtt_error malformed[] = {
        MQTT_ERROR_UTF8,               /* 1.5.4 */
        MQTT_ERROR_FIXED_HEADER_FLAGS, /* 2.1.3 */
        MQTT_ERROR_PROPERTY_UNKNOWN,
        MQTT_ERROR_PROPERTY_MISPLACED, /* 2.2.2.2 */
        MQTT_ERROR_CONNECT_FLAGS,
        MQTT_ERROR_QOS,                  /* 3.1.2, 3.3.1.2 */
        MQTT_ERROR_SUBSCRIPTION_OPTIONS, /* [MQTT-3.8.3-5] */
    };
    static const enum mqtt_error against_protocol[] = {
        MQTT_ERROR_PROPERTY_REPEATED,   MQTT_ERROR_PROPERTY_VALUE,        /* 3.1.2.11 */
        MQTT_ERROR_AUTHENTICATION_DATA, MQTT_ERROR_AUTHENTICATION_METHOD, /* 3.1.2.11.10, 3.15.2.2.2 */
        MQTT_ERROR_TOPIC_MISSING,                                         /* 3.3.2.1 */
        MQTT_ERROR_SUBSCRIPTION_VALUE,  MQTT_ERROR_SHARED_NO_LOCAL,       MQTT_ERROR_NO_FILTERS, /* 3.8.3 */
    };
    for (size_t i = 0; i < sizeof malformed / sizeof malformed[0]; i++)
        cr_assert_eq(mqtt_error_reason(malformed[i]), GMQ_REASON_MALFORMED_PACKET, "%s", mqtt_error_text(malformed[i]));
    for (size_t i = 0; i < sizeof against_protocol / sizeof against_protocol[0]; i++)
        cr_assert_eq(mqtt_error_reason(against_protocol[i]), GMQ_REASON_PROTOCOL_ERROR, "%s",
                     mqtt_error_text(against_protocol[i]));
}
