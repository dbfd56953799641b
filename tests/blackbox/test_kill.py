"""The program dies at every point at which it can: what it was to tell is told, once, whoever comes next."""

import time

import pytest

from tests.harness import make
from tests.harness.fault_proxy import WRITES, purpose
from tests.harness.world import Background, World, panics, together, until

#: Of the invocation that is killed, in seconds. A claim is held until five seconds after its deadline.
REMAINING = 30
HELD = REMAINING + 5


def outage():
    # Of one slot, which is recorded by one write: half of it would be no outage.
    return make.sqs(make.of_one_second(make.outage(callers=8)))


@pytest.fixture(scope="module")
def writes(emulator):
    """What one invocation that sees an outage begin writes: (operation, keys), in order."""
    with World(emulator).break_service() as world:
        assert world.start().invoke(outage()).answer["notices"]
        return [call for call in world.proxy.calls if call.operation in WRITES]


def killed_at(world, point, payload):
    """A function that is gone at this point: before or after the first write for that purpose, or its publish."""
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
    """What the topic took when all is done: `again` is done until then, and the claim of the dead has no more than its time."""
    again()
    if not world.told() or world.table.unsent():
        world.table.let_pass(HELD)
    until(lambda: world.told() and not world.table.unsent(), again)
    # Those who come after it have nothing to add.
    told = world.told()
    again()
    assert world.told() == told
    return told


def points(writes):
    purposes = []
    for write in writes:
        # A write that was slow is made again.
        if purpose(write.body) not in purposes:
            purposes.append(purpose(write.body))
    yield from ((what, after) for what in [*purposes, "publish"] for after in (False, True))


def check(world, point, told):
    assert told, "nobody was told"
    assert len({(notice.incident, notice.sequence) for notice in told}) == 1, "one incident, and its first notice"
    assert len(world.table.incidents()) == 1
    assert panics(world.outputs()) == []


@pytest.mark.long
def test_killed_anywhere_the_redelivery_completes_what_was_begun(emulator, writes):
    assert len(writes) >= 4, "to record, to decide, to claim and to commit are writes of their own"

    def run(point):
        with World(emulator).break_service() as world:
            payload = outage()
            killed_at(world, point, payload)
            taken_before = len(world.told())
            second = world.start()
            told = complete(world, lambda: second.invoke(payload))
            check(world, point, told)
            assert len(told) <= 1 + taken_before, "a repeat only where SNS had it already"
            world.start().invoke(payload)
            assert world.told() == told
            return len(told)

    counts = together(run, points(writes))
    assert max(counts) <= 2 and 2 * counts.count(1) >= len(counts)


@pytest.mark.long
def test_killed_after_recording_the_tick_completes_what_was_begun(emulator, writes):
    recorded = next(purpose(call.body) for call in writes if call.records_failures)
    all_points = list(points(writes))
    after_it = all_points[all_points.index((recorded, True)):]

    def run(point):
        with World(emulator).break_service() as world:
            killed_at(world, point, outage())
            watcher = world.start()
            taken_before = len(world.told())
            told = complete(world, lambda: watcher.invoke(make.tick()))
            check(world, point, told)
            assert len(told) <= 1 + taken_before

    together(run, after_it)


def test_killed_while_it_tells_of_the_end_the_tick_tells_it_in_order(emulator):
    policy = {"proof_s": 1, "proof_probes_s": 0}

    def run(after):
        with World(emulator).break_service() as world:
            first = world.start(policy)
            first.invoke(make.sqs(make.outage(callers=8, age=60)))
            (opened,) = world.told()
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
            told = complete(world, lambda: watcher.invoke(make.tick()))
            assert [notice.sequence for notice in told] == [1, 2] + [2] * after
            assert {notice.incident for notice in told} == {opened.incident}

    together(run, [False, True])
