/* What the preflight's child says and how it ended, turned into lines for people. */
#ifndef PLUGIN_PREFLIGHT_REPORT_H
#define PLUGIN_PREFLIGHT_REPORT_H

#include "plugin/preflight_manifest.h"
#include "plugin/preflight_process.h"

/* The child writes one line each:
 *     step STEP PLUGIN     it is about to do this
 *     problem TEXT         an error of the step before it, as it belongs into the parent's problems
 *     warning TEXT
 *     sticky PLUGIN        the library stayed mapped after it was closed
 *     left PLUGIN: TEXT    an error: what it has changed of its process, or left there when it was unloaded
 *     ok                   the last one, if everything went well
 *     failed               the last one, if there was a problem
 * and lines of the log, which begin with the time. */
struct preflight_report {
    const struct preflight_task *task;
    struct problems *problems;
    char step[16];
    char plugin[256];
    char last_log[1024];  /* what a plugin said last in this step; empty: nothing */
    bool is_last_serious; /* and it is a warning or an error */
    bool is_ok;
    bool is_failed;
    struct problems before; /* what was told before this flight */
    size_t fallen;          /* the plugin that ended the child; as many as there are: none did */
};

void preflight_report_init(struct preflight_report *report, const struct preflight_task *task,
                           struct problems *problems);

/* A preflight_line; `data` is the report. */
void preflight_report_line(const char *line, void *data);

/* Whether the new configuration may be loaded; if not, there is a line in the problems. */
bool preflight_report_end(struct preflight_report *report, const struct preflight_end *end);

#endif
