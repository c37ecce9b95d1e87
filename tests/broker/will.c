/* Wills: when they are published, and when not (MQTT 5.0, 3.1.2.5 and 3.1.3.2.2). */
#include "broker/will.h"

#include "broker/session.h"
#include "shard/each.h"

static const struct letter plain = {.topic = "will", .payload = "gone", .qos = 1};
static const struct letter delayed = {.topic = "will", .payload = "gone", .qos = 1, .delay = 10};

static struct peer *watcher(struct shards *shards)
{
    struct peer *peer = CONNECT(shards, .identifier = "watcher");
    SUBSCRIBE(peer, "will", 2);
    return peer;
}

BROKER_TEST(will, it_follows_a_connection_that_breaks)
{
    struct peer *to = watcher(shards);
    peer_break(CONNECT(shards, .identifier = "c", .will = plain));
    EXPECT(to, "will", "gone");
}

BROKER_TEST(will, disconnect_takes_it_back)
{
    struct peer *to = watcher(shards);
    peer_leave(CONNECT(shards, .identifier = "c", .will = plain));
    shards_wait(shards, 100);
    EXPECT_SILENCE(to);
}

BROKER_TEST(will, disconnect_can_ask_for_it)
{
    struct peer *to = watcher(shards);
    peer_send_disconnect(CONNECT(shards, .identifier = "c", .will = plain), GMQ_REASON_DISCONNECT_WITH_WILL_MESSAGE);
    EXPECT(to, "will", "gone");
}

BROKER_TEST(will, it_follows_a_keep_alive_that_has_passed)
{
    struct peer *to = watcher(shards);
    struct peer *silent = CONNECT(shards, .identifier = "c", .will = plain, .keep_alive = 10);
    shards_wait(shards, 14);
    peer_send_ping(silent);
    TAKE(silent, GMQ_PINGRESP);
    shards_wait(shards, 14);
    EXPECT_SILENCE(to);
    shards_wait(shards, 2);
    EXPECT_END(silent, GMQ_REASON_KEEP_ALIVE_TIMEOUT);
    EXPECT(to, "will", "gone");
}

BROKER_TEST(will, it_follows_a_broken_packet)
{
    struct peer *to = watcher(shards);
    struct peer *broken = CONNECT(shards, .identifier = "c", .will = plain);
    peer_send_bytes(broken, "\x60\x02\x00\x01", 4); /* PUBREL with wrong flags */
    EXPECT_END(broken, GMQ_REASON_MALFORMED_PACKET);
    EXPECT(to, "will", "gone");
}

BROKER_TEST(will, it_waits_for_its_delay)
{
    struct peer *to = watcher(shards);
    peer_break(CONNECT(shards, .identifier = "c", .will = delayed, .expiry = 100));
    shards_wait(shards, 9);
    EXPECT_SILENCE(to);
    shards_wait(shards, 2);
    EXPECT(to, "will", "gone");
    shards_wait(shards, 200);
    EXPECT_SILENCE(to);
}

BROKER_TEST(will, a_connection_within_the_delay_prevents_it)
{
    struct peer *to = watcher(shards);
    peer_break(CONNECT(shards, .identifier = "c", .will = delayed, .expiry = 100));
    shards_wait(shards, 9);
    struct peer *back = CONNECT(shards, .identifier = "c", .expiry = 100);
    shards_wait(shards, 50);
    EXPECT_SILENCE(to);
    peer_break(back); /* which brought no will */
    shards_wait(shards, 200);
    EXPECT_SILENCE(to);
}

BROKER_TEST(will, the_end_of_the_session_is_the_end_of_the_delay)
{
    struct peer *to = watcher(shards);
    peer_break(CONNECT(shards, .identifier = "c", .will = delayed, .expiry = 5));
    shards_wait(shards, 4);
    EXPECT_SILENCE(to);
    shards_wait(shards, 2);
    EXPECT(to, "will", "gone");

    peer_break(CONNECT(shards, .identifier = "c", .will = delayed)); /* no expiry: at once */
    EXPECT(to, "will", "gone");

    peer_break(CONNECT(shards, .identifier = "c", .will = delayed, .expiry = 100));
    CONNECT(shards, .identifier = "c", .is_clean = true);
    EXPECT(to, "will", "gone");
    shards_wait(shards, 200);
    EXPECT_SILENCE(to);
}

BROKER_TEST(will, a_take_over_lets_it_go_out_unless_it_may_wait)
{
    struct peer *to = watcher(shards);
    CONNECT(shards, .identifier = "c", .will = plain, .expiry = 100);
    CONNECT(shards, .identifier = "c", .will = delayed, .expiry = 100);
    EXPECT(to, "will", "gone");
    CONNECT(shards, .identifier = "c", .expiry = 100);
    shards_wait(shards, 100);
    EXPECT_SILENCE(to);
}

BROKER_TEST(will, its_expiry_runs_from_its_publication)
{
    struct peer *to = CONNECT(shards, .identifier = "to", .expiry = 1000);
    SUBSCRIBE(to, "will", 1);
    struct letter will = delayed;
    will.expiry = 30;
    peer_break(CONNECT(shards, .identifier = "c", .will = will, .expiry = 100));
    peer_break(to);
    shards_wait(shards, 30); /* twenty after it was published */
    to = CONNECT(shards, .identifier = "to", .expiry = 1000);
    const struct gmq_publish *packet = EXPECT(to, "will", "gone");
    uint32_t left = properties_number(&packet->packet.properties, PROPERTY_MESSAGE_EXPIRY_INTERVAL, 0);
    cr_assert(left == 10 || left == 11, "%u", left); /* a timer may be late by a tick */
    cr_assert_not(properties_has(&packet->packet.properties, PROPERTY_WILL_DELAY_INTERVAL));
}

BROKER_TEST(will, it_can_be_retained)
{
    struct letter will = plain;
    will.is_retained = true;
    peer_break(CONNECT(shards, .identifier = "c", .will = will));
    struct peer *to = watcher(shards);
    cr_assert(EXPECT(to, "will", "gone")->is_retained);

    will.payload = NULL;
    peer_break(CONNECT(shards, .identifier = "c", .will = will));
    EXPECT(to, "will", "");
    cr_assert_eq(retained_store_count(shards->broker->retained), 0);
}

BROKER_TEST(will, no_local_holds_for_it)
{
    struct peer *to = watcher(shards);
    struct peer *self = CONNECT(shards, .identifier = "c", .will = plain, .expiry = 100);
    SUBSCRIBE(self, "will", 1 | SUBSCRIBE_NO_LOCAL);
    peer_break(self);
    EXPECT(to, "will", "gone");
    EXPECT_SILENCE(CONNECT(shards, .identifier = "c", .expiry = 100));
}

BROKER_TEST(will, the_end_of_the_broker_is_no_reason_for_it)
{
    struct peer *to = watcher(shards);
    struct peer *gone = CONNECT(shards, .identifier = "c", .will = plain);
    atomic_store(&shards->broker->is_stopping, true);
    peer_break(gone);
    EXPECT_SILENCE(to);
    atomic_store(&shards->broker->is_stopping, false);
}

static gmq_verdict refuse(gmq_call *call, gmq_packet *packet)
{
    (void)packet;
    return gmq_reject(call, GMQ_REASON_NOT_AUTHORIZED, NULL);
}

BROKER_TEST_WITH(will, who_was_not_let_in_has_none, "'routes': {'CONNECT': ['desk:on_connect', 'broker:on_connect']}")
{
    struct peer *to = watcher(shards);
    desk_incoming[GMQ_CONNECT] = refuse;
    struct peer *peer = peer_open(shards);
    peer_send_connect(peer, &(struct hello){.identifier = "c", .will = plain});
    cr_assert_eq(TAKE(peer, GMQ_CONNACK)->packet.reason, GMQ_REASON_NOT_AUTHORIZED);
    desk_incoming[GMQ_CONNECT] = NULL;
    EXPECT_END(peer, 0);
    EXPECT_SILENCE(to);
}

static gmq_verdict refuse_connack(gmq_call *call, gmq_packet *packet)
{
    (void)packet;
    return gmq_close(call, GMQ_REASON_NOT_AUTHORIZED, NULL);
}

BROKER_TEST_WITH(will, who_was_refused_at_the_last_moment_has_none_either, "'outgoing': {'CONNACK': 'desk:on_connack'}")
{
    struct peer *to = watcher(shards);
    desk_outgoing[GMQ_CONNACK] = refuse_connack;
    struct peer *peer = peer_open(shards);
    peer_send_connect(peer, &(struct hello){.identifier = "c", .will = plain});
    desk_outgoing[GMQ_CONNACK] = NULL;
    EXPECT_END(peer, 0);
    EXPECT_SILENCE(to);
}
