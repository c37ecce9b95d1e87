/* The subscription index and its remembered matches against a shadow that compares each filter with each topic, with
 * allocations that fail, and with readers at work while a writer changes everything. */
#include "broker/subscription_index.h"

#include "base/memory.h"
#include "base/random.h"
#include "mqtt/topic.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

enum { CACHES = 2, SESSIONS = 12, CROWD = 3000, ROUNDS = 60000, TEXT_SIZE = 64, STEPS = 13 };

/* clang-format off */
static const char *const filters[] = {
    "a", "b", "a/b", "a/+", "+/b", "+", "#", "a/#", "a/b/#", "+/+", "a/b/c", "a/+/c", "+/b/#", "/", "/a", "a/", "+/",
    "/+", "//", "/#", "$SYS/#", "$SYS/a", "$SYS/+", "$SYS", "b/c", "b/+", "c", "x/y/z", "a/b/+", "$share/g/a",
    "$share/h/a", "$share/g/a/b", "$share/g/#", "$share/h/#", "$share/h/+/b", "c/d", "$share/g//", "$share/g/$SYS",
    "$share/k/x/y", "$share/g/c/#", "$share/kk/a"
};
/* clang-format on */
static const char *const topics[] = {"a",     "b",   "c",     "a/b",    "a/b/c",      "a/",      "/",
                                     "/a",    "//",  "$SYS",  "$SYS/a", "b/c",        "x",       "x/y",
                                     "x/y/z", "c/d", "c/d/e", "d",      "$share/g/a", "$other/b"};

enum { FILTERS = sizeof(filters) / sizeof(filters[0]), TOPICS = sizeof(topics) / sizeof(topics[0]) };

/* What the shadow knows of a session's subscription to a filter. The identifier tells each state from all others. */
struct wanted {
    bool is_in;
    uint8_t options;
    uint32_t identifier;
    int seen;
};

static struct wanted wanted[FILTERS][SESSIONS];
static uint64_t wanted_count;
static uint32_t last_identifier;
static char sessions[CROWD];
static struct grace *grace;
static struct grace_reader *reader;
static struct subscription_index *subscriptions;
static struct match_cache *caches[CACHES];

static void make_index(void)
{
    grace = grace_new();
    reader = grace_join(grace);
    subscriptions = subscription_index_new();
    for (size_t i = 0; i < CACHES; i++)
        caches[i] = match_cache_new();
}

static void collect(void)
{
    grace_quiescent(reader);
    grace_collect(reader, grace_horizon(reader));
}

static void free_index(void)
{
    mem_fail_after(0);
    for (size_t i = 0; i < CACHES; i++)
        match_cache_free(caches[i]);
    subscription_index_free(subscriptions);
    grace_leave(reader);
    grace_free(grace);
}

TestSuite(subscription_index, .init = make_index, .fini = free_index);

/* No session is looked into here, so any address will do. */
static struct session *session_of(size_t i)
{
    return (struct session *)(void *)&sessions[i];
}

static struct subscriber subscriber_of(size_t session, uint32_t identifier, uint8_t options)
{
    return (struct subscriber){
        .session = session_of(session), .identifier = identifier, .options = options, .worker = (uint8_t)session};
}

static enum subscription_change add(const char *filter, size_t session, uint32_t identifier, uint8_t options)
{
    struct subscriber subscriber = subscriber_of(session, identifier, options);
    struct topic_node *node = NULL;
    enum subscription_change change = subscription_add(subscriptions, reader, gmq_view_of(filter), &subscriber, &node);
    cr_assert_eq(node == NULL, change == SUBSCRIPTION_NO_MEMORY);
    return change;
}

static bool take_out(const char *filter, size_t session)
{
    return subscription_remove(subscriptions, reader, gmq_view_of(filter), session_of(session));
}

static const struct match *match_with(size_t cache, const char *topic)
{
    const struct match *match = subscription_match(subscriptions, caches[cache], gmq_view_of(topic));
    cr_assert_not_null(match);
    return match;
}

static struct subscriber_set *set_at(_Atomic(struct subscriber_set *) *place)
{
    return atomic_load_explicit(place, memory_order_acquire);
}

static uint32_t members(struct subscriber_set *set)
{
    uint32_t count = 0;
    for (uint32_t i = 0; set != NULL && i < atomic_load(&set->count); i++)
        count += subscriber_session(&set->subscribers[i]) != NULL;
    return count;
}

/* ---- the shadow ---- */

static gmq_view filter_in_tree(size_t filter)
{
    gmq_view name, rest = gmq_view_of(filters[filter]);
    (void)topic_split_shared(rest, &name, &rest);
    return rest;
}

static bool filter_is_of_group(size_t filter, const struct share_group *group)
{
    gmq_view name, rest;
    bool is_shared = topic_split_shared(gmq_view_of(filters[filter]), &name, &rest);
    if (group == NULL || !is_shared)
        return group == NULL && !is_shared;
    return gmq_view_same(name, gmq_view_make(group->name, group->name_length));
}

/* The shadow's cell of an entry that was found. */
static struct wanted *wanted_of(const struct subscriber *entry, size_t session, const struct share_group *group)
{
    for (size_t filter = 0; filter < FILTERS; filter++) {
        struct wanted *cell = &wanted[filter][session];
        if (cell->is_in && cell->identifier == entry->identifier && filter_is_of_group(filter, group))
            return cell;
    }
    return NULL;
}

static void see_set(struct subscriber_set *set, const struct share_group *group)
{
    for (uint32_t i = 0; set != NULL && i < atomic_load(&set->count); i++) {
        struct subscriber *entry = &set->subscribers[i];
        struct session *session = subscriber_session(entry);
        if (session == NULL)
            continue;
        size_t number = (size_t)((char *)(void *)session - sessions);
        struct wanted *cell = wanted_of(entry, number, group);
        cr_assert_not_null(cell, "session %zu, identifier %u should have gone", number, entry->identifier);
        cr_assert_eq(cell->options, entry->options);
        cr_assert_eq(number, entry->worker);
        cell->seen++;
    }
}

static void see_filters(struct filter_subscribers *found)
{
    see_set(set_at(&found->set), NULL);
    struct share_group *group = atomic_load(&found->groups);
    for (; group != NULL; group = atomic_load(&group->next)) {
        gmq_view name = gmq_view_make(group->name, group->name_length);
        cr_assert_eq(share_group_find(found, name), group);
        cr_assert_gt(members(set_at(&group->members)), 0);
        see_set(set_at(&group->members), group);
    }
}

static void check_topic(size_t cache, const char *topic)
{
    const struct match *match = match_with(cache, topic);
    for (uint32_t i = 0; i < match->count; i++)
        see_filters(match->filters[i]);
    for (size_t filter = 0; filter < FILTERS; filter++) {
        bool is_match = topic_matches(filter_in_tree(filter), gmq_view_of(topic));
        for (size_t session = 0; session < SESSIONS; session++) {
            struct wanted *cell = &wanted[filter][session];
            cr_assert_eq(cell->seen, cell->is_in && is_match, "%s, \"%s\" against \"%s\": seen %d times",
                         cell->is_in ? "there" : "not there", filters[filter], topic, cell->seen);
            cell->seen = 0;
        }
    }
}

static void check_all(void)
{
    cr_assert_eq(subscription_count(subscriptions), wanted_count);
    for (size_t topic = 0; topic < TOPICS; topic++)
        check_topic(topic % CACHES, topics[topic]);
}

static void put_in(size_t filter, size_t session)
{
    struct wanted *cell = &wanted[filter][session];
    uint32_t identifier = ++last_identifier;
    uint8_t options = identifier % 3;
    enum subscription_change change = add(filters[filter], session, identifier, options);
    cr_assert_eq(change, cell->is_in ? SUBSCRIPTION_REPLACED : SUBSCRIPTION_NEW, "%s", filters[filter]);
    wanted_count += !cell->is_in;
    *cell = (struct wanted){.is_in = true, .identifier = identifier, .options = options};
}

static void put_out(size_t filter, size_t session)
{
    struct wanted *cell = &wanted[filter][session];
    cr_assert_eq(take_out(filters[filter], session), cell->is_in);
    wanted_count -= cell->is_in;
    cell->is_in = false;
}

static void change_at_random(struct random *random, int round)
{
    bool is_filling = round / 3000 % 2 == 0;
    size_t filter = random_below(random, FILTERS);
    size_t session = random_below(random, SESSIONS);
    if (random_below(random, 10) < (is_filling ? 7 : 1))
        put_in(filter, session);
    else
        put_out(filter, session);
}

static void empty_index(void)
{
    for (size_t filter = 0; filter < FILTERS; filter++) {
        for (size_t session = 0; session < SESSIONS; session++)
            put_out(filter, session);
    }
    check_all();
    for (size_t topic = 0; topic < TOPICS; topic++)
        cr_assert_eq(match_with(0, topics[topic])->count, 0);
}

Test(subscription_index, random_use_agrees_with_a_shadow_also_where_matches_are_remembered)
{
    struct random random = {11};
    for (int round = 0; round < ROUNDS; round++) {
        if (random_below(&random, 3) == 0) /* so that there are matches which nothing came in between */
            change_at_random(&random, round);
        check_topic(random_below(&random, CACHES), topics[random_below(&random, TOPICS)]);
        if (random_below(&random, 20) == 0)
            collect();
        if (round % 1000 == 0)
            check_all();
    }
    empty_index();
}

/* ---- single rules ---- */

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

/* ---- remembered matches ---- */

Test(subscription_index, a_remembered_match_outlives_who_comes_to_a_known_filter)
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

Test(subscription_index, a_filter_that_comes_or_goes_outdates_the_matches_that_it_could_change)
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

Test(subscription_index, more_topics_than_can_be_remembered_are_matched_all_the_same)
{
    add("many/+", 0, 1, 0);
    add("many/77", 0, 1, 0);

    check_many(40000, TEXT_SIZE);
    check_many(30000, 1000); /* too many bytes */
    check_many(100, 2000);   /* too long */
    check_many(10, UINT16_MAX);
    check_many(40000, TEXT_SIZE);
}

Test(subscription_index, a_topic_may_match_more_filters_than_are_remembered)
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

/* ---- out of memory ---- */

/* Tries until nothing fails; after each failure all is as before. */
static void fail_and_put_in(size_t filter, size_t session)
{
    bool has_failed = true;
    for (uint64_t n = 1; has_failed; n++) {
        mem_fail_after(n);
        enum subscription_change change = add(filters[filter], session, last_identifier + 1, 1);
        has_failed = mem_fail_after(0) != 0;
        cr_assert_eq(change == SUBSCRIPTION_NO_MEMORY, has_failed, "%s", filters[filter]);
        if (has_failed)
            check_all();
    }
    struct wanted *cell = &wanted[filter][session];
    wanted_count += !cell->is_in;
    *cell = (struct wanted){.is_in = true, .identifier = ++last_identifier, .options = 1};
    check_all();
}

Test(subscription_index, a_subscription_that_fails_leaves_all_as_it_was)
{
    for (size_t session = 0; session < 3; session++) {
        for (size_t filter = 0; filter < FILTERS; filter++)
            fail_and_put_in(filter, session);
    }
    for (size_t filter = 0; filter < FILTERS; filter++)
        fail_and_put_in(filter, 1); /* replaced */
    empty_index();
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

Test(subscription_index, a_match_without_memory_is_none_and_comes_the_next_time)
{
    for (size_t filter = 0; filter < FILTERS; filter++)
        put_in(filter, 0);
    bool has_failed = true;
    for (uint64_t n = 1; has_failed; n++) {
        match_cache_free(caches[0]);
        caches[0] = match_cache_new();
        mem_fail_after(n);
        const struct match *match = subscription_match(subscriptions, caches[0], gmq_view_of("a/b/c"));
        has_failed = mem_fail_after(0) != 0;
        cr_assert_eq(match == NULL, has_failed);
        check_topic(0, "a/b/c");
    }
}

Test(subscription_index, a_cache_that_can_not_grow_works_on)
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

Test(subscription_index, what_can_not_be_made_is_not_made)
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

/* ---- readers and a writer at once ---- */

enum { READERS = 3, STAYING = 5, TURNING = 5, PASSING = 40, LIVE = 8, LIVE_FOR = 4 };
enum { WRITER_ROUNDS = 20000, READER_TURNS = 20000 };

/* Sessions 0 to 4 stay, session 5 changes its options, the next 40 come and go, all in one filter. */
static const char *const room_filters[] = {"room/+", "$share/g/room/+"};

static atomic_bool is_over;
static _Atomic uint64_t turns;    /* of all readers */
static _Atomic uint64_t added;    /* the newest live subscription that subscription_add has returned for */
static _Atomic uint64_t removing; /* the newest that is being removed */
static _Atomic(const char *) complaint;

static void complain_unless(bool is_good, const char *what)
{
    if (!is_good)
        atomic_store(&complaint, what);
}

static void read_set(struct subscriber_set *set)
{
    int seen[STAYING + 1 + PASSING] = {0};
    uint32_t count = set != NULL ? atomic_load_explicit(&set->count, memory_order_acquire) : 0;
    for (uint32_t i = 0; i < count; i++) {
        struct subscriber *entry = &set->subscribers[i];
        const char *session = (char *)(void *)subscriber_session(entry);
        if (session == NULL)
            continue;
        seen[session - sessions]++;
        complain_unless(entry->identifier == entry->options, "an entry is half old, half new");
        complain_unless(entry->worker == session - sessions, "an entry is of another session");
    }
    for (size_t i = 0; i < STAYING + 1 + PASSING; i++)
        complain_unless(seen[i] == 1 || (seen[i] == 0 && i > TURNING), "a session was missed, or seen twice");
}

static void read_room(struct match_cache *cache)
{
    const struct match *match = subscription_match(subscriptions, cache, GMQ_VIEW("room/x"));
    complain_unless(match != NULL && match->count == 1, "the room was not found");
    if (match == NULL || match->count != 1)
        return;
    struct share_group *group = share_group_find(match->filters[0], GMQ_VIEW("g"));
    complain_unless(group != NULL, "the group was not found");
    read_set(set_at(&match->filters[0]->set));
    read_set(group != NULL ? set_at(&group->members) : NULL);
}

static bool match_has(const struct match *match, const struct session *session)
{
    for (uint32_t i = 0; i < match->count; i++) {
        struct subscriber_set *set = set_at(&match->filters[i]->set);
        uint32_t count = set != NULL ? atomic_load_explicit(&set->count, memory_order_acquire) : 0;
        for (uint32_t k = 0; k < count; k++) {
            if (subscriber_session(&set->subscribers[k]) == session)
                return true;
        }
    }
    return false;
}

static const struct match *match_live(struct match_cache *cache, uint64_t round)
{
    char topic[TEXT_SIZE];
    snprintf(topic, sizeof topic, "live/%d", (int)(round % LIVE));
    return subscription_match(subscriptions, cache, gmq_view_of(topic));
}

/* One that had been added before and wasn't removed until after the match must be in it. The others are matched so that
 * they are remembered from all moments of their coming and going. */
static void read_live(struct match_cache *cache)
{
    uint64_t round = atomic_load(&added);
    const struct match *match = match_live(cache, round);
    if (match == NULL || round == 0)
        return;
    bool is_found = match_has(match, session_of(round % LIVE));
    complain_unless(is_found || atomic_load(&removing) >= round, "a new subscription was missed");
    for (uint64_t other = round + 1; other < round + LIVE; other++) {
        match = match_live(cache, other);
        complain_unless(match == NULL || !match_has(match, session_of(LIVE)), "a session came from nowhere");
    }
}

static void *read_on(void *data)
{
    struct grace_reader *own = grace_join(data);
    struct match_cache *cache = match_cache_new();
    for (uint64_t turn = 1; !atomic_load(&is_over); turn++) {
        read_room(cache);
        read_live(cache);
        grace_quiescent(own);
        atomic_fetch_add_explicit(&turns, 1, memory_order_relaxed);
        if (turn % 64 == 0) {
            grace_offline(own);
            sched_yield();
            grace_online(own);
        }
    }
    match_cache_free(cache);
    grace_leave(own);
    return NULL;
}

static void write_room(struct random *random, size_t round)
{
    const char *filter = room_filters[round % 2];
    uint8_t options = (uint8_t)random_below(random, 4);
    add(filter, TURNING, options, options);
    size_t session = TURNING + 1 + random_below(random, PASSING);
    if (random_below(random, 2) == 0)
        add(filter, session, options, options);
    else
        take_out(filter, session);
}

static void live_filter(char *text, uint64_t round)
{
    /* By turns for a while, so that what is remembered isn't outdated by the next filter at once. */
    snprintf(text, TEXT_SIZE, round / 32 % 2 == 0 ? "live/%d" : "+/%d", (int)(round % LIVE));
}

static void write_live(uint64_t round)
{
    char filter[TEXT_SIZE];
    live_filter(filter, round);
    add(filter, round % LIVE, 1, 1);
    atomic_store(&added, round);
    if (round <= LIVE_FOR)
        return;
    atomic_store(&removing, round - LIVE_FOR);
    live_filter(filter, round - LIVE_FOR);
    cr_assert(take_out(filter, (round - LIVE_FOR) % LIVE));
}

static bool is_writer_needed(uint64_t round)
{
    return (round <= WRITER_ROUNDS || atomic_load(&turns) < READER_TURNS) && atomic_load(&complaint) == NULL;
}

Test(subscription_index, readers_miss_nothing_that_stays_while_a_writer_changes_the_rest)
{
    struct random random = {3};
    pthread_t readers[READERS];
    for (size_t i = 0; i <= TURNING; i++) {
        add(room_filters[0], i, 1, 1);
        add(room_filters[1], i, 1, 1);
    }
    for (size_t i = 0; i < READERS; i++)
        cr_assert_eq(pthread_create(&readers[i], NULL, read_on, grace), 0);

    for (uint64_t round = 1; is_writer_needed(round); round++) {
        write_room(&random, round);
        write_live(round);
        collect();
    }

    atomic_store(&is_over, true);
    for (size_t i = 0; i < READERS; i++)
        pthread_join(readers[i], NULL);
    cr_assert_null(atomic_load(&complaint), "%s", atomic_load(&complaint));
}
