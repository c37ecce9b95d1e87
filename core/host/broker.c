/* graftmq/broker.h in the process of an isolated plugin: each function is an operation that the broker does. */
#include "host/host.h"

/* An operation of a call: on its client, and the client's flags are new afterwards. */
static size_t begin_for(gmq_call *call, enum operation operation)
{
    return operation_begin(lane_of(call), invocation_of(call)->id, operation);
}

static gmq_status finish(gmq_call *call, size_t begin)
{
    return operation_status(lane_of(call), begin, call->client);
}

/* The same, where the reply has more than a status. */
static bool ask(gmq_call *call, size_t begin, uint32_t *status, struct record_reader *rest)
{
    uint8_t flags;
    if (!operation_ask(lane_of(call), begin, &flags, status, rest))
        return false;
    if (call->client != NULL)
        call->client->flags = flags;
    return true;
}

/* The call's own packet, as long as nobody has changed it, is there already. */
static void append_packet(gmq_call *call, const gmq_packet *packet)
{
    struct lane *lane = lane_of(call);
    const struct invocation *invocation = invocation_of(call);
    buffer_clear(&lane->scratch);
    packet_flat_write(&lane->scratch, packet);
    gmq_view flat = gmq_view_make(lane->scratch.bytes, lane->scratch.length);
    bool is_of_call = packet == call->packet && gmq_view_same(flat, invocation->packet);
    record_u8(&lane->out, is_of_call ? PACKET_OF_CALL : PACKET_OWN);
    if (!is_of_call)
        buffer_append(&lane->out, flat.data, flat.length);
}

gmq_status gmq_session_open(gmq_call *call, gmq_connect *packet, bool *is_session_present)
{
    uint32_t status;
    struct record_reader rest;
    size_t begin = begin_for(call, OPERATION_SESSION_OPEN);
    append_packet(call, GMQ_PACKET(packet));
    if (!ask(call, begin, &status, &rest))
        return GMQ_ERROR_STATE;
    bool is_present = record_read_bool(&rest);
    if (status == GMQ_OK)
        *is_session_present = is_present;
    return (gmq_status)status;
}

gmq_status gmq_session_set_expiry_interval(gmq_client *client, uint32_t seconds)
{
    size_t begin = operation_begin(client->lane, client->call, OPERATION_SESSION_EXPIRY);
    record_u32(&client->lane->out, seconds);
    return operation_status(client->lane, begin, client);
}

void gmq_session_discard_will(gmq_client *client)
{
    operation_tell(client->lane, operation_begin(client->lane, client->call, OPERATION_DISCARD_WILL));
}

gmq_connack *gmq_connack_for(gmq_call *call, const gmq_connect *packet, bool is_session_present)
{
    uint32_t status;
    struct record_reader rest;
    size_t begin = begin_for(call, OPERATION_CONNACK_FOR);
    record_u8(&lane_of(call)->out, is_session_present);
    append_packet(call, (const gmq_packet *)packet);
    if (!ask(call, begin, &status, &rest) || status != GMQ_OK)
        return NULL;
    size_t length = rest.length - rest.position;
    const char *copy = arena_copy(call->arena, rest.bytes + rest.position, length);
    gmq_packet *connack = copy != NULL ? packet_flat_read(gmq_view_make(copy, length), call->arena) : NULL;
    return connack != NULL && connack->type == GMQ_CONNACK ? (gmq_connack *)connack : NULL;
}

static void append_subscription(struct buffer *out, const gmq_subscription *subscription)
{
    record_view(out, subscription->topic_filter);
    record_u8(out, subscription->maximum_qos);
    record_u8(out, subscription->no_local);
    record_u8(out, subscription->retain_as_published);
    record_u8(out, subscription->retain_handling);
    record_u32(out, subscription->identifier);
}

gmq_reason gmq_subscribe_client(gmq_call *call, gmq_client *client, const gmq_subscription *subscription, bool *is_new)
{
    uint32_t reason;
    struct record_reader rest;
    size_t begin = operation_begin(lane_of(call), client->call, OPERATION_SUBSCRIBE);
    append_subscription(&lane_of(call)->out, subscription);
    if (!ask(call, begin, &reason, &rest))
        return GMQ_REASON_UNSPECIFIED_ERROR;
    if (is_new != NULL)
        *is_new = record_read_bool(&rest);
    return (gmq_reason)reason;
}

gmq_status gmq_deliver_retained(gmq_call *call, gmq_client *client, const gmq_subscription *subscription)
{
    size_t begin = operation_begin(lane_of(call), client->call, OPERATION_DELIVER_RETAINED);
    append_subscription(&lane_of(call)->out, subscription);
    return operation_status(lane_of(call), begin, client);
}

gmq_reason gmq_unsubscribe_client(gmq_call *call, gmq_client *client, gmq_view topic_filter)
{
    uint32_t reason;
    struct record_reader rest;
    size_t begin = operation_begin(lane_of(call), client->call, OPERATION_UNSUBSCRIBE);
    record_view(&lane_of(call)->out, topic_filter);
    return ask(call, begin, &reason, &rest) ? (gmq_reason)reason : GMQ_REASON_NO_SUBSCRIPTION_EXISTED;
}

gmq_status gmq_deliver(gmq_call *call, gmq_publish *packet, uint32_t *matched)
{
    uint32_t status;
    struct record_reader rest;
    size_t begin = begin_for(call, OPERATION_DELIVER);
    append_packet(call, GMQ_PACKET(packet));
    if (!ask(call, begin, &status, &rest))
        return GMQ_ERROR_STATE;
    uint32_t count = record_read_u32(&rest);
    if (matched != NULL)
        *matched = count;
    return (gmq_status)status;
}

gmq_status gmq_retain(gmq_call *call, const gmq_publish *packet)
{
    size_t begin = begin_for(call, OPERATION_RETAIN);
    append_packet(call, (const gmq_packet *)packet);
    return finish(call, begin);
}

gmq_status gmq_acknowledge(gmq_call *call, const gmq_publish *packet, gmq_reason reason)
{
    struct lane *lane = lane_of(call);
    if (call->client == NULL)
        return GMQ_ERROR_STATE;
    size_t begin = begin_for(call, OPERATION_ACKNOWLEDGE);
    record_u8(&lane->out, packet->qos);
    record_u16(&lane->out, packet->packet.identifier);
    record_u8(&lane->out, (uint8_t)reason);
    if (packet->qos > 0)
        return finish(call, begin);
    operation_tell(lane, begin); /* it does nothing */
    return GMQ_OK;
}

static gmq_status flow(gmq_call *call, const gmq_packet *packet)
{
    struct lane *lane = lane_of(call);
    size_t begin = begin_for(call, OPERATION_FLOW);
    record_u8(&lane->out, packet->type);
    record_u16(&lane->out, packet->identifier);
    record_u8(&lane->out, packet->reason);
    return finish(call, begin);
}

gmq_status gmq_flow_puback(gmq_call *call, const gmq_puback *packet)
{
    return flow(call, &packet->packet);
}

gmq_status gmq_flow_pubrec(gmq_call *call, const gmq_pubrec *packet)
{
    return flow(call, &packet->packet);
}

gmq_status gmq_flow_pubrel(gmq_call *call, const gmq_pubrel *packet)
{
    return flow(call, &packet->packet);
}

gmq_status gmq_flow_pubcomp(gmq_call *call, const gmq_pubcomp *packet)
{
    return flow(call, &packet->packet);
}
