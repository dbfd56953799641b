"""One publish has the right form for every reader; pagers and programs have their own channels; no storm floods
anybody."""

import json
import re
import time

import boto3
import jsonschema
import pytest

from tests.blackbox.test_output import EVIL, assert_no_secret, calls_with_secrets
from tests.harness import make
from tests.harness.fake_sns import FALLBACK_TOPIC_ARN, PAGER_TOPIC_ARN, TOPIC_ARN, Trouble
from tests.harness.metrics import emitted
from tests.harness.notices import check_alarm, check_chat, check_machine
from tests.harness.runtime_api import ROOT
from tests.harness.servers import refused_url
from tests.harness.world import Background, long_period, until

SNAPSHOTS = sorted((ROOT / "tests" / "notices").glob("*.json"))
CHECKS = {"machine": check_machine, "chat": check_chat, "pager": check_alarm}

EVERYONE = {"OIDC_TRIAGE_PAGER_TOPIC_ARN": PAGER_TOPIC_ARN, "OIDC_TRIAGE_EVENT_BUS": "made-up-bus"}
QUICK = {"proof_s": 1, "proof_probes_s": 1, "proof_probes": 2}


@pytest.mark.parametrize("path", SNAPSHOTS, ids=lambda path: path.name)
def test_every_snapshot_fits_its_schema(path):
    CHECKS[path.name.split(".")[1]](json.loads(path.read_text()))


def test_notices_outside_the_schema_are_refused():
    good = json.loads((ROOT / "tests" / "notices" / "outage_1_opened.machine.json").read_text())
    check_machine(good)
    for bad in ({"kind": "gone"}, {"sequence": 0}, {"made": "up"}, {"subject": "x" * 100}, {"subject": "ä"},
                {"times": {}}, {"at": "yesterday"}, {"impact": {**good["impact"], "codes": [{"name": "x"}]}}):
        with pytest.raises(jsonschema.ValidationError):
            check_machine({**good, **bad})
    for name in good:
        with pytest.raises(jsonschema.ValidationError):
            check_machine({other: value for other, value in good.items() if other != name})


def outage(world, function, region="us-east-1", **more):
    world.break_service()
    return function.invoke(make.sqs(make.outage(region, callers=8, **more)))


def end(world, function):
    """Heals the service, and has all affected callers served until that is proof.

    With only some of them, a slow machine would send a change to a smaller outage.
    """
    world.oidc.heal()

    def go_on():
        function.invoke(make.sqs(make.served(callers=8)))
        function.invoke(make.tick())

    until(lambda: "resolved" in world.kinds(), go_on)
    # Notices that wait for another channel.
    function.invoke(make.tick())


def test_one_publish_carries_a_text_for_each_kind_of_subscriber(world):
    outage(world, world.start())
    (message,) = world.sns.published
    assert set(message.texts) == {"default", "email", "sms", "https"}
    machine = check_machine(message.machine)
    assert (machine["kind"], machine["region"], machine["account"]) == ("opened", "us-east-1", "123456789012")
    assert machine["impact"]["callers"] == 8 and machine["impact"]["operations"][0]["name"] == "CreateToken"

    mail = message.texts["email"].splitlines()
    assert mail[0].startswith("AWS sign-in OUTAGE in us-east-1: 8 people cannot sign in")
    assert mail[3:5] == ["Do now", mail[4]] and mail[4].startswith("1. "), "the first step comes right after the verdict"
    order = ["Do now", "For your users", "Evidence", "Started: ", "Affected: ", "Tools: ", "Reasons", "Links"]
    places = [next(number for number, line in enumerate(mail) if line.startswith(begin)) for begin in order]
    assert places == sorted(places), "from what is wrong to where to look"
    assert any("https://health.aws.amazon.com/health/status" in line for line in mail[places[-1]:])

    assert len(message.texts["sms"]) <= 140 and message.texts["sms"].isascii()
    assert "us-east-1" in message.texts["sms"] and "made-up-user" not in message.texts["sms"]

    chat = check_chat(json.loads(message.texts["https"]))
    assert chat["metadata"]["threadId"] == machine["incident"] and chat["id"] == machine["id"]
    assert chat["content"]["title"].endswith(message.subject)


def test_the_log_is_linked_where_it_is_known(world):
    outage(world, world.start(AWS_LAMBDA_LOG_GROUP_NAME="/made-up/ours"))
    (message,) = world.sns.published
    link = message.machine["links"]["log"]
    assert link.startswith("https://console.aws.amazon.com/cloudwatch/home?region=us-east-1#logsV2:log-groups/log-group/")
    assert message.machine["incident"] in link and "$252Fmade-up$252Fours" in link and link in message.texts["email"]
    assert len(link) <= 200


def test_filter_policies_have_their_attributes(world):
    world.break_service()
    function = world.start({"changed_every_s": 1})
    function.invoke(make.sqs(make.outage(callers=8)))
    time.sleep(1.1)
    function.invoke(make.sqs(make.outage(callers=20, operation="RegisterClient", age=1)))
    first, second = world.sns.published
    names = {"id", "incident", "sequence", "kind", "diagnosis", "severity", "region", "operation", "scope"}
    assert set(first.attributes) == set(second.attributes) == names
    assert first.attributes | {"id": 0, "incident": 0} == {
        "kind": "opened", "diagnosis": "outage", "severity": "page", "region": "us-east-1", "sequence": "1",
        "operation": "CreateToken", "scope": "region", "id": 0, "incident": 0}
    # An array, of which a filter policy matches any.
    assert sorted(json.loads(second.attributes["operation"])) == ["CreateToken", "RegisterClient"]


def test_a_pager_and_programs_are_notified_of_an_incident_from_start_to_end(world):
    function = world.start(QUICK, **EVERYONE)
    outage(world, function)
    end(world, function)
    opened, resolved = world.sent()
    assert (opened.kind, resolved.kind) == ("opened", "resolved")

    alarms = [(subject, check_alarm(alarm)) for subject, alarm in world.alarms()]
    assert [alarm["NewStateValue"] for _, alarm in alarms] == ["ALARM", "OK"]
    for subject, alarm in alarms:
        assert alarm["AlarmName"] == opened.incident
        assert subject == f'{alarm["NewStateValue"]}: {alarm["AlarmDescription"]}'
        assert alarm["AlarmDescription"].startswith("AWS sign-in OUTAGE us-east-1 - 8 people")

    events = world.events.events()
    assert [event["detail-type"] for event in events] == ["OIDC Incident Opened", "OIDC Incident Resolved"]
    for event in events:
        assert (event["source"], event["bus"]) == ("oidc-triage", "made-up-bus")
        assert check_machine(event["detail"])["incident"] == opened.incident


def test_a_pager_gets_pages_only(world):
    function = world.start(**EVERYONE)
    refused = [make.cloudtrail("InvalidRequestException", user=f"user-{n}", age=100 + n) for n in range(12)]
    function.invoke(make.sqs(refused))
    (sent,) = world.sent()
    assert "suspected" in sent.subject.lower()
    function.invoke(make.tick())
    assert world.alarms() == []
    assert [event["detail-type"] for event in world.events.events()] == ["OIDC Incident Opened"]


def brief(callers=8):
    """So many people whose calls fail within four seconds, the first of them twenty seconds ago."""
    return [make.cloudtrail(user=f"made-up-user-{number}", age=20 - number / 2) for number in range(callers)]


def test_a_pager_gets_what_lasts_and_everyone_else_is_notified_at_once(world):
    world.break_service()
    world.start(**EVERYONE).invoke(make.sqs(brief()))
    world.start(**EVERYONE).invoke(make.tick())
    assert world.kinds() == ["opened"] and world.alarms() == []
    assert world.sns.published[0].attributes["severity"] == "warning"
    # A minute passes sooner here: the clock decides, without another failed call.
    world.start({"page_after_s": 10}, **EVERYONE).invoke(make.tick())
    ((_, alarm),) = world.alarms()
    assert check_alarm(alarm)["NewStateValue"] == "ALARM" and world.kinds() == ["opened", "changed"]
    (changed,) = [one for one in world.sns.published if one.topic == TOPIC_ARN and one.attributes["kind"] == "changed"]
    assert changed.attributes["severity"] == "page" and "it lasts" in changed.message
    assert [event["detail"]["severity"] for event in world.events.events()] == ["warning", "page"]


@pytest.mark.parametrize("served, alarms", [(1, 1), (2, 0), (8, 0)])
def test_a_pager_gets_no_page_if_the_affected_callers_are_served_again(world, served, alarms):
    world.break_service()
    world.start(**EVERYONE).invoke(make.sqs(brief()))
    late = world.start({"page_after_s": 10}, **EVERYONE)
    late.invoke(make.sqs([make.cloudtrail(None, user=f"made-up-user-{number}") for number in range(served)]))
    late.invoke(make.tick())
    assert world.kinds()[0] == "opened" and len(world.alarms()) == alarms


def test_without_a_pager_or_a_bus_only_the_topic_is_notified(world):
    outage(world, world.start())
    assert {message.topic for message in world.sns.published} == {TOPIC_ARN} and world.events.attempts == 0
    assert len(world.table.outbox()) == 1


@pytest.mark.parametrize("trouble", ["500", "ThrottlingException"])
def test_a_failing_bus_gets_its_event_later_and_delays_nobody(world, trouble):
    world.events.fail(trouble)
    function = world.start(**EVERYONE)
    result = outage(world, function)
    assert result.error is None and "notice_pending" in result.problems()
    assert len(world.sent()) == len(world.alarms()) == 1 and world.events.events() == []
    world.table.let_pass(60)
    function.invoke(make.tick())
    (event,) = world.events.events()
    assert event["detail-type"] == "OIDC Incident Opened"
    assert len(world.sent()) == len(world.alarms()) == 1, "and nothing twice"


def test_a_failing_pager_gets_its_page_later_and_delays_nobody(world):
    world.sns.unreachable.add(PAGER_TOPIC_ARN)
    function = world.start(**EVERYONE)
    outage(world, function)
    assert len(world.sent()) == len(world.events.events()) == 1 and world.alarms() == []
    world.sns.unreachable.clear()
    world.table.let_pass(60)
    function.invoke(make.tick())
    ((_, alarm),) = world.alarms()
    assert alarm["NewStateValue"] == "ALARM" and len(world.sent()) == 1


def test_an_incident_that_ended_before_the_page_is_not_paged(world):
    world.sns.unreachable.add(PAGER_TOPIC_ARN)
    function = world.start(QUICK | {"publish_again_s": 600}, **EVERYONE)
    outage(world, function)
    end(world, function)
    world.sns.unreachable.clear()
    world.table.let_pass(600)
    function.invoke(make.tick())
    assert all(entry["sent_at"] for entry in world.table.outbox())
    # A tried page may have been raised, so its end is sent.
    assert [alarm["NewStateValue"] for _, alarm in world.alarms()] == ["OK"]


def test_an_alarm_whose_answer_was_lost_is_ended(world):
    function = world.start(QUICK | {"publish_again_s": 600}, **EVERYONE)
    # The first publish is people's, the second one the pager's.
    world.sns.fail(None, Trouble(500, taken=True))
    outage(world, function)
    end(world, function)
    world.table.let_pass(600)
    function.invoke(make.tick())
    assert world.table.unsent() == 0
    assert [alarm["NewStateValue"] for _, alarm in world.alarms()] == ["ALARM", "OK"]
    # Subscribers of an operation also get the end.
    last = [message for message in world.sns.published if message.topic == TOPIC_ARN][-1]
    assert (last.attributes["kind"], last.attributes["operation"]) == ("resolved", "CreateToken")


def go_on_for_years(world):
    """The positions of many notices, all sent, lie between the first and the next one."""
    (ledger,) = [item for item in world.table.items() if item["sk"] == "incident#current"]
    state = json.loads(ledger["ledger"])
    state["next_position"] += 250
    world.table.dynamodb.update_item(
        TableName=world.table.name, Key={"pk": {"S": ledger["pk"]}, "sk": {"S": ledger["sk"]}},
        UpdateExpression="SET ledger = :ledger", ExpressionAttributeValues={":ledger": {"S": json.dumps(state)}})


def test_a_channel_that_refuses_everything_does_not_affect_the_others(world):
    world.events.fail(*["500"] * 10_000)
    outage(world, world.start(QUICK, **EVERYONE))
    go_on_for_years(world)
    end(world, world.start(QUICK, **EVERYONE))
    assert world.kinds() == ["opened", "resolved"]
    assert [alarm["NewStateValue"] for _, alarm in world.alarms()] == ["ALARM", "OK"]


def test_an_unreadable_notice_is_sent_with_what_is_known(world):
    world.sns.unreachable.add(TOPIC_ARN)
    outage(world, world.start())
    (entry,) = world.table.outbox()
    world.table.dynamodb.update_item(
        TableName=world.table.name, Key={"pk": {"S": entry["pk"]}, "sk": {"S": entry["sk"]}},
        UpdateExpression="SET notice = :notice", ExpressionAttributeValues={":notice": {"S": '{"id":"of another release"}'}})
    world.sns.unreachable.clear()
    world.table.let_pass(60)
    world.start().invoke(make.tick())
    (message,) = world.sns.published
    sent = check_machine(message.machine)
    assert (sent["kind"], sent["diagnosis"], sent["incident"]) == ("opened", "outage", entry["incident"])
    assert "Another release" in sent["note"] and world.table.unsent() == 0


def test_without_a_table_no_notice_waits(world):
    function = world.start({"notice_every_s": 60, "changed_every_s": 1}, OIDC_TRIAGE_TABLE="")
    outage(world, function)
    time.sleep(1.1)
    function.invoke(make.sqs(make.outage(callers=30)))
    assert world.kinds() == ["opened", "changed"]


def test_sandboxes_that_send_alone_do_not_all_send_at_once(world):
    alone = {"unshared_quiet_s": long_period()}
    functions = [world.start(alone, AWS_ENDPOINT_URL_DYNAMODB=refused_url()) for _ in range(12)]
    world.break_service()
    payload = make.sqs(make.outage(callers=8))
    for one in [Background(function, payload) for function in functions]:
        one.join()
    times = sorted(message.at for message in world.sns.published)
    assert len(times) == 12 and len({message.attributes["id"] for message in world.sns.published}) == 1
    assert times[-1] - times[0] > 1.5, "below what SNS bears"


def test_a_topic_in_another_region_stands_in_for_one_that_cannot_be_reached(world):
    world.sns.unreachable.add(TOPIC_ARN)
    result = outage(world, world.start(OIDC_TRIAGE_FALLBACK_TOPIC_ARN=FALLBACK_TOPIC_ARN))
    (message,) = world.sns.published
    assert message.topic == FALLBACK_TOPIC_ARN and check_machine(message.machine)["kind"] == "opened"
    (notice,) = result.answer["notices"]
    assert notice["messageId"] == message.message_id
    assert "topic_unreachable" in result.problems() and "notice_pending" not in result.problems()
    assert all(entry["sent_at"] for entry in world.table.outbox())


def test_if_the_other_region_fails_too_the_notice_waits(world):
    world.sns.unreachable.update([TOPIC_ARN, FALLBACK_TOPIC_ARN])
    function = world.start(OIDC_TRIAGE_FALLBACK_TOPIC_ARN=FALLBACK_TOPIC_ARN)
    result = outage(world, function)
    assert result.error is None and "notice_pending" in result.problems() and world.sns.published == []
    world.sns.unreachable.clear()
    world.table.let_pass(60)
    function.invoke(make.tick())
    assert [message.topic for message in world.sns.published] == [TOPIC_ARN], "the first is asked first"


def test_a_topic_that_hangs_leaves_the_other_one_its_time(world):
    world.sns.fail(Trouble(500, delay=6))
    result = outage(world, world.start(OIDC_TRIAGE_FALLBACK_TOPIC_ARN=FALLBACK_TOPIC_ARN))
    assert [message.topic for message in world.sns.published] == [FALLBACK_TOPIC_ARN]
    assert "topic_unreachable" in result.problems()


def test_one_incident_has_one_notice_a_minute_and_the_rest_is_merged(world):
    policy = {"notice_every_s": 3600, "changed_every_s": 1}
    function = world.start(policy)
    outage(world, function)
    problems = set()
    for callers in (20, 45):
        time.sleep(1.1)
        result = function.invoke(make.sqs(make.outage(callers=callers, age=2)))
        problems.update(result.problems())
        assert result.error is None
    assert world.kinds() == ["opened"] and "notice_held_back" in problems
    # Another sandbox knows as well.
    world.start(policy).invoke(make.tick())
    assert world.kinds() == ["opened"]
    world.table.let_pass(3600)
    function.invoke(make.tick())
    assert world.kinds() == ["opened", "changed"]
    last = world.sns.published[-1]
    assert check_machine(last.machine)["merged"]["count"] == 1 and "(2 notices in one)" in last.subject
    assert "Earlier notices in this one" in last.message
    assert all(entry["sent_at"] for entry in world.table.outbox())


def test_people_get_ten_notices_a_minute_in_all_and_the_rest_later(world):
    regions = [region for region in boto3.session.Session().get_available_regions("sso-oidc") if "gov" not in region][:5]
    world.break_service()
    function = world.start({"notices_per_minute": 3})
    for region in regions:
        function.invoke(make.sqs(make.outage(region, callers=8)))
    assert len(world.sent()) == 3 and world.table.unsent() == 2
    # Nor does another sandbox send more.
    watcher = world.start({"notices_per_minute": 3})
    result = watcher.invoke(make.tick())
    assert len(world.sent()) == 3 and emitted(result)["NoticesPending"] == 2
    world.table.let_pass(60)
    watcher.invoke(make.tick())
    assert {sent.incident.rsplit("-", 1)[0] for sent in world.sent()} >= set(regions), "and nothing is lost"


def test_untrusted_text_is_not_markup_in_any_form_and_no_secret_gets_out(world):
    world.break_service()
    function = world.start(**EVERYONE)
    events = make.outage(callers=8, message=EVIL, userAgent="<!channel>/*bold* [x](https://evil.example) `code`")
    for event in events:
        event["detail"]["userIdentity"]["onBehalfOf"]["userId"] += " <!here> *x* `y` [a](https://evil.example)"
    function.invoke(make.sqs(events))
    for payload in calls_with_secrets():
        function.invoke(payload)
    assert world.sent() and world.alarms() and world.events.events()
    assert_no_secret(json.dumps([message.texts or message.message for message in world.sns.published]))
    assert_no_secret(json.dumps(world.events.events()))
    for message in world.sns.published:
        if not message.texts:
            continue
        content = check_chat(json.loads(message.texts["https"]))["content"]
        for text in (content["title"], content["description"], *content["nextSteps"]):
            assert not re.search("[<>]", text)
            outside = re.sub("`[^`]*`", "", text)
            assert not re.search(r"[*`]|evil\.example|\]\(", outside), outside
        assert len(json.dumps(message.texts).encode()) < 262144


def test_names_of_callers_are_hashes_for_every_reader_where_they_are_to_be(world):
    outage(world, world.start(OIDC_TRIAGE_CALLER_NAMES="hashed", **EVERYONE))
    sent = json.dumps([message.texts or message.message for message in world.sns.published] + world.events.events())
    assert "made-up-user" not in sent and len(world.sns.published) == 2


def test_in_shadow_no_channel_is_used(world):
    outage(world, world.start(OIDC_TRIAGE_MODE="shadow", **EVERYONE))
    assert world.sns.attempts == 0 and world.events.attempts == 0
