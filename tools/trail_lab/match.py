"""Which record is of which call. In: calls and records. Out: the records of each call, and how each was recognised."""

import datetime
from dataclasses import dataclass, field

from .aws import NAME
from .history import OPERATIONS
from .notebook import NO_ANSWER, UNKNOWN

#: By marks, a record and its call are of the same time.
APART_S = 60
BY_REQUEST_ID, BY_MARKS = "request id", "marks"


@dataclass
class Matched:
    """`records`: for each call, in the order of the notebook, pairs of a record and how it was recognised."""

    records: list[list[tuple[dict, str]]]
    #: Ours by their marks, and of none of the calls.
    unclear: list[dict] = field(default_factory=list)
    #: Of the four operations, and not ours.
    others: int = 0


def match(book, records):
    by_id = {call.request_id: number for number, call in enumerate(book.calls) if call.request_id}
    matched = Matched([[] for _ in book.calls])
    rest = []
    for record in records:
        request_id = record.get("requestID")
        number = by_id.get(request_id) if isinstance(request_id, str) else None
        if number is None:
            rest.append(record)
        else:
            matched.records[number].append((record, BY_REQUEST_ID))
    for record in sorted(rest, key=lambda record: when(record) or 0):
        if not is_marked(record, book.run):
            matched.others += record.get("eventName") in OPERATIONS
            continue
        number = nearest(book.calls, record, matched.records)
        if number is None:
            matched.unclear.append(record)
        else:
            matched.records[number].append((record, BY_MARKS))
    return matched


def is_marked(record, run):
    parameters = record.get("requestParameters")
    name = parameters.get("clientName") if isinstance(parameters, dict) else None
    return f"{NAME}-{run}" in str(record.get("userAgent") or "") or name == f"{NAME}-{run}"


def nearest(calls, record, taken):
    """The call of this operation and answer that has no record yet and is nearest in time."""
    at = when(record)
    fitting = [(abs(call.at - at), number) for number, call in enumerate(calls)
               if at is not None and call.operation == record.get("eventName") and not taken[number] and abs(call.at - at) <= APART_S
               and (call.answer in (UNKNOWN, NO_ANSWER) or record.get("errorCode") in (None, call.answer))]
    return min(fitting)[1] if fitting else None


def when(record):
    try:
        time = datetime.datetime.fromisoformat(str(record.get("eventTime")))
        return (time if time.tzinfo else time.replace(tzinfo=datetime.timezone.utc)).timestamp()
    except (ValueError, OverflowError):
        return None
