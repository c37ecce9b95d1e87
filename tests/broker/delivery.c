/* Who gets a message, in what form, and what happens to it at the limits (MQTT 5.0, 3.3, 3.8.3.1, 3.8.4 and 4.7). */
#include "broker/delivery.h"

#include "broker/session.h"
#include "shard/each.h"

#include <string.h>

static const uint8_t NO_LOCAL = SUBSCRIBE_NO_LOCAL, AS_PUBLISHED = SUBSCRIBE_RETAIN_AS_PUBLISHED;

static struct peer *subscriber(struct shards *shards, const char *identifier, const char *filter, uint8_t options)
{
    struct peer *peer = CONNECT(shards, .identifier = identifier, .expiry = 1000);
    cr_assert_lt(SUBSCRIBE(peer, filter, options), 0x80);
    return peer;
}

/* ---- who gets it ---- */

BROKER_TEST(delivery, the_lower_qos_counts)
{
    struct peer *low = subscriber(shards, "low", "a", 0);
    struct peer *high = subscriber(shards, "high", "a", 2);
    struct peer *from = CONNECT(shards, .identifier = "from");
    for (uint8_t qos = 0; qos <= 2; qos++) {
        PUBLISH(from, .topic = "a", .payload = "x", .qos = qos);
        cr_assert_eq(EXPECT(low, "a", "x")->qos, 0);
        cr_assert_eq(EXPECT(high, "a", "x")->qos, qos);
    }
}

BROKER_TEST(delivery, overlapping_subscriptions_bring_it_once_with_the_highest_qos_and_all_identifiers)
{
    struct peer *to = CONNECT(shards, .identifier = "to");
    peer_subscribe_at(to, "a/b", 0, 10, __FILE__, __LINE__);
    peer_subscribe_at(to, "a/+", 2, 20, __FILE__, __LINE__);
    peer_subscribe_at(to, "a/#", 1, 0, __FILE__, __LINE__);
    peer_subscribe_at(to, "#", 1, 268435455, __FILE__, __LINE__);
    struct peer *from = CONNECT(shards, .identifier = "from");
    PUBLISH(from, .topic = "a/b", .payload = "x", .qos = 2);
    const struct gmq_publish *packet = &TAKE(to, GMQ_PUBLISH)->publish;
    cr_assert_eq(packet->qos, 2);
    uint64_t sum = 0;
    for (uint32_t i = 0; i < packet->packet.properties.subscription_identifier_count; i++)
        sum += packet->packet.properties.subscription_identifiers[i];
    cr_assert_eq(packet->packet.properties.subscription_identifier_count, 3);
    cr_assert_eq(sum, 268435485);
    EXPECT_SILENCE(to);
}

BROKER_TEST(delivery, no_local_keeps_it_from_its_publisher_alone)
{
    struct peer *self = subscriber(shards, "self", "a", (uint8_t)(1 | NO_LOCAL));
    struct peer *other = subscriber(shards, "other", "a", (uint8_t)(1 | NO_LOCAL));
    cr_assert_eq(PUBLISH(self, .topic = "a", .payload = "x", .qos = 1), GMQ_REASON_SUCCESS);
    EXPECT(other, "a", "x");
    EXPECT_SILENCE(self);
    SUBSCRIBE(self, "+", 1); /* another one of its, without no local */
    SEND(self, .topic = "a", .payload = "y", .qos = 0);
    EXPECT(self, "a", "y");
    EXPECT_SILENCE(self);
}

BROKER_TEST(delivery, retain_is_told_to_those_who_want_it_as_published)
{
    struct peer *plain = subscriber(shards, "plain", "a", 1);
    struct peer *curious = subscriber(shards, "curious", "a", (uint8_t)(1 | AS_PUBLISHED));
    struct peer *from = CONNECT(shards, .identifier = "from");
    PUBLISH(from, .topic = "a", .payload = "x", .is_retained = true, .qos = 1);
    cr_assert_not(EXPECT(plain, "a", "x")->is_retained);
    cr_assert(EXPECT(curious, "a", "x")->is_retained);
    PUBLISH(from, .topic = "a", .payload = "y", .qos = 1);
    cr_assert_not(EXPECT(curious, "a", "y")->is_retained);
}

BROKER_TEST(delivery, what_begins_with_a_dollar_is_not_for_wildcards)
{
    struct peer *all = subscriber(shards, "all", "#", 1);
    struct peer *own = subscriber(shards, "own", "$x/#", 1);
    struct peer *from = CONNECT(shards, .identifier = "from");
    PUBLISH(from, .topic = "$x/y", .payload = "x", .qos = 1);
    EXPECT(own, "$x/y", "x");
    EXPECT_SILENCE(all);
}

BROKER_TEST(delivery, who_unsubscribes_gets_no_more)
{
    struct peer *to = subscriber(shards, "to", "a/+", 1);
    struct peer *from = CONNECT(shards, .identifier = "from");
    PUBLISH(from, .topic = "a/b", .payload = "1", .qos = 1);
    EXPECT(to, "a/b", "1");
    cr_assert_eq(UNSUBSCRIBE(to, "a/+"), GMQ_REASON_SUCCESS);
    cr_assert_eq(PUBLISH(from, .topic = "a/b", .payload = "2", .qos = 1), GMQ_REASON_NO_MATCHING_SUBSCRIBERS);
    EXPECT_SILENCE(to);
}

BROKER_TEST(delivery, many_get_it_on_all_workers)
{
    enum { PEERS = 40 };
    struct peer *peers[PEERS];
    char name[16];
    for (int i = 0; i < PEERS; i++) {
        snprintf(name, sizeof name, "to%d", i);
        peers[i] = peer_connect(shards, &(struct hello){.identifier = name, .version = (uint8_t)(3 + i % 3)});
        SUBSCRIBE(peers[i], i % 2 == 0 ? "a" : "+", (uint8_t)(i % 3));
    }
    struct peer *from = CONNECT(shards, .identifier = "from");
    for (uint8_t qos = 0; qos <= 2; qos++) {
        PUBLISH(from, .topic = "a", .payload = "x", .qos = qos);
        for (int i = 0; i < PEERS; i++)
            cr_assert_eq(EXPECT(peers[i], "a", "x")->qos, i % 3 < qos ? i % 3 : qos);
    }
}

/* ---- in what form ---- */

BROKER_TEST(delivery, a_long_payload_reaches_all_of_them_whole)
{
    enum { LENGTH = 300000 };
    static char payload[LENGTH];
    for (size_t i = 0; i < LENGTH; i++)
        payload[i] = (char)(i * 31);
    struct peer *one = subscriber(shards, "one", "a", 1), *two = subscriber(shards, "two", "#", 0);
    struct peer *from = CONNECT(shards, .identifier = "from");
    PUBLISH(from, .topic = "a", .payload = payload, .length = LENGTH, .qos = 1);
    gmq_view expected = gmq_view_make(payload, LENGTH);
    cr_assert(gmq_view_same(TAKE(one, GMQ_PUBLISH)->publish.payload, expected));
    cr_assert(gmq_view_same(TAKE(two, GMQ_PUBLISH)->publish.payload, expected));
}

BROKER_TEST(delivery, every_length_around_the_broker_s_own_bounds_arrives)
{
    static char payload[9000];
    memset(payload, 'x', sizeof payload);
    struct peer *one = subscriber(shards, "one", "a", 1), *two = subscriber(shards, "two", "a", 1);
    struct peer *from = CONNECT(shards, .identifier = "from");
    static const size_t middles[] = {120, 512, 4096, 8192};
    for (size_t i = 0; i < sizeof middles / sizeof middles[0]; i++) {
        for (size_t length = middles[i] - 24; length < middles[i] + 4; length++) {
            PUBLISH(from, .topic = "a", .payload = payload, .length = length, .qos = (uint8_t)(length % 2));
            const struct gmq_publish *packet = &TAKE(one, GMQ_PUBLISH)->publish;
            cr_assert_eq(packet->payload.length, length);
            if (packet->qos == 1)
                peer_send_ack(one, GMQ_PUBACK, packet->packet.identifier, GMQ_REASON_SUCCESS);
            packet = &TAKE(two, GMQ_PUBLISH)->publish;
            cr_assert_eq(packet->payload.length, length);
            if (packet->qos == 1)
                peer_send_ack(two, GMQ_PUBACK, packet->packet.identifier, GMQ_REASON_SUCCESS);
        }
    }
}

BROKER_TEST(delivery, aliases_are_used_towards_who_offers_them)
{
    struct peer *to = CONNECT(shards, .identifier = "to", .alias_maximum = 1);
    SUBSCRIBE(to, "#", 1);
    struct peer *from = CONNECT(shards, .identifier = "from");
    for (int i = 0; i < 3; i++) {
        PUBLISH(from, .topic = "first/topic", .payload = "x");
        const struct gmq_publish *packet = &TAKE(to, GMQ_PUBLISH)->publish;
        cr_assert_eq(properties_number(&packet->packet.properties, PROPERTY_TOPIC_ALIAS, 0), 1);
        cr_assert_eq(packet->topic.length, i == 0 ? strlen("first/topic") : 0);
        PUBLISH(from, .topic = "second/topic", .payload = "y");
        packet = &TAKE(to, GMQ_PUBLISH)->publish;
        cr_assert_not(properties_has(&packet->packet.properties, PROPERTY_TOPIC_ALIAS));
        cr_assert(gmq_view_equals(packet->topic, "second/topic"));
    }
}

BROKER_TEST(delivery, an_alias_never_makes_a_packet_too_large)
{
    struct peer *from = CONNECT(shards, .identifier = "from");
    for (uint32_t size = 30; size < 40; size++) {
        struct peer *to = CONNECT(shards, .identifier = "to", .alias_maximum = 5, .maximum_packet_size = size);
        SUBSCRIBE(to, "a/topic", 0);
        PUBLISH(from, .topic = "a/topic", .payload = "a payload of eighteen", .qos = 0); /* 33 bytes in all */
        if (size >= 33)
            cr_assert(gmq_view_equals(TAKE(to, GMQ_PUBLISH)->publish.payload, "a payload of eighteen"), "%u", size);
        EXPECT_SILENCE(to);
    }
}

BROKER_TEST(delivery, aliases_of_the_publisher_are_resolved)
{
    struct peer *to = subscriber(shards, "to", "#", 1);
    struct peer *from = CONNECT(shards, .identifier = "from");
    PUBLISH(from, .topic = "a/b", .payload = "1", .alias = 3);
    PUBLISH(from, .topic = "", .payload = "2", .alias = 3, .qos = 1);
    EXPECT(to, "a/b", "1");
    EXPECT(to, "a/b", "2");
    SEND(from, .topic = "", .payload = "3", .alias = 4);
    EXPECT_END(from, GMQ_REASON_PROTOCOL_ERROR);
}

BROKER_TEST(delivery, what_is_too_large_for_a_client_is_left_out)
{
    struct peer *small = CONNECT(shards, .identifier = "small", .maximum_packet_size = 40, .receive_maximum = 2);
    SUBSCRIBE(small, "a", 2);
    struct peer *large = subscriber(shards, "large", "a", 2);
    struct peer *from = CONNECT(shards, .identifier = "from");
    static const char text[] = "a payload of more than thirty and three letters";
    for (int i = 0; i < 5; i++)
        PUBLISH(from, .topic = "a", .payload = text, .qos = (uint8_t)(i % 3));
    PUBLISH(from, .topic = "a", .payload = "short", .qos = 1);
    EXPECT(small, "a", "short");
    EXPECT_SILENCE(small);
    for (int i = 0; i < 5; i++)
        EXPECT(large, "a", text);
}

/* ---- limits ---- */

BROKER_TEST_WITH(delivery, a_queue_takes_no_more_messages_than_its_limit,
                 "'limits': {'queued_messages': 3, 'in_flight_messages': 2}")
{
    struct peer *to = subscriber(shards, "to", "a", 1);
    peer_break(to);
    struct peer *from = CONNECT(shards, .identifier = "from");
    static const char *const texts[] = {"0", "1", "2", "3", "4"};
    for (int i = 0; i < 5; i++)
        PUBLISH(from, .topic = "a", .payload = texts[i], .qos = 1);
    cr_assert_eq(shards_session(shards, "to")->dropped, 2);
    to = CONNECT(shards, .identifier = "to", .expiry = 1000);
    for (int i = 0; i < 3; i++)
        EXPECT(to, "a", texts[i]);
    EXPECT_SILENCE(to);
}

BROKER_TEST_WITH(delivery, a_queue_takes_no_more_bytes_than_its_limit, "'limits': {'queued_bytes': 1000}")
{
    static char payload[400];
    memset(payload, 'x', sizeof payload);
    struct peer *to = subscriber(shards, "to", "a", 1);
    peer_break(to);
    struct peer *from = CONNECT(shards, .identifier = "from");
    for (int i = 0; i < 3; i++)
        PUBLISH(from, .topic = "a", .payload = payload, .length = sizeof payload, .qos = 1);
    cr_assert_eq(shards_session(shards, "to")->queue.count, 2);
    cr_assert_leq(shards_session(shards, "to")->queue.bytes, 1000);
    PUBLISH(from, .topic = "a", .payload = "short", .qos = 1);
    cr_assert_eq(shards_session(shards, "to")->queue.count, 3);
}

BROKER_TEST_WITH(delivery, the_window_is_bounded_by_the_limit, "'limits': {'in_flight_messages': 2}")
{
    struct peer *to = subscriber(shards, "to", "a", 1);
    struct peer *from = CONNECT(shards, .identifier = "from");
    for (int i = 0; i < 4; i++)
        PUBLISH(from, .topic = "a", .payload = "x", .qos = 1);
    TAKE(to, GMQ_PUBLISH);
    TAKE(to, GMQ_PUBLISH);
    EXPECT_SILENCE(to);
}

BROKER_TEST_WITH(delivery, who_does_not_read_loses_qos_0_and_keeps_the_rest, "'limits': {'outgoing_bytes': 8000}")
{
    enum { MESSAGES = 50 };
    static char payload[1000];
    memset(payload, 'x', sizeof payload);
    struct peer *to = subscriber(shards, "to", "a", 1);
    peer_read_only(to, 0);
    struct peer *from = CONNECT(shards, .identifier = "from");
    for (uint8_t i = 0; i < MESSAGES; i++) {
        payload[0] = (char)i;
        PUBLISH(from, .topic = "a", .payload = payload, .length = sizeof payload, .qos = i % 2);
    }
    cr_assert_lt(to->connection->client.output.pending, 10000);
    cr_assert_gt(shards_session(shards, "to")->dropped, 15);

    peer_read_only(to, SIZE_MAX);

    int next = 1;
    const union any_packet *packet;
    while ((packet = peer_next(to)) != NULL) {
        if (packet->publish.qos == 0)
            continue;
        cr_assert_eq(packet->publish.payload.data[0], next);
        next += 2;
        peer_send_ack(to, GMQ_PUBACK, packet->packet.identifier, GMQ_REASON_SUCCESS);
    }
    cr_assert_eq(next, MESSAGES + 1);
}

BROKER_TEST_WITH(delivery, who_reads_a_little_at_a_time_gets_all_of_qos_1, "'limits': {'outgoing_bytes': 4096}")
{
    struct peer *to = subscriber(shards, "to", "a", 1);
    peer_read_only(to, 0);
    struct peer *from = CONNECT(shards, .identifier = "from");
    static char payload[700];
    memset(payload, 'x', sizeof payload);
    for (int i = 0; i < 30; i++)
        PUBLISH(from, .topic = "a", .payload = payload, .length = sizeof payload, .qos = 1);
    int got = 0;
    for (int i = 0; i < 1000 && got < 30; i++) {
        peer_read_only(to, 97);
        while (peer_next(to) != NULL)
            got++;
    }
    cr_assert_eq(got, 30);
}

BROKER_TEST_WITH(delivery, who_does_not_read_acknowledgements_is_closed, "'limits': {'outgoing_bytes': 4096}")
{
    struct peer *from = CONNECT(shards, .identifier = "from");
    peer_read_only(from, 0);
    for (int i = 0; i < 5000 && from->connection != NULL; i++)
        SEND(from, .topic = "a", .qos = 1);
    cr_assert_null(from->connection);
}

/* ---- message expiry ---- */

BROKER_TEST(delivery, what_has_waited_too_long_is_not_sent)
{
    struct peer *to = subscriber(shards, "to", "a", 1);
    peer_break(to);
    struct peer *from = CONNECT(shards, .identifier = "from");
    PUBLISH(from, .topic = "a", .payload = "short lived", .qos = 1, .expiry = 10);
    PUBLISH(from, .topic = "a", .payload = "long lived", .qos = 1, .expiry = 100);
    PUBLISH(from, .topic = "a", .payload = "for ever", .qos = 1);
    shards_wait(shards, 30);
    to = CONNECT(shards, .identifier = "to", .expiry = 1000);
    const struct gmq_publish *packet = EXPECT(to, "a", "long lived");
    cr_assert_eq(properties_number(&packet->packet.properties, PROPERTY_MESSAGE_EXPIRY_INTERVAL, 0), 70);
    packet = EXPECT(to, "a", "for ever");
    cr_assert_not(properties_has(&packet->packet.properties, PROPERTY_MESSAGE_EXPIRY_INTERVAL));
    EXPECT_SILENCE(to);
}

BROKER_TEST(delivery, what_waits_for_the_window_expires_too)
{
    struct peer *to = CONNECT(shards, .identifier = "to", .receive_maximum = 1);
    SUBSCRIBE(to, "a", 2);
    struct peer *from = CONNECT(shards, .identifier = "from");
    PUBLISH(from, .topic = "a", .payload = "first", .qos = 1);
    for (int i = 0; i < 20; i++)
        PUBLISH(from, .topic = "a", .payload = "late", .qos = 2, .expiry = 5);
    PUBLISH(from, .topic = "a", .payload = "last", .qos = 1, .expiry = 50);
    shards_wait(shards, 6);
    EXPECT(to, "a", "first");
    EXPECT(to, "a", "last");
    EXPECT_SILENCE(to);
}

BROKER_TEST(delivery, what_was_sent_does_not_expire_any_more)
{
    struct peer *to = subscriber(shards, "to", "a", 1);
    struct peer *from = CONNECT(shards, .identifier = "from");
    PUBLISH(from, .topic = "a", .payload = "x", .qos = 1, .expiry = 10);
    TAKE(to, GMQ_PUBLISH);
    peer_break(to);
    shards_wait(shards, 4);
    to = CONNECT(shards, .identifier = "to", .expiry = 1000);
    const struct gmq_publish *again = &TAKE(to, GMQ_PUBLISH)->publish;
    cr_assert_eq(properties_number(&again->packet.properties, PROPERTY_MESSAGE_EXPIRY_INTERVAL, 0), 6);
    peer_break(to);
    shards_wait(shards, 30);
    to = CONNECT(shards, .identifier = "to", .expiry = 1000);
    EXPECT(to, "a", "x");
}
