"""A test notice: through every channel, marked as a test, and without a trace in what real notices depend on."""

import json

import pytest

from tests.harness import make
from tests.harness.fake_sns import FALLBACK_TOPIC_ARN, PAGER_TOPIC_ARN, TOPIC_ARN, Trouble
from tests.harness.metrics import emitted
from tests.harness.notices import check_alarm, check_chat, check_machine
from tests.harness.servers import refused_url

EVERYONE = {"OIDC_TRIAGE_PAGER_TOPIC_ARN": PAGER_TOPIC_ARN, "OIDC_TRIAGE_FALLBACK_TOPIC_ARN": FALLBACK_TOPIC_ARN,
            "OIDC_TRIAGE_EVENT_BUS": "made-up-bus"}
INCIDENTS = ("outage", "degraded", "misconfigured", "suspected", "one_tool", "one_network", "one_application", "one_account")
PAGES = INCIDENTS[:3]
ADVICE = ("throttling", "one_caller", "blind", "late", "aws_health", "unbelieved")


def ask(function, kind, alias="direct", **more):
    result = function.invoke({"testNotice": kind}, alias=alias, **more)
    assert result.error is None
    return result


def answered(result):
    answer = result.answer["testNotice"]
    return answer, {tested["channel"]: tested for tested in answer["channels"]}


def published(world, topic):
    return [message for message in world.sns.published if message.topic == topic]


@pytest.mark.parametrize("kind", INCIDENTS + ADVICE)
def test_each_kind_goes_through_every_channel_that_would_get_it(world, kind):
    result = ask(world.start(**EVERYONE), kind)
    answer, channels = answered(result)
    kinds = ["opened", "resolved"] if kind in INCIDENTS else ["advice"]
    assert (answer["kind"], set(channels)) == (kind, {"topic", "fallback", "pager", "bus"})
    for topic, channel in ((TOPIC_ARN, "topic"), (FALLBACK_TOPIC_ARN, "fallback")):
        messages = published(world, topic)
        assert [message.machine["kind"] for message in messages] == kinds
        assert channels[channel]["state"] == "sent"
        assert [sent["messageId"] for sent in channels[channel]["notices"]] == [message.message_id for message in messages]
        for message in messages:
            machine = check_machine(message.machine)
            assert (machine["test"], machine["diagnosis"], machine["incident"]) == (True, kind, answer["incident"])
            assert machine["id"].startswith("test-")
            assert message.subject.startswith("TEST: ") and message.texts["sms"].startswith("TEST: ")
            assert message.texts["email"].startswith("TEST NOTICE: nothing is wrong")
            assert "TEST: " in check_chat(json.loads(message.texts["https"]))["content"]["title"]
            assert message.attributes["test"] == "true" and message.attributes["diagnosis"] == kind
    alarms = [(message.subject, check_alarm(json.loads(message.message))) for message in published(world, PAGER_TOPIC_ARN)]
    if kind in PAGES:
        assert [(alarm["NewStateValue"], alarm["AlarmName"]) for _, alarm in alarms] == [
            ("ALARM", answer["incident"]), ("OK", answer["incident"])]
        assert all(subject.split(": ")[1] == "TEST" for subject, _ in alarms)
        assert channels["pager"]["state"] == "sent"
    else:
        assert alarms == [] and channels["pager"]["state"] == "not_sent"
    events = world.events.events()
    assert [event["detail-type"] for event in events] == (
        ["OIDC Incident Opened", "OIDC Incident Resolved"] if kind in INCIDENTS else [])
    for event in events:
        assert check_machine(event["detail"])["test"] is True and event["detail"]["incident"] == answer["incident"]
    assert channels["bus"]["state"] == ("sent" if kind in INCIDENTS else "not_sent")
    assert all(tested["action"] and tested["channel"] in answer["text"] for tested in channels.values())


def test_it_leaves_no_trace_but_its_own_metric_and_line_of_log(world):
    function = world.start(**EVERYONE)
    result = ask(function, "outage")
    assert world.table.items() == []
    assert emitted(result) == {"TestNoticesSent": 8}
    (line,) = map(json.loads, result.lines)
    assert (line["kind"], line["level"], line["notices"]) == ("operator_request", "INFO", [])
    assert line["testNotice"]["incident"] == result.answer["testNotice"]["incident"]
    assert result.answer["notices"] == result.answer["incidents"] == result.answer["problems"] == []
    assert world.oidc.calls() == 0


def test_a_real_outage_is_notified_of_right_after_a_test_of_one(world):
    function = world.start(**EVERYONE)
    for _ in range(3):
        ask(function, "outage")
    before = len(published(world, TOPIC_ARN))
    world.break_service()
    result = function.invoke(make.sqs(make.outage(callers=8)), alias="events")
    (notice,) = result.answer["notices"]
    real = published(world, TOPIC_ARN)[before:]
    assert [message.subject for message in real] == ["AWS sign-in OUTAGE us-east-1 - 8 people"]
    assert check_machine(real[0].machine)["test"] is False and "test" not in real[0].attributes
    assert notice["sequence"] == 1 and len(world.alarms()) == 7 and world.alarms()[-1][1]["AlarmName"] == notice["incident"]


def test_a_test_while_an_incident_is_open_changes_nothing_about_it(world):
    function = world.start(**EVERYONE)
    world.break_service()
    function.invoke(make.sqs(make.outage(callers=8)), alias="events")
    before = world.table.items()
    answer, _ = answered(ask(function, "outage"))
    assert world.table.items() == before
    (incident,) = world.table.incidents()
    assert incident["resolved_at"] is None and answer["incident"] != incident["id"]


@pytest.mark.parametrize("code, action", [
    ("AuthorizationError", "Let TriageRole and WatcherRole do sns:Publish"), ("NotFound", "exists"),
    ("KMSAccessDenied", "KMS key"), ("Throttled", "Try again in a minute")])
def test_a_channel_that_refuses_is_named_with_what_to_do_and_delays_no_other(world, code, action):
    world.sns.refused[PAGER_TOPIC_ARN] = code
    result = ask(world.start(**EVERYONE), "outage")
    answer, channels = answered(result)
    pager = channels.pop("pager")
    assert pager["state"] == "failed" and {tested["state"] for tested in channels.values()} == {"sent"}
    assert [sent["error"] for sent in pager["notices"]] == [f"SNS refused the notice: {code}"] * 2
    assert action in pager["action"] and f"Close the alert {answer['incident']} by hand" in pager["action"]
    assert emitted(result) == {"TestNoticesSent": 6, "TestNoticesFailed": 2}
    (line,) = map(json.loads, result.lines)
    assert line["level"] == "WARN"
    # Nothing is kept for later.
    assert world.table.items() == []


def test_the_fallback_is_tested_by_itself(world):
    world.sns.unreachable.add(TOPIC_ARN)
    _, channels = answered(ask(world.start(**EVERYONE), "outage"))
    assert (channels["topic"]["state"], channels["fallback"]["state"]) == ("failed", "sent")
    assert "network" in channels["topic"]["action"]
    assert len(published(world, FALLBACK_TOPIC_ARN)) == 2, "and not twice"
    world.sns.unreachable = {FALLBACK_TOPIC_ARN}
    _, channels = answered(ask(world.start(**EVERYONE), "outage"))
    assert (channels["topic"]["state"], channels["fallback"]["state"]) == ("sent", "failed")
    assert "FallbackTopicArn" in channels["fallback"]["action"]


def test_the_end_of_an_alert_is_tried_again(world):
    function = world.start(OIDC_TRIAGE_TOPIC_ARN="", OIDC_TRIAGE_PAGER_TOPIC_ARN=PAGER_TOPIC_ARN)
    world.sns.fail(None, Trouble(500), Trouble(0))
    answer, channels = answered(ask(function, "outage"))
    assert [alarm["NewStateValue"] for _, alarm in world.alarms()] == ["ALARM", "OK"]
    assert channels["pager"]["state"] == "sent" and world.sns.attempts == 4


def test_a_bus_that_refuses_is_named(world):
    world.events.fail(*["AccessDeniedException"] * 9)
    _, channels = answered(ask(world.start(**EVERYONE), "outage"))
    assert channels["bus"]["state"] == "failed" and "events:PutEvents" in channels["bus"]["action"]


def test_channels_that_hang_are_named_before_the_time_is_up(world):
    world.sns.fail(*[Trouble(500, delay=60)] * 20)
    result = ask(world.start(**EVERYONE), "outage", remaining=6.0)
    _, channels = answered(result)
    assert {name: channels[name]["state"] for name in channels} == {
        "topic": "failed", "fallback": "failed", "pager": "failed", "bus": "sent"}
    assert all("did not answer" in sent["error"] for sent in channels["topic"]["notices"])


@pytest.mark.parametrize("kind", ["outtage", "quiet", "Outage", "x" * 5000, "evil\n\u202eline"])
def test_a_kind_that_does_not_exist_is_answered_with_those_that_do(world, kind):
    result = ask(world.start(**EVERYONE), kind)
    answer, channels = answered(result)
    assert channels == {} and "Use one of: outage, degraded, misconfigured, suspected, one_tool" in answer["text"]
    assert result.problems() == {"operator_request_invalid": 1}
    assert world.sns.attempts == world.events.attempts == 0
    assert len(result.everything()) < 10_000 and "\u202e" not in result.everything()


def test_only_a_direct_invocation_may_ask(world):
    function = world.start(**EVERYONE)
    asked = {"testNotice": "outage"}
    for payload, alias in ((asked, "events"), (make.sqs([asked]), "events"), (make.sqs([asked]), "direct"),
                           ([asked], "direct"), (make.envelope(asked), "events"), (make.logs([json.dumps(asked)]), "events")):
        result = function.invoke(payload, alias=alias)
        assert result.error is None and "testNotice" not in result.answer
    assert world.sns.attempts == world.events.attempts == 0
    assert function.invoke(asked, alias="events").problems() == {"operator_request_invalid": 1}


def test_where_nothing_is_published_it_says_so(world):
    for env, why in (({"OIDC_TRIAGE_MODE": "shadow"}, "Mode is shadow"),
                     ({"OIDC_TRIAGE_TOPIC_ARN": ""}, "no channel is configured")):
        answer, channels = answered(ask(world.start(**env), "outage"))
        assert channels == {} and why in answer["text"]
    assert world.sns.attempts == 0


def test_where_names_are_hashed_a_test_names_nobody_either(world):
    ask(world.start(OIDC_TRIAGE_CALLER_NAMES="hashed"), "outage")
    assert all("@" not in message.message for message in published(world, TOPIC_ARN))


def test_it_needs_no_table_and_no_service(start):
    function = start(AWS_ENDPOINT_URL_SSO_OIDC=refused_url(), OIDC_TRIAGE_TABLE="made-up")
    result = ask(function, "outage")
    assert result.answer["testNotice"]["channels"][0]["state"] == "sent" and result.answer["problems"] == []
