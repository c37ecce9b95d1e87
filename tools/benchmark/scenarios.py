"""What is measured: one row for each figure a user asks for, with the load that shows it."""

import dataclasses
import resource


@dataclasses.dataclass
class Table:
    """Figures that belong side by side."""
    title: str
    unit: str
    is_lower_better: bool = True


TABLES = {
    "cpu": Table("CPU time of the broker for each delivered message", "µs"),
    "speed": Table("Messages delivered per second", "1/s", False),
    "latency": Table("Latency, from when a message was due to when it came", "µs"),
    "connections": Table("Connections accepted per second", "1/s", False),
    "memory": Table("Memory of each", "bytes"),
    "making": Table("CPU time to make each", "µs"),
    "handlers": Table("CPU time for each message with handlers before the standard one", "ns"),
    "growth": Table("CPU time for each message, or to make each, as their number grows", "µs"),
    "reload": Table("Reload of all plugins while messages pass", "ms"),
}

DESCRIPTIONS = {
    "one-to-one": "100 publishers, each to one subscriber",
    "unbatched": "1,000 publishers, each to one subscriber, one message under way at a time",
    "fan-out": "1 publisher to 500 subscribers",
    "fan-in": "500 publishers to 1 subscriber",
    "shared": "50 publishers to a shared subscription with 10 members",
    "wildcards": "100,000 filters with + and #, of which 5 match each message",
    "large": "10 publishers, each to one subscriber, payloads of 64 KiB",
    "latency": "100 publishers, each to one subscriber, at fixed rates",
    "connections": "idle connections: how fast, and how large",
    "memory": "sessions, subscriptions and retained messages: how large",
    "growth": "the same with 100 to 1,000,000 subscriptions and retained messages, and 10,000 connections",
    "handlers": "GraftMQ alone: a handler's call, a route of 10 handlers, a deferred verdict",
    "isolation": "GraftMQ alone: a handler in the broker's process, and in one of its own",
    "reload": "GraftMQ alone: how long a reload takes, and what it does to latency",
}


@dataclasses.dataclass
class Case:
    """One run of the load generator."""
    scenario: str
    label: str  # the row's name
    what: str  # first word for the load generator
    arguments: dict
    is_ours_alone: bool = False
    handlers: list = dataclasses.field(default_factory=list)  # of the plugin toll, before the standard one
    reloads: bool = False
    is_isolated: bool = False  # the plugin toll


@dataclasses.dataclass
class Scale:
    """How much of everything: for figures, or only to see that all of it works."""
    time_ms: int
    warm_ms: int
    connections: int
    sessions: int
    subscriptions: int
    retained: int
    filters: int
    rates: tuple
    growth: tuple


FULL = Scale(1500, 500, 10000, 20000, 100000, 100000, 100000, (1000, 10000), (100, 1000, 10000, 100000, 1000000))
QUICK = Scale(300, 100, 1000, 1000, 5000, 5000, 10000, (1000,), (100, 1000))


def traffic(scenario, label, qos, pattern, publishers, subscribers, **more):
    return Case(scenario, f"{label}QoS {qos}", "traffic",
                {"qos": qos, "pattern": pattern, "publishers": publishers, "subscribers": subscribers, **more})


def all_cases(scale):
    cases = []
    for qos in (0, 1, 2):
        cases.append(traffic("one-to-one", "one to one, ", qos, "pairs", 100, 100))
    for qos in (0, 1):
        cases.append(traffic("unbatched", "one to one, unbatched, ", qos, "pairs", 1000, 1000, window=1))
    for qos in (0, 1, 2):
        cases.append(traffic("fan-out", "1 to 500, ", qos, "all", 1, 500))
    for qos in (0, 1, 2):
        cases.append(traffic("fan-in", "500 to 1, ", qos, "all", 500, 1))
    for qos in (0, 1, 2):
        cases.append(traffic("shared", "shared, 50 to 10, ", qos, "shared", 50, 10))
    for qos in (0, 1):
        cases.append(traffic("wildcards", f"{scale.filters:,} wildcards, ", qos, "wildcards", 50, 500, filters=scale.filters))
    for qos in (0, 1, 2):
        cases.append(traffic("large", "64 KiB, ", qos, "pairs", 10, 10, payload=65536))
    for rate in scale.rates:
        for qos in (0, 1, 2):
            cases.append(traffic("latency", f"{rate:,} a second, ", qos, "pairs", 100, 100, rate=rate))
    cases.append(Case("connections", "idle connection", "connections", {"count": connections(scale)}))
    cases.append(Case("memory", "session without connection", "sessions", {"count": scale.sessions}))
    cases.append(Case("memory", "subscription", "subscriptions", {"count": scale.subscriptions}))
    cases.append(Case("memory", "retained message of 64 bytes", "retained", {"count": scale.retained}))
    return cases + growth_cases(scale) + handler_cases() + isolation_cases() + reload_cases()


def connections(scale):
    """As many as the system lets one process have, up to what is wanted."""
    return min(scale.connections, resource.getrlimit(resource.RLIMIT_NOFILE)[1] - 200)


def growth_cases(scale):
    cases = [Case("growth", f"a message that 5 of {count:,} wildcards match", "traffic",
                  {"qos": 0, "pattern": "wildcards", "publishers": min(50, count // 10), "subscribers": min(500, count // 5),
                   "filters": count})
             for count in scale.growth]
    # One message at a time for each publisher: how many of them share a system call would be another question.
    for pairs in sorted({min(count, connections(scale)) // 2 for count in scale.growth}):
        cases.append(Case("growth", f"a message among {2 * pairs:,} connections and {pairs:,} topics", "traffic",
                          {"qos": 0, "pattern": "pairs", "publishers": pairs, "subscribers": pairs, "window": 1}))
    return cases + [Case("growth", f"{each} after {count:,}", what, {"count": count})
                    for each, what in (("a subscription", "subscriptions"), ("a retained message", "retained"))
                    for count in scale.growth]


def handler_cases():
    return [Case("handlers", label, "traffic", {"qos": 0, "publishers": 100, "subscribers": 100}, True, handlers)
            for label, handlers in (("none", []), ("one that does nothing", ["on_pass"]),
                                    ("ten that do nothing", ["on_pass"] * 10), ("verdict deferred", ["on_defer"]),
                                    ("verdict deferred to the thread pool", ["on_defer_to_pool"]))]


def isolation_cases():
    """At full speed, and the latency at a speed that both can hold."""
    return [Case("isolation", f"a handler {where}, QoS {qos}", "traffic",
                 {"qos": qos, "publishers": 100, "subscribers": 100, **more}, True, ["on_pass"], is_isolated=is_isolated)
            for qos in (0, 1) for more in ({}, {"rate": 5000})
            for where, is_isolated in (("in the broker", False), ("isolated", True))]


def reload_cases():
    load = {"qos": 1, "publishers": 20, "subscribers": 20, "rate": 2000}
    return [Case("reload", "without reloads", "traffic", load, True, ["on_pass"]),
            Case("reload", "with reloads", "traffic", load, True, ["on_pass"], True)]


def figures_of(case, result):
    """(table, row, value) of each figure that a run gives."""
    if case.scenario == "growth":
        return [("growth", case.label, result["cpu_us_per_message" if case.what == "traffic" else "cpu_us_each"])]
    if case.scenario == "handlers":
        return [("handlers", case.label, result["cpu_us_per_message"] * 1000)]
    if case.scenario == "reload":
        figures = [("reload", f"latency {name}, {case.label}", result[f"latency_{key}_us"] / 1000)
                   for name, key in (("median", "p50"), ("99 %", "p99"), ("longest", "max"))]
        return figures + [("reload", row, value) for row, value in result.get("reloads", {}).items()]
    if case.scenario == "latency" or (case.scenario == "isolation" and "rate" in case.arguments):
        return [("latency", f"{case.label}, {name}", result[f"latency_{key}_us"])
                for name, key in (("median", "p50"), ("99 %", "p99"), ("99.9 %", "p999"))]
    if case.what == "traffic":
        return [("cpu", case.label, result["cpu_us_per_message"]), ("speed", case.label, result["delivered_per_second"])]
    figures = [("memory", case.label, result["bytes_each"]), ("making", case.label, result["cpu_us_each"])]
    if case.scenario == "connections":
        figures.append(("connections", "with CONNECT and CONNACK", result["per_second"]))
    return figures
