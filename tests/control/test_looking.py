"""What graftctl shows of a running broker is what its clients know."""

import os
import re
import subprocess

import pytest

from harness import packet as mqtt
from harness import settings
from harness.broker import standard_config
from harness.client import lasting, unique
from harness.control import Control, graftctl
from harness.plugins import compile_plugin, marking

pytestmark = pytest.mark.ours("graftctl is ours")


def commands_of(usage):
    return [name for name in re.findall(r"^  ([a-z]+) ", usage, re.M) if name != "graftctl"]


@pytest.fixture
def control(broker):
    return Control(broker)


def test_status_says_what_runs(start_broker, workers):
    broker = start_broker()
    control = Control(broker)
    broker.connect().subscribe("a", "b/#")
    status = control.line("status")
    host, port = broker.address()
    assert status["process"] == broker.process.pid
    assert status["workers"] == workers
    assert status["generation"] == 1 and status["rollback_to"] is None and status["recalled"] is None
    assert (status["connections"], status["sessions"], status["subscriptions"]) == (1, 1, 2)
    assert status["listeners"] == [{"name": "mqtt", "addresses": [f"{host}:{port}"]}]
    assert status["configuration"] == str(broker.file)
    assert status["resident_bytes"] > 1_000_000
    text = control.run("status").stdout
    assert re.search(rf"^listeners +mqtt on {host}:{port}$", text, re.M) and re.search("^sessions +1$", text, re.M)


def test_clients_are_those_that_are_connected(broker, control, version):
    names = [unique("client") for _ in range(10)]
    clients = [broker.connect(name, version=version) for name in names]
    clients[3].subscribe("x", "y")
    shown = {line["client"]: line for line in control.lines("clients")}
    assert set(names) <= set(shown)
    line = shown[names[3]]
    assert line["version"] == {3: "3.1", 4: "3.1.1", 5: "5.0"}[version]
    assert line["subscriptions"] == 2 and line["state"] == "connected" and line["listener"] == "mqtt"
    host, port = clients[3].socket.getsockname()[:2]
    assert line["address"] == f"{host}:{port}"
    clients[3].disconnect()
    broker.connect(names[3], version=version)  # the same worker: what was before it is done
    assert control.line("clients", names[3])["subscriptions"] == 0
    assert control.lines("clients", "nobody of this name") == []


def test_a_session_that_waits_for_its_client_is_shown_with_what_it_keeps(broker, control, version, topic):
    name = unique("away")
    client = broker.connect(name, version=version, **lasting(version))
    client.subscribe((topic, 1))
    client.disconnect()
    publisher = broker.connect()
    for payload in (b"1", b"2", b"3"):
        publisher.publish(topic, payload, 1)
    session = control.line("sessions", name)
    assert not session["is_connected"] and session["subscriptions"] == 1 and session["queued"] == 3
    assert control.lines("clients", name) == []


def test_a_session_says_when_it_ends(broker, control):
    name = unique("mortal")
    client = broker.connect(name, **lasting(5, 1000))
    assert control.line("sessions", name)["ends_in_ms"] is None
    client.disconnect()
    broker.connect().ping()
    session = control.line("sessions", name)
    while session["is_connected"]:  # its worker has not read DISCONNECT yet
        session = control.line("sessions", name)
    assert session["expiry_seconds"] == 1000 and 900_000 < session["ends_in_ms"] <= 1_000_000


@pytest.mark.parametrize("asked", ["{0}/a/b", "{0}/a", "{0}", "$else/{0}", "{0}//"])
def test_subscriptions_of_a_topic_are_those_who_get_it(broker, control, topic, asked):
    filters = [f"{topic}/a/b", f"{topic}/#", f"{topic}/+/b", "+/a/b", "#", f"{topic}", f"$else/{topic}", "$else/#", "+/+/+",
               f"{topic}/a/b/c"]
    marker = unique("marker")
    receivers = {}
    for number, each in enumerate(filters):
        name = unique(f"receiver{number}")
        receivers[name] = broker.connect(name)
        receivers[name].subscribe((each, number % 3), marker)
    asked = asked.format(topic)
    told = {line["client"]: line for line in control.lines("subscriptions", asked)}
    publisher = broker.connect()
    publisher.publish(asked, b"x", 1)
    publisher.publish(marker, b"end")
    for number, (name, client) in enumerate(receivers.items()):
        if name in told:
            assert told[name]["filter"] == filters[number] and told[name]["qos"] == number % 3
            client.expect_publish(asked, b"x", min(1, number % 3))
        client.expect_publish(marker, b"end")


def test_subscriptions_show_options_shares_and_those_who_are_away(broker, control, topic):
    first, second = unique("first"), unique("second")
    client = broker.connect(first)
    client.send(mqtt.subscribe(1, [(topic, 2 | 4 | 8)], properties={"subscription_identifier": 77}))
    client.expect(mqtt.SUBACK)
    away = broker.connect(second, **lasting(5, 1000))
    away.subscribe((f"$share/group/{topic}", 1))
    away.disconnect()
    shown = {line["client"]: line for line in control.lines("subscriptions", topic)}
    assert set(shown) >= {first, second}
    assert (shown[first]["no_local"], shown[first]["retain_as_published"], shown[first]["identifier"]) == (True, True, 77)
    assert shown[first]["share"] is None and shown[second]["share"] == "group" and shown[second]["qos"] == 1
    mine = control.lines("subscriptions", "--client", second)
    assert [line["filter"] for line in mine] == [topic]


def test_a_session_with_very_many_subscriptions_is_shown_whole(broker, control):
    name = unique("many")
    client = broker.connect(name)
    filters = [f"{name}/{number}/+" for number in range(6000)]
    for first in range(0, len(filters), 500):
        client.subscribe(*filters[first:first + 500])
    for arguments in ([], ["--client", name]):
        shown = [line["filter"] for line in control.lines("subscriptions", *arguments) if line["client"] == name]
        assert sorted(shown) == sorted(filters)


def test_lists_are_whole_while_other_sessions_come_and_go(start_broker):
    broker = start_broker()
    control = Control(broker)
    names = {f"stays{number}" for number in range(300)}
    for name in names:
        broker.connect(name, **lasting(5, 1000)).close()
    going = [broker.connect(f"goes{number}", **lasting(5, 1000)) for number in range(200)]
    connection = control.open()
    for number, client in enumerate(going):
        connection.send({"version": 1, "command": "sessions"})
        client.disconnect(properties={"session_expiry_interval": 0})
        shown = [line["client"] for line in connection.answer()[:-1]]
        assert names <= set(shown)
        stays = [name for name in shown if name in names]
        assert len(stays) == len(set(stays)), f"some are there twice, in answer {number}"
    connection.close()


def test_routes_are_those_that_packets_take(start_broker, tmp_path):
    mark = compile_plugin(tmp_path / "mark.so", marking("1"))
    plugins = {**standard_config()["plugins"], "mark": {"path": str(mark)}}
    listeners = standard_config()["listeners"] + [{"name": "other", "bind": "127.0.0.1", "port": 0}]
    step = {"handler": "mark:on_publish", "topics": ["a/#", "b"], "listeners": ["other"], "versions": ["5.0"],
            "args": {"x": 1}, "defer": {"limit_ms": 70, "at_limit": "reject"}}
    control = Control(start_broker(plugins=plugins, listeners=listeners, routes={"PUBLISH": [step, "broker:on_publish"]}))
    steps = [line for line in control.lines("routes") if line["packet"] == "PUBLISH"]
    assert [(line["step"], line["plugin"], line["handler"]) for line in steps] == \
        [(0, "mark", "on_publish"), (1, "broker", "on_publish")]
    assert (steps[0]["topics"], steps[0]["listeners"], steps[0]["versions"]) == (["a/#", "b"], ["other"], ["5.0"])
    assert (steps[0]["arguments"], steps[0]["defer_ms"], steps[0]["defer_at_limit"]) == ({"x": 1}, 70, "reject")
    assert re.search(r"graftmq\.json:\d+:\d+: routes\.PUBLISH\[0\]$", steps[0]["place"])
    assert steps[1]["topics"] is None
    packets = {line["packet"] for line in control.lines("routes") if line["route"] == "incoming"}
    assert packets >= {"CONNECT", "SUBSCRIBE", "DISCONNECT"}, "those that nobody configured too"
    assert "topics: a/#, b; listeners: other; versions: 5.0" in control.run("routes").stdout


def test_plugins_are_those_that_were_loaded_not_the_files(start_broker, tmp_path):
    mark = compile_plugin(tmp_path / "mark.so", marking("1"), flags=["-Wl,--build-id=0xabcdef0123456789"])
    broker = start_broker(plugins={**standard_config()["plugins"], "mark": {"path": str(mark)}})
    control = Control(broker)
    compile_plugin(mark, marking("2"), flags=["-Wl,--build-id=0x77"])

    def shown():
        return {line["plugin"]: (line["version"], line["build_id"], line["generation"]) for line in control.lines("plugins")}

    assert shown()["mark"] == ("1", "abcdef0123456789", 1)
    broker.expect_reload()
    assert shown()["mark"] == ("2", "77", 2)
    assert shown()["broker"][2] == 1, "it was kept"
    assert control.names("plugins") == ["broker", "mark"]


def test_names_that_would_trick_a_terminal_are_escaped(broker, control):
    name = unique("evil") + "\x1b[2J\u0085" + "é"
    broker.connect(name)
    assert [line["client"] for line in control.lines("clients", name)] == [name], "exact in JSON"
    text = control.run("clients", name).stdout
    assert "\x1b" not in text and "\u0085" not in text and r"\x1b[2J\xc2\x85é" in text


def test_tables_are_aligned_and_plain_where_no_terminal_is(broker, control):
    for length in (1, 30):
        broker.connect(unique("x" * length))
    header, *rows = control.run("clients").stdout.splitlines()
    at = header.index("STATE")
    assert len(rows) >= 2 and all(row[at:].startswith("connected") for row in rows)
    assert "\x1b" not in header


def test_wrong_usage_is_told(control):
    for arguments in (["nothing"], [], ["kick"], ["status", "x"], ["clients", "a", "b"], ["routes", "--names"], ["--nope"],
                      ["status", "--client", "x"], ["--control"]):
        done = control.run(*arguments, code=2) if arguments != ["--control"] else graftctl("--control")
        assert done.returncode == 2 and done.stderr and not done.stdout, arguments


def test_help_and_version_need_no_broker(tmp_path):
    text = graftctl("--help", GRAFTMQ_CONTROL=str(tmp_path / "none")).stdout
    commands = commands_of(text)
    assert len(commands) >= 9
    for command in commands:
        done = graftctl(command, "--help")
        assert done.returncode == 0 and done.stdout.startswith(f"graftctl {command}")
    assert graftctl("--version").stdout.startswith("graftctl 0.")


def test_no_broker_there_is_code_3(tmp_path):
    for arguments, variables in ((["--control", tmp_path / "none"], {}), ([], {"GRAFTMQ_CONTROL": str(tmp_path / "none")})):
        done = graftctl(*arguments, "status", **variables)
        assert done.returncode == 3 and "none" in done.stderr


def test_several_brokers_are_all_named(start_broker, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    paths = [Control(start_broker()).path for _ in range(2)]
    assert all(path.startswith(str(tmp_path)) for path in paths)
    done = graftctl("status")
    assert done.returncode == 2 and all(path in done.stderr for path in paths)


def test_the_manual_names_every_command_and_option():
    text = (settings.REPOSITORY / "etc" / "graftctl.1").read_text().replace("\\-", "-")
    usage = graftctl("--help").stdout
    for word in re.findall(r"^  ([a-z]+|--[a-z]+) ", usage, re.M):
        assert word in text, f"etc/graftctl.1 says nothing of {word}"


def test_completion_knows_every_command():
    commands = commands_of(graftctl("--help").stdout)
    for file in ("graftctl.bash", "_graftctl"):
        text = (settings.REPOSITORY / "tools" / "graftctl" / "completion" / file).read_text()
        for command in commands:
            assert re.search(rf"\b{command}\b", text), f"{file} doesn't know {command}"


def test_a_client_id_can_be_completed(broker, control):
    name = unique("complete")
    broker.connect(name)
    script = (settings.REPOSITORY / "tools" / "graftctl" / "completion" / "graftctl.bash")
    command = f"""source {script}; COMP_WORDS=(graftctl kick {name[:-1]}); COMP_CWORD=2; _graftctl; printf '%s\\n' "${{COMPREPLY[@]}}" """
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=settings.LIMIT,
                          env={**os.environ, "PATH": f"{settings.BUILD}:{os.environ['PATH']}", "GRAFTMQ_CONTROL": control.path})
    assert name in done.stdout.split(), done.stderr
