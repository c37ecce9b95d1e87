/* What can happen in a run: the table of steps, what their numbers may be, and what each does. */
#include "model/play.h"

#include "shard/demand.h"
#include "shard/desk.h"

#include <string.h>

/* ---- numbers ---- */

#define ANY_BELOW(name, limit)                                                                                         \
    static uint64_t name(struct random *random)                                                                        \
    {                                                                                                                  \
        return random_below(random, limit);                                                                            \
    }

ANY_BELOW(any_actor, PLAY_ACTORS)
ANY_BELOW(any_publisher, PLAY_PUBLISHERS)
ANY_BELOW(any_subscriber, PLAY_SUBSCRIBERS)
ANY_BELOW(any_topic, ORACLE_TOPICS)
ANY_BELOW(any_filter, ORACLE_FILTERS)
ANY_BELOW(any_qos, 3)
ANY_BELOW(any_settings, PLAY_SETTINGS)
ANY_BELOW(any_yes_or_no, 2)
ANY_BELOW(any_place, CUT_PLACES)
ANY_BELOW(any_aliases, ACTOR_ALIASES_MAX)
ANY_BELOW(any_few, 7)
ANY_BELOW(any_bits, 256)
ANY_BELOW(any_bytes, 200)

static uint64_t any_workers(struct random *random)
{
    return 1 + random_below(random, 4);
}

static uint64_t any_order(struct random *random)
{
    return random_next(random) | 1;
}

static uint64_t any_limit_of_expiry(struct random *random)
{
    static const uint64_t limits[] = {0, 0, 10, 40}; /* 0: none */
    return limits[random_below(random, 4)];
}

static uint64_t any_versions(struct random *random)
{
    uint64_t versions = 0;
    for (int i = 0; i < PLAY_ACTORS; i++)
        versions = versions * 10 + (random_below(random, 5) < 2 ? 5 : 3 + random_below(random, 3));
    return versions;
}

static uint64_t any_rare(struct random *random)
{
    return random_below(random, 10) == 0;
}

static uint64_t any_sometimes(struct random *random)
{
    return random_below(random, 5) == 0;
}

static uint64_t any_expiry(struct random *random)
{
    uint64_t kind = random_below(random, 8);
    return kind < 4 ? UINT32_MAX : kind < 5 ? 0 : 1 + random_below(random, 30);
}

static uint64_t any_receive_maximum(struct random *random)
{
    return 1 + random_below(random, 4);
}

static uint64_t any_will(struct random *random)
{
    return random_below(random, 3) == 0 ? 1 + random_below(random, ORACLE_TOPICS) : 0;
}

static uint64_t any_delay(struct random *random)
{
    return random_below(random, 2) * random_below(random, 20);
}

static uint64_t any_loss(struct random *random)
{
    return random_below(random, 3) == 0 ? random_below(random, 100) : 0;
}

static uint64_t any_message_expiry(struct random *random)
{
    return random_below(random, 8) == 0 ? 1 + random_below(random, 20) : 0;
}

static uint64_t any_new_expiry(struct random *random)
{
    return random_below(random, 3) == 0 ? 1 + random_below(random, 30) : 0;
}

static uint64_t any_ms(struct random *random)
{
    uint64_t kind = random_below(random, 10);
    return random_below(random, kind < 5 ? 10 : kind < 9 ? 8000 : 60000);
}

/* ---- where connections are cut ---- */

struct cut_point {
    gmq_packet_type type;
    bool is_received; /* by the client */
    const char *text;
};

static const struct cut_point publisher_points[] = {
    {GMQ_PUBLISH, false, "PUBLISH sent"},    {GMQ_PUBACK, true, "PUBACK received"},
    {GMQ_PUBREC, true, "PUBREC received"},   {GMQ_PUBREL, false, "PUBREL sent"},
    {GMQ_PUBCOMP, true, "PUBCOMP received"}, {GMQ_CONNECT, false, "CONNECT sent"},
    {GMQ_CONNACK, true, "CONNACK received"},
};

static const struct cut_point subscriber_points[] = {
    {GMQ_PUBLISH, true, "PUBLISH received"},   {GMQ_PUBACK, false, "PUBACK sent"},
    {GMQ_PUBREC, false, "PUBREC sent"},        {GMQ_PUBREL, true, "PUBREL received"},
    {GMQ_PUBCOMP, false, "PUBCOMP sent"},      {GMQ_CONNECT, false, "CONNECT sent"},
    {GMQ_CONNACK, true, "CONNACK received"},   {GMQ_SUBSCRIBE, false, "SUBSCRIBE sent"},
    {GMQ_SUBACK, true, "SUBACK received"},     {GMQ_UNSUBSCRIBE, false, "UNSUBSCRIBE sent"},
    {GMQ_UNSUBACK, true, "UNSUBACK received"},
};

enum {
    PUBLISHER_POINTS = sizeof publisher_points / sizeof publisher_points[0],
    SUBSCRIBER_POINTS = sizeof subscriber_points / sizeof subscriber_points[0],
};

ANY_BELOW(any_publisher_point, PUBLISHER_POINTS)
ANY_BELOW(any_subscriber_point, SUBSCRIBER_POINTS)

static const char *const places[CUT_PLACES] = {"before", "within", "after"};

static void comment_point(const struct cut_point *point, uint64_t place, FILE *file)
{
    fprintf(file, "  # %s %s", places[place % CUT_PLACES], point->text);
}

static void comment_publisher(const uint64_t *a, FILE *file)
{
    comment_point(&publisher_points[a[1] % PUBLISHER_POINTS], a[2], file);
}

static void comment_subscriber(const uint64_t *a, FILE *file)
{
    comment_point(&subscriber_points[a[1] % SUBSCRIBER_POINTS], a[2], file);
}

static void cut_at(struct actor *actor, const struct cut_point *point, uint64_t place)
{
    actor->cut = (struct cut){.is_armed = true,
                              .type = point->type,
                              .is_received = point->is_received,
                              .place = (enum cut_place)(place % CUT_PLACES)};
}

static void take_cut_publisher(struct play *play, const uint64_t *a)
{
    cut_at(play_publisher(play, a[0]), &publisher_points[a[1] % PUBLISHER_POINTS], a[2]);
}

static void take_cut_subscriber(struct play *play, const uint64_t *a)
{
    cut_at(play_subscriber(play, a[0]), &subscriber_points[a[1] % SUBSCRIBER_POINTS], a[2]);
}

static uint32_t print_counts(const cut_counts *counts, const struct cut_point *point)
{
    uint32_t least = UINT32_MAX;
    printf("cut at %-20s", point->text);
    for (int place = 0; place < CUT_PLACES; place++) {
        printf("  %s", places[place]);
        for (int version = GMQ_VERSION_3_1; version <= GMQ_VERSION_5_0; version++) {
            uint32_t count = (*counts)[point->type][point->is_received][place][version];
            least = count < least ? count : least;
            printf(" %6u", count);
        }
    }
    putchar('\n');
    return least;
}

uint32_t steps_print_cuts(const cut_counts *counts)
{
    uint32_t least = UINT32_MAX;
    for (int i = 0; i < PUBLISHER_POINTS; i++) {
        uint32_t count = print_counts(counts, &publisher_points[i]);
        least = count < least ? count : least;
    }
    for (int i = 0; i < SUBSCRIBER_POINTS; i++) {
        uint32_t count = print_counts(counts, &subscriber_points[i]);
        least = count < least ? count : least;
    }
    return least;
}

/* ---- connections ---- */

static void take_begin(struct play *play, const uint64_t *a)
{
    play_begin(play, a[0], a[1], a[2], a[3], a[4]);
}

static void take_connect(struct play *play, const uint64_t *a)
{
    struct hello hello = {.is_clean = a[1] != 0,
                          .expiry = (uint32_t)a[2],
                          .receive_maximum = (uint16_t)a[3],
                          .alias_maximum = (uint16_t)a[4]};
    char topic[8];
    if (a[5] != 0) {
        snprintf(topic, sizeof topic, "t/%u", (unsigned)(a[5] - 1));
        hello.will =
            (struct letter){.topic = topic, .qos = (uint8_t)a[6], .is_retained = a[7] != 0, .delay = (uint32_t)a[8]};
    }
    actor_connect(play_actor(play, a[0]), &hello, (uint8_t)(a[5] - (a[5] != 0)));
}

static void take_break(struct play *play, const uint64_t *a)
{
    actor_break(play_actor(play, a[0]), a[1]);
}

static void take_leave(struct play *play, const uint64_t *a)
{
    struct actor *actor = play_actor(play, a[0]);
    bool is_at_rest = a[4] != 0;
    if (is_at_rest)
        play_rest(play);
    if (!actor_is_there(actor))
        return;
    uint32_t expiry = a[3] != 0 ? 0 : a[2] != 0 ? (uint32_t)a[2] : ACTOR_EXPIRY_STAYS;
    bool was_quiet = play->is_quiet;
    play->is_quiet = true;
    actor_leave(actor, expiry, a[1] != 0, is_at_rest);
    play->is_quiet = was_quiet;
}

/* ---- what clients do ---- */

static void take_publish(struct play *play, const uint64_t *a)
{
    struct actor *actor = play_publisher(play, a[0]);
    struct open_message message = {.topic = (uint8_t)(a[1] % ORACLE_TOPICS),
                                   .qos = (uint8_t)a[2],
                                   .is_retained = a[3] != 0,
                                   .is_empty = a[3] != 0 && a[4] != 0,
                                   .expiry = (uint32_t)a[5]};
    if (actor_is_there(actor))
        actor_publish(actor, &message);
}

static void take_subscribe(struct play *play, const uint64_t *a)
{
    struct actor *actor = play_subscriber(play, a[0]);
    if (actor_is_there(actor))
        actor_subscribe(actor, (uint8_t)(a[1] % ORACLE_FILTERS), (int8_t)a[2]);
}

static void take_unsubscribe(struct play *play, const uint64_t *a)
{
    struct actor *actor = play_subscriber(play, a[0]);
    if (actor_is_there(actor))
        actor_subscribe(actor, (uint8_t)(a[1] % ORACLE_FILTERS), NOT_GRANTED);
}

static void take_read(struct play *play, const uint64_t *a)
{
    (void)actor_read(play_actor(play, a[0]), 1 + (uint32_t)a[1]);
}

static void take_hold(struct play *play, const uint64_t *a)
{
    play_subscriber(play, a[0])->is_holding = true;
}

static void take_acknowledge(struct play *play, const uint64_t *a)
{
    struct actor *actor = play_subscriber(play, a[0]);
    actor->is_holding = a[2] != 0;
    actor_acknowledge(actor, 1 + (uint32_t)a[1]);
}

static void take_slow(struct play *play, const uint64_t *a)
{
    struct actor *actor = play_actor(play, a[0]);
    if (!actor_is_there(actor))
        return;
    actor->peer->budget = a[2] != 0 ? SIZE_MAX : a[1];
    link_attend(actor->peer->connection);
}

/* ---- the broker, its plugins and time ---- */

static void take_turn(struct play *play, const uint64_t *a)
{
    (void)a;
    shards_turn(play->shards);
}

static void take_settle(struct play *play, const uint64_t *a)
{
    (void)a;
    shards_settle(play->shards);
}

static void take_rest(struct play *play, const uint64_t *a)
{
    (void)a;
    play_rest(play);
}

/* What was sent is taken before the clock goes on. */
static void take_time(struct play *play, const uint64_t *a)
{
    shards_settle(play->shards);
    shards_wait_ms(play->shards, a[0]);
}

static void take_defer(struct play *play, const uint64_t *a)
{
    play->defer_next = 1 + (uint32_t)a[0];
}

static void take_resume(struct play *play, const uint64_t *a)
{
    (void)play, (void)a;
    gmq_deferral *deferral = desk_take_deferral();
    if (deferral != NULL)
        gmq_resume(deferral, GMQ_NEXT);
}

static void take_close(struct play *play, const uint64_t *a)
{
    play->close_at = 1 + (uint32_t)a[0];
}

/* Each worker takes the new generation in a turn of its own, or in the same as the one before. */
static void take_reload(struct play *play, const uint64_t *a)
{
    if (play->shards->draining_count > 8)
        return;
    play_load(play, a[0]);
    for (uint32_t worker = 0; worker < play->shards->count; worker++) {
        shards_adopt(play->shards, worker);
        if ((a[1] >> worker & 1) != 0)
            shards_turn(play->shards);
    }
}

/* ---- the table ---- */

/* clang-format off */
const struct step_kind step_kinds[] = {
    {"begin", 0, take_begin, NULL, {{"workers", any_workers}, {"order", any_order}, {"settings", any_settings},
        {"expiry_limit", any_limit_of_expiry}, {"versions", any_versions}}},
    {"connect", 16, take_connect, NULL, {{"actor", any_actor}, {"clean", any_rare}, {"expiry", any_expiry},
        {"receive_maximum", any_receive_maximum}, {"aliases", any_aliases}, {"will", any_will}, {"will_qos", any_qos},
        {"will_retained", any_sometimes}, {"will_delay", any_delay}}},
    {"break", 8, take_break, NULL, {{"actor", any_actor}, {"lost", any_loss}}},
    {"leave", 4, take_leave, NULL, {{"actor", any_actor}, {"with_will", any_sometimes}, {"expiry", any_new_expiry},
        {"ends", any_rare}, {"at_rest", any_sometimes}}},
    {"cut_publisher", 9, take_cut_publisher, comment_publisher, {{"publisher", any_publisher}, {"at", any_publisher_point},
        {"place", any_place}}},
    {"cut_subscriber", 15, take_cut_subscriber, comment_subscriber, {{"subscriber", any_subscriber}, {"at", any_subscriber_point},
        {"place", any_place}}},
    {"publish", 40, take_publish, NULL, {{"publisher", any_publisher}, {"topic", any_topic}, {"qos", any_qos},
        {"retained", any_sometimes}, {"empty", any_sometimes}, {"expiry", any_message_expiry}}},
    {"subscribe", 12, take_subscribe, NULL, {{"subscriber", any_subscriber}, {"filter", any_filter}, {"qos", any_qos}}},
    {"unsubscribe", 5, take_unsubscribe, NULL, {{"subscriber", any_subscriber}, {"filter", any_filter}}},
    {"read", 40, take_read, NULL, {{"actor", any_actor}, {"most", any_few}}},
    {"hold", 3, take_hold, NULL, {{"subscriber", any_subscriber}}},
    {"acknowledge", 8, take_acknowledge, NULL, {{"subscriber", any_subscriber}, {"most", any_few}, {"hold", any_yes_or_no}}},
    {"slow", 4, take_slow, NULL, {{"actor", any_actor}, {"bytes", any_bytes}, {"ends", any_yes_or_no}}},
    {"turn", 30, take_turn, NULL, {{NULL, NULL}}},
    {"settle", 10, take_settle, NULL, {{NULL, NULL}}},
    {"rest", 2, take_rest, NULL, {{NULL, NULL}}},
    {"time", 5, take_time, NULL, {{"ms", any_ms}}},
    {"defer", 5, take_defer, NULL, {{"more", any_few}}},
    {"resume", 8, take_resume, NULL, {{NULL, NULL}}},
    {"close", 3, take_close, NULL, {{"after", any_few}}},
    {"reload", 2, take_reload, NULL, {{"settings", any_settings}, {"turns", any_bits}}},
};
/* clang-format on */

const uint32_t step_kind_count = sizeof step_kinds / sizeof step_kinds[0];
