"""Message expiry (MQTT 5.0, 3.3.2.3.3). A delayed will is the clock: these tests wait for it, not for a time."""

from harness import packet as mqtt
from harness.client import lasting, unique


def let_two_seconds_pass(broker, topic):
    watcher = broker.connect()
    watcher.subscribe("clock-" + topic)
    broker.connect(will=mqtt.Will("clock-" + topic, properties={"will_delay_interval": 2}), **lasting(5)).close()
    watcher.expect_publish("clock-" + topic)


def test_a_message_that_has_expired_is_not_delivered(broker, topic):
    """[MQTT-3.3.2-5]"""
    name = unique()
    client = broker.connect(name, **lasting(5))
    client.subscribe((topic, 2))
    client.disconnect()
    publisher = broker.connect()
    for qos in (1, 2):
        publisher.publish(topic, b"short", qos, properties={"message_expiry_interval": 1})
        publisher.publish(topic, b"long", qos, properties={"message_expiry_interval": 1000})
        publisher.publish(topic, b"for ever", qos)
    let_two_seconds_pass(broker, topic)
    again = broker.connect(name, **lasting(5))
    for qos in (1, 2):
        packet = again.expect_publish(topic, b"long", qos)
        assert 990 <= packet.get("message_expiry_interval") <= 998
        packet = again.expect_publish(topic, b"for ever", qos)
        assert packet.get("message_expiry_interval") is None
    again.expect_nothing(publisher)


def test_the_interval_that_is_left_is_passed_on(broker, topic):
    """[MQTT-3.3.2-6]"""
    client = broker.connect()
    client.subscribe((topic, 1))
    client.publish(topic, b"x", 1, properties={"message_expiry_interval": 100})
    assert 99 <= client.expect_publish(topic, b"x", 1).get("message_expiry_interval") <= 100


def test_an_expired_retained_message_is_gone(broker, topic):
    publisher = broker.connect()
    publisher.publish(topic + "/short", b"x", 1, retain=True, properties={"message_expiry_interval": 1})
    publisher.publish(topic + "/long", b"y", 1, retain=True, properties={"message_expiry_interval": 1000})
    let_two_seconds_pass(broker, topic)
    client = broker.connect()
    client.subscribe((topic + "/#", 1))
    packet = client.expect_publish(topic + "/long", b"y", 1, retain=True)
    assert 990 <= packet.get("message_expiry_interval") <= 998
    client.expect_nothing(publisher)
    publisher.publish(topic + "/long", b"", 1, retain=True)


def test_messages_expire_while_they_wait_for_the_window(broker, topic):
    client, publisher = broker.connect(properties={"receive_maximum": 1}), broker.connect()
    client.subscribe((topic, 1))
    publisher.publish(topic, b"held", 1)
    publisher.publish(topic, b"short", 1, properties={"message_expiry_interval": 1})
    publisher.publish(topic, b"last", 1)
    held = client.expect(mqtt.PUBLISH, payload="held")
    let_two_seconds_pass(broker, topic)
    client.acknowledge(held)
    client.expect_publish(topic, b"last", 1)


def test_an_older_subscriber_gets_no_expired_message_either(broker, topic):
    name = unique()
    client = broker.connect(name, version=4, clean=False)
    client.subscribe((topic, 1))
    client.disconnect()
    publisher = broker.connect()
    publisher.publish(topic, b"short", 1, properties={"message_expiry_interval": 1})
    publisher.publish(topic, b"stays", 1)
    let_two_seconds_pass(broker, topic)
    again = broker.connect(name, version=4, clean=False)
    again.expect_publish(topic, b"stays", 1)


def test_a_qos_2_message_that_was_sent_does_not_expire_any_more(broker, topic):
    """[MQTT-4.3.3-7]"""
    name = unique()
    client = broker.connect(name, **lasting(5))
    client.subscribe((topic, 2))
    broker.connect().publish(topic, b"sent", 2, properties={"message_expiry_interval": 1})
    packet = client.expect(mqtt.PUBLISH, payload="sent", qos=2)
    client.close()
    let_two_seconds_pass(broker, topic)
    again = broker.connect(name, **lasting(5))
    again.expect_publish(topic, b"sent", 2, dup=True, packet_identifier=packet.packet_identifier)


def test_a_session_does_not_expire_while_its_client_is_connected(broker, topic):
    """[MQTT-4.1.0-1]"""
    client = broker.connect(**lasting(5, expiry=1))
    client.subscribe((topic, 1))
    let_two_seconds_pass(broker, topic)
    client.publish(topic, b"x", 1)
    client.expect_publish(topic, b"x", 1)
