/* Grace periods: nothing is released while a reader may hold it, and everything is in the end. */
#include "base/grace.h"

#include "base/memory.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

struct object {
    struct grace_retired retired;
    int value;
};

static int released;

static void release_count(struct grace_retired *retired)
{
    (void)retired;
    released++;
}

static bool collect(struct grace_reader *reader)
{
    return grace_collect(reader, grace_horizon(reader));
}

static struct grace *grace;
static struct grace_reader *writer, *reader;

static void make_readers(void)
{
    grace = grace_new();
    writer = grace_join(grace);
    reader = grace_join(grace);
    released = 0;
}

static void free_readers(void)
{
    if (reader != NULL)
        grace_leave(reader);
    if (writer != NULL)
        grace_leave(writer);
    grace_free(grace);
}

TestSuite(grace, .init = make_readers, .fini = free_readers);

Test(grace, nothing_is_released_before_every_reader_was_quiescent)
{
    struct object object;
    grace_retire(writer, &object.retired, release_count);

    cr_assert(collect(writer));
    grace_quiescent(writer);
    cr_assert(collect(writer));
    cr_assert_eq(released, 0);
    grace_quiescent(reader);
    cr_assert_not(collect(writer));
    cr_assert_eq(released, 1);
}

Test(grace, nobody_waits_for_a_reader_that_is_offline)
{
    struct object object;
    grace_offline(reader);
    grace_retire(writer, &object.retired, release_count);
    grace_quiescent(writer);

    cr_assert_not(collect(writer));

    cr_assert_eq(released, 1);
}

Test(grace, a_reader_that_came_online_later_does_not_matter)
{
    struct object first, second;
    grace_offline(reader);
    grace_retire(writer, &first.retired, release_count);
    grace_online(reader);
    grace_retire(writer, &second.retired, release_count);
    grace_quiescent(writer);

    cr_assert(collect(writer));

    cr_assert_eq(released, 1);
    grace_quiescent(reader);
    cr_assert_not(collect(writer));
    cr_assert_eq(released, 2);
}

Test(grace, a_horizon_does_not_cover_what_is_retired_after_it)
{
    struct object object;
    grace_offline(reader);
    grace_quiescent(writer);
    uint64_t horizon = grace_horizon(writer);
    grace_retire(writer, &object.retired, release_count);
    grace_quiescent(writer);

    cr_assert(grace_collect(writer, horizon));

    cr_assert_eq(released, 0);
    cr_assert_not(collect(writer));
}

Test(grace, what_a_leaving_reader_retired_is_released_by_another)
{
    struct object object;
    grace_retire(writer, &object.retired, release_count);
    grace_leave(writer);
    writer = NULL;

    cr_assert(collect(reader));
    cr_assert_eq(released, 0);
    grace_quiescent(reader);
    cr_assert_not(collect(reader));

    cr_assert_eq(released, 1);
}

Test(grace, what_nobody_released_is_released_in_the_end)
{
    struct object object;
    grace_retire(writer, &object.retired, release_count);
    free_readers();

    cr_assert_eq(released, 1);
    make_readers();
}

Test(grace, a_ticket_is_over_when_all_readers_were_quiescent)
{
    uint64_t ticket = grace_ticket(grace);

    cr_assert_not(grace_is_over(grace, ticket));
    grace_quiescent(reader);
    cr_assert_not(grace_is_over(grace, ticket));
    grace_offline(writer);
    cr_assert(grace_is_over(grace, ticket));
    grace_offline(reader);
    cr_assert(grace_is_over(grace, grace_ticket(grace)));
}

static struct object second_object;

static void release_and_retire(struct grace_retired *retired)
{
    release_count(retired);
    grace_retire(writer, &second_object.retired, release_count);
}

Test(grace, releasing_may_retire_more)
{
    struct object object;
    grace_offline(reader);
    grace_retire(writer, &object.retired, release_and_retire);
    grace_quiescent(writer);

    cr_assert(collect(writer));
    cr_assert_eq(released, 1);
    grace_quiescent(writer);
    cr_assert_not(collect(writer));
    cr_assert_eq(released, 2);
}

Test(grace, there_are_so_many_readers_and_no_more)
{
    struct grace_reader *readers[GRACE_READERS_MAX];
    size_t count = 0;
    while (count < GRACE_READERS_MAX && (readers[count] = grace_join(grace)) != NULL)
        count++;

    cr_assert_eq(count, GRACE_READERS_MAX - 2);
    cr_assert_null(grace_join(grace));
    grace_leave(readers[17]);
    readers[17] = grace_join(grace);
    cr_assert_not_null(readers[17]);
    for (size_t i = 0; i < count; i++)
        grace_leave(readers[i]);
}

Test(grace, without_memory_there_is_none)
{
    mem_fail_after(1);
    cr_assert_null(grace_new());
    cr_assert_eq(mem_fail_after(0), 1);
    grace_free(NULL);
}

/* Threads that read a shared object, replace it now and then, and sleep now and then. A released object gets a value
 * that no reader may ever see. */
enum { THREADS = 4, TURNS = 20000, READABLE = 1, RELEASED = 2 };

static _Atomic(struct object *) shared;
static atomic_int wrong, living;

static struct object *object_new(void)
{
    struct object *object = mem_alloc(sizeof(*object));
    object->value = READABLE;
    atomic_fetch_add(&living, 1);
    return object;
}

static void object_release(struct grace_retired *retired)
{
    struct object *object = LIST_OBJECT(retired, struct object, retired);
    object->value = RELEASED;
    mem_free(object);
    atomic_fetch_sub(&living, 1);
}

static void *read_and_replace(void *argument)
{
    struct grace_reader *own = grace_join(argument);
    for (int turn = 0; turn < TURNS; turn++) {
        for (int i = 0; i < 3; i++)
            wrong += atomic_load_explicit(&shared, memory_order_acquire)->value != READABLE;
        if (turn % 5 == 0) {
            struct object *old = atomic_exchange_explicit(&shared, object_new(), memory_order_acq_rel);
            grace_retire(own, &old->retired, object_release);
        }
        grace_quiescent(own);
        collect(own);
        if (turn % 7 == 0) {
            grace_offline(own);
            sched_yield();
            grace_online(own);
        }
    }
    grace_leave(own);
    return NULL;
}

Test(grace, threads_never_see_a_released_object)
{
    pthread_t threads[THREADS];
    grace_offline(reader);
    grace_offline(writer);
    atomic_store(&shared, object_new());

    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, read_and_replace, grace);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    cr_assert_not(collect(reader));

    cr_assert_eq(atomic_load(&wrong), 0);
    cr_assert_eq(atomic_load(&living), 1);
    mem_free(atomic_load(&shared));
}
