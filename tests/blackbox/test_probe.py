"""The probe's calls while an incident is open: the steps that fail for callers, so that recovery is confirmed."""

import time

import pytest

from tests.harness import make
from tests.harness.fake_oidc import CLIENT_ID, NULL_500, region_of
from tests.harness.world import until

#: Any silence is long enough, and two healthy probes are proof.
POLICY = {"quiet_s": 10, "quiet_probes_s": 0, "proof_probes_s": 0, "proof_probes": 2}


def probe(watcher, times=1):
    """The notices of so many ticks, each of which probes again."""
    notices = []
    for _ in range(times):
        time.sleep(1.1)
        result = watcher.invoke(make.tick())
        assert result.error is None, result.error
        notices += result.answer["notices"]
    return notices


def open_incident(world, operation, **env):
    """The incident, and a watcher."""
    result = world.start(**env).invoke(make.sqs(make.outage(operation=operation)))
    (notice,) = result.answer["notices"]
    assert notice["kind"] == "opened"
    return notice["incident"], world.start(POLICY, **env)


def asked_to_sign_in(world):
    return [call.body["clientId"] for call in world.oidc.log if call.operation == "StartDeviceAuthorization"]


def test_if_signing_in_fails_a_made_up_client_probes_it(world):
    _, watcher = open_incident(world, "StartDeviceAuthorization")
    assert asked_to_sign_in(world) == [], "no incident was open when the failures came"
    probe(watcher)
    (stranger,) = asked_to_sign_in(world)
    assert region_of(stranger) == "us-east-1" and stranger != CLIENT_ID


def test_if_signing_in_fails_with_a_start_url_the_probe_signs_in(world):
    _, watcher = open_incident(world, "StartDeviceAuthorization",
                               OIDC_TRIAGE_START_URL="https://example.awsapps.com/start")
    probe(watcher)
    assert set(asked_to_sign_in(world)) == {CLIENT_ID}


def test_a_failing_registration_is_probed_until_it_works_and_then_not_for_five_minutes(world):
    world.oidc.script("RegisterClient", NULL_500)
    _, watcher = open_incident(world, "RegisterClient")
    before = world.oidc.calls("RegisterClient")
    probe(watcher, 2)
    assert world.oidc.calls("RegisterClient") == before + 2
    world.oidc.heal()
    probe(watcher, 3)
    assert world.oidc.calls("RegisterClient") == before + 3


@pytest.mark.long
def test_without_callers_only_the_failed_step_proves_recovery(world):
    world.oidc.script("StartDeviceAuthorization", NULL_500)
    incident, watcher = open_incident(world, "StartDeviceAuthorization")
    assert "resolved" not in [notice["kind"] for notice in probe(watcher, 12)]
    world.oidc.heal()
    notices = []
    until(lambda: "resolved" in [notice["kind"] for notice in notices], lambda: notices.extend(probe(watcher)))
    assert notices[-1]["incident"] == incident
    assert "StartDeviceAuthorization" in world.sent()[-1].text
