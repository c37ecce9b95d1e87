/* Connections to the broker, all of them in one epoll set, and one turn after the other: what arrives is handed over
 * packet by packet; what that makes us say is written at the end of the turn, in one go for each connection. */
#ifndef LOAD_LINK_H
#define LOAD_LINK_H

#include "wire.h"

struct link {
    int socket;      /* -1: closed */
    uint32_t number; /* from 0 */
    bool is_dirty;   /* has something to write */
    bool is_stuck;   /* waits until it can write */
    struct bytes in; /* the beginning of a packet whose rest hasn't come */
    struct bytes out;
};

/* Both may open, close and write to any link. `on_end`: the broker has closed the connection. */
typedef void link_on_packet(void *context, struct link *link, const struct packet *packet);
typedef void link_on_end(void *context, struct link *link);

struct links {
    int epoll;
    uint16_t port;
    uint32_t count;
    struct link *link;
    struct link **dirty;
    uint32_t dirty_count;
    link_on_packet *on_packet;
    link_on_end *on_end;
    void *context;
};

/* `count` closed links to localhost. */
void links_init(struct links *links, uint16_t port, uint32_t count);
void links_deinit(struct links *links);

/* Connects without waiting for it; what is written meanwhile is sent when the connection stands. */
void link_open(struct links *links, struct link *link);
void link_close(struct links *links, struct link *link);

/* Where to write what is to be sent in this turn. */
struct bytes *link_out(struct links *links, struct link *link);

/* Sends, waits for at most `wait_ns`, takes what has come, sends what that led to. True: something has come. */
bool links_turn(struct links *links, uint64_t wait_ns);

/* The same without waiting in it: looks once in `nap_ns`. So that a busy broker never has to wake this process up. */
bool links_turn_after_nap(struct links *links, uint64_t nap_ns);

#endif
