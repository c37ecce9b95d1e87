/* The retained messages against a shadow that compares each topic with the filter, with allocations that fail, and with
 * readers at work while a writer changes everything. */
#include "broker/retained_store.h"

#include "base/memory.h"
#include "base/random.h"
#include "mqtt/topic.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>

enum { ROUNDS = 50000, MANY = 2000, TEXT_SIZE = 32 };

/* clang-format off */
static const char *const topics[] = {
    "a", "b", "a/b", "a/c", "a/b/c", "/", "//", "/a", "a/", "$SYS", "$SYS/a", "$SYS/a/b", "x/y/z", "x/y", "b/a", "b/b/b"
};
static const char *const filters[] = {
    "#", "+", "+/+", "a/#", "a/+", "+/b", "+/b/#", "$SYS/#", "$SYS/+", "$SYS", "a/b/c", "/#", "/+", "+/", "x/+/z", "+/+/#",
    "nothing", "a/b/c/#", "a", "//"
};
/* clang-format on */

enum { TOPICS = sizeof(topics) / sizeof(topics[0]), FILTERS = sizeof(filters) / sizeof(filters[0]) };

/* What the shadow knows of a topic. The publisher tells each message from all others; 0: none is stored. */
struct wanted {
    uint64_t publisher;
    uint64_t expires_ns;
    int seen;
};

static struct wanted wanted[TOPICS];
static uint64_t last_publisher;
static uint64_t now_ns;
static struct grace *grace;
static struct grace_reader *reader;
static struct retained_store *store;
static struct topic_walk walk;

static void make_store(void)
{
    grace = grace_new();
    reader = grace_join(grace);
    store = retained_store_new();
}

static void collect(void)
{
    grace_quiescent(reader);
    grace_collect(reader, grace_horizon(reader));
}

static void free_store(void)
{
    mem_fail_after(0);
    retained_store_free(store);
    topic_walk_deinit(&walk);
    grace_leave(reader);
    grace_free(grace);
}

TestSuite(retained_store, .init = make_store, .fini = free_store);

static gmq_status put(const char *topic, const char *payload, uint64_t expires_ns, uint64_t limit)
{
    struct message *message = message_new(&(struct message_parts){.topic = gmq_view_of(topic),
                                                                  .payload = gmq_view_of(payload),
                                                                  .expires_ns = expires_ns,
                                                                  .publisher = ++last_publisher});
    gmq_status status = retained_store_put(store, reader, message, limit);
    message_unref(message);
    return status;
}

static void count_visit(struct message *message, void *data)
{
    (void)message;
    ++*(int *)data;
}

static int count_of(const char *filter)
{
    int count = 0;
    cr_assert(retained_store_match(store, gmq_view_of(filter), now_ns, &walk, count_visit, &count));
    return count;
}

static void take_visit(struct message *message, void *data)
{
    message_ref(message, 1);
    *(struct message **)data = message;
}

/* A reference to the message of a topic, or NULL. */
static struct message *message_of(const char *topic)
{
    struct message *message = NULL;
    cr_assert(retained_store_match(store, gmq_view_of(topic), now_ns, &walk, take_visit, &message));
    return message;
}

/* ---- the shadow ---- */

static void see_visit(struct message *message, void *data)
{
    (void)data;
    for (size_t i = 0; i < TOPICS; i++) {
        if (!gmq_view_equals(message_topic(message), topics[i]))
            continue;
        cr_assert_eq(wanted[i].publisher, message->publisher, "%s", topics[i]);
        wanted[i].seen++;
        return;
    }
    cr_assert(false, "a topic that was never stored");
}

static void check_filter(const char *filter)
{
    cr_assert(retained_store_match(store, gmq_view_of(filter), now_ns, &walk, see_visit, NULL));
    for (size_t i = 0; i < TOPICS; i++) {
        bool is_there = wanted[i].publisher != 0 && wanted[i].expires_ns > now_ns;
        bool is_match = topic_matches(gmq_view_of(filter), gmq_view_of(topics[i]));
        cr_assert_eq(wanted[i].seen, is_there && is_match, "\"%s\" by \"%s\": seen %d times", topics[i], filter,
                     wanted[i].seen);
        wanted[i].seen = 0;
    }
}

static uint64_t wanted_count(void)
{
    uint64_t count = 0;
    for (size_t i = 0; i < TOPICS; i++)
        count += wanted[i].publisher != 0;
    return count;
}

static void check_all(void)
{
    cr_assert_eq(retained_store_count(store), wanted_count());
    for (size_t i = 0; i < FILTERS; i++)
        check_filter(filters[i]);
}

static void put_at_random(struct random *random)
{
    size_t topic = random_below(random, TOPICS);
    uint64_t expires_ns = random_below(random, 2) == 0 ? UINT64_MAX : now_ns + 1 + random_below(random, 100);
    uint64_t limit = random_below(random, 4) == 0 ? TOPICS / 2 : TOPICS;
    bool is_empty = random_below(random, 3) == 0;
    bool is_over = !is_empty && wanted[topic].publisher == 0 && wanted_count() >= limit;

    gmq_status status = put(topics[topic], is_empty ? "" : "payload", expires_ns, limit);

    cr_assert_eq(status, is_over ? GMQ_ERROR_LIMIT : GMQ_OK);
    if (!is_over)
        wanted[topic] = (struct wanted){.publisher = is_empty ? 0 : last_publisher, .expires_ns = expires_ns};
}

static void sweep(void)
{
    retained_store_sweep(store, reader, now_ns, TOPICS);
    for (size_t i = 0; i < TOPICS; i++) {
        if (wanted[i].expires_ns <= now_ns)
            wanted[i].publisher = 0;
    }
}

Test(retained_store, random_use_agrees_with_a_shadow)
{
    struct random random = {21};
    for (int round = 0; round < ROUNDS; round++) {
        now_ns += random_below(&random, 4);
        put_at_random(&random);
        check_filter(filters[random_below(&random, FILTERS)]);
        if (random_below(&random, 10) == 0)
            sweep();
        if (random_below(&random, 10) == 0)
            collect();
        cr_assert_eq(retained_store_count(store), wanted_count());
        if (round % 500 == 0)
            check_all();
    }
}

/* ---- single rules ---- */

Test(retained_store, an_empty_store_has_nothing)
{
    cr_assert_eq(retained_store_count(store), 0);
    cr_assert_eq(count_of("#"), 0);
    cr_assert_eq(put("a", "", UINT64_MAX, 10), GMQ_OK);
    cr_assert_eq(retained_store_count(store), 0);
}

Test(retained_store, the_store_shares_the_message)
{
    struct message *message = message_new(
        &(struct message_parts){.topic = GMQ_VIEW("a"), .payload = GMQ_VIEW("x"), .expires_ns = UINT64_MAX});
    cr_assert_eq(retained_store_put(store, reader, message, 1), GMQ_OK);
    cr_assert_eq(atomic_load(&message->references), 2);

    struct message *found = message_of("a");
    cr_assert_eq(found, message);
    message_unref(found);

    put("a", "", UINT64_MAX, 1);
    cr_assert_eq(atomic_load(&message->references), 2);
    collect();
    cr_assert_eq(atomic_load(&message->references), 1);
    message_unref(message);
}

Test(retained_store, a_message_that_was_taken_outlives_its_replacement)
{
    put("a", "old", UINT64_MAX, 1);
    struct message *old = message_of("a");
    put("a", "new", UINT64_MAX, 1);
    collect();
    struct message *fresh = message_of("a");

    cr_assert(gmq_view_equals(message_payload(old), "old"));
    cr_assert(gmq_view_equals(message_payload(fresh), "new"));
    message_unref(old);
    message_unref(fresh);
}

Test(retained_store, a_full_store_replaces_and_removes_but_adds_no_topic)
{
    cr_assert_eq(put("a", "x", UINT64_MAX, 0), GMQ_ERROR_LIMIT);
    cr_assert_eq(put("a", "x", UINT64_MAX, 1), GMQ_OK);
    cr_assert_eq(put("b", "x", UINT64_MAX, 1), GMQ_ERROR_LIMIT);
    cr_assert_eq(put("a", "y", UINT64_MAX, 1), GMQ_OK);
    cr_assert_eq(put("a", "", UINT64_MAX, 1), GMQ_OK);
    cr_assert_eq(put("b", "x", UINT64_MAX, 1), GMQ_OK);
    cr_assert_eq(retained_store_count(store), 1);
}

Test(retained_store, an_expired_message_is_left_out_and_then_swept)
{
    put("a", "x", 100, 10);
    put("b", "x", UINT64_MAX, 10);
    now_ns = 99;
    cr_assert_eq(count_of("#"), 2);
    now_ns = 100;
    cr_assert_eq(count_of("#"), 1);
    cr_assert_eq(retained_store_count(store), 2);

    retained_store_sweep(store, reader, now_ns, 10);

    cr_assert_eq(retained_store_count(store), 1);
    cr_assert_eq(count_of("b"), 1);
}

Test(retained_store, a_replacement_that_never_expires_is_not_swept)
{
    put("a", "x", 100, 10);
    put("a", "x", UINT64_MAX, 10);

    retained_store_sweep(store, reader, 1000, 10);

    cr_assert_eq(count_of("a"), 1);
}

Test(retained_store, sweeps_go_on_where_the_last_one_stopped)
{
    char topic[TEXT_SIZE];
    for (int i = 0; i < MANY; i++) {
        snprintf(topic, sizeof topic, "t/%d", i);
        put(topic, "x", i % 2 == 0 ? 100 : 1000, MANY);
    }

    for (uint64_t left = MANY; left > MANY / 2; left -= 5) {
        cr_assert_eq(retained_store_count(store), left);
        retained_store_sweep(store, reader, 500, 10);
    }
    retained_store_sweep(store, reader, 500, UINT32_MAX);
    cr_assert_eq(retained_store_count(store), MANY / 2);
    retained_store_sweep(store, reader, 1000, UINT32_MAX);
    cr_assert_eq(retained_store_count(store), 0);
    cr_assert_eq(count_of("#"), 0);
}

/* ---- out of memory ---- */

Test(retained_store, a_message_that_can_not_be_stored_leaves_all_as_it_was)
{
    for (size_t i = 0; i < 2 * TOPICS; i++) { /* the second time, all are replaced */
        struct wanted *cell = &wanted[i % TOPICS];
        struct message *message = message_new(&(struct message_parts){
            .topic = gmq_view_of(topics[i % TOPICS]), .payload = GMQ_VIEW("x"), .expires_ns = 1, .publisher = i + 1});
        bool has_failed = true;
        for (uint64_t n = 1; has_failed; n++) {
            mem_fail_after(n);
            gmq_status status = retained_store_put(store, reader, message, TOPICS);
            has_failed = mem_fail_after(0) != 0;
            cr_assert_eq(status, has_failed ? GMQ_ERROR_MEMORY : GMQ_OK);
            if (has_failed)
                cr_assert_eq(atomic_load(&message->references), 1);
            if (has_failed)
                check_all();
        }
        message_unref(message);
        *cell = (struct wanted){.publisher = i + 1, .expires_ns = 1};
        check_all();
    }
}

Test(retained_store, a_match_without_memory_says_so)
{
    int count = 0;
    put("a", "x", UINT64_MAX, 1);
    mem_fail_after(1);

    cr_assert_not(retained_store_match(store, GMQ_VIEW("#"), 0, &walk, count_visit, &count));
    cr_assert_eq(count_of("#"), 1);
}

Test(retained_store, what_can_not_be_made_is_not_made)
{
    for (uint64_t n = 1; n <= 2; n++) {
        mem_fail_after(n);
        cr_assert_null(retained_store_new());
    }
    mem_fail_after(0);
    retained_store_free(NULL);
}

/* ---- readers and a writer at once ---- */

enum { READERS = 3, PASSING = 50, WRITER_ROUNDS = 20000, READER_TURNS = 5000 };

static atomic_bool is_over;
static _Atomic uint64_t turns; /* of all readers */
static atomic_bool has_missed, has_mixed;

/* What a message says of itself is the same in its topic and its payload. */
static void read_visit(struct message *message, void *data)
{
    gmq_view topic = message_topic(message);
    struct message **kept = data;
    if (!gmq_view_same(topic, message_payload(message)))
        atomic_store(&has_mixed, true);
    message_ref(message, 1);
    message_unref(*kept);
    *kept = message;
}

static void *read_on(void *data)
{
    struct grace_reader *own = grace_join(data);
    struct topic_walk own_walk = {0};
    struct message *kept = NULL;
    while (!atomic_load(&is_over)) {
        int count = 0;
        (void)!retained_store_match(store, GMQ_VIEW("#"), 0, &own_walk, read_visit, &kept);
        (void)!retained_store_match(store, GMQ_VIEW("r/stays"), 0, &own_walk, count_visit, &count);
        if (count != 1)
            atomic_store(&has_missed, true);
        grace_quiescent(own);
        atomic_fetch_add_explicit(&turns, 1, memory_order_relaxed);
    }
    message_unref(kept);
    topic_walk_deinit(&own_walk);
    grace_leave(own);
    return NULL;
}

static void write_room(struct random *random)
{
    char topic[TEXT_SIZE];
    size_t number = random_below(random, PASSING);
    snprintf(topic, sizeof topic, number % 2 == 0 ? "r/%zu/below/it" : "r/%zu", number / 2);
    put(topic, random_below(random, 2) == 0 ? topic : "", random_below(random, 2) == 0 ? UINT64_MAX : 1, PASSING + 1);
    put("r/stays", "r/stays", UINT64_MAX, PASSING + 1);
    if (random_below(random, 100) == 0)
        retained_store_sweep(store, reader, 2, PASSING);
}

Test(retained_store, readers_find_what_stays_while_a_writer_changes_the_rest)
{
    struct random random = {9};
    pthread_t readers[READERS];
    put("r/stays", "r/stays", UINT64_MAX, 1);
    for (size_t i = 0; i < READERS; i++)
        cr_assert_eq(pthread_create(&readers[i], NULL, read_on, grace), 0);

    for (int round = 0; round < WRITER_ROUNDS || atomic_load(&turns) < READER_TURNS; round++) {
        write_room(&random);
        collect();
    }

    atomic_store(&is_over, true);
    for (size_t i = 0; i < READERS; i++)
        pthread_join(readers[i], NULL);
    cr_assert_not(atomic_load(&has_missed));
    cr_assert_not(atomic_load(&has_mixed));
}
