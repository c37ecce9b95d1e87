/* What a broker owes to whom: told what was sent, acknowledged, asked for, granted and received, it says what was lost,
 * doubled, out of order, or should not have come.
 *
 * A message is accepted at some time between its first sending and its acknowledgement; a subscription begins or ends
 * at some time between its packet and the answer. Who was surely subscribed all that time must get the message, who may
 * have been at some time may. */
#ifndef TESTS_MODEL_ORACLE_H
#define TESTS_MODEL_ORACLE_H

#include <stdbool.h>
#include <stdint.h>

/* Subscribers are clients; the last ones share a subscription and are one reader. */
enum {
    ORACLE_PUBLISHERS = 3,
    ORACLE_SINGLE = 4,
    ORACLE_MEMBERS = 3,
    ORACLE_SUBSCRIBERS = ORACLE_SINGLE + ORACLE_MEMBERS,
    ORACLE_GROUP = ORACLE_SINGLE,
    ORACLE_READERS = ORACLE_SINGLE + 1,
    ORACLE_TOPICS = 4,
    ORACLE_FILTERS = 5, /* the last is for all topics, each other one for the topic of its number */
    ORACLE_MESSAGES_MAX = 2000,
    ORACLE_READS_MAX = 40,
};

enum { NOT_GRANTED = -1 };

enum message_state {
    MESSAGE_OPEN,      /* may be accepted yet, perhaps once more */
    MESSAGE_ACCEPTED,  /* surely, and not again */
    MESSAGE_ABANDONED, /* may have been, and not again */
    MESSAGE_CANCELLED, /* was never published */
};

struct oracle_message {
    uint8_t publisher; /* ORACLE_PUBLISHERS: a will */
    uint8_t topic;
    uint8_t qos;
    bool is_retained;
    bool is_empty;  /* removes the retained one */
    bool is_mortal; /* may be dropped for its age */
    enum message_state state;
    uint64_t begin, end; /* between them it was accepted */
    int8_t low[ORACLE_READERS];
    int8_t high[ORACLE_READERS]; /* granted, while it could be accepted */
    uint8_t received[ORACLE_READERS];
};

/* What a client has for a filter: surely at least, possibly at most. */
struct oracle_grant {
    int8_t low, high;
    uint64_t since;
};

/* The retained messages for a new subscription, which may still come. */
struct oracle_read {
    uint8_t reader;
    uint8_t filter;
    uint8_t qos;
    bool is_granted;
    uint64_t begin;
    bool has[ORACLE_TOPICS];      /* got the one of this topic */
    uint32_t owed[ORACLE_TOPICS]; /* the message's number and one; 0: none for sure */
};

struct oracle {
    uint64_t now; /* counts what happens */
    struct oracle_message messages[ORACLE_MESSAGES_MAX];
    uint32_t count;
    struct oracle_grant granted[ORACLE_SUBSCRIBERS][ORACLE_FILTERS];
    struct oracle_read reads[ORACLE_READS_MAX];
    uint32_t read_count;
    uint32_t newest[ORACLE_READERS][ORACLE_PUBLISHERS][ORACLE_TOPICS][3][3];
};

void oracle_begin(struct oracle *oracle);

/* ---- messages ---- */

/* The number of the message; publisher, topic, QoS and what it is are given, the rest begins. */
uint32_t oracle_send(struct oracle *oracle, const struct oracle_message *message);
void oracle_accept(struct oracle *oracle, uint32_t number);
void oracle_abandon(struct oracle *oracle, uint32_t number); /* its publisher won't say how it ended */

/* It was not published until now; and it never was, nor will be (NULL, or what is wrong). */
void oracle_postpone(struct oracle *oracle, uint32_t number);
const char *oracle_cancel(struct oracle *oracle, uint32_t number);

/* Nothing is on its way: QoS 0 messages have been accepted or lost by now. */
void oracle_rest(struct oracle *oracle);

/* ---- subscriptions ---- */

/* A client asks for a QoS, or NOT_GRANTED to unsubscribe; and has the answer. */
void oracle_ask(struct oracle *oracle, uint8_t subscriber, uint8_t filter, int8_t qos);
void oracle_grant(struct oracle *oracle, uint8_t subscriber, uint8_t filter, int8_t qos);

/* The client's session has ended with its subscriptions, at some time after `since`. */
void oracle_forget(struct oracle *oracle, uint8_t subscriber, uint64_t since);

/* ---- what comes; each answers NULL or what is wrong ---- */

const char *oracle_receive(struct oracle *oracle, uint8_t reader, uint32_t number, uint8_t qos);

/* Nothing is on its way to this reader, who is connected. */
const char *oracle_check_reader(struct oracle *oracle, uint8_t reader);

/* At the end: all was settled. */
const char *oracle_check_end(const struct oracle *oracle);

/* ---- retained messages (oracle_retained.c) ---- */

bool oracle_may_read(const struct oracle *oracle);
void oracle_read_begin(struct oracle *oracle, uint8_t reader, uint8_t filter, uint8_t qos);
void oracle_read_granted(struct oracle *oracle, uint8_t reader, uint8_t filter);

/* The reader no longer wants those of a filter, or of any (ORACLE_FILTERS): they may come, but needn't. */
void oracle_read_unwanted(struct oracle *oracle, uint8_t reader, uint8_t filter);

/* The connection ended: what was not granted yet may never have been asked for. */
void oracle_read_interrupted(struct oracle *oracle, uint8_t reader);
void oracle_read_end(struct oracle *oracle, uint8_t reader); /* none comes any more */

/* A message was sent that may change what is retained. */
void oracle_retained_changes(struct oracle *oracle, uint8_t topic);
const char *oracle_receive_retained(struct oracle *oracle, uint8_t reader, uint32_t number, uint8_t qos);
const char *oracle_check_reads(struct oracle *oracle, uint8_t reader);

/* ---- inside ---- */

const char *oracle_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

static inline bool oracle_filter_has(uint8_t filter, uint8_t topic)
{
    return filter == ORACLE_TOPICS || filter == topic;
}

static inline uint8_t oracle_reader_of(uint8_t subscriber)
{
    return subscriber < ORACLE_SINGLE ? subscriber : ORACLE_GROUP;
}

#endif
