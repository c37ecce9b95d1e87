/* CONNECT: opens the session and lets the client in. Whether it may come in was decided by the handlers in front. */
#include "broker.h"

static gmq_verdict refuse(gmq_call *call, gmq_status status)
{
    if (status == GMQ_ERROR_LIMIT)
        return gmq_reject(call, GMQ_REASON_QUOTA_EXCEEDED, "too many sessions");
    if (status == GMQ_ERROR_MEMORY)
        return gmq_reject(call, GMQ_REASON_SERVER_BUSY, "out of memory");
    return gmq_reject(call, GMQ_REASON_UNSPECIFIED_ERROR, NULL);
}

/* The client builds its response topics from this, so an identifier that can't be part of a topic gives none. */
static gmq_view response_information(gmq_call *call, gmq_view prefix, gmq_view identifier)
{
    if (memchr(identifier.data, '#', identifier.length) != NULL ||
        memchr(identifier.data, '+', identifier.length) != NULL)
        return gmq_view_make(NULL, 0);
    size_t length = prefix.length + identifier.length;
    char *text = gmq_call_allocate(call, length);
    if (text == NULL)
        return gmq_view_make(NULL, 0);
    memcpy(text, prefix.data, prefix.length);
    memcpy(text + prefix.length, identifier.data, identifier.length);
    return gmq_view_make(text, length);
}

/* The standard leaves it to the broker whether it answers (3.1.2.11.6), so nothing here can fail. */
static void add_response_information(gmq_call *call, const gmq_connect *packet, gmq_connack *connack)
{
    uint32_t is_requested = 0;
    gmq_packet_number(GMQ_PACKET(packet), GMQ_PROPERTY_REQUEST_RESPONSE_INFORMATION, &is_requested);
    gmq_view prefix = gmq_settings_string(gmq_call_settings(call), "response_information", "");
    if (is_requested == 0 || prefix.length == 0)
        return;
    gmq_view information = response_information(call, prefix, gmq_connect_client_identifier(packet));
    if (information.length > 0)
        (void)gmq_packet_set_text(call, GMQ_PACKET(connack), GMQ_PROPERTY_RESPONSE_INFORMATION, information);
}

static gmq_verdict on_connect(gmq_call *call, gmq_connect *packet)
{
    gmq_view method;
    bool has_method = gmq_packet_text(GMQ_PACKET(packet), GMQ_PROPERTY_AUTHENTICATION_METHOD, &method);
    if (has_method && !gmq_client_is_authenticated(gmq_call_client(call)))
        return gmq_reject(call, GMQ_REASON_BAD_AUTHENTICATION_METHOD, "unknown authentication method");

    bool is_session_present = false;
    gmq_status status = gmq_session_open(call, packet, &is_session_present);
    if (status != GMQ_OK)
        return refuse(call, status);

    gmq_connack *connack = gmq_connack_for(call, packet, is_session_present);
    if (connack == NULL)
        return refuse(call, GMQ_ERROR_MEMORY);
    if (has_method) { /* [MQTT-4.12.0-5] */
        status = gmq_packet_set_text(call, GMQ_PACKET(connack), GMQ_PROPERTY_AUTHENTICATION_METHOD, method);
        if (status != GMQ_OK)
            return refuse(call, status);
    }
    add_response_information(call, packet, connack);
    return answer(call, GMQ_PACKET(connack));
}
GMQ_HANDLER(CONNECT, on_connect);
