"""The numbers of a report are those of its history, counted here by other means: times, people, calls."""

import datetime
import json
import random
import re

import pytest

from tests.blackbox.test_cli import run
from tests.harness import make

NINE = datetime.datetime(2026, 11, 5, 9, tzinfo=datetime.timezone.utc)
MINUTE = 60


def event(second, user, failed):
    made = make.cloudtrail("InternalServerException" if failed else None, user=user, region="eu-central-1")
    at = (NINE + datetime.timedelta(seconds=second)).strftime("%Y-%m-%dT%H:%M:%SZ")
    made["time"] = made["detail"]["eventTime"] = at
    return made


def history(seed, lasts, a_minute, share, stray=None):
    """Sign-ins from six to noon; from nine on a share of them fails. (second, person, failed) in order of time."""
    chance = random.Random(seed)
    calls, second = [], -3.0 * 60 * MINUTE
    while second < 3 * 60 * MINUTE:
        second += chance.expovariate(a_minute / MINUTE)
        person = f"user-{chance.randrange(300)}"
        failed = 0 <= second < lasts and chance.random() < share
        calls.append((int(second), person, failed))
    if stray is not None:
        calls.append((stray, "somebody-else", True))
    return sorted(calls)


def report(folder, calls, form):
    file = folder / "history.jsonl"
    file.write_text("\n".join(json.dumps(event(*call)) for call in calls))
    done = run("replay", "--format", form, file)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode().replace("\u202f", "")


@pytest.mark.parametrize("seed, lasts, a_minute, share", [(1, 40 * MINUTE, 5, 1.0), (2, 25 * MINUTE + 7, 20, 0.9),
                                                          (3, 33 * MINUTE, 12, 0.4), (4, 90 * MINUTE, 3, 1.0)])
def test_times_people_and_calls_are_those_of_the_history(tmp_path, seed, lasts, a_minute, share):
    calls = history(seed, lasts, a_minute, share)
    failed = [(second, person) for second, person, fails in calls if fails]
    first, last = failed[0][0], failed[-1][0]
    people = {person for _, person in failed}
    active = {person for second, person, _ in calls if first - 5 * MINUTE <= second <= last}
    served = sum(not fails for second, _, fails in calls if first <= second <= last)

    text = report(tmp_path, calls, "md")
    clock = [(NINE + datetime.timedelta(seconds=second)).strftime("%H:%M") for second in (first, last)]
    assert f"from {clock[0]} to {clock[1]} UTC" in text
    minutes = last // MINUTE - first // MINUTE
    assert int(re.search(r"\*\*Minutes (?:down|degraded):\*\* (\d+)\n", text)[1]) == minutes
    assert f"{len(people)} of {len(active)} people could not sign in." in text
    assert f"({served} of {served + len(failed)})" in text

    (incident,) = [line for line in map(json.loads, report(tmp_path, calls, "json").splitlines()) if line["type"] == "incident"]
    assert (incident["callers"], incident["about"]) == (len(people), False)
    assert str(len(people)) in report(tmp_path, calls, "html")


@pytest.mark.parametrize("a_minute", [0.5, 1, 4, 10])
@pytest.mark.parametrize("before", [20, 38, 55])
def test_a_stray_failure_long_before_is_not_its_beginning(tmp_path, a_minute, before):
    calls = history(7, 40 * MINUTE, a_minute, 1.0, stray=-before * MINUTE)
    began = re.search(r"from (\d\d:\d\d) to", report(tmp_path, calls, "md"))[1]
    first = next(second for second, person, failed in calls if failed and person != "somebody-else")
    assert began == (NINE + datetime.timedelta(seconds=first)).strftime("%H:%M")
