/* Four threads look topics up in the subscription index, as workers do, while one changes it: each look-up finds what
 * the naive matcher says of every subscription that nobody touched meanwhile, and no half-made one of the others.
 *
 *     build/tsan/tests/matching/test_matching_readers [ROUNDS [SEED]]
 *
 * Not with Criterion, which does not start under ThreadSanitizer. */
#include "matching/naive.h"

#include "broker/subscription_index.h"
#include "shard/demand.h"

#include <pthread.h>
#include <sched.h>
#include <string.h>

enum { READERS = 4, SLOTS = 64, TOPICS = 64, ROUNDS_DEFAULT = 12, LOOKUPS_MIN = 5000, CHANGES_MIN = 600 };

/* In the low bits of a slot's state; above them a count, so that no state comes back. */
enum { SLOT_OUT, SLOT_CHANGES, SLOT_IN, SLOT_STATES = 4 };

static struct {
    char filter[NAIVE_TEXT_MAX + 20];
    const char *inner; /* without "$share/NAME/" */
    _Atomic uint64_t state;
} slots[SLOTS];

static char sessions[SLOTS]; /* one per slot; nobody looks into one */
static char topics[TOPICS][NAIVE_TEXT_MAX];
static bool is_match[TOPICS][SLOTS];
static struct grace *grace;
static struct subscription_index *subscriptions;
static _Atomic uint64_t lookups; /* of this round */
static _Atomic uint64_t changes; /* of this round */
static _Atomic uint64_t all_lookups;
static _Atomic uint64_t disturbed; /* during which a subscription was changed */

/* All go on until there was enough of both, so that readers and writer meet. */
static bool round_is_over(void)
{
    return atomic_load(&lookups) >= LOOKUPS_MIN && atomic_load(&changes) >= CHANGES_MIN;
}

/* ---- the readers ---- */

struct look_up {
    uint32_t topic;
    uint64_t before[SLOTS];
    uint32_t seen[SLOTS];
};

static void see_entry(struct look_up *look_up, const struct subscriber_entry *at)
{
    struct subscriber entry;
    if (!subscriber_read(at, &entry))
        return;
    const char *session = (char *)(void *)entry.session;
    demand(entry.worker == session - sessions, "an entry is of another session");
    demand(entry.options == entry.identifier % 3, "an entry is half old, half new");
    look_up->seen[session - sessions]++;
}

/* The first of a filter's subscribers, NULL for a group's, is looked at after the count is known, as delivery does. */
static void see_set(struct look_up *look_up, const struct subscriber_entry *first, struct subscriber_set *set)
{
    uint32_t count = set != NULL ? atomic_load_explicit(&set->count, memory_order_acquire) : 0;
    if (first != NULL)
        see_entry(look_up, first);
    for (uint32_t i = 0; i < count; i++)
        see_entry(look_up, &set->entries[i]);
}

static void see_match(struct look_up *look_up, const struct match *match)
{
    for (uint32_t i = 0; i < match->count; i++) {
        struct filter_subscribers *filter = match->filters[i];
        see_set(look_up, &filter->first, filter_set(filter));
        struct share_group *group = filter_groups(filter);
        for (; group != NULL; group = atomic_load_explicit(&group->next, memory_order_acquire))
            see_set(look_up, NULL, atomic_load_explicit(&group->members, memory_order_acquire));
    }
}

/* Whether nobody touched the subscription meanwhile. */
static bool check_slot(const struct look_up *look_up, uint32_t slot)
{
    uint64_t before = look_up->before[slot], state = before % SLOT_STATES;
    bool may_match = is_match[look_up->topic][slot];
    uint32_t seen = look_up->seen[slot];
    demand(seen <= 1, "\"%s\" gave \"%s\" %u times", topics[look_up->topic], slots[slot].filter, seen);
    demand(seen == 0 || may_match, "\"%s\" gave \"%s\"", topics[look_up->topic], slots[slot].filter);
    if (state == SLOT_CHANGES || atomic_load(&slots[slot].state) != before)
        return false;
    bool is_owed = state == SLOT_IN && may_match;
    demand(seen == is_owed, "\"%s\" %s \"%s\", which was %s all the time", topics[look_up->topic],
           seen != 0 ? "gave" : "missed", slots[slot].filter, state == SLOT_IN ? "there" : "gone");
    return true;
}

static void look_up_one(struct match_cache *cache, uint32_t topic)
{
    struct look_up look_up = {.topic = topic};
    for (uint32_t slot = 0; slot < SLOTS; slot++)
        look_up.before[slot] = atomic_load(&slots[slot].state);
    const struct match *match = subscription_match(subscriptions, cache, gmq_view_of(topics[topic]));
    demand(match != NULL, "no memory");
    see_match(&look_up, match);
    bool is_disturbed = false;
    for (uint32_t slot = 0; slot < SLOTS; slot++)
        is_disturbed = !check_slot(&look_up, slot) || is_disturbed;
    atomic_fetch_add(&lookups, 1);
    atomic_fetch_add(&disturbed, is_disturbed);
}

static void *read_on(void *data)
{
    struct random random = {*(uint64_t *)data};
    struct grace_reader *reader = grace_join(grace);
    struct match_cache *cache = match_cache_new();
    demand(reader != NULL && cache != NULL, "no memory");
    while (!round_is_over()) {
        look_up_one(cache, (uint32_t)random_below(&random, TOPICS));
        grace_quiescent(reader);
        if (random_below(&random, 64) == 0) {
            grace_offline(reader);
            sched_yield();
            grace_online(reader);
        }
    }
    match_cache_free(cache);
    grace_leave(reader);
    return NULL;
}

/* ---- the writer ---- */

static void slot_state_set(uint32_t slot, uint64_t state)
{
    uint64_t count = atomic_load(&slots[slot].state) / SLOT_STATES + 1;
    atomic_store(&slots[slot].state, count * SLOT_STATES + state);
}

static void slot_put_in(uint32_t slot, struct grace_reader *reader, uint32_t identifier)
{
    struct subscriber subscriber = {.session = (struct session *)(void *)&sessions[slot],
                                    .identifier = identifier,
                                    .options = (uint8_t)(identifier % 3),
                                    .worker = (uint8_t)slot};
    subscription_place place;
    slot_state_set(slot, SLOT_CHANGES);
    enum subscription_change change =
        subscription_add(subscriptions, reader, gmq_view_of(slots[slot].filter), &subscriber, &place);
    demand(change != SUBSCRIPTION_NO_MEMORY, "no memory");
    slot_state_set(slot, SLOT_IN);
}

static void slot_take_out(uint32_t slot, struct grace_reader *reader)
{
    slot_state_set(slot, SLOT_CHANGES);
    bool was_in = subscription_remove(subscriptions, reader, gmq_view_of(slots[slot].filter),
                                      (struct session *)(void *)&sessions[slot]);
    demand(was_in, "\"%s\" was not there", slots[slot].filter);
    slot_state_set(slot, SLOT_OUT);
}

static void write_one(struct random *random, struct grace_reader *reader)
{
    uint32_t slot = (uint32_t)random_below(random, SLOTS);
    bool is_in = atomic_load(&slots[slot].state) % SLOT_STATES == SLOT_IN;
    if (is_in && random_below(random, 4) > 0) /* else it is replaced */
        slot_take_out(slot, reader);
    else
        slot_put_in(slot, reader, (uint32_t)random_next(random));
    grace_quiescent(reader);
    grace_collect(reader, grace_horizon(reader));
    if (random_below(random, 3) == 0) /* so that some matches are remembered for a while */
        sched_yield();
}

static void write_on(struct random *random, struct grace_reader *reader)
{
    while (!round_is_over()) {
        write_one(random, reader);
        atomic_fetch_add(&changes, 1);
    }
    for (uint32_t slot = 0; slot < SLOTS; slot++) {
        if (atomic_load(&slots[slot].state) % SLOT_STATES == SLOT_IN)
            slot_take_out(slot, reader);
    }
}

/* ---- rounds ---- */

static void choose_filters(struct random *random, const struct alphabet *alphabet)
{
    static const char *const shares[] = {"", "", "", "$share/g/", "$share/h/"};
    for (uint32_t slot = 0; slot < SLOTS; slot++) {
        strcpy(slots[slot].filter, shares[random_below(random, sizeof shares / sizeof shares[0])]);
        size_t length = strlen(slots[slot].filter);
        naive_filter(random, alphabet, slots[slot].filter + length);
        slots[slot].inner = slots[slot].filter + length;
    }
}

static void choose_topics(struct random *random, const struct alphabet *alphabet)
{
    for (uint32_t topic = 0; topic < TOPICS; topic++) {
        const char *near = slots[random_below(random, SLOTS)].inner;
        if (random_below(random, 3) > 0)
            naive_topic_near(random, alphabet, near, topics[topic]);
        else
            naive_topic(random, alphabet, topics[topic]);
        for (uint32_t slot = 0; slot < SLOTS; slot++)
            is_match[topic][slot] = naive_matches(slots[slot].inner, topics[topic]);
    }
}

static void run_round(struct random *random, struct grace_reader *writer)
{
    struct alphabet alphabet;
    alphabet_choose(random, &alphabet);
    choose_filters(random, &alphabet);
    choose_topics(random, &alphabet);
    atomic_store(&lookups, 0);
    atomic_store(&changes, 0);
    pthread_t readers[READERS];
    uint64_t seeds[READERS];
    for (uint32_t i = 0; i < READERS; i++) {
        seeds[i] = random_next(random) | 1;
        demand(pthread_create(&readers[i], NULL, read_on, &seeds[i]) == 0, "no thread");
    }
    write_on(random, writer);
    grace_offline(writer);
    for (uint32_t i = 0; i < READERS; i++)
        pthread_join(readers[i], NULL);
    grace_online(writer);
    demand(subscription_count(subscriptions) == 0, "subscriptions are left");
    atomic_fetch_add(&all_lookups, atomic_load(&lookups));
}

int main(int argument_count, char **arguments)
{
    uint64_t rounds = argument_count > 1 ? strtoull(arguments[1], NULL, 10) : ROUNDS_DEFAULT;
    uint64_t seed = argument_count > 2 ? strtoull(arguments[2], NULL, 10) : 1;
    struct random random = {seed * UINT64_C(0x9E3779B97F4A7C15) | 1};
    grace = grace_new();
    subscriptions = subscription_index_new();
    struct grace_reader *writer = grace_join(grace);
    demand(writer != NULL && subscriptions != NULL, "no memory");
    for (uint64_t round = 0; round < rounds; round++)
        run_round(&random, writer);
    uint64_t all = atomic_load(&all_lookups), met = atomic_load(&disturbed);
    printf("%llu look-ups by %d readers, each among %d subscriptions; the writer changed one of them during %llu\n",
           (unsigned long long)all, READERS, SLOTS, (unsigned long long)met);
    demand(met > 0 && met < all / 2, "readers and writer have hardly met, or met all the time");
    subscription_index_free(subscriptions);
    grace_leave(writer);
    grace_free(grace);
    return 0;
}
