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

/* What became of a request. */
struct controller_outcome {
    bool is_done;
    uint64_t generation;             /* that serves now */
    const char *difference;          /* to the one before; NULL: refused */
    uint64_t took_ms;                /* from the request's turn to the last worker's first packet in new code */
    const struct problems *problems; /* warnings, and the errors if it was refused */
};

/* A reload or rollback that somebody waits for. */
struct controller_request {
    struct list link; /* of controller->requests, then of controller->served */
    bool is_rollback;
    void (*answer)(struct controller_request *request, const struct controller_outcome *outcome);
};

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
    struct crew_stop stop;    /* the longest by errands since the last generation has gone, adoptions apart */
    void *extension;          /* of options->extension; NULL: none, or not yet */
    struct list requests;     /* controller_request.link: that wait for their turn, oldest first */
    struct list served;       /* the same: that are served by the reload which is under way */
    struct problems problems; /* of it */

    /* Of the generation that serves: the text that it was made from. What served before it and was different can be
     * brought back. */
    char *text;
    size_t text_length;
    struct keepsake *keepsake; /* or NULL */
    uint64_t recalled;         /* the generation whose configuration serves again; 0: the file's does */
};

/* Asks for a reload or rollback; `answer` is called when it serves or was refused. A reload that was asked for while
 * another is under way has its own: the file may have changed meanwhile. */
void controller_ask(struct controller *controller, struct controller_request *request);

/* The request isn't answered any more. Harmless if it was never asked, or is answered already. */
void controller_withdraw(struct controller_request *request);

/* Sends the crew on an errand; `after` (or NULL) goes on when all workers have done it. */
void controller_send(struct controller *controller, crew_errand *errand, void *data,
                     void (*after)(struct controller *controller));

/* Does what is next, if the crew is free. */
void controller_step(struct controller *controller);

/* Comes back to controller_step() in a while. */
void controller_poll(struct controller *controller);

/* Remembers what the errands so far have cost, so that those that follow can be told apart. */
void controller_note_stop(struct controller *controller);

static inline struct plan_base controller_base(const struct controller *controller)
{
    return (struct plan_base){.generation = controller->generation,
                              .listeners = controller->listeners,
                              .worker_count = controller->broker->worker_count};
}

/* reload.c: the errand by which a worker adopts controller->generation and controller->listeners. */
bool controller_worker_adopt(struct worker *worker, void *controller);
bool reload_is_wanted(const struct controller *controller);
void reload_begin(struct controller *controller);

/* Frees what is kept for a rollback. */
void reload_deinit(struct controller *controller);

/* draining.c: an old generation, taken over. */
void draining_add(struct controller *controller, struct generation *generation);

/* Goes on with the oldest one. False: there is none, or something still holds it. */
bool draining_step(struct controller *controller);

/* ending.c */
void ending_begin(struct controller *controller, int signal_number);
void ending_step(struct controller *controller);

#endif
