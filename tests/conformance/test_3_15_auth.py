"""AUTH: 3.15 of 5.0. The exchange is that of harness/quiz.py; what it means is 4.12."""

import pytest

from harness import packet as mqtt
from harness.explanations import expect_to_fit, explaining
from harness.quiz import METHOD, admitted, answer, begin, quiz, quizzing  # noqa: F401
from harness.statements import proves

MALFORMED, PROTOCOL = 0x81, 0x82

needs_a_method = pytest.mark.ours("a plugin offers a method of authentication")


def with_flags(packet, flags):
    return bytes([packet[0] | flags]) + packet[1:]


# ---- its flags ----

@proves(v5="3.15.1-1")
def test_flags_end_the_connection(broker):
    """Without an authentication method the packet is out of place besides."""
    for flags in range(1, 16):
        client = broker.connect()
        client.send(with_flags(answer(1), flags))
        client.expect_end({MALFORMED, PROTOCOL})


@needs_a_method
@proves(v5="3.15.1-1")
def test_flags_are_malformed_in_the_middle_of_an_exchange(quiz):  # noqa: F811
    for flags in range(1, 16):
        client = begin(quiz)
        client.send(with_flags(answer(1), flags))
        client.expect_turned_away()


@needs_a_method
@proves(v5="3.15.1-1")
def test_flags_are_malformed_in_a_re_authentication(quiz):  # noqa: F811
    for flags in (1, 2, 4, 8, 15):
        client = admitted(quiz)
        client.send(with_flags(mqtt.auth(0x19, {"authentication_method": METHOD}), flags))
        client.expect_end(MALFORMED)


@pytest.mark.parametrize("version", [3, 4], ids=["3.1", "3.1.1"])
def test_it_does_not_exist_before_5_0(broker, version):
    client = broker.connect(version=version)
    client.send(answer(1))
    client.expect_closed()


# ---- its reason ----

@needs_a_method
@proves(v5="3.15.2-1")
def test_a_reason_that_does_not_exist_is_refused(quiz):  # noqa: F811
    """Binds the client too; this is what comes of breaking it."""
    for reason in (0x01, 0x17, 0x1A, 0x80, 0x87, 0x8C, 0xFF):
        client = begin(quiz)
        client.send(answer(1, reason=reason))
        client.expect_turned_away()
        client = admitted(quiz)
        client.send(mqtt.auth(reason, {"authentication_method": METHOD}))
        client.expect_end({MALFORMED, PROTOCOL})


@needs_a_method
@proves(v5="3.15.2-1")
def test_the_broker_gives_its_own_reasons_even_if_a_plugin_tries_others(quiz):  # noqa: F811
    """Those are Success and Continue authentication; Re-authenticate is the client's (table in 3.15.2.1)."""
    client = admitted(quiz)
    for reason in range(256):
        client.publish("try", f"{reason:03}{METHOD}", 1)
        if reason in (0x00, 0x18):
            client.expect(mqtt.AUTH, reason=reason)
    client.expect_nothing(client)


# ---- its properties ----

@needs_a_method
def test_it_may_have_no_reason_and_no_properties(quiz):  # noqa: F811
    """3.15.2.1: that is the reason Success, which isn't a client's."""
    client = begin(quiz)
    client.send(mqtt.frame(mqtt.AUTH, 0, b""))
    client.expect_turned_away()


@needs_a_method
def test_a_reason_without_properties_is_cut_short(quiz):  # noqa: F811
    """Only both together may be left out."""
    client = begin(quiz)
    client.send(mqtt.frame(mqtt.AUTH, 0, b"\x18"))
    client.expect_turned_away()


@needs_a_method
def test_wrong_properties_are_refused(quiz):  # noqa: F811
    data = {"authentication_method": METHOD, "authentication_data": b"1"}
    for properties in ([*data.items(), ("authentication_method", METHOD)], [*data.items(), ("authentication_data", b"1")],
                       {**data, "session_expiry_interval": 1}, {**data, "authentication_method": b"quiz\xff"},
                       [*data.items(), (0x7E, b"\0")]):
        client = begin(quiz)
        client.send(mqtt.auth(0x18, properties))
        client.expect_turned_away()


@needs_a_method
def test_a_client_may_explain_itself(quiz):  # noqa: F811
    client = begin(quiz)
    client.send(mqtt.auth(0x18, {"authentication_method": METHOD, "authentication_data": b"1", "reason_string": "because",
                                 "user_property": [("a", "b"), ("a", "b")]}))
    client.expect(mqtt.AUTH, reason=0x18, authentication_data=b"2")


@needs_a_method
@proves(v5="3.15.2-2 3.15.2-3")
def test_explanations_are_left_out_where_the_client_takes_no_such_packet(start_broker, tmp_path):
    offer = quizzing(tmp_path)
    explained = explaining(tmp_path, "AUTH", quiz=offer["plugins"]["quiz"])
    broker = start_broker(**{**offer, **explained})

    def provoke(maximum):
        properties = {"maximum_packet_size": maximum} if maximum else {}
        client = broker.open()
        client.send(mqtt.connect("", properties={"authentication_method": METHOD, **properties}))
        return client.expect(mqtt.AUTH, reason=0x18, authentication_method=METHOD, authentication_data=b"1")

    expect_to_fit(provoke)
