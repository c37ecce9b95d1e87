/* Shared subscriptions: each message to one member, fairly, and on to another when its member goes (MQTT 5.0, 4.8.2).
 */
#include "broker/session.h"
#include "shard/each.h"

enum { MEMBERS = 4 };

struct group {
    struct peer *members[MEMBERS];
    struct peer *from;
};

static const char *const names[MEMBERS] = {"m0", "m1", "m2", "m3"};

static struct group group_of(struct shards *shards, const struct hello *model)
{
    struct group group;
    for (int i = 0; i < MEMBERS; i++) {
        struct hello hello = *model;
        hello.identifier = names[i];
        group.members[i] = peer_connect(shards, &hello);
        SUBSCRIBE(group.members[i], "$share/g/a/#", 2);
    }
    group.from = CONNECT(shards, .identifier = "from");
    return group;
}

/* How many messages a member has got; they are not acknowledged. */
static int count(struct peer *member)
{
    int messages = 0;
    const union any_packet *packet;
    while ((packet = peer_next(member)) != NULL)
        messages += packet->packet.type == GMQ_PUBLISH;
    return messages;
}

static void publish(struct group *group, int first, int end, uint8_t qos)
{
    char text[16];
    for (int i = first; i < end; i++) {
        snprintf(text, sizeof text, "%d", i);
        PUBLISH(group->from, .topic = "a/b", .payload = text, .qos = qos);
    }
}

BROKER_TEST(share, each_message_goes_to_one_member_in_turn)
{
    struct group group = group_of(shards, &(struct hello){.expiry = 100});
    publish(&group, 0, 40, 1);
    for (int i = 0; i < MEMBERS; i++)
        cr_assert_eq(count(group.members[i]), 10);
}

BROKER_TEST(share, groups_and_others_get_their_own)
{
    struct group group = group_of(shards, &(struct hello){.expiry = 100});
    struct peer *other = CONNECT(shards, .identifier = "other");
    SUBSCRIBE(other, "$share/h/a/#", 1);
    struct peer *plain = CONNECT(shards, .identifier = "plain");
    SUBSCRIBE(plain, "a/#", 1);
    SUBSCRIBE(group.members[0], "a/#", 1); /* beside its share */
    publish(&group, 0, 8, 0);
    cr_assert_eq(count(other), 8);
    cr_assert_eq(count(plain), 8);
    cr_assert_eq(count(group.members[0]), 10);
    cr_assert_eq(count(group.members[1]), 2);
}

BROKER_TEST(share, who_is_away_is_passed_over_and_the_others_share_fairly)
{
    struct group group = group_of(shards, &(struct hello){.expiry = 100});
    peer_break(group.members[1]);
    peer_break(group.members[2]);
    publish(&group, 0, 40, 1);
    cr_assert_eq(count(group.members[0]), 20);
    cr_assert_eq(count(group.members[3]), 20);
    cr_assert_eq(shards_session(shards, "m1")->queue.count, 0);
}

BROKER_TEST(share, who_cannot_keep_up_is_passed_over)
{
    struct group group = group_of(shards, &(struct hello){.expiry = 100, .receive_maximum = 5});
    publish(&group, 0, 24, 1); /* five in flight with each, and one waits */
    for (int i = 0; i < MEMBERS; i++)
        cr_assert_eq(count(group.members[i]), 5);
    for (int i = 0; i < 6; i++)
        peer_send_ack(group.members[2], GMQ_PUBACK, (uint16_t)(i + 1), GMQ_REASON_SUCCESS);
    cr_assert_eq(count(group.members[2]), 1);
    publish(&group, 24, 29, 1);
    cr_assert_eq(count(group.members[2]), 5);
}

BROKER_TEST(share, with_all_away_it_waits_for_one_of_them)
{
    struct group group = group_of(shards, &(struct hello){.expiry = 100});
    for (int i = 0; i < MEMBERS; i++)
        peer_break(group.members[i]);
    publish(&group, 0, 8, 1);
    int messages = 0;
    for (int i = 0; i < MEMBERS; i++)
        messages += count(CONNECT(shards, .identifier = names[i], .expiry = 100));
    cr_assert_eq(messages, 8);
}

/* All messages 0 to `end` are with the living members, each once. */
static void expect_all(struct peer **members, int member_count, int end)
{
    int seen[64] = {0};
    for (int i = 0; i < member_count; i++) {
        const union any_packet *packet;
        while ((packet = peer_next(members[i])) != NULL) {
            cr_assert_eq(packet->packet.type, GMQ_PUBLISH);
            int number = atoi(packet->publish.payload.data);
            seen[number]++;
            if (packet->publish.qos == 1)
                peer_send_ack(members[i], GMQ_PUBACK, packet->packet.identifier, GMQ_REASON_SUCCESS);
        }
    }
    for (int number = 0; number < end; number++)
        cr_assert_eq(seen[number], 1, "message %d came %d times", number, seen[number]);
}

BROKER_TEST(share, what_a_member_has_not_acknowledged_goes_on_when_its_session_ends)
{
    struct group group = group_of(shards, &(struct hello){.receive_maximum = 3, .expiry = 100});
    publish(&group, 0, 32, 1); /* in flight, and waiting */
    count(group.members[1]);
    peer_send_disconnect_after(group.members[1], 0);
    peer_break(group.members[2]);
    count(group.members[2]);
    shards_wait(shards, 101);
    cr_assert_null(shards_session(shards, "m2"));
    struct peer *living[] = {group.members[0], group.members[3]};
    expect_all(living, 2, 32);
}

BROKER_TEST(share, it_goes_on_also_where_nothing_of_the_session_can_be_resumed)
{
    struct group group = group_of(shards, &(struct hello){.receive_maximum = 3});
    publish(&group, 0, 32, 1);
    count(group.members[1]);
    peer_break(group.members[1]);
    struct peer *living[] = {group.members[0], group.members[2], group.members[3]};
    expect_all(living, 3, 32);
}

BROKER_TEST(share, a_qos_2_message_that_was_sent_is_never_given_to_another)
{
    struct group group = group_of(shards, &(struct hello){.receive_maximum = 3});
    publish(&group, 0, 4, 2);
    cr_assert_eq(count(group.members[1]), 1);
    peer_break(group.members[1]);
    cr_assert_eq(count(group.members[0]) + count(group.members[2]) + count(group.members[3]), 3);
}

BROKER_TEST(share, the_last_member_takes_what_it_has_with_it)
{
    struct peer *only = CONNECT(shards, .identifier = "m0", .receive_maximum = 1);
    SUBSCRIBE(only, "$share/g/a/#", 1);
    struct group group = {.from = CONNECT(shards, .identifier = "from")};
    publish(&group, 0, 5, 1);
    peer_break(only);
    cr_assert_eq(subscription_count(shards->broker->subscriptions), 0);
    cr_assert_eq(PUBLISH(group.from, .topic = "a/b", .qos = 1), GMQ_REASON_NO_MATCHING_SUBSCRIBERS);
}

BROKER_TEST(share, members_that_come_and_go_leave_none_without_its_share)
{
    struct group group = group_of(shards, &(struct hello){.expiry = 0});
    for (int round = 0; round < 20; round++) {
        struct peer *passing = CONNECT(shards, .identifier = "passing");
        SUBSCRIBE(passing, "$share/g/a/#", 1);
        peer_leave(passing);
    }
    publish(&group, 0, 40, 0);
    for (int i = 0; i < MEMBERS; i++)
        cr_assert_eq(count(group.members[i]), 10);
}

/* The will of a member is for the others of its group, also where its session ends with its connection. */
BROKER_TEST(share, the_will_of_a_member_whose_session_ends_goes_to_another)
{
    struct letter will = {.topic = "a/will", .payload = "gone", .qos = 1};
    struct peer *gone = CONNECT(shards, .identifier = "m0", .will = will);
    SUBSCRIBE(gone, "$share/g/a/#", 1);
    struct peer *away = CONNECT(shards, .identifier = "m1", .expiry = 100);
    SUBSCRIBE(away, "$share/g/a/#", 1);
    peer_break(away);

    CONNECT(shards, .identifier = "m0"); /* its session is not to be resumed, and ends */

    EXPECT(CONNECT(shards, .identifier = "m1", .expiry = 100), "a/will", "gone");
}

/* Messages and a CONNECT that ends the member's session, one by one so many turns of the workers apart that in one of
 * the rounds a message is on its way to the session when it ends. */
BROKER_TEST(share, what_was_on_its_way_to_a_member_whose_session_ends_goes_to_another)
{
    struct peer *stays = CONNECT(shards, .identifier = "m0");
    SUBSCRIBE(stays, "$share/g/a/#", 1);
    struct peer *from = CONNECT(shards, .identifier = "from");
    from->is_held = true;
    for (int turns = 0; turns < 8; turns++) {
        SUBSCRIBE(CONNECT(shards, .identifier = "m1"), "$share/g/a/#", 1);
        struct peer *again = peer_open(shards);
        again->is_held = true;
        peer_send_connect(again, &(struct hello){.identifier = "m1", .is_clean = true});
        for (int turn = 0; turn < turns; turn++)
            shards_turn(shards);
        for (int i = 0; i < 4; i++)
            SEND(from, .topic = "a/b", .payload = "x", .qos = 1);
        shards_settle(shards);
        cr_assert_eq(count(stays), 4, "with %d turns between them", turns);
    }
}
