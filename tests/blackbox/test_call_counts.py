"""What the table is asked for, counted: cost and load come down to it. The counts are printed at the end of the run."""

import json
import time

from tests.harness import make
from tests.harness.fault_proxy import READS, WRITES

#: As deployed: nothing is shortened.
AS_DEPLOYED = {"gather_s": 10, "probe_interval_s": 20, "publish_again_s": 60}


def within_one_slot(seconds):
    """Waits where a slot of two minutes would end meanwhile: what belongs to the next one is a write of its own."""
    left = 120 - time.time() % 120
    if left < seconds:
        time.sleep(left + 4)


def counted(world):
    """(writes, reads) since the last time, those of the probe left out: it has its own limit."""
    calls, writes, reads = world.proxy, 0, 0
    for call in calls.calls:
        if not all(sort == "probe" for _, sort in call.keys):
            writes += call.operation in WRITES
            reads += call.operation in READS
    calls.forget()
    return writes, reads


def test_a_failure_that_takes_no_step_is_one_write_and_one_read(world, report):
    function = world.start(AS_DEPLOYED)
    # The first one brings the key of the callers' hashes, and the rest of the region as it is.
    function.invoke(make.cloudtrail(user="user-0"))
    counts = []
    for number in range(6):
        world.proxy.forget()
        function.invoke(make.cloudtrail(user=f"user-{number % 2}", age=number))
        counts.append(counted(world))
    report("a failure that takes no step (writes, reads)", counts)
    assert all(writes <= 1 and reads <= 1 for writes, reads in counts)


def test_a_probe_is_elected_and_recorded_at_most_every_twenty_seconds(world, report):
    world.break_service()
    function = world.start(AS_DEPLOYED)
    function.invoke(make.cloudtrail(user="user-0"))
    function.invoke(make.cloudtrail(user="user-1"))
    began = time.monotonic()
    probes = world.oidc.calls("RegisterClient")
    for number in range(20):
        function.invoke(make.cloudtrail(user=f"user-{number % 2}"))
    assert time.monotonic() - began < 15
    report("probes for 22 failures within 20 s", world.oidc.calls("RegisterClient"))
    assert world.oidc.calls("RegisterClient") == probes == 1


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


def test_with_an_incident_open_a_sandbox_writes_at_most_once_in_ten_seconds(world, report):
    within_one_slot(36)
    world.break_service()
    function = world.start(AS_DEPLOYED)
    function.invoke(make.sqs(make.outage(callers=8)))
    world.proxy.forget()
    began, invocations = time.monotonic(), 0
    while time.monotonic() - began < 24:
        function.invoke(make.cloudtrail(user=f"made-up-user-{1 + invocations % 8}"))
        invocations += 1
        time.sleep(0.2)
    writes, reads = counted(world)
    report(f"with an incident open, {invocations} failures in 24 s (writes, reads)", (writes, reads))
    assert writes <= 3


def test_served_calls_are_at_most_one_write_in_ten_seconds(world, report):
    within_one_slot(36)
    function = world.start(AS_DEPLOYED)
    function.invoke(make.cloudtrail(None, user="user-0"))
    world.proxy.forget()
    began, invocations = time.monotonic(), 0
    while time.monotonic() - began < 24:
        function.invoke(make.sqs(make.served(callers=5)))
        invocations += 5
        time.sleep(0.2)
    writes, reads = counted(world)
    report(f"{invocations} served calls in 24 s (writes, reads)", (writes, reads))
    assert 1 <= writes <= 3
