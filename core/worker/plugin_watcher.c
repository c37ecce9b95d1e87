/* Timers and watches of plugins. */
#include "worker/plugin_watcher.h"

#include "base/log.h"
#include "base/memory.h"
#include "net/event.h"
#include "worker/plugin_call.h"

#include <fcntl.h>

struct gmq_timer {
    struct list link; /* shard.timers */
    struct shard *shard;
    struct gmq_plugin *plugin;
    gmq_timer_function *function;
    void *data;
    uint64_t repeat_ns;
    struct wheel_timer timer;
    bool is_firing;  /* its function runs: it is freed behind it */
    bool is_stopped; /* meanwhile */
};

struct gmq_watch {
    struct list link; /* shard.watches */
    struct shard *shard;
    struct gmq_plugin *plugin;
    gmq_watch_function *function;
    void *data;
    ev_io io;
    bool is_firing;
    bool is_stopped;
};

/* From the last deadline, so that the pace is kept; but what was missed is not made up for. */
static uint64_t timer_next_ns(const struct gmq_timer *timer)
{
    uint64_t next_ns = timer->timer.deadline_ns + timer->repeat_ns;
    uint64_t now_ns = timer->shard->now_ns;
    return next_ns > now_ns ? next_ns : now_ns + timer->repeat_ns;
}

static void plugin_timer_fired(struct wheel_timer *wheel_timer)
{
    struct gmq_timer *timer = LIST_OBJECT(wheel_timer, struct gmq_timer, timer);
    struct shard *shard = timer->shard;
    gmq_call call;
    timer->is_firing = true;
    plugin_call_begin(shard, &call, timer->plugin);
    timer->function(&call, timer, timer->data);
    shard_call_end(shard);
    timer->is_firing = false;
    if (timer->is_stopped || timer->repeat_ns == 0)
        plugin_timer_stop(timer);
    else
        wheel_start(&shard->wheel, &timer->timer, timer_next_ns(timer));
}

struct gmq_timer *plugin_timer_start(gmq_call *call, uint64_t after_ns, uint64_t repeat_ns,
                                     gmq_timer_function *function, void *data)
{
    struct shard *shard = call->shard;
    struct gmq_timer *timer = mem_alloc_zero(1, sizeof(*timer));
    if (timer == NULL)
        return NULL;
    timer->shard = shard;
    timer->plugin = call->plugin;
    timer->function = function;
    timer->data = data;
    timer->repeat_ns = repeat_ns;
    wheel_timer_init(&timer->timer, plugin_timer_fired);
    list_append(&shard->timers, &timer->link);
    wheel_start(&shard->wheel, &timer->timer, shard->now_ns + after_ns);
    return timer;
}

void plugin_timer_stop(struct gmq_timer *timer)
{
    wheel_stop(&timer->shard->wheel, &timer->timer);
    list_remove(&timer->link);
    timer->is_stopped = true;
    if (!timer->is_firing)
        mem_free(timer);
}

static int watch_events_of_loop(int events)
{
    return (events & GMQ_WATCH_READ ? EV_READ : 0) | (events & GMQ_WATCH_WRITE ? EV_WRITE : 0);
}

static int watch_events_of_plugin(int events)
{
    return (events & EV_READ ? GMQ_WATCH_READ : 0) | (events & EV_WRITE ? GMQ_WATCH_WRITE : 0);
}

static void plugin_watch_fired(struct ev_loop *loop, ev_io *watcher, int events)
{
    (void)loop;
    struct gmq_watch *watch = watcher->data;
    struct shard *shard = watch->shard;
    if (events & EV_ERROR) {
        /* libev has stopped it; the plugin still has the pointer and will stop it, too. */
        log_write(GMQ_LOG_WARNING, watch->plugin->log_subject,
                  "descriptor %d was closed while it was watched; call gmq_watch_stop() before close()", watcher->fd);
        return;
    }
    gmq_call call;
    watch->is_firing = true;
    plugin_call_begin(shard, &call, watch->plugin);
    watch->function(&call, watch, watcher->fd, watch_events_of_plugin(events), watch->data);
    shard_call_end(shard);
    watch->is_firing = false;
    if (watch->is_stopped)
        plugin_watch_stop(watch);
}

struct gmq_watch *plugin_watch_start(gmq_call *call, int descriptor, int events, gmq_watch_function *function,
                                     void *data)
{
    struct shard *shard = call->shard;
    int watched = watch_events_of_loop(events);
    /* libev ends the process where it is given what isn't open. */
    if (watched == 0 || descriptor < 0 || fcntl(descriptor, F_GETFD) < 0)
        return NULL;
    struct gmq_watch *watch = mem_alloc_zero(1, sizeof(*watch));
    if (watch == NULL)
        return NULL;
    watch->shard = shard;
    watch->plugin = call->plugin;
    watch->function = function;
    watch->data = data;
    list_append(&shard->watches, &watch->link);
    event_io_init(&watch->io, plugin_watch_fired, descriptor, watched, watch);
    ev_io_start(shard->loop, &watch->io);
    return watch;
}

void plugin_watch_stop(struct gmq_watch *watch)
{
    ev_io_stop(watch->shard->loop, &watch->io);
    list_remove(&watch->link);
    watch->is_stopped = true;
    if (!watch->is_firing)
        mem_free(watch);
}

void plugin_watchers_stop(struct shard *shard, const struct gmq_plugin *plugin)
{
    struct list *next;
    for (struct list *link = shard->timers.next; link != &shard->timers; link = next) {
        next = link->next;
        struct gmq_timer *timer = LIST_OBJECT(link, struct gmq_timer, link);
        if (timer->plugin == plugin)
            plugin_timer_stop(timer);
    }
    for (struct list *link = shard->watches.next; link != &shard->watches; link = next) {
        next = link->next;
        struct gmq_watch *watch = LIST_OBJECT(link, struct gmq_watch, link);
        if (watch->plugin == plugin)
            plugin_watch_stop(watch);
    }
}
