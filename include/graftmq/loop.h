/* Work beside the packets: timers, file descriptors, blocking jobs, and functions run on another worker.
 *
 * A plugin must not block: a worker that waits lets all its clients wait. When a plugin is replaced, its timers and
 * watches are stopped by the broker on each worker, after the plugin's WORKER_STOP callback; its jobs are awaited. */
#ifndef GRAFTMQ_LOOP_H
#define GRAFTMQ_LOOP_H

#include <graftmq/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Runs on the worker that made the timer, watch or job. The call has no client. */
typedef void gmq_timer_function(gmq_call *call, gmq_timer *timer, void *data);
typedef void gmq_watch_function(gmq_call *call, gmq_watch *watch, int file_descriptor, int events, void *data);
typedef void gmq_posted_function(gmq_call *call, void *data);

/* Calls `function` after `after_ms`, and then every `repeat_ms` (0: once, which also frees the timer). Stopping frees
 * it. NULL: memory is out. On the call's worker. */
GMQ_EXPORT gmq_timer *gmq_timer_start(gmq_call *call, uint32_t after_ms, uint32_t repeat_ms,
                                      gmq_timer_function *function, void *data);
GMQ_EXPORT void gmq_timer_stop(gmq_call *call, gmq_timer *timer);

/* Calls `function` whenever the descriptor is ready. The descriptor stays the plugin's: it closes it after stopping.
 * NULL: memory is out. On the call's worker. */
enum { GMQ_WATCH_READ = 1, GMQ_WATCH_WRITE = 2 };
GMQ_EXPORT gmq_watch *gmq_watch_start(gmq_call *call, int file_descriptor, int events, gmq_watch_function *function,
                                      void *data);
GMQ_EXPORT void gmq_watch_stop(gmq_call *call, gmq_watch *watch);

/* Runs `work` in the thread pool, where it may block, then `done` (may be NULL) on this worker. GMQ_ERROR_LIMIT: too
 * many jobs wait (limits.jobs). On the call's worker. */
typedef void gmq_job_function(void *data);
GMQ_EXPORT gmq_status gmq_job_start(gmq_call *call, gmq_job_function *work, gmq_posted_function *done, void *data);

/* Runs `function` on worker number `worker`, or on the worker where the sessions with this client identifier live;
 * there the call's client is the connected client of that name, or NULL. GMQ_ERROR_ARGUMENT: no such worker. Any
 * thread. */
GMQ_EXPORT gmq_status gmq_post(gmq_plugin *plugin, uint32_t worker, gmq_posted_function *function, void *data);
GMQ_EXPORT gmq_status gmq_post_to_client(gmq_plugin *plugin, gmq_view client_identifier, gmq_posted_function *function,
                                         void *data);

/* How many workers there are. Any thread. */
GMQ_EXPORT uint32_t gmq_worker_count(const gmq_plugin *plugin);

#ifdef __cplusplus
}
#endif

#endif
