/* The orderly end: no new connections, clients told and closed, sessions and plugins ended, threads joined. One step
 * after the other, each when the workers have done the one before. */
#include "base/clock.h"
#include "base/log.h"
#include "worker/controller_state.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

enum { ENDING_LIMIT_SECONDS = 60 };

#define ENDING_PATIENCE_NS (3 * CLOCK_NS_PER_SECOND)

static bool worker_call_stop(struct worker *worker, void *data)
{
    (void)data;
    if (worker->index == 0)
        shard_call_back(worker->shard, GMQ_EVENT_STOP, NULL);
    return true;
}

static bool worker_stop_listening(struct worker *worker, void *data)
{
    (void)data;
    connections_adopt(worker->connections, NULL);
    return true;
}

static bool worker_close(struct worker *worker, void *data)
{
    (void)data;
    worker_close_clients(worker);
    return false;
}

static bool worker_end_sessions(struct worker *worker, void *data)
{
    (void)data;
    shard_end_sessions(worker->shard);
    return true;
}

static bool worker_release_last(struct worker *worker, void *data)
{
    const struct controller *controller = data;
    shard_release(worker->shard, controller->generation);
    return true;
}

static void step_call_stop(struct controller *controller)
{
    controller_send(controller, worker_call_stop, NULL, NULL);
}

static void step_stop_listening(struct controller *controller)
{
    controller_send(controller, worker_stop_listening, NULL, NULL);
}

static void step_close_clients(struct controller *controller)
{
    listener_set_retire(controller->listeners, NULL);
    controller->listeners = NULL;
    atomic_store_explicit(&controller->broker->is_stopping, true, memory_order_relaxed);
    controller_send(controller, worker_close, NULL, NULL);
}

static bool generation_is_at_rest(const struct controller *controller)
{
    const struct generation *generation = controller->generation;
    bool is_at_rest = atomic_load_explicit(&generation->pins, memory_order_acquire) == 0;
    for (size_t i = 0; i < generation->plugin_count; i++)
        is_at_rest = is_at_rest && atomic_load_explicit(&generation->plugins[i]->pins, memory_order_acquire) == 0;
    return is_at_rest && job_pool_is_idle(controller->broker->jobs);
}

/* Jobs and old generations get some time to come to their end. */
static void step_await_plugins(struct controller *controller)
{
    if (controller->ending_since_ns == 0)
        controller->ending_since_ns = clock_now_ns();
    bool is_late = clock_now_ns() - controller->ending_since_ns > ENDING_PATIENCE_NS;
    bool is_drained = list_is_empty(&controller->draining);
    if (is_drained && generation_is_at_rest(controller)) {
        controller_step(controller);
        return;
    }
    if (is_late) {
        controller->has_lost_patience = true;
        log_write(GMQ_LOG_WARNING, "broker", "a job of a plugin still runs: ending without unloading the plugins");
        controller_step(controller);
        return;
    }
    controller->ending_step--; /* here again, when something has changed */
    controller_poll(controller);
    draining_step(controller);
}

static void step_end_sessions(struct controller *controller)
{
    controller_send(controller, worker_end_sessions, NULL, NULL);
}

static void step_release(struct controller *controller)
{
    controller_send(controller, worker_release_last, controller, NULL);
}

static void step_leave(struct controller *controller)
{
    ev_break(controller->loop, EVBREAK_ALL);
}

void ending_step(struct controller *controller)
{
    static void (*const steps[])(struct controller * controller) = {
        step_call_stop,    step_stop_listening, step_close_clients, step_await_plugins,
        step_end_sessions, step_release,        step_leave,
    };
    steps[controller->ending_step++](controller);
}

/* Whoever asks twice means it, whatever the main thread waits for; and a plugin that hangs can't keep the broker for
 * ever. */
static void end_at_once(int number)
{
    (void)number;
    _exit(1);
}

void ending_begin(struct controller *controller, int signal_number)
{
    controller->is_ending = true;
    if (controller->extension != NULL)
        controller->options->extension->stop(controller->extension);
    for (size_t i = 0; i < CONTROLLER_SIGNALS; i++)
        ev_signal_stop(controller->loop, &controller->signals[i]);
    struct sigaction action = {.sa_handler = end_at_once};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGALRM, &action, NULL);
    alarm(ENDING_LIMIT_SECONDS);
    signal(SIGHUP, SIG_IGN);
    log_write(GMQ_LOG_NOTICE, "broker", "ending: %s (once more ends at once)", strsignal(signal_number));
    controller_step(controller);
}
