/* The allocator's hook: which allocation fails, and that only it does. */
#include "base/memory.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

Test(memory, a_block_of_no_bytes_is_still_a_block)
{
    void *block = mem_alloc(0), *zero = mem_alloc_zero(0, 8), *more = mem_realloc(NULL, 0);

    cr_assert_not_null(block);
    cr_assert_not_null(zero);
    cr_assert_not_null(more);

    mem_free(block);
    mem_free(zero);
    mem_free(more);
    mem_free(NULL);
}

Test(memory, a_product_that_overflows_is_refused)
{
    cr_assert_null(mem_alloc_zero(SIZE_MAX / 2, 3));
}

Test(memory, zeroed_memory_is_zero)
{
    unsigned char *bytes = mem_alloc_zero(100, 3);

    for (size_t i = 0; i < 300; i++)
        cr_assert_eq(bytes[i], 0);
    mem_free(bytes);
}

Test(memory, an_aligned_block_is_aligned)
{
    for (size_t alignment = sizeof(void *); alignment <= 65536; alignment *= 2) {
        void *block = mem_alloc_aligned(alignment, 24);
        cr_assert_not_null(block);
        cr_assert_eq((uintptr_t)block % alignment, 0);
        mem_free(block);
    }
}

Test(memory, a_copied_text_ends_with_a_zero)
{
    char *copy = mem_copy_text("abcdef", 3), *empty = mem_copy_text(NULL, 0);

    cr_assert_str_eq(copy, "abc");
    cr_assert_str_eq(empty, "");
    mem_free(copy);
    mem_free(empty);
}

Test(memory, only_the_chosen_allocation_fails)
{
    for (uint64_t chosen = 1; chosen <= 5; chosen++) {
        mem_fail_after(chosen);
        for (uint64_t i = 1; i <= 7; i++) {
            void *block = mem_alloc(8);
            cr_assert_eq(block == NULL, i == chosen, "allocation %d of which %d fails", (int)i, (int)chosen);
            mem_free(block);
        }
        cr_assert_eq(mem_fail_after(0), 1);
    }
}

Test(memory, a_failure_that_was_turned_off_does_not_happen)
{
    mem_fail_after(2);
    void *first = mem_alloc(8);

    cr_assert_eq(mem_fail_after(0), 0);

    void *second = mem_alloc(8);
    cr_assert_not_null(second);
    mem_free(first);
    mem_free(second);
}

Test(memory, a_failed_realloc_leaves_the_block)
{
    char *block = mem_alloc(4);
    memcpy(block, "abc", 4);

    mem_fail_after(1);
    cr_assert_null(mem_realloc(block, 100000));

    cr_assert_str_eq(block, "abc");
    mem_free(block);
}

static atomic_int failures;

static void *allocate_often(void *unused)
{
    for (int i = 0; i < 1000; i++) {
        void *block = mem_alloc(8);
        if (block == NULL)
            atomic_fetch_add(&failures, 1);
        mem_free(block);
    }
    return unused;
}

Test(memory, of_many_threads_one_sees_the_failure)
{
    pthread_t threads[4];
    mem_fail_after(1500);

    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, allocate_often, NULL);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);

    cr_assert_eq(mem_fail_after(0), 1);
    cr_assert_eq(atomic_load(&failures), 1);
}
