/* The state of an isolated plugin, for the files of this room.
 *
 * A plugin has one process or several, each with a thread of the broker (process.c) that starts it, hears it, ends it
 * and starts it anew; and a lane to each worker (lane.c), which that worker alone touches. Worker W is served by
 * process W modulo their number. */
#ifndef ISOLATE_ISOLATED_H
#define ISOLATE_ISOLATED_H

#include "base/list.h"
#include "broker/client.h"
#include "broker/deferral.h"
#include "broker/shard.h"
#include "isolate/message.h"
#include "net/event.h"
#include "plugin/host.h"

#include <pthread.h>
#include <stdatomic.h>

struct lane;

/* A call or an event that the process has, and that isn't answered yet. */
struct pending {
    struct list link;              /* lane.pending, oldest first */
    struct list guest_link;        /* of the worker, if it has a client: see pending_client_gone */
    uint64_t id;                   /* 0: the slot is free */
    struct lane *lane;             /* NULL: the process has gone, and the plugin may still resume it */
    struct gmq_plugin *plugin;     /* whose code answers */
    struct gmq_deferral *deferral; /* of a call; NULL: an event */
    struct gmq_client *client;     /* of an event; NULL: it has none, or that has gone */
    struct generation *generation; /* of an event */
    gmq_verdict on_fault;
    bool is_put_off; /* the handler has deferred it itself */
};

/* pending.c: a worker's own table. */
struct pending *pending_new(struct lane *lane); /* NULL: memory is out */
struct pending *pending_find(uint32_t worker, uint64_t id);
struct pending *pending_find_deferral(uint32_t worker, const struct gmq_deferral *deferral);
void pending_set_client(struct pending *pending, struct gmq_client *client);
void pending_client_gone(uint32_t worker, const struct gmq_client *client);
void pending_free(struct pending *pending);
/* Its verdict: frees it. The rest of the route may run, so anything may have changed afterwards. */
void pending_settle(struct pending *pending, gmq_verdict verdict, gmq_reason reason, const char *text);
void pending_fail(struct pending *pending); /* as on_fault says */

struct lane {
    struct isolated *isolated;
    struct process *process;
    struct shard *shard; /* NULL until it was first used */
    uint32_t worker;
    int descriptor; /* -1: closed */
    uint64_t epoch; /* of the process that is, or was, at the other end */
    bool is_ended;  /* nothing is to be attached any more */
    ev_io io;
    struct list dirty; /* of the worker, if it has output: see isolation_flush */
    struct buffer out;
    size_t sent; /* of `out` */
    struct buffer in;
    size_t taken;     /* of `in` */
    bool is_handling; /* its messages are being handled: they must stay where they are */
    struct list pending;
    uint32_t pending_count;
    uint32_t owed;                         /* of them, without those that the plugin has deferred */
    const struct gmq_settings **arguments; /* that the process knows */
    size_t argument_count;
    atomic_uint_fast64_t silent_since_ns; /* it owes us an answer, and has said nothing since; 0: it owes none */
    struct shard_mail look;               /* to have the worker look at it */
    atomic_bool is_look_sent;
    struct shard_mail leave; /* to have it closed for good */
};

/* lane.c */
void lane_init(struct lane *lane, struct isolated *isolated, uint32_t worker);
void lane_deinit(struct lane *lane);
bool lane_is_ready(struct lane *lane, struct shard *shard); /* attaches it if it can be */
void lane_look(struct lane *lane);  /* any thread: closed or attached, whichever it is time for */
void lane_leave(struct lane *lane); /* any thread: closed for good */
void lane_close(struct lane *lane); /* what it has not answered fails. The worker's thread, or none is left */
/* Sends a packet, an event or a posted function. NULL, and nothing sent: memory or the bounds of the lane are out. */
struct pending *lane_call(struct lane *lane, const gmq_call *call, uint32_t number);
struct pending *lane_event(struct lane *lane, const gmq_call *call, uint32_t number);
struct pending *lane_posted(struct lane *lane, const gmq_call *call, uint64_t token);

/* The packet that is the rest of a message, in the arena. `original`, or NULL, is the one that it is a changed version
 * of if it has the same type: what a handler can't change is as it was there. NULL: it is none. */
struct gmq_packet *lane_packet(struct arena *arena, struct record_reader *reader, const struct gmq_packet *original);

/* facts.c: what a message says of a client. */
uint8_t facts_flags(const struct gmq_client *client);
void facts_write(struct buffer *out, const struct gmq_client *client, const struct gmq_plugin *plugin);

/* operation.c: does it, and writes what a reply says. False: the message is none. */
bool operation_do(struct lane *lane, struct pending *pending, struct record_reader *reader, struct buffer *reply);

/* A socket that the supervisor hears. */
struct channel {
    int descriptor; /* -1: none */
    struct buffer in;
};

enum process_state {
    PROCESS_DOWN,     /* none; the supervisor waits to start one */
    PROCESS_STARTING, /* HELLO is awaited */
    PROCESS_READY,    /* its load function is still to run: the controller says when */
    PROCESS_LOADING,
    PROCESS_SERVING,
    PROCESS_ENDING
};

struct process {
    struct isolated *isolated;
    uint32_t number;
    pthread_t supervisor;
    bool has_supervisor;
    int wake; /* an eventfd: an order is there */

    /* The supervisor's own. */
    pid_t pid;  /* 0: none */
    int handle; /* pidfd, or -1 */
    struct channel control;
    struct channel requests;
    struct buffer out;
    uint64_t deadline_ns; /* of what is awaited in this state; UINT64_MAX: nothing */
    uint64_t served_ns;   /* since when it serves */
    uint64_t back_off_ms;
    uint64_t last_epoch;
    uint64_t condemned_ns; /* when it must have ended that has left a channel; UINT64_MAX: none has been left */
    bool is_killed;        /* by us: it was told why already */

    /* Under the lock. */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    enum process_state state;
    bool is_condemned;   /* a worker has lost its lane to it */
    bool is_load_wanted; /* orders of the controller */
    bool is_end_wanted;
    bool has_served;              /* the controller waits no more for what becomes of it */
    bool is_over;                 /* the first start, or load, has come to an end */
    gmq_status load_status;       /* what the load function answered */
    char problem[512];            /* what is wrong with it; empty: nothing */
    uint64_t epoch;               /* of the process that serves; 0: none does */
    int ends[BROKER_WORKERS_MAX]; /* of its lanes, until they are attached; -1 */
    uint32_t attached;            /* lanes, to any epoch */
    uint64_t lost;                /* calls that its last end left without an answer */

    atomic_uint_fast64_t faults;
    atomic_int number_shown; /* the pid, for others; 0: none */
};

/* requests.c: on the supervisor's thread. False: it is no sound request. */
bool request_take(struct process *process, const struct message_header *header, struct record_reader *reader);

/* process_start.c: a fresh process with all its sockets, told what it is to be. 0, or why not (errno). */
int process_spawn(struct process *process);

/* process.c */
bool process_begin(struct process *process, struct isolated *isolated, uint32_t number);
bool process_await_start(struct process *process); /* false: process.problem says why not */
bool process_load(struct process *process);        /* the same, or load_status */
void process_end(struct process *process);         /* lanes are closed; ends it, and frees what it has */
bool process_take_end(struct process *process, struct lane *lane); /* gives the lane its socket, if one is there */
bool process_has_left(struct process *process, uint64_t epoch);    /* that one doesn't serve any more */
/* Its lane is at an end, or what came was no message: if it still lives it is ended. */
void process_condemn(struct process *process, uint64_t epoch);
void process_lane_left(struct process *process, uint32_t lost);

struct isolated {
    struct gmq_plugin *plugin;
    struct plugin_host *host;
    struct config_isolation config;
    char *program; /* of the plugins' processes */
    char *copy;    /* the private copy that they map */
    gmq_view settings;
    gmq_plugin_descriptor descriptor;
    gmq_bytes_layouts layouts;
    gmq_record_callback *records; /* with their names, as the first process told them */
    size_t record_count;
    struct process *processes;
    struct lane *lanes; /* by worker */
    uint32_t worker_count;
};

/* isolation.c: on a worker, for a process that was started anew: what START and WORKER_START callbacks the plugin has.
 */
void isolated_call_start(struct isolated *isolated, struct shard *shard);

/* isolation.c: takes what a process says of the plugin. False, with the reason in `problem`, if it is another one than
 * the first said, or none. */
bool isolated_take_hello(struct isolated *isolated, struct record_reader *reader, char *problem, size_t size);

#endif
