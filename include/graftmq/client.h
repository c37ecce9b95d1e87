/* Clients and their sessions: what they are, what may be sent to them, and the bytes that a plugin keeps with them.
 *
 * A client belongs to one worker; these functions are for calls on that worker. To reach a client from elsewhere, use
 * gmq_post_to_client() or gmq_disconnect_client(). */
#ifndef GRAFTMQ_CLIENT_H
#define GRAFTMQ_CLIENT_H

#include <graftmq/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Empty views and 0 until CONNECT was read. The views live as long as the call. */
GMQ_EXPORT gmq_view gmq_client_identifier(const gmq_client *client);
GMQ_EXPORT gmq_view gmq_client_username(const gmq_client *client);
GMQ_EXPORT uint8_t gmq_client_protocol_version(const gmq_client *client);
GMQ_EXPORT gmq_view gmq_client_listener(const gmq_client *client); /* the listener's name */
GMQ_EXPORT gmq_view
gmq_client_peer_address(const gmq_client *client); /* "192.0.2.1:40000", "[2001:db8::1]:40000", "unix" */

/* CONNECT was accepted: a CONNACK with reason 0 was sent, and the connection is not closing. */
GMQ_EXPORT bool gmq_client_is_connected(const gmq_client *client);

/* A handler that has authenticated the client (by whatever means) says so for those that follow: broker:on_connect
 * refuses a CONNECT with an authentication method that no one has vouched for, with 0x8C. */
GMQ_EXPORT void gmq_client_set_authenticated(gmq_client *client, bool is_authenticated);
GMQ_EXPORT bool gmq_client_is_authenticated(const gmq_client *client);

/* Sends any packet of the broker's side. It passes the outgoing route of its type first, unless this call is itself on
 * an outgoing route. A CONNACK with reason 0 makes the client connected, any other closes it; DISCONNECT closes it.
 * PUBLISH with QoS 1 or 2 needs a session, and gets its packet identifier from it.
 * GMQ_ERROR_STATE: the connection is closing; a CONNACK was already sent, or none yet; no session.
 * GMQ_ERROR_LIMIT: longer than the client's maximum packet size, or its outgoing queue is full.
 * GMQ_ERROR_UNSUPPORTED: a packet that a broker doesn't send, or unknown to the client's protocol version. */
GMQ_EXPORT gmq_status gmq_send(gmq_call *call, gmq_client *client, gmq_packet *packet);

/* Closes the connection at the end of this loop turn, after what was sent. `reason` as in gmq_close(). */
GMQ_EXPORT void gmq_client_close(gmq_call *call, gmq_client *client, gmq_reason reason, const char *text);

/* Bytes of this plugin that the broker keeps with the connection, and with the session. They outlive a swap of the
 * plugin, and belong to the name that the configuration gives it. Reading returns an empty view if there are none; it
 * is valid until they are set again. ..._layout: see gmq_plugin_bytes_layout(). GMQ_ERROR_STATE: the client has no
 * session. */
GMQ_EXPORT gmq_view gmq_client_bytes(const gmq_call *call, const gmq_client *client);
GMQ_EXPORT gmq_view gmq_client_bytes_layout(const gmq_call *call, const gmq_client *client, uint32_t *layout);
GMQ_EXPORT gmq_status gmq_client_set_bytes(gmq_call *call, gmq_client *client, gmq_view bytes);
GMQ_EXPORT gmq_view gmq_session_bytes(const gmq_call *call, const gmq_client *client);
GMQ_EXPORT gmq_view gmq_session_bytes_layout(const gmq_call *call, const gmq_client *client, uint32_t *layout);
GMQ_EXPORT gmq_status gmq_session_set_bytes(gmq_call *call, gmq_client *client, gmq_view bytes);

/* Closes the connection of the client with this identifier, on whichever worker it is; nothing happens if there is
 * none. Any thread. */
GMQ_EXPORT gmq_status gmq_disconnect_client(gmq_plugin *plugin, gmq_view client_identifier, gmq_reason reason,
                                            const char *text);

#ifdef __cplusplus
}
#endif

#endif
