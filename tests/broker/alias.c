/* Topic aliases in both directions (MQTT 5.0, 3.3.2.3.4). */
#include "broker/alias.h"

#include "base/memory.h"
#include "mqtt/properties.h"

#include <criterion/criterion.h>
#include <stdio.h>

static struct gmq_client client_with(uint16_t maximum)
{
    return (struct gmq_client){.topic_alias_maximum_in = maximum, .topic_alias_maximum_out = maximum};
}

/* What becomes of a PUBLISH with this topic and alias; -1: none. */
static enum mqtt_error resolve(struct gmq_client *client, const char *topic, int alias, struct gmq_publish *packet)
{
    packet_init(&packet->packet, GMQ_PUBLISH, GMQ_VERSION_5_0);
    packet->topic = gmq_view_of(topic);
    if (alias >= 0) {
        packet->packet.properties.present |= PROPERTY_BIT(PROPERTY_TOPIC_ALIAS);
        packet->packet.properties.value[PROPERTY_TOPIC_ALIAS].number = (uint32_t)alias;
    }
    return alias_resolve(client, packet);
}

static void expect_topic(struct gmq_client *client, int alias, const char *topic)
{
    struct gmq_publish packet;
    cr_assert_eq(resolve(client, "", alias, &packet), MQTT_OK);
    cr_assert(gmq_view_equals(packet.topic, topic), "expected %s", topic);
    cr_assert_not(properties_has(&packet.packet.properties, PROPERTY_TOPIC_ALIAS), "it must not be passed on");
}

Test(alias, one_that_was_told_stands_for_its_topic)
{
    struct gmq_client client = client_with(3);
    struct gmq_publish packet;
    cr_assert_eq(resolve(&client, "a/b", 1, &packet), MQTT_OK);
    cr_assert_eq(resolve(&client, "c", 3, &packet), MQTT_OK);
    expect_topic(&client, 1, "a/b");
    expect_topic(&client, 3, "c");
    alias_free(&client);
}

Test(alias, it_can_be_told_anew)
{
    struct gmq_client client = client_with(3);
    struct gmq_publish packet;
    cr_assert_eq(resolve(&client, "a/b", 2, &packet), MQTT_OK);
    cr_assert_eq(resolve(&client, "longer/than/before", 2, &packet), MQTT_OK);
    cr_assert_eq(resolve(&client, "longer/than/before", 2, &packet), MQTT_OK);
    expect_topic(&client, 2, "longer/than/before");
    alias_free(&client);
}

Test(alias, what_is_out_of_range_is_refused)
{
    struct gmq_client client = client_with(3), none = client_with(0);
    struct gmq_publish packet;
    cr_assert_eq(resolve(&client, "a", 0, &packet), MQTT_ERROR_TOPIC_ALIAS);
    cr_assert_eq(resolve(&client, "a", 4, &packet), MQTT_ERROR_TOPIC_ALIAS);
    cr_assert_eq(resolve(&client, "a", 65535, &packet), MQTT_ERROR_TOPIC_ALIAS);
    cr_assert_eq(resolve(&none, "a", 1, &packet), MQTT_ERROR_TOPIC_ALIAS);
    alias_free(&client);
}

Test(alias, one_that_was_never_told_has_no_topic)
{
    struct gmq_client client = client_with(3);
    struct gmq_publish packet;
    cr_assert_eq(resolve(&client, "", 1, &packet), MQTT_ERROR_TOPIC_MISSING);
    cr_assert_eq(resolve(&client, "a", 1, &packet), MQTT_OK);
    cr_assert_eq(resolve(&client, "", 2, &packet), MQTT_ERROR_TOPIC_MISSING);
    cr_assert_eq(resolve(&client, "a", -1, &packet), MQTT_OK, "none is needed");
    alias_free(&client);
}

Test(alias, towards_the_client_first_come_are_first_served)
{
    struct gmq_client client = client_with(2);
    cr_assert_eq(alias_known(&client, GMQ_VIEW("first")), 0);
    cr_assert_eq(alias_next(&client, GMQ_VIEW("first")), 1);
    cr_assert(alias_assign(&client, GMQ_VIEW("first")));
    cr_assert_eq(alias_next(&client, GMQ_VIEW("a")), 0, "not worth it");
    cr_assert_eq(alias_next(&client, GMQ_VIEW("second")), 2);
    cr_assert(alias_assign(&client, GMQ_VIEW("second")));
    cr_assert_eq(alias_next(&client, GMQ_VIEW("third")), 0);
    cr_assert_eq(alias_known(&client, GMQ_VIEW("first")), 1);
    cr_assert_eq(alias_known(&client, GMQ_VIEW("second")), 2);
    cr_assert_eq(alias_known(&client, GMQ_VIEW("third")), 0);
    alias_free(&client);
    cr_assert_eq(alias_known(&client, GMQ_VIEW("first")), 0);
}

Test(alias, all_numbers_can_be_used)
{
    struct gmq_client client = client_with(65535);
    struct gmq_publish packet;
    char topic[32];
    for (int i = 1; i <= 65535; i += 13) {
        snprintf(topic, sizeof topic, "topic/%d", i);
        cr_assert_eq(resolve(&client, topic, i, &packet), MQTT_OK);
        cr_assert(alias_assign(&client, gmq_view_of(topic)));
    }
    for (int i = 1; i <= 65535; i += 13) {
        snprintf(topic, sizeof topic, "topic/%d", i);
        expect_topic(&client, i, topic);
        cr_assert_eq(alias_known(&client, gmq_view_of(topic)), i / 13 + 1);
    }
    alias_free(&client);
}

Test(alias, without_memory_none_is_learnt_or_assigned)
{
    for (uint64_t n = 1; n < 8; n++) {
        struct gmq_client client = client_with(3);
        struct gmq_publish packet;
        mem_fail_after(n);
        enum mqtt_error error = resolve(&client, "topic", 1, &packet);
        bool is_assigned = alias_assign(&client, GMQ_VIEW("topic"));
        mem_fail_after(0);
        if (error != MQTT_OK)
            cr_assert_eq(error, MQTT_ERROR_MEMORY);
        cr_assert_eq(resolve(&client, "", 1, &packet), error == MQTT_OK ? MQTT_OK : MQTT_ERROR_TOPIC_MISSING);
        cr_assert_eq(alias_known(&client, GMQ_VIEW("topic")), is_assigned ? 1 : 0);
        alias_free(&client);
    }
}
