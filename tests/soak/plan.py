"""The plan of a run and its faults: a function of the seed alone."""

import dataclasses
import random

from tests.harness import fault_proxy
from tests.harness.fake_sns import Trouble

HANDLERS = 64
#: The watcher's, which ticks go to.
WATCHER = HANDLERS
SANDBOXES = HANDLERS + 1

#: The purposes of a sandbox's requests, as `gate.label` names them. It can die before and after each.
STORE_POINTS = ("read settings", "make the key", "record", "read the region", "read the ledger", "list the region",
                "learn", "elect a probe", "keep the probe", "commit", "read the outbox", "raise sent_below", "claim",
                "read recent notices", "admit", "settle as sent", "settle as failed", "settle as held back")
POINTS = (*STORE_POINTS, "publish", "page")

STORE_FAULTS = {
    "throttled": fault_proxy.THROTTLED, "over capacity": fault_proxy.OVER_CAPACITY, "failed": fault_proxy.FAILED,
    "unavailable": fault_proxy.UNAVAILABLE, "denied": fault_proxy.DENIED, "dropped": fault_proxy.DROPPED,
    "lost": fault_proxy.LOST, "done and failed": fault_proxy.DONE_AND_FAILED,
    # Longer than the function waits for one answer.
    "slow": fault_proxy.slow(1.2),
}
SNS_FAULTS = {
    "refused": Trouble(500), "throttled": Trouble(400, "Throttled"), "denied": Trouble(403, "AuthorizationError"),
    "dropped": Trouble(0), "taken and failed": Trouble(500, taken=True), "taken and lost": Trouble(0, taken=True),
    # Longer than the function waits for it.
    "taken and late": Trouble(0, delay=5.2, taken=True),
}
#: The faults of an outage of the store: no request succeeds.
OUTAGES = ("failed", "unavailable", "denied", "dropped", "throttled")

#: In minutes of the run: people are served, all fails, all is well again, and nothing breaks any more.
OUTAGE, RECOVERY, HEALED = 1, 5, 12
#: A second outage, within the time in which it is the same incident.
AGAIN, OVER_AGAIN = 16, 19
LAST = 70


@dataclasses.dataclass(frozen=True)
class Weather:
    """A fault of the store or of SNS for some minutes, for this share of the requests."""
    of: str
    fault: str
    begins: int
    ends: int
    share: float


@dataclasses.dataclass(frozen=True)
class Kill:
    """From that minute on, the n-th sandbox at that point dies, before or after its request."""
    point: str
    after: bool
    minute: int
    nth: int


@dataclasses.dataclass(frozen=True)
class BlindKill:
    """A sandbox that dies at its n-th request, whatever it is."""
    sandbox: int
    after: bool
    nth: int


@dataclasses.dataclass(frozen=True)
class Step:
    """A sandbox's clock is set forward or back, in seconds, in the middle of its n-th request."""
    sandbox: int
    nth: int
    seconds: float


@dataclasses.dataclass(frozen=True)
class Plan:
    seed: int
    callers: int
    tries: int
    regions: tuple[str, ...]
    history: bool
    pager: bool
    again: bool
    logs: float
    repeated: float
    #: How many seconds a sandbox has for one event.
    remaining: float
    redelivered_after: int
    weathers: tuple[Weather, ...]
    kills: tuple[Kill, ...]
    blind_kills: tuple[BlindKill, ...]
    #: How far each sandbox's clock is off from the beginning, in seconds.
    off: tuple[float, ...]
    steps: tuple[Step, ...]

    @property
    def is_calm(self):
        return not (self.weathers or self.kills or self.blind_kills or self.steps or any(self.off))

    @property
    def is_wild(self):
        """Whether a clock is set by more than a claim's margin: then a held claim can look expired. Nothing is promised
        of repeats then, but nothing may be lost."""
        return any(abs(step.seconds) > CLOCK_MOST for step in self.steps)


#: A claim is held five seconds longer than its owner can live. Two clocks that are off by less than half of it, either
#: way, leave it what it is.
CLOCK_MOST = 2.4
#: One run in this many has no fault: it shows that the checker works.
CONTROL = 10
#: One run in this many has a clock set by minutes or hours.
WILD = 10
#: And in one of this many the table and SNS are unavailable at the start, so that events end in the failure queue.
DARK = 8
#: Points that a run reaches once or seldom.
SELDOM = ("make the key", "list the region", "learn", "keep the probe", "raise sent_below", "read recent notices", "admit",
          "settle as sent", "settle as failed", "settle as held back", "publish", "page")


def plan(seed):
    dice = random.Random(f"oidc-triage soak {seed}")
    calm, wild = seed % CONTROL == 0, seed % WILD == 7
    small = dice.uniform(0.3, 1.0) * CLOCK_MOST / 2
    steps = [Step(dice.randrange(1, SANDBOXES + 1), dice.randrange(1, 25), dice.uniform(-small, small))
             for _ in range(dice.randrange(40))]
    if wild:
        steps.append(Step(dice.randrange(1, SANDBOXES + 1), dice.randrange(1, 10),
                          dice.choice([-1, 1]) * dice.choice([120, 900, 7200, 90_000])))
    killed, weather = (), ()
    if not calm:
        killed, weather = tuple(kills(seed, dice)), list(weathers(dice))
        if seed % DARK == 5:
            weather += [Weather("store", dice.choice(OUTAGES), OUTAGE, RECOVERY - 1, 1.0),
                        Weather("sns", dice.choice(["refused", "denied", "dropped"]), OUTAGE, RECOVERY - 1, 1.0)]
        if any(kill.point == "settle as failed" for kill in killed):
            weather.append(Weather("sns", "refused", OUTAGE, OUTAGE + 2, 1.0))
    return Plan(
        seed=seed,
        callers=dice.randint(8, 40),
        tries=dice.randint(1, 3),
        regions=("us-east-1", "eu-west-1") if dice.random() < 0.25 else ("us-east-1",),
        history=dice.random() < 0.6,
        pager=dice.random() < 0.5 or any(kill.point == "page" for kill in killed),
        again=dice.random() < 0.35,
        logs=dice.choice([0.0, 0.2, 0.5]),
        repeated=dice.choice([0.0, 0.2, 0.5]),
        remaining=dice.choice([10.0, 12.0, 20.0, 30.0]),
        redelivered_after=0 if seed % DARK == 5 else dice.randint(0, 2),
        weathers=tuple(weather),
        kills=killed,
        blind_kills=() if calm else tuple(
            BlindKill(dice.randrange(HANDLERS), dice.random() < 0.5, dice.randrange(1, 30)) for _ in range(dice.randrange(8))),
        off=() if calm else tuple(dice.uniform(-small, small) for _ in range(SANDBOXES)),
        steps=() if calm else tuple(steps))


def weathers(dice):
    for _ in range(dice.randrange(3)):
        begins = dice.randint(0, HEALED - 2)
        yield Weather("store", dice.choice(list(STORE_FAULTS)), begins, dice.randint(begins + 1, HEALED),
                      dice.choice([0.02, 0.1, 0.3, 0.6]))
    if dice.random() < 0.2:
        begins = dice.randint(0, RECOVERY + 2)
        yield Weather("store", dice.choice(OUTAGES), begins, begins + dice.randint(1, 3), 1.0)
    for _ in range(dice.randrange(1, 3)):
        begins = dice.randint(0, HEALED - 2)
        yield Weather("sns", dice.choice(list(SNS_FAULTS)), begins, dice.randint(begins + 1, HEALED),
                      dice.choice([0.3, 0.6, 1.0]))


def kills(seed, dice):
    """Each point, before and after, has its turn; two in a run, and some more at the most important points."""
    points = [(point, after) for point in POINTS for after in (False, True)]
    chosen = [points[seed % len(points)], points[(seed * 7 + 3) % len(points)]]
    chosen += [(dice.choice(["commit", "claim", "publish", "settle as sent"]), dice.random() < 0.5)
               for _ in range(dice.randrange(3))]
    for point, after in chosen:
        if point in SELDOM:
            yield Kill(point, after, 0, dice.choice([1, 1, 1, 2]))
        else:
            yield Kill(point, after, dice.choice([0, 1, 1, 2, RECOVERY + 3]), dice.choice([1, 1, 2, 3]))
