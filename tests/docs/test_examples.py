"""What the documentation shows works: each fenced block behind <!-- test: plugin NAME.c --> is compiled as a plugin, each
behind <!-- test: config --> is checked by the broker, with the plugins that the document has shown before it."""

import json
import re
import subprocess

import pytest

from harness import settings
from harness.broker import new_broker
from harness.plugins import FLAGS

DOCUMENTS = ["README.md", "plugins/README.md", "etc/README.md", "core/README.md"]
MARKED = re.compile(r"^<!-- test: (?P<what>[^>]*?) -->\n```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
FENCED = re.compile(r"^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


class Example:
    def __init__(self, document, match):
        self.document = document
        self.what, _, self.name = match["what"].partition(" ")
        self.text = match["text"]
        self.line = match.string[:match.start("text")].count("\n") + 1

    def __str__(self):
        return f"{self.document}:{self.line}"


def examples_of(document):
    path = settings.REPOSITORY / document
    return [Example(document, match) for match in MARKED.finditer(path.read_text())] if path.exists() else []


EXAMPLES = [example for document in DOCUMENTS for example in examples_of(document)]


def build(example, folder):
    """As the documentation says to do it, but with every warning an error."""
    source = folder / example.name
    source.write_text(example.text)
    made = source.with_suffix(".so")
    done = subprocess.run(["gcc", *FLAGS, "-Wpedantic", "-Werror", "-o", str(made), str(source)], capture_output=True, text=True)
    assert done.returncode == 0, f"{example}: {done.stderr}"
    return made


@pytest.fixture
def folder_before(tmp_path):
    """A function that builds the plugins which a document shows before an example."""
    def prepare(example):
        for other in examples_of(example.document):
            if other.what == "plugin" and other.line < example.line:
                build(other, tmp_path)
        return tmp_path
    return prepare


def test_the_marks_are_known_and_there_are_some():
    assert EXAMPLES
    for example in EXAMPLES:
        assert example.what in ("plugin", "config"), f"{example}: what is to be done with a {example.what!r}?"
        assert example.what != "plugin" or example.name.endswith(".c"), f"{example}: a plugin needs the name of its file"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_mark_stands_before_its_block_and_every_plugin_has_one(document):
    text = (settings.REPOSITORY / document).read_text()
    assert text.count("<!-- test: ") == len(examples_of(document)), "a mark must stand on the line before its block"
    marked = {example.text for example in examples_of(document)}
    for match in FENCED.finditer(text):
        if match["language"] == "c" and "#include <graftmq/plugin.h>" in match["text"]:
            assert match["text"] in marked, f"{document}: a plugin without <!-- test: plugin NAME.c -->"


@pytest.mark.parametrize("example", [each for each in EXAMPLES if each.what == "plugin"], ids=str)
def test_a_plugin_compiles_without_a_warning(example, tmp_path):
    build(example, tmp_path)


@pytest.mark.parametrize("example", [each for each in EXAMPLES if each.what == "config"], ids=str)
def test_a_configuration_is_accepted(example, folder_before):
    folder = folder_before(example)
    file = folder / "example.json"
    file.write_text(example.text)
    done = subprocess.run([str(settings.PROGRAM), "--config", str(file), "--plugin-folder", str(settings.PLUGINS), "--check"],
                          capture_output=True, text=True, timeout=settings.LIMIT)
    assert done.returncode == 0, f"{example}: {done.stdout}{done.stderr}"


def test_the_shipped_configuration_is_accepted():
    done = subprocess.run([str(settings.PROGRAM), "--config", str(settings.REPOSITORY / "etc" / "graftmq.json"),
                           "--plugin-folder", str(settings.PLUGINS), "--check"], capture_output=True, text=True,
                          timeout=settings.LIMIT)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_schema_is_the_parsers():
    made = subprocess.run([str(settings.PROGRAM), "--schema"], capture_output=True, text=True, timeout=settings.LIMIT)
    shipped = (settings.REPOSITORY / "etc" / "graftmq.schema.json").read_text()
    assert made.returncode == 0 and json.loads(made.stdout) == json.loads(shipped), \
        "etc/graftmq.schema.json is out of date: build/release/graftmq --schema > etc/graftmq.schema.json"


def test_the_first_plugin_of_the_readme_can_be_changed_while_clients_stay(tmp_path):
    """The README's own story: built, loaded, changed, built over the old file, SIGHUP."""
    plugin, configuration = examples_of("README.md")[:2]
    broker = new_broker(tmp_path, {})
    made = build(plugin, tmp_path)
    broker.config = {**json.loads(configuration.text), "listeners": [{"name": "mqtt", "bind": "127.0.0.1", "port": 0}]}
    broker.config["plugins"]["broker"]["path"] = str(settings.PLUGINS / "broker.so")
    try:
        broker.start()
        client = broker.connect()
        client.subscribe("#")
        client.publish("quiet/please", b"hello")
        client.expect_publish("quiet/please", b"HELLO")
        client.publish("elsewhere", b"hello")
        client.expect_publish("elsewhere", b"hello")
        plugin.text = plugin.text.replace("toupper", "tolower")
        assert build(plugin, tmp_path) == made
        broker.expect_reload()
        client.publish("quiet/please", b"Hello")
        client.expect_publish("quiet/please", b"hello")
        broker.close_clients()
        broker.stop()
    finally:
        broker.kill()
