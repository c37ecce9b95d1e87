/* The beginning and the end of connections: CONNECT and its answers, keep alive, authentication in steps, packets that
 * are out of place (MQTT 5.0, 3.1, 3.2, 3.15, 4.12 and 4.13). */
#include "broker/connect.h"

#include "broker/session.h"
#include "shard/each.h"

#include <string.h>

static void begin(void)
{
    memset(desk_incoming, 0, sizeof desk_incoming);
    memset(desk_outgoing, 0, sizeof desk_outgoing);
    memset(desk_events, 0, sizeof desk_events);
    desk_limit_ms = 0;
    desk_at_limit = GMQ_CLOSE;
}

/* ---- CONNECT ---- */

BROKER_TEST(connect, whoever_says_nothing_is_closed_in_time)
{
    struct peer *silent = peer_open(shards), *slow = peer_open(shards);
    peer_send_bytes(slow, "\x10\x20\x00\x04MQ", 6);
    shards_wait(shards, 9);
    cr_assert(silent->connection != NULL && slow->connection != NULL);
    shards_wait(shards, 2);
    EXPECT_END(silent, 0);
    EXPECT_END(slow, 0);
}

BROKER_TEST(connect, the_first_packet_must_be_connect_and_the_others_must_not)
{
    struct peer *hasty = peer_open(shards);
    peer_send_ping(hasty);
    EXPECT_END(hasty, 0);
    struct peer *twice = CONNECT(shards, .identifier = "c");
    peer_send_connect(twice, &(struct hello){.identifier = "c"});
    EXPECT_END(twice, GMQ_REASON_PROTOCOL_ERROR);
}

BROKER_TEST(connect, an_unknown_version_is_told_so)
{
    static const char version_6[] = "\x10\x0e\x00\x04MQTT\x06\x02\x00\x00\x00\x00\x01"
                                    "c";
    struct peer *peer = peer_open(shards);
    peer_send_bytes(peer, version_6, sizeof version_6 - 1);
    cr_assert_null(peer->connection);
    const union any_packet *answer = peer_next(peer);
    if (answer != NULL)
        cr_assert_eq(answer->packet.reason, GMQ_REASON_UNSUPPORTED_PROTOCOL_VERSION);
}

BROKER_TEST(connect, a_packet_can_come_in_any_pieces)
{
    static const char bytes[] = "\x10\x0e\x00\x04MQTT\x05\x02\x00\x00\x00\x00\x01"
                                "c\xc0\x00\x82\x07\x00\x01\x00\x00\x01"
                                "a\x02\x30\x05\x00\x01"
                                "a\x00x";
    for (size_t size = 1; size < sizeof bytes; size++) {
        struct peer *peer = peer_open(shards);
        for (size_t at = 0; at < sizeof bytes - 1; at += size)
            peer_send_bytes(peer, bytes + at, size < sizeof bytes - 1 - at ? size : sizeof bytes - 1 - at);
        TAKE(peer, GMQ_CONNACK);
        TAKE(peer, GMQ_PINGRESP);
        cr_assert_eq(TAKE(peer, GMQ_SUBACK)->suback.reasons[0], 2);
        EXPECT(peer, "a", "x");
        peer_leave(peer);
    }
}

BROKER_TEST_WITH(connect, keep_alive_is_kept_within_the_limits,
                 "'limits': {'keep_alive_min_seconds': 10, 'keep_alive_max_seconds': 20}")
{
    static const uint16_t asked[] = {0, 5, 15, 100};
    static const uint16_t granted[] = {20, 10, 15, 20};
    for (size_t i = 0; i < 4; i++) {
        struct peer *peer = peer_open(shards);
        peer_send_connect(peer, &(struct hello){.identifier = "c", .keep_alive = asked[i]});
        const struct properties *properties = &TAKE(peer, GMQ_CONNACK)->packet.properties;
        cr_assert_eq(properties_has(properties, PROPERTY_SERVER_KEEP_ALIVE), asked[i] != granted[i]);
        cr_assert_eq(properties_number(properties, PROPERTY_SERVER_KEEP_ALIVE, asked[i]), granted[i]);
        shards_wait(shards, granted[i] * 3 / 2 - 1);
        cr_assert_not_null(peer->connection);
        shards_wait(shards, 3);
        EXPECT_END(peer, GMQ_REASON_KEEP_ALIVE_TIMEOUT);
    }
}

BROKER_TEST(connect, every_packet_keeps_alive)
{
    struct peer *peer = CONNECT(shards, .identifier = "c", .keep_alive = 10);
    for (int i = 0; i < 10; i++) {
        shards_wait(shards, 13);
        SEND(peer, .topic = "a");
    }
    cr_assert_not_null(peer->connection);
}

BROKER_TEST_WITH(connect, a_packet_beyond_the_limit_ends_the_connection, "'limits': {'packet_size_bytes': 100}")
{
    static char payload[200];
    struct peer *peer = peer_open(shards);
    peer_send_connect(peer, &(struct hello){.identifier = "c"});
    const struct properties *properties = &TAKE(peer, GMQ_CONNACK)->packet.properties;
    cr_assert_eq(properties_number(properties, PROPERTY_MAXIMUM_PACKET_SIZE, 0), 100);
    SEND(peer, .topic = "a", .payload = payload, .length = 50);
    cr_assert_not_null(peer->connection);
    SEND(peer, .topic = "a", .payload = payload, .length = sizeof payload);
    EXPECT_END(peer, GMQ_REASON_PACKET_TOO_LARGE);
}

BROKER_TEST_WITH(connect, a_limit_that_is_lowered_is_not_for_who_was_told_another,
                 "'limits': {'packet_size_bytes': 1000, 'receive_maximum': 3}")
{
    static char payload[500];
    struct peer *peer = CONNECT(shards, .identifier = "c");
    shards_reload(shards, "'limits': {'packet_size_bytes': 100, 'receive_maximum': 1}");
    SEND(peer, .topic = "a", .payload = payload, .length = sizeof payload);
    for (int i = 0; i < 3; i++)
        EXPECT_ACK(peer, GMQ_PUBREC, SEND(peer, .topic = "a", .qos = 2));
    cr_assert_not_null(peer->connection);
}

/* ---- events ---- */

static int opened, closed;
static const char events[] = "'callbacks': {'open': 'desk:at_open', 'close': 'desk:at_close'}";

static void count_open(gmq_call *call)
{
    cr_assert_eq(gmq_client_identifier(gmq_call_client(call)).length, 0);
    cr_assert_eq(gmq_client_set_bytes(call, gmq_call_client(call), GMQ_VIEW("since open")), GMQ_OK);
    opened++;
}

static void count_close(gmq_call *call)
{
    cr_assert(gmq_view_equals(gmq_client_bytes(call, gmq_call_client(call)), "since open"));
    closed++;
}

BROKER_TEST_WITH(connect, each_connection_opens_and_closes_once_wherever_it_moves, events)
{
    begin();
    opened = closed = 0;
    desk_events[GMQ_EVENT_OPEN] = count_open;
    desk_events[GMQ_EVENT_CLOSE] = count_close;
    char name[16];
    for (int i = 0; i < 8; i++) {
        snprintf(name, sizeof name, "c%d", i);
        peer_connect(shards, &(struct hello){.identifier = name});
    }
    cr_assert_eq(opened, 8);
    cr_assert_eq(closed, 0);
    CONNECT(shards, .identifier = "c0");
    peer_break(peer_open(shards));
    cr_assert_eq(opened, 10);
    cr_assert_eq(closed, 2);
    cr_assert_eq(atomic_load(&shards->broker->connection_count), 8);
    desk_events[GMQ_EVENT_CLOSE] = NULL;
}

/* ---- authentication in steps ---- */

static const char steps[] = "'routes': {'CONNECT': ['desk:on_connect', 'broker:on_connect'], "
                            "'AUTH': ['desk:on_auth', 'broker:on_auth']}";

static gmq_verdict challenge(gmq_call *call, gmq_packet *packet)
{
    gmq_view method;
    if (!gmq_packet_text(packet, GMQ_PROPERTY_AUTHENTICATION_METHOD, &method))
        return GMQ_NEXT;
    gmq_auth *auth = gmq_auth_new(call, GMQ_REASON_CONTINUE_AUTHENTICATION);
    cr_assert_eq(gmq_packet_set_text(call, GMQ_PACKET(auth), GMQ_PROPERTY_AUTHENTICATION_METHOD, method), GMQ_OK);
    cr_assert_eq(gmq_send(call, gmq_call_client(call), GMQ_PACKET(auth)), GMQ_OK);
    return desk_defer(call, packet);
}

static gmq_verdict let_in(gmq_call *call, gmq_packet *packet)
{
    (void)packet;
    gmq_deferral *deferral = gmq_client_deferral(call, gmq_call_client(call));
    if (deferral == NULL)
        return GMQ_NEXT;
    cr_assert_eq(deferral, desk_take_deferral());
    gmq_client_set_authenticated(gmq_call_client(call), true);
    gmq_resume(deferral, GMQ_NEXT);
    return GMQ_DONE;
}

static void send_auth(struct peer *peer, gmq_reason reason, const char *method)
{
    union any_packet packet;
    packet_init(&packet.packet, GMQ_AUTH, GMQ_VERSION_5_0);
    packet.packet.reason = (uint8_t)reason;
    packet.packet.properties.present = PROPERTY_BIT(PROPERTY_AUTHENTICATION_METHOD);
    packet.packet.properties.value[PROPERTY_AUTHENTICATION_METHOD].text = gmq_view_of(method);
    peer_send_packet(peer, &packet.packet);
}

static struct peer *challenged(struct shards *shards)
{
    begin();
    desk_incoming[GMQ_CONNECT] = challenge;
    desk_incoming[GMQ_AUTH] = let_in;
    struct peer *peer = peer_open(shards);
    peer_send_connect(peer, &(struct hello){.identifier = "c", .method = "riddle", .keep_alive = 100});
    cr_assert_eq(TAKE(peer, GMQ_AUTH)->packet.reason, GMQ_REASON_CONTINUE_AUTHENTICATION);
    return peer;
}

BROKER_TEST_WITH(connect, an_authentication_takes_as_many_steps_as_it_needs, steps)
{
    struct peer *peer = challenged(shards);
    send_auth(peer, GMQ_REASON_CONTINUE_AUTHENTICATION, "riddle");
    const union any_packet *connack = TAKE(peer, GMQ_CONNACK);
    cr_assert_eq(connack->packet.reason, GMQ_REASON_SUCCESS);
    cr_assert(gmq_view_equals(connack->packet.properties.value[PROPERTY_AUTHENTICATION_METHOD].text, "riddle"));
    peer_send_ping(peer);
    TAKE(peer, GMQ_PINGRESP);
    send_auth(peer, GMQ_REASON_RE_AUTHENTICATE, "riddle"); /* the standard plugin doesn't offer it */
    EXPECT_END(peer, GMQ_REASON_NOT_AUTHORIZED);
}

BROKER_TEST_WITH(connect, the_steps_must_be_of_the_method_that_connect_named, steps)
{
    struct peer *peer = challenged(shards);
    send_auth(peer, GMQ_REASON_CONTINUE_AUTHENTICATION, "another");
    EXPECT_END(peer, 0);
    gmq_resume(desk_take_deferral(), GMQ_NEXT);
    shards_settle(shards);
}

BROKER_TEST_WITH(connect, nothing_else_may_come_before_the_end_of_the_steps, steps)
{
    struct peer *peer = challenged(shards);
    SEND(peer, .topic = "a", .qos = 1);
    EXPECT_END(peer, 0);
    gmq_resume(desk_take_deferral(), GMQ_NEXT);
    shards_settle(shards);
    peer = challenged(shards);
    peer_send_disconnect(peer, GMQ_REASON_SUCCESS);
    EXPECT_END(peer, 0);
    gmq_resume(desk_take_deferral(), GMQ_NEXT);
    shards_settle(shards);
    cr_assert_eq(atomic_load(&shards->broker->session_count), 0);
}

BROKER_TEST_WITH(connect, a_step_can_be_deferred_too, steps)
{
    struct peer *peer = challenged(shards);
    gmq_deferral *of_connect = desk_take_deferral();
    desk_incoming[GMQ_AUTH] = desk_defer;
    send_auth(peer, GMQ_REASON_CONTINUE_AUTHENTICATION, "riddle");
    gmq_deferral *of_auth = desk_take_deferral();
    send_auth(peer, GMQ_REASON_CONTINUE_AUTHENTICATION, "riddle"); /* waits */
    cr_assert_null(desk_take_deferral());
    desk_incoming[GMQ_AUTH] = NULL;
    gmq_resume(of_auth, GMQ_DONE);
    gmq_resume_reject(of_connect, GMQ_REASON_NOT_AUTHORIZED, NULL);
    shards_settle(shards);
    cr_assert_eq(TAKE(peer, GMQ_CONNACK)->packet.reason, GMQ_REASON_NOT_AUTHORIZED);
    EXPECT_END(peer, 0);
}

BROKER_TEST_WITH(connect, a_riddle_that_nobody_answers_ends_in_time, steps)
{
    begin();
    desk_incoming[GMQ_CONNECT] = challenge;
    desk_limit_ms = 30000;
    desk_at_limit = GMQ_REJECT;
    struct peer *peer = peer_open(shards);
    peer_send_connect(peer, &(struct hello){.identifier = "c", .method = "riddle"});
    TAKE(peer, GMQ_AUTH);
    shards_wait(shards, 31);
    cr_assert_geq(TAKE(peer, GMQ_CONNACK)->packet.reason, GMQ_REASON_UNSPECIFIED_ERROR);
    EXPECT_END(peer, 0);
    gmq_resume(desk_take_deferral(), GMQ_NEXT);
    shards_settle(shards);
}

BROKER_TEST(connect, a_method_that_nobody_knows_is_refused)
{
    begin();
    struct peer *peer = peer_open(shards);
    peer_send_connect(peer, &(struct hello){.identifier = "c", .method = "riddle"});
    cr_assert_eq(TAKE(peer, GMQ_CONNACK)->packet.reason, GMQ_REASON_BAD_AUTHENTICATION_METHOD);
    EXPECT_END(peer, 0);
    peer = CONNECT(shards, .identifier = "c");
    send_auth(peer, GMQ_REASON_RE_AUTHENTICATE, "riddle");
    EXPECT_END(peer, GMQ_REASON_PROTOCOL_ERROR);
}

/* ---- routes that lack something ---- */

static gmq_verdict next(gmq_call *call, gmq_packet *packet)
{
    (void)call, (void)packet;
    return GMQ_NEXT;
}

BROKER_TEST_WITH(connect, a_packet_that_nobody_handles_ends_the_connection,
                 "'routes': {'PINGREQ': 'desk:on_pingreq', 'PUBLISH': {'handler': 'broker:on_publish', "
                 "'versions': ['3.1.1']}}")
{
    begin();
    desk_incoming[GMQ_PINGREQ] = next;
    struct peer *peer = CONNECT(shards, .identifier = "c");
    peer_send_ping(peer);
    EXPECT_END(peer, GMQ_REASON_IMPLEMENTATION_SPECIFIC_ERROR);
    peer = CONNECT(shards, .identifier = "c");
    SEND(peer, .topic = "a");
    EXPECT_END(peer, GMQ_REASON_IMPLEMENTATION_SPECIFIC_ERROR);
    peer = CONNECT(shards, .identifier = "c", .version = 4);
    cr_assert_eq(PUBLISH(peer, .topic = "a", .qos = 1), GMQ_REASON_SUCCESS);
}
