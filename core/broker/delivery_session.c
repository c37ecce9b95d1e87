/* From a message to one session: sent, kept in flight, queued, or dropped at a limit. */
#include "broker/delivery.h"

#include "base/memory.h"
#include "base/text.h"
#include "broker/outbound.h"
#include "broker/retained_run.h"

#include <stdio.h>
#include <string.h>

static uint32_t session_window(const struct session *session)
{
    uint64_t limit = shard_limits(session->shard)->in_flight_messages;
    uint32_t asked = session->client->receive_maximum;
    return asked < limit ? asked : (uint32_t)limit;
}

bool delivery_has_room(const struct session *session, uint8_t qos)
{
    const struct gmq_client *client = session->client;
    if (client == NULL || !client_is_connected(client))
        return false;
    if (client->output.pending >= shard_limits(session->shard)->outgoing_bytes)
        return false;
    return qos == 0 || session->inflight.sent < session_window(session);
}

static void session_count_drop(struct session *session, const char *limit)
{
    struct shard *shard = session->shard;
    session->dropped++;
    uint32_t suppressed;
    if (!log_limiter_allows(&session->limiter, 1, shard->now_ns, &suppressed))
        return;
    char name[80];
    char subject[100];
    text_printable(name, sizeof name, client_identifier_text(session->identifier));
    snprintf(subject, sizeof subject, "session %s", name);
    log_write(GMQ_LOG_WARNING, subject, "a message was dropped: %s is reached (%llu dropped so far)", limit,
              (unsigned long long)session->dropped);
}

static void session_send_now(struct session *session, struct publication *publication,
                             const struct delivery_order *order)
{
    struct delivery_flags flags = {.is_retained = order->is_retained,
                                   .identifier_count = order->identifier_count,
                                   .identifiers = order->identifiers};
    if (session->client->output.pending >= shard_limits(session->shard)->outgoing_bytes)
        session_count_drop(session, "limits.outgoing_bytes");
    else if (delivery_send(session->client, publication, &flags) == DELIVERY_NO_MEMORY)
        session_count_drop(session, "the memory of this machine");
}

/* A list of subscription identifiers of the delivery's own: the count, then they. NULL with a count above 0: memory. */
static uint32_t *order_identifiers(const struct delivery_order *order)
{
    uint32_t *identifiers = mem_alloc((order->identifier_count + 1) * sizeof *identifiers);
    if (identifiers == NULL)
        return NULL;
    identifiers[0] = order->identifier_count;
    memcpy(identifiers + 1, order->identifiers, order->identifier_count * sizeof *identifiers);
    return identifiers;
}

static bool order_keep(const struct delivery_order *order, struct publication *publication, struct delivery *delivery)
{
    *delivery = (struct delivery){.qos = order->qos, .is_retained = order->is_retained, .is_shared = order->is_shared};
    if (order->identifier_count > 0) {
        delivery->subscription_identifiers = order_identifiers(order);
        if (delivery->subscription_identifiers == NULL)
            return false;
    }
    struct message *message = publication_message(publication);
    if (message == NULL) {
        mem_free(delivery->subscription_identifiers);
        return false;
    }
    message_ref(message, 1);
    delivery->message = message;
    return true;
}

static void session_enqueue(struct session *session, struct publication *publication,
                            const struct delivery_order *order)
{
    const struct config_limits *limits = shard_limits(session->shard);
    const struct message_parts *parts = &publication->parts;
    uint64_t size = sizeof(struct message) + parts->topic.length + parts->payload.length;
    if (session->queue.count >= limits->queued_messages) {
        session_count_drop(session, "limits.queued_messages");
        return;
    }
    if (session->queue.bytes + size > limits->queued_bytes) {
        session_count_drop(session, "limits.queued_bytes");
        return;
    }
    struct delivery delivery;
    if (!order_keep(order, publication, &delivery)) {
        session_count_drop(session, "the memory of this machine");
        return;
    }
    if (!queue_push(&session->queue, &delivery)) {
        delivery_deinit(&delivery);
        session_count_drop(session, "the memory of this machine");
        return;
    }
    session_set_presence(session);
}

static void flags_of(const struct delivery *delivery, uint16_t packet_identifier, struct delivery_flags *flags)
{
    const uint32_t *identifiers = delivery->subscription_identifiers;
    *flags = (struct delivery_flags){
        .qos = delivery->qos,
        .is_retained = delivery->is_retained,
        .packet_identifier = packet_identifier,
        .identifier_count = identifiers != NULL ? identifiers[0] : 0,
        .identifiers = identifiers != NULL ? identifiers + 1 : NULL,
    };
}

/* What is in flight is only kept where it can be needed again: to be resent to a session that outlives its connection,
 * or to be passed on to another member of a shared subscription. */
static bool session_must_keep(const struct session *session, bool is_shared)
{
    return session_is_resumable(session) || is_shared;
}

/* Sends a QoS 1 or 2 message under a packet identifier of its own. False: it could not be kept in flight; the caller
 * still has it. */
static bool session_launch(struct session *session, struct publication *publication, const struct delivery *delivery,
                           struct delivery_flags *flags)
{
    struct inflight_entry *entry = inflight_add(&session->inflight);
    if (entry == NULL)
        return false;
    entry->state = flags->qos == 1 ? INFLIGHT_PUBACK : INFLIGHT_PUBREC;
    entry->delivery = *delivery;
    flags->packet_identifier = entry->packet_identifier;
    enum delivery_result result = delivery_send(session->client, publication, flags);
    if (result == DELIVERY_SENT)
        return true;
    /* Suppressed by a handler, expired, or too large for the client: as if it had been sent [MQTT-3.1.2-25]. Handlers
     * may have delivered others, and the ring have grown. */
    entry = inflight_find(&session->inflight, flags->packet_identifier);
    memset(&entry->delivery, 0, sizeof entry->delivery);
    inflight_remove(&session->inflight, entry);
    if (result == DELIVERY_NO_MEMORY)
        return false;
    struct delivery gone = *delivery;
    delivery_deinit(&gone);
    return true;
}

static void session_launch_new(struct session *session, struct publication *publication,
                               const struct delivery_order *order)
{
    struct delivery delivery = {.qos = order->qos, .is_retained = order->is_retained};
    struct delivery_flags flags = {.qos = order->qos,
                                   .is_retained = order->is_retained,
                                   .identifier_count = order->identifier_count,
                                   .identifiers = order->identifiers};
    if (session_must_keep(session, order->is_shared) && !order_keep(order, publication, &delivery)) {
        session_count_drop(session, "the memory of this machine");
        return;
    }
    if (session_launch(session, publication, &delivery, &flags))
        return;
    delivery_deinit(&delivery);
    session_count_drop(session, "the memory of this machine");
}

/* The session is about to end, so the others of its group are to have the message. */
static void session_hand_on(struct session *session, struct publication *publication)
{
    struct message *message = publication_message(publication);
    if (message != NULL)
        session_pass_on(session, message);
    else
        session_count_drop(session, "the memory of this machine");
}

void delivery_to_session(struct session *session, struct publication *publication, const struct delivery_order *order)
{
    struct gmq_client *client = session->client;
    if (order->qos == 0) {
        /* A message without a promise is not kept for who isn't there. */
        if (client != NULL && client_is_connected(client))
            session_send_now(session, publication, order);
        return;
    }
    bool is_first = session->queue.count == 0 && session->inflight.unsent == 0;
    if (is_first && delivery_has_room(session, order->qos))
        session_launch_new(session, publication, order);
    else if (client != NULL || session_is_resumable(session))
        session_enqueue(session, publication, order);
    else if (order->is_shared)
        session_hand_on(session, publication);
}

/* Sends again what the last connection left unacknowledged, in its order, under its identifiers [MQTT-4.4.0-1]. The
 * client's receive maximum holds up PUBLISH alone. */
static bool session_resend(struct session *session)
{
    struct gmq_client *client = session->client;
    struct inflight_entry *entry;
    while ((entry = inflight_next_unsent(&session->inflight)) != NULL) {
        bool is_release = entry->state == INFLIGHT_PUBCOMP;
        if (!delivery_has_room(session, is_release ? 0 : 1))
            return false;
        inflight_mark_sent(&session->inflight, entry);
        if (is_release) {
            outbound_ack(client, GMQ_PUBREL, entry->packet_identifier, GMQ_REASON_SUCCESS);
            continue;
        }
        struct publication publication;
        struct delivery_flags flags;
        publication_init_kept(&publication, entry->delivery.message);
        flags_of(&entry->delivery, entry->packet_identifier, &flags);
        flags.is_duplicate = true;
        enum delivery_result result = delivery_send(client, &publication, &flags);
        publication_deinit(&publication);
        if (result != DELIVERY_SENT)
            inflight_remove(&session->inflight, inflight_find(&session->inflight, flags.packet_identifier));
    }
    return true;
}

static void session_launch_queued(struct session *session, struct delivery *delivery)
{
    struct publication publication;
    struct delivery_flags flags;
    publication_init_kept(&publication, delivery->message);
    flags_of(delivery, 0, &flags);
    uint32_t *identifiers = delivery->subscription_identifiers;
    if (!session_must_keep(session, delivery->is_shared)) {
        message_unref(delivery->message);
        delivery->message = NULL;
        delivery->subscription_identifiers = NULL;
    }
    bool is_launched = session_launch(session, &publication, delivery, &flags);
    if (delivery->message == NULL)
        mem_free(identifiers);
    publication_deinit(&publication);
    if (is_launched)
        return;
    delivery_deinit(delivery);
    session_count_drop(session, "the memory of this machine");
}

bool delivery_pump(struct session *session)
{
    struct gmq_client *client = session->client;
    if (client == NULL || !client_is_connected(client))
        return false;
    if (!session_resend(session))
        return false;
    if (session->retained != NULL && retained_run_advance(session) == RUN_HAS_MORE)
        return true;
    bool had_queue = session->queue.count > 0;
    while (session->queue.count > 0 && delivery_has_room(session, 1)) {
        struct delivery delivery;
        (void)queue_pop(&session->queue, &delivery);
        session_launch_queued(session, &delivery);
    }
    if (had_queue && session->queue.count == 0)
        session_set_presence(session);
    return false;
}
