"""Silences and acknowledgements, with the real binary and the shared table."""

import json
import time

from tests.harness import make
from tests.harness.fake_sns import PAGER_TOPIC_ARN
from tests.harness.metrics import emitted
from tests.harness.world import together
from tests.soak.clock import Clock

# A silence takes a minute at least: here its end is asked for.
LASTS = {"for": "1h", "reason": "made-up maintenance", "by": "ana"}
PAGES = {"OIDC_TRIAGE_PAGER_TOPIC_ARN": PAGER_TOPIC_ARN, "OIDC_TRIAGE_EVENT_BUS": "made-up-bus"}


def ask(function, payload, alias="direct"):
    result = function.invoke(payload, alias=alias)
    assert result.error is None
    return result


def silence(function, scope="all", **more):
    return ask(function, {"silence": {"scope": scope, **LASTS, **more}}).answer


def fail(function, **more):
    return ask(function, make.sqs(make.outage(**more)), alias="events")


def of_incidents(world):
    return [kind for kind in world.kinds() if kind not in ("silenced", "silence_ended")]


def test_what_is_silenced_is_withheld_and_summarised_at_its_end(world):
    function, other = world.start(**PAGES), world.start(**PAGES)
    answer = silence(function)["silence"]
    assert (answer["state"], answer["regions"], answer["covers"]) == ("silenced", ["us-east-1"], [])
    assert world.kinds() == ["silenced"]
    result = fail(other)
    assert result.answer["incidents"][0]["silenced"]["by"] == "ana"
    assert emitted(result)["NoticesSilenced"] >= 1
    assert world.kinds() == ["silenced"] and world.alarms() == []
    details = [event["detail"] for event in world.events.events()]
    assert details and all(detail["silenced"]["reason"] == LASTS["reason"] for detail in details), "programs get it"

    ended = ask(other, {"silence": {"end": answer["id"], "by": "ben"}}).answer["silence"]
    assert ended["state"] == "ended"
    # The worst goes out first.
    assert sorted(world.kinds()[1:]) == ["opened", "silence_ended"]
    (summary,) = (sent.text for sent in world.sent() if sent.kind == "silence_ended")
    assert "ended early by ben" in summary and "made-up maintenance" in summary
    assert ask(other, {"silence": {"end": answer["id"]}}).answer["silence"]["state"] == "refused"
    assert world.kinds().count("silence_ended") == 1


def test_a_silence_asked_for_twice_is_one(world):
    function, other = world.start(), world.start()
    first, second = silence(function)["silence"], silence(other)["silence"]
    assert first["id"] == second["id"] and first["until"] == second["until"]
    assert world.kinds() == ["silenced"]


def test_sixty_four_handlers_over_a_silence_wake_nobody_and_keep_one_incident(world):
    world.break_service()
    handlers = [world.start(**PAGES) for _ in range(64)]
    # For two minutes: enough for a page.
    asked = silence(handlers[0])["silence"]
    batches = [make.sqs([make.cloudtrail(user=f"user-{number}-{caller}", age=130 - 25 * caller) for caller in range(5)])
               for number in range(64)]
    # Eight at a time, so that a busy machine's table still answers in time: without it nothing is silenced.
    results = together(lambda number: handlers[number].invoke(batches[number]), range(64))
    assert all(result.error is None and result.answer["batchItemFailures"] == [] for result in results)
    assert world.kinds() == ["silenced"] and world.alarms() == []
    opened = [event["detail"]["incident"] for event in world.events.events() if event["detail-type"] == "OIDC Incident Opened"]
    assert len(opened) == 1 and [incident["id"] for incident in world.table.incidents()] == opened

    ended = together(lambda number: handlers[number].invoke({"silence": {"end": asked["id"]}}, alias="direct"), range(8), threads=4)
    assert [result.answer["silence"]["state"] for result in ended].count("ended") == 1, "one of them ends it"
    world.start(**PAGES).invoke(make.tick())
    kinds = world.kinds()
    assert kinds.count("silence_ended") == 1 and kinds.count("opened") == 1
    assert [alarm["NewStateValue"] for _, alarm in world.alarms()].count("ALARM") == 1


def test_a_silence_ends_by_the_clock_with_the_next_tick(world, tmp_path):
    clock = Clock(tmp_path)
    function = world.start(clock=clock, **PAGES)
    assert silence(function, **{"for": "1m"})["silence"]["state"] == "silenced"
    fail(function)
    clock.advance(55)
    ask(function, make.tick(clock.age()), alias="events")
    assert world.kinds() == ["silenced"], "it lasts a minute"
    clock.advance(10)
    ask(function, make.tick(clock.age()), alias="events")
    assert sorted(world.kinds()[1:]) == ["opened", "silence_ended"] and world.alarms()
    clock.close()


def test_an_acknowledged_incident_sends_no_reminder_until_that_ends(world, tmp_path):
    clock = Clock(tmp_path)
    world.break_service()
    function = world.start({"reminder_s": 600}, clock=clock)
    ask(function, make.sqs(make.outage(callers=8)), alias="events")
    assert of_incidents(world) == ["opened"]
    assert ask(function, {"acknowledge": world.sent()[0].incident, "by": "eva"}).answer["acknowledge"]["state"] == "acknowledged"

    def goes_on(minutes):
        for _ in range(minutes):
            clock.advance(60)
            ask(function, make.sqs([make.cloudtrail(user=f"user-{number}", age=clock.age(20)) for number in range(8)]), alias="events")
            ask(function, make.tick(clock.age()), alias="events")
        return [kind for kind in world.kinds() if kind == "reminder"]

    assert goes_on(25) == []
    assert ask(function, {"acknowledge": {"end": world.sent()[0].incident}}).answer["acknowledge"]["state"] == "ended"
    assert len(goes_on(5)) == 1


def test_a_silence_of_a_tool_hides_no_outage(world):
    function = world.start()
    assert silence(function, {"tool": "made-up-tool/1"})["silence"]["state"] == "silenced"
    fail(function)
    assert of_incidents(world) == ["opened"]


def test_an_incident_is_acknowledged_and_that_is_taken_back(world):
    function = world.start()
    fail(function)
    incident = world.sent()[0].incident
    answer = ask(function, {"acknowledge": incident, "by": "eva"}).answer["acknowledge"]
    assert (answer["state"], answer["incident"], answer["by"]) == ("acknowledged", incident, "eva")
    wrong = ask(function, {"acknowledge": "made-up"}).answer
    assert wrong["acknowledge"]["state"] == "refused" and incident in wrong["acknowledge"]["text"]
    assert wrong["problems"][0]["name"] == "operator_request_invalid"
    back = ask(function, {"acknowledge": {"end": incident}}).answer["acknowledge"]
    assert back["state"] == "ended"


def test_with_a_table_that_is_down_nothing_is_silenced_and_the_answer_says_so(start):
    function = start(OIDC_TRIAGE_TABLE="gone")
    answer = silence(function)
    assert answer["silence"]["state"] == "failed" and answer["silence"]["text"].startswith("Nothing is silenced: ")
    assert "store_unavailable" in {problem["name"] for problem in answer["problems"]}


def test_what_is_asked_wrongly_is_refused_with_what_to_write(world):
    function = world.start()
    for wrong, part in (({"scope": {"regoin": "us-east-1"}}, "It knows region"), ({"for": "1y"}, "30m, 2h or 1d"),
                        ({"scope": {"region": "eu-south-2"}}, "us-east-1"), ({"by": None}, "silence.by is missing")):
        answer = ask(function, {"silence": {"scope": "all", **LASTS, **wrong}}).answer
        (problem,) = answer["problems"]
        assert problem["name"] == "operator_request_invalid" and part in problem["detail"], problem
    assert world.kinds() == []
    by_events = ask(function, {"silence": {"scope": "all", **LASTS}}, alias="events").answer
    assert "silence" not in by_events and by_events["problems"][0]["name"] == "operator_request_invalid"


def test_a_secret_in_the_reason_is_nowhere(world):
    function = world.start()
    secret = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJtYWRlIHVwIn0.c2lnbmF0dXJlLW1hZGUtdXAtMTIzNDU2"
    answer = silence(function, reason=f"because of {secret}")
    time.sleep(0.1)
    assert secret not in str(answer) and secret not in world.outputs()
    assert secret not in str([message.texts for message in world.sns.published])


def test_a_notice_of_an_open_incident_ends_with_both_commands(world):
    function = world.start(AWS_LAMBDA_FUNCTION_NAME="made-up", OIDC_TRIAGE_DIRECT_ALIAS="direct")
    fail(function)
    mail = world.sns.published[0].texts["email"]
    assert "--function-name made-up:direct " in mail
    assert """--payload '{"acknowledge":"us-east-1-""" in mail and """--payload '{"silence":{"scope":""" in mail
