/* Output: what was appended comes out in order, once, however it is written. */
#include "base/output.h"

#include "base/memory.h"
#include "base/random.h"

#include <criterion/criterion.h>
#include <stdbool.h>
#include <string.h>

enum { SHADOW_SIZE = 4 << 20 };

static struct output_pool pool;
static struct output output;
static uint8_t shadow[SHADOW_SIZE]; /* everything that was ever appended */
static size_t appended, written;
static size_t referenced, released;

static void make_output(void)
{
    struct random random = {17};
    output_pool_init(&pool);
    output_init(&output);
    for (size_t i = 0; i < SHADOW_SIZE; i++)
        shadow[i] = (uint8_t)random_next(&random);
    appended = written = referenced = released = 0;
}

static void free_output(void)
{
    output_deinit(&output, &pool);
    cr_assert_eq(referenced, released);
    cr_assert_eq(pool.chunks.in_use, 0);
    cr_assert_eq(pool.references.in_use, 0);
    output_pool_deinit(&pool);
}

TestSuite(output, .init = make_output, .fini = free_output);

static void release_one(void *owner)
{
    ++*(size_t *)owner;
}

static bool append_copy(size_t length)
{
    bool is_done = output_append(&output, &pool, shadow + appended, length);
    appended += is_done ? length : 0;
    return is_done;
}

static bool append_reference(size_t length)
{
    bool is_done = output_append_reference(&output, &pool, shadow + appended, length, release_one, &released);
    appended += is_done ? length : 0;
    referenced += is_done;
    return is_done;
}

static bool append_reserved(size_t length, size_t used)
{
    uint8_t *room = output_reserve(&output, &pool, length);
    if (room == NULL)
        return false;
    memset(room, 'x', length);
    memcpy(room, shadow + appended, used);
    output_commit(&output, used);
    appended += used;
    return true;
}

static void check_pending(void)
{
    static struct iovec vectors[2000];
    int count = output_gather(&output, vectors, 2000);
    size_t position = written;
    for (int i = 0; i < count; i++) {
        cr_assert_neq(vectors[i].iov_len, 0);
        cr_assert_eq(memcmp(vectors[i].iov_base, shadow + position, vectors[i].iov_len), 0);
        position += vectors[i].iov_len;
    }
    cr_assert_eq(position, appended);
    cr_assert_eq(output.pending, appended - written);
}

static void consume(size_t length)
{
    output_consume(&output, &pool, length);
    written += length;
}

Test(output, an_idle_output_owns_nothing)
{
    cr_assert(append_copy(100));
    cr_assert(append_reference(5000));
    cr_assert(append_copy(100));
    cr_assert_eq(pool.chunks.in_use, 2);

    consume(5200);

    cr_assert_null(output.first);
    cr_assert_eq(pool.chunks.in_use, 0);
    cr_assert_eq(released, 1);
}

Test(output, small_things_share_a_chunk)
{
    for (int i = 0; i < 100; i++)
        cr_assert(append_copy(50));

    cr_assert_eq(pool.chunks.in_use, 1);
    check_pending();
}

Test(output, a_partial_write_leaves_the_rest)
{
    cr_assert(append_copy(20000));
    cr_assert(append_reference(6000));

    consume(1);
    check_pending();
    consume(19998);
    check_pending();
    consume(2);
    check_pending();
    cr_assert_eq(released, 0);
    consume(5999);
    check_pending();
    cr_assert_eq(released, 1);
}

Test(output, reserved_room_counts_when_it_is_committed)
{
    cr_assert(append_reserved(4096, 0));
    cr_assert_eq(output.pending, 0);
    cr_assert(append_reserved(4096, 4000));
    cr_assert(append_reserved(4096, 4096));
    cr_assert(append_reserved(10, 5));
    check_pending();
}

Test(output, what_is_dropped_is_released)
{
    cr_assert(append_reference(5000));
    cr_assert(append_reference(5000));
    consume(100);

    output_deinit(&output, &pool);

    cr_assert_eq(released, 2);
    cr_assert_eq(output.pending, 0);
    appended = written = 0;
    cr_assert(append_copy(10));
    check_pending();
}

Test(output, nothing_may_be_appended)
{
    cr_assert(append_copy(0));
    cr_assert(append_reference(0));

    cr_assert_eq(released, 1);
    cr_assert_eq(output.pending, 0);
    cr_assert_null(output.first);
}

Test(output, gathering_stops_at_its_capacity)
{
    struct iovec vectors[2];
    for (int i = 0; i < 5; i++)
        cr_assert(append_reference(10));

    cr_assert_eq(output_gather(&output, vectors, 2), 2);
    cr_assert_eq(output_gather(&output, vectors, 0), 0);
}

static void append_again(void *owner)
{
    release_one(owner);
    cr_assert(append_copy(7));
}

Test(output, releasing_may_append)
{
    cr_assert(output_append_reference(&output, &pool, shadow, 5000, append_again, &released));
    referenced++;
    appended = 5000;

    consume(5000);

    cr_assert_eq(output.pending, 7);
    check_pending();
}

static void append_at_random(struct random *random)
{
    size_t length = random_below(random, random_below(random, 4) == 0 ? 30000 : 300);
    switch (random_below(random, 3)) {
    case 0:
        (void)append_copy(length);
        break;
    case 1:
        (void)append_reference(length);
        break;
    default:
        length %= OUTPUT_CHUNK_SIZE / 2;
        (void)append_reserved(length, random_below(random, length + 1));
    }
}

Test(output, random_use_agrees_with_a_shadow)
{
    struct random random = {23};
    for (int round = 0; round < 40; round++) {
        while (appended < SHADOW_SIZE - 40000) {
            append_at_random(&random);
            if (random_below(&random, 3) == 0)
                consume(random_below(&random, 2) == 0 ? output.pending : random_below(&random, output.pending + 1));
            check_pending();
        }
        consume(output.pending);
        appended = written = 0;
    }
}

Test(output, any_allocation_may_fail)
{
    bool has_failed = true;
    for (uint64_t n = 1; has_failed; n++) {
        struct random random = {n};
        mem_fail_after(n);

        for (int i = 0; i < 150; i++) {
            append_at_random(&random);
            check_pending();
        }

        has_failed = mem_fail_after(0) != 0;
        consume(output.pending);
        cr_assert_eq(referenced, released);
        output_deinit(&output, &pool);
        output_pool_deinit(&pool);
        output_pool_init(&pool);
        appended = written = 0;
    }
}
