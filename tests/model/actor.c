/* A client that keeps its side of the flows: its connections and its session. */
#include "model/actor.h"

#include "base/clock.h"
#include "mqtt/properties.h"
#include "shard/demand.h"

#include <stdarg.h>
#include <string.h>

cut_counts *actor_cuts;

void actor_trace(const struct actor *actor, const char *format, ...)
{
    if (getenv("GRAFTMQ_MODEL_TRACE") == NULL)
        return;
    fprintf(stderr, "%8.3f %-12s ", (double)actor->shards->now_ns / 1e9, actor->name);
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
}

void actor_begin(struct actor *actor, struct shards *shards, struct oracle *oracle)
{
    memset(actor, 0, sizeof *actor);
    actor->shards = shards;
    actor->oracle = oracle;
    actor->is_session_certain = true;
    actor->is_answered = true;
}

/* ---- where the connection is cut ---- */

static bool cut_is_due(struct actor *actor, gmq_packet_type type, bool is_received, enum cut_place place)
{
    struct cut *cut = &actor->cut;
    if (!cut->is_armed || cut->type != type || cut->is_received != is_received || cut->place != place)
        return false;
    cut->is_armed = false;
    if (actor_cuts != NULL)
        (*actor_cuts)[type][is_received][place][actor->version]++;
    return true;
}

bool actor_may_send(struct actor *actor, gmq_packet_type type)
{
    if (actor->peer == NULL || actor->peer->connection == NULL)
        return false;
    if (cut_is_due(actor, type, false, CUT_BEFORE)) {
        actor_trace(actor, "loses %s", packet_type_name(type));
        actor_break(actor, 0);
        return false;
    }
    return true;
}

void actor_sent(struct actor *actor, gmq_packet_type type)
{
    if (cut_is_due(actor, type, false, CUT_WITHIN))
        actor_break(actor, 1);
    else if (cut_is_due(actor, type, false, CUT_AFTER))
        actor_break(actor, 0);
}

/* ---- the session ---- */

/* Whether the session may, and whether it must, be there for a connection that was asked for at `asked_ns`. */
static void session_expected(const struct actor *actor, bool *may_be, bool *must_be)
{
    const struct peer *last = actor->session_peer;
    *may_be = true;
    *must_be = false;
    if (!actor->is_session_certain)
        return;
    if (last == NULL || actor->session_expiry == 0) {
        *may_be = false;
        return;
    }
    bool is_lasting = actor->session_expiry == UINT32_MAX || last->closed_ns == 0;
    uint64_t ends_ns = last->closed_ns + actor->session_expiry * CLOCK_NS_PER_SECOND;
    *must_be = is_lasting || ends_ns > actor->asked_ns;
    *may_be = is_lasting || ends_ns + ACTOR_SLACK_NS > actor->asked_ns;
}

/* Whether a session may have ended, and another begun, unseen: by connections whose CONNACK was lost. The client would
 * take the new one for the old, so it begins anew. So does a 3.1 client, which isn't told, where it can't know. */
static bool may_resume(struct actor *actor, const struct hello *hello)
{
    bool may_be, must_be;
    session_expected(actor, &may_be, &must_be);
    bool is_told = actor->version != GMQ_VERSION_3_1;
    bool was_risky = !actor->is_answered && actor->is_risky;
    uint32_t expiry = actor->version == GMQ_VERSION_5_0 ? hello->expiry : actor->expiry_of_old;
    actor->is_risky = was_risky || hello->is_clean || !must_be || expiry != UINT32_MAX || !is_told;
    return !was_risky && (is_told || may_be == must_be);
}

/* ---- beginning and end ---- */

static void connection_begin(struct actor *actor, const struct hello *hello)
{
    bool is_new = actor->version == GMQ_VERSION_5_0;
    actor->connection++;
    actor->is_connected = false;
    actor->is_answered = false;
    actor->is_clean = hello->is_clean;
    actor->expiry = is_new ? hello->expiry : hello->is_clean ? 0 : actor->expiry_of_old;
    actor->receive_maximum = is_new && hello->receive_maximum != 0 ? hello->receive_maximum : UINT16_MAX;
    actor->peer = peer_open(actor->shards);
    actor->peer->is_held = true;
}

void actor_connect(struct actor *actor, const struct hello *hello, uint8_t will_topic)
{
    char payload[16];
    struct hello own = *hello;
    own.identifier = actor->name;
    own.version = actor->version;
    actor_trace(actor, "connects%s, expiry %u, receive maximum %u%s", own.is_clean ? ", clean" : "", own.expiry,
                own.receive_maximum, own.will.topic != NULL ? ", with a will" : "");
    if (!actor->is_answered)
        shards_settle(actor->shards); /* else the older one might be taken later, and take over the newer one */
    reader_lose_connection(actor);
    wills_before_connect(actor);
    actor->is_session_certain = actor->is_session_certain && actor->is_answered;
    actor->asked_ns = actor->shards->now_ns;
    own.is_clean = !may_resume(actor, &own) || own.is_clean;
    connection_begin(actor, &own);
    if (own.will.topic != NULL) {
        wills_add(actor, &own.will, will_topic, payload, sizeof payload);
        own.will.payload = payload;
    }
    if (!actor_may_send(actor, GMQ_CONNECT))
        return;
    peer_send_connect(actor->peer, &own);
    actor_sent(actor, GMQ_CONNECT);
}

void actor_break(struct actor *actor, size_t lost)
{
    struct peer *peer = actor->peer;
    actor_trace(actor, "breaks, %zu bytes lost", lost);
    wills_before_break(actor);
    reader_lose_connection(actor);
    actor->peer = NULL;
    actor->is_connected = false;
    if (peer == NULL || peer->connection == NULL)
        return;
    struct link *link = peer->connection;
    link->length -= lost < link->length ? lost : link->length;
    peer_break(peer);
}

/* What was said while something was on its way may have come too late. */
void actor_leave(struct actor *actor, uint32_t expiry, bool is_with_will, bool is_at_rest)
{
    struct peer *peer = actor->peer;
    bool is_new_expiry =
        actor->version == GMQ_VERSION_5_0 && expiry != ACTOR_EXPIRY_STAYS && actor->session_expiry != 0;
    if (!actor_may_send(actor, GMQ_DISCONNECT))
        return;
    actor_trace(actor, "leaves%s%s", is_with_will ? " with its will" : "", is_new_expiry ? ", new expiry" : "");
    if (is_new_expiry)
        peer_send_disconnect_after(peer, expiry);
    else if (is_with_will && actor->version == GMQ_VERSION_5_0)
        peer_send_disconnect(peer, GMQ_REASON_DISCONNECT_WITH_WILL_MESSAGE);
    else
        peer_send_disconnect(peer, GMQ_REASON_NORMAL_DISCONNECTION);
    if (is_at_rest)
        shards_settle(actor->shards);
    demand(!is_at_rest || peer->connection == NULL, "the broker did not close after DISCONNECT of %s", actor->name);
    if (is_new_expiry || !is_with_will || actor->version != GMQ_VERSION_5_0)
        wills_take_back(actor, is_at_rest);
    if (is_new_expiry) {
        actor->is_session_certain = is_at_rest;
        actor->session_expiry = expiry < actor->expiry_of_old ? expiry : actor->expiry_of_old; /* which is the limit */
    }
    actor_break(actor, 0);
}

/* ---- reading ---- */

static void take_connack(struct actor *actor, const struct gmq_connack *packet)
{
    bool may_be, must_be, is_present = packet->is_session_present;
    demand(packet->packet.reason == GMQ_REASON_SUCCESS, "%s was refused: 0x%02X", actor->name, packet->packet.reason);
    session_expected(actor, &may_be, &must_be);
    may_be = may_be && !actor->is_clean;
    must_be = must_be && !actor->is_clean;
    demand(actor->version == GMQ_VERSION_3_1 || is_present || !must_be, "the session of %s is gone", actor->name);
    demand(!is_present || may_be, "%s got a session that can't be there", actor->name);
    if (actor->version == GMQ_VERSION_3_1)
        is_present = must_be;
    wills_decide(actor, is_present);
    if (!is_present) {
        publisher_lose_session(actor);
        reader_lose_session(actor);
    }
    actor->is_session_certain = true;
    actor->session_peer = actor->peer;
    actor->session_expiry = actor->expiry;
    if (actor->version == GMQ_VERSION_5_0)
        actor->session_expiry =
            properties_number(&packet->packet.properties, PROPERTY_SESSION_EXPIRY_INTERVAL, actor->expiry);
    actor->session_since = ++actor->oracle->now;
    actor->is_connected = true;
    actor->is_answered = true;
    publisher_send_again(actor);
}

/* What a client that keeps the rules may be told. */
static void take_disconnect(const struct actor *actor, uint8_t reason)
{
    demand(reason == GMQ_REASON_SESSION_TAKEN_OVER || reason == GMQ_REASON_ADMINISTRATIVE_ACTION,
           "%s was sent away: 0x%02X", actor->name, reason);
}

static void actor_take(struct actor *actor, const union any_packet *packet)
{
    bool is_publish = packet->packet.type == GMQ_PUBLISH;
    actor_trace(actor, "takes %s of %u, reason 0x%02X%s%.*s", packet_type_name(packet->packet.type),
                packet->packet.identifier, packet->packet.reason, is_publish ? ", message " : "",
                is_publish ? (int)packet->publish.payload.length : 0, is_publish ? packet->publish.payload.data : "");
    switch (packet->packet.type) {
    case GMQ_CONNACK:
        take_connack(actor, &packet->connack);
        break;
    case GMQ_PUBLISH:
        reader_take_message(actor, &packet->publish);
        break;
    case GMQ_PUBREL:
        reader_take_release(actor, packet->packet.identifier);
        break;
    case GMQ_SUBACK:
        reader_take_answer(actor, &packet->packet, packet->suback.reasons[0]);
        break;
    case GMQ_UNSUBACK:
        reader_take_answer(actor, &packet->packet, 0);
        break;
    case GMQ_DISCONNECT:
        take_disconnect(actor, packet->packet.reason);
        break;
    default:
        publisher_take(actor, &packet->packet);
        break;
    }
}

/* What came on a connection that is closed now counts as lost on its way, but for what it says of the end. */
static void actor_read_end(struct actor *actor)
{
    const union any_packet *packet;
    while ((packet = peer_next(actor->peer)) != NULL) {
        if (packet->packet.type == GMQ_DISCONNECT)
            take_disconnect(actor, packet->packet.reason);
    }
}

bool actor_read(struct actor *actor, uint32_t most)
{
    bool has_read = false;
    for (uint32_t i = 0; i < most && actor->peer != NULL; i++) {
        if (actor->peer->connection == NULL && actor->peer->closed_ns != 0) {
            actor_read_end(actor);
            break;
        }
        const union any_packet *packet = actor->peer->connection != NULL ? peer_next(actor->peer) : NULL;
        if (packet == NULL)
            break;
        gmq_packet_type type = packet->packet.type;
        has_read = true;
        if (cut_is_due(actor, type, true, CUT_BEFORE)) {
            actor_break(actor, 0);
            break;
        }
        size_t before = actor->peer->connection->length;
        actor_take(actor, packet);
        bool is_cut = cut_is_due(actor, type, true, CUT_AFTER) || cut_is_due(actor, type, true, CUT_WITHIN);
        if (is_cut && actor->peer != NULL && actor->peer->connection != NULL)
            actor_break(actor, actor->peer->connection->length - before);
    }
    return has_read;
}

void actor_rest(struct actor *actor)
{
    wills_rest(actor);
}
