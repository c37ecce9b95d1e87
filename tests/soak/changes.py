"""The reloads of the soak: each changes the configuration and the files of a running broker in a way of its own."""

import copy
import socket

from harness.plugins import overwrite

MARK_VERSIONS = 5
BROKER_BUILDS = 3


class Files:
    """The built plugins, and the two files that the broker is told of, which are written over in place."""

    def __init__(self, build, folder):
        built = build / "tests" / "soak" / "plugins"
        self.marks = {number: (built / f"mark-{number}.so").read_bytes() for number in range(1, MARK_VERSIONS + 1)}
        self.brokers = {number: (built / f"broker-{number}.so").read_bytes() for number in range(1, BROKER_BUILDS + 1)}
        self.broken = {path.stem: path for path in (build / "tests" / "plugins").glob("*.so")}
        self.built = built
        self.mark = folder / "mark.so"
        self.broker = folder / "broker.so"
        self.taken = socket.create_server(("127.0.0.1", 0))  # a port that the broker can't have
        self.not_elf = folder / "not-elf.so"
        self.not_elf.write_bytes(b"not a library\n" * 100)
        self.mark.write_bytes(self.marks[1])
        self.broker.write_bytes(self.brokers[1])


class State:
    """What serves now, as the soak sees it. A change makes a new one; it counts when the reload was taken."""

    def __init__(self, files):
        self.files = files
        self.mark = 1
        self.broker = 1
        self.mark_path = files.mark
        self.broker_path = files.broker
        self.is_long = False
        self.has_extra = False

    def config(self, workers, marker):
        publish = [{"handler": "mark:on_mark", "topics": ["soak/#"], "args": {"marker": marker}},
                   {"handler": "mark:on_delay", "topics": ["soak/slow/#"]}, "broker:on_publish"]
        config = {
            "workers": workers,
            "listeners": [{"name": "mqtt", "bind": "127.0.0.1", "port": 0}],
            "plugins": {"broker": {"path": str(self.broker_path)}, "mark": {"path": str(self.mark_path)}},
            "routes": {"PUBLISH": publish},
            "log": {"level": "info"},
        }
        if self.is_long:
            publish.insert(0, "mark:on_pass")
            publish.insert(3, {"handler": "mark:on_pass", "topics": ["soak/pair/+/2"]})
            config["routes"]["PUBACK"] = ["mark:on_acknowledgement", "broker:on_puback"]
        if self.has_extra:
            config["listeners"].append({"name": "extra", "bind": "127.0.0.1", "port": 0})
        return config


# ---- changes that are taken: they change the state ----

def another(random, count, number):
    return random.choice([each for each in range(1, count + 1) if each != number])


def plugin_overwritten(state, random):
    state.mark = another(random, MARK_VERSIONS, state.mark)
    state.mark_path = state.files.mark
    overwrite(state.mark_path, state.files.marks[state.mark])


def plugin_elsewhere(state, random):
    state.mark = another(random, MARK_VERSIONS, state.mark)
    state.mark_path = state.files.built / f"mark-{state.mark}.so"


def standard_plugin_overwritten(state, random):
    state.broker = another(random, BROKER_BUILDS, state.broker)
    state.broker_path = state.files.broker
    overwrite(state.broker_path, state.files.brokers[state.broker])


def standard_plugin_elsewhere(state, random):
    state.broker = another(random, BROKER_BUILDS, state.broker)
    state.broker_path = state.files.built / f"broker-{state.broker}.so"


def routes_changed(state, random):
    state.is_long = not state.is_long


def listener_added_or_removed(state, random):
    state.has_extra = not state.has_extra


def everything_at_once(state, random):
    for change in (plugin_overwritten, standard_plugin_overwritten, routes_changed, listener_added_or_removed):
        change(state, random)


def arguments_changed(state, random):
    """Nothing but the marker, which every configuration has anew."""


GOOD = [plugin_overwritten, plugin_elsewhere, standard_plugin_overwritten, standard_plugin_elsewhere, routes_changed,
        listener_added_or_removed, everything_at_once, arguments_changed]


# ---- changes that are refused: they spoil a configuration (a dict, or the text they return) ----

def no_json(config, files):
    return '{ "plugins": { "broker": '


def plugin_missing(config, files):
    config["plugins"]["mark"]["path"] += ".not-there"


def handler_missing(config, files):
    config["routes"]["PUBLISH"].insert(0, "mark:on_nothing")


def listener_in_use(config, files):
    config["listeners"].append({"name": "again", "bind": "127.0.0.1", "port": files.taken.getsockname()[1]})


def plugin_not_elf(config, files):
    config["plugins"]["mark"]["path"] = str(files.not_elf)


def workers_changed(config, files):
    config["workers"] += 1


def broken(name):
    def change(config, files):
        config["plugins"]["broken"] = {"path": str(files.broken[name])}
    change.__name__ = name
    return change


BAD = [no_json, plugin_missing, handler_missing, listener_in_use, plugin_not_elf, workers_changed, broken("crash_load"),
       broken("missing_symbol"), broken("refuse_load"), broken("exit_constructor"), broken("abi_major")]


class Changes:
    """Draws them in a random order in which each comes as often as the others, and of four one is refused."""

    def __init__(self, files, random):
        self.random = random
        self.state = State(files)
        self.good, self.bad = [], []

    def draw(self, rest, all_of_them):
        if not rest:
            rest.extend(all_of_them)
            self.random.shuffle(rest)
        return rest.pop()

    def next(self, workers, marker):
        """(name, configuration, the state that it leads to, or None: it has to be refused)."""
        if self.random.randrange(4) == 0:
            change = self.draw(self.bad, BAD)
            config = self.state.config(workers, marker)
            text = change(config, self.state.files)
            return change.__name__, text or config, None
        change = self.draw(self.good, GOOD)
        state = copy.copy(self.state)
        change(state, self.random)
        return change.__name__, state.config(workers, marker), state
