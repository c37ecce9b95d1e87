/* What the broker and the process of an isolated plugin say to each other.
 *
 * Three kinds of sockets, all of them streams of messages. The control channel: the broker's supervisor tells the
 * process to load the plugin and to end. The request channel: what a plugin may ask on any thread, one question at a
 * time. A lane for each worker: packets, events and their verdicts, and what a handler does on the broker's state; on
 * the process's side each lane has a thread, as each worker has.
 *
 * A message is a header and fields (base/record.h). Both sides are of one build, which the first message says; so the
 * fields need no version of their own. */
#ifndef ISOLATE_MESSAGE_H
#define ISOLATE_MESSAGE_H

#include "base/record.h"

enum {
    MESSAGE_PROTOCOL = 1,         /* raised when a message changes its meaning */
    MESSAGE_SIZE_MAX = 536870912, /* a longer one is no message: the longest packet, and as much again */
    MESSAGE_CONTROL_DESCRIPTOR = 3
};

struct message_header {
    uint32_t length; /* of the whole message */
    uint16_t kind;
    uint16_t spare;
    uint64_t id; /* of a call or a request; 0: none */
};

enum message_kind {
    /* Control, to the process and back. */
    MESSAGE_BEGIN,  /* with it the sockets: requests, then a lane for each worker that the process serves */
    MESSAGE_HELLO,  /* back: protocol, plugin interface, name, version, records; or why there is no plugin */
    MESSAGE_LOAD,   /* run the load function, and begin to serve the lanes */
    MESSAGE_LOADED, /* back: the gmq_status */
    MESSAGE_UNLOAD, /* when all lanes are closed: run the unload function, and end */

    /* Requests, from the process, on any thread. */
    MESSAGE_LOG,
    MESSAGE_PLUGIN_BYTES,
    MESSAGE_SET_PLUGIN_BYTES,
    MESSAGE_DISCONNECT_CLIENT,
    MESSAGE_POST_TO_CLIENT,

    /* Lanes, to the process. */
    MESSAGE_ARGUMENTS, /* JSON that later messages name by its id */
    MESSAGE_CALL,      /* a packet for a handler: answered by VERDICT, or PUT_OFF and later VERDICT */
    MESSAGE_CALLBACK,  /* an event: answered by DONE */
    MESSAGE_POSTED,    /* a posted function on the client that it named: answered by DONE */
    MESSAGE_REPLY,     /* to what follows */

    /* Lanes, from the process. */
    MESSAGE_VERDICT,
    MESSAGE_PUT_OFF,
    MESSAGE_DONE,
    MESSAGE_REQUEST, /* an operation, answered by REPLY */
    MESSAGE_COMMAND, /* an operation, not answered */
    MESSAGE_RESUME   /* gives the verdict of a call that another process has deferred */
};

/* What a handler does on the broker's state. */
enum operation {
    OPERATION_SEND,
    OPERATION_DELIVER,
    OPERATION_RETAIN,
    OPERATION_ACKNOWLEDGE,
    OPERATION_SESSION_OPEN,
    OPERATION_SESSION_EXPIRY,
    OPERATION_DISCARD_WILL,
    OPERATION_CONNACK_FOR,
    OPERATION_SUBSCRIBE,
    OPERATION_DELIVER_RETAINED,
    OPERATION_UNSUBSCRIBE,
    OPERATION_FLOW,
    OPERATION_CLOSE_CLIENT,
    OPERATION_SET_AUTHENTICATED,
    OPERATION_SET_CLIENT_BYTES,
    OPERATION_SET_SESSION_BYTES,
    OPERATION_PEER_ADDRESS,
    OPERATION_CLIENT_DEFERRAL,
    OPERATION_IS_WAITING, /* whether the deferred call still waits for its verdict */
    OPERATIONS
};

/* What a client is at the moment, as bits: with each call, and with each reply. */
enum { CLIENT_IS_THERE = 1, CLIENT_IS_CONNECTED = 2, CLIENT_IS_AUTHENTICATED = 4, CLIENT_HAS_SESSION = 8 };

/* How a packet comes along in an operation. */
enum { PACKET_OF_CALL, PACKET_OWN };

/* The number of a call: a bit that makes it no address, the worker, a serial number, the slot in the worker's table. It
 * is given once in the broker's life. */
#define MESSAGE_CALL_MARK (UINT64_C(1) << 62)
enum { MESSAGE_CALL_WORKER_SHIFT = 54, MESSAGE_CALL_SERIAL_SHIFT = 20, MESSAGE_CALL_SLOTS = 1 << 20 };

static inline bool message_is_call(uint64_t id)
{
    return id >> 62 == 1;
}

static inline uint32_t message_worker_of(uint64_t id)
{
    return (uint32_t)(id >> MESSAGE_CALL_WORKER_SHIFT & 0xFF);
}

/* Begins a message at the end of the buffer, and completes the one that began there. */
static inline size_t message_begin(struct buffer *out, enum message_kind kind, uint64_t id)
{
    size_t begin = out->length;
    struct message_header header = {.kind = (uint16_t)kind, .id = id};
    buffer_append(out, &header, sizeof header);
    return begin;
}

static inline void message_end(struct buffer *out, size_t begin)
{
    if (out->is_failed)
        return;
    uint32_t length = (uint32_t)(out->length - begin);
    memcpy(out->bytes + begin, &length, sizeof length);
}

/* The message at the beginning of `length` bytes. False: it isn't all there yet, or (*is_bad) is none. */
static inline bool message_peek(const uint8_t *bytes, size_t length, struct message_header *header, bool *is_bad)
{
    if (length < sizeof *header)
        return false;
    memcpy(header, bytes, sizeof *header);
    if (header->length < sizeof *header || header->length > MESSAGE_SIZE_MAX) {
        *is_bad = true;
        return false;
    }
    return header->length <= length;
}

static inline struct record_reader message_reader(const uint8_t *bytes, const struct message_header *header)
{
    return record_reader_make(bytes + sizeof *header, header->length - sizeof *header);
}

/* Writes all of it to a blocking or non-blocking socket; waits where it is full, at most `limit_ms` (-1: for ever). */
bool message_write(int descriptor, const struct buffer *out, int limit_ms);

/* Reads one message into the buffer, which it clears before. False: the other side has gone, or sent none. */
bool message_read(int descriptor, struct buffer *in, struct message_header *header);

#endif
