"""A pytest plugin that writes down which tests proved which statements, and how they went. Used by tools/conformance.

    --conformance FILE        the results, as JSON: {test: {"outcome": ..., "statements": [[standard, identifier], ...]}}
    --conformance-standard S  only tests that prove something of this standard, v3 or v5

With --collect-only every outcome is "collected". With xdist the processes that run the tests send what they prove along with
each report; the one that was started gathers.
"""

import json
import pathlib

import pytest

from .statements import STANDARDS, statements_of

RANK = ["passed", "skipped", "failed"]  # the worst of setup, call and teardown counts


def pytest_addoption(parser):
    group = parser.getgroup("conformance")
    group.addoption("--conformance", metavar="FILE")
    group.addoption("--conformance-standard", choices=list(STANDARDS))


def pytest_configure(config):
    is_started_by_xdist = hasattr(config, "workerinput")
    if config.option.conformance and not is_started_by_xdist:
        config.pluginmanager.register(Results(pathlib.Path(config.option.conformance)))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    standard = config.option.conformance_standard
    dropped = []
    for item in items:
        statements = sorted(statements_of(item))
        item.user_properties.append(("proves", statements))
        if standard and not any(standard == each for each, _ in statements):
            dropped.append(item)
    if dropped:
        config.hook.pytest_deselected(items=dropped)
        items[:] = [item for item in items if item not in dropped]


class Results:
    def __init__(self, file):
        self.file = file
        self.tests = {}

    def note(self, name, outcome, user_properties):
        test = self.tests.setdefault(name, {"outcome": "passed", "statements": dict(user_properties).get("proves", [])})
        if outcome == "collected" or RANK.index(outcome) > RANK.index(test["outcome"]):
            test["outcome"] = outcome

    def pytest_runtest_logreport(self, report):
        self.note(report.nodeid, report.outcome, report.user_properties)

    def pytest_collectreport(self, report):
        if report.failed:  # a file that can't be read, as of an identifier that no list has
            self.note(report.nodeid, "failed", [])

    def pytest_collection_finish(self, session):
        if session.config.option.collectonly:
            for item in session.items:
                self.note(item.nodeid, "collected", item.user_properties)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self):
        self.file.write_text(json.dumps(self.tests, indent=1))
