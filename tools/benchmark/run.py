"""Runs the load generator against one broker, for one case."""

import json
import pathlib
import shutil
import signal
import statistics
import subprocess
import time

from brokers import BrokerError

SECONDS_MAX = 400
RELOADS_EVERY = 0.2  # seconds
GENERATION = r"generation \d+ serves|reload refused"


def measure(case, broker, options, scale):
    """The load generator's result; its "faults" are what the broker did wrong."""
    changes, plugins = configuration(case, options, pathlib.Path(options.scratch))
    broker.start(options.workers, changes)
    try:
        load = subprocess.Popen(command(case, broker, options, scale), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                text=True)
        try:
            reloads = reload_meanwhile(broker, plugins, load) if case.reloads else {}
            output, complaint = load.communicate(timeout=SECONDS_MAX)
        finally:
            load.kill()
            load.wait()
        if load.returncode not in (0, 1):
            raise BrokerError(complaint.strip() or f"the load generator ended with {load.returncode}")
        result = json.loads(output)
        if result.get("delivered") == 0:
            raise BrokerError(f"nothing was delivered. {result['first_fault']}")
        if broker.has_ended():
            result["faults"]["ended"] = 1
            result["first_fault"] = f"the broker ended with {broker.process.returncode}"
    finally:
        broker.stop()
    return {**result, "reloads": reloads} if reloads else result


def command(case, broker, options, scale):
    time_ms = scale.time_ms * (2 if case.scenario == "reload" else 1)
    arguments = {"port": broker.port, "processes": broker.processes(), "version": {"3.1.1": 4, "5.0": 5}[options.version],
                 "warm-ms": scale.warm_ms, "time-ms": time_ms, **case.arguments}
    return [str(options.build / "tools/benchmark/bench_load"), case.what,
            *(text for name, value in arguments.items() for text in (f"--{name}", str(value)))]


def configuration(case, options, folder):
    """What a case changes in GraftMQ's configuration, and the plugins' files that a reload is to find changed."""
    if not case.handlers and not case.reloads:
        return {}, []
    plugins = {"broker": folder / "broker.so", "toll": folder / "toll.so"}
    shutil.copy(options.build / "plugins/broker.so", plugins["broker"])
    shutil.copy(options.build / "tools/benchmark/toll.so", plugins["toll"])
    route = [f"toll:{handler}" for handler in case.handlers] + ["broker:on_publish"]
    definitions = {name: {"path": str(path)} for name, path in plugins.items()}
    definitions["toll"]["isolate"] = case.is_isolated
    return {"plugins": definitions,
            "routes": {"PUBLISH": route}}, list(plugins.values())


def reload_meanwhile(broker, plugins, load):
    """Changes each plugin's file and reloads, again and again, until the load has ended. Bytes behind the end of an ELF
    file mean nothing, but make it another file."""
    times = []
    while load.poll() is None:
        for plugin in plugins:
            changed = plugin.with_suffix(".new")
            changed.write_bytes(plugin.read_bytes() + b"\0")
            changed.rename(plugin)
        mark, begin = len(broker.lines), time.monotonic()
        broker.process.send_signal(signal.SIGHUP)
        end, line = broker.wait_for_line(GENERATION, mark)
        if "refused" in line:
            raise BrokerError(line)
        times.append((end - begin) * 1000)
        try:
            load.wait(RELOADS_EVERY)
        except subprocess.TimeoutExpired:
            pass
    return {"reload, median": statistics.median(times), "reload, longest": max(times)}
