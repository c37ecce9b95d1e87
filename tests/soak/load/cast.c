/* Who there is, what each publishes, and what each hears. */
#include "soak.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    HEARD = 2,      /* pairs that a pair, or an absent one, listens to */
    GROUP_SIZE = 5, /* members of a shared subscription */
    PROBES = 24     /* enough that each of a few workers has one */
};

/* Parts of a thousand; pairs are the rest. */
static const uint32_t share[ROLE_COUNT] = {
    [ROLE_SLOW] = 50,   [ROLE_FEEDER] = 50, [ROLE_MEMBER] = 100, [ROLE_ABSENT] = 200,
    [ROLE_MORTAL] = 40, [ROLE_KEEPER] = 40, [ROLE_FRESH] = 30,
};

const char *role_name(enum role role)
{
    static const char *const names[ROLE_COUNT] = {"pair",   "slow",   "feeder", "member", "absent",
                                                  "mortal", "keeper", "fresh",  "probe"};
    return names[role];
}

uint32_t soak_random(struct soak *soak, uint32_t limit)
{
    soak->random ^= soak->random << 13;
    soak->random ^= soak->random >> 7;
    soak->random ^= soak->random << 17;
    return (uint32_t)((soak->random >> 32) * limit >> 32);
}

static uint32_t count_of(const struct soak *soak, enum role role)
{
    return soak->first[role + 1] - soak->first[role];
}

/* The client that is `place` of its role, counted round. */
static uint32_t one_of(const struct soak *soak, enum role role, uint32_t place)
{
    return soak->first[role] + place % count_of(soak, role);
}

static uint32_t groups(const struct soak *soak)
{
    return count_of(soak, ROLE_MEMBER) / GROUP_SIZE;
}

/* ---- streams ---- */

static void stream_add(struct soak *soak, uint32_t owner, uint8_t qos, const char *format, uint32_t first,
                       uint32_t second)
{
    struct client *client = &soak->clients[owner];
    soak->streams = realloc(soak->streams, (soak->stream_count + 1) * sizeof *soak->streams);
    if (soak->streams == NULL)
        fail("out of memory: %u streams", soak->stream_count);
    struct stream *stream = &soak->streams[soak->stream_count];
    *stream = (struct stream){.owner = owner, .qos = qos};
    /* The formats are those of streams_add, below. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(stream->topic, sizeof stream->topic, format, first, second);
#pragma GCC diagnostic pop
    if (client->streams++ == 0)
        client->first_stream = client->next_stream = soak->stream_count;
    soak->stream_count++;
}

static void streams_add(struct soak *soak, uint32_t number)
{
    const struct client *client = &soak->clients[number];
    uint32_t place = client->place;
    switch (client->role) {
    case ROLE_PAIR:
        for (uint8_t qos = 0; qos < 3; qos++)
            stream_add(soak, number, qos, "soak/pair/%u/%u", place, qos);
        break;
    case ROLE_SLOW:
        for (uint8_t qos = 1; qos < 3; qos++)
            stream_add(soak, number, qos, "soak/slow/%u/%u", place, qos);
        break;
    case ROLE_FEEDER:
        for (uint8_t qos = 1; qos < 3; qos++)
            stream_add(soak, number, qos, "soak/shared/%u/%u", place % groups(soak), 2 * place + qos);
        break;
    case ROLE_ABSENT:
        stream_add(soak, number, 2, "soak/absent/%u/%u", place, 2);
        break;
    case ROLE_MORTAL:
        stream_add(soak, number, (uint8_t)(1 + place % 2), "soak/will/%u/%u", place, 1 + place % 2);
        break;
    case ROLE_KEEPER:
        for (uint32_t i = 0; i < KEPT; i++)
            stream_add(soak, number, 1, "soak/keep/%u/%u", place, i);
        break;
    case ROLE_PROBE:
        stream_add(soak, number, 0, "soak/probe/%u/%u", place, 0);
        break;
    default:
        break;
    }
}

/* ---- inlets: who hears what ---- */

struct inlet *client_inlet(const struct client *client, uint32_t stream)
{
    uint32_t from = 0, to = client->inlet_count;
    while (from < to) {
        uint32_t middle = (from + to) / 2;
        if (client->inlets[middle].stream < stream)
            from = middle + 1;
        else
            to = middle;
    }
    return from < client->inlet_count && client->inlets[from].stream == stream ? &client->inlets[from] : NULL;
}

static int compare_inlets(const void *left, const void *right)
{
    uint32_t a = ((const struct inlet *)left)->stream, b = ((const struct inlet *)right)->stream;
    return a < b ? -1 : a > b;
}

static void hear(struct soak *soak, uint32_t hearer, uint32_t stream, bool is_shared)
{
    struct client *client = &soak->clients[hearer];
    client->inlets = realloc(client->inlets, (client->inlet_count + 1) * sizeof *client->inlets);
    if (client->inlets == NULL)
        fail("out of memory: %u inlets", client->inlet_count);
    /* The slot is that of the stream's n-th hearer, until all slots are numbered. Members share one: a message comes to
     * one of them. */
    uint32_t place = is_shared ? 0 : soak->streams[stream].hearers;
    client->inlets[client->inlet_count++] = (struct inlet){.stream = stream, .slot = place};
    soak->streams[stream].hearers = place + 1;
}

static void hear_all_of(struct soak *soak, uint32_t hearer, uint32_t owner, uint8_t least_qos, bool is_shared)
{
    const struct client *client = &soak->clients[owner];
    for (uint32_t i = 0; i < client->streams; i++)
        if (soak->streams[client->first_stream + i].qos >= least_qos)
            hear(soak, hearer, client->first_stream + i, is_shared);
}

/* Whom a pair, by its place, hears beside pairs: each of the others is heard by one. */
static void hear_others(struct soak *soak, uint32_t hearer)
{
    static const enum role others[] = {ROLE_SLOW, ROLE_ABSENT, ROLE_MORTAL, ROLE_KEEPER};
    uint32_t pairs = count_of(soak, ROLE_PAIR);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        for (uint32_t place = soak->clients[hearer].place; place < count_of(soak, others[i]); place += pairs)
            hear_all_of(soak, hearer, one_of(soak, others[i], place), 0, false);
}

static void inlets_add(struct soak *soak, uint32_t number)
{
    const struct client *client = &soak->clients[number];
    switch (client->role) {
    case ROLE_PAIR:
        for (uint32_t i = 1; i <= HEARD; i++)
            hear_all_of(soak, number, one_of(soak, ROLE_PAIR, client->place + i), 0, false);
        hear_others(soak, number);
        break;
    case ROLE_ABSENT:
        for (uint32_t i = 0; i < HEARD; i++)
            hear_all_of(soak, number, one_of(soak, ROLE_PAIR, HEARD * client->place + i), 1, false);
        break;
    case ROLE_MEMBER:
        for (uint32_t i = 0; i < count_of(soak, ROLE_FEEDER); i++)
            if (i % groups(soak) == client->place % groups(soak))
                hear_all_of(soak, number, one_of(soak, ROLE_FEEDER, i), 0, true);
        break;
    case ROLE_PROBE:
        hear_all_of(soak, number, number, 0, false);
        break;
    default:
        break;
    }
}

static void slots_number(struct soak *soak)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < soak->stream_count; i++) {
        soak->streams[i].slot = count;
        count += soak->streams[i].hearers;
    }
    for (uint32_t i = 0; i < soak->client_count; i++) {
        struct client *client = &soak->clients[i];
        for (uint32_t k = 0; k < client->inlet_count; k++)
            client->inlets[k].slot += soak->streams[client->inlets[k].stream].slot;
        if (client->inlet_count > 0)
            qsort(client->inlets, client->inlet_count, sizeof *client->inlets, compare_inlets);
    }
    checker_init(&soak->checker, count, false); /* order is judged by the inlet: a slot may have several */
}

/* ---- filters ---- */

static void filter_add(struct bytes *filters, const char *format, uint32_t first)
{
    char filter[TOPIC_SIZE];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(filter, sizeof filter, format, first);
#pragma GCC diagnostic pop
    wire_add_filter(filters, filter, 2);
}

static uint32_t filters_of_pair(const struct soak *soak, const struct client *client, struct bytes *filters)
{
    static const struct {
        enum role role;
        const char *filter;
    } others[] = {{ROLE_SLOW, "soak/slow/%u/+"},
                  {ROLE_ABSENT, "soak/absent/%u/2"},
                  {ROLE_MORTAL, "soak/will/%u/#"},
                  {ROLE_KEEPER, "soak/keep/%u/+"}};
    uint32_t count = 0, pairs = count_of(soak, ROLE_PAIR);
    for (uint32_t i = 1; i <= HEARD; i++, count++)
        filter_add(filters, i % 2 == 0 ? "soak/pair/%u/#" : "soak/pair/%u/+", (client->place + i) % pairs);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        for (uint32_t place = client->place; place < count_of(soak, others[i].role); place += pairs, count++)
            filter_add(filters, others[i].filter, place);
    return count;
}

uint32_t cast_filters(const struct soak *soak, const struct client *client, struct bytes *filters)
{
    uint32_t pairs = count_of(soak, ROLE_PAIR);
    switch (client->role) {
    case ROLE_PAIR:
        return filters_of_pair(soak, client, filters);
    case ROLE_ABSENT:
        for (uint32_t i = 0; i < HEARD; i++) {
            filter_add(filters, "soak/pair/%u/1", (HEARD * client->place + i) % pairs);
            filter_add(filters, "soak/pair/%u/2", (HEARD * client->place + i) % pairs);
        }
        return 2 * HEARD;
    case ROLE_MEMBER:
        filter_add(filters, "$share/soak/soak/shared/%u/#", client->place % groups(soak));
        return 1;
    case ROLE_FRESH:
        filter_add(filters, "soak/keep/%u/#", client->place % count_of(soak, ROLE_KEEPER));
        return 1;
    case ROLE_PROBE:
        filter_add(filters, "soak/probe/%u/0", client->place);
        return 1;
    default:
        return 0;
    }
}

/* ---- all of it ---- */

static void clients_make(struct soak *soak)
{
    uint32_t left = soak->client_count, count[ROLE_COUNT] = {[ROLE_PROBE] = PROBES};
    for (int role = ROLE_SLOW; role < ROLE_PROBE; role++) {
        count[role] = soak->client_count * share[role] / 1000;
        count[role] = count[role] > 0 ? count[role] : 1;
    }
    count[ROLE_MEMBER] -= count[ROLE_MEMBER] % GROUP_SIZE;
    for (int role = ROLE_SLOW; role < ROLE_COUNT; role++)
        left -= count[role];
    count[ROLE_PAIR] = left;
    soak->clients = allocate(soak->client_count, sizeof *soak->clients);
    for (int role = 0; role < ROLE_COUNT; role++)
        soak->first[role + 1] = soak->first[role] + count[role];
    for (uint32_t i = 0, role = 0; i < soak->client_count; i++) {
        while (i >= soak->first[role + 1])
            role++;
        soak->clients[i] = (struct client){.role = (enum role)role,
                                           .place = i - soak->first[role],
                                           .version = i % 2 == 0 ? VERSION_5 : VERSION_3_1_1,
                                           .due_ns = UINT64_MAX,
                                           .received = allocate((UINT16_MAX + 1) / 8, 1)};
    }
}

/* A mortal's message is its will, which it doesn't send. */
static void senders_mix(struct soak *soak)
{
    soak->senders = allocate(soak->client_count, sizeof *soak->senders);
    for (uint32_t i = 0; i < soak->client_count; i++) {
        if (soak->clients[i].streams == 0 || soak->clients[i].role == ROLE_MORTAL)
            continue;
        uint32_t place = soak_random(soak, soak->sender_count + 1);
        soak->senders[soak->sender_count++] = soak->senders[place];
        soak->senders[place] = i;
    }
}

void cast_make(struct soak *soak)
{
    clients_make(soak);
    for (uint32_t i = 0; i < soak->client_count; i++)
        streams_add(soak, i);
    for (uint32_t i = 0; i < soak->client_count; i++)
        inlets_add(soak, i);
    slots_number(soak);
    senders_mix(soak);
}

void cast_free(struct soak *soak)
{
    for (uint32_t i = 0; i < soak->client_count; i++) {
        free(soak->clients[i].received);
        free(soak->clients[i].inlets);
    }
    free(soak->clients);
    free(soak->senders);
    free(soak->streams);
    checker_deinit(&soak->checker);
}
