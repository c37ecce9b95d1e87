/* What a broker owes to whom. */
#include "model/oracle.h"

#include "shard/demand.h"

#include <stdarg.h>
#include <string.h>

static char complaint_text[200];

const char *oracle_complain(const char *format, ...)
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
    for (int subscriber = 0; subscriber < ORACLE_SUBSCRIBERS; subscriber++) {
        for (int filter = 0; filter < ORACLE_FILTERS; filter++)
            oracle->granted[subscriber][filter] = (struct oracle_grant){.low = NOT_GRANTED, .high = NOT_GRANTED};
    }
}

/* ---- what is granted ---- */

/* What a reader has for a topic: the highest of its filters, and of its members. */
static struct oracle_grant oracle_granted(const struct oracle *oracle, uint8_t reader, uint8_t topic)
{
    struct oracle_grant all = {.low = NOT_GRANTED, .high = NOT_GRANTED};
    for (uint8_t subscriber = 0; subscriber < ORACLE_SUBSCRIBERS; subscriber++) {
        for (uint8_t filter = 0; filter < ORACLE_FILTERS; filter++) {
            const struct oracle_grant *one = &oracle->granted[subscriber][filter];
            if (oracle_reader_of(subscriber) != reader || !oracle_filter_has(filter, topic))
                continue;
            all.low = one->low > all.low ? one->low : all.low;
            all.high = one->high > all.high ? one->high : all.high;
        }
    }
    return all;
}

/* What can still be accepted may be so under what is granted now. */
static void oracle_widen(struct oracle *oracle, uint8_t reader)
{
    for (uint32_t i = 0; i < oracle->count; i++) {
        struct oracle_message *message = &oracle->messages[i];
        if (message->state != MESSAGE_OPEN)
            continue;
        struct oracle_grant granted = oracle_granted(oracle, reader, message->topic);
        if (granted.low < message->low[reader])
            message->low[reader] = granted.low;
        if (granted.high > message->high[reader])
            message->high[reader] = granted.high;
    }
}

void oracle_ask(struct oracle *oracle, uint8_t subscriber, uint8_t filter, int8_t qos)
{
    struct oracle_grant *grant = &oracle->granted[subscriber][filter];
    oracle->now++;
    grant->low = qos < grant->low ? qos : grant->low;
    grant->high = qos > grant->high ? qos : grant->high;
    oracle_widen(oracle, oracle_reader_of(subscriber));
}

void oracle_grant(struct oracle *oracle, uint8_t subscriber, uint8_t filter, int8_t qos)
{
    struct oracle_grant *grant = &oracle->granted[subscriber][filter];
    bool has_been = grant->low != NOT_GRANTED;
    *grant = (struct oracle_grant){.low = qos, .high = qos, .since = has_been ? grant->since : ++oracle->now};
    oracle_widen(oracle, oracle_reader_of(subscriber));
}

/* Whether another member was there all the time, to whom messages could be given. */
static bool oracle_has_heir(const struct oracle *oracle, uint8_t subscriber, uint64_t since)
{
    for (uint8_t other = ORACLE_SINGLE; other < ORACLE_SUBSCRIBERS; other++) {
        const struct oracle_grant *grant = &oracle->granted[other][ORACLE_TOPICS];
        if (other != subscriber && grant->low != NOT_GRANTED && grant->since < since)
            return true;
    }
    return false;
}

/* A shared message that was sent with QoS 2 must not be given to another member [MQTT-4.8.2-5]. */
static void oracle_inherit(struct oracle *oracle, uint8_t reader, bool has_heir)
{
    for (uint32_t i = 0; i < oracle->count; i++) {
        if (!has_heir || oracle->messages[i].qos == 2)
            oracle->messages[i].low[reader] = NOT_GRANTED;
    }
}

void oracle_forget(struct oracle *oracle, uint8_t subscriber, uint64_t since)
{
    uint8_t reader = oracle_reader_of(subscriber);
    struct oracle_grant shared = oracle->granted[subscriber][ORACLE_TOPICS];
    oracle->now++;
    for (uint8_t filter = 0; filter < ORACLE_FILTERS; filter++)
        oracle->granted[subscriber][filter] = (struct oracle_grant){.low = NOT_GRANTED, .high = NOT_GRANTED};
    if (reader == ORACLE_GROUP) {
        /* What it had when it unsubscribed belongs to no group any more. */
        bool is_member = shared.low != NOT_GRANTED, may_have_some = shared.high != NOT_GRANTED || shared.since != 0;
        if (may_have_some)
            oracle_inherit(oracle, reader, is_member && oracle_has_heir(oracle, subscriber, since));
        oracle_widen(oracle, reader);
        return;
    }
    for (uint32_t i = 0; i < oracle->count; i++)
        oracle->messages[i].low[reader] = oracle->messages[i].high[reader] = NOT_GRANTED;
    oracle_read_end(oracle, reader);
}

/* ---- messages ---- */

static void message_open(struct oracle *oracle, struct oracle_message *message)
{
    message->state = MESSAGE_OPEN;
    message->begin = ++oracle->now;
    for (uint8_t reader = 0; reader < ORACLE_READERS; reader++) {
        struct oracle_grant granted = oracle_granted(oracle, reader, message->topic);
        message->low[reader] = granted.low;
        message->high[reader] = granted.high;
    }
    if (message->is_retained)
        oracle_retained_changes(oracle, message->topic);
}

uint32_t oracle_send(struct oracle *oracle, const struct oracle_message *message)
{
    demand(oracle->count < ORACLE_MESSAGES_MAX, "too many messages");
    struct oracle_message *own = &oracle->messages[oracle->count];
    *own = *message;
    message_open(oracle, own);
    return oracle->count++;
}

static void message_end(struct oracle *oracle, struct oracle_message *message, enum message_state state)
{
    if (message->state != MESSAGE_OPEN)
        return;
    message->state = state;
    message->end = ++oracle->now;
}

void oracle_accept(struct oracle *oracle, uint32_t number)
{
    message_end(oracle, &oracle->messages[number], MESSAGE_ACCEPTED);
}

void oracle_abandon(struct oracle *oracle, uint32_t number)
{
    struct oracle_message *message = &oracle->messages[number];
    message_end(oracle, message, MESSAGE_ABANDONED);
    memset(message->low, NOT_GRANTED, sizeof message->low);
}

static bool message_was_received(const struct oracle_message *message)
{
    bool was_received = false;
    for (uint8_t reader = 0; reader < ORACLE_READERS; reader++)
        was_received = was_received || message->received[reader] > 0;
    return was_received;
}

void oracle_postpone(struct oracle *oracle, uint32_t number)
{
    struct oracle_message *message = &oracle->messages[number];
    demand(!message_was_received(message), "will %u was published while its client was connected", number);
    message_open(oracle, message);
}

const char *oracle_cancel(struct oracle *oracle, uint32_t number)
{
    struct oracle_message *message = &oracle->messages[number];
    message_end(oracle, message, MESSAGE_CANCELLED);
    memset(message->low, NOT_GRANTED, sizeof message->low);
    memset(message->high, NOT_GRANTED, sizeof message->high);
    return message_was_received(message) ? oracle_complain("will %u was published, though it was taken back", number)
                                         : NULL;
}

void oracle_rest(struct oracle *oracle)
{
    for (uint32_t i = 0; i < oracle->count; i++) {
        if (oracle->messages[i].qos == 0 && oracle->messages[i].publisher < ORACLE_PUBLISHERS)
            message_end(oracle, &oracle->messages[i], MESSAGE_ABANDONED);
    }
}

/* ---- what comes ---- */

static const char *check_qos(const struct oracle_message *message, uint8_t reader, uint32_t number, uint8_t qos)
{
    int8_t most = message->high[reader] < message->qos ? message->high[reader] : (int8_t)message->qos;
    int8_t least = message->low[reader] < message->qos ? message->low[reader] : (int8_t)message->qos;
    if (message->high[reader] == NOT_GRANTED)
        return oracle_complain("reader %u got message %u (QoS %u), which it had no subscription for", reader, number,
                               qos);
    if ((int8_t)qos > most || (int8_t)qos < least)
        return oracle_complain("reader %u got message %u (sent with QoS %u) with QoS %u; %d to %d was granted", reader,
                               number, message->qos, qos, message->low[reader], message->high[reader]);
    return NULL;
}

/* Once only, where QoS 1 is on no part of the way. */
static bool is_once(const struct oracle_message *message, uint8_t qos)
{
    return message->qos != 1 && qos != 1;
}

/* What may come twice from its publisher and be lost to the reader may be seen in its second order only. */
static bool is_ordered(uint8_t reader, const struct oracle_message *message, uint8_t qos)
{
    bool may_be_lost = qos == 0 || message->low[reader] < 1 || message->is_mortal;
    bool has_second_order = message->qos == 1 && may_be_lost;
    return reader != ORACLE_GROUP && message->publisher < ORACLE_PUBLISHERS && !has_second_order;
}

static const char *check_order(struct oracle *oracle, uint8_t reader, uint32_t number, uint8_t qos)
{
    const struct oracle_message *message = &oracle->messages[number];
    if (!is_ordered(reader, message, qos))
        return NULL;
    uint32_t *newest = &oracle->newest[reader][message->publisher][message->topic][message->qos][qos];
    if (number + 1 < *newest)
        return oracle_complain("reader %u got message %u after message %u", reader, number, *newest - 1);
    *newest = number + 1;
    return NULL;
}

const char *oracle_receive(struct oracle *oracle, uint8_t reader, uint32_t number, uint8_t qos)
{
    if (number >= oracle->count)
        return oracle_complain("reader %u got message %u, which nobody has sent", reader, number);
    struct oracle_message *message = &oracle->messages[number];
    const char *complaint = check_qos(message, reader, number, qos);
    if (complaint != NULL)
        return complaint;
    if (message->received[reader]++ == 0)
        return check_order(oracle, reader, number, qos);
    return is_once(message, qos) ? oracle_complain("reader %u got message %u (QoS %u, sent with %u) twice", reader,
                                                   number, qos, message->qos)
                                 : NULL;
}

const char *oracle_check_reader(struct oracle *oracle, uint8_t reader)
{
    for (uint32_t i = 0; i < oracle->count; i++) {
        const struct oracle_message *message = &oracle->messages[i];
        bool is_owed = message->state == MESSAGE_ACCEPTED && message->qos > 0 && message->low[reader] > 0 &&
                       !message->is_mortal && !message->is_empty;
        if (is_owed && message->received[reader] == 0)
            return oracle_complain("message %u (QoS %u) was lost to reader %u", i, message->qos, reader);
    }
    return oracle_check_reads(oracle, reader);
}

const char *oracle_check_end(const struct oracle *oracle)
{
    for (uint32_t i = 0; i < oracle->count; i++) {
        if (oracle->messages[i].state == MESSAGE_OPEN)
            return oracle_complain("message %u was never acknowledged", i);
    }
    return NULL;
}
