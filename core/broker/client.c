/* A connection's life: accepted, kept alive, closed. */
#include "broker/client.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/text.h"
#include "broker/alias.h"
#include "broker/connect.h"
#include "broker/deferral.h"
#include "broker/flow.h"
#include "broker/inbound.h"
#include "broker/outbound.h"
#include "broker/session.h"

#include <stdio.h>
#include <string.h>

static void client_timer_due(struct wheel_timer *timer);

void client_init_moved(struct gmq_client *client, struct shard *shard)
{
    client->shard = shard;
    output_init(&client->output);
    wheel_timer_init(&client->timer, client_timer_due);
    list_init(&client->pump_link);
    client->last_packet_ns = shard->now_ns;
    client->state = CLIENT_NEW;
    client->maximum_packet_size = UINT32_MAX;
    wheel_start(&shard->wheel, &client->timer,
                shard->now_ns + shard_limits(shard)->connect_timeout_ms * CLOCK_NS_PER_MS);
}

void client_init(struct gmq_client *client, struct shard *shard)
{
    client_init_moved(client, shard);
    shard_call_back(shard, GMQ_EVENT_OPEN, client);
}

const char *client_log_subject(const struct gmq_client *client, char *text, size_t size)
{
    char name[80];
    char peer[80];
    text_printable(name, sizeof name, client_identifier_view(client));
    snprintf(text, size, "client %s (%s)", client->identifier != NULL ? name : "?",
             client->shard->broker->ways->client_peer(client, peer, sizeof peer));
    return text;
}

void client_log_limit(struct gmq_client *client, gmq_packet_type type, const char *limit)
{
    enum { LIMIT_LINES_PER_SECOND = 5 };
    struct shard *shard = client->shard;
    uint32_t suppressed;
    if (!log_limiter_allows(&shard->limiters[type], LIMIT_LINES_PER_SECOND, shard->now_ns, &suppressed))
        return;
    char subject[160];
    char more[40] = "";
    if (suppressed > 0)
        snprintf(more, sizeof more, " (%u such lines left out)", (unsigned)suppressed);
    log_write(GMQ_LOG_WARNING, client_log_subject(client, subject, sizeof subject), "%s refused: %s is reached%s",
              packet_type_name(type), limit, more);
}

void client_attention(struct gmq_client *client)
{
    if (client->is_attended)
        return;
    client->is_attended = true;
    client->shard->broker->ways->client_attention(client);
}

void client_pump_soon(struct gmq_client *client)
{
    if (client->session != NULL && list_is_empty(&client->pump_link))
        list_append(&client->shard->pumping, &client->pump_link);
}

/* A client may stay away one and a half times its keep alive [MQTT-3.1.2-22]. */
static uint64_t client_silence_ns(const struct gmq_client *client)
{
    return client->keep_alive * CLOCK_NS_PER_SECOND * 3 / 2;
}

static void client_timer_due(struct wheel_timer *timer)
{
    struct gmq_client *client = LIST_OBJECT(timer, struct gmq_client, timer);
    struct shard *shard = client->shard;
    bool is_waiting = client->connect_deferral != NULL || client->deferral != NULL;
    if (client->state == CLIENT_NEW || (client->state == CLIENT_CONNECTING && !is_waiting)) {
        client_close(client, 0, "no complete CONNECT within limits.connect_timeout_ms");
        return;
    }
    if (client->state == CLIENT_CONNECTING) {
        wheel_start(&shard->wheel, timer, shard->now_ns + shard_limits(shard)->connect_timeout_ms * CLOCK_NS_PER_MS);
        return;
    }
    /* While a packet waits for its verdict, the client's later ones aren't read: its silence is ours. */
    uint64_t begin_ns = is_waiting ? shard->now_ns : client->last_packet_ns;
    uint64_t due_ns = begin_ns + client_silence_ns(client);
    if (client->keep_alive == 0)
        return;
    if (due_ns > shard->now_ns)
        wheel_start(&shard->wheel, timer, due_ns);
    else
        client_close(client, GMQ_REASON_KEEP_ALIVE_TIMEOUT, "nothing received within 1.5 times the keep alive");
}

/* The connect timeout becomes the keep alive. */
static void client_keep_alive_begin(struct gmq_client *client)
{
    struct shard *shard = client->shard;
    wheel_stop(&shard->wheel, &client->timer);
    client->last_packet_ns = shard->now_ns; /* its CONNECT may have waited for longer than the keep alive */
    if (client->keep_alive > 0)
        wheel_start(&shard->wheel, &client->timer, shard->now_ns + client_silence_ns(client));
}

enum client_outcome client_packet(struct gmq_client *client, const struct frame *frame, uint32_t *worker)
{
    if (client->state == CLIENT_CLOSING)
        return CLIENT_ENDED;
    client->last_packet_ns = client->shard->now_ns;
    if (client->state != CLIENT_NEW)
        return inbound_receive(client, frame);
    return connect_receive(client, frame, worker);
}

void client_connected(struct gmq_client *client)
{
    client->is_connack_sent = true;
    client->state = CLIENT_CONNECTED;
    client_keep_alive_begin(client);
    if (client->session == NULL)
        return;
    session_set_presence(client->session);
    client_pump_soon(client);
}

size_t client_packet_size_limit(const struct gmq_client *client)
{
    uint64_t limit = shard_limits(client->shard)->packet_size_bytes;
    return limit > client->packet_size_promised ? (size_t)limit : client->packet_size_promised;
}

bool client_may_begin(struct gmq_client *client, uint8_t first_byte)
{
    if (client->state != CLIENT_NEW || first_byte >> 4 == GMQ_CONNECT)
        return true;
    client_close(client, 0, "the first packet is not CONNECT"); /* [MQTT-3.1.0-1] */
    return false;
}

void client_bad_frame(struct gmq_client *client, bool is_too_large)
{
    enum mqtt_error error = is_too_large ? MQTT_ERROR_PACKET_TOO_LARGE : MQTT_ERROR_REMAINING_LENGTH;
    client_close(client, mqtt_error_reason(error), mqtt_error_text(error));
}

static void client_say_goodbye(struct gmq_client *client, gmq_reason reason, const char *text)
{
    union any_packet packet;
    packet_init(&packet.packet, GMQ_DISCONNECT, client->version);
    packet.packet.reason = outbound_reason(GMQ_DISCONNECT, reason);
    if (client->wants_problem_information)
        outbound_set_text(&packet.packet, text);
    bool is_sent =
        !outbound_has_route(client, GMQ_DISCONNECT) || outbound_route(client, &packet.packet, &client->shard->arena);
    if (is_sent && outbound_append(client, &packet.packet) != GMQ_OK)
        log_write(GMQ_LOG_DEBUG, "broker", "a DISCONNECT did not fit");
}

static void client_log_close(const struct gmq_client *client, gmq_reason reason, const char *text)
{
    gmq_log_level level = reason >= GMQ_REASON_UNSPECIFIED_ERROR ? GMQ_LOG_INFO : GMQ_LOG_DEBUG;
    if (!log_is_on(level))
        return;
    char subject[160];
    const char *name = mqtt_reason_name(reason);
    log_write(level, client_log_subject(client, subject, sizeof subject), "closing (0x%02X %s)%s%s", (unsigned)reason,
              name != NULL ? name : "?", text != NULL ? ": " : "", text != NULL ? text : "");
}

static void client_cancel_deferrals(struct gmq_client *client)
{
    if (client->connect_deferral != NULL)
        deferral_cancel(client->connect_deferral);
    if (client->deferral != NULL)
        deferral_cancel(client->deferral);
    client->connect_deferral = NULL;
    client->deferral = NULL;
}

void client_close(struct gmq_client *client, gmq_reason reason, const char *text)
{
    if (client->state == CLIENT_CLOSING)
        return;
    bool is_connected = client->state == CLIENT_CONNECTED;
    client->state = CLIENT_CLOSING; /* first: handlers on the way of DISCONNECT must not close it again */
    client_cancel_deferrals(client);
    client_log_close(client, reason, text);
    if (is_connected && client->version == GMQ_VERSION_5_0 && reason != 0)
        client_say_goodbye(client, reason, text);
    if (client->session != NULL)
        session_set_presence(client->session);
    client_attention(client);
}

void client_lost(struct gmq_client *client, const char *why)
{
    client_close(client, 0, why);
}

void client_gone(struct gmq_client *client)
{
    struct shard *shard = client->shard;
    client->state = CLIENT_CLOSING;
    shard_call_back(shard, GMQ_EVENT_CLOSE, client);
    client_cancel_deferrals(client);
    flow_abandon(client);
    if (client->session != NULL && !client->is_connack_sent)
        session_discard_will(client->session); /* it counts from an accepted CONNECT on [MQTT-3.1.2-7] */
    if (client->session != NULL && client->session->client == client)
        session_leave(client->session);
    client->session = NULL;
    wheel_stop(&shard->wheel, &client->timer);
    list_remove(&client->pump_link);
    if (shard_client_gone != NULL)
        shard_client_gone(shard, client);
    alias_free(client);
    output_deinit(&client->output, &shard->outputs);
    bytes_free(&client->bytes);
    client_identifier_unref(&shard->session_pool->names, client->identifier);
    mem_free(client->user_name);
    mem_free(client->authentication_method);
}
