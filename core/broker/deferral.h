/* A call whose verdict comes later: the struct behind gmq_deferral.
 *
 * Two hold it: the worker, until the verdict has come, its time limit has passed or the client has gone; and the
 * plugin, until it calls a gmq_resume function. Whoever is last frees it, always on the worker. */
#ifndef BROKER_DEFERRAL_H
#define BROKER_DEFERRAL_H

#include "broker/shard.h"

#include <graftmq/call.h>

struct gmq_deferral {
    struct shard_mail mail; /* the resume, on its way to the worker */
    struct shard *shard;
    struct gmq_call call; /* a copy; its arena is `arena` */
    struct arena arena;
    struct wheel_timer timer;
    uint64_t since_ticks; /* when it started; clock_ticks() */
    gmq_verdict at_limit;
    bool is_started; /* the handler did answer GMQ_DEFER */
    bool is_over;    /* nothing is to be done any more but to free it */
    bool is_resumed; /* the resume has been taken */
    /* Set by the plugin's thread, before the mail is sent. */
    gmq_verdict verdict;
    gmq_reason reason;
    char *text; /* owned */
    gmq_continuation *continuation;
    void *data;
};

/* Made by gmq_defer during a call; it starts when the handler answers GMQ_DEFER. NULL: memory is out. */
struct gmq_deferral *deferral_new(struct gmq_call *call, uint32_t limit_ms, gmq_verdict at_limit);

/* Begins anew to wait for a verdict that is still to come, as if gmq_defer had just been called with these. */
void deferral_set_limit(struct gmq_deferral *deferral, uint32_t limit_ms, gmq_verdict at_limit);

/* Takes over the call and its packet. False: memory is out, or the plugin called no gmq_defer: reject the packet. */
bool deferral_start(struct gmq_call *call);

/* The call ended with another verdict, or without having been started: the deferral is over. */
void deferral_cancel(struct gmq_deferral *deferral);

/* Any thread: gives the verdict that was written into it to the worker. */
void deferral_resume(struct gmq_deferral *deferral);

#endif
