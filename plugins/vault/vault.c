/* Enhanced authentication (MQTT 5.0, 4.12) by challenge and response: the password never crosses the wire.
 *
 *     client                                              broker
 *     CONNECT  user name, method "hmac-sha256"     ->
 *                                                  <-     AUTH 0x18   data: 32 random bytes
 *     AUTH 0x18  data: HMAC-SHA256(secret, bytes)  ->
 *                                                  <-     CONNACK     (or refused with 0x87)
 *
 * A connected client may prove itself again at any time with AUTH 0x19, which goes the same way and ends with AUTH 0.
 *
 *     {
 *       "plugins": {
 *         "broker": { "path": "broker.so" },
 *         "vault":  { "path": "vault.so", "settings": { "secrets": { "ada": "analytical engine" }, "limit_ms": 5000 } }
 *       },
 *       "routes": {
 *         "CONNECT": [ "vault:on_connect", "broker:on_connect" ],
 *         "AUTH":    [ "vault:on_auth", "broker:on_auth" ]
 *       },
 *       "callbacks": { "close": "vault:on_close" }
 *     }
 *
 * CONNECT is put off until the response is here. What is open between the two is kept as the client's bytes, so that
 * the plugin can be replaced meanwhile. The callback gives back the deferral of a client that never answered. Clients
 * without the method are left to the next handler: put `gate` there, or refuse them. */
#define _DEFAULT_SOURCE /* getentropy */

#include <graftmq/plugin.h>

#include "sha256.h"

#include <stdio.h>
#include <unistd.h>

GMQ_PLUGIN("vault", "1.0.0");

#define METHOD "hmac-sha256"

enum { CHALLENGE_SIZE = 32 };

/* A challenge without a response yet: the client's bytes. */
struct attempt {
    gmq_deferral *deferral; /* of CONNECT, to be resumed once; NULL for a re-authentication */
    uint8_t challenge[CHALLENGE_SIZE];
};

/* An attempt is taken once, whatever comes of it. */
static bool attempt_take(gmq_call *call, struct attempt *attempt)
{
    gmq_client *client = gmq_call_client(call);
    gmq_view bytes = gmq_client_bytes(call, client);
    if (bytes.length != sizeof *attempt)
        return false;
    memcpy(attempt, bytes.data, sizeof *attempt);
    (void)gmq_client_set_bytes(call, client, gmq_view_make(NULL, 0)); /* fewer bytes need no memory */
    return true;
}

static bool has_our_method(const gmq_packet *packet)
{
    gmq_view method;
    return gmq_packet_text(packet, GMQ_PROPERTY_AUTHENTICATION_METHOD, &method) && gmq_view_equals(method, METHOD);
}

/* AUTH with the method, and data if there is any. NULL: memory is out. */
static gmq_packet *auth_new(gmq_call *call, gmq_reason reason, gmq_view data)
{
    gmq_packet *packet = GMQ_PACKET(gmq_auth_new(call, reason));
    if (packet == NULL ||
        gmq_packet_set_text(call, packet, GMQ_PROPERTY_AUTHENTICATION_METHOD, GMQ_VIEW(METHOD)) != GMQ_OK)
        return NULL;
    if (data.length > 0 && gmq_packet_set_text(call, packet, GMQ_PROPERTY_AUTHENTICATION_DATA, data) != GMQ_OK)
        return NULL;
    return packet;
}

/* On false there is no attempt. */
static bool send_challenge(gmq_call *call, gmq_deferral *deferral)
{
    gmq_client *client = gmq_call_client(call);
    struct attempt attempt = {.deferral = deferral};
    if (getentropy(attempt.challenge, sizeof attempt.challenge) != 0)
        return false;
    gmq_view challenge = gmq_view_make(attempt.challenge, sizeof attempt.challenge);
    gmq_packet *packet = auth_new(call, GMQ_REASON_CONTINUE_AUTHENTICATION, challenge);
    if (packet == NULL || gmq_client_set_bytes(call, client, gmq_view_make(&attempt, sizeof attempt)) != GMQ_OK)
        return false;
    if (gmq_send(call, client, packet) == GMQ_OK)
        return true;
    (void)attempt_take(call, &attempt);
    return false;
}

static gmq_verdict on_connect(gmq_call *call, gmq_connect *packet)
{
    if (!has_our_method(GMQ_PACKET(packet)))
        return GMQ_NEXT;
    int64_t limit_ms = gmq_settings_integer(gmq_call_settings(call), "limit_ms", 5000);
    gmq_deferral *deferral = gmq_defer(call, (uint32_t)limit_ms, GMQ_REJECT);
    if (deferral == NULL)
        return gmq_reject(call, GMQ_REASON_SERVER_BUSY, NULL);
    if (!send_challenge(call, deferral))
        gmq_resume_reject(deferral, GMQ_REASON_SERVER_BUSY, NULL);
    return GMQ_DEFER;
}
GMQ_HANDLER(CONNECT, on_connect);

/* The user's secret, or empty. */
static gmq_view secret_of(gmq_call *call)
{
    char path[300];
    gmq_view user = gmq_client_username(gmq_call_client(call));
    if (user.length == 0 || user.length > 255)
        return gmq_view_make(NULL, 0);
    snprintf(path, sizeof path, "secrets.%.*s", (int)user.length, user.data);
    return gmq_settings_string(gmq_call_settings(call), path, "");
}

/* Takes as long for a wrong response as for the right one. */
static bool is_same_digest(const uint8_t digest[SHA256_SIZE], gmq_view response)
{
    unsigned difference = response.length != SHA256_SIZE;
    for (size_t i = 0; i < SHA256_SIZE && i < response.length; i++)
        difference |= (unsigned)(digest[i] ^ (uint8_t)response.data[i]);
    return difference == 0;
}

static bool is_proven(gmq_call *call, const struct attempt *attempt, const gmq_auth *packet)
{
    gmq_view response;
    gmq_view secret = secret_of(call);
    if (secret.length == 0 || !gmq_packet_text(GMQ_PACKET(packet), GMQ_PROPERTY_AUTHENTICATION_DATA, &response))
        return false;
    uint8_t digest[SHA256_SIZE];
    hmac_sha256(secret.data, secret.length, attempt->challenge, CHALLENGE_SIZE, digest);
    return is_same_digest(digest, response);
}

static gmq_verdict answer_connect(gmq_call *call, gmq_deferral *deferral, bool is_right)
{
    gmq_client_set_authenticated(gmq_call_client(call), is_right);
    if (is_right)
        gmq_resume(deferral, GMQ_NEXT);
    else
        gmq_resume_reject(deferral, GMQ_REASON_NOT_AUTHORIZED, NULL);
    return GMQ_DONE;
}

/* The end of a re-authentication (4.12.1). */
static gmq_verdict answer_renewal(gmq_call *call, bool is_right)
{
    if (!is_right)
        return gmq_close(call, GMQ_REASON_NOT_AUTHORIZED, NULL);
    gmq_packet *packet = auth_new(call, GMQ_REASON_SUCCESS, gmq_view_make(NULL, 0));
    if (packet == NULL || gmq_send(call, gmq_call_client(call), packet) != GMQ_OK)
        return gmq_close(call, GMQ_REASON_SERVER_BUSY, NULL);
    return GMQ_DONE;
}

static gmq_verdict on_auth(gmq_call *call, gmq_auth *packet)
{
    struct attempt attempt;
    bool is_renewal = gmq_packet_reason(GMQ_PACKET(packet)) == GMQ_REASON_RE_AUTHENTICATE;
    if (!has_our_method(GMQ_PACKET(packet)))
        return GMQ_NEXT;
    if (attempt_take(call, &attempt)) {
        bool is_right = is_proven(call, &attempt, packet);
        return attempt.deferral != NULL ? answer_connect(call, attempt.deferral, is_right)
                                        : answer_renewal(call, is_right);
    }
    if (!is_renewal || !gmq_client_is_authenticated(gmq_call_client(call)))
        return GMQ_NEXT;
    return send_challenge(call, NULL) ? GMQ_DONE : gmq_close(call, GMQ_REASON_SERVER_BUSY, NULL);
}
GMQ_HANDLER(AUTH, on_auth);

/* The client is gone, and CONNECT with it; but a deferral is only freed by resuming it. */
static void on_close(gmq_call *call)
{
    struct attempt attempt;
    if (attempt_take(call, &attempt) && attempt.deferral != NULL)
        gmq_resume(attempt.deferral, GMQ_CLOSE);
}
GMQ_CALLBACK(CLOSE, on_close);
