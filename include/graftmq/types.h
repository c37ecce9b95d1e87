/* The words that every part of the plugin interface uses: views, packet types, verdicts, reason codes, results.
 *
 * Everything here is plain data. A view never owns what it points to; how long the bytes stay valid is said by the
 * function that returned it. */
#ifndef GRAFTMQ_TYPES_H
#define GRAFTMQ_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Marks what the broker exports to plugins, and what a plugin exports to the broker. Everything else is hidden. */
#define GMQ_EXPORT __attribute__((visibility("default")))

/* Bytes that belong to somebody else. `data` may be NULL when `length` is 0; it is not terminated by a zero. */
typedef struct gmq_view {
    const char *data;
    size_t length;
} gmq_view;

/* A view of a string literal. */
#define GMQ_VIEW(literal) gmq_view_make((literal), sizeof(literal) - 1)

static inline gmq_view gmq_view_make(const void *data, size_t length)
{
    gmq_view view = {(const char *)data, length};
    return view;
}

/* A view of a zero-terminated string; NULL gives the empty view. */
static inline gmq_view gmq_view_of(const char *text)
{
    return gmq_view_make(text, text != NULL ? strlen(text) : 0);
}

/* Both views hold the same bytes. */
static inline bool gmq_view_same(gmq_view left, gmq_view right)
{
    return left.length == right.length && (left.length == 0 || memcmp(left.data, right.data, left.length) == 0);
}

/* The view holds exactly the zero-terminated `text`. */
static inline bool gmq_view_equals(gmq_view view, const char *text)
{
    return gmq_view_same(view, gmq_view_of(text));
}

/* MQTT control packet types, numbered as on the wire (MQTT 5.0, 2.1.2). */
typedef enum gmq_packet_type {
    GMQ_CONNECT = 1,
    GMQ_CONNACK = 2,
    GMQ_PUBLISH = 3,
    GMQ_PUBACK = 4,
    GMQ_PUBREC = 5,
    GMQ_PUBREL = 6,
    GMQ_PUBCOMP = 7,
    GMQ_SUBSCRIBE = 8,
    GMQ_SUBACK = 9,
    GMQ_UNSUBSCRIBE = 10,
    GMQ_UNSUBACK = 11,
    GMQ_PINGREQ = 12,
    GMQ_PINGRESP = 13,
    GMQ_DISCONNECT = 14,
    GMQ_AUTH = 15
} gmq_packet_type;

/* Events in the life of the broker and its clients, for which a plugin can export a callback. */
typedef enum gmq_event {
    GMQ_EVENT_START,        /* the broker accepts connections; on worker 0, once per process */
    GMQ_EVENT_WORKER_START, /* on each worker, before it runs any other code of this loaded plugin */
    GMQ_EVENT_OPEN,         /* a connection was accepted, before its first byte is read */
    GMQ_EVENT_CLOSE,        /* a connection is about to be gone */
    GMQ_EVENT_SESSION_END,  /* a session is about to be discarded */
    GMQ_EVENT_TICK,         /* once per second, on each worker */
    GMQ_EVENT_RELOAD,       /* a new generation serves; on worker 0, in the new generation */
    GMQ_EVENT_WORKER_STOP,  /* on each worker, after it ran the last other code of this loaded plugin */
    GMQ_EVENT_STOP          /* the broker is about to end; on worker 0, once per process */
} gmq_event;

/* The way a packet goes. */
typedef enum gmq_direction {
    GMQ_INCOMING, /* sent by the client */
    GMQ_OUTGOING  /* about to be sent to the client */
} gmq_direction;

/* The protocol versions, numbered as in CONNECT. */
enum { GMQ_VERSION_3_1 = 3, GMQ_VERSION_3_1_1 = 4, GMQ_VERSION_5_0 = 5 };

/* What a handler answers. Don't build GMQ_REJECT, GMQ_CLOSE and GMQ_DEFER by hand: gmq_reject(), gmq_close() and
 * gmq_defer() record the reason and return them. */
typedef enum gmq_verdict {
    GMQ_NEXT = 0,   /* not mine, or not only mine: the next handler of the route gets the packet */
    GMQ_DONE = 1,   /* handled: no further handler sees it. An outgoing packet is suppressed */
    GMQ_REJECT = 2, /* refused: the broker answers with the reason code as the standard provides for this packet */
    GMQ_CLOSE = 3,  /* the connection is to be closed */
    GMQ_DEFER = 4   /* the verdict comes later, through gmq_resume() */
} gmq_verdict;

/* Results of functions that can fail. On anything but GMQ_OK nothing was changed. */
typedef enum gmq_status {
    GMQ_OK = 0,
    GMQ_ERROR_MEMORY = 1,      /* out of memory */
    GMQ_ERROR_ARGUMENT = 2,    /* an argument is outside of what the function allows */
    GMQ_ERROR_STATE = 3,       /* not possible at this moment, e.g. the client has no session */
    GMQ_ERROR_NOT_FOUND = 4,   /* there is no such client, session, subscription, property */
    GMQ_ERROR_LIMIT = 5,       /* a limit of the configuration or of the peer would be passed */
    GMQ_ERROR_UNSUPPORTED = 6, /* not possible for this packet type or protocol version */
    GMQ_ERROR_SYSTEM = 7       /* the operating system refused; errno says why */
} gmq_status;

/* MQTT 5.0 reason codes (2.4). Where one value has several names by packet, so it has here. */
typedef enum gmq_reason {
    GMQ_REASON_SUCCESS = 0x00,
    GMQ_REASON_NORMAL_DISCONNECTION = 0x00,
    GMQ_REASON_GRANTED_QOS_0 = 0x00,
    GMQ_REASON_GRANTED_QOS_1 = 0x01,
    GMQ_REASON_GRANTED_QOS_2 = 0x02,
    GMQ_REASON_DISCONNECT_WITH_WILL_MESSAGE = 0x04,
    GMQ_REASON_NO_MATCHING_SUBSCRIBERS = 0x10,
    GMQ_REASON_NO_SUBSCRIPTION_EXISTED = 0x11,
    GMQ_REASON_CONTINUE_AUTHENTICATION = 0x18,
    GMQ_REASON_RE_AUTHENTICATE = 0x19,
    GMQ_REASON_UNSPECIFIED_ERROR = 0x80,
    GMQ_REASON_MALFORMED_PACKET = 0x81,
    GMQ_REASON_PROTOCOL_ERROR = 0x82,
    GMQ_REASON_IMPLEMENTATION_SPECIFIC_ERROR = 0x83,
    GMQ_REASON_UNSUPPORTED_PROTOCOL_VERSION = 0x84,
    GMQ_REASON_CLIENT_IDENTIFIER_NOT_VALID = 0x85,
    GMQ_REASON_BAD_USER_NAME_OR_PASSWORD = 0x86,
    GMQ_REASON_NOT_AUTHORIZED = 0x87,
    GMQ_REASON_SERVER_UNAVAILABLE = 0x88,
    GMQ_REASON_SERVER_BUSY = 0x89,
    GMQ_REASON_BANNED = 0x8A,
    GMQ_REASON_SERVER_SHUTTING_DOWN = 0x8B,
    GMQ_REASON_BAD_AUTHENTICATION_METHOD = 0x8C,
    GMQ_REASON_KEEP_ALIVE_TIMEOUT = 0x8D,
    GMQ_REASON_SESSION_TAKEN_OVER = 0x8E,
    GMQ_REASON_TOPIC_FILTER_INVALID = 0x8F,
    GMQ_REASON_TOPIC_NAME_INVALID = 0x90,
    GMQ_REASON_PACKET_IDENTIFIER_IN_USE = 0x91,
    GMQ_REASON_PACKET_IDENTIFIER_NOT_FOUND = 0x92,
    GMQ_REASON_RECEIVE_MAXIMUM_EXCEEDED = 0x93,
    GMQ_REASON_TOPIC_ALIAS_INVALID = 0x94,
    GMQ_REASON_PACKET_TOO_LARGE = 0x95,
    GMQ_REASON_MESSAGE_RATE_TOO_HIGH = 0x96,
    GMQ_REASON_QUOTA_EXCEEDED = 0x97,
    GMQ_REASON_ADMINISTRATIVE_ACTION = 0x98,
    GMQ_REASON_PAYLOAD_FORMAT_INVALID = 0x99,
    GMQ_REASON_RETAIN_NOT_SUPPORTED = 0x9A,
    GMQ_REASON_QOS_NOT_SUPPORTED = 0x9B,
    GMQ_REASON_USE_ANOTHER_SERVER = 0x9C,
    GMQ_REASON_SERVER_MOVED = 0x9D,
    GMQ_REASON_SHARED_SUBSCRIPTIONS_NOT_SUPPORTED = 0x9E,
    GMQ_REASON_CONNECTION_RATE_EXCEEDED = 0x9F,
    GMQ_REASON_MAXIMUM_CONNECT_TIME = 0xA0,
    GMQ_REASON_SUBSCRIPTION_IDENTIFIERS_NOT_SUPPORTED = 0xA1,
    GMQ_REASON_WILDCARD_SUBSCRIPTIONS_NOT_SUPPORTED = 0xA2
} gmq_reason;

/* MQTT 5.0 properties by identifier (2.2.2.2). */
typedef enum gmq_property {
    GMQ_PROPERTY_PAYLOAD_FORMAT_INDICATOR = 0x01,
    GMQ_PROPERTY_MESSAGE_EXPIRY_INTERVAL = 0x02,
    GMQ_PROPERTY_CONTENT_TYPE = 0x03,
    GMQ_PROPERTY_RESPONSE_TOPIC = 0x08,
    GMQ_PROPERTY_CORRELATION_DATA = 0x09,
    GMQ_PROPERTY_SUBSCRIPTION_IDENTIFIER = 0x0B,
    GMQ_PROPERTY_SESSION_EXPIRY_INTERVAL = 0x11,
    GMQ_PROPERTY_ASSIGNED_CLIENT_IDENTIFIER = 0x12,
    GMQ_PROPERTY_SERVER_KEEP_ALIVE = 0x13,
    GMQ_PROPERTY_AUTHENTICATION_METHOD = 0x15,
    GMQ_PROPERTY_AUTHENTICATION_DATA = 0x16,
    GMQ_PROPERTY_REQUEST_PROBLEM_INFORMATION = 0x17,
    GMQ_PROPERTY_WILL_DELAY_INTERVAL = 0x18,
    GMQ_PROPERTY_REQUEST_RESPONSE_INFORMATION = 0x19,
    GMQ_PROPERTY_RESPONSE_INFORMATION = 0x1A,
    GMQ_PROPERTY_SERVER_REFERENCE = 0x1C,
    GMQ_PROPERTY_REASON_STRING = 0x1F,
    GMQ_PROPERTY_RECEIVE_MAXIMUM = 0x21,
    GMQ_PROPERTY_TOPIC_ALIAS_MAXIMUM = 0x22,
    GMQ_PROPERTY_TOPIC_ALIAS = 0x23,
    GMQ_PROPERTY_MAXIMUM_QOS = 0x24,
    GMQ_PROPERTY_RETAIN_AVAILABLE = 0x25,
    GMQ_PROPERTY_USER_PROPERTY = 0x26,
    GMQ_PROPERTY_MAXIMUM_PACKET_SIZE = 0x27,
    GMQ_PROPERTY_WILDCARD_SUBSCRIPTION_AVAILABLE = 0x28,
    GMQ_PROPERTY_SUBSCRIPTION_IDENTIFIER_AVAILABLE = 0x29,
    GMQ_PROPERTY_SHARED_SUBSCRIPTION_AVAILABLE = 0x2A
} gmq_property;

/* Log levels, most severe first. */
typedef enum gmq_log_level {
    GMQ_LOG_ERROR,
    GMQ_LOG_WARNING,
    GMQ_LOG_NOTICE,
    GMQ_LOG_INFO,
    GMQ_LOG_DEBUG
} gmq_log_level;

/* Handed to plugins, laid out nowhere that a plugin can see. */
typedef struct gmq_call gmq_call;         /* one invocation of a handler or callback */
typedef struct gmq_client gmq_client;     /* a network connection */
typedef struct gmq_plugin gmq_plugin;     /* this loaded plugin, as the broker sees it */
typedef struct gmq_settings gmq_settings; /* an object of the configuration file */
typedef struct gmq_deferral gmq_deferral; /* a verdict that is still to come */
typedef struct gmq_timer gmq_timer;
typedef struct gmq_watch gmq_watch;

/* Decoded packets. Each may be cast to gmq_packet, which the functions for all types take. */
typedef struct gmq_packet gmq_packet;
typedef struct gmq_connect gmq_connect;
typedef struct gmq_connack gmq_connack;
typedef struct gmq_publish gmq_publish;
typedef struct gmq_puback gmq_puback;
typedef struct gmq_pubrec gmq_pubrec;
typedef struct gmq_pubrel gmq_pubrel;
typedef struct gmq_pubcomp gmq_pubcomp;
typedef struct gmq_subscribe gmq_subscribe;
typedef struct gmq_suback gmq_suback;
typedef struct gmq_unsubscribe gmq_unsubscribe;
typedef struct gmq_unsuback gmq_unsuback;
typedef struct gmq_pingreq gmq_pingreq;
typedef struct gmq_pingresp gmq_pingresp;
typedef struct gmq_disconnect gmq_disconnect;
typedef struct gmq_auth gmq_auth;

#define GMQ_PACKET(packet) ((gmq_packet *)(packet))

#ifdef __cplusplus
}
#endif

#endif
