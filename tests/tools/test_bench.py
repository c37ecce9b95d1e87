"""tools/bench measures, and what it measures with finds each kind of mistake that a broker can make."""

import json
import pathlib
import subprocess
import sys

import pytest

from harness import settings

FAULTY_BROKER = pathlib.Path(__file__).with_name("faulty_broker.py")
LOAD = settings.BUILD / "tools/benchmark/bench_load"
LIMIT = 120

TRAFFIC = ["traffic", "--warm-ms", "20", "--time-ms", "50"]
TWO_PAIRS = ["--publishers", "2", "--subscribers", "2", "--version", "4"]


def load(port, process, *arguments):
    """The load generator's result, and its exit code."""
    done = subprocess.run([LOAD, arguments[0], "--port", str(port), "--processes", str(process), *arguments[1:]],
                          capture_output=True, text=True, timeout=LIMIT)
    assert done.returncode in (0, 1) and not done.stderr, f"{done.returncode}: {done.stderr}{done.stdout}"
    return json.loads(done.stdout), done.returncode


@pytest.fixture
def faulty_broker():
    """Starts one with a fault; returns its port and process identifier."""
    started = []

    def start(fault):
        process = subprocess.Popen([sys.executable, FAULTY_BROKER, "0", fault], stdout=subprocess.PIPE, text=True)
        started.append(process)
        return int(process.stdout.readline().rsplit(" ", 1)[1]), process.pid

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


FAULTS = [(fault, qos) for qos in (0, 1) for fault in ("lost", "doubled", "reordered", "damaged", "misrouted", "closed")]


@pytest.mark.parametrize("fault, qos", [*FAULTS, ("unanswered", 1)])
def test_a_fault_is_found(faulty_broker, fault, qos):
    port, process = faulty_broker(fault)

    result, code = load(port, process, *TRAFFIC, *TWO_PAIRS, "--qos", str(qos))

    assert code == 1
    assert result["first_fault"]
    if fault == "closed":
        assert result["faults"]["closed"] == 1, result["faults"]
        return
    expected = {"damaged": {"damaged": 1, "lost": 1}, "misrouted": {"misrouted": 1, "lost": 1}}.get(fault, {fault: 1})
    assert result["faults"] == expected


@pytest.mark.parametrize("qos", [0, 1])
def test_where_there_is_no_fault_none_is_found(faulty_broker, qos):
    port, process = faulty_broker("none")

    result, code = load(port, process, *TRAFFIC, *TWO_PAIRS, "--qos", str(qos))

    assert (result["faults"], code) == ({}, 0)
    assert result["delivered"] > 0 and result["cpu_us_per_message"] > 0


PATTERNS = {
    "pairs": ["--publishers", "4", "--subscribers", "4"],
    "all": ["--publishers", "3", "--subscribers", "5"],
    "shared": ["--publishers", "4", "--subscribers", "3"],
    "wildcards": ["--publishers", "4", "--subscribers", "10", "--filters", "500"],
}


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("qos", [0, 1, 2])
@pytest.mark.parametrize("wire", [4, 5])
def test_a_pattern_reaches_all_whom_it_should(broker, pattern, qos, wire):
    result, code = load(broker.address()[1], broker.process.pid, *TRAFFIC, "--pattern", pattern, *PATTERNS[pattern], "--qos",
                        str(qos), "--version", str(wire))

    assert (result["faults"], code) == ({}, 0)
    assert result["delivered"] > 0


def test_latency_is_measured_at_a_rate(broker):
    result, code = load(broker.address()[1], broker.process.pid, *TRAFFIC, "--rate", "500")

    assert (result["faults"], code) == ({}, 0)
    assert 0 < result["latency_p50_us"] <= result["latency_p99_us"] <= result["latency_max_us"]


@pytest.mark.parametrize("what", ["connections", "sessions", "subscriptions", "retained"])
def test_what_is_held_is_made_once(start_broker, what):
    """2,100 of them: more links than at once, more filters than one packet or client has."""
    broker = start_broker()

    result, code = load(broker.address()[1], broker.process.pid, what, "--count", "2100")

    assert (result["faults"], code) == ({}, 0)
    assert result["count"] == 2100 and result["bytes_each"] > 50 and result["cpu_us_each"] > 0


def bench(*arguments):
    return subprocess.run([settings.REPOSITORY / "tools/bench", "--build", settings.BUILD, *arguments], capture_output=True,
                          text=True, timeout=LIMIT)


def test_one_command_gives_figures_as_json():
    done = bench("--quick", "--scenario", "one-to-one", "--broker", "graftmq", "--json", "-")

    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["faults"] == []
    medians = {(figure["table"], figure["row"]): figure["median"] for figure in result["figures"]}
    assert set(medians) == {(table, f"one to one, QoS {qos}") for table in ("cpu", "speed") for qos in (0, 1, 2)}
    assert all(value > 0 for value in medians.values())


def test_handlers_and_reloads_are_measured():
    done = bench("--quick", "--scenario", "handlers", "reload", "--broker", "graftmq", "--json", "-")

    assert done.returncode == 0, done.stderr
    medians = {figure["row"]: figure["median"] for figure in json.loads(done.stdout)["figures"]}
    assert medians["reload, median"] > 0
    assert medians["a deferred verdict"] == medians["verdict deferred"] - medians["none"]


def test_another_broker_is_started_by_its_command_and_its_faults_end_with_1():
    other = f"other={sys.executable} {FAULTY_BROKER} {{port}} doubled"

    done = bench("--quick", "--scenario", "one-to-one", "--version", "3.1.1", "--broker", other)

    assert done.returncode == 1
    assert "other, one to one, QoS 0: 1 doubled" in done.stdout
    assert "other, one to one, QoS 2: 1 doubled, " in done.stdout and " unanswered" in done.stdout  # it knows no QoS 2


@pytest.mark.parametrize("arguments, complaint", [
    (["--broker", "nobody"], "nobody"),
    (["--broker", "other=/bin/true"], "{port}"),
    (["--scenario", "nothing"], "one-to-one"),
    (["--rounds", "0"], "1 at least"),
])
def test_wrong_usage_is_told(arguments, complaint):
    done = bench(*arguments)

    assert done.returncode == 2
    assert complaint in done.stderr and "Traceback" not in done.stderr


def test_micro_benchmarks_are_measured_by_name():
    done = subprocess.run([settings.REPOSITORY / "tools/bench", "micro", "mailbox", "encode", "--build", settings.BUILD, "--json", "-"],
                          capture_output=True, text=True, timeout=LIMIT)
    assert done.returncode == 0, done.stderr
    results = {each["name"]: each for each in json.loads(done.stdout)}
    assert set(results) == {"mailbox/single", "mailbox/chain", "encode/publish-3.1.1", "encode/publish-5.0", "encode/puback"}
    assert all(0 < each["nanoseconds"] <= each["median"] for each in results.values())


def test_a_micro_benchmark_that_is_not_there_is_told():
    done = subprocess.run([settings.REPOSITORY / "tools/bench", "micro", "decoed", "--build", settings.BUILD],
                          capture_output=True, text=True, timeout=LIMIT)
    assert done.returncode == 2
    assert "there is no decoed" in done.stderr and "decode/puback" in done.stderr


def test_the_bystander_of_long_acts_is_measured():
    done = subprocess.run([settings.REPOSITORY / "tools/bench", "bystander", "retained", "unsubscribing", "ending", "slow",
                           "--scale", "0.001", "--build", settings.BUILD, "--json", "-"],
                          capture_output=True, text=True, timeout=LIMIT)
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)
    assert [each["act"] for each in results] == ["retained", "unsubscribing", "ending", "slow"]
    for each in results:
        assert 0 < each["p50_ms"] <= each["p99_ms"] <= each["worst_ms"], each


def test_an_act_that_is_not_there_is_told():
    done = subprocess.run([settings.REPOSITORY / "tools/bench", "bystander", "dancing", "--build", settings.BUILD],
                          capture_output=True, text=True, timeout=LIMIT)
    assert done.returncode == 2
    assert "there is no dancing" in done.stderr and "expiring" in done.stderr
