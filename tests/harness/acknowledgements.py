"""PUBACK, PUBREC, PUBREL and PUBCOMP, which are alike: brings about that the broker sends one, or that it is the
client's turn to, with what may stand in it (MQTT 5.0, 3.4 to 3.7)."""

from . import packet as mqtt
from .broker import standard_config
from .explanations import REASON, USER, explaining
from .plugins import compile_plugin

TYPES = (mqtt.PUBACK, mqtt.PUBREC, mqtt.PUBREL, mqtt.PUBCOMP)
REASONS = {kind: sorted(mqtt.BROKER_REASONS[kind]) for kind in TYPES}  # they are the client's, too

# Topics that a broker keeps for itself: one that refuses to take a message for them does so with a reason.
RESERVED_TOPIC = "$SYS/nobody/may/publish/here"

# Refuses each message with the reason that is its payload's only byte.
REFUSING = """
#include <graftmq/plugin.h>
GMQ_PLUGIN("refuse", "1.0.0");

static gmq_verdict on_publish(gmq_call *call, gmq_publish *packet)
{
    return gmq_reject(call, (gmq_reason)(unsigned char)gmq_publish_payload(packet).data[0], NULL);
}
GMQ_HANDLER(PUBLISH, on_publish);
"""


def receive_next(client, topic, qos):
    """A message to the client, from itself, which it has not acknowledged yet. Needs a subscription."""
    client.publish(topic, b"x", qos)
    return client.expect(mqtt.PUBLISH, topic=topic, qos=qos)


def let_broker_send(client, topic, kind):
    """A flow up to where the broker sends this packet. Returns the packet and the identifier that it must have."""
    if kind in (mqtt.PUBACK, mqtt.PUBREC):
        identifier = client.next_identifier()
        client.send(mqtt.publish(topic, b"x", 1 if kind == mqtt.PUBACK else 2, packet_identifier=identifier,
                                 version=client.version))
    elif kind == mqtt.PUBREL:
        client.subscribe((topic, 2))
        identifier = receive_next(client, topic, 2).packet_identifier
        client.send(mqtt.pubrec(identifier))
    else:
        _, identifier = let_broker_send(client, topic, mqtt.PUBREC)
        client.send(mqtt.pubrel(identifier))
    return client.take(kind), identifier


def let_client_send(client, topic, kind):
    """A flow up to where this is the client's next packet. Returns the packet identifier."""
    if kind == mqtt.PUBREL:
        return let_broker_send(client, topic, mqtt.PUBREC)[1]
    qos = 1 if kind == mqtt.PUBACK else 2
    client.subscribe((topic, qos))
    identifier = receive_next(client, topic, qos).packet_identifier
    if kind == mqtt.PUBCOMP:
        client.send(mqtt.pubrec(identifier))
        client.expect(mqtt.PUBREL, packet_identifier=identifier)
    return identifier


# ---- what the chapters of the four packets have in common ----

def check_each_reason_is_taken(broker, topic, kind):
    """With and without properties, as far as the standard lets the client choose."""
    for reason in REASONS[kind]:
        for more in ((), ({},), ({"reason_string": "why", "user_property": [("a", "b"), ("a", "c")]},)):
            client = broker.connect()
            identifier = let_client_send(client, topic, kind)
            client.send(mqtt.acknowledgement(kind, identifier, reason, *more))
            if kind == mqtt.PUBREL:
                client.expect(mqtt.PUBCOMP, packet_identifier=identifier)
            elif kind == mqtt.PUBREC and reason < 0x80:
                client.expect(mqtt.PUBREL, packet_identifier=identifier, reason=0)
            client.ping()
            client.close()


def check_no_other_reason_is_taken(broker, topic, kind):
    for reason in set(range(256)) - set(REASONS[kind]):
        client = broker.connect()
        identifier = let_client_send(client, topic, kind)
        client.send(mqtt.acknowledgement(kind, identifier, reason))
        client.expect_end({0x81, 0x82})
        client.close()


def start_explaining_broker(start_broker, folder):
    """One that adds a reason string and user properties to each acknowledgement that it sends."""
    return start_broker(**explaining(folder, *(mqtt.NAMES[kind] for kind in TYPES)))


def start_refusing_broker(start_broker, folder, pattern="#"):
    """One that takes no message to topics that match: each is refused with the reason that its payload consists of."""
    path = compile_plugin(folder / "refuse.so", REFUSING)
    return start_broker(plugins={**standard_config()["plugins"], "refuse": {"path": str(path)}},
                        routes={"PUBLISH": [{"handler": "refuse:on_publish", "topics": [pattern]}, "broker:on_publish"]})


def check_words_fit_into_the_maximum_packet_size(broker, kind):
    """At a broker that explains. From a maximum that leaves room for little more than CONNACK to one that has room for
    all: never a byte more, and what fits is said."""
    topic = "e"  # it has to fit as well
    whole, _ = let_broker_send(broker.connect(), topic, kind)
    assert whole.get("reason_string") == REASON and whole.all("user_property") == USER, whole
    sizes = []
    for maximum in [*range(30, whole.size - 1, 10), whole.size - 1, whole.size, whole.size + 1]:
        client = broker.connect(properties={"maximum_packet_size": maximum})
        packet, identifier = let_broker_send(client, topic, kind)
        assert packet.packet_identifier == identifier and packet.reason == whole.reason, packet
        assert packet.size <= maximum, f"{packet} has {packet.size} bytes, the client takes {maximum}"
        sizes.append(packet.size)
        client.close()
    assert sizes == sorted(sizes) and sizes[0] == len(mqtt.acknowledgement(kind, identifier, whole.reason or None)), sizes
    assert sizes[-3] < whole.size and sizes[-2:] == [whole.size] * 2, f"what fits was left out: {sizes}"
