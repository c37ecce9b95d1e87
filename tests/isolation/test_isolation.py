"""A plugin in a process of its own: whatever it does to that, the broker serves on, says what happened, and starts it again."""

import os
import pathlib
import re
import shutil
import signal
import time

import pytest

from harness import packet as mqtt
from harness import settings
from harness.broker import standard_config
from harness.client import unique
from harness.plugins import compile_plugin
from harness.settings import LIMIT

HERE = pathlib.Path(__file__).resolve().parent
HANG_MS = 3000 if settings.IS_SANITIZED else 1000

ENDS = {
    "crash": r"was ended by signal 11 \(Segmentation fault\)",
    "abort": r"was ended by signal 6 \(Aborted\)",
    "exit": r"ended with exit code 3",
    "kill": r"was ended by signal 9 \(Killed\)",
    "hang": rf"hangs: it has not answered for \d+ ms \(isolate.hang_ms is {HANG_MS}\): it is killed",
    "deadlock": r"hangs: it has not answered for \d+ ms",
    "overflow": r"was ended by signal 11 \(Segmentation fault\)",
    "babble": r"(its process sent what is no |has closed a channel, or spoiled it: it is killed)",
    "close": r"has closed a channel, or spoiled it: it is killed",
}
if settings.IS_SANITIZED:  # which has a word before it ends the process
    ENDS["crash"] = r"ended with exit code 66"
    ENDS["overflow"] = r"(ended with exit code 66|hangs)"  # it has many words before this one


def children(broker, alive=True):
    """The processes of its plugins."""
    found = []
    for status in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            text = status.read_text()
            command = (status.parent / "cmdline").read_bytes()
        except OSError:
            continue
        state, parent = text.rpartition(")")[2].split()[:2]
        is_ours = int(parent) == broker.process.pid and (b"plugin-host" in command or state == "Z")
        if is_ours and (state != "Z" or not alive):
            found.append(int(status.parent.name))
    return found


def wait_until(claim, what, limit=LIMIT):
    deadline = time.monotonic() + limit
    while not claim():
        assert time.monotonic() < deadline, f"not within {limit:g} s: {what}"
        time.sleep(0.01)


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """Compiles a plugin of this folder once: made("wild", "2") is the version 2 of wild.c."""
    folder, plugins = tmp_path_factory.mktemp("made"), {}

    def make(name, version="1"):
        if (name, version) not in plugins:
            plugins[name, version] = compile_plugin(
                folder / f"{name}-{version}.so", HERE / f"{name}.c",
                flags=["-Wno-infinite-recursion", "-Wno-format-truncation", f'-DVERSION="{version}"'])
        return plugins[name, version]
    return make


@pytest.fixture
def start_wild(start_broker, tmp_path, made):
    """A broker whose messages below "wild/" pass the wild plugin; `on_fault` as configured."""
    path = shutil.copy(made("wild"), tmp_path / "wild.so")

    def start(on_fault=None, isolate=None, **more):
        entry = {"handler": "wild:on_publish", "topics": ["wild/#"]}
        if on_fault is not None:
            entry["on_fault"] = on_fault
        plugins = {**standard_config()["plugins"],
                   "wild": {"path": str(path), "isolate": {"hang_ms": HANG_MS} if isolate is None else isolate}}
        broker = start_broker(plugins=plugins, routes={"PUBLISH": [entry, "broker:on_publish"]}, **more)
        # What a sanitizer says of the plugin's process is what the test wants; the broker's own it would end by.
        broker.check_log = lambda: None
        return broker
    return start


def is_back(client, topic):
    """The plugin has a message, sooner or later: True at the first that it marked."""
    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline:
        if client.publish(topic, b"well?", 1) == 0:
            packet = client.take(mqtt.PUBLISH)
            client.acknowledge(packet)
            if packet.all("user_property"):
                return True
    return False


# ---- whatever it does ----

@pytest.mark.parametrize("act", [each if each in ("crash", "hang", "babble", "exit")
                                 else pytest.param(each, marks=pytest.mark.slow) for each in ENDS])
def test_a_process_that_ends_is_told_and_started_again(start_wild, act):
    broker = start_wild()
    client, bystander = broker.connect(), broker.connect()
    client.subscribe(("wild/#", 1))
    bystander.subscribe("still/here")
    assert client.publish("wild/x", b"first", 1) == 0
    client.expect_publish("wild/x", b"first", 1, user_property=("version", "1"))
    mark = broker.mark()

    client.send(mqtt.publish("wild/x", act.encode(), 1, packet_identifier=77))

    bystander.publish("still/here", b"yes")  # while the other is still waiting
    bystander.expect_publish("still/here", b"yes")
    answer = client.take(mqtt.PUBACK)
    if act not in ("babble", "close"):  # these may have been answered before they are found out
        assert answer.reason == 0x83
        assert client.inbox == type(client.inbox)()
    broker.wait_for_log(rf"error   plugin wild: .*{ENDS[act]}", mark)
    match = broker.wait_for_log(r"plugin wild: process \d+ .*: (\d+) calls? had no answer yet; it is started again in 100 ms",
                                mark)
    if act not in ("babble", "close"):
        assert match[1] == "1"
    broker.wait_for_log(r"plugin wild: process \d+ serves in its stead", mark)
    assert is_back(client, "wild/x")
    assert len(children(broker, alive=False)) == 1
    bystander.ping()


@pytest.mark.parametrize("on_fault", ["next", "reject", "close"])
def test_its_calls_are_answered_as_on_fault_says(start_wild, on_fault):
    broker = start_wild(on_fault)
    client, reader = broker.connect(), broker.connect()
    reader.subscribe(("wild/#", 1))
    client.send(mqtt.publish("wild/x", b"crash", 1, packet_identifier=7))
    if on_fault == "next":  # it is as if there had been no handler
        assert client.take(mqtt.PUBACK).reason == 0
        assert reader.expect_publish("wild/x", b"crash", 1).all("user_property") == []
    elif on_fault == "reject":
        assert client.take(mqtt.PUBACK).reason == 0x83
    else:
        client.expect_end(0x83)
        client = broker.connect()
    reader.expect_nothing(client)


@pytest.mark.slow
@pytest.mark.parametrize("on_fault, reason", [("next", 0), ("reject", 0x83)])
def test_while_there_is_no_process_calls_are_answered_at_once(start_wild, on_fault, reason):
    broker = start_wild(on_fault)
    client = broker.connect()
    client.subscribe(("wild/#", 0))
    for wait_ms in (100, 200, 400, 800):  # it backs off
        mark = broker.mark()
        wait_until(lambda: len(children(broker)) == 1, "a process")
        wait_until(lambda: client.publish("wild/x", b"crash", 1) in (0, 0x83) and
                   any("had no answer yet" in line for line in broker.lines[mark:]), "the end of the process")
        broker.wait_for_log(rf"it is started again in {wait_ms} ms", mark)
        assert client.publish("wild/x", b"x", 1) == reason
        broker.wait_for_log("serves in its stead", mark)


def test_a_hang_holds_up_nobody_but_who_sent_the_packet(start_wild):
    broker = start_wild()
    hung, other = broker.connect(), broker.connect()
    other.subscribe(("#", 2))
    hung.send(mqtt.publish("wild/x", b"hang", 1, packet_identifier=1))
    hung.send(mqtt.publish("later", b"kept in order", 1, packet_identifier=2))
    for i in range(200):
        other.publish("plain", str(i), 2)
        other.expect_publish("plain", str(i), 2)
    assert hung.take(mqtt.PUBACK).reason == 0x83
    second = hung.take(mqtt.PUBACK)
    assert second.packet_identifier == 2 and second.reason == 0
    other.expect_publish("later", b"kept in order", 1)


def test_order_holds_over_isolated_and_plain_messages(start_wild):
    broker = start_wild()
    client, reader = broker.connect(), broker.connect()
    reader.subscribe(("#", 2))
    for i in range(500):
        topic = "wild/x" if i % 3 else "plain"
        client.send(mqtt.publish(topic, str(i).encode(), i % 2, packet_identifier=i + 1 if i % 2 else None))
    for i in range(500):
        reader.expect_publish("wild/x" if i % 3 else "plain", str(i), i % 2)


@pytest.mark.slow
def test_crash_after_crash_leaves_nothing(start_wild):
    broker = start_wild(isolate={"hang_ms": HANG_MS, "processes": 2})
    client = broker.connect()
    client.subscribe(("wild/#", 0))
    descriptors = pathlib.Path(f"/proc/{broker.process.pid}/fd")
    processes = len(children(broker))
    wait_until(lambda: client.publish("wild/x", b"x", 1) == 0, "a first answer")
    before = len(list(descriptors.iterdir()))
    for _ in range(4):
        mark = broker.mark()
        client.publish("wild/x", b"kill", 1)
        broker.wait_for_log("serves in its stead", mark)
        # It is told a moment before each worker has it.
        wait_until(lambda: client.publish("wild/x", b"x", 1) == 0, "an answer of the new process")
    wait_until(lambda: client.publish("wild/x", b"x", 1) == 0, "an answer")
    assert len(list(descriptors.iterdir())) == before
    assert len(children(broker, alive=False)) == processes


# ---- loaded, replaced, ended ----

def test_a_new_version_takes_over_and_the_old_process_ends(start_wild, tmp_path, made):
    broker = start_wild()
    client = broker.connect()
    client.subscribe(("wild/#", 1))
    for version in ("2", "3"):
        old = children(broker)
        shutil.copy(made("wild", version), tmp_path / "wild.so")
        mark = broker.mark()
        broker.expect_reload()
        client.publish("wild/x", b"x", 1)
        client.expect_publish("wild/x", b"x", 1, user_property=("version", version))
        broker.wait_for_log(r"generation \d+ is gone", mark)
        wait_until(lambda: len(children(broker, alive=False)) == 1, "one process is left")
        assert children(broker) != old
    mark = broker.mark()
    old = children(broker)
    broker.expect_reload()  # nothing has changed
    broker.wait_for_log(r"generation \d+ is gone", mark)
    assert children(broker) == old


def test_isolation_can_be_changed_by_a_reload(start_wild):
    broker = start_wild(isolate=False)
    client = broker.connect()
    client.subscribe(("wild/#", 1))
    for isolate, count in ((True, 1), ({"processes": 2}, min(2, broker.config["workers"])), (False, 0), (True, 1)):
        broker.config["plugins"]["wild"]["isolate"] = isolate
        mark = broker.mark()
        broker.expect_reload()
        broker.wait_for_log(r"generation \d+ is gone", mark)
        assert len(children(broker)) == count
        client.publish("wild/x", b"x", 1)
        client.expect_publish("wild/x", b"x", 1, user_property=("version", "1"))
        assert (b"wild" in pathlib.Path(f"/proc/{broker.process.pid}/maps").read_bytes()) == (not isolate)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("state", ["idle", "hang"])
def test_no_process_outlives_the_broker(start_wild, how, state):
    broker = start_wild(isolate={"hang_ms": 1000})
    client = broker.connect()
    if state == "hang":
        client.send(mqtt.publish("wild/x", b"hang", 0))
    left = children(broker)
    assert left
    broker.is_expected_to_run = False
    broker.process.send_signal(how)
    broker.process.wait(LIMIT)
    wait_until(lambda: not any(pathlib.Path(f"/proc/{each}").exists() for each in left), "its processes are gone")


def test_a_handler_of_it_cannot_be_outgoing(start_wild):
    broker = start_wild()
    broker.config["outgoing"] = {"PUBLISH": "wild:on_outgoing"}
    broker.expect_refusal(r'outgoing.PUBLISH.*: plugin "wild" is isolated, and an outgoing PUBLISH can\'t wait for another '
                          r'process; move "on_outgoing" to "routes", or remove "isolate" from the plugin')
    assert len(children(broker, alive=False)) == 1


@pytest.mark.parametrize("load, says", [
    ("abort();", r"crashed with SIGABRT"),
    pytest.param("for (;;) ;", r"crashed|did not|within|limits.preflight_ms", marks=pytest.mark.slow),
    ("return GMQ_ERROR_SYSTEM;", r"refuses to be loaded: its load function answered GMQ_ERROR_SYSTEM")])
def test_one_that_cannot_be_loaded_is_refused(start_wild, tmp_path, load, says):
    broker = start_wild(limits={"preflight_ms": 3000 if settings.IS_SANITIZED else 1000})
    path = compile_plugin(tmp_path / "bad.so", f"""
#include <graftmq/plugin.h>
#include <stdlib.h>
static gmq_status on_load(gmq_plugin *plugin) {{ (void)plugin; {load} return GMQ_OK; }}
GMQ_PLUGIN_WITH("bad", "1", on_load, NULL);
""")
    broker.config["plugins"]["bad"] = {"path": str(path), "isolate": True}
    broker.expect_refusal(rf'plugins.bad.*{says}')
    assert len(children(broker, alive=False)) == 1
    broker.connect().ping()


# ---- everything that a plugin may use ----

@pytest.fixture
def every(start_broker, made):
    path = made("every")
    entry = {"handler": "every:on_publish", "topics": ["do/#"], "args": {"say": {"it": "this"}}}
    names = ["start", "worker_start", "worker_stop", "open", "close", "session_end", "tick", "reload"]
    return start_broker(
        plugins={**standard_config()["plugins"],
                 "every": {"path": str(path), "isolate": True, "settings": {"set": "that"}}},
        listeners=[{"name": "mqtt", "bind": "127.0.0.1", "port": 0}, {"name": "banned", "bind": "127.0.0.1", "port": 0}],
        routes={"PUBLISH": [entry, "broker:on_publish"], "SUBSCRIBE": ["every:on_subscribe", "broker:on_subscribe"]},
        callbacks={name: f"every:on_{name}" for name in names})


def told(broker, what):
    reader = broker.connect()
    reader.subscribe((f"told/{what}", 1))
    return reader


def hears(reader, pattern):
    packet = reader.take(mqtt.PUBLISH)
    reader.acknowledge(packet)
    assert re.fullmatch(pattern, packet.payload.decode()), packet
    return packet


def test_it_knows_its_client_arguments_and_settings(every):
    reader = told(every, "facts")
    client = every.connect(unique("me"), username="ada")
    host, port = client.socket.getsockname()
    assert client.publish("do/facts", b"", 1) in (0, 0x10)
    hears(reader, rf"{client.client_identifier} ada 5 mqtt {host}:{port} 1 this that \d/{every.config['workers']}")


@pytest.mark.parametrize("what, pattern", [("timer", r"worker \d"), ("watch", "4 bytes, events 1"), ("job", "42")])
def test_timers_watches_and_jobs_run_in_its_process(every, what, pattern):
    reader, client = told(every, what), every.connect()
    assert client.publish(f"do/{what}", b"", 1) in (0, 0x10)
    hears(reader, pattern)


def test_functions_are_posted_to_each_worker(every):
    reader, client = told(every, "post"), every.connect()
    assert client.publish("do/post", b"", 1) in (0, 0x10)
    heard = {hears(reader, r"worker \d").payload for _ in range(every.config["workers"])}
    assert len(heard) == every.config["workers"]


def test_functions_are_posted_to_a_client_wherever_it_is(every):
    reader, client = told(every, "post_to_client"), every.connect()
    for _ in range(4):
        other = every.connect(unique("other"))
        assert client.publish("do/post_to_client", other.client_identifier, 1) in (0, 0x10)
        other.expect_publish("sent", b"to you", 1)
        hears(reader, rf"{other.client_identifier} 0 data")
    assert client.publish("do/post_to_client", b"nobody-of-this-name", 1) in (0, 0x10)
    hears(reader, r"nobody 4 data")


def test_it_disconnects_a_client(every):
    client, victim = every.connect(), every.connect(unique("victim"))
    assert client.publish("do/disconnect", victim.client_identifier, 1) in (0, 0x10)
    victim.expect_end(0x98)


def test_bytes_of_client_and_session_are_kept(every):
    reader, ends, name = told(every, "bytes"), told(every, "close"), unique("keeper")
    for round_number in range(2):
        client = every.connect(name, clean=False, properties=[("session_expiry_interval", 100)])
        for count in range(3):
            assert client.publish("do/bytes", b"", 1) in (0, 0x10)
            kept = count + 3 * round_number if round_number == 0 else len("set at the end") + count
            hears(reader, rf"{count} {kept}")
        client.disconnect()
        hears(ends, rf"{name} 3")  # an event is told, and not waited for


def test_verdicts_that_come_later(every):
    client, reader = every.connect(), every.connect()
    reader.subscribe(("do/#", 1))
    for qos in (0, 1, 2):
        assert client.publish("do/defer", b"x", qos) == 0
        reader.expect_publish("do/defer", b"x", min(qos, 1))
        assert client.publish("do/continue", b"x", qos) == 0
        reader.expect_publish("do/continue", b"changed later", min(qos, 1), user_property=("continued", "yes"))
    assert client.publish("do/never", b"x", 1) >= 0x80
    every.wait_for_log("the deferred PUBLISH was not resumed by plugin every within its time limit")
    reader.expect_nothing(client)


def test_refusals_and_what_is_no_verdict(every):
    client = every.connect()
    client.send(mqtt.publish("do/reject", b"x", 1, packet_identifier=1))
    answer = client.take(mqtt.PUBACK)
    assert answer.reason == 0x97 and answer.get("reason_string") == "enough"
    assert client.subscribe(("secret/#", 0), ("open/#", 2)) == [0x87, 1]
    client.send(mqtt.publish("do/close", b"x", 0))
    client.expect_end(0x98)
    client = every.connect()
    client.send(mqtt.publish("do/nonsense", b"x", 0))
    client.expect_end(0x83)


def test_events_are_told(every):
    workers = every.config["workers"]
    every.wait_for_log("plugin every: start on worker 0")
    for worker in range(workers):
        every.wait_for_log(f"plugin every: worker {worker} starts")
    reader = told(every, "#")
    tick = r"worker \d"

    def expect(topic, pattern):
        while True:
            packet = reader.take(mqtt.PUBLISH)
            reader.acknowledge(packet)
            if packet.topic == topic:
                assert re.fullmatch(pattern, packet.payload.decode()), packet
                return
    expect("told/tick", tick)
    name = unique("goes")
    client = every.connect(name)
    client.publish("do/bytes", b"", 1)
    client.disconnect()
    expect("told/close", rf"{name} 1")
    expect("told/session_end", rf"{name} .*")
    every.open(listener="banned").expect_closed()
    mark = every.mark()
    every.expect_reload()
    expect("told/reload", "worker 0")
    every.config["plugins"]["every"]["settings"]["set"] = "another"
    every.expect_reload()
    for worker in range(workers):
        every.wait_for_log(f"plugin every: worker {worker} stops", mark)
    every.wait_for_log("plugin every: unloaded", mark)
    every.wait_for_log("plugin every: loaded for the 2. time", mark)


def test_a_restarted_process_is_told_to_start(every):
    every.wait_for_log("plugin every: start on worker 0")
    mark = every.mark()
    os.kill(children(every)[0], signal.SIGKILL)
    every.wait_for_log("plugin every: loaded for the 2. time", mark)
    every.wait_for_log("plugin every: start on worker 0", mark)
    for worker in range(every.config["workers"]):
        every.wait_for_log(f"plugin every: worker {worker} starts", mark)


# ---- the standard plugin ----

def test_even_the_standard_plugin_may_crash(start_broker, version):
    broker = start_broker(plugins={"broker": {"path": str(settings.PLUGINS / "broker.so"), "isolate": True}})
    client, reader = broker.connect(version=version), broker.connect(version=version)
    for _ in range(2):
        reader.subscribe(("a/#", 2))
        for qos in (0, 1, 2):
            client.publish("a/b", str(qos), qos)
            reader.expect_publish("a/b", str(qos), qos)
        mark = broker.mark()
        os.kill(children(broker)[0], signal.SIGKILL)
        broker.wait_for_log("serves in its stead", mark)
        wait_until(lambda: broker.connect(version=version).ping() is None, "a new client")
    client.disconnect()
