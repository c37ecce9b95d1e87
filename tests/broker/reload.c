/* A new generation in the middle of things: each packet is handled whole by the one that took it, and nothing is lost.
 */
#include "broker/session.h"
#include "shard/each.h"

#include <string.h>

#define DESK_ON_PUBLISH "'routes': {'PUBLISH': ['desk:on_publish', 'broker:on_publish']}"

static void begin(desk_handler *handler)
{
    memset(desk_incoming, 0, sizeof desk_incoming);
    memset(desk_events, 0, sizeof desk_events);
    desk_incoming[GMQ_PUBLISH] = handler;
    desk_limit_ms = 0;
}

BROKER_TEST(reload, clients_sessions_and_messages_stay)
{
    struct peer *to = CONNECT(shards, .identifier = "to");
    struct peer *from = CONNECT(shards, .identifier = "from");
    struct peer *away = CONNECT(shards, .identifier = "away", .expiry = 100);
    SUBSCRIBE(to, "a", 2);
    SUBSCRIBE(away, "a", 1);
    peer_break(away);
    uint16_t second = 0;
    PUBLISH(from, .topic = "kept", .payload = "x", .is_retained = true);
    for (int i = 0; i < 3; i++) {
        uint16_t identifier = SEND(from, .topic = "a", .payload = "x", .qos = 2);
        EXPECT_ACK(from, GMQ_PUBREC, identifier);
        shards_reload(shards, NULL);
        cr_assert_eq(shards->draining_count, 0);
        peer_send_ack(from, GMQ_PUBREL, identifier, GMQ_REASON_SUCCESS);
        EXPECT_ACK(from, GMQ_PUBCOMP, identifier);
        second = TAKE(to, GMQ_PUBLISH)->packet.identifier;
        peer_send_ack(to, GMQ_PUBREC, second, GMQ_REASON_SUCCESS);
        shards_reload(shards, NULL);
        EXPECT_ACK(to, GMQ_PUBREL, second);
        peer_send_ack(to, GMQ_PUBCOMP, second, GMQ_REASON_SUCCESS);
    }
    away = CONNECT(shards, .identifier = "away", .expiry = 100);
    cr_assert(away->is_session_present);
    for (int i = 0; i < 3; i++)
        EXPECT(away, "a", "x");
    SUBSCRIBE(away, "kept", 0);
    EXPECT(away, "kept", "x");
}

BROKER_TEST_WITH(reload, a_deferred_packet_goes_on_in_the_generation_that_took_it, DESK_ON_PUBLISH)
{
    begin(desk_defer);
    struct peer *to = CONNECT(shards, .identifier = "to");
    SUBSCRIBE(to, "a", 2);
    struct peer *from = CONNECT(shards, .identifier = "from");
    uint16_t first = SEND(from, .topic = "a", .payload = "old", .qos = 1);
    uint16_t second = SEND(from, .topic = "a", .payload = "new", .qos = 1); /* waits: the next one's */

    shards_reload(shards, "'routes': {'PUBLISH': 'broker:on_publish'}");

    cr_assert_eq(shards->draining_count, 1);
    EXPECT_SILENCE(from);
    gmq_resume(desk_take_deferral(), GMQ_NEXT);
    shards_settle(shards);
    EXPECT_ACK(from, GMQ_PUBACK, first);
    EXPECT_ACK(from, GMQ_PUBACK, second);
    EXPECT(to, "a", "old");
    EXPECT(to, "a", "new");
    cr_assert_eq(shards->draining_count, 0);
}

BROKER_TEST_WITH(reload, old_generations_wait_for_each_other, DESK_ON_PUBLISH)
{
    begin(desk_defer);
    struct peer *peers[3];
    gmq_deferral *deferrals[3];
    static const char *const names[] = {"p0", "p1", "p2"};
    for (int i = 0; i < 3; i++) {
        peers[i] = CONNECT(shards, .identifier = names[i]);
        SEND(peers[i], .topic = "a", .qos = 1);
        deferrals[i] = desk_take_deferral();
        shards_reload(shards, DESK_ON_PUBLISH);
    }
    cr_assert_eq(shards->draining_count, 3);
    gmq_resume(deferrals[1], GMQ_NEXT);
    shards_settle(shards);
    cr_assert_eq(shards->draining_count, 3);
    gmq_resume(deferrals[0], GMQ_NEXT);
    shards_settle(shards);
    cr_assert_eq(shards->draining_count, 1);
    peer_break(peers[2]);
    cr_assert_eq(shards->draining_count, 0);
    gmq_resume(deferrals[2], GMQ_NEXT); /* whose code has gone */
    shards_settle(shards);
    TAKE(peers[0], GMQ_PUBACK);
    TAKE(peers[1], GMQ_PUBACK);
}

BROKER_TEST_WITH(reload, a_limit_of_time_runs_on, DESK_ON_PUBLISH)
{
    begin(desk_defer);
    desk_limit_ms = 3000;
    desk_at_limit = GMQ_NEXT;
    struct peer *from = CONNECT(shards, .identifier = "from");
    SEND(from, .topic = "a", .qos = 1);
    shards_wait(shards, 2);
    shards_reload(shards, NULL);
    shards_wait(shards, 2);
    TAKE(from, GMQ_PUBACK);
    cr_assert_eq(shards->draining_count, 0);
    gmq_resume(desk_take_deferral(), GMQ_NEXT);
}

BROKER_TEST(reload, workers_that_are_of_two_generations_work_together)
{
    struct peer *from = CONNECT(shards, .identifier = "from");
    char name[16];
    for (uint32_t i = 0; i < shards->count; i++) {
        snprintf(name, sizeof name, "early%u", i);
        SUBSCRIBE(peer_connect(shards, &(struct hello){.identifier = name, .expiry = 10}), "a", 1);
    }
    shards_load(shards, NULL);
    for (uint32_t worker = 0; worker < shards->count; worker++) {
        shards_adopt(shards, worker);
        PUBLISH(from, .topic = "a", .payload = "x", .qos = 1);
        snprintf(name, sizeof name, "late%u", worker);
        peer_leave(peer_connect(shards, &(struct hello){.identifier = name}));
    }
    cr_assert_eq(shards->draining_count, 0);
    for (uint32_t i = 0; i < shards->count; i++) {
        snprintf(name, sizeof name, "early%u", i);
        struct peer *again = peer_connect(shards, &(struct hello){.identifier = name, .expiry = 10});
        for (uint32_t j = 0; j < shards->count; j++)
            EXPECT(again, "a", "x");
    }
}

BROKER_TEST_WITH(reload, limits_hold_from_the_next_message_on, "'limits': {'queued_messages': 2}")
{
    struct peer *away = CONNECT(shards, .identifier = "away", .expiry = 100);
    SUBSCRIBE(away, "a", 1);
    peer_break(away);
    struct peer *from = CONNECT(shards, .identifier = "from");
    for (int i = 0; i < 4; i++)
        PUBLISH(from, .topic = "a", .payload = "x", .qos = 1);
    cr_assert_eq(shards_session(shards, "away")->queue.count, 2);
    shards_reload(shards, "'limits': {'queued_messages': 3}");
    for (int i = 0; i < 4; i++)
        PUBLISH(from, .topic = "a", .payload = "x", .qos = 1);
    cr_assert_eq(shards_session(shards, "away")->queue.count, 3);
    shards_reload(shards, "'limits': {'queued_messages': 1}"); /* what is there stays */
    PUBLISH(from, .topic = "a", .payload = "x", .qos = 1);
    cr_assert_eq(shards_session(shards, "away")->queue.count, 3);
}

static unsigned started, stopped, closed;

static void count_start(gmq_call *call)
{
    (void)call;
    started++;
}

static void count_stop(gmq_call *call)
{
    (void)call;
    stopped++;
}

static void count_close(gmq_call *call)
{
    (void)call;
    closed++;
}

static const char lives[] = "'callbacks': {'worker_start': 'desk:at_worker_start', "
                            "'worker_stop': 'desk:at_worker_stop', 'close': 'desk:at_close'}";

BROKER_TEST(reload, a_plugin_starts_and_stops_once_on_each_worker)
{
    begin(NULL);
    started = stopped = closed = 0;
    desk_events[GMQ_EVENT_WORKER_START] = count_start;
    desk_events[GMQ_EVENT_WORKER_STOP] = count_stop;
    desk_events[GMQ_EVENT_CLOSE] = count_close;
    peer_leave(CONNECT(shards, .identifier = "c"));
    shards_reload(shards, lives);
    cr_assert_eq(started, shards->count);
    peer_leave(CONNECT(shards, .identifier = "c"));
    cr_assert_eq(closed, 1);
    cr_assert_eq(stopped, 0);
    shards_reload(shards, lives);
    cr_assert_eq(started, 2 * shards->count);
    cr_assert_eq(stopped, shards->count);
    shards_reload(shards, NULL);
    cr_assert_eq(stopped, 2 * shards->count);
    memset(desk_events, 0, sizeof desk_events);
}
