"""SUBSCRIBE, UNSUBSCRIBE and topic filters (MQTT 5.0, 3.8 to 3.11, 4.7)."""

import pytest

from harness import packet as mqtt
from harness.client import unique

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
    ("X/жук/+", ["X/жук/蟲"], ["X/жу/蟲"]),
    ("X/ a", ["X/ a"], ["X/a"]),
]


@pytest.mark.parametrize("pattern, matching, others", FILTERS, ids=[each[0] for each in FILTERS])
def test_filters_match_as_the_standard_says(broker, pattern, matching, others):
    name = unique()
    client, publisher = broker.connect(), broker.connect()
    client.subscribe(pattern.replace("X", name))
    for each in others + matching:
        publisher.publish(each.replace("X", name), each, 0)
    for each in matching:
        client.expect_publish(each.replace("X", name), each)
    client.expect_nothing(publisher)


def test_everything_matches_the_lone_hash_but_dollar_topics(start_broker):
    """[MQTT-4.7.2-1]"""
    broker = start_broker()
    client, publisher = broker.connect(), broker.connect()
    client.subscribe("#")
    for topic in ("$x/y", "a", "/", "a/b/c", "$z"):
        publisher.publish(topic, topic)
    for topic in ("a", "/", "a/b/c"):
        client.expect_publish(topic, topic)
    client.expect_nothing(publisher)


WRONG_FILTERS = ["a#", "#/a", "a/#/b", "a+", "+a", "a/+b/c", "", "a/b#", "##", "++", "a\0b", b"a\xff"]


@pytest.mark.parametrize("pattern", WRONG_FILTERS, ids=repr)
def test_a_wrong_filter_is_refused(broker, version, pattern):
    """[MQTT-4.7.1-1] [MQTT-4.7.1-2] [MQTT-4.7.3-1] [MQTT-4.7.3-2]"""
    client = broker.connect(version=version)
    client.send(mqtt.subscribe(1, [("fine", 0), (pattern, 0)], version))
    client.expect_end({0x81, 0x82, 0x8F})


@pytest.mark.parametrize("pattern", ["a#", "a/#/b", ""], ids=repr)
def test_a_wrong_filter_to_unsubscribe_from_is_refused(broker, version, pattern):
    client = broker.connect(version=version)
    client.send(mqtt.unsubscribe(1, [pattern], version))
    client.expect_end({0x81, 0x82, 0x8F})


def test_a_filter_may_have_many_levels(broker, version, topic):
    deep = topic + "/a" * 100
    client = broker.connect(version=version)
    client.subscribe((deep, 1), (topic + "/+" * 100, 1))
    client.publish(deep, b"x", 1)
    assert client.take(mqtt.PUBLISH).topic == deep


