/* Starts a child process of the broker that is to know nothing of it but one descriptor: the preflight, and the process
 * of an isolated plugin. */
#ifndef PLUGIN_SPAWN_H
#define PLUGIN_SPAWN_H

#include <stdbool.h>
#include <sys/types.h>

enum { SPAWN_DESCRIPTOR = 3 };

/* Runs `program` with `arguments` (which end with NULL) in a process group of its own, with no signal handling of ours,
 * `descriptor` as SPAWN_DESCRIPTOR, and nothing to read from or write to; `keeps_errors`: standard error stays ours.
 * Returns 0, or why not (errno). */
int spawn_child(const char *program, const char *const *arguments, int descriptor, bool keeps_errors, pid_t *number);

#endif
