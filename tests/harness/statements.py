"""Which statements of the standards a test proves, and the lists of all there are.

    @proves(v3="3.1.2-8 3.1.2-9", v5="3.1.2-7")
    def test_a_will_is_published_when_the_connection_breaks(broker, version, topic): ...

v3 names statements of MQTT 3.1.1, v5 of MQTT 5.0, both without the "MQTT-" in front. With pytest.param(..., marks=proves(...)) it
speaks of one case only. A run with `version` 3 or 4 counts for v3, one with 5 for v5, one without for what it names.
"""

import csv
import dataclasses
import pathlib

import pytest

FOLDER = pathlib.Path(__file__).resolve().parents[1] / "conformance"
STANDARDS = {"v3": "3.1.1", "v5": "5.0"}


@dataclasses.dataclass
class Statement:
    id: str
    binds: str  # server, client or both
    about: str  # in our own words
    not_offered: str  # what the broker doesn't have of which the statement speaks, or nothing

    def __post_init__(self):
        assert self.binds in ("server", "client", "both") and self.about, self


def read(standard):
    """{identifier: Statement} of "v3" or "v5", in the order of the list."""
    file = FOLDER / f"statements_{STANDARDS[standard].replace('.', '_')}.tsv"
    with file.open(encoding="utf-8", newline="") as lines:
        rows = [Statement(**row) for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)]
    statements = {row.id: row for row in rows}
    assert len(statements) == len(rows), f"{file.name} has an identifier twice"
    return statements


KNOWN = {standard: read(standard) for standard in STANDARDS}


def proves(v3="", v5=""):
    """A mark for a test, or for one case of it. An identifier that is in no list is an error at once."""
    named = {"v3": tuple(v3.split()), "v5": tuple(v5.split())}
    for standard, identifiers in named.items():
        unknown = [each for each in identifiers if each not in KNOWN[standard]]
        if unknown:
            raise ValueError(f"MQTT {STANDARDS[standard]} has no statement {', '.join(unknown)}")
    return pytest.mark.proves(**named)


def statements_of(item):
    """{(standard, identifier), ...} for which a collected test counts."""
    version = item.callspec.params.get("version") if hasattr(item, "callspec") else None
    counted = {None: ("v3", "v5"), 3: ("v3",), 4: ("v3",), 5: ("v5",)}[version]
    return {(standard, identifier) for marker in item.iter_markers("proves") for standard in counted
            for identifier in marker.kwargs[standard]}
