/* What a broker owes to whom: told what was sent, acknowledged, granted and received, it says what was lost, doubled or
 * out of order. A message is accepted at some time between its first sending and its acknowledgement; who was
 * subscribed all that time must get it, who was at some time may. */
#ifndef TESTS_SHARD_ORACLE_H
#define TESTS_SHARD_ORACLE_H

#include <stdbool.h>
#include <stdint.h>

enum { ORACLE_MESSAGES_MAX = 2000, ORACLE_READERS = 6, ORACLE_PUBLISHERS = 3, ORACLE_TOPICS = 4, ORACLE_FILTERS = 5 };

/* Filter number ORACLE_TOPICS is for all topics, each other one for the topic of its number. */
enum { NOT_GRANTED = -1 };

struct oracle_message {
    uint8_t publisher;
    uint8_t topic;
    uint8_t qos;
    bool is_mortal;   /* may be dropped for its age */
    bool is_accepted; /* acknowledged */
    int8_t low[ORACLE_READERS];
    int8_t high[ORACLE_READERS]; /* granted, while it could be accepted */
    uint8_t received[ORACLE_READERS];
};

struct oracle {
    struct oracle_message messages[ORACLE_MESSAGES_MAX];
    uint32_t count;
    int8_t granted[ORACLE_READERS][ORACLE_FILTERS];
    bool is_group[ORACLE_READERS]; /* several clients that share: no order among them */
    uint32_t newest[ORACLE_READERS][ORACLE_PUBLISHERS][ORACLE_TOPICS][3][3];
};

void oracle_begin(struct oracle *oracle);

/* The number of the message. */
uint32_t oracle_send(struct oracle *oracle, uint8_t publisher, uint8_t topic, uint8_t qos, bool is_mortal);
void oracle_accept(struct oracle *oracle, uint32_t number);

/* Nothing is on its way: what has no acknowledgement has been accepted or lost by now. */
void oracle_rest(struct oracle *oracle);

void oracle_grant(struct oracle *oracle, uint8_t reader, uint8_t filter, int8_t qos);

/* The reader's session has ended, with its subscriptions. */
void oracle_forget(struct oracle *oracle, uint8_t reader);

/* Each answers NULL or what is wrong. */
const char *oracle_receive(struct oracle *oracle, uint8_t reader, uint32_t number, uint8_t qos);
const char *oracle_check(const struct oracle *oracle);

#endif
