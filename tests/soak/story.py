"""One run: an outage from before its start to after its end, minute by minute, and its results."""

import collections
import concurrent.futures
import contextlib
import dataclasses
import json
import random
import tempfile
import time

from tests.harness import make
from tests.harness.dynamodb import Table
from tests.harness.fake_oidc import NULL_500, FakeOidc

from .clock import Clock
from .fleet import Delivery, Fleet, Invocation
from .gate import Gate, Request
from .plan import AGAIN, HANDLERS, HEALED, LAST, OUTAGE, OVER_AGAIN, RECOVERY, Plan
from .witness import Witness

TRAIL = "aws-cloudtrail-logs-made-up"
MINUTE = 60
#: Ticks that are left to a run in which a clock was set far ahead.
AFTER_ALL = 5
#: Served calls are delivered in so many events a minute and region, each of some people.
SERVED_EVENTS, SERVED_TOGETHER = 4, 4


@dataclasses.dataclass
class Facts:
    """The facts of a finished run."""
    plan: Plan
    requests: list[Request]
    invocations: list[Invocation]
    #: The table's items as plain values.
    items: list[dict]
    #: Subjects, attributes and texts by the id that SNS gave.
    published: dict[str, object]
    #: (point, before or after) of each kill.
    killed: list[tuple[str, str]]
    panics: list[str]
    #: Events that were in the failure queue, and were delivered again at the end.
    queued: int
    #: Whether everything was sent and resolved in time.
    ended: bool
    #: Distinct failed calls by region, and callers of them; served calls that were delivered, repeats included.
    failures: dict[str, int]
    callers: dict[str, int]
    served: int
    minutes: int
    seconds: float
    #: (from, to) of the times in which the machine itself was late, by `time.monotonic`.
    late: list[tuple[float, float]]


def run(plan, emulator):
    return Story(plan, emulator).live()


class Story:
    def __init__(self, plan, emulator):
        self.plan, self.emulator = plan, emulator
        self.dice = random.Random(f"story {plan.seed}")
        self.failed = collections.Counter()
        self.failing = collections.defaultdict(set)
        self.queued = 0

    def live(self):
        began = time.monotonic()
        with contextlib.ExitStack() as stack:
            self.clock = Clock(stack.enter_context(tempfile.TemporaryDirectory()))
            stack.callback(self.clock.close)
            table = Table.make(self.emulator.url)
            stack.callback(table.delete)
            self.oidc = stack.enter_context(FakeOidc())
            self.fleet = Fleet(self.plan, self.clock, table, self.oidc.url)
            self.gate = self.fleet.gate = Gate(self.emulator.url, self.plan, self.clock, self.fleet)
            stack.callback(self.gate.close)
            stack.enter_context(self.gate)
            witness = stack.enter_context(Witness(self.gate.url))
            stack.callback(self.fleet.stop_all)
            self.threads = stack.enter_context(concurrent.futures.ThreadPoolExecutor(HANDLERS + 1))
            self.fleet.start_all()
            minute, ended = self.minutes(table)
            items = table.items()
        published = {message.message_id: message for message in self.gate.sns.published}
        return Facts(
            plan=self.plan, requests=self.gate.requests, invocations=self.fleet.invocations, items=items,
            published=published, killed=self.fleet.killed, panics=self.fleet.panics(), queued=self.queued, ended=ended,
            failures=dict(self.failed), callers={region: len(who) for region, who in self.failing.items()},
            served=sum(one.served for one in self.fleet.invocations), minutes=minute,
            seconds=time.monotonic() - began, late=witness.late)

    def minutes(self, table):
        waiting = []
        for minute in range(LAST):
            self.gate.minute = minute
            is_failing = self.is_failing(minute)
            if is_failing:
                self.oidc.script_all(NULL_500)
            else:
                self.oidc.heal()
            if minute == HEALED:
                self.gate.is_healed = True
            if minute > HEALED and self.fleet.failure_queue:
                # As an operator would.
                queued, self.fleet.failure_queue = self.fleet.failure_queue, []
                self.queued += len(queued)
                waiting += [dataclasses.replace(delivery, tries=0, due=minute) for delivery in queued]
            due = [delivery for delivery in waiting if delivery.due <= minute]
            waiting = [delivery for delivery in waiting if delivery.due > minute]
            new = self.failures_of(minute) if is_failing else self.served_of(minute)
            tick = Delivery(make.tick(self.clock.age()), 0, is_tick=True)
            waiting += self.wave([*new, *due], tick, minute)
            if minute > HEALED and not waiting and not self.fleet.failure_queue and self.is_over(table, minute):
                return minute, True
            self.clock.advance(MINUTE)
        # Work claimed or postponed by a fast clock waits for that time.
        self.clock.advance(max([0.0, *(step.seconds for step in self.plan.steps)]))
        for minute in range(LAST, LAST + AFTER_ALL):
            self.wave([], Delivery(make.tick(self.clock.age()), 0, is_tick=True), minute)
            if self.is_over(table, minute):
                return minute, self.plan.is_wild
            self.clock.advance(MINUTE)
        return LAST + AFTER_ALL, False

    def is_failing(self, minute):
        return OUTAGE <= minute < RECOVERY or self.plan.again and AGAIN <= minute < OVER_AGAIN

    def is_over(self, table, minute):
        if self.plan.again and minute <= OVER_AGAIN:
            return False
        ledgers = [json.loads(item["ledger"]) for item in table.items() if item["sk"] == "incident#current"]
        are_open = any(one["resolved_at"] is None for ledger in ledgers
                       for one in [ledger["incident"], *ledger["apart"]] if one)
        return not are_open and table.unsent() == 0

    def wave(self, deliveries, tick, minute):
        """All at once, one for each free sandbox. Returns the events to deliver again."""
        self.dice.shuffle(deliveries)
        running = [self.threads.submit(self.fleet.deliver, one, minute) for one in [*deliveries, tick]]
        return [again for one in running if (again := one.result())]

    # The deliveries of a minute.

    def failures_of(self, minute):
        """At least as many events as sandboxes, from this minute's failures."""
        failed = []
        for number in range(self.plan.callers):
            region = self.plan.regions[number % len(self.plan.regions)]
            self.failing[region].add(number)
            for _ in range(self.plan.tries):
                self.failed[region] += 1
                age = self.clock.age(self.dice.uniform(0, MINUTE - 1))
                failed.append(make.cloudtrail(user=f"user-{number}", region=region, age=age,
                                              address=f"203.0.113.{number % 250}"))
        # CloudTrail delivers some of it twice, and not in order.
        failed += self.dice.choices(failed, k=int(len(failed) * self.plan.repeated))
        self.dice.shuffle(failed)
        deliveries = []
        at_once = HANDLERS if minute in (OUTAGE, AGAIN) else HANDLERS // 4
        while len(failed) < at_once:
            failed.append(self.dice.choice(failed))
        while failed:
            together = self.dice.randint(1, 4) if len(failed) > at_once - len(deliveries) else 1
            events, failed = failed[:together], failed[together:]
            deliveries.append(self.delivery(events, failures=len(events)))
        return deliveries

    def served_of(self, minute):
        """Some people sign in; before the outage only where the region is known to have any."""
        if minute < OUTAGE and not self.plan.history:
            return []
        deliveries = []
        for region in self.plan.regions:
            for _ in range(SERVED_EVENTS):
                events = [make.cloudtrail(None, user=f"user-{self.dice.randrange(max(self.plan.callers, 12))}", region=region,
                                          age=self.clock.age(self.dice.uniform(0, MINUTE - 1)))
                          for _ in range(SERVED_TOGETHER)]
                deliveries.append(self.delivery(events, served=len(events)))
        return deliveries

    def delivery(self, events, failures=0, served=0):
        """By the bus, by a queue, or as lines of the trail's log group."""
        if self.dice.random() < self.plan.logs:
            lines = [json.dumps(event["detail"]) for event in events]
            payload = make.logs(lines, log_group=TRAIL, age=self.clock.age())
        elif len(events) == 1 and self.dice.random() < 0.7:
            payload = events[0]
        else:
            payload = make.sqs(events)
        return Delivery(payload, failures, served)
