/* What a handler in another process does on the broker's state: each operation is a function of graftmq/, called here
 * on the worker in the handler's stead. What it may not be given is looked at before: the process may have gone wrong.
 */
#include "base/text.h"
#include "broker/session.h"
#include "isolate/isolated.h"
#include "mqtt/packet_flat.h"
#include "mqtt/topic.h"

#include <graftmq/broker.h>
#include <graftmq/client.h>

/* One operation on its way: the call that it belongs to, its fields, and what the reply has behind the status. */
struct work {
    struct lane *lane;
    struct pending *pending; /* or NULL: of a timer, a watch, a posted function */
    gmq_call *call;
    struct record_reader *reader;
    struct buffer *reply;
    size_t status_at; /* where the status is in the reply */
};

static void answer(struct work *work, uint32_t status)
{
    if (!work->reply->is_failed)
        memcpy(work->reply->bytes + work->status_at, &status, sizeof status);
}

static void answer_status(struct work *work, gmq_status status)
{
    answer(work, (uint32_t)status);
}

/* The packet of the operation: the call's own, or the one that comes along. NULL: it is none of this type. */
static void *work_packet(struct work *work, gmq_packet_type type)
{
    struct gmq_packet *own = work->call->packet, *packet = own;
    if (record_read_u8(work->reader) == PACKET_OWN)
        packet = lane_packet(work->call->arena, work->reader, type == GMQ_CONNECT ? own : NULL);
    record_require(work->reader, packet != NULL && (type == 0 || packet->type == type));
    return work->reader->is_bad ? NULL : packet;
}

/* A text that ends with the message's; NULL for none. In the call's arena. */
static const char *work_text(struct work *work)
{
    bool has_text = record_read_bool(work->reader);
    gmq_view text = record_read_view(work->reader);
    record_require(work->reader, memchr(text.data, '\0', text.length) == NULL);
    char *copy = has_text ? arena_alloc(work->call->arena, text.length + 1) : NULL;
    if (copy == NULL)
        return NULL;
    memcpy(copy, text.data, text.length);
    copy[text.length] = '\0';
    return copy;
}

static void do_send(struct work *work)
{
    struct gmq_packet *packet = work_packet(work, 0);
    if (packet != NULL)
        answer_status(work,
                      work->call->client != NULL ? gmq_send(work->call, work->call->client, packet) : GMQ_ERROR_STATE);
}

static void do_deliver(struct work *work)
{
    struct gmq_publish *packet = work_packet(work, GMQ_PUBLISH);
    uint32_t matched = 0;
    if (packet == NULL)
        return;
    answer_status(work, gmq_deliver(work->call, packet, &matched));
    record_u32(work->reply, matched);
}

static void do_retain(struct work *work)
{
    struct gmq_publish *packet = work_packet(work, GMQ_PUBLISH);
    if (packet != NULL)
        answer_status(work, gmq_retain(work->call, packet));
}

static void do_acknowledge(struct work *work)
{
    struct gmq_publish packet;
    packet_init(&packet.packet, GMQ_PUBLISH, GMQ_VERSION_5_0);
    packet.qos = record_read_u8(work->reader);
    packet.packet.identifier = record_read_u16(work->reader);
    unsigned reason = record_read_u8(work->reader);
    record_require(work->reader, packet.qos <= 2 && (packet.qos == 0) == (packet.packet.identifier == 0));
    if (!work->reader->is_bad)
        answer_status(work, gmq_acknowledge(work->call, &packet, (gmq_reason)reason));
}

static void do_session_open(struct work *work)
{
    struct gmq_connect *packet = work_packet(work, GMQ_CONNECT);
    struct gmq_client *client = work->call->client;
    bool is_present = false;
    if (packet == NULL)
        return;
    bool is_time = client != NULL && client->state == CLIENT_CONNECTING && client->session == NULL;
    answer_status(work, is_time ? gmq_session_open(work->call, packet, &is_present) : GMQ_ERROR_STATE);
    record_u8(work->reply, is_present);
}

static void do_session_expiry(struct work *work)
{
    uint32_t seconds = record_read_u32(work->reader);
    if (!work->reader->is_bad)
        answer_status(work, work->call->client != NULL ? gmq_session_set_expiry_interval(work->call->client, seconds)
                                                       : GMQ_ERROR_STATE);
}

static void do_discard_will(struct work *work)
{
    if (work->call->client != NULL)
        gmq_session_discard_will(work->call->client);
}

static void do_connack_for(struct work *work)
{
    bool is_session_present = record_read_bool(work->reader);
    struct gmq_connect *packet = work_packet(work, GMQ_CONNECT);
    gmq_connack *connack = NULL;
    if (packet != NULL && work->call->client != NULL)
        connack = gmq_connack_for(work->call, packet, is_session_present);
    answer_status(work, connack != NULL ? GMQ_OK : GMQ_ERROR_STATE);
    if (connack != NULL)
        packet_flat_write(work->reply, GMQ_PACKET(connack));
}

static void read_subscription(struct work *work, gmq_subscription *subscription)
{
    struct record_reader *reader = work->reader;
    *subscription = (gmq_subscription){.size = sizeof *subscription, .topic_filter = record_read_view(reader)};
    subscription->maximum_qos = record_read_u8(reader);
    subscription->no_local = record_read_bool(reader);
    subscription->retain_as_published = record_read_bool(reader);
    subscription->retain_handling = record_read_u8(reader);
    subscription->identifier = record_read_u32(reader);
    gmq_view filter = subscription->topic_filter;
    record_require(reader, filter.length > 0 && filter.length <= UINT16_MAX &&
                               text_is_utf8(filter.data, filter.length) && topic_is_filter(filter) &&
                               subscription->maximum_qos <= 2);
}

static void do_subscribe(struct work *work)
{
    gmq_subscription subscription;
    bool is_new = false;
    read_subscription(work, &subscription);
    if (work->reader->is_bad)
        return;
    gmq_reason reason = GMQ_REASON_UNSPECIFIED_ERROR;
    if (work->call->client != NULL)
        reason = gmq_subscribe_client(work->call, work->call->client, &subscription, &is_new);
    answer(work, (uint32_t)reason);
    record_u8(work->reply, is_new);
}

static void do_deliver_retained(struct work *work)
{
    gmq_subscription subscription;
    read_subscription(work, &subscription);
    if (work->reader->is_bad)
        return;
    gmq_status status = GMQ_ERROR_STATE;
    if (topic_is_shared(subscription.topic_filter))
        status = GMQ_ERROR_ARGUMENT; /* they never get retained messages (4.8.2) */
    else if (work->call->client != NULL)
        status = gmq_deliver_retained(work->call, work->call->client, &subscription);
    answer_status(work, status);
}

static void do_unsubscribe(struct work *work)
{
    gmq_view filter = record_read_view(work->reader);
    gmq_reason reason = GMQ_REASON_NO_SUBSCRIPTION_EXISTED;
    if (work->call->client != NULL && !work->reader->is_bad)
        reason = gmq_unsubscribe_client(work->call, work->call->client, filter);
    answer(work, (uint32_t)reason);
}

static void do_flow(struct work *work)
{
    union any_packet packet;
    unsigned type = record_read_u8(work->reader);
    record_require(work->reader, type >= GMQ_PUBACK && type <= GMQ_PUBCOMP);
    if (work->reader->is_bad)
        return;
    packet_init(&packet.packet, (gmq_packet_type)type, GMQ_VERSION_5_0);
    packet.packet.identifier = record_read_u16(work->reader);
    packet.packet.reason = record_read_u8(work->reader);
    record_require(work->reader, packet.packet.identifier != 0);
    gmq_status status = GMQ_ERROR_STATE;
    if (work->reader->is_bad || work->call->client == NULL) {
        answer_status(work, status);
        return;
    }
    if (type == GMQ_PUBACK)
        status = gmq_flow_puback(work->call, &packet.puback);
    else if (type == GMQ_PUBREC)
        status = gmq_flow_pubrec(work->call, &packet.pubrec);
    else if (type == GMQ_PUBREL)
        status = gmq_flow_pubrel(work->call, &packet.pubrel);
    else
        status = gmq_flow_pubcomp(work->call, &packet.pubcomp);
    answer_status(work, status);
}

static void do_close_client(struct work *work)
{
    unsigned reason = record_read_u8(work->reader);
    const char *text = work_text(work);
    if (work->call->client != NULL && !work->reader->is_bad)
        gmq_client_close(work->call, work->call->client, (gmq_reason)reason, text);
}

static void do_set_authenticated(struct work *work)
{
    bool is_authenticated = record_read_bool(work->reader);
    if (work->call->client != NULL)
        gmq_client_set_authenticated(work->call->client, is_authenticated);
}

static void do_set_client_bytes(struct work *work)
{
    gmq_view bytes = record_read_view(work->reader);
    gmq_status status = GMQ_ERROR_STATE;
    if (work->call->client != NULL && !work->reader->is_bad)
        status = gmq_client_set_bytes(work->call, work->call->client, bytes);
    answer_status(work, status);
}

/* The session may have outlived the client of a CLOSE event: it is found by its name then. */
static void do_set_session_bytes(struct work *work)
{
    gmq_view identifier = record_read_view(work->reader);
    gmq_view bytes = record_read_view(work->reader);
    const struct gmq_client *client = work->call->client;
    if (work->reader->is_bad)
        return;
    struct gmq_client shell = {.session =
                                   client != NULL ? client->session : session_find(work->lane->shard, identifier)};
    answer_status(work, gmq_session_set_bytes(work->call, &shell, bytes));
}

static void do_peer_address(struct work *work)
{
    gmq_view address = GMQ_VIEW("");
    if (work->call->client != NULL)
        address = gmq_client_peer_address(work->call->client);
    record_view(work->reply, address);
}

/* Only what isolated plugins have deferred: another plugin's deferral is an address of this process. */
static void do_client_deferral(struct work *work)
{
    const struct gmq_client *client = work->call->client;
    const struct gmq_deferral *deferral = NULL;
    if (client != NULL)
        deferral = client->connect_deferral != NULL ? client->connect_deferral : client->deferral;
    const struct pending *found = deferral != NULL ? pending_find_deferral(work->lane->worker, deferral) : NULL;
    record_u64(work->reply, found != NULL && found != work->pending ? found->id : 0);
}

static void do_is_waiting(struct work *work)
{
    const struct pending *pending = work->pending;
    record_u8(work->reply, pending != NULL && pending->deferral != NULL && !pending->deferral->is_over);
}

static void (*const functions[OPERATIONS])(struct work *work) = {
    [OPERATION_SEND] = do_send,
    [OPERATION_DELIVER] = do_deliver,
    [OPERATION_RETAIN] = do_retain,
    [OPERATION_ACKNOWLEDGE] = do_acknowledge,
    [OPERATION_SESSION_OPEN] = do_session_open,
    [OPERATION_SESSION_EXPIRY] = do_session_expiry,
    [OPERATION_DISCARD_WILL] = do_discard_will,
    [OPERATION_CONNACK_FOR] = do_connack_for,
    [OPERATION_SUBSCRIBE] = do_subscribe,
    [OPERATION_DELIVER_RETAINED] = do_deliver_retained,
    [OPERATION_UNSUBSCRIBE] = do_unsubscribe,
    [OPERATION_FLOW] = do_flow,
    [OPERATION_CLOSE_CLIENT] = do_close_client,
    [OPERATION_SET_AUTHENTICATED] = do_set_authenticated,
    [OPERATION_SET_CLIENT_BYTES] = do_set_client_bytes,
    [OPERATION_SET_SESSION_BYTES] = do_set_session_bytes,
    [OPERATION_PEER_ADDRESS] = do_peer_address,
    [OPERATION_CLIENT_DEFERRAL] = do_client_deferral,
    [OPERATION_IS_WAITING] = do_is_waiting,
};

static bool work_run(struct work *work)
{
    unsigned operation = record_read_u16(work->reader);
    if (work->reader->is_bad || operation >= OPERATIONS)
        return false;
    record_u8(work->reply, 0);
    work->status_at = work->reply->length;
    record_u32(work->reply, GMQ_OK);
    functions[operation](work);
    if (!work->reply->is_failed)
        work->reply->bytes[work->status_at - 1] = facts_flags(work->call->client);
    return !work->reader->is_bad;
}

/* The call as the plugin would have it in this process. Where the client has gone it has none: messages can still be
 * delivered, as a handler that had been faster would have delivered them. */
static void call_begin(const struct lane *lane, const struct pending *pending, gmq_call *call)
{
    shard_call_begin(lane->shard, call, pending != NULL ? pending->client : NULL);
    call->plugin = lane->isolated->plugin;
    if (pending == NULL || pending->deferral == NULL || !pending->deferral->is_started)
        return;
    bool is_over = pending->deferral->is_over || pending->deferral->call.client->state == CLIENT_CLOSING;
    *call = pending->deferral->call;
    call->generation = lane->shard->generation; /* that of a call which is over may be gone */
    call->client = is_over ? NULL : call->client;
    call->deferral = NULL;
}

bool operation_do(struct lane *lane, struct pending *pending, struct record_reader *reader, struct buffer *reply)
{
    gmq_call call;
    struct work work = {.lane = lane, .pending = pending, .call = &call, .reader = reader, .reply = reply};
    call_begin(lane, pending, &call);
    bool is_sound = work_run(&work);
    shard_call_end(lane->shard);
    return is_sound;
}
