/* A reload: all of the new configuration is made ready beside the old one; then the workers adopt it, each between two
 * packets; then the old generation drains. Whatever fails before that leaves everything as it was. */
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "worker/controller_state.h"

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

/* All workers serve with the new generation. `plan` has the old ones in exchange. */
static void reload_adopted(struct controller *controller)
{
    struct plan *plan = &controller->plan;
    uint64_t took_ms = (clock_now_ns() - controller->reload_began_ns) / CLOCK_NS_PER_MS;
    char text[RELOAD_TEXT_SIZE];
    generation_difference(plan->generation, controller->generation, text, sizeof(text));
    log_write(GMQ_LOG_NOTICE, "broker", "generation %llu serves: %s (took %llu ms)",
              (unsigned long long)controller->generation->number, text, (unsigned long long)took_ms);
    listener_set_retire(plan->listeners, controller->listeners);
    draining_add(controller, plan->generation);
    *plan = (struct plan){0};
    controller_send(controller, worker_call_reload, NULL, NULL);
}

static void reload_put_into_use(struct controller *controller)
{
    struct plan *plan = &controller->plan;
    struct generation *generation = controller->generation;
    struct listener_set *listeners = controller->listeners;
    log_target_apply(&controller->log, &plan->log, plan->generation->config, controller->options->log_level);
    plan->has_log = false;
    listener_set_publish(plan->listeners, listeners);
    controller->generation = plan->generation;
    controller->listeners = plan->listeners;
    plan->generation = generation;
    plan->listeners = listeners;
    controller_send(controller, controller_worker_adopt, controller, reload_adopted);
}

void reload_begin(struct controller *controller)
{
    const struct controller_options *options = controller->options;
    struct plan *plan = &controller->plan;
    struct plan_base base = controller_base(controller);
    struct problems problems = {0};
    controller->is_reload_wanted = false;
    controller->reload_began_ns = clock_now_ns();
    log_target_reopen(&controller->log, controller->generation->config);
    *plan = (struct plan){0};
    bool is_ready = plan_read(plan, options->file, &options->overrides, &problems) &&
                    plan_complete(plan, &controller->loader, &options->overrides, &base, &problems);
    log_problems(&problems);
    problems_deinit(&problems);
    if (is_ready) {
        mem_free(plan->text);
        plan->text = NULL;
        reload_put_into_use(controller);
        return;
    }
    plan_discard(plan, &base);
    log_write(GMQ_LOG_ERROR, "broker", "reload refused: generation %llu serves on",
              (unsigned long long)controller->generation->number);
    controller_step(controller);
}
