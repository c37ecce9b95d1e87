"""The zoo: every broken or hostile plugin and file that the broker is known to survive, and what it says of it. The table of
tests/plugins/zoo/README.md comes from here. tests/reload/test_zoo.py meets them all.

What the log says of a case is given as text in which "zoo.so" stands for the path that the configuration names, and "..." for
anything.
"""

import dataclasses
import os
import pathlib
import re
import socket

from .plugins import compile_plugin
from .settings import IS_SANITIZED, REPOSITORY

FOLDER = REPOSITORY / "tests" / "plugins" / "zoo"
LARGEST = 256 * 1024 * 1024  # of a plugin file; core/plugin/library.h


@dataclasses.dataclass
class Case:
    """`says`: the lines of the log that are errors or warnings. `make(path)` puts the file in place. `is_taken`: the reload is, as
    loading it does no harm. `stays`: what is left of it after it was replaced, as the census counts it; the log names it."""
    name: str
    says: list
    make: object
    is_taken: bool = False
    stays: dict = dataclasses.field(default_factory=dict)
    settings: dict = dataclasses.field(default_factory=dict)
    limits: dict = dataclasses.field(default_factory=dict)
    more: dict = dataclasses.field(default_factory=dict)  # further keys of the plugin's entry
    spoil: object = None  # spoil(broker) brings a condition about in the running broker and returns what ends it
    title: str = ""  # what the table calls it, where the name isn't enough

    def pattern(self, line, path):
        """The regular expression of a line of `says`."""
        text = line.replace("zoo.so", str(path))
        return ".*".join(re.escape(part) for part in text.split("..."))


# ---- ways to make one ----

def source(name, *flags):
    file = FOLDER / name
    compiler = "g++" if file.suffix == ".cc" else "gcc"

    def make(path):
        compile_plugin(path, file, flags=flags, compiler=compiler)
    return make


def content(change):
    """A file made of a good plugin's bytes."""
    def make(path):
        good = path.with_name("good.so")
        source("good.c")(good)
        path.write_bytes(change(good.read_bytes()))
        good.unlink()
    return make


def byte(offset, value):
    return content(lambda good: good[:offset] + bytes([value]) + good[offset + 1:])


def away(path):
    pass


def folder(path):
    path.mkdir()


def fifo(path):
    os.mkfifo(path)


def unix_socket(path):
    with socket.socket(socket.AF_UNIX) as made:
        here = os.getcwd()
        os.chdir(path.parent)  # the whole path may be longer than an address
        try:
            made.bind(path.name)
        finally:
            os.chdir(here)


def link_to(target):
    def make(path):
        path.symlink_to(target)
    return make


def unreadable(path):
    source("good.c")(path)
    path.chmod(0)


def too_large(path):
    source("good.c")(path)
    os.truncate(path, LARGEST + 1)


def executable(path):
    program = path.with_name("program.c")
    program.write_text("int main(void) { return 0; }\n")
    compile_plugin(path, program, flags=["-fno-PIC", "-fPIE", "-pie"], is_shared=False)


def relocatable(path):
    compile_plugin(path, FOLDER / "good.c", flags=["-c"], is_shared=False)


def needs_missing_library(path):
    """Linked with a library that is deleted afterwards."""
    library = path.with_name("libgraftmq_zoo_nowhere.so")
    source("no_plugin.c")(library)
    compile_plugin(path, FOLDER / "good.c", flags=["-Wl,--no-as-needed", f"-L{path.parent}", "-lgraftmq_zoo_nowhere"])
    library.unlink()


# ---- ways to spoil the broker's surroundings ----

def private_folder(broker):
    return next(pathlib.Path(broker.folder / "private").glob("graftmq-*"))


def full_disk(broker):
    """The system lets the broker write no more than one page into any file: met in the middle of a copy, as a full disk is."""
    import resource
    _, hard = resource.prlimit(broker.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(broker.process.pid, resource.RLIMIT_FSIZE, (4096, hard))
    return lambda: resource.prlimit(broker.process.pid, resource.RLIMIT_FSIZE, (hard, hard))


def read_only_folder(broker):
    place = private_folder(broker)
    place.chmod(0o500)
    return lambda: place.chmod(0o700)


def descriptors_out(broker):
    import resource
    soft, hard = resource.prlimit(broker.process.pid, resource.RLIMIT_NOFILE)
    lowest_free = min(set(range(4096)) - {int(each.name) for each in pathlib.Path(f"/proc/{broker.process.pid}/fd").iterdir()})
    resource.prlimit(broker.process.pid, resource.RLIMIT_NOFILE, (lowest_free, hard))
    return lambda: resource.prlimit(broker.process.pid, resource.RLIMIT_NOFILE, (soft, hard))


# ---- the cases ----

PLUGIN = 'plugin "zoo" (zoo.so) '
LOAD = 'cannot load "zoo.so": '
COPY = 'cannot load "...broker.so": its private copy can\'t be written in "...": '
MISSING = 'no plugin file "zoo.so" (%s); correct the path or put the file there'
MOMENTS = {
    "constructor": ("AT_CONSTRUCTOR", "while its constructors ran"),
    "load function": ("AT_LOAD", "while its load function ran"),
    "unload function": ("AT_UNLOAD", "while its unload function or its destructors ran"),
    "destructor": ("AT_DESTRUCTOR", "while its unload function or its destructors ran"),
}
PATIENCE_MS = 1500 if IS_SANITIZED else 600
LATE = f"did not return within {PATIENCE_MS} ms (limits.preflight_ms) "


def misbehaves(name, file, says, moments=("constructor", "load function"), **fields):
    cases = []
    for moment in moments:
        flag, when = MOMENTS[moment]
        cases.append(Case(f"{name} in its {moment}", [PLUGIN + says + when], source(file, f"-D{flag}"), **fields))
    return cases


def at(moment, name, file, says, **fields):
    return Case(name, [PLUGIN + line for line in says], source(file, f"-D{MOMENTS[moment][0]}"), **fields)


CASES = {
    "what it does while it is loaded and unloaded": [
        *misbehaves("crashes", "crash.c", "crashed with SIGSEGV ", MOMENTS),
        *misbehaves("calls exit(3)", "exit.c", "called exit(3) "),
        *misbehaves("calls _exit(0)", "quiet_exit.c", "called exit(0) ", ("constructor", "load function", "unload function")),
        *misbehaves("calls abort()", "abort.c", "crashed with SIGABRT "),
        *misbehaves("loops for ever", "endless_loop.c", LATE, limits={"preflight_ms": PATIENCE_MS}),
        *misbehaves("waits for itself", "deadlock.c", LATE, ("constructor", "load function", "unload function"),
                    limits={"preflight_ms": PATIENCE_MS}),
        *misbehaves("overflows the stack", "stack_overflow.c", "crashed with SIGSEGV "),
        *misbehaves("stops its process", "stop.c", LATE, ("load function",), limits={"preflight_ms": PATIENCE_MS}),
        *misbehaves("frees memory twice", "double_free.c", "called exit(66) " if IS_SANITIZED else "crashed with SIGABRT ",
                    ("load function",)),
        Case("throws an exception out of its load function", [PLUGIN + "crashed with SIGABRT while its load function ran"],
             source("throw.cc")),
        *misbehaves("closes every descriptor", "close_all.c", "called exit(0) ", ("load function",)),
        Case("refuses to be loaded, and says why",
             [PLUGIN + "refuses to be loaded: its load function answered GMQ_ERROR_SYSTEM; it said: the database is not there"],
             source("refuse.c")),
        Case("refuses to be loaded without a word",
             [PLUGIN + "refuses to be loaded: its load function answered no gmq_status"], source("refuse_silently.c")),
        Case("refuses to be loaded only in the broker, not in preflight",
             [PLUGIN + "refuses to be loaded: its load function answered GMQ_ERROR_STATE"], source("refuse_late.c"),
             settings={"token": "FOLDER/token"}),
    ],
    "what it leaves behind, or takes from the broker": [
        *(at(moment, f"leaves {what} behind ({when})", file, [f"leaves behind when it is unloaded: {what}{more}; undo it in the unload function"])
          for file, what, more in (("leave_signal_handler.c", "a handler of SIGUSR1", ""), ("leave_timer.c", "a timer of the system", ""),
                                   ("leave_descriptor.c", "an open descriptor", " (/dev/null)"),
                                   ("leave_key.c", "a thread-specific key", ""), ("leave_process.c", "a process", ""))
          for moment, when in (("constructor", "from its constructor"), ("load function", "from its load function"))),
        *(at("load function", f"sets {what}", file,
             [f"takes from the broker what that needs itself: it sets {what}; use gmq_timer_start() for time, and absolute paths"])
          for file, what in (("take_signal.c", "a handler of SIGHUP"), ("leave_alarm.c", "an alarm"),
                             ("change_folder.c", "another working folder"))),
        Case("leaves a handler of exit behind that crashes when its code is gone",
             ["...graftmq.json: the preflight process crashed with SIGSEGV when it was ready and ended"],
             source("leave_exit_handler.c", "-DAT_LOAD")),
        Case("has a handler of exit that goes with it", [], source("atexit.c", "-DAT_LOAD"), is_taken=True),
    ],
    "what it is made of": [
        Case("is no plugin", [PLUGIN + "is no GraftMQ plugin: it has no GMQ_PLUGIN(name, version) line, or hides its symbols"],
             source("no_plugin.c")),
        Case("has another descriptor", [PLUGIN + "is no GraftMQ plugin: its descriptor does not begin as one; rebuild it"],
             source("descriptor.c", "-DMAGIC=1")),
        Case("has a function for a descriptor",
             [PLUGIN + "is no GraftMQ plugin: its descriptor does not begin as one; rebuild it"], source("descriptor_code.c")),
        Case("has a descriptor that is found by a function which crashes",
             [PLUGIN + "crashed with SIGSEGV while its constructors ran"], source("indirect.c")),
        Case("was built for an older interface", [PLUGIN + "was built for plugin interface 0.0, this broker has 1...; rebuild it "
                                                  "with the headers of this broker"],
             source("descriptor.c", "-DMAJOR=0", "-DMINOR=0")),
        Case("was built for a newer interface", [PLUGIN + "was built for plugin interface 2.0, this broker has 1...; rebuild it "
                                                 "with the headers of this broker"],
             source("descriptor.c", "-DMAJOR=2", "-DMINOR=0")),
        Case("was built for a later minor version", [PLUGIN + "was built for plugin interface 1.99, this broker has 1...; rebuild it "
                                                     "with the headers of this broker"],
             source("descriptor.c", "-DMINOR=99")),
        Case("has a descriptor that is too small",
             [PLUGIN + "has a descriptor that is too small; rebuild it with the headers of this broker"],
             source("descriptor.c", "-DSIZE=8")),
        Case("has no name", [PLUGIN + "has no name or version; give both in GMQ_PLUGIN(name, version)"],
             source("descriptor.c", "-DNAME=0")),
        Case("has a name that lies nowhere", [PLUGIN + "has a damaged descriptor: its name or version lies nowhere; rebuild it"],
             source("descriptor.c", "-DNAME=(const char*)8")),
        Case("lacks the handler", ['plugin "zoo" has no handler "on_publish"; it has none'], source("no_handler.c")),
        Case("has the handler for another packet",
             ['handler "on_publish" of plugin "zoo" is for SUBSCRIBE packets and can\'t be on the route of PUBLISH'],
             source("wrong_handler.c")),
        Case("has a handler that lies nowhere",
             ['what plugin "zoo" exports as "on_publish" is no handler; use GMQ_HANDLER or GMQ_CALLBACK, and rebuild it with the '
              "headers of this broker"], source("damaged_handler.c")),
        Case("lacks a symbol", [LOAD + "zoo.so: undefined symbol: gmq_nowhere_to_be_found"], source("missing_symbol.c")),
        Case("lacks a library", [LOAD + "libgraftmq_zoo_nowhere.so: cannot open shared object file: No such file or directory"],
             needs_missing_library),
        Case("forbids to be loaded (-z nodlopen)", [LOAD + "zoo.so: shared object cannot be dlopen()ed"],
             source("good.c", "-Wl,-z,nodlopen")),
        Case("wants more static thread storage than there is",
             [LOAD + "zoo.so: cannot allocate memory in static TLS block"], source("big_thread_storage.c")),
        Case("has unique symbols", [LOAD + "it has the unique symbol \"...\", through which the next version would use this "
                                    "version's variable; compile it with -fno-gnu-unique (and -fvisibility=hidden)"],
             source("unique.cc", "-fvisibility=default")),
        Case("exports names of the C library, of libev and of the broker", [], source("interpose.c"), is_taken=True),
    ],
    "the file": [
        Case("is not there", [MISSING % "No such file or directory"], away),
        Case("is empty", [LOAD + "it is empty; copy or build it again"], content(lambda good: b"")),
        Case("is cut in half", [LOAD + "it is truncated: a segment ends at byte ..., beyond the end of the file at ...; copy or build it "
                                "again"], content(lambda good: good[:len(good) // 2])),
        Case("lacks its last byte", [LOAD + "it is truncated: a table of sections ends at byte ..., beyond the end of the file at ...; "
                                     "copy or build it again"], content(lambda good: good[:-1])),
        Case("is a script", [LOAD + "it is not an ELF shared object; name the plugin's compiled .so file"],
             content(lambda good: b"#!/bin/sh\nexit 1\n" + bytes(200))),
        Case("is for another machine", [LOAD + "it is built for aarch64, this broker is ...; rebuild it for this machine"], byte(18, 183)),
        Case("is for 32 bits", [LOAD + "it is built for another word size or byte order; rebuild it for this machine"], byte(4, 1)),
        Case("is for the other byte order", [LOAD + "it is built for another word size or byte order; rebuild it for this machine"],
             content(lambda good: good[:5] + b"\x02" + good[6:18] + good[19:17:-1] + good[20:])),
        Case("is an executable", [LOAD + "it is a program, not a shared object; link it with -shared"], executable),
        Case("is an object file", [LOAD + "it is an object file, not a shared object; link it with -shared"], relocatable),
        Case("is a directory", [MISSING % "is a folder"], folder),
        Case("is unreadable", [LOAD + "the broker's user may not read it; change its permissions"], unreadable),
        Case("is a named pipe", [MISSING % "is no regular file"], fifo),
        Case("is a socket", [MISSING % "is no regular file"], unix_socket),
        Case("is a device", [MISSING % "is no regular file"], link_to("/dev/zero")),
        Case("is a link to itself", [MISSING % "Too many levels of symbolic links"], link_to("zoo.so")),
        Case("is a link to nowhere", [MISSING % "No such file or directory"],
             link_to("nowhere.so")),
        Case("fails to be read", [LOAD + "it can't be read: Input/output error"], link_to("/proc/self/mem")),
        Case("is too large", [LOAD + "it is larger than 256 MiB; strip it, or move its data to a file of its own"], too_large),
    ],
    "where the private copy goes": [
        Case("the disk is full", [COPY + "File too large"], source("good.c"),
             spoil=full_disk, title="the disk is full (a limit of the file size is met in the middle of the copy)"),
        Case("the folder is read-only", [COPY + "Permission denied"], source("good.c"),
             spoil=read_only_folder),
        Case("there are no descriptors left", ["...graftmq.json: cannot be read: Too many open files"], source("good.c"),
             spoil=descriptors_out),
    ],
}


def all_cases():
    return {case.name: case for cases in CASES.values() for case in cases}


# ---- the table ----

HEAD = """# The zoo

Broken and hostile plugins and files, each put in front of a running broker by `tests/reload/test_zoo.py`: 4 workers, connected
clients, and messages on their way all the time. **Clients notice nothing in any of these cases**: no connection is closed, messages
go on while the broker finds out, and the plugin that served before serves on. The log has one clear line, after the place in the
configuration; the next good plugin is taken; no descriptor, mapping, file, thread or process is left.

What is not in preflight can't be seen there: a plugin that crashes only in a handler, or that is made to tell the preflight from the
broker and to do harm in the latter, does. Such code belongs into a process of its own.

In the table `zoo.so` stands for the path in the configuration, `...` for anything. It is made of the test's cases by
`/usr/bin/python3 tests/reload/zoo_table.py`, and a test holds it against them.
"""


def table():
    """The text of tests/plugins/zoo/README.md."""
    lines = [HEAD]
    for heading, cases in CASES.items():
        lines += [f"## {heading[0].upper()}{heading[1:]}", "", "| case | the log says | the reload is |", "|---|---|---|"]
        for case in cases:
            says = "<br>".join(f"`{line}`" for line in case.says) or "nothing"
            stays = f"; stays until the end: {', '.join(case.stays)}" if case.stays else ""
            lines.append(f"| {case.title or case.name} | {says} | {'taken' if case.is_taken else 'refused'}{stays} |")
        lines.append("")
    return "\n".join(lines)
