/* Threads for work that may block. */
#include "worker/job_pool.h"

#include "base/memory.h"
#include "base/thread_census.h"
#include "worker/plugin_call.h"

#include <pthread.h>

enum { JOB_THREADS_MAX = 256 };

struct job {
    struct shard_mail mail; /* on its way back */
    struct job *next;
    struct job_order order;
};

struct job_pool {
    struct broker *broker;
    pthread_mutex_t mutex;
    pthread_cond_t has_work;
    struct job *first;
    struct job *last;
    uint32_t waiting; /* jobs in the list */
    uint32_t idle;    /* threads that wait */
    uint32_t running; /* jobs in a thread */
    uint32_t thread_count;
    bool is_ending;
    pthread_t threads[JOB_THREADS_MAX];
};

struct job_pool *job_pool_new(struct broker *broker)
{
    struct job_pool *pool = mem_alloc_zero(1, sizeof(*pool));
    if (pool == NULL)
        return NULL;
    pool->broker = broker;
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->has_work, NULL);
    return pool;
}

static void job_finished(struct shard *shard, struct shard_mail *mail)
{
    struct job *job = (struct job *)(void *)mail;
    struct gmq_plugin *plugin = job->order.plugin;
    if (job->order.done != NULL) {
        gmq_call call;
        plugin_call_begin(shard, &call, plugin);
        job->order.done(&call, job->order.data);
        shard_call_end(shard);
    }
    mem_free(job);
    plugin_unpin(plugin);
}

/* With the lock held. NULL: the pool ends. */
static struct job *pool_next(struct job_pool *pool)
{
    while (pool->first == NULL && !pool->is_ending) {
        pool->idle++;
        pthread_cond_wait(&pool->has_work, &pool->mutex);
        pool->idle--;
    }
    struct job *job = pool->first;
    if (job == NULL)
        return NULL;
    pool->first = job->next;
    if (pool->first == NULL)
        pool->last = NULL;
    pool->waiting--;
    pool->running++;
    return job;
}

static void *pool_main(void *data)
{
    struct job_pool *pool = data;
    pthread_setname_np(pthread_self(), "graftmq-job");
    pthread_mutex_lock(&pool->mutex);
    struct job *job;
    while ((job = pool_next(pool)) != NULL) {
        pthread_mutex_unlock(&pool->mutex);
        job->order.work(job->order.data);
        pool->broker->ways->post_any(pool->broker, job->order.worker, &job->mail);
        pthread_mutex_lock(&pool->mutex);
        pool->running--;
    }
    pthread_mutex_unlock(&pool->mutex);
    return NULL;
}

/* With the lock held. A thread inherits the mask of the worker that starts it: all signals are left to the main thread.
 */
static void pool_add_thread(struct job_pool *pool, uint64_t limit)
{
    if (pool->waiting < pool->idle || pool->thread_count >= limit || pool->thread_count >= JOB_THREADS_MAX)
        return;
    thread_census_add(1);
    if (pthread_create(&pool->threads[pool->thread_count], NULL, pool_main, pool) == 0)
        pool->thread_count++;
    else
        thread_census_add(-1);
}

/* With the lock held. */
static gmq_status pool_enqueue(struct job_pool *pool, struct job *job, const struct config_limits *limits)
{
    if (pool->waiting >= limits->jobs)
        return GMQ_ERROR_LIMIT;
    pool_add_thread(pool, limits->job_threads);
    if (pool->thread_count == 0)
        return GMQ_ERROR_SYSTEM;
    if (pool->last == NULL)
        pool->first = job;
    else
        pool->last->next = job;
    pool->last = job;
    pool->waiting++;
    pthread_cond_signal(&pool->has_work);
    return GMQ_OK;
}

gmq_status job_pool_start(struct job_pool *pool, const struct job_order *order, const struct config_limits *limits)
{
    struct job *job = mem_alloc_zero(1, sizeof(*job));
    if (job == NULL)
        return GMQ_ERROR_MEMORY;
    job->order = *order;
    job->mail.handle = job_finished;
    plugin_pin(order->plugin); /* first: the job may be over before this function is */
    pthread_mutex_lock(&pool->mutex);
    gmq_status status = pool_enqueue(pool, job, limits);
    pthread_mutex_unlock(&pool->mutex);
    if (status != GMQ_OK) {
        plugin_unpin(order->plugin);
        mem_free(job);
    }
    return status;
}

bool job_pool_is_idle(struct job_pool *pool)
{
    pthread_mutex_lock(&pool->mutex);
    bool is_idle = pool->waiting == 0 && pool->running == 0;
    pthread_mutex_unlock(&pool->mutex);
    return is_idle;
}

void job_pool_free(struct job_pool *pool)
{
    if (pool == NULL)
        return;
    pthread_mutex_lock(&pool->mutex);
    pool->is_ending = true;
    pthread_cond_broadcast(&pool->has_work);
    pthread_mutex_unlock(&pool->mutex);
    for (uint32_t i = 0; i < pool->thread_count; i++) {
        pthread_join(pool->threads[i], NULL);
        thread_census_add(-1);
    }
    pthread_cond_destroy(&pool->has_work);
    pthread_mutex_destroy(&pool->mutex);
    mem_free(pool);
}
