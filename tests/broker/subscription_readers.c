/* Threads that read the subscription index while one changes it: what stays is never missed, nor seen twice. */
#include "subscription_given.h"

#include "base/random.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>

TestSuite(subscription_readers, .init = make_index, .fini = free_index);

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

static void read_entries(struct entries entries)
{
    int seen[STAYING + 1 + PASSING] = {0};
    struct subscriber entry;
    for (uint32_t i = 0; i < entries.count; i++) {
        if (!entry_read(&entries, i, &entry))
            continue;
        const char *session = (char *)(void *)entry.session;
        seen[session - sessions]++;
        complain_unless(entry.identifier == entry.options, "an entry is half old, half new");
        complain_unless(entry.worker == session - sessions, "an entry is of another session");
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
    read_entries(entries_of_filter(match->filters[0]));
    if (group != NULL)
        read_entries(entries_of_group(group));
}

static bool match_has(const struct match *match, const struct session *session)
{
    for (uint32_t i = 0; i < match->count; i++) {
        struct entries entries = entries_of_filter(match->filters[i]);
        struct subscriber entry;
        for (uint32_t k = 0; k < entries.count; k++) {
            if (entry_read(&entries, k, &entry) && entry.session == session)
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

Test(subscription_readers, readers_miss_nothing_that_stays_while_a_writer_changes_the_rest)
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
