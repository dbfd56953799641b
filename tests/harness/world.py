"""The surroundings of one stack's functions, for one test: the table behind a proxy, the topic, the service.

Several can run side by side, so that a test can try many faults at once.
"""

import json
import threading
import time

from . import make
from .dynamodb import Table
from .fake_events import FakeEvents
from .fake_oidc import NULL_500, FakeOidc
from .fake_sns import PAGER_TOPIC_ARN, TOPIC_ARN, FakeSns
from .fault_proxy import FaultProxy
from .runtime_api import PATIENCE, Function
from .servers import refused_url

#: The product's long waits, shortened as an operator could.
SHORT = {"gather_s": 0, "publish_again_s": 1, "probe_interval_s": 1, "notice_every_s": 0}


class World:
    def __init__(self, emulator):
        self.table = Table.make(emulator.url)
        self.proxy = FaultProxy(emulator.url)
        self.sns, self.oidc, self.events = FakeSns(), FakeOidc(), FakeEvents()
        self.running = []

    def __enter__(self):
        for server in (self.proxy, self.sns, self.oidc, self.events):
            server.__enter__()
        return self

    def __exit__(self, *_):
        # A call paused in the proxy must not delay a function's end.
        self.proxy.heal()
        self.sns.heal()
        for function in self.running:
            function.__exit__()
        for server in (self.proxy, self.sns, self.oidc, self.events):
            server.__exit__()
        self.table.delete()

    def start(self, policy=None, region="us-east-1", clock=None, **env):
        """One more sandbox. `policy` is what differs from `SHORT`; `clock`: one of `tests.soak.clock`, which it shares."""
        env = {**(clock.environment(1) if clock else {}), **env}
        numbers = SHORT | (policy or {})
        function = Function({
            "AWS_ENDPOINT_URL": refused_url(), "AWS_ENDPOINT_URL_SSO_OIDC": self.oidc.url,
            "AWS_ENDPOINT_URL_SNS": self.sns.url, "AWS_ENDPOINT_URL_EVENTBRIDGE": self.events.url,
            "AWS_ENDPOINT_URL_DYNAMODB": self.proxy.url,
            "OIDC_TRIAGE_TOPIC_ARN": TOPIC_ARN, "OIDC_TRIAGE_TABLE": self.table.name,
            "OIDC_TRIAGE_POLICY": "\n".join(f"{key} = {number}" for key, number in numbers.items()), **make.TRUSTED, **env},
            region=region, **({"clock": lambda: clock.now(1)} if clock else {}))
        self.running.append(function.__enter__())
        return function

    def break_service(self):
        self.oidc.script_all(NULL_500)
        return self

    def sent(self):
        """The notices accepted by the topic, in order."""
        with self.sns.lock:
            return [make.as_read(message) for message in self.sns.published if message.topic == TOPIC_ARN]

    def alarms(self):
        """The messages accepted by the pager's topic, in order: subject and alarm."""
        with self.sns.lock:
            return [(message.subject, json.loads(message.message)) for message in self.sns.published
                    if message.topic == PAGER_TOPIC_ARN]

    def kinds(self):
        return [sent.kind for sent in self.sent()]

    def outputs(self):
        return "".join(function.all_output() for function in self.running)


def together(work, items, threads=8):
    """Does `work` for each item, so many at a time, and fails with the first failure, named."""
    items, failures, lock = list(enumerate(items)), [], threading.Lock()
    results = [None] * len(items)

    def run():
        while True:
            with lock:
                if not items or failures:
                    return
                number, item = items.pop(0)
            try:
                results[number] = work(item)
            except BaseException as failure:
                failure.add_note(f"with {item!r}")
                failures.append(failure)

    workers = [threading.Thread(target=run, daemon=True) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if failures:
        raise failures[0]
    return results


def until(condition, act=lambda: None, pause=0.2):
    """Waits until a condition holds, and returns its value. Meanwhile it repeats `act`.

    The time is not part of any test: the limit only catches what never comes.
    """
    end = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < end, "it never comes"
        act()
        time.sleep(pause)
    return found


def long_period():
    """A period of about a day, counted from 1970, that has just begun: what is one thing in each stays one in a test."""
    now = int(time.time())
    return now // (now // 80_000)


class Background:
    """An invocation that runs next to the test."""

    def __init__(self, function, payload, remaining=30.0, **more):
        self.result, self.failure = None, None

        def run():
            try:
                self.result = function.invoke(payload, remaining, **more)
            except AssertionError as failure:
                self.failure = failure

        self.thread = threading.Thread(target=run, daemon=True)
        self.thread.start()

    def join(self):
        self.thread.join(2 * PATIENCE)
        assert not self.thread.is_alive(), "the invocation does not end"
        return self.result


def panics(output):
    """Lines of a panic, or lines that are not JSON."""
    found = []
    for line in output.splitlines():
        try:
            if json.loads(line).get("message") == "panic":
                found.append(line)
        except ValueError:
            found.append(line)
    return found
