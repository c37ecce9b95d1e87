/* The pool: reuse, slabs that come and go, objects that don't overlap. */
#include "base/pool.h"

#include "base/memory.h"
#include "base/poison.h"
#include "base/random.h"

#include <criterion/criterion.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

Test(pool, a_freed_object_is_used_again)
{
    struct pool pool;
    pool_init(&pool, 40);
    void *first = pool_alloc(&pool);
    pool_free(&pool, first);

    void *second = pool_alloc(&pool);

    cr_assert_eq(first, second);
    pool_free(&pool, second);
    pool_deinit(&pool);
}

Test(pool, sizes_are_rounded_up_to_eight)
{
    struct pool pool;
    for (size_t size = 1; size <= 64; size++) {
        pool_init(&pool, size);
        void *object = pool_alloc(&pool);

        cr_assert_eq(pool.object_size, (size + 7) / 8 * 8);
        cr_assert_eq((uintptr_t)object % (pool.object_size % 16 == 0 ? 16 : 8), 0);

        pool_free(&pool, object);
        pool_deinit(&pool);
    }
}

Test(pool, large_objects_share_a_slab_too)
{
    struct pool pool;
    pool_init(&pool, 100000);

    char *first = pool_alloc(&pool), *second = pool_alloc(&pool);
    memset(first, 'a', 100000);
    memset(second, 'b', 100000);

    cr_assert_eq(first[99999], 'a');
    cr_assert_eq(pool.slab_count, 1);
    pool_free(&pool, first);
    pool_free(&pool, second);
    pool_deinit(&pool);
}

Test(pool, slabs_that_are_not_needed_are_given_back_by_the_second_trim)
{
    enum { COUNT = 20000 };
    static void *objects[COUNT];
    struct pool pool;
    pool_init(&pool, 64);
    for (size_t i = 0; i < COUNT; i++)
        objects[i] = pool_alloc(&pool);
    size_t most = pool.slab_count;
    cr_assert_gt(most, 10);

    for (size_t i = 0; i < COUNT; i++)
        pool_free(&pool, objects[i]);

    cr_assert_eq(pool.in_use, 0);
    cr_assert_eq(pool.slab_count, most);
    cr_assert_eq(pool.empty_slabs, most);
    pool_trim(&pool); /* they were needed until now */
    cr_assert_eq(pool.slab_count, most);
    void *object = pool_alloc(&pool);
    pool_free(&pool, object);
    pool_trim(&pool);
    cr_assert_eq(pool.slab_count, 1, "one was needed in between");
    pool_trim(&pool);
    cr_assert_eq(pool.slab_count, 0);
    pool_deinit(&pool);
}

Test(pool, going_back_and_forth_over_the_edge_of_a_slab_allocates_nothing)
{
    struct pool pool;
    pool_init(&pool, 8192);
    size_t count = pool.objects_per_slab;
    void *objects[64];
    for (size_t i = 0; i <= count; i++)
        objects[i] = pool_alloc(&pool);

    mem_fail_after(1);
    for (int i = 0; i < 100; i++) {
        pool_free(&pool, objects[count]);
        objects[count] = pool_alloc(&pool);
    }

    cr_assert_eq(mem_fail_after(0), 0);
    for (size_t i = 0; i <= count; i++)
        pool_free(&pool, objects[i]);
    pool_deinit(&pool);
}

#ifdef POISON_IS_ON
Test(pool, a_freed_object_may_not_be_touched)
{
    struct pool pool;
    pool_init(&pool, 48);
    char *object = pool_alloc(&pool), *fresh = object + 48;
    cr_assert_not(__asan_address_is_poisoned(object));

    pool_free(&pool, object);

    cr_assert(__asan_address_is_poisoned(object));
    cr_assert(__asan_address_is_poisoned(object + 47));
    cr_assert(__asan_address_is_poisoned(fresh));
    pool_deinit(&pool);
}
#endif

/* Every object is filled with its own number, which must still be there when it is freed. */
static void check_against_shadow(size_t object_size, uint64_t seed)
{
    enum { COUNT = 3000 };
    static uint32_t *objects[COUNT];
    struct random random = {seed};
    struct pool pool;
    size_t in_use = 0;
    pool_init(&pool, object_size);
    for (int step = 0; step < 60000; step++) {
        /* Waves, so that slabs fill and empty. */
        bool is_filling = step / 5000 % 2 == 0;
        uint32_t i = (uint32_t)random_below(&random, COUNT);
        if (objects[i] == NULL && (is_filling || random_below(&random, 8) == 0)) {
            objects[i] = pool_alloc(&pool);
            cr_assert_not_null(objects[i]);
            for (size_t k = 0; k < object_size / 4; k++)
                objects[i][k] = i;
            in_use++;
        } else if (objects[i] != NULL && (!is_filling || random_below(&random, 8) == 0)) {
            for (size_t k = 0; k < object_size / 4; k++)
                cr_assert_eq(objects[i][k], i);
            pool_free(&pool, objects[i]);
            objects[i] = NULL;
            in_use--;
        }
        cr_assert_eq(pool.in_use, in_use);
        cr_assert_geq(pool.slab_count * pool.objects_per_slab, in_use);
        cr_assert_leq(pool.empty_slabs, pool.slab_count);
        if (random_below(&random, 50) == 0)
            pool_trim(&pool);
    }
    for (size_t i = 0; i < COUNT; i++) {
        if (objects[i] != NULL)
            pool_free(&pool, objects[i]);
        objects[i] = NULL;
    }
    cr_assert_eq(pool.slab_count, pool.empty_slabs);
    pool_deinit(&pool);
}

Test(pool, random_use_agrees_with_a_shadow)
{
    check_against_shadow(16, 1);
    check_against_shadow(200, 2);
    check_against_shadow(8192, 3);
}

Test(pool, any_allocation_may_fail)
{
    bool has_failed = true;
    for (uint64_t n = 1; has_failed; n++) {
        struct pool pool;
        void *objects[40];
        size_t missing = 0;
        pool_init(&pool, 8192);
        mem_fail_after(n);

        for (size_t i = 0; i < 40; i++) {
            objects[i] = pool_alloc(&pool);
            missing += objects[i] == NULL;
        }

        has_failed = mem_fail_after(0) != 0;
        cr_assert_eq(missing, has_failed ? 1 : 0);
        for (size_t i = 0; i < 40; i++) {
            if (objects[i] != NULL)
                pool_free(&pool, objects[i]);
        }
        pool_deinit(&pool);
    }
}
