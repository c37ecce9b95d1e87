/* Any bytes from any clients, in any order with broken connections, time, late verdicts and reloads: whatever they
 * send, the broker's answers are packets, nothing leaks, and a client that stands by is served.
 *
 * The first byte chooses the workers and the configuration. Then follow orders: a byte that says what and to whom, one
 * that says how much, and for OP_WRITE so many bytes to be sent. */
#include "shard/demand.h"
#include "shard/desk.h"
#include "shard/peer.h"
#include "shard/shards.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

enum op { OP_WRITE, OP_WRITE_ALL, OP_OPEN, OP_BREAK, OP_WAIT, OP_RESUME, OP_READ_ONLY, OP_RELOAD, OPS };
enum { PEERS = 4, ORDERS_MAX = 200, RELOADS_MAX = 2, CONFIGURATIONS = 2 };

static const char *const settings[CONFIGURATIONS] = {
    "'limits': {'packet_size_bytes': 20000, 'session_expiry_seconds': 1000}",
    "'limits': {'packet_size_bytes': 2000, 'queued_messages': 5, 'in_flight_messages': 3, 'outgoing_bytes': 4096, "
    "'retained_messages': 4, 'subscriptions': 5, 'receive_maximum': 3, 'topic_levels': 5}, "
    "'routes': {'CONNECT': ['desk:on_connect', 'broker:on_connect'], 'PUBLISH': ['desk:on_publish', "
    "'broker:on_publish'], 'SUBSCRIBE': ['desk:on_subscribe', 'broker:on_subscribe'], 'AUTH': ['desk:on_auth', "
    "'broker:on_auth']}, 'outgoing': {'PUBLISH': 'desk:on_publish', 'CONNACK': 'desk:on_connack'}"};

/* Loaded once for all inputs. */
static struct shards *loaded[CONFIGURATIONS];

struct game {
    struct shards *shards;
    const char *settings;
    struct peer *bystander;
    struct peer *peers[PEERS];
    int reloads;
};

/* ---- the plugin on the way ---- */

static uint32_t visits;

static gmq_verdict visit_incoming(gmq_call *call, gmq_packet *packet)
{
    switch (visits++ % 5) {
    case 0:
        return desk_defer(call, packet);
    case 1:
        return gmq_reject(call, GMQ_REASON_NOT_AUTHORIZED, "not this time");
    default:
        return GMQ_NEXT;
    }
}

static gmq_verdict visit_outgoing(gmq_call *call, gmq_packet *packet)
{
    switch (visits++ % 7) {
    case 0:
        return GMQ_DONE;
    case 1:
        (void)gmq_packet_add_user_property(call, packet, GMQ_VIEW("by"), GMQ_VIEW("desk"));
        return GMQ_NEXT;
    case 2:
        return gmq_close(call, GMQ_REASON_ADMINISTRATIVE_ACTION, "enough");
    default:
        return GMQ_NEXT;
    }
}

static gmq_verdict visit_late(gmq_call *call, gmq_packet *packet, void *data)
{
    (void)packet, (void)data;
    if (call == NULL)
        return GMQ_DONE;
    return visits++ % 3 == 0 ? gmq_close(call, GMQ_REASON_SERVER_BUSY, NULL) : GMQ_NEXT;
}

static void desk_open(bool is_open)
{
    visits = 0;
    desk_limit_ms = 5000;
    desk_at_limit = GMQ_REJECT;
    static const gmq_packet_type incoming[] = {GMQ_CONNECT, GMQ_PUBLISH, GMQ_SUBSCRIBE, GMQ_AUTH};
    for (size_t i = 0; i < sizeof incoming / sizeof incoming[0]; i++)
        desk_incoming[incoming[i]] = is_open ? visit_incoming : NULL;
    desk_outgoing[GMQ_PUBLISH] = desk_outgoing[GMQ_CONNACK] = is_open ? visit_outgoing : NULL;
}

/* ---- orders ---- */

/* Each answer must be a packet; peer_next sees to that. */
static void take_all(struct peer *peer)
{
    while (peer != NULL && peer_next(peer) != NULL)
        ;
}

static void peer_write(struct peer *peer, const uint8_t *bytes, size_t length)
{
    if (peer != NULL && peer->connection != NULL && length > 0)
        peer_send_bytes(peer, bytes, length);
    take_all(peer);
}

static void game_resume(const struct game *game, uint8_t how)
{
    gmq_deferral *deferral = desk_take_deferral();
    if (deferral == NULL)
        return;
    if (how % 4 == 0)
        gmq_resume_reject(deferral, GMQ_REASON_QUOTA_EXCEEDED, "late");
    else if (how % 4 == 1)
        gmq_resume_with(deferral, visit_late, NULL);
    else
        gmq_resume(deferral, how % 4 == 2 ? GMQ_NEXT : GMQ_DONE);
    shards_settle(game->shards);
}

/* Costs more than a hundred other orders, so the fuzzer has to mean it. */
static void game_reload(struct game *game, uint8_t much)
{
    if (much == 0 && game->reloads++ < RELOADS_MAX)
        shards_reload(game->shards, game->settings);
}

static void game_do(struct game *game, enum op op, struct peer **peer, uint8_t much)
{
    switch (op) {
    case OP_OPEN:
        *peer = peer_open(game->shards);
        break;
    case OP_BREAK:
        if (*peer != NULL)
            peer_break(*peer);
        break;
    case OP_WAIT:
        shards_wait_ms(game->shards, (uint64_t)much * much);
        break;
    case OP_RESUME:
        game_resume(game, much);
        break;
    case OP_READ_ONLY:
        if (*peer != NULL)
            peer_read_only(*peer, much < 200 ? much : SIZE_MAX);
        break;
    case OP_RELOAD:
        game_reload(game, much);
        break;
    default:
        break;
    }
}

static void game_play(struct game *game, const uint8_t *bytes, size_t length)
{
    for (int orders = 0; length >= 2 && orders < ORDERS_MAX; orders++) {
        enum op op = (enum op)(bytes[0] % OPS);
        struct peer **peer = &game->peers[bytes[0] / OPS % PEERS];
        size_t much = bytes[1];
        bytes += 2;
        length -= 2;
        if (op > OP_WRITE_ALL) {
            game_do(game, op, peer, (uint8_t)much);
            continue;
        }
        size_t part = op == OP_WRITE_ALL || much > length ? length : much;
        if (*peer == NULL || (*peer)->connection == NULL)
            *peer = peer_open(game->shards);
        peer_write(*peer, bytes, part);
        bytes += part;
        length -= part;
    }
}

/* ---- the bystander ---- */

/* Somebody else's messages may come, too, and somebody may have taken its place. */
static void check_bystander(struct game *game)
{
    struct peer *peer = game->bystander;
    take_all(peer);
    if (peer->connection == NULL)
        return;
    bool has_come = false;
    peer_send_subscribe(peer, "the/bystander's/own", 1, 0);
    SEND(peer, .topic = "the/bystander's/own", .payload = "still here", .qos = 1);
    const union any_packet *packet;
    while ((packet = peer_next(peer)) != NULL) {
        if (packet->packet.type == GMQ_PUBLISH && gmq_view_equals(packet->publish.payload, "still here"))
            has_come = true;
        if (packet->packet.type == GMQ_PUBLISH && packet->publish.qos == 1)
            peer_send_ack(peer, GMQ_PUBACK, packet->packet.identifier, GMQ_REASON_SUCCESS);
    }
    demand(has_come, "the bystander is not served");
}

static void game_end(struct game *game)
{
    desk_open(false);
    gmq_deferral *deferral;
    while ((deferral = desk_take_deferral()) != NULL)
        gmq_resume(deferral, GMQ_CLOSE);
    shards_settle(game->shards);
    for (int i = 0; i < PEERS; i++)
        take_all(game->peers[i]);
    check_bystander(game);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    if (length < 3)
        return 0;
    uint32_t workers = bytes[0] % 2 == 0 ? 1 : 3;
    size_t configuration = bytes[0] / 2 % CONFIGURATIONS;
    if (loaded[configuration] == NULL)
        loaded[configuration] = shards_new(workers, settings[configuration]);
    else
        shards_restart(loaded[configuration], workers);
    struct game game = {.shards = loaded[configuration], .settings = settings[configuration]};
    game.bystander = CONNECT(game.shards, .identifier = "the bystander", .expiry = 10);
    desk_open(configuration == 1);
    game_play(&game, bytes + 1, length - 1);
    game_end(&game);
    return 0;
}
