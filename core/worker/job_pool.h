/* Threads for work that may block. They are started when first needed, and wait for the next job afterwards. */
#ifndef WORKER_JOB_POOL_H
#define WORKER_JOB_POOL_H

#include "broker/shard.h"

struct job_pool;

/* What a plugin asks for; all but `done` on the worker. */
struct job_order {
    struct gmq_plugin *plugin;                /* pinned until `done` has run */
    uint32_t worker;                          /* where `done` runs */
    void (*work)(void *data);                 /* in the pool */
    void (*done)(gmq_call *call, void *data); /* or NULL */
    void *data;
};

struct job_pool *job_pool_new(struct broker *broker); /* NULL: memory is out */

/* Joins the threads. All jobs are over (job_pool_is_idle). */
void job_pool_free(struct job_pool *pool);

/* Any thread. GMQ_ERROR_LIMIT: too many wait. GMQ_ERROR_SYSTEM: there is no thread, and none can be started. */
gmq_status job_pool_start(struct job_pool *pool, const struct job_order *order, const struct config_limits *limits);

/* No job waits or runs. Those that have run may still be on their way to their worker. */
bool job_pool_is_idle(struct job_pool *pool);

#endif
