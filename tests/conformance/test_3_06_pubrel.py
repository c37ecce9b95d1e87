"""PUBREL: the second step of a QoS 2 message (MQTT 3.1.1 and 5.0, 3.6)."""

import pytest

from harness import acknowledgements as acks
from harness import packet as mqtt
from harness.client import lasting, unique
from harness.statements import proves


@proves(v3="3.6.1-1", v5="3.6.1-1")
@pytest.mark.parametrize("version", [4, 5], ids=["3.1.1", "5.0"], indirect=True)
@pytest.mark.parametrize("flags", [each for each in range(16) if each != 2])
def test_pubrel_with_other_flags_ends_the_connection(broker, version, topic, flags):
    """(Of 3.1 it isn't asked: there PUBREL has a QoS and may have DUP.)"""
    client = broker.connect(version=version)
    identifier = acks.let_client_send(client, topic, mqtt.PUBREL)
    client.send(mqtt.acknowledgement(mqtt.PUBREL, identifier, flags=flags))
    client.expect_end(0x81)


@proves(v3="3.6.1-1", v5="3.6.1-1")
def test_pubrel_has_its_flags(broker, version, topic):
    """Also when it is sent again."""
    name = unique()
    client = broker.connect(name, version=version, **lasting(version))
    packet, identifier = acks.let_broker_send(client, topic, mqtt.PUBREL)
    assert packet.flags == 2
    client.close()
    client = broker.connect(name, version=version, **lasting(version))
    assert client.expect(mqtt.PUBREL, packet_identifier=identifier).flags == 2


@proves(v5="3.6.2-1")
def test_pubrel_has_a_reason_of_its_own(broker, topic):
    client = broker.connect()
    packet, identifier = acks.let_broker_send(client, topic, mqtt.PUBREL)
    assert packet.packet_identifier == identifier and packet.reason == 0
    client.send(mqtt.pubrec(identifier + 1000))
    assert client.expect(mqtt.PUBREL, packet_identifier=identifier + 1000).reason in (0, 0x92)


@proves(v5="3.6.2-1")
def test_each_reason_of_pubrel_is_taken_from_a_client(broker, topic):
    acks.check_each_reason_is_taken(broker, topic, mqtt.PUBREL)


@proves(v5="3.6.2-1")
def test_any_other_reason_of_pubrel_ends_the_connection(broker, topic):
    acks.check_no_other_reason_is_taken(broker, topic, mqtt.PUBREL)


@pytest.mark.ours("a plugin says more than the broker would")
@proves(v5="3.6.2-2 3.6.2-3")
def test_pubrel_leaves_out_what_would_make_it_too_large(start_broker, tmp_path):
    broker = acks.start_explaining_broker(start_broker, tmp_path)
    acks.check_words_fit_into_the_maximum_packet_size(broker, mqtt.PUBREL)


@proves(v5="3.6.2-2 3.6.2-3")
def test_pubrel_of_an_unknown_identifier_fits_into_the_clients_maximum_packet_size(broker):
    client = broker.connect(properties={"maximum_packet_size": 30})
    client.send(mqtt.pubrec(7))
    assert client.expect(mqtt.PUBREL, packet_identifier=7).size <= 30
