/* The flows of QoS 1 and 2. */
#include "broker/flow.h"

#include "broker/delivery.h"
#include "broker/outbound.h"
#include "broker/session.h"

static struct inflight_entry *flow_find(struct gmq_client *client, uint16_t packet_identifier)
{
    return client->session != NULL ? inflight_find(&client->session->inflight, packet_identifier) : NULL;
}

/* An acknowledgement makes room in the window: what waits may follow. */
static void flow_finish(struct session *session, struct inflight_entry *entry)
{
    inflight_remove(&session->inflight, entry);
    bool something_waits = session->queue.count > 0 || session->retained != NULL || session->inflight.unsent > 0;
    if (something_waits)
        client_pump_soon(session->client);
}

void flow_puback(struct gmq_client *client, uint16_t packet_identifier, gmq_reason reason)
{
    (void)reason; /* also a refusal ends the delivery [MQTT-4.4.0-2] */
    struct inflight_entry *entry = flow_find(client, packet_identifier);
    if (entry != NULL && entry->state == INFLIGHT_PUBACK)
        flow_finish(client->session, entry);
}

void flow_pubrec(struct gmq_client *client, uint16_t packet_identifier, gmq_reason reason)
{
    struct inflight_entry *entry = flow_find(client, packet_identifier);
    if (entry == NULL || entry->state == INFLIGHT_PUBACK) {
        outbound_ack(client, GMQ_PUBREL, packet_identifier, GMQ_REASON_PACKET_IDENTIFIER_NOT_FOUND);
        return;
    }
    if (reason >= GMQ_REASON_UNSPECIFIED_ERROR) {
        flow_finish(client->session, entry);
        return;
    }
    inflight_release(&client->session->inflight, entry);
    outbound_ack(client, GMQ_PUBREL, packet_identifier, GMQ_REASON_SUCCESS);
}

void flow_pubrel(struct gmq_client *client, uint16_t packet_identifier)
{
    struct session *session = client->session;
    bool is_known = session != NULL && id_set_remove(&session->incoming, packet_identifier);
    outbound_ack(client, GMQ_PUBCOMP, packet_identifier,
                 is_known ? GMQ_REASON_SUCCESS : GMQ_REASON_PACKET_IDENTIFIER_NOT_FOUND);
}

void flow_pubcomp(struct gmq_client *client, uint16_t packet_identifier)
{
    struct inflight_entry *entry = flow_find(client, packet_identifier);
    if (entry != NULL && entry->state == INFLIGHT_PUBCOMP)
        flow_finish(client->session, entry);
}

void flow_settle(struct gmq_client *client, uint16_t packet_identifier)
{
    if (client->unsettled == packet_identifier)
        client->unsettled = 0;
}

void flow_abandon(struct gmq_client *client)
{
    if (client->unsettled != 0 && client->session != NULL)
        (void)id_set_remove(&client->session->incoming, client->unsettled);
    client->unsettled = 0;
}

gmq_status flow_acknowledge(struct gmq_client *client, uint8_t qos, uint16_t packet_identifier, gmq_reason reason)
{
    if (qos == 0)
        return GMQ_OK;
    if (qos == 1)
        return outbound_ack(client, GMQ_PUBACK, packet_identifier, reason);
    flow_settle(client, packet_identifier); /* delivered, whether or not PUBREC gets through */
    bool is_refused = reason >= GMQ_REASON_UNSPECIFIED_ERROR && client->version == GMQ_VERSION_5_0;
    if (is_refused && client->session != NULL)
        (void)id_set_remove(&client->session->incoming, packet_identifier); /* [MQTT-4.3.3-9] */
    return outbound_ack(client, GMQ_PUBREC, packet_identifier, reason);
}
