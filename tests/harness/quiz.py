"""Enhanced authentication (5.0, 4.12) by a plugin that asks for numbers: each AUTH of the broker holds one as its data, and
the client's next AUTH must repeat it. After some rounds the client is in.

It takes every method that begins with "quiz". A message to "try" has it send AUTH out of turn, and with what a broker may not
say: see on_try.
"""

import pytest

from . import packet as mqtt
from . import settings
from .broker import new_broker, standard_config
from .client import unique
from .fixtures import lend
from .plugins import compile_plugin

METHOD = "quiz"

SOURCE = """
#include <graftmq/plugin.h>
#include <stdio.h>
#include <stdlib.h>

GMQ_PLUGIN("quiz", "1.0.0");

/* An exchange: the client's bytes. */
struct exchange {
    gmq_deferral *deferral; /* of CONNECT; NULL for a re-authentication */
    int round;
};

static bool take(gmq_call *call, struct exchange *exchange)
{
    gmq_view bytes = gmq_client_bytes(call, gmq_call_client(call));
    if (bytes.length != sizeof *exchange)
        return false;
    memcpy(exchange, bytes.data, sizeof *exchange);
    (void)gmq_client_set_bytes(call, gmq_call_client(call), gmq_view_make(NULL, 0));
    return true;
}

static gmq_view method_of(gmq_packet *packet)
{
    gmq_view method = gmq_view_make(NULL, 0);
    (void)gmq_packet_text(packet, GMQ_PROPERTY_AUTHENTICATION_METHOD, &method);
    return method;
}

static void say(gmq_call *call, gmq_reason reason, gmq_view method, int number)
{
    char text[12];
    snprintf(text, sizeof text, "%d", number);
    gmq_packet *packet = GMQ_PACKET(gmq_auth_new(call, reason));
    (void)gmq_packet_set_text(call, packet, GMQ_PROPERTY_AUTHENTICATION_METHOD, method);
    if (number > 0)
        (void)gmq_packet_set_text(call, packet, GMQ_PROPERTY_AUTHENTICATION_DATA, gmq_view_of(text));
    (void)gmq_send(call, gmq_call_client(call), packet);
}

static void ask(gmq_call *call, gmq_view method, struct exchange exchange)
{
    exchange.round++;
    (void)gmq_client_set_bytes(call, gmq_call_client(call), gmq_view_make(&exchange, sizeof exchange));
    say(call, GMQ_REASON_CONTINUE_AUTHENTICATION, method, exchange.round);
}

static gmq_verdict on_connect(gmq_call *call, gmq_connect *packet)
{
    gmq_view method = method_of(GMQ_PACKET(packet));
    if (method.length < 4 || memcmp(method.data, "quiz", 4) != 0)
        return GMQ_NEXT;
    struct exchange exchange = {.deferral = gmq_defer(call, 60000, GMQ_REJECT)};
    if (exchange.deferral == NULL)
        abort();
    ask(call, method, exchange);
    return GMQ_DEFER;
}
GMQ_HANDLER(CONNECT, on_connect);

static gmq_verdict end(gmq_call *call, gmq_view method, struct exchange exchange, bool is_right)
{
    gmq_client_set_authenticated(gmq_call_client(call), is_right);
    if (exchange.deferral == NULL && !is_right)
        return gmq_close(call, GMQ_REASON_NOT_AUTHORIZED, "wrong number");
    if (exchange.deferral == NULL)
        say(call, GMQ_REASON_SUCCESS, method, 0);
    else if (is_right)
        gmq_resume(exchange.deferral, GMQ_NEXT);
    else
        gmq_resume_reject(exchange.deferral, GMQ_REASON_NOT_AUTHORIZED, "wrong number");
    return GMQ_DONE;
}

static gmq_verdict on_auth(gmq_call *call, gmq_auth *packet)
{
    gmq_view method = method_of(GMQ_PACKET(packet));
    struct exchange exchange = {0};
    if (!take(call, &exchange)) {
        if (gmq_packet_reason(GMQ_PACKET(packet)) != GMQ_REASON_RE_AUTHENTICATE)
            return GMQ_NEXT;
        ask(call, method, exchange);
        return GMQ_DONE;
    }
    char text[12];
    snprintf(text, sizeof text, "%d", exchange.round);
    gmq_view answer = gmq_view_make(NULL, 0);
    (void)gmq_packet_text(GMQ_PACKET(packet), GMQ_PROPERTY_AUTHENTICATION_DATA, &answer);
    bool is_right = gmq_view_equals(answer, text);
    if (!is_right || exchange.round == gmq_settings_integer(gmq_call_settings(call), "rounds", 3))
        return end(call, method, exchange, is_right);
    ask(call, method, exchange);
    return GMQ_DONE;
}
GMQ_HANDLER(AUTH, on_auth);

static void on_close(gmq_call *call)
{
    struct exchange exchange;
    if (take(call, &exchange) && exchange.deferral != NULL)
        gmq_resume(exchange.deferral, GMQ_CLOSE);
}
GMQ_CALLBACK(CLOSE, on_close);

/* Sends AUTH with the number that the payload begins with as its reason, and the rest as its method, if there is any. */
static gmq_verdict on_try(gmq_call *call, gmq_publish *packet)
{
    gmq_view order = gmq_publish_payload(packet);
    gmq_reason reason = (gmq_reason)atoi((char[]){order.data[0], order.data[1], order.data[2], 0});
    gmq_packet *auth = GMQ_PACKET(gmq_auth_new(call, reason));
    gmq_view method = gmq_view_make(order.data + 3, order.length - 3);
    if (auth != NULL && method.length > 0)
        (void)gmq_packet_set_text(call, auth, GMQ_PROPERTY_AUTHENTICATION_METHOD, method);
    if (auth != NULL)
        (void)gmq_send(call, gmq_call_client(call), auth);
    return GMQ_NEXT;
}
GMQ_HANDLER(PUBLISH, on_try);
"""


def quizzing(folder, rounds=3):
    """What start_broker() needs."""
    path = compile_plugin(folder / "quiz.so", SOURCE)
    return {
        "plugins": {"broker": {"path": str(settings.PLUGINS / "broker.so")},
                    "quiz": {"path": str(path), "settings": {"rounds": rounds}}},
        "routes": {"CONNECT": ["quiz:on_connect", "broker:on_connect"], "AUTH": ["quiz:on_auth", "broker:on_auth"],
                   "PUBLISH": [{"handler": "quiz:on_try", "topics": ["try"]}, "broker:on_publish"]},
        "callbacks": {"close": "quiz:on_close"},
    }


def answer(number, method=METHOD, reason=0x18):
    return mqtt.auth(reason, {"authentication_method": method, "authentication_data": str(number).encode()})


def begin(broker, method=METHOD, **fields):
    """A client in the first round: it was asked for 1."""
    client = broker.open()
    properties = {"authentication_method": method, **fields.pop("properties", {})}
    client.send(mqtt.connect(fields.pop("client_identifier", None) or unique("quizzed"), properties=properties, **fields))
    client.expect(mqtt.AUTH, reason=0x18, authentication_method=method, authentication_data=b"1")
    return client


def admitted(broker, method=METHOD, rounds=3, **fields):
    """A client that has answered all."""
    client = begin(broker, method, **fields)
    for number in range(1, rounds + 1):
        client.send(answer(number, method))
        if number < rounds:
            client.expect(mqtt.AUTH, reason=0x18, authentication_method=method, authentication_data=b"%d" % (number + 1))
    client.connack = client.expect(mqtt.CONNACK, reason=0, authentication_method=method)
    return client


@pytest.fixture
def quiz(request, workers, shared_brokers, tmp_path_factory):
    """A broker with three rounds, shared as the fixture "broker" is."""
    def make():
        folder = tmp_path_factory.mktemp("quiz")
        return new_broker(folder, standard_config(workers, **quizzing(folder))).start()
    yield from lend(request, shared_brokers, ("quiz", workers), make)
