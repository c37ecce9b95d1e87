/* Shards that take turns in one thread. */
#include "shard/shards.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/memory.h"
#include "broker/parcel.h"
#include "broker/session.h"
#include "shard/demand.h"
#include "shard/link.h"
#include "shard/peer.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { SHARDS_ROUNDS_MAX = 100000, SHARDS_TIMERS = 10000, SHARDS_DECODED_MAX = 1 << 20, SETTINGS_SIZE = 8192 };

#define SHARDS_START_NS (1000 * CLOCK_NS_PER_SECOND)

/* ---- log ---- */

/* The lines are made, as that can go wrong, too; who wants to read them sets GRAFTMQ_TEST_LOG. */
static void log_quietly(void)
{
    static int descriptor = -1;
    if (descriptor < 0)
        descriptor = getenv("GRAFTMQ_TEST_LOG") != NULL ? STDERR_FILENO : open("/dev/null", O_WRONLY | O_CLOEXEC);
    log_configure(descriptor, LOG_TEXT, GMQ_LOG_DEBUG);
}

/* ---- generations ---- */

static const char settings_form[] = "{\"plugins\": {"
                                    "\"broker\": {\"path\": \"broker.so\", \"settings\": {\"load\": %llu}}, "
                                    "\"desk\": {\"path\": \"%s/tests/plugins/desk.so\", \"settings\": {\"load\": %llu}}"
                                    "}%s%s}";

static size_t settings_text(struct shards *shards, const char *settings, char *text)
{
    unsigned long long load = ++shards->loads;
    bool has_more = settings != NULL && settings[0] != '\0';
    int length = snprintf(text, SETTINGS_SIZE, settings_form, load, GRAFTMQ_BUILD_FOLDER, load, has_more ? ", " : "",
                          has_more ? settings : "");
    demand(length > 0 && length < SETTINGS_SIZE, "the settings are too long");
    for (char *at = text; (at = strchr(at, '\'')) != NULL; at++)
        *at = '"';
    return (size_t)length;
}

static void problems_demand_none(struct problems *problems, const char *settings)
{
    for (size_t i = 0; i < problems->count; i++)
        fprintf(stderr, "%s\n", problems->lines[i]);
    demand(!problems_has_errors(problems), "these settings could not be loaded: %s", settings);
    problems_deinit(problems);
}

static struct generation *generation_load(struct shards *shards, const char *settings)
{
    char text[SETTINGS_SIZE];
    size_t length = settings_text(shards, settings, text);
    struct config_overrides overrides = {.port = -1, .plugin_folder = GRAFTMQ_BUILD_FOLDER "/plugins"};
    struct problems problems = {0};
    struct config *config = config_parse(text, length, "test.json", &overrides, &problems);
    problems_demand_none(&problems, text);
    struct generation_copies copies;
    bool is_copied = generation_copies_make(&shards->loader, config, shards->generation, &copies, &problems);
    problems_demand_none(&problems, text);
    demand(is_copied, "no copies");
    struct generation *generation = generation_new(&shards->loader, config, &copies, shards->generation, &problems);
    problems_demand_none(&problems, text);
    demand(generation != NULL, "no generation");
    generation_copies_discard(&copies);
    return generation;
}

void shards_load(struct shards *shards, const char *settings)
{
    demand(shards->draining_count < SHARDS_GENERATIONS_MAX, "too many generations");
    struct generation *next = generation_load(shards, settings);
    shards->draining[shards->draining_count++] = shards->generation;
    shards->generation = next;
}

void shards_adopt(struct shards *shards, uint32_t worker)
{
    shard_adopt(shards->turners[worker].shard, shards->generation);
}

void shards_reload(struct shards *shards, const char *settings)
{
    shards_load(shards, settings);
    for (uint32_t i = 0; i < shards->count; i++)
        shards_adopt(shards, i);
    shards_settle(shards);
}

/* Whether a packet that it took, or a worker that serves it, still needs it. */
static bool generation_is_needed(const struct shards *shards, const struct generation *generation)
{
    for (uint32_t i = 0; i < shards->count; i++) {
        if (shards->turners[i].shard->generation == generation)
            return true;
    }
    return atomic_load(&generation->pins) != 0;
}

static void generation_let_go(struct shards *shards, struct generation *generation)
{
    for (uint32_t i = 0; i < shards->count; i++)
        shard_release(shards->turners[i].shard, generation);
    generation_free(generation);
}

/* Old ones go in their order. */
static bool shards_drain(struct shards *shards)
{
    if (shards->draining_count == 0 || generation_is_needed(shards, shards->draining[0]))
        return false;
    generation_let_go(shards, shards->draining[0]);
    shards->draining_count--;
    memmove(shards->draining, shards->draining + 1, shards->draining_count * sizeof shards->draining[0]);
    return true;
}

/* ---- mail ---- */

static void mail_post(struct shard *shard, uint32_t worker, struct shard_mail *mail)
{
    mail_chain_append(&turner_of(shard)->outgoing[worker], &mail->mail);
}

static void mail_post_any(struct broker *broker, uint32_t worker, struct shard_mail *mail)
{
    struct mail_chain chain = {0};
    mail_chain_append(&chain, &mail->mail);
    mailbox_push(&turner_of(broker->shards[worker])->mailbox, &chain);
}

static bool turner_take_mail(struct turner *turner)
{
    struct mail *mail = mailbox_take(&turner->mailbox);
    bool has_mail = mail != NULL;
    while (mail != NULL) {
        struct shard_mail *next = LIST_OBJECT(mail, struct shard_mail, mail);
        mail = mail->next; /* first: the handler owns it */
        next->handle(turner->shard, next);
    }
    return has_mail;
}

static bool turner_send_mail(struct turner *turner)
{
    struct broker *broker = turner->shard->broker;
    bool has_mail = false;
    parcel_seal_all(turner->shard);
    for (uint32_t i = 0; i < broker->worker_count; i++) {
        has_mail = has_mail || turner->outgoing[i].first != NULL;
        mailbox_push(&turner_of(broker->shards[i])->mailbox, &turner->outgoing[i]);
    }
    return has_mail;
}

/* What a plugin has under way when its code goes. */
static void host_drain(struct plugin_host *host)
{
    struct broker *broker = host->broker;
    for (uint32_t i = 0; broker != NULL && i < broker->worker_count; i++)
        turner_take_mail(turner_of(broker->shards[i]));
}

/* ---- turns ---- */

/* As the worker's: mail between the horizon and the collection, as it may name what is retired. */
static bool turner_turn(struct turner *turner)
{
    struct shard *shard = turner->shard;
    bool has_moved = links_take(turner);
    uint64_t horizon = grace_horizon(shard->reader);
    has_moved = turner_take_mail(turner) || has_moved;
    wheel_advance(&shard->wheel, shard->now_ns, SHARDS_TIMERS);
    has_moved = links_resume(turner) || has_moved;
    has_moved = shard_is_busy(shard) || has_moved;
    shard_end_turn(shard);
    has_moved = turner_send_mail(turner) || has_moved;
    has_moved = links_flush(turner) || has_moved;
    has_moved = turner_send_mail(turner) || has_moved;
    grace_collect(shard->reader, horizon);
    grace_quiescent(shard->reader);
    return has_moved;
}

static uint32_t shards_first(struct shards *shards)
{
    if (shards->order == 0)
        return 0;
    shards->order = shards->order * UINT64_C(6364136223846793005) + 1;
    return (uint32_t)(shards->order >> 33) % shards->count;
}

bool shards_turn(struct shards *shards)
{
    bool has_moved = false;
    uint32_t first = shards_first(shards);
    for (uint32_t i = 0; i < shards->count; i++)
        has_moved = turner_turn(&shards->turners[(first + i) % shards->count]) || has_moved;
    return shards_drain(shards) || has_moved;
}

void shards_settle(struct shards *shards)
{
    /* Two rounds of rest: what one shard retired waits for the others' quiescent states. */
    int rounds = 0;
    for (int rest = 0; rest < 2; rounds++) {
        rest = shards_turn(shards) ? 0 : rest + 1;
        demand(rounds < SHARDS_ROUNDS_MAX, "the shards don't come to rest");
    }
}

static uint64_t shards_next_ns(const struct shards *shards, uint64_t until_ns)
{
    for (uint32_t i = 0; i < shards->count; i++) {
        uint64_t next_ns = wheel_next_ns(&shards->turners[i].shard->wheel);
        if (next_ns < until_ns)
            until_ns = next_ns;
    }
    return until_ns > shards->now_ns ? until_ns : shards->now_ns;
}

static void shards_set_time(struct shards *shards, uint64_t now_ns)
{
    bool is_tick = now_ns / CLOCK_NS_PER_SECOND != shards->now_ns / CLOCK_NS_PER_SECOND;
    shards->now_ns = now_ns;
    for (uint32_t i = 0; i < shards->count; i++) {
        shards->turners[i].shard->now_ns = now_ns;
        if (is_tick)
            shard_tick(shards->turners[i].shard);
    }
    shards_settle(shards);
}

void shards_wait_ms(struct shards *shards, uint64_t ms)
{
    uint64_t until_ns = shards->now_ns + ms * CLOCK_NS_PER_MS;
    while (shards->now_ns < until_ns)
        shards_set_time(shards, shards_next_ns(shards, until_ns));
}

void shards_wait(struct shards *shards, uint64_t seconds)
{
    shards_wait_ms(shards, seconds * 1000);
}

/* ---- begin and end ---- */

static void shards_ignore_watchers(struct shard *shard, const struct gmq_plugin *plugin)
{
    (void)shard, (void)plugin;
}

static void turner_begin(struct shards *shards, uint32_t index)
{
    struct turner *turner = &shards->turners[index];
    mailbox_init(&turner->mailbox);
    list_init(&turner->links);
    list_init(&turner->attended);
    list_init(&turner->resumed);
    turner->shard = shard_new(shards->broker, index, shards->generation, shards->now_ns);
    demand(turner->shard != NULL, "no shard");
    turner->shard->upper = turner;
    shards->broker->shards[index] = turner->shard;
}

static void loader_begin(struct shards *shards)
{
    struct problems problems = {0};
    shards->loader.folder = library_folder_open(&problems);
    problems_demand_none(&problems, "folder");
    shards->loader.storage = plugin_storage_new();
    shards->host.drain = host_drain;
    shards->loader.host = &shards->host;
    shards->loader.worker_count = BROKER_WORKERS_MAX; /* the shards' number is not the configuration's */
}

/* The peers allocate nothing of the broker's from now on: where a test makes allocations fail, they are the broker's.
 */
static void peers_begin(struct shards *shards)
{
    arena_init(&shards->decoded, SHARDS_DECODED_MAX);
    demand(arena_alloc(&shards->decoded, SHARDS_DECODED_MAX / 32) != NULL, "no memory to decode");
    arena_reset(&shards->decoded);
    buffer_init(&shards->encoded);
    demand(buffer_reserve(&shards->encoded, SHARDS_ENCODED_MAX) != NULL, "no memory to encode");
    list_init(&shards->peers);
}

/* The state of a broker, in the generation that is loaded. */
static void shards_begin(struct shards *shards, uint32_t count)
{
    shards->count = count;
    shards->next_worker = 0;
    shards->now_ns = SHARDS_START_NS;
    shards->broker = broker_new(count, &shards->ways);
    demand(shards->broker != NULL, "no broker");
    shards->host.broker = shards->broker;
    for (uint32_t i = 0; i < count; i++)
        turner_begin(shards, i);
    for (uint32_t i = 0; i < count; i++)
        shard_start(shards->turners[i].shard);
}

struct shards *shards_new(uint32_t count, const char *settings)
{
    log_quietly();
    shard_stop_plugin_watchers = shards_ignore_watchers;
    struct shards *shards = calloc(1, sizeof *shards);
    demand(shards != NULL, "no memory");
    shards->ways = link_ways;
    shards->ways.post = mail_post;
    shards->ways.post_any = mail_post_any;
    peers_begin(shards);
    loader_begin(shards);
    shards->generation = generation_load(shards, settings);
    shards_begin(shards, count);
    return shards;
}

static void peers_free(struct shards *shards)
{
    for (struct list *at = shards->peers.next; at != &shards->peers; at = at->next)
        peer_break(LIST_OBJECT(at, struct peer, link));
    shards_settle(shards);
    while (!list_is_empty(&shards->peers))
        peer_free(LIST_OBJECT(shards->peers.next, struct peer, link));
}

/* Everybody leaves; nothing may be left of them but what is retained. */
static void shards_close(struct shards *shards)
{
    peers_free(shards);
    demand(shards->draining_count == 0, "an old generation is still needed: a deferral was never resumed");
    atomic_store(&shards->broker->is_stopping, true);
    for (uint32_t i = 0; i < shards->count; i++)
        shard_end_sessions(shards->turners[i].shard);
    shards_settle(shards);
    demand(atomic_load(&shards->broker->session_count) == 0, "sessions are left");
    demand(subscription_count(shards->broker->subscriptions) == 0, "subscriptions are left");
}

static void shards_end(struct shards *shards)
{
    for (uint32_t i = 0; i < shards->count; i++)
        shard_free(shards->turners[i].shard);
    broker_free(shards->broker);
    memset(shards->turners, 0, sizeof shards->turners);
}

void shards_restart(struct shards *shards, uint32_t count)
{
    shards_close(shards);
    shards_end(shards);
    shards_begin(shards, count);
}

void shards_free(struct shards *shards)
{
    shards_close(shards);
    generation_let_go(shards, shards->generation);
    shards_end(shards);
    plugin_storage_free(shards->loader.storage);
    library_folder_close(shards->loader.folder);
    arena_deinit(&shards->decoded);
    buffer_deinit(&shards->encoded);
    free(shards);
}

/* ---- looking in ---- */

uint32_t shards_worker_of(const struct shards *shards, const char *client_identifier)
{
    return broker_worker_of(shards->broker, gmq_view_of(client_identifier));
}

struct session *shards_session(const struct shards *shards, const char *client_identifier)
{
    const struct turner *turner = &shards->turners[shards_worker_of(shards, client_identifier)];
    return session_find(turner->shard, gmq_view_of(client_identifier));
}
