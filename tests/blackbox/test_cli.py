"""`oidc-triage replay`, as a person or a script calls it."""

import gzip
import json
import subprocess

import pytest

from tests.harness import make
from tests.harness.awslogs import EVENTS
from tests.harness.runtime_api import PATIENCE, binary
from tests.harness.servers import refused_url

EVENT = EVENTS / "cloudtrail__create_token_internal_server_error.json"


def run(*arguments, stdin=b"", **env):
    # Every AWS endpoint refuses: replay touches no network.
    return subprocess.run([binary("oidc-triage", "OIDC_TRIAGE_CLI"), *map(str, arguments)], input=stdin,
                          capture_output=True, timeout=5 * PATIENCE,
                          env={"PATH": "/usr/bin:/bin", "AWS_ENDPOINT_URL": refused_url(), **make.TRUSTED, **env})


def replay(*paths, stdin=b"", status=0):
    done = run("replay", "--format", "json", *paths, stdin=stdin)
    assert done.returncode == status, done.stderr.decode()
    return [json.loads(line) for line in done.stdout.splitlines()]


def failures(lines):
    return [line for line in lines if line["type"] == "failure"]


def notices(lines):
    return [line for line in lines if line["type"] == "notice"]


def opened(lines):
    return [line for line in notices(lines) if line["kind"] == "opened"]


def past_outage(region="us-east-1"):
    events = make.outage(region)
    for number, event in enumerate(events):
        event["time"] = event["detail"]["eventTime"] = f"2026-11-05T12:00:{number:02d}Z"
    return events


def test_the_folder_of_events_shows_outages_and_names_what_it_skipped():
    done = run("replay", "--format", "json", EVENTS)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert {notice["region"] for notice in notices(lines)} >= {"eu-central-1", "eu-west-1"}
    assert all(notice["diagnosis"] == "outage" and notice["reasons"] for notice in opened(lines))
    # Each of them lasts.
    pages = {notice["incident"] for notice in notices(lines) if notice["severity"] == "page"}
    assert pages == {notice["incident"] for notice in opened(lines)}
    assert lines[-1]["type"] == "summary"
    # The folder holds bad input on purpose.
    assert done.returncode == 1
    assert b"call__without_error.json" in done.stderr and b"README" not in done.stderr


def test_text_is_for_people():
    done = run("replay", EVENTS / "sqs__outage_six_callers.json")
    assert done.returncode == 0 and done.stderr == b""
    text = done.stdout.decode()
    assert "outage" in text and "eu-central-1" in text and "InternalServerException" in text


def test_each_line_of_json_is_an_object_with_a_type():
    lines = replay(EVENT)
    assert [line["type"] for line in lines] == ["advice", "failure", "summary"]
    assert lines[1]["at"] == json.loads(EVENT.read_text())["detail"]["eventTime"]
    assert lines[1]["cause"] == "service" and lines[1]["origin"] == "cloudtrail"
    assert lines[1]["adviceId"] == lines[0]["id"]
    assert lines[-1]["counts"]["service"] == 1


def as_array(events): return json.dumps(events).encode()
def as_lines(events): return b"\n".join(json.dumps(event).encode() for event in events) + b"\n"
def as_log_file(events): return json.dumps({"Records": [event["detail"] for event in events]}).encode()


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gz"])
@pytest.mark.parametrize("form", [as_array, as_lines, as_log_file])
def test_every_form_of_file_shows_the_same_outage(tmp_path, form, packed):
    content = form(past_outage())
    path = tmp_path / ("events.json.gz" if packed else "events.json")
    path.write_bytes(gzip.compress(content) if packed else content)
    lines = replay(path)
    assert len(failures(lines)) == 8 and len(opened(lines)) == 1


def test_the_order_of_the_input_does_not_matter(tmp_path):
    path = tmp_path / "reversed.jsonl"
    path.write_bytes(as_lines(list(reversed(past_outage()))))
    lines = replay(path)
    assert [line["at"] for line in failures(lines)] == sorted(line["at"] for line in failures(lines))
    assert len(opened(lines)) == 1


def test_a_file_and_the_same_again_is_one_outage(tmp_path):
    for name in ("a.json", "b.json"):
        (tmp_path / name).write_bytes(as_array(PAST))
    lines = replay(tmp_path)
    assert len(opened(lines)) == 1 and lines[-1]["counts"]["duplicate"] == 8


PAST = past_outage()


def test_standard_input_is_read():
    assert len(failures(replay("-", stdin=as_lines(past_outage())))) == 8


def test_log_files_one_after_the_other_without_a_line_break_are_read():
    both = as_log_file(past_outage()[:2]) + as_log_file(past_outage()[2:])
    assert len(failures(replay("-", stdin=both))) == 8


def test_folders_within_folders_are_read(tmp_path):
    deep = tmp_path / "AWSLogs" / "123456789012" / "CloudTrail"
    deep.mkdir(parents=True)
    (deep / "1.json.gz").write_bytes(gzip.compress(as_log_file(past_outage())))
    assert len(failures(replay(tmp_path))) == 8


def test_a_bad_file_is_named_with_its_reason_and_the_rest_is_read(tmp_path):
    (tmp_path / "bad.json").write_text("{ this is not JSON")
    (tmp_path / "cut.json.gz").write_bytes(gzip.compress(as_array(past_outage()))[:-30])
    (tmp_path / "good.json").write_bytes(EVENT.read_bytes())
    done = run("replay", "--format", "json", tmp_path)
    assert done.returncode == 1
    errors = done.stderr.decode()
    for name in ("bad.json", "cut.json.gz"):
        assert name in errors
    assert "good.json" not in errors
    assert len(failures([json.loads(line) for line in done.stdout.splitlines()])) == 1


def test_a_bad_line_is_named_by_its_number(tmp_path):
    path = tmp_path / "lines.jsonl"
    events = past_outage()
    path.write_bytes(as_lines(events) + b"not JSON\n")
    done = run("replay", path)
    assert done.returncode == 1 and f"lines.jsonl:{len(events) + 1}" in done.stderr.decode()


@pytest.mark.parametrize("arguments", [[], ["replay"], ["replay", "--format", "xml", EVENT], ["no-such-command"],
                                       ["replay", "--no-such-flag", EVENT]], ids=str)
def test_wrong_usage_ends_with_status_2(arguments):
    done = run(*arguments)
    assert done.returncode == 2 and done.stderr


def test_a_policy_that_cannot_be_used_ends_with_status_2_and_its_reason(tmp_path):
    policy = tmp_path / "policy.toml"
    policy.write_text("outage_callers = 0\nno_such_key = 1\n")
    done = run("replay", "--policy", policy, EVENT)
    assert done.returncode == 2 and b"policy.toml" in done.stderr


def test_a_policy_moves_the_threshold(tmp_path):
    policy = tmp_path / "policy.toml"
    policy.write_text("outage_callers = 50\n")
    done = run("replay", "--format", "json", "--policy", policy, EVENTS / "sqs__outage_six_callers.json")
    assert done.returncode == 0 and b'"type":"notice"' not in done.stdout


def test_help_is_not_an_error():
    done = run("--help")
    assert done.returncode == 0 and b"replay" in done.stdout


def test_a_closed_pipe_is_not_an_error():
    program = binary("oidc-triage", "OIDC_TRIAGE_CLI")
    done = subprocess.run(["bash", "-c", f"set -o pipefail; '{program}' replay '{EVENTS}' 2>/dev/null | head -n 1; "
                                         "exit ${PIPESTATUS[0]}"], capture_output=True, timeout=PATIENCE)
    assert done.returncode in (0, 1) and b"panicked" not in done.stderr


def test_an_empty_file_is_reported_as_empty(tmp_path):
    (tmp_path / "empty.json").write_text("\n")
    done = run("replay", tmp_path / "empty.json")
    assert done.returncode == 1 and b"empty.json: nothing in it" in done.stderr


def test_a_folder_without_files_of_events_is_named(tmp_path):
    (tmp_path / "notes.txt").write_text("not an event")
    (tmp_path / "deeper").mkdir()
    done = run("replay", tmp_path)
    assert done.returncode == 1 and b"no file to read in this folder" in done.stderr


def test_links_of_folders_in_a_circle_are_not_followed(tmp_path):
    (tmp_path / "one.json").write_bytes(EVENT.read_bytes())
    (tmp_path / "again").symlink_to(tmp_path)
    assert replay(tmp_path)[-1]["files"] == 1


def test_a_byte_order_mark_is_harmless(tmp_path):
    (tmp_path / "marked.json").write_bytes(b"\xef\xbb\xbf" + EVENT.read_bytes())
    assert len(failures(replay(tmp_path / "marked.json"))) == 1


def test_a_broken_document_over_many_lines_is_named_once(tmp_path):
    whole = EVENT.read_text()
    assert whole.count("\n") > 10
    (tmp_path / "cut.json").write_text(whole[:len(whole) // 2])
    done = run("replay", tmp_path / "cut.json")
    assert done.returncode == 1
    (line,) = done.stderr.decode().splitlines()
    assert "cut.json: not JSON: line " in line


@pytest.mark.parametrize("document", ['{"Records":5}', "[[[[[[{}]]]]]]", '{"made":"up"}', "5"])
def test_unreadable_files_count_as_skipped(tmp_path, document):
    (tmp_path / "odd.json").write_text(document)
    done = run("replay", tmp_path / "odd.json")
    assert done.returncode == 1 and b"odd.json" in done.stderr


def test_a_wrong_year_does_not_cost_a_million_ticks(tmp_path):
    first, second = PAST[:2]
    second = json.loads(json.dumps(second).replace("2026-11-05T", "9026-11-05T"))
    (tmp_path / "years.jsonl").write_bytes(as_lines([first, second]))
    # The wrong one is named, and the other one counts.
    assert len(failures(replay(tmp_path / "years.jsonl", status=1))) == 1


def test_an_outage_long_after_another_event_is_reported(tmp_path):
    early = make.cloudtrail()
    early["time"] = early["detail"]["eventTime"] = "2025-01-01T00:00:00Z"
    (tmp_path / "years.jsonl").write_bytes(as_lines([early, *PAST]))
    assert len(opened(replay(tmp_path / "years.jsonl"))) == 1


def test_the_help_of_replay_says_what_a_path_and_an_exit_status_are():
    done = run("replay", "--help")
    text = " ".join(done.stdout.decode().split())
    for part in ("CloudTrail log file", ".gz", "standard input", "Exit status", "something was skipped", "text|json"):
        assert part in text, part


def in_short(notices):
    return [(notice["kind"], notice["diagnosis"], notice["severity"], notice["region"]) for notice in notices]


def test_replay_shows_the_function_s_notices_without_a_probe(start, tmp_path):
    function = start(AWS_ENDPOINT_URL_SSO_OIDC=refused_url())
    events = [*make.outage("eu-west-1", 8), make.cloudtrail("InvalidGrantException"), *make.outage("us-west-2", 2),
              make.logs(["An error occurred (InternalServerException) when calling the CreateToken operation: "] * 3),
              *make.outage("ap-southeast-2", 9)]
    told_live = [notice for event in events for notice in function.invoke(event).answer["notices"]]
    # Nothing can be reached here, neither the service nor its control: replay has no probe that could notice.
    live = [notice for notice in told_live if notice["diagnosis"] != "blind"]
    (tmp_path / "events.jsonl").write_bytes(as_lines(events))
    assert sorted(in_short(live)) == sorted(in_short(opened(replay(tmp_path / "events.jsonl"))))
    assert len(live) == 2


def test_a_long_outage_has_changes_and_hourly_reminders_until_nobody_fails(tmp_path):
    events = make.outage(callers=110)
    for number, event in enumerate(events):
        event["time"] = event["detail"]["eventTime"] = f"2026-11-05T{12 + number // 60}:{number % 60:02d}:00Z"
    (tmp_path / "events.jsonl").write_bytes(as_lines(events))
    lines = notices(replay(tmp_path / "events.jsonl"))
    kinds = [line["kind"] for line in lines]
    assert kinds[0] == "opened" and kinds[-1] == "resolved" and set(kinds[1:-1]) <= {"changed", "reminder"}
    assert "reminder" in kinds and kinds.count("changed") <= 4, "not more often than the callers double"
    assert "2026-11-05T12:04" <= lines[0]["at"] <= "2026-11-05T12:05", "at the fifth caller, in a region without successes"
    assert len({line["incident"] for line in lines}) == 1
