"""Topic aliases (MQTT 5.0, 3.3.2.3.4)."""

import pytest

from harness import packet as mqtt
from harness.client import lasting, unique


def aliased(topic, alias, payload=b"x", **fields):
    return mqtt.publish(topic, payload, properties={"topic_alias": alias}, **fields)


@pytest.fixture
def publisher(broker):
    client = broker.connect()
    assert client.connack.get("topic_alias_maximum", 0) >= 2
    return client


def test_an_alias_stands_for_its_topic(broker, publisher, topic):
    client = broker.connect()
    client.subscribe((topic + "/#", 1))
    publisher.send(aliased(topic + "/1", 1), aliased(topic + "/2", 2), aliased("", 1), aliased("", 2), aliased("", 1))
    publisher.send(aliased("", 2, qos=1, packet_identifier=1))
    for number in (1, 2, 1, 2, 1):
        packet = client.expect_publish(f"{topic}/{number}", b"x")
        assert packet.get("topic_alias") is None
    client.expect_publish(topic + "/2", b"x", 1)


def test_an_alias_can_be_given_anew(broker, publisher, topic):
    client = broker.connect()
    client.subscribe(topic + "/#")
    publisher.send(aliased(topic + "/1", 1), aliased(topic + "/2", 1), aliased("", 1))
    for number in (1, 2, 2):
        client.expect_publish(f"{topic}/{number}", b"x")


def test_an_alias_that_stands_for_nothing_is_a_protocol_error(publisher):
    publisher.send(aliased("", 1))
    publisher.expect_end({0x82, 0x94})


def test_neither_topic_nor_alias_is_a_protocol_error(publisher):
    publisher.send(mqtt.publish("", b"x"))
    publisher.expect_end({0x82, 0x81})


def test_alias_0_is_not_allowed(publisher, topic):
    """[MQTT-3.3.2-8]"""
    publisher.send(aliased(topic, 0))
    publisher.expect_end({0x94, 0x82})


def test_an_alias_above_the_maximum_is_not_allowed(publisher, topic):
    """[MQTT-3.3.2-9]"""
    maximum = publisher.connack.get("topic_alias_maximum")
    publisher.send(aliased(topic, maximum))
    publisher.ping()
    publisher.send(aliased(topic, maximum + 1))
    publisher.expect_end(0x94)


def test_aliases_end_with_the_connection(broker, topic):
    """[MQTT-3.3.2-7]"""
    name = unique()
    client = broker.connect(name, **lasting(5))
    client.send(aliased(topic, 1))
    client.ping()
    client.close()
    again = broker.connect(name, **lasting(5))
    again.send(aliased("", 1))
    again.expect_end({0x82, 0x94})


def test_each_client_has_its_own_aliases(broker, topic):
    listener = broker.connect()
    listener.subscribe(topic + "/#")
    clients = [broker.connect() for _ in range(4)]
    for number, client in enumerate(clients):
        client.send(aliased(f"{topic}/{number}", 1))
        listener.expect_publish(f"{topic}/{number}", b"x")
    for number, client in enumerate(clients):
        client.send(aliased("", 1))
        listener.expect_publish(f"{topic}/{number}", b"x")


def test_a_client_that_offers_no_aliases_gets_none(broker, topic):
    """[MQTT-3.1.2-26] [MQTT-3.1.2-27]"""
    client = broker.connect()
    client.subscribe(topic)
    for _ in range(3):
        client.publish(topic, b"x")
        assert client.expect_publish(topic, b"x").get("topic_alias") is None


@pytest.mark.parametrize("maximum", [1, 2, 65535])
def test_the_broker_stays_below_the_clients_maximum(broker, topic, maximum):
    """Whatever aliases it uses, they lead to the right topics."""
    client, publisher = broker.connect(properties={"topic_alias_maximum": maximum}), broker.connect()
    client.subscribe((topic + "/#", 1))
    for number in (1, 2, 3, 1, 2, 3, 3, 1, 2, 2, 1):
        publisher.publish(f"{topic}/{number}", str(number), 1)
        packet = client.expect_publish(f"{topic}/{number}", str(number), 1)
        assert 1 <= packet.get("topic_alias", 1) <= maximum


@pytest.mark.ours("a broker need not use aliases")
def test_the_broker_saves_the_topic_of_later_messages(broker, topic):
    client = broker.connect(properties={"topic_alias_maximum": 4})
    client.subscribe((topic, 1))
    for number in range(3):
        client.publish(topic, b"x", 1)
        packet = client.expect_publish(topic, b"x", 1)
        assert packet.get("topic_alias") is not None
        assert packet.wire_topic == (topic if number == 0 else "")


def test_a_resumed_connection_begins_without_aliases(broker, topic):
    """What is sent again after reconnecting names its topic in full."""
    name = unique()
    fields = {"clean": False, "properties": {"topic_alias_maximum": 4, "session_expiry_interval": 60}}
    client = broker.connect(name, **fields)
    client.subscribe((topic, 1))
    publisher = broker.connect()
    for number in range(3):
        publisher.publish(topic, str(number), 1)
        client.expect_publish(topic, str(number), 1, acknowledge=False)
    client.close()
    again = broker.connect(name, **fields)
    for number in range(3):
        again.expect_publish(topic, str(number), 1, dup=True)  # the client would not know an alias from before
