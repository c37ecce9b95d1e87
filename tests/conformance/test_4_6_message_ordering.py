"""In which order messages and their acknowledgements come (MQTT 3.1.1 and 5.0, 4.6). The broker keeps to the rules for
clients as well, as 3.1.1 demands; what it does when a client breaks them is shown, too."""

import pytest

from harness import packet as mqtt
from harness.client import lasting, unique
from harness.statements import proves

IDENTIFIERS = [7, 3, 65535, 1, 200, 199]


def publish_in_turns(publisher, topic, qos, numbers):
    """Messages numbered so, several at a time, within what a broker lets a client have open."""
    numbers = list(numbers)
    for start in range(0, len(numbers), 10):
        turn = numbers[start:start + 10]
        publisher.send(*(mqtt.publish(topic, f"{qos}:{number}", qos, packet_identifier=number + 1 if qos else None,
                                      version=publisher.version) for number in turn))
        for number in turn if qos else ():
            assert publisher.take(mqtt.PUBACK if qos == 1 else mqtt.PUBREC).packet_identifier == number + 1
        for number in turn if qos == 2 else ():
            publisher.send(mqtt.pubrel(number + 1))
            assert publisher.take(mqtt.PUBCOMP).packet_identifier == number + 1
    publisher.ping()


@proves(v3="4.6.0-5 4.6.0-6", v5="4.6.0-5 4.6.0-6")
@pytest.mark.parametrize("granted", [0, 1, 2])
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_messages_of_one_topic_come_in_their_order(broker, version, topic, qos, granted):
    """To each of several subscribers, through filters of their own."""
    clients = [broker.connect(version=version) for _ in range(3)]
    for client, pattern in zip(clients, (topic, "+", "#")):
        client.subscribe((topic if pattern == topic else f"{topic}/../{pattern}", granted), (topic, granted))
    publisher = broker.connect(version=version)
    publish_in_turns(publisher, topic, qos, range(100))
    for client in clients:
        for number in range(100):
            client.expect_publish(topic, f"{qos}:{number}", min(qos, granted))


@proves(v3="4.6.0-5 4.6.0-6", v5="4.6.0-5 4.6.0-6")
def test_each_publishers_messages_come_in_their_order(broker, version, topic):
    """Two at the same time, at each QoS; how theirs interleave is open."""
    client = broker.connect(version=version)
    client.subscribe((topic, 2))
    publishers = [broker.connect(version=version) for _ in range(2)]
    for qos in (0, 1, 2):
        for start in range(0, 60, 10):
            for name, publisher in enumerate(publishers):
                publisher.send(*(mqtt.publish(topic, f"{name}:{number}", qos, version=version,
                                              packet_identifier=number + 1 if qos else None)
                                 for number in range(start, start + 10)))
            for publisher in publishers:
                for number in range(start, start + 10) if qos else ():
                    assert publisher.take(mqtt.PUBACK if qos == 1 else mqtt.PUBREC).packet_identifier == number + 1
                for number in range(start, start + 10) if qos == 2 else ():
                    publisher.send(mqtt.pubrel(number + 1))
                    publisher.take(mqtt.PUBCOMP)
        for publisher in publishers:
            publisher.ping()
        seen = {"0": [], "1": []}
        for _ in range(120):
            packet = client.take(mqtt.PUBLISH)
            client.acknowledge(packet)
            name, number = packet.payload.decode().split(":")
            seen[name].append(int(number))
        assert seen == {"0": list(range(60)), "1": list(range(60))}


@proves(v3="4.6.0-5 4.6.0-6", v5="4.6.0-5 4.6.0-6")
@pytest.mark.parametrize("qos", [1, 2])
def test_the_order_outlives_the_wait_in_a_session(broker, version, topic, qos):
    """What was in flight, what has waited while the client was away, and what has come since."""
    name = unique()
    client = broker.connect(name, version=version, **lasting(version))
    client.subscribe((topic, qos))
    publisher = broker.connect(version=version)
    publish_in_turns(publisher, topic, qos, range(10))
    for number in range(10):
        client.expect(mqtt.PUBLISH, payload=f"{qos}:{number}")
    client.close()
    publish_in_turns(publisher, topic, qos, range(10, 60))
    client = broker.connect(name, version=version, **lasting(version))
    publish_in_turns(publisher, topic, qos, range(60, 80))
    for number in range(80):
        client.expect_publish(topic, f"{qos}:{number}", qos)
    client.expect_nothing(publisher)


@proves(v5="4.6.0-5 4.6.0-6")
@pytest.mark.parametrize("qos", [1, 2])
def test_the_order_outlives_a_full_window(broker, topic, qos):
    client, publisher = broker.connect(properties={"receive_maximum": 3}), broker.connect()
    client.subscribe((topic, qos))
    publish_in_turns(publisher, topic, qos, range(40))
    for number in range(20):
        client.expect_publish(topic, f"{qos}:{number}", qos)
    publish_in_turns(publisher, topic, qos, range(40, 60))
    for number in range(20, 60):
        client.expect_publish(topic, f"{qos}:{number}", qos)


# ---- acknowledgements of the broker ----

@proves(v3="4.6.0-2 4.6.0-6", v5="4.6.0-2")
def test_puback_comes_in_the_order_of_the_messages(broker, version, topic):
    client = broker.connect(version=version)
    client.send(*(mqtt.publish(topic, b"", 1, packet_identifier=each, version=version) for each in IDENTIFIERS))
    assert [client.expect(mqtt.PUBACK).packet_identifier for _ in IDENTIFIERS] == IDENTIFIERS


@proves(v3="4.6.0-3 4.6.0-6", v5="4.6.0-3")
def test_pubrec_comes_in_the_order_of_the_messages(broker, version, topic):
    client = broker.connect(version=version)
    client.send(*(mqtt.publish(topic, b"", 2, packet_identifier=each, version=version) for each in IDENTIFIERS))
    assert [client.expect(mqtt.PUBREC).packet_identifier for _ in IDENTIFIERS] == IDENTIFIERS
    client.send(*(mqtt.pubrel(each) for each in IDENTIFIERS))
    assert [client.expect(mqtt.PUBCOMP).packet_identifier for _ in IDENTIFIERS] == IDENTIFIERS


def receive_some(broker, version, topic, qos, name):
    """A client with six unacknowledged messages; it, its publisher, and their identifiers."""
    client = broker.connect(name, version=version, **lasting(version))
    client.subscribe((topic, qos))
    publisher = broker.connect(version=version)
    for number in range(6):
        publisher.publish(topic, str(number), qos)
    return client, publisher, [client.expect(mqtt.PUBLISH, payload=str(number), qos=qos).packet_identifier
                               for number in range(6)]


@proves(v3="4.6.0-4 4.6.0-6", v5="4.6.0-4")
def test_pubrel_comes_in_the_order_of_pubrec(broker, version, topic):
    client, _, identifiers = receive_some(broker, version, topic, 2, unique())
    client.send(*(mqtt.pubrec(each) for each in identifiers))
    assert [client.expect(mqtt.PUBREL).packet_identifier for _ in identifiers] == identifiers


@proves(v3="4.6.0-4 4.6.0-6")
@pytest.mark.parametrize("version", [3, 4], ids=["3.1", "3.1.1"], indirect=True)
def test_pubrel_comes_in_the_order_of_pubrec_when_it_is_sent_again(broker, version, topic):
    """(5.0 asks this of clients alone.)"""
    name = unique()
    client, _, identifiers = receive_some(broker, version, topic, 2, name)
    order = [identifiers[each] for each in (4, 0, 2)]
    client.send(*(mqtt.pubrec(each) for each in order))
    assert [client.expect(mqtt.PUBREL).packet_identifier for _ in order] == order
    for _ in range(2):
        client.close()
        client = broker.connect(name, version=version, **lasting(version))
        assert [client.take(mqtt.PUBREL).packet_identifier for _ in order] == order


# ---- a client that doesn't keep to the order: each answer counts for the message that it names ----

@proves(v3="4.6.0-2", v5="4.6.0-2")
def test_puback_in_another_order_is_taken(broker, version, topic):
    name = unique()
    client, publisher, identifiers = receive_some(broker, version, topic, 1, name)
    client.send(*(mqtt.puback(identifiers[each]) for each in (5, 3, 0, 4)))
    client.expect_nothing(publisher)
    client.close()
    client = broker.connect(name, version=version, **lasting(version))
    client.expect_publish(topic, b"1", 1, dup=True)
    client.expect_publish(topic, b"2", 1, dup=True)
    client.expect_nothing(publisher)


@proves(v3="4.6.0-3 4.6.0-4", v5="4.6.0-3 4.6.0-4")
def test_pubrec_in_another_order_is_answered_in_that_order(broker, version, topic):
    name = unique()
    client, publisher, identifiers = receive_some(broker, version, topic, 2, name)
    order = [identifiers[each] for each in (5, 3, 0, 4, 1)]
    client.send(*(mqtt.pubrec(each) for each in order))
    assert [client.expect(mqtt.PUBREL).packet_identifier for _ in order] == order
    client.send(*(mqtt.pubcomp(each) for each in reversed(order)))
    client.expect_nothing(publisher)
    client.close()
    client = broker.connect(name, version=version, **lasting(version))
    client.expect_publish(topic, b"2", 2, dup=True)
    client.expect_nothing(publisher)


@proves(v3="4.6.0-4", v5="4.6.0-4")
def test_pubrel_in_another_order_is_answered_in_that_order(broker, version, topic):
    client, watcher = broker.connect(version=version), broker.connect(version=version)
    watcher.subscribe((topic, 2))
    client.send(*(mqtt.publish(topic, str(each), 2, packet_identifier=each, version=version) for each in IDENTIFIERS))
    assert [client.expect(mqtt.PUBREC).packet_identifier for _ in IDENTIFIERS] == IDENTIFIERS
    order = sorted(IDENTIFIERS)
    client.send(*(mqtt.pubrel(each) for each in order))
    assert [client.expect(mqtt.PUBCOMP).packet_identifier for _ in order] == order
    got = [watcher.expect(mqtt.PUBLISH, qos=2) for _ in IDENTIFIERS]
    assert {int(packet.payload) for packet in got} == set(IDENTIFIERS)


@proves(v3="4.6.0-1", v5="4.6.0-1")
@pytest.mark.parametrize("order", [IDENTIFIERS, IDENTIFIERS[::-1]], ids=["in-order", "in-another"])
@pytest.mark.parametrize("qos", [1, 2])
def test_what_a_client_sends_again_is_taken_as_it_comes(broker, version, topic, qos, order):
    """QoS 2 messages that are known are answered in the order in which they come this time, and delivered once; QoS 1
    messages are new ones, in their new order."""
    watcher = broker.connect(version=version)
    watcher.subscribe((topic, 2))
    name = unique()
    answer = mqtt.PUBACK if qos == 1 else mqtt.PUBREC
    for turn, identifiers in enumerate((IDENTIFIERS, order)):
        client = broker.connect(name, version=version, **lasting(version))
        client.send(*(mqtt.publish(topic, str(each), qos, dup=turn > 0, packet_identifier=each, version=version)
                      for each in identifiers))
        assert [client.expect(answer).packet_identifier for _ in identifiers] == identifiers
        if turn == 0:
            client.close()
    if qos == 2:
        client.send(*(mqtt.pubrel(each) for each in IDENTIFIERS))
        assert [client.expect(mqtt.PUBCOMP).packet_identifier for _ in IDENTIFIERS] == IDENTIFIERS
    for each in IDENTIFIERS + (order if qos == 1 else []):
        watcher.expect_publish(topic, str(each), qos)
    watcher.expect_nothing(client)
