"""Enhanced authentication: 4.12 of 5.0. The exchange is that of harness/quiz.py; AUTH itself is 3.15."""

import pytest

from harness import packet as mqtt
from harness.client import unique
from harness.quiz import METHOD, admitted, answer, begin, quiz  # noqa: F401
from harness.statements import proves

PROTOCOL, NOT_AUTHORIZED, BAD_METHOD = 0x82, 0x87, 0x8C
ROUNDS = 3

needs_a_method = pytest.mark.ours("a plugin offers a method of authentication")


# ---- a method that is not offered, and no method ----

@proves(v5="4.12.0-1")
def test_a_method_that_is_not_offered_is_refused(broker):
    for properties in ({"authentication_method": "SCRAM-SHA-1"},
                       {"authentication_method": "", "authentication_data": b"x"},
                       {"authentication_method": "GS2-KRB5", "authentication_data": b"\0" * 1000}):
        client = broker.open()
        client.send(mqtt.connect(unique(), properties=properties))
        client.expect_turned_away(BAD_METHOD, NOT_AUTHORIZED)


@needs_a_method
@proves(v5="4.12.0-1")
def test_another_method_than_the_one_offered_is_refused(quiz):  # noqa: F811
    client = quiz.open()
    client.send(mqtt.connect(unique(), properties={"authentication_method": "quack"}))
    client.expect(mqtt.CONNACK, reason=BAD_METHOD)
    client.expect_closed()


@proves(v5="4.12.0-6")
def test_without_a_method_none_is_named(broker, topic):
    client = broker.connect(username="ada", password=b"secret")
    assert client.connack.get("authentication_method") is None and client.connack.get("authentication_data") is None
    client.subscribe((topic, 1))
    client.publish(topic, b"x", 1)
    client.expect_publish(topic, b"x", 1)
    client.expect_nothing(client)


@needs_a_method
@proves(v5="4.12.0-6")
def test_without_a_method_no_auth_is_sent_even_if_a_plugin_tries(quiz):  # noqa: F811
    client = quiz.connect()
    assert client.connack.get("authentication_method") is None
    for order in ("000", "024", "000quiz", "024quiz"):
        client.publish("try", order, 1)
        client.expect_nothing(client)


@pytest.mark.parametrize("reason", [0x00, 0x18, 0x19], ids=hex)
@pytest.mark.parametrize("properties", [{}, {"authentication_method": "m"}], ids=["without a method", "with a method"])
@proves(v5="4.12.0-7")
def test_without_a_method_in_connect_a_clients_auth_is_a_protocol_error(broker, reason, properties):
    client = broker.connect()
    client.send(mqtt.auth(reason, properties))
    client.expect_end(PROTOCOL)


@proves(v5="4.12.0-7")
def test_without_a_method_in_connect_an_empty_auth_is_a_protocol_error(broker):
    """Its reason is Success then (3.15.2.1), which is never a client's."""
    client = broker.connect()
    client.send(mqtt.frame(mqtt.AUTH, 0, b""))
    client.expect_end(PROTOCOL)


# ---- the exchange ----

@pytest.mark.parametrize("method", [METHOD, "quiz-sha-256", "quiz \u8776\U0001F98B", "quiz" + "z" * 1000])
@needs_a_method
@proves(v5="4.12.0-2 4.12.0-5")
def test_each_step_continues_and_names_the_method(quiz, method):  # noqa: F811
    """admitted() holds each AUTH to reason 0x18 and the method, and the CONNACK to the method."""
    client = admitted(quiz, method)
    client.ping()
    client.send(mqtt.auth(0x19, {"authentication_method": method}))
    for number in range(1, ROUNDS + 1):
        client.expect(mqtt.AUTH, reason=0x18, authentication_method=method, authentication_data=b"%d" % number)
        client.send(answer(number, method))
    client.expect(mqtt.AUTH, reason=0x00, authentication_method=method)
    client.ping()


@needs_a_method
@proves(v5="4.12.0-5")
def test_the_method_is_the_one_of_connect_whatever_a_plugin_says(quiz):  # noqa: F811
    client = admitted(quiz)
    for order in ("024other", "000other", "024", "000"):
        client.publish("try", order, 1)
        client.expect(mqtt.AUTH, reason=int(order[:3]), authentication_method=METHOD)


@pytest.mark.parametrize("reason", [0x00, 0x19], ids=hex)
@pytest.mark.parametrize("number", range(1, ROUNDS + 1))
@needs_a_method
@proves(v5="4.12.0-3")
def test_a_client_that_answers_with_another_reason_is_not_let_in(quiz, number, reason):  # noqa: F811
    """Binds the client; this is what comes of breaking it."""
    client = begin(quiz)
    for each in range(1, number):
        client.send(answer(each))
        client.expect(mqtt.AUTH, reason=0x18)
    client.send(answer(number, reason=reason))
    client.expect_turned_away()


@pytest.mark.parametrize("number", range(1, ROUNDS + 1))
@needs_a_method
@proves(v5="4.12.0-4")
def test_the_authentication_may_be_refused_at_each_step(quiz, number):  # noqa: F811
    client = begin(quiz)
    for each in range(1, number):
        client.send(answer(each))
        client.expect(mqtt.AUTH, reason=0x18)
    client.send(answer(0))
    client.expect(mqtt.CONNACK, reason=NOT_AUTHORIZED, session_present=False)
    client.expect_closed()


@needs_a_method
@proves(v5="4.12.0-5")
def test_an_answer_with_another_method_ends_it(quiz):  # noqa: F811
    for wrong in (answer(1, "quiz2"), answer(1, ""), mqtt.auth(0x18, {"authentication_data": b"1"}), mqtt.auth(0x18)):
        client = begin(quiz)
        client.send(wrong)
        client.expect_turned_away()


EARLY = {
    "PUBLISH": mqtt.publish("early", b"x", 1, packet_identifier=1),
    "SUBSCRIBE": mqtt.subscribe(1, [("early", 0)]),
    "UNSUBSCRIBE": mqtt.unsubscribe(1, ["early"]),
    "PINGREQ": mqtt.pingreq(),
    "PUBACK": mqtt.puback(1),
    "CONNECT": mqtt.connect("early"),
}


@pytest.mark.parametrize("packet", EARLY.values(), ids=EARLY)
@needs_a_method
def test_until_it_is_over_only_auth_and_disconnect_may_come(quiz, packet):  # noqa: F811
    """3.1.2.11.9; nothing else takes effect, or is answered."""
    watcher = quiz.connect()
    watcher.subscribe("early")
    client = begin(quiz)
    client.send(packet, answer(1))
    client.expect_turned_away()
    watcher.expect_nothing(watcher)


@needs_a_method
def test_a_client_may_leave_in_the_middle(quiz):  # noqa: F811
    name = unique()
    for leave in (lambda client: client.close(), lambda client: client.disconnect()):
        client = begin(quiz, client_identifier=name)
        client.send(answer(1))
        client.expect(mqtt.AUTH, reason=0x18)
        leave(client)
    admitted(quiz, client_identifier=name).ping()


@needs_a_method
def test_no_session_is_made_or_taken_over_before_the_end(quiz, topic):  # noqa: F811
    """Who fails must not push out, or end the session of, the one whose name it gave."""
    name, lasting = unique(), {"session_expiry_interval": 60}
    owner = admitted(quiz, client_identifier=name, clean=False, properties=lasting)
    owner.subscribe((topic, 1))
    impostor = begin(quiz, client_identifier=name, clean=True)
    owner.ping()
    impostor.send(answer(0))
    impostor.expect(mqtt.CONNACK, reason=NOT_AUTHORIZED)
    owner.publish(topic, b"x", 1)
    owner.expect_publish(topic, b"x", 1)


# ---- re-authentication (4.12.1) ----

@needs_a_method
@proves(v5="4.12.1-1")
def test_a_client_may_authenticate_itself_again_at_any_time(quiz, topic):  # noqa: F811
    """Other packets pass meanwhile, in both directions."""
    client, other = admitted(quiz), quiz.connect()
    client.subscribe((topic, 2))
    for _ in range(3):
        client.send(mqtt.auth(0x19, {"authentication_method": METHOD}))
        for number in range(1, ROUNDS + 1):
            client.expect(mqtt.AUTH, reason=0x18, authentication_method=METHOD, authentication_data=b"%d" % number)
            other.publish(topic, str(number), 2)
            client.expect_publish(topic, str(number), 2)
            client.publish(topic + "/else", b"x", 2)
            client.send(answer(number))
        client.expect(mqtt.AUTH, reason=0x00, authentication_method=METHOD)
    client.expect_nothing(other)


@needs_a_method
@proves(v5="4.12.1-1")
def test_the_method_must_stay_the_same(quiz):  # noqa: F811
    """Binds the client; this is what comes of breaking it."""
    for wrong in ({"authentication_method": "quiz2"}, {"authentication_method": "Quiz"}, {}):
        client = admitted(quiz)
        client.send(mqtt.auth(0x19, wrong))
        client.expect_end(PROTOCOL)
        client = admitted(quiz)
        client.send(mqtt.auth(0x19, {"authentication_method": METHOD}))
        client.expect(mqtt.AUTH, reason=0x18)
        client.send(mqtt.auth(0x18, {**wrong, "authentication_data": b"1"}))
        client.expect_end(PROTOCOL)


@pytest.mark.parametrize("number", range(1, ROUNDS + 1))
@needs_a_method
@proves(v5="4.12.1-2")
def test_one_that_fails_is_told_and_closed(quiz, number):  # noqa: F811
    client = admitted(quiz)
    client.send(mqtt.auth(0x19, {"authentication_method": METHOD}))
    for each in range(1, number):
        client.expect(mqtt.AUTH, reason=0x18)
        client.send(answer(each))
    client.expect(mqtt.AUTH, reason=0x18)
    client.send(answer(0))
    client.expect_end(NOT_AUTHORIZED)


@needs_a_method
def test_an_answer_to_nothing_is_a_protocol_error(quiz):  # noqa: F811
    client = admitted(quiz)
    client.send(answer(1))
    client.expect_end(PROTOCOL)
