"""Topic names and topic filters: 4.7 of both standards."""

import pytest

from harness import packet as mqtt
from harness.client import unique
from harness.statements import proves

# What a broker may say of a wrong name or filter, where it says anything.
WRONG_NAME, WRONG_FILTER = {0x81, 0x82, 0x90}, {0x81, 0x82, 0x8F}

# filter, topics that match, topics that don't; X stands for a name that no other test uses
FILTERS = [
    ("X/a/b", ["X/a/b"], ["X/a", "X/a/b/", "X/a/B", "/X/a/b", "X/a/b/c"]),
    ("X/#", ["X", "X/", "X/a", "X/a/b/c", "X//"], ["Xa", "/X"]),
    ("X/a/#", ["X/a", "X/a/b", "X/a/b/c"], ["X", "X/b", "X/ab"]),
    ("X/+", ["X/a", "X/"], ["X", "X/a/b", "X/a/"]),
    ("X/+/+", ["X/a/b", "X//"], ["X/a", "X/a/b/c"]),
    ("X/+/b", ["X/a/b", "X//b"], ["X/a/c", "X/b"]),
    ("X/+/b/#", ["X/a/b", "X/a/b/c/d"], ["X/a/c/b"]),
    ("+/X/a", ["b/X/a", "/X/a"], ["X/a", "$b/X/a"]),
    ("+/X/+/#", ["b/X/a", "b/X/a/c"], ["b/X", "$SYS/X/a"]),
    ("/X", ["/X"], ["X", "//X"]),
    ("/+/X", ["/a/X", "//X"], ["a/X"]),
    ("X//a", ["X//a"], ["X/a", "X///a"]),
    ("$X/#", ["$X", "$X/a"], ["X/a"]),
    ("$X/+", ["$X/a"], ["$X"]),
    ("X/\u0436\u0443\u043a/+", ["X/\u0436\u0443\u043a/\u87f2"], ["X/\u0436\u0443/\u87f2"]),
    ("X/ a", ["X/ a"], ["X/a"]),
]


@pytest.mark.parametrize("pattern, matching, others", FILTERS, ids=[each[0] for each in FILTERS])
@proves(v3="4.7.1-2 4.7.1-3 4.7.3-4", v5="4.7.1-1 4.7.1-2 4.7.3-4")
def test_a_filter_matches_these_and_no_others(broker, version, pattern, matching, others):
    name = unique()
    client, publisher = broker.connect(version=version), broker.connect(version=version)
    client.subscribe(pattern.replace("X", name))
    for each in others + matching:
        if not each.startswith("$SYS"):  # where a client may not publish
            publisher.publish(each.replace("X", name), each, 0)
    for each in matching:
        client.expect_publish(each.replace("X", name), each)
    client.expect_nothing(publisher)


@pytest.mark.parametrize("pattern, matching, others", FILTERS, ids=[each[0] for each in FILTERS])
@proves(v3="4.7.1-2 4.7.1-3 4.7.3-4", v5="4.7.1-1 4.7.1-2 4.7.3-4")
def test_a_filter_finds_these_retained_messages_and_no_others(broker, version, pattern, matching, others):
    name = unique()
    client, publisher = broker.connect(version=version), broker.connect(version=version)
    topics = [each.replace("X", name) for each in others + matching if not each.startswith("$SYS")]
    for each in topics:
        publisher.publish(each, each, 1, retain=True)
    client.subscribe(pattern.replace("X", name))
    found = {client.expect(mqtt.PUBLISH, retain=True).topic for _ in matching}
    assert found == {each.replace("X", name) for each in matching}
    client.expect_nothing(publisher)
    for each in topics:
        publisher.publish(each, b"", 1, retain=True)


# ---- names ----

@pytest.mark.parametrize("qos", [0, 1, 2])
@pytest.mark.parametrize("wrong", ["X/#", "#", "+", "X/+/b", "X#", "X+", "+X/a"])
@proves(v3="4.7.1-1", v5="4.7.0-1")
def test_a_name_has_no_wildcard(broker, version, topic, wrong, qos):
    """Nobody gets such a message, and its sender is closed."""
    watcher = broker.connect()
    watcher.subscribe((topic + "/#", 1), (topic, 1))
    client = broker.connect(version=version)
    client.send(mqtt.publish(wrong.replace("X", topic), b"no", qos, packet_identifier=1 if qos else None, version=version))
    client.expect_end(WRONG_NAME)
    watcher.expect_nothing(watcher)


@pytest.mark.parametrize("wrong", ["X/#", "+/X"])
@proves(v3="4.7.1-1", v5="4.7.0-1")
def test_the_name_of_a_will_has_no_wildcard(broker, version, topic, wrong):
    client = broker.open(version)
    client.send(mqtt.connect(unique(), version=version, will=mqtt.Will(wrong.replace("X", topic))))
    client.expect_turned_away()


# ---- filters ----

@pytest.mark.parametrize("wrong", ["X#", "X/#/a", "#/X", "X/a#", "##", "X/##", "X/+#", "#+"])
@proves(v3="4.7.1-2", v5="4.7.1-1")
def test_the_multi_level_wildcard_is_alone_and_last(broker, version, topic, wrong):
    for send in (lambda filters: mqtt.subscribe(1, [(each, 0) for each in filters], version),
                 lambda filters: mqtt.unsubscribe(1, filters, version)):
        client = broker.connect(version=version)
        client.send(send([topic, wrong.replace("X", topic)]))
        client.expect_end(WRONG_FILTER)


@pytest.mark.parametrize("wrong", ["X+", "+X", "X/+b/c", "X/b+/c", "X/++", "++", "X/+#"])
@proves(v3="4.7.1-3", v5="4.7.1-2")
def test_the_single_level_wildcard_fills_a_level(broker, version, topic, wrong):
    for send in (lambda filters: mqtt.subscribe(1, [(each, 0) for each in filters], version),
                 lambda filters: mqtt.unsubscribe(1, filters, version)):
        client = broker.connect(version=version)
        client.send(send([topic, wrong.replace("X", topic)]))
        client.expect_end(WRONG_FILTER)


@pytest.mark.parametrize("pattern, name", [("+", "X"), ("+/+", "X/a"), ("/+", "/X"), ("X/+/+/+", "X///"), ("+/X/+", "a/X/"),
                                           ("X/+/b/+", "X/a/b/c")])
@proves(v3="4.7.1-3", v5="4.7.1-2")
def test_the_single_level_wildcard_stands_at_any_level(broker, version, topic, pattern, name):
    client = broker.connect(version=version)
    assert client.subscribe((pattern.replace("X", topic), 1)) == [1]
    client.publish(name.replace("X", topic), topic, 1)
    while (packet := client.take(mqtt.PUBLISH)).payload.decode() != topic:  # "+" finds what others publish
        client.acknowledge(packet)
    assert packet.topic == name.replace("X", topic)


# ---- topics that begin with $ ----

@pytest.mark.parametrize("qos", [0, 1, 2])
@proves(v3="4.7.2-1", v5="4.7.2-1")
def test_a_wildcard_at_the_begin_matches_no_dollar_topic(broker, version, topic, qos):
    client, publisher = broker.connect(version=version), broker.connect(version=version)
    client.subscribe((f"+/{topic}/#", qos), (f"+/{topic}", qos))
    for name in (f"$x/{topic}", f"$/{topic}", f"$x/{topic}/a"):
        for retain in (False, True):
            publisher.publish(name, b"no", qos, retain)
    publisher.publish(f"x/{topic}", b"yes", qos)
    publisher.publish(f"x/{topic}", b"end", qos)
    while (packet := client.expect(mqtt.PUBLISH, topic=f"x/{topic}")).payload == b"yes":  # once for each subscription, or once
        client.acknowledge(packet)
    late = broker.connect(version=version)
    late.subscribe((f"+/{topic}/#", qos))
    late.expect_nothing(publisher)
    for name in (f"$x/{topic}", f"$/{topic}", f"$x/{topic}/a"):
        publisher.publish(name, b"", 1, retain=True)


@pytest.mark.ours("a broker of the test's own: nobody else publishes")
@proves(v3="4.7.2-1", v5="4.7.2-1")
def test_the_lone_hash_matches_everything_else(start_broker, version):
    broker = start_broker()
    client, publisher = broker.connect(version=version), broker.connect(version=version)
    late = broker.connect(version=version)
    client.subscribe(("#", 1))
    for name in ("$x/y", "a", "/", "a/b/c", "$z", "$", "/$a"):
        publisher.publish(name, name, 1, retain=True)
    matching = ("a", "/", "a/b/c", "/$a")
    for name in matching:
        client.expect_publish(name, name, 1, retain=False)
    client.expect_nothing(publisher)
    late.subscribe(("#", 1))
    assert {late.expect(mqtt.PUBLISH, retain=True).topic for _ in matching} == set(matching)
    late.expect_nothing(publisher)


@proves(v3="4.7.2-1", v5="4.7.2-1")
def test_a_dollar_topic_is_matched_by_its_name(broker, version, topic):
    client = broker.connect(version=version)
    for pattern in (f"${topic}/a", f"${topic}/+", f"${topic}/#"):
        client.subscribe((pattern, 1))
        client.publish(f"${topic}/a", b"x", 1)
        client.expect_publish(f"${topic}/a", b"x", 1)
        client.unsubscribe(pattern)


# ---- what any name or filter is made of ----

@pytest.mark.parametrize("qos", [0, 1, 2])
@proves(v3="4.7.3-1", v5="4.7.3-1")
def test_a_name_has_at_least_one_character(broker, version, qos):
    client = broker.connect(version=version)
    client.send(mqtt.publish("", b"x", qos, packet_identifier=1 if qos else None, version=version))
    client.expect_end(WRONG_NAME)


@proves(v3="4.7.3-1", v5="4.7.3-1")
def test_a_filter_has_at_least_one_character(broker, version, topic):
    for packet in (mqtt.subscribe(1, [("", 0)], version), mqtt.subscribe(1, [(topic, 0), ("", 0)], version),
                   mqtt.unsubscribe(1, [""], version), mqtt.unsubscribe(1, [topic, ""], version)):
        client = broker.connect(version=version)
        client.send(packet)
        client.expect_end(WRONG_FILTER)


@pytest.mark.parametrize("name", ["/", "X", " "])
@proves(v3="4.7.3-1", v5="4.7.3-1")
def test_one_character_is_enough(broker, version, name):
    client = broker.connect(version=version)
    payload = unique()
    client.subscribe((name, 1))
    client.publish(name, payload, 1)
    while (packet := client.take(mqtt.PUBLISH)).payload.decode() != payload:  # other tests may use so short a name
        client.acknowledge(packet)
    assert packet.topic == name


@pytest.mark.parametrize("wrong", ["\0", "X\0", "X/\0/b", "\0X"], ids=repr)
@proves(v3="4.7.3-2", v5="4.7.3-2")
def test_names_and_filters_have_no_null_character(broker, version, topic, wrong):
    wrong = wrong.replace("X", topic)
    for packet in (mqtt.publish(wrong, b"x", version=version),
                   mqtt.publish(wrong, b"x", 1, packet_identifier=1, version=version),
                   mqtt.subscribe(1, [(wrong, 0)], version), mqtt.unsubscribe(1, [wrong], version)):
        client = broker.connect(version=version)
        client.send(packet)
        client.expect_end(WRONG_NAME | WRONG_FILTER)


@pytest.mark.parametrize("character", ["x", "\u0436", "\u8776"], ids=["one byte", "two bytes", "three bytes"])
@proves(v3="4.7.3-3", v5="4.7.3-3")
def test_names_and_filters_have_up_to_65535_bytes(broker, version, topic, character):
    """More can't be said: the length in front of a string has two bytes. So what is 65,536 bytes long for a client is
    read as another packet, and here as a malformed one."""
    start = topic + "/"
    count, rest = divmod(65535 - len(start), len(character.encode()))
    name = start + character * count + "y" * rest
    assert len(name.encode()) == 65535
    client = broker.connect(version=version)
    reasons = client.subscribe((name, 1), (name[:-1] + "z", 1))
    assert reasons == [1, 1]
    client.publish(name, b"x", 1)
    client.expect_publish(name, b"x", 1)
    client.unsubscribe(name)
    client.publish(name, b"no", 1)
    client.expect_nothing(client)


@proves(v3="4.7.3-3", v5="4.7.3-3")
def test_a_length_that_its_packet_has_not_is_malformed(broker, version, topic):
    beyond = mqtt.u16(65535) + topic.encode()
    for packet in (mqtt.frame(mqtt.PUBLISH, 0, beyond),
                   mqtt.frame(mqtt.SUBSCRIBE, 2, mqtt.u16(1) + mqtt.with_properties(version, None) + beyond),
                   mqtt.frame(mqtt.UNSUBSCRIBE, 2, mqtt.u16(1) + mqtt.with_properties(version, None) + beyond)):
        client = broker.connect(version=version)
        client.send(packet)
        client.expect_end(0x81)


ALIKE = [
    ("\u00e9", "e\u0301"),  # the same letter composed and decomposed
    ("\u212b", "\u00c5"),  # angstrom sign, A with ring
    ("\ufb01", "fi"),  # a ligature
    ("a", "A"),
    ("a", "a "),
    ("a", "\ufeffa"),  # a byte order mark is a character (1.5.4)
    ("\u3000", " "),
    ("%20", " "),
    ("a/./b", "a/b"),
    ("a/../b", "b"),
    ("a//b", "a/b"),
    ("\\", "/"),
    ("\U0001F98B", "\ufffd"),
    ("\ue000", "\ufffd"),  # private use: unrecognised, and passed on as it is
]


@pytest.mark.parametrize("this, that", ALIKE, ids=[f"{ascii(a)} {ascii(b)}" for a, b in ALIKE])
@proves(v3="4.7.3-4", v5="4.7.3-4")
def test_what_looks_alike_is_not_the_same(broker, version, topic, this, that):
    """Neither for live messages nor for retained ones; and names arrive as they were sent."""
    publisher = broker.connect(version=version)
    names = [f"{topic}/{this}", f"{topic}/{that}"]
    clients = [broker.connect(version=version) for _ in names]
    everything = broker.connect(version=version)
    everything.subscribe((topic + "/#", 1))
    for client, name in zip(clients, names):
        client.subscribe((name, 1))
    for name in names:
        publisher.publish(name, name, 1, retain=True)
        everything.expect_publish(name, name, 1)
    for client, name in zip(clients, names):
        client.expect_publish(name, name, 1)
        client.expect_nothing(publisher)
        client.unsubscribe(name)
        client.subscribe((name, 1))
        client.expect_publish(name, name, 1, retain=True)
        client.expect_nothing(publisher)
        publisher.publish(name, b"", 1, retain=True)


@proves(v3="4.7.3-4", v5="4.7.3-4")
def test_a_filter_may_have_many_levels(broker, version, topic):
    deep = topic + "/a" * 100
    client = broker.connect(version=version)
    for pattern in (deep, topic + "/+" * 100, topic + "/+" * 99 + "/#"):
        client.subscribe((pattern, 1))
        client.publish(deep, b"x", 1)
        client.publish(deep + "/a", b"too deep" if not pattern.endswith("#") else b"y", 1)
        client.expect_publish(deep, b"x", 1)
        if pattern.endswith("#"):
            client.expect_publish(deep + "/a", b"y", 1)
        client.expect_nothing(client)
        client.unsubscribe(pattern)
