/* The preflight on the parent's side: the new configuration is loaded by a child process before this one does. */
#include "plugin/preflight.h"

#include "base/memory.h"
#include "plugin/preflight_report.h"

#include <string.h>

enum { CONFIG_FILE_MAX = 16 * 1024 * 1024 };

/* `fallen` as in struct preflight_report. */
static bool child_run(const struct preflight_task *task, const char *manifest, size_t *fallen,
                      struct problems *problems)
{
    struct preflight_report report;
    struct preflight_end end;
    preflight_report_init(&report, task, problems);
    int reason = preflight_process_run(task->loader->program, manifest, task->config->limits.preflight_ms,
                                       preflight_report_line, &report, &end);
    if (reason == 0) {
        bool is_fit = preflight_report_end(&report, &end);
        *fallen = report.fallen;
        return is_fit;
    }
    problems_add(problems, "%s: the preflight process \"%s\" can't be started: %s", task->config->file,
                 task->loader->program, strerror(reason));
    return false;
}

static bool flight(const struct preflight_task *task, size_t *fallen, struct problems *problems)
{
    struct preflight_files files;
    *fallen = task->config->plugin_count;
    bool is_fit = preflight_files_write(task, &files, problems) && child_run(task, files.manifest, fallen, problems);
    preflight_files_remove(&files);
    return is_fit;
}

bool preflight_run(const struct preflight_task *task, struct problems *problems)
{
    struct preflight_task rest = *task;
    size_t fallen;
    bool is_fit = flight(&rest, &fallen, problems);
    while (fallen < task->config->plugin_count && !rest.is_left_out[fallen]) {
        rest.is_left_out[fallen] = true;
        flight(&rest, &fallen, problems);
    }
    return is_fit;
}

char *preflight_read_file(const char *file, size_t *length, struct problems *problems)
{
    return preflight_file_read(file, CONFIG_FILE_MAX, length, problems);
}

static bool check_loading(struct generation_loader *loader, const struct config *config, const char *text,
                          size_t length, const struct config_overrides *overrides, struct problems *problems)
{
    struct generation_copies copies;
    if (!generation_copies_make(loader, config, NULL, &copies, problems))
        return false;
    struct preflight_task task = {loader, config, text, length, overrides, &copies, {0}};
    bool is_fit = preflight_run(&task, problems) && !config->has_errors;
    generation_copies_discard(&copies);
    return is_fit;
}

bool preflight_check(struct generation_loader *loader, const char *file, const struct config_overrides *overrides,
                     struct problems *problems)
{
    size_t length = 0;
    char *text = preflight_read_file(file, &length, problems);
    if (text == NULL)
        return false;
    struct config *config = config_parse_partly(text, length, file, overrides, problems);
    bool is_fit = config != NULL && check_loading(loader, config, text, length, overrides, problems);
    config_free(config);
    mem_free(text);
    return is_fit;
}
