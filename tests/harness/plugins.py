"""Compiles plugins for tests from C in strings."""

import pathlib
import subprocess

from .settings import REPOSITORY

FLAGS = ["-std=c11", "-D_GNU_SOURCE", "-shared", "-fPIC", "-fvisibility=hidden", "-Wall", "-Wextra",
         f"-I{REPOSITORY / 'include'}"]


def compile_plugin(path, *sources, flags=(), compiler="gcc", is_shared=True):
    """Makes the .so at `path` of C texts or files, beside it first and then by rename: a running broker sees it whole."""
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    files = []
    for number, source in enumerate(sources):
        if isinstance(source, str):
            file = path.with_name(f"{path.stem}-{number}{'.cc' if compiler == 'g++' else '.c'}")
            file.write_text(source)
            source = file
        files.append(str(source))
    made = path.with_name(path.name + ".new")
    standard = FLAGS if is_shared else [flag for flag in FLAGS if flag != "-shared"]
    base = standard if compiler == "gcc" else ["-std=c++17"] + standard[1:]
    done = subprocess.run([compiler, *base, *flags, "-o", str(made), *files], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    made.rename(path)
    return path


def overwrite(path, content):
    """Writes over the file in place, as cp does: the same inode, first empty and then longer."""
    with open(path, "r+b") as file:
        file.truncate(0)
        file.write(content)


def marking(version, load="NULL", unload="NULL", more=""):
    """A plugin that writes its version onto each message that passes it: user property "version"."""
    return f"""
#include <graftmq/plugin.h>
{more}
GMQ_PLUGIN_WITH("mark", "{version}", {load}, {unload});

static gmq_verdict on_publish(gmq_call *call, gmq_publish *packet)
{{
    (void)gmq_publish_add_user_property(call, packet, GMQ_VIEW("version"), GMQ_VIEW("{version}"));
    return GMQ_NEXT;
}}
GMQ_HANDLER(PUBLISH, on_publish);
"""


def another_broker_plugin(path, serial):
    """The standard plugin, built again: the same code, and other bytes."""
    sources = sorted((REPOSITORY / "plugins" / "broker").glob("*.c"))
    return compile_plugin(path, *sources, flags=["-O1", f"-Wl,--build-id=0x{serial + 1:016x}"])
