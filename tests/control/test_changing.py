"""Reload and rollback by graftctl, and clients that are to go."""

import os
import pathlib
import re
import signal
import socket

import pytest

from harness.broker import standard_config
from harness.client import lasting, unique
from harness.control import Control
from harness.plugins import compile_plugin, marking, overwrite

pytestmark = pytest.mark.ours("graftctl is ours")

MARKED = {"PUBLISH": ["mark:on_publish", "broker:on_publish"]}

# Counts the messages over all its versions, in the bytes that the broker keeps for it.
COUNTING = """
#include <graftmq/plugin.h>
#include <stdio.h>
GMQ_PLUGIN("count", VERSION);

static gmq_verdict on_publish(gmq_call *call, gmq_publish *packet)
{
    uint64_t count = 0;
    char text[64];
    (void)gmq_plugin_bytes(gmq_call_plugin(call), &count, sizeof(count));
    count++;
    (void)gmq_plugin_set_bytes(gmq_call_plugin(call), &count, sizeof(count));
    int length = snprintf(text, sizeof(text), VERSION " %u", (unsigned)count);
    (void)gmq_publish_add_user_property(call, packet, GMQ_VIEW("count"), gmq_view_make(text, (size_t)length));
    return GMQ_NEXT;
}
GMQ_HANDLER(PUBLISH, on_publish);
"""


def seen(client, topic):
    client.publish(topic, b"x", 1)
    return [value for _, value in client.expect_publish(topic, b"x", 1).all("user_property")]


@pytest.fixture
def mark(tmp_path):
    return compile_plugin(tmp_path / "mark.so", marking("1"))


@pytest.fixture
def marked(start_broker, mark):
    return start_broker(plugins={**standard_config()["plugins"], "mark": {"path": str(mark)}}, routes=MARKED)


@pytest.fixture
def control(marked):
    return Control(marked)


@pytest.fixture
def client(marked, topic):
    client = marked.connect()
    client.subscribe((topic, 1))
    return client


def test_a_reload_waits_and_says_what_changed(marked, control, client, topic, mark):
    compile_plugin(mark, marking("2"))
    done = control.run("reload")
    assert re.fullmatch(r"generation 2 serves: plugins: mark 1 -> 2 \([0-9a-f]{8}\) \(took \d+ ms\)\n", done.stdout)
    assert seen(client, topic) == ["2"]
    answer = control.line("reload")
    assert answer["ok"] and answer["changed"] == "nothing changed" and answer["generation"] == 3


def test_a_refused_reload_prints_every_error(marked, control, client, topic):
    marked.write_config({**marked.config, "plugins": {**marked.config["plugins"], "gone": {"path": "/nowhere.so"}},
                         "routes": {"PUBLISH": ["mark:on_publsh", "broker:on_publish"]}, "workres": 1})
    done = control.run("reload", code=1)
    for part in ("/nowhere.so", "on_publsh", 'did you mean "on_publish"', "workres", "generation 1 serves on"):
        assert part in done.stderr, part
    assert not done.stdout
    answer = control.line("reload", code=1)
    assert not answer["ok"] and len(answer["errors"]) == 3 and answer["changed"] is None
    assert seen(client, topic) == ["1"]


def test_a_warning_does_not_refuse(marked, control):
    marked.write_config({**marked.config, "listeners": [{**marked.config["listeners"][0], "mode": "0600"}]})
    answer = control.line("reload")
    assert answer["ok"] and any("no effect" in line for line in answer["warnings"])


def test_everybody_who_asks_for_a_reload_is_answered(marked, control, client, topic, mark):
    compile_plugin(mark, marking("2"))
    connections = [control.open() for _ in range(10)]
    for connection in connections:
        connection.send({"version": 1, "command": "reload"})
    marked.process.send_signal(signal.SIGHUP)
    answers = [connection.answer()[-1] for connection in connections]
    assert all(answer["ok"] for answer in answers)
    assert seen(client, topic) == ["2"]


def test_who_leaves_while_it_reloads_is_not_missed(marked, control, mark):
    for version in range(2, 7):
        compile_plugin(mark, marking(str(version)))
        connection = control.open()
        connection.send({"version": 1, "command": "reload"})
        connection.close()
    assert control.line("reload")["ok"]
    assert [line["version"] for line in control.lines("plugins") if line["plugin"] == "mark"] == ["6"]


# ---- rollback ----

def test_a_rollback_needs_something_to_go_back_to(marked, control):
    assert "no earlier generation" in control.run("rollback", code=1).stderr
    control.run("reload")
    assert "no earlier generation" in control.run("rollback", code=1).stderr, "nothing has changed yet"


def test_a_rollback_brings_code_back_that_was_overwritten(marked, control, client, topic, mark, tmp_path):
    before = {line["plugin"]: line for line in control.lines("plugins")}["mark"]
    compile_plugin(tmp_path / "next.so", marking("2"))
    overwrite(mark, (tmp_path / "next.so").read_bytes())
    control.run("reload")
    assert seen(client, topic) == ["2"]
    done = control.run("rollback")
    assert "generation 3 serves: plugins: mark 2 -> 1" in done.stdout and "brought back from generation 1" in done.stdout
    assert seen(client, topic) == ["1"]
    after = {line["plugin"]: line for line in control.lines("plugins")}["mark"]
    assert (after["content"], after["build_id"]) == (before["content"], before["build_id"]) and after["generation"] == 3


def test_a_rollback_brings_code_back_whose_file_is_gone(marked, control, client, topic, mark, tmp_path):
    other = compile_plugin(tmp_path / "other.so", marking("2"))
    marked.config["plugins"]["mark"]["path"] = str(other)
    marked.write_config()
    control.run("reload")
    mark.unlink()
    assert seen(client, topic) == ["2"]
    control.run("rollback")
    assert seen(client, topic) == ["1"]
    other.unlink()
    control.run("rollback")
    assert seen(client, topic) == ["2"]


def test_a_rollback_brings_the_configuration_back_as_it_was_read(marked, control, topic):
    marked.expect_reload({**marked.config, "listeners": marked.config["listeners"] + [
        {"name": "second", "bind": "127.0.0.1", "port": 0}], "limits": {"topic_levels": 3}})
    marked.file.write_text("by now this is no JSON")
    done = control.run("rollback")
    assert "listeners: -second" in done.stdout and "topic_levels 3 -> 128" in done.stdout
    assert [each["name"] for each in control.line("status")["listeners"]] == ["mqtt"]
    client = marked.connect()
    client.subscribe("a/b/c/d/e")


def test_a_rollback_of_a_rollback_goes_forth_again(marked, control, client, topic, mark):
    compile_plugin(mark, marking("2"))
    control.run("reload")
    for expected in ("1", "2", "1", "2"):
        control.run("rollback")
        assert seen(client, topic) == [expected]


def test_a_reload_that_changes_nothing_leaves_what_can_be_brought_back(marked, control, client, topic, mark):
    compile_plugin(mark, marking("2"))
    for _ in range(3):
        control.run("reload")
    control.run("rollback")
    assert seen(client, topic) == ["1"]


def test_a_refused_reload_leaves_what_can_be_brought_back(marked, control, client, topic, mark):
    compile_plugin(mark, marking("2"))
    control.run("reload")
    overwrite(mark, b"no plugin")
    control.run("reload", code=1)
    control.run("rollback")
    assert seen(client, topic) == ["1"]


def test_after_a_rollback_it_is_said_that_the_file_does_not_count(marked, control, client, topic, mark):
    compile_plugin(mark, marking("2"))
    control.run("reload")
    at = marked.mark()
    control.run("rollback")
    marked.wait_for_log(r"warning broker: generation 1 was brought back: what serves was not read from", at)
    status = control.line("status")
    assert status["recalled"] == 1 and status["rollback_to"] == 2
    assert "brought back from generation 1" in control.run("status").stdout
    at = marked.mark()
    marked.process.send_signal(signal.SIGHUP)
    marked.wait_for_log("generation 4 serves: plugins: mark 1 -> 2", at)
    assert seen(client, topic) == ["2"]
    assert control.line("status")["recalled"] is None


def test_a_rollback_that_can_not_be_is_refused_and_all_serves_on(marked, control, client, topic, mark):
    first = marked.config["listeners"][0]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    marked.expect_reload({**marked.config, "listeners": [first, {"name": "old", "bind": "127.0.0.1", "port": port}]})
    compile_plugin(mark, marking("2"))
    at = marked.mark()
    marked.expect_reload({**marked.config, "listeners": [first]})
    marked.wait_for_log("listener old: closed", at)
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", port))
        taken.listen()
        done = control.run("rollback", code=1)
        assert f"127.0.0.1:{port}" in done.stderr and "rollback refused: generation 3 serves on" in done.stderr
        assert seen(client, topic) == ["2"]
    control.run("rollback")
    assert seen(client, topic) == ["1"]


def test_sessions_and_messages_do_not_notice_a_rollback(marked, control, mark, topic):
    compile_plugin(mark, marking("2"))
    control.run("reload")
    name = unique("session")
    away = marked.connect(name, **lasting(5))
    away.subscribe((topic, 2))
    away.disconnect()
    publisher = marked.connect()
    publisher.publish(topic, b"before", 2)
    control.run("rollback")
    publisher.publish(topic, b"after", 2)
    back = marked.connect(name, **lasting(5))
    back.expect_publish(topic, b"before", 2)
    back.expect_publish(topic, b"after", 2)


def test_what_a_plugin_keeps_goes_with_a_rollback(start_broker, tmp_path, topic):
    path = compile_plugin(tmp_path / "count.so", COUNTING, flags=['-DVERSION="1"'])
    broker = start_broker(plugins={**standard_config()["plugins"], "count": {"path": str(path)}},
                          routes={"PUBLISH": ["count:on_publish", "broker:on_publish"]})
    control = Control(broker)
    client = broker.connect()
    client.subscribe((topic, 1))
    assert seen(client, topic) == ["1 1"]
    compile_plugin(path, COUNTING, flags=['-DVERSION="2"'])
    control.run("reload")
    assert seen(client, topic) == ["2 2"]
    control.run("rollback")
    assert seen(client, topic) == ["1 3"]


def test_many_rollbacks_leave_nothing_behind(marked, control, mark):
    compile_plugin(mark, marking("2"))
    control.run("reload")
    folder = pathlib.Path(control.path).parent
    connection = control.open()

    def rest():
        generation = connection.ask("rollback")[-1]["generation"]
        marked.wait_for_log(rf"generation {generation - 1} is gone")
        return (len(list(folder.iterdir())), len(os.listdir(f"/proc/{marked.process.pid}/fd")),
                pathlib.Path(f"/proc/{marked.process.pid}/maps").read_text().count(".so"))

    rest()
    before = rest()
    for _ in range(6):
        assert rest() == before
    connection.close()


# ---- kick ----

def test_a_kicked_client_is_told_and_its_session_stays(marked, control, version, topic):
    name = unique("kicked")
    client = marked.connect(name, version=version, **lasting(version))
    client.subscribe(topic)
    control.run("kick", name)
    if version == 5:
        client.expect_end(0x98)
    else:
        client.expect_closed()
    assert control.lines("clients", name) == []
    assert control.line("sessions", name)["subscriptions"] == 1
    assert "no client of this name" in control.run("kick", name, code=1).stderr
