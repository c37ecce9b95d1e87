/* Timers of one worker: a hierarchical wheel with a tick of 4 ms. Starting and stopping cost the same however many
 * there are. A timer never fires early; it may fire up to one tick late. One thread. */
#ifndef BASE_WHEEL_H
#define BASE_WHEEL_H

#include "base/list.h"

#include <stdbool.h>
#include <stdint.h>

enum { WHEEL_LEVELS = 5, WHEEL_SLOTS = 64 };

struct wheel_timer;
typedef void wheel_function(struct wheel_timer *timer);

/* To be embedded. wheel_timer_init before anything else. */
struct wheel_timer {
    struct list link;
    uint64_t deadline_ns;
    wheel_function *function;
};

struct wheel {
    uint64_t tick; /* of the last advance */
    uint64_t occupied[WHEEL_LEVELS];
    struct list slots[WHEEL_LEVELS][WHEEL_SLOTS];
};

void wheel_init(struct wheel *wheel, uint64_t now_ns);
void wheel_timer_init(struct wheel_timer *timer, wheel_function *function);
bool wheel_timer_is_running(const struct wheel_timer *timer);

/* Starts or restarts. A deadline in the past fires at the next advance (not in the one that is running); one beyond the
 * wheel's span waits correctly. */
void wheel_start(struct wheel *wheel, struct wheel_timer *timer, uint64_t deadline_ns);
void wheel_stop(struct wheel *wheel, struct wheel_timer *timer); /* harmless if it isn't running */

/* Calls the functions of timers that are due, at most `most` of them; a timer's function may start, stop and free any
 * timer, itself too. Returns whether due ones are left. */
bool wheel_advance(struct wheel *wheel, uint64_t now_ns, uint32_t most);

/* When to call wheel_advance next, never later than a timer is due by more than a tick; UINT64_MAX if no timer runs. */
uint64_t wheel_next_ns(const struct wheel *wheel);

#endif
