/* Everything that a new configuration needs before it can serve. What is most likely to fail comes first, what would be
 * seen from outside last. */
#include "worker/plan.h"

#include "base/memory.h"
#include "plugin/config_lease.h"
#include "plugin/preflight.h"

#include <stdio.h>

bool plan_read(struct plan *plan, const char *file, const struct config_overrides *overrides, struct problems *problems)
{
    plan->text = preflight_read_file(file, &plan->length, problems);
    if (plan->text != NULL)
        plan->config = config_parse_partly(plan->text, plan->length, file, overrides, problems);
    return plan->config != NULL;
}

static bool plan_check_workers(const struct plan *plan, const struct plan_base *base, struct problems *problems)
{
    if (base->generation == NULL || plan->config->workers == base->worker_count)
        return true;
    char place[CONFIG_PLACE_TEXT_SIZE];
    if (plan->config->workers_place.path != NULL)
        config_place_text(plan->config, &plan->config->workers_place, place, sizeof(place));
    else
        snprintf(place, sizeof(place), "%s: workers", plan->config->file); /* the default */
    problems_add(problems, "%s: %u workers are configured and %u run; changing their number needs a restart", place,
                 plan->config->workers, base->worker_count);
    return false;
}

static bool plan_open(struct plan *plan, const struct plan_base *base, struct problems *problems)
{
    plan->has_log = log_target_open(plan->config, &plan->log, problems);
    if (!plan->has_log)
        return false;
    plan->listeners = listener_set_open(plan->config, base->listeners, plan->config->workers, problems);
    return plan->listeners != NULL;
}

/* From private copies that the preflight has found to be good. */
static bool plan_load(struct plan *plan, struct generation_loader *loader, struct generation_copies *copies,
                      const struct plan_base *base, struct problems *problems)
{
    if (!plan_open(plan, base, problems))
        return false;
    plan->generation = generation_new(loader, plan->config, copies, base->generation, problems);
    if (plan->generation == NULL)
        return false;
    plan->config = NULL;
    return true;
}

bool plan_complete(struct plan *plan, struct generation_loader *loader, const struct config_overrides *overrides,
                   const struct plan_base *base, struct problems *problems)
{
    struct generation_copies copies;
    /* What is wrong so far doesn't keep the plugins from being tried: all errors are told at once. */
    bool is_sound = plan_check_workers(plan, base, problems) && !plan->config->has_errors;
    if (!generation_copies_make(loader, plan->config, base->generation, &copies, problems))
        return false;
    struct preflight_task task = {loader, plan->config, plan->text, plan->length, overrides, &copies, {0}};
    bool is_complete = preflight_run(&task, problems) && is_sound && plan_load(plan, loader, &copies, base, problems);
    if (!is_complete)
        generation_copies_discard(&copies);
    return is_complete;
}

void plan_discard(struct plan *plan, const struct plan_base *base)
{
    mem_free(plan->text);
    if (plan->listeners != NULL)
        listener_set_discard(plan->listeners, base->listeners);
    if (plan->has_log)
        log_target_discard(&plan->log);
    generation_free(plan->generation);
    config_free(plan->config);
    *plan = (struct plan){0};
}
