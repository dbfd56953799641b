"""The program dies at every possible point: its notice is still sent, once, by the next invocation."""

import time

import pytest

from tests.harness import make
from tests.harness.fault_proxy import WRITES, purpose
from tests.harness.world import Background, World, panics, together, until

#: Of the invocation that is killed, in seconds. A claim is held until five seconds after its deadline.
REMAINING = 30
HELD = REMAINING + 5


def outage():
    # All in one slot, which one write records: half of it would not be an outage.
    return make.sqs(make.of_one_second(make.outage(callers=8)))


@pytest.fixture(scope="module")
def writes(emulator):
    """The writes of one invocation that sees an outage begin: (operation, keys), in order."""
    with World(emulator).break_service() as world:
        assert world.start().invoke(outage()).answer["notices"]
        return [call for call in world.proxy.calls if call.operation in WRITES]


def killed_at(world, point, payload):
    """A function that dies at this point: before or after the first write for that purpose, or its publish."""
    what, after = point
    function = world.start()
    function.wait_idle()
    if what == "publish":
        paused = world.sns.pause(after=after)
    else:
        paused = world.proxy.pause(*WRITES, when=lambda body: purpose(body) == what, after=after)
    with paused:
        running = Background(function, payload, REMAINING)
        paused.wait()
        function.kill()
        running.join()


def complete(world, again):
    """The topic's messages at the end: `again` is repeated until then, and the dead one's claim runs out."""
    again()
    if not world.sent() or world.table.unsent():
        world.table.let_pass(HELD)
    until(lambda: world.sent() and not world.table.unsent(), again)
    # Later invocations have nothing to add.
    sent = world.sent()
    again()
    assert world.sent() == sent
    return sent


def points(writes):
    purposes = []
    for write in writes:
        # A slow write is retried.
        if purpose(write.body) not in purposes:
            purposes.append(purpose(write.body))
    yield from ((what, after) for what in [*purposes, "publish"] for after in (False, True))


def check(world, point, sent):
    assert sent, "nobody was notified"
    assert len({(notice.incident, notice.sequence) for notice in sent}) == 1, "one incident, and its first notice"
    assert len(world.table.incidents()) == 1
    assert panics(world.outputs()) == []


@pytest.mark.long
def test_killed_anywhere_the_redelivery_completes_the_work(emulator, writes):
    assert len(writes) >= 4, "to record, to decide, to claim and to commit are writes of their own"

    def run(point):
        with World(emulator).break_service() as world:
            payload = outage()
            killed_at(world, point, payload)
            taken_before = len(world.sent())
            second = world.start()
            sent = complete(world, lambda: second.invoke(payload))
            check(world, point, sent)
            assert len(sent) <= 1 + taken_before, "a repeat only if SNS had it already"
            world.start().invoke(payload)
            assert world.sent() == sent
            return len(sent)

    counts = together(run, points(writes))
    assert max(counts) <= 2 and 2 * counts.count(1) >= len(counts)


@pytest.mark.long
def test_killed_after_recording_the_tick_completes_the_work(emulator, writes):
    recorded = next(purpose(call.body) for call in writes if call.records_failures)
    all_points = list(points(writes))
    after_it = all_points[all_points.index((recorded, True)):]

    def run(point):
        with World(emulator).break_service() as world:
            killed_at(world, point, outage())
            watcher = world.start()
            taken_before = len(world.sent())
            sent = complete(world, lambda: watcher.invoke(make.tick()))
            check(world, point, sent)
            assert len(sent) <= 1 + taken_before

    together(run, after_it)


def test_killed_while_it_sends_the_end_the_tick_sends_it_in_order(emulator):
    policy = {"proof_s": 1, "proof_probes_s": 0}

    def run(after):
        with World(emulator).break_service() as world:
            first = world.start(policy)
            first.invoke(make.sqs(make.outage(callers=8, age=60)))
            (opened,) = world.sent()
            served = [event for age in (20, 15, 10, 5, 1) for event in make.served(callers=3, age=age)]
            assert first.invoke(make.sqs(served)).answer["notices"] == [], "a probe still sees it"
            world.oidc.heal()
            # The next probe is due.
            time.sleep(1.1)
            with world.sns.pause(after=after) as paused:
                running = Background(first, make.tick(), REMAINING)
                paused.wait()
                first.kill()
                running.join()
            watcher = world.start(policy)
            sent = complete(world, lambda: watcher.invoke(make.tick()))
            assert [notice.sequence for notice in sent] == [1, 2] + [2] * after
            assert {notice.incident for notice in sent} == {opened.incident}

    together(run, [False, True])
