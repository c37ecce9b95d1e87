/* A network connection as the broker's state sees it: from accept to close, with what CONNECT settled. The struct
 * behind gmq_client; net/ embeds it in its connection.
 *
 * States only go down the list. A client that is closing takes no packets and is sent nothing more; it is detached from
 * its session and freed at the end of the turn by net/, which calls client_gone() before. */
#ifndef BROKER_CLIENT_H
#define BROKER_CLIENT_H

#include "base/list.h"
#include "base/output.h"
#include "base/wheel.h"
#include "broker/bytes.h"
#include "broker/client_identifier.h"
#include "mqtt/frame.h"
#include "plugin/call.h"

struct session;
struct shard;
struct alias_in;
struct alias_out;

enum client_state {
    CLIENT_NEW,        /* nothing was received yet */
    CLIENT_CONNECTING, /* CONNECT is being handled */
    CLIENT_CONNECTED,  /* CONNACK with reason 0 was sent */
    CLIENT_CLOSING     /* the connection ends with this turn */
};

struct gmq_client {
    struct shard *shard;
    struct session *session;               /* or NULL */
    struct gmq_deferral *connect_deferral; /* under which its CONNECT waits, or NULL */
    struct gmq_deferral *deferral;         /* under which another packet waits, or NULL */
    struct output output;
    struct wheel_timer timer; /* connect timeout, then keep alive */
    struct list pump_link;
    uint64_t last_packet_ns;
    struct client_identifier *identifier; /* a reference; NULL before CONNECT */
    char *user_name;                      /* terminated; NULL: none */
    uint16_t user_name_length;
    uint8_t state;    /* enum client_state */
    uint8_t version;  /* 0 before CONNECT */
    bool is_attended; /* client_attention was called this turn */
    bool is_authenticated;
    bool has_authentication; /* CONNECT named a method */
    bool wants_problem_information;
    bool is_connack_sent;
    bool is_identifier_assigned;
    bool is_paused;           /* its packets wait for a deferred verdict */
    uint16_t unsettled;       /* packet identifier of the QoS 2 PUBLISH that is being handled, 0: none; see flow.h */
    uint16_t keep_alive;      /* seconds, 0: none */
    uint16_t receive_maximum; /* of the client: our window towards it */
    uint16_t receive_maximum_promised; /* to a 5.0 client: its window towards us */
    uint16_t topic_alias_maximum_in;
    uint16_t topic_alias_maximum_out;
    uint32_t maximum_packet_size;  /* that the client takes */
    uint32_t packet_size_promised; /* that a 5.0 client was told it may send; 0: the limit of the day counts */
    uint32_t listener;             /* number of the listener; see listener_index */
    uint32_t listener_index;       /* in the current generation's configuration, for conditions */
    const char *listener_name;
    struct alias_in *aliases_in;   /* NULL until used */
    struct alias_out *aliases_out; /* NULL until used */
    struct bytes *bytes;           /* plugins' bytes */
    char *authentication_method;   /* NULL: none */
};

/* Starts the connect timeout and runs the OPEN callbacks. The caller has cleared the struct and set the three listener
 * fields before (client_init_moved: and `bytes`); these are left alone. */
void client_init(struct gmq_client *client, struct shard *shard);

/* Without OPEN: for a connection that was handed over from another worker. */
void client_init_moved(struct gmq_client *client, struct shard *shard);

/* The longest packet that is taken from the client now: the limit, but never less than it was told. */
size_t client_packet_size_limit(const struct gmq_client *client);

/* What became of a packet. */
enum client_outcome {
    CLIENT_GOES_ON,
    CLIENT_PAUSED,   /* deferred: hand in no further packet until client_resume */
    CLIENT_ENDED,    /* it is closing: drop what else was read */
    CLIENT_HAND_OVER /* a first CONNECT whose session lives in another worker (*worker): nothing happened here */
};

/* Takes one complete packet. */
enum client_outcome client_packet(struct gmq_client *client, const struct frame *frame, uint32_t *worker);

/* The first byte of a packet that isn't whole yet. False, and closed: it is the first packet and won't be CONNECT, so
 * there is nothing to wait for. */
bool client_may_begin(struct gmq_client *client, uint8_t first_byte);

/* What is in the stream is no packet (bad remaining length), or one longer than limits.packet_size_bytes
 * (`is_too_large`). */
void client_bad_frame(struct gmq_client *client, bool is_too_large);

/* Begins to close: an MQTT 5.0 client that is connected gets DISCONNECT with `reason` unless that is 0. Idempotent.
 * `text` is for the log and, where the client wants it, the reason string; may be NULL. */
void client_close(struct gmq_client *client, gmq_reason reason, const char *text);

/* The peer closed, or an error of the socket: no DISCONNECT. */
void client_lost(struct gmq_client *client, const char *why);

/* A CONNACK with reason 0 is on its way: keep alive begins, and what waits in the session may go out. */
void client_connected(struct gmq_client *client);

/* Called once by net/ when the connection is about to be freed: CLOSE callbacks, will, session left behind. */
void client_gone(struct gmq_client *client);

/* The output has room again. */
void client_pump_soon(struct gmq_client *client);

static inline bool client_is_connected(const struct gmq_client *client)
{
    return client->state == CLIENT_CONNECTED;
}

static inline gmq_view client_identifier_view(const struct gmq_client *client)
{
    return client_identifier_text(client->identifier);
}

/* "client NAME (ADDRESS)" for the log. */
const char *client_log_subject(const struct gmq_client *client, char *text, size_t size);

/* One line that a packet of the client met a limit, at a bounded rate for each packet type. */
void client_log_limit(struct gmq_client *client, gmq_packet_type type, const char *limit);

/* Has something to flush, or is closing: net/ shall look at it at the end of the turn. */
void client_attention(struct gmq_client *client);

#endif
