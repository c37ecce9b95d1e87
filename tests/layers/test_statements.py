"""Every statement of the standards that binds a server has a test, whatever comes of it: collects tests/conformance, runs nothing."""

import json
import os
import subprocess
import sys

import pytest

from harness.statements import KNOWN, STANDARDS


@pytest.fixture(scope="module")
def tests(tmp_path_factory):
    """{test: {"outcome", "statements"}}, as the plugin writes it."""
    from harness.settings import REPOSITORY
    file = tmp_path_factory.mktemp("conformance") / "tests.json"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "harness.conformance", "--collect-only",
               "--conformance", str(file), "tests/conformance"]
    environment = {**os.environ, "PYTHONPATH": "tests", "PYTHONDONTWRITEBYTECODE": "1", "PYTEST_ADDOPTS": ""}
    ended = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return json.loads(file.read_text())


@pytest.mark.parametrize("standard", STANDARDS, ids=STANDARDS.get)
def test_every_statement_that_binds_a_server_has_a_test(tests, standard):
    proven = {identifier for test in tests.values() for each, identifier in test["statements"] if each == standard}
    missing = [each.id for each in KNOWN[standard].values()
               if each.binds != "client" and not each.not_offered and each.id not in proven]
    assert not missing, f"MQTT {STANDARDS[standard]}: nothing proves {' '.join(missing)}"
