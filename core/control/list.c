/* What the workers know: clients, sessions, subscriptions; and a client that is to go. */
#include "base/clock.h"
#include "broker/client.h"
#include "control/gather.h"
#include "control/json_line.h"
#include "mqtt/packet.h"
#include "mqtt/topic.h"

enum { PEER_TEXT_SIZE = 160 };

static const char *version_text(uint8_t version)
{
    return version == GMQ_VERSION_3_1 ? "3.1" : version == GMQ_VERSION_3_1_1 ? "3.1.1" : "5.0";
}

static const char *state_text(uint8_t state)
{
    static const char *const names[] = {"new", "connecting", "connected", "closing"};
    return state < sizeof(names) / sizeof(names[0]) ? names[state] : "?";
}

static void visit_client(struct gather *gather, struct session *session)
{
    const struct gmq_client *client = session->client;
    struct shard *shard = session->shard;
    struct buffer *lines = &gather->lines;
    char peer[PEER_TEXT_SIZE];
    if (client == NULL)
        return;
    gather->found++;
    json_line_begin(lines, "client");
    json_view(lines, "client", client_identifier_view(client));
    if (client->user_name != NULL)
        json_view(lines, "user", gmq_view_make(client->user_name, client->user_name_length));
    else
        json_text(lines, "user", NULL);
    json_text(lines, "address", shard->broker->ways->client_peer(client, peer, sizeof(peer)));
    json_text(lines, "listener", client->listener_name);
    json_text(lines, "version", version_text(client->version));
    json_text(lines, "state", state_text(client->state));
    json_number(lines, "worker", shard->index);
    json_number(lines, "keep_alive_seconds", client->keep_alive);
    json_number(lines, "silent_ms", (shard->now_ns - client->last_packet_ns) / CLOCK_NS_PER_MS);
    json_number(lines, "subscriptions", session->subscription_count);
    json_number(lines, "in_flight", session->inflight.count);
    json_number(lines, "queued", session->queue.count);
    json_number(lines, "unwritten_bytes", client->output.pending);
    json_bool(lines, "is_deferred", client->deferral != NULL || client->connect_deferral != NULL);
    json_line_end(lines);
}

static void write_expiry(struct buffer *lines, const struct session *session)
{
    if (session->expiry_interval == SESSION_NEVER_EXPIRES)
        json_text(lines, "expiry_seconds", NULL);
    else
        json_number(lines, "expiry_seconds", session->expiry_interval);
    uint64_t now_ns = session->shard->now_ns;
    if (session->ends_ns == UINT64_MAX)
        json_text(lines, "ends_in_ms", NULL);
    else
        json_number(lines, "ends_in_ms", session->ends_ns > now_ns ? (session->ends_ns - now_ns) / CLOCK_NS_PER_MS : 0);
}

static uint64_t plugin_bytes(const struct session *session)
{
    uint64_t total = 0;
    for (const struct bytes *bytes = session->bytes; bytes != NULL; bytes = bytes->next)
        total += bytes->length;
    return total;
}

static void visit_session(struct gather *gather, struct session *session)
{
    struct buffer *lines = &gather->lines;
    gather->found++;
    json_line_begin(lines, "session");
    json_view(lines, "client", client_identifier_text(session->identifier));
    json_bool(lines, "is_connected", session->client != NULL);
    json_number(lines, "worker", session->shard->index);
    write_expiry(lines, session);
    json_number(lines, "subscriptions", session->subscription_count);
    json_number(lines, "in_flight", session->inflight.count);
    json_number(lines, "queued", session->queue.count);
    json_number(lines, "queued_bytes", session->queue.bytes);
    json_number(lines, "incoming", session->incoming.count);
    json_number(lines, "dropped", session->dropped);
    json_bool(lines, "has_will", session->will != NULL);
    json_number(lines, "plugin_bytes", plugin_bytes(session));
    json_line_end(lines);
}

/* ---- subscriptions ---- */

static void write_subscription(struct gather *gather, const struct session *session, subscription_place place,
                               gmq_view filter)
{
    struct buffer *lines = &gather->lines;
    const struct share_group *group = subscription_group(place);
    struct subscriber subscriber;
    if (!subscription_read(session->shard->broker->subscriptions, place, session, &subscriber))
        return;
    gather->found++;
    json_line_begin(lines, "subscription");
    json_view(lines, "client", client_identifier_text(session->identifier));
    json_view(lines, "filter", filter);
    if (group != NULL)
        json_view(lines, "share", gmq_view_make(group->name, group->name_length));
    else
        json_text(lines, "share", NULL);
    json_number(lines, "qos", subscriber.options & SUBSCRIBE_QOS_MASK);
    json_bool(lines, "no_local", (subscriber.options & SUBSCRIBE_NO_LOCAL) != 0);
    json_bool(lines, "retain_as_published", (subscriber.options & SUBSCRIBE_RETAIN_AS_PUBLISHED) != 0);
    json_number(lines, "identifier", subscriber.identifier);
    json_bool(lines, "is_connected", session->client != NULL);
    json_number(lines, "worker", session->shard->index);
    json_line_end(lines);
}

static void visit_subscriptions(struct gather *gather, struct session *session)
{
    char text[UINT16_MAX];
    for (; gather->position < session->subscription_count; gather->position++) {
        if (gather_is_full(gather)) {
            gather->unfinished = session->number;
            return;
        }
        subscription_place place = session->subscriptions[gather->position];
        gmq_view filter = gmq_view_make(text, subscription_filter(place, text, sizeof(text)));
        if (gather->topic.data == NULL || topic_matches(filter, gather->topic))
            write_subscription(gather, session, place, filter);
    }
}

void command_clients(struct control_connection *connection, const struct command_arguments *arguments)
{
    gather_start(connection, gather_walk, visit_client, arguments);
}

void command_sessions(struct control_connection *connection, const struct command_arguments *arguments)
{
    gather_start(connection, gather_walk, visit_session, arguments);
}

void command_subscriptions(struct control_connection *connection, const struct command_arguments *arguments)
{
    gather_start(connection, gather_walk, visit_subscriptions, arguments);
}

/* ---- kick ---- */

static bool kick(struct gather *gather, struct shard *shard)
{
    struct session *session = session_find(shard, gather->client);
    if (session == NULL || session->client == NULL || !client_is_connected(session->client))
        return true;
    gather->found++;
    client_close(session->client, GMQ_REASON_ADMINISTRATIVE_ACTION, "disconnected by the broker's administrator");
    return true;
}

void command_kick(struct control_connection *connection, const struct command_arguments *arguments)
{
    gather_start(connection, kick, NULL, arguments);
}
