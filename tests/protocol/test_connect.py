"""CONNECT and CONNACK (MQTT 5.0, 3.1 and 3.2; MQTT 3.1.1, 3.1 and 3.2)."""

import pytest

from harness import packet as mqtt
from harness.client import unique


def expect_refusal(client, *reasons):
    """The connection is closed, and if a CONNACK comes first it has one of the reasons."""
    try:
        packet = client.receive()
    except AssertionError:
        return
    assert packet.type == mqtt.CONNACK and packet.reason in reasons, f"expected a refusal with {reasons}, got {packet}"
    assert packet.session_present is False
    client.expect_closed()


def test_a_client_connects_and_is_answered(broker, version):
    client = broker.connect(version=version)
    assert client.connack.session_present is False
    client.ping()


def test_a_connack_leaves_out_what_is_the_default(broker):
    connack = broker.connect().connack
    for name in ("retain_available", "wildcard_subscription_available", "subscription_identifier_available",
                 "shared_subscription_available"):
        assert connack.get(name, 1) == 1
    assert connack.get("maximum_qos") is None, "2 is no allowed value, and 0 or 1 would be wrong"
    assert connack.get("receive_maximum", 65535) > 0
    assert connack.get("assigned_client_identifier") is None
    assert connack.get("server_keep_alive") is None
    assert connack.get("session_expiry_interval") is None


def test_the_whole_day_of_a_client_fits_into_one_write(broker, version, topic):
    """What follows CONNECT in the same segment is not lost, also when the connection is handed to another worker."""
    for _ in range(8):
        client = broker.open(version)
        client.send(mqtt.connect(unique(), version=version), mqtt.subscribe(1, [(topic, 1)], version),
                    mqtt.publish(topic, b"hello", 1, packet_identifier=2, version=version), mqtt.pingreq())
        client.expect(mqtt.CONNACK, reason=0)
        client.take(mqtt.SUBACK)
        client.take(mqtt.PUBACK)
        assert client.take(mqtt.PUBLISH).payload == b"hello"
        client.take(mqtt.PINGRESP)


def test_packets_may_come_byte_by_byte(broker, version, topic):
    client = broker.open(version)
    for byte in mqtt.connect(unique(), version=version) + mqtt.subscribe(1, [(topic, 0)], version) + mqtt.publish(
            topic, b"slow", version=version):
        client.send(bytes([byte]))
    client.expect(mqtt.CONNACK, reason=0)
    client.expect(mqtt.SUBACK, packet_identifier=1)
    client.expect_publish(topic, b"slow")


@pytest.mark.parametrize("name", ["MQTT ", "mqtt", "MQIsdq", ""])
def test_an_unknown_protocol_name_is_refused(broker, name):
    client = broker.open(4)
    client.send(mqtt.connect(unique(), version=4, protocol_name=name))
    expect_refusal(client, 0x84, 0x01)


@pytest.mark.parametrize("level", [0, 1, 2, 6, 0x7F, 0xFF])
def test_an_unknown_protocol_version_is_refused(broker, level):
    client = broker.open(4)
    client.send(mqtt.connect(unique(), version=4, level=level))
    data = b""
    client.socket.settimeout(10)
    try:
        while chunk := client.socket.recv(100):
            data += chunk
    except ConnectionResetError:
        pass
    assert data == b"" or data[:1] == b"\x20" and data[3] in (0x01, 0x84), data


FIRST_PACKETS = {
    "PUBLISH": mqtt.publish("a", b"b", version=4),
    "PUBACK": mqtt.puback(1),
    "SUBSCRIBE": mqtt.subscribe(1, [("a", 0)], 4),
    "UNSUBSCRIBE": mqtt.unsubscribe(1, ["a"], 4),
    "PINGREQ": mqtt.pingreq(),
    "DISCONNECT": mqtt.disconnect(4),
    "AUTH": mqtt.auth(0x18, {"authentication_method": "m"}),
    "nothing that is MQTT": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
}


@pytest.mark.parametrize("first", FIRST_PACKETS.values(), ids=FIRST_PACKETS)
def test_a_first_packet_other_than_connect_ends_the_connection(broker, first):
    """[MQTT-3.1.0-1]"""
    client = broker.open(4)
    client.send(first)
    client.expect_closed()


def test_a_second_connect_is_a_protocol_error(broker, version):
    """[MQTT-3.1.0-2]"""
    client = broker.connect(version=version)
    client.send(mqtt.connect(client.client_identifier, version=version))
    client.expect_end(0x82)


def test_an_empty_client_identifier_is_replaced_and_told(broker):
    """[MQTT-3.1.3-6] [MQTT-3.2.2-16]"""
    first, second = broker.connect(""), broker.connect("")
    assigned = first.connack.get("assigned_client_identifier")
    assert assigned and assigned != second.connack.get("assigned_client_identifier")

    # It is a name like any other.
    successor = broker.connect(assigned)
    first.expect_end(0x8E)
    successor.ping()


def test_an_empty_client_identifier_may_ask_for_a_session(broker):
    client = broker.connect("", clean=False, properties={"session_expiry_interval": 60})
    assigned = client.connack.get("assigned_client_identifier")
    client.disconnect()
    again = broker.connect(assigned, clean=False)
    assert again.connack.session_present
    assert again.connack.get("assigned_client_identifier") is None


def test_an_empty_client_identifier_needs_a_clean_session_in_3_1_1(broker):
    """[MQTT-3.1.3-7] [MQTT-3.1.3-8]"""
    broker.connect("", version=4, clean=True).ping()
    refused = broker.open(4)
    refused.connect("", reason=2, clean=False)
    refused.expect_closed()


def test_an_empty_client_identifier_is_refused_in_3_1(broker):
    refused = broker.open(3)
    refused.connect("", reason=2)
    refused.expect_closed()


def test_a_client_identifier_may_be_long_and_in_any_script(broker, version):
    if version > 3:
        broker.connect(unique("long-" + "x" * 1000), version=version).ping()
    broker.connect(unique("жук-蟲"), version=version).ping()


@pytest.mark.parametrize("identifier", [b"a\x00b", b"\xff\xfe", b"\xed\xa0\x80", b"\xc0\x80"],
                         ids=["zero", "not UTF-8", "surrogate", "overlong"])
def test_a_client_identifier_that_is_not_utf8_is_refused(broker, version, identifier):
    """[MQTT-1.5.4-1] [MQTT-1.5.4-2]"""
    client = broker.open(version)
    client.send(mqtt.connect(identifier, version=version))
    expect_refusal(client, 0x81, 0x85, 2)


def test_user_name_and_password_are_accepted_where_nobody_checks_them(broker, version):
    client = broker.open(version)
    client.connect(username="shop", password=b"\x00\xff")
    client.ping()


def test_a_password_without_a_user_name_is_allowed_in_5_0_only(broker, version):
    """[MQTT-3.1.2-22] of 3.1.1"""
    client = broker.open(version)
    client.send(mqtt.connect(unique(), version=version, password=b"secret"))
    if version == 5:
        client.expect(mqtt.CONNACK, reason=0)
    elif version == 4:
        client.expect_closed()


FLAGS = {"reserved bit": 0x03, "will QoS without will": 0x0A, "will retain without will": 0x22}


@pytest.mark.parametrize("flags", FLAGS.values(), ids=FLAGS)
def test_connect_flags_that_contradict_each_other_are_malformed(broker, version, flags):
    """[MQTT-3.1.2-3] [MQTT-3.1.2-11] [MQTT-3.1.2-13]"""
    if version == 3:
        pytest.skip("3.1 does not say")
    client = broker.open(version)
    client.send(mqtt.connect(unique(), version=version, flags=flags))
    expect_refusal(client, 0x81, 0x82)


def test_a_will_with_qos_3_is_malformed(broker, version):
    """[MQTT-3.1.2-12]"""
    client = broker.open(version)
    client.send(mqtt.connect(unique(), version=version, will=mqtt.Will("a", qos=3)))
    expect_refusal(client, 0x81, 0x82, 0x9B)


def test_a_will_topic_with_a_wildcard_is_refused(broker, version):
    client = broker.open(version)
    client.send(mqtt.connect(unique(), version=version, will=mqtt.Will("a/+")))
    expect_refusal(client, 0x81, 0x82, 0x90, 2)


def test_bytes_behind_the_last_field_are_malformed(broker, version):
    whole = mqtt.connect(unique(), version=version)
    client = broker.open(version)
    client.send(whole[:1] + bytes([whole[1] + 3]) + whole[2:] + b"abc")
    expect_refusal(client, 0x81, 0x82)


def test_every_connect_that_ends_too_early_is_refused(broker, version):
    """Each prefix of a whole CONNECT's body, with a remaining length that says so."""
    properties = {"receive_maximum": 10, "user_property": ("a", "b")} if version == 5 else None
    will = mqtt.Will("w", b"gone", properties={"will_delay_interval": 1} if version == 5 else {})
    body = mqtt.connect("id", version, will=will, username="u", password=b"p", properties=properties)[2:]
    # MQTT 3.1, 3.1: "the Remaining Length field from the fixed header takes precedence over the User Name flag"
    allowed = {len(body) - 6, len(body) - 3} if version == 3 else set()
    for length in set(range(len(body))) - allowed:
        client = broker.open(version)
        client.send(mqtt.frame(mqtt.CONNECT, 0, body[:length]))
        expect_refusal(client, 0x81, 0x82, 0x84, 1, 2)
        client.close()


@pytest.mark.parametrize("missing", [3, 6], ids=["password", "user name and password"])
def test_what_the_flags_promise_may_be_missing_at_the_end_in_3_1(broker, missing):
    """MQTT 3.1, 3.1: for the sake of clients of the original version, "this is valid" """
    client = broker.open(3)
    whole = mqtt.connect(unique(), 3, username="u", password=b"p")
    client.send(mqtt.frame(mqtt.CONNECT, 0, whole[2:-missing]))
    client.expect(mqtt.CONNACK, reason=0)


WRONG_PROPERTIES = {
    "receive maximum 0": ([("receive_maximum", 0)], {0x82}),
    "maximum packet size 0": ([("maximum_packet_size", 0)], {0x82}),
    "session expiry twice": ([("session_expiry_interval", 1), ("session_expiry_interval", 1)], {0x82}),
    "request problem information 2": ([("request_problem_information", 2)], {0x82}),
    "request response information 2": ([("request_response_information", 2)], {0x82}),
    "a property of PUBLISH": ([("topic_alias", 1)], {0x82, 0x81}),
    "a property of CONNACK": ([("server_keep_alive", 1)], {0x82, 0x81}),
    "an unknown property": ([(0x7E, b"\x00")], {0x81, 0x82}),
    "authentication data without a method": ([("authentication_data", b"x")], {0x82}),
}


@pytest.mark.parametrize("properties, reasons", WRONG_PROPERTIES.values(), ids=WRONG_PROPERTIES)
def test_wrong_properties_of_connect_are_refused(broker, properties, reasons):
    client = broker.open()
    client.send(mqtt.connect(unique(), properties=properties))
    expect_refusal(client, *reasons)


def test_wrong_properties_of_a_will_are_refused(broker):
    for properties in ({"session_expiry_interval": 1}, {"payload_format_indicator": 2}, {"response_topic": "a/#"}):
        client = broker.open()
        client.send(mqtt.connect(unique(), will=mqtt.Will("a", properties=properties)))
        expect_refusal(client, 0x81, 0x82, 0x90)


def test_an_authentication_method_that_nobody_knows_is_refused(broker):
    """[MQTT-4.12.0-1]"""
    client = broker.open()
    client.connect(reason=0x8C, properties={"authentication_method": "SCRAM-SHA-1"})
    client.expect_closed()


def test_what_stands_behind_a_refused_connect_is_not_processed(broker, topic):
    """[MQTT-3.1.4-6]"""
    watcher, client = broker.connect(), broker.open()
    watcher.subscribe(topic)
    client.send(mqtt.connect(unique(), properties={"authentication_method": "nobody's"}), mqtt.publish(topic, b"no"),
                mqtt.pingreq())
    client.expect(mqtt.CONNACK, reason=0x8C)
    client.expect_closed()
    watcher.expect_nothing(watcher)


@pytest.mark.ours("the standard names no time")
def test_a_connection_without_connect_is_closed_in_time(start_broker):
    broker = start_broker(limits={"connect_timeout_ms": 200})
    silent, slow = broker.open(), broker.open()
    slow.send(mqtt.connect(unique())[:5])
    silent.expect_closed()
    slow.expect_closed()
    broker.connect().ping()
