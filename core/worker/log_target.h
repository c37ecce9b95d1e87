/* Where the log goes: standard error, or the configuration's file. Controller's thread. */
#ifndef WORKER_LOG_TARGET_H
#define WORKER_LOG_TARGET_H

#include "config/config.h"

/* All zero is standard error. */
struct log_target {
    int descriptor; /* of the file, if `is_file`; its number stays the same over a change, as other threads write to it
                     */
    bool is_file;
};

/* A file that is open but not yet in use; -1: standard error is to be used. */
struct log_target_next {
    int descriptor;
    const char *made; /* its path, of the configuration, if it was not there before; or NULL */
};

/* Opens what `config` names. False with a line in `problems`. */
bool log_target_open(const struct config *config, struct log_target_next *next, struct problems *problems)
    __attribute__((warn_unused_result));
void log_target_discard(struct log_target_next *next);

/* Puts it into use, with the configuration's format and level; `level` (-1: none) is the command line's. */
void log_target_apply(struct log_target *target, struct log_target_next *next, const struct config *config, int level);

/* Opens the file of the configuration in use anew: it may have been moved away. */
void log_target_reopen(struct log_target *target, const struct config *config);

/* Back to standard error. */
void log_target_deinit(struct log_target *target);

#endif
