/* What follows from a verdict. One row per packet type says how it is refused. */
#include "broker/verdict.h"

#include "broker/outbound.h"
#include "broker/session.h"

#include <string.h>

typedef void verdict_refuse(struct gmq_call *call);

static void refuse_connect(struct gmq_call *call)
{
    outbound_refuse_connect(call->client, call->reason, call->text);
}

/* Answers with an acknowledgement of its own, whose reason says why. */
static void refuse_with_ack(struct gmq_call *call, gmq_packet_type type)
{
    union any_packet ack;
    packet_init(&ack.packet, type, call->client->version);
    ack.packet.identifier = call->packet->identifier;
    ack.packet.reason = outbound_reason(type, call->reason);
    outbound_set_text(&ack.packet, call->text);
    outbound_send(call->client, &ack.packet, call->arena);
}

static void refuse_publish(struct gmq_call *call)
{
    const struct gmq_publish *packet = (const struct gmq_publish *)(void *)call->packet;
    struct session *session = call->client->session;
    if (packet->qos == 0)
        return;
    if (packet->qos == 2 && session != NULL && call->client->version == GMQ_VERSION_5_0)
        (void)id_set_remove(&session->incoming, packet->packet.identifier); /* [MQTT-4.3.3-9] */
    refuse_with_ack(call, packet->qos == 1 ? GMQ_PUBACK : GMQ_PUBREC);
}

/* The reason for each filter. */
static void refuse_filters(struct gmq_call *call, gmq_packet_type type, uint32_t count)
{
    uint8_t *reasons = arena_alloc(call->arena, count);
    if (reasons == NULL) {
        client_close(call->client, GMQ_REASON_SERVER_BUSY, "out of memory");
        return;
    }
    memset(reasons, outbound_reason(type, call->reason), count);
    union any_packet ack;
    packet_init(&ack.packet, type, call->client->version);
    ack.packet.identifier = call->packet->identifier;
    ack.suback.reasons = reasons;
    ack.suback.count = count;
    outbound_set_text(&ack.packet, call->text);
    outbound_send(call->client, &ack.packet, call->arena);
}

static void refuse_subscribe(struct gmq_call *call)
{
    refuse_filters(call, GMQ_SUBACK, ((const struct gmq_subscribe *)(void *)call->packet)->count);
}

static void refuse_unsubscribe(struct gmq_call *call)
{
    refuse_filters(call, GMQ_UNSUBACK, ((const struct gmq_unsubscribe *)(void *)call->packet)->count);
}

static void refuse_pubrel(struct gmq_call *call)
{
    struct session *session = call->client->session;
    if (session != NULL)
        (void)id_set_remove(&session->incoming, call->packet->identifier);
    call->reason = GMQ_REASON_PACKET_IDENTIFIER_NOT_FOUND; /* the only one that PUBCOMP has */
    refuse_with_ack(call, GMQ_PUBCOMP);
}

static void refuse_auth(struct gmq_call *call)
{
    if (call->client->state == CLIENT_CONNECTING)
        outbound_refuse_connect(call->client, call->reason, call->text);
    else
        client_close(call->client, call->reason, call->text);
}

static void refuse_by_closing(struct gmq_call *call)
{
    client_close(call->client, call->reason, call->text);
}

static verdict_refuse *const verdict_refusals[CONFIG_PACKET_TYPES] = {
    [GMQ_CONNECT] = refuse_connect,     [GMQ_PUBLISH] = refuse_publish,
    [GMQ_PUBACK] = refuse_by_closing,   [GMQ_PUBREC] = refuse_by_closing,
    [GMQ_PUBREL] = refuse_pubrel,       [GMQ_PUBCOMP] = refuse_by_closing,
    [GMQ_SUBSCRIBE] = refuse_subscribe, [GMQ_UNSUBSCRIBE] = refuse_unsubscribe,
    [GMQ_PINGREQ] = refuse_by_closing,  [GMQ_DISCONNECT] = refuse_by_closing,
    [GMQ_AUTH] = refuse_auth,
};

/* A packet that no handler took is the configuration's mistake; left alone, the client would wait for ever. */
static void verdict_unhandled(struct gmq_call *call)
{
    struct shard *shard = call->shard;
    const char *type = packet_type_name(call->packet->type);
    uint32_t suppressed;
    if (log_limiter_allows(&shard->limiters[call->packet->type], 1, shard->now_ns, &suppressed)) {
        char subject[160];
        log_write(GMQ_LOG_WARNING, client_log_subject(call->client, subject, sizeof subject),
                  call->route->count == 0
                      ? "%s has no route: the client is closed; name a handler for it in \"routes\" (%u more)"
                      : "no handler on the route of %s took the packet: the client is closed; end the route with a "
                        "handler that answers GMQ_DONE (%u more)",
                  type, suppressed);
    }
    client_close(call->client, GMQ_REASON_IMPLEMENTATION_SPECIFIC_ERROR, "nobody handles this packet");
}

/* Only the wait for the verdict of a CONNECT lets packets through: AUTH and DISCONNECT belong to it. */
static bool verdict_put_aside(struct gmq_call *call)
{
    struct gmq_client *client = call->client;
    if (!deferral_start(call)) {
        call->deferral = NULL;
        call->reason = GMQ_REASON_SERVER_BUSY;
        verdict_refusals[call->packet->type](call);
        return false;
    }
    if (call->packet->type == GMQ_CONNECT) {
        client->connect_deferral = call->deferral;
        if (client->has_authentication)
            return false;
    } else {
        client->deferral = call->deferral;
    }
    client->is_paused = true;
    client->shard->broker->ways->client_pause(client);
    return true;
}

static bool verdict_apply(struct gmq_call *call, gmq_verdict verdict)
{
    if (verdict == GMQ_DEFER)
        return verdict_put_aside(call);
    if (call->deferral != NULL)
        deferral_cancel(call->deferral);
    call->deferral = NULL;
    if (call->client->state == CLIENT_CLOSING)
        return false;
    if (verdict == GMQ_NEXT)
        verdict_unhandled(call);
    else if (verdict == GMQ_REJECT)
        verdict_refusals[call->packet->type](call);
    else if (verdict == GMQ_CLOSE)
        client_close(call->client, call->reason, call->text);
    return false;
}

bool verdict_run(struct gmq_call *call)
{
    struct route_facts facts = {.listener = call->client->listener_index, .version = call->client->version};
    return verdict_apply(call, route_run(call, &facts));
}

void verdict_continue(struct gmq_call *call, gmq_verdict verdict)
{
    struct gmq_client *client = call->client;
    bool is_waiting;
    struct shard *shard = call->shard;
    shard->call_depth++;
    if (verdict == GMQ_NEXT) {
        call->step++;
        is_waiting = verdict_run(call);
    } else {
        is_waiting = verdict_apply(call, verdict);
    }
    shard_call_end(shard);
    if (is_waiting || !client->is_paused || client->state == CLIENT_CLOSING || client->deferral != NULL)
        return;
    client->is_paused = false;
    client->last_packet_ns = shard->now_ns; /* until now it was us who were silent */
    shard->broker->ways->client_resume(client);
}
