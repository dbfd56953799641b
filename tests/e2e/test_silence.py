"""A silence in a deployed stack, with IAM enforced: asked for by an operator, kept in the table, ended by request."""

import json

import pytest

from tests.e2e.conftest import stack_with_log
from tests.e2e.test_stack import invoke, messages
from tests.harness import make
from tests.harness.fake_oidc import NULL_500
from tests.harness.notices import check_machine


@pytest.fixture(scope="module")
def quiet(emulator):
    return stack_with_log(emulator, "121212121212", PagerTopic="true", Policy="gather_s = 0\nnotice_every_s = 0\nprobe_interval_s = 1")


def kinds(bodies):
    return sorted(check_machine(json.loads(message["Message"]))["kind"] for message in messages(bodies))


def test_a_silenced_outage_reaches_programs_alone_and_is_reported_at_the_silences_end(quiet, oidc):
    people, pager = quiet.topic_queue(), quiet.topic_queue("PagerTopicArn")
    bus = quiet.bus_queue({"source": ["oidc-triage"], "detail-type": ["OIDC Incident Opened"]})
    asked = {"scope": "all", "for": "1h", "reason": "a made-up rollout", "by": "ana"}
    silence = invoke(quiet, {"silence": asked}, "DirectArn")["silence"]
    assert (silence["state"], silence["regions"]) == ("silenced", ["us-east-1"])
    assert kinds(people.receive(1)) == ["silenced"]

    oidc.script_all(NULL_500)
    answer = invoke(quiet, make.sqs(make.outage("us-east-1", callers=8)))
    assert answer["incidents"][0]["silenced"]["by"] == "ana"
    (event,) = messages(bus.receive(1))
    assert event["detail"]["silenced"]["id"] == silence["id"]
    assert people.receive(0, seconds=1) == [] and pager.receive(0, seconds=1) == []

    ended = invoke(quiet, {"silence": {"end": silence["id"], "by": "ben"}}, "DirectArn")["silence"]
    assert ended["state"] == "ended"
    # What goes on is reported then.
    assert kinds(people.receive(2)) == ["opened", "silence_ended"] and len(pager.receive(1)) == 1
    for queue in (people, pager, bus):
        queue.close()


def test_a_silence_comes_as_a_direct_invocation_alone(quiet):
    answer = invoke(quiet, {"silence": {"scope": "all", "for": "1h", "reason": "made up", "by": "eve"}})
    assert "silence" not in answer and "operator_request_invalid" in [problem["name"] for problem in answer["problems"]]
