"""Shared subscriptions (MQTT 5.0, 4.8.2); older clients may use them too."""

import collections

import pytest

from harness import packet as mqtt
from harness.client import lasting, unique


@pytest.fixture
def group(topic):
    return f"$share/{unique('group')}/{topic}"


def drain(clients, publisher):
    """The payloads that each client has got of what `publisher` sent so far."""
    got = []
    for client in clients:
        end = unique("end")
        client.subscribe(end)
        publisher.publish(end, b"")
        payloads = []
        while (packet := client.take(mqtt.PUBLISH)).topic != end:
            payloads.append(packet.payload.decode())
            client.acknowledge(packet)
        got.append(payloads)
    return got


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_each_message_goes_to_one_member(broker, version, topic, group, qos):
    members = [broker.connect(version=version) for _ in range(4)]
    for member in members:
        assert member.subscribe((group, qos)) == [qos]
    publisher = broker.connect(version=version)
    for number in range(40):
        publisher.publish(topic, str(number), qos)
    got = drain(members, publisher)
    assert sorted(sum(got, []), key=int) == [str(number) for number in range(40)]
    for payloads in got:
        assert payloads == sorted(payloads, key=int), "order is kept for each member"


def test_the_members_share_fairly(broker, topic, group):
    members = [broker.connect() for _ in range(5)]
    for member in members:
        member.subscribe((group, 0))
    publisher = broker.connect()
    for number in range(200):
        publisher.publish(topic, str(number))
    counts = [len(payloads) for payloads in drain(members, publisher)]
    assert sum(counts) == 200 and min(counts) >= 20, counts


def test_groups_and_others_get_their_own_copy(broker, topic):
    first, second = f"$share/{unique()}/{topic}", f"$share/{unique()}/{topic}"
    members = [broker.connect() for _ in range(4)]
    members[0].subscribe(first)
    members[1].subscribe(first)
    members[2].subscribe(second)
    members[3].subscribe(topic)
    publisher = broker.connect()
    for number in range(10):
        publisher.publish(topic, str(number))
    a, b, c, d = drain(members, publisher)
    everything = [str(number) for number in range(10)]
    assert sorted(a + b) == c == d == everything


def test_a_client_may_be_in_a_group_and_subscribe_alone(broker, topic, group):
    client = broker.connect()
    client.subscribe((group, 1))
    client.subscribe((topic, 1))
    client.publish(topic, b"x", 1)
    assert drain([client], client) == [["x", "x"]]


def test_wildcards_work_in_groups(broker, topic):
    client = broker.connect()
    client.subscribe(f"$share/{unique()}/{topic}/+/#")
    client.publish(topic + "/a/b", b"yes")
    client.publish(topic, b"no")
    client.expect_publish(topic + "/a/b", b"yes")
    client.expect_nothing(client)


@pytest.mark.ours("the standard leaves it open")
def test_a_member_that_leaves_gives_its_unacknowledged_messages_to_another(broker, version, topic, group):
    leaving, staying = broker.connect(version=version), broker.connect(version=version)
    leaving.subscribe((group, 1))
    publisher = broker.connect(version=version)
    for number in range(10):
        publisher.publish(topic, str(number), 1)
    for number in range(10):
        leaving.expect(mqtt.PUBLISH, payload=str(number), qos=1)  # and doesn't acknowledge
    staying.subscribe((group, 1))
    leaving.close()
    got = [staying.take(mqtt.PUBLISH).payload.decode() for _ in range(10)]
    assert sorted(got, key=int) == [str(number) for number in range(10)]


@pytest.mark.ours("the standard leaves it open")
def test_messages_that_waited_for_a_member_that_leaves_go_to_another(broker, topic, group):
    """Beyond its receive maximum they had not even been sent to it."""
    leaving, staying = broker.connect(properties={"receive_maximum": 2}), broker.connect()
    leaving.subscribe((group, 1))
    publisher = broker.connect()
    for number in range(10):
        publisher.publish(topic, str(number), 1)
    leaving.expect(mqtt.PUBLISH, payload="0")
    leaving.expect(mqtt.PUBLISH, payload="1")
    staying.subscribe((group, 1))
    leaving.disconnect()
    got = [staying.take(mqtt.PUBLISH).payload.decode() for _ in range(10)]
    assert sorted(got, key=int) == [str(number) for number in range(10)]


def test_an_unacknowledged_qos_2_message_goes_to_nobody_else(broker, topic, group):
    """[MQTT-4.8.2-5]"""
    leaving, staying = broker.connect(), broker.connect()
    leaving.subscribe((group, 2))
    publisher = broker.connect()
    publisher.publish(topic, b"x", 2)
    leaving.expect(mqtt.PUBLISH, payload="x", qos=2)
    staying.subscribe((group, 2))
    leaving.disconnect()
    publisher.publish(topic, b"y", 2)
    staying.expect_publish(topic, b"y", 2)
    staying.expect_nothing(publisher)


def test_a_qos_2_message_is_completed_when_its_member_comes_back(broker, topic, group):
    """[MQTT-4.8.2-4]"""
    name = unique()
    member, other = broker.connect(name, **lasting(5)), broker.connect()
    member.subscribe((group, 2))
    publisher = broker.connect()
    publisher.publish(topic, b"x", 2)
    packet = member.expect(mqtt.PUBLISH, payload="x", qos=2)
    other.subscribe((group, 2))
    member.close()
    again = broker.connect(name, **lasting(5))
    again.expect_publish(topic, b"x", 2, dup=True, packet_identifier=packet.packet_identifier)
    other.expect_nothing(publisher)


def test_a_message_that_a_member_refuses_goes_to_nobody_else(broker, topic, group):
    """[MQTT-4.8.2-6]"""
    refusing, other = broker.connect(), broker.connect()
    refusing.subscribe((group, 1))
    publisher = broker.connect()
    publisher.publish(topic, b"x", 1)
    packet = refusing.expect(mqtt.PUBLISH, payload="x")
    other.subscribe((group, 1))
    refusing.send(mqtt.puback(packet.packet_identifier, 0x80))
    refusing.ping()
    refusing.disconnect()
    other.expect_nothing(publisher)


def test_a_member_that_unsubscribes_gets_no_more(broker, version, topic, group):
    members = [broker.connect(version=version) for _ in range(2)]
    for member in members:
        member.subscribe((group, 1))
    reasons = members[0].unsubscribe(group)
    assert reasons == ([0] if version == 5 else [])
    publisher = broker.connect(version=version)
    for number in range(10):
        publisher.publish(topic, str(number), 1)
    assert drain(members, publisher) == [[], [str(number) for number in range(10)]]


def test_the_group_ends_with_its_last_member(broker, topic, group):
    member = broker.connect()
    member.subscribe((group, 1))
    member.disconnect()
    publisher = broker.connect()
    assert publisher.publish(topic, b"for nobody", 1) in (0, 0x10)
    late = broker.connect()
    late.subscribe((group, 1))
    late.expect_nothing(publisher)


def test_each_member_has_its_own_qos_and_identifier(broker, topic, group):
    members = [broker.connect() for _ in range(3)]
    for qos, member in enumerate(members):
        member.subscribe((group, qos), properties={"subscription_identifier": qos + 10})
    publisher = broker.connect()
    for number in range(30):
        publisher.publish(topic, str(number), 2)
    counts = collections.Counter()
    for qos, member in enumerate(members):
        end = unique("end")
        member.subscribe(end)
        publisher.publish(end, b"")
        while (packet := member.take(mqtt.PUBLISH)).topic != end:
            assert packet.qos == qos and packet.all("subscription_identifier") == [qos + 10]
            counts[qos] += 1
            member.acknowledge(packet)
    assert sum(counts.values()) == 30 and len(counts) == 3


def test_members_on_and_off_line_lose_nothing(broker, topic, group):
    """A lasting member that is away may get messages for later, but each message goes to one of them."""
    name = unique()
    away, here = broker.connect(name, **lasting(5)), broker.connect()
    away.subscribe((group, 1))
    here.subscribe((group, 1))
    away.disconnect()
    publisher = broker.connect()
    for number in range(20):
        publisher.publish(topic, str(number), 1)
    back = broker.connect(name, **lasting(5))
    assert sorted(sum(drain([back, here], publisher), []), key=int) == [str(number) for number in range(20)]


@pytest.mark.parametrize("pattern", ["$share/group", "$share/group/", "$share//x", "$share/+/x", "$share/a#/x", "$share/"])
def test_a_wrong_shared_filter_is_refused(broker, pattern):
    """[MQTT-4.8.2-1] [MQTT-4.8.2-2]"""
    client = broker.connect()
    client.send(mqtt.subscribe(1, [(pattern, 0)]))
    client.expect_end({0x81, 0x82, 0x8F})


def test_subscribing_again_does_not_double_a_member(broker, topic, group):
    client = broker.connect()
    client.subscribe((group, 1))
    client.subscribe((group, 0))
    client.publish(topic, b"x", 1)
    client.expect_publish(topic, b"x", 0)
    client.expect_nothing(client)
