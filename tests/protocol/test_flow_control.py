"""Receive maximum and maximum packet size, both ways (MQTT 5.0, 3.1.2.11.3, 3.1.2.11.4, 4.9)."""

import pytest

from harness import packet as mqtt
from harness.client import lasting, unique


@pytest.mark.parametrize("qos", [1, 2])
@pytest.mark.parametrize("maximum", [1, 3])
def test_the_broker_keeps_to_the_clients_receive_maximum(broker, topic, qos, maximum):
    """[MQTT-3.3.4-9]"""
    client, publisher = broker.connect(properties={"receive_maximum": maximum}), broker.connect()
    client.subscribe((topic, qos))
    for number in range(10):
        publisher.publish(topic, str(number), qos)
    open_ones = [client.expect(mqtt.PUBLISH, payload=str(number), qos=qos) for number in range(maximum)]
    client.expect_nothing(publisher)
    for number in range(maximum, 10):
        client.acknowledge(open_ones.pop(0))
        open_ones.append(client.expect(mqtt.PUBLISH, payload=str(number), qos=qos))
    client.expect_nothing(publisher)


def test_qos_0_passes_a_full_window(broker, topic):
    """[MQTT-4.9.0-3] asks it of other packets too"""
    client, publisher = broker.connect(properties={"receive_maximum": 1}), broker.connect()
    client.subscribe((topic, 1))
    publisher.publish(topic, b"first", 1)
    publisher.publish(topic, b"second", 1)
    publisher.publish(topic, b"QoS 0", 0)
    first = client.expect(mqtt.PUBLISH, payload="first")
    client.expect(mqtt.PUBLISH, payload="QoS 0", qos=0)
    client.ping()
    client.acknowledge(first)
    client.expect(mqtt.PUBLISH, payload="second")


def test_the_window_of_qos_2_opens_with_pubcomp_only(broker, topic):
    client, publisher = broker.connect(properties={"receive_maximum": 1}), broker.connect()
    client.subscribe((topic, 2))
    publisher.publish(topic, b"first", 2)
    publisher.publish(topic, b"second", 2)
    first = client.expect(mqtt.PUBLISH, payload="first")
    client.send(mqtt.pubrec(first.packet_identifier))
    client.expect(mqtt.PUBREL, packet_identifier=first.packet_identifier)
    client.expect_nothing(publisher)
    client.send(mqtt.pubcomp(first.packet_identifier))
    client.expect(mqtt.PUBLISH, payload="second")


def test_a_refusing_pubrec_opens_the_window(broker, topic):
    """4.9"""
    client, publisher = broker.connect(properties={"receive_maximum": 1}), broker.connect()
    client.subscribe((topic, 2))
    publisher.publish(topic, b"first", 2)
    publisher.publish(topic, b"second", 2)
    first = client.expect(mqtt.PUBLISH, payload="first")
    client.send(mqtt.pubrec(first.packet_identifier, 0x80))
    client.expect(mqtt.PUBLISH, payload="second")


def test_the_window_counts_for_what_is_sent_again(broker, topic):
    """A client that comes back with a smaller window gets no more than fits."""
    name = unique()
    client = broker.connect(name, **lasting(5))
    client.subscribe((topic, 1))
    publisher = broker.connect()
    for number in range(5):
        publisher.publish(topic, str(number), 1)
        client.expect(mqtt.PUBLISH, payload=str(number))
    client.close()
    again = broker.connect(name, clean=False, properties={"session_expiry_interval": 60, "receive_maximum": 2})
    window = [again.expect(mqtt.PUBLISH, payload=str(number), dup=True) for number in range(2)]
    again.expect_nothing(publisher)
    for number in range(2, 5):
        again.acknowledge(window.pop(0))
        window.append(again.expect(mqtt.PUBLISH, payload=str(number)))


@pytest.mark.ours("another limit than mosquitto's")
def test_a_client_that_passes_the_brokers_receive_maximum_is_ended(start_broker, topic):
    """[MQTT-3.3.4-7]"""
    broker = start_broker(limits={"receive_maximum": 3})
    client = broker.connect()
    assert client.connack.get("receive_maximum") == 3
    for identifier in (1, 2, 3):
        client.send(mqtt.publish(topic, b"x", 2, packet_identifier=identifier))
        client.expect(mqtt.PUBREC, packet_identifier=identifier)
    client.send(mqtt.pubrel(2))
    client.expect(mqtt.PUBCOMP, packet_identifier=2)
    client.send(mqtt.publish(topic, b"x", 2, packet_identifier=4))
    client.expect(mqtt.PUBREC, packet_identifier=4)
    client.send(mqtt.publish(topic, b"x", 2, packet_identifier=5))
    client.expect_end(0x93)


@pytest.mark.ours("another limit than mosquitto's")
def test_qos_1_never_fills_the_brokers_window(start_broker, topic):
    broker = start_broker(limits={"receive_maximum": 2})
    client = broker.connect()
    for start in range(1, 100, 2):
        client.send(*(mqtt.publish(topic, b"x", 1, packet_identifier=start + each) for each in range(2)))
        for each in range(2):
            client.expect(mqtt.PUBACK, packet_identifier=start + each)


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
