/* Timers: never early, at most a tick late, whatever their functions do and however far time jumps. */
#include "base/wheel.h"

#include "base/memory.h"
#include "base/random.h"

#include <criterion/criterion.h>
#include <stddef.h>

#define TICK UINT64_C(4000000)
#define SECOND UINT64_C(1000000000)
#define DAY (86400 * SECOND)

static struct wheel wheel;
static uint64_t now;

struct alarm {
    struct wheel_timer timer; /* first, so that a pointer to one is a pointer to the other */
    int fired;
    uint64_t fired_at;
};

static void alarm_fire(struct wheel_timer *timer)
{
    struct alarm *alarm = (struct alarm *)timer;
    cr_assert_not(wheel_timer_is_running(timer));
    cr_assert_leq(timer->deadline_ns, now, "fired early");
    alarm->fired++;
    alarm->fired_at = now;
}

static void alarm_init(struct alarm *alarm)
{
    *alarm = (struct alarm){0};
    wheel_timer_init(&alarm->timer, alarm_fire);
}

static void make_wheel(void)
{
    now = 1000 * DAY + 12345;
    wheel_init(&wheel, now);
}

static bool advance_to(uint64_t time)
{
    now = time;
    return wheel_advance(&wheel, now, UINT32_MAX);
}

TestSuite(wheel, .init = make_wheel);

Test(wheel, without_timers_there_is_nothing_to_wait_for)
{
    cr_assert_eq(wheel_next_ns(&wheel), UINT64_MAX);
    cr_assert_not(advance_to(now + DAY));
    cr_assert_eq(wheel_next_ns(&wheel), UINT64_MAX);
}

Test(wheel, a_timer_fires_once_at_its_deadline)
{
    struct alarm alarm;
    alarm_init(&alarm);
    uint64_t deadline = now + SECOND;
    wheel_start(&wheel, &alarm.timer, deadline);
    cr_assert(wheel_timer_is_running(&alarm.timer));

    advance_to(deadline - 1);
    cr_assert_eq(alarm.fired, 0);
    advance_to(deadline + TICK);
    cr_assert_eq(alarm.fired, 1);
    advance_to(deadline + DAY);
    cr_assert_eq(alarm.fired, 1);
    cr_assert_eq(wheel_next_ns(&wheel), UINT64_MAX);
}

Test(wheel, a_deadline_in_the_past_fires_at_the_next_advance)
{
    struct alarm alarm;
    alarm_init(&alarm);

    wheel_start(&wheel, &alarm.timer, 0);
    cr_assert_leq(wheel_next_ns(&wheel), now);
    advance_to(now);

    cr_assert_eq(alarm.fired, 1);
}

Test(wheel, a_stopped_timer_does_not_fire)
{
    struct alarm alarm;
    alarm_init(&alarm);
    wheel_stop(&wheel, &alarm.timer);
    wheel_start(&wheel, &alarm.timer, now + SECOND);

    wheel_stop(&wheel, &alarm.timer);
    wheel_stop(&wheel, &alarm.timer);

    cr_assert_eq(wheel_next_ns(&wheel), UINT64_MAX);
    advance_to(now + DAY);
    cr_assert_eq(alarm.fired, 0);
}

Test(wheel, a_restarted_timer_has_its_new_deadline_only)
{
    struct alarm alarm;
    alarm_init(&alarm);
    uint64_t start = now;
    wheel_start(&wheel, &alarm.timer, start + SECOND);
    wheel_start(&wheel, &alarm.timer, start + DAY);

    advance_to(start + DAY - 1);
    cr_assert_eq(alarm.fired, 0);
    advance_to(start + DAY + TICK);
    cr_assert_eq(alarm.fired, 1);
}

Test(wheel, time_may_stand_still_or_go_back)
{
    struct alarm alarm;
    alarm_init(&alarm);
    uint64_t start = now;
    wheel_start(&wheel, &alarm.timer, start + SECOND);

    advance_to(start - DAY);
    advance_to(start);
    cr_assert_eq(alarm.fired, 0);
    advance_to(start + 2 * SECOND);
    cr_assert_eq(alarm.fired, 1);
}

/* Runs as a worker does: sleeps until wheel_next_ns says so. */
static void check_waits_exactly(uint64_t delay)
{
    struct alarm alarm;
    alarm_init(&alarm);
    uint64_t deadline = now + delay;
    int turns = 0;
    wheel_start(&wheel, &alarm.timer, deadline);
    while (alarm.fired == 0 && turns++ < 1000) {
        uint64_t next = wheel_next_ns(&wheel);
        cr_assert_neq(next, UINT64_MAX);
        advance_to(next > now ? next : now);
    }
    cr_assert_eq(alarm.fired, 1);
    cr_assert_lt(alarm.fired_at, deadline + TICK);
}

Test(wheel, timers_beyond_the_span_wait_correctly)
{
    static const uint64_t days[] = {1, 48, 49, 50, 51, 99, 100, 365, 3650, 36500};
    for (size_t i = 0; i < sizeof(days) / sizeof(days[0]); i++) {
        check_waits_exactly(days[i] * DAY);
        check_waits_exactly(days[i] * DAY + 777);
    }
}

Test(wheel, delays_around_the_edges_of_levels_are_exact)
{
    for (unsigned level = 0; level <= WHEEL_LEVELS; level++) {
        for (int64_t offset = -3; offset <= 3; offset++) {
            int64_t ticks = ((int64_t)1 << (6 * level)) + offset;
            if (ticks >= 0)
                check_waits_exactly((uint64_t)ticks * TICK);
        }
    }
}

Test(wheel, a_timer_for_the_end_of_time_costs_nothing)
{
    struct alarm alarm;
    alarm_init(&alarm);

    wheel_start(&wheel, &alarm.timer, UINT64_MAX);
    for (int i = 0; i < 100; i++)
        advance_to(now + 40 * DAY);

    cr_assert_eq(alarm.fired, 0);
    cr_assert(wheel_timer_is_running(&alarm.timer));
    wheel_stop(&wheel, &alarm.timer);
    cr_assert_eq(wheel_next_ns(&wheel), UINT64_MAX);
}

Test(wheel, timers_fire_in_the_order_of_their_ticks_after_a_jump)
{
    enum { COUNT = 500 };
    static struct alarm alarms[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        alarm_init(&alarms[i]);
        wheel_start(&wheel, &alarms[i].timer, now + (COUNT - i) * 50 * SECOND);
    }
    now += DAY;
    for (size_t i = COUNT; i-- > 0;) {
        cr_assert_eq(wheel_advance(&wheel, now, 1), i != 0);
        cr_assert_eq(alarms[i].fired, 1, "timer %zu", i);
    }
}

Test(wheel, what_the_limit_left_over_fires_next)
{
    struct alarm alarms[10];
    for (size_t i = 0; i < 10; i++) {
        alarm_init(&alarms[i]);
        wheel_start(&wheel, &alarms[i].timer, now + SECOND);
    }
    now += 2 * SECOND;

    cr_assert(wheel_advance(&wheel, now, 0));
    cr_assert_eq(alarms[0].fired, 0);
    cr_assert(wheel_advance(&wheel, now, 4));
    cr_assert_eq(alarms[3].fired, 1);
    cr_assert_eq(alarms[4].fired, 0);
    cr_assert_leq(wheel_next_ns(&wheel), now);
    wheel_stop(&wheel, &alarms[9].timer);
    cr_assert_not(wheel_advance(&wheel, now, 5));
    cr_assert_eq(alarms[8].fired, 1);
    cr_assert_eq(alarms[9].fired, 0);
}

static void alarm_restart_in_the_past(struct wheel_timer *timer)
{
    alarm_fire(timer);
    wheel_start(&wheel, timer, now - SECOND);
}

Test(wheel, a_timer_that_restarts_itself_for_the_past_fires_once_per_advance)
{
    struct alarm alarm;
    alarm_init(&alarm);
    alarm.timer.function = alarm_restart_in_the_past;
    wheel_start(&wheel, &alarm.timer, now);

    for (int i = 1; i <= 10; i++) {
        cr_assert(advance_to(now + TICK));
        cr_assert_eq(alarm.fired, i);
    }
}

static struct alarm *victims[3];

static void alarm_kill(struct wheel_timer *timer)
{
    for (size_t i = 0; i < 3; i++) {
        if (victims[i] != NULL && &victims[i]->timer != timer)
            wheel_stop(&wheel, &victims[i]->timer);
        mem_free(victims[i]);
        victims[i] = NULL;
    }
}

Test(wheel, a_timers_function_may_free_all_timers_of_its_slot)
{
    for (size_t i = 0; i < 3; i++) {
        victims[i] = mem_alloc(sizeof(*victims[i]));
        alarm_init(victims[i]);
        victims[i]->timer.function = alarm_kill;
        wheel_start(&wheel, &victims[i]->timer, now + SECOND);
    }

    cr_assert_not(advance_to(now + 2 * SECOND));

    cr_assert_null(victims[2]);
    cr_assert_eq(wheel_next_ns(&wheel), UINT64_MAX);
}

/* The shadow is the timers themselves: each knows its deadline and whether it was started. */
enum { ALARMS = 400 };

static struct alarm alarms[ALARMS];
static bool is_started[ALARMS];
static struct random random_state = {99};

static uint64_t random_deadline(void)
{
    static const uint64_t ranges[] = {TICK, 100 * TICK, 10 * SECOND, 3600 * SECOND, 10 * DAY, 200 * DAY};
    uint64_t range = ranges[random_below(&random_state, 6)];
    return now + random_below(&random_state, range) - (random_below(&random_state, 20) == 0 ? range : 0);
}

static void random_start(size_t i)
{
    wheel_start(&wheel, &alarms[i].timer, random_deadline());
    is_started[i] = true;
}

static void random_stop(size_t i)
{
    wheel_stop(&wheel, &alarms[i].timer);
    is_started[i] = false;
}

static void alarm_fire_at_random(struct wheel_timer *timer)
{
    size_t i = (size_t)((struct alarm *)timer - alarms);
    cr_assert(is_started[i]);
    is_started[i] = false;
    alarm_fire(timer);
    if (random_below(&random_state, 3) == 0)
        random_start(random_below(&random_state, ALARMS));
    if (random_below(&random_state, 3) == 0)
        random_stop(random_below(&random_state, ALARMS));
    if (random_below(&random_state, 3) == 0)
        random_start(i);
}

/* `is_complete`: no limit cut the advance short. */
static void check_against_shadow(bool is_complete)
{
    uint64_t earliest = UINT64_MAX;
    for (size_t i = 0; i < ALARMS; i++) {
        cr_assert_eq(wheel_timer_is_running(&alarms[i].timer), is_started[i]);
        if (is_started[i] && alarms[i].timer.deadline_ns < earliest)
            earliest = alarms[i].timer.deadline_ns;
    }
    uint64_t next = wheel_next_ns(&wheel);
    cr_assert_eq(next == UINT64_MAX, earliest == UINT64_MAX);
    if (earliest != UINT64_MAX)
        cr_assert(next < earliest + TICK || next <= now, "woken too late");
    if (is_complete && earliest != UINT64_MAX)
        cr_assert_gt(earliest + TICK, now, "a due timer was left");
}

Test(wheel, random_use_agrees_with_a_shadow)
{
    for (size_t i = 0; i < ALARMS; i++) {
        alarm_init(&alarms[i]);
        alarms[i].timer.function = alarm_fire_at_random;
    }
    for (int step = 0; step < 50000; step++) {
        static const uint64_t jumps[] = {1, TICK, 64 * TICK, 100 * SECOND, DAY, 60 * DAY};
        for (int i = 0; i < 4; i++)
            random_start(random_below(&random_state, ALARMS));
        random_stop(random_below(&random_state, ALARMS));
        check_against_shadow(false);

        uint32_t most = random_below(&random_state, 2) == 0 ? 5 : UINT32_MAX;
        now += random_below(&random_state, jumps[random_below(&random_state, 6)]) + 1;
        bool is_left = wheel_advance(&wheel, now, most);
        while (is_left && most == UINT32_MAX && random_below(&random_state, 50) != 0)
            is_left = wheel_advance(&wheel, now, most);
        check_against_shadow(!is_left);
    }
}
