/* One run of the model: its beginning, its end, and the times between when nothing moves. */
#include "model/play.h"

#include "shard/demand.h"
#include "shard/desk.h"

#include <string.h>
#include <sys/random.h>

#define LIMITS(in_flight)                                                                                              \
    "'limits': {'outgoing_bytes': 4096, 'in_flight_messages': " in_flight ", 'receive_maximum': 8, "                   \
    "'session_expiry_seconds': %u}"
#define INCOMING ", 'routes': {'PUBLISH': ['desk:on_publish', 'broker:on_publish']}"
#define OUTGOING ", 'outgoing': {'PUBLISH': 'desk:on_publish'}"

static const char *const settings_forms[PLAY_SETTINGS] = {LIMITS("6") INCOMING, LIMITS("3") INCOMING OUTGOING,
                                                          LIMITS("1024")};

static struct play *playing; /* for the handlers */

/* In the place of the C library's, so that a script leads the same way each time: clients' names decide by a seeded
 * hash where they live. */
ssize_t getrandom(void *bytes, size_t length, unsigned flags)
{
    (void)flags;
    memset(bytes, 7, length);
    return (ssize_t)length;
}

/* ---- handlers on the way ---- */

static gmq_verdict defer_some(gmq_call *call, gmq_packet *packet)
{
    if (playing->is_quiet || playing->defer_next == 0)
        return GMQ_NEXT;
    playing->defer_next--;
    return desk_defer(call, packet);
}

static gmq_verdict close_some(gmq_call *call, gmq_packet *packet)
{
    (void)packet;
    if (playing->is_quiet || playing->close_at == 0 || --playing->close_at > 0)
        return GMQ_NEXT;
    return gmq_close(call, GMQ_REASON_ADMINISTRATIVE_ACTION, NULL);
}

static void resume_all(void)
{
    gmq_deferral *deferral;
    while ((deferral = desk_take_deferral()) != NULL)
        gmq_resume(deferral, GMQ_NEXT);
}

/* ---- rest ---- */

static bool read_all(struct play *play)
{
    bool has_read = false;
    for (int i = 0; i < PLAY_ACTORS; i++) {
        struct actor *actor = &play->actors[i];
        actor->is_holding = false;
        has_read = actor_read(actor, UINT32_MAX) || has_read;
        has_read = has_read || actor->held_count > 0;
        actor_acknowledge(actor, UINT32_MAX);
    }
    return has_read;
}

static void let_go(struct play *play)
{
    for (int i = 0; i < PLAY_ACTORS; i++) {
        struct peer *peer = play->actors[i].peer;
        if (peer == NULL || peer->connection == NULL)
            continue;
        peer->budget = SIZE_MAX;
        link_attend(peer->connection);
    }
    resume_all();
}

static void check_readers(struct play *play)
{
    bool is_group_there = true;
    for (uint8_t i = 0; i < PLAY_SUBSCRIBERS; i++) {
        const struct actor *actor = play_subscriber(play, i);
        is_group_there = is_group_there && (i < ORACLE_SINGLE || actor_is_there(actor));
        bool is_checked = i < ORACLE_SINGLE ? actor_is_there(actor) : i + 1 == PLAY_SUBSCRIBERS && is_group_there;
        const char *complaint = is_checked ? oracle_check_reader(&play->oracle, oracle_reader_of(i)) : NULL;
        demand(complaint == NULL, "%s", complaint);
    }
}

void play_rest(struct play *play)
{
    bool was_quiet = play->is_quiet;
    play->is_quiet = true;
    for (int rounds = 0; rounds < 2;) {
        let_go(play);
        shards_settle(play->shards);
        rounds = read_all(play) ? 0 : rounds + 1;
    }
    oracle_rest(&play->oracle);
    for (int i = 0; i < PLAY_ACTORS; i++)
        actor_rest(&play->actors[i]);
    check_readers(play);
    play->is_quiet = was_quiet;
}

/* ---- begin and end ---- */

static const char *settings_text(const struct play *play, uint64_t settings, char *text, size_t size)
{
    int length = snprintf(text, size, settings_forms[settings % PLAY_SETTINGS], play->session_expiry);
    demand(length > 0 && (size_t)length < size, "the settings are too long");
    return text;
}

void play_load(struct play *play, uint64_t settings)
{
    char text[500];
    shards_load(play->shards, settings_text(play, settings, text, sizeof text));
}

static void desk_begin(struct play *play)
{
    playing = play;
    desk_reset();
    desk_limit_ms = 20000;
    desk_at_limit = GMQ_NEXT;
    desk_incoming[GMQ_PUBLISH] = defer_some;
    desk_outgoing[GMQ_PUBLISH] = close_some;
}

/* `versions` has one digit for each actor, the last actor's first; 0 stands for 5. */
static void actors_begin(struct play *play, uint64_t versions)
{
    for (uint8_t i = 0; i < PLAY_ACTORS; i++) {
        struct actor *actor = &play->actors[i];
        actor_begin(actor, play->shards, &play->oracle);
        actor->is_subscriber = i >= PLAY_PUBLISHERS;
        actor->number = actor->is_subscriber ? (uint8_t)(i - PLAY_PUBLISHERS) : i;
        const char *role = !actor->is_subscriber ? "publisher" : actor->number < ORACLE_SINGLE ? "reader" : "member";
        snprintf(actor->name, sizeof actor->name, "%s %u", role, actor->number);
        actor->version = versions % 10 != 0 ? (uint8_t)(versions % 10) : GMQ_VERSION_5_0;
        actor->expiry_of_old = play->session_expiry;
        versions /= 10;
    }
}

void play_begin(struct play *play, uint64_t workers, uint64_t order, uint64_t settings, uint64_t expiry,
                uint64_t versions)
{
    char text[500];
    memset(play, 0, sizeof *play);
    play->session_expiry = expiry != 0 ? (uint32_t)expiry : UINT32_MAX;
    desk_begin(play);
    play->shards = shards_new(workers != 0 ? (uint32_t)workers : 1, settings_text(play, settings, text, sizeof text));
    play->shards->order = order;
    oracle_begin(&play->oracle);
    actors_begin(play, versions);
}

/* Everybody comes back, twice, and finishes. */
void play_end(struct play *play)
{
    play->is_quiet = true;
    for (int i = 0; i < PLAY_ACTORS; i++)
        play->actors[i].cut.is_armed = false;
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < PLAY_ACTORS; i++) {
            struct hello hello = {.expiry = UINT32_MAX, .receive_maximum = 4};
            actor_connect(&play->actors[i], &hello, 0);
        }
        play_rest(play);
    }
    const char *complaint = oracle_check_end(&play->oracle);
    demand(complaint == NULL, "%s", complaint);
    shards_free(play->shards);
}

void play_script(const struct script *script)
{
    static struct play play;
    for (uint32_t i = 0; i < script->count; i++)
        step_kinds[script->steps[i].kind].take(&play, script->steps[i].arguments);
    play_end(&play);
}
