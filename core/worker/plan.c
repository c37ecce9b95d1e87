/* Everything that a new configuration needs before it can serve. What is most likely to fail comes first, what would be
 * seen from outside last. */
#include "worker/plan.h"

#include "base/memory.h"
#include "plugin/config_lease.h"
#include "plugin/preflight.h"

#include <stdio.h>
#include <string.h>

bool plan_read(struct plan *plan, const char *file, const struct config_overrides *overrides, struct problems *problems)
{
    plan->text = preflight_read_file(file, &plan->length, problems);
    if (plan->text != NULL)
        plan->config = config_parse_partly(plan->text, plan->length, file, overrides, problems);
    return plan->config != NULL;
}

bool plan_recall(struct plan *plan, const struct keepsake *keepsake, const char *file,
                 const struct config_overrides *overrides, struct problems *problems)
{
    struct config_overrides found = *overrides;
    found.plugin_files = keepsake->files;
    plan->keepsake = keepsake;
    plan->length = keepsake->length;
    plan->text = mem_copy_text(keepsake->text, keepsake->length);
    if (plan->text != NULL)
        plan->config = config_parse_partly(plan->text, plan->length, file, &found, problems);
    else
        problems_add(problems, "%s: memory is out", file);
    return plan->config != NULL;
}

static void restart_needed(const struct config *config, const struct config_place *place, const char *key, char *text)
{
    if (place->path != NULL)
        config_place_text(config, place, text, CONFIG_PLACE_TEXT_SIZE);
    else
        snprintf(text, CONFIG_PLACE_TEXT_SIZE, "%s: %s", config->file, key); /* the default */
}

static bool plan_check_workers(const struct plan *plan, const struct plan_base *base, struct problems *problems)
{
    if (base->generation == NULL || plan->config->workers == base->worker_count)
        return true;
    char place[CONFIG_PLACE_TEXT_SIZE];
    restart_needed(plan->config, &plan->config->workers_place, "workers", place);
    problems_add(problems, "%s: %u workers are configured and %u run; changing their number needs a restart", place,
                 plan->config->workers, base->worker_count);
    return false;
}

static bool plan_check_control(const struct plan *plan, const struct plan_base *base, struct problems *problems)
{
    static const char standard[] = "the default";
    const char *next = plan->config->control_path, *now;
    if (base->generation == NULL)
        return true;
    now = base->generation->config->control_path;
    now = now != NULL ? now : standard;
    next = next != NULL ? next : standard;
    if (strcmp(now, next) == 0)
        return true;
    char place[CONFIG_PLACE_TEXT_SIZE];
    restart_needed(plan->config, &plan->config->control_place, "control.path", place);
    problems_add(problems, "%s: the control socket is configured as %s and is %s; moving it needs a restart", place,
                 next, now);
    return false;
}

static bool plan_copies_make(const struct plan *plan, struct generation_loader *loader, const struct plan_base *base,
                             struct generation_copies *copies, struct problems *problems)
{
    if (plan->keepsake != NULL)
        return generation_copies_recall(loader, plan->keepsake, plan->config, base->generation, copies, problems);
    return generation_copies_make(loader, plan->config, base->generation, copies, problems);
}

static bool plan_open(struct plan *plan, const struct plan_base *base, struct problems *problems)
{
    /* Both, so that all errors are told. */
    plan->has_log = log_target_open(plan->config, &plan->log, problems);
    plan->listeners = listener_set_open(plan->config, base->listeners, plan->config->workers, problems);
    return plan->has_log && plan->listeners != NULL;
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
    bool is_sound = plan_check_workers(plan, base, problems);
    is_sound = plan_check_control(plan, base, problems) && is_sound && !plan->config->has_errors;
    if (!plan_copies_make(plan, loader, base, &copies, problems))
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
