/* The subscription index and its remembered matches against a shadow that compares each filter with each topic, also
 * with allocations that fail. */
#include "subscription_given.h"

#include "base/random.h"
#include "mqtt/topic.h"

enum { SESSIONS = 12, ROUNDS = 60000 };

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

TestSuite(subscription_shadow, .init = make_index, .fini = free_index);

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

static void see_entries(struct entries entries, const struct share_group *group)
{
    struct subscriber entry;
    for (uint32_t i = 0; i < entries.count; i++) {
        if (!entry_read(&entries, i, &entry))
            continue;
        size_t number = (size_t)((char *)(void *)entry.session - sessions);
        struct wanted *cell = wanted_of(&entry, number, group);
        cr_assert_not_null(cell, "session %zu, identifier %u should have gone", number, entry.identifier);
        cr_assert_eq(cell->options, entry.options);
        cr_assert_eq(number, entry.worker);
        cell->seen++;
    }
}

static void see_filters(struct filter_subscribers *found)
{
    see_entries(entries_of_filter(found), NULL);
    struct share_group *group = filter_groups(found);
    for (; group != NULL; group = atomic_load(&group->next)) {
        gmq_view name = gmq_view_make(group->name, group->name_length);
        cr_assert_eq(share_group_find(found, name), group);
        cr_assert_gt(members(entries_of_group(group)), 0);
        see_entries(entries_of_group(group), group);
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

Test(subscription_shadow, random_use_agrees_with_a_shadow_also_where_matches_are_remembered)
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

Test(subscription_shadow, a_subscription_that_fails_leaves_all_as_it_was)
{
    for (size_t session = 0; session < 3; session++) {
        for (size_t filter = 0; filter < FILTERS; filter++)
            fail_and_put_in(filter, session);
    }
    for (size_t filter = 0; filter < FILTERS; filter++)
        fail_and_put_in(filter, 1); /* replaced */
    empty_index();
}

Test(subscription_shadow, a_match_without_memory_is_none_and_comes_the_next_time)
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
