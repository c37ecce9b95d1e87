/* A question to the workers: it travels as mail to one worker after the other and back, each time with a slice of the
 * answer as lines of JSON, so that no worker is held up for long however many sessions it has. While it is with a
 * worker that worker alone touches it, but for `connection`. */
#ifndef CONTROL_GATHER_H
#define CONTROL_GATHER_H

#include "broker/session.h"
#include "control/command.h"
#include "control/control_mail.h"

enum { GATHER_FINISHED_MAX = 16 };

/* Runs on the worker: a slice of its answer. True: the worker has no more to say. */
typedef bool gather_work(struct gather *gather, struct shard *shard);

struct gather {
    struct control_mail mail;
    struct list link;                      /* of control->gathers */
    struct control_connection *connection; /* NULL: it has gone, nobody wants the answer. The controller's */
    bool is_away;                          /* with a worker. The controller's */
    bool is_complete;                      /* the worker has no more to say */
    bool is_of_one_worker;
    uint32_t worker;
    gather_work *work;
    gmq_view client; /* copies, behind the struct; data NULL: any */
    gmq_view topic;
    struct buffer lines; /* the slice */
    uint64_t found;

    /* Of gather_walk: where it is in the map of sessions, and within the sessions there. */
    uint64_t cursor;
    uint64_t finished[GATHER_FINISHED_MAX]; /* numbers of sessions at the cursor that are done with */
    uint32_t finished_count;
    uint64_t unfinished; /* the number of the session that has more to say; 0: none */
    uint32_t position;   /* in it */
    bool was_visited;    /* the unfinished one is still there */
    void (*visit)(struct gather *gather, struct session *session);
    uint64_t slice_end_ns;
};

/* Asks one worker, or all. The connection's command ends when all have answered. */
void gather_start(struct control_connection *connection, gather_work *work,
                  void (*visit)(struct gather *gather, struct session *session),
                  const struct command_arguments *arguments);

/* Sends it on if it isn't under way and the client has read enough. */
void gather_go_on(struct gather *gather);

/* Its connection goes. */
void gather_abandon(struct gather *gather);

/* All there are, at the end: nobody reads the mail any more. */
void gather_free_all(struct control *control);

/* gather_work: visits the sessions of the worker, or the one of gather->client. */
bool gather_walk(struct gather *gather, struct shard *shard);

/* Worker's side: whether the slice is long enough. */
bool gather_is_full(const struct gather *gather);

#endif
