"""What was measured: figures by table, row and broker, with each round's value, and faults."""

import datetime
import json
import os
import pathlib
import platform
import statistics

import tables
from scenarios import TABLES, figures_of

# Differences between two rows of the same round: what a single thing costs.
DIFFERENCES = {
    "handlers": [("a handler's call", "ten that do nothing", "none", 10),
                 ("a route of ten handlers", "ten that do nothing", "none", 1),
                 ("a deferred verdict", "verdict deferred", "none", 1),
                 ("a verdict deferred to the pool", "verdict deferred to the thread pool", "none", 1)],
}


class Results:
    def __init__(self, brokers, options):
        self.brokers, self.options = brokers, options
        self.begun = datetime.datetime.now(datetime.timezone.utc)
        self.figures = {}  # (table, row) -> broker's name -> values
        self.faults = []
        self.faulty = set()  # (table, row, broker's name)

    def add(self, case, broker, result):
        """Returns the first figure as text."""
        for table, row, value in figures_of(case, result):
            self.figures.setdefault((table, row), {}).setdefault(broker.name, []).append(value)
            if result["faults"]:
                self.faulty.add((table, row, broker.name))
        if result["faults"]:
            self.add_fault(case, broker, result["faults"], result["first_fault"])
        table, _, value = figures_of(case, result)[0]
        return f"{tables.number_text(value)} {TABLES[table].unit}"

    def add_fault(self, case, broker, kinds, text):
        self.faults.append({"scenario": case.scenario, "case": case.label, "broker": broker.name, "faults": kinds,
                            "first": text})

    def complete(self):
        """Adds the rows that follow from others."""
        for table, rows in DIFFERENCES.items():
            for row, upper, lower, divisor in rows:
                for broker, values in self.figures.get((table, upper), {}).items():
                    less = self.figures.get((table, lower), {}).get(broker, [])
                    differences = [(one - other) / divisor for one, other in zip(values, less)]
                    if differences:
                        self.figures.setdefault((table, row), {})[broker] = differences

    # ---- as text ----

    def text(self):
        parts = [self.heading()]
        for key, table in TABLES.items():
            rows = [(row, by_broker) for (of, row), by_broker in self.figures.items() if of == key]
            if rows:
                parts.append(self.table_text(key, table, rows))
        parts.append(self.explanation())
        if self.faults:
            parts.append(self.faults_text())
        return "\n\n".join(parts)

    def table_text(self, key, table, rows):
        names = [broker.name for broker in self.brokers if any(broker.name in by_broker for _, by_broker in rows)]
        direction = "smaller is better" if table.is_lower_better else "larger is better"
        lines = [[row, *(tables.cell(by_broker.get(name), (key, row, name) in self.faulty) for name in names)]
                 for row, by_broker in rows]
        return tables.text_table([f"{table.title} ({table.unit}; {direction})", *names], lines)

    def heading(self):
        options = self.options
        rounds = "1 round" if options.rounds == 1 else f"median of {options.rounds} rounds"
        workers = "1 worker" if options.workers == 1 else f"{options.workers} workers"
        quick = "; a quick run: the figures only show that all of it works" if options.quick else ""
        return (f"{processor()}, {os.cpu_count()} processors, Linux {platform.release()}; MQTT {options.version}, {workers}, "
                f"{rounds}{quick}")

    def explanation(self):
        spread = "±N%: half the distance between the rounds; what differs by less is the same. " if self.options.rounds > 1 else ""
        return (f"{spread}CPU time is what holds still when something else runs beside; rates and latencies are those of this "
                "machine, which the load shares with the broker.")

    def faults_text(self):
        lines = [f"  {fault['broker']}, {fault['case']}: " + ", ".join(f"{count} {kind}" for kind, count in fault["faults"].items())
                 + (f" ({fault['first']})" if fault["first"] else "") for fault in self.faults]
        return "\n".join(["Faults, which make a figure (!) worthless:", *lines])

    # ---- as JSON ----

    def json(self):
        figures = [{"table": table, "row": row, "broker": broker, "unit": TABLES[table].unit,
                    "is_lower_better": TABLES[table].is_lower_better, "median": statistics.median(values), "values": values}
                   for (table, row), by_broker in self.figures.items() for broker, values in by_broker.items()]
        return json.dumps({
            "begun": self.begun.isoformat(timespec="seconds"),
            "machine": {"processor": processor(), "processors": os.cpu_count(), "kernel": platform.release()},
            "options": {"version": self.options.version, "workers": self.options.workers, "rounds": self.options.rounds,
                        "quick": self.options.quick},
            "brokers": [{"name": broker.name, "command": broker.command} for broker in self.brokers],
            "figures": figures,
            "faults": self.faults,
        }, indent=1)


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
