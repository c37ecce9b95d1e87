/* Old generations on their way out, oldest first: their deferred packets get their verdicts, the workers let their
 * plugins go, their jobs end; then they are freed, which unloads the plugins that no other generation has. */
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "worker/controller_state.h"

#include <stdio.h>

enum draining_state {
    DRAINING_CALLS,    /* deferred packets are still to be handled by it */
    DRAINING_RELEASED, /* the workers have let go; jobs and posted functions are still to end */
    DRAINING_SWEPT     /* the workers have looked again for what those have started */
};

struct draining {
    struct list link;
    struct generation *generation;
    enum draining_state state;
};

void draining_add(struct controller *controller, struct generation *generation)
{
    struct draining *draining = mem_alloc(sizeof(*draining));
    if (draining == NULL) {
        /* It stays mapped, and does no harm. */
        log_write(GMQ_LOG_WARNING, "broker", "out of memory: generation %llu is never unloaded",
                  (unsigned long long)generation->number);
        return;
    }
    draining->generation = generation;
    draining->state = DRAINING_CALLS;
    list_append(&controller->draining, &draining->link);
}

static bool worker_release(struct worker *worker, void *generation)
{
    shard_release(worker->shard, generation);
    return true;
}

/* A job's `done` that ran after the release may have started a timer. */
static bool worker_sweep(struct worker *worker, void *data)
{
    const struct generation *generation = data;
    for (size_t i = 0; i < generation->plugin_count; i++) {
        if (generation->plugins[i]->generations == 1)
            shard_stop_plugin_watchers(worker->shard, generation->plugins[i]);
    }
    return true;
}

/* Whether something of the plugins that only this generation has is on its way. */
static bool generation_is_pinned(const struct generation *generation)
{
    for (size_t i = 0; i < generation->plugin_count; i++) {
        const struct gmq_plugin *plugin = generation->plugins[i];
        if (plugin->generations == 1 && atomic_load_explicit(&plugin->pins, memory_order_acquire) != 0)
            return true;
    }
    return false;
}

static void draining_end(struct controller *controller, struct draining *draining)
{
    uint64_t number = draining->generation->number;
    list_remove(&draining->link);
    generation_free(draining->generation);
    mem_free(draining);
    struct library_retired retired = library_retired_total();
    char kept[96] = "";
    if (retired.count != 0)
        snprintf(kept, sizeof(kept), "; %zu retired libraries keep %zu KiB mapped", retired.count,
                 retired.bytes / 1024);
    controller_note_stop(controller);
    log_write(GMQ_LOG_INFO, "broker",
              "generation %llu is gone (no worker stopped for more than %llu us, %llu us of them by the swap)%s",
              (unsigned long long)number, (unsigned long long)CLOCK_US(controller->stop.time_ns),
              (unsigned long long)CLOCK_US(controller->stop.own_ns), kept);
    controller->stop = (struct crew_stop){0};
}

bool draining_step(struct controller *controller)
{
    if (list_is_empty(&controller->draining))
        return false;
    struct draining *draining = LIST_OBJECT(controller->draining.next, struct draining, link);
    struct generation *generation = draining->generation;
    bool has_calls = atomic_load_explicit(&generation->pins, memory_order_acquire) != 0;
    bool is_pinned = has_calls || (draining->state != DRAINING_CALLS && generation_is_pinned(generation));
    if (is_pinned) {
        if (draining->state == DRAINING_SWEPT)
            draining->state = DRAINING_RELEASED;
        controller_poll(controller);
        return false;
    }
    switch (draining->state) {
    case DRAINING_CALLS:
        draining->state = DRAINING_RELEASED;
        controller_send(controller, worker_release, generation, NULL);
        break;
    case DRAINING_RELEASED:
        draining->state = DRAINING_SWEPT;
        controller_send(controller, worker_sweep, generation, NULL);
        break;
    case DRAINING_SWEPT:
        draining_end(controller, draining);
        controller_step(controller);
        break;
    }
    return true;
}
