"""Every file in events/, given to the real binary, gets the verdict in tests/expected.json."""

import json

import pytest

from tests.blackbox.shape import check_answer
from tests.harness import awslogs, make
from tests.harness.fake_oidc import FakeOidc
from tests.harness.runtime_api import Function
from tests.harness.servers import refused_url

EVENTS = awslogs.EVENTS
EXPECTED = json.loads((EVENTS.parent / "tests" / "expected.json").read_text())
#: The regions of these failures: other regions named in lines are not trusted.
REGIONS = sorted({failure["region"] for expected in EXPECTED.values() for failure in expected["failures"]
                  if failure["region"]})
NAMES = sorted(path.name for path in EVENTS.glob("*.json"))


@pytest.fixture
def function():
    """A separate function for each event: two events are about the same call, and the first one would count."""
    with FakeOidc() as oidc, Function({"AWS_ENDPOINT_URL": refused_url(),
                                       "AWS_ENDPOINT_URL_SSO_OIDC": oidc.url,
                                       "OIDC_TRIAGE_TRAIL_BUCKET": "made-up-trail", "OIDC_TRIAGE_TRAIL_PREFIX": "o-a1b2c3d4e5/",
                                       "OIDC_TRIAGE_TRAIL_BUCKET_ACCOUNT": "777788889999",
                                       "OIDC_TRIAGE_REGIONS": ",".join(REGIONS), **make.TRUSTED}) as function:
        yield function


@pytest.mark.parametrize("name", NAMES)
def test_the_verdict_on_each_event_is_the_expected_one(function, name):
    result = function.invoke((EVENTS / name).read_bytes())
    assert result.error is None
    answer = check_answer(result.answer, batch=name.startswith(("sqs__", "kinesis__")))
    expected = EXPECTED[name]
    found = [{key: failure[key] for key in ("cause", "code", "operation", "region", "status", "origin")}
            for failure in answer["failures"]]
    assert found == expected["failures"]
    assert sorted(result.problems()) == sorted(expected["problems"])
    assert (answer["counts"]["success"], answer["counts"]["own"]) == (expected["success"], expected["own"])
    for cause in ("expected", "request", "admin", "throttled", "service", "unreachable", "unrecognised"):
        assert answer["counts"][cause] == sum(failure["cause"] == cause for failure in answer["failures"])
    if name != "call__refresh_token.json":
        # All others have a time in the past: they are classified and listed, and nothing is done about them.
        assert {failure["action"] for failure in answer["failures"]} <= {"ignored"}
    assert answer["notices"] == []


def test_each_event_has_an_expected_verdict_and_is_explained():
    explained = (EVENTS / "README.md").read_text()
    assert sorted(EXPECTED) == NAMES
    for name in NAMES:
        assert f"`{name}`" in explained, f"events/README.md says nothing of {name}"


def test_each_log_event_equals_its_readable_twin():
    packed = {path.name for kind in ("logs", "kinesis") for path in EVENTS.glob(f"{kind}__*.json")}
    assert packed == {path.name for path in awslogs.DECODED.iterdir()}
    for twin in awslogs.DECODED.glob("kinesis__*.json"):
        assert awslogs.stream(json.loads(twin.read_text())) == json.loads((EVENTS / twin.name).read_text()), twin.name
    for twin in awslogs.DECODED.glob("logs__*.json"):
        assert awslogs.decode(json.loads((EVENTS / twin.name).read_text())) == json.loads(twin.read_text()), twin.name


def test_every_cause_and_every_kind_of_input_has_an_event():
    causes = {failure["cause"] for expected in EXPECTED.values() for failure in expected["failures"]}
    assert causes == {"expected", "request", "admin", "throttled", "service", "unreachable", "unrecognised"}
    assert {name.split("__")[0] for name in NAMES} == {"cloudtrail", "logs", "health", "schedule", "call", "sqs", "sns", "lookup", "kinesis"}
