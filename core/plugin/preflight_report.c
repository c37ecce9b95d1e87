/* Turns what the preflight's child says, and how it ended, into lines for people. */
#include "plugin/preflight_report.h"

#include "plugin/config_lease.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

static const struct {
    const char *step;
    const char *text;
} step_texts[] = {
    {"start", "before anything was loaded"},
    {"open", "while its constructors ran"},
    {"resolve", "while handlers were looked up"},
    {"load", "while its load function ran"},
    {"unload", "while its unload function or its destructors ran"},
    {"end", "when it was ready and ended"},
};

void preflight_report_init(struct preflight_report *report, const struct preflight_task *task,
                           struct problems *problems)
{
    *report = (struct preflight_report){
        .task = task, .problems = problems, .step = "start", .before = *problems, .fallen = task->config->plugin_count};
}

static const struct config_plugin *plugin_find(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->plugin_count; i++) {
        if (strcmp(config->plugins[i].name, name) == 0)
            return &config->plugins[i];
    }
    return NULL;
}

/* "PLACE: plugin "shop" (PATH)", or "FILE: the preflight process" where it is about no plugin. */
static void subject_text(const struct preflight_report *report, const char *plugin, char *text, size_t size)
{
    const struct config *config = report->task->config;
    const struct config_plugin *definition = plugin_find(config, plugin);
    if (definition == NULL) {
        snprintf(text, size, "%s: the preflight process", config->file);
        return;
    }
    char place[CONFIG_PLACE_TEXT_SIZE];
    config_place_text(config, &definition->place, place, sizeof(place));
    snprintf(text, size, "%s: plugin \"%s\" (%s)", place, definition->name, definition->path);
}

enum { SUBJECT_SIZE = 2 * CONFIG_PLACE_TEXT_SIZE };

/* The rest of the line after "WORD ", or NULL if it begins with another word. */
static const char *line_after(const char *line, const char *word)
{
    size_t length = strlen(word);
    if (strncmp(line, word, length) != 0)
        return NULL;
    if (line[length] == '\0')
        return line + length;
    return line[length] == ' ' ? line + length + 1 : NULL;
}

/* What a plugin said is a line by itself, unless its step goes wrong: then it is the end of that line. */
static void log_settle(struct preflight_report *report)
{
    if (report->last_log[0] != '\0' && report->is_last_serious)
        problems_warn(report->problems, "%s: in preflight, plugin \"%s\" said: %s", report->task->config->file,
                      report->plugin, report->last_log);
    report->last_log[0] = '\0';
}

static void step_begins(struct preflight_report *report, const char *text)
{
    size_t length = strcspn(text, " ");
    log_settle(report);
    snprintf(report->step, sizeof(report->step), "%.*s", (int)length, text);
    snprintf(report->plugin, sizeof(report->plugin), "%s", text[length] != '\0' ? text + length + 1 : "");
    report->last_log[0] = '\0';
}

/* Known from now on, so that the limit of retired libraries can be held before a reload and not after. */
static void sticky_note(struct preflight_report *report, const char *name)
{
    const struct config_plugin *definition = plugin_find(report->task->config, name);
    char subject[SUBJECT_SIZE];
    if (definition == NULL)
        return;
    size_t index = (size_t)(definition - report->task->config->plugins);
    struct gmq_plugin *kept = report->task->copies->kept[index];
    if (kept != NULL) {
        kept->library->copy.is_sticky = true;
        return;
    }
    struct library_copy *copy = &report->task->copies->copies[index];
    copy->is_sticky = true;
    subject_text(report, name, subject, sizeof(subject));
    problems_warn(report->problems, "%s stays mapped when it is closed (%s): it will be retired when it is replaced",
                  subject,
                  copy->is_nodelete ? "it is linked with -z nodelete"
                                    : "a thread-local destructor, an exit handler or another library holds it");
}

/* "TIME LEVEL SUBJECT: MESSAGE". Only plugins' own lines count: the rest is the broker's about itself. */
static void log_line(struct preflight_report *report, const char *line)
{
    char level[16];
    int start = 0;
    if (sscanf(line, "%*s %15s %n", level, &start) != 1 || start == 0 || line_after(line + start, "plugin") == NULL)
        return;
    const char *text = line + start;
    const char *message = strstr(text, ": ");
    log_settle(report);
    snprintf(report->last_log, sizeof(report->last_log), "%s", message != NULL ? message + 2 : text);
    report->is_last_serious = strcmp(level, "warning") == 0 || strcmp(level, "error") == 0;
}

/* In the step of loading it is that the plugin refuses, and what it said last is why. */
static void problem_line(struct preflight_report *report, const char *text)
{
    if (strcmp(report->step, "load") != 0 || report->last_log[0] == '\0') {
        problems_add(report->problems, "%s", text);
        return;
    }
    problems_add(report->problems, "%s; it said: %s", text, report->last_log);
    report->last_log[0] = '\0';
}

/* "PLUGIN: what is wrong with what it leaves in its process". A name has no colon. */
static void left_line(struct preflight_report *report, const char *text)
{
    char name[256], subject[SUBJECT_SIZE];
    size_t length = strcspn(text, ":");
    snprintf(name, sizeof(name), "%.*s", (int)length, text);
    subject_text(report, name, subject, sizeof(subject));
    problems_add(report->problems, "%s%s", subject, text[length] != '\0' ? text + length + 1 : "");
}

void preflight_report_line(const char *line, void *data)
{
    struct preflight_report *report = data;
    const char *rest;
    if ((rest = line_after(line, "step")) != NULL)
        step_begins(report, rest);
    else if ((rest = line_after(line, "problem")) != NULL)
        problem_line(report, rest);
    else if ((rest = line_after(line, "warning")) != NULL)
        problems_warn(report->problems, "%s", rest);
    else if ((rest = line_after(line, "sticky")) != NULL)
        sticky_note(report, rest);
    else if ((rest = line_after(line, "left")) != NULL)
        left_line(report, rest);
    else if (line_after(line, "ok") != NULL)
        report->is_ok = true;
    else if (line_after(line, "failed") != NULL)
        report->is_failed = true;
    else
        log_line(report, line);
}

static const char *step_text(const char *step)
{
    for (size_t i = 0; i < sizeof(step_texts) / sizeof(step_texts[0]); i++) {
        if (strcmp(step_texts[i].step, step) == 0)
            return step_texts[i].text;
    }
    return "in an unknown step";
}

static void happened_text(const struct preflight_report *report, const struct preflight_end *end, char *text,
                          size_t size)
{
    const char *signal_name = WIFSIGNALED(end->status) ? sigabbrev_np(WTERMSIG(end->status)) : NULL;
    if (end->is_late)
        snprintf(text, size, "did not return within %llu ms (limits.preflight_ms)",
                 (unsigned long long)report->task->config->limits.preflight_ms);
    else if (end->is_unknown)
        snprintf(text, size, "ended in an unknown way");
    else if (signal_name != NULL)
        snprintf(text, size, "crashed with SIG%s", signal_name);
    else if (WIFSIGNALED(end->status))
        snprintf(text, size, "crashed with signal %d", WTERMSIG(end->status));
    else
        snprintf(text, size, "called exit(%d)", WEXITSTATUS(end->status));
}

bool preflight_report_end(struct preflight_report *report, const struct preflight_end *end)
{
    bool is_clean = end->is_unknown || (!end->is_late && WIFEXITED(end->status) && WEXITSTATUS(end->status) == 0);
    if (report->is_ok && is_clean)
        return !problems_has_errors(report->problems);
    if (report->is_failed && problems_has_errors(report->problems))
        return false;
    char subject[SUBJECT_SIZE], happened[128];
    const struct config_plugin *definition = plugin_find(report->task->config, report->plugin);
    if (definition != NULL) { /* the next flight tells the rest anew */
        report->fallen = (size_t)(definition - report->task->config->plugins);
        problems_rewind(report->problems, &report->before);
    }
    subject_text(report, report->plugin, subject, sizeof(subject));
    happened_text(report, end, happened, sizeof(happened));
    problems_add(report->problems, "%s %s %s%s%s", subject, happened, step_text(report->step),
                 report->last_log[0] != '\0' ? "; it said: " : "", report->last_log);
    return false;
}
