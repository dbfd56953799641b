"""Regions of one Identity Center, with the real binary and the shared table: one incident, one page, and a link that leads in."""

import json
import random
import threading
import time

import pytest

from tests.blackbox.test_cli import as_lines, notices, run
from tests.blackbox.test_lifecycle import POLICY, kinds, send, tick, tick_until, well_again
from tests.harness import make
from tests.harness.fake_sns import PAGER_TOPIC_ARN
from tests.harness.world import panics, together

EU, US = "eu-west-1", "us-east-1"
PORTALS = {EU: "https://d-1234567890.awsapps.com/start", US: "https://d-1234567890.us-east-1.portal.amazonaws.com"}
REPLICAS = {"OIDC_TRIAGE_REPLICAS": ",".join(f"{region}={portal}" for region, portal in PORTALS.items())}
PAGES = {"OIDC_TRIAGE_PAGER_TOPIC_ARN": PAGER_TOPIC_ARN}
TOGETHER = REPLICAS | PAGES


def states(world):
    """What the pager got: the state of each alarm, in order."""
    return [alarm["NewStateValue"] for _, alarm in world.alarms()]


def raised(world):
    """How often somebody was woken: what updates an open alert wakes nobody."""
    return [alarm["AlarmName"] for _, alarm in world.alarms() if (alarm["OldStateValue"], alarm["NewStateValue"]) == ("OK", "ALARM")]


def test_a_second_region_joins_the_incident_of_the_first_one(world):
    world.break_service()
    function, watcher = world.start(POLICY, **TOGETHER), world.start(POLICY, **TOGETHER)
    # People are served in one region, so sign-in works there by proof.
    send(function, make.served(US, callers=4, calls=3, age=20))
    opened, *_ = send(function, make.outage(EU, callers=8, age=60))
    assert (opened["kind"], opened["region"]) == ("opened", EU)
    text = world.sent()[0].text
    assert f"Sign-in fails in {EU}. It works in {US}." in text
    assert f"1. Send users to the access portal of {US}, where sign-in works: {PORTALS[US]}" in text
    assert f"Until then sign in at {PORTALS[US]} ({US})" in text and PORTALS[EU] not in text
    assert raised(world) == [opened["incident"]]

    joined = send(function, make.outage(US, callers=8, age=0))
    assert {notice["incident"] for notice in joined} == {opened["incident"]}
    text = next(sent.text for sent in world.sent() if "fails in us-east-1 too" in sent.text)
    assert f"Sign-in fails in {EU} and {US}: it works in no region." in text
    assert "8 people" in text, "the same people in both regions are not twice as many"
    assert PORTALS[US] not in text and PORTALS[EU] not in text
    assert raised(world) == [opened["incident"]]

    world.oidc.heal()
    tick_until(watcher, "resolved", send(function, well_again(region=EU, callers=8) + well_again(region=US, callers=8)))
    sent = world.sent()
    assert world.kinds().count("opened") == 1 and world.kinds().count("resolved") == 1 and world.kinds()[-1] == "resolved"
    assert f"It failed in {EU} from " in sent[-1].text and f" and in {US} from " in sent[-1].text
    assert {notice.incident for notice in sent} == {opened["incident"]}
    # A change that is overtaken by the end of the incident is not sent.
    assert [notice.sequence for notice in sent] == sorted({notice.sequence for notice in sent})
    assert states(world)[-1] == "OK" and states(world).count("OK") == 1
    assert all(incident["resolved_at"] for incident in world.table.incidents())
    assert panics(world.outputs()) == []


@pytest.mark.long
def test_sixty_four_handlers_over_two_regions_open_one_incident_and_page_once(world):
    world.break_service()
    dice = random.Random(20261128)
    failures = [make.cloudtrail(user=f"user-{number % 300}", region=dice.choice([EU, US]), age=dice.uniform(0, 90))
                for number in range(2_500)]
    deliveries = [failure for failure in failures for _ in range(dice.randint(1, 2))]
    dice.shuffle(deliveries)
    batches = [deliveries[at:at + 10] for at in range(0, len(deliveries), 10)]
    handlers = [world.start({"gather_s": 10, "probe_interval_s": 20}, **TOGETHER) for _ in range(64)]
    turn = threading.Semaphore(8)

    def handle(number):
        results = []
        for batch in batches[number::64]:
            with turn:
                results.append(handlers[number].invoke(make.sqs(batch)))
        return results

    results = [result for results in together(handle, range(64), 64) for result in results]
    assert all(result.error is None and result.answer["batchItemFailures"] == [] for result in results)
    told = [notice for result in results for notice in result.answer["notices"]]
    assert [notice["kind"] for notice in told].count("opened") == 1
    assert len({notice["incident"] for notice in told}) == 1
    sent = world.sent()
    assert {notice["messageId"] for notice in told} == {notice.message_id for notice in sent}
    # A change that is overtaken by the end of the incident is not sent.
    assert [notice.sequence for notice in sent] == sorted({notice.sequence for notice in sent}), "in order, none twice"
    assert raised(world) == [told[0]["incident"]]
    ledgers = {item["pk"]: json.loads(item["ledger"])["incident"] for item in world.table.items() if "ledger" in item}
    assert sorted(ledgers) == [f"region#{EU}", f"region#{US}"]
    assert len({incident.get("among", {}).get("part_of") or incident["id"] for incident in ledgers.values()}) == 1
    assert panics(world.outputs()) == []


def test_regions_that_become_replicas_during_an_incident_neither_lose_it_nor_page_again(world):
    world.break_service()
    opened, *_ = send(world.start(POLICY, **PAGES), make.outage(US, callers=8, age=60))
    after = world.start(POLICY, **TOGETHER)
    joined = send(after, make.outage(EU, callers=8, age=0))
    assert {notice["incident"] for notice in joined} == {opened["incident"]} and "opened" not in kinds(joined)
    assert raised(world) == [opened["incident"]]

    # And back: each region has its own again.
    world.oidc.heal()
    alone = {"OIDC_TRIAGE_REGIONS": f"{EU},{US}", **PAGES}
    function, watcher = world.start(POLICY, **alone), world.start(POLICY, **alone)
    ended = tick_until(watcher, "resolved", send(function, well_again(region=EU, callers=8) + well_again(region=US, callers=8)))
    while sum(kind == "resolved" for kind in kinds(ended)) < 2:
        time.sleep(1.1)
        ended += tick(watcher)
    assert "opened" not in kinds(ended) and raised(world) == [opened["incident"]]
    over = [notice["incident"] for notice in ended if notice["kind"] == "resolved"]
    assert len(set(over)) == 2 and opened["incident"] in over
    assert len({notice["id"] for notice in [opened, *joined, *ended]}) == len([opened, *joined, *ended]), "no id twice"
    assert all(incident["resolved_at"] for incident in world.table.incidents())


def test_two_incidents_that_were_open_before_end_as_two(world):
    world.break_service()
    before = world.start(POLICY, OIDC_TRIAGE_REGIONS=f"{EU},{US}", **PAGES)
    first = send(before, make.outage(US, callers=8, age=60))
    second = send(before, make.outage(EU, callers=8, age=30))
    ids = {notice["incident"] for notice in first + second}
    assert len(ids) == 2 and sorted(raised(world)) == sorted(ids)
    world.oidc.heal()
    function, watcher = world.start(POLICY, **TOGETHER), world.start(POLICY, **TOGETHER)
    ended = tick_until(watcher, "resolved", send(function, well_again(region=EU, callers=8) + well_again(region=US, callers=8)))
    while sum(kind == "resolved" for kind in kinds(ended)) < 2:
        time.sleep(1.1)
        ended += tick(watcher)
    assert {notice["incident"] for notice in ended} == ids and sorted(raised(world)) == sorted(ids)
    assert states(world).count("OK") == 2


def test_a_silence_and_an_acknowledgement_are_of_the_one_incident(world):
    world.break_service()
    function = world.start(POLICY, **TOGETHER)
    opened, *_ = send(function, make.outage(EU, callers=8, age=60))
    send(function, make.outage(US, callers=8, age=0))

    def ask(payload):
        result = function.invoke(payload, alias="direct")
        assert result.error is None
        return result.answer

    answer = ask({"acknowledge": opened["incident"], "by": "ana"})
    assert answer["acknowledge"]["state"] == "acknowledged"
    ledgers = [json.loads(item["ledger"])["incident"] for item in world.table.items() if "ledger" in item]
    assert [incident["acknowledged"]["by"] for incident in ledgers] == ["ana", "ana"]
    answer = ask({"silence": {"scope": {"incident": opened["incident"]}, "for": "1h", "reason": "known", "by": "ana"}})
    assert (answer["silence"]["state"], answer["silence"]["regions"]) == ("silenced", [EU, US])
    answer = ask({"silence": {"scope": {"region": US}, "for": "1h", "reason": "known", "by": "ben"}})
    assert (answer["silence"]["state"], answer["silence"]["regions"]) == ("silenced", [US])
    report = function.invoke(make.sqs(make.outage(EU, callers=9, age=0))).answer["incidents"]
    assert [(incident["id"], incident["state"]) for incident in report] == [(opened["incident"], "open")]


def test_one_region_of_them_is_silenced_and_the_other_one_pages(world):
    world.break_service()
    function = world.start(POLICY, **TOGETHER)
    asked = {"silence": {"scope": {"region": EU}, "for": "1h", "reason": "a failover test", "by": "ana"}}
    assert function.invoke(asked, alias="direct").answer["silence"]["regions"] == [EU]
    send(function, make.outage(EU, callers=8, age=60))
    assert world.kinds() == ["silenced"] and world.alarms() == []
    send(function, make.outage(US, callers=8, age=0))
    assert world.kinds()[:2] == ["silenced", "opened"] and len(raised(world)) == 1


def test_each_replica_is_probed_though_nothing_was_seen_of_it(world):
    result = world.start(**REPLICAS).invoke(make.tick())
    assert result.error is None
    asked = [line for line in world.outputs().splitlines() if '"probes"' in line]
    assert any(EU in line and US in line for line in asked), asked


def test_the_doctor_knows_each_replica(world):
    report = world.start(**REPLICAS).invoke({"doctor": True}, alias="direct").answer["doctor"]
    names = [check["name"] for check in report["checks"]]
    assert f"probe {EU}" in names and f"probe {US}" in names


def test_replay_makes_one_incident_of_them(tmp_path):
    events = sorted([*make.outage(EU, callers=8, age=3_600), *make.outage(US, callers=8, age=3_000)],
                    key=lambda event: event["time"])
    path = tmp_path / "history.jsonl"
    path.write_bytes(as_lines(events))

    def incidents(**env):
        done = run("replay", "--format", "json", path, **env)
        assert done.returncode == 0, done.stderr.decode()
        return {notice["incident"] for notice in notices(map(json.loads, done.stdout.splitlines())) if notice["incident"]}

    assert (len(incidents(**REPLICAS)), len(incidents())) == (1, 2)
