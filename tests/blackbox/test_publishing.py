"""The topic fails: notices wait in the table, in order, and are sent as soon as possible."""

import time

import pytest

from tests.harness import make
from tests.harness.fake_sns import Trouble
from tests.harness.fault_proxy import FAILED, about
from tests.harness.world import until

REFUSED = Trouble(403, "AuthorizationError")


def tick_until(world, watcher, count):
    """The topic's messages, once there are so many."""
    until(lambda: len(world.sent()) >= count, lambda: watcher.invoke(make.tick()))
    return world.sent()


@pytest.mark.parametrize("trouble", [Trouble(500), REFUSED, Trouble(0), Trouble(429, "Throttled")],
                         ids=["500", "denied", "no_answer", "throttled"])
def test_a_notice_refused_by_the_topic_is_sent_by_the_next_tick(world, trouble):
    world.break_service().sns.fail(trouble)
    result = world.start().invoke(make.sqs(make.outage(callers=8)))
    # It waits in the outbox: nothing has to be delivered again.
    assert result.error is None and result.answer["batchItemFailures"] == []
    assert result.answer["notices"] == [] and "notice_pending" in result.problems()
    (sent,) = tick_until(world, world.start(), 1)
    assert sent.sequence == 1 and world.sns.attempts == 2


def test_a_topic_that_accepts_without_an_answer_gets_one_repeat_under_the_same_id(world):
    world.break_service().sns.fail(Trouble(500, delay=600, taken=True))
    world.start().invoke(make.sqs(make.outage(callers=8)))
    watcher = world.start()
    first, second = tick_until(world, watcher, 2)
    assert first[:2] == second[:2] and first.text == second.text
    world.table.let_pass(3600)
    watcher.invoke(make.tick())
    assert len(world.sent()) == 2 and world.table.unsent() == 0


def test_a_topic_that_refuses_for_long_is_retried_less_often_and_gets_the_notice_in_the_end(world):
    world.break_service().sns.fail(*[REFUSED] * 5)
    policy = {"publish_again_s": 600}
    watcher, began = world.start(policy), time.time()
    world.start(policy).invoke(make.sqs(make.outage(callers=8)))
    for attempts, times in enumerate((1, 2, 4, 8, 8), 1):
        (entry,) = world.table.outbox()
        assert began + 600 * times <= int(entry["not_before"]) / 1000 + 0.001 <= time.time() + 600 * times
        watcher.invoke(make.tick())
        assert (world.sns.attempts, world.sent()) == (attempts, []), "not before its time"
        world.table.let_pass(600 * times)
        began = time.time()
        watcher.invoke(make.tick())
    (sent,) = world.sent()
    assert sent.sequence == 1 and world.sns.attempts == 6


def test_an_outage_that_ends_before_its_notice_is_one_notice(world):
    policy = {"proof_s": 1, "proof_probes_s": 0, "publish_again_s": 600}
    world.break_service().sns.fail(REFUSED)
    function = world.start(policy)
    function.invoke(make.sqs(make.outage(callers=8, age=60)))
    assert world.sent() == []
    world.oidc.heal()
    function.invoke(make.sqs([event for age in (20, 15, 10, 5, 1) for event in make.served(callers=3, age=age)]))
    watcher = world.start(policy)
    until(lambda: world.table.incidents()[0]["resolved_at"], lambda: watcher.invoke(make.tick()))
    world.table.let_pass(600)
    (sent,) = tick_until(world, watcher, 1)
    (incident,) = world.table.incidents()
    assert incident["resolved_at"], "over already"
    assert "resolved" in sent.subject.lower() and "us-east-1" in sent.subject
    world.table.let_pass(3600)
    watcher.invoke(make.tick())
    assert len(world.sent()) == 1
    assert all(entry["sent_at"] for entry in world.table.outbox())


@pytest.mark.parametrize("answer", [[], [Trouble(status=0, taken=True)]], ids=["taken", "taken and lost"])
def test_a_merged_notice_is_not_sent_again_in_part(world, answer):
    policy = {"proof_s": 1, "proof_probes_s": 0, "publish_again_s": 600}
    world.break_service().sns.fail(REFUSED, *answer)
    function = world.start(policy)
    function.invoke(make.sqs(make.outage(callers=8, age=60)))
    world.oidc.heal()
    function.invoke(make.sqs([event for age in (20, 15, 10, 5, 1) for event in make.served(callers=3, age=age)]))
    watcher = world.start(policy)
    until(lambda: world.table.incidents()[0]["resolved_at"], lambda: watcher.invoke(make.tick()))
    world.table.let_pass(600)
    # It is sent, and the table refuses the result of the first one.
    is_first = about("outbox#0000000000")
    world.proxy.break_down(FAILED, "UpdateItem", when=lambda body: is_first(body) and
                           ":claimed_by" not in body["ExpressionAttributeValues"])
    (once,) = tick_until(world, watcher, 1)
    world.proxy.heal()
    world.table.let_pass(60)
    tick_until(world, watcher, 2)
    assert [sent.sequence for sent in world.sent()] == [once.sequence] * 2 and once.sequence > 1
    assert world.table.unsent() == 0


def test_in_shadow_mode_only_publishing_is_left_out(world):
    world.break_service()
    result = world.start(OIDC_TRIAGE_MODE="shadow").invoke(make.sqs(make.outage(callers=8)))
    assert world.sns.attempts == 0 and len(world.table.incidents()) == 1
    assert result.answer["incidents"][0]["state"] == "open"


def test_an_event_that_neither_store_nor_topic_accepts_is_delivered_again(world):
    world.break_service().sns.fail(*[Trouble(500)] * 20)
    world.proxy.break_down(FAILED)
    function, events = world.start(), make.outage(callers=6)
    results = [function.invoke(event) for event in events]
    assert results[-1].error is not None, "nobody knows the notice"
    world.proxy.heal()
    world.sns.heal()
    for event in events:
        assert function.invoke(event).error is None
    assert [sent.sequence for sent in world.sent()] == [1]
