"""The topic fails: what is to be told waits in the table, in order, and is told once it can be."""

import time

import pytest

from tests.harness import make
from tests.harness.fake_sns import Trouble
from tests.harness.fault_proxy import FAILED, about
from tests.harness.world import until

REFUSED = Trouble(403, "AuthorizationError")


def tick_until(world, watcher, count):
    """What the topic took, once it is so much."""
    until(lambda: len(world.told()) >= count, lambda: watcher.invoke(make.tick()))
    return world.told()


@pytest.mark.parametrize("trouble", [Trouble(500), REFUSED, Trouble(0), Trouble(429, "Throttled")],
                         ids=["500", "denied", "no_answer", "throttled"])
def test_what_the_topic_does_not_take_is_told_by_the_next_tick(world, trouble):
    world.break_service().sns.fail(trouble)
    result = world.start().invoke(make.sqs(make.outage(callers=8)))
    # It waits in the outbox: nothing has to be delivered again.
    assert result.error is None and result.answer["batchItemFailures"] == []
    assert result.answer["notices"] == [] and "notice_pending" in result.problems()
    (told,) = tick_until(world, world.start(), 1)
    assert told.sequence == 1 and world.sns.attempts == 2


def test_a_topic_that_takes_and_does_not_answer_is_told_again_once_under_the_same_id(world):
    world.break_service().sns.fail(Trouble(500, delay=600, taken=True))
    world.start().invoke(make.sqs(make.outage(callers=8)))
    watcher = world.start()
    first, second = tick_until(world, watcher, 2)
    assert first[:2] == second[:2] and first.text == second.text
    world.table.let_pass(3600)
    watcher.invoke(make.tick())
    assert len(world.told()) == 2 and world.table.unsent() == 0


def test_a_topic_that_refuses_for_long_is_asked_ever_more_seldom_and_told_in_the_end(world):
    world.break_service().sns.fail(*[REFUSED] * 5)
    policy = {"publish_again_s": 600}
    watcher, began = world.start(policy), time.time()
    world.start(policy).invoke(make.sqs(make.outage(callers=8)))
    for attempts, times in enumerate((1, 2, 4, 8, 8), 1):
        (entry,) = world.table.outbox()
        assert began + 600 * times <= int(entry["not_before"]) / 1000 + 0.001 <= time.time() + 600 * times
        watcher.invoke(make.tick())
        assert (world.sns.attempts, world.told()) == (attempts, []), "not before its time"
        world.table.let_pass(600 * times)
        began = time.time()
        watcher.invoke(make.tick())
    (told,) = world.told()
    assert told.sequence == 1 and world.sns.attempts == 6


def test_an_outage_that_ends_before_it_could_be_told_is_one_notice(world):
    policy = {"proof_s": 1, "proof_probes_s": 0, "publish_again_s": 600}
    world.break_service().sns.fail(REFUSED)
    function = world.start(policy)
    function.invoke(make.sqs(make.outage(callers=8, age=60)))
    assert world.told() == []
    world.oidc.heal()
    function.invoke(make.sqs([event for age in (20, 15, 10, 5, 1) for event in make.served(callers=3, age=age)]))
    watcher = world.start(policy)
    until(lambda: world.table.incidents()[0]["resolved_at"], lambda: watcher.invoke(make.tick()))
    world.table.let_pass(600)
    (told,) = tick_until(world, watcher, 1)
    (incident,) = world.table.incidents()
    assert incident["resolved_at"], "over already"
    assert "resolved" in told.subject.lower() and "us-east-1" in told.subject
    world.table.let_pass(3600)
    watcher.invoke(make.tick())
    assert len(world.told()) == 1
    assert all(entry["sent_at"] for entry in world.table.outbox())


@pytest.mark.parametrize("answer", [[], [Trouble(status=0, taken=True)]], ids=["taken", "taken and lost"])
def test_what_was_told_as_one_is_not_told_again_in_part(world, answer):
    policy = {"proof_s": 1, "proof_probes_s": 0, "publish_again_s": 600}
    world.break_service().sns.fail(REFUSED, *answer)
    function = world.start(policy)
    function.invoke(make.sqs(make.outage(callers=8, age=60)))
    world.oidc.heal()
    function.invoke(make.sqs([event for age in (20, 15, 10, 5, 1) for event in make.served(callers=3, age=age)]))
    watcher = world.start(policy)
    until(lambda: world.table.incidents()[0]["resolved_at"], lambda: watcher.invoke(make.tick()))
    world.table.let_pass(600)
    # It goes out, and the table does not take what became of the first of them.
    is_first = about("outbox#0000000000")
    world.proxy.break_down(FAILED, "UpdateItem", when=lambda body: is_first(body) and
                           ":claimed_by" not in body["ExpressionAttributeValues"])
    (once,) = tick_until(world, watcher, 1)
    world.proxy.heal()
    world.table.let_pass(60)
    tick_until(world, watcher, 2)
    assert [told.sequence for told in world.told()] == [once.sequence] * 2 and once.sequence > 1
    assert world.table.unsent() == 0


def test_in_shadow_nothing_is_published_and_the_rest_is_done(world):
    world.break_service()
    result = world.start(OIDC_TRIAGE_MODE="shadow").invoke(make.sqs(make.outage(callers=8)))
    assert world.sns.attempts == 0 and len(world.table.incidents()) == 1
    assert result.answer["incidents"][0]["state"] == "open"


def test_where_neither_the_store_nor_the_topic_takes_it_lambda_delivers_the_event_again(world):
    world.break_service().sns.fail(*[Trouble(500)] * 20)
    world.proxy.break_down(FAILED)
    function, events = world.start(), make.outage(callers=6)
    results = [function.invoke(event) for event in events]
    assert results[-1].error is not None, "nobody knows what had to be told"
    world.proxy.heal()
    world.sns.heal()
    for event in events:
        assert function.invoke(event).error is None
    assert [told.sequence for told in world.told()] == [1]
