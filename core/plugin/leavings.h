/* What a plugin changes of its process: seen in the preflight's child, where nothing else runs. What it leaves so when
 * it is unloaded would call code that is gone (signals, keys, timers) or would pile up with every reload (descriptors,
 * processes). */
#ifndef PLUGIN_LEAVINGS_H
#define PLUGIN_LEAVINGS_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { LEAVINGS_SIGNALS = 65, LEAVINGS_DESCRIPTORS = 1024, LEAVINGS_FOLDER_SIZE = 1024 };

/* One look at the process. */
struct leavings {
    struct sigaction actions[LEAVINGS_SIGNALS];
    uint64_t descriptors[LEAVINGS_DESCRIPTORS / 64]; /* a bit for each that is open */
    size_t timers;                                   /* of timer_create() */
    bool has_alarm;                                  /* an interval timer runs */
    bool has_child;                                  /* a process that was not waited for */
    unsigned key;                                    /* the thread-specific key that would be made next */
    mode_t mask;
    char folder[LEAVINGS_FOLDER_SIZE];
};

void leavings_look(struct leavings *now);

/* What `now` has that `before` had not, as a list in words ("a handler of SIGUSR1, 2 open descriptors"), of which
 * `text` gets what fits. False: nothing. */
bool leavings_differ(const struct leavings *before, const struct leavings *now, char *text, size_t size);

/* The same for what no plugin may have even while it is loaded, as the broker needs it: its own signals, the alarm, the
 * working folder and the mask of new files. */
bool leavings_disturb(const struct leavings *before, const struct leavings *now, char *text, size_t size);

/* Kills the processes that were left, with those that these have started, and collects them. */
void leavings_end_processes(void);

#endif
