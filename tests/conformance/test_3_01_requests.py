"""CONNECT and what a client asks of the broker by it: keep alive, maximum packet size, topic alias maximum, response and
problem information, enhanced authentication (MQTT 3.1.1, 3.1.2.10; MQTT 5.0, 3.1.2.10 and 3.1.2.11)."""

import select
import time

import pytest

from harness import packet as mqtt
from harness.client import lasting, unique
from harness.explanations import explaining
from harness.settings import IS_FOREIGN, LIMIT
from harness.statements import proves

EACH_QOS = pytest.mark.parametrize("qos", [0, 1, 2])


# ---- keep alive ----

def check_time_is_up(connected_at):
    """Of a keep alive of 1 s: not before 1.5 s, and then soon. The standard doesn't say how soon; others may look less often."""
    passed = time.monotonic() - connected_at
    assert 1.4 < passed < (LIMIT if IS_FOREIGN else 5), f"the client was ended after {passed:.1f} s"


@proves(v3="3.1.2-23 3.1.2-24", v5="3.1.2-20 3.1.2-22 3.2.2-22")
def test_a_silent_client_is_ended_after_one_and_a_half_times_its_keep_alive(broker, version):
    """As if the network had failed: a session that lasts, lasts."""
    connected_at = time.monotonic()
    client = broker.connect(version=version, keep_alive=1, **lasting(version))
    client.expect_end(0x8D)
    check_time_is_up(connected_at)
    again = broker.connect(client.client_identifier, version=version, **lasting(version))
    assert again.connack.session_present is (version > 3)


@proves(v3="3.1.2-24", v5="3.1.2-22")
@pytest.mark.parametrize("sign_of_life", ["PINGREQ", "PUBLISH"])
def test_whatever_a_client_sends_keeps_it_alive(broker, version, topic, sign_of_life):
    """One sends something, the other doesn't: when that is ended, the first still lives."""
    client = broker.connect(version=version, keep_alive=1)
    for _ in range(2):
        silent = broker.connect(version=version, keep_alive=1)
        deadline = time.monotonic() + LIMIT
        while not select.select([silent.socket], [], [], 0.3)[0]:
            assert time.monotonic() < deadline, "the silent client was not ended"
            if sign_of_life == "PINGREQ":
                client.ping()
            else:
                client.publish(topic, b"alive", 0)
        silent.expect_end(0x8D)
        client.ping()


@proves(v3="3.1.2-24", v5="3.1.2-22")
@EACH_QOS
def test_what_a_client_receives_does_not_keep_it_alive(broker, version, topic, qos):
    client, publisher = broker.connect(version=version, keep_alive=1), broker.connect()
    client.subscribe((topic, qos))
    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline and not client.is_closed:
        publisher.publish(topic, b"x", qos)
        select.select([client.socket], [], [], 0.1)
        while not client.is_closed and select.select([client.socket], [], [], 0)[0]:
            client.is_closed = not client.socket.recv(1 << 16)
    assert client.is_closed, "the client was not ended"


@proves(v3="3.1.2-24", v5="3.1.2-22")
def test_a_packet_that_never_becomes_whole_is_no_sign_of_life(broker, version, topic):
    """It has not been received: the client dribbles on while its time runs out."""
    client = broker.connect(version=version, keep_alive=1)
    packet = mqtt.publish(topic, b"x" * 1000, version=version)
    connected_at = time.monotonic()
    client.send(packet[:10])
    for at in range(10, len(packet)):
        if select.select([client.socket], [], [], 0.2)[0]:
            break
        client.send(packet[at:at + 1])
    client.expect_end(0x8D)
    check_time_is_up(connected_at)


@proves(v3="3.1.2-24", v5="3.1.2-22")
def test_a_keep_alive_of_0_is_none(broker, version):
    """It outlives one of a second."""
    forever = broker.connect(version=version, keep_alive=0)
    broker.connect(version=version, keep_alive=1).expect_end(0x8D)
    forever.ping()


@proves(v5="3.1.2-21 3.2.2-21")
@pytest.mark.ours("needs a broker with a very short keep alive of its own")
def test_a_client_that_goes_by_its_own_keep_alive_is_ended_by_the_brokers(start_broker):
    broker = start_broker(limits={"keep_alive_max_seconds": 1})
    connected_at = time.monotonic()
    client = broker.connect(keep_alive=100)
    assert client.connack.get("server_keep_alive") == 1
    client.expect_end(0x8D)
    check_time_is_up(connected_at)


# ---- maximum packet size ----

def size_of(topic, qos, payload):
    return len(mqtt.publish(topic, payload, qos, packet_identifier=1 if qos else None))


@proves(v5="3.1.2-24 3.1.2-25")
@EACH_QOS
def test_a_message_too_large_for_the_client_counts_as_delivered(broker, topic, qos):
    """It is left out, those around it come, and it takes no place of theirs: each has to make room for the next."""
    maximum = 100
    client = broker.connect(properties={"maximum_packet_size": maximum, "receive_maximum": 1})
    publisher = broker.connect()
    client.subscribe((topic, 2))
    fits = b"x" * (maximum - size_of(topic, qos, b""))
    for _ in range(3):
        assert publisher.publish(topic, fits + b"x", qos) == 0
        publisher.publish(topic, fits, qos)
    for _ in range(3):
        assert client.expect_publish(topic, fits, qos).size == maximum
    client.expect_nothing(publisher)


@proves(v5="3.1.2-24 3.1.2-25")
@pytest.mark.parametrize("qos", [1, 2])
def test_a_message_too_large_for_an_absent_client_is_not_kept_for_it(broker, topic, qos):
    """What it takes is known when it comes back: it may have another maximum then."""
    name = unique()
    client = broker.connect(name, **lasting(5))
    client.subscribe((topic, 2))
    client.close()
    publisher = broker.connect()
    publisher.publish(topic, b"x" * 200, qos)
    publisher.publish(topic, b"short", qos)
    session = {"clean": False, "properties": {"session_expiry_interval": 3600, "maximum_packet_size": 100}}
    client = broker.connect(name, **session)
    client.expect_publish(topic, b"short", qos)
    client.expect_nothing(publisher)
    client.close()
    client = broker.connect(name, **lasting(5))
    client.expect_nothing(publisher)


@proves(v5="3.1.2-24")
def test_a_retained_message_too_large_for_the_client_is_left_out(broker, topic):
    publisher = broker.connect()
    publisher.publish(topic + "/large", b"x" * 200, 1, retain=True)
    publisher.publish(topic + "/small", b"x", 1, retain=True)
    client = broker.connect(properties={"maximum_packet_size": 100})
    client.subscribe((topic + "/+", 1))
    client.expect_publish(topic + "/small", b"x", 1, retain=True)
    client.expect_nothing(publisher)
    for each in ("/large", "/small"):
        publisher.publish(topic + each, b"", 1, retain=True)


@proves(v5="3.1.2-24")
def test_properties_count_for_the_size_of_a_message(broker, topic):
    maximum = 200
    client, publisher = broker.connect(properties={"maximum_packet_size": maximum}), broker.connect()
    client.subscribe((topic, 1))
    def message(value):
        return mqtt.publish(topic, b"", 1, packet_identifier=1, properties={"user_property": ("n", value)})

    fits = "v" * next(length for length in range(maximum) if len(message("v" * length)) == maximum)
    for value in (fits + "v", fits, fits + "v"):
        publisher.publish(topic, b"", 1, properties={"user_property": ("n", value)})
    assert client.expect_publish(topic, b"", 1, user_property=("n", fits)).size == maximum
    client.expect_nothing(publisher)


# ---- topic alias maximum ----

@proves(v5="3.1.2-26")
@pytest.mark.parametrize("maximum", [1, 2, 10])
@EACH_QOS
def test_no_topic_alias_is_above_the_clients_maximum(broker, topic, maximum, qos):
    client, publisher = broker.connect(properties={"topic_alias_maximum": maximum}), broker.connect()
    client.subscribe((topic + "/#", 2))
    for number in [*range(12), *range(12)]:
        publisher.publish(f"{topic}/{number}", b"x", qos)
        packet = client.expect_publish(f"{topic}/{number}", b"x", qos)
        assert packet.get("topic_alias", 1) in range(1, maximum + 1), packet


@proves(v5="3.1.2-27")
@pytest.mark.parametrize("properties", [{}, {"topic_alias_maximum": 0}], ids=["absent", "0"])
@EACH_QOS
def test_a_client_that_takes_no_topic_aliases_gets_none(broker, topic, properties, qos):
    client, publisher = broker.connect(properties=properties), broker.connect()
    client.subscribe((topic, 2))
    for _ in range(5):
        publisher.publish(topic, b"x", qos)
        packet = client.expect_publish(topic, b"x", qos)
        assert packet.get("topic_alias") is None and packet.wire_topic == topic


# ---- response and problem information ----

@proves(v5="3.1.2-28")
@pytest.mark.parametrize("properties", [{}, {"request_response_information": 0}], ids=["absent", "0"])
def test_response_information_comes_only_when_asked_for(broker, properties):
    assert broker.connect(properties=properties).connack.get("response_information") is None


@proves(v5="3.1.2-28")
def test_response_information_may_be_asked_for(broker):
    broker.connect(properties={"request_response_information": 1}).ping()


ANSWERS = [mqtt.SUBACK, mqtt.UNSUBACK, mqtt.PUBACK, mqtt.PUBREC, mqtt.PUBCOMP, mqtt.PUBREL]


def check_nothing_is_explained(client, topic):
    """Each answer is provoked, also where a broker has something to explain. PUBLISH keeps what its publisher gave it."""
    client.send(mqtt.subscribe(1, [(topic, 2)]), mqtt.unsubscribe(2, ["nothing/there"]),
                mqtt.publish("nobody/" + topic, b"", 1, packet_identifier=3),
                mqtt.publish("nobody/" + topic, b"", 2, packet_identifier=4), mqtt.pubrel(5), mqtt.pubrec(6))
    for packet_type in ANSWERS:
        packet = client.take(packet_type)
        assert packet.get("reason_string") is None and packet.all("user_property") == [], packet
    client.publish(topic, b"x", 1, properties={"user_property": ("n", "v")})
    client.expect_publish(topic, b"x", 1, user_property=("n", "v"))


@proves(v5="3.1.2-29")
def test_without_problem_information_only_three_packets_explain(broker, topic):
    check_nothing_is_explained(broker.connect(properties={"request_problem_information": 0}), topic)


@proves(v5="3.1.2-29")
@pytest.mark.ours("needs a broker with something to say")
def test_without_problem_information_nothing_is_explained_by_a_broker_that_would(start_broker, tmp_path, topic):
    broker = start_broker(**explaining(tmp_path, *(mqtt.NAMES[each] for each in ANSWERS)))
    check_nothing_is_explained(broker.connect(properties={"request_problem_information": 0}), topic)
    curious = broker.connect()
    curious.send(mqtt.subscribe(1, [(topic, 2)]))
    assert curious.take(mqtt.SUBACK).get("reason_string"), "the broker has nothing to say, so this shows nothing"


# ---- enhanced authentication ----

@proves(v5="3.1.2-30")
def test_a_packet_in_the_middle_of_authentication_is_not_served(broker, topic):
    """The method is nobody's, so the client is refused, and what it sent too early has no effect."""
    watcher, client = broker.connect(), broker.open()
    watcher.subscribe(topic)
    client.send(mqtt.connect(unique(), properties={"authentication_method": "nobody's", "authentication_data": b"x"}),
                mqtt.publish(topic, b"too early"))
    client.expect_refusal({0x8C, 0x87})
    watcher.expect_nothing(watcher)
