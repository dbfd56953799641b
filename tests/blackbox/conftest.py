import pytest

from tests.harness.fake_oidc import FakeOidc
from tests.harness.fake_sns import TOPIC_ARN, FakeSns
from tests.harness.runtime_api import Function
from tests.harness.servers import refused_url


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
                             "AWS_ENDPOINT_URL_SNS": sns.url, "OIDC_TRIAGE_TOPIC_ARN": TOPIC_ARN, **env}, region=region)
        running.append(function.__enter__())
        return function

    yield start
    for function in running:
        function.__exit__()


@pytest.fixture
def function(start):
    return start()
