"""Replaces or extends every string of an event, wherever it is.

A string that is JSON (the body of an SQS message, the message of a notification, a structured log line) is opened as
well, and so is the compressed text of a CloudWatch Logs event.
"""

import datetime
import json
import uuid

from . import awslogs

#: Members with times, so that a record of the past can be moved to now.
TIMES = {"time", "eventTime", "occurredAt"}
#: Members that must be new in each record: else it is the same failure again.
IDS = {"requestID", "eventID", "requestId", "id", "sharedEventID", "messageId"}
#: Members with a different person in each record, so that many are affected.
PEOPLE = {"userId", "caller"}


def opened(text):
    """A string's content as JSON, if that is an object or a list."""
    if text.lstrip()[:1] in ("{", "["):
        try:
            return json.loads(text)
        except ValueError:
            return None
    return None


def unpacked(event):
    return awslogs.decode(event) if isinstance(event, dict) and "awslogs" in event else event


def packed(document):
    return awslogs.encode(document) if isinstance(document, dict) and "logEvents" in document else document


def changed(value, change, path=()):
    """The value with each string replaced by `change(path, text)`, inner strings first."""
    if isinstance(value, dict):
        return {key: changed(inner, change, (*path, key)) for key, inner in value.items()}
    if isinstance(value, list):
        return [changed(inner, change, (*path, number)) for number, inner in enumerate(value)]
    if isinstance(value, str):
        inner = opened(value)
        if inner is not None:
            value = json.dumps(changed(inner, change, (*path, "{}")), ensure_ascii=False)
        return change(path, value)
    return value


def positions(document):
    found = []
    changed(document, lambda path, text: found.append(path) or text)
    return found


def planted(document, position=None, plant=str, age=5):
    """A copy with `plant(text)` at one position, as if it had happened a few seconds ago, to a new person, for the
    first time."""
    now = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=age)
    number = uuid.uuid4().hex[:6]

    def renewed(path, text):
        name = path[-1] if path else None
        if path == position:
            return plant(text)
        if name in TIMES and text[:4].isdigit():
            return now.strftime("%Y-%m-%dT%H:%M:%SZ")
        if name in IDS and len(text) >= 32:
            return f"{uuid.uuid4().int:056d}"[:56] if text.isdigit() else str(uuid.uuid4())
        if name in PEOPLE:
            return f"{text}-{number}"
        return text

    made = changed(document, renewed)
    if isinstance(made, dict):
        for event in made.get("logEvents", []):
            if isinstance(event.get("timestamp"), int):
                event["timestamp"] = int(now.timestamp() * 1000)
    return made
