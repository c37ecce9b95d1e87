"""What becomes of a message that the broker has taken (MQTT 3.1.1 and 5.0, 4.5)."""

import pytest

from harness import packet as mqtt
from harness.client import lasting, unique
from harness.statements import proves


@proves(v3="4.5.0-1", v5="4.5.0-1")
@pytest.mark.parametrize("pattern", ["{}/a", "{}/+", "{}/#", "+/a", "$share/g/{}/a"])
@pytest.mark.parametrize("qos", [1, 2])
def test_a_message_is_kept_for_the_sessions_of_all_subscribers(broker, version, topic, qos, pattern):
    """Their clients being away, until they come back; each session has it, whatever it was subscribed with."""
    if version < 5 and pattern.startswith("$share"):
        pattern = "{}/a"  # a topic like others there
    names = [unique() for _ in range(1 if pattern.startswith("$share") else 3)]
    for name in names:
        client = broker.connect(name, version=version, **lasting(version))
        client.subscribe((pattern.format(topic), qos), (topic + "/other", 2))
        client.disconnect()
    publisher = broker.connect(version=version)
    for number in range(5):
        publisher.publish(topic + "/a", str(number), qos)
        publisher.publish(topic + "/b/c/d", b"nobody", qos) if "#" not in pattern else None
    publisher.disconnect()
    for name in names:
        client = broker.connect(name, version=version, **lasting(version))
        for number in range(5):
            client.expect_publish(topic + "/a", str(number), qos)
        client.expect_nothing(client)


@proves(v3="4.5.0-1", v5="4.5.0-1")
@pytest.mark.parametrize("qos", [1, 2])
def test_a_connected_subscribers_session_has_the_message_as_well(broker, version, topic, qos):
    """It gets it at once, and again after its connection broke; so do others, each once a connection."""
    names = [unique() for _ in range(5)]
    clients = [broker.connect(name, version=version, **lasting(version)) for name in names]
    for client in clients:
        client.subscribe((topic, qos))
    publisher = broker.connect(version=version)
    publisher.publish(topic, b"x", qos)
    for client in clients:
        client.expect_publish(topic, b"x", qos, acknowledge=False, dup=False)
        client.expect_nothing(publisher)
        client.close()
    for name in names:
        client = broker.connect(name, version=version, **lasting(version))
        client.expect_publish(topic, b"x", qos, dup=True)
        client.expect_nothing(publisher)


@proves(v3="4.5.0-2", v5="4.5.0-2")
@pytest.mark.parametrize("qos", [1, 2])
def test_a_client_that_does_not_acknowledge_is_sent_the_message_on_each_connection(broker, version, topic, qos):
    """It is held to nothing else: what follows reaches it all the same, as far as there is room."""
    name = unique()
    client = broker.connect(name, version=version, **lasting(version))
    client.subscribe((topic, qos))
    publisher = broker.connect(version=version)
    publisher.publish(topic, b"ignored", qos)
    for number in range(4):
        publisher.publish(topic, str(number), qos)
        client.expect(mqtt.PUBLISH, payload="ignored", dup=number > 0)
        client.expect_publish(topic, str(number), qos)
        client.ping()
        client.close()
        client = broker.connect(name, version=version, **lasting(version))
    client.expect_publish(topic, b"ignored", qos, dup=True)
    client.expect_nothing(publisher)
