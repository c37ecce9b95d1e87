"""Maximum packet size, both ways (MQTT 5.0, 3.1.2.11.4), and older clients at the broker's receive maximum."""

import pytest

from harness import packet as mqtt


@pytest.mark.ours("another limit than mosquitto's")
@pytest.mark.parametrize("version", [3, 4], ids=["3.1", "3.1.1"])
def test_an_older_client_waits_at_the_brokers_receive_maximum(start_broker, version, topic):
    """It was never told of one: what it sends beyond is taken once the flows before it are through."""
    broker = start_broker(limits={"receive_maximum": 2})
    client = broker.connect(version=version)
    client.subscribe(topic)
    client.send(*(mqtt.publish(topic, str(each), 2, packet_identifier=each, version=version) for each in range(1, 5)))
    # The third and fourth wait; but PUBREL stands behind them, so a broker that stopped reading would wait for ever.
    for each in range(1, 5):
        client.send(mqtt.pubrel(each))
    got = []
    while len(got) < 12:
        packet = client.receive()
        if packet.type == mqtt.PUBLISH:
            packet = packet.payload.decode()
        else:
            packet = (packet.type, packet.packet_identifier)
        got.append(packet)
    assert sorted(map(str, got)) == sorted(
        [str(each) for each in range(1, 5)] + [str((mqtt.PUBREC, each)) for each in range(1, 5)] +
        [str((mqtt.PUBCOMP, each)) for each in range(1, 5)])


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_a_message_too_large_for_the_client_is_left_out(broker, topic, qos):
    """[MQTT-3.1.2-24] [MQTT-3.1.2-25]: as if it had been delivered"""
    client, other = broker.connect(properties={"maximum_packet_size": 100}), broker.connect()
    client.subscribe((topic, qos))
    other.subscribe((topic, qos))
    publisher = broker.connect()
    for payload in (b"small", b"x" * 100, b"small too"):
        publisher.publish(topic, payload, qos)
    for payload in (b"small", b"small too"):
        assert client.expect_publish(topic, payload, qos).size <= 100
    client.expect_nothing(publisher)
    for payload in (b"small", b"x" * 100, b"small too"):
        other.expect_publish(topic, payload, qos)


def test_a_message_of_exactly_the_clients_maximum_is_sent(broker, topic):
    size = len(mqtt.publish(topic, b"x" * 50))
    client = broker.connect(properties={"maximum_packet_size": size})
    client.subscribe(topic)
    client.publish(topic, b"y" * 51)
    client.publish(topic, b"x" * 50)
    assert client.expect_publish(topic, b"x" * 50).size == size


def test_a_reason_string_is_left_out_before_the_packet_becomes_too_large(broker):
    """[MQTT-3.14.2-3] and its like"""
    client = broker.connect(properties={"maximum_packet_size": 20})
    client.send(mqtt.connect(client.client_identifier))
    packet = client.expect(mqtt.DISCONNECT)
    assert packet.size <= 20
    client.expect_closed()


def test_acknowledgements_fit_into_the_clients_maximum_too(broker, topic):
    """[MQTT-3.4.2-2] [MQTT-3.9.2-1]: whatever they would have to say, and a SUBACK of many filters comes or the
    connection ends; larger it is not."""
    client = broker.connect(properties={"maximum_packet_size": 40})
    client.send(mqtt.pubrel(7))
    assert client.expect(mqtt.PUBCOMP, reason=0x92).size <= 40
    client.send(mqtt.unsubscribe(1, [topic]))
    assert client.expect(mqtt.UNSUBACK, reasons=[0x11]).size <= 40
    client.send(mqtt.subscribe(2, [(f"{topic}/{number}", 0) for number in range(100)]))
    assert client.expect(mqtt.DISCONNECT).size <= 40
    client.expect_closed()


def test_a_packet_larger_than_the_brokers_maximum_ends_the_connection(start_broker, version, topic):
    broker = start_broker(limits={"packet_size_bytes": 1000})
    client = broker.connect(version=version)
    if version == 5:
        assert client.connack.get("maximum_packet_size") == 1000
    overhead = len(mqtt.publish(topic, b"x" * 500, version=version)) - 500
    client.subscribe(topic)
    client.publish(topic, b"x" * (1000 - overhead))
    client.expect_publish(topic, b"x" * (1000 - overhead))
    client.send(mqtt.publish(topic, b"x" * (1001 - overhead), version=version))
    client.expect_end(0x95)


def test_a_packet_that_only_says_that_it_is_large_ends_the_connection(start_broker):
    """It need not be sent whole: the header is enough."""
    broker = start_broker(limits={"packet_size_bytes": 1000})
    client = broker.connect()
    client.send(b"\x30\xff\xff\xff\x7f" + b"x" * 10)
    client.expect_end(0x95)
