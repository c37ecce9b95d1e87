"""Topic aliases that were not agreed on (MQTT 5.0, 3.3.2.3.4); the others are in conformance/."""

import pytest

from harness import packet as mqtt


def aliased(topic, alias, payload=b"x", **fields):
    return mqtt.publish(topic, payload, properties={"topic_alias": alias}, **fields)


@pytest.fixture
def publisher(broker):
    client = broker.connect()
    assert client.connack.get("topic_alias_maximum", 0) >= 2
    return client


def test_an_alias_that_stands_for_nothing_is_a_protocol_error(publisher):
    publisher.send(aliased("", 1))
    publisher.expect_end({0x82, 0x94})


def test_neither_topic_nor_alias_is_a_protocol_error(publisher):
    publisher.send(mqtt.publish("", b"x"))
    publisher.expect_end({0x82, 0x81})


def test_a_client_that_offers_no_aliases_gets_none(broker, topic):
    """[MQTT-3.1.2-26] [MQTT-3.1.2-27]"""
    client = broker.connect()
    client.subscribe(topic)
    for _ in range(3):
        client.publish(topic, b"x")
        assert client.expect_publish(topic, b"x").get("topic_alias") is None
