"""What share of the calls worked, against a count by other means: a sum over the same file, in Python."""

import json
import random

import pytest

from tests.blackbox.test_cli import replay, run
from tests.blackbox.test_replay import event

HOUR, DAY = 3600, 86_400
#: What counts as failed here, and what counts as neither failed nor worked.
FAILED = ("InternalServerException",)
NEITHER = ("SlowDownException", "AuthorizationPendingException", "InvalidGrantException", "TooManyRequestsException")


def history(days, share_failed, dice):
    """People sign in about every five minutes; some calls fail, one by one, and some are their callers' mistakes."""
    for second in range(0, days * DAY, 300):
        code = None
        if dice.random() < share_failed:
            code = dice.choice(FAILED)
        elif dice.random() < 0.1:
            code = dice.choice(NEITHER)
        yield second + dice.randrange(60), code, f"person-{dice.randrange(40)}"


@pytest.mark.parametrize("days, share_failed", [(3, 0.002), (2, 0.02), (3, 0.0)])
def test_the_shares_of_a_replay_are_those_of_a_count_by_other_means(tmp_path, days, share_failed):
    calls = list(history(days, share_failed, random.Random(f"budget {days} {share_failed}")))
    path = tmp_path / "events.jsonl"
    path.write_text("\n".join(json.dumps(event(second, user, code)) for second, code, user in calls))
    objective = replay(path)[-1]["objective"]

    end = max(second for second, _, _ in calls)
    for name, from_second in (("hour", (end // 120 * 120) - HOUR), ("day", end // HOUR * HOUR - DAY), ("month", 0)):
        within = [code for second, code, _ in calls if second >= max(from_second, 0)]
        served, failed = within.count(None), sum(code in FAILED for code in within)
        window = objective[name]
        assert (window["served"], window["failed"]) == (served, failed), name
        assert window["percent"] == pytest.approx(100 * served / (served + failed))
        assert window["burnRate"] == pytest.approx(failed / (served + failed) / 0.001)
    assert objective["targetPercent"] == 99.9

    shown = f"{int(1e4 * objective['month']['percent'] / 100) / 1e2:.2f}%"
    for form in ("text", "md", "html"):
        out = run("replay", "--format", form, path).stdout.decode()
        assert (shown in out) == (form != "md" or "Error budget" in out), form


def test_without_a_served_call_there_is_no_share(tmp_path):
    path = tmp_path / "events.jsonl"
    path.write_text("\n".join(json.dumps(event(60 * n, f"person-{n}")) for n in range(12)))
    assert replay(path)[-1]["objective"] is None
    assert "error budget" not in run("replay", path).stdout.decode()
