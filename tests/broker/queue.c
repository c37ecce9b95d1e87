/* Waiting messages against a line of numbers. */
#include "broker/queue.h"

#include "base/memory.h"
#include "base/random.h"

#include <criterion/criterion.h>

enum { MESSAGES = 7, LINE_MAX = 5000 };

static struct message *messages[MESSAGES];

static void make_messages(void)
{
    static const char payload[] = "0123456789";
    for (size_t i = 0; i < MESSAGES; i++)
        messages[i] = message_new(&(struct message_parts){.topic = GMQ_VIEW("t"), .payload = {payload, i}});
}

static void drop_messages(void)
{
    for (size_t i = 0; i < MESSAGES; i++) {
        cr_assert_eq(atomic_load(&messages[i]->references), 1, "message %zu leaks", i);
        message_unref(messages[i]);
    }
}

TestSuite(queue, .init = make_messages, .fini = drop_messages);

/* Entry `number` has its number as its subscription identifier. */
static bool push(struct queue *queue, uint32_t number)
{
    struct delivery delivery = {.message = messages[number % MESSAGES], .qos = 1};
    delivery.subscription_identifiers = mem_alloc(2 * sizeof(uint32_t));
    if (delivery.subscription_identifiers == NULL)
        return false;
    delivery.subscription_identifiers[0] = 1;
    delivery.subscription_identifiers[1] = number;
    message_ref(delivery.message, 1);
    if (queue_push(queue, &delivery))
        return true;
    delivery_deinit(&delivery);
    return false;
}

static void pop(struct queue *queue, uint32_t number)
{
    struct delivery delivery;
    cr_assert_eq(queue_peek(queue)->message, messages[number % MESSAGES]);
    cr_assert(queue_pop(queue, &delivery));
    cr_assert_eq(delivery.subscription_identifiers[1], number);
    cr_assert_eq(delivery.message, messages[number % MESSAGES]);
    delivery_deinit(&delivery);
}

static uint64_t bytes_between(uint32_t first, uint32_t end)
{
    uint64_t bytes = 0;
    for (uint32_t number = first; number < end; number++)
        bytes += message_size(messages[number % MESSAGES]);
    return bytes;
}

Test(queue, random_use_agrees_with_a_line_of_numbers)
{
    struct random random = {5};
    struct queue queue = {0};
    uint32_t first = 0, end = 0;
    for (int i = 0; i < 20000; i++) {
        /* It grows for a while, then shrinks. */
        bool is_growing = i / 2500 % 2 == 0;
        bool is_push = random_below(&random, 10) < (is_growing ? 7 : 3);
        if (is_push)
            cr_assert(push(&queue, end++));
        else if (first < end)
            pop(&queue, first++);
        cr_assert_eq(queue.count, end - first);
        if (i % 100 == 0)
            cr_assert_eq(queue.bytes, bytes_between(first, end));
    }
    queue_deinit(&queue);
}

Test(queue, an_empty_one_owns_nothing)
{
    struct queue queue = {0};
    struct delivery delivery;
    cr_assert_null(queue_peek(&queue));
    cr_assert_not(queue_pop(&queue, &delivery));
    for (uint32_t i = 0; i < 100; i++)
        cr_assert(push(&queue, i));
    for (uint32_t i = 0; i < 100; i++)
        pop(&queue, i);
    cr_assert_null(queue.ring);
    cr_assert_eq(queue.bytes, 0);
    cr_assert_null(queue_peek(&queue));
}

Test(queue, a_push_that_fails_changes_nothing)
{
    bool has_failed = true;
    for (uint64_t n = 1; has_failed; n++) {
        struct queue queue = {0};
        uint32_t end = 0;
        mem_fail_after(n);
        for (int i = 0; i < 40; i++)
            end += push(&queue, end);
        has_failed = mem_fail_after(0) != 0;
        cr_assert_eq(end, has_failed ? 39 : 40);
        for (uint32_t number = 0; number < end; number++)
            pop(&queue, number);
        cr_assert_null(queue.ring);
    }
}

Test(queue, its_end_lets_go_of_all)
{
    struct queue queue = {0};
    for (uint32_t i = 0; i < 9; i++)
        cr_assert(push(&queue, i));
    pop(&queue, 0);
    cr_assert(push(&queue, 9)); /* around the end of the ring */
    queue_deinit(&queue);
    cr_assert_eq(queue.count, 0);
}
