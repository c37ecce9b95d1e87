/* The process of an isolated plugin: the same functions of graftmq/ as in the broker, over the channels of
 * isolate/message.h.
 *
 * The main thread serves the control channel: it loads the plugin and ends it. Each worker of the broker that this
 * process serves has a lane here, a thread with a libev loop of its own, on which all calls, timers and watches of that
 * worker run; so a plugin that keeps something for each worker finds what it is used to. */
#ifndef HOST_HOST_H
#define HOST_HOST_H

#include "base/arena.h"
#include "base/list.h"
#include "isolate/message.h"
#include "mqtt/packet_flat.h"
#include "plugin/call.h"
#include "plugin/plugin.h"

#include <graftmq/plugin.h>
#include <pthread.h>
#include <stdatomic.h>

struct lane;

/* The struct behind gmq_client: what the message said of it. It lives as long as its call. */
struct gmq_client {
    struct lane *lane;
    uint64_t call; /* by which the broker knows it */
    struct arena *arena;
    uint8_t flags; /* CLIENT_IS_... */
    uint8_t version;
    bool has_peer;
    gmq_view identifier;
    gmq_view username;
    gmq_view listener;
    gmq_view bytes;
    gmq_view session_bytes;
    uint32_t layout; /* of the bytes */
    uint32_t session_layout;
    gmq_view peer;
};

/* A call of a handler or callback: on the way, or deferred. */
struct invocation {
    struct list link; /* lane.deferred */
    uint64_t id;      /* that the broker gave it; 0: of a timer, a watch, a posted function */
    gmq_call call;
    struct arena arena;
    struct gmq_client client;
    gmq_view packet; /* as it came */
    uint32_t limit_ms;
    gmq_verdict at_limit;
};

/* What other threads want of a lane. */
struct lane_mail {
    struct lane_mail *next;
    void (*handle)(struct lane *lane, struct lane_mail *mail); /* frees it; `lane` is NULL when the lane has ended */
};

struct known_arguments {
    uint64_t id;
    struct gmq_settings *settings;
};

struct lane {
    uint32_t worker;
    int descriptor; /* -1: this process doesn't serve the worker */
    pthread_t thread;
    bool has_thread;
    struct ev_loop *loop;
    void *watchers; /* lane.c's */
    bool is_over;   /* the broker has closed it */
    struct buffer in;
    size_t taken;
    struct buffer out;
    struct buffer reply;
    uint64_t last_request;
    struct buffer scratch;
    struct list deferred; /* invocation.link */
    struct invocation *spare;
    struct list timers;  /* gmq_timer.link */
    struct list watches; /* gmq_watch.link */
    struct known_arguments *arguments;
    size_t argument_count;
    pthread_mutex_t lock; /* of what follows */
    struct lane_mail *first_mail;
    struct lane_mail *last_mail;
    bool is_closed; /* takes no mail any more */
};

struct host {
    struct gmq_plugin *plugin;
    const gmq_record **records;
    uint32_t record_count;
    uint32_t worker_count;
    uint32_t number;
    uint32_t processes;
    int control;
    int requests;
    pthread_mutex_t request_lock;
    struct buffer request;
    struct buffer request_reply;
    struct lane lanes[CONFIG_WORKERS_MAX];
};

extern struct host host;

/* ---- lane.c ---- */

bool lane_start(struct lane *lane);
void lane_await_end(struct lane *lane);
void lane_free(struct lane *lane);

/* After something ran that no message had asked for: what it sent goes out, and what came in meanwhile is handled. */
void lane_settle(struct lane *lane);

/* Any thread. `mail` is handled on the lane, or here with NULL if it has ended. */
void lane_post(struct lane *lane, struct lane_mail *mail);

/* On the lane: an operation of the call `id`. Begin, append fields, then one of the others. */
size_t operation_begin(struct lane *lane, uint64_t id, enum operation operation);
/* Waits for the answer. False: the broker has closed the lane. What the reply has behind its status is in `rest`, until
 * the next request. */
bool operation_ask(struct lane *lane, size_t begin, uint8_t *flags, uint32_t *status, struct record_reader *rest);
void operation_tell(struct lane *lane, size_t begin); /* doesn't wait: as a command */

/* For an operation without a result but its status. */
gmq_status operation_status(struct lane *lane, size_t begin, struct gmq_client *client);

/* ---- invoke.c ---- */

/* A message to the plugin: run, and answered. False: it is none. */
bool invoke_message(struct lane *lane, const struct message_header *header, struct record_reader *reader);

/* A call without packet and client, for a timer, a watch or a posted function. */
struct invocation *invocation_begin(struct lane *lane);
void invocation_end(struct lane *lane, struct invocation *invocation);
void invocations_free(struct lane *lane);

static inline struct lane *lane_of(const gmq_call *call)
{
    return call->shard;
}

static inline struct invocation *invocation_of(const gmq_call *call)
{
    return LIST_OBJECT(call, struct invocation, call);
}

/* ---- request.c: any thread ---- */

/* Begins a request in host.request; the lock is held until request_end. */
size_t request_begin(enum message_kind kind, uint64_t id);
/* Sends it and, unless it is only told, waits for the reply. */
bool request_send(size_t begin, bool is_answered, uint32_t *status, gmq_view *bytes);
void request_end(void);

/* ---- jobs.c ---- */

gmq_status jobs_start(struct lane *lane, gmq_job_function *work, gmq_posted_function *done, void *data);
void jobs_await(void); /* all are over, and their threads have ended */

/* ---- watch.c ---- */

void watchers_free(struct lane *lane);

/* ---- post.c ---- */

/* The posted function that the broker sends back with its client. False: it isn't one of this process. */
bool posted_run(struct invocation *invocation, uint64_t token);
void posted_free(void);

#endif
