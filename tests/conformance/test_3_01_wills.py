"""CONNECT and wills (MQTT 3.1.1, 3.1.2.5 and 3.1.3.2; MQTT 5.0, 3.1.2.5 and 3.1.3.2)."""

import socket
import struct
import time

import pytest

from harness import packet as mqtt
from harness.client import lasting, unique
from harness.statements import proves

FROM_3_1_1 = pytest.mark.parametrize("version", [4, 5], ids=["3.1.1", "5.0"], indirect=True)
EACH_QOS = pytest.mark.parametrize("qos", [0, 1, 2])


@pytest.fixture
def watcher(broker, topic):
    client = broker.connect()
    client.subscribe((topic, 2))
    return client


def delayed(topic, payload, seconds):
    return mqtt.Will(topic, payload, properties={"will_delay_interval": seconds})


# ---- when it is published ----

@proves(v3="3.1.2-8 3.1.2-9 3.1.2-16", v5="3.1.2-7 3.1.2-8 3.1.2-14")
@EACH_QOS
def test_a_connection_that_breaks_publishes_the_will(broker, watcher, version, topic, qos):
    broker.connect(version=version, will=mqtt.Will(topic, b"gone", qos)).close()
    watcher.expect_publish(topic, b"gone", qos, retain=False)
    late = broker.connect()
    late.subscribe((topic, 2))
    late.expect_nothing(watcher)


@proves(v3="3.1.2-8", v5="3.1.2-8")
def test_a_connection_that_is_reset_publishes_the_will(broker, watcher, version, topic):
    client = broker.connect(version=version, will=mqtt.Will(topic, b"gone"))
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # close() sends RST
    client.close()
    watcher.expect_publish(topic, b"gone")


@proves(v3="3.1.2-8", v5="3.1.2-8")
def test_a_client_that_falls_silent_publishes_the_will(broker, watcher, version, topic):
    client = broker.connect(version=version, keep_alive=1, will=mqtt.Will(topic, b"silent"))
    client.expect_end(0x8D)
    watcher.expect_publish(topic, b"silent")


@proves(v3="3.1.2-8", v5="3.1.2-8")
def test_a_protocol_error_publishes_the_will(broker, watcher, version, topic):
    for wrong in (mqtt.connect(unique(), version), b"\x00\x00", mqtt.publish("a/#", version=version)):
        client = broker.connect(version=version, will=mqtt.Will(topic, b"broken"))
        client.send(wrong)
        client.expect_end({0x81, 0x82, 0x90})
        watcher.expect_publish(topic, b"broken")


@proves(v3="3.1.2-8", v5="3.1.2-8")
def test_taking_over_publishes_the_will(broker, watcher, version, topic):
    first = broker.connect(version=version, will=mqtt.Will(topic, b"taken"))
    broker.connect(first.client_identifier, version=version, clean=False)
    first.expect_end(0x8E)
    watcher.expect_publish(topic, b"taken")


@proves(v5="3.1.2-8")
@pytest.mark.parametrize("reason", [0x04, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99])
def test_disconnect_with_another_reason_publishes_the_will(broker, watcher, topic, reason):
    broker.connect(will=mqtt.Will(topic, b"on purpose")).disconnect(reason)
    watcher.expect_publish(topic, b"on purpose")


@proves(v3="3.1.2-8 3.1.2-10 3.14.4-3", v5="3.1.2-8 3.1.2-10 3.14.4-3")
@EACH_QOS
def test_disconnect_discards_the_will(broker, watcher, version, topic, qos):
    client = broker.connect(version=version, will=mqtt.Will(topic, b"gone", qos, retain=True))
    client.disconnect()
    watcher.expect_nothing(watcher)
    late = broker.connect()
    late.subscribe((topic, 2))
    late.expect_nothing(watcher)


@proves(v5="3.1.2-10")
def test_disconnect_with_reason_0_in_full_discards_the_will(broker, watcher, topic):
    broker.connect(will=mqtt.Will(topic, b"gone")).disconnect(0)
    broker.connect(will=mqtt.Will(topic, b"gone")).disconnect(0, {"reason_string": "done"})
    watcher.expect_nothing(watcher)


@proves(v3="3.1.2-12", v5="3.1.2-7")
def test_without_a_will_none_is_published(broker, watcher, version, topic):
    """Nor that of an earlier connection of the session."""
    name = unique()
    broker.connect(name, version=version, will=mqtt.Will(topic, b"first"), **lasting(version)).close()
    watcher.expect_publish(topic, b"first")
    broker.connect(name, version=version, **lasting(version)).close()
    broker.connect(name, version=version, **lasting(version))  # only once this is answered is the other one over
    watcher.expect_nothing(watcher)


@proves(v3="3.1.2-10", v5="3.1.2-10")
@pytest.mark.parametrize("ending", ["close", "disconnect"])
def test_a_will_is_published_once_at_most(broker, watcher, version, topic, ending):
    """It is gone after it was published or discarded, although the session lasts."""
    name = unique()
    getattr(broker.connect(name, version=version, will=mqtt.Will(topic, b"once"), **lasting(version)), ending)()
    if ending == "close":
        watcher.expect_publish(topic, b"once")
    for _ in range(2):
        broker.connect(name, version=version, **lasting(version)).close()
    broker.connect(name, version=version, clean=True)
    watcher.expect_nothing(watcher)


@proves(v3="3.1.2-10", v5="3.1.2-10")
def test_the_last_connect_decides_on_the_will(broker, watcher, version, topic):
    name = unique()
    broker.connect(name, version=version, will=mqtt.Will(topic, b"first"), **lasting(version)).disconnect()
    broker.connect(name, version=version, will=mqtt.Will(topic, b"second"), **lasting(version)).close()
    watcher.expect_publish(topic, b"second")
    watcher.expect_nothing(watcher)


# ---- what is published ----

@proves(v3="3.1.2-9 3.1.2-17", v5="3.1.2-15")
@EACH_QOS
def test_a_retained_will_is_retained(broker, watcher, version, topic, qos):
    broker.connect(version=version, will=mqtt.Will(topic, b"kept", qos, retain=True)).close()
    watcher.expect_publish(topic, b"kept", qos, retain=False)
    late = broker.connect(version=version)
    late.subscribe((topic, 2))
    late.expect_publish(topic, b"kept", qos, retain=True)
    late.publish(topic, b"", retain=True)


@proves(v3="3.1.2-16", v5="3.1.2-14")
@EACH_QOS
def test_a_will_that_is_not_to_be_retained_leaves_what_is_retained_alone(broker, watcher, version, topic, qos):
    watcher.publish(topic, b"stays", 1, retain=True)
    watcher.expect_publish(topic, b"stays", 1)
    broker.connect(version=version, will=mqtt.Will(topic, b"passes", qos)).close()
    watcher.expect_publish(topic, b"passes", qos)
    late = broker.connect(version=version)
    late.subscribe((topic, 2))
    late.expect_publish(topic, b"stays", 1, retain=True)
    late.publish(topic, b"", retain=True)


@proves(v3="3.1.2-9 3.1.2-14", v5="3.1.2-7 3.1.2-12")
def test_a_will_may_be_empty_and_binary(broker, watcher, version, topic):
    for qos in (0, 1, 2):
        broker.connect(version=version, will=mqtt.Will(topic, b"", qos)).close()
        watcher.expect_publish(topic, b"", qos)
        broker.connect(version=version, will=mqtt.Will(topic, bytes(range(256)), qos)).close()
        watcher.expect_publish(topic, bytes(range(256)), qos)


@proves(v3="3.1.2-9", v5="3.1.2-9")
@FROM_3_1_1
def test_each_field_of_the_will_must_be_there(broker, version):
    properties = mqtt.property_block({}) if version == 5 else b""
    fields = properties + mqtt.string("w") + mqtt.binary(b"gone")
    start = mqtt.connect(unique(), version, flags=0x06)[2:]
    for length in range(len(fields)):
        client = broker.open(version)
        client.send(mqtt.frame(mqtt.CONNECT, 0, start + fields[:length]))
        client.expect_refusal({0x81, 0x82})
        client.close()


@proves(v3="3.1.2-11", v5="3.1.2-9")
@FROM_3_1_1
def test_the_fields_of_a_will_without_its_flag_are_malformed(broker, watcher, version, topic):
    client = broker.open(version)
    fields = (mqtt.property_block({}) if version == 5 else b"") + mqtt.string(topic) + mqtt.binary(b"gone")
    client.send(mqtt.frame(mqtt.CONNECT, 0, mqtt.connect(unique(), version)[2:] + fields))
    client.expect_refusal({0x81, 0x82})
    watcher.expect_nothing(watcher)


@proves(v3="3.1.3-10", v5="3.1.3-11")
@pytest.mark.parametrize("wrong", ["a/+", "#", "a/#", "+"])
def test_a_will_topic_with_a_wildcard_is_refused(broker, version, wrong):
    client = broker.open(version)
    client.send(mqtt.connect(unique(), version, will=mqtt.Will(wrong)))
    client.expect_refusal({0x81, 0x82, 0x90})


@proves(v3="3.1.3-10", v5="3.1.3-11")
def test_a_will_topic_may_be_in_any_script(broker, version, topic):
    watcher = broker.connect()
    watcher.subscribe(topic + "/жук-蟲")
    broker.connect(version=version, will=mqtt.Will(topic + "/жук-蟲", b"gone")).close()
    watcher.expect_publish(topic + "/жук-蟲", b"gone")


PROPERTIES = [("payload_format_indicator", 1), ("message_expiry_interval", 100), ("content_type", "text/plain"),
              ("response_topic", "r"), ("correlation_data", b"\x00\x01")]


@proves(v5="3.1.2-7 3.1.3-10")
@EACH_QOS
def test_the_properties_of_a_will_reach_the_subscriber(broker, watcher, topic, qos):
    users = [("b", "1"), ("a", "2"), ("b", "1"), ("", ""), ("c", "жук")]
    properties = [("user_property", users[0]), *PROPERTIES, *(("user_property", each) for each in users[1:])]
    broker.connect(will=mqtt.Will(topic, b"x", qos, properties=properties)).close()
    packet = watcher.expect_publish(topic, b"x", qos)
    for name in ("payload_format_indicator", "content_type", "response_topic", "correlation_data"):
        assert packet.get(name) == dict(PROPERTIES)[name]
    assert packet.all("user_property") == users
    assert 98 <= packet.get("message_expiry_interval") <= 100
    assert packet.get("will_delay_interval") is None


@pytest.mark.parametrize("properties", [
    {"session_expiry_interval": 1}, {"topic_alias": 1}, {"payload_format_indicator": 2}, {"response_topic": "a/#"},
    [("will_delay_interval", 1), ("will_delay_interval", 1)], [("content_type", "a"), ("content_type", "a")],
], ids=["of CONNECT", "topic alias", "payload format 2", "wildcard", "delay twice", "content type twice"])
def test_wrong_properties_of_a_will_are_refused(broker, properties):
    client = broker.open()
    client.send(mqtt.connect(unique(), will=mqtt.Will("a", properties=properties)))
    client.expect_refusal({0x81, 0x82, 0x90})


# ---- 5.0: the will's delay ----

@proves(v5="3.1.2-8")
def test_a_will_waits_for_its_delay(broker, watcher, topic):
    client = broker.connect(will=delayed(topic, b"late", 1), **lasting(5))
    closed_at = time.monotonic()
    client.close()
    watcher.expect_publish(topic, b"late")
    assert 0.9 < time.monotonic() - closed_at < 4


@proves(v5="3.1.3-9 3.1.2-8")
def test_a_client_that_comes_back_in_time_keeps_its_will_to_itself(broker, watcher, topic):
    name = unique()
    broker.connect(name, will=delayed(topic, b"never", 1), **lasting(5)).close()
    broker.connect(name, **lasting(5))
    # Another one's will of two seconds tells that the time is over.
    broker.connect(will=delayed(topic, b"clock", 2), **lasting(5)).close()
    watcher.expect_publish(topic, b"clock")


@proves(v5="3.1.3-9")
def test_taking_over_keeps_a_delayed_will_back(broker, watcher, topic):
    first = broker.connect(will=delayed(topic, b"no", 1), **lasting(5))
    second = broker.connect(first.client_identifier, **lasting(5))
    first.expect_end(0x8E)
    second.ping()
    broker.connect(will=delayed(topic, b"clock", 2), **lasting(5)).close()
    watcher.expect_publish(topic, b"clock")


@proves(v5="3.1.2-10")
def test_a_delayed_will_that_was_published_is_gone(broker, watcher, topic):
    """A client that comes back later does not publish it once more."""
    name = unique()
    broker.connect(name, will=delayed(topic, b"late", 1), **lasting(5)).close()
    watcher.expect_publish(topic, b"late")
    broker.connect(name, **lasting(5)).close()
    broker.connect(name, clean=True)
    watcher.expect_nothing(watcher)


@proves(v5="3.1.2-8")
def test_a_delayed_will_does_not_outlive_the_session(broker, watcher, topic):
    """Whichever comes first."""
    broker.connect(will=delayed(topic, b"at the end", 3600), properties={"session_expiry_interval": 1}).close()
    watcher.expect_publish(topic, b"at the end")


@proves(v5="3.1.2-8")
def test_a_delayed_will_without_a_lasting_session_is_published_at_once(broker, watcher, topic):
    broker.connect(will=delayed(topic, b"at once", 3600)).close()
    watcher.expect_publish(topic, b"at once")


@proves(v5="3.1.2-8")
def test_a_clean_start_ends_the_session_and_so_publishes_the_delayed_will(broker, watcher, topic):
    name = unique()
    broker.connect(name, will=delayed(topic, b"discarded", 3600), **lasting(5)).close()
    broker.connect(name, clean=True)
    watcher.expect_publish(topic, b"discarded")
