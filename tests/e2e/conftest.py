import pytest

from tests.harness import make
from tests.harness.emulator import Emulator, Stack
from tests.harness.fake_identity_store import FakeIdentityStore
from tests.harness.fake_oidc import FakeOidc

APPLICATION_LOG_GROUP = "/made-up/application"

#: The parameters that make the stack trust the tests' events.
TRUSTED = {"CallSources": make.TRUSTED["OIDC_TRIAGE_CALL_SOURCES"], "TrustedQueues": make.TRUSTED["OIDC_TRIAGE_TRUSTED_QUEUES"],
            "TrustedTopics": make.TRUSTED["OIDC_TRIAGE_TRUSTED_TOPICS"],
            # The account of events/: each stack here is in one of its own.
            "TrustedAccounts": "111122223333"}


@pytest.fixture(scope="session")
def service():
    with FakeOidc() as service:
        yield service


@pytest.fixture
def oidc(service):
    service.heal()
    service.forget()
    return service


@pytest.fixture(scope="session")
def directory():
    with FakeIdentityStore() as directory:
        yield directory


@pytest.fixture(scope="session")
def emulator(service, directory, tmp_path_factory):
    with Emulator(tmp_path_factory.mktemp("emulator"), service.url, directory_url=directory.url) as emulator:
        yield emulator


@pytest.fixture(scope="session")
def stack(emulator):
    # Many tests have their outage within the same minute, while the stack's own schedule ticks: findings of its probes
    # in two tests, a minute apart, are no outage. The regions are in lines and calls here before CloudTrail has
    # reported them.
    return stack_with_log(emulator, "111111111111", Regions="us-east-1,eu-west-2,ap-south-1",
                          Policy="notices_per_minute = 600\nprobe_down_s = 3600\nprobe_interval_s = 1")


def stack_with_log(emulator, account, **parameters):
    emulator.client("logs", account).create_log_group(logGroupName=APPLICATION_LOG_GROUP)
    # The emulator knows no `?` in filter patterns; the default pattern's meaning is tested with the template.
    return Stack(emulator, account, ApplicationLogGroups=APPLICATION_LOG_GROUP, **TRUSTED,
                 LogFilterPattern="InternalServerException", **parameters)
