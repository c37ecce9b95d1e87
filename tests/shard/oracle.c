/* What a broker owes to whom. */
#include "shard/oracle.h"

#include "shard/demand.h"

#include <stdarg.h>
#include <string.h>

static char complaint_text[200];

static const char *complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

static const char *complain(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(complaint_text, sizeof complaint_text, format, arguments);
    va_end(arguments);
    return complaint_text;
}

void oracle_begin(struct oracle *oracle)
{
    memset(oracle, 0, sizeof *oracle);
    memset(oracle->granted, NOT_GRANTED, sizeof oracle->granted);
}

/* What a reader has for a topic now: the highest of its filters. */
static int8_t oracle_granted(const struct oracle *oracle, uint8_t reader, uint8_t topic)
{
    int8_t own = oracle->granted[reader][topic], all = oracle->granted[reader][ORACLE_TOPICS];
    return own > all ? own : all;
}

uint32_t oracle_send(struct oracle *oracle, uint8_t publisher, uint8_t topic, uint8_t qos, bool is_mortal)
{
    demand(oracle->count < ORACLE_MESSAGES_MAX, "too many messages");
    struct oracle_message *message = &oracle->messages[oracle->count];
    *message = (struct oracle_message){.publisher = publisher, .topic = topic, .qos = qos, .is_mortal = is_mortal};
    for (uint8_t reader = 0; reader < ORACLE_READERS; reader++)
        message->low[reader] = message->high[reader] = oracle_granted(oracle, reader, topic);
    return oracle->count++;
}

void oracle_accept(struct oracle *oracle, uint32_t number)
{
    oracle->messages[number].is_accepted = true;
}

void oracle_rest(struct oracle *oracle)
{
    for (uint32_t i = 0; i < oracle->count; i++) {
        if (oracle->messages[i].qos == 0)
            oracle->messages[i].is_accepted = true;
    }
}

void oracle_grant(struct oracle *oracle, uint8_t reader, uint8_t filter, int8_t qos)
{
    oracle->granted[reader][filter] = qos;
    for (uint32_t i = 0; i < oracle->count; i++) {
        struct oracle_message *message = &oracle->messages[i];
        if (message->is_accepted)
            continue;
        int8_t granted = oracle_granted(oracle, reader, message->topic);
        if (granted < message->low[reader])
            message->low[reader] = granted;
        if (granted > message->high[reader])
            message->high[reader] = granted;
    }
}

void oracle_forget(struct oracle *oracle, uint8_t reader)
{
    for (uint8_t filter = 0; filter < ORACLE_FILTERS; filter++)
        oracle_grant(oracle, reader, filter, NOT_GRANTED);
    for (uint32_t i = 0; i < oracle->count; i++)
        oracle->messages[i].low[reader] = NOT_GRANTED;
}

static bool is_possible(const struct oracle_message *message, uint8_t reader, uint8_t qos)
{
    int8_t most = message->high[reader] < message->qos ? message->high[reader] : (int8_t)message->qos;
    return (int8_t)qos <= most;
}

/* Once only, where QoS 1 is on no part of the way. */
static bool is_once(const struct oracle_message *message, uint8_t qos)
{
    return message->qos != 1 && qos != 1;
}

/* What may come twice from its publisher and be lost to the reader may be seen in its second order only. */
static bool is_ordered(const struct oracle *oracle, uint8_t reader, const struct oracle_message *message, uint8_t qos)
{
    bool has_second_order = message->qos == 1 && (qos == 0 || message->low[reader] < 1);
    return !oracle->is_group[reader] && !has_second_order;
}

const char *oracle_receive(struct oracle *oracle, uint8_t reader, uint32_t number, uint8_t qos)
{
    if (number >= oracle->count)
        return complain("reader %u got message %u, which nobody has sent", reader, number);
    struct oracle_message *message = &oracle->messages[number];
    if (!is_possible(message, reader, qos))
        return complain("reader %u got message %u with QoS %u, not more than %d was granted", reader, number, qos,
                        message->high[reader]);
    if (message->received[reader]++ > 0)
        return is_once(message, qos) ? complain("reader %u got message %u (QoS %u, sent with %u) twice", reader, number,
                                                qos, message->qos)
                                     : NULL;
    uint32_t *newest = &oracle->newest[reader][message->publisher][message->topic][message->qos][qos];
    if (number + 1 < *newest && is_ordered(oracle, reader, message, qos))
        return complain("reader %u got message %u after message %u", reader, number, *newest - 1);
    *newest = number + 1;
    return NULL;
}

const char *oracle_check(const struct oracle *oracle)
{
    for (uint32_t i = 0; i < oracle->count; i++) {
        const struct oracle_message *message = &oracle->messages[i];
        if (message->qos > 0 && !message->is_accepted)
            return complain("message %u was never acknowledged", i);
        for (uint8_t reader = 0; reader < ORACLE_READERS; reader++) {
            bool is_owed = message->qos > 0 && message->low[reader] > 0 && !message->is_mortal;
            if (is_owed && message->received[reader] == 0)
                return complain("message %u (QoS %u) was lost to reader %u", i, message->qos, reader);
        }
    }
    return NULL;
}
