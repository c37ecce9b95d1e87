/* Verdicts that come later: what waits for them, and every way in which they end. */
#include "broker/deferral.h"

#include "broker/session.h"
#include "shard/each.h"

#include <string.h>

static const char routes[] = "'routes': {'CONNECT': ['desk:on_connect', 'broker:on_connect'],"
                             "'PUBLISH': ['desk:on_publish', 'broker:on_publish'],"
                             "'SUBSCRIBE': ['desk:on_subscribe', 'broker:on_subscribe'],"
                             "'PUBREL': ['desk:on_pubrel', 'broker:on_pubrel']}";

static void begin(gmq_packet_type type, uint32_t limit_ms, gmq_verdict at_limit)
{
    memset(desk_incoming, 0, sizeof desk_incoming);
    desk_incoming[type] = desk_defer;
    desk_limit_ms = limit_ms;
    desk_at_limit = at_limit;
}

static gmq_deferral *take(void)
{
    gmq_deferral *deferral = desk_take_deferral();
    cr_assert_not_null(deferral, "nothing was deferred");
    return deferral;
}

static void resume(struct shards *shards, gmq_verdict verdict)
{
    gmq_resume(take(), verdict);
    shards_settle(shards);
}

static struct peer *subscriber(struct shards *shards)
{
    struct peer *to = CONNECT(shards, .identifier = "to");
    SUBSCRIBE(to, "#", 2);
    return to;
}

BROKER_TEST_WITH(deferral, the_packet_goes_on_behind_the_handler_that_deferred, routes)
{
    begin(GMQ_PUBLISH, 0, GMQ_CLOSE);
    struct peer *to = subscriber(shards), *from = CONNECT(shards, .identifier = "from");
    for (uint8_t qos = 0; qos <= 2; qos++) {
        uint16_t identifier = SEND(from, .topic = "a", .payload = "x", .qos = qos);
        EXPECT_SILENCE(to);
        EXPECT_SILENCE(from);
        resume(shards, GMQ_NEXT);
        EXPECT(to, "a", "x");
        if (qos > 0)
            EXPECT_ACK(from, qos == 1 ? GMQ_PUBACK : GMQ_PUBREC, identifier);
    }
}

BROKER_TEST_WITH(deferral, the_client_s_later_packets_wait_and_keep_their_order, routes)
{
    begin(GMQ_PUBLISH, 0, GMQ_CLOSE);
    struct peer *to = subscriber(shards), *from = CONNECT(shards, .identifier = "from");
    SEND(from, .topic = "a", .payload = "1");
    SEND(from, .topic = "a", .payload = "2");
    peer_send_ping(from);
    SEND(from, .topic = "a", .payload = "3", .qos = 1);
    peer_send_ping(from);
    EXPECT_SILENCE(from);
    resume(shards, GMQ_NEXT);
    EXPECT(to, "a", "1");
    EXPECT_SILENCE(from);
    resume(shards, GMQ_NEXT);
    EXPECT(to, "a", "2");
    TAKE(from, GMQ_PINGRESP);
    EXPECT_SILENCE(from);
    resume(shards, GMQ_NEXT);
    EXPECT(to, "a", "3");
    TAKE(from, GMQ_PUBACK);
    TAKE(from, GMQ_PINGRESP);
}

BROKER_TEST_WITH(deferral, other_clients_do_not_wait, routes)
{
    begin(GMQ_PUBLISH, 0, GMQ_CLOSE);
    struct peer *to = subscriber(shards), *from = CONNECT(shards, .identifier = "from");
    SEND(from, .topic = "a", .payload = "1");
    desk_incoming[GMQ_PUBLISH] = NULL;
    PUBLISH(CONNECT(shards, .identifier = "other"), .topic = "a", .payload = "2", .qos = 1);
    EXPECT(to, "a", "2");
    resume(shards, GMQ_NEXT);
    EXPECT(to, "a", "1");
}

/* ---- verdicts ---- */

BROKER_TEST_WITH(deferral, a_late_verdict_can_be_any_other, routes)
{
    begin(GMQ_PUBLISH, 0, GMQ_CLOSE);
    struct peer *to = subscriber(shards), *from = CONNECT(shards, .identifier = "from");
    SEND(from, .topic = "a", .payload = "swallowed", .qos = 1);
    resume(shards, GMQ_DONE);
    EXPECT_SILENCE(from);

    uint16_t identifier = SEND(from, .topic = "a", .payload = "refused", .qos = 1);
    gmq_resume_reject(take(), GMQ_REASON_NOT_AUTHORIZED, "not you");
    shards_settle(shards);
    cr_assert_eq(EXPECT_ACK(from, GMQ_PUBACK, identifier), GMQ_REASON_NOT_AUTHORIZED);

    identifier = SEND(from, .topic = "a", .payload = "refused", .qos = 2);
    gmq_resume_reject(take(), GMQ_REASON_QUOTA_EXCEEDED, NULL);
    shards_settle(shards);
    cr_assert_eq(EXPECT_ACK(from, GMQ_PUBREC, identifier), GMQ_REASON_QUOTA_EXCEEDED);

    SEND(from, .topic = "a", .payload = "closed", .qos = 1);
    resume(shards, GMQ_CLOSE);
    EXPECT_END(from, 0);
    EXPECT_SILENCE(to);
}

static unsigned continued, abandoned;

static gmq_verdict change_and_go_on(gmq_call *call, gmq_packet *packet, void *data)
{
    cr_assert_eq(data, &continued);
    if (call == NULL) {
        cr_assert_null(packet);
        abandoned++;
        return GMQ_DONE;
    }
    continued++;
    cr_assert_eq(gmq_publish_set_payload(call, (gmq_publish *)packet, GMQ_VIEW("changed")), GMQ_OK);
    return GMQ_NEXT;
}

BROKER_TEST_WITH(deferral, a_continuation_has_the_call_and_the_packet, routes)
{
    begin(GMQ_PUBLISH, 0, GMQ_CLOSE);
    continued = abandoned = 0;
    struct peer *to = subscriber(shards), *from = CONNECT(shards, .identifier = "from");
    SEND(from, .topic = "a", .payload = "x", .qos = 1);
    gmq_resume_with(take(), change_and_go_on, &continued);
    shards_settle(shards);
    EXPECT(to, "a", "changed");
    TAKE(from, GMQ_PUBACK);
    cr_assert_eq(continued, 1);
    cr_assert_eq(abandoned, 0);
}

static gmq_verdict defer_again(gmq_call *call, gmq_packet *packet, void *data)
{
    (void)data;
    return call != NULL ? desk_defer(call, packet) : GMQ_DONE;
}

BROKER_TEST_WITH(deferral, a_continuation_can_defer_again, routes)
{
    begin(GMQ_PUBLISH, 0, GMQ_CLOSE);
    struct peer *to = subscriber(shards), *from = CONNECT(shards, .identifier = "from");
    SEND(from, .topic = "a", .payload = "x", .qos = 1);
    for (int i = 0; i < 3; i++) {
        gmq_resume_with(take(), defer_again, NULL);
        shards_settle(shards);
        EXPECT_SILENCE(from);
    }
    SEND(from, .topic = "a", .payload = "y");
    desk_incoming[GMQ_PUBLISH] = NULL;
    resume(shards, GMQ_NEXT);
    EXPECT(to, "a", "x");
    TAKE(from, GMQ_PUBACK);
    EXPECT(to, "a", "y");
}

static gmq_verdict resume_at_once(gmq_call *call, gmq_packet *packet)
{
    gmq_verdict verdict = desk_defer(call, packet);
    gmq_resume(desk_take_deferral(), GMQ_NEXT);
    return verdict;
}

static gmq_verdict defer_and_forget(gmq_call *call, gmq_packet *packet)
{
    (void)desk_defer(call, packet);
    return GMQ_NEXT;
}

BROKER_TEST_WITH(deferral, it_may_be_resumed_before_the_handler_has_returned, routes)
{
    begin(GMQ_PUBLISH, 0, GMQ_CLOSE);
    struct peer *to = subscriber(shards), *from = CONNECT(shards, .identifier = "from");
    desk_incoming[GMQ_PUBLISH] = resume_at_once;
    SEND(from, .topic = "a", .payload = "x", .qos = 1);
    EXPECT(to, "a", "x");
    TAKE(from, GMQ_PUBACK);
}

BROKER_TEST_WITH(deferral, one_that_was_made_and_not_used_does_no_harm, routes)
{
    begin(GMQ_PUBLISH, 0, GMQ_CLOSE);
    struct peer *to = subscriber(shards), *from = CONNECT(shards, .identifier = "from");
    desk_incoming[GMQ_PUBLISH] = defer_and_forget;
    SEND(from, .topic = "a", .payload = "x", .qos = 1);
    EXPECT(to, "a", "x");
    TAKE(from, GMQ_PUBACK);
    resume(shards, GMQ_CLOSE);
    cr_assert_not_null(from->connection);
}

/* ---- limits ---- */

BROKER_TEST_WITH(deferral, at_its_limit_the_broker_decides, routes)
{
    begin(GMQ_PUBLISH, 500, GMQ_NEXT);
    struct peer *to = subscriber(shards), *from = CONNECT(shards, .identifier = "from");
    uint16_t identifier = SEND(from, .topic = "a", .payload = "x", .qos = 1);
    shards_wait_ms(shards, 490);
    EXPECT_SILENCE(to);
    shards_wait_ms(shards, 20);
    EXPECT(to, "a", "x");
    EXPECT_ACK(from, GMQ_PUBACK, identifier);
    resume(shards, GMQ_CLOSE); /* too late */
    cr_assert_not_null(from->connection);

    desk_at_limit = GMQ_REJECT;
    identifier = SEND(from, .topic = "a", .payload = "y", .qos = 1);
    shards_wait_ms(shards, 510);
    cr_assert_geq(EXPECT_ACK(from, GMQ_PUBACK, identifier), GMQ_REASON_UNSPECIFIED_ERROR);
    resume(shards, GMQ_NEXT);

    desk_at_limit = GMQ_CLOSE;
    SEND(from, .topic = "a", .payload = "z", .qos = 1);
    shards_wait_ms(shards, 510);
    EXPECT_END(from, GMQ_REASON_SERVER_BUSY);
    continued = abandoned = 0;
    gmq_resume_with(take(), change_and_go_on, &continued);
    shards_settle(shards);
    cr_assert_eq(abandoned, 1);
    cr_assert_eq(continued, 0);
    EXPECT_SILENCE(to);
}

static const char limited[] = "'limits': {'deferral_ms': 2000}, 'routes': {'PUBLISH': ["
                              "{'handler': 'desk:on_publish', 'defer': {'limit_ms': 100, 'at_limit': 'next'}, "
                              "'topics': ['quick']}, 'desk:on_publish', 'broker:on_publish']}";

BROKER_TEST_WITH(deferral, the_route_says_more_about_the_limit_than_the_handler, limited)
{
    begin(GMQ_PUBLISH, 0, GMQ_CLOSE);
    struct peer *to = subscriber(shards), *from = CONNECT(shards, .identifier = "from");
    SEND(from, .topic = "quick", .payload = "x"); /* deferred by both steps */
    shards_wait_ms(shards, 110);
    EXPECT_SILENCE(to);
    resume(shards, GMQ_NEXT);
    EXPECT_SILENCE(to);
    shards_wait_ms(shards, 1800);
    cr_assert_not_null(from->connection);
    shards_wait_ms(shards, 210);
    EXPECT_END(from, GMQ_REASON_SERVER_BUSY);
    resume(shards, GMQ_NEXT);
    EXPECT_SILENCE(to);
}

BROKER_TEST_WITH(deferral, keep_alive_does_not_run_while_a_packet_waits, routes)
{
    begin(GMQ_PUBLISH, 100000, GMQ_CLOSE);
    struct peer *from = CONNECT(shards, .identifier = "from", .keep_alive = 10);
    SEND(from, .topic = "a", .qos = 1);
    shards_wait(shards, 60);
    cr_assert_not_null(from->connection);
    resume(shards, GMQ_NEXT);
    TAKE(from, GMQ_PUBACK);
    shards_wait(shards, 31);
    EXPECT_END(from, GMQ_REASON_KEEP_ALIVE_TIMEOUT);
}

/* ---- clients that go ---- */

BROKER_TEST_WITH(deferral, a_client_that_goes_ends_it, routes)
{
    begin(GMQ_PUBLISH, 0, GMQ_CLOSE);
    continued = abandoned = 0;
    struct peer *to = subscriber(shards), *from = CONNECT(shards, .identifier = "from");
    SEND(from, .topic = "a", .payload = "x", .qos = 1);
    peer_break(from);
    cr_assert_null(from->connection);
    gmq_resume_with(take(), change_and_go_on, &continued);
    shards_settle(shards);
    cr_assert_eq(abandoned, 1);
    EXPECT_SILENCE(to);
}

BROKER_TEST_WITH(deferral, a_disconnect_behind_it_waits_too, routes)
{
    begin(GMQ_PUBLISH, 0, GMQ_CLOSE);
    struct peer *to = subscriber(shards);
    struct peer *from = CONNECT(shards, .identifier = "from", .will = {.topic = "will", .payload = "gone"});
    SEND(from, .topic = "a", .payload = "x");
    peer_send_disconnect(from, GMQ_REASON_SUCCESS);
    peer_break(from);
    cr_assert_not_null(from->connection);
    resume(shards, GMQ_NEXT);
    EXPECT(to, "a", "x");
    EXPECT_SILENCE(to);
    cr_assert_null(from->connection);
}

BROKER_TEST_WITH(deferral, a_message_of_one_that_was_taken_over_is_not_lost_and_not_doubled, routes)
{
    begin(GMQ_PUBLISH, 0, GMQ_CLOSE);
    struct peer *to = subscriber(shards);
    for (int rest = 0; rest < 3; rest++) {
        begin(GMQ_PUBLISH, 0, GMQ_CLOSE);
        struct peer *from = CONNECT(shards, .identifier = "from", .expiry = 100);
        SEND(from, .topic = "a", .payload = "x", .qos = 2, .identifier = 5);
        desk_incoming[GMQ_PUBLISH] = NULL;
        if (rest == 0)
            peer_break(from);
        if (rest == 1)
            resume(shards, GMQ_CLOSE);
        struct peer *again = CONNECT(shards, .identifier = "from", .expiry = 100);
        if (rest != 1)
            resume(shards, GMQ_NEXT);
        EXPECT_SILENCE(to);
        cr_assert_lt(PUBLISH(again, .topic = "a", .payload = "x", .qos = 2, .identifier = 5, .is_duplicate = true),
                     0x80);
        EXPECT(to, "a", "x");
        EXPECT_SILENCE(to);
    }
}

static gmq_verdict take_over_then_go_on(gmq_call *call, gmq_packet *packet, void *data)
{
    (void)packet, (void)data;
    if (call != NULL)
        gmq_client_close(call, gmq_call_client(call), GMQ_REASON_SESSION_TAKEN_OVER, NULL);
    return GMQ_NEXT;
}

static gmq_verdict close_and_defer(gmq_call *call, gmq_packet *packet, void *data)
{
    (void)data;
    if (call == NULL)
        return GMQ_DONE;
    gmq_client_close(call, gmq_call_client(call), GMQ_REASON_SERVER_BUSY, NULL);
    return desk_defer(call, packet);
}

BROKER_TEST_WITH(deferral, a_continuation_may_close_the_client_and_defer_again_in_vain, routes)
{
    begin(GMQ_PUBLISH, 0, GMQ_CLOSE);
    struct peer *from = CONNECT(shards, .identifier = "from");
    SEND(from, .topic = "a", .payload = "x", .qos = 1);
    gmq_resume_with(take(), close_and_defer, NULL);
    shards_settle(shards);
    EXPECT_END(from, GMQ_REASON_SERVER_BUSY);
    resume(shards, GMQ_NEXT);
}

BROKER_TEST_WITH(deferral, the_packet_of_a_client_that_is_closing_goes_no_further, routes)
{
    begin(GMQ_PUBLISH, 0, GMQ_CLOSE);
    struct peer *to = subscriber(shards), *from = CONNECT(shards, .identifier = "from", .expiry = 100);
    SEND(from, .topic = "a", .payload = "x", .qos = 2, .identifier = 5);
    gmq_resume_with(take(), take_over_then_go_on, NULL);
    shards_settle(shards);
    EXPECT_END(from, GMQ_REASON_SESSION_TAKEN_OVER);
    EXPECT_SILENCE(to);
}

/* ---- other packets ---- */

BROKER_TEST_WITH(deferral, connect_can_be_deferred, routes)
{
    begin(GMQ_CONNECT, 0, GMQ_CLOSE);
    struct peer *peer = peer_open(shards);
    peer_send_connect(peer, &(struct hello){.identifier = "c", .expiry = 10, .keep_alive = 5});
    peer_send_subscribe(peer, "a", 1, 0); /* without waiting for CONNACK */
    SEND(peer, .topic = "a", .payload = "x");
    EXPECT_SILENCE(peer);
    shards_wait(shards, 9); /* the connect timeout is ten */
    resume(shards, GMQ_NEXT);
    cr_assert_eq(TAKE(peer, GMQ_CONNACK)->packet.reason, 0);
    TAKE(peer, GMQ_SUBACK);
    EXPECT(peer, "a", "x");
}

BROKER_TEST_WITH(deferral, a_deferred_connect_can_be_refused_or_run_out_of_time, routes)
{
    begin(GMQ_CONNECT, 20000, GMQ_REJECT);
    struct peer *refused = peer_open(shards), *late = peer_open(shards);
    peer_send_connect(refused, &(struct hello){.identifier = "c", .will = {.topic = "w"}});
    gmq_resume_reject(take(), GMQ_REASON_BAD_USER_NAME_OR_PASSWORD, "who are you?");
    shards_settle(shards);
    cr_assert_eq(TAKE(refused, GMQ_CONNACK)->packet.reason, GMQ_REASON_BAD_USER_NAME_OR_PASSWORD);
    EXPECT_END(refused, 0);
    peer_send_connect(late, &(struct hello){.identifier = "d", .version = 4});
    shards_wait(shards, 19); /* longer than the connect timeout */
    cr_assert_not_null(late->connection);
    shards_wait(shards, 2);
    cr_assert_eq(TAKE(late, GMQ_CONNACK)->packet.reason, GMQ_REASON_SERVER_UNAVAILABLE);
    EXPECT_END(late, 0);
    resume(shards, GMQ_NEXT);
    cr_assert_eq(atomic_load(&shards->broker->session_count), 0);
}

BROKER_TEST_WITH(deferral, a_connect_whose_late_verdict_answers_nothing_ends_in_time, routes)
{
    begin(GMQ_CONNECT, 30000, GMQ_REJECT);
    struct peer *peer = peer_open(shards);
    peer_send_connect(peer, &(struct hello){.identifier = "c"});
    shards_wait(shards, 15);
    resume(shards, GMQ_DONE);
    cr_assert_not_null(peer->connection);
    shards_wait(shards, 11);
    EXPECT_END(peer, 0);
}

BROKER_TEST_WITH(deferral, two_connects_for_one_session_come_in_the_order_of_their_verdicts, routes)
{
    begin(GMQ_CONNECT, 0, GMQ_CLOSE);
    struct peer *first = peer_open(shards), *second = peer_open(shards);
    peer_send_connect(first, &(struct hello){.identifier = "c", .expiry = 10});
    peer_send_connect(second, &(struct hello){.identifier = "c", .expiry = 10});
    gmq_deferral *of_first = take();
    resume(shards, GMQ_NEXT);
    cr_assert_not(TAKE(second, GMQ_CONNACK)->connack.is_session_present);
    gmq_resume(of_first, GMQ_NEXT);
    shards_settle(shards);
    cr_assert(TAKE(first, GMQ_CONNACK)->connack.is_session_present);
    EXPECT_END(second, GMQ_REASON_SESSION_TAKEN_OVER);
}

BROKER_TEST_WITH(deferral, subscribe_and_pubrel_can_be_deferred, routes)
{
    begin(GMQ_SUBSCRIBE, 0, GMQ_CLOSE);
    struct peer *peer = CONNECT(shards, .identifier = "c");
    uint16_t identifier = peer_send_subscribe(peer, "a/+", 2, 7);
    gmq_resume_reject(take(), GMQ_REASON_NOT_AUTHORIZED, NULL);
    shards_settle(shards);
    const union any_packet *suback = TAKE(peer, GMQ_SUBACK);
    cr_assert_eq(suback->packet.identifier, identifier);
    cr_assert_eq(suback->suback.reasons[0], GMQ_REASON_NOT_AUTHORIZED);
    peer_send_subscribe(peer, "a/+", 2, 7);
    resume(shards, GMQ_NEXT);
    cr_assert_eq(TAKE(peer, GMQ_SUBACK)->suback.reasons[0], 2);

    begin(GMQ_PUBREL, 0, GMQ_CLOSE);
    struct peer *from = CONNECT(shards, .identifier = "from");
    identifier = SEND(from, .topic = "a/b", .payload = "x", .qos = 2);
    EXPECT_ACK(from, GMQ_PUBREC, identifier);
    peer_send_ack(from, GMQ_PUBREL, identifier, GMQ_REASON_SUCCESS);
    EXPECT_SILENCE(from);
    resume(shards, GMQ_NEXT);
    EXPECT_ACK(from, GMQ_PUBCOMP, identifier);
    EXPECT(peer, "a/b", "x");
}
