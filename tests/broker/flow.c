/* The flows of QoS 1 and 2, from both sides (MQTT 5.0, 4.3, 4.4, 4.6 and 4.9). */
#include "broker/flow.h"

#include "broker/session.h"
#include "shard/each.h"

/* ---- from the client ---- */

BROKER_TEST(flow, qos_1_is_acknowledged_and_delivered)
{
    struct peer *to = CONNECT(shards, .identifier = "to");
    SUBSCRIBE(to, "a", 1);
    struct peer *from = CONNECT(shards, .identifier = "from");
    uint16_t identifier = SEND(from, .topic = "a", .payload = "x", .qos = 1);
    cr_assert_eq(EXPECT_ACK(from, GMQ_PUBACK, identifier), GMQ_REASON_SUCCESS);
    EXPECT(to, "a", "x");
}

BROKER_TEST(flow, qos_2_is_delivered_once_however_often_it_is_sent)
{
    struct peer *to = CONNECT(shards, .identifier = "to");
    SUBSCRIBE(to, "a", 2);
    struct peer *from = CONNECT(shards, .identifier = "from", .expiry = 100);
    SEND(from, .topic = "a", .payload = "x", .qos = 2, .identifier = 7);
    cr_assert_eq(EXPECT_ACK(from, GMQ_PUBREC, 7), GMQ_REASON_SUCCESS);
    peer_break(from);
    from = CONNECT(shards, .identifier = "from", .expiry = 100);
    for (int i = 0; i < 3; i++) {
        SEND(from, .topic = "a", .payload = "x", .qos = 2, .identifier = 7, .is_duplicate = true);
        cr_assert_eq(EXPECT_ACK(from, GMQ_PUBREC, 7), GMQ_REASON_SUCCESS);
    }
    peer_send_ack(from, GMQ_PUBREL, 7, GMQ_REASON_SUCCESS);
    cr_assert_eq(EXPECT_ACK(from, GMQ_PUBCOMP, 7), GMQ_REASON_SUCCESS);
    EXPECT(to, "a", "x");
    EXPECT_SILENCE(to);

    SEND(from, .topic = "a", .payload = "y", .qos = 2, .identifier = 7);
    EXPECT_ACK(from, GMQ_PUBREC, 7);
    EXPECT(to, "a", "y");
}

BROKER_TEST(flow, a_pubrel_that_nobody_waits_for_is_answered_as_unknown)
{
    struct peer *peer = CONNECT(shards, .identifier = "c");
    peer_send_ack(peer, GMQ_PUBREL, 9, GMQ_REASON_SUCCESS);
    cr_assert_eq(EXPECT_ACK(peer, GMQ_PUBCOMP, 9), GMQ_REASON_PACKET_IDENTIFIER_NOT_FOUND);
    peer_send_ack(peer, GMQ_PUBREC, 9, GMQ_REASON_SUCCESS);
    cr_assert_eq(EXPECT_ACK(peer, GMQ_PUBREL, 9), GMQ_REASON_PACKET_IDENTIFIER_NOT_FOUND);
    peer_send_ack(peer, GMQ_PUBACK, 9, GMQ_REASON_SUCCESS);
    peer_send_ack(peer, GMQ_PUBCOMP, 9, GMQ_REASON_SUCCESS);
    EXPECT_SILENCE(peer);
}

BROKER_TEST_WITH(flow, a_client_has_no_more_open_than_the_receive_maximum, "'limits': {'receive_maximum': 3}")
{
    for (uint8_t qos = 1; qos <= 2; qos++) {
        struct peer *peer = CONNECT(shards, .identifier = "c");
        for (int i = 0; i < 3; i++)
            EXPECT_ACK(peer, GMQ_PUBREC, SEND(peer, .topic = "a", .qos = 2));
        peer_send_ack(peer, GMQ_PUBREL, 1, GMQ_REASON_SUCCESS);
        EXPECT_ACK(peer, GMQ_PUBCOMP, 1);
        EXPECT_ACK(peer, GMQ_PUBACK, SEND(peer, .topic = "a", .qos = 1));
        EXPECT_ACK(peer, GMQ_PUBREC, SEND(peer, .topic = "a", .qos = 2));
        SEND(peer, .topic = "a", .qos = qos);
        EXPECT_END(peer, GMQ_REASON_RECEIVE_MAXIMUM_EXCEEDED);
    }
}

/* ---- to the client ---- */

BROKER_TEST(flow, qos_1_stays_until_it_is_acknowledged)
{
    struct peer *to = CONNECT(shards, .identifier = "to", .expiry = 100);
    SUBSCRIBE(to, "a", 1);
    struct peer *from = CONNECT(shards, .identifier = "from");
    PUBLISH(from, .topic = "a", .payload = "x", .qos = 1);
    const struct gmq_publish *first = &TAKE(to, GMQ_PUBLISH)->publish;
    cr_assert_not(first->is_duplicate);
    uint16_t identifier = first->packet.identifier;
    for (int i = 0; i < 2; i++) {
        peer_break(to);
        to = CONNECT(shards, .identifier = "to", .expiry = 100);
        const struct gmq_publish *again = &TAKE(to, GMQ_PUBLISH)->publish;
        cr_assert(again->is_duplicate);
        cr_assert_eq(again->packet.identifier, identifier);
        cr_assert(gmq_view_equals(again->payload, "x"));
    }
    peer_send_ack(to, GMQ_PUBACK, identifier, GMQ_REASON_SUCCESS);
    peer_break(to);
    EXPECT_SILENCE(CONNECT(shards, .identifier = "to", .expiry = 100));
}

BROKER_TEST(flow, qos_2_goes_on_where_it_was)
{
    struct peer *to = CONNECT(shards, .identifier = "to", .expiry = 100);
    SUBSCRIBE(to, "a", 2);
    struct peer *from = CONNECT(shards, .identifier = "from");
    PUBLISH(from, .topic = "a", .payload = "x", .qos = 2);
    uint16_t identifier = TAKE(to, GMQ_PUBLISH)->packet.identifier;

    peer_break(to);
    to = CONNECT(shards, .identifier = "to", .expiry = 100);
    cr_assert_eq(TAKE(to, GMQ_PUBLISH)->packet.identifier, identifier);
    peer_send_ack(to, GMQ_PUBREC, identifier, GMQ_REASON_SUCCESS);
    EXPECT_ACK(to, GMQ_PUBREL, identifier);

    peer_break(to);
    to = CONNECT(shards, .identifier = "to", .expiry = 100);
    EXPECT_ACK(to, GMQ_PUBREL, identifier);
    peer_send_ack(to, GMQ_PUBREC, identifier, GMQ_REASON_SUCCESS);
    cr_assert_eq(EXPECT_ACK(to, GMQ_PUBREL, identifier), GMQ_REASON_SUCCESS);
    peer_send_ack(to, GMQ_PUBCOMP, identifier, GMQ_REASON_SUCCESS);

    peer_break(to);
    EXPECT_SILENCE(CONNECT(shards, .identifier = "to", .expiry = 100));
}

BROKER_TEST(flow, a_refusal_of_the_client_ends_the_delivery)
{
    struct peer *to = CONNECT(shards, .identifier = "to", .expiry = 100, .receive_maximum = 1);
    SUBSCRIBE(to, "a", 2);
    struct peer *from = CONNECT(shards, .identifier = "from");
    PUBLISH(from, .topic = "a", .payload = "1", .qos = 2);
    PUBLISH(from, .topic = "a", .payload = "2", .qos = 1);
    PUBLISH(from, .topic = "a", .payload = "3", .qos = 1);
    peer_send_ack(to, GMQ_PUBREC, TAKE(to, GMQ_PUBLISH)->packet.identifier, GMQ_REASON_QUOTA_EXCEEDED);
    peer_send_ack(to, GMQ_PUBACK, TAKE(to, GMQ_PUBLISH)->packet.identifier, GMQ_REASON_QUOTA_EXCEEDED);
    EXPECT(to, "a", "3");
    EXPECT_SILENCE(to);
}

BROKER_TEST(flow, what_is_sent_again_comes_in_the_order_of_sending_before_what_waits)
{
    struct peer *to = CONNECT(shards, .identifier = "to", .expiry = 100, .receive_maximum = 5);
    SUBSCRIBE(to, "a", 2);
    struct peer *from = CONNECT(shards, .identifier = "from");
    char text[16];
    for (int i = 0; i < 10; i++) {
        snprintf(text, sizeof text, "%d", i);
        PUBLISH(from, .topic = "a", .payload = text, .qos = (uint8_t)(1 + i % 2));
    }
    uint16_t identifiers[5];
    for (int i = 0; i < 5; i++)
        identifiers[i] = TAKE(to, GMQ_PUBLISH)->packet.identifier;
    EXPECT_SILENCE(to);
    peer_send_ack(to, GMQ_PUBACK, identifiers[2], GMQ_REASON_SUCCESS); /* out of turn */
    cr_assert(gmq_view_equals(TAKE(to, GMQ_PUBLISH)->publish.payload, "5"));

    peer_break(to);
    to = CONNECT(shards, .identifier = "to", .expiry = 100);
    static const char *const expected[] = {"0", "1", "3", "4", "5", "6", "7", "8", "9"};
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++)
        EXPECT(to, "a", expected[i]);
    EXPECT_SILENCE(to);
}

BROKER_TEST(flow, a_smaller_window_than_before_is_kept_when_sending_again)
{
    struct peer *to = CONNECT(shards, .identifier = "to", .expiry = 100);
    SUBSCRIBE(to, "a", 1);
    struct peer *from = CONNECT(shards, .identifier = "from");
    for (int i = 0; i < 5; i++)
        PUBLISH(from, .topic = "a", .payload = "x", .qos = 1);
    peer_break(to);
    to = CONNECT(shards, .identifier = "to", .expiry = 100, .receive_maximum = 2);
    uint16_t first = TAKE(to, GMQ_PUBLISH)->packet.identifier;
    uint16_t second = TAKE(to, GMQ_PUBLISH)->packet.identifier;
    EXPECT_SILENCE(to);
    peer_send_ack(to, GMQ_PUBACK, second, GMQ_REASON_SUCCESS);
    uint16_t third = TAKE(to, GMQ_PUBLISH)->packet.identifier;
    EXPECT_SILENCE(to);
    cr_assert(first < second && second < third);
}

BROKER_TEST(flow, the_window_of_the_client_is_never_passed)
{
    struct peer *to = CONNECT(shards, .identifier = "to", .receive_maximum = 3);
    SUBSCRIBE(to, "a", 2);
    struct peer *from = CONNECT(shards, .identifier = "from");
    for (int i = 0; i < 20; i++)
        PUBLISH(from, .topic = "a", .payload = "x", .qos = (uint8_t)(1 + i % 2));
    PUBLISH(from, .topic = "a", .payload = "free", .qos = 0); /* outside of the window */
    for (int i = 0; i < 3; i++)
        TAKE(to, GMQ_PUBLISH);
    EXPECT(to, "a", "free");
    EXPECT_SILENCE(to);
    peer_send_ack(to, GMQ_PUBREC, 2, GMQ_REASON_SUCCESS);
    EXPECT_ACK(to, GMQ_PUBREL, 2);
    EXPECT_SILENCE(to); /* it counts until PUBCOMP */
    peer_send_ack(to, GMQ_PUBCOMP, 2, GMQ_REASON_SUCCESS);
    TAKE(to, GMQ_PUBLISH);
    EXPECT_SILENCE(to);
}

BROKER_TEST(flow, what_comes_in_the_turn_of_an_acknowledgement_stays_behind_what_waits)
{
    struct peer *to = CONNECT(shards, .identifier = "to", .receive_maximum = 1);
    SUBSCRIBE(to, "a", 1);
    struct peer *from = CONNECT(shards, .identifier = "from");
    PUBLISH(from, .topic = "a", .payload = "1", .qos = 1);
    PUBLISH(from, .topic = "a", .payload = "2", .qos = 1);
    to->is_held = from->is_held = true;
    peer_send_ack(to, GMQ_PUBACK, TAKE(to, GMQ_PUBLISH)->packet.identifier, GMQ_REASON_SUCCESS);
    SEND(from, .topic = "a", .payload = "3", .qos = 1);
    shards_settle(shards);
    to->is_held = from->is_held = false;
    EXPECT(to, "a", "2");
    EXPECT(to, "a", "3");
}

BROKER_TEST(flow, acknowledgements_of_the_wrong_kind_change_nothing)
{
    struct peer *to = CONNECT(shards, .identifier = "to", .expiry = 100);
    SUBSCRIBE(to, "a", 2);
    struct peer *from = CONNECT(shards, .identifier = "from");
    PUBLISH(from, .topic = "a", .payload = "one", .qos = 1);
    PUBLISH(from, .topic = "a", .payload = "two", .qos = 2);
    uint16_t one = TAKE(to, GMQ_PUBLISH)->packet.identifier;
    uint16_t two = TAKE(to, GMQ_PUBLISH)->packet.identifier;
    peer_send_ack(to, GMQ_PUBACK, two, GMQ_REASON_SUCCESS);
    peer_send_ack(to, GMQ_PUBCOMP, two, GMQ_REASON_SUCCESS);
    peer_send_ack(to, GMQ_PUBCOMP, one, GMQ_REASON_SUCCESS);
    peer_send_ack(to, GMQ_PUBREC, one, GMQ_REASON_SUCCESS);
    cr_assert_eq(EXPECT_ACK(to, GMQ_PUBREL, one), GMQ_REASON_PACKET_IDENTIFIER_NOT_FOUND);
    peer_break(to);
    to = CONNECT(shards, .identifier = "to", .expiry = 100);
    EXPECT(to, "a", "one");
    EXPECT(to, "a", "two");
}

BROKER_TEST(flow, nothing_is_lost_between_take_overs)
{
    struct peer *from = CONNECT(shards, .identifier = "from");
    struct peer *to = CONNECT(shards, .identifier = "to", .expiry = 100, .receive_maximum = 2);
    SUBSCRIBE(to, "a", 1);
    char text[16];
    int expected = 0;
    for (int i = 0; i < 30; i++) {
        snprintf(text, sizeof text, "%d", i);
        PUBLISH(from, .topic = "a", .payload = text, .qos = 1);
        if (i % 3 != 2)
            continue;
        to = CONNECT(shards, .identifier = "to", .expiry = 100, .receive_maximum = 2);
        snprintf(text, sizeof text, "%d", expected++);
        EXPECT(to, "a", text);
    }
    to = CONNECT(shards, .identifier = "to", .expiry = 100);
    while (expected < 30) {
        snprintf(text, sizeof text, "%d", expected++);
        EXPECT(to, "a", text);
    }
    EXPECT_SILENCE(to);
}

BROKER_TEST(flow, an_older_client_has_the_same_flows)
{
    struct peer *to = CONNECT(shards, .identifier = "to", .version = 4);
    SUBSCRIBE(to, "a", 2);
    struct peer *from = CONNECT(shards, .identifier = "from", .version = 3);
    for (uint8_t qos = 0; qos <= 2; qos++)
        PUBLISH(from, .topic = "a", .payload = "x", .qos = qos);
    for (uint8_t qos = 0; qos <= 2; qos++)
        cr_assert_eq(EXPECT(to, "a", "x")->qos, qos);
}
