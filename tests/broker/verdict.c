/* What a refusal, or a client that a plugin let in without a session, comes to for each packet. */
#include "broker/verdict.h"

#include "broker/session.h"
#include "shard/each.h"

#include <string.h>

static const char routes[] =
    "'limits': {'topic_length_bytes': 20, 'topic_levels': 3}, "
    "'routes': {'CONNECT': ['desk:on_connect', 'broker:on_connect'], 'PUBLISH': ['desk:on_publish', "
    "'broker:on_publish'], 'PUBACK': ['desk:on_puback', 'broker:on_puback'], 'PUBREL': ['desk:on_pubrel', "
    "'broker:on_pubrel'], 'SUBSCRIBE': ['desk:on_subscribe', 'broker:on_subscribe'], 'UNSUBSCRIBE': "
    "['desk:on_unsubscribe', 'broker:on_unsubscribe'], 'PINGREQ': ['desk:on_pingreq', 'broker:on_pingreq'], 'AUTH': "
    "['desk:on_auth', 'broker:on_auth']}";

static void begin(gmq_packet_type type, desk_handler *handler)
{
    memset(desk_incoming, 0, sizeof desk_incoming);
    desk_incoming[type] = handler;
}

static gmq_verdict refuse(gmq_call *call, gmq_packet *packet)
{
    (void)packet;
    return gmq_reject(call, GMQ_REASON_NOT_AUTHORIZED, "not you");
}

/* ---- refusals ---- */

BROKER_TEST_WITH(verdict, a_refused_publish_is_acknowledged_with_the_reason, routes)
{
    struct peer *to = CONNECT(shards, .identifier = "to");
    SUBSCRIBE(to, "a", 2);
    struct peer *from = CONNECT(shards, .identifier = "from"),
                *old = CONNECT(shards, .identifier = "old", .version = 4);
    begin(GMQ_PUBLISH, refuse);
    PUBLISH(from, .topic = "a", .payload = "x", .qos = 0);
    for (uint8_t qos = 1; qos <= 2; qos++) {
        cr_assert_eq(PUBLISH(from, .topic = "a", .payload = "x", .qos = qos, .identifier = 9),
                     GMQ_REASON_NOT_AUTHORIZED);
        cr_assert_eq(PUBLISH(old, .topic = "a", .payload = "x", .qos = qos, .identifier = 9), 0);
    }
    begin(GMQ_PUBLISH, NULL);
    EXPECT_SILENCE(to);
    PUBLISH(from, .topic = "a", .payload = "the same identifier", .qos = 2, .identifier = 9);
    PUBLISH(old, .topic = "a", .payload = "the same identifier", .qos = 2, .identifier = 9);
    EXPECT(to, "a", "the same identifier");
    EXPECT(to, "a", "the same identifier");
}

BROKER_TEST_WITH(verdict, a_refused_pubrel_ends_the_flow, routes)
{
    struct peer *to = CONNECT(shards, .identifier = "to");
    SUBSCRIBE(to, "a", 2);
    struct peer *from = CONNECT(shards, .identifier = "from");
    EXPECT_ACK(from, GMQ_PUBREC, SEND(from, .topic = "a", .payload = "1", .qos = 2, .identifier = 9));
    begin(GMQ_PUBREL, refuse);
    peer_send_ack(from, GMQ_PUBREL, 9, GMQ_REASON_SUCCESS);
    cr_assert_eq(EXPECT_ACK(from, GMQ_PUBCOMP, 9), GMQ_REASON_PACKET_IDENTIFIER_NOT_FOUND);
    begin(GMQ_PUBREL, NULL);
    EXPECT(to, "a", "1");
    PUBLISH(from, .topic = "a", .payload = "2", .qos = 2, .identifier = 9);
    EXPECT(to, "a", "2");
}

BROKER_TEST_WITH(verdict, a_refused_subscribe_or_unsubscribe_changes_nothing, routes)
{
    struct peer *peer = CONNECT(shards, .identifier = "c"), *old = CONNECT(shards, .identifier = "old", .version = 4);
    SUBSCRIBE(peer, "kept", 1);
    begin(GMQ_SUBSCRIBE, refuse);
    cr_assert_eq(SUBSCRIBE(peer, "a", 1), GMQ_REASON_NOT_AUTHORIZED);
    cr_assert_eq(SUBSCRIBE(old, "a", 1), GMQ_REASON_UNSPECIFIED_ERROR);
    begin(GMQ_UNSUBSCRIBE, refuse);
    cr_assert_eq(UNSUBSCRIBE(peer, "kept"), GMQ_REASON_NOT_AUTHORIZED);
    cr_assert_eq(subscription_count(shards->broker->subscriptions), 1);
}

BROKER_TEST_WITH(verdict, refusing_what_has_no_answer_ends_the_connection, routes)
{
    struct peer *peer = CONNECT(shards, .identifier = "c");
    begin(GMQ_PUBACK, refuse);
    peer_send_ack(peer, GMQ_PUBACK, 1, GMQ_REASON_SUCCESS);
    EXPECT_END(peer, GMQ_REASON_NOT_AUTHORIZED);
    begin(GMQ_PINGREQ, refuse);
    peer = CONNECT(shards, .identifier = "c", .version = 4);
    peer_send_ping(peer);
    EXPECT_END(peer, 0);
    begin(GMQ_CONNECT, refuse);
    peer = peer_open(shards);
    peer_send_connect(peer, &(struct hello){.identifier = "c", .version = 3});
    cr_assert_eq(TAKE(peer, GMQ_CONNACK)->packet.reason, GMQ_REASON_NOT_AUTHORIZED);
    EXPECT_END(peer, 0);
}

static gmq_verdict ask_for_more(gmq_call *call, gmq_packet *packet)
{
    (void)packet;
    gmq_auth *auth = gmq_auth_new(call, GMQ_REASON_CONTINUE_AUTHENTICATION);
    (void)gmq_packet_set_text(call, GMQ_PACKET(auth), GMQ_PROPERTY_AUTHENTICATION_METHOD, GMQ_VIEW("riddle"));
    (void)gmq_send(call, gmq_call_client(call), GMQ_PACKET(auth));
    return GMQ_DONE;
}

BROKER_TEST_WITH(verdict, a_refused_step_of_an_authentication_is_a_refused_connect, routes)
{
    begin(GMQ_CONNECT, ask_for_more);
    desk_incoming[GMQ_AUTH] = refuse;
    struct peer *peer = peer_open(shards);
    peer_send_connect(peer, &(struct hello){.identifier = "c", .method = "riddle"});
    TAKE(peer, GMQ_AUTH);
    union any_packet auth;
    packet_init(&auth.packet, GMQ_AUTH, GMQ_VERSION_5_0);
    auth.packet.reason = GMQ_REASON_CONTINUE_AUTHENTICATION;
    auth.packet.properties.present = PROPERTY_BIT(PROPERTY_AUTHENTICATION_METHOD);
    auth.packet.properties.value[PROPERTY_AUTHENTICATION_METHOD].text = GMQ_VIEW("riddle");
    peer_send_packet(peer, &auth.packet);
    cr_assert_eq(TAKE(peer, GMQ_CONNACK)->packet.reason, GMQ_REASON_NOT_AUTHORIZED);
    EXPECT_END(peer, 0);
}

static gmq_verdict defer_without_saying(gmq_call *call, gmq_packet *packet)
{
    (void)call, (void)packet;
    return GMQ_DEFER;
}

static gmq_verdict nonsense(gmq_call *call, gmq_packet *packet)
{
    (void)call, (void)packet;
    return (gmq_verdict)99;
}

BROKER_TEST_WITH(verdict, a_handler_that_answers_nonsense_does_no_harm, routes)
{
    struct peer *peer = CONNECT(shards, .identifier = "c");
    begin(GMQ_PUBLISH, defer_without_saying);
    cr_assert_geq(PUBLISH(peer, .topic = "a", .qos = 1), GMQ_REASON_UNSPECIFIED_ERROR);
    begin(GMQ_PUBLISH, nonsense);
    SEND(peer, .topic = "a", .qos = 1);
    EXPECT_END(peer, GMQ_REASON_IMPLEMENTATION_SPECIFIC_ERROR);
}

BROKER_TEST_WITH(verdict, what_is_beyond_the_limits_of_topics_never_reaches_a_handler, routes)
{
    struct peer *peer = CONNECT(shards, .identifier = "c");
    begin(GMQ_PUBLISH, nonsense);
    SEND(peer, .topic = "a/b/c/d");
    cr_assert_eq(PUBLISH(peer, .topic = "a/b/c/d", .qos = 1), GMQ_REASON_TOPIC_NAME_INVALID);
    cr_assert_eq(PUBLISH(peer, .topic = "a topic that is too long", .qos = 2), GMQ_REASON_TOPIC_NAME_INVALID);
    cr_assert_eq(SUBSCRIBE(peer, "a/b/c/#", 1), GMQ_REASON_TOPIC_FILTER_INVALID);
    peer = peer_open(shards);
    peer_send_connect(peer, &(struct hello){.identifier = "c", .will = {.topic = "a/b/c/d"}});
    cr_assert_eq(TAKE(peer, GMQ_CONNACK)->packet.reason, GMQ_REASON_TOPIC_NAME_INVALID);
    EXPECT_END(peer, 0);
}

/* ---- clients without a session ---- */

static gmq_verdict let_in(gmq_call *call, gmq_packet *packet)
{
    (void)packet;
    cr_assert_eq(gmq_send(call, gmq_call_client(call), GMQ_PACKET(gmq_connack_new(call, 0, false))), GMQ_OK);
    return GMQ_DONE;
}

static gmq_verdict send_all(gmq_call *call, gmq_packet *packet)
{
    (void)packet;
    gmq_client *client = gmq_call_client(call);
    for (uint8_t qos = 0; qos <= 2; qos++) {
        gmq_publish *publish = gmq_publish_new(call, GMQ_VIEW("a"), GMQ_VIEW("x"), qos);
        cr_assert_eq(gmq_send(call, client, GMQ_PACKET(publish)), qos == 0 ? GMQ_OK : GMQ_ERROR_STATE);
    }
    cr_assert_eq(gmq_session_set_bytes(call, client, GMQ_VIEW("x")), GMQ_ERROR_STATE);
    cr_assert_eq(gmq_session_set_expiry_interval(client, 5), GMQ_ERROR_STATE);
    gmq_session_discard_will(client);
    return GMQ_NEXT;
}

BROKER_TEST_WITH(verdict, a_client_without_a_session_can_do_what_needs_none, routes)
{
    struct peer *to = CONNECT(shards, .identifier = "to");
    SUBSCRIBE(to, "a", 2);
    begin(GMQ_CONNECT, let_in);
    desk_incoming[GMQ_PINGREQ] = send_all;
    struct peer *peer = CONNECT(shards, .identifier = "guest", .will = {.topic = "a", .payload = "will"});
    for (uint8_t qos = 0; qos <= 2; qos++) {
        PUBLISH(peer, .topic = "a", .payload = "x", .qos = qos);
        EXPECT(to, "a", "x");
    }
    cr_assert_eq(SUBSCRIBE(peer, "a", 1), GMQ_REASON_UNSPECIFIED_ERROR);
    cr_assert_eq(UNSUBSCRIBE(peer, "a"), GMQ_REASON_NO_SUBSCRIPTION_EXISTED);
    peer_send_ack(peer, GMQ_PUBACK, 3, GMQ_REASON_SUCCESS);
    peer_send_ack(peer, GMQ_PUBREC, 3, GMQ_REASON_SUCCESS);
    EXPECT_ACK(peer, GMQ_PUBREL, 3);
    peer_send_ping(peer);
    EXPECT(peer, "a", "x");
    TAKE(peer, GMQ_PINGRESP);
    peer_break(peer);
    EXPECT_SILENCE(to);
}
