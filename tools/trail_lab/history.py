"""CloudTrail's event history. In: what to look for, from when to when. Out: its records, each once, and what is missing.

Looked for by the names of the four operations, so that a record of any event source is found, and by the event sources,
so that one of any name is. CloudTrail takes one attribute a request, and two requests a second.
"""

import json
import time
from dataclasses import dataclass, field

OPERATIONS = ("CreateToken", "CreateTokenWithIAM", "RegisterClient", "StartDeviceAuthorization")
#: The sources of the decoder and the template's rule; a test compares them.
SOURCES = ("sso.amazonaws.com", "sso-oauth.amazonaws.com", "ssooidc.amazonaws.com", "sso-oidc.amazonaws.com")
#: The portal's own calls have it too, thousands an hour in a large company.
BUSY_SOURCE = "sso.amazonaws.com"
CONTROL = "LookupEvents"

PAGE = 50
PAGES_MAX = 100
RECORD_BYTES_MAX = 256 * 1024
TOO_MANY = {"ThrottlingException", "Throttling", "TooManyRequestsException", "RequestLimitExceeded"}
#: A first try before the calls: what is only busy then is read later.
FIRST_S = 3
WAITS = (1, 2, 4, 8, 16, 30)


class Unreadable(Exception):
    """No right, or credentials that ended: trying once more does not help. `code` says which."""

    def __init__(self, answer):
        super().__init__(answer.code or answer.trouble)
        self.answer = answer


@dataclass
class Found:
    #: By CloudTrail's event id.
    records: dict[str, dict] = field(default_factory=dict)
    #: Queries that were not read to their end.
    incomplete: list[str] = field(default_factory=list)
    #: Events whose record is no JSON object, or too large.
    broken: int = 0


class History:
    def __init__(self, aws, pace, say):
        self._aws, self._pace, self._say = aws, pace, say
        self._lookup = aws.client("cloudtrail").lookup_events
        self._free_at = 0.0
        #: Request ids of our own lookups, which CloudTrail records as well: they show how far the history is.
        self.own = []
        self.requests = self.throttled = 0

    def read(self, until, begin, end, *, whole):
        """All of the four operations; with `whole` also what the busy source has under other names."""
        found = Found()
        queries = [("EventName", name) for name in OPERATIONS] + [("EventSource", name) for name in SOURCES if whole or name != BUSY_SOURCE]
        for key, value in queries:
            self._pages(found, until, key, value, begin, end)
        return found

    def shows(self, request_ids, until, begin):
        """Whether one of these lookups of ours is in it by now."""
        found = Found()
        self._pages(found, until, "EventName", CONTROL, begin, None)
        return any(record.get("requestID") in request_ids for record in found.records.values())

    def may_read(self):
        """One small request, so that a missing right is known before the calls are made."""
        now = time.time()
        # A day: this machine's clock may be ahead.
        return self._asked(now + FIRST_S, "EventName", CONTROL, now - 86_400, None, None, 1) is not None

    def _pages(self, found, until, key, value, begin, end):
        token = None
        for _ in range(PAGES_MAX):
            data = self._asked(until, key, value, begin, end, token, PAGE)
            if data is None:
                break
            for event in data.get("Events", []):
                self._keep(found, event)
            token = data.get("NextToken")
            if not token:
                return
        found.incomplete.append(value)

    def _asked(self, until, key, value, begin, end, token, page):
        """One page; None where CloudTrail would not give it in time."""
        attributes = [{"AttributeKey": key, "AttributeValue": value}]
        inputs = {"LookupAttributes": attributes, "StartTime": begin, "MaxResults": page}
        inputs |= {"EndTime": end} if end else {}
        inputs |= {"NextToken": token} if token else {}
        for attempt in range(10_000):
            time.sleep(max(0.0, self._free_at - time.monotonic()))
            answer = self._aws.ask(self._lookup, **inputs)
            self._free_at = time.monotonic() + self._pace
            self.requests += 1
            if answer.is_served:
                if answer.request_id:
                    self.own.append(answer.request_id)
                return answer.data
            is_passing = answer.code in TOO_MANY or (answer.status or 500) >= 500
            if not is_passing:
                raise Unreadable(answer)
            if answer.code in TOO_MANY:
                self.throttled += 1
            wait = min(WAITS[min(attempt, len(WAITS) - 1)], max(0.0, until - time.time()))
            if wait <= 0:
                return None
            if attempt >= 2:
                self._say(f"the event history does not answer ({answer.code or answer.trouble}): waits {wait:.0f} s")
            time.sleep(wait)
        return None

    @staticmethod
    def _keep(found, event):
        text = event.get("CloudTrailEvent") or ""
        try:
            record = json.loads(text) if len(text) <= RECORD_BYTES_MAX else None
        except (ValueError, RecursionError):
            record = None
        if not isinstance(record, dict):
            found.broken += 1
            return
        found.records.setdefault(str(event.get("EventId") or record.get("eventID") or text), record)
