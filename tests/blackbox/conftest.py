import pytest

from tests.harness import make
from tests.harness.emulator import Emulator
from tests.harness.fake_oidc import FakeOidc
from tests.harness.fake_sns import TOPIC_ARN, FakeSns
from tests.harness.lab import Place
from tests.harness.runtime_api import Function
from tests.harness.servers import refused_url
from tests.harness.world import World


@pytest.fixture
def oidc():
    with FakeOidc() as service:
        yield service


@pytest.fixture
def sns():
    with FakeSns() as service:
        yield service


@pytest.fixture
def start(oidc, sns):
    """Starts functions that know the two fakes and nothing else: every other AWS endpoint refuses the connection."""
    running = []

    def start(region="us-east-1", **env):
        function = Function({"AWS_ENDPOINT_URL": refused_url(), "AWS_ENDPOINT_URL_SSO_OIDC": oidc.url,
                             "AWS_ENDPOINT_URL_SNS": sns.url, "OIDC_TRIAGE_TOPIC_ARN": TOPIC_ARN, **make.TRUSTED, **env}, region=region)
        running.append(function.__enter__())
        return function

    yield start
    for function in running:
        function.__exit__()


@pytest.fixture
def function(start):
    return start()


@pytest.fixture(scope="session")
def emulator(tmp_path_factory):
    """DynamoDB. Without IAM: what the roles may do is tested end to end."""
    with Emulator(tmp_path_factory.mktemp("emulator"), iam=False) as emulator:
        yield emulator


@pytest.fixture
def world(emulator):
    with World(emulator) as world:
        yield world


@pytest.fixture
def place(tmp_path):
    """For `tools/lab.py`."""
    place = Place(tmp_path)
    with place.oidc, place.account:
        yield place


def pytest_collection_modifyitems(items):
    # Long tests start first: with several at a time, none is left waiting at the end.
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


@pytest.fixture
def report(record_property):
    """Reports a measured number at the end of the run, from any process."""
    return lambda what, number: record_property("measured", f"{what}: {number}")


def pytest_terminal_summary(terminalreporter):
    passed = terminalreporter.getreports("passed")
    lines = [line for one in passed if one.when == "call" for name, line in one.user_properties if name == "measured"]
    if lines:
        terminalreporter.section("measured")
        for line in lines:
            terminalreporter.line(line)
