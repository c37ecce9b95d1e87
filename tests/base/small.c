/* Small blocks: any size, no overlap, what is freed is used again, and failures when a test wants them. */
#include "base/small.h"

#include "base/memory.h"
#include "base/random.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <string.h>

enum { BLOCKS = 2000, SIZE_MAX_HERE = 3 * SMALL_LARGEST / 2, ROUNDS = 100000 };

static struct small small;

static void make(void)
{
    small_init(&small);
}

static void end(void)
{
    mem_fail_after(0);
    small_deinit(&small); /* asserts that all were freed */
}

TestSuite(small, .init = make, .fini = end);

Test(small, every_size_gives_an_aligned_block_of_its_own)
{
    static unsigned char *blocks[SIZE_MAX_HERE];
    for (size_t size = 0; size < SIZE_MAX_HERE; size++) {
        blocks[size] = small_alloc(&small, size);
        cr_assert_not_null(blocks[size]);
        cr_assert_eq((uintptr_t)blocks[size] % sizeof(void *), 0);
        memset(blocks[size], (int)(size % 251), size);
    }
    for (size_t size = 0; size < SIZE_MAX_HERE; size++) {
        for (size_t i = 0; i < size; i++)
            cr_assert_eq(blocks[size][i], size % 251);
        small_free(&small, blocks[size], size);
    }
}

Test(small, random_use_keeps_what_is_in_the_blocks)
{
    struct random random = {3};
    static unsigned char *blocks[BLOCKS];
    static size_t sizes[BLOCKS];
    for (int round = 0; round < ROUNDS; round++) {
        size_t i = random_below(&random, BLOCKS);
        if (blocks[i] == NULL) {
            sizes[i] = 1 + random_below(&random, SIZE_MAX_HERE);
            blocks[i] = small_alloc(&small, sizes[i]);
            memset(blocks[i], (int)(i % 251), sizes[i]);
            continue;
        }
        cr_assert_eq(blocks[i][0], i % 251);
        cr_assert_eq(blocks[i][sizes[i] - 1], i % 251);
        small_free(&small, blocks[i], sizes[i]);
        blocks[i] = NULL;
    }
    for (size_t i = 0; i < BLOCKS; i++)
        small_free(&small, blocks[i], sizes[i]);
}

Test(small, a_freed_block_is_used_again)
{
    void *first = small_alloc(&small, 24);
    small_free(&small, first, 24);

    void *second = small_alloc(&small, 17);

    cr_assert_eq(first, second);
    small_free(&small, second, 17);
}

Test(small, each_allocation_can_fail)
{
    for (size_t size = 8; size < SIZE_MAX_HERE; size += 8) {
        small_free(&small, small_alloc(&small, size), size);
        mem_fail_after(1);
        cr_assert_null(small_alloc(&small, size));
        cr_assert(mem_fail_after(0));
    }
}
