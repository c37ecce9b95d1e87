"""The zoo of tests/plugins/zoo: broken and hostile plugins are put in front of a running broker one by one. It serves on, says what is
wrong and with what in one line, takes the next good plugin, and keeps nothing of the bad one: no descriptor, mapping, file, thread or
process. All the while two clients exchange messages without a pause, and others stay connected.

The table in tests/plugins/zoo/README.md is made of the cases; `tests/reload/zoo_table.py` writes it.
"""

import itertools
import json
import os
import pathlib
import re
import shutil
import time

import pytest

from harness import packet as mqtt
from harness import zoo
from harness.broker import Broker, standard_config
from harness.bystander import Bystander
from harness.client import unique
from harness.plugins import compile_plugin
from harness.settings import IS_SANITIZED, LIMIT

pytestmark = pytest.mark.slow

WORKERS = 4
ROUTES = {"PUBLISH": ["zoo:on_publish", "broker:on_publish"]}
# Crashes are to look as they do without a sanitizer. A plugin that leaks does no harm to the broker.
CRASHES = "handle_segv=0:handle_abort=0:handle_sigbus=0:handle_sigfpe=0:handle_sigill=0"


class Guarded(Broker):
    """A broker with its private copies in a folder of its own and without root's right to read and write everything."""

    def __init__(self, folder, config):
        super().__init__(folder, config)
        self.private = self.folder / "private"
        self.private.mkdir(parents=True)
        self.environment["TMPDIR"] = str(self.private)
        self.environment["ASAN_OPTIONS"] += ":" + CRASHES
        for name in ("RUNTIME_DIRECTORY", "XDG_RUNTIME_DIR"):
            self.environment[name] = ""

    def command(self):
        if os.geteuid() != 0:
            return super().command()
        return ["setpriv", "--bounding-set=-dac_override,-dac_read_search", *super().command()]


class Census:
    """What a broker has of everything that could leak."""

    def __init__(self, broker):
        process = pathlib.Path(f"/proc/{broker.process.pid}")
        self.descriptors = len(list((process / "fd").iterdir()))
        self.threads = len(list((process / "task").iterdir()))
        self.mappings = sum(".so" in line for line in (process / "maps").read_text().splitlines())
        self.files = len(list(zoo.private_folder(broker).iterdir()))
        self.processes = len(processes_of(broker))

    def __eq__(self, other):
        return vars(self) == vars(other)

    def __repr__(self):
        return repr(vars(self))


def processes_of(broker):
    """The broker's children, and what has left them: it still has their environment."""
    sign = f"TMPDIR={broker.private}\0".encode()
    found = []
    for process in pathlib.Path("/proc").iterdir():
        if not process.name.isdigit() or int(process.name) == broker.process.pid:
            continue
        try:
            if sign in (process / "environ").read_bytes() + b"\0":
                found.append(int(process.name))
        except OSError:
            pass  # it has ended, or is somebody else's
    return found


def eventually(look, wanted):
    """What ends by itself, but not before the line in the log: a client's connection, a thread."""
    deadline = time.monotonic() + LIMIT
    while (got := look()) != wanted:
        assert time.monotonic() < deadline, f"expected {wanted}, got {got}"
        time.sleep(0.002)


class Zoo:
    """One broker for all cases, and its clients: two that exchange messages, and one in the middle of a QoS 2 flow that looks which version
    of the plugin is at work."""

    def __init__(self, folder):
        self.folder = folder
        self.goods = []
        for version in ("one", "two"):
            self.goods.append(compile_plugin(folder / f"good-{version}.so", zoo.FOLDER / "good.c",
                                             flags=[f'-DZOO_VERSION="{version}"']))
        config = standard_config(WORKERS, routes=ROUTES, limits={"preflight_ms": 30000})
        config["plugins"]["zoo"] = {"path": str(self.goods[0])}
        self.broker = Guarded(folder / "broker", config).start()
        self.good = json.loads(json.dumps(config))
        self.topic = unique("topic")
        self.client = self.broker.connect()
        self.client.subscribe((self.topic, 2))
        self.client.publish(self.topic, b"open", 2)
        self.open = self.client.expect(mqtt.PUBLISH, payload="open", qos=2)
        self.bystander = Bystander(self.broker, 5, pause=0.02)
        self.bystander.__enter__()
        self.turns = itertools.cycle([1, 0])
        self.take_good()
        self.census = Census(self.broker)

    def versions(self):
        self.client.publish(self.topic, b"x", 1)
        return [value for _, value in self.client.expect_publish(self.topic, b"x", 1).all("user_property")]

    def take_good(self):
        turn = next(self.turns)
        self.good["plugins"]["zoo"]["path"] = str(self.goods[turn])
        mark = self.broker.mark()
        self.broker.expect_reload(self.good)
        self.version = ("one", "two")[turn]
        assert self.versions() == [self.version]
        self.broker.wait_for_log(r"generation \d+ is gone", mark)

    def config(self, path, case):
        """As the good one, with the animal in the good plugin's place."""
        config = json.loads(json.dumps(self.good))
        entry = config["plugins"]["zoo"]
        entry["path"] = str(path)
        if case.settings:
            entry["settings"] = json.loads(json.dumps(case.settings).replace("FOLDER", str(path.parent)))
        config["limits"].update(case.limits)
        return config

    def end(self):
        self.client.acknowledge(self.open)
        self.bystander.__exit__(None, None, None)
        self.broker.close_clients()
        self.broker.stop()
        assert list(self.broker.private.iterdir()) == [], "the folder of private copies is removed at the end"


@pytest.fixture(scope="module")
def zoo_keeper(tmp_path_factory):
    keeper = []
    yield keeper
    for each in keeper:
        each.end()


@pytest.fixture
def keeper(request, zoo_keeper, tmp_path_factory):
    if not zoo_keeper:
        zoo_keeper.append(Zoo(tmp_path_factory.mktemp("zoo")))
    keeper = zoo_keeper[0]
    request.node.brokers = [(keeper.broker, keeper.broker.mark())]
    yield keeper
    try:
        keeper.broker.check()
        assert keeper.bystander.problem is None, keeper.bystander.problem
    except AssertionError:
        keeper.broker.kill()
        zoo_keeper.clear()
        raise


def complaints(text):
    """The errors and warnings of a log, without the one that the reload was refused."""
    lines = [re.sub(r"^\S+ ", "", line) for line in text.splitlines()]
    return [line for line in lines if re.match("(error|warning) ", line) and "reload refused" not in line]


def expect_complaints(case, text, path):
    got = complaints(text)
    assert len(got) == len(case.says), f"expected {case.says}, got {got}"
    for line, says in zip(got, case.says):
        pattern = case.pattern(says, path)
        assert re.search(rf"broker: (\S+graftmq\.json:\d+:\d+: \S+: )?(warning: )?{pattern}$", line), f"expected {says!r} in {line!r}"


@pytest.mark.parametrize("case", zoo.all_cases().values(), ids=lambda case: re.sub(r"\W+", "_", case.name))
def test_the_broker_survives_and_says_what_is_wrong(keeper, case):
    path = keeper.folder / unique("case") / "zoo.so"
    path.parent.mkdir()
    case.make(path)
    (path.parent / "token").touch()
    config = keeper.config(path, case)
    seen = keeper.bystander.count
    restore = case.spoil(keeper.broker) if case.spoil else lambda: None
    mark = keeper.broker.mark()
    try:
        text = keeper.broker.reload(config)
    finally:
        restore()
    assert keeper.bystander.count > seen or not case.limits, "no message went its way while the plugin hung"
    assert keeper.bystander.problem is None, keeper.bystander.problem

    assert bool(re.search(r"generation \d+ serves: ", text)) == case.is_taken, text
    assert keeper.versions() == (["zoo"] if case.is_taken else [keeper.version])
    if case.is_taken:
        keeper.broker.wait_for_log(r"generation \d+ is gone", mark)
    keeper.take_good()
    expect_complaints(case, keeper.broker.log(mark), path)
    for name, count in case.stays.items():
        setattr(keeper.census, name, getattr(keeper.census, name) + count)
    eventually(lambda: Census(keeper.broker), keeper.census)
    shutil.rmtree(path.parent)


@pytest.mark.skipif(IS_SANITIZED, reason="the table has what a build without sanitizers says")
def test_the_table_is_what_was_tested():
    text = (zoo.FOLDER / "README.md").read_text()
    assert text == zoo.table(), "write it again: /usr/bin/python3 tests/reload/zoo_table.py"
