"""The checker sees violations: each one is added to a run without any, and found."""

import copy

import pytest

from .check import check
from .plan import CONTROL, POINTS, SANDBOXES, plan
from .story import run

#: With nothing broken.
CALM = 0


# All of them look at one run.
pytestmark = pytest.mark.xdist_group("check")


@pytest.fixture(scope="module")
def calm(emulator):
    return run(plan(CALM), emulator)


@pytest.fixture
def facts(calm):
    copied = copy.deepcopy(calm)
    # A late machine is no excuse here: its time-outs are too long to end.
    copied.late = []
    return copied


def wrong(facts):
    return "\n".join(check(facts)[0])


def taken(facts):
    return sorted((one for one in facts.requests if one.taken is not None), key=lambda one: one.taken)


def outbox(facts, kind="opened"):
    return next(item for item in facts.items if item["sk"].startswith("outbox#") and item["kind"] == kind)


def ledger(facts):
    return next(item for item in facts.items if item["sk"] == "incident#current")


def test_a_run_without_faults_keeps_every_promise(facts):
    found, numbers = check(facts)
    assert found == []
    assert numbers["notices"] >= 2 and numbers["invocations"] >= SANDBOXES - 1


def test_an_alert_that_sns_never_took_is_missed(facts):
    taken(facts)[0].taken = None
    assert "SNS never took it" in wrong(facts)


def test_an_alert_that_was_never_sent_is_missed(facts):
    entry = outbox(facts)
    entry["sent_at"] = None
    assert "was never sent" in wrong(facts)


def test_a_region_without_a_notice_is_missed(facts):
    facts.callers["eu-west-1"] = 9
    assert "nobody was notified of the outage in eu-west-1" in wrong(facts)


def test_a_repeat_of_a_notice_known_to_the_table_is_seen(facts):
    first = taken(facts)[0]
    repeat = copy.copy(first)
    repeat.taken, repeat.number = first.taken + 0.5, len(facts.requests)
    facts.requests.append(repeat)
    assert "was taken again, though the table knew" in wrong(facts)


def test_a_publish_unknown_to_the_table_is_seen_unless_a_fault_explains_it(facts):
    first = taken(facts)[0]
    settled = [one for one in facts.requests if one.label == "settle as sent" and one.invocation == first.invocation]
    for one in settled:
        one.done = False
    assert "though nothing was in the way" in wrong(facts)
    for one in settled:
        one.fault = "lost"
    assert "though nothing was in the way" not in wrong(facts)


def test_notices_that_change_places_are_seen(facts):
    first, second = taken(facts)[:2]
    first.taken, second.taken = second.taken, first.taken
    # The second one may have any later number: a change that is overtaken is not sent.
    assert "1 on the topic was taken after notice" in wrong(facts)


def test_a_gap_in_the_sequences_is_seen(facts):
    facts.items.remove(outbox(facts))
    found = wrong(facts)
    assert "has the notices" in found and "has the positions" in found


def test_two_incidents_at_a_time_are_seen(facts):
    entry = dict(outbox(facts))
    last = max(item["sk"] for item in facts.items if item["pk"] == entry["pk"] and item["sk"].startswith("outbox#"))
    entry.update(sk=last, incident="us-east-1-of-another")
    for item in facts.items:
        if item["sk"] == last:
            item.update(sk=f"outbox#{int(last.removeprefix('outbox#')) + 1:010d}")
    facts.items.append(entry)
    assert "us-east-1-of-another was opened while" in wrong(facts)


def test_a_claim_that_is_held_for_ever_is_seen(facts):
    outbox(facts)["claimed_by"] = "somebody who died"
    assert "is still claimed" in wrong(facts)


def test_a_ledger_that_lost_a_step_is_seen(facts):
    ledger(facts)["version"] += 1
    assert "made by the steps" in wrong(facts)


def test_a_step_that_was_taken_twice_is_seen(facts):
    step = copy.deepcopy(next(one for one in facts.requests if one.label == "commit" and one.done))
    update = next(part["Update"] for part in step.body["TransactItems"] if "Update" in part)
    update["ExpressionAttributeValues"][":token"] = {"S": "another's"}
    facts.requests.append(step)
    assert "was made twice" in wrong(facts)


def test_a_failure_that_is_counted_twice_is_seen(facts):
    slot = next(item for item in facts.items if item["pk"].startswith("slot#") and "ms" in item)
    facts.failures["us-east-1"] = len(slot["ms"]) - 1
    assert "failures are marked" in wrong(facts)


def test_more_callers_than_there_are_is_seen(facts):
    facts.callers["us-east-1"] = 1
    assert "callers, and 1 were hit" in wrong(facts)


def test_served_calls_that_are_counted_twice_are_seen(facts):
    facts.served = 0
    assert "served calls are counted" in wrong(facts)


def test_a_failure_that_was_not_answered_is_seen(facts):
    next(one for one in facts.invocations if one.failures).failures += 1
    assert "and answered" in wrong(facts)


def test_an_invocation_that_failed_though_the_table_worked_is_seen(facts):
    one = facts.invocations[3]
    one.answer, one.error = None, {"errorType": "made up"}
    assert "though the table or SNS worked" in wrong(facts)
    facts.late = [(one.ended + 1, one.ended + 2)]
    assert "though the table or SNS worked" in wrong(facts)
    # Then nobody answered in time, and that is nobody's fault.
    facts.late = [(one.began, one.began + 1)]
    assert "though the table or SNS worked" not in wrong(facts)


def test_a_sandbox_that_sends_alone_without_a_reason_is_seen(facts):
    first = taken(facts)[0]
    published = facts.published[first.message_id]
    published.attributes["incident"] = "us-east-1-20261127T110000Z-unshared"
    found = wrong(facts)
    assert "was sent alone, though the table answered" in found and "does not say that the table" in found


def test_a_sandbox_that_sends_alone_twice_is_seen(facts):
    first = taken(facts)[0]
    again = next(one for one in taken(facts) if one.label == first.label and one.message_id != first.message_id)
    for one in (first, again):
        facts.published[one.message_id].attributes["incident"] = "us-east-1-20261127T110000Z-unshared"
    again.sandbox, again.incarnation, again.clock = first.sandbox, first.incarnation, first.clock + 60
    assert "was sent alone twice by one sandbox" in wrong(facts)
    first.fault = "lost"
    assert "was sent alone twice by one sandbox" not in wrong(facts)
    first.fault, again.clock = None, first.clock + 900
    assert "was sent alone twice by one sandbox" not in wrong(facts)


def test_a_run_that_does_not_end_is_seen(facts):
    facts.ended = False
    assert "not everything is sent and resolved" in wrong(facts)


def test_a_panic_is_seen(facts):
    facts.panics.append("made up")
    assert "a panic" in wrong(facts)


def test_a_seed_always_has_the_same_plan_and_all_of_them_kill_everywhere():
    assert plan(3) == plan(3) != plan(4)
    assert plan(CONTROL).is_calm and not plan(CONTROL + 1).is_calm
    killed = {(kill.point, kill.after) for seed in range(200) for kill in plan(seed).kills}
    assert killed >= {(point, after) for point in POINTS for after in (False, True)}
