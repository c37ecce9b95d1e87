/* Retained messages for new subscriptions (MQTT 5.0, 3.3.1.3). */
#include "broker/retained_run.h"

#include "shard/each.h"

#include <string.h>

enum { WHEN_NEW = 1 << SUBSCRIBE_RETAIN_HANDLING_SHIFT, NEVER = 2 << SUBSCRIBE_RETAIN_HANDLING_SHIFT };

static void retain(struct peer *peer, const char *topic, const char *payload)
{
    cr_assert_lt(PUBLISH(peer, .topic = topic, .payload = payload, .is_retained = true, .qos = 1), 0x80);
}

BROKER_TEST(retained, the_last_one_of_each_topic_is_for_who_comes_later)
{
    struct peer *from = CONNECT(shards, .identifier = "from");
    retain(from, "a/b", "old");
    retain(from, "a/b", "new");
    retain(from, "c", "other");
    struct peer *to = CONNECT(shards, .identifier = "to");
    SUBSCRIBE(to, "a/+", 1);
    const struct gmq_publish *packet = EXPECT(to, "a/b", "new");
    cr_assert(packet->is_retained);
    cr_assert_eq(packet->qos, 1);
    EXPECT_SILENCE(to);
}

BROKER_TEST(retained, an_empty_one_removes_it)
{
    struct peer *from = CONNECT(shards, .identifier = "from");
    retain(from, "a", "x");
    retain(from, "a", "");
    struct peer *to = CONNECT(shards, .identifier = "to");
    SUBSCRIBE(to, "a", 1);
    EXPECT_SILENCE(to);
    cr_assert_eq(retained_store_count(shards->broker->retained), 0);
}

BROKER_TEST(retained, the_subscription_says_whether_it_wants_them)
{
    struct peer *from = CONNECT(shards, .identifier = "from");
    retain(from, "a", "x");
    struct peer *to = CONNECT(shards, .identifier = "to");
    SUBSCRIBE(to, "a", (uint8_t)(1 | NEVER));
    EXPECT_SILENCE(to);
    SUBSCRIBE(to, "a", (uint8_t)(1 | WHEN_NEW));
    EXPECT_SILENCE(to);
    SUBSCRIBE(to, "a", 1);
    EXPECT(to, "a", "x");
    UNSUBSCRIBE(to, "a");
    SUBSCRIBE(to, "a", (uint8_t)(1 | WHEN_NEW));
    EXPECT(to, "a", "x");
    SUBSCRIBE(to, "$share/g/a", 1);
    EXPECT_SILENCE(to);
}

BROKER_TEST(retained, they_expire)
{
    struct peer *from = CONNECT(shards, .identifier = "from");
    PUBLISH(from, .topic = "a", .payload = "x", .is_retained = true, .expiry = 10);
    PUBLISH(from, .topic = "b", .payload = "y", .is_retained = true, .expiry = 100);
    shards_wait(shards, 11);
    cr_assert_eq(retained_store_count(shards->broker->retained), 1, "the sweep has removed it");
    struct peer *to = CONNECT(shards, .identifier = "to");
    SUBSCRIBE(to, "#", 1);
    const struct gmq_publish *packet = EXPECT(to, "b", "y");
    cr_assert_eq(properties_number(&packet->packet.properties, PROPERTY_MESSAGE_EXPIRY_INTERVAL, 0), 89);
    EXPECT_SILENCE(to);
}

BROKER_TEST_WITH(retained, there_are_no_more_than_the_limit, "'limits': {'retained_messages': 2}")
{
    struct peer *from = CONNECT(shards, .identifier = "from");
    retain(from, "a", "1");
    retain(from, "b", "1");
    cr_assert_eq(PUBLISH(from, .topic = "c", .payload = "x", .is_retained = true, .qos = 1), GMQ_REASON_QUOTA_EXCEEDED);
    retain(from, "a", "2");
    retain(from, "b", "");
    retain(from, "c", "x");
    cr_assert_eq(retained_store_count(shards->broker->retained), 2);
}

/* ---- many of them ---- */

static void retain_many(struct peer *from, int count, const char *payload)
{
    char topic[32];
    for (int i = 0; i < count; i++) {
        snprintf(topic, sizeof topic, "many/%d", i);
        retain(from, topic, payload);
    }
}

BROKER_TEST(retained, many_come_as_the_window_allows)
{
    enum { COUNT = 60 };
    struct peer *from = CONNECT(shards, .identifier = "from");
    retain_many(from, COUNT, "x");
    struct peer *to = CONNECT(shards, .identifier = "to", .receive_maximum = 4);
    SUBSCRIBE(to, "many/#", 1);
    for (int i = 0; i < COUNT; i++) {
        const struct gmq_packet *packet = &TAKE(to, GMQ_PUBLISH)->packet;
        peer_send_ack(to, GMQ_PUBACK, packet->identifier, GMQ_REASON_SUCCESS);
    }
    EXPECT_SILENCE(to);
}

BROKER_TEST(retained, many_are_sent_in_slices)
{
    enum { COUNT = 2500 };
    struct peer *from = CONNECT(shards, .identifier = "from");
    retain_many(from, COUNT, "x");
    struct peer *to = CONNECT(shards, .identifier = "to");
    SUBSCRIBE(to, "many/#", 0);
    int got = 0;
    while (peer_next(to) != NULL)
        got++;
    cr_assert_eq(got, COUNT);
}

BROKER_TEST(retained, one_that_was_replaced_while_it_waited_does_not_follow_the_new_one)
{
    struct peer *from = CONNECT(shards, .identifier = "from");
    retain_many(from, 10, "old");
    struct peer *to = CONNECT(shards, .identifier = "to", .receive_maximum = 1);
    SUBSCRIBE(to, "many/+", 1);
    retain_many(from, 10, "new");
    bool has_new[10] = {false};
    const union any_packet *packet;
    while ((packet = peer_next(to)) != NULL) {
        int number = packet->publish.topic.data[5] - '0';
        bool is_new = gmq_view_equals(packet->publish.payload, "new");
        cr_assert(is_new || !has_new[number], "the old message came after the new one");
        has_new[number] = has_new[number] || is_new;
        peer_send_ack(to, GMQ_PUBACK, packet->packet.identifier, GMQ_REASON_SUCCESS);
    }
    for (int i = 0; i < 10; i++)
        cr_assert(has_new[i]);
}

BROKER_TEST(retained, who_leaves_meanwhile_gets_the_rest_later)
{
    struct peer *from = CONNECT(shards, .identifier = "from");
    retain_many(from, 10, "x");
    struct peer *to = CONNECT(shards, .identifier = "to", .receive_maximum = 2, .expiry = 100);
    SUBSCRIBE(to, "many/+", 1);
    EXPECT_ACK(to, GMQ_PUBLISH, 1);
    peer_break(to);
    while (peer_next(to) != NULL)
        ;
    to = CONNECT(shards, .identifier = "to", .expiry = 100);
    bool has[10] = {false};
    for (int i = 0; i < 10; i++) {
        const union any_packet *packet = TAKE(to, GMQ_PUBLISH);
        has[packet->publish.topic.data[5] - '0'] = true;
        peer_send_ack(to, GMQ_PUBACK, packet->packet.identifier, GMQ_REASON_SUCCESS);
    }
    for (int i = 0; i < 10; i++)
        cr_assert(has[i]);
    EXPECT_SILENCE(to);
}

BROKER_TEST(retained, who_takes_over_meanwhile_gets_the_rest)
{
    struct peer *from = CONNECT(shards, .identifier = "from");
    retain_many(from, 10, "x");
    struct peer *to = CONNECT(shards, .identifier = "to", .receive_maximum = 2, .expiry = 100);
    SUBSCRIBE(to, "many/+", 1);
    to = CONNECT(shards, .identifier = "to", .receive_maximum = 2, .expiry = 100);
    int got = 0;
    const union any_packet *packet;
    while ((packet = peer_next(to)) != NULL) {
        got++;
        peer_send_ack(to, GMQ_PUBACK, packet->packet.identifier, GMQ_REASON_SUCCESS);
    }
    cr_assert_eq(got, 10);
}

BROKER_TEST_WITH(retained, who_reads_slowly_gets_all, "'limits': {'outgoing_bytes': 4096}")
{
    enum { COUNT = 400 };
    struct peer *from = CONNECT(shards, .identifier = "from");
    retain_many(from, COUNT, "a payload that takes some room");
    struct peer *to = CONNECT(shards, .identifier = "to");
    to->budget = 100; /* of which CONNACK has taken its share */
    SUBSCRIBE(to, "many/#", 0);
    int got = 0;
    for (int i = 0; i < 2000 && got < COUNT; i++) {
        peer_read_only(to, 100);
        while (peer_next(to) != NULL)
            got++;
    }
    cr_assert_eq(got, COUNT);
}
