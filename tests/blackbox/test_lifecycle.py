"""From the first failure to the proof of the end, with the real binary and the shared table.

Time is that of the events, so most of a history is sent at once; the policy shortens what depends on the real clock.
"""

import json
import time

import pytest

from tests.harness import make
from tests.harness.fake_oidc import NULL_500
from tests.harness.servers import refused_url
from tests.harness.world import panics, until

POLICY = {"proof_s": 1, "proof_probes_s": 1, "proof_probes": 2, "changed_every_s": 1}


def send(function, events):
    """The notices of these events, in batches as SQS makes them."""
    notices = []
    for at in range(0, len(events), 10):
        result = function.invoke(make.sqs(events[at:at + 10]))
        assert result.error is None, result.error
        notices += result.answer["notices"]
    return notices


def kinds(notices):
    return [notice["kind"] for notice in notices]


def well_again(callers=4, ages=(12, 9, 6, 3, 1), **more):
    return [event for age in ages for event in make.served(callers=callers, age=age, **more)]


def tick(watcher):
    result = watcher.invoke(make.tick())
    assert result.error is None, result.error
    return result.answer["notices"]


def ticks(watcher, times=3):
    """The notices of so many ticks, each of which probes again."""
    notices = tick(watcher)
    for _ in range(times - 1):
        time.sleep(1.1)
        notices += tick(watcher)
    return notices


def tick_until(watcher, kind, notices=()):
    """These notices, and those of as many ticks as it takes to a notice of that kind."""
    notices = list(notices)
    until(lambda: kind in kinds(notices), lambda: notices.extend(tick(watcher)))
    return notices


def resolved(notices):
    return "resolved" in kinds(notices)


def test_an_incident_opens_resolves_and_reopens_under_its_id(world):
    world.break_service()
    function, watcher = world.start(POLICY), world.start(POLICY)
    opened, = send(function, make.outage(callers=8, age=30))
    assert (opened["kind"], opened["sequence"]) == ("opened", 1) and opened["severity"] == "page"
    world.oidc.heal()
    notices = tick_until(watcher, "resolved", send(function, well_again()))
    assert kinds(notices)[-1] == "resolved"
    (incident,) = world.table.incidents()
    assert incident["resolved_at"]
    # Failures now are in a later second.
    time.sleep(1.1)
    world.break_service()
    reopened = send(function, [make.cloudtrail(user=f"made-up-user-{number}", age=0) for number in range(1, 9)])
    assert "reopened" in kinds(reopened)
    assert {notice["incident"] for notice in [opened, *notices, *reopened]} == {opened["incident"]}
    sent = world.sent()
    assert [notice.sequence for notice in sent] == list(range(1, len(sent) + 1))
    assert len(world.table.incidents()) == 1


def test_people_who_give_up_prove_nothing(world):
    world.break_service()
    function, watcher = world.start(POLICY), world.start(POLICY)
    send(function, make.outage(callers=8, age=600, operation="CreateTokenWithIAM"))
    assert not resolved(ticks(watcher, 5))
    assert not world.table.incidents()[0].get("resolved_at")


@pytest.mark.long
def test_a_long_silence_ends_an_incident_and_the_notice_says_it_is_not_confirmed(world):
    assert kinds(send(world.start(POLICY), make.outage(callers=8, age=40))) == ["opened"]
    # Healthy probe steps that were never down prove nothing either.
    assert not resolved(ticks(world.start(POLICY), 5))
    # The shortest silence allowed in a policy. While a probe answers, it is reported and ends nothing.
    notices = tick_until(world.start(POLICY | {"quiet_s": 10}), "changed")
    assert kinds(notices) == ["changed"]
    text = world.sent()[-1].text
    assert "Nobody has called since" in text and "nothing shows whether it still fails" in text
    # Nor does another tick send it again, until it is given up.
    assert ticks(world.start(POLICY | {"quiet_s": 10}), 2) == []
    notices = tick_until(world.start(POLICY | {"quiet_s": 10, "quiet_end_s": 60}), "resolved")
    assert kinds(notices) == ["resolved"]
    assert "nothing else confirms that it is over" in world.sent()[-1].text


def test_events_eight_minutes_late_open_an_incident(world):
    world.break_service()
    (notice,) = send(world.start(), make.outage(callers=8, age=480))
    assert notice["kind"] == "opened"


def test_an_outage_that_ended_before_its_events_arrived_is_not_reported_as_open(world):
    function = world.start(POLICY)
    events = make.outage(callers=8, age=480) + well_again(callers=8, ages=(400, 300, 200, 100, 50, 1))
    result = function.invoke(make.sqs(events))
    notices = result.answer["notices"] + ticks(world.start(POLICY))
    assert all(incident["resolved_at"] for incident in world.table.incidents())
    assert len(notices) <= 2


def test_stragglers_from_before_the_end_reopen_nothing(world):
    world.break_service()
    function, watcher = world.start(POLICY), world.start(POLICY)
    send(function, make.outage(callers=8, age=200))
    world.oidc.heal()
    tick_until(watcher, "resolved", send(function, well_again(ages=(60, 50, 40, 30, 20, 10))))
    sent = len(world.sent())
    stragglers = [make.cloudtrail(user=f"late-{number}", age=190 - number) for number in range(8)]
    assert send(function, stragglers) == [] and ticks(watcher) == []
    assert len(world.sent()) == sent
    assert all(incident["resolved_at"] for incident in world.table.incidents())


def test_a_backlog_of_two_hours_is_one_low_key_advice(world):
    world.break_service()
    function = world.start()
    backlog = [make.cloudtrail(user=f"user-{number % 20}", age=7200 - number) for number in range(200)]
    result = function.invoke(make.logs([json.dumps(event["detail"]) for event in backlog]))
    assert {failure["action"] for failure in result.answer["failures"]} == {"ignored"}
    (notice,) = result.answer["notices"]
    assert (notice["kind"], notice["diagnosis"], notice["severity"]) == ("advice", "late", "info")
    assert notice["incident"] is None
    assert send(world.start(), backlog[:50]) == [], "sent once, whichever sandbox sees it"
    assert len(world.sent()) == 1 and world.table.incidents() == []


def test_a_drained_backlog_ends_in_the_incident_of_today(world):
    world.break_service()
    events = [make.cloudtrail(user=f"user-{number % 20}", age=7200 - 70 * number) for number in range(100)]
    notices = send(world.start(), events)
    assert kinds(notices).count("opened") == 1 and kinds(notices).count("advice") <= 1
    assert len(world.table.incidents()) == 1


def test_an_archive_that_is_replayed_is_neither_incident_nor_advice(world):
    world.break_service()
    events = [{**event, "replay-name": "made-up"} for age in (0, 7200) for event in make.outage(callers=12, age=age)]
    assert send(world.start(), events) == []
    assert world.sent() == [] and world.table.incidents() == [] and world.oidc.calls() == 0


def test_an_event_from_the_future_is_taken_as_of_now(world):
    world.break_service()
    function = world.start(POLICY)
    (notice,) = send(function, make.outage(callers=8, age=-86400))
    assert notice["kind"] == "opened"
    world.oidc.heal()
    # Served calls now are in a later second.
    time.sleep(1.1)
    # It would never end if its failures were later than all served calls.
    tick_until(function, "resolved", send(function, well_again(ages=(0,) * 3)))


def test_the_table_is_where_the_function_runs_wherever_identity_center_is(world):
    world.break_service()
    function = world.start(OIDC_TRIAGE_REGION="eu-west-1")
    line = "An error occurred (InternalServerException) when calling the CreateToken operation: user=user{}@example.com"
    function.invoke(make.logs([line.format(number) for number in range(8)]))
    (incident,) = world.table.incidents()
    assert incident["region"] == "eu-west-1"
    assert {call.region for call in world.proxy.calls} == {"us-east-1"}


def test_a_call_that_names_a_region_that_does_not_exist_is_answered_and_not_probed(world):
    world.break_service()
    function = world.start()
    for number in range(12):
        result = function.invoke(make.call(region="us-east-99", caller=f"ci-{number}"))
        assert result.error is None and len(result.answer["failures"]) == 1
    assert world.oidc.calls() == 0 and world.sent() == []
    assert panics(function.all_output()) == []


def test_users_who_fail_outvote_a_healthy_probe(world):
    function = world.start()
    (notice,) = send(function, make.outage(callers=10))
    assert notice["kind"] == "opened" and notice["diagnosis"] in ("outage", "degraded")
    assert world.oidc.calls("RegisterClient") >= 1, "it was asked, and said that all is well"


def test_a_probe_that_cannot_connect_is_our_side_and_not_a_page(world):
    watcher = world.start(AWS_ENDPOINT_URL_SSO_OIDC=refused_url())
    (notice,) = ticks(watcher)
    assert (notice["kind"], notice["diagnosis"], notice["severity"]) == ("advice", "blind", "warning")
    assert world.table.incidents() == []


def test_an_outage_without_callers_is_found_by_the_probe_and_so_is_its_end(world):
    policy = POLICY | {"probe_down_s": 1}
    watcher = world.start(policy)
    assert ticks(watcher) == []
    world.oidc.script_all(NULL_500)
    notices = tick_until(watcher, "opened")
    assert notices[-1]["diagnosis"] == "degraded"
    world.oidc.heal()
    notices = tick_until(watcher, "resolved")
    assert kinds(notices)[-1] == "resolved" and len(world.table.incidents()) == 1


@pytest.mark.long
def test_an_outage_that_flaps_is_one_incident(world):
    function, watcher = world.start(POLICY), world.start(POLICY)
    everything = []
    for _ in range(3):
        world.break_service()
        everything += send(function, [make.cloudtrail(user=f"made-up-user-{number}", age=0) for number in range(1, 9)])
        # Served calls now are in a later second, and failures after them as well.
        time.sleep(1.1)
        world.oidc.heal()
        until(lambda: everything and everything[-1]["kind"] == "resolved",
              lambda: everything.extend(send(function, make.served(callers=4)) + tick(watcher)), pause=0.5)
        time.sleep(1.1)
    sent = [kind for kind in kinds(everything) if kind not in ("changed", "reminder")]
    assert sent == ["opened", "resolved", "reopened", "resolved", "reopened", "resolved"]
    assert len({notice["incident"] for notice in everything}) == 1 and len(world.table.incidents()) == 1


def test_a_broken_laptop_neither_begins_an_outage_nor_keeps_it_from_ending(world):
    function, watcher = world.start(POLICY), world.start(POLICY)

    def laptop(age):
        return make.cloudtrail(user="laptop", age=age)

    before = [event for age in range(1200, 600, -30) for event in (laptop(age), *make.served(callers=3, age=age + 5))]
    notices = send(function, before)
    assert "opened" not in kinds(notices)
    assert [notice["diagnosis"] for notice in notices] in ([], ["one_caller"])
    during = make.outage(callers=8, age=300) + [laptop(age) for age in (320, 310, 305)]
    assert "opened" in kinds(send(function, during))
    after = [event for age in range(200, 0, -10) for event in (laptop(age), *make.served(callers=8, age=age - 5))]
    tick_until(watcher, "resolved", send(function, after))
    assert send(function, [laptop(age) for age in (2, 1, 0)]) == []
    assert ticks(watcher) == []


def test_aws_health_joined_to_two_hit_callers_is_an_incident_that_it_confirms(world):
    world.break_service()
    function = world.start()
    issue = make.event("health__open")
    issue.update(time=make.timestamp(60))
    issue["detail"].update(startTime=make.health_time(2400), lastUpdatedTime=make.health_time(60))
    function.invoke(issue)
    advices = len(world.sent())
    assert advices <= 1
    function.invoke(make.sqs(make.outage(callers=2)))
    (notice,) = world.sent()[advices:]
    assert "AWS" in notice.text and "Health" in notice.text
    assert len(world.table.incidents()) == 1


@pytest.mark.parametrize("code, callers, diagnosis", [("AccessDeniedException", 4, "misconfigured"),
                                                      ("ThrottlingException", 12, "throttling")])
def test_failures_that_are_not_the_service_s_have_their_own_diagnosis(world, code, callers, diagnosis):
    function = world.start()
    more = {"operation": "CreateTokenWithIAM"} if code == "AccessDeniedException" else {}
    events = [make.cloudtrail(code, user=f"user-{number}", age=130 - 11 * number, **more) for number in range(callers)]
    notices = send(function, events) + ticks(world.start(), 2)
    assert [notice["diagnosis"] for notice in notices] == [diagnosis]
