"""A proxy before DynamoDB that counts the calls and breaks some of them: the emulator itself never fails.

    with FaultProxy(emulator.url) as proxy:                       # AWS_ENDPOINT_URL_DYNAMODB=proxy.url
        proxy.break_down(THROTTLED, "UpdateItem", times=2)        # the next two of them
        proxy.break_down(LOST, share=0.3, seed=7)                 # three calls in ten, whatever they are
        with proxy.pause("TransactWriteItems", after=True) as paused:
            paused.wait()                                         # it took effect, and nobody knows yet
            function.process.kill()
        proxy.heal()
        assert proxy.count(*WRITES) <= 1

If several faults apply, the one scripted first wins.
"""

import collections
import dataclasses
import http.client
import json
import random
import threading
import time
import urllib.parse
import uuid
from collections.abc import Callable

from .runtime_api import PATIENCE
from .servers import Handler, Server

READS = ("GetItem", "BatchGetItem", "Query", "Scan", "TransactGetItems")
WRITES = ("PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems")


@dataclasses.dataclass(frozen=True)
class Fault:
    """The fate of a call."""
    #: Refused with this, unless it is None.
    status: int | None = None
    code: str = ""
    #: Seconds before it is looked at.
    delay: float = 0.0
    #: Whether DynamoDB gets to see it.
    forward: bool = False
    #: Whether the connection is dropped instead of answering.
    hang_up: bool = False


THROTTLED = Fault(400, "ThrottlingException")
OVER_CAPACITY = Fault(400, "ProvisionedThroughputExceededException")
FAILED = Fault(500, "InternalServerError")
UNAVAILABLE = Fault(503, "ServiceUnavailable")
DENIED = Fault(400, "AccessDeniedException")
NO_TABLE = Fault(400, "ResourceNotFoundException")
#: The connection drops before DynamoDB sees the call.
DROPPED = Fault(hang_up=True)
#: DynamoDB does it, and the answer is lost.
LOST = Fault(forward=True, hang_up=True)
#: DynamoDB does it and reports a failure: like a time-out inside it.
DONE_AND_FAILED = Fault(500, "InternalServerError", forward=True)


def slow(seconds):
    """DynamoDB takes this long, and then succeeds. Longer than the client waits: a time-out."""
    return Fault(delay=seconds, forward=True)


@dataclasses.dataclass(frozen=True)
class Call:
    operation: str
    body: dict
    at: float
    #: What the client got; None if nothing.
    status: int | None
    #: The region that it was signed for.
    region: str
    #: The client's name for it, the same in its retries.
    name: str

    @property
    def keys(self):
        return keys(self.body)

    @property
    def records_failures(self):
        """Whether it adds failures to a slot."""
        is_of_a_slot = any(partition.startswith("slot#") for partition, _ in self.keys)
        return is_of_a_slot and any(name.startswith("#m") for name in self.body.get("ExpressionAttributeNames", ()))


def purpose(body):
    """The purpose of a request: the kinds of its keys, and the attributes it names. A slot has many."""
    kinds = sorted({(pk.partition("#")[0], sk.partition("#")[0]) for pk, sk in keys(body)})
    is_of_a_slot = any(pk == "slot" for pk, _ in kinds)
    return kinds, [] if is_of_a_slot else sorted(body.get("ExpressionAttributeNames", {}).values())


def keys(body):
    """The (pk, sk) that a request is about; a put's are in its item, a transaction's and a batch's in its parts."""
    if isinstance(body, list):
        return [key for part in body for key in keys(part)]
    if not isinstance(body, dict):
        return []
    if "pk" in body and "sk" in body:
        return [(body["pk"].get("S"), body["sk"].get("S"))]
    return [key for part in body.values() for key in keys(part)]


def about(*words):
    """A predicate: the call has a key with one of these words in it."""
    return lambda body: any(word in part for key in keys(body) for part in key if part for word in words)


@dataclasses.dataclass
class Rule:
    fault: "Fault | Pause"
    operations: tuple[str, ...]
    when: Callable[[dict], bool] | None
    #: The number of matching calls to pass first, and of those to break; None: all of them.
    skip: int
    times: int | None
    share: float
    random: random.Random
    met: int = 0

    def meets(self, operation, body):
        if self.operations and operation not in self.operations or self.times is not None and self.met >= self.times:
            return False
        if self.when and not self.when(body) or self.random.random() >= self.share:
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        self.met += 1
        return True


class Pause:
    """A paused call, before or after it took effect, until it is released or its client is gone."""

    def __init__(self, after):
        self.after = after
        self.reached, self.over = threading.Event(), threading.Event()
        self.forward = True

    def wait(self):
        if not self.reached.wait(PATIENCE):
            raise AssertionError("no such call was made")

    def release(self):
        self.over.set()

    def drop(self):
        """For a client that was killed: unsent calls are dropped."""
        self.forward = False
        self.over.set()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.drop()


class FaultProxy(Server):
    def __init__(self, upstream):
        super().__init__(_Handler)
        address = urllib.parse.urlsplit(upstream)
        self.upstream = (address.hostname, address.port)
        self.lock = threading.Lock()
        self.calls: list[Call] = []
        self.rules: list[Rule] = []

    def break_down(self, fault, *operations, when=None, skip=0, times=None, share=1.0, seed=1):
        rule = Rule(fault, operations, when, skip, times, share, random.Random(seed))
        with self.lock:
            self.rules.append(rule)
        return rule

    def pause(self, *operations, when=None, skip=0, after=False):
        """Pauses the next such call."""
        pause = Pause(after)
        self.break_down(pause, *operations, when=when, skip=skip, times=1)
        return pause

    def heal(self):
        """Breaks nothing from now on. Paused calls continue."""
        with self.lock:
            rules, self.rules = self.rules, []
        for rule in rules:
            if isinstance(rule.fault, Pause):
                rule.fault.release()

    def forget(self):
        with self.lock:
            self.calls = []

    def asked(self):
        """The calls, once each: the number of retries depends on the machine."""
        with self.lock:
            return list({call.name: call for call in self.calls}.values())

    def count(self, *operations):
        return sum(1 for call in self.asked() if not operations or call.operation in operations)

    def counts(self):
        return dict(collections.Counter(call.operation for call in self.asked()))

    def trouble(self, operation, body):
        with self.lock:
            return next((rule.fault for rule in self.rules if rule.meets(operation, body)), None)

    def note(self, *facts):
        with self.lock:
            self.calls.append(Call(*facts))

    def __exit__(self, *_):
        self.heal()
        super().__exit__()


class Forwarder(Handler):
    """Forwards requests to its server's `upstream`."""
    # An answer must not wait for the client to acknowledge its head.
    disable_nagle_algorithm = True
    upstream = None

    def forwarded(self, raw):
        """One connection to the emulator for each of the client's."""
        if self.upstream is None:
            self.upstream = http.client.HTTPConnection(*self.server.upstream, timeout=PATIENCE)
        headers = {name: value for name, value in self.headers.items()
                   if name.lower() not in ("host", "connection", "content-length", "expect")}
        # As the client signed it.
        headers["Host"] = self.headers.get("Host", "")
        try:
            self.upstream.request("POST", self.path, raw, headers)
            answer = self.upstream.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException):
            self.upstream.close()
            self.upstream = None
            raise
        kept = {name: value for name, value in answer.getheaders()
                if name.lower() in ("content-type", "x-amzn-requestid", "x-amz-crc32", "x-amzn-errortype")}
        return answer.status, text, kept

    def finish(self):
        if self.upstream is not None:
            self.upstream.close()
        super().finish()


class _Handler(Forwarder):
    def do_POST(self):
        raw = self.body()
        operation = self.headers.get("X-Amz-Target", "").rpartition(".")[2]
        try:
            body = json.loads(raw)
        except ValueError:
            body = {}
        fault = self.server.trouble(operation, body)
        status, answer = None, None
        match fault:
            case None:
                answer = self.forwarded(raw)
            case Pause():
                if fault.after:
                    answer = self.forwarded(raw)
                fault.reached.set()
                fault.over.wait()
                if not fault.after and fault.forward:
                    answer = self.forwarded(raw)
            case Fault():
                time.sleep(fault.delay)
                if fault.forward:
                    answer = self.forwarded(raw)
                if fault.status is not None:
                    answer = refusal(fault)
                if fault.hang_up:
                    answer = None
        if answer:
            status = answer[0]
        # Credential=<key>/<day>/<region>/dynamodb/aws4_request
        region = self.headers.get("Authorization", "").split("/")[2:3]
        name = self.headers.get("amz-sdk-invocation-id") or str(uuid.uuid4())
        self.server.note(operation, body, time.time(), status, "".join(region), name)
        if answer is None:
            self.close_connection = True
            return
        status, text, headers = answer
        self.answer(status, text, headers)


def refusal(fault):
    text = json.dumps({"__type": f"com.amazonaws.dynamodb.v20120810#{fault.code}", "message": "scripted trouble"})
    return fault.status, text.encode(), {"Content-Type": "application/x-amz-json-1.0", "x-amzn-errortype": fault.code,
                                         "x-amzn-RequestId": "SCRIPTEDTROUBLE"}
