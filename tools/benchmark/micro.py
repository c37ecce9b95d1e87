"""The micro-benchmarks beside the code they measure: nanoseconds of CPU time, and with --instructions what callgrind counts."""

import argparse
import json
import pathlib
import re
import subprocess
import sys
import tempfile

import tables

ROUNDS = (200, 1200)  # of counting instructions: the difference leaves out what only the first rounds do


def parser():
    made = argparse.ArgumentParser(prog="tools/bench micro", description="Measures single functions: CPU time for one round.")
    made.add_argument("names", nargs="*", metavar="NAME", help="those whose name begins so, as \"decode\" (default: all)")
    made.add_argument("--instructions", action="store_true", help="count instructions, too (callgrind; takes longer)")
    made.add_argument("--json", metavar="FILE", help="write the results as JSON, too; -: instead of the table")
    made.add_argument("--build", metavar="FOLDER", type=pathlib.Path, default=pathlib.Path("build/release"),
                      help="measure what is built there (default: build build/release first)")
    return made


def programs(build):
    """{name of a benchmark: (program, what one round is)}."""
    found = {}
    for program in sorted((build / "tools/benchmark").glob("micro_*")):
        listed = subprocess.run([program, "--list"], capture_output=True, text=True, check=True).stdout
        for line in listed.splitlines():
            name, _, about = line.partition(" ")
            found[name] = (program, about)
    return found


def nanoseconds(program):
    """{name: (least, median)} of all benchmarks of a program."""
    measured = subprocess.run([program], capture_output=True, text=True, check=True).stdout
    return {name: (float(least), float(median)) for name, least, median in map(str.split, measured.splitlines())}


def counted(program, name, rounds):
    with tempfile.NamedTemporaryFile(prefix="callgrind-") as out:
        command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out.name}", "--collect-atstart=no",
                   "--toggle-collect=bench_measured", str(program), "--rounds", str(rounds), name]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"tools/bench: {name} under callgrind: {done.stderr.strip()}")
        return int(re.search(r"Collected : (\d+)", done.stderr)[1])


def instructions(program, name):
    few, many = ROUNDS
    return (counted(program, name, many) - counted(program, name, few)) / (many - few)


def table(results):
    head = ["one round", "ns", "median", "instructions"]
    rows = [[f"{each['name']}: {each['about']}", tables.number_text(each["nanoseconds"]), tables.number_text(each["median"]),
             tables.number_text(each.get("instructions"))] for each in results]
    if not any("instructions" in each for each in results):
        head, rows = head[:3], [row[:3] for row in rows]
    return tables.text_table(head, rows)


def main(arguments):
    options = parser().parse_args(arguments)
    options.build = options.build.resolve()
    known = programs(options.build)
    if not known:
        parser().error(f"{options.build} has no micro-benchmarks; build tools/benchmark/all there")
    chosen = [name for name in known if not options.names or name.startswith(tuple(options.names))]
    if not chosen:
        parser().error(f"there is no {' or '.join(options.names)}; there are {', '.join(known)}")
    times = {}
    for program in sorted({known[name][0] for name in chosen}):
        print(f"{program.name.removeprefix('micro_')} ...", file=sys.stderr)
        times.update(nanoseconds(program))
    results = []
    for name in chosen:
        program, about = known[name]
        results.append({"name": name, "about": about, "nanoseconds": times[name][0], "median": times[name][1]})
        if options.instructions:
            print(f"{name} under callgrind ...", file=sys.stderr)
            results[-1]["instructions"] = instructions(program, name)
    if options.json == "-":
        print(json.dumps(results, indent=2))
        return 0
    print(table(results))
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(results, indent=2) + "\n")
    return 0
