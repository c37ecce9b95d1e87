/* A place where clients connect: the sockets of one listener of the configuration.
 *
 * Opened and closed by the controller's thread. Each worker accepts from sockets of its own: those of one worker, and
 * the acceptors that serve them, are touched by its thread alone between connections_adopt() of a set that has the
 * listener and of one that hasn't. The object lives as long as a connection that came through it. */
#ifndef NET_LISTENER_H
#define NET_LISTENER_H

#include "base/wheel.h"
#include "config/config.h"
#include "net/address.h"
#include "net/event.h"

#include <stdatomic.h>
#include <sys/types.h>

struct connections;
struct listener;

/* One listening socket of one worker. */
struct acceptor {
    int descriptor; /* -1: none */
    bool is_attached;
    uint32_t listener_index; /* in the worker's current generation's configuration */
    struct listener *listener;
    struct connections *owner; /* while attached */
    ev_io io;
    struct wheel_timer pause; /* runs while the system has no room for a further connection */
};

enum { LISTENER_ADDRESSES_MAX = 2 };

struct listener {
    atomic_uint references;
    uint32_t number; /* a serial number over the process's life */
    char *name;
    char *bind;
    enum config_family family;
    uint16_t port; /* as configured */
    uint32_t unix_mode;
    char log_subject[80];                            /* "listener NAME" */
    union address addresses[LISTENER_ADDRESSES_MAX]; /* with the ports that they got */
    uint32_t address_count;
    uint32_t worker_count;
    bool is_published;
    dev_t unix_device; /* of the socket file: only our own is removed at the end */
    ino_t unix_inode;
    struct acceptor *acceptors; /* address_count for each worker */
};

/* Listens as `definition` says. `may_share`: another listener of this process, which is about to be closed, may hold
 * the same address. The socket file of a unix listener has a preliminary name until listener_publish. NULL with a line
 * in `problems`. */
struct listener *listener_open(const struct config_listener *definition, const char *file, uint32_t worker_count,
                               bool may_share, struct problems *problems);

/* The listener is in use from now on: a unix socket gets its name, and a line for each address goes to the log. */
void listener_publish(struct listener *listener);

/* Closes the sockets: no worker has an acceptor attached. The reference of the opener goes too. */
void listener_close(struct listener *listener);

/* Any thread. */
void listener_ref(struct listener *listener);
void listener_unref(struct listener *listener);

/* The definition is that of this listener, so it keeps its sockets. */
bool listener_is(const struct listener *listener, const struct config_listener *definition);

/* Both want the same address, or one of them all addresses, of the same port. */
bool listener_overlaps(const struct listener *listener, const struct config_listener *definition);

static inline struct acceptor *listener_acceptors(const struct listener *listener, uint32_t worker)
{
    return &listener->acceptors[(size_t)worker * LISTENER_ADDRESSES_MAX];
}

#endif
