"""Network connections: 4.2 of both standards. Ordered, lossless, and bytes both ways is what a transport has to be."""

import hashlib
import socket

import pytest

from harness import packet as mqtt
from harness.statements import proves


def exchange(client, other, topic):
    """Much of every size between the two, each way: nothing is lost, changed or out of order."""
    client.subscribe((topic + "/to-client", 1))
    other.subscribe((topic + "/to-other", 1))
    sizes = [*range(0, 260, 3), 16383, 16384, 70000, 1, 200000]
    for sender, receiver, name in ((client, other, "to-other"), (other, client, "to-client")):
        sent = []
        for number, size in enumerate(sizes):
            payload = hashlib.shake_128(b"%d" % number).digest(size)
            sent.append(payload)
            sender.send(mqtt.publish(f"{topic}/{name}", payload, version=sender.version))
        for payload in sent:
            assert receiver.expect(mqtt.PUBLISH, topic=f"{topic}/{name}").payload == payload


@proves(v5="4.2-1")
def test_clients_are_served_over_tcp(broker, version, topic):
    exchange(broker.connect(version=version), broker.connect(version=version), topic)


@pytest.mark.ours("listeners of the test's own")
@proves(v5="4.2-1")
def test_clients_of_all_transports_meet(start_broker, version, topic, tmp_path):
    """TCP over IPv4 and IPv6, and a unix socket."""
    broker = start_broker(listeners=[{"name": "four", "bind": "127.0.0.1", "port": 0},
                                     {"name": "six", "bind": "::1", "port": 0},
                                     {"name": "local", "bind": str(tmp_path / "mqtt.sock")}])
    clients = {name: broker.connect(version=version, listener=name) for name in ("four", "six", "local")}
    assert {client.socket.family for client in clients.values()} == {socket.AF_INET, socket.AF_INET6, socket.AF_UNIX}
    exchange(clients["four"], clients["local"], topic + "/1")
    exchange(clients["six"], clients["four"], topic + "/2")
    exchange(clients["local"], clients["six"], topic + "/3")


def test_a_connection_that_was_closed_one_way_still_serves_the_other(broker, version, topic):
    """A client that shuts its side down after its last packet gets what was answered to it."""
    client = broker.connect(version=version)
    client.subscribe(topic)
    client.send(*(mqtt.publish(topic, str(number), version=version) for number in range(20)))
    client.socket.shutdown(socket.SHUT_WR)
    for number in range(20):
        client.expect_publish(topic, str(number))
    client.expect_closed()
