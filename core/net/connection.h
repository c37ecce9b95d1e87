/* One network connection: its socket, the bytes that were read ahead, and the client that it is for the broker.
 *
 * It is freed at one place, the end of the turn, after client_gone(). Worker's thread only. */
#ifndef NET_CONNECTION_H
#define NET_CONNECTION_H

#include "broker/client.h"
#include "net/connections.h"
#include "net/stash.h"

struct connection {
    struct gmq_client client; /* first: a client is cast to its connection */
    ev_io io;
    struct connections *owner;
    struct listener *listener; /* a reference */
    struct list link;
    struct list attention_link;
    struct list resume_link;
    struct stash stash;     /* read but not yet handed in */
    bool is_in_lobby;       /* waits for its CONNECT there, not in the loop */
    bool is_paused;         /* a packet waits for its verdict */
    bool is_at_end;         /* the peer has closed its side while the client was paused */
    bool is_broken;         /* nothing can be written any more */
    bool is_peer_gone;      /* nothing more will be read */
    bool is_last_word_sent; /* something was written in the turn of the end: it must arrive */
};

static inline struct connection *connection_of(struct gmq_client *client)
{
    return (struct connection *)(void *)client;
}

/* What was read has to wait: for a verdict, or for the end of the turn in which that came. */
static inline bool connection_waits(const struct connection *connection)
{
    return connection->is_paused || !list_is_empty(&connection->resume_link);
}

/* A connection with its listener, but not yet a client: client_init or client_init_moved is next, then
 * connection_start. Takes over the descriptor and the caller's reference of the listener if it doesn't answer NULL
 * (memory is out). */
struct connection *connection_new(struct connections *owner, int descriptor, struct listener *listener);

/* Begins to read. */
void connection_start(struct connection *connection);

/* Frees what isn't the client's; the descriptor stays open if `keeps_descriptor`, as does the reference of the
 * listener. */
void connection_free(struct connection *connection, bool keeps_descriptor);

/* The end of a closing connection: the client goes, the last bytes are given time. Frees it. */
void connection_end(struct connection *connection);

/* The ways of struct shard_ways. */
void connection_attention(struct gmq_client *client);
void connection_pause(struct gmq_client *client);
void connection_resume(struct gmq_client *client);
const char *connection_peer(const struct gmq_client *client, char *text, size_t size);

/* The events that it wants now, from its state. */
void connection_watch(struct connection *connection);

/* inflow.c: the socket can be read; and going on with what was read before. */
void inflow_read(struct connection *connection);
void inflow_resume(struct connection *connection);

/* Takes bytes as if they had just been read. */
void inflow_take(struct connection *connection, const uint8_t *bytes, size_t length);

/* outflow.c: writes what is pending, as far as the socket takes it. */
void outflow_flush(struct connection *connection);

/* The same for any socket, within a budget. OUTFLOW_FAILED: errno says why. */
enum outflow_result { OUTFLOW_DONE, OUTFLOW_PENDING, OUTFLOW_FAILED };
enum outflow_result outflow_write(int descriptor, struct output *output, struct output_pool *pool);

/* hand_over.c: moves the connection to another worker, with `bytes`, which begin with its CONNECT. Frees it here.
 * False: memory is out, nothing has changed. */
bool hand_over_send(struct connection *connection, uint32_t worker, const uint8_t *bytes, size_t length);

/* lingering.c: takes over the descriptor and the pending output of a connection whose client goes. False: memory is
 * out. */
bool lingering_start(struct connection *connection);
void lingering_drop_all(struct connections *connections);

/* acceptor.c */
void acceptor_attach(struct connections *connections, struct acceptor *acceptor, uint32_t listener_index);
void acceptor_detach(struct acceptor *acceptor);

#endif
