/* Its load function starts a thread that its unload function forgets. LEAVES_THREAD 0: that it ends, as it should. */
#include <graftmq/plugin.h>
#include <pthread.h>
#include <semaphore.h>

#ifndef LEAVES_THREAD
#define LEAVES_THREAD 1
#endif

static pthread_t thread;
static sem_t end;

static void *wait_for_end(void *data)
{
    while (sem_wait(data) != 0)
        ;
    return NULL;
}

static gmq_status load(gmq_plugin *plugin)
{
    (void)plugin;
    if (sem_init(&end, 0, 0) != 0)
        return GMQ_ERROR_SYSTEM;
    return pthread_create(&thread, NULL, wait_for_end, &end) == 0 ? GMQ_OK : GMQ_ERROR_SYSTEM;
}

static void unload(gmq_plugin *plugin)
{
    (void)plugin;
    if (LEAVES_THREAD)
        return;
    sem_post(&end);
    pthread_join(thread, NULL);
}

GMQ_PLUGIN_WITH("thread_left", "1.0.0", load, unload);
