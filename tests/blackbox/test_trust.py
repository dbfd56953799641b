"""Trust, through the real binary: forged evidence costs nothing and hides nothing."""

import pathlib
import re
import time
import uuid

import pytest

from tests.harness import make
from tests.harness.fake_oidc import NULL_500

#: Identity Center's region; and every other of the 46 regions that the function knows.
HOME = "us-east-1"
SOURCE = (pathlib.Path(__file__).resolve().parents[2] / "crates/model/src/region.rs").read_text()
FOREIGN = sorted(set(re.findall(r'"([a-z-]+-\d)"', SOURCE.partition("const REGIONS")[2].partition("];")[0])) - {HOME})

#: The number of forged events: about five for each region.
FORGED = 225


def line(region, caller):
    return (f"POST https://oidc.{region}.amazonaws.com/token: 500 InternalServerException user={caller}@example.com "
            f"request id {uuid.uuid4()}")


def forged():
    """Lines of an application with five callers for each region, enough for an outage."""
    return [make.logs([line(FOREIGN[number % len(FOREIGN)], f"forged-{number // len(FOREIGN)}-{n}") for n in range(8)])
            for number in range(FORGED)]


def page_after(world, events):
    """The time from the first of `events` to the page for a real outage next to them."""
    world.break_service()
    function = world.start()
    for event in events:
        function.invoke(event)
    began = time.monotonic()
    for event in make.outage():
        function.invoke(event)
    assert [notice.kind for notice in world.sent() if notice.incident] == ["opened"]
    return time.monotonic() - began


def test_forged_events_of_every_region_cause_no_probe_no_item_and_one_advice_notice(world, report):
    assert len(FOREIGN) == 45
    world.break_service()
    function = world.start()
    took = time.monotonic()
    for event in forged():
        result = function.invoke(event)
        assert {failure["action"] for failure in result.answer["failures"]} == {"ignored"}
        assert result.problems()["source_not_believed"] == 8
    report(f"{FORGED} forged events, in seconds", f"{time.monotonic() - took:.1f}")
    assert world.oidc.calls() == 0
    (advice,) = world.sent()
    assert advice.kind == "advice" and "OIDC_TRIAGE_REGIONS" in advice.text
    # Neither an item of such a region, nor its name in the list of probed regions.
    names = [name for item in world.table.items() for name in (item["pk"], *item)]
    assert any(HOME in name for name in names)
    assert not [name for name in names for region in FOREIGN if region in name.replace("_", "-")]
    # A tick later, nothing more happens for them.
    function.invoke(make.tick())
    assert {region for notified in world.sent() for region in FOREIGN if region in notified.subject} == set()


def test_forged_events_do_not_put_off_a_real_page(world, report):
    report("a page after forged events, in seconds", f"{page_after(world, forged()):.2f}")


def test_the_same_page_without_them(world, report):
    report("a page without forged events, in seconds", f"{page_after(world, []):.2f}")


def test_a_report_of_aws_to_one_sandbox_counts_for_the_others(world):
    first, second = world.start(), world.start()
    away = "eu-west-3"
    assert second.invoke(make.logs([line(away, "ana")])).problems() == {"source_not_believed": 1}
    first.invoke(make.cloudtrail(region=away, user="somebody"))
    result = second.invoke(make.logs([line(away, "ben")]))
    assert (result.answer["failures"][0]["action"], result.problems()) == ("probed", {})


def test_regions_of_another_partition_are_ignored(function, oidc):
    result = function.invoke(make.cloudtrail(region="cn-north-1"))
    assert (result.answer["failures"][0]["action"], result.problems()) == ("ignored", {"source_not_believed": 1})
    assert oidc.calls() == 0


def test_a_call_in_an_untrusted_region_is_retried_on_request(function, oidc):
    result = function.invoke(make.call(region="eu-west-3"))
    (failure,) = result.answer["failures"]
    assert (failure["action"], failure["outcome"]) == ("retried", "recovered")
    assert "response" in failure and result.answer["notices"] == []


def test_fifty_callers_of_one_program_are_as_many_as_it_may_name(start):
    function = start(OIDC_TRIAGE_CALL_SOURCES="made.up")
    callers = set()
    for number in range(120):
        envelope = make.envelope(make.call(operation="RegisterClient", caller=f"person-{number}"))
        (failure,) = function.invoke({**envelope, "source": "made.up"}).answer["failures"]
        callers.add(failure["caller"])
    assert len(callers) == 50


#: By alias: the result of an outage. People are `notified`, it is `answered` without being evidence, or `passed over`.
BY_ALIAS = {
    "an envelope of CloudTrail": (make.outage, {"events": "notified", "direct": "answered", None: "notified"}),
    "a record by itself": (lambda: [event["detail"] for event in make.outage()],
                           {"events": "notified", "direct": "answered", None: "notified"}),
    "a queue that is trusted": (lambda: [make.sqs(make.outage())], {"events": "notified", "direct": "answered", None: "notified"}),
    "lines of an application": (lambda: [make.logs([f"{line(HOME, f'user-{n}')}" for n in range(8)])],
                                {"events": "notified", "direct": "answered", None: "notified"}),
    "calls of a listed program": (lambda: [make.envelope(make.call("RegisterClient", caller=f"ci-{n}")) for n in range(8)],
                                  {"events": "notified", "direct": "answered", None: "notified"}),
    "calls of another program": (lambda: [{**make.envelope(make.call("RegisterClient", caller=f"ci-{n}")), "source": "my.own"}
                                          for n in range(8)],
                                 {"events": "passed over", "direct": "answered", None: "passed over"}),
    "calls handed over": (lambda: [make.call("RegisterClient", caller=f"ci-{n}") for n in range(8)],
                          {"events": "passed over", "direct": "notified", None: "notified"}),
}


@pytest.mark.parametrize("alias", ["events", "direct", None])
@pytest.mark.parametrize("what", BY_ALIAS)
def test_evidence_by_an_alias_is_trusted_as_that_alias_allows(start, oidc, sns, what, alias):
    oidc.script_all(NULL_500)
    function = start()
    made, expected = BY_ALIAS[what]
    results = [function.invoke(event, alias=alias) for event in made()]
    notified = [notice for result in results for notice in result.answer["notices"] if notice["incident"]]
    failures = [failure for result in results for failure in result.answer["failures"]]
    problems = {name for result in results for name in result.problems()}
    became = {"notified": bool(notified), "answered": bool(failures) and not notified, "passed over": not failures and not notified}
    assert became[expected[alias]], (notified, failures, problems)
    if expected[alias] != "notified":
        assert "source_not_believed" in problems and oidc.calls() == 0


@pytest.mark.parametrize("alias, ticks", [("events", True), ("direct", False), (None, True)])
def test_the_clock_ticks_by_events_alone(start, oidc, alias, ticks):
    function = start()
    result = function.invoke(make.tick(), alias=alias)
    assert bool(oidc.calls()) == ticks
    assert ("source_not_believed" in result.problems()) == (not ticks)


def test_an_undeclared_queue_is_trusted_like_a_log(start, oidc, sns):
    function = start(OIDC_TRIAGE_TRUSTED_QUEUES="")
    result = function.invoke(make.sqs([*make.outage(callers=2), *make.served(callers=3), make.tick()]), alias="events")
    assert {failure["origin"] for failure in result.answer["failures"]} == {"logs"}
    assert result.answer["counts"]["success"] == 0 and "source_not_believed" in result.problems()


def test_another_program_s_calls_are_none_by_default(start, sns):
    function = start(OIDC_TRIAGE_CALL_SOURCES="")
    for number in range(8):
        result = function.invoke(make.envelope(make.call("RegisterClient", caller=f"ci-{number}")), alias="events")
        assert result.answer["failures"] == [] and result.problems() == {"source_not_believed": 1}
    (advice,) = sns.published
    assert "CallSources" in advice.message and "com.example.ci" in advice.message


MANAGEMENT = "444455556666"


def of_account(account, events):
    """The same events, as a rule of that account forwards them: EventBridge keeps their account."""
    for event in events:
        event["account"] = event["detail"]["recipientAccountId"] = event["detail"]["userIdentity"]["accountId"] = account
    return events


@pytest.mark.parametrize("account, is_trusted", [(MANAGEMENT, True), ("777788889999", False), ("", False)])
def test_events_of_a_listed_account_open_an_incident_and_those_of_another_do_not(start, oidc, sns, account, is_trusted):
    oidc.script_all(NULL_500)
    function = start(OIDC_TRIAGE_TRUSTED_ACCOUNTS=MANAGEMENT)
    results = [function.invoke(event, alias="events") for event in of_account(account, make.outage())]
    notified = [notice for result in results for notice in result.answer["notices"] if notice["incident"]]
    assert bool(notified) == is_trusted
    assert {frozenset(result.problems()) for result in results} == {frozenset() if is_trusted else frozenset({"source_not_believed"})}
    assert bool(oidc.calls()) == is_trusted
    if not is_trusted:
        assert not [failure for result in results for failure in result.answer["failures"]]
        (advice,) = sns.published
        assert "TrustedAccounts" in advice.message


def test_another_account_s_sign_ins_do_not_end_an_incident(start, oidc, sns):
    oidc.script_all(NULL_500)
    function = start(OIDC_TRIAGE_TRUSTED_ACCOUNTS=MANAGEMENT, OIDC_TRIAGE_POLICY="proof_s = 1\nnotice_every_s = 0\ngather_s = 0")
    for event in of_account(MANAGEMENT, make.outage()):
        function.invoke(event, alias="events")
    for event in of_account("777788889999", make.served(callers=30)):
        answer = function.invoke(event, alias="events").answer
        assert answer["counts"]["success"] == 0
        assert {incident["state"] for incident in answer["incidents"]} <= {"open"}
