/* include/graftmq/broker.h: sessions, subscriptions and messages. What the standard plugin is made of. */
#include <graftmq/broker.h>

#include "broker/client.h"
#include "broker/connect.h"
#include "broker/delivery.h"
#include "broker/flow.h"
#include "broker/session.h"
#include "mqtt/properties.h"

gmq_status gmq_session_open(gmq_call *call, gmq_connect *packet, bool *is_session_present)
{
    return connect_open_session(call->client, packet, is_session_present);
}

gmq_status gmq_session_set_expiry_interval(gmq_client *client, uint32_t seconds)
{
    struct session *session = client->session;
    if (session == NULL)
        return GMQ_ERROR_STATE;
    if (session->expiry_interval == 0 && seconds != 0)
        return GMQ_ERROR_ARGUMENT;
    uint64_t limit = shard_limits(client->shard)->session_expiry_seconds;
    session->expiry_interval = seconds < limit ? seconds : (uint32_t)limit;
    return GMQ_OK;
}

void gmq_session_discard_will(gmq_client *client)
{
    if (client->session != NULL)
        session_discard_will(client->session);
}

gmq_connack *gmq_connack_for(gmq_call *call, const gmq_connect *packet, bool is_session_present)
{
    gmq_connack *connack = gmq_connack_new(call, GMQ_REASON_SUCCESS, is_session_present);
    if (connack != NULL)
        connect_acknowledge(call->client, packet, connack);
    return connack;
}

static uint8_t subscription_options(const gmq_subscription *subscription)
{
    unsigned options = subscription->maximum_qos & SUBSCRIBE_QOS_MASK;
    options |= subscription->no_local ? SUBSCRIBE_NO_LOCAL : 0u;
    options |= subscription->retain_as_published ? SUBSCRIBE_RETAIN_AS_PUBLISHED : 0u;
    return (uint8_t)options;
}

gmq_reason gmq_subscribe_client(gmq_call *call, gmq_client *client, const gmq_subscription *subscription, bool *is_new)
{
    (void)call;
    if (client->session == NULL || client->session->is_ended)
        return GMQ_REASON_UNSPECIFIED_ERROR;
    return session_subscribe(client->session, subscription->topic_filter, subscription_options(subscription),
                             subscription->identifier, is_new);
}

gmq_status gmq_deliver_retained(gmq_call *call, gmq_client *client, const gmq_subscription *subscription)
{
    (void)call;
    if (client->session == NULL || !client_is_connected(client))
        return GMQ_ERROR_STATE;
    return delivery_retained(client->session, subscription->topic_filter, subscription_options(subscription),
                             subscription->identifier);
}

gmq_reason gmq_unsubscribe_client(gmq_call *call, gmq_client *client, gmq_view topic_filter)
{
    (void)call;
    if (client->session == NULL)
        return GMQ_REASON_NO_SUBSCRIPTION_EXISTED;
    return session_unsubscribe(client->session, topic_filter);
}

static uint64_t call_publisher(const gmq_call *call)
{
    return call->client != NULL && call->client->session != NULL ? call->client->session->number : 0;
}

gmq_status gmq_deliver(gmq_call *call, gmq_publish *packet, uint32_t *matched)
{
    struct shard *shard = call->shard;
    struct publication publication;
    publication_init(&publication, packet, call_publisher(call), shard->now_ns);
    gmq_status status = delivery_publish(shard, &publication, matched);
    publication_deinit(&publication);
    return status;
}

gmq_status gmq_retain(gmq_call *call, const gmq_publish *packet)
{
    struct shard *shard = call->shard;
    struct publication publication;
    publication_init(&publication, packet, call_publisher(call), shard->now_ns);
    struct message *message = publication_message(&publication);
    gmq_status status = GMQ_ERROR_MEMORY;
    if (message != NULL)
        status =
            retained_store_put(shard->broker->retained, shard->reader, message, shard_limits(shard)->retained_messages);
    publication_deinit(&publication);
    if (status == GMQ_ERROR_LIMIT && call->client != NULL)
        client_log_limit(call->client, GMQ_PUBLISH, "limits.retained_messages");
    return status;
}

gmq_status gmq_acknowledge(gmq_call *call, const gmq_publish *packet, gmq_reason reason)
{
    if (call->client == NULL)
        return GMQ_ERROR_STATE;
    return flow_acknowledge(call->client, packet->qos, packet->packet.identifier, reason);
}

gmq_status gmq_flow_puback(gmq_call *call, const gmq_puback *packet)
{
    flow_puback(call->client, packet->packet.identifier, packet->packet.reason);
    return GMQ_OK;
}

gmq_status gmq_flow_pubrec(gmq_call *call, const gmq_pubrec *packet)
{
    flow_pubrec(call->client, packet->packet.identifier, packet->packet.reason);
    return GMQ_OK;
}

gmq_status gmq_flow_pubrel(gmq_call *call, const gmq_pubrel *packet)
{
    flow_pubrel(call->client, packet->packet.identifier);
    return GMQ_OK;
}

gmq_status gmq_flow_pubcomp(gmq_call *call, const gmq_pubcomp *packet)
{
    flow_pubcomp(call->client, packet->packet.identifier);
    return GMQ_OK;
}
