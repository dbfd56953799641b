"""Runs many seeds, and prints their results as a table: `python -m tests.soak --seeds 200 --jobs 2`."""

import argparse
import collections
import multiprocessing
import queue
import sys
import time

from .clock import library
from .crew import work
from .plan import POINTS, SANDBOXES

SUMMED = ("invocations", "requests", "kills", "redelivered", "queued", "incidents", "notices", "alone", "ambiguous",
          "repeats", "times the machine was late", "waited for a clock")


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, help="how many")
    parser.add_argument("--from", dest="first", type=int, default=0, help="the first one")
    parser.add_argument("--jobs", type=int, default=2, help="how many at a time")
    given = parser.parse_args()
    library()
    began = time.monotonic()
    context = multiprocessing.get_context("spawn")
    seeds, results = context.Queue(), context.Queue()
    for seed in [*range(given.first, given.first + given.seeds), *[None] * given.jobs]:
        seeds.put(seed)
    workers = [context.Process(target=work, args=(seeds, results)) for _ in range(given.jobs)]
    for worker in workers:
        worker.start()
    sums, killed, faults, broken, longest = (collections.Counter(), collections.Counter(), collections.Counter(), {}, 0.0)
    for done in range(1, given.seeds + 1):
        seed, wrong, numbers, kills, met, seconds = next_of(results, workers)
        sums.update(numbers)
        killed.update(kills)
        faults.update(met)
        longest = max(longest, seconds)
        if wrong:
            broken[seed] = wrong
            for sentence in wrong:
                print(f"seed {seed}: {sentence}", file=sys.stderr, flush=True)
        if done % 10 == 0:
            print(f"{done} of {given.seeds} runs in {time.monotonic() - began:.0f} s, {len(broken)} broken",
                  file=sys.stderr, flush=True)
    for worker in workers:
        worker.join()
    print(table(given.seeds, sums, killed, faults, broken, longest, time.monotonic() - began))
    return 1 if broken else 0


def next_of(results, workers):
    while True:
        try:
            return results.get(timeout=1)
        except queue.Empty:
            if not any(worker.is_alive() for worker in workers):
                raise SystemExit("nobody is left to live through the rest") from None


def table(runs, sums, killed, faults, broken, longest, seconds):
    rows = [("runs", runs), ("sandboxes a run, the watcher's included", SANDBOXES), *((name, sums[name]) for name in SUMMED),
            ("runs with a violation", len(broken)), ("violations", sum(map(len, broken.values()))),
            ("seconds in all, of the longest run", f"{seconds:.0f}, {longest:.1f}")]
    lines = ["| what | number |", "|---|---|", *(f"| {name} | {number} |" for name, number in rows), "",
             "| killed at | before | after |", "|---|---|---|"]
    points = [*POINTS, *sorted({point for point, _ in killed} - set(POINTS))]
    lines += [f"| {point} | {killed[point, 'before']} | {killed[point, 'after']} |" for point in points]
    covered = sum(killed[point, when] > 0 for point in POINTS for when in ("before", "after"))
    lines += [f"| points covered | {covered} of {2 * len(POINTS)} | |", "", "| fault met | times |", "|---|---|"]
    lines += [f"| {name} | {number} |" for name, number in sorted(faults.items())]
    if broken:
        lines += ["", f"Broken seeds: {', '.join(map(str, sorted(broken)))}"]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
