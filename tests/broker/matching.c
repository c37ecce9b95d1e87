/* The subscription index, the retained messages and topic_matches against a naive matcher, which knows nothing of them:
 * random topics and filters, ordinary and shared, that overlap, come and go.
 *
 *     GRAFTMQ_MATCHING_PAIRS=10000000 GRAFTMQ_MATCHING_SEED=1 build/release/tests/test_broker_matching
 *
 * Each topic is looked up among all filters that are there, and each of those is then held against the naive matcher:
 * that many pairs. */
#include "matching/naive.h"

#include "base/memory.h"
#include "broker/retained_store.h"
#include "broker/subscription_index.h"
#include "mqtt/topic.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS = 48, CACHES = 2, LOOKUPS_PER_ROUND = 400, PAIRS_DEFAULT = 1000000 };

/* One subscription that may be there, of a session of its own or shared with others; and one retained topic. */
struct slot {
    char filter[NAIVE_TEXT_MAX + 20]; /* with "$share/NAME/", if it is shared */
    const char *inner;                /* behind that */
    bool is_shared;
    bool is_in;
    uint32_t seen;
    uint32_t identifier;
    uint8_t session; /* of sessions[]: several slots may have the same */
};

static struct slot slots[SLOTS];
static char sessions[SLOTS]; /* nobody looks into one */
static struct grace *grace;
static struct grace_reader *reader;
static struct subscription_index *subscriptions;
static struct match_cache *caches[CACHES];
static struct random dice;
static struct alphabet alphabet;
static uint64_t pairs, matches;
static uint32_t last_identifier;

static void make(void)
{
    const char *seed = getenv("GRAFTMQ_MATCHING_SEED");
    dice.state = (seed != NULL ? strtoull(seed, NULL, 10) : 1) * UINT64_C(0x9E3779B97F4A7C15) | 1;
    grace = grace_new();
    reader = grace_join(grace);
    subscriptions = subscription_index_new();
    for (size_t i = 0; i < CACHES; i++)
        caches[i] = match_cache_new();
}

static void end(void)
{
    for (size_t i = 0; i < CACHES; i++)
        match_cache_free(caches[i]);
    subscription_index_free(subscriptions);
    grace_leave(reader);
    grace_free(grace);
}

TestSuite(matching, .init = make, .fini = end, .timeout = 3600);

static uint64_t pairs_wanted(void)
{
    const char *text = getenv("GRAFTMQ_MATCHING_PAIRS");
    return text != NULL ? strtoull(text, NULL, 10) : PAIRS_DEFAULT;
}

static uint32_t below(uint32_t limit)
{
    return (uint32_t)random_below(&dice, limit);
}

static void collect(void)
{
    grace_quiescent(reader);
    grace_collect(reader, grace_horizon(reader));
}

static void count_pair(bool is_match)
{
    pairs++;
    matches += is_match;
}

/* Neither all nor none: else the pairs would prove nothing. */
static void check_share(void)
{
    cr_assert(matches > pairs / 100 && matches < pairs / 2, "%llu of %llu pairs match", (unsigned long long)matches,
              (unsigned long long)pairs);
    cr_log_info("%llu pairs, %llu of them match", (unsigned long long)pairs, (unsigned long long)matches);
}

/* ---- the index ---- */

static struct session *session_of(const struct slot *slot)
{
    return (struct session *)(void *)&sessions[slot->session];
}

/* Sessions are few enough that one has several filters which match the same topic; the same filter of the same session
 * is one subscription, so no two slots may have both. */
static bool slot_is_unique(const struct slot *slot)
{
    for (const struct slot *other = slots; other < slots + SLOTS; other++) {
        if (other != slot && other->session == slot->session && strcmp(other->filter, slot->filter) == 0)
            return false;
    }
    return true;
}

static void slot_choose(struct slot *slot)
{
    static const char *const shares[] = {"$share/g/", "$share/h/", "$share/$SYS/", "$share/gg/"};
    slot->is_shared = below(4) == 0;
    strcpy(slot->filter, slot->is_shared ? shares[below(4)] : "");
    size_t length = strlen(slot->filter);
    naive_filter(&dice, &alphabet, slot->filter + length);
    slot->inner = slot->filter + length;
    slot->session = (uint8_t)below(SLOTS);
    cr_assert(topic_is_filter(gmq_view_of(slot->filter)), "%s", slot->filter);
}

static void slot_put_in(struct slot *slot)
{
    struct subscriber subscriber = {.session = session_of(slot),
                                    .identifier = ++last_identifier,
                                    .options = (uint8_t)(last_identifier % 3),
                                    .worker = slot->session};
    subscription_place place;
    enum subscription_change change =
        subscription_add(subscriptions, reader, gmq_view_of(slot->filter), &subscriber, &place);
    cr_assert_eq(change, slot->is_in ? SUBSCRIPTION_REPLACED : SUBSCRIPTION_NEW, "%s", slot->filter);
    slot->is_in = true;
    slot->identifier = last_identifier;
}

static void slot_take_out(struct slot *slot)
{
    bool was_in = subscription_remove(subscriptions, reader, gmq_view_of(slot->filter), session_of(slot));
    cr_assert_eq(was_in, slot->is_in, "%s", slot->filter);
    slot->is_in = false;
}

static void slot_change(struct slot *slot)
{
    if (slot->is_in && below(3) > 0) {
        slot_take_out(slot);
        return;
    }
    if (!slot->is_in) {
        do
            slot_choose(slot);
        while (!slot_is_unique(slot));
    }
    slot_put_in(slot);
}

/* An entry that was found for a topic: there must be a slot for it. */
static void see(const struct subscriber *entry, gmq_view share_name, const char *topic)
{
    struct slot *slot = slots;
    while (slot < slots + SLOTS && !(slot->is_in && slot->identifier == entry->identifier))
        slot++;
    cr_assert_lt(slot, slots + SLOTS, "\"%s\" gave a subscription that isn't there", topic);
    cr_assert_eq(entry->worker, slot->session);
    cr_assert_eq(entry->options, slot->identifier % 3);
    cr_assert_eq(slot->is_shared, share_name.length > 0);
    if (slot->is_shared)
        cr_assert(memcmp(slot->filter + strlen("$share/"), share_name.data, share_name.length) == 0);
    slot->seen++;
}

static void see_set(struct subscriber_set *set, gmq_view share_name, const char *topic)
{
    struct subscriber entry;
    for (uint32_t i = 0; set != NULL && i < atomic_load(&set->count); i++) {
        if (subscriber_read(&set->entries[i], &entry))
            see(&entry, share_name, topic);
    }
}

static void see_filter(struct filter_subscribers *filter, const char *topic)
{
    gmq_view no_name = gmq_view_make(NULL, 0);
    struct subscriber entry;
    if (subscriber_read(&filter->first, &entry))
        see(&entry, no_name, topic);
    see_set(filter_set(filter), no_name, topic);
    struct share_group *group = filter_groups(filter);
    for (; group != NULL; group = atomic_load(&group->next))
        see_set(atomic_load(&group->members), gmq_view_make(group->name, group->name_length), topic);
}

static void look_up(const char *topic)
{
    const struct match *match = subscription_match(subscriptions, caches[below(CACHES)], gmq_view_of(topic));
    for (uint32_t i = 0; i < match->count; i++)
        see_filter(match->filters[i], topic);
    for (struct slot *slot = slots; slot < slots + SLOTS; slot++) {
        bool is_match = slot->is_in && naive_matches(slot->inner, topic);
        cr_assert_eq(slot->seen, is_match, "\"%s\" against \"%s\", %s: seen %u times", slot->filter, topic,
                     slot->is_in ? "there" : "gone", slot->seen);
        slot->seen = 0;
        if (!slot->is_in)
            continue;
        cr_assert_eq(topic_matches(gmq_view_of(slot->inner), gmq_view_of(topic)), is_match, "\"%s\" against \"%s\"",
                     slot->inner, topic);
        count_pair(is_match);
    }
}

static void any_topic(char *text)
{
    const struct slot *slot = &slots[below(SLOTS)];
    if (below(3) > 0 && slot->inner != NULL)
        naive_topic_near(&dice, &alphabet, slot->inner, text);
    else
        naive_topic(&dice, &alphabet, text);
}

/* A topic twice in a row, so that the second look-up meets what the first one left remembered. */
static void index_round(void)
{
    char topic[NAIVE_TEXT_MAX] = "/";
    alphabet_choose(&dice, &alphabet);
    for (int i = 0; i < LOOKUPS_PER_ROUND; i++) {
        if (below(2) == 0)
            slot_change(&slots[below(SLOTS)]);
        if (below(3) > 0)
            any_topic(topic);
        cr_assert(topic_is_name(gmq_view_of(topic)), "%s", topic);
        look_up(topic);
        if (below(20) == 0)
            collect();
    }
    for (struct slot *slot = slots; slot < slots + SLOTS; slot++) {
        if (slot->is_in && below(2) == 0)
            slot_take_out(slot);
    }
}

Test(matching, the_index_finds_what_the_rules_say_and_nothing_else)
{
    while (pairs < pairs_wanted())
        index_round();
    check_share();
    for (struct slot *slot = slots; slot < slots + SLOTS; slot++) {
        if (slot->is_in)
            slot_take_out(slot);
    }
    cr_assert_eq(subscription_count(subscriptions), 0);
}

/* ---- the retained messages ---- */

static char names[SLOTS][NAIVE_TEXT_MAX]; /* empty: none */
static uint32_t name_seen[SLOTS];

static void retain(struct retained_store *store, const char *topic, const char *payload)
{
    struct message_parts parts = {
        .topic = gmq_view_of(topic), .payload = gmq_view_of(payload), .expires_ns = UINT64_MAX};
    struct message *message = message_new(&parts);
    cr_assert_eq(retained_store_put(store, reader, message, SLOTS), GMQ_OK);
    message_unref(message);
}

static size_t name_find(const char *name, size_t length)
{
    size_t i = 0;
    while (i < SLOTS && !(strlen(names[i]) == length && memcmp(names[i], name, length) == 0))
        i++;
    return i;
}

static void name_change(struct retained_store *store, size_t i)
{
    if (names[i][0] != '\0') {
        retain(store, names[i], "");
        names[i][0] = '\0';
        return;
    }
    char name[NAIVE_TEXT_MAX];
    naive_topic(&dice, &alphabet, name);
    if (name_find(name, strlen(name)) == SLOTS)
        strcpy(names[i], name);
    retain(store, name, "kept");
}

static void name_see(struct message *message, void *data)
{
    (void)data;
    size_t i = name_find(message_topic(message).data, message->topic_length);
    cr_assert_lt(i, SLOTS, "a message came that isn't retained");
    name_seen[i]++;
}

static void look_for(struct retained_store *store, struct topic_walk *walk, const char *filter)
{
    cr_assert(retained_store_match(store, gmq_view_of(filter), 0, walk, name_see, NULL));
    for (size_t i = 0; i < SLOTS; i++) {
        bool is_match = names[i][0] != '\0' && naive_matches(filter, names[i]);
        cr_assert_eq(name_seen[i], is_match, "\"%s\" against \"%s\": seen %u times", filter, names[i], name_seen[i]);
        name_seen[i] = 0;
        if (names[i][0] != '\0')
            count_pair(is_match);
    }
}

static void retained_round(struct retained_store *store, struct topic_walk *walk)
{
    alphabet_choose(&dice, &alphabet);
    for (int i = 0; i < LOOKUPS_PER_ROUND; i++) {
        char filter[NAIVE_TEXT_MAX];
        name_change(store, below(SLOTS));
        naive_filter(&dice, &alphabet, filter);
        look_for(store, walk, filter);
        if (below(20) == 0)
            collect();
    }
}

Test(matching, a_filter_finds_the_retained_messages_that_the_rules_say_and_no_other)
{
    struct retained_store *store = retained_store_new();
    struct topic_walk walk = {0};
    while (pairs < pairs_wanted())
        retained_round(store, &walk);
    check_share();
    topic_walk_deinit(&walk);
    retained_store_free(store);
}
