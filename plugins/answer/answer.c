/* A service inside the broker: answers requests (MQTT 5.0, 4.10) without a client that has to be connected for it. A
 * message with a response topic on one of the route's topics is a request; its payload says what is asked:
 *
 *     ping    ->  pong
 *     time    ->  2026-03-01T12:00:00Z
 *     whoami  ->  the requester's client identifier
 *
 *     {
 *       "plugins": { "broker": { "path": "broker.so" }, "answer": { "path": "answer.so" } },
 *       "routes": {
 *         "PUBLISH": [ { "handler": "answer:on_publish", "topics": [ "service/broker" ] }, "broker:on_publish" ]
 *       }
 *     }
 *
 *     mosquitto_rr -V 5 -t service/broker -e answers/me -m time
 *
 * An unknown question is refused with reason 0x83. A message without a response topic is no request and goes on. */
#define _POSIX_C_SOURCE 200809L /* gmtime_r */

#include <graftmq/plugin.h>

#include <time.h>

GMQ_PLUGIN("answer", "1.0.0");

typedef gmq_view answer_function(gmq_call *call);

static gmq_view answer_ping(gmq_call *call)
{
    (void)call;
    return GMQ_VIEW("pong");
}

static gmq_view answer_time(gmq_call *call)
{
    enum { SIZE = sizeof "2026-03-01T12:00:00Z" };
    char *text = gmq_call_allocate(call, SIZE);
    time_t now = time(NULL);
    struct tm utc;
    if (text == NULL || gmtime_r(&now, &utc) == NULL)
        return gmq_view_make(NULL, 0);
    return gmq_view_make(text, strftime(text, SIZE, "%Y-%m-%dT%H:%M:%SZ", &utc));
}

static gmq_view answer_whoami(gmq_call *call)
{
    return gmq_client_identifier(gmq_call_client(call));
}

static const struct question {
    const char *text;
    answer_function *answer;
} questions[] = {{"ping", answer_ping}, {"time", answer_time}, {"whoami", answer_whoami}};

static answer_function *function_for(gmq_view text)
{
    for (size_t i = 0; i < sizeof questions / sizeof *questions; i++) {
        if (gmq_view_equals(text, questions[i].text))
            return questions[i].answer;
    }
    return NULL;
}

/* The answer goes out as the request came in: with its QoS, and with its correlation data, by which the requester tells
 * its answers apart. NULL: memory is out. */
static gmq_publish *response_new(gmq_call *call, const gmq_publish *request, gmq_view topic, gmq_view payload)
{
    gmq_publish *response = gmq_publish_new(call, topic, payload, gmq_publish_qos(request));
    gmq_view correlation;
    if (response != NULL && gmq_packet_text(GMQ_PACKET(request), GMQ_PROPERTY_CORRELATION_DATA, &correlation) &&
        gmq_packet_set_text(call, GMQ_PACKET(response), GMQ_PROPERTY_CORRELATION_DATA, correlation) != GMQ_OK)
        return NULL;
    return response;
}

static gmq_verdict on_publish(gmq_call *call, gmq_publish *packet)
{
    gmq_view topic;
    if (!gmq_packet_text(GMQ_PACKET(packet), GMQ_PROPERTY_RESPONSE_TOPIC, &topic))
        return GMQ_NEXT;
    answer_function *function = function_for(gmq_publish_payload(packet));
    if (function == NULL)
        return gmq_reject(call, GMQ_REASON_IMPLEMENTATION_SPECIFIC_ERROR, "ask one of: ping, time, whoami");
    gmq_publish *response = response_new(call, packet, topic, function(call));
    if (response == NULL || gmq_deliver(call, response, NULL) != GMQ_OK)
        return gmq_reject(call, GMQ_REASON_UNSPECIFIED_ERROR, "out of memory");
    /* The request has reached its only reader, so its way ends here. */
    return gmq_acknowledge(call, packet, GMQ_REASON_SUCCESS) == GMQ_OK ? GMQ_DONE
                                                                       : gmq_close(call, GMQ_REASON_SUCCESS, NULL);
}
GMQ_HANDLER(PUBLISH, on_publish);
