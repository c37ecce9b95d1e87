"""SUBACK: 3.9 of both standards."""

import itertools

import pytest

from harness import packet as mqtt
from harness.broker import standard_config
from harness.explanations import expect_to_fit, explaining
from harness.plugins import compile_plugin
from harness.statements import proves


@pytest.mark.parametrize("order", list(itertools.permutations([0, 1, 2])), ids=str)
@proves(v3="3.9.3-1", v5="3.9.3-1")
def test_the_reasons_come_in_the_order_of_the_filters(broker, version, topic, order):
    client = broker.connect(version=version)
    assert client.subscribe(*((f"{topic}/{qos}", qos) for qos in order)) == list(order)
    assert client.subscribe(*((f"{topic}/{number}", qos) for number, qos in enumerate(order * 20))) == list(order * 20)


@pytest.mark.parametrize("qos", [0, 1, 2])
@proves(v3="3.9.3-2", v5="3.9.3-2")
def test_a_granted_subscription_has_its_qos_as_reason(broker, version, topic, qos):
    """No other byte comes, and none too many: the codec holds each SUBACK to the reasons of its version."""
    client = broker.connect(version=version)
    assert client.subscribe((topic, qos)) == [qos]
    client.send(mqtt.subscribe(3, [(topic, qos)], version))
    assert client.expect(mqtt.SUBACK, packet_identifier=3, reasons=[qos]).size <= (5 if version < 5 else 6)


# Refuses each filter that ends in a number with that number as its reason.
REFUSING = """
#include <graftmq/plugin.h>
#include <stdlib.h>
GMQ_PLUGIN("refuse", "1.0.0");

static gmq_verdict on_subscribe(gmq_call *call, gmq_subscribe *packet)
{
    (void)call;
    gmq_subscription subscription = {.size = sizeof subscription};
    for (size_t i = 0; gmq_subscribe_at(packet, i, &subscription); i++) {
        const char *number = subscription.topic_filter.data + subscription.topic_filter.length - 3;
        (void)gmq_subscribe_refuse(packet, i, (gmq_reason)atoi((char[]){number[0], number[1], number[2], 0}));
    }
    return GMQ_NEXT;
}
GMQ_HANDLER(SUBSCRIBE, on_subscribe);

/* Tries to put every number in the place that it counts. */
static gmq_verdict on_suback(gmq_call *call, gmq_suback *packet)
{
    (void)call;
    for (size_t i = 0; i < gmq_suback_count(packet); i++)
        (void)gmq_suback_set(packet, i, (gmq_reason)i);
    return GMQ_NEXT;
}
GMQ_HANDLER(SUBACK, on_suback);
"""


def refusing(start_broker, folder, **changes):
    path = compile_plugin(folder / "refuse.so", REFUSING)
    return start_broker(plugins={**standard_config()["plugins"], "refuse": {"path": str(path)}},
                        routes={"SUBSCRIBE": ["refuse:on_subscribe", "broker:on_subscribe"]}, **changes)


@pytest.mark.ours("a plugin refuses")
@proves(v3="3.9.3-1 3.9.3-2 3.8.4-5", v5="3.9.3-1 3.9.3-2 3.8.4-6 3.8.4-7")
def test_whatever_is_refused_has_a_reason_of_suback_at_its_place(start_broker, version, topic, tmp_path):
    """Every number is tried as a reason. What is none leaves the subscription as it is; before 5.0 there is but one
    failure."""
    client = refusing(start_broker, tmp_path).connect(version=version)
    failures = mqtt.BROKER_REASONS[mqtt.SUBACK] - {0, 1, 2}
    numbers = [*range(256), *range(255, -1, -1)]
    reasons = client.subscribe(*((f"{topic}/{place}/{number:03}", 1) for place, number in enumerate(numbers)))
    wanted = [(0x80 if version < 5 else number) if number in failures else 1 for number in numbers]
    assert reasons == wanted


@pytest.mark.ours("a plugin changes the SUBACK")
@proves(v3="3.9.3-2", v5="3.9.3-2")
def test_a_plugin_cannot_make_it_another_reason(start_broker, version, topic, tmp_path):
    client = refusing(start_broker, tmp_path, outgoing={"SUBACK": "refuse:on_suback"}).connect(version=version)
    reasons = client.subscribe(*(f"{topic}/{number}/000" for number in range(256)))
    allowed = mqtt.BROKER_REASONS[mqtt.SUBACK]
    wanted = [number if number in allowed else 0 for number in range(256)]
    assert reasons == (wanted if version == 5 else [min(each, 0x80) for each in wanted])


@pytest.mark.ours("a plugin explains")
@proves(v5="3.9.2-1 3.9.2-2")
def test_explanations_are_left_out_where_the_client_takes_no_such_packet(start_broker, topic, tmp_path):
    broker = start_broker(**explaining(tmp_path, "SUBACK"))

    def provoke(maximum):
        client = broker.connect(properties={"maximum_packet_size": maximum} if maximum else None)
        client.send(mqtt.subscribe(9, [(f"{topic}/{number}", number % 3) for number in range(50)]))
        return client.expect(mqtt.SUBACK, packet_identifier=9)

    expect_to_fit(provoke)


@pytest.mark.parametrize("version", [3, 4], ids=["3.1", "3.1.1"])
@pytest.mark.ours("a plugin explains")
def test_older_clients_get_no_explanation(start_broker, version, topic, tmp_path):
    client = start_broker(**explaining(tmp_path, "SUBACK")).connect(version=version)
    client.send(mqtt.subscribe(9, [(topic, 1)], version))
    assert client.expect(mqtt.SUBACK, packet_identifier=9, reasons=[1]).size == 5
