/* The subscription index: what a filter's subscribers are, when they come, change and go. */
#include "subscription_given.h"

#include "base/random.h"

#include <string.h>

TestSuite(subscription_index, .init = make_index, .fini = free_index);

Test(subscription_index, an_empty_index_matches_nothing)
{
    cr_assert_eq(match_with(0, "a")->count, 0);
    cr_assert_eq(subscription_count(subscriptions), 0);
    cr_assert_not(take_out("a", 0));
}

Test(subscription_index, the_node_of_a_subscription_names_its_filter)
{
    struct subscriber subscriber = subscriber_of(0, 0, 0);
    struct topic_node *node = NULL, *shared = NULL;
    char text[TEXT_SIZE];
    cr_assert_eq(subscription_add(subscriptions, reader, GMQ_VIEW("a/+"), &subscriber, &node), SUBSCRIPTION_NEW);
    cr_assert_eq(subscription_add(subscriptions, reader, GMQ_VIEW("$share/g/a/+"), &subscriber, &shared),
                 SUBSCRIPTION_NEW);

    cr_assert_eq(topic_node_path(node, text, sizeof text), 3);
    cr_assert_eq(memcmp(text, "a/+", 3), 0);
    cr_assert_eq(node, shared);
    cr_assert_eq(topic_node_value(node), match_with(0, "a/b")->filters[0]);
}

Test(subscription_index, a_subscription_and_a_shared_one_to_the_same_filter_are_two)
{
    add("a", 0, 1, 0);
    add("$share/g/a", 0, 2, 0);
    add("$share/h/a", 0, 3, 0);

    cr_assert_eq(subscription_count(subscriptions), 3);
    cr_assert_eq(match_with(0, "a")->count, 1);
    cr_assert(take_out("a", 0));
    cr_assert_not(take_out("a", 0));
    cr_assert(take_out("$share/g/a", 0));
    cr_assert_null(share_group_find(match_with(0, "a")->filters[0], GMQ_VIEW("g")));
    cr_assert_not_null(share_group_find(match_with(0, "a")->filters[0], GMQ_VIEW("h")));
    cr_assert_not(take_out("$share/g/a", 0));
    cr_assert(take_out("$share/h/a", 0));
    cr_assert_eq(match_with(0, "a")->count, 0);
}

Test(subscription_index, the_same_subscription_again_changes_nothing)
{
    add("a", 0, 7, 2);
    struct filter_subscribers *found = match_with(0, "a")->filters[0];
    const struct subscriber_set *set = set_at(&found->set);

    cr_assert_eq(add("a", 0, 7, 2), SUBSCRIPTION_REPLACED);

    cr_assert_eq(set_at(&found->set), set);
    cr_assert_eq(subscription_count(subscriptions), 1);
}

Test(subscription_index, a_replaced_subscription_is_seen_old_or_new_but_once)
{
    add("a", 0, 1, 0);
    add("a", 1, 2, 0);
    struct filter_subscribers *found = match_with(0, "a")->filters[0];
    struct subscriber_set *before = set_at(&found->set);

    cr_assert_eq(add("a", 0, 3, 1), SUBSCRIPTION_REPLACED);

    struct subscriber_set *after = set_at(&found->set);
    cr_assert_eq(members(before), 2);
    cr_assert_eq(before->subscribers[0].identifier, 1);
    cr_assert_eq(members(after), 2);
    cr_assert_eq(after->subscribers[0].identifier, 3);
    cr_assert_eq(after->subscribers[0].options, 1);
    cr_assert_eq(subscriber_session(&after->subscribers[1]), session_of(1));
    collect();
}

Test(subscription_index, a_filter_that_went_stays_readable_until_the_reader_was_quiescent)
{
    add("a/+", 0, 1, 0);
    add("$share/g/a/+", 1, 1, 0);
    struct filter_subscribers *found = match_with(0, "a/b")->filters[0];
    struct share_group *group = share_group_find(found, GMQ_VIEW("g"));
    take_out("a/+", 0);
    take_out("$share/g/a/+", 1);

    cr_assert_null(set_at(&found->set));
    cr_assert_null(atomic_load(&found->groups));
    cr_assert_eq(members(set_at(&group->members)), 0);
    cr_assert_eq(match_with(0, "a/b")->count, 0);
    collect();
}

static void check_crowd(const bool *is_in, uint32_t count)
{
    const struct match *match = match_with(0, "crowd");
    cr_assert_eq(match->count, count > 0);
    if (count == 0)
        return;
    struct subscriber_set *set = set_at(&match->filters[0]->set);
    uint32_t used = atomic_load(&set->count);
    cr_assert_eq(members(set), count);
    cr_assert(set->dead <= 8 || set->dead <= used / 2, "%u of %u are dead", set->dead, used);
    for (uint32_t i = 0; i < used; i++) {
        const char *session = (char *)(void *)subscriber_session(&set->subscribers[i]);
        cr_assert(session == NULL || is_in[session - sessions]);
    }
}

Test(subscription_index, a_crowd_comes_and_goes)
{
    struct random random = {5};
    static bool is_in[CROWD];
    uint32_t count = 0;
    for (size_t i = 0; i < CROWD; i++) {
        cr_assert_eq(add("crowd", i, (uint32_t)i, 0), SUBSCRIPTION_NEW);
        is_in[i] = true;
        count++;
    }
    for (int round = 0; round < 12 * CROWD || count > 0; round++) {
        size_t session = random_below(&random, CROWD);
        bool is_to_come = random_below(&random, 8) == 0 && round < 12 * CROWD;
        if (is_to_come)
            cr_assert_eq(add("crowd", session, (uint32_t)session, 0),
                         is_in[session] ? SUBSCRIPTION_REPLACED : SUBSCRIPTION_NEW);
        else
            cr_assert_eq(take_out("crowd", session), is_in[session]);
        count += (uint32_t)(is_to_come && !is_in[session]) - (uint32_t)(!is_to_come && is_in[session]);
        is_in[session] = is_to_come;
        if (round % 200 == 0)
            check_crowd(is_in, count);
        collect();
    }
    check_crowd(is_in, 0);
}

Test(subscription_index, a_subscription_can_be_removed_without_memory)
{
    for (size_t i = 0; i < CROWD; i++)
        add("crowd", i, 1, 0);
    for (size_t i = 0; i < CROWD; i++) {
        mem_fail_after(1);
        cr_assert(take_out("crowd", i));
    }
    mem_fail_after(0);
    cr_assert_eq(match_with(0, "crowd")->count, 0);
}
