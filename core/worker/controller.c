/* The main thread: starts the broker, serves signals, and takes everything down in the end. */
#include "worker/controller.h"

#include "base/clock.h"
#include "base/log.h"
#include "isolate/isolation.h"
#include "net/connection.h"
#include "plugin/preflight.h"
#include "worker/controller_state.h"
#include "worker/plugin_watcher.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#define CONTROLLER_POLL_NS UINT64_C(20000000)

enum { CONTROLLER_TEXT_SIZE = 2048 };

static const int controller_signals[CONTROLLER_SIGNALS] = {SIGHUP, SIGTERM, SIGINT};

static const struct shard_ways controller_ways = {
    .client_attention = connection_attention,
    .client_pause = connection_pause,
    .client_resume = connection_resume,
    .client_peer = connection_peer,
    .post = worker_post,
    .post_any = crew_post_any,
};

void controller_poll(struct controller *controller)
{
    if (!ev_is_active(&controller->poll))
        event_timer_start(controller->loop, &controller->poll, CONTROLLER_POLL_NS);
}

void controller_send(struct controller *controller, crew_errand *errand, void *data,
                     void (*after)(struct controller *controller))
{
    controller->after = after;
    crew_send(controller->crew, errand, data);
}

void controller_note_stop(struct controller *controller)
{
    struct crew_stop stop = crew_take_stop(controller->crew), *longest = &controller->stop;
    if (stop.time_ns > longest->time_ns)
        longest->time_ns = stop.time_ns;
    if (stop.own_ns > longest->own_ns)
        longest->own_ns = stop.own_ns;
}

void controller_step(struct controller *controller)
{
    if (controller->crew->is_busy)
        return;
    if (controller->is_ending)
        ending_step(controller);
    else if (draining_step(controller))
        return; /* first: reloads without a pause would else pile up old generations */
    else if (reload_is_wanted(controller))
        reload_begin(controller);
}

static void controller_crew_done(struct ev_loop *loop, ev_io *watcher, int events)
{
    (void)loop;
    (void)events;
    struct controller *controller = watcher->data;
    crew_finish(controller->crew);
    if (controller->crew->is_busy)
        return;
    void (*after)(struct controller * controller) = controller->after;
    controller->after = NULL;
    if (after != NULL)
        after(controller);
    else
        controller_step(controller);
}

static void controller_polled(struct ev_loop *loop, ev_timer *watcher, int events)
{
    (void)loop;
    (void)events;
    controller_step(watcher->data);
}

static void controller_signalled(struct ev_loop *loop, ev_signal *watcher, int events)
{
    (void)loop;
    (void)events;
    struct controller *controller = watcher->data;
    if (watcher->signum != SIGHUP) {
        ending_begin(controller, watcher->signum);
        return;
    }
    controller->is_reload_wanted = true;
    controller_step(controller);
}

/* plugin_host.drain. At the end the workers' threads are gone: then their mail is handled here. */
static bool worker_nothing(struct worker *worker, void *data)
{
    (void)worker;
    (void)data;
    return true;
}

static void controller_drain(struct plugin_host *host)
{
    struct crew *crew = host->broker->upper;
    if (crew == NULL)
        return;
    if (crew->is_running)
        crew_send_and_wait(crew, worker_nothing, NULL);
    else
        crew_take_mail(crew);
}

/* What is executed for the preflight: this very program, by its name if that still leads to it. (Under valgrind the
 * link itself leads to valgrind.) */
static const char *controller_program(struct controller *controller)
{
    static const char self[] = "/proc/self/exe";
    char *path = controller->program;
    ssize_t length = readlink(self, path, sizeof(controller->program) - 1);
    if (length <= 0)
        return self;
    path[length] = '\0';
    return access(path, X_OK) == 0 ? path : self;
}

static void controller_init(struct controller *controller, const struct controller_options *options)
{
    *controller = (struct controller){.options = options};
    clock_calibrate();
    list_init(&controller->draining);
    list_init(&controller->requests);
    list_init(&controller->served);
    controller->loader.program = controller_program(controller);
    controller->loader.plugin_folder = options->overrides.plugin_folder;
    controller->loader.host = &controller->host;
    controller->host.drain = controller_drain;
    controller->host.isolation = &isolation_functions;
    controller->host.program = controller->loader.program;
    shard_client_gone = isolation_client_gone;
    shard_stop_plugin_watchers = plugin_watchers_stop;
}

static bool controller_open_loader(struct controller *controller, struct problems *problems)
{
    controller->loader.folder = library_folder_open(problems);
    if (controller->loader.folder == NULL)
        return false;
    controller->loader.storage = plugin_storage_new();
    if (controller->loader.storage == NULL)
        problems_add(problems, "out of memory");
    return controller->loader.storage != NULL;
}

/* The broker's state and its workers, whose number the configuration says; no threads yet. */
static bool controller_make_broker(struct controller *controller, struct problems *problems)
{
    /* Not the default loop: that one collects every child of the process, also those that others wait for. */
    controller->loop = ev_loop_new(EVFLAG_AUTO | EVFLAG_NOENV);
    controller->broker = broker_new(controller->plan.config->workers, &controller_ways);
    controller->host.broker = controller->broker;
    controller->loader.worker_count = controller->plan.config->workers;
    if (controller->broker != NULL) {
        controller->broker->jobs = job_pool_new(controller->broker);
        controller->crew = crew_new(controller->broker);
    }
    bool is_made = controller->broker != NULL && controller->broker->jobs != NULL && controller->crew != NULL &&
                   controller->loop != NULL;
    if (!is_made)
        problems_add(problems, "out of memory, or of file descriptors");
    return is_made;
}

/* What is wrong with it doesn't keep the plan from being tried, but nothing is opened then. */
static void extension_check(struct controller *controller, struct problems *problems)
{
    const struct controller_extension *extension = controller->options->extension;
    if (extension != NULL && !extension->check(controller, controller->plan.config, problems))
        controller->plan.config->has_errors = true;
}

static bool extension_open(struct controller *controller, struct problems *problems)
{
    const struct controller_extension *extension = controller->options->extension;
    if (extension == NULL)
        return true;
    controller->extension = extension->open(controller, problems);
    return controller->extension != NULL;
}

static bool controller_prepare(struct controller *controller, struct problems *problems)
{
    const struct controller_options *options = controller->options;
    struct plan *plan = &controller->plan;
    const struct plan_base nothing = {0};
    if (!plan_read(plan, options->file, &options->overrides, problems) ||
        !controller_open_loader(controller, problems) || !controller_make_broker(controller, problems))
        return false;
    extension_check(controller, problems);
    return plan_complete(plan, &controller->loader, &options->overrides, &nothing, problems) &&
           extension_open(controller, problems);
}

/* From here on the log goes where the configuration says. */
static void controller_take_plan(struct controller *controller)
{
    struct plan *plan = &controller->plan;
    log_target_apply(&controller->log, &plan->log, plan->generation->config, controller->options->log_level);
    plan->has_log = false;
    controller->generation = plan->generation;
    controller->listeners = plan->listeners;
    controller->text = plan->text;
    controller->text_length = plan->length;
    plan->text = NULL;
    plan->generation = NULL;
    plan->listeners = NULL;
    plan_discard(plan, &(struct plan_base){0});
    listener_set_publish(controller->listeners, NULL);
}

static bool worker_call_start(struct worker *worker, void *data)
{
    (void)data;
    if (worker->index == 0)
        shard_call_back(worker->shard, GMQ_EVENT_START, NULL);
    return true;
}

static void controller_log_start(const struct controller *controller)
{
    const struct generation *generation = controller->generation;
    char plugins[CONTROLLER_TEXT_SIZE] = "";
    size_t used = 0;
    for (size_t i = 0; i < generation->plugin_count && used < sizeof(plugins); i++) {
        const struct gmq_plugin *plugin = generation->plugins[i];
        used += (size_t)snprintf(plugins + used, sizeof(plugins) - used, "%s%s %s", i != 0 ? ", " : "", plugin->name,
                                 plugin->descriptor->version);
    }
    unsigned routes = 0;
    for (size_t i = 0; i < CONFIG_PACKET_TYPES; i++)
        routes += (generation->incoming[i].count != 0 ? 1U : 0U) + (generation->outgoing[i].count != 0 ? 1U : 0U);
    log_write(GMQ_LOG_NOTICE, "broker", "generation %llu serves: %u routes, plugins: %s; %u worker%s",
              (unsigned long long)generation->number, routes, generation->plugin_count != 0 ? plugins : "none",
              controller->broker->worker_count, controller->broker->worker_count != 1 ? "s" : "");
}

/* The workers begin: first the START callbacks, then the first connection. */
static bool controller_start_workers(struct controller *controller)
{
    if (!crew_start(controller->crew, controller->generation)) {
        log_write(GMQ_LOG_ERROR, "broker", "the workers can't be started: memory, threads or file descriptors are out");
        return false;
    }
    crew_send_and_wait(controller->crew, worker_call_start, NULL);
    crew_send_and_wait(controller->crew, controller_worker_adopt, controller);
    controller_log_start(controller);
    return true;
}

static void controller_watch(struct controller *controller)
{
    for (size_t i = 0; i < CONTROLLER_SIGNALS; i++) {
        event_signal_init(&controller->signals[i], controller_signalled, controller_signals[i], controller);
        ev_signal_start(controller->loop, &controller->signals[i]);
    }
    event_io_init(&controller->crew_done, controller_crew_done, controller->crew->done_descriptor, EV_READ, controller);
    ev_io_start(controller->loop, &controller->crew_done);
    event_timer_init(&controller->poll, controller_polled, controller);
}

static void print_problems(const struct problems *problems)
{
    for (size_t i = 0; i < problems->count; i++)
        fprintf(stderr, "%s\n", problems->lines[i]);
    if (problems->left_out != 0)
        fprintf(stderr, "and %zu more problems\n", problems->left_out);
}

/* Everything, in the reverse order of making it. The threads are gone, but for a plugin's that was lost patience with.
 */
static void controller_deinit(struct controller *controller)
{
    if (controller->crew != NULL)
        crew_end(controller->crew);
    plan_discard(&controller->plan, &(struct plan_base){0});
    reload_deinit(controller);
    if (controller->listeners != NULL)
        listener_set_retire(controller->listeners, NULL);
    generation_free(controller->generation);
    if (controller->broker != NULL)
        job_pool_free(controller->broker->jobs);
    crew_free(controller->crew);
    broker_free(controller->broker);
    if (controller->loop != NULL)
        ev_loop_destroy(controller->loop);
    plugin_storage_free(controller->loader.storage);
    if (controller->extension != NULL)
        controller->options->extension->free(controller->extension);
}

static int controller_finish(struct controller *controller, int code)
{
    if (!controller->has_lost_patience)
        controller_deinit(controller);
    if (controller->loader.folder != NULL)
        library_folder_close(controller->loader.folder);
    if (code == 0)
        log_write(GMQ_LOG_NOTICE, "broker", "ended");
    if (controller->has_lost_patience)
        _exit(code);
    log_target_deinit(&controller->log);
    return code;
}

/* The signals that the controller serves wait until it does. */
static void signals_hold(bool is_held)
{
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < CONTROLLER_SIGNALS; i++)
        sigaddset(&set, controller_signals[i]);
    pthread_sigmask(is_held ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
}

int controller_run(const struct controller_options *options)
{
    struct controller controller;
    struct problems problems = {0};
    controller_init(&controller, options);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a limit of the file size is an error of the write, and no reason to end */
    signal(SIGHUP, SIG_IGN);
    bool is_prepared = controller_prepare(&controller, &problems);
    print_problems(&problems);
    if (!is_prepared)
        fprintf(stderr, "graftmq: not started\n");
    problems_deinit(&problems);
    if (!is_prepared)
        return controller_finish(&controller, 1);
    signals_hold(true);
    controller_take_plan(&controller);
    if (!controller_start_workers(&controller))
        return controller_finish(&controller, 1);
    controller_watch(&controller);
    if (controller.extension != NULL)
        options->extension->start(controller.extension);
    signals_hold(false);
    ev_run(controller.loop, 0);
    return controller_finish(&controller, 0);
}

int controller_check(const struct controller_options *options)
{
    struct controller controller;
    struct problems problems = {0};
    controller_init(&controller, options);
    controller.loader.host = NULL;
    bool is_fit = controller_open_loader(&controller, &problems) &&
                  preflight_check(&controller.loader, options->file, &options->overrides, &problems);
    print_problems(&problems);
    problems_deinit(&problems);
    if (is_fit)
        printf("%s: ok\n", options->file);
    plugin_storage_free(controller.loader.storage);
    if (controller.loader.folder != NULL)
        library_folder_close(controller.loader.folder);
    return is_fit ? 0 : 1;
}
