/* Which retained messages a new subscription must bring, and which it must not.
 *
 * Of each topic the last message that was retained is stored. As a message is accepted at some time between its begin
 * and its end, only one that began after another one's end has surely taken its place. */
#include "model/oracle.h"

#include <string.h>

static bool is_write(const struct oracle_message *message, uint8_t topic)
{
    return message->is_retained && message->topic == topic && message->state != MESSAGE_CANCELLED;
}

/* Whether another message has surely taken the place of what was accepted before `end`, itself before `begin`. */
static bool is_replaced(const struct oracle *oracle, uint8_t topic, uint64_t end, uint64_t begin)
{
    for (uint32_t i = 0; i < oracle->count; i++) {
        const struct oracle_message *other = &oracle->messages[i];
        if (is_write(other, topic) && other->state == MESSAGE_ACCEPTED && other->begin > end && other->end < begin)
            return true;
    }
    return false;
}

static bool may_be_stored(const struct oracle *oracle, const struct oracle_message *message, uint64_t begin)
{
    if (!is_write(message, message->topic))
        return false;
    return message->state == MESSAGE_OPEN || !is_replaced(oracle, message->topic, message->end, begin);
}

/* The number, and one, of the message that is stored for a topic; 0: that isn't sure, or none is. */
static uint32_t surely_stored(const struct oracle *oracle, uint8_t topic)
{
    uint32_t found = 0;
    if (!is_replaced(oracle, topic, 0, UINT64_MAX))
        return 0;
    for (uint32_t i = 0; i < oracle->count; i++) {
        const struct oracle_message *message = &oracle->messages[i];
        if (!is_write(message, topic) || !may_be_stored(oracle, message, UINT64_MAX))
            continue;
        if (found != 0 || message->state != MESSAGE_ACCEPTED || message->is_empty || message->is_mortal)
            return 0;
        found = i + 1;
    }
    return found;
}

bool oracle_may_read(const struct oracle *oracle)
{
    return oracle->read_count < ORACLE_READS_MAX;
}

void oracle_read_begin(struct oracle *oracle, uint8_t reader, uint8_t filter, uint8_t qos)
{
    struct oracle_read *read = &oracle->reads[oracle->read_count++];
    *read = (struct oracle_read){.reader = reader, .filter = filter, .qos = qos, .begin = ++oracle->now};
    for (uint8_t topic = 0; topic < ORACLE_TOPICS; topic++) {
        if (!oracle_filter_has(filter, topic))
            continue;
        uint32_t found = surely_stored(oracle, topic);
        if (found != 0 && qos > 0 && oracle->messages[found - 1].qos > 0)
            read->owed[topic] = found;
    }
}

void oracle_read_granted(struct oracle *oracle, uint8_t reader, uint8_t filter)
{
    for (uint32_t i = 0; i < oracle->read_count; i++) {
        struct oracle_read *read = &oracle->reads[i];
        if (read->reader != reader || read->filter != filter || read->is_granted)
            continue;
        read->is_granted = true;
        return;
    }
}

void oracle_read_unwanted(struct oracle *oracle, uint8_t reader, uint8_t filter)
{
    for (uint32_t i = 0; i < oracle->read_count; i++) {
        struct oracle_read *read = &oracle->reads[i];
        if (read->reader == reader && (filter == ORACLE_FILTERS || read->filter == filter))
            memset(read->owed, 0, sizeof read->owed);
    }
}

void oracle_read_interrupted(struct oracle *oracle, uint8_t reader)
{
    for (uint32_t i = 0; i < oracle->read_count; i++) {
        struct oracle_read *read = &oracle->reads[i];
        if (read->reader != reader || read->is_granted)
            continue;
        memset(read->owed, 0, sizeof read->owed);
        read->is_granted = true; /* another one's answer is not for it */
    }
}

void oracle_read_end(struct oracle *oracle, uint8_t reader)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < oracle->read_count; i++) {
        if (oracle->reads[i].reader != reader)
            oracle->reads[kept++] = oracle->reads[i];
    }
    oracle->read_count = kept;
}

void oracle_retained_changes(struct oracle *oracle, uint8_t topic)
{
    for (uint32_t i = 0; i < oracle->read_count; i++)
        oracle->reads[i].owed[topic] = 0;
}

static bool read_fits(const struct oracle *oracle, const struct oracle_read *read, const struct oracle_message *message,
                      uint8_t qos)
{
    return oracle_filter_has(read->filter, message->topic) &&
           qos == (read->qos < message->qos ? read->qos : message->qos) && may_be_stored(oracle, message, read->begin);
}

/* The read that it answers: one that it is owed to before one that may have it. A message of QoS 1 may come again. */
static struct oracle_read *read_find(struct oracle *oracle, uint8_t reader, uint32_t number, uint8_t qos)
{
    const struct oracle_message *message = &oracle->messages[number];
    struct oracle_read *found = NULL;
    for (uint32_t i = 0; i < oracle->read_count; i++) {
        struct oracle_read *read = &oracle->reads[i];
        if (read->reader != reader || !read_fits(oracle, read, message, qos))
            continue;
        if (read->owed[message->topic] == number + 1)
            return read;
        if (found == NULL || found->has[message->topic])
            found = read;
    }
    return found;
}

const char *oracle_receive_retained(struct oracle *oracle, uint8_t reader, uint32_t number, uint8_t qos)
{
    if (number >= oracle->count)
        return oracle_complain("reader %u got retained message %u, which nobody has sent", reader, number);
    uint8_t topic = oracle->messages[number].topic;
    struct oracle_read *read = read_find(oracle, reader, number, qos);
    if (read == NULL)
        return oracle_complain(
            "reader %u got message %u as a retained one of QoS %u, which it was not when it subscribed", reader, number,
            qos);
    if (read->has[topic] && qos != 1)
        return oracle_complain("reader %u got retained message %u (QoS %u) twice", reader, number, qos);
    read->has[topic] = true;
    if (read->owed[topic] == number + 1)
        read->owed[topic] = 0;
    return NULL;
}

const char *oracle_check_reads(struct oracle *oracle, uint8_t reader)
{
    for (uint32_t i = 0; i < oracle->read_count; i++) {
        const struct oracle_read *read = &oracle->reads[i];
        for (uint8_t topic = 0; topic < ORACLE_TOPICS; topic++) {
            if (read->reader == reader && read->is_granted && read->owed[topic] != 0)
                return oracle_complain("retained message %u did not come to reader %u, who had subscribed",
                                       read->owed[topic] - 1, reader);
        }
    }
    oracle_read_end(oracle, reader);
    return NULL;
}
