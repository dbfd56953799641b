"""A thousand sandboxes act as one: whatever each of them sees, in any order and however often, people are notified
once."""

import random
import threading

import pytest

from tests.harness import make
from tests.harness.world import World, panics, together

FAILURES, CALLERS, HANDLERS = 5_000, 500, 64
#: Invocations at a time. The emulator is one process, and with more handlers it exceeds the second that the function
#: waits for a table: the function would then rightly act as if it had none.
AT_A_TIME = 8


@pytest.mark.long
def test_sixty_four_handlers_of_five_thousand_failures_open_one_incident(world):
    world.break_service()
    dice = random.Random(20261122)
    failures = [make.cloudtrail(user=f"user-{number % CALLERS}", age=dice.uniform(0, 90)) for number in range(FAILURES)]
    deliveries = [failure for failure in failures for _ in range(dice.randint(1, 3))]
    dice.shuffle(deliveries)
    batches = [deliveries[at:at + 10] for at in range(0, len(deliveries), 10)]
    handlers = [world.start({"gather_s": 10, "probe_interval_s": 20}) for _ in range(HANDLERS)]

    turn = threading.Semaphore(AT_A_TIME)

    def handle(number):
        results = []
        for batch in batches[number::HANDLERS]:
            with turn:
                results.append(handlers[number].invoke(make.sqs(batch)))
        return results

    results = [result for results in together(handle, range(HANDLERS), HANDLERS) for result in results]
    assert all(result.error is None and result.answer["batchItemFailures"] == [] for result in results)
    assert sum(len(result.answer["failures"]) for result in results) == len(deliveries)
    notices = [notice for result in results for notice in result.answer["notices"]]
    assert [notice["kind"] for notice in notices].count("opened") == 1
    assert len({notice["incident"] for notice in notices}) == 1
    assert {notice["messageId"] for notice in notices} == {notice.message_id for notice in world.sent()}
    sequences = [notice.sequence for notice in world.sent()]
    assert sequences == list(range(1, len(sequences) + 1)), "in order, none twice"
    (incident,) = world.table.incidents()
    assert incident["id"] == notices[0]["incident"]
    assert panics(world.outputs()) == []


def test_two_failing_regions_are_two_incidents_each_notified_once(world):
    world.break_service()
    events = [event for region in ("us-east-1", "eu-west-1") for event in make.outage(region, callers=8)]
    random.Random(1).shuffle(events)
    handlers = [world.start() for _ in range(4)]

    def handle(handler):
        return [handler.invoke(event) for event in events]

    results = [result for results in together(handle, handlers) for result in results]
    opened = [notice for result in results for notice in result.answer["notices"] if notice["kind"] == "opened"]
    assert sorted(notice["region"] for notice in opened) == ["eu-west-1", "us-east-1"]
    assert len(world.table.incidents()) == 2


def test_two_stacks_in_one_account_do_not_count_each_others_probes(world, emulator):
    world.break_service()
    world.start().invoke(make.tick())
    # CloudTrail shows the one stack's probe to the other one as it came, by its user agent.
    (agent,) = {call.headers["user-agent"] for call in world.oidc.log if call.operation == "RegisterClient"}
    seen = []
    for number in range(12):
        event = make.event("cloudtrail__own_probe")
        event["detail"].update(userAgent=agent, eventTime=make.timestamp(number), sourceIPAddress=f"203.0.113.{number}",
                               eventID=f"made-up-{number}", requestID=f"made-up-{number}")
        seen.append(event)
    with World(emulator) as other:
        function = other.start()
        result = function.invoke(make.sqs(seen))
        assert result.answer["counts"]["own"] == len(seen) and result.answer["failures"] == []
        assert function.invoke(make.tick()).answer["notices"] == [] and other.sent() == []
