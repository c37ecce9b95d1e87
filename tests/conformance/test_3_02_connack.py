"""CONNACK (MQTT 3.1.1 and 5.0, 3.2)."""

import pytest

from harness import packet as mqtt
from harness.client import lasting, unique
from harness.explanations import expect_to_fit, explaining
from harness.statements import proves

FROM_3_1_1 = pytest.mark.parametrize("version", [4, 5], ids=["3.1.1", "5.0"], indirect=True)
EACH_QOS = pytest.mark.parametrize("qos", [0, 1, 2])


def bytes_of_connack(client):
    """As they came, undecoded."""
    client.socket.settimeout(10)
    data = b""
    while len(data) < 2 or len(data) < 2 + data[1]:
        data += client.socket.recv(2 + data[1] - len(data) if len(data) >= 2 else 2 - len(data))
    return data


# ---- what comes first, and once ----

@proves(v3="3.2.0-1", v5="3.2.0-1")
@pytest.mark.parametrize("qos", [1, 2])
def test_connack_is_first_although_messages_wait(broker, version, topic, qos):
    """Of a session that goes on, while more of them are published."""
    name = unique()
    client = broker.connect(name, version=version, **lasting(version))
    client.subscribe((topic, qos))
    client.publish(topic, b"under way", qos)
    client.expect(mqtt.PUBLISH)
    client.close()
    publisher = broker.connect(version=version)
    for number in range(10):
        publisher.publish(topic, str(number), qos)
    client = broker.open(version)
    publisher.send(*(mqtt.publish(topic, b"meanwhile", 1, packet_identifier=100 + each, version=version) for each in range(10)))
    client.send(mqtt.connect(name, version, **lasting(version)))
    client.expect(mqtt.CONNACK, reason=0)
    client.expect(mqtt.PUBLISH, payload=b"under way", dup=True)


@proves(v3="3.2.0-1", v5="3.2.0-1")
def test_a_connection_without_connect_gets_nothing(broker, version, topic):
    """What others do meanwhile leaves it alone; its first word is still CONNACK."""
    silent, busy = broker.open(version), broker.connect(version=version)
    busy.subscribe((topic, 1))
    for _ in range(10):
        busy.publish(topic, b"x", 1)
        busy.expect_publish(topic, b"x", 1)
    silent.send(mqtt.connect(unique(), version))
    silent.expect(mqtt.CONNACK, reason=0)


@proves(v3="3.2.0-1", v5="3.2.0-1 3.2.0-2")
def test_there_is_one_connack(broker, version, topic):
    """Another CONNECT gets none, nor does anything else."""
    client = broker.connect(version=version)
    client.subscribe((topic, 2))
    for qos in (0, 1, 2):
        client.publish(topic, b"x", qos)
        client.expect_publish(topic, b"x", qos)
    client.ping()
    client.send(mqtt.connect(client.client_identifier, version))
    client.expect_end(0x82)


# ---- 3.2.2.1, 3.2.2.2: session present ----

@proves(v5="3.2.2-1")
def test_only_one_of_the_acknowledge_flags_is_ever_set(broker):
    name, bytes_of = unique(), []
    for _ in range(2):
        client = broker.open()
        client.send(mqtt.connect(name, **lasting(5)))
        bytes_of.append(bytes_of_connack(client))
        client.close()
    assert [each[0] for each in bytes_of] == [0x20, 0x20]
    assert [each[2] for each in bytes_of] == [0, 1], "the reserved bits are 0, the last one tells of a session"
    assert [each[3] for each in bytes_of] == [0, 0]


@proves(v3="3.2.2-1 3.2.2-2 3.2.2-3", v5="3.2.2-2 3.2.2-3")
@FROM_3_1_1
def test_session_present_tells_whether_a_session_goes_on(broker, version):
    name = unique()

    def is_present(ending="disconnect", **fields):
        client = broker.connect(name, version=version, **fields)
        assert client.connack.reason == 0
        getattr(client, ending)()
        return client.connack.session_present

    lasts, clean = lasting(version), {"clean": True}
    assert is_present(**clean) is False, "nothing was there"
    assert is_present(**lasts) is False, "a clean session leaves nothing"
    assert is_present("close", **lasts) is True
    assert is_present(**lasts) is True
    assert is_present(**clean) is False, "it was thrown away"
    assert is_present(**lasts) is False


@proves(v3="3.2.2-2", v5="3.2.2-3")
@FROM_3_1_1
def test_session_present_also_tells_of_one_that_is_in_use(broker, version):
    first = broker.connect(version=version, **lasting(version))
    second = broker.connect(first.client_identifier, version=version, **lasting(version))
    assert second.connack.session_present is True
    third = broker.connect(first.client_identifier, version=version, clean=True)
    assert third.connack.session_present is False


@proves(v3="3.2.2-4 3.2.2-5", v5="3.2.2-6 3.2.2-7")
@FROM_3_1_1
def test_a_refusal_tells_of_no_session_and_ends_the_connection(broker, version):
    """Although there is one of that name."""
    name = unique()
    broker.connect(name, version=version, **lasting(version)).disconnect()
    client = broker.open(version)
    if version == 5:
        client.send(mqtt.connect(name, clean=False, properties={"authentication_method": "nobody's"}))
        client.expect_refusal({0x8C, 0x87})
    else:
        client.send(mqtt.connect(name, version, clean=False, level=2))
        client.expect_refusal(return_code=1)


@proves(v5="3.2.2-8")
@pytest.mark.parametrize("wrong", [
    mqtt.connect(b"\xff"), mqtt.connect(unique(), flags=3),
    mqtt.connect(unique(), properties={"receive_maximum": 0}), mqtt.connect(unique(), properties={"topic_alias": 1}),
    mqtt.connect(unique(), properties={"authentication_method": "nobody's"}), mqtt.connect(unique(), will=mqtt.Will("#")),
    mqtt.connect(unique(), will=mqtt.Will("w", qos=3)), mqtt.frame(mqtt.CONNECT, 0, mqtt.connect(unique())[2:-3]),
], ids=["not UTF-8", "reserved flag", "receive maximum", "property", "method", "will topic", "will QoS", "cut off"])
def test_a_reason_of_connack_is_one_of_those_that_it_may_have(broker, wrong):
    client = broker.open()
    client.send(wrong)
    client.expect_refusal(mqtt.BROKER_REASONS[mqtt.CONNACK] - {0})


# ---- 5.0, 3.2.2.3: properties ----

def told(client, name, otherwise):
    return client.connack.get(name, otherwise)


@proves(v5="3.2.2-9 3.2.2-11")
@EACH_QOS
def test_a_broker_takes_messages_up_to_the_qos_that_it_has_told(broker, topic, qos):
    """Without a word it is 2. A client that publishes with more is ended."""
    client = broker.connect()
    maximum = told(client, "maximum_qos", 2)
    assert client.connack.get("maximum_qos") in (None, 0, 1), "2 is said by leaving it out"
    if qos <= maximum:
        assert client.publish(topic, b"x", qos) in (0, 0x10)
    else:
        client.send(mqtt.publish(topic, b"x", qos, packet_identifier=1))
        client.expect_end(0x9B)


@proves(v5="3.2.2-10")
@EACH_QOS
def test_each_qos_can_be_asked_for(broker, topic, qos):
    client = broker.connect()
    [granted] = client.subscribe((topic, qos))
    assert granted <= qos
    client.publish(topic, b"x", min(qos, told(client, "maximum_qos", 2)))
    assert client.expect(mqtt.PUBLISH, topic=topic, payload=b"x").qos <= granted


@proves(v5="3.2.2-12")
@EACH_QOS
def test_a_will_is_taken_up_to_the_qos_that_the_broker_has_told(broker, topic, qos):
    watcher = broker.connect()
    watcher.subscribe((topic, 2))
    client = broker.open()
    client.send(mqtt.connect(unique(), will=mqtt.Will(topic, b"gone", qos)))
    if qos > told(watcher, "maximum_qos", 2):
        client.expect_refusal({0x9B})
    else:
        client.expect(mqtt.CONNACK, reason=0)
        client.close()
        watcher.expect_publish(topic, b"gone", qos)


@proves(v5="3.2.2-13 3.2.2-14")
def test_retaining_is_taken_unless_the_broker_has_said_otherwise(broker, topic):
    """Of a will and of a message."""
    client = broker.connect()
    is_available = told(client, "retain_available", 1)
    willing = broker.open()
    willing.send(mqtt.connect(unique(), will=mqtt.Will(topic, b"will", retain=True)))
    if not is_available:
        willing.expect_refusal({0x9A})
        client.send(mqtt.publish(topic, b"x", retain=True))
        client.expect_end(0x9A)
        return
    willing.expect(mqtt.CONNACK, reason=0)
    client.subscribe(topic)
    willing.close()
    client.expect_publish(topic, b"will")
    client.subscribe(topic)
    client.expect_publish(topic, b"will", retain=True)
    client.publish(topic, b"", retain=True)


@proves(v5="3.2.2-15")
def test_a_packet_larger_than_the_broker_has_told_ends_the_connection(broker, topic):
    """One of just this size is taken. A broker that tells no maximum takes what the protocol can say."""
    client, watcher = broker.connect(), broker.connect()
    watcher.subscribe(topic)
    maximum = told(client, "maximum_packet_size", None)
    if maximum is None:
        pytest.skip("this broker has no maximum")
    payload = b"x" * (maximum - len(mqtt.publish(topic)) - len(mqtt.varint(maximum)) + 1)
    packet = mqtt.publish(topic, payload)
    assert len(packet) == maximum
    client.send(packet)
    watcher.expect_publish(topic, payload)
    client.send(mqtt.publish(topic, payload + b"x"))
    client.expect_end(0x95)
    watcher.expect_nothing(watcher)


@proves(v5="3.2.2-17")
def test_a_topic_alias_above_what_the_broker_has_told_ends_the_connection(broker, topic):
    client, watcher = broker.connect(), broker.connect()
    watcher.subscribe(topic)
    maximum = told(client, "topic_alias_maximum", 0)
    if maximum:
        client.send(mqtt.publish(topic, b"x", properties={"topic_alias": maximum}))
        watcher.expect_publish(topic, b"x")
    client.send(mqtt.publish(topic, b"x", properties={"topic_alias": maximum + 1}))
    client.expect_end(0x94)
    watcher.expect_nothing(watcher)


@proves(v5="3.2.2-17 3.2.2-18")
@pytest.mark.ours("needs a broker that takes no topic aliases")
def test_a_topic_alias_to_a_broker_that_takes_none_ends_the_connection(start_broker, topic):
    broker = start_broker(limits={"topic_aliases_incoming": 0})
    client = broker.connect()
    assert client.connack.get("topic_alias_maximum", 0) == 0
    client.send(mqtt.publish(topic, b"x", properties={"topic_alias": 1}))
    client.expect_end(0x94)


@proves(v5="3.2.2-16")
def test_no_identifier_is_assigned_to_a_client_that_has_one(broker):
    assert broker.connect().connack.get("assigned_client_identifier") is None


@proves(v5="3.2.2-16")
def test_assigned_identifiers_are_none_that_a_session_has(broker):
    """Neither of a client that is there, nor of one that has left its session."""
    names = []
    for number in range(20):
        client = broker.connect("", clean=False, properties={"session_expiry_interval": 600})
        assert client.connack.session_present is False
        names.append(client.connack.get("assigned_client_identifier"))
        if number % 2:
            client.close()
    assert all(names) and len(set(names)) == len(names)


@proves(v5="3.2.2-19 3.2.2-20")
@pytest.mark.ours("needs a broker with something to say")
def test_an_explanation_does_not_make_connack_too_large(start_broker, tmp_path):
    broker = start_broker(**explaining(tmp_path, "CONNACK"))

    def connect(maximum):
        properties = {} if maximum is None else {"maximum_packet_size": maximum}
        return broker.connect(properties=properties).connack

    expect_to_fit(connect)


@proves(v5="3.2.2-19 3.2.2-20")
@pytest.mark.ours("needs a broker with something to say")
def test_an_explanation_does_not_make_a_refusal_too_large(start_broker, tmp_path):
    broker = start_broker(**explaining(tmp_path, "CONNACK"))

    def refuse(maximum):
        properties = {} if maximum is None else {"maximum_packet_size": maximum}
        client = broker.open()
        client.send(mqtt.connect(unique(), properties={"authentication_method": "nobody's", **properties}))
        packet = client.expect(mqtt.CONNACK, reason=0x8C)
        client.expect_closed()
        return packet

    expect_to_fit(refuse)


@proves(v5="3.2.2-22")
def test_a_broker_that_tells_no_keep_alive_goes_by_the_clients(broker):
    for keep_alive in (1, 60):
        client = broker.connect(keep_alive=keep_alive)
        assert client.connack.get("server_keep_alive") is None
        if keep_alive == 1:
            client.expect_end(0x8D)


@proves(v5="3.2.2-21")
def test_a_broker_tells_a_keep_alive_that_is_not_the_clients(start_broker):
    broker = start_broker(limits={"keep_alive_max_seconds": 10})
    assert broker.connect(keep_alive=100).connack.get("server_keep_alive") == 10
    assert broker.connect(keep_alive=5).connack.get("server_keep_alive") is None
    assert broker.connect(keep_alive=0).connack.get("server_keep_alive") == 10


def test_a_connack_leaves_out_what_is_the_default(broker):
    connack = broker.connect().connack
    for name in ("retain_available", "wildcard_subscription_available", "subscription_identifier_available",
                 "shared_subscription_available"):
        assert connack.get(name, 1) == 1
    assert connack.get("receive_maximum", 65535) > 0
    assert connack.get("server_keep_alive") is None
    assert connack.get("session_expiry_interval") is None
