/* Timers, descriptors, jobs and posted functions: graftmq/loop.h. */
#include "base/clock.h"
#include "base/memory.h"
#include "broker/client.h"
#include "broker/session.h"
#include "plugin/host.h"
#include "worker/job_pool.h"
#include "worker/plugin_call.h"
#include "worker/plugin_watcher.h"

#include <graftmq/call.h>
#include <graftmq/loop.h>
#include <string.h>

struct ev_loop *gmq_call_loop(const gmq_call *call)
{
    return ((const struct shard *)call->shard)->loop;
}

gmq_timer *gmq_timer_start(gmq_call *call, uint32_t after_ms, uint32_t repeat_ms, gmq_timer_function *function,
                           void *data)
{
    if (function == NULL)
        return NULL;
    return plugin_timer_start(call, after_ms * CLOCK_NS_PER_MS, repeat_ms * CLOCK_NS_PER_MS, function, data);
}

void gmq_timer_stop(gmq_call *call, gmq_timer *timer)
{
    (void)call;
    if (timer != NULL)
        plugin_timer_stop(timer);
}

gmq_watch *gmq_watch_start(gmq_call *call, int file_descriptor, int events, gmq_watch_function *function, void *data)
{
    if (function == NULL)
        return NULL;
    return plugin_watch_start(call, file_descriptor, events, function, data);
}

void gmq_watch_stop(gmq_call *call, gmq_watch *watch)
{
    (void)call;
    if (watch != NULL)
        plugin_watch_stop(watch);
}

gmq_status gmq_job_start(gmq_call *call, gmq_job_function *work, gmq_posted_function *done, void *data)
{
    if (work == NULL)
        return GMQ_ERROR_ARGUMENT;
    const struct shard *shard = call->shard;
    struct job_order order = {.plugin = call->plugin, .worker = shard->index, .work = work, .done = done, .data = data};
    return job_pool_start(shard->broker->jobs, &order, shard_limits(shard));
}

/* A function of a plugin on its way to a worker. */
struct posted {
    struct shard_mail mail;
    struct gmq_plugin *plugin; /* pinned */
    gmq_posted_function *function;
    void *data;
    size_t identifier_length;
    char identifier[]; /* of the client that the call is to have; empty: none */
};

static struct gmq_client *posted_client(const struct shard *shard, const struct posted *posted)
{
    if (posted->identifier_length == 0)
        return NULL;
    struct session *session = session_find(shard, gmq_view_make(posted->identifier, posted->identifier_length));
    bool is_there = session != NULL && session->client != NULL && client_is_connected(session->client);
    return is_there ? session->client : NULL;
}

static void posted_arrived(struct shard *shard, struct shard_mail *mail)
{
    struct posted *posted = (struct posted *)(void *)mail;
    struct gmq_plugin *plugin = posted->plugin;
    gmq_call call;
    plugin_call_begin(shard, &call, plugin);
    call.client = posted_client(shard, posted);
    posted->function(&call, posted->data);
    shard_call_end(shard);
    mem_free(posted);
    plugin_unpin(plugin);
}

static gmq_status post(struct gmq_plugin *plugin, uint32_t worker, gmq_view identifier, const struct posted *model)
{
    struct posted *posted = mem_alloc(sizeof(*posted) + identifier.length);
    if (posted == NULL)
        return GMQ_ERROR_MEMORY;
    *posted = *model;
    posted->mail.handle = posted_arrived;
    posted->plugin = plugin;
    posted->identifier_length = identifier.length;
    if (identifier.length != 0)
        memcpy(posted->identifier, identifier.data, identifier.length);
    plugin_pin(plugin);
    struct broker *broker = plugin->host->broker;
    broker->ways->post_any(broker, worker, &posted->mail);
    return GMQ_OK;
}

gmq_status gmq_post(gmq_plugin *plugin, uint32_t worker, gmq_posted_function *function, void *data)
{
    if (plugin->host == NULL)
        return GMQ_ERROR_STATE;
    if (function == NULL || worker >= plugin->host->broker->worker_count)
        return GMQ_ERROR_ARGUMENT;
    const struct posted model = {.function = function, .data = data};
    return post(plugin, worker, GMQ_VIEW(""), &model);
}

gmq_status gmq_post_to_client(gmq_plugin *plugin, gmq_view client_identifier, gmq_posted_function *function, void *data)
{
    if (plugin->host == NULL)
        return GMQ_ERROR_STATE;
    if (function == NULL)
        return GMQ_ERROR_ARGUMENT;
    const struct posted model = {.function = function, .data = data};
    uint32_t worker = broker_worker_of(plugin->host->broker, client_identifier);
    return post(plugin, worker, client_identifier, &model);
}

uint32_t gmq_worker_count(const gmq_plugin *plugin)
{
    /* In preflight nothing is served; a plugin that makes room for each worker makes some. */
    return plugin->host != NULL ? plugin->host->broker->worker_count : 1;
}
