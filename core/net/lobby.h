/* Where connections wait for their CONNECT while it is open which worker they belong to.
 *
 * An epoll set of our own: libev takes a descriptor out of its set only when it is closed, so a connection that was
 * handed over would go on waking the worker that let it in. With one worker nobody is handed over, and the lobby isn't
 * used. */
#ifndef NET_LOBBY_H
#define NET_LOBBY_H

#include "net/event.h"

#include <stdbool.h>

struct connection;
struct connections;

struct lobby {
    int descriptor; /* -1: not used */
    ev_io io;
};

/* False: errno says why. */
bool lobby_open(struct connections *connections);
void lobby_close(struct connections *connections);

/* False: there is no lobby, or the kernel refuses. */
bool lobby_enter(struct connection *connection);

/* Whether it was there. */
bool lobby_leave(struct connection *connection);

#endif
