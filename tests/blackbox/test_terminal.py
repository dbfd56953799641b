"""What the command line does on a terminal, with files, and with a part of a history."""

import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import time

import jsonschema
import pytest

from tests.blackbox.test_cli import as_lines, replay, run
from tests.blackbox.test_replay import DAY, event
from tests.harness.runtime_api import PATIENCE, ROOT, binary

PROGRAM = ("oidc-triage", "OIDC_TRIAGE_CLI")
OUTAGE = ROOT / "events" / "logs__cloudtrail_outage.json"


def on_terminal(*arguments, columns=60, env=None, both=False):
    """What a terminal of that width gets of standard output (and of standard error with `both`), and the status."""
    main, other = pty.openpty()
    fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    environment = {"PATH": "/usr/bin:/bin", "TERM": "xterm", **(env or {})}
    process = subprocess.Popen([binary(*PROGRAM), *map(str, arguments)], stdout=other, env=environment,
                               stderr=other if both else subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    os.close(other)
    shown = b""
    try:
        while part := os.read(main, 65536):
            shown += part
    except OSError:
        pass  # Linux says so when the last writer has gone.
    os.close(main)
    return shown.decode().replace("\r\n", "\n"), process.wait(PATIENCE)


def plain(text):
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def test_lines_fit_the_terminal_and_a_pipe_gets_them_whole():
    shown, status = on_terminal("replay", OUTAGE, columns=60)
    assert status == 0
    assert max(len(line) for line in plain(shown).splitlines()) <= 60
    piped = run("replay", OUTAGE).stdout.decode()
    assert max(len(line) for line in piped.splitlines()) > 100
    assert " ".join(plain(shown).split()) == " ".join(piped.split()), "the words are the same"


def test_colour_is_only_for_a_terminal_that_wants_it():
    assert "\x1b[" in on_terminal("replay", OUTAGE)[0]
    for env in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        assert "\x1b[" not in on_terminal("replay", OUTAGE, env=env)[0]
    assert b"\x1b[" not in run("replay", OUTAGE).stdout


def test_a_terminal_sees_a_sign_of_life_at_once(tmp_path):
    # Standard input that says nothing for a while: all that is shown comes before any event.
    main, other = pty.openpty()
    process = subprocess.Popen([binary(*PROGRAM), "replay", "-"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=other,
                               env={"PATH": "/usr/bin:/bin", "TERM": "xterm"})
    os.close(other)
    shown = b""
    while b"looking for files" not in shown:
        shown += os.read(main, 100)  # Fails where the program ends without it.
    process.stdin.close()
    process.wait(PATIENCE)
    os.close(main)


def test_an_output_file_is_whole_or_not_there(tmp_path):
    page = tmp_path / "month.html"
    done = run("replay", "--format", "html", "-o", page, OUTAGE)
    assert (done.returncode, done.stdout) == (0, b"") and page.read_text().rstrip().endswith("</html>")
    before = page.read_text()
    assert run("replay", "--format", "html", "-o", page, tmp_path / "none.json").returncode == 2
    assert page.read_text() == before and [path.name for path in tmp_path.iterdir()] == ["month.html"]


@pytest.mark.parametrize("target", ["itself", "folder", "missing"])
def test_an_output_that_cannot_be_is_refused_with_what_to_do(tmp_path, target):
    history = tmp_path / "day.jsonl"
    history.write_bytes(as_lines(DAY))
    path = {"itself": history, "folder": tmp_path, "missing": tmp_path / "no" / "where.txt"}[target]
    done = run("replay", "-o", path, history)
    assert done.returncode == 2 and b"-o " in done.stderr and done.stderr.count(b"\n") == 1
    assert history.read_bytes() == as_lines(DAY), "what is read is never written over"


def test_a_window_of_time_leaves_the_rest_out_and_counts_it(tmp_path):
    (tmp_path / "day.jsonl").write_bytes(as_lines(DAY))
    whole = replay(tmp_path)[-1]
    first, second = (replay(*bound, tmp_path)[-1] for bound in (
        ("--until", "2026-11-05T15:00:00Z"), ("--since", "2026-11-05T15:00:00Z")))
    served = [summary["counts"]["success"] for summary in (first, second)]
    assert sum(served) == whole["counts"]["success"] and min(served) > 0
    assert first["outside"] + second["outside"] == sum(whole["counts"].values())
    assert "outside of the times or regions" in run("replay", "--since", "2026-11-05T15:00", tmp_path).stdout.decode()


def test_only_the_regions_that_were_asked_for(tmp_path):
    events = [event(60 * n, f"user-{n}", region=region) for n, region in enumerate(["us-east-1", "eu-west-1", "eu-central-1"] * 3)]
    (tmp_path / "all.jsonl").write_bytes(as_lines(events))
    lines = replay("--region", "eu-west-1", "--region", "eu-central-1", tmp_path)
    assert {line["region"] for line in lines if line["type"] == "failure"} == {"eu-west-1", "eu-central-1"}
    assert lines[-1]["outside"] == 3


def test_that_nothing_was_evaluated_is_no_all_clear(tmp_path):
    for arguments in (("--region", "eu-north-1"), ("--since", "2020-01-01", "--until", "2020-01-02")):
        text = run("replay", *arguments, OUTAGE).stdout.decode()
        assert text.startswith("Nothing was evaluated: all 5 calls are outside") and "Nobody would" not in text
    (tmp_path / "other.json").write_text('{"Records": []}')
    assert run("replay", tmp_path / "other.json").stdout.decode().startswith("Nothing was evaluated: there is no call")


@pytest.mark.parametrize("arguments, words", [
    (("--since", "yesterday"), "7d"), (("--since", "1d", "--until", "2d"), "is not before --until"),
    (("--region", "eu-centrel-1"), "did you mean eu-central-1?"), (("--time-zone", "Europe/Berlim"), "did you mean Europe/Berlin?"),
    (("--time-zone", "nowhere"), "IANA name"), (("--time-zone", "berlin"), "did you mean Europe/Berlin?"),
])
def test_what_cannot_be_a_window_says_how_to_write_it(arguments, words):
    done = run("replay", *arguments, OUTAGE)
    assert (done.returncode, done.stdout) == (2, b"")
    assert words in done.stderr.decode() and done.stderr.count(b"\n") == 1


def test_times_are_in_utc_and_in_the_zone_and_json_stays_in_utc():
    text = run("replay", "--time-zone", "Europe/Berlin", OUTAGE).stdout.decode()
    assert "2026-11-04 08:02:45 UTC (09:02:45 CET)" in text
    lines = run("replay", "--time-zone", "Europe/Berlin", "--format", "json", OUTAGE).stdout.decode()
    assert "CET" not in re.sub(r'"reasons":\[[^]]*\]', "", lines) and '"at":"2026-11-04T08:02:45Z"' in lines


def test_a_policy_s_typo_is_answered_with_the_nearest_key_in_one_line(tmp_path):
    policy = tmp_path / "policy.toml"
    policy.write_text("outage_calers = 5\n")
    done = run("replay", "--policy", policy, OUTAGE)
    assert done.returncode == 2 and done.stderr.count(b"\n") == 1
    assert "line 1: unknown key `outage_calers`: did you mean `outage_callers`?" in done.stderr.decode()


def test_the_lines_of_json_fit_their_schema_with_one_line_an_incident_and_each_advice_once(tmp_path):
    (tmp_path / "day.jsonl").write_bytes(as_lines(DAY))
    schema = json.loads((ROOT / "docs" / "replay.schema.json").read_text())
    validator = jsonschema.Draft202012Validator(schema)
    lines = replay(tmp_path) + replay("--arrival", tmp_path)
    for line in lines:
        validator.validate(line)
    assert {line["type"] for line in lines} == {"advice", "failure", "notice", "incident", "summary"}
    lines = replay(tmp_path)
    texts = [line["text"] for line in lines if line["type"] == "advice"]
    assert len(texts) == len(set(texts)) and not any("advice" in line for line in lines if line["type"] == "failure")
    incidents = [line["id"] for line in lines if line["type"] == "incident"]
    assert len(incidents) == len(set(incidents)) == lines[-1]["incidents"]
    known = {line["id"] for line in lines if line["type"] == "advice"}
    assert {line["adviceId"] for line in lines if line["type"] == "failure"} <= known


def test_all_foreign_files_of_a_folder_are_one_line(tmp_path):
    (tmp_path / "day.jsonl").write_bytes(as_lines(DAY))
    for number in range(7):
        (tmp_path / f"package-{number}.json").write_text('{"name": "made-up", "version": "1.0.0"}')
    (tmp_path / "notes.log").write_text("nothing of ours\nat all\n")
    done = run("replay", tmp_path)
    complaints = done.stderr.decode().splitlines()
    assert len(complaints) == 1 and "8 files in the folder hold no event that this program reads" in complaints[0], complaints
    # One that is named is wanted: so it is said what is wrong with it.
    assert "package-1.json: " in run("replay", tmp_path / "package-1.json").stderr.decode()


def test_counts_are_true_after_an_interrupt(tmp_path):
    """A part is read, the rest never comes: what is counted is what was read."""
    process = subprocess.Popen([binary(*PROGRAM), "replay", "--format", "json", "-"], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={"PATH": "/usr/bin:/bin"})
    calls = as_lines([event(n, f"user-{n}", None) for n in range(20_000)])
    process.stdin.write(calls)
    process.stdin.flush()
    time.sleep(3)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    summary = json.loads(out.splitlines()[-1])
    assert summary["interrupted"] and summary["files"] == 1
    assert 0 < summary["records"] <= 20_000
    assert sum(summary["counts"].values()) == summary["records"], "each record that was counted was evaluated"


def test_completions_and_the_manual_come_out_of_the_options():
    for shell in ("bash", "zsh", "fish", "elvish", "powershell"):
        script = run("completions", shell)
        assert script.returncode == 0 and b"--time-zone" in script.stdout or b"time-zone" in script.stdout, shell
    assert run("completions", "csh").returncode == 2
    manual = run("man")
    assert manual.returncode == 0 and manual.stdout.startswith(b".ie") or manual.stdout.startswith(b".TH")
    text = manual.stdout.replace(b"\\-", b"-")
    for part in (b"COMMAND REPLAY", b"COMMAND EXPLAIN", b"--since", b"--compare", b"Exit status"):
        assert part in text, part
