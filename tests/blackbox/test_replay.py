"""A whole history through `oidc-triage replay`: in order of time whatever its files look like, with bounded memory."""

import datetime
import contextlib
import csv
import difflib
import fcntl
import gzip
import json
import os
import pathlib
import pty
import random
import re
import resource
import signal
import struct
import subprocess
import termios
import threading
import time
import zlib

import pytest

from tests.blackbox.test_cli import as_lines, as_log_file, failures, notices, opened, past_outage, replay, run
from tests.harness import make
from tests.harness.runtime_api import PATIENCE, ROOT, binary
from tests.harness.world import until

BEGIN = datetime.datetime(2026, 11, 5, 12, tzinfo=datetime.timezone.utc)


def at(second):
    return (BEGIN + datetime.timedelta(seconds=second)).strftime("%Y-%m-%dT%H:%M:%SZ")


def event(second, user, code="InternalServerException", region="us-east-1", **more):
    made = make.cloudtrail(code, user=user, region=region, **more)
    made["time"] = made["detail"]["eventTime"] = at(second)
    return made


def day(region="us-east-1", calls=600):
    """Ten hours of sign-ins, one a minute, and an outage of ten minutes in which all of them fail."""
    events = [event(60 * number, f"user-{number % 50}", None, region) for number in range(calls)]
    events += [event(18_000 + 5 * number, f"user-{number}", region=region) for number in range(120)]
    return sorted(events, key=lambda made: made["time"])


def trail(folder, events, of_a_file=40, region="us-east-1"):
    """Log files as a trail writes them to a bucket."""
    deep = folder / "AWSLogs" / "123456789012" / "CloudTrail" / region / "2026" / "11" / "05"
    deep.mkdir(parents=True)
    for number in range(0, len(events), of_a_file):
        part = events[number:number + of_a_file]
        stamp = part[0]["time"].replace("-", "").replace(":", "")[:13] + "Z"
        name = f"123456789012_CloudTrail_{region}_{stamp}_{number:08}.json.gz"
        text = json.dumps({"Records": [{"eventVersion": "1.11", **made["detail"]} for made in part]}, separators=(",", ":"))
        (deep / name).write_bytes(gzip.compress(text.encode()))
    return folder


def delivered(events, seconds):
    """The same calls, in envelopes of so much later."""
    def later(made):
        time = datetime.datetime.fromisoformat(made["time"].replace("Z", "+00:00")) + datetime.timedelta(seconds=seconds)
        return {**made, "time": time.strftime("%Y-%m-%dT%H:%M:%SZ")}
    return [later(made) for made in events]


def verdicts(lines):
    return [(line["kind"], line["diagnosis"], line["at"], line["region"], line["callers"]) for line in notices(lines)]


DAY = day()


def test_a_bucket_of_a_trail_is_read_despite_other_files(tmp_path):
    folder = trail(tmp_path, DAY)
    digest = tmp_path / "AWSLogs" / "123456789012" / "CloudTrail-Digest" / "us-east-1"
    digest.mkdir(parents=True)
    (digest / "made-up_CloudTrail-Digest_made-up.json.gz").write_bytes(gzip.compress(b'{"awsAccountId":"123456789012"}'))
    lines = replay(folder)
    assert len(failures(lines)) == 120 and len(opened(lines)) == 1
    summary = lines[-1]
    assert (summary["files"], summary["records"], summary["counts"]["success"]) == (18, 720, 600)
    assert (summary["pages"], summary["falseLookingPages"], summary["outOfOrder"]) == (1, 0, 0)
    assert (summary["from"], summary["callers"]) == (at(0), 120)


def test_every_form_of_a_history_gives_the_same_verdicts(tmp_path):
    expected = verdicts(replay(trail(tmp_path / "trail", DAY)))
    assert expected and expected[-1][0] == "resolved"
    (tmp_path / "lines.jsonl").write_bytes(as_lines(DAY))
    (tmp_path / "array.json").write_text(json.dumps(DAY, indent=1))
    (tmp_path / "records.json").write_bytes(as_log_file(DAY))
    exported = tmp_path / "export" / "made-up-task" / "made-up-stream"
    exported.mkdir(parents=True)
    text = "".join(f"{made['time'][:-1]}.123Z {json.dumps(made['detail'])}\n" for made in DAY)
    (exported / "000000.gz").write_bytes(gzip.compress(text.encode()))
    for path in ("lines.jsonl", "array.json", "records.json", "export"):
        assert verdicts(replay(tmp_path / path)) == expected, path
    assert verdicts(replay("-", stdin=gzip.compress(as_lines(DAY)))) == expected


def test_what_athena_answers_to_the_documented_query_gives_the_verdicts_of_the_trail(tmp_path):
    document = (ROOT / "docs" / "replay.md").read_text()
    query = re.search(r"^SELECT (.*?)\nFROM", document, re.DOTALL | re.MULTILINE)[1]
    columns = [column.rsplit(" AS ")[-1].split()[-1] for column in query.split(",\n") for column in re.split(r", (?!JSON)", column)]
    created = re.search(r"CREATE EXTERNAL TABLE .*?\nPARTITIONED", document, re.DOTALL)[0]
    assert all(re.search(rf"\b{column} S(TRING|TRUCT)", created) for column in columns), columns

    def value(record, column):
        """As Athena prints it: an object that the table has as text is JSON as it stood there, a row cast to JSON has the table's
        names, and what is not there is nothing."""
        found = {name.lower(): member for name, member in record.items()}.get(column)
        if column == "useridentity":
            return re.sub(r'"(\w+)":', lambda name: name[0].lower(), json.dumps(found))
        return "" if found is None else found if isinstance(found, str) else json.dumps(found)

    events = [event(60 * number, f"user-{number % 50}", None) for number in range(400)]
    events += [event(18_000 + 5 * number, f"user-{number}") for number in range(120)]
    records = [{"eventVersion": "1.11", **made["detail"]} for made in events]
    with (tmp_path / "athena.csv").open("w", newline="") as file:
        table = csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n")
        table.writerow(columns)
        table.writerows([value(record, column) for column in columns] for record in records)
    with gzip.open(tmp_path / "20261105_120000_00001_abcde_0f.gz", "wt") as file:
        for record in records:
            file.write(json.dumps({column: value(record, column) for column in columns if value(record, column)}) + "\n")
    trail(tmp_path, sorted(events, key=lambda made: made["time"]))
    read = {name: replay(tmp_path / name) for name in ["AWSLogs", "athena.csv", "20261105_120000_00001_abcde_0f.gz"]}
    expected = read.pop("AWSLogs")
    assert opened(expected)
    for name, lines in read.items():
        assert notices(lines) == notices(expected), name
        assert len(failures(lines)) == len(failures(expected)) == 120, name


def test_an_archive_s_export_is_acted_on(tmp_path):
    (tmp_path / "archive.jsonl").write_bytes(as_lines([{**made, "replay-name": "made-up"} for made in DAY]))
    assert len(opened(replay(tmp_path / "archive.jsonl"))) == 1


def test_our_lines_are_found_in_a_large_log_export(tmp_path):
    lines = []
    for number in range(3000):
        lines.append(f"{at(number)[:-1]}.000Z INFO request {number} took 3 ms\n    and more of it")
        if number % 300 == 0:
            lines.append(f"{at(number)[:-1]}.500Z ERROR user=u{number}@example.com sign-in failed: An error occurred "
                         "(InternalServerException) when calling the CreateToken operation: None")
    (tmp_path / "000000.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
    read = failures(replay(tmp_path))
    assert len(read) == 10 and {line["origin"] for line in read} == {"logs"}
    assert read[1]["at"].startswith(at(300)[:-1])


def test_files_that_overlap_in_time_are_read_side_by_side(tmp_path):
    # Each file spans the whole day: one after the other they would be hours out of order.
    for number in range(8):
        (tmp_path / f"{number}.jsonl").write_bytes(as_lines(DAY[number::8]))
    lines = replay(tmp_path)
    (tmp_path / "all.jsonl").write_bytes(as_lines(DAY))
    assert verdicts(lines) == verdicts(replay(tmp_path / "all.jsonl"))
    assert lines[-1]["outOfOrder"] == 0


def test_more_files_than_can_be_open_overlap_and_are_still_in_order(tmp_path):
    # As an export of CloudWatch Logs has them: a folder and a file for each stream.
    for number in range(100):
        folder = tmp_path / "many" / f"stream-{number:03}"
        folder.mkdir(parents=True)
        (folder / "000000.jsonl").write_bytes(as_lines(DAY[number::100]))
    (tmp_path / "all.jsonl").write_bytes(as_lines(DAY))
    lines = replay(tmp_path / "many")
    assert verdicts(lines) == verdicts(replay(tmp_path / "all.jsonl"))
    assert lines[-1]["outOfOrder"] == 0 and lines[-1]["files"] == 100


def test_a_pipe_is_read_whole(tmp_path):
    (tmp_path / "day.jsonl").write_bytes(as_lines(DAY))
    program = binary("oidc-triage", "OIDC_TRIAGE_CLI")
    done = subprocess.run(["bash", "-c", f"{program} replay --format json <(cat {tmp_path}/day.jsonl)"],
                          capture_output=True, timeout=PATIENCE)
    assert len(failures([json.loads(line) for line in done.stdout.splitlines()])) == 120
    done = run("replay", "-", "-", stdin=as_lines(DAY))
    assert done.returncode == 1 and b"standard input: it can be read once only" in done.stderr and b"Outage" in done.stdout


def test_files_of_a_trail_one_after_the_other_are_read_though_some_are_empty():
    part = [{"eventVersion": "1.11", **made["detail"]} for made in past_outage()]
    text = ['{"Records":[]}', *(json.dumps({"Records": [one]}, separators=(",", ":")) + end for one, end in zip(part, ["", "\n"] * 4)),
            '{"Records":[]}']
    for order in (text, [text[1], text[0], *text[2:]], text[:4] + ['{"Records":[]}\n{"Records":[]}'] + text[4:]):
        done = run("replay", "--format", "json", "-", stdin="".join(order).encode())
        assert done.returncode == 0, done.stderr
        assert len(failures([json.loads(line) for line in done.stdout.splitlines()])) == 8


def test_an_impossible_time_is_named_and_does_not_block(tmp_path):
    for number, year in enumerate((1999, 2150)):
        wrong = event(0, "clock")
        wrong["time"] = wrong["detail"]["eventTime"] = f"{year}-01-01T00:00:00Z"
        (tmp_path / f"{number}.jsonl").write_bytes(as_lines([*DAY[number::2], wrong]))
    done = run("replay", "--format", "json", tmp_path)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 1 and done.stderr.count(b"with a time that cannot be") == 2
    assert len(opened(lines)) == 1 and lines[-1]["outOfOrder"] == 0


@pytest.mark.parametrize("code", ["<script>", "x" * 500, ["a"], 5])
def test_a_record_with_any_error_code_is_not_a_success(tmp_path, code):
    odd = event(0, "odd")
    odd["detail"]["errorCode"] = code
    (tmp_path / "odd.jsonl").write_bytes(as_lines([odd]))
    lines = replay(tmp_path / "odd.jsonl")
    assert len(failures(lines)) == 1 and lines[-1]["counts"]["success"] == 0


def test_a_closed_standard_error_costs_no_report(tmp_path):
    (tmp_path / "bad.jsonl").write_bytes(b"{broken\n" * 500 + as_lines(DAY))
    with open("/dev/full", "wb") as full:
        done = subprocess.run([binary("oidc-triage", "OIDC_TRIAGE_CLI"), "replay", tmp_path / "bad.jsonl"], stderr=full,
                              stdout=subprocess.PIPE, timeout=PATIENCE, env={"PATH": "/usr/bin:/bin"})
    assert done.returncode == 1 and b"Totals" in done.stdout


def test_the_name_of_a_file_writes_no_line_of_its_own(tmp_path):
    (tmp_path / "evil\n\x1b[31mfake: line.json").write_bytes(b"{broken")
    errors = run("replay", tmp_path).stderr
    assert b"\x1b" not in errors and len(errors.splitlines()) == 1


def test_regions_at_the_same_time_have_separate_incidents(tmp_path):
    for region in ("us-east-1", "eu-west-1", "ap-south-1"):
        trail(tmp_path / region, day(region), region=region)
    lines = replay(tmp_path)
    assert {line["region"] for line in opened(lines)} == {"us-east-1", "eu-west-1", "ap-south-1"}
    assert lines[-1]["outOfOrder"] == 0


def test_calls_up_to_an_hour_out_of_order_are_sorted(tmp_path):
    shuffled = list(DAY)
    generator = random.Random(7)
    shuffled.sort(key=lambda made: (datetime.datetime.fromisoformat(made["time"].replace("Z", "+00:00")).timestamp()
                                    + generator.uniform(0, 3000)))
    (tmp_path / "shuffled.jsonl").write_bytes(as_lines(shuffled))
    (tmp_path / "sorted.jsonl").write_bytes(as_lines(DAY))
    assert verdicts(replay(tmp_path / "shuffled.jsonl")) == verdicts(replay(tmp_path / "sorted.jsonl"))


def test_later_calls_are_counted(tmp_path):
    late = [event(40_000 + number, "late", None) for number in range(2)] + [event(0, "early", None)]
    # As many as wait at once, so that the later ones leave before the early one arrives.
    (tmp_path / "late.jsonl").write_bytes(as_lines([*DAY, *late]))
    lines = replay(tmp_path / "late.jsonl")
    assert lines[-1]["outOfOrder"] == 1 and lines[-1]["counts"]["success"] == 603


def test_every_thousandth_line_damaged_gives_the_same_verdicts_and_is_named(tmp_path):
    other = json.dumps({"eventVersion": "1.11", "eventSource": "ec2.amazonaws.com", "eventName": "DescribeInstances",
                        "eventTime": at(0), "eventID": "made-up"})
    lines = []
    for made in DAY:
        lines += [other] * 10 + [json.dumps(made)]
    # Damage outside our records: lost records of ours would change the verdict.
    damaged = [line[:len(line) // 2] if number % 1000 == 999 and line == other else line for number, line in enumerate(lines)]
    broken = [number + 1 for number, (line, was) in enumerate(zip(damaged, lines)) if line != was]
    assert len(broken) >= 6
    (tmp_path / "whole.jsonl").write_text("\n".join(lines))
    (tmp_path / "damaged.jsonl.gz").write_bytes(gzip.compress("\n".join(damaged).encode()))
    expected = verdicts(replay(tmp_path / "whole.jsonl"))
    done = run("replay", "--format", "json", tmp_path / "damaged.jsonl.gz")
    assert done.returncode == 1
    assert verdicts([json.loads(line) for line in done.stdout.splitlines()]) == expected
    for number in broken:
        assert f"damaged.jsonl.gz:{number}: ".encode() in done.stderr
    assert len(done.stderr.splitlines()) == len(broken)


def test_a_damaged_file_is_named_and_the_others_are_read(tmp_path):
    folder = trail(tmp_path, DAY)
    files = sorted(folder.rglob("*.gz"))
    whole = files[3].read_bytes()
    files[3].write_bytes(whole[:len(whole) // 2])
    files[4].write_bytes(b"\x1f\x8bnot gzip at all")
    done = run("replay", "--format", "json", folder)
    errors = done.stderr.decode().splitlines()
    assert done.returncode == 1 and len(errors) == 2
    assert files[3].name in errors[0] + errors[1] and files[4].name in errors[0] + errors[1]
    assert len(opened([json.loads(line) for line in done.stdout.splitlines()])) == 1


def limited():
    # More than a gigabyte of address space is not needed for a file of any size.
    resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))


def write_repeated(path, head, block, times, tail):
    """One gzip stream in which `block` comes so many times, and is compressed once."""
    deflate = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS)
    # After a full flush nothing refers to what was before.
    first = deflate.compress(head) + deflate.flush(zlib.Z_FULL_FLUSH)
    part = deflate.compress(block) + deflate.flush(zlib.Z_FULL_FLUSH)
    last = deflate.compress(tail) + deflate.flush()
    check = zlib.crc32(head)
    for _ in range(times):
        check = zlib.crc32(block, check)
    size = len(head) + times * len(block) + len(tail)
    with path.open("wb") as file:
        file.write(b"\x1f\x8b\x08" + bytes(6) + b"\xff" + first)
        for _ in range(times):
            file.write(part)
        file.write(last + struct.pack("<II", zlib.crc32(tail, check), size % (1 << 32)))


@pytest.mark.long
def test_a_file_that_inflates_to_gigabytes_is_read_in_bounded_memory(tmp_path):
    other = json.dumps({"eventVersion": "1.11", "eventSource": "ec2.amazonaws.com", "eventName": "DescribeInstances",
                        "eventTime": at(0), "eventID": "made-up", "requestParameters": "x" * 2000}, separators=(",", ":"))
    end = ",".join(json.dumps({"eventVersion": "1.11", **made["detail"]}, separators=(",", ":")) for made in past_outage())
    path = tmp_path / "large.json.gz"
    write_repeated(path, f'{{"Records":[{other}'.encode(), f",{other}".encode() * 10_000, 70, f",{end}]}}".encode())
    done = subprocess.run([binary("oidc-triage", "OIDC_TRIAGE_CLI"), "replay", "--format", "json", path],
                          capture_output=True, timeout=5 * PATIENCE, env={"PATH": "/usr/bin:/bin"}, preexec_fn=limited)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, done.stderr
    assert lines[-1]["records"] == 700_001 + 8 and len(opened(lines)) == 1


def test_a_document_too_large_to_be_read_is_named(tmp_path):
    with gzip.open(tmp_path / "bomb.json.gz", "wb", compresslevel=9) as file:
        for _ in range(80):
            file.write(b" " * (1 << 20))
    done = run("replay", tmp_path / "bomb.json.gz")
    assert done.returncode == 1 and b"bomb.json.gz: only JSON documents and lines up to" in done.stderr


def is_done_with_what_it_got(process):
    """Whether the pipe is empty, and all of the program's threads sleep at every check."""
    for _ in range(4):
        (left,) = struct.unpack("i", fcntl.ioctl(process.stdin, termios.FIONREAD, b"\0" * 4))
        stats = [path.read_text() for path in pathlib.Path(f"/proc/{process.pid}/task").glob("*/stat")]
        if left or any(stat.rpartition(")")[2].split()[0] != "S" for stat in stats):
            return False
        time.sleep(0.1)
    return True


def signals(process, which, signal):
    """Whether the program handles it (`SigCgt`), or has not received it yet (`ShdPnd`)."""
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    (mask,) = [line.split()[1] for line in status.splitlines() if line.startswith(which + ":")]
    return int(mask, 16) >> (signal - 1) & 1


def test_an_interrupted_replay_reports_what_it_has(tmp_path):
    with subprocess.Popen([binary("oidc-triage", "OIDC_TRIAGE_CLI"), "replay", "-"], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={"PATH": "/usr/bin:/bin"}) as process:
        # More than two pieces, so that some are evaluated before the rest comes.
        process.stdin.write(as_lines(DAY) + as_lines([event(60_000, "late", None)]) * 1500)
        process.stdin.flush()
        until(lambda: is_done_with_what_it_got(process))
        process.send_signal(signal.SIGINT)
        # Nothing more comes, and it waits for nothing.
        out, errors = process.stdout.read().decode(), process.stderr.read().decode()
        assert process.wait(PATIENCE) == 130
        process.stdin.close()
    assert "interrupted" in errors and out.startswith("Interrupted: ")
    assert "opened" in out and "Totals" in out


def test_an_interrupted_replay_includes_the_last_hour(tmp_path):
    with subprocess.Popen([binary("oidc-triage", "OIDC_TRIAGE_CLI"), "replay", "-"], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={"PATH": "/usr/bin:/bin"}) as process:
        # More than a piece, all of it within minutes.
        process.stdin.write(as_lines(past_outage()) + as_lines([past_outage()[0]]) * 2000)
        process.stdin.flush()
        until(lambda: is_done_with_what_it_got(process))
        process.send_signal(signal.SIGINT)
        out = process.stdout.read().decode()
        assert process.wait(PATIENCE) == 130
        process.stdin.close()
    assert out.startswith("Interrupted: ") and "opened" in out


def test_a_second_interrupt_does_not_wait(tmp_path):
    with subprocess.Popen([binary("oidc-triage", "OIDC_TRIAGE_CLI"), "replay", "-"], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={"PATH": "/usr/bin:/bin"}) as process:
        until(lambda: signals(process, "SigCgt", signal.SIGINT))
        process.send_signal(signal.SIGINT)
        # Two pending ones would be one.
        until(lambda: process.poll() is not None or not signals(process, "ShdPnd", signal.SIGINT))
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 130
        process.stdin.close()


def test_there_is_a_bar_on_a_terminal_and_nothing_of_it_in_a_pipe(tmp_path):
    trail(tmp_path, DAY)
    assert run("replay", tmp_path).stderr == b""
    terminal, end = pty.openpty()
    shown = bytearray()

    def look():
        # A terminal that nobody reads from is full after 4 KB. It ends with an error.
        with contextlib.suppress(OSError):
            while part := os.read(terminal, 4096):
                shown.extend(part)

    looking = threading.Thread(target=look)
    looking.start()
    process = subprocess.Popen([binary("oidc-triage", "OIDC_TRIAGE_CLI"), "replay", tmp_path], stdout=subprocess.PIPE,
                               stderr=end, env={"PATH": "/usr/bin:/bin", "TERM": "xterm", "COLUMNS": "120"})
    os.close(end)
    out = process.stdout.read()
    assert process.wait(PATIENCE) == 0
    looking.join()
    os.close(terminal)
    assert b" of " in shown and b"B/s" in shown
    assert b"\x1b" not in out and b"Totals" in out


def test_the_text_is_a_timeline_with_its_reasons_and_the_totals(tmp_path):
    (tmp_path / "day.jsonl").write_bytes(as_lines(DAY))
    text = run("replay", tmp_path / "day.jsonl").stdout.decode()
    parts = ["Notices that people would have got", "opened    ", "    - ", "resolved  page     Resolved", "Incidents", "Failed calls",
             "CreateToken InternalServerException: service", "Totals", "pages:", "look false", "callers:", "their tools:"]
    places = [text.index(part) for part in parts]
    assert places == sorted(places), places
    assert ">>>" not in text and "Do now" not in text
    whole = run("replay", "--notices", tmp_path / "day.jsonl").stdout.decode()
    assert ">>> AWS sign-in OUTAGE in " in whole and ">>> Do now" in whole


def notified_at(lines):
    (line,) = opened(lines)
    return datetime.datetime.fromisoformat(line["at"].replace("Z", "+00:00"))


def test_by_arrival_notices_have_the_time_of_delivery_and_calls_keep_theirs(tmp_path):
    late = delivered(past_outage(), 240)
    (tmp_path / "late.jsonl").write_bytes(as_lines(late))
    by_calls, by_arrival = replay(tmp_path), replay("--arrival", tmp_path)
    assert notified_at(by_arrival) - notified_at(by_calls) == datetime.timedelta(minutes=4)
    assert [line["id"] for line in failures(by_arrival)] == [line["id"] for line in failures(by_calls)]
    assert by_calls[-1]["clock"] == "calls" and "withoutArrival" not in by_calls[-1]
    assert (by_arrival[-1]["clock"], by_arrival[-1]["withoutArrival"]) == ("arrival", 0)
    assert (by_arrival[-1]["from"], by_arrival[-1]["to"]) == (late[0]["time"], late[-1]["time"])
    since = "Started:   2026-11-05 12:00:00 UTC"
    for clock, arguments in (("the calls' own times\n", ()), ("arrival, when calls were delivered\n", ("--arrival",))):
        text = run("replay", "--notices", *arguments, tmp_path).stdout.decode()
        assert since in text and f"clock:        {clock}" in text
        page = run("replay", "--format", "html", *arguments, tmp_path).stdout.decode()
        assert "The clock: " + clock.strip().replace("'", "&#39;") in page


def test_a_log_group_written_by_a_rule_has_the_arrival(tmp_path):
    late = delivered(past_outage(), 240)
    exported = tmp_path / "export" / "made-up-stream"
    exported.mkdir(parents=True)
    # The envelopes have the calls' own times, as AWS mostly writes them; the time in front of each line is the later one.
    lines = [f"{line['time'][:-1]}.000Z {json.dumps(made)}\n" for line, made in zip(late, past_outage())]
    (exported / "000000.gz").write_bytes(gzip.compress("".join(lines).encode()))
    by_arrival = replay("--arrival", tmp_path)
    assert notified_at(by_arrival) - notified_at(replay(tmp_path)) == datetime.timedelta(minutes=4)
    assert by_arrival[-1]["withoutArrival"] == 0


def test_without_an_arrival_the_calls_own_time_counts_and_that_is_reported(tmp_path):
    trail(tmp_path, DAY)
    lines = replay("--arrival", tmp_path)
    assert verdicts(lines) == verdicts(replay(tmp_path)) and lines[-1]["withoutArrival"] == len(DAY)
    text = run("replay", "--arrival", tmp_path).stdout.decode()
    assert "arrival, when calls were delivered; of 720 events that is not known: evaluated at their own times" in text
    # An arrival before the call is one of a clock that was behind.
    (tmp_path / "early.jsonl").write_bytes(as_lines(delivered(DAY, -240)))
    early = replay("--arrival", tmp_path / "early.jsonl")
    assert verdicts(early) == verdicts(lines) and early[-1]["withoutArrival"] == 0


def test_calls_that_arrived_hours_late_count_by_arrival_and_are_not_out_of_order(tmp_path):
    hit, late = event(18_000, "victim"), event(60, "late")
    (tmp_path / "late.jsonl").write_bytes(as_lines([*delivered([late], 5 * 3600), hit, event(25_000, "last", None)]))
    lines = replay("--arrival", tmp_path)
    assert [line["at"] for line in failures(lines)] == [at(18_000), at(18_060)]
    assert lines[-1]["outOfOrder"] == 0


def test_only_commands_with_a_clock_to_choose_have_the_option(tmp_path):
    (tmp_path / "late.jsonl").write_bytes(as_lines(delivered(past_outage(), 240)))
    done = run("suggest", "--arrival", tmp_path)
    assert done.returncode == 2 and b"'--arrival'" in done.stderr
    compared = ("--arrival", "--compare", "/dev/null", "/dev/null", tmp_path)
    lines = [json.loads(line) for line in run("replay", "--format", "json", *compared).stdout.splitlines()]
    assert [line["clock"] for line in lines if line["type"] == "policy"] == ["arrival", "arrival"]
    assert b"The clock: arrival" in run("replay", *compared).stdout


def test_two_policies_side_by_side(tmp_path):
    few = [event(60 * number, f"user-{number % 50}", None) for number in range(600)]
    few += [event(18_000 + 12 * number, f"victim-{number}") for number in range(6)]
    (tmp_path / "few.jsonl").write_bytes(as_lines(sorted(few, key=lambda made: made["time"])))
    (tmp_path / "default.toml").write_text("")
    (tmp_path / "strict.toml").write_text("outage_callers = 8\n")
    paths = ("--compare", tmp_path / "default.toml", tmp_path / "strict.toml", tmp_path / "few.jsonl")
    done = run("replay", *paths)
    text = done.stdout.decode()
    assert done.returncode == 0 and f"only with {tmp_path / 'default.toml'}" in text and "pages" in text
    lines = [json.loads(line) for line in run("replay", "--format", "json", *paths).stdout.splitlines()]
    (incident,) = [line for line in lines if line["type"] == "incident"]
    assert [opened["policy"] for opened in incident["opened"]] == [str(tmp_path / "default.toml")]
    assert {line["name"]: line["pages"] for line in lines if line["type"] == "policy"} == {
        str(tmp_path / "default.toml"): 1, str(tmp_path / "strict.toml"): 0}
    # The same twice is the same.
    same = run("replay", "--compare", tmp_path / "default.toml", tmp_path / "default.toml", tmp_path / "few.jsonl")
    assert b"at the same time with both" in same.stdout


def test_a_policy_that_cannot_be_is_named_with_its_line(tmp_path):
    (tmp_path / "bad.toml").write_text("outage_callers = 5\noutage_caller = 3\nproof_s = -1\n")
    for arguments in (("replay", "--policy", tmp_path / "bad.toml"), ("suggest", "--policy", tmp_path / "bad.toml"),
                      ("replay", "--compare", "/dev/null", tmp_path / "bad.toml")):
        done = run(*arguments, "-")
        assert done.returncode == 2 and b"line 2" in done.stderr and b"line 3" in done.stderr, arguments


@pytest.mark.long
def test_thresholds_are_proposed_with_what_they_would_have_done(tmp_path):
    weeks = [event(60 * number, f"user-{number % 50}", None) for number in range(600)]
    weeks += [event(24_000 + 10 * number, f"user-{number}") for number in range(40)]
    # A broken laptop that must not page anybody.
    weeks += [event(10_000 + 100 * number, "laptop") for number in range(20)]
    (tmp_path / "weeks.jsonl").write_bytes(as_lines(sorted(weeks, key=lambda made: made["time"])))
    done = run("suggest", "--format", "json", tmp_path / "weeks.jsonl")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    policies = [line for line in lines if line["type"] == "policy"]
    (suggestion,) = [line for line in lines if line["type"] == "suggestion"]
    assert done.returncode == 0 and len(policies) >= 12 and suggestion["outages"] == 1
    taken = [line for line in policies if (line["outageCallers"], line["falsePagesPerYear"])
             == (suggestion["outageCallers"], suggestion["falsePagesPerYear"])]
    assert taken[0]["caught"] == 1 and taken[0]["falseLookingPages"] == 0
    text = run("suggest", tmp_path / "weeks.jsonl").stdout.decode()
    assert "outages caught" in text and f"outage_callers = {suggestion['outageCallers']}" in text
    # The proposal can be used unchanged.
    proposed = "\n".join(line for line in text.splitlines() if " = " in line)
    (tmp_path / "proposed.toml").write_text(proposed)
    assert run("replay", "--policy", tmp_path / "proposed.toml", tmp_path / "weeks.jsonl").returncode == 0


@pytest.mark.long
def test_a_page_for_a_passing_trouble_of_few_looks_false_and_is_not_proposed(tmp_path):
    month = [event(60 * number, f"user-{number % 50}", None) for number in range(1500)]
    for blip in range(6):
        month += [event(9_000 * (blip + 1) + number, f"victim-{number}") for number in range(3)]
    month += [event(70_000 + 5 * number, f"user-{number}") for number in range(120)]
    (tmp_path / "month.jsonl").write_bytes(as_lines(sorted(month, key=lambda made: made["time"])))
    summary = replay(tmp_path / "month.jsonl")[-1]
    assert summary["pages"] > 1 and summary["falseLookingPages"] == summary["pages"] - 1
    lines = [json.loads(line) for line in run("suggest", "--format", "json", tmp_path / "month.jsonl").stdout.splitlines()]
    (suggestion,) = [line for line in lines if line["type"] == "suggestion"]
    assert suggestion["outages"] == 1
    policies = [line for line in lines if line["type"] == "policy"]
    (taken,) = [line for line in policies if (line["outageCallers"], line["falsePagesPerYear"])
                == (suggestion["outageCallers"], suggestion["falsePagesPerYear"])]
    catching = [line["falseLookingPages"] for line in policies if line["caught"] == 1]
    assert taken["caught"] == 1 and taken["falseLookingPages"] == min(catching) < max(catching)


def test_without_an_outage_nothing_is_proposed(tmp_path):
    (tmp_path / "quiet.jsonl").write_bytes(as_lines([{"source": "aws.s3", "detail-type": "made up", "detail": {}}]))
    assert b"suggestion" not in run("suggest", "--format", "json", tmp_path / "quiet.jsonl").stdout


HISTORIES = sorted((ROOT / "target" / "histories").glob("*.jsonl"))
GOLDEN = ROOT / "tests" / "golden"


@pytest.mark.skipif(not HISTORIES, reason="`make scenarios` has not been here")
@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
def test_a_simulated_history_matches_its_golden_report(path):
    text = run("replay", path).stdout.decode()
    golden = GOLDEN / f"{path.stem}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(text)
    kept = golden.read_text() if golden.exists() else ""
    assert text == kept, "\n".join(difflib.unified_diff(kept.splitlines(), text.splitlines(), "kept", "now", n=1))


def test_other_files_beside_a_trail_are_ignored_unopened_and_reported_in_one_line(tmp_path):
    organization = tmp_path / "AWSLogs" / "o-a1b2c3d4e5"
    for account in range(4):
        for service in ("CloudTrail-Digest", "CloudTrail-Insight", "Config", "GuardDuty", "elasticloadbalancing", "vpcflowlogs"):
            folder = organization / f"{account:012}" / service / "us-east-1" / "2026" / "11" / "05"
            folder.mkdir(parents=True)
            (folder / "made-up.json.gz").write_bytes(b"what would be complained of")
    trail(tmp_path, DAY)
    flat = tmp_path / "AWSLogs" / "123456789012" / "CloudTrail" / "us-east-1" / "123456789012_Config_us-east-1_made-up.json.gz"
    flat.write_bytes(b"the same")
    done = run("replay", "--format", "json", tmp_path)
    assert done.returncode == 0, "it is no failure"
    (line,) = done.stderr.decode().splitlines()
    assert line.startswith("oidc-triage: 24 folders and 1 file beside a trail's log files left alone: ")
    assert line.endswith(" and 5 more") and line.count(", ") == 19
    assert json.loads(done.stdout.splitlines()[-1])["files"] == 18
    # Files named on the command line are read.
    done = run("replay", "--format", "json", flat)
    assert done.returncode == 1 and b"neither JSON, nor a table of CloudTrail's records, nor a log" in done.stderr
    # Only such files most likely means the wrong folder.
    done = run("replay", "--format", "json", organization)
    assert done.returncode == 1 and b"no file to read in this folder" in done.stderr
