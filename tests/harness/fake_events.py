"""An EventBridge that keeps the events on its bus, and refuses on demand. It refuses what AWS refuses."""

import json
import threading
import uuid

from .servers import Handler, Server

#: AWS's limits for one entry.
ENTRY_MAX = 256 * 1024


class FakeEvents(Server):
    def __init__(self):
        super().__init__(_Handler)
        self.lock = threading.Lock()
        self.put: list[dict] = []
        self.attempts = 0
        #: Error codes of the next entries, one each; then it works again. "500" fails the whole request.
        self.troubles: list[str] = []

    def fail(self, *codes):
        with self.lock:
            self.troubles = list(codes)

    def events(self):
        """The events as a rule's target gets them, as far as is known."""
        with self.lock:
            return [{"source": entry["Source"], "detail-type": entry["DetailType"], "detail": json.loads(entry["Detail"]),
                     "bus": entry.get("EventBusName"), "time": entry.get("Time")} for entry in self.put]


def refused_by_aws(entry):
    if not entry.get("Source") or entry["Source"].startswith("aws.") or not entry.get("DetailType"):
        return "InvalidArgument"
    if len(json.dumps(entry)) > ENTRY_MAX:
        return "InvalidArgument"
    try:
        return None if isinstance(json.loads(entry["Detail"]), dict) else "MalformedDetail"
    except ValueError:
        return "MalformedDetail"


class _Handler(Handler):
    def do_POST(self):
        (entry,) = json.loads(self.body())["Entries"]
        with self.server.lock:
            self.server.attempts += 1
            trouble = self.server.troubles.pop(0) if self.server.troubles else refused_by_aws(entry)
            if not trouble:
                self.server.put.append(entry)
        if trouble == "500":
            return self.json(500, {"__type": "InternalException", "message": "scripted trouble"})
        if trouble:
            return self.json(200, {"FailedEntryCount": 1, "Entries": [{"ErrorCode": trouble, "ErrorMessage": "made up"}]})
        self.json(200, {"FailedEntryCount": 0, "Entries": [{"EventId": str(uuid.uuid4())}]})

    def json(self, status, body):
        self.answer(status, json.dumps(body).encode(), {"Content-Type": "application/x-amz-json-1.1"})
