/* libev, as net/ and worker/ use it: inline functions for macros that the compiler's warnings don't like, and one place
 * where a watcher's events are changed. */
#ifndef NET_EVENT_H
#define NET_EVENT_H

/* libev reads watchers through a common head, which is its own affair. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wstrict-aliasing"
#include <ev.h>
#include <stdint.h>

static inline void event_io_init(ev_io *watcher, void (*function)(struct ev_loop *loop, ev_io *watcher, int events),
                                 int descriptor, int events, void *data)
{
    ev_io_init(watcher, function, descriptor, events);
    watcher->data = data;
}

static inline void event_timer_init(ev_timer *watcher,
                                    void (*function)(struct ev_loop *loop, ev_timer *watcher, int events), void *data)
{
    ev_timer_init(watcher, function, 0., 0.);
    watcher->data = data;
}

/* Runs first of all that a turn has ready. */
static inline void event_check_init(ev_check *watcher,
                                    void (*function)(struct ev_loop *loop, ev_check *watcher, int events), void *data)
{
    ev_check_init(watcher, function);
    ev_set_priority(watcher, EV_MAXPRI);
    watcher->data = data;
}

/* Runs last before the loop sleeps. */
static inline void event_prepare_init(ev_prepare *watcher,
                                      void (*function)(struct ev_loop *loop, ev_prepare *watcher, int events),
                                      void *data)
{
    ev_prepare_init(watcher, function);
    ev_set_priority(watcher, EV_MINPRI);
    watcher->data = data;
}

static inline void event_idle_init(ev_idle *watcher,
                                   void (*function)(struct ev_loop *loop, ev_idle *watcher, int events), void *data)
{
    ev_idle_init(watcher, function);
    watcher->data = data;
}

static inline void event_async_init(ev_async *watcher,
                                    void (*function)(struct ev_loop *loop, ev_async *watcher, int events), void *data)
{
    ev_async_init(watcher, function);
    watcher->data = data;
}

static inline void event_signal_init(ev_signal *watcher,
                                     void (*function)(struct ev_loop *loop, ev_signal *watcher, int events), int number,
                                     void *data)
{
    ev_signal_init(watcher, function, number);
    watcher->data = data;
}

/* Watches for exactly `events` from now on; 0: for nothing. */
static inline void event_io_set(struct ev_loop *loop, ev_io *watcher, int events)
{
    int watched = ev_is_active(watcher) ? watcher->events & (EV_READ | EV_WRITE) : 0;
    if (watched == events)
        return;
    ev_io_stop(loop, watcher);
    if (events == 0)
        return;
    ev_io_set(watcher, watcher->fd, events);
    ev_io_start(loop, watcher);
}

/* Fires once, `after_ns` from the loop's time. */
static inline void event_timer_start(struct ev_loop *loop, ev_timer *watcher, uint64_t after_ns)
{
    ev_timer_stop(loop, watcher);
    ev_timer_set(watcher, (double)after_ns / 1e9, 0.);
    ev_timer_start(loop, watcher);
}

#pragma GCC diagnostic pop

#endif
