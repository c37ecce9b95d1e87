/* The arena: alignment, the limit, what is kept over a reset, moving, failing allocations. */
#include "base/arena.h"

#include "base/memory.h"

#include <criterion/criterion.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

Test(arena, everything_is_aligned_and_nothing_overlaps)
{
    enum { COUNT = 2000 };
    static unsigned char *blocks[COUNT];
    struct arena arena;
    arena_init(&arena, SIZE_MAX);

    for (size_t i = 0; i < COUNT; i++) {
        blocks[i] = arena_alloc(&arena, i % 97);
        cr_assert_not_null(blocks[i]);
        cr_assert_eq((uintptr_t)blocks[i] % alignof(max_align_t), 0);
        memset(blocks[i], (int)(i % 251), i % 97);
    }

    for (size_t i = 0; i < COUNT; i++) {
        for (size_t j = 0; j < i % 97; j++)
            cr_assert_eq(blocks[i][j], i % 251);
    }
    arena_deinit(&arena);
}

Test(arena, a_copy_of_nothing_is_a_valid_pointer)
{
    struct arena arena;
    arena_init(&arena, 1000);

    cr_assert_not_null(arena_copy(&arena, NULL, 0));
    cr_assert_eq(memcmp(arena_copy(&arena, "abc", 3), "abc", 3), 0);
    arena_deinit(&arena);
}

Test(arena, a_steady_user_allocates_once)
{
    struct arena arena;
    arena_init(&arena, SIZE_MAX);
    for (int turn = 0; turn < 8; turn++) {
        for (int i = 0; i < 100; i++)
            cr_assert_not_null(arena_alloc(&arena, 100));
        arena_reset(&arena);
    }

    mem_fail_after(1);
    for (int turn = 0; turn < 100; turn++) {
        for (int i = 0; i < 40; i++)
            cr_assert_not_null(arena_alloc(&arena, 100));
        arena_reset(&arena);
    }

    cr_assert_eq(mem_fail_after(0), 0);
    arena_deinit(&arena);
}

Test(arena, a_large_object_is_not_kept_over_a_reset)
{
    struct arena arena;
    arena_init(&arena, SIZE_MAX);
    cr_assert_not_null(arena_alloc(&arena, 10));
    cr_assert_not_null(arena_alloc(&arena, 1000000));

    arena_reset(&arena);

    cr_assert_lt(arena.total, 100000);
    arena_deinit(&arena);
}

Test(arena, the_limit_holds)
{
    for (size_t limit = 0; limit < 20000; limit += 777) {
        struct arena arena;
        size_t got = 0;
        arena_init(&arena, limit);

        while (got <= limit && arena_alloc(&arena, 48) != NULL)
            got += 48;

        cr_assert_leq(got, limit);
        cr_assert_leq(arena.total, limit);
        cr_assert_null(arena_alloc(&arena, limit + 1));
        cr_assert_null(arena_alloc(&arena, SIZE_MAX));
        cr_assert_null(arena_alloc(&arena, SIZE_MAX - 20));
        arena_deinit(&arena);
    }
}

Test(arena, what_was_moved_lives_on_in_its_new_arena)
{
    struct arena from, to;
    arena_init(&from, SIZE_MAX);
    arena_init(&to, SIZE_MAX);
    char *own = arena_copy(&to, "own", 4);
    char *moved = arena_copy(&from, "moved", 6);
    cr_assert_not_null(arena_alloc(&from, 10000));

    arena_move(&to, &from);
    arena_move(&to, &from); /* nothing more to take */
    char *later = arena_copy(&from, "later", 6);
    arena_reset(&from);

    cr_assert_str_eq(own, "own");
    cr_assert_str_eq(moved, "moved");
    cr_assert_not_null(later);
    arena_deinit(&from);
    cr_assert_str_eq(moved, "moved");
    cr_assert_not_null(arena_alloc(&to, 100));
    arena_deinit(&to);
}

Test(arena, an_empty_arena_takes_over_the_current_block)
{
    struct arena from, to;
    arena_init(&from, SIZE_MAX);
    arena_init(&to, SIZE_MAX);
    char *moved = arena_copy(&from, "moved", 6);

    arena_move(&to, &from);
    char *next = arena_copy(&to, "next", 5);

    cr_assert_str_eq(moved, "moved");
    cr_assert_eq(next, moved + 16);
    arena_deinit(&from);
    arena_deinit(&to);
}

Test(arena, any_allocation_may_fail)
{
    bool has_failed = true;
    for (uint64_t n = 1; has_failed; n++) {
        struct arena arena;
        arena_init(&arena, SIZE_MAX);
        char *first = NULL;
        mem_fail_after(n);

        for (int i = 0; i < 1000; i++) {
            char *copy = arena_copy(&arena, "0123456789abcdef0123456789abcdef", 33);
            if (first == NULL)
                first = copy;
        }

        has_failed = mem_fail_after(0) != 0;
        cr_assert_str_eq(first, "0123456789abcdef0123456789abcdef");
        arena_deinit(&arena);
    }
}
