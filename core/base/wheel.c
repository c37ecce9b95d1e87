/* The hierarchical timer wheel.
 *
 * Time is counted in ticks. A timer that is due in the same block of 64 ticks as the wheel's present tick is on level
 * 0, in the slot of its tick; else one in the same block of 64 * 64 ticks is on level 1, in the slot of its block of
 * 64; and so on. So on all levels but the last the timers are behind the present slot, all of a level before all of the
 * next, and the earliest is found by the lowest set bit of the lowest level that has one. When the wheel reaches a slot
 * of a level above 0, its timers are placed anew, further down. The last level is circular: it reaches 63 slots ahead
 * from wherever the wheel is, and holds what is due even later in the farthest of them. */
#include "base/wheel.h"

enum { WHEEL_SLOT_BITS = 6, WHEEL_LAST_LEVEL = WHEEL_LEVELS - 1 };

#define WHEEL_TICK_NS UINT64_C(4000000)

static unsigned level_shift(unsigned level)
{
    return level * WHEEL_SLOT_BITS;
}

void wheel_init(struct wheel *wheel, uint64_t now_ns)
{
    wheel->tick = now_ns / WHEEL_TICK_NS;
    for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
        wheel->occupied[level] = 0;
        for (unsigned slot = 0; slot < WHEEL_SLOTS; slot++)
            list_init(&wheel->slots[level][slot]);
    }
}

void wheel_timer_init(struct wheel_timer *timer, wheel_function *function)
{
    list_init(&timer->link);
    timer->deadline_ns = 0;
    timer->function = function;
}

bool wheel_timer_is_running(const struct wheel_timer *timer)
{
    return !list_is_empty(&timer->link);
}

/* Rounded up, so that no timer fires early. */
static uint64_t tick_of_deadline(uint64_t deadline_ns)
{
    return deadline_ns / WHEEL_TICK_NS + (deadline_ns % WHEEL_TICK_NS != 0);
}

static unsigned wheel_level(const struct wheel *wheel, uint64_t tick)
{
    uint64_t differing = (tick ^ wheel->tick) | 1;
    unsigned level = (63 - (unsigned)__builtin_clzll(differing)) / WHEEL_SLOT_BITS;
    return level < WHEEL_LAST_LEVEL ? level : WHEEL_LAST_LEVEL;
}

static void wheel_place(struct wheel *wheel, struct wheel_timer *timer)
{
    uint64_t tick = tick_of_deadline(timer->deadline_ns);
    if (tick < wheel->tick)
        tick = wheel->tick;
    unsigned level = wheel_level(wheel, tick);
    uint64_t slot = tick >> level_shift(level);
    if (level == WHEEL_LAST_LEVEL) {
        uint64_t farthest = (wheel->tick >> level_shift(level)) + WHEEL_SLOTS - 1;
        if (slot > farthest)
            slot = farthest;
    }
    slot %= WHEEL_SLOTS;
    list_append(&wheel->slots[level][slot], &timer->link);
    wheel->occupied[level] |= UINT64_C(1) << slot;
}

void wheel_start(struct wheel *wheel, struct wheel_timer *timer, uint64_t deadline_ns)
{
    wheel_stop(wheel, timer);
    timer->deadline_ns = deadline_ns;
    wheel_place(wheel, timer);
}

void wheel_stop(struct wheel *wheel, struct wheel_timer *timer)
{
    struct list *neighbour = timer->link.next;
    list_remove(&timer->link);
    if (neighbour == &timer->link || !list_is_empty(neighbour))
        return;
    /* What is left alone is the head: of a slot, unless it is the list of due timers of a running wheel_advance. */
    uintptr_t offset = (uintptr_t)neighbour - (uintptr_t)&wheel->slots[0][0];
    if (offset >= sizeof(wheel->slots))
        return;
    size_t index = offset / sizeof(struct list);
    wheel->occupied[index / WHEEL_SLOTS] &= ~(UINT64_C(1) << index % WHEEL_SLOTS);
}

/* The first occupied slot in time: its level and the tick at which it begins. False if there is none. */
static bool wheel_first_slot(const struct wheel *wheel, unsigned *level, uint64_t *tick)
{
    for (*level = 0; *level < WHEEL_LAST_LEVEL; ++*level) {
        uint64_t occupied = wheel->occupied[*level];
        if (occupied == 0)
            continue;
        unsigned above = level_shift(*level + 1);
        uint64_t slot = (uint64_t)__builtin_ctzll(occupied);
        *tick = wheel->tick >> above << above | slot << level_shift(*level);
        return true;
    }
    uint64_t occupied = wheel->occupied[WHEEL_LAST_LEVEL];
    if (occupied == 0)
        return false;
    uint64_t present = wheel->tick >> level_shift(WHEEL_LAST_LEVEL);
    unsigned turn = present % WHEEL_SLOTS;
    uint64_t ahead = turn != 0 ? occupied >> turn | occupied << (WHEEL_SLOTS - turn) : occupied;
    *tick = (present + (uint64_t)__builtin_ctzll(ahead)) << level_shift(WHEEL_LAST_LEVEL);
    return true;
}

/* Moves on to `target`, with all timers that are due by then put into `due`, earliest first. Only occupied slots are
 * looked at, so that a jump over days costs no more than a tick. */
static void wheel_collect(struct wheel *wheel, uint64_t target, struct list *due)
{
    unsigned level;
    uint64_t tick;
    while (wheel_first_slot(wheel, &level, &tick) && tick <= target) {
        wheel->tick = tick;
        uint64_t slot = (tick >> level_shift(level)) % WHEEL_SLOTS;
        wheel->occupied[level] &= ~(UINT64_C(1) << slot);
        if (level == 0) {
            list_move_all(due, &wheel->slots[level][slot]);
            continue;
        }
        struct list moved;
        list_init(&moved);
        list_move_all(&moved, &wheel->slots[level][slot]);
        while (!list_is_empty(&moved)) {
            struct wheel_timer *timer = LIST_OBJECT(moved.next, struct wheel_timer, link);
            list_remove(&timer->link);
            wheel_place(wheel, timer);
        }
    }
    wheel->tick = target;
}

bool wheel_advance(struct wheel *wheel, uint64_t now_ns, uint32_t most)
{
    uint64_t target = now_ns / WHEEL_TICK_NS;
    if (target < wheel->tick)
        target = wheel->tick;
    /* Functions are called only after everything is in its place. What they start is never in this list, so a timer
     * that starts itself for the past can't keep us here. */
    struct list due;
    list_init(&due);
    wheel_collect(wheel, target, &due);
    for (; most != 0 && !list_is_empty(&due); most--) {
        struct wheel_timer *timer = LIST_OBJECT(due.next, struct wheel_timer, link);
        list_remove(&timer->link);
        timer->function(timer);
    }
    /* What is left goes before what was started meanwhile. */
    uint64_t slot = target % WHEEL_SLOTS;
    struct list *present = &wheel->slots[0][slot];
    list_move_all(&due, present);
    list_move_all(present, &due);
    if (list_is_empty(present))
        return false;
    wheel->occupied[0] |= UINT64_C(1) << slot;
    return true;
}

uint64_t wheel_next_ns(const struct wheel *wheel)
{
    unsigned level;
    uint64_t tick;
    return wheel_first_slot(wheel, &level, &tick) ? tick * WHEEL_TICK_NS : UINT64_MAX;
}
