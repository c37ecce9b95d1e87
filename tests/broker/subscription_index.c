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

Test(subscription_index, the_place_of_a_subscription_names_its_filter_and_group)
{
    struct subscriber subscriber = subscriber_of(0, 0, 0);
    subscription_place plain = 0, shared = 0;
    char text[TEXT_SIZE];
    cr_assert_eq(subscription_add(subscriptions, reader, GMQ_VIEW("a/+"), &subscriber, &plain), SUBSCRIPTION_NEW);
    cr_assert_eq(subscription_add(subscriptions, reader, GMQ_VIEW("$share/g/a/+"), &subscriber, &shared),
                 SUBSCRIPTION_NEW);

    cr_assert_eq(subscription_filter(plain, text, sizeof text), 3);
    cr_assert_eq(memcmp(text, "a/+", 3), 0);
    cr_assert_null(subscription_group(plain));
    cr_assert_eq(subscription_filter(shared, text, sizeof text), 3);
    cr_assert_eq(memcmp(text, "a/+", 3), 0);
    cr_assert_eq(subscription_group(shared), share_group_find(match_with(0, "a/b")->filters[0], GMQ_VIEW("g")));
}

Test(subscription_index, a_place_is_found_by_its_filter_and_left_by_its_session)
{
    struct subscriber subscriber = subscriber_of(0, 0, 0);
    subscription_place plain = 0, shared = 0;
    (void)subscription_add(subscriptions, reader, GMQ_VIEW("a/b"), &subscriber, &plain);
    (void)subscription_add(subscriptions, reader, GMQ_VIEW("$share/g/a/b"), &subscriber, &shared);

    cr_assert_eq(subscription_find(subscriptions, GMQ_VIEW("a/b")), plain);
    cr_assert_eq(subscription_find(subscriptions, GMQ_VIEW("$share/g/a/b")), shared);
    cr_assert_eq(subscription_find(subscriptions, GMQ_VIEW("$share/h/a/b")), 0);
    cr_assert_eq(subscription_find(subscriptions, GMQ_VIEW("a")), 0);
    cr_assert_not(subscription_leave(subscriptions, reader, plain, session_of(1)));
    cr_assert(subscription_leave(subscriptions, reader, plain, session_of(0)));
    cr_assert(subscription_leave(subscriptions, reader, shared, session_of(0)));
    cr_assert_eq(subscription_count(subscriptions), 0);
    cr_assert_eq(subscription_find(subscriptions, GMQ_VIEW("a/b")), 0);
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

    cr_assert_eq(add("a", 0, 7, 2), SUBSCRIPTION_REPLACED);

    cr_assert_null(atomic_load(&found->lists));
    cr_assert_eq(members(entries_of_filter(found)), 1);
    cr_assert_eq(subscription_count(subscriptions), 1);
}

/* Whether they stand in the filter itself or in its set. */
Test(subscription_index, a_replaced_subscription_keeps_its_place_and_takes_no_memory)
{
    for (size_t session = 0; session < 100; session++)
        add("a", session, 1, 0);
    struct entries entries = entries_of_filter(match_with(0, "a")->filters[0]);

    mem_fail_after(1);
    for (size_t session = 0; session < 100; session++)
        cr_assert_eq(add("a", session, (uint32_t)session, 1), SUBSCRIPTION_REPLACED);
    cr_assert_eq(mem_fail_after(0), 0);

    cr_assert_eq(members(entries), 100);
    for (uint32_t i = 0; i < 100; i++) {
        struct subscriber entry;
        cr_assert(entry_read(&entries, i, &entry));
        cr_assert_eq(entry.session, session_of(i));
        cr_assert_eq(entry.identifier, i);
        cr_assert_eq(entry.options, 1);
        cr_assert_eq(entry.worker, i);
    }
}

Test(subscription_index, the_place_of_the_first_is_not_given_to_another)
{
    add("a", 0, 1, 0);
    add("a", 1, 2, 0);
    struct filter_subscribers *found = match_with(0, "a")->filters[0];
    take_out("a", 0);

    add("a", 2, 3, 0);
    add("a", 0, 4, 0);

    cr_assert_null(atomic_load(&found->first.session));
    cr_assert_eq(members(entries_of_filter(found)), 3);
    cr_assert_eq(match_with(0, "a")->filters[0], found);
}

Test(subscription_index, a_filter_that_went_stays_readable_until_the_reader_was_quiescent)
{
    add("a/+", 0, 1, 0);
    add("$share/g/a/+", 1, 1, 0);
    struct filter_subscribers *found = match_with(0, "a/b")->filters[0];
    struct share_group *group = share_group_find(found, GMQ_VIEW("g"));
    take_out("a/+", 0);
    take_out("$share/g/a/+", 1);

    cr_assert_eq(members(entries_of_filter(found)), 0);
    cr_assert_null(filter_groups(found));
    cr_assert_eq(members(entries_of_group(group)), 0);
    cr_assert_eq(match_with(0, "a/b")->count, 0);
    collect();
}

static void check_crowd(const bool *is_in, uint32_t count)
{
    const struct match *match = match_with(0, "crowd");
    cr_assert_eq(match->count, count > 0);
    if (count == 0)
        return;
    struct entries entries = entries_of_filter(match->filters[0]);
    cr_assert_eq(members(entries), count);
    uint32_t used = entries.count - 1, dead = entries.set != NULL ? entries.set->dead : 0;
    cr_assert(dead <= 8 || dead <= used / 2, "%u of %u are dead", dead, used);
    for (uint32_t i = 0; i < entries.count; i++) {
        struct subscriber entry;
        cr_assert(!entry_read(&entries, i, &entry) || is_in[(char *)(void *)entry.session - sessions]);
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
