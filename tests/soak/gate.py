"""The gate between the sandboxes and their neighbours: it knows each request's sender and purpose, breaks requests, and
kills.

Each sandbox has its own path. DynamoDB's requests go to the emulator; SNS is the fake one.
"""

import dataclasses
import json
import random
import threading
import time
import urllib.parse

from tests.harness.fake_sns import FakeSns, PAGER_TOPIC_ARN, refused_by_aws
from tests.harness.fault_proxy import Forwarder, keys, refusal
from tests.harness.servers import Server

from .plan import SNS_FAULTS, STORE_FAULTS

#: In seconds: longer than that, and the client may have given up by itself. It waits a second.
LATE = 0.8


@dataclasses.dataclass
class Request:
    """One request that came to the gate."""
    number: int
    sandbox: int
    #: The process in that sandbox's place: a new one after each kill.
    incarnation: int
    #: Which of the run's invocations it was made in.
    invocation: int
    label: str
    keys: list
    body: dict
    #: By the sandbox's clock, in seconds since 1970.
    clock: float
    minute: int
    #: The fault: its name, "killed", "late", or None.
    fault: str | None = None
    #: Whether it took effect, and whether the sandbox can know it.
    done: bool = False
    answered: bool = False
    #: For an accepted publish: SNS's id of it, and its position among all.
    message_id: str | None = None
    taken: int | None = None
    form: dict | None = None


def label(operation, body):
    """The purpose of a request to the table, as in `plan.POINTS`."""
    named = set(body.get("ExpressionAttributeNames", {}).values())
    values = body.get("ExpressionAttributeValues", {})
    partition, sort = (keys(body) or [("", "")])[0]
    if operation == "TransactWriteItems":
        return "commit"
    if operation == "BatchGetItem":
        return "read the outbox" if all(sort.startswith("outbox#") for _, sort in keys(body)) else "read the region"
    if operation == "GetItem":
        return {"settings": "read settings", "told": "read recent notices"}.get(sort, "read the ledger")
    if sort.startswith("outbox#"):
        if ":sent_at" in values:
            return "settle as sent"
        if "attempts" in named:
            return "claim" if ":claimed_by" in values else "settle as held back"
        return "settle as failed"
    if partition.startswith("slot#"):
        return "record"
    if sort == "settings":
        return "make the key" if "caller_key" in named else "list the region"
    if sort == "probe":
        return "elect a probe" if "asked_by" in named else "keep the probe"
    return {"told": "admit", "learned": "learn", "incident#current": "raise sent_below"}.get(sort, f"{operation} {sort}")


class Gate(Server):
    def __init__(self, emulator_url, plan, clock, fleet):
        super().__init__(_Handler)
        address = urllib.parse.urlsplit(emulator_url)
        self.upstream = (address.hostname, address.port)
        self.plan, self.clock, self.fleet = plan, clock, fleet
        self.sns = FakeSns()
        self.lock = threading.Lock()
        self.requests: list[Request] = []
        self.minute = 0
        self.is_healed = False
        self.dice = random.Random(f"gate {plan.seed}")
        self.kills = [[kill, 0] for kill in plan.kills]
        self.blind = list(plan.blind_kills)
        self.steps = list(plan.steps)
        self.asked_by = {}
        self.taken = 0

    def close(self):
        self.sns.server_close()

    def endpoint(self, sandbox):
        return f"{self.url}/sandbox-{sandbox}"

    def came(self, sandbox, label, asked_keys, body, form=None):
        """Records a request, and returns its fault's name, and whether its sandbox is killed (None, "before",
        "after")."""
        incarnation, invocation = self.fleet.at_work(sandbox)
        with self.lock:
            request = Request(len(self.requests), sandbox, incarnation, invocation, label, asked_keys, body,
                              self.clock.now(sandbox + 1), self.minute, form=form)
            self.requests.append(request)
            nth = self.asked_by[sandbox] = self.asked_by.get(sandbox, 0) + 1
            steps = [step for step in self.steps if (step.sandbox, step.nth) == (sandbox + 1, nth)]
            killed = self._kill(request, nth)
            fault = None if killed else self._fault(label)
        for step in steps:
            self.clock.step(step.sandbox, step.seconds)
        request.fault = "killed" if killed else fault
        return request, fault, killed

    def _kill(self, request, nth):
        if self.is_healed:
            return None
        for kill in self.blind:
            if kill.sandbox == request.sandbox and nth >= kill.nth:
                self.blind.remove(kill)
                return "after" if kill.after else "before"
        for entry in self.kills:
            kill = entry[0]
            if kill.point == request.label and request.minute >= kill.minute:
                entry[1] += 1
                if entry[1] == kill.nth:
                    return "after" if kill.after else "before"
        return None

    def _fault(self, label):
        of = "sns" if label in ("publish", "page") else "store"
        for weather in self.plan.weathers:
            if weather.of == of and weather.begins <= self.minute < weather.ends and not self.is_healed:
                if self.dice.random() < weather.share:
                    return weather.fault
        return None

    def take(self, request):
        """SNS takes it."""
        with self.lock:
            request.message_id = self.sns.take(request.form)
            request.taken, self.taken = self.taken, self.taken + 1
            request.done = True


class _Handler(Forwarder):
    def do_GET(self):
        """The witness asks whether anybody is late."""
        self.answer(200)

    def do_POST(self):
        raw = self.body()
        _, place, *_ = self.path.split("/")
        sandbox = int(place.removeprefix("sandbox-"))
        self.path = "/"
        target = self.headers.get("X-Amz-Target")
        began = time.monotonic()
        if target:
            request, answer = self._of_the_table(sandbox, target.rpartition(".")[2], raw)
        else:
            request, answer = self._of_sns(sandbox, raw)
        if answer is None:
            self.close_connection = True
            return
        try:
            self.answer(*answer)
        except OSError:
            request.fault = request.fault or "late"
            self.close_connection = True
            return
        request.answered = request.done and answer[0] == 200
        if time.monotonic() - began > LATE and not self.server.plan.is_calm:
            request.fault = request.fault or "late"

    def _of_the_table(self, sandbox, operation, raw):
        body = json.loads(raw)
        request, fault, killed = self.server.came(sandbox, label(operation, body), keys(body), body)
        if killed:
            if killed == "after":
                request.done = self.forwarded(raw)[0] == 200
            self.server.fleet.kill(sandbox, request, killed)
            return request, None
        if fault is None:
            answer = self.forwarded(raw)
            request.done = answer[0] == 200
            return request, answer
        fault = STORE_FAULTS[fault]
        time.sleep(fault.delay)
        answer = None
        if fault.forward:
            answer = self.forwarded(raw)
            request.done = answer[0] == 200
        if fault.status is not None:
            answer = refusal(fault)
        return request, None if fault.hang_up else answer

    def _of_sns(self, sandbox, raw):
        form = dict(urllib.parse.parse_qsl(raw.decode(), keep_blank_values=True))
        point = "page" if form.get("TopicArn") == PAGER_TOPIC_ARN else "publish"
        request, fault, killed = self.server.came(sandbox, point, [], {}, form)
        if killed:
            if killed == "after":
                self.server.take(request)
            self.server.fleet.kill(sandbox, request, killed)
            return request, None
        trouble = SNS_FAULTS[fault] if fault else None
        if refusal_text := refused_by_aws(form):
            request.fault = "refused for what it says"
            return request, sns_error(400, "InvalidParameter", refusal_text)
        if trouble is None or trouble.taken:
            self.server.take(request)
        if trouble is None:
            return request, (200, (
                '<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult>'
                f"<MessageId>{request.message_id}</MessageId></PublishResult><ResponseMetadata>"
                f"<RequestId>{request.message_id}</RequestId></ResponseMetadata></PublishResponse>").encode(), XML)
        time.sleep(trouble.delay)
        return request, sns_error(trouble.status, trouble.code, "scripted trouble") if trouble.status else None


XML = {"Content-Type": "text/xml"}


def sns_error(status, code, message):
    return status, ('<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error>'
                    f"<Type>{'Sender' if status < 500 else 'Receiver'}</Type><Code>{code}</Code>"
                    f"<Message>{message}</Message></Error><RequestId>made-up</RequestId></ErrorResponse>").encode(), XML
