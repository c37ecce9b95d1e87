/* The limbo: what is in it is released after the readers were quiescent, a part at a time, and no sooner. */
#include "base/limbo.h"

#include <criterion/criterion.h>

enum { COUNT = 100 };

struct thing {
    int number;
    struct limbo_link link;
};

static struct grace *grace;
static struct grace_reader *reader;
static struct grace_reader *other;
static struct limbo limbo;
static struct thing things[COUNT];
static int released[COUNT];
static unsigned kind_of[COUNT];

static void release(void *owner, unsigned kind, struct limbo_link *link)
{
    cr_assert_eq(owner, things);
    const struct thing *thing = LIST_OBJECT(link, struct thing, link);
    released[thing->number]++;
    cr_assert_eq(kind, kind_of[thing->number]);
}

static void make(void)
{
    grace = grace_new();
    reader = grace_join(grace);
    other = grace_join(grace);
    limbo_init(&limbo, release, things);
}

static void end(void)
{
    limbo_deinit(&limbo);
    grace_leave(reader);
    grace_leave(other);
    grace_free(grace);
}

TestSuite(limbo, .init = make, .fini = end);

static void retire(int number, unsigned kind)
{
    things[number].number = number;
    kind_of[number] = kind;
    limbo_retire(&limbo, kind, &things[number].link);
}

static int released_count(void)
{
    int count = 0;
    for (int i = 0; i < COUNT; i++)
        count += released[i];
    return count;
}

static bool collect(void)
{
    return limbo_collect(&limbo, reader, UINT32_MAX);
}

Test(limbo, an_empty_one_has_nothing_to_release)
{
    cr_assert_not(collect());
}

Test(limbo, a_thing_waits_for_all_readers)
{
    retire(0, 1);
    cr_assert(collect());
    grace_quiescent(reader);
    cr_assert(collect());
    cr_assert_eq(released[0], 0);

    grace_quiescent(other);

    cr_assert_not(collect());
    cr_assert_eq(released[0], 1);
}

/* Retired after the ticket was taken: the readers may have been quiescent before that. */
Test(limbo, a_later_thing_waits_for_the_next_ticket)
{
    retire(0, 0);
    (void)collect();
    grace_quiescent(reader);
    grace_quiescent(other);
    retire(1, 0);

    cr_assert(collect());
    cr_assert_eq(released[0], 1);
    cr_assert_eq(released[1], 0);
    cr_assert(collect());
    cr_assert_eq(released[1], 0);

    grace_quiescent(reader);
    grace_quiescent(other);
    cr_assert_not(collect());
    cr_assert_eq(released[1], 1);
}

Test(limbo, many_things_of_all_kinds_are_released_a_part_at_a_time)
{
    for (int i = 0; i < COUNT; i++)
        retire(i, (unsigned)i % LIMBO_KINDS);
    (void)collect();
    grace_quiescent(reader);
    grace_quiescent(other);

    for (int part = 1; part * 7 < COUNT; part++) {
        cr_assert(limbo_collect(&limbo, reader, 7));
        cr_assert_eq(released_count(), part * 7);
    }
    cr_assert_not(limbo_collect(&limbo, reader, 7));
    for (int i = 0; i < COUNT; i++)
        cr_assert_eq(released[i], 1);
}

Test(limbo, its_end_releases_what_waits_and_what_is_fresh)
{
    retire(0, 0);
    (void)collect();
    retire(1, 7);

    limbo_deinit(&limbo);

    cr_assert_eq(released[0], 1);
    cr_assert_eq(released[1], 1);
}
