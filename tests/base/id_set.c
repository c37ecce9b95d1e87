/* The set of identifiers against a table of all of them. */
#include "base/id_set.h"

#include "base/memory.h"
#include "base/random.h"

#include <criterion/criterion.h>

static bool shadow[65536];

static void check_members(const struct id_set *set)
{
    uint32_t count = 0;
    for (uint32_t id = 0; id < 65536; id++) {
        cr_assert_eq(id_set_has(set, (uint16_t)id), shadow[id], "identifier %u", id);
        count += shadow[id];
    }
    cr_assert_eq(set->count, count);
}

Test(id_set, zero_is_never_a_member)
{
    struct id_set set = {0};
    cr_assert_not(id_set_has(&set, 0));
    cr_assert(id_set_add(&set, 1));

    cr_assert_not(id_set_has(&set, 0));
    cr_assert_not(id_set_remove(&set, 0));
    id_set_deinit(&set);
}

Test(id_set, adding_twice_is_adding_once)
{
    struct id_set set = {0};
    cr_assert(id_set_add(&set, 7));
    cr_assert(id_set_add(&set, 7));

    cr_assert_eq(set.count, 1);
    cr_assert(id_set_remove(&set, 7));
    cr_assert_not(id_set_remove(&set, 7));
    id_set_deinit(&set);
}

Test(id_set, every_identifier_can_be_a_member)
{
    struct id_set set = {0};
    for (uint32_t id = 1; id < 65536; id++) {
        cr_assert(id_set_add(&set, (uint16_t)id));
        shadow[id] = true;
    }
    check_members(&set);

    for (uint32_t id = 65535; id > 0; id--)
        cr_assert(id_set_remove(&set, (uint16_t)id));

    cr_assert_eq(set.count, 0);
    id_set_deinit(&set);
}

Test(id_set, a_window_that_moves_allocates_nothing)
{
    struct id_set set = {0};
    for (uint16_t id = 1; id <= 100; id++)
        cr_assert(id_set_add(&set, id));

    mem_fail_after(1);
    uint16_t oldest = 1, newest = 100;
    for (int i = 0; i < 200000; i++) {
        cr_assert(id_set_remove(&set, oldest));
        oldest = oldest == 65535 ? 1 : oldest + 1;
        newest = newest == 65535 ? 1 : newest + 1;
        cr_assert(id_set_add(&set, newest));
    }

    cr_assert_eq(mem_fail_after(0), 0);
    cr_assert_eq(set.count, 100);
    id_set_deinit(&set);
}

Test(id_set, random_use_agrees_with_a_shadow)
{
    struct random random = {7};
    struct id_set set = {0};
    /* Narrow ranges fill, wide ones are sparse. */
    static const uint32_t ranges[] = {5, 50, 1000, 65535, 300, 20};
    for (size_t range = 0; range < sizeof(ranges) / sizeof(ranges[0]); range++) {
        for (int step = 0; step < 20000; step++) {
            uint16_t id = (uint16_t)(1 + random_below(&random, ranges[range]));
            bool is_to_be_member = random_below(&random, 3) == 0;
            if (is_to_be_member)
                cr_assert(id_set_add(&set, id));
            else
                cr_assert_eq(id_set_remove(&set, id), shadow[id]);
            shadow[id] = is_to_be_member;
        }
        check_members(&set);
    }
    id_set_deinit(&set);
}

Test(id_set, an_addition_that_fails_changes_nothing)
{
    bool has_failed = true;
    for (uint64_t n = 1; has_failed; n++) {
        struct id_set set = {0};
        mem_fail_after(n);

        for (uint32_t id = 1; id < 1000; id++)
            shadow[id] = id_set_add(&set, (uint16_t)id);

        has_failed = mem_fail_after(0) != 0;
        check_members(&set);
        id_set_deinit(&set);
    }
}
