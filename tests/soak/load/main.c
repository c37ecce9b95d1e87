/* The load of tests/soak/reload, which starts it and talks with it.
 *
 * It reads words, one a line: "phase NAME" (what is measured from here on belongs to NAME) and "end". It writes a JSON
 * object a line: {"event": "ready"} when all are there and the traffic begins, "first" (receive.c), "progress" each
 * second, and "end" with the result. Exit code: 0, or 1 where the broker made a fault, 2 where it could not be told. */
#include "process.h"
#include "report.h"
#include "soak.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MILLISECOND UINT64_C(1000000)
#define SECOND UINT64_C(1000000000)

enum { HANDSHAKES_AT_ONCE = 64 };

static const uint64_t start_limit_ns = 60 * SECOND;
static const uint64_t step_ns = 5 * MILLISECOND;
static uint64_t silence_limit_ns; /* what hasn't come after it never will */

/* ---- beginning ---- */

static uint32_t count_ready(const struct soak *soak)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < soak->client_count; i++)
        count += soak->clients[i].presence == HERE && soak->clients[i].is_subscribed ? 1 : 0;
    return count;
}

static void await_ready(struct soak *soak, uint32_t wanted)
{
    uint64_t limit = now_ns() + start_limit_ns;
    uint32_t ready;
    while ((ready = count_ready(soak)) < wanted) {
        links_turn(&soak->links, MILLISECOND);
        if (faults_any(&soak->faults))
            fail("while the clients come: %s", soak->faults.first);
        if (now_ns() > limit)
            fail("%u of %u clients are there after %llu s", ready, wanted,
                 (unsigned long long)(start_limit_ns / SECOND));
    }
}

/* Those that come and go begin to go when all are there. */
static void begin_all(struct soak *soak)
{
    for (uint32_t i = 0; i < soak->client_count; i++) {
        life_begin(soak, &soak->clients[i]);
        if (i >= HANDSHAKES_AT_ONCE)
            await_ready(soak, i - HANDSHAKES_AT_ONCE);
    }
    await_ready(soak, soak->client_count);
}

/* ---- words ---- */

static void phase_begin(struct soak *soak, const char *name)
{
    for (soak->phase = 0; soak->phase < soak->phase_count; soak->phase++)
        if (strcmp(soak->phases[soak->phase].name, name) == 0)
            return;
    if (soak->phase_count == PHASES_MAX)
        fail("more than %d phases", PHASES_MAX);
    snprintf(soak->phases[soak->phase_count++].name, sizeof soak->phases[0].name, "%s", name);
}

static void take_word(struct soak *soak, const char *line)
{
    static const char phase[] = "phase ";
    if (strncmp(line, phase, sizeof phase - 1) == 0)
        phase_begin(soak, line + sizeof phase - 1);
    else if (strcmp(line, "end") == 0)
        soak->is_ending = true;
    else
        fail("\"%s\" is no word for the load", line);
}

/* The end of the input is the end, too: who has started this is gone. */
static void take_words(struct soak *soak)
{
    static char words[1024];
    static size_t length;
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    if (soak->is_ending || poll(&input, 1, 0) <= 0)
        return;
    ssize_t got = read(STDIN_FILENO, words + length, sizeof words - length);
    if (got <= 0)
        soak->is_ending = true;
    length += got > 0 ? (size_t)got : 0;
    char *end;
    while ((end = memchr(words, '\n', length)) != NULL) {
        *end = '\0';
        take_word(soak, words);
        length -= (size_t)(end + 1 - words);
        memmove(words, end + 1, length);
    }
}

/* ---- traffic ---- */

/* Each millisecond, unless the answer to the last one is still to come. */
static void probe(struct soak *soak, uint64_t now)
{
    for (uint32_t i = 0; i < soak->workers; i++) {
        struct client *client = soak->probes[i] > 0 ? &soak->clients[soak->probes[i] - 1] : NULL;
        if (client == NULL || client->pinged_ns != 0 || client->presence != HERE || client->due_ns > now)
            continue;
        client->pinged_ns = now;
        client->due_ns = now + MILLISECOND;
        wire_empty(link_out(&soak->links, client_link(soak, client)), PINGREQ);
    }
}

static void tell_progress(const struct soak *soak)
{
    uint64_t faults = 0, sent = soak->sent[0] + soak->sent[1] + soak->sent[2];
    for (int i = 0; i < FAULT_COUNT; i++)
        faults += soak->faults.count[i];
    printf("{\"event\": \"progress\", \"sent\": %llu, \"arrived\": %llu, \"returns\": %llu, \"faults\": %llu}\n",
           (unsigned long long)sent, (unsigned long long)soak->arrived, (unsigned long long)soak->returns,
           (unsigned long long)faults);
    fflush(stdout);
}

static void run(struct soak *soak)
{
    uint64_t begin = now_ns(), next_step = begin, next_told = begin;
    while (!soak->is_ending) {
        uint64_t now = now_ns();
        send_due(soak, begin, now);
        probe(soak, now);
        if (now >= next_step) {
            next_step = now + step_ns;
            take_words(soak);
            life_step(soak, now);
        }
        if (now >= next_told) {
            next_told = now + SECOND;
            tell_progress(soak);
        }
        links_turn(&soak->links, MILLISECOND);
    }
}

/* ---- ending ---- */

static uint64_t count_missing(const struct soak *soak)
{
    uint64_t missing = 0;
    uint32_t first;
    for (uint32_t i = 0; i < soak->stream_count; i++)
        for (uint32_t k = 0; k < soak->streams[i].hearers; k++)
            missing += checker_missing(&soak->checker, soak->streams[i].slot + k, soak->streams[i].sent, &first);
    return missing;
}

static uint32_t count_away(const struct soak *soak)
{
    uint32_t away = 0;
    for (uint32_t i = 0; i < soak->client_count; i++)
        away += soak->clients[i].role == ROLE_FRESH ? soak->clients[i].presence != AWAY
                                                    : soak->clients[i].presence != HERE || soak->clients[i].is_deaf;
    return away;
}

/* All come back, fresh ones leave; what is on its way arrives. */
static void drain(struct soak *soak)
{
    uint64_t silent_since = now_ns();
    while (count_missing(soak) + count_away(soak) + soak->unacknowledged > 0 &&
           now_ns() - silent_since < silence_limit_ns) {
        uint64_t before = soak->arrived + soak->unacknowledged + count_away(soak);
        life_step(soak, now_ns());
        links_turn(&soak->links, step_ns);
        if (soak->arrived + soak->unacknowledged + count_away(soak) != before)
            silent_since = now_ns();
    }
}

static uint32_t count_unanswered(const struct soak *soak)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < soak->client_count; i++)
        count += soak->clients[i].pinged_ns != 0 ? 1 : 0;
    return count;
}

/* A packet there and back on each connection, so that what follows the last message (a second copy) is seen. */
static void ping_all(struct soak *soak)
{
    uint64_t now = now_ns();
    for (uint32_t i = 0; i < soak->client_count; i++) {
        struct client *client = &soak->clients[i];
        if (client->presence != HERE || client->pinged_ns != 0)
            continue;
        client->pinged_ns = now;
        wire_empty(link_out(&soak->links, client_link(soak, client)), PINGREQ);
    }
    while (count_unanswered(soak) > 0 && now_ns() - now < silence_limit_ns)
        links_turn(&soak->links, step_ns);
    uint32_t unanswered = count_unanswered(soak);
    if (unanswered > 0)
        faults_add(&soak->faults, FAULT_UNANSWERED, unanswered, "a PINGREQ at the end was not answered");
}

static void judge_missing(struct soak *soak)
{
    for (uint32_t i = 0; i < soak->stream_count; i++) {
        const struct stream *stream = &soak->streams[i];
        for (uint32_t k = 0; k < stream->hearers; k++) {
            uint32_t first, missing = checker_missing(&soak->checker, stream->slot + k, stream->sent, &first);
            if (missing > 0)
                faults_add(&soak->faults, FAULT_LOST, missing, "message %u of %s did not come to hearer %u of it",
                           first, stream->topic, k);
        }
    }
    if (soak->unacknowledged > 0)
        faults_add(&soak->faults, FAULT_UNANSWERED, soak->unacknowledged,
                   "a message was not acknowledged to its publisher");
    uint32_t away = count_away(soak);
    if (away > 0)
        faults_add(&soak->faults, FAULT_UNANSWERED, away, "a client could not come back");
}

/* ---- the result ---- */

static void report_histogram(const char *what, const struct histogram *histogram)
{
    static const struct {
        const char *name;
        double share;
    } quantiles[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p999", 0.999}, {"p9999", 0.9999}};
    char name[64];
    snprintf(name, sizeof name, "%s_count", what);
    report_number(name, (double)histogram->count);
    for (size_t i = 0; i < sizeof quantiles / sizeof quantiles[0]; i++) {
        snprintf(name, sizeof name, "%s_%s_us", what, quantiles[i].name);
        report_number(name, (double)histogram_quantile(histogram, quantiles[i].share) / 1e3);
    }
    snprintf(name, sizeof name, "%s_max_us", what);
    report_number(name, (double)histogram->largest / 1e3);
}

static void report_phases(const struct soak *soak)
{
    for (uint32_t i = 0; i < soak->phase_count; i++) {
        const struct phase *phase = &soak->phases[i];
        char name[64];
        for (int qos = 0; qos < 3; qos++) {
            snprintf(name, sizeof name, "%s.qos%d", phase->name, qos);
            report_histogram(name, &phase->delivery[qos]);
        }
        snprintf(name, sizeof name, "%s.ping", phase->name);
        report_histogram(name, &phase->ping);
    }
}

static void report(const struct soak *soak)
{
    report_begin();
    report_number("clients", soak->client_count);
    report_number("workers_seen", soak->workers);
    report_number("sent_qos0", (double)soak->sent[0]);
    report_number("sent_qos1", (double)soak->sent[1]);
    report_number("sent_qos2", (double)soak->sent[2]);
    report_number("held_back", (double)soak->held_back);
    report_number("arrived", (double)soak->arrived);
    report_number("repeated_qos1", (double)soak->repeated);
    report_number("retained_heard", (double)soak->retained);
    report_number("wills", (double)soak->wills);
    report_number("returns", (double)soak->returns);
    report_number("cut_by_us", (double)soak->cut);
    report_phases(soak);
    report_faults(&soak->faults);
    report_end();
}

/* ---- the command line ---- */

static uint64_t number_of(const char *text)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0')
        fail("\"%s\" is no number", text);
    return value;
}

int main(int argc, char **argv)
{
    if (argc != 7)
        fail("soak_load PORT CLIENTS MESSAGES-PER-SECOND STAY-MS SEED SILENCE-MS: see tests/soak/reload");
    static struct soak soak;
    soak.client_count = (uint32_t)number_of(argv[2]);
    soak.rate = (double)number_of(argv[3]);
    soak.pace_ns = number_of(argv[4]) * MILLISECOND;
    soak.random = number_of(argv[5]) * 2654435761u + 1;
    silence_limit_ns = number_of(argv[6]) * MILLISECOND;
    soak.phases = allocate(PHASES_MAX, sizeof *soak.phases);
    if (soak.client_count < 100 || soak.client_count > 60000)
        fail("100 to 60000 clients");
    phase_begin(&soak, "start");
    cast_make(&soak);
    links_init(&soak.links, (uint16_t)number_of(argv[1]), soak.client_count);
    soak.links.on_packet = receive_on_packet;
    soak.links.on_end = life_on_end;
    soak.links.context = &soak;
    begin_all(&soak);
    puts("{\"event\": \"ready\"}");
    fflush(stdout);
    run(&soak);
    drain(&soak);
    ping_all(&soak);
    judge_missing(&soak);
    report(&soak);
    int code = faults_any(&soak.faults) ? 1 : 0;
    links_deinit(&soak.links);
    cast_free(&soak);
    free(soak.phases);
    return code;
}
