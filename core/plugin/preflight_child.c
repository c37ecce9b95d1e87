/* The preflight on the child's side: loads the whole configuration as the broker would, unloads it, and says each step
 * before it takes it. The plugins' log goes the same way as what is said. */
#include "plugin/preflight.h"

#include "base/memory.h"
#include "plugin/leavings.h"
#include "plugin/preflight_manifest.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NICENESS = 10 };

/* This process does nothing else, so these few are its own. */
static int pipe_end;
static char unloading[256];      /* the plugin that is being unloaded, or empty */
static size_t retired_before;    /* libraries, before it was */
static struct problems problems; /* what is wrong with the plugins */
static size_t problems_said;     /* lines of it */
static bool has_left;            /* a plugin has left something, which was said */

/* What plugins do to this process: the one of the step that is being taken, and how it was before the first step and
 * before this one. */
static struct {
    char plugin[256];
    bool has_begun;
    struct leavings first, last;
    char culprit[256]; /* the last plugin in whose step something was added */
} looks;

/* One line, by one write. */
__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
    char line[8192];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof(line) - 1, format, arguments);
    va_end(arguments);
    if (length < 0)
        return;
    size_t used = (size_t)length < sizeof(line) - 1 ? (size_t)length : sizeof(line) - 2;
    for (size_t i = 0; i < used; i++)
        line[i] = line[i] == '\n' || line[i] == '\r' ? ' ' : line[i];
    line[used++] = '\n';
    ssize_t written;
    do {
        written = write(pipe_end, line, used);
    } while (written < 0 && errno == EINTR);
}

static void say_lines(const struct problems *lines, size_t first)
{
    for (size_t i = first; i < lines->count; i++) {
        const char *line = lines->lines[i];
        static const char mark[] = "warning: ";
        bool is_warning = strncmp(line, mark, sizeof(mark) - 1) == 0;
        say("%s %s", is_warning ? "warning" : "problem", is_warning ? line + sizeof(mark) - 1 : line);
    }
}

/* As soon as the step is over that they belong to. */
static void say_problems(void)
{
    say_lines(&problems, problems_said);
    problems_said = problems.count;
}

static void say_left_out(const struct problems *lines)
{
    if (lines->left_out != 0)
        say("%s %zu more", problems_has_errors(lines) ? "problem" : "warning", lines->left_out);
}

static void say_left(const char *plugin_name, const char *format, const char *what)
{
    char text[2048];
    snprintf(text, sizeof(text), format, what);
    say("left %s: %s", plugin_name, text);
    has_left = true;
}

/* After each step: a plugin that takes from the broker what that needs is told at once; one that adds something is
 * remembered. */
static void look(const char *next_plugin)
{
    struct leavings now;
    char text[1024];
    leavings_look(&now);
    if (!looks.has_begun)
        looks.first = now;
    else if (leavings_disturb(&looks.last, &now, text, sizeof(text)) && looks.plugin[0] != '\0')
        say_left(looks.plugin,
                 "takes from the broker what that needs itself: it sets %s; use gmq_timer_start() for "
                 "time, and absolute paths",
                 text);
    if (looks.has_begun && leavings_differ(&looks.last, &now, text, sizeof(text)) && looks.plugin[0] != '\0')
        snprintf(looks.culprit, sizeof(looks.culprit), "%s", looks.plugin);
    looks.has_begun = true;
    looks.last = now;
    snprintf(looks.plugin, sizeof(looks.plugin), "%s", next_plugin);
}

/* Everything is unloaded. What stays mapped is counted elsewhere, and may keep what it has. */
static void look_back(void)
{
    char text[1024];
    look("");
    if (!has_left && library_retired_total().count == 0 && looks.culprit[0] != '\0' &&
        leavings_differ(&looks.first, &looks.last, text, sizeof(text)))
        say_left(looks.culprit, "leaves behind when it is unloaded: %s; undo it in the unload function", text);
    if (looks.last.has_child)
        leavings_end_processes();
}

/* The step before this one is over: if that was an unloading, the library is gone or retired by now. */
static void announce(const char *plugin_name, const char *step)
{
    size_t retired = library_retired_total().count;
    say_problems();
    if (unloading[0] != '\0' && retired > retired_before)
        say("sticky %s", unloading);
    retired_before = retired;
    look(plugin_name);
    snprintf(unloading, sizeof(unloading), "%s", strcmp(step, "unload") == 0 ? plugin_name : "");
    say("step %s %s", step, plugin_name);
}

/* With a plugin "broker" every type should have a route; without it, the configuration's reader has warned already. */
static void warn_of_missing_routes(const struct generation *generation)
{
    char types[256];
    if (generation_missing_routes(generation, types, sizeof(types))[0] == '\0')
        return;
    for (size_t i = 0; i < generation->plugin_count; i++) {
        if (strcmp(generation->plugins[i]->name, "broker") == 0)
            say("warning %s: no route for %s, and the plugin \"broker\" has no handlers for them: clients that send "
                "them "
                "will be closed",
                generation->config->file, types);
    }
}

static bool generation_try(struct preflight_manifest *manifest, struct plugin_storage *storage, struct config *config)
{
    struct generation_loader loader = {.storage = storage, .announce = announce, .tries_all = true};
    struct generation *generation = NULL;
    if (manifest->copies.count == config->plugin_count)
        generation = generation_new(&loader, config, &manifest->copies, NULL, &problems);
    else
        problems_add(&problems, "%s: the preflight reads other plugins in it than the broker; try again", config->file);
    if (generation == NULL) {
        config_free(config);
        return false;
    }
    warn_of_missing_routes(generation);
    generation_free(generation);
    look_back();
    return !has_left;
}

static struct config *config_read(const struct preflight_manifest *manifest)
{
    struct problems found = {0}; /* the parent has told them, unless there is nothing to go on with */
    size_t length = 0;
    char *text = preflight_read_file(manifest->text, &length, &problems);
    if (text == NULL)
        return NULL;
    struct config *config = config_parse_partly(text, length, manifest->file, &manifest->overrides, &found);
    if (config == NULL) {
        say_lines(&found, 0);
        say_left_out(&found);
        problems_add(&problems, "%s: the preflight can't read what the broker could; try again", manifest->file);
    }
    problems_deinit(&found);
    mem_free(text);
    return config;
}

static bool storage_read(const struct preflight_manifest *manifest, struct plugin_storage *storage)
{
    if (storage != NULL && (plugin_storage_restore(storage, manifest->storage) || errno == ENOENT))
        return true;
    problems_add(&problems, "%s: the preflight can't have the plugins' bytes: %s", manifest->file, strerror(errno));
    return false;
}

static bool manifest_try(struct preflight_manifest *manifest)
{
    struct plugin_storage *storage = plugin_storage_new();
    struct config *config = NULL;
    bool is_fit = storage_read(manifest, storage) && (config = config_read(manifest)) != NULL &&
                  generation_try(manifest, storage, config);
    plugin_storage_free(storage);
    return is_fit;
}

/* A plugin that takes all memory there is shall end this process and not the broker: the kernel chooses by this. */
static void process_offer_to_oom(void)
{
    static const char most_likely[] = "1000";
    int score = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (score < 0)
        return; /* no such kernel */
    ssize_t written = write(score, most_likely, sizeof(most_likely) - 1);
    (void)written;
    close(score);
}

/* Ends with its parent, leaves no core file, and gives the pipe to nobody. Nobody waits for it but a reload, so the
 * clients' packets come first where processors are few. */
static void process_prepare(int descriptor)
{
    struct rlimit none = {0};
    process_offer_to_oom();
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_CHILD_SUBREAPER, 1); /* so that it sees what is left, see leavings.h */
    setrlimit(RLIMIT_CORE, &none);
    setpriority(PRIO_PROCESS, 0, NICENESS);
    fcntl(descriptor, F_SETFD, FD_CLOEXEC);
    pipe_end = descriptor;
    log_configure(descriptor, LOG_TEXT, GMQ_LOG_INFO);
}

int preflight_child_main(const char *manifest_path, int descriptor)
{
    struct preflight_manifest manifest;
    process_prepare(descriptor);
    bool is_fit = preflight_manifest_read(manifest_path, &manifest, &problems) && manifest_try(&manifest);
    say_problems();
    say_left_out(&problems);
    say(is_fit ? "ok" : "failed");
    preflight_manifest_deinit(&manifest);
    problems_deinit(&problems);
    return is_fit ? 0 : 1;
}
