import pathlib
import shutil
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from harness.fixtures import *  # noqa: E402,F401,F403
from harness.client import unique  # noqa: E402
import real  # noqa: E402


@pytest.fixture(params=real.EACH, ids=real.name_of)
def under_test(request):
    return request.param


@pytest.fixture
def kind(under_test):
    return under_test[0]


@pytest.fixture
def version(under_test):
    return under_test[1]


@pytest.fixture(scope="session")
def paho_c(tmp_path_factory):
    real.PahoC.compile(tmp_path_factory.mktemp("paho") / "paho")


@pytest.fixture
def new(broker, kind, version, paho_c):
    """Makes clients of the kind and version under test."""
    if kind == "mqttjs" and not (shutil.which("node") and (real.FOLDER / "node_modules" / "mqtt").exists()):
        pytest.fail("MQTT.js is not installed: run tools/test clients, or npm ci in tests/clients")
    clients = []

    def make(identifier=None, kind=kind, version=version, at=broker, **fields):
        client = real.KINDS[kind](at.address(), identifier or unique(kind), version, **fields)
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.close()
