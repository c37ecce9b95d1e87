/* A reload, or a rollback, which is a reload of what served before: all of the new configuration is made ready beside
 * the old one; then the workers adopt it, each between two packets; then the old generation drains. Whatever fails
 * before that leaves everything as it was. */
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "worker/controller_state.h"

#include <errno.h>
#include <string.h>

enum { RELOAD_TEXT_SIZE = 2048 };

bool controller_worker_adopt(struct worker *worker, void *data)
{
    const struct controller *controller = data;
    struct shard *shard = worker->shard;
    if (shard->generation != controller->generation)
        shard_adopt(shard, controller->generation);
    connections_adopt(worker->connections, controller->listeners);
    return true;
}

static void log_problems(const struct problems *problems)
{
    static const char warning[] = "warning: "; /* as problems_warn begins */
    for (size_t i = 0; i < problems->count; i++) {
        bool is_warning = strncmp(problems->lines[i], warning, strlen(warning)) == 0;
        log_write(is_warning ? GMQ_LOG_WARNING : GMQ_LOG_ERROR, "broker", "%s",
                  problems->lines[i] + (is_warning ? strlen(warning) : 0));
    }
    if (problems->left_out != 0)
        log_write(GMQ_LOG_ERROR, "broker", "and %zu more problems", problems->left_out);
}

static bool worker_call_reload(struct worker *worker, void *data)
{
    (void)data;
    if (worker->index == 0)
        shard_call_back(worker->shard, GMQ_EVENT_RELOAD, NULL);
    return true;
}

void controller_ask(struct controller *controller, struct controller_request *request)
{
    list_append(&controller->requests, &request->link);
    controller_step(controller);
}

void controller_withdraw(struct controller_request *request)
{
    if (request->link.next != NULL)
        list_remove(&request->link);
    request->link = (struct list){0};
}

static struct controller_request *request_first(struct list *requests)
{
    return list_is_empty(requests) ? NULL : LIST_OBJECT(requests->next, struct controller_request, link);
}

bool reload_is_wanted(const struct controller *controller)
{
    return controller->is_reload_wanted || !list_is_empty(&controller->requests);
}

/* Those that this turn serves: one rollback, or all reloads that were asked for before the next rollback. */
static bool requests_take(struct controller *controller)
{
    struct controller_request *request = request_first(&controller->requests);
    bool is_rollback = !controller->is_reload_wanted && request != NULL && request->is_rollback;
    controller->is_reload_wanted = false;
    while (request != NULL && request->is_rollback == is_rollback) {
        list_remove(&request->link);
        list_append(&controller->served, &request->link);
        request = is_rollback ? NULL : request_first(&controller->requests);
    }
    return is_rollback;
}

static void requests_answer(struct controller *controller, const char *difference)
{
    struct controller_outcome outcome = {
        .is_done = difference != NULL,
        .generation = controller->generation->number,
        .difference = difference,
        .took_ms = (clock_now_ns() - controller->reload_began_ns) / CLOCK_NS_PER_MS,
        .problems = &controller->problems,
    };
    struct controller_request *request;
    while ((request = request_first(&controller->served)) != NULL) {
        controller_withdraw(request);
        request->answer(request, &outcome);
    }
    problems_deinit(&controller->problems);
}

/* Where nothing has changed, what can be brought back stays what it was. */
static void keepsake_renew(struct controller *controller, const struct generation *previous, char *text, size_t length)
{
    if (!generation_differs(previous, controller->generation)) {
        mem_free(text);
        return;
    }
    keepsake_free(controller->keepsake);
    controller->keepsake = keepsake_new(controller->loader.folder, previous, text, length);
    if (controller->keepsake != NULL)
        return;
    log_write(GMQ_LOG_WARNING, "broker", "generation %llu can't be kept for a rollback: %s",
              (unsigned long long)previous->number, strerror(errno));
    mem_free(text);
}

static void log_source(const struct controller *controller)
{
    if (controller->recalled != 0)
        log_write(GMQ_LOG_WARNING, "broker",
                  "generation %llu was brought back: what serves was not read from \"%s\", which counts again from the "
                  "next reload on",
                  (unsigned long long)controller->recalled, controller->options->file);
}

/* All workers serve with the new generation. `plan` has the old ones in exchange. */
static void reload_adopted(struct controller *controller)
{
    struct plan *plan = &controller->plan;
    uint64_t took_ms = (clock_now_ns() - controller->reload_began_ns) / CLOCK_NS_PER_MS;
    struct crew_stop stop = crew_take_stop(controller->crew);
    char text[RELOAD_TEXT_SIZE];
    generation_difference(plan->generation, controller->generation, text, sizeof(text));
    log_write(GMQ_LOG_NOTICE, "broker",
              "generation %llu serves: %s (took %llu ms; no worker stopped for more than %llu us, "
              "%llu us of them by the swap)",
              (unsigned long long)controller->generation->number, text, (unsigned long long)took_ms,
              (unsigned long long)CLOCK_US(stop.time_ns), (unsigned long long)CLOCK_US(stop.own_ns));
    log_source(controller);
    keepsake_renew(controller, plan->generation, plan->text, plan->length);
    listener_set_retire(plan->listeners, controller->listeners);
    draining_add(controller, plan->generation);
    *plan = (struct plan){0};
    requests_answer(controller, text);
    controller_send(controller, worker_call_reload, NULL, NULL);
}

static void reload_put_into_use(struct controller *controller)
{
    struct plan *plan = &controller->plan;
    struct plan old = {.text = controller->text,
                       .length = controller->text_length,
                       .generation = controller->generation,
                       .listeners = controller->listeners};
    log_target_apply(&controller->log, &plan->log, plan->generation->config, controller->options->log_level);
    listener_set_publish(plan->listeners, controller->listeners);
    controller->recalled = plan->keepsake != NULL ? plan->keepsake->number : 0;
    controller->generation = plan->generation;
    controller->listeners = plan->listeners;
    controller->text = plan->text;
    controller->text_length = plan->length;
    *plan = old;
    controller_note_stop(controller);
    controller_send(controller, controller_worker_adopt, controller, reload_adopted);
}

/* The old generation serves on. */
static void reload_refuse(struct controller *controller, const char *what)
{
    struct plan_base base = controller_base(controller);
    plan_discard(&controller->plan, &base);
    log_write(GMQ_LOG_ERROR, "broker", "%s refused: generation %llu serves on", what,
              (unsigned long long)controller->generation->number);
    requests_answer(controller, NULL);
    controller_step(controller);
}

static bool reload_read(struct controller *controller, bool is_rollback)
{
    const struct controller_options *options = controller->options;
    if (!is_rollback)
        return plan_read(&controller->plan, options->file, &options->overrides, &controller->problems);
    if (controller->keepsake != NULL)
        return plan_recall(&controller->plan, controller->keepsake, options->file, &options->overrides,
                           &controller->problems);
    problems_add(&controller->problems, "there is no earlier generation to go back to");
    return false;
}

void reload_begin(struct controller *controller)
{
    const struct controller_options *options = controller->options;
    struct plan *plan = &controller->plan;
    struct plan_base base = controller_base(controller);
    bool is_rollback = requests_take(controller);
    controller->reload_began_ns = clock_now_ns();
    log_target_reopen(&controller->log, controller->generation->config);
    *plan = (struct plan){0};
    bool is_ready = reload_read(controller, is_rollback) &&
                    plan_complete(plan, &controller->loader, &options->overrides, &base, &controller->problems);
    log_problems(&controller->problems);
    if (is_ready)
        reload_put_into_use(controller);
    else
        reload_refuse(controller, is_rollback ? "rollback" : "reload");
}

void reload_deinit(struct controller *controller)
{
    keepsake_free(controller->keepsake);
    mem_free(controller->text);
    problems_deinit(&controller->problems);
}
