"""The table fails: every failed call still gets its answer, and people are notified, at worst once by each sandbox."""

import time

import pytest

from tests.harness import make
from tests.harness.fake_sns import PAGER_TOPIC_ARN, TOPIC_ARN, Trouble
from tests.harness.fault_proxy import (DENIED, DONE_AND_FAILED, DROPPED, FAILED, LOST, NO_TABLE, OVER_CAPACITY,
                                       THROTTLED, UNAVAILABLE, WRITES, slow)
from tests.harness.world import Background, long_period, panics

SANDBOXES = 3
FAULTS = {"throttled": THROTTLED, "over_capacity": OVER_CAPACITY, "failed": FAILED, "unavailable": UNAVAILABLE,
          "denied": DENIED, "no_table": NO_TABLE, "dropped": DROPPED, "lost": LOST, "done_and_failed": DONE_AND_FAILED,
          "slow": slow(600)}


def answered(function, events):
    """The notices of a batch of which every failure was answered."""
    return notices(function.invoke(make.sqs(events)), events)


def all_answered(sandboxes, batches, remaining=30.0):
    """The same of a batch for each sandbox, all at once."""
    running = [Background(sandbox, make.sqs(events), remaining) for sandbox, events in zip(sandboxes, batches)]
    return [notices(one.join(), events) for one, events in zip(running, batches)]


def notices(result, events):
    assert result.error is None, result.error
    assert len(result.answer["failures"]) == len(events)
    assert {failure["cause"] for failure in result.answer["failures"]} == {"service"}
    return result.answer["notices"]


def outages(number):
    """Eight callers for each sandbox, so that each of them sees an outage by itself."""
    return [[make.cloudtrail(user=f"user-{sandbox}-{caller}", age=20 - caller) for caller in range(8)]
            for sandbox in range(number)]


@pytest.mark.long
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_without_a_table_each_sandbox_sends_once_under_one_id_and_says_why(world, fault):
    world.break_service().proxy.break_down(fault)
    sandboxes = [world.start({"unshared_quiet_s": long_period()}) for _ in range(SANDBOXES)]
    batches = outages(SANDBOXES)
    for _ in range(2):
        # With a table that never answers, each waits until its time is nearly over.
        all_answered(sandboxes, batches, remaining=16.0)
    sent = world.sent()
    assert len(sent) == SANDBOXES, "each of them once: none knows of the others"
    assert len({notice.incident for notice in sent}) == 1
    assert all("store" in notice.text for notice in sent)
    assert panics(world.outputs()) == []


@pytest.mark.parametrize(("broken", "whole"), [(PAGER_TOPIC_ARN, TOPIC_ARN), (TOPIC_ARN, PAGER_TOPIC_ARN)],
                         ids=["pager", "topic"])
def test_without_a_table_what_one_channel_refuses_is_not_sent_again_on_the_other(world, broken, whole):
    world.break_service().proxy.break_down(FAILED)
    world.sns.refused[broken] = "AuthorizationError"
    function = world.start({"unshared_quiet_s": long_period()}, OIDC_TRIAGE_PAGER_TOPIC_ARN=PAGER_TOPIC_ARN)
    # Enough for a page. What was not sent is delivered again.
    payload = make.sqs(make.outage(callers=30))
    assert all(function.invoke(payload).answer["batchItemFailures"] for _ in range(3))
    assert [message.topic for message in world.sns.published] == [whole]
    world.sns.refused.clear()
    assert function.invoke(payload).answer["batchItemFailures"] == []
    assert [message.topic for message in world.sns.published] == [whole, broken]
    assert len({message.attributes["incident"] for message in world.sns.published}) == 1


@pytest.mark.parametrize("fault", [FAILED, THROTTLED, DENIED], ids=["failed", "throttled", "denied"])
def test_a_table_that_returns_gets_the_incident_and_people_get_few_more_notices(world, fault):
    world.break_service().proxy.break_down(fault)
    sandboxes = [world.start() for _ in range(SANDBOXES)]
    batches = outages(SANDBOXES)
    all_answered(sandboxes, batches)
    alone = len(world.sent())
    world.proxy.heal()
    for _ in range(2):
        for sandbox, events in zip(sandboxes, batches):
            answered(sandbox, events)
        world.start().invoke(make.tick())
    (incident,) = world.table.incidents()
    assert incident["region"] == "us-east-1"
    # The table's own first notice, and what may follow it as the callers of the three come together.
    of_the_table = world.sent()[alone:]
    sequences = [notice.sequence for notice in of_the_table]
    assert sequences == sorted(set(sequences)) and len(sequences) <= 2


def test_a_table_lost_during_an_outage_causes_no_second_page(world):
    world.break_service()
    sandbox, (first, second) = world.start(), outages(2)
    answered(sandbox, first)
    assert len(world.sent()) == 1
    world.proxy.break_down(FAILED)
    answered(sandbox, second)
    assert len(world.sent()) == 1, "this sandbox knows that it was sent"


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_table_that_fails_half_of_the_time_loses_nothing(world, seed):
    world.break_service()
    for number, fault in enumerate((THROTTLED, FAILED, DROPPED, LOST)):
        world.proxy.break_down(fault, share=0.15, seed=10 * seed + number)
    sandboxes = [world.start() for _ in range(SANDBOXES)]
    batches = outages(SANDBOXES)
    for caller in range(8):
        for sandbox, events in zip(sandboxes, batches):
            answered(sandbox, [events[caller]])
    world.proxy.heal()
    watcher = world.start()
    for _ in range(3):
        watcher.invoke(make.tick())
    first = [notice for notice in world.sent() if notice.sequence == 1]
    assert 1 <= len(first) <= 1 + SANDBOXES
    assert len(world.table.incidents()) == 1
    assert panics(world.outputs()) == []


def test_lost_answers_of_every_write_neither_lose_nor_repeat_a_notice(world):
    world.break_service()
    # Each write is done, and its first answer is lost.
    for skip in range(0, 24, 2):
        world.proxy.break_down(LOST, *WRITES, skip=skip, times=1)
    answered(world.start(), make.outage(callers=8))
    world.proxy.heal()
    watcher = world.start()
    for _ in range(3):
        watcher.invoke(make.tick())
    assert [notice.sequence for notice in world.sent()] == [1]
    assert len(world.table.incidents()) == 1


def test_a_quiet_sandbox_without_a_table_sends_nothing(world):
    world.proxy.break_down(FAILED)
    function = world.start()
    for event in make.outage(callers=2):
        answered(function, [event])
    result = function.invoke(make.tick())
    assert result.error is None and world.sent() == []


@pytest.mark.long
def test_a_secret_payload_never_fails_whatever_fails(world):
    world.break_service().sns.fail(*[Trouble(500)] * 20)
    world.proxy.break_down(FAILED)
    function = world.start()
    for event in make.outage(callers=6):
        function.invoke(event)
    result = function.invoke(make.call())
    assert result.error is None and len(result.answer["failures"]) == 1
    assert "planted" not in world.outputs()


def test_a_sandbox_that_can_write_but_not_read_notifies_by_itself(world):
    world.break_service()
    first, second = outages(2)
    answered(world.start(), first)
    world.proxy.break_down(FAILED, "BatchGetItem")
    answered(world.start(), second)
    assert [sent.sequence for sent in world.sent()] == [1, 1]
    assert "unshared" in world.sent()[1].incident


@pytest.mark.long
def test_an_unreadable_table_is_not_silence(world):
    answered(world.start(), outages(1)[0])
    world.proxy.break_down(FAILED, "GetItem")
    # The shortest silence allowed in a policy.
    blinded = world.start({"quiet_s": 10})
    time.sleep(11)
    assert blinded.invoke(make.tick()).answer["notices"] == []
    world.proxy.heal()
    (notice,) = blinded.invoke(make.tick()).answer["notices"]
    assert notice["kind"] == "changed" and "Nobody has called since" in world.sent()[-1].text


def test_an_issue_of_aws_health_that_the_table_refuses_is_delivered_again(world):
    issue = make.event("health__open")
    issue.update(time=make.timestamp(60))
    issue["detail"].update(startTime=make.health_time(2400), lastUpdatedTime=make.health_time(60))
    world.proxy.break_down(FAILED)
    function = world.start()
    assert function.invoke(issue).error["errorType"] == "notice_not_published"
    world.proxy.heal()
    (notice,) = function.invoke(issue).answer["notices"]
    assert notice["diagnosis"] == "aws_health"


def test_messages_that_nobody_accepted_are_delivered_again_whatever_the_cause(world):
    world.sns.fail(*[Trouble(500)] * 5)
    world.proxy.break_down(FAILED)
    refused = [make.cloudtrail("AccessDeniedException", user=f"user-{number}", message="KMS_DisabledException: made up",
                               age=20 - number) for number in range(3)]
    batch = make.sqs([*refused, make.cloudtrail(None)])
    result = world.start().invoke(batch)
    assert [failed["itemIdentifier"] for failed in result.answer["batchItemFailures"]] == [
        record["messageId"] for record in batch["Records"][:3]]
