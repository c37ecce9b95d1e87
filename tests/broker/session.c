/* Sessions: what of them outlives a connection, for how long, and who may have them
 * (MQTT 5.0, 3.1.2.4, 3.1.2.11.2, 3.1.4 and 4.1). */
#include "broker/session.h"

#include "shard/each.h"

static unsigned ended;

static void count_end(gmq_call *call)
{
    cr_assert(gmq_view_equals(gmq_client_identifier(gmq_call_client(call)), "c"));
    ended++;
}

static const char events[] = "'callbacks': {'session_end': 'desk:at_session_end'}";

/* A connection to a given worker. */
static struct peer *connect_at(struct shards *shards, uint32_t worker, const struct hello *hello)
{
    shards->next_worker = worker;
    return peer_connect(shards, hello);
}

BROKER_TEST(session, a_clean_one_ends_with_its_connection)
{
    struct peer *first = CONNECT(shards, .identifier = "c", .is_clean = true);
    SUBSCRIBE(first, "a", 1);
    peer_leave(first);

    cr_assert_null(shards_session(shards, "c"));
    cr_assert_eq(subscription_count(shards->broker->subscriptions), 0);
    struct peer *second = CONNECT(shards, .identifier = "c");
    cr_assert_not(second->is_session_present);
}

BROKER_TEST(session, what_waits_in_it_is_sent_after_it_was_resumed)
{
    struct peer *publisher = CONNECT(shards, .identifier = "p");
    struct peer *away = CONNECT(shards, .identifier = "c", .expiry = 100);
    cr_assert_eq(SUBSCRIBE(away, "a/+", 2), 2);
    peer_leave(away);
    PUBLISH(publisher, .topic = "a/0", .payload = "not kept", .qos = 0);
    PUBLISH(publisher, .topic = "a/1", .payload = "one", .qos = 1);
    PUBLISH(publisher, .topic = "a/2", .payload = "two", .qos = 2);

    struct peer *back = CONNECT(shards, .identifier = "c", .expiry = 100);

    cr_assert(back->is_session_present);
    cr_assert_eq(EXPECT(back, "a/1", "one")->qos, 1);
    cr_assert_eq(EXPECT(back, "a/2", "two")->qos, 2);
    EXPECT_SILENCE(back);
}

BROKER_TEST(session, a_clean_start_forgets_what_was)
{
    struct peer *publisher = CONNECT(shards, .identifier = "p");
    struct peer *away = CONNECT(shards, .identifier = "c", .expiry = 100);
    SUBSCRIBE(away, "a", 1);
    peer_leave(away);
    PUBLISH(publisher, .topic = "a", .payload = "for nobody", .qos = 1);

    struct peer *back = CONNECT(shards, .identifier = "c", .expiry = 100, .is_clean = true);

    cr_assert_not(back->is_session_present);
    EXPECT_SILENCE(back);
    cr_assert_eq(PUBLISH(publisher, .topic = "a", .payload = "again", .qos = 1), GMQ_REASON_NO_MATCHING_SUBSCRIBERS);
}

BROKER_TEST_WITH(session, it_expires_when_its_time_is_over_and_not_before, events)
{
    desk_events[GMQ_EVENT_SESSION_END] = count_end;
    ended = 0;
    struct peer *away = CONNECT(shards, .identifier = "c", .expiry = 100);
    SUBSCRIBE(away, "a", 1);
    shards_wait(shards, 1000); /* connected: it doesn't run */
    peer_leave(away);

    shards_wait(shards, 99);
    cr_assert_not_null(shards_session(shards, "c"));
    shards_wait(shards, 2);

    cr_assert_null(shards_session(shards, "c"));
    cr_assert_eq(ended, 1);
    cr_assert_eq(atomic_load(&shards->broker->session_count), 0);
    desk_events[GMQ_EVENT_SESSION_END] = NULL;
}

BROKER_TEST_WITH(session, the_end_of_each_is_told_once, events)
{
    desk_events[GMQ_EVENT_SESSION_END] = count_end;
    ended = 0;
    peer_leave(CONNECT(shards, .identifier = "c", .is_clean = true));
    cr_assert_eq(ended, 1);
    peer_leave(CONNECT(shards, .identifier = "c", .expiry = 10));
    cr_assert_eq(ended, 1);
    peer_leave(CONNECT(shards, .identifier = "c", .is_clean = true, .expiry = 10));
    cr_assert_eq(ended, 2);
    shards_wait(shards, 11);
    cr_assert_eq(ended, 3);
    desk_events[GMQ_EVENT_SESSION_END] = NULL;
}

BROKER_TEST(session, one_that_never_expires_is_there_after_years)
{
    peer_leave(CONNECT(shards, .identifier = "c", .expiry = UINT32_MAX));
    shards_wait(shards, UINT64_C(100) * 365 * 86400);
    cr_assert_not_null(shards_session(shards, "c"));
}

BROKER_TEST(session, a_connection_in_between_starts_the_time_anew)
{
    peer_leave(CONNECT(shards, .identifier = "c", .expiry = 100));
    shards_wait(shards, 90);
    peer_leave(CONNECT(shards, .identifier = "c", .expiry = 50));
    shards_wait(shards, 45);
    cr_assert_not_null(shards_session(shards, "c"));
    shards_wait(shards, 6);
    cr_assert_null(shards_session(shards, "c"));
}

BROKER_TEST(session, disconnect_can_change_its_expiry)
{
    struct peer *longer = CONNECT(shards, .identifier = "c", .expiry = 10);
    peer_send_disconnect_after(longer, 100);
    shards_wait(shards, 50);
    cr_assert_not_null(shards_session(shards, "c"));

    struct peer *none = CONNECT(shards, .identifier = "c", .expiry = 10);
    cr_assert(none->is_session_present);
    peer_send_disconnect_after(none, 0);
    cr_assert_null(shards_session(shards, "c"));
}

BROKER_TEST(session, disconnect_cannot_give_expiry_to_one_that_has_none)
{
    struct peer *peer = CONNECT(shards, .identifier = "c");
    peer_send_disconnect_after(peer, 100);
    EXPECT_END(peer, GMQ_REASON_PROTOCOL_ERROR);
    cr_assert_null(shards_session(shards, "c"));
}

BROKER_TEST_WITH(session, its_expiry_is_bounded_by_the_limit, "'limits': {'session_expiry_seconds': 60}")
{
    struct peer *peer = peer_open(shards);
    peer_send_connect(peer, &(struct hello){.identifier = "c", .expiry = UINT32_MAX});
    const struct gmq_packet *connack = &TAKE(peer, GMQ_CONNACK)->packet;
    cr_assert_eq(properties_number(&connack->properties, PROPERTY_SESSION_EXPIRY_INTERVAL, 0), 60);
    peer_send_disconnect_after(peer, 3600);
    shards_wait(shards, 61);
    cr_assert_null(shards_session(shards, "c"));
}

BROKER_TEST_WITH(session, one_of_an_older_version_lasts_as_long_as_the_limit_says,
                 "'limits': {'session_expiry_seconds': 60}")
{
    peer_leave(CONNECT(shards, .identifier = "c", .version = 4));
    shards_wait(shards, 59);
    struct peer *back = CONNECT(shards, .identifier = "c", .version = 4);
    cr_assert(back->is_session_present);
    peer_leave(back);
    shards_wait(shards, 61);
    cr_assert_null(shards_session(shards, "c"));
    peer_leave(CONNECT(shards, .identifier = "c", .version = 4, .is_clean = true));
    cr_assert_null(shards_session(shards, "c"));
}

BROKER_TEST(session, a_second_connection_takes_it_over)
{
    struct peer *publisher = CONNECT(shards, .identifier = "p");
    struct peer *first = CONNECT(shards, .identifier = "c", .expiry = 100);
    SUBSCRIBE(first, "a", 1);

    struct peer *second = CONNECT(shards, .identifier = "c", .expiry = 100);

    EXPECT_END(first, GMQ_REASON_SESSION_TAKEN_OVER);
    cr_assert(second->is_session_present);
    PUBLISH(publisher, .topic = "a", .payload = "x", .qos = 1);
    EXPECT(second, "a", "x");
}

BROKER_TEST(session, it_is_taken_over_from_whichever_worker_accepted)
{
    struct peer *last = NULL;
    for (uint32_t worker = 0; worker < 2 * shards->count; worker++) {
        struct peer *next = connect_at(shards, worker, &(struct hello){.identifier = "c", .expiry = 100});
        cr_assert_eq(next->is_session_present, last != NULL);
        if (last != NULL)
            EXPECT_END(last, GMQ_REASON_SESSION_TAKEN_OVER);
        cr_assert_eq(next->connection->client.shard->index, shards_worker_of(shards, "c"));
        last = next;
    }
}

BROKER_TEST(session, one_that_cannot_outlive_its_connection_is_not_taken_over)
{
    struct peer *first = CONNECT(shards, .identifier = "c");
    SUBSCRIBE(first, "a", 1);
    struct peer *second = CONNECT(shards, .identifier = "c", .expiry = 100);
    EXPECT_END(first, GMQ_REASON_SESSION_TAKEN_OVER);
    cr_assert_not(second->is_session_present);
    cr_assert_eq(subscription_count(shards->broker->subscriptions), 0);
}

BROKER_TEST(session, the_end_of_a_connection_that_lost_it_leaves_it_alone)
{
    struct peer *first = CONNECT(shards, .identifier = "c", .expiry = 100);
    first->is_held = true;
    peer_send_disconnect_after(first, 0); /* on its way, when the second one comes */
    struct peer *second = CONNECT(shards, .identifier = "c", .expiry = 100);
    shards_settle(shards);
    cr_assert_null(first->connection);
    cr_assert_not_null(second->connection);
    cr_assert_not_null(shards_session(shards, "c"));
}

BROKER_TEST(session, connections_that_race_for_it_leave_one)
{
    enum { RACERS = 12 };
    struct peer *racers[RACERS];
    for (int i = 0; i < RACERS; i++) {
        racers[i] = peer_open(shards);
        racers[i]->is_held = true;
        peer_send_connect(racers[i], &(struct hello){.identifier = "c", .expiry = 100});
    }
    shards_settle(shards);
    int connected = 0;
    for (int i = 0; i < RACERS; i++)
        connected += racers[i]->connection != NULL;
    cr_assert_eq(connected, 1);
    cr_assert_eq(atomic_load(&shards->broker->session_count), 1);
}

BROKER_TEST(session, a_client_without_an_identifier_gets_one)
{
    struct peer *peer = peer_open(shards);
    peer_send_connect(peer, &(struct hello){.is_clean = true});
    const struct gmq_packet *connack = &TAKE(peer, GMQ_CONNACK)->packet;
    cr_assert(properties_has(&connack->properties, PROPERTY_ASSIGNED_CLIENT_IDENTIFIER));
    gmq_view assigned = connack->properties.value[PROPERTY_ASSIGNED_CLIENT_IDENTIFIER].text;
    const struct shard *shard = peer->connection->client.shard;
    cr_assert_not_null(session_find(shard, assigned));
    cr_assert_eq(broker_worker_of(shards->broker, assigned), shard->index);
}

BROKER_TEST_WITH(session, there_are_no_more_than_the_limit, "'limits': {'sessions': 2}")
{
    CONNECT(shards, .identifier = "a");
    peer_leave(CONNECT(shards, .identifier = "b", .expiry = 10));
    struct peer *third = peer_open(shards);
    peer_send_connect(third, &(struct hello){.identifier = "c"});
    cr_assert_eq(TAKE(third, GMQ_CONNACK)->packet.reason, GMQ_REASON_QUOTA_EXCEEDED);
    EXPECT_END(third, 0);
    cr_assert(CONNECT(shards, .identifier = "b", .expiry = 10)->is_session_present);
    shards_wait(shards, 11);
    peer_leave(CONNECT(shards, .identifier = "b", .is_clean = true));
    CONNECT(shards, .identifier = "c");
}

BROKER_TEST_WITH(session, it_has_no_more_subscriptions_than_the_limit, "'limits': {'subscriptions': 2}")
{
    struct peer *peer = CONNECT(shards, .identifier = "c");
    cr_assert_eq(SUBSCRIBE(peer, "a", 1), 1);
    cr_assert_eq(SUBSCRIBE(peer, "$share/g/a", 2), 2);
    cr_assert_eq(SUBSCRIBE(peer, "b", 1), GMQ_REASON_QUOTA_EXCEEDED);
    cr_assert_eq(SUBSCRIBE(peer, "a", 0), 0, "one that it has may change");
    cr_assert_eq(UNSUBSCRIBE(peer, "$share/h/a"), GMQ_REASON_NO_SUBSCRIPTION_EXISTED);
    cr_assert_eq(UNSUBSCRIBE(peer, "$share/g/a"), GMQ_REASON_SUCCESS);
    cr_assert_eq(SUBSCRIBE(peer, "b", 1), 1);
}

BROKER_TEST(session, its_subscriptions_are_counted_and_forgotten)
{
    struct peer *peer = CONNECT(shards, .identifier = "c");
    for (int round = 0; round < 3; round++) {
        char filter[32];
        for (int i = 0; i < 50; i++) {
            snprintf(filter, sizeof filter, i % 3 == 0 ? "$share/g%d/a/#" : "a/+/%d", i);
            SUBSCRIBE(peer, filter, 1);
        }
        cr_assert_eq(subscription_count(shards->broker->subscriptions), 50);
        for (int i = 49; i >= 0; i--) {
            snprintf(filter, sizeof filter, i % 3 == 0 ? "$share/g%d/a/#" : "a/+/%d", i);
            cr_assert_eq(UNSUBSCRIBE(peer, filter), GMQ_REASON_SUCCESS);
        }
        cr_assert_eq(subscription_count(shards->broker->subscriptions), 0);
    }
}

/* Unsubscribing thousands takes time, which other clients need as well. */
BROKER_TEST(session, one_with_many_subscriptions_ends_in_slices)
{
    enum { COUNT = 2000 };
    struct peer *publisher = CONNECT(shards, .identifier = "p");
    struct peer *subscriber = CONNECT(shards, .identifier = "c");
    char filter[32];
    for (int i = 0; i < COUNT; i++) {
        snprintf(filter, sizeof filter, i % 2 == 0 ? "a/%d/#" : "$share/g/b/%d", i);
        SUBSCRIBE(subscriber, filter, 1);
    }
    struct shard *shard = shards->broker->shards[shards_worker_of(shards, "c")];
    subscriber->is_held = true;
    peer_break(subscriber);
    while (list_is_empty(&shard->ending))
        cr_assert(shards_turn(shards), "the session has ended at once");
    cr_assert_null(shards_session(shards, "c"), "its name is free");
    size_t left = subscription_count(shards->broker->subscriptions);
    cr_assert(left > 0 && left < COUNT);

    /* Neither as a member of a group nor by itself does it get a message any more; a new one is another. */
    publisher->is_held = true;
    SEND(publisher, .topic = "b/1", .payload = "x", .qos = 1);
    uint16_t second = SEND(publisher, .topic = "a/0/x", .payload = "x", .qos = 1);
    publisher->is_held = false;
    shards_settle(shards);
    EXPECT_ACK(publisher, GMQ_PUBACK, (uint16_t)(second - 1));
    EXPECT_ACK(publisher, GMQ_PUBACK, second);
    struct peer *back = CONNECT(shards, .identifier = "c");
    EXPECT_SILENCE(back);
    SUBSCRIBE(back, "a/0/#", 1);
    PUBLISH(publisher, .topic = "a/0/x", .payload = "y", .qos = 1);
    EXPECT(back, "a/0/x", "y");
    cr_assert_eq(subscription_count(shards->broker->subscriptions), 1);
}
