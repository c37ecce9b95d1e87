/* Everything that a new configuration needs before it can serve: read, checked in preflight, its listeners open, its
 * generation loaded. Until it is put into use nothing of what serves has changed. Controller's thread; blocks. */
#ifndef WORKER_PLAN_H
#define WORKER_PLAN_H

#include "net/listener_set.h"
#include "plugin/keepsake.h"
#include "worker/log_target.h"

/* All zero is empty. */
struct plan {
    char *text; /* of the file, or what was kept of it */
    size_t length;
    const struct keepsake *keepsake; /* whose plugins are to be loaded; NULL: those of the configuration's files */
    struct config *config;           /* until the generation has it */
    struct log_target_next log;
    bool has_log;
    struct listener_set *listeners;
    struct generation *generation;
};

/* What serves now. All zero: nothing does, at the start. */
struct plan_base {
    struct generation *generation;
    struct listener_set *listeners;
    uint32_t worker_count;
};

/* Reads and validates the configuration. False with lines in `problems`. */
bool plan_read(struct plan *plan, const char *file, const struct config_overrides *overrides, struct problems *problems)
    __attribute__((warn_unused_result));

/* The same from what was kept of a generation. */
bool plan_recall(struct plan *plan, const struct keepsake *keepsake, const char *file,
                 const struct config_overrides *overrides, struct problems *problems)
    __attribute__((warn_unused_result));

/* All the rest. False with lines in `problems`. */
bool plan_complete(struct plan *plan, struct generation_loader *loader, const struct config_overrides *overrides,
                   const struct plan_base *base, struct problems *problems) __attribute__((warn_unused_result));

/* Undoes what was not put into use (those members are NULL by then). */
void plan_discard(struct plan *plan, const struct plan_base *base);

#endif
