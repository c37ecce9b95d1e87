"""UNSUBACK: 3.11 of both standards."""

import pytest

from harness import packet as mqtt
from harness.broker import standard_config
from harness.explanations import expect_to_fit, explaining
from harness.plugins import compile_plugin
from harness.statements import proves

NONE_EXISTED = 0x11


@pytest.mark.parametrize("version", [3, 4], ids=["3.1", "3.1.1"])
def test_it_has_no_payload_before_5_0(broker, version, topic):
    """3.1.1, 3.11.3"""
    client = broker.connect(version=version)
    client.subscribe(topic)
    for identifier in (7, 65535):
        client.send(mqtt.unsubscribe(identifier, [topic, topic + "/none"], version))
        assert client.expect(mqtt.UNSUBACK, packet_identifier=identifier).size == 4


@proves(v5="3.11.3-1 3.11.3-2")
def test_the_reasons_come_in_the_order_of_the_filters(broker, topic):
    client = broker.connect()
    for pattern in range(16):  # which of four filters are subscribed to
        wanted = [0 if pattern >> place & 1 else NONE_EXISTED for place in range(4)]
        filters = [f"{topic}/{place}" for place in range(4)]
        subscribed = [each for each, reason in zip(filters, wanted) if reason == 0]
        if subscribed:
            client.subscribe(*subscribed)
        assert client.unsubscribe(*filters) == wanted


REFUSING = """
#include <graftmq/plugin.h>
GMQ_PLUGIN("refuse", "1.0.0");

/* Refuses with the number that the route's argument says. */
static gmq_verdict on_unsubscribe(gmq_call *call, gmq_unsubscribe *packet)
{
    (void)packet;
    return gmq_reject(call, (gmq_reason)gmq_settings_integer(gmq_call_arguments(call), "reason", 0), "because");
}
GMQ_HANDLER(UNSUBSCRIBE, on_unsubscribe);

/* Has a place for every number as a reason, and tries to put each there. */
static gmq_verdict on_unsuback(gmq_call *call, gmq_unsuback *packet)
{
    (void)call;
    for (size_t i = 0; i < gmq_unsuback_count(packet); i++)
        (void)gmq_unsuback_set(packet, i, (gmq_reason)i);
    return GMQ_NEXT;
}
GMQ_HANDLER(UNSUBACK, on_unsuback);
"""


def refusing(start_broker, folder, **changes):
    path = compile_plugin(folder / "refuse.so", REFUSING)
    return start_broker(plugins={**standard_config()["plugins"], "refuse": {"path": str(path)}}, **changes)


@pytest.mark.ours("a plugin refuses")
@proves(v5="3.11.3-1 3.11.3-2")
def test_a_refusal_has_a_reason_of_unsuback_for_each_filter(start_broker, topic, tmp_path):
    allowed = mqtt.BROKER_REASONS[mqtt.UNSUBACK]
    reasons = sorted({0x80, 0x83, 0x87, 0x8F, 0x91, 0x97, 0x9E, 0xA2})  # the last three are none of UNSUBACK
    broker = refusing(start_broker, tmp_path, routes={"UNSUBSCRIBE": [
        {"handler": "refuse:on_unsubscribe", "args": {"reason": reason}, "topics": [f"{topic}/{reason}"]}
        for reason in reasons] + ["broker:on_unsubscribe"]})
    client = broker.connect()
    for reason in reasons:
        name = f"{topic}/{reason}"
        client.subscribe(name)
        expected = reason if reason in allowed else 0x80
        assert client.unsubscribe(name, name) == [expected, expected]
        client.publish(name, b"still")
        client.expect_publish(name, b"still")


@pytest.mark.ours("a plugin changes the UNSUBACK")
@proves(v5="3.11.3-2")
def test_a_plugin_cannot_make_it_another_reason(start_broker, topic, tmp_path):
    client = refusing(start_broker, tmp_path, outgoing={"UNSUBACK": "refuse:on_unsuback"}).connect()
    reasons = client.unsubscribe(*(f"{topic}/{number}" for number in range(256)))
    allowed = mqtt.BROKER_REASONS[mqtt.UNSUBACK]
    assert reasons == [number if number in allowed else NONE_EXISTED for number in range(256)]


@pytest.mark.ours("a plugin explains")
@proves(v5="3.11.2-1 3.11.2-2")
def test_explanations_are_left_out_where_the_client_takes_no_such_packet(start_broker, topic, tmp_path):
    broker = start_broker(**explaining(tmp_path, "UNSUBACK"))

    def provoke(maximum):
        client = broker.connect(properties={"maximum_packet_size": maximum} if maximum else None)
        client.subscribe(f"{topic}/1")
        client.send(mqtt.unsubscribe(9, [f"{topic}/{number}" for number in range(50)]))
        return client.expect(mqtt.UNSUBACK, packet_identifier=9)

    expect_to_fit(provoke)
