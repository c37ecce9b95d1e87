"""Server redirection: 4.11 of 5.0, which makes no numbered statement. A plugin sends clients elsewhere."""

import pytest

from harness import packet as mqtt
from harness.broker import standard_config
from harness.client import unique
from harness.plugins import compile_plugin

pytestmark = pytest.mark.ours("a plugin redirects")

USE_ANOTHER, MOVED = 0x9C, 0x9D

# A user name "moved REFERENCE" or "another REFERENCE" is turned away with CONNACK; a message to "go" has its sender leave.
REDIRECTING = """
#include <graftmq/plugin.h>
GMQ_PLUGIN("redirect", "1.0.0");

static bool begins_with(gmq_view text, const char *word)
{
    return text.length >= strlen(word) && memcmp(text.data, word, strlen(word)) == 0;
}

/* False: `order` is none. */
static bool read_order(gmq_view order, gmq_reason *reason, gmq_view *reference)
{
    size_t length = begins_with(order, "moved") ? 5 : begins_with(order, "another") ? 7 : 0;
    *reason = length == 5 ? GMQ_REASON_SERVER_MOVED : GMQ_REASON_USE_ANOTHER_SERVER;
    *reference = order.length > length ? gmq_view_make(order.data + length + 1, order.length - length - 1) : gmq_view_of(NULL);
    return length > 0;
}

static gmq_verdict redirect(gmq_call *call, gmq_packet *packet, gmq_view reference)
{
    if (reference.length > 0)
        (void)gmq_packet_set_text(call, packet, GMQ_PROPERTY_SERVER_REFERENCE, reference);
    (void)gmq_send(call, gmq_call_client(call), packet);
    return GMQ_DONE;
}

static gmq_verdict on_connect(gmq_call *call, gmq_connect *packet)
{
    gmq_view user = gmq_view_of(NULL), reference;
    gmq_reason reason;
    if (!gmq_connect_user_name(packet, &user) || !read_order(user, &reason, &reference))
        return GMQ_NEXT;
    return redirect(call, GMQ_PACKET(gmq_connack_new(call, reason, false)), reference);
}
GMQ_HANDLER(CONNECT, on_connect);

static gmq_verdict on_publish(gmq_call *call, gmq_publish *packet)
{
    gmq_view reference;
    gmq_reason reason;
    if (!read_order(gmq_publish_payload(packet), &reason, &reference))
        return GMQ_NEXT;
    return redirect(call, GMQ_PACKET(gmq_disconnect_new(call, reason)), reference);
}
GMQ_HANDLER(PUBLISH, on_publish);
"""

ORDERS = [("moved", MOVED), ("another", USE_ANOTHER)]
REFERENCES = [None, "other.example", "other.example:8883", "[2001:db8::1]:1883", "a.example:1883 b.example:1883"]


@pytest.fixture
def redirecting(start_broker, tmp_path):
    path = compile_plugin(tmp_path / "redirect.so", REDIRECTING)
    return start_broker(plugins={**standard_config()["plugins"], "redirect": {"path": str(path)}},
                        routes={"CONNECT": ["redirect:on_connect", "broker:on_connect"],
                                "PUBLISH": [{"handler": "redirect:on_publish", "topics": ["go"]}, "broker:on_publish"]})


def test_a_client_is_redirected_by_connack(redirecting):
    """The reference may be missing; the connection ends, and a session isn't made."""
    for (word, reason), reference in [(order, reference) for order in ORDERS for reference in REFERENCES]:
        client = redirecting.open()
        name = unique()
        client.send(mqtt.connect(name, username=f"{word} {reference}" if reference else word))
        packet = client.expect(mqtt.CONNACK, reason=reason, session_present=False)
        assert packet.get("server_reference") == reference, packet
        client.expect_closed()
    assert redirecting.connect(name, clean=False).connack.session_present is False


def test_a_client_is_redirected_by_disconnect(redirecting, topic):
    """With its will: this is no DISCONNECT of the client's."""
    watcher = redirecting.connect()
    watcher.subscribe(topic)
    for (word, reason), reference in [(order, reference) for order in ORDERS for reference in REFERENCES]:
        client = redirecting.connect(will=mqtt.Will(topic, b"will"))
        client.send(mqtt.publish("go", f"{word} {reference}" if reference else word))
        packet = client.expect_end(reason)
        assert packet.get("server_reference") == reference, packet
        watcher.expect_publish(topic, b"will")


@pytest.mark.parametrize("version", [3, 4], ids=["3.1", "3.1.1"])
def test_older_clients_cannot_be_told_where_to_go(redirecting, version):
    """They get the return code that comes nearest, "server unavailable", or are closed."""
    client = redirecting.open(version)
    client.send(mqtt.connect(unique(), version=version, username="moved other.example"))
    client.expect(mqtt.CONNACK, reason=3)
    client.expect_closed()
    client = redirecting.connect(version=version)
    client.send(mqtt.publish("go", "another other.example", version=version))
    client.expect_closed()


def test_nobody_is_told_unasked(redirecting):
    assert redirecting.connect().connack.get("server_reference") is None


def test_a_reference_that_the_client_takes_no_packet_for_closes_all_the_same(redirecting):
    client = redirecting.connect(properties={"maximum_packet_size": 100})
    client.send(mqtt.publish("go", b"moved " + b"x" * 500))
    redirecting.connect().ping()
    client.send(mqtt.publish("go", "moved other.example"))
    client.expect_end(MOVED)
