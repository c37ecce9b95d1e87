/* The controller's state, for the files that make up the controller: controller.c (start, signals), reload.c,
 * draining.c, ending.c. The main thread only.
 *
 * It does one thing after the other: an errand of the crew ends in controller_step(), which looks for what is next. */
#ifndef WORKER_CONTROLLER_STATE_H
#define WORKER_CONTROLLER_STATE_H

#include "net/event.h"
#include "plugin/host.h"
#include "worker/controller.h"
#include "worker/crew.h"
#include "worker/job_pool.h"
#include "worker/plan.h"

#include <limits.h>

enum { CONTROLLER_SIGNALS = 3 };

struct controller {
    const struct controller_options *options;
    char program[PATH_MAX]; /* this executable */
    struct ev_loop *loop;
    struct broker *broker;
    struct crew *crew;
    struct plugin_host host;
    struct generation_loader loader;
    struct log_target log;
    struct generation *generation;  /* that serves */
    struct listener_set *listeners; /* of it */
    struct list draining;           /* draining.link: older ones, oldest first */
    struct ev_signal signals[CONTROLLER_SIGNALS];
    ev_io crew_done;
    ev_timer poll; /* while something is awaited that gives no sign */
    bool is_reload_wanted;
    bool is_ending;
    uint32_t ending_step;
    uint64_t ending_since_ns;
    bool has_lost_patience;                       /* something of a plugin still runs at the end */
    void (*after)(struct controller *controller); /* what follows the errand; NULL: controller_step */
    struct plan plan;                             /* of the reload that the workers are adopting */
    uint64_t reload_began_ns;
};

/* Sends the crew on an errand; `after` (or NULL) goes on when all workers have done it. */
void controller_send(struct controller *controller, crew_errand *errand, void *data,
                     void (*after)(struct controller *controller));

/* Does what is next, if the crew is free. */
void controller_step(struct controller *controller);

/* Comes back to controller_step() in a while. */
void controller_poll(struct controller *controller);

static inline struct plan_base controller_base(const struct controller *controller)
{
    return (struct plan_base){.generation = controller->generation,
                              .listeners = controller->listeners,
                              .worker_count = controller->broker->worker_count};
}

/* reload.c: the errand by which a worker adopts controller->generation and controller->listeners. */
bool controller_worker_adopt(struct worker *worker, void *controller);
void reload_begin(struct controller *controller);

/* draining.c: an old generation, taken over. */
void draining_add(struct controller *controller, struct generation *generation);
void draining_step(struct controller *controller);

/* ending.c */
void ending_begin(struct controller *controller, int signal_number);
void ending_step(struct controller *controller);

#endif
