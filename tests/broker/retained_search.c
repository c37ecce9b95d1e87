/* The search for retained messages where it is long: cut into slices, between which the broker does other things. */
#include "broker/retained_search.h"

#include "broker/session.h"
#include "shard/each.h"

#include <string.h>

enum { TOPICS = 5000 };

static bool has[TOPICS];

static void retain(struct peer *from, int number, const char *payload)
{
    char topic[32];
    snprintf(topic, sizeof topic, "many/%d/x", number);
    cr_assert_lt(PUBLISH(from, .topic = topic, .payload = payload, .is_retained = true, .qos = 1), 0x80);
}

static struct peer *retain_all(struct shards *shards)
{
    struct peer *from = CONNECT(shards, .identifier = "from");
    for (int i = 0; i < TOPICS; i++)
        retain(from, i, "x");
    memset(has, 0, sizeof has);
    return from;
}

/* The subscription is made, and the search has begun: there is more to do. */
static struct shard *begin_search(struct shards *shards, struct peer *to, const char *filter)
{
    to->is_held = true;
    peer_send_subscribe(to, filter, 1, 0);
    struct shard *shard = shards->broker->shards[shards_worker_of(shards, "to")];
    while (list_is_empty(&shard->searching))
        cr_assert(shards_turn(shards), "there was no search");
    cr_assert(shard_is_busy(shard));
    to->is_held = false;
    return shard;
}

static int take_all(struct peer *to)
{
    int got = 0;
    shards_settle(to->shards);
    const union any_packet *packet;
    while ((packet = peer_next(to)) != NULL) {
        if (packet->packet.type != GMQ_PUBLISH)
            continue;
        int number = atoi(packet->publish.topic.data + strlen("many/"));
        cr_assert_not(has[number], "topic %d came twice", number);
        has[number] = true;
        got++;
        if (packet->publish.qos > 0)
            peer_send_ack(to, GMQ_PUBACK, packet->packet.identifier, GMQ_REASON_SUCCESS);
    }
    return got;
}

BROKER_TEST(retained_search, each_topic_is_found_once)
{
    retain_all(shards);
    struct peer *to = CONNECT(shards, .identifier = "to");
    struct shard *shard = begin_search(shards, to, "#");
    cr_assert_eq(take_all(to), TOPICS);
    cr_assert_not(shard_is_busy(shard));
    cr_assert_null(shard->search_reader, "grace periods are held back");
}

BROKER_TEST(retained_search, what_changes_meanwhile_comes_as_it_is)
{
    struct peer *from = retain_all(shards);
    struct peer *to = CONNECT(shards, .identifier = "to");
    begin_search(shards, to, "+/+/x");
    from->is_held = true;
    for (int i = 100; i < 200; i++) {
        char topic[32];
        snprintf(topic, sizeof topic, "many/%d/x", i);
        SEND(from, .topic = topic, .payload = "", .is_retained = true); /* and told live, empty */
    }
    from->is_held = false;
    cr_assert_eq(take_all(to), TOPICS);
}

static int take_twice(struct peer *to)
{
    int got = 0;
    shards_settle(to->shards);
    const union any_packet *packet;
    while ((packet = peer_next(to)) != NULL) {
        got += packet->packet.type == GMQ_PUBLISH;
        if (packet->packet.type == GMQ_PUBLISH)
            peer_send_ack(to, GMQ_PUBACK, packet->packet.identifier, GMQ_REASON_SUCCESS);
    }
    return got;
}

BROKER_TEST(retained_search, searches_come_one_after_the_other)
{
    retain_all(shards);
    struct peer *to = CONNECT(shards, .identifier = "to");
    struct shard *shard = begin_search(shards, to, "many/#");
    to->is_held = true;
    peer_send_subscribe(to, "many/+/x", 1, 0);
    shards_turn(shards);
    to->is_held = false;
    cr_assert_neq(shard->searching.next, shard->searching.previous, "two wait");
    cr_assert_eq(take_twice(to), 2 * TOPICS);
}

BROKER_TEST(retained_search, a_client_that_goes_ends_it)
{
    retain_all(shards);
    struct peer *to = CONNECT(shards, .identifier = "to");
    struct shard *shard = begin_search(shards, to, "#");
    cr_assert_not_null(shard->search_reader);
    peer_break(to);
    shards_settle(shards);
    cr_assert_null(shard->search_reader);
    cr_assert_not(shard_is_busy(shard));
}

BROKER_TEST_WITH(retained_search, a_session_that_stays_gets_it_later, "'limits': {'queued_messages': 10000}")
{
    retain_all(shards);
    struct peer *to = CONNECT(shards, .identifier = "to", .receive_maximum = 2, .expiry = 100);
    begin_search(shards, to, "#");
    peer_break(to);
    shards_settle(shards);
    to = CONNECT(shards, .identifier = "to", .expiry = 100);
    cr_assert_eq(take_all(to), TOPICS);
}

BROKER_TEST_WITH(retained_search, no_more_of_it_is_queued_than_the_limit, "'limits': {'queued_messages': 10}")
{
    retain_all(shards);
    struct peer *to = CONNECT(shards, .identifier = "to", .receive_maximum = 2, .expiry = 100);
    begin_search(shards, to, "#");
    peer_break(to);
    shards_settle(shards);
    cr_assert_eq(shards_session(shards, "to")->queue.count, 10);
}

BROKER_TEST(retained_search, the_broker_may_end_meanwhile)
{
    retain_all(shards);
    struct peer *to = CONNECT(shards, .identifier = "to", .expiry = 100);
    struct shard *shard = begin_search(shards, to, "#");
    cr_assert_not_null(shard->search_reader);
    /* shards_free() would find what is left: memory, a reader, a message */
}
