"""What a plugin keeps moves to its next version and back, through bytes whose layout has a number. A version that can't read what is
kept, with the plugin, with a client or with a session, is refused in preflight. tests/plugins/tally is the example."""

import re
import threading

import pytest

from harness.client import lasting, unique
from harness.plugins import compile_plugin
from harness.settings import REPOSITORY

from test_swap import plugins

SOURCE = REPOSITORY / "tests" / "plugins" / "tally" / "tally.c"
ROUTES = {"PUBLISH": ["tally:on_publish", "broker:on_publish"]}


@pytest.fixture
def tally(start_broker, tmp_path):
    return Tally(start_broker, tmp_path)


class Tally:
    """A broker with version 1.0 of the plugin."""

    def __init__(self, start_broker, folder):
        self.paths = {version: compile_plugin(folder / f"tally-{version}.so", SOURCE, flags=[f"-DVERSION={version.replace('.', '')}"])
                      for version in ("1.0", "1.1", "2.0")}
        self.broker = start_broker(plugins=plugins(tally=self.paths["1.0"]), routes=ROUTES)

    def configured(self, version):
        return {**self.broker.config, "plugins": plugins(tally=self.paths[version])}

    def load(self, version):
        self.broker.expect_reload(self.configured(version))

    def refuses(self, version, pattern):
        good = self.broker.config
        text = self.broker.expect_refusal(config=self.configured(version))
        self.broker.config = good
        errors = [line for line in text.splitlines() if "Z error" in line and "reload refused" not in line]
        assert len(errors) == 1, text
        place = rf'graftmq\.json:\d+:\d+: plugins\.tally: plugin "tally" \({re.escape(str(self.paths[version]))}\) '
        assert re.search(place + pattern, errors[0]), errors[0]

    def client(self, name=None):
        client = self.broker.connect(name or unique(), **lasting(5))
        client.subscribe((client.client_identifier, 1))
        return client


def count(client, payload=b"12345"):
    """What a message of the client is told: the counts of client, session and plugin, and the layout the session's were in."""
    topic = client.client_identifier
    client.publish(topic, payload, 1)
    told = dict(client.expect_publish(topic, payload, 1).all("user_property"))
    return {name: told[name] for name in told if name != "plugin"}


def both(messages, of_bytes, layout):
    text = f"{messages} {of_bytes}"
    return {"client": text, "session": text, "layout": str(layout)}


def test_bytes_move_to_the_next_layout_and_back(tally):
    client = tally.client()
    assert count(client) == both(1, 5, 0)
    assert count(client) == both(2, 5, 1), "layout 1 knows no bytes"
    tally.load("2.0")
    assert count(client) == both(3, 5, 1), "the new version reads the old one's"
    assert count(client) == both(4, 10, 2)
    tally.load("1.1")
    assert count(client) == both(5, 15, 2), "and the old one the new one's"
    assert count(client) == both(6, 5, 1)
    tally.load("2.0")
    assert count(client) == both(7, 5, 1)


def test_the_plugin_s_own_bytes_move(tally):
    client = tally.client()
    topic = client.client_identifier
    for number, (version, of_bytes) in enumerate([("1.0", 1), ("2.0", 1), ("1.1", 2), ("2.0", 1)], start=1):
        tally.load(version)
        client.publish(topic, b"x", 1)
        told = dict(client.expect_publish(topic, b"x", 1).all("user_property"))
        assert told["plugin"] == f"{number} {of_bytes}"


def test_a_version_that_cannot_read_what_is_kept_is_refused(tally):
    client = tally.client()
    tally.load("2.0")
    count(client)
    tally.refuses("1.0", r"can't read the bytes that are kept in layout 2 \(own bytes: 16, clients with some: 1, sessions: 1\): it "
                         r"reads 1 to 1; load a version whose GMQ_BYTES has that layout, or give the plugin another name")
    assert count(client)["session"] == "2 10", "version 2.0 serves on"


def test_bytes_of_a_session_count_while_its_client_is_away(tally):
    """And when the last of them has been written anew, or is gone, the old version is taken again."""
    present, away = tally.client(), tally.client()
    tally.load("2.0")
    count(present)
    count(away)
    away.disconnect()
    tally.load("1.1")
    count(present)  # its bytes, and the plugin's own, are in layout 1 now
    tally.refuses("1.0", r"can't read the bytes that are kept in layout 2 \(own bytes: 0, clients with some: 0, sessions: 1\)")
    back = tally.client(away.client_identifier)
    assert count(back) == {"client": "1 5", "session": "2 10", "layout": "2"}
    tally.load("1.0")
    assert count(back)["session"] == "3 5"
    assert count(present)["layout"] == "1"


def test_bytes_end_with_their_session(tally):
    present, gone = tally.client(), tally.client()
    tally.load("2.0")
    count(gone)
    gone.disconnect()
    tally.load("1.1")
    count(present)
    tally.refuses("1.0", r"can't read .*layout 2 \(own bytes: 0, clients with some: 0, sessions: 1\)")
    tally.broker.connect(gone.client_identifier, clean=True).disconnect()
    tally.load("1.0")
    assert count(present)["session"] == "2 5"


def test_under_another_name_nothing_is_kept(tally):
    client = tally.client()
    tally.load("2.0")
    count(client)
    routes = {"PUBLISH": ["fresh:on_publish", "broker:on_publish"]}
    tally.broker.expect_reload({**tally.broker.config, "plugins": plugins(fresh=tally.paths["1.0"]), "routes": routes})
    assert count(client) == both(1, 5, 0)


def test_a_version_without_layouts_reads_only_its_like(start_broker, tmp_path):
    plain = compile_plugin(tmp_path / "plain.so", """
#include <graftmq/plugin.h>
GMQ_PLUGIN("tally", "0.9");
static gmq_verdict on_publish(gmq_call *call, gmq_publish *packet)
{
    (void)packet;
    (void)gmq_session_set_bytes(call, gmq_call_client(call), GMQ_VIEW("1"));
    return GMQ_NEXT;
}
GMQ_HANDLER(PUBLISH, on_publish);
""")
    tally = Tally(start_broker, tmp_path)
    client = tally.client()
    tally.paths["0.9"] = plain
    count(client)
    tally.refuses("0.9", r"can't read the bytes that are kept in layout 1 \(.*\): it reads 0 to 0")
    other = tally.broker
    tally.broker = start_broker(plugins=plugins(tally=plain), routes=ROUTES)
    client = tally.client()
    client.publish(client.client_identifier, b"x", 1)
    client.expect_publish(client.client_identifier, b"x", 1)
    tally.refuses("1.0", r"can't read the bytes that are kept in layout 0 \(own bytes: 0, .* sessions: 1\): it reads 1 to 1")
    other.check()


def test_a_version_that_cannot_read_its_own_is_refused(tally, tmp_path):
    tally.paths["broken"] = compile_plugin(tmp_path / "broken.so", """
#include <graftmq/plugin.h>
GMQ_PLUGIN("tally", "3");
GMQ_BYTES(3, 1, 2);
static gmq_verdict on_publish(gmq_call *call, gmq_publish *packet)
{
    (void)call;
    (void)packet;
    return GMQ_NEXT;
}
GMQ_HANDLER(PUBLISH, on_publish);
""")
    tally.refuses("broken", "can't read the bytes that it writes itself; correct its GMQ_BYTES line")


class Counting(threading.Thread):
    """A client that publishes without a pause and is told its session's count, which must go up by one with each message."""

    def __init__(self, tally):
        super().__init__(daemon=True)
        self.client = tally.client()
        self.is_over = threading.Event()
        self.sent = 0
        self.problem = None

    def run(self):
        try:
            while not self.is_over.is_set():
                self.sent += 1
                got = count(self.client)
                for name in ("client", "session"):
                    assert got[name].split()[0] == str(self.sent), (name, got, self.sent)
        except Exception as problem:  # told in the test's own thread
            self.problem = f"{type(problem).__name__}: {problem}"


def test_under_traffic_no_count_is_lost_or_doubled(tally):
    clients = [Counting(tally) for _ in range(6)]
    for client in clients:
        client.start()
    for _ in range(5):
        for version in ("2.0", "1.1"):
            sent = [client.sent for client in clients]
            tally.load(version)
            for client, before in zip(clients, sent):
                while client.sent < before + 3 and client.problem is None:
                    client.is_over.wait(0.001)  # each version handles some of each client's
    for client in clients:
        client.is_over.set()
    for client in clients:
        client.join()
        assert client.problem is None
        assert client.sent >= 30
