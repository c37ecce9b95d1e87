"""At a limit: the standard's reason, a line in the log with the client's name, and nothing else disturbed."""

import pytest

from harness import packet as mqtt
from harness.client import lasting, unique

pytestmark = pytest.mark.ours("limits are this broker's")


def test_a_connection_too_many_is_closed(start_broker):
    broker = start_broker(limits={"connections": 3})
    clients = [broker.connect() for _ in range(3)]
    broker.open().expect_closed()
    for client in clients:
        client.ping()
    clients[0].disconnect()
    # The place is free once the broker has seen the end; until then a further one is closed too.
    for _ in range(1000):
        client = broker.open()
        client.send(mqtt.connect(unique()))
        try:
            client.receive()
        except AssertionError:
            continue
        break
    client.ping()


def test_messages_beyond_the_queue_are_dropped(start_broker, topic):
    broker = start_broker(limits={"queued_messages": 5})
    name = unique("forgetful")
    client = broker.connect(name, **lasting(5))
    client.subscribe((topic, 1))
    client.disconnect()
    publisher = broker.connect()
    for number in range(10):
        publisher.publish(topic, str(number), 1)
    again = broker.connect(name, **lasting(5))
    for number in range(5):
        again.expect_publish(topic, str(number), 1)
    again.expect_nothing(publisher)
    broker.wait_for_log(name)
    publisher.publish(topic, b"more", 1)
    again.expect_publish(topic, b"more", 1)


def test_bytes_beyond_the_queue_are_dropped(start_broker, topic):
    broker = start_broker(limits={"queued_bytes": 10_000})
    name = unique("forgetful")
    client = broker.connect(name, **lasting(5))
    client.subscribe((topic, 1))
    client.disconnect()
    publisher = broker.connect()
    for number in range(10):
        publisher.publish(topic, str(number) * 4000, 1)
    again = broker.connect(name, **lasting(5))
    for number in range(2):
        again.expect_publish(topic, str(number) * 4000, 1)
    again.expect_nothing(publisher)
    broker.wait_for_log(name)


def test_the_in_flight_window_has_a_bound(start_broker, topic):
    broker = start_broker(limits={"in_flight_messages": 2})
    for version in (4, 5):
        client, publisher = broker.connect(version=version), broker.connect()
        client.subscribe((topic, 1))
        for number in range(4):
            publisher.publish(topic, str(number), 1)
        first = client.expect(mqtt.PUBLISH, payload="0")
        client.expect(mqtt.PUBLISH, payload="1")
        client.expect_nothing(publisher)
        client.acknowledge(first)
        client.expect(mqtt.PUBLISH, payload="2")
        client.disconnect()


def test_a_subscription_too_many_is_refused(start_broker, version, topic):
    broker = start_broker(limits={"subscriptions": 3})
    name = unique("greedy")
    client = broker.connect(name, version=version)
    refused = 0x97 if version == 5 else 0x80
    if version == 3:
        assert client.subscribe(topic + "/1", topic + "/2", topic + "/3") == [0, 0, 0]
        assert client.subscribe(topic + "/4")[0] != 0
        return
    assert client.subscribe(*(f"{topic}/{number}" for number in range(5))) == [0, 0, 0, refused, refused]
    assert client.subscribe((topic + "/0", 1)) == [1], "replacing one is no further one"
    broker.wait_for_log(name)
    client.unsubscribe(topic + "/0")
    assert client.subscribe(topic + "/9") == [0]
    client.publish(topic + "/4", b"no")
    client.publish(topic + "/9", b"yes")
    client.expect_publish(topic + "/9", b"yes")


def test_a_retained_message_too_many_is_refused(start_broker, topic):
    broker = start_broker(limits={"retained_messages": 2})
    client = broker.connect(unique("hoarder"))
    client.subscribe((topic + "/+", 1))
    assert client.publish(topic + "/1", b"1", 1, retain=True) == 0
    assert client.publish(topic + "/2", b"2", 1, retain=True) == 0
    assert client.publish(topic + "/3", b"3", 1, retain=True) == 0x97
    assert client.publish(topic + "/2", b"new", 1, retain=True) == 0, "replacing one is no further one"
    got = {}
    for _ in range(4):
        packet = client.take(mqtt.PUBLISH)
        got[packet.topic] = packet.payload
        client.acknowledge(packet)
    assert got[topic + "/3"] == b"3", "it is delivered all the same"
    broker.wait_for_log(client.client_identifier)
    late = broker.connect()
    late.subscribe(topic + "/#")
    assert sorted(late.take(mqtt.PUBLISH).payload for _ in range(2)) == [b"1", b"new"]
    client.publish(topic + "/1", b"", 1, retain=True)
    assert client.publish(topic + "/3", b"3", 1, retain=True) == 0


@pytest.mark.parametrize("limits, deep", [({"topic_levels": 4}, "a/b/c/d/e"), ({"topic_length_bytes": 20}, "x" * 21)],
                         ids=["levels", "length"])
def test_a_topic_beyond_the_bounds_is_refused(start_broker, version, limits, deep):
    broker = start_broker(limits=limits)
    client = broker.connect(unique("deep"), version=version)
    client.subscribe("a/b/#")
    client.publish("a/b/c/d", b"fine", 1)
    client.expect_publish("a/b/c/d", b"fine")
    assert client.publish(deep, b"x", 1) == (0x90 if version == 5 else 0)
    if version > 3:
        assert client.subscribe("fine", deep) == [0, 0x8F if version == 5 else 0x80]
    client.expect_nothing(client)
    broker.wait_for_log(client.client_identifier)


def test_a_session_too_many_is_refused(start_broker):
    broker = start_broker(limits={"sessions": 2})
    first = broker.connect()
    broker.connect(**lasting(5)).disconnect()
    refused = broker.open()
    refused.connect(unique("third"), reason=0x97)
    refused.expect_closed()
    first.ping()
    broker.wait_for_log(refused.client_identifier)
    old = broker.open(4)
    old.connect(unique("third"), reason=3)
    old.expect_closed()


def test_a_session_expiry_too_long_is_lowered_and_told(start_broker):
    """[MQTT-3.2.2-16]; 3.2.2.3.2"""
    broker = start_broker(limits={"session_expiry_seconds": 100})
    assert broker.connect(**lasting(5, expiry=1000)).connack.get("session_expiry_interval") == 100
    assert broker.connect(**lasting(5, expiry=0xFFFFFFFF)).connack.get("session_expiry_interval") == 100
    assert broker.connect(**lasting(5, expiry=100)).connack.get("session_expiry_interval") is None


def test_an_older_clients_session_expires_too(start_broker, topic):
    broker = start_broker(limits={"session_expiry_seconds": 1})
    name = unique()
    broker.connect(name, version=4, clean=False).disconnect()
    watcher = broker.connect()
    watcher.subscribe(topic)
    broker.connect(will=mqtt.Will(topic, b"clock", properties={"will_delay_interval": 100}),
                   properties={"session_expiry_interval": 1}).close()
    watcher.expect_publish(topic, b"clock")  # this session began and so ended later than the first
    # Both end on the same second's tick at the latest, whichever comes first on it.
    for _ in range(100):
        if broker.connect(name, version=4, clean=True).connack.session_present is False:
            break
    assert broker.connect(unique(), version=4, clean=False).connack.session_present is False


def test_a_subscriber_that_does_not_read_loses_qos_0_messages_only(start_broker, topic):
    """And keeps nobody waiting: its own connection is where the messages pile up."""
    broker = start_broker(limits={"outgoing_bytes": 65536, "in_flight_messages": 10})
    lazy = broker.connect(unique("lazy"))
    lazy.subscribe((topic, 1))
    eager, publisher = broker.connect(), broker.connect()
    eager.subscribe((topic, 1))
    payload = b"x" * 10_000
    total = 2000  # 20 MB: more than the kernel's socket buffers take
    for number in range(total):
        publisher.send(mqtt.publish(topic, str(number).encode() + b":" + payload))
        assert eager.take(mqtt.PUBLISH).payload.startswith(str(number).encode() + b":")
    for number in range(30):
        publisher.publish(topic, f"qos1:{number}", 1)
        eager.expect_publish(topic, f"qos1:{number}", 1)
    got_0, got_1 = 0, []
    while len(got_1) < 30:
        packet = lazy.take(mqtt.PUBLISH)
        if packet.qos == 0:
            got_0 += 1
        else:
            got_1.append(packet.payload.decode())
            lazy.acknowledge(packet)
    assert got_1 == [f"qos1:{number}" for number in range(30)]
    assert got_0 < total, "the test did not fill the connection"
    lazy.ping()


def test_limits_are_those_of_the_client_not_of_others(start_broker, topic):
    broker = start_broker(limits={"queued_messages": 1, "subscriptions": 2})
    full, other = broker.connect(unique("full"), **lasting(5)), broker.connect(unique("other"), **lasting(5))
    for client in (full, other):
        client.subscribe((topic, 1))
    full.disconnect()
    publisher = broker.connect()
    for number in range(5):
        publisher.publish(topic, str(number), 1)
        other.expect_publish(topic, str(number), 1)
