/* The stash: what was read ahead, and how far an announced length is believed. */
#include "net/stash.h"

#include "base/memory.h"

#include <criterion/criterion.h>
#include <string.h>

enum { BELIEVED = 64 * 1024 };

Test(stash, bytes_are_kept_in_order_in_no_more_room_than_they_need)
{
    struct stash stash = {0};
    cr_assert(stash_append(&stash, (const uint8_t *)"abc", 3));
    cr_assert(stash_append(&stash, NULL, 0));
    cr_assert(stash_append(&stash, (const uint8_t *)"defg", 4));
    cr_assert_eq(stash.length, 7);
    cr_assert_eq(stash.capacity, 7);
    cr_assert_arr_eq(stash.bytes, "abcdefg", 7);
    stash_clear(&stash);
    cr_assert_null(stash.bytes);
    cr_assert_eq(stash.length, 0);
}

Test(stash, a_short_packet_gets_its_room_at_once)
{
    struct stash stash = {0};
    cr_assert(stash_append(&stash, (const uint8_t *)"ab", 2));
    cr_assert(stash_make_room(&stash, 5000));
    cr_assert_eq(stash.capacity, 5000);
    stash_clear(&stash);
}

Test(stash, a_long_packet_gets_room_in_proportion_to_what_has_arrived)
{
    const size_t total = 32 << 20;
    struct stash stash = {0};
    cr_assert(stash_append(&stash, (const uint8_t *)"ab", 2));
    size_t rounds = 0;
    while (stash.length < total) {
        cr_assert(stash_make_room(&stash, total));
        cr_assert_gt(stash.capacity, stash.length);
        cr_assert_leq(stash.capacity, total);
        cr_assert_leq(stash.capacity, stash.length + stash.length / 2 + BELIEVED);
        stash.length = stash.capacity; /* as if that much had been read */
        rounds++;
    }
    cr_assert_lt(rounds, 40);
    stash_clear(&stash);
}

Test(stash, without_memory_nothing_changes)
{
    struct stash stash = {0};
    cr_assert(stash_append(&stash, (const uint8_t *)"ab", 2));
    mem_fail_after(1);
    cr_assert_not(stash_append(&stash, (const uint8_t *)"cd", 2));
    mem_fail_after(1);
    cr_assert_not(stash_make_room(&stash, 100));
    cr_assert_eq(stash.length, 2);
    cr_assert_arr_eq(stash.bytes, "ab", 2);
    stash_clear(&stash);
}
