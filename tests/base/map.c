/* The map against a shadow that looks at everything, and with allocations that fail. */
#include "base/map.h"

#include "base/memory.h"
#include "base/random.h"

#include <criterion/criterion.h>
#include <stdio.h>

enum { COUNT = 3000 };

struct item {
    char name[16];
    bool is_member;
};

static struct item items[COUNT];
static struct map map;

static gmq_view item_key(const void *value)
{
    return gmq_view_of(((const struct item *)value)->name);
}

static gmq_view key_of(size_t i)
{
    return item_key(&items[i]);
}

static void make_map(void)
{
    map_init(&map, item_key);
    for (size_t i = 0; i < COUNT; i++)
        snprintf(items[i].name, sizeof(items[i].name), "item%zu", i);
}

static void free_map(void)
{
    map_deinit(&map);
}

TestSuite(map, .init = make_map, .fini = free_map);

Test(map, an_empty_map_finds_nothing)
{
    size_t position = 0;

    cr_assert_null(map_find(&map, key_of(0)));
    cr_assert_null(map_remove(&map, key_of(0)));
    cr_assert_null(map_next(&map, &position));
    cr_assert_null(map.slots);
}

Test(map, what_was_inserted_is_found_until_it_is_removed)
{
    cr_assert(map_insert(&map, &items[1]));
    cr_assert(map_insert(&map, &items[2]));

    cr_assert_eq(map_find(&map, key_of(1)), &items[1]);
    cr_assert_eq(map_remove(&map, key_of(1)), &items[1]);
    cr_assert_null(map_find(&map, key_of(1)));
    cr_assert_eq(map_find(&map, key_of(2)), &items[2]);
}

Test(map, the_empty_key_is_a_key)
{
    items[0].name[0] = '\0';

    cr_assert(map_insert(&map, &items[0]));

    cr_assert_eq(map_find(&map, gmq_view_make(NULL, 0)), &items[0]);
}

Test(map, it_never_gets_fuller_than_seventy_percent_and_shrinks_when_it_is_sparse)
{
    for (size_t i = 0; i < COUNT; i++) {
        cr_assert(map_insert(&map, &items[i]));
        cr_assert_leq(map.count * 10, map.capacity * 7);
    }
    for (size_t i = 0; i < COUNT; i++) {
        cr_assert_eq(map_remove(&map, key_of(i)), &items[i]);
        cr_assert(map.capacity == 8 || map.count * 8 >= map.capacity);
    }
    cr_assert_eq(map.count, 0);
}

static void check_members(size_t expected)
{
    size_t position = 0, visited = 0;
    for (struct item *item; (item = map_next(&map, &position)) != NULL; visited++)
        cr_assert(item->is_member);
    cr_assert_eq(visited, expected);
    cr_assert_eq(map.count, expected);
    for (size_t i = 0; i < COUNT; i++)
        cr_assert_eq(map_find(&map, key_of(i)), items[i].is_member ? &items[i] : NULL);
}

Test(map, random_use_agrees_with_a_shadow)
{
    struct random random = {42};
    size_t members = 0;
    for (int step = 0; step < 100000; step++) {
        bool is_filling = step / 20000 % 2 == 0;
        struct item *item = &items[random_below(&random, COUNT)];
        bool is_to_be_member = random_below(&random, 10) < (is_filling ? 8 : 1);
        if (!item->is_member && is_to_be_member) {
            cr_assert(map_insert(&map, item));
            members++;
        } else if (!is_to_be_member) {
            void *removed = map_remove(&map, item_key(item));
            cr_assert_eq(removed, item->is_member ? item : NULL);
            members -= item->is_member;
        }
        item->is_member = is_to_be_member;
        if (step % 1000 == 0)
            check_members(members);
    }
    check_members(members);
}

Test(map, a_failed_insertion_changes_nothing)
{
    bool has_failed = true;
    for (uint64_t n = 1; has_failed; n++) {
        size_t members = 0;
        mem_fail_after(n);

        for (size_t i = 0; i < COUNT; i++) {
            items[i].is_member = map_insert(&map, &items[i]);
            members += items[i].is_member;
        }
        for (size_t i = 0; i < COUNT; i += 2) {
            void *removed = map_remove(&map, key_of(i));
            cr_assert_eq(removed, items[i].is_member ? &items[i] : NULL);
            members -= items[i].is_member;
            items[i].is_member = false;
        }

        has_failed = mem_fail_after(0) != 0;
        check_members(members);
        map_deinit(&map);
    }
}

Test(map, a_map_that_can_not_shrink_works_on)
{
    for (size_t i = 0; i < COUNT; i++)
        cr_assert(map_insert(&map, &items[i]));

    for (size_t i = 0; i < COUNT; i++) {
        mem_fail_after(1);
        cr_assert_eq(map_remove(&map, key_of(i)), &items[i]);
    }
    mem_fail_after(0);

    check_members(0);
}

/* ---- map_scan ---- */

static unsigned visits[COUNT];

static void count_visit(void *value, void *data)
{
    (void)data;
    visits[(struct item *)value - items]++;
}

/* Scans while `change` is called between two steps; items below `stable` stay in the map all the time. */
static void scan_while(void (*change)(size_t step))
{
    uint64_t cursor = 0;
    size_t step = 0;
    memset(visits, 0, sizeof(visits));
    do {
        cursor = map_scan(&map, cursor, count_visit, NULL);
        if (change != NULL)
            change(step);
        cr_assert_lt(++step, (size_t)100000, "the scan doesn't end");
    } while (cursor != 0);
}

static void insert_some(size_t first, size_t end)
{
    for (size_t i = first; i < end; i++)
        cr_assert(map_insert(&map, &items[i]));
}

static void grow(size_t step)
{
    if (step < 2000)
        cr_assert(map_insert(&map, &items[1000 + step]));
}

static void shrink(size_t step)
{
    for (size_t i = 100 + step * 100; i < 200 + step * 100 && i < COUNT; i++)
        (void)map_remove(&map, key_of(i));
}

static void come_and_go(size_t step)
{
    size_t i = 1000 + step % 50;
    if (map_remove(&map, key_of(i)) == NULL)
        cr_assert(map_insert(&map, &items[i]));
}

Test(map, a_scan_visits_everything_once)
{
    scan_while(NULL);
    insert_some(0, 1000);
    scan_while(NULL);

    for (size_t i = 0; i < COUNT; i++)
        cr_assert_eq(visits[i], i < 1000 ? 1 : 0, "%zu: %u", i, visits[i]);
}

Test(map, a_scan_visits_what_stays_once_while_the_map_grows)
{
    insert_some(0, 1000);
    size_t before = map.capacity;

    scan_while(grow);

    cr_assert_gt(map.capacity, before);
    for (size_t i = 0; i < 1000; i++)
        cr_assert_eq(visits[i], 1, "%zu: %u", i, visits[i]);
}

Test(map, a_scan_misses_nothing_that_stays_while_the_map_shrinks)
{
    insert_some(0, COUNT);
    size_t before = map.capacity;

    scan_while(shrink);

    cr_assert_lt(map.capacity, before);
    for (size_t i = 0; i < 100; i++)
        cr_assert_geq(visits[i], 1, "%zu was missed", i);
}

Test(map, a_scan_visits_what_stays_once_while_others_come_and_go)
{
    insert_some(0, 1000);

    scan_while(come_and_go);

    for (size_t i = 0; i < 1000; i++)
        cr_assert_eq(visits[i], 1, "%zu: %u", i, visits[i]);
}
