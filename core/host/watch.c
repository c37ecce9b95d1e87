/* Timers and watches of the plugin, on the loop of the lane whose call made them. */
#include "base/memory.h"
#include "host/host.h"
#include "net/event.h"

#include <fcntl.h>

struct gmq_timer {
    struct list link; /* lane.timers */
    struct lane *lane;
    gmq_timer_function *function;
    void *data;
    uint32_t repeat_ms;
    ev_timer timer;
    bool is_firing; /* its function runs: it is freed behind it */
    bool is_stopped;
};

struct gmq_watch {
    struct list link; /* lane.watches */
    struct lane *lane;
    gmq_watch_function *function;
    void *data;
    ev_io io;
    bool is_firing;
    bool is_stopped;
};

#define NS_PER_MS UINT64_C(1000000)

static void timer_free(struct gmq_timer *timer)
{
    ev_timer_stop(timer->lane->loop, &timer->timer);
    list_remove(&timer->link);
    timer->is_stopped = true;
    if (!timer->is_firing)
        mem_free(timer);
}

static void timer_fired(struct ev_loop *loop, ev_timer *watcher, int events)
{
    (void)events;
    struct gmq_timer *timer = watcher->data;
    struct lane *lane = timer->lane;
    struct invocation *invocation = invocation_begin(lane);
    if (invocation != NULL) {
        timer->is_firing = true;
        timer->function(&invocation->call, timer, timer->data);
        timer->is_firing = false;
        invocation_end(lane, invocation);
    }
    if (timer->is_stopped || timer->repeat_ms == 0)
        timer_free(timer);
    else
        event_timer_start(loop, &timer->timer, timer->repeat_ms * NS_PER_MS);
    lane_settle(lane);
}

gmq_timer *gmq_timer_start(gmq_call *call, uint32_t after_ms, uint32_t repeat_ms, gmq_timer_function *function,
                           void *data)
{
    struct lane *lane = lane_of(call);
    gmq_timer *timer = function != NULL ? mem_alloc_zero(1, sizeof *timer) : NULL;
    if (timer == NULL)
        return NULL;
    timer->lane = lane;
    timer->function = function;
    timer->data = data;
    timer->repeat_ms = repeat_ms;
    list_append(&lane->timers, &timer->link);
    event_timer_init(&timer->timer, timer_fired, timer);
    ev_now_update(lane->loop);
    event_timer_start(lane->loop, &timer->timer, after_ms * NS_PER_MS);
    return timer;
}

void gmq_timer_stop(gmq_call *call, gmq_timer *timer)
{
    (void)call;
    if (timer != NULL)
        timer_free(timer);
}

static void watch_free(struct gmq_watch *watch)
{
    ev_io_stop(watch->lane->loop, &watch->io);
    list_remove(&watch->link);
    watch->is_stopped = true;
    if (!watch->is_firing)
        mem_free(watch);
}

static void watch_fired(struct ev_loop *loop, ev_io *watcher, int events)
{
    (void)loop;
    struct gmq_watch *watch = watcher->data;
    struct lane *lane = watch->lane;
    if ((events & EV_ERROR) != 0) {
        gmq_log(host.plugin, GMQ_LOG_WARNING,
                "descriptor %d was closed while it was watched; call gmq_watch_stop() before close()", watcher->fd);
        return;
    }
    int ready = (events & EV_READ ? GMQ_WATCH_READ : 0) | (events & EV_WRITE ? GMQ_WATCH_WRITE : 0);
    struct invocation *invocation = invocation_begin(lane);
    if (invocation == NULL)
        return;
    watch->is_firing = true;
    watch->function(&invocation->call, watch, watcher->fd, ready, watch->data);
    watch->is_firing = false;
    invocation_end(lane, invocation);
    if (watch->is_stopped)
        watch_free(watch);
    lane_settle(lane);
}

gmq_watch *gmq_watch_start(gmq_call *call, int file_descriptor, int events, gmq_watch_function *function, void *data)
{
    struct lane *lane = lane_of(call);
    int watched = (events & GMQ_WATCH_READ ? EV_READ : 0) | (events & GMQ_WATCH_WRITE ? EV_WRITE : 0);
    /* libev ends the process where it is given what isn't open. */
    if (function == NULL || watched == 0 || file_descriptor < 0 || fcntl(file_descriptor, F_GETFD) < 0)
        return NULL;
    gmq_watch *watch = mem_alloc_zero(1, sizeof *watch);
    if (watch == NULL)
        return NULL;
    watch->lane = lane;
    watch->function = function;
    watch->data = data;
    list_append(&lane->watches, &watch->link);
    event_io_init(&watch->io, watch_fired, file_descriptor, watched, watch);
    ev_io_start(lane->loop, &watch->io);
    return watch;
}

void gmq_watch_stop(gmq_call *call, gmq_watch *watch)
{
    (void)call;
    if (watch != NULL)
        watch_free(watch);
}

void watchers_free(struct lane *lane)
{
    while (!list_is_empty(&lane->timers))
        timer_free(LIST_OBJECT(lane->timers.next, struct gmq_timer, link));
    while (!list_is_empty(&lane->watches))
        watch_free(LIST_OBJECT(lane->watches.next, struct gmq_watch, link));
}
