"""Worker processes that run seeds."""

import collections
import tempfile
import traceback

from tests.harness.emulator import Emulator

from .check import check
from .plan import plan
from .story import run


def work(seeds, results):
    """One after the other, on an emulator of its own."""
    with tempfile.TemporaryDirectory() as folder, Emulator(folder, iam=False) as emulator:
        while (seed := seeds.get()) is not None:
            results.put((seed, *lived_through(seed, emulator)))


def lived_through(seed, emulator):
    try:
        facts = run(plan(seed), emulator)
        wrong, numbers = check(facts)
    except Exception:
        return ["the run itself broke: " + traceback.format_exc()], {}, {}, {}, 0.0
    faults = collections.Counter(f"{'SNS' if one.label in ('publish', 'page') else 'store'}: {one.fault}"
                                 for one in facts.requests if one.fault and one.fault != "killed")
    faults["clock: stepped"] += len(facts.plan.steps)
    return wrong, numbers, collections.Counter(facts.killed), faults, facts.seconds
