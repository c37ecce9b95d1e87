/* What one turn has for another worker: in order, whole, and none of it later than mail that was posted after it. */
#include "broker/parcel.h"

#include "base/memory.h"
#include "broker/client.h"
#include "broker/session.h"
#include "shard/each.h"

#include <string.h>

static struct shards *shards;
static struct peer *to;
static struct shard *here;        /* a worker that the session of "to" is not on */
static struct share_group *group; /* NULL: the targets are not shared */

static void set_up(void)
{
    desk_reset();
    group = NULL;
    shards = shards_new(4, NULL);
    to = CONNECT(shards, .identifier = "to", .expiry = 1000);
    here = shards->turners[(shards_worker_of(shards, "to") + 1) % 4].shard;
}

static void tear_down(void)
{
    shards_free(shards);
}

TestSuite(parcel, .init = set_up, .fini = tear_down);

static bool add(const char *payload, size_t length, uint8_t qos, uint32_t targets)
{
    struct message_parts parts = {
        .topic = GMQ_VIEW("a"), .payload = gmq_view_make(payload, length), .expires_ns = UINT64_MAX, .qos = qos};
    struct subscriber subscriber = {
        .session = shards_session(shards, "to"), .options = 2, .worker = (uint8_t)shards_worker_of(shards, "to")};
    struct target_list list = {0};
    struct publication publication;
    bool is_added = true;
    here->call_depth++; /* the list is in the arena */
    for (uint32_t i = 0; i < targets; i++)
        is_added = is_added && target_list_add(&list, &here->arena, &subscriber, group);
    publication_init_parts(&publication, &parts);
    is_added = is_added && parcel_add(here, shards_worker_of(shards, "to"), &list, &publication);
    publication_deinit(&publication);
    shard_call_end(here);
    return is_added;
}

static bool add_text(const char *payload, uint8_t qos)
{
    return add(payload, strlen(payload), qos, 1);
}

Test(parcel, what_one_turn_has_for_a_worker_arrives_in_order)
{
    char payload[16];
    for (int i = 0; i < 1000; i++) { /* more than one parcel holds */
        snprintf(payload, sizeof payload, "%d", i);
        cr_assert(add_text(payload, (uint8_t)(i % 3)));
    }
    shards_settle(shards);
    for (int i = 0; i < 1000; i++) {
        snprintf(payload, sizeof payload, "%d", i);
        cr_assert_eq(EXPECT(to, "a", payload)->qos, i % 3);
    }
    EXPECT_SILENCE(to);
}

Test(parcel, long_messages_come_between_short_ones_and_are_whole)
{
    enum { LONGEST = 70000 };
    static char payload[LONGEST + 1];
    const size_t lengths[] = {1, 1022, 1023, 1024, 3, LONGEST, 0, LONGEST - 1, 2};
    for (uint8_t qos = 0; qos <= 2; qos++) {
        for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
            memset(payload, 'a' + (int)i, lengths[i]);
            cr_assert(add(payload, lengths[i], qos, 1));
        }
        shards_settle(shards);
        for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
            memset(payload, 'a' + (int)i, lengths[i]);
            payload[lengths[i]] = '\0';
            EXPECT(to, "a", payload);
        }
    }
}

Test(parcel, more_targets_than_a_parcel_is_long_get_one_of_their_own)
{
    SUBSCRIBE(to, "$share/g/b", 0);
    cr_assert(add_text("before", 0));
    group = subscription_group(shards_session(shards, "to")->subscriptions[0]); /* so that they stand alone */
    cr_assert(add("many", 4, 0, 2000));
    cr_assert(add_text("behind", 0));
    shards_settle(shards);
    EXPECT(to, "a", "before");
    for (int i = 0; i < 2000; i++)
        EXPECT(to, "a", "many");
    EXPECT(to, "a", "behind");
}

Test(parcel, a_group_outlasts_the_way_even_if_all_readers_were_quiescent_meanwhile)
{
    SUBSCRIBE(to, "$share/g/b", 2);
    group = subscription_group(shards_session(shards, "to")->subscriptions[0]);
    cr_assert(add_text("shared", 1));
    (void)subscription_leave(shards->broker->subscriptions, here->reader,
                             shards_session(shards, "to")->subscriptions[0], shards_session(shards, "to"));
    for (int i = 0; i < 3; i++) {
        for (uint32_t worker = 0; worker < 4; worker++)
            grace_quiescent(shards->turners[worker].shard->reader);
        subscription_index_collect(shards->broker->subscriptions, here->reader, UINT32_MAX);
    }
    cr_assert_eq(atomic_load(&group->references), 1, "the index has let go of it, the parcel has not");
    shards_session(shards, "to")->subscription_count = 0;
    shards_settle(shards);
    EXPECT(to, "a", "shared");
}

static struct {
    struct shard_mail mail;
    size_t pending; /* for "to", when it arrived */
} note;

static void note_arrived(struct shard *shard, struct shard_mail *mail)
{
    (void)shard;
    (void)mail;
    note.pending = shards_session(shards, "to")->client->output.pending;
}

Test(parcel, other_mail_comes_behind_what_was_added_before_it_and_ahead_of_what_was_added_after)
{
    cr_assert(add_text("one", 0));
    cr_assert(add_text("two", 0));
    note.mail.handle = note_arrived;
    shard_post(here, shards_worker_of(shards, "to"), &note.mail);
    cr_assert(add_text("three", 0));
    shards_settle(shards);
    cr_assert_eq(note.pending, 2 * (2 + 2 + 1 + 1 + 3), "two packets: header, topic, no properties, payload");
    EXPECT(to, "a", "one");
    EXPECT(to, "a", "two");
    EXPECT(to, "a", "three");
}

Test(parcel, a_session_that_ends_while_they_are_on_their_way_gets_none)
{
    cr_assert(add_text("late", 1));
    struct session *session = shards_session(shards, "to");
    session->client->session = NULL;
    session->client = NULL;
    session_end(session);
    shards_settle(shards);
    EXPECT_SILENCE(to);
}

Test(parcel, without_memory_what_was_added_stays_and_the_next_one_is_told)
{
    cr_assert(add_text("kept", 1));
    static char payload[2000];
    mem_fail_after(1);
    cr_assert_not(add(payload, sizeof payload, 1, 1), "a long message is allocated");
    mem_fail_after(0);
    cr_assert(add_text("next", 1));
    shards_settle(shards);
    EXPECT(to, "a", "kept");
    EXPECT(to, "a", "next");
    EXPECT_SILENCE(to);
}

Test(parcel, those_that_arrived_are_sent_again_until_they_are_not_needed)
{
    struct shard *there = shards->turners[shards_worker_of(shards, "to")].shard;
    for (int i = 0; i < 20; i++) {
        cr_assert(add_text("x", 0));
        parcel_seal_all(here);
    }
    shards_settle(shards);
    cr_assert_gt(there->spare_parcel_count, 0);
    cr_assert_leq(there->spare_parcel_count, 8);
    shard_tick(there);
    cr_assert_eq(there->spare_parcel_count, 0);
}
