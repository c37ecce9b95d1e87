/* Matches that a worker remembers: when they hold, when they don't any more, and what there is no room for. */
#include "subscription_given.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS = 13 };

TestSuite(match_cache, .init = make_index, .fini = free_index);

Test(match_cache, a_remembered_match_outlives_who_comes_to_a_known_filter)
{
    add("a", 0, 1, 0);
    add("+", 0, 1, 0);
    struct match before = *match_with(0, "a");

    add("a", 1, 1, 0);
    add("$share/g/+", 1, 1, 0);
    take_out("+", 0);

    const struct match *after = match_with(0, "a");
    cr_assert_eq(after->wildcard_epoch, before.wildcard_epoch);
    cr_assert_eq(after->exact_epoch, before.exact_epoch);
    cr_assert_eq(after->count, 2);
}

Test(match_cache, a_filter_that_comes_or_goes_outdates_the_matches_that_it_could_change)
{
    struct match empty = *match_with(0, "a");

    add("a", 0, 1, 0);
    struct match exact = *match_with(0, "a");
    cr_assert_neq(exact.exact_epoch, empty.exact_epoch);
    cr_assert_eq(exact.wildcard_epoch, empty.wildcard_epoch);

    add("other/#", 0, 1, 0);
    struct match wildcard = *match_with(0, "a");
    cr_assert_neq(wildcard.wildcard_epoch, exact.wildcard_epoch);
    cr_assert_eq(wildcard.exact_epoch, exact.exact_epoch);

    take_out("a", 0);
    cr_assert_neq(match_with(0, "a")->exact_epoch, exact.exact_epoch);
    take_out("other/#", 0);
    cr_assert_neq(match_with(0, "a")->wildcard_epoch, wildcard.wildcard_epoch);
}

static void check_many(size_t count, size_t length)
{
    char *topic = malloc(length);
    memset(topic, 'x', length);
    for (size_t i = 0; i < 2 * count; i++) {
        int digits = snprintf(topic, length, "many/%zu", i / 2);
        topic[digits] = 'x';
        const struct match *match = subscription_match(
            subscriptions, caches[0], gmq_view_make(topic, length > TEXT_SIZE ? length : (size_t)digits));
        cr_assert_not_null(match);
        cr_assert_eq(match->count, 1U + (length <= TEXT_SIZE && i / 2 == 77), "%zu", i / 2);
    }
    free(topic);
}

Test(match_cache, more_topics_than_can_be_remembered_are_matched_all_the_same)
{
    add("many/+", 0, 1, 0);
    add("many/77", 0, 1, 0);

    check_many(40000, TEXT_SIZE);
    check_many(30000, 1000); /* too many bytes */
    check_many(100, 2000);   /* too long */
    check_many(10, UINT16_MAX);
    check_many(40000, TEXT_SIZE);
}

Test(match_cache, a_topic_may_match_more_filters_than_are_remembered)
{
    char topic[2 * STEPS] = "";
    for (int i = 0; i < STEPS; i++)
        memcpy(&topic[2 * i], i < STEPS - 1 ? "a/" : "a", 2);
    for (uint32_t bits = 0; bits < 1U << STEPS; bits++) {
        char filter[2 * STEPS];
        memcpy(filter, topic, sizeof filter);
        for (int i = 0; i < STEPS; i++)
            filter[2 * i] = (bits >> i & 1) != 0 ? '+' : 'a';
        cr_assert_eq(add(filter, 0, 1, 0), SUBSCRIPTION_NEW);
    }

    cr_assert_eq(match_with(0, topic)->count, 1U << STEPS);
    cr_assert_eq(match_with(0, topic)->count, 1U << STEPS);
    take_out(topic, 0);
    cr_assert_eq(match_with(0, topic)->count, (1U << STEPS) - 1);
    cr_assert_eq(match_with(0, "a")->count, 0);
}

Test(match_cache, a_cache_that_can_not_grow_works_on)
{
    add("many/+", 0, 1, 0);
    add("many/77", 0, 1, 0);
    for (uint64_t n = 1; n < 3000; n += 97) {
        mem_fail_after(n);
        for (size_t i = 0; i < 1000; i++) {
            char topic[TEXT_SIZE];
            snprintf(topic, sizeof topic, "many/%zu", i);
            const struct match *match = subscription_match(subscriptions, caches[0], gmq_view_of(topic));
            cr_assert(match == NULL || match->count == 1U + (i == 77));
        }
        mem_fail_after(0);
        check_many(1000, TEXT_SIZE);
        match_cache_free(caches[0]);
        caches[0] = match_cache_new();
    }
}

Test(match_cache, what_can_not_be_made_is_not_made)
{
    for (uint64_t n = 1; n <= 2; n++) {
        mem_fail_after(n);
        cr_assert_null(subscription_index_new());
        mem_fail_after(n);
        cr_assert_null(match_cache_new());
    }
    mem_fail_after(0);
    subscription_index_free(NULL);
    match_cache_free(NULL);
}
