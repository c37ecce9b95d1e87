"""The control socket: whose it is, who gets in, and what it takes from whom."""

import os
import pathlib
import socket
import stat
import subprocess
import sys

import pytest

from harness import settings
from harness.broker import ENVIRONMENT, new_broker, standard_config
from harness.client import unique
from harness.control import Control, Raw, graftctl

pytestmark = pytest.mark.ours("graftctl is ours")

NOBODY = 65534

root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be another user as well")


@pytest.fixture
def short(tmp_path_factory):
    """A folder with a path short enough for sockets."""
    folder = pathlib.Path("/tmp") / unique("gmq")
    folder.mkdir(mode=0o755)
    yield folder
    for each in folder.iterdir():
        each.unlink()
    folder.rmdir()


@pytest.fixture
def impatient(start_broker):
    """A broker that gives clients of its control socket 300 ms."""
    return start_broker(limits={"control_ms": 300})


def resident(broker):
    return broker.resident_bytes()


# ---- where it is ----

def test_the_configured_path_is_used_and_is_its_owners_alone(start_broker, short):
    path = short / "control"
    broker = start_broker(control={"path": str(path)})
    assert Control(broker).path == str(path)
    status = path.stat()
    assert stat.S_ISSOCK(status.st_mode) and stat.S_IMODE(status.st_mode) == 0o600
    broker.stop()
    assert not path.exists()


def test_without_a_path_it_is_in_the_process_own_folder(start_broker):
    broker = start_broker()
    path = pathlib.Path(Control(broker).path)
    assert path.parent.name.startswith(f"graftmq-{broker.process.pid}-")
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700 and stat.S_IMODE(path.stat().st_mode) == 0o600
    broker.stop()
    assert not path.parent.exists()


def test_none_is_no_socket(start_broker):
    broker = start_broker(control={"path": "none"})
    broker.connect().ping()
    assert "control: listening" not in broker.log()


def test_the_command_line_counts_instead(start_broker, short, monkeypatch):
    from harness.broker import Broker
    command = Broker.command
    monkeypatch.setattr(Broker, "command", lambda self: command(self) + ["--control", str(short / "theirs")])
    assert Control(start_broker(control={"path": str(short / "files")})).path == str(short / "theirs")
    assert not (short / "files").exists()


def test_what_a_dead_broker_left_is_replaced(start_broker, short):
    path = short / "control"
    broker = start_broker(control={"path": str(path)})
    Control(broker)
    broker.kill()
    assert path.exists()
    again = start_broker(control={"path": str(path)})
    assert Control(again).line("status")["process"] == again.process.pid


def test_a_living_brokers_socket_is_not_taken(start_broker, short):
    path = short / "control"
    first = start_broker(control={"path": str(path)})
    control = Control(first)
    second = start_broker(is_ready=False, control={"path": str(path)})
    second.expect_exit(1)
    assert "another process listens on it" in second.log() and "listening on 127" not in second.log()
    assert control.line("status")["process"] == first.process.pid


def test_no_file_but_a_socket_is_replaced(start_broker, short):
    (short / "control").write_text("precious")
    broker = start_broker(is_ready=False, control={"path": str(short / "control")})
    broker.expect_exit(1)
    assert (short / "control").read_text() == "precious"


def test_moving_it_needs_a_restart(start_broker, short):
    broker = start_broker()
    control = Control(broker)
    broker.write_config({**broker.config, "control": {"path": str(short / "control")}})
    done = control.run("reload", code=1)
    assert "graftmq.json:" in done.stderr and "control.path" in done.stderr and "needs a restart" in done.stderr
    assert not (short / "control").exists()
    assert control.line("status")["generation"] == 1


# ---- a start that fails ----

def test_a_bad_start_names_every_error_and_touches_nothing(start_broker, tmp_path, short, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    broker = new_broker(tmp_path / "folder", standard_config(
        listeners=[{"name": "mqtt", "bind": "127.0.0.1", "port": port}, {"name": "local", "bind": str(short / "mqtt")}],
        control={"path": str(short / "no such folder" / "control")},
        log={"level": "info", "file": str(short / "log")},
        plugins={**standard_config()["plugins"], "gone": {"path": "/nowhere.so"}},
        routes={"PUBLISH": ["broker:on_publsh"], "PUBLISHED": []}, limits={"topic_levels": -1}))
    broker.start(is_ready=False)
    broker.expect_exit(1)
    text = broker.log()
    for part in ("/nowhere.so", "on_publsh", "PUBLISHED", "topic_levels", "control.path: can't listen", "graftmq: not started"):
        assert part in text, f"{part} in\n{text}"
    assert list(short.iterdir()) == [] and list((tmp_path / "tmp").iterdir()) == []
    assert [each.name for each in broker.folder.iterdir()] == ["graftmq.json"]
    with socket.socket() as free:
        free.bind(("127.0.0.1", port))


def test_a_port_that_is_taken_leaves_no_file_behind(start_broker, tmp_path, short):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        broker = new_broker(tmp_path / "folder", standard_config(
            listeners=[{"name": "local", "bind": str(short / "mqtt")}, {"name": "mqtt", "bind": "127.0.0.1", "port": port}],
            control={"path": str(short / "control")}, log={"level": "info", "file": str(short / "log")}))
        broker.start(is_ready=False)
        broker.expect_exit(1)
    assert f"127.0.0.1:{port}" in broker.log() and list(short.iterdir()) == []


def test_a_log_file_that_was_there_stays(tmp_path, short):
    (short / "log").write_text("before\n")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        broker = new_broker(tmp_path / "folder", standard_config(
            listeners=[{"name": "mqtt", "bind": "127.0.0.1", "port": taken.getsockname()[1]}],
            log={"level": "info", "file": str(short / "log")}))
        broker.start(is_ready=False)
        broker.expect_exit(1)
    assert (short / "log").read_text() == "before\n"


# ---- who gets in ----

def as_nobody(path):
    """What another user's process reads from the socket, or the error's name."""
    script = ("import socket, sys\ns = socket.socket(socket.AF_UNIX)\n"
              "try:\n s.connect(sys.argv[1]); print(s.recv(4096).decode())\nexcept OSError as error:\n print(type(error).__name__)")
    done = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, user=NOBODY, group=NOBODY,
                          extra_groups=[], timeout=settings.LIMIT)
    return done.stdout


@root
def test_another_user_can_not_connect(start_broker, short):
    control = Control(start_broker(control={"path": str(short / "control")}))
    assert "PermissionError" in as_nobody(control.path)


@root
def test_another_user_is_turned_away_where_the_mode_was_changed(start_broker, short):
    broker = start_broker(control={"path": str(short / "control")})
    control = Control(broker)
    os.chmod(control.path, 0o666)
    assert "only the broker's own user and root" in as_nobody(control.path)
    broker.wait_for_log("another user's process was turned away")


# ---- what it takes ----

@pytest.mark.parametrize("request_", [
    b"garbage\n", b"\n", b"\x00\xff\xfe\n", b"[]\n", b"{}\n", b"null\n", b'{"version":1}\n', b'{"version":2,"command":"status"}\n',
    b'{"version":1,"command":"nothing"}\n', b'{"version":1,"command":["status"]}\n', b'{"version":1,"command":"kick"}\n',
    b'{"version":1,"command":"kick","client":7}\n', b'{"version":1,"command":"status","client":"x"}\n',
    b'{"version":1,"command":"subscriptions","topic":"a/#"}\n', b'{"version":1,"version":1,"command":"status"}\n',
    b"[" * 4000 + b"\n", b'{"a":' * 3000 + b"\n"], ids=lambda request: request[:40].decode("latin1"))
def test_nonsense_is_refused_and_the_next_request_answered(broker, request_):
    connection = Control(broker).open()
    connection.send(request_)
    refusal = connection.answer()[-1]
    assert not refusal["ok"] and len(refusal["errors"]) == 1
    assert connection.ask("status")[-1]["ok"]
    connection.close()


def test_requests_may_come_all_at_once_or_byte_by_byte(broker):
    connection = Control(broker).open()
    request = b'{"version":1,"command":"status"}\n'
    connection.send(request * 50)
    assert all(connection.answer()[-1]["ok"] for _ in range(50))
    for at in range(len(request)):
        connection.send(request[at:at + 1])
    assert connection.answer()[0]["type"] == "status"
    connection.socket.shutdown(socket.SHUT_WR)
    connection.expect_end()


def test_who_sends_and_shuts_its_side_is_answered(broker):
    connection = Control(broker).open()
    connection.send(b'{"version":1,"command":"plugins"}\n{"version":1,"command":"clients"}\n{"version":1,"comm')
    connection.socket.shutdown(socket.SHUT_WR)
    assert connection.answer()[-1]["ok"] and connection.answer()[-1]["ok"]
    connection.expect_end()


def test_the_longest_request_is_taken_and_a_longer_one_is_not(broker):
    connection = Control(broker).open()
    assert connection.ask("subscriptions", topic="\x01" * 65535)[-1]["ok"], "escaped, it is six times as long"
    connection.socket.setblocking(True)
    try:
        connection.send(b"x" * (1 << 20))
    except OSError:
        pass  # it has had enough
    refusal = connection.line()
    assert refusal is None or "longer than" in refusal["errors"][0]
    connection.expect_end()


def test_half_a_request_is_waited_for_only_so_long(impatient):
    control = Control(impatient)
    halves = [control.open() for _ in range(5)]
    for half in halves:
        half.send(b'{"version":1')
    for half in halves:
        half.expect_end()
    assert control.line("status")["workers"]


def test_who_does_not_read_is_dropped_and_costs_little(impatient):
    control = Control(impatient)
    client = impatient.connect("x" * 60000)
    client.subscribe(*[f"{'y' * 100}/{number}" for number in range(100)])
    before = resident(impatient)
    greedy = [control.open() for _ in range(4)]
    for each in greedy:
        each.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        each.send(b'{"version":1,"command":"subscriptions"}\n' * 50)  # 300 MB each, if it read
    for _ in range(20):
        client.ping()
        assert resident(impatient) - before < (80 << 20) * (4 if settings.IS_SANITIZED else 1)
    for each in greedy:
        each.expect_end()
    assert control.line("status")["workers"]


def test_a_thousand_connections_do_no_harm(impatient):
    control = Control(impatient)
    client = impatient.connect()
    connections = []
    for _ in range(1000):
        connections.append(control.open())
    client.ping()
    refused = [each.line() for each in connections[100:]]
    assert all(line is None or "too many" in line["errors"][0] for line in refused)
    for each in connections:
        each.expect_end()
    assert control.line("status")["connections"] == 1
    for each in connections:
        each.close()


def test_the_broker_ends_in_order_whoever_is_connected(start_broker):
    broker = start_broker()
    control = Control(broker)
    for number in range(200):
        broker.connect(f"c{number}", properties={"session_expiry_interval": 100})
    connections = [control.open() for _ in range(8)]
    for each in connections:
        each.send(b'{"version":1,"command":"sessions"}\n' * 40)
    broker.stop()
    for each in connections:
        each.expect_end()
