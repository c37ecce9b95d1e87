/* A subscription index with two caches, as the tests of it have it: made anew for each, by a test suite with
 * make_index and free_index. No session is looked into here, so any address will do. */
#ifndef TESTS_BROKER_SUBSCRIPTION_GIVEN_H
#define TESTS_BROKER_SUBSCRIPTION_GIVEN_H

#include "base/memory.h"
#include "broker/subscription_index.h"

#include <criterion/criterion.h>

enum { CACHES = 2, CROWD = 3000, TEXT_SIZE = 64 };

static char sessions[CROWD];
static struct grace *grace;
static struct grace_reader *reader;
static struct subscription_index *subscriptions;
static struct match_cache *caches[CACHES];

static inline void make_index(void)
{
    grace = grace_new();
    reader = grace_join(grace);
    subscriptions = subscription_index_new();
    for (size_t i = 0; i < CACHES; i++)
        caches[i] = match_cache_new();
}

static inline void collect(void)
{
    grace_quiescent(reader);
    grace_collect(reader, grace_horizon(reader));
}

static inline void free_index(void)
{
    mem_fail_after(0);
    for (size_t i = 0; i < CACHES; i++)
        match_cache_free(caches[i]);
    subscription_index_free(subscriptions);
    grace_leave(reader);
    grace_free(grace);
}

static inline struct session *session_of(size_t i)
{
    return (struct session *)(void *)&sessions[i];
}

static inline struct subscriber subscriber_of(size_t session, uint32_t identifier, uint8_t options)
{
    return (struct subscriber){
        .session = session_of(session), .identifier = identifier, .options = options, .worker = (uint8_t)session};
}

static inline enum subscription_change add(const char *filter, size_t session, uint32_t identifier, uint8_t options)
{
    struct subscriber subscriber = subscriber_of(session, identifier, options);
    subscription_place place = 0;
    enum subscription_change change = subscription_add(subscriptions, reader, gmq_view_of(filter), &subscriber, &place);
    cr_assert_eq(place == 0, change == SUBSCRIPTION_NO_MEMORY);
    return change;
}

static inline bool take_out(const char *filter, size_t session)
{
    return subscription_remove(subscriptions, reader, gmq_view_of(filter), session_of(session));
}

static inline const struct match *match_with(size_t cache, const char *topic)
{
    const struct match *match = subscription_match(subscriptions, caches[cache], gmq_view_of(topic));
    cr_assert_not_null(match);
    return match;
}

/* The entries of one list: a filter's own subscribers, the first of whom stands apart, or a group's. */
struct entries {
    struct subscriber_entry *first;
    struct subscriber_set *set;
    uint32_t count; /* in all, those of nobody included */
};

static inline struct entries entries_of(struct subscriber_entry *first, struct subscriber_set *set)
{
    struct entries entries = {.first = first, .set = set, .count = first != NULL};
    if (set != NULL)
        entries.count += atomic_load_explicit(&set->count, memory_order_acquire);
    return entries;
}

static inline struct entries entries_of_filter(struct filter_subscribers *filter)
{
    return entries_of(&filter->first, filter_set(filter));
}

static inline struct entries entries_of_group(struct share_group *group)
{
    return entries_of(NULL, atomic_load_explicit(&group->members, memory_order_acquire));
}

static inline bool entry_read(const struct entries *entries, uint32_t i, struct subscriber *subscriber)
{
    if (entries->first != NULL && i == 0)
        return subscriber_read(entries->first, subscriber);
    return subscriber_read(&entries->set->entries[i - (entries->first != NULL)], subscriber);
}

static inline uint32_t members(struct entries entries)
{
    uint32_t count = 0;
    struct subscriber subscriber;
    for (uint32_t i = 0; i < entries.count; i++)
        count += entry_read(&entries, i, &subscriber);
    return count;
}

#endif
