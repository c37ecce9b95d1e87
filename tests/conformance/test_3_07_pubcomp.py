"""PUBCOMP: the end of a QoS 2 message (MQTT 5.0, 3.7)."""

import pytest

from harness import acknowledgements as acks
from harness import packet as mqtt
from harness.statements import proves


@proves(v5="3.7.2-1")
def test_pubcomp_has_a_reason_of_its_own(broker, topic):
    client = broker.connect()
    packet, identifier = acks.let_broker_send(client, topic, mqtt.PUBCOMP)
    assert packet.packet_identifier == identifier and packet.reason == 0
    client.send(mqtt.pubrel(identifier + 1000))
    assert client.expect(mqtt.PUBCOMP, packet_identifier=identifier + 1000).reason in (0, 0x92)


@proves(v5="3.7.2-1")
def test_each_reason_of_pubcomp_is_taken_from_a_client(broker, topic):
    acks.check_each_reason_is_taken(broker, topic, mqtt.PUBCOMP)


@proves(v5="3.7.2-1")
def test_any_other_reason_of_pubcomp_ends_the_connection(broker, topic):
    acks.check_no_other_reason_is_taken(broker, topic, mqtt.PUBCOMP)


@pytest.mark.ours("a plugin says more than the broker would")
@proves(v5="3.7.2-2 3.7.2-3")
def test_pubcomp_leaves_out_what_would_make_it_too_large(start_broker, tmp_path):
    broker = acks.start_explaining_broker(start_broker, tmp_path)
    acks.check_words_fit_into_the_maximum_packet_size(broker, mqtt.PUBCOMP)


@proves(v5="3.7.2-2 3.7.2-3")
def test_pubcomp_of_an_unknown_identifier_fits_into_the_clients_maximum_packet_size(broker):
    client = broker.connect(properties={"maximum_packet_size": 30})
    client.send(mqtt.pubrel(7))
    assert client.expect(mqtt.PUBCOMP, packet_identifier=7).size <= 30
