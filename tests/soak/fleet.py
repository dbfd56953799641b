"""The sandboxes, and Lambda's treatment of events: one at a time each, two retries, then the failure queue."""

import copy
import dataclasses
import queue
import threading
import time

from tests.harness import make
from tests.harness.fake_sns import PAGER_TOPIC_ARN, TOPIC_ARN
from tests.harness.runtime_api import Function
from tests.harness.servers import refused_url
from tests.harness.world import panics

from .plan import SANDBOXES, WATCHER

#: Lambda's attempts for an event before it goes to the failure queue.
TRIES = 3
#: Without faults, a busy machine must not look like one: time-outs are this many times as long there.
PATIENT = 20


@dataclasses.dataclass
class Delivery:
    """An event on its way."""
    payload: dict
    #: Failed calls in it.
    failures: int
    #: Served calls in it.
    served: int = 0
    is_tick: bool = False
    tries: int = 0
    #: The minute from which on it may be tried.
    due: int = 0


@dataclasses.dataclass
class Invocation:
    """The result of one event in one sandbox."""
    number: int
    sandbox: int
    incarnation: int
    minute: int
    is_tick: bool
    failures: int
    served: int = 0
    killed: bool = False
    error: dict | None = None
    answer: dict | None = None
    #: By `time.monotonic`.
    began: float = 0.0
    ended: float = 0.0


@dataclasses.dataclass
class Place:
    """The place of one sandbox after the other."""
    function: Function | None = None
    incarnation: int = 0
    invocation: int = -1


class Fleet:
    def __init__(self, plan, clock, table, oidc_url):
        self.plan, self.clock, self.table, self.oidc_url = plan, clock, table, oidc_url
        self.places = [Place() for _ in range(SANDBOXES)]
        self.idle = queue.Queue()
        self.lock = threading.Lock()
        self.invocations: list[Invocation] = []
        self.failure_queue: list[Delivery] = []
        #: (point, before or after) of each sandbox that was killed.
        self.killed: list[tuple[str, str]] = []
        self.outputs = []
        self.gate = None
        for number, off in enumerate(plan.off):
            clock.step(number + 1, off)

    def start(self, number):
        clock, slot, endpoint = self.clock, number + 1, self.gate.endpoint(number)
        pager = {"OIDC_TRIAGE_PAGER_TOPIC_ARN": PAGER_TOPIC_ARN} if self.plan.pager else {}
        place = self.places[number]
        place.incarnation += 1
        place.function = Function({
            "AWS_ENDPOINT_URL": refused_url(), "AWS_ENDPOINT_URL_SSO_OIDC": self.oidc_url,
            "AWS_ENDPOINT_URL_SNS": endpoint, "AWS_ENDPOINT_URL_DYNAMODB": endpoint,
            "OIDC_TRIAGE_TOPIC_ARN": TOPIC_ARN, "OIDC_TRIAGE_TABLE": self.table.name,
            # All else is as it is deployed: an hour passes in seconds here.
            **make.TRUSTED, **pager, **clock.environment(slot, PATIENT if self.plan.is_calm else 1)}, clock=lambda: clock.now(slot))
        place.function.__enter__()

    def start_all(self):
        for number in range(SANDBOXES):
            self.start(number)
            if number != WATCHER:
                self.idle.put(number)

    def stop(self, number):
        place = self.places[number]
        if place.function:
            self.outputs.append(place.function.all_output())
            place.function.__exit__()
            place.function = None

    def stop_all(self):
        for number in range(SANDBOXES):
            self.stop(number)

    def at_work(self, number):
        place = self.places[number]
        return place.incarnation, place.invocation

    def kill(self, number, request, when):
        """Like a machine that is gone: nothing more happens."""
        place = self.places[number]
        with self.lock:
            # Two of its requests may be due for its last: the first one counts.
            if place.incarnation == request.incarnation and place.function.alive:
                self.killed.append((request.label, when))
                place.function.kill()

    def deliver(self, delivery, minute):
        """Runs it in one sandbox. Returns the event to deliver again, or None."""
        number = WATCHER if delivery.is_tick else self.idle.get()
        try:
            return self._deliver(delivery, minute, number)
        finally:
            if not delivery.is_tick:
                self.idle.put(number)

    def _deliver(self, delivery, minute, number):
        place = self.places[number]
        if not place.function.alive:
            self.stop(number)
            self.start(number)
        with self.lock:
            done = Invocation(len(self.invocations), number, place.incarnation, minute, delivery.is_tick,
                              delivery.failures, delivery.served)
            self.invocations.append(done)
            place.invocation = done.number
        delivery.tries += 1
        done.began = time.monotonic()
        try:
            result = place.function.invoke(delivery.payload, self.plan.remaining)
        except AssertionError:
            if place.function.alive or place.function.process.returncode != -9:
                raise
            done.killed = True
            return self._again(delivery, minute)
        finally:
            done.ended = time.monotonic()
        done.error, done.answer = result.error, result.answer
        if result.error is not None:
            return self._again(delivery, minute)
        again = {one["itemIdentifier"] for one in result.answer.get("batchItemFailures", ())}
        if again:
            # SQS delivers those messages again.
            rest = copy.copy(delivery)
            rest.payload = {"Records": [one for one in delivery.payload["Records"] if one["messageId"] in again]}
            rest.failures, rest.served = None, delivery.served
            return self._again(rest, minute)
        return None

    def _again(self, delivery, minute):
        if delivery.is_tick:
            # The next minute has one of its own.
            return None
        delivery.due = minute + self.plan.redelivered_after
        if delivery.tries >= TRIES:
            self.failure_queue.append(delivery)
            return None
        return delivery

    def panics(self):
        return panics("".join(self.outputs))
