"""Subscriptions, shared ones above all: 4.8 of 5.0. (3.1.1's 4.8 is in test_4_13_errors.py.) Older clients may share, too."""

import collections

import pytest

from harness import packet as mqtt
from harness.client import lasting, unique
from harness.statements import proves

WRONG_FILTER = {0x81, 0x82, 0x8F}


@pytest.fixture
def group(topic):
    return f"$share/{unique('group')}/{topic}"


def drain(clients, publisher):
    """The messages that each client has got of what `publisher` sent so far."""
    got = []
    for client in clients:
        end = unique("end")
        client.subscribe(end)
        publisher.publish(end, b"")
        packets = []
        while (packet := client.take(mqtt.PUBLISH)).topic != end:
            packets.append(packet)
            client.acknowledge(packet)
        got.append(packets)
    return got


def payloads(packets):
    return [packet.payload.decode() for packet in packets]


# ---- their filters (4.8.2) ----

@pytest.mark.parametrize("wrong", ["$share//X", "$share/", "$share//"])
@proves(v5="4.8.2-1")
def test_a_share_name_has_at_least_one_character(broker, version, topic, wrong):
    client = broker.connect(version=version)
    client.send(mqtt.subscribe(1, [(wrong.replace("X", topic), 0)], version))
    client.expect_end(WRONG_FILTER)


@pytest.mark.parametrize("wrong", ["$share/+/X", "$share/#/X", "$share/a+/X", "$share/a#/X", "$share/#", "$share/+",
                                   "$share/group", "$share/group/", "$share/group/X/#/a", "$share/group/X+"])
@proves(v5="4.8.2-2")
def test_a_share_name_has_no_wildcard_and_a_filter_behind_it(broker, version, topic, wrong):
    for packet in (mqtt.subscribe(1, [(topic, 0), (wrong.replace("X", topic), 0)], version),
                   mqtt.unsubscribe(1, [wrong.replace("X", topic)], version)):
        client = broker.connect(version=version)
        client.send(packet)
        client.expect_end(WRONG_FILTER)


@pytest.mark.parametrize("name", ["a", "$", "$share", " ", "group.1-x", "\u8776", "x" * 200])
@proves(v5="4.8.2-1 4.8.2-2")
def test_any_other_share_name_will_do(broker, topic, name):
    client = broker.connect()
    assert client.subscribe((f"$share/{name}/{topic}/+", 1)) == [1]
    client.publish(topic + "/a", b"x", 1)
    client.expect_publish(topic + "/a", b"x", 1)
    assert client.unsubscribe(f"$share/{name}/{topic}/+") == [0]


@pytest.mark.parametrize("pattern", ["X", "X/+", "X/#", "+/X", "/X", "X/+/#", "$X/a"])
def test_the_filter_behind_the_share_name_is_one_as_any_other(broker, version, pattern):
    """What it matches is what it matches alone (4.8.2)."""
    topic = unique()
    pattern = pattern.replace("X", topic)
    member, alone = broker.connect(version=version), broker.connect(version=version)
    member.subscribe((f"$share/{unique()}/{pattern}", 1))
    alone.subscribe((pattern, 1))
    publisher = broker.connect(version=version)
    for name in (topic, topic + "/a", topic + "/a/b", "a/" + topic, "/" + topic, f"${topic}/a", f"$a/{topic}", topic + "a"):
        publisher.publish(name, name, 1)
    shared, whole = drain([member, alone], publisher)
    assert payloads(shared) == payloads(whole) and shared


# ---- who gets a message ----

@pytest.mark.parametrize("qos", [0, 1, 2])
def test_each_message_goes_to_one_member(broker, version, topic, group, qos):
    members = [broker.connect(version=version) for _ in range(4)]
    for member in members:
        assert member.subscribe((group, qos)) == [qos]
    publisher = broker.connect(version=version)
    for number in range(40):
        publisher.publish(topic, str(number), qos)
    got = [payloads(each) for each in drain(members, publisher)]
    assert sorted(sum(got, []), key=int) == [str(number) for number in range(40)]
    for each in got:
        assert each == sorted(each, key=int), "order is kept for each member"


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
    a, b, c, d = (payloads(each) for each in drain(members, publisher))
    assert sorted(a + b) == c == d == [str(number) for number in range(10)]


def test_a_client_may_be_in_a_group_and_subscribe_alone(broker, topic, group):
    client = broker.connect()
    client.subscribe((group, 1))
    client.subscribe((topic, 1))
    client.publish(topic, b"x", 1)
    got, = drain([client], client)
    assert payloads(got) == ["x", "x"]


def test_subscribing_again_does_not_double_a_member(broker, topic, group):
    client = broker.connect()
    client.subscribe((group, 1))
    client.subscribe((group, 0))
    client.publish(topic, b"x", 1)
    client.expect_publish(topic, b"x", 0)
    client.expect_nothing(client)


def test_a_new_member_gets_no_retained_messages(broker, topic, group):
    """3.8.4"""
    client = broker.connect()
    client.publish(topic, b"kept", 1, retain=True)
    for handling in (0, 1):
        client.subscribe((group, mqtt.options(1, retain_handling=handling)))
        client.expect_nothing(client)
    client.publish(topic, b"", 1, retain=True)


def test_a_member_that_unsubscribes_gets_no_more(broker, version, topic, group):
    members = [broker.connect(version=version) for _ in range(2)]
    for member in members:
        member.subscribe((group, 1))
    reasons = members[0].unsubscribe(group)
    assert reasons == ([0] if version == 5 else [])
    publisher = broker.connect(version=version)
    for number in range(10):
        publisher.publish(topic, str(number), 1)
    got = [payloads(each) for each in drain(members, publisher)]
    assert got == [[], [str(number) for number in range(10)]]


def test_the_group_ends_with_its_last_member(broker, topic, group):
    member = broker.connect()
    member.subscribe((group, 1))
    member.disconnect()
    publisher = broker.connect()
    assert publisher.publish(topic, b"for nobody", 1) in (0, 0x10)
    late = broker.connect()
    late.subscribe((group, 1))
    late.expect_nothing(publisher)


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
    got = sum((payloads(each) for each in drain([back, here], publisher)), [])
    assert sorted(got, key=int) == [str(number) for number in range(20)]


# ---- with which QoS ----

@pytest.mark.parametrize("published", [0, 1, 2])
@proves(v5="4.8.2-3")
def test_each_member_has_its_own_qos_and_identifier(broker, topic, group, published):
    members = [broker.connect() for _ in range(3)]
    for qos, member in enumerate(members):
        member.subscribe((group, qos), properties={"subscription_identifier": qos + 10})
    publisher = broker.connect()
    for number in range(30):
        publisher.publish(topic, str(number), published)
    counts = collections.Counter()
    for granted, packets in enumerate(drain(members, publisher)):
        for packet in packets:
            assert packet.qos == min(granted, published), packet
            assert packet.all("subscription_identifier") == [granted + 10], packet
            counts[granted] += 1
    assert sum(counts.values()) == 30 and len(counts) == 3


# ---- when a member leaves or refuses ----

@pytest.mark.parametrize("step", ["PUBLISH", "PUBREC", "PUBREL"])
@proves(v5="4.8.2-4")
def test_a_qos_2_message_is_completed_when_its_member_comes_back(broker, topic, group, step):
    """The connection breaks after this packet; another member is there all the time and gets nothing."""
    name = unique()
    member, other = broker.connect(name, **lasting(5)), broker.connect()
    member.subscribe((group, 2))
    publisher = broker.connect()
    publisher.publish(topic, b"x", 2)
    packet = member.expect(mqtt.PUBLISH, payload=b"x", qos=2)
    identifier = packet.packet_identifier
    other.subscribe((group, 2))
    if step != "PUBLISH":
        member.send(mqtt.pubrec(identifier))
        member.expect(mqtt.PUBREL, packet_identifier=identifier)  # then the PUBREC has surely arrived
    if step == "PUBREL":
        member.send(mqtt.pubcomp(identifier))
        member.ping()
    member.close()
    again = broker.connect(name, **lasting(5))
    if step == "PUBLISH":
        again.expect_publish(topic, b"x", 2, dup=True, packet_identifier=identifier)
    elif step == "PUBREC":
        again.expect(mqtt.PUBREL, packet_identifier=identifier)
        again.send(mqtt.pubcomp(identifier))
    again.ping()
    assert not again.inbox
    other.expect_nothing(publisher)


@pytest.mark.parametrize("ending", ["with its connection", "by a clean start", "when it expires"])
@proves(v5="4.8.2-5")
def test_an_unfinished_qos_2_message_of_a_session_that_ends_goes_to_nobody_else(broker, topic, group, ending):
    """A will tells of the end where nothing else does: a delayed one comes when the session ends."""
    staying, publisher, over = broker.connect(), broker.connect(), unique("over")
    fields = {
        "with its connection": {"will": mqtt.Will(over, b"over")},
        "by a clean start": lasting(5),
        "when it expires": {"will": mqtt.Will(over, b"over", properties={"will_delay_interval": 3600}), **lasting(5, expiry=1)},
    }[ending]
    leaving = broker.connect(**fields)
    leaving.subscribe((group, 2))
    publisher.publish(topic, b"x", 2)
    leaving.expect(mqtt.PUBLISH, payload=b"x", qos=2)
    staying.subscribe((group, 2), (over, 0))
    leaving.close()
    if ending == "by a clean start":
        broker.connect(leaving.client_identifier, clean=True)
    else:
        staying.expect_publish(over, b"over")
    publisher.publish(topic, b"y", 2)
    staying.expect_publish(topic, b"y", 2)
    staying.expect_nothing(publisher)


@pytest.mark.parametrize("reason", [0x80, 0x83, 0x87, 0x97, 0x99], ids=hex)
@pytest.mark.parametrize("qos", [1, 2])
@proves(v5="4.8.2-6")
def test_a_message_that_a_member_refuses_goes_to_nobody_else(broker, topic, group, qos, reason):
    refusing, other = broker.connect(), broker.connect()
    refusing.subscribe((group, qos))
    publisher = broker.connect()
    publisher.publish(topic, b"x", qos)
    packet = refusing.expect(mqtt.PUBLISH, payload=b"x", qos=qos)
    other.subscribe((group, qos))
    refuse = mqtt.puback if qos == 1 else mqtt.pubrec
    refusing.send(refuse(packet.packet_identifier, reason))
    refusing.expect_nothing(publisher)
    refusing.disconnect()
    other.expect_nothing(publisher)


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
