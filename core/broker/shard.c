/* A worker's share of the broker's state: made, driven, freed; and the change from one generation to the next. */
#include "broker/shard.h"

#include "base/memory.h"
#include "broker/client.h"
#include "broker/delivery.h"
#include "broker/parcel.h"
#include "broker/retained_search.h"
#include "broker/session.h"
#include "broker/will.h"

#include <assert.h>
#include <string.h>

enum { SHARD_SWEEP_MOST = 1000, SHARD_PUMP_MOST = 1000, SHARD_COLLECT_MOST = 10000 };

void (*shard_client_gone)(struct shard *shard, struct gmq_client *client);
void (*shard_stop_plugin_watchers)(struct shard *shard, const struct gmq_plugin *plugin);

static gmq_view session_key(const void *value)
{
    const struct session *session = value;
    return client_identifier_text(session->identifier);
}

struct shard *shard_new(struct broker *broker, uint32_t index, struct generation *generation, uint64_t now_ns)
{
    assert(index < generation->worker_count);
    struct shard *shard = mem_alloc_zero(1, sizeof *shard);
    if (shard == NULL)
        return NULL;
    shard->index = index;
    shard->broker = broker;
    shard->generation = generation;
    shard->now_ns = now_ns;
    shard->meter.client_name = client_identifier_view;
    wheel_init(&shard->wheel, now_ns);
    arena_init(&shard->arena, generation->config->limits.call_memory_bytes);
    buffer_init(&shard->scratch);
    map_init(&shard->sessions, session_key);
    output_pool_init(&shard->outputs);
    list_init(&shard->pumping);
    list_init(&shard->searching);
    list_init(&shard->discarding);
    list_init(&shard->ending);
    list_init(&shard->timers);
    list_init(&shard->watches);
    shard->reader = grace_join(broker->grace);
    shard->matches = match_cache_new();
    shard->session_pool = broker->session_pools[index] = session_pool_new();
    if (shard->reader != NULL && shard->matches != NULL && shard->session_pool != NULL)
        return shard;
    shard_free(shard);
    return NULL;
}

void shard_end_sessions(struct shard *shard)
{
    /* Each round misses some, as the map changes. */
    while (shard->sessions.count > 0) {
        size_t position = 0;
        struct session *session;
        while ((session = map_next(&shard->sessions, &position)) != NULL) {
            will_free(session->will);
            session->will = NULL;
            session_end(session);
        }
    }
}

void shard_free(struct shard *shard)
{
    if (shard == NULL)
        return;
    shard_end_sessions(shard);
    while (!list_is_empty(&shard->ending))
        session_end_more(shard);
    retained_search_deinit(shard);
    parcel_free_spare(shard);
    if (shard->reader != NULL)
        grace_leave(shard->reader);
    if (shard->matches != NULL)
        match_cache_free(shard->matches);
    topic_walk_deinit(&shard->walk);
    map_deinit(&shard->sessions);
    buffer_deinit(&shard->scratch);
    arena_deinit(&shard->arena);
    output_pool_deinit(&shard->outputs);
    mem_free(shard);
}

void shard_post(struct shard *shard, uint32_t worker, struct shard_mail *mail)
{
    if (worker == shard->index)
        mail->handle(shard, mail);
    else {
        parcel_seal(shard, worker);
        shard->broker->ways->post(shard, worker, mail);
    }
}

/* Each client once: who needs more is put at the end, for the next turn. */
static void shard_pump(struct shard *shard)
{
    struct list again;
    list_init(&again);
    for (uint32_t i = 0; i < SHARD_PUMP_MOST && !list_is_empty(&shard->pumping); i++) {
        struct gmq_client *client = LIST_OBJECT(shard->pumping.next, struct gmq_client, pump_link);
        list_remove(&client->pump_link);
        if (client->session != NULL && delivery_pump(client->session))
            list_append(&again, &client->pump_link);
    }
    list_move_all(&shard->pumping, &again);
}

void shard_end_turn(struct shard *shard)
{
    shard_pump(shard);
    retained_search_advance(shard);
    session_end_more(shard);
}

bool shard_is_busy(const struct shard *shard)
{
    return !list_is_empty(&shard->pumping) || retained_search_is_busy(shard) || !list_is_empty(&shard->ending);
}

void shard_tick(struct shard *shard)
{
    shard_call_back(shard, GMQ_EVENT_TICK, NULL);
    output_pool_trim(&shard->outputs);
    session_pool_trim(shard->session_pool);
    parcel_free_spare(shard);
    if (shard->index != 0)
        return;
    retained_store_sweep(shard->broker->retained, shard->reader, shard->now_ns, SHARD_SWEEP_MOST);
    subscription_index_collect(shard->broker->subscriptions, shard->reader, SHARD_COLLECT_MOST);
}

void shard_call_begin(struct shard *shard, gmq_call *call, struct gmq_client *client)
{
    memset(call, 0, sizeof *call);
    call->client = client;
    call->generation = shard->generation;
    call->worker = shard->index;
    call->meter = &shard->meter;
    call->shard = shard;
    call->arena = &shard->arena;
    shard->call_depth++;
}

void shard_call_end(struct shard *shard)
{
    if (--shard->call_depth == 0)
        arena_reset(&shard->arena);
}

static void shard_call_route(struct shard *shard, struct generation *generation, const struct route *callbacks,
                             struct gmq_client *client)
{
    gmq_call call;
    shard_call_begin(shard, &call, client);
    call.generation = generation;
    call.route = callbacks;
    route_call_back(&call, callbacks);
    shard_call_end(shard);
}

void shard_call_back(struct shard *shard, gmq_event event, struct gmq_client *client)
{
    const struct route *callbacks = &shard->generation->callbacks[event];
    if (callbacks->count > 0)
        shard_call_route(shard, shard->generation, callbacks, client);
}

static bool generation_has_plugin(const struct generation *generation, const struct gmq_plugin *plugin)
{
    for (size_t i = 0; generation != NULL && i < generation->plugin_count; i++) {
        if (generation->plugins[i] == plugin)
            return true;
    }
    return false;
}

/* Runs an event's callbacks of those plugins that `other` doesn't have. */
static void shard_call_back_changed(struct shard *shard, struct generation *generation, gmq_event event,
                                    const struct generation *other)
{
    const struct route *callbacks = &generation->callbacks[event];
    for (uint32_t i = 0; i < callbacks->count; i++) {
        struct route single = {.steps = &callbacks->steps[i], .count = 1, .type = callbacks->type};
        if (!generation_has_plugin(other, callbacks->steps[i].plugin))
            shard_call_route(shard, generation, &single, NULL);
    }
}

void shard_start(struct shard *shard)
{
    shard_call_back_changed(shard, shard->generation, GMQ_EVENT_WORKER_START, NULL);
}

void shard_adopt(struct shard *shard, struct generation *next)
{
    assert(shard->index < next->worker_count);
    shard_call_back_changed(shard, next, GMQ_EVENT_WORKER_START, shard->generation);
    shard->generation = next;
    shard->arena.limit = next->config->limits.call_memory_bytes;
}

/* Whether another generation still has the plugin: the controller counts, and doesn't while workers release. */
static bool plugin_is_kept(const struct gmq_plugin *plugin)
{
    return plugin->generations > 1;
}

void shard_release(struct shard *shard, struct generation *previous)
{
    const struct route *callbacks = &previous->callbacks[GMQ_EVENT_WORKER_STOP];
    for (uint32_t i = 0; i < callbacks->count; i++) {
        struct route single = {.steps = &callbacks->steps[i], .count = 1, .type = callbacks->type};
        if (!plugin_is_kept(callbacks->steps[i].plugin))
            shard_call_route(shard, previous, &single, NULL);
    }
    for (size_t i = 0; i < previous->plugin_count; i++) {
        if (!plugin_is_kept(previous->plugins[i]))
            shard_stop_plugin_watchers(shard, previous->plugins[i]);
    }
}
