/* The preflight's child process, on the parent's side: started afresh, heard, and ended without a trace. */
#ifndef PLUGIN_PREFLIGHT_PROCESS_H
#define PLUGIN_PREFLIGHT_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

/* How it ended. */
struct preflight_end {
    bool is_late;    /* it was killed at the deadline */
    bool is_unknown; /* somebody else in this process collected its status */
    int status;      /* as of waitpid */
};

/* Called with each line that the child wrote, without its newline. */
typedef void preflight_line(const char *line, void *data);

/* Runs "PROGRAM --preflight MANIFEST DESCRIPTOR" in a process group of its own, and waits for its end, at most
 * `limit_ms`. What is left of the group then is killed, and the child is collected. Returns 0, or why it can't be
 * started (errno). */
int preflight_process_run(const char *program, const char *manifest, uint64_t limit_ms, preflight_line *heard,
                          void *data, struct preflight_end *end);

#endif
