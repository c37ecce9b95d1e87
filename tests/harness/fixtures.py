"""What a test can ask for. Each test folder's conftest.py takes these in.

workers       1, then 4: asking for it (or for a broker) runs the test with both
version       3, 4 and 5: MQTT 3.1, 3.1.1 and 5.0
broker        a broker with the standard configuration, shared by the tests of one process: use names of your own
start_broker  a function that starts a broker of the test's own: start_broker(limits={...}, ...)
topic         a topic that no other test uses
"""

import pytest

from . import settings
from .broker import Unsupported, new_broker, standard_config
from .client import unique

IDS = {3: "3.1", 4: "3.1.1", 5: "5.0"}

# In place of the fixture "version", for what 3.1 leaves open.
since_3_1_1 = pytest.mark.parametrize("version", [4, 5], ids=IDS.get)


@pytest.fixture(scope="session", params=settings.WORKERS, ids=lambda count: f"{count}worker{'s' * (count > 1)}")
def workers(request):
    return request.param


@pytest.fixture(params=[3, 4, 5], ids=IDS.get)
def version(request):
    return request.param


@pytest.fixture
def topic():
    return unique("topic")


@pytest.fixture(scope="session")
def shared_brokers(tmp_path_factory):
    brokers = {}
    yield brokers
    for broker in brokers.values():
        broker.stop()


def lend(request, shared_brokers, key, make):
    """For fixtures: the broker that is known by `key`, which make() starts for the first test that asks for it."""
    broker = shared_brokers.get(key)
    if broker is None:
        broker = shared_brokers[key] = make()
    request.node.brokers = [(broker, broker.mark())]
    yield broker
    broker.close_clients()
    try:
        broker.check()
    except AssertionError:
        shared_brokers.pop(key).kill()  # the next test gets a whole one
        raise


@pytest.fixture
def broker(request, workers, shared_brokers, tmp_path_factory):
    yield from lend(request, shared_brokers, workers,
                    lambda: new_broker(tmp_path_factory.mktemp("shared"), standard_config(workers)).start())


@pytest.fixture
def start_broker(request, workers, tmp_path):
    brokers = request.node.brokers = []

    def start(is_ready=True, **changes):
        changes.setdefault("workers", workers)
        broker = new_broker(tmp_path / f"broker{len(brokers)}", standard_config(**changes))
        brokers.append((broker, 0))
        try:
            return broker.start(is_ready)
        except Unsupported as reason:
            pytest.skip(str(reason))

    yield start
    for broker, _ in brokers:
        broker.close_clients()
    for broker, _ in brokers:
        if broker.is_expected_to_run:
            broker.check()
            broker.stop()
        elif broker.process is not None:
            broker.check_log()
            broker.kill()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    """A failed test shows its brokers' logs."""
    report = (yield).get_result()
    if report.failed:
        for broker, mark in getattr(item, "brokers", []):
            report.sections.append(("broker's log", broker.log(mark)[-20000:]))


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: too slow for the sanitizers in tools/test, which runs it with the release build")
    config.addinivalue_line("markers", "ours(reason): needs our configuration or says more than the standard: not for other brokers")
    config.addinivalue_line("markers", "proves(v3, v5): the statements of MQTT 3.1.1 and 5.0 that it shows; see statements.py")


def pytest_collection_modifyitems(items):
    if not settings.IS_FOREIGN:
        return
    for item in items:
        for marker in item.iter_markers("ours"):
            item.add_marker(pytest.mark.skip(reason=marker.args[0] if marker.args else "other brokers need not do this"))
