"""What people do with the broker, done with the clients they do it with: each kind, in each version it speaks."""

import concurrent.futures
import hashlib
import queue

import pytest

import real
from gate import Gate
from harness.client import lasting, unique
from harness.settings import IS_MOSQUITTO, LIMIT
from real import EACH, name_of

# For what takes seconds: with one worker it is the same but for the way between workers.
with_4_workers = pytest.mark.parametrize("workers", [4], ids=["4workers"], indirect=True, scope="session")

# In place of all of EACH, for what 3.1.1 has no words for.
only_5 = pytest.mark.parametrize("under_test", [each for each in EACH if each[1] == 5], ids=name_of, indirect=True)


@pytest.fixture
def gate(broker):
    gate = Gate(broker.address())
    yield gate
    gate.close()


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_messages_arrive_in_order(new, topic, qos):
    subscriber, publisher = new(), new()
    assert subscriber.subscribe(topic, qos) == [qos]
    for number in range(5):
        publisher.publish(topic, b"%d" % number, qos)
    for number in range(5):
        subscriber.expect(topic, b"%d" % number, qos)


def test_retained_messages_wait_for_the_subscriber(new, topic):
    publisher = new()
    publisher.publish(topic, b"old", 1, retain=True)
    publisher.publish(topic, b"new", 1, retain=True)
    subscriber = new()
    subscriber.subscribe(topic, 1)
    subscriber.expect(topic, b"new", 1, retain=True)
    publisher.publish(topic, b"", 1, retain=True)


def test_the_will_of_one_that_dies_is_published(new, topic):
    watcher = new()
    watcher.subscribe(topic, 1)
    mortal = new(will=real.Will(topic, b"gone", 1))
    mortal.subscribe(topic + "/other")
    mortal.die()
    watcher.expect(topic, b"gone", 1)


def test_a_session_waits_for_its_client(new, topic):
    name = unique()
    client = new(name, expiry=300)
    client.subscribe(topic, 2)
    client.leave()
    publisher = new()
    for number in range(5):
        publisher.publish(topic, b"%d" % number, 2)
    again = new(name, expiry=300)
    if again.session_present is None:
        again.subscribe(topic, 2)  # mosquitto_sub subscribes whenever it starts
    elif again.version > 3:
        assert again.session_present
    for number in range(5):
        again.expect(topic, b"%d" % number, 2)


@with_4_workers
@pytest.mark.parametrize("under_test", [each for each in EACH if each[1] > 3], ids=name_of, indirect=True)
def test_a_large_payload_arrives_whole(new, start_broker, topic):
    """More than any buffer on the way holds, and then nothing at all."""
    broker = start_broker(limits={"packet_size_bytes": 4 << 20})
    payload = hashlib.shake_256(topic.encode()).digest(3 << 20)  # no part of it is like another
    subscriber, publisher = new(at=broker), new(at=broker)
    subscriber.subscribe(topic, 2)
    publisher.publish(topic, payload, 1)
    publisher.publish(topic, b"", 1)
    message = subscriber.receive()
    assert (message.topic, message.qos, len(message.payload)) == (topic, 1, len(payload))
    assert hashlib.sha256(message.payload).digest() == hashlib.sha256(payload).digest()
    subscriber.expect(topic, b"", 1)


def test_a_group_shares_the_messages(new, topic):
    group = f"$share/{unique()}/{topic}"
    messages = queue.Queue()
    members, publisher = [new(messages=messages), new(messages=messages)], new()
    for member in members:
        member.subscribe(group, 1)
    for number in range(6):
        publisher.publish(topic, b"%d" % number, 1)
    assert sorted(members[0].receive().payload for _ in range(6)) == [b"%d" % number for number in range(6)]
    assert messages.empty()


@only_5
def test_properties_reach_the_subscriber(new, topic):
    properties = {"content_type": "text/plain", "response_topic": "reply/here", "correlation_data": b"abc",
                  "user_property": [("a", "1"), ("b", "2")]}
    subscriber, publisher = new(), new()
    subscriber.subscribe(topic, 1)
    publisher.publish(topic, b"x", 1, properties=properties)
    assert subscriber.expect(topic, b"x", 1).properties == properties


def test_all_kinds_understand_each_other(new, topic, kind, version):
    """Everybody publishes, the one under test listens."""
    subscriber = new()
    subscriber.subscribe(topic, 2)
    for other, other_version in EACH:
        new(kind=other, version=other_version).publish(topic, f"{other}{other_version}".encode(), 2)
        subscriber.expect(topic, f"{other}{other_version}".encode(), 2)


def test_a_session_goes_on_when_its_connection_was_cut(new, gate, broker, topic, kind):
    """Both ways: what it missed comes, and what it wanted to say meanwhile is said once."""
    client, other = new(at=gate, expiry=300), broker.connect()
    client.subscribe(topic, 2)
    other.subscribe((topic + "/of-the-client", 2))
    other.publish(topic, b"before", 2)
    client.expect(topic, b"before", 2)
    assert client.connections.empty()
    gate.cut()
    with concurrent.futures.ThreadPoolExecutor() as executor:
        sending = executor.submit(client.publish, topic + "/of-the-client", b"kept", 2)
        for number in range(5):
            other.publish(topic, b"%d" % number, 2)
        gate.open()
        try:
            sending.result(LIMIT)
        except AssertionError:
            if kind != "paho-c":  # where it had begun to send, it reports the lost connection, and sends again all the same
                raise
    assert client.connected() in (True, None) or client.version == 3
    for number in range(5):
        client.expect(topic, b"%d" % number, 2)
    other.expect_publish(topic + "/of-the-client", b"kept", 2)
    other.expect_nothing(broker.connect())


# After the DISCONNECT of a broker mosquitto_sub ends.
@pytest.mark.parametrize("under_test", [each for each in EACH if each != ("mosquitto", 5)], ids=name_of, indirect=True)
def test_a_client_takes_its_session_back(new, broker, topic, kind, version):
    """Another client of the same name has connected meanwhile; messages that it did not acknowledge come again."""
    client, publisher = new(expiry=300), broker.connect()
    client.subscribe(topic, 1)
    other = broker.connect(client.identifier, version, **lasting(version))
    for number in range(3):
        publisher.publish(topic, b"%d" % number, 1)
    assert client.connected() in (True, None) or version == 3
    other.close()
    for number in range(3):
        client.expect(topic, b"%d" % number, 1)


@with_4_workers
def test_clients_come_back_by_themselves_when_the_broker_does(new, start_broker, topic, kind, version):
    if IS_MOSQUITTO:
        pytest.skip("it would get another port")
    broker = start_broker()
    broker.config["listeners"][0]["port"] = broker.address()[1]
    client = new(at=broker)
    client.subscribe(topic, 1)
    if (kind, version) == ("mosquitto", 5):
        broker.kill()  # in order, it would send DISCONNECT
    else:
        broker.stop()

    assert client.connections.empty()
    broker.start()
    client.connected()
    if not client.subscribes_again:
        client.subscribe(topic, 1)
    # Whenever the subscription is there again: until then messages go nowhere.
    publisher = broker.connect()
    for _ in range(1000):
        if publisher.publish(topic, b"welcome back", 1) != 0x10:
            break
    client.expect(topic, b"welcome back", 1)
