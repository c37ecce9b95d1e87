"""PUBACK: the answer to a QoS 1 message (MQTT 5.0, 3.4)."""

import pytest

from harness import acknowledgements as acks
from harness import packet as mqtt
from harness.statements import proves


@proves(v5="3.4.2-1")
def test_puback_has_a_reason_of_its_own(broker, topic):
    """For a message with a subscriber, one without, and one that the broker doesn't take. (Every other test holds it to
    these reasons as well: the tests' decoder knows no others.)"""
    client, subscriber = broker.connect(), broker.connect()
    subscriber.subscribe(topic)
    assert client.publish(topic, b"", 1) == 0
    assert client.publish(topic + "/none", b"", 1) in (0, 0x10)
    assert client.publish(acks.RESERVED_TOPIC, b"", 1) in set(acks.REASONS[mqtt.PUBACK]) - {0, 0x10}


@pytest.mark.ours("a plugin refuses with each reason")
@proves(v5="3.4.2-1")
def test_puback_never_has_a_reason_of_another_packet(start_broker, tmp_path):
    """A plugin may refuse a message with any reason that there is: one that PUBACK can't have becomes one that it can."""
    broker = acks.start_refusing_broker(start_broker, tmp_path)
    client = broker.connect()
    for reason in range(0x80, 0x100):
        got = client.publish("e", bytes([reason]), 1)
        assert got == (reason if reason in acks.REASONS[mqtt.PUBACK] else 0x80), hex(reason)


@proves(v5="3.4.2-1")
def test_each_reason_of_puback_is_taken_from_a_client(broker, topic):
    acks.check_each_reason_is_taken(broker, topic, mqtt.PUBACK)


@proves(v5="3.4.2-1")
def test_any_other_reason_of_puback_ends_the_connection(broker, topic):
    acks.check_no_other_reason_is_taken(broker, topic, mqtt.PUBACK)


@pytest.mark.ours("a plugin says more than the broker would")
@proves(v5="3.4.2-2 3.4.2-3")
def test_puback_leaves_out_what_would_make_it_too_large(start_broker, tmp_path):
    broker = acks.start_explaining_broker(start_broker, tmp_path)
    acks.check_words_fit_into_the_maximum_packet_size(broker, mqtt.PUBACK)


@proves(v5="3.4.2-2 3.4.2-3")
def test_puback_of_a_refusal_fits_into_the_clients_maximum_packet_size(broker):
    client = broker.connect(properties={"maximum_packet_size": 30})
    client.send(mqtt.publish(acks.RESERVED_TOPIC, b"", 1, packet_identifier=7))
    packet = client.expect(mqtt.PUBACK, packet_identifier=7)
    assert packet.size <= 30
