"""Where the broker listens: IPv4, IPv6, unix sockets."""

import re
import socket
import stat

import pytest

from harness.client import Client


@pytest.mark.ours("mosquitto's localhost needs a port")
def test_localhost_means_both_address_families(start_broker, topic):
    broker = start_broker(listeners=[{"name": "mqtt", "bind": "localhost", "port": 0}])
    places = {host: broker.wait_for_log(rf"listener mqtt: listening on {re.escape(host)}:(\d+)")[1]
              for host in ("127.0.0.1", "[::1]")}
    for host, port in places.items():
        client = Client((host.strip("[]"), int(port)))
        broker.clients.append(client)
        client.connect()
        client.ping()


@pytest.mark.ours("the socket's permissions are this broker's")
def test_a_unix_socket_is_closed_to_others_and_removed_at_the_end(start_broker, tmp_path):
    path = tmp_path / "mqtt.sock"
    broker = start_broker(listeners=[{"name": "local", "bind": str(path)}])
    mode = path.stat().st_mode
    assert stat.S_ISSOCK(mode) and stat.S_IMODE(mode) & 0o007 == 0
    broker.connect(listener="local").ping()
    broker.stop()
    assert not path.exists()


@pytest.mark.ours("mosquitto fails on it")
def test_a_unix_socket_left_by_a_broker_that_died_is_taken_over(start_broker, tmp_path):
    path = tmp_path / "mqtt.sock"
    with socket.socket(socket.AF_UNIX) as left_over:
        left_over.bind(str(path))
    assert path.exists()
    broker = start_broker(listeners=[{"name": "local", "bind": str(path)}])
    broker.connect(listener="local").ping()


@pytest.mark.ours("the message is this broker's")
def test_a_port_in_use_is_told_with_its_place(start_broker):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        broker = start_broker(is_ready=False, listeners=[{"name": "busy", "bind": "127.0.0.1", "port": port}])
        broker.expect_exit(1)
        assert re.search(rf"graftmq\.json:\d+:\d+: listeners\[0\]: .*{port}", broker.log())


def test_every_worker_takes_connections(broker):
    """Many connections spread over the workers' sockets, and their sessions over the workers: all of them work."""
    clients = [broker.connect() for _ in range(64)]
    for client in clients:
        client.ping()
