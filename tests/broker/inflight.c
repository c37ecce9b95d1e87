/* Deliveries in flight against a list that is searched from end to end. */
#include "broker/inflight.h"

#include "base/memory.h"
#include "base/random.h"

#include <criterion/criterion.h>
#include <string.h>

enum { SHADOW_MAX = 65536 };

/* In the order of sending. */
struct shadow {
    struct shadow_entry {
        uint16_t identifier;
        bool is_sent;
    } entries[SHADOW_MAX];
    uint32_t count;
};

static struct shadow shadow;

static uint32_t shadow_find(uint16_t identifier)
{
    uint32_t index = 0;
    while (index < shadow.count && shadow.entries[index].identifier != identifier)
        index++;
    return index;
}

static void shadow_remove(uint32_t index)
{
    shadow.count--;
    memmove(&shadow.entries[index], &shadow.entries[index + 1], (shadow.count - index) * sizeof shadow.entries[0]);
}

static struct inflight_entry *add(struct inflight *inflight)
{
    struct inflight_entry *entry = inflight_add(inflight);
    if (entry == NULL)
        return NULL;
    cr_assert_neq(entry->packet_identifier, 0);
    cr_assert_eq(shadow_find(entry->packet_identifier), shadow.count, "%u is in use", entry->packet_identifier);
    cr_assert_eq(entry->state, INFLIGHT_FREE);
    cr_assert_null(entry->delivery.message);
    entry->state = INFLIGHT_PUBACK;
    shadow.entries[shadow.count++] = (struct shadow_entry){.identifier = entry->packet_identifier, .is_sent = true};
    return entry;
}

static void acknowledge(struct inflight *inflight, uint32_t index)
{
    struct inflight_entry *entry = inflight_find(inflight, shadow.entries[index].identifier);
    cr_assert_not_null(entry);
    inflight_remove(inflight, entry);
    shadow_remove(index);
}

static void check(struct inflight *inflight)
{
    uint32_t sent = 0;
    struct inflight_entry *entry = NULL;
    for (uint32_t i = 0; i < shadow.count; i++) {
        entry = inflight_next(inflight, entry);
        cr_assert_not_null(entry);
        cr_assert_eq(entry->packet_identifier, shadow.entries[i].identifier);
        cr_assert_eq(entry->is_sent, shadow.entries[i].is_sent);
        cr_assert_eq(inflight_find(inflight, entry->packet_identifier), entry);
        sent += entry->is_sent;
    }
    cr_assert_null(inflight_next(inflight, entry));
    cr_assert_eq(inflight->count, shadow.count);
    cr_assert_eq(inflight->sent, sent);
    cr_assert_eq(inflight->unsent, shadow.count - sent);
}

static void restart(struct inflight *inflight)
{
    inflight_restart(inflight);
    for (uint32_t i = 0; i < shadow.count; i++)
        shadow.entries[i].is_sent = false;
}

/* The next one that is to be sent again is the oldest. */
static void send_again(struct inflight *inflight)
{
    uint32_t index = 0;
    while (index < shadow.count && shadow.entries[index].is_sent)
        index++;
    struct inflight_entry *entry = inflight_next_unsent(inflight);
    if (index == shadow.count) {
        cr_assert_null(entry);
        return;
    }
    cr_assert_eq(entry->packet_identifier, shadow.entries[index].identifier);
    inflight_mark_sent(inflight, entry);
    shadow.entries[index].is_sent = true;
}

static void step(struct inflight *inflight, struct random *random, uint32_t most)
{
    uint64_t dice = random_below(random, 100);
    if (dice < 45 && shadow.count < most)
        cr_assert_not_null(add(inflight));
    else if (dice < 90 && shadow.count > 0)
        acknowledge(inflight, (uint32_t)random_below(random, shadow.count));
    else if (dice < 98)
        send_again(inflight);
    else if (dice < 99)
        restart(inflight);
}

Test(inflight, random_use_agrees_with_a_shadow)
{
    static const uint32_t most[] = {1, 3, 16, 200, 20, 1000, 2};
    struct random random = {11};
    struct inflight inflight = {0};
    for (size_t phase = 0; phase < sizeof most / sizeof most[0]; phase++) {
        for (int i = 0; i < 4000; i++) {
            step(&inflight, &random, most[phase]);
            if (i % 500 == 0)
                check(&inflight);
        }
        while (shadow.count > 0)
            acknowledge(&inflight, (uint32_t)random_below(&random, shadow.count));
        check(&inflight);
    }
    inflight_deinit(&inflight);
}

Test(inflight, identifiers_go_round_past_zero)
{
    struct inflight inflight = {0};
    inflight.next_identifier = 65533;
    inflight.next_order = UINT32_MAX - 1; /* orders wrap as well */
    for (int i = 0; i < 5; i++)
        cr_assert_not_null(add(&inflight));
    static const uint16_t expected[] = {65534, 65535, 1, 2, 3};
    for (int i = 0; i < 5; i++)
        cr_assert_eq(shadow.entries[i].identifier, expected[i]);
    check(&inflight);
    inflight_deinit(&inflight);
}

Test(inflight, an_identifier_that_stays_is_passed_over)
{
    struct inflight inflight = {0};
    cr_assert_not_null(add(&inflight)); /* it stays */
    for (uint32_t i = 0; i < 3 * 65535; i++) {
        cr_assert_not_null(add(&inflight));
        acknowledge(&inflight, 1);
    }
    check(&inflight);
    inflight_deinit(&inflight);
}

/* Without the shadow, which would take too long. */
Test(inflight, all_identifiers_can_be_in_use_at_once)
{
    static bool is_used[65536];
    struct inflight inflight = {0};
    inflight.next_identifier = 40000;
    for (uint32_t i = 0; i < 65535; i++) {
        struct inflight_entry *entry = inflight_add(&inflight);
        cr_assert_not_null(entry);
        cr_assert_not(is_used[entry->packet_identifier]);
        is_used[entry->packet_identifier] = true;
    }
    cr_assert_null(inflight_add(&inflight));
    cr_assert_not(is_used[0]);

    inflight_remove(&inflight, inflight_find(&inflight, 777));
    cr_assert_eq(inflight_add(&inflight)->packet_identifier, 777);
    inflight_deinit(&inflight);
}

Test(inflight, what_is_unknown_is_not_found)
{
    struct inflight inflight = {0};
    cr_assert_null(inflight_find(&inflight, 1));
    uint16_t known = add(&inflight)->packet_identifier;
    cr_assert_null(inflight_find(&inflight, 0));
    cr_assert_null(inflight_find(&inflight, (uint16_t)(known + 16))); /* the same place in the ring */
    acknowledge(&inflight, 0);
    cr_assert_null(inflight_find(&inflight, known));
    inflight_deinit(&inflight);
}

Test(inflight, marking_twice_counts_once)
{
    struct inflight inflight = {0};
    struct inflight_entry *entry = add(&inflight);
    inflight_mark_sent(&inflight, entry);
    check(&inflight);
    restart(&inflight);
    check(&inflight);
    send_again(&inflight);
    inflight_mark_sent(&inflight, entry);
    check(&inflight);
    inflight_deinit(&inflight);
}

Test(inflight, a_new_connection_gives_back_what_nothing_needs)
{
    struct inflight inflight = {0};
    add(&inflight);
    acknowledge(&inflight, 0);
    cr_assert_not_null(inflight.ring);
    inflight_restart(&inflight);
    cr_assert_null(inflight.ring);
    add(&inflight);
    check(&inflight);
    inflight_deinit(&inflight);
}

Test(inflight, an_addition_that_fails_changes_nothing)
{
    bool has_failed = true;
    for (uint64_t n = 1; has_failed; n++) {
        struct inflight inflight = {0};
        shadow.count = 0;
        mem_fail_after(n);
        for (int i = 0; i < 100; i++)
            (void)add(&inflight);
        has_failed = mem_fail_after(0) != 0;
        cr_assert_eq(shadow.count, has_failed ? 99 : 100);
        check(&inflight);
        inflight_deinit(&inflight);
    }
}

Test(inflight, removing_lets_go_of_the_message)
{
    struct inflight inflight = {0};
    struct message *message = message_new(&(struct message_parts){.topic = GMQ_VIEW("t")});
    for (int i = 0; i < 3; i++) {
        struct inflight_entry *entry = add(&inflight);
        message_ref(message, 1);
        entry->delivery.message = message;
        entry->delivery.subscription_identifiers = mem_alloc_zero(1, sizeof(uint32_t));
    }
    acknowledge(&inflight, 1);
    cr_assert_eq(atomic_load(&message->references), 3);
    inflight_deinit(&inflight);
    cr_assert_eq(atomic_load(&message->references), 1);
    message_unref(message);
}
