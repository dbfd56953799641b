"""Writes the records as test inputs: one event a file in the form of `events/`, and all in the form of `lookup-events`."""

import json

from . import report
from .match import BY_MARKS
from .notebook import write as write_file

NEXT = "Try: oidc-triage explain --event FILE"
RECORD_BYTES_MAX = 200_000


def redacted(rows, redactor):
    """For each row with a record, its redacted record; the row's own is replaced, so that nothing else is shown later."""
    made = []
    recorded = [row for row in rows if row.is_recorded]
    # All are read before the first is written: a name in one message may be another record's user.
    for row in recorded:
        redactor.record(row.record)
    for row in recorded:
        row.record = redactor.record(row.record)
        made.append(row)
    return made


def envelope(record, redactor):
    """As EventBridge wraps such records: the source is the event source's first part."""
    source = str(record.get("eventSource")).split(".amazonaws.com")[0]
    is_event = record.get("eventType") == "AwsServiceEvent"
    identity = record.get("userIdentity")
    account = record.get("recipientAccountId") or (identity.get("accountId") if isinstance(identity, dict) else None)
    return {"version": "0", "id": redactor.hide("envelope", f"envelope of {record.get('eventID')}"),
            "detail-type": f"AWS {'Service Event' if is_event else 'API Call'} via CloudTrail", "source": f"aws.{source}",
            "account": account or "111122223333", "time": record.get("eventTime"), "region": record.get("awsRegion"), "resources": [],
            "detail": record}


def write(book, rows, redactor):
    """The number of records that were refused: better no file than one with somebody's id."""
    folder = book.folder / "records"
    folder.mkdir(mode=0o700, exist_ok=True)
    for old in folder.glob("cloudtrail__lab_*.json"):
        old.unlink()
    refused, numbers, events = 0, {}, []
    for row in rows:
        text = _text(envelope(row.record, redactor))
        if redactor.leaks(text) or len(text) > RECORD_BYTES_MAX:
            refused += 1
            row.record = {"eventSource": "refused"}
            continue
        name = row.call.experiment.replace("-", "_")
        numbers[name] = numbers.get(name, 0) + 1
        write_file(folder / (f"cloudtrail__lab_{name}" + (f"_{numbers[name]}" if numbers[name] > 1 else "") + ".json"), text)
        events.append({"EventId": row.record.get("eventID"), "EventName": row.record.get("eventName"), "EventTime": row.record.get("eventTime"),
                       "EventSource": row.record.get("eventSource"), "Resources": [], "CloudTrailEvent": json.dumps(row.record)})
    write_file(book.folder / "lookup__lab.json", _text({"Events": events}))
    return refused


def write_findings(book, rows, facts, text):
    write_file(book.folder / "report.txt", text)
    calls = []
    for row in rows:
        record, late = row.record or {}, report.how_late(row.call)
        calls.append({"experiment": row.call.experiment, "operation": row.call.operation, "answer": row.call.answer, "status": row.call.status,
                      "recorded": row.is_recorded, **({} if not row.is_recorded else {
                          "eventSource": record.get("eventSource"), "eventName": record.get("eventName"), "eventType": record.get("eventType"),
                          "errorCode": record.get("errorCode"), "errorMessage": record.get("errorMessage"), "readOnly": record.get("readOnly"),
                          "identityType": report.kind(record), "hasRequestId": row.by != BY_MARKS or bool(record.get("requestID")),
                          "recognisedBy": row.by, "matchedByRule": row.is_matched_by_the_rule(), "seenAfterSeconds": None if late is None else round(late, 1)})})
    write_file(book.folder / "findings.json", _text({
        "format": 1, "failedCallsRecorded": report.verdict(rows, facts), "upToDate": facts.is_up_to_date, "notReadToTheEnd": facts.incomplete,
        "ownsInstance": facts.owns_instance, "region": book.region, "calls": calls, "skipped": book.skipped}))


def _text(value):
    return json.dumps(value, indent=2) + "\n"
