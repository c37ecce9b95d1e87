"""Wills (MQTT 5.0, 3.1.2.5, 3.1.3.2)."""

import time

import pytest

from harness import packet as mqtt
from harness.client import lasting, unique


@pytest.fixture
def watcher(broker, topic):
    client = broker.connect()
    client.subscribe((topic, 2))
    return client


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_a_connection_that_breaks_publishes_the_will(broker, watcher, version, topic, qos):
    """[MQTT-3.1.2-8]"""
    broker.connect(version=version, will=mqtt.Will(topic, b"gone", qos)).close()
    watcher.expect_publish(topic, b"gone", qos, retain=False)


def test_a_will_may_be_empty_and_binary(broker, watcher, version, topic):
    broker.connect(version=version, will=mqtt.Will(topic, b"")).close()
    watcher.expect_publish(topic, b"")
    broker.connect(version=version, will=mqtt.Will(topic, bytes(range(256)))).close()
    watcher.expect_publish(topic, bytes(range(256)))


def test_disconnect_discards_the_will(broker, watcher, version, topic):
    """[MQTT-3.1.2-10] [MQTT-3.14.4-3]"""
    client = broker.connect(version=version, will=mqtt.Will(topic, b"gone"))
    client.disconnect()
    watcher.expect_nothing(watcher)


def test_disconnect_with_will_message_publishes_it(broker, watcher, topic):
    broker.connect(will=mqtt.Will(topic, b"on purpose")).disconnect(0x04)
    watcher.expect_publish(topic, b"on purpose")


def test_a_protocol_error_publishes_the_will(broker, watcher, version, topic):
    client = broker.connect(version=version, will=mqtt.Will(topic, b"broken"))
    client.send(mqtt.connect(client.client_identifier, version=version))
    client.expect_end(0x82)
    watcher.expect_publish(topic, b"broken")


def test_a_retained_will_is_retained(broker, watcher, version, topic):
    """[MQTT-3.1.2-15]"""
    broker.connect(version=version, will=mqtt.Will(topic, b"kept", 1, retain=True)).close()
    watcher.expect_publish(topic, b"kept", 1, retain=False)
    late = broker.connect()
    late.subscribe((topic, 1))
    late.expect_publish(topic, b"kept", 1, retain=True)
    late.publish(topic, b"", retain=True)


def test_the_properties_of_a_will_reach_the_subscriber(broker, watcher, topic):
    properties = [("payload_format_indicator", 1), ("message_expiry_interval", 100), ("content_type", "text/plain"),
                  ("response_topic", "r"), ("correlation_data", b"\x00\x01"), ("user_property", ("b", "1")),
                  ("user_property", ("a", "2"))]
    broker.connect(will=mqtt.Will(topic, b"x", 1, properties=properties)).close()
    packet = watcher.expect_publish(topic, b"x", 1)
    for name in ("payload_format_indicator", "content_type", "response_topic", "correlation_data"):
        assert packet.get(name) == dict(properties)[name]
    assert packet.all("user_property") == [("b", "1"), ("a", "2")]
    assert 98 <= packet.get("message_expiry_interval") <= 100
    assert packet.get("will_delay_interval") is None


def test_a_will_waits_for_its_delay(broker, watcher, topic):
    """[MQTT-3.1.3-9]"""
    will = mqtt.Will(topic, b"late", properties={"will_delay_interval": 1})
    client = broker.connect(will=will, **lasting(5))
    closed_at = time.monotonic()
    client.close()
    watcher.expect_publish(topic, b"late")
    assert 0.9 < time.monotonic() - closed_at < 4


def test_a_client_that_comes_back_in_time_keeps_its_will_to_itself(broker, watcher, topic):
    will = mqtt.Will(topic, b"never", properties={"will_delay_interval": 1})
    name = unique()
    broker.connect(name, will=will, **lasting(5)).close()
    broker.connect(name, **lasting(5))
    # Another one's will of two seconds tells that the time is over.
    clock = mqtt.Will(topic, b"clock", properties={"will_delay_interval": 2})
    broker.connect(will=clock, **lasting(5)).close()
    watcher.expect_publish(topic, b"clock")


def test_a_delayed_will_does_not_outlive_the_session(broker, watcher, topic):
    """3.1.3.2.2: whichever comes first"""
    will = mqtt.Will(topic, b"at the end", properties={"will_delay_interval": 3600})
    broker.connect(will=will, properties={"session_expiry_interval": 1}).close()
    watcher.expect_publish(topic, b"at the end")


def test_a_delayed_will_without_a_lasting_session_is_published_at_once(broker, watcher, topic):
    will = mqtt.Will(topic, b"at once", properties={"will_delay_interval": 3600})
    broker.connect(will=will).close()
    watcher.expect_publish(topic, b"at once")


def test_a_clean_start_ends_the_session_and_so_publishes_the_delayed_will(broker, watcher, topic):
    will = mqtt.Will(topic, b"discarded", properties={"will_delay_interval": 3600})
    name = unique()
    broker.connect(name, will=will, **lasting(5)).close()
    broker.connect(name, clean=True)
    watcher.expect_publish(topic, b"discarded")


def test_taking_over_publishes_the_will(broker, watcher, version, topic):
    first = broker.connect(version=version, will=mqtt.Will(topic, b"taken"))
    broker.connect(first.client_identifier, version=version, clean=False)
    first.expect_end(0x8E)
    watcher.expect_publish(topic, b"taken")


def test_taking_over_keeps_a_delayed_will_back(broker, watcher, topic):
    will = mqtt.Will(topic, b"no", properties={"will_delay_interval": 1})
    first = broker.connect(will=will, **lasting(5))
    second = broker.connect(first.client_identifier, **lasting(5))
    first.expect_end(0x8E)
    second.ping()
    clock = mqtt.Will(topic, b"clock", properties={"will_delay_interval": 2})
    broker.connect(will=clock, **lasting(5)).close()
    watcher.expect_publish(topic, b"clock")


def test_the_last_connect_decides_on_the_will(broker, watcher, version, topic):
    name = unique()
    broker.connect(name, version=version, will=mqtt.Will(topic, b"first"), **lasting(version)).disconnect()
    broker.connect(name, version=version, will=mqtt.Will(topic, b"second"), **lasting(version)).close()
    watcher.expect_publish(topic, b"second")
    client = broker.connect(name, version=version, **lasting(version))
    client.close()
    broker.connect(name, version=version, **lasting(version))  # only once this is answered is the other one over
    watcher.expect_nothing(watcher)
