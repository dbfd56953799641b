"""A new release on the table of an old one, in the middle of an incident: the real function on the items of each format that was
ever written (`tests/store/formats`), moved to the present."""

import base64
import calendar
import json
import re
import time

import pytest

from tests.harness import make
from tests.harness.fake_sns import PAGER_TOPIC_ARN
from tests.harness.runtime_api import ROOT
from tests.harness.world import panics, until

FORMATS = sorted((ROOT / "tests" / "store" / "formats").glob("*.json"))

#: The samples' second 0, in which a slot begins, and the second at which all of them were written.
BEGIN, WRITTEN = 1_800_000_000, 143
SLOT = 120

DAY = 24 * 60 * 60
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?=(?:\.\d+)?Z)")
#: A second or millisecond near the samples'. An id or a hash has another form.
NUMBER = re.compile(r"(?<![\w.-])(1800|1799)\d{6}(\d{3})?(?![\w.])")


def moved(text, by):
    """The same that many seconds later: instants, and numbers of seconds and of milliseconds."""
    def instant(found):
        at = calendar.timegm(time.strptime(found[0], "%Y-%m-%dT%H:%M:%S"))
        return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at + by))

    return NUMBER.sub(lambda found: str(int(found[0]) + by * (1000 if found[2] else 1)), INSTANT.sub(instant, text))


def items(path, by):
    """The samples, that many seconds later."""
    def value(name, attribute):
        [(kind, held)] = attribute.items()
        if kind == "B":
            return {kind: base64.b64decode(held)}
        if kind == "BS":
            return {kind: [base64.b64decode(member) for member in held]}
        # A region's latest day.
        return {kind: str(int(held) + by // DAY) if name.startswith("region_") else moved(held, by)}

    for item in json.loads(path.read_text()):
        yield {name: value(name, attribute) for name, attribute in item.items()}


def test_samples_are_moved_as_a_whole():
    assert moved("slot#us-east-1#1800000000 2027-01-15T08:02:11Z", DAY) == "slot#us-east-1#1800086400 2027-01-16T08:02:11Z"
    assert moved("[1800000060,1799992800] 1800000138000", DAY) == "[1800086460,1800079200] 1800086538000"
    for other in ("id-1800000000", "34a675de4b14", "0.1800000000", "20833"):
        assert moved(other, DAY) == other


@pytest.mark.parametrize("path", FORMATS, ids=lambda path: f"format {path.stem}")
def test_an_incident_goes_on_across_an_upgrade(world, path):
    # Whole slots later, and as lately as that allows.
    by = (int(time.time()) - WRITTEN - BEGIN) // SLOT * SLOT
    for item in items(path, by):
        world.table.dynamodb.put_item(TableName=world.table.name, Item=item)
    # The claim of the release before has ended.
    world.table.let_pass(60)
    channels = {"OIDC_TRIAGE_PAGER_TOPIC_ARN": PAGER_TOPIC_ARN, "OIDC_TRIAGE_EVENT_BUS": "default"}

    def invoke(function, payload):
        result = function.invoke(payload)
        assert result.error is None and "store_unavailable" not in result.problems(), result.everything()
        return result.answer

    world.break_service()
    function = world.start(**channels)
    answer = invoke(function, make.tick())
    assert [(incident["id"], incident["state"]) for incident in answer["incidents"]] == [
        ("us-east-1-1", "open"), ("us-east-1-2", "open")]
    # What waited for the pager and for programs is sent; what people had got is not sent again.
    # Both were silenced, and are larger than their silence: each is reported once.
    of_first = [alarm["AlarmName"] for _, alarm in world.alarms() if alarm["AlarmName"] != "us-east-1-2"]
    assert of_first == ["us-east-1-1"]
    events = [event["detail"]["id"] for event in world.events.events()]
    assert [event for event in events if event.startswith("us-east-1-1#")] == ["us-east-1-1#3"]
    assert sorted(notice.incident for notice in world.sent()) == ["us-east-1-1", "us-east-1-2"]

    # More of the same opens no second incident.
    invoke(function, make.sqs(make.outage(callers=8, age=15)))
    assert {notice.kind for notice in world.sent()} <= {"changed", "reminder"}
    assert {incident["id"] for incident in world.table.incidents()} <= {"us-east-1-1", "us-east-1-2"}

    # It ends under its id, behind the notices that the release before had sent.
    world.oidc.heal()
    quick = world.start({"proof_s": 1, "proof_probes_s": 1, "proof_probes": 2}, **channels)
    for age in (12, 9, 6, 3, 1):
        invoke(quick, make.sqs(make.served(callers=8, age=age)))

    def ends():
        return [notice for notice in world.sent() if notice.kind == "resolved" and notice.incident == "us-east-1-1"]

    until(ends, lambda: invoke(quick, make.tick()))
    assert ends()[0].sequence > 3
    assert panics(world.outputs()) == []
