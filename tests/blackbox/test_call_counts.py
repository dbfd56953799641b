"""The number of calls to the table, which cost and load depend on. The counts are printed at the end of the run."""

import json
import time

import pytest

from tests.harness import make
from tests.harness.fault_proxy import READS, WRITES

#: As deployed: nothing is shortened.
AS_DEPLOYED = {"gather_s": 10, "probe_interval_s": 20, "publish_again_s": 60}


#: In seconds, for what is to go round some times.
GATHER = 2


def counted(world):
    """(writes, reads) since the last time, without the probe's: it has its own limit."""
    calls = [call for call in world.proxy.asked() if not all(sort == "probe" for _, sort in call.keys)]
    world.proxy.forget()
    return sum(call.operation in WRITES for call in calls), sum(call.operation in READS for call in calls)


def test_a_failure_without_a_decision_costs_one_write_and_one_read(world, report):
    function = world.start(AS_DEPLOYED | {"probe_interval_s": 3600})
    # The first one brings the key of the callers' hashes, and the rest of the region as it is.
    function.invoke(make.cloudtrail(user="user-0"))
    counts = []
    for number in range(6):
        world.proxy.forget()
        function.invoke(make.cloudtrail(user=f"user-{number % 2}", age=number))
        counts.append(counted(world))
    report("a failure that takes no step (writes, reads)", counts)
    assert all(writes <= 1 and reads <= 1 for writes, reads in counts)


def test_of_failures_within_the_policy_s_interval_one_probe_is_made(world, report):
    world.break_service()
    function = world.start(AS_DEPLOYED | {"probe_interval_s": 3600})
    for number in range(22):
        function.invoke(make.cloudtrail(user=f"user-{number % 2}"))
    report("probes for 22 failures within the interval", world.oidc.calls("RegisterClient"))
    assert world.oidc.calls("RegisterClient") == 1


def test_a_batch_of_ten_thousand_lines_is_at_most_forty_writes(world, report):
    world.break_service()
    line = ("2026-11-22 An error occurred (InternalServerException) when calling the CreateToken operation: "
            "user=user{}@example.com request id {:08d}-0000-4000-8000-000000000000")
    function = world.start(AS_DEPLOYED)
    result = function.invoke(make.logs([line.format(number % 2000, number) for number in range(10_000)]), remaining=120)
    assert result.answer["counts"]["service"] == 10_000
    counts = world.proxy.counts()
    writes = sum(count for operation, count in counts.items() if operation in WRITES)
    report("a batch of 10,000 lines", counts)
    assert writes <= 40


def test_a_batch_that_spans_the_hour_is_at_most_forty_writes(world, report):
    function = world.start(AS_DEPLOYED)
    records = [make.cloudtrail(user=f"user-{number % 500}", age=number * 0.35)["detail"] for number in range(10_000)]
    result = function.invoke(make.logs([json.dumps(record) for record in records]), remaining=120)
    assert result.answer["counts"]["service"] == 10_000
    counts = world.proxy.counts()
    report("a batch of 10,000 lines that spans the hour", counts)
    assert sum(count for operation, count in counts.items() if operation in WRITES) <= 40


def counted_while(world, invoke):
    """Invokes for some rounds of gathering: writes and reads, and the most writes allowed."""
    world.proxy.forget()
    began, invocations = time.monotonic(), 0
    while (took := time.monotonic() - began) < 3.5 * GATHER:
        invoke(invocations)
        invocations += 1
        time.sleep(0.1)
    # One at once, and one for each round that there was time for.
    return invocations, counted(world), 1 + int(took / GATHER)


@pytest.mark.long
def test_with_an_incident_open_a_sandbox_writes_at_most_once_a_round_of_gathering(world, report):
    world.break_service()
    function = world.start(AS_DEPLOYED | {"gather_s": GATHER})
    function.invoke(make.sqs(make.outage(callers=8)))
    # All of one slot: what belongs to the next one is a write of its own.
    failures = make.of_one_second([make.cloudtrail(user=f"made-up-user-{1 + number % 8}") for number in range(200)])
    invocations, (writes, reads), most = counted_while(world, lambda number: function.invoke(failures[number]))
    report(f"with an incident open, {invocations} failures in {most} rounds (writes, reads)", (writes, reads))
    assert 1 <= writes <= most


@pytest.mark.long
def test_served_calls_are_at_most_one_write_a_round_of_gathering(world, report):
    function = world.start(AS_DEPLOYED | {"gather_s": GATHER})
    function.invoke(make.cloudtrail(None, user="user-0"))
    served = make.of_one_second(make.served(callers=5, calls=200))
    invocations, (writes, reads), most = counted_while(
        world, lambda number: function.invoke(make.sqs(served[5 * number:5 * number + 5])))
    report(f"{5 * invocations} served calls in {most} rounds (writes, reads)", (writes, reads))
    assert 1 <= writes <= most
