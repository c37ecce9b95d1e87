"""tools/bench: what a user asks before choosing a broker, measured. See README.md here."""

import argparse
import pathlib
import sys
import tempfile
import time

import brokers
import run
from results import Results
from scenarios import DESCRIPTIONS, FULL, QUICK, all_cases

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
EPILOG = """examples:
  tools/bench                                        all of it; some 5 minutes for each broker and 3 rounds
  tools/bench --scenario one-to-one fan-out --quick
  tools/bench --broker graftmq --broker 'other=/opt/other/bin/other --port {port}' --json figures.json
  tools/bench micro                                  nanoseconds of single functions; see tools/bench micro --help
  tools/bench bystander                              what one client's act costs the others; see its --help

exit codes: 0 measured; 1 a broker lost, doubled, reordered or damaged a message, or failed otherwise; 2 wrong usage"""


def parser():
    parser = argparse.ArgumentParser(prog="tools/bench", description="Measures GraftMQ, and other brokers beside it.",
                                     epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--list", action="store_true", help="print the scenarios and end")
    add("--scenario", nargs="+", metavar="NAME", choices=list(DESCRIPTIONS), help="these alone (default: all)")
    add("--broker", action="append", metavar="NAME[=COMMAND]",
        help="graftmq, mosquitto, or a name and the command that starts it, with {port} and, if wanted, {workers} in it; can be "
             "given several times (default: graftmq, and mosquitto if it is installed)")
    add("--rounds", type=positive, metavar="N", help="how often each is measured, in turns; the median counts (default: 3)")
    add("--workers", type=positive, default=1, metavar="N", help="threads of GraftMQ, and {workers} (default: 1)")
    add("--version", choices=["3.1.1", "5.0"], default="5.0", help="of MQTT (default: 5.0)")
    add("--quick", action="store_true", help="less of everything, and 1 round: to see that it works")
    add("--json", metavar="FILE", help="write the results as JSON, too; -: instead of the tables")
    add("--svg", metavar="FOLDER", help="draw the tables as bars, each into a file of this folder")
    add("--build", type=pathlib.Path, default=REPOSITORY / "build/release", metavar="FOLDER",
        help="measure what is built there (default: build build/release first)")
    return parser


def positive(text):
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be 1 at least")
    return value


def progress(text):
    print(text, file=sys.stderr, flush=True)


def runs_of(options, chosen, scale):
    """Each broker in turn with each case, and that as many times as there are rounds."""
    cases = [case for case in all_cases(scale) if not options.scenario or case.scenario in options.scenario]
    return [(round_number, case, broker) for round_number in range(1, options.rounds + 1) for case in cases
            for broker in chosen if not case.is_ours_alone or isinstance(broker, brokers.GraftMQ)]


def measure_all(options, chosen, scale):
    results = Results(chosen, options)
    runs = runs_of(options, chosen, scale)
    begin = time.monotonic()
    for at, (round_number, case, broker) in enumerate(runs):
        left = (time.monotonic() - begin) / at * (len(runs) - at) if at else 0
        name = f"[{at + 1}/{len(runs)}] round {round_number}, {case.scenario}: {case.label}, {broker.name}"
        try:
            result = run.measure(case, broker, options, scale)
            value = results.add(case, broker, result)
            progress(f"{name}: {value}{' FAULTS' if result['faults'] else ''}" + (f"   ({left:.0f} s left)" if at else ""))
        except brokers.BrokerError as failure:
            results.add_fault(case, broker, {"failed": 1}, str(failure))
            progress(f"{name}: FAILED: {failure}")
    results.complete()
    return results


def main(arguments):
    if arguments[:1] == ["micro"]:
        import micro
        return micro.main(arguments[1:])
    if arguments[:1] == ["bystander"]:
        import bystander
        return bystander.main(arguments[1:])
    options = parser().parse_args(arguments)
    if options.list:
        print("\n".join(f"{name:12} {text}" for name, text in DESCRIPTIONS.items()))
        return 0
    options.build = options.build.resolve()
    if not (options.build / "tools/benchmark/bench_load").exists():
        parser().error(f"{options.build} has no tools/benchmark/bench_load; build tools/benchmark/all there")
    options.rounds = options.rounds or (1 if options.quick else 3)
    try:
        chosen = brokers.choose(options.broker, options.build)
    except brokers.BrokerError as failure:
        parser().error(str(failure))
    with tempfile.TemporaryDirectory(prefix="bench-") as options.scratch:
        results = measure_all(options, chosen, QUICK if options.quick else FULL)
    if options.json != "-":
        print("\n" + results.text())
    else:
        print(results.json())
    if options.json not in (None, "-"):
        pathlib.Path(options.json).write_text(results.json() + "\n")
    if options.svg:
        import plot
        plot.draw(results, pathlib.Path(options.svg))
    return 1 if results.faults else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
