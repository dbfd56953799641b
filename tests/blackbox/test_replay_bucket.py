"""`oidc-triage replay s3://...`: the same as of the files on disk, whatever happens to a request; and only what is asked for is read."""

import gzip
import json
import pathlib
import random
import signal
import subprocess

import pytest

from tests.blackbox.test_cli import opened, past_outage, run
from tests.blackbox.test_replay import DAY, at, day, event, trail, verdicts, write_repeated
from tests.harness.fake_bucket import BUCKET, LIST, FakeBucket
from tests.harness.runtime_api import PATIENCE, binary
from tests.harness.world import until

PLACE = f"s3://{BUCKET}"


def objects_of(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(pathlib.Path(folder).rglob("*")) if path.is_file()}


def replayed(s3, *arguments, status=0, **env):
    done = run("replay", "--format", "json", *arguments, **s3.environment(**env))
    assert done.returncode == status, done.stderr.decode()
    assert s3.wrong == [] and b"planted" not in done.stdout + done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()], done.stderr.decode()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """An organization's bucket: two regions and two accounts, and what AWS puts beside them."""
    folder = trail(tmp_path_factory.mktemp("bucket"), DAY, of_a_file=7)
    trail(folder, day("eu-west-1", 60), region="eu-west-1")
    for beside in ("CloudTrail-Digest/us-east-1/2026/11/05/123456789012_CloudTrail-Digest_us-east-1_x_20261105T1200Z.json.gz",
                   "Config/us-east-1/2026/11/5/123456789012_Config_us-east-1_x.json.gz", "vpcflowlogs/us-east-1/x.log.gz"):
        path = folder / "AWSLogs" / "123456789012" / beside
        path.parent.mkdir(parents=True)
        path.write_bytes(gzip.compress(b'{"foreign":true}'))
    (folder / "notes.txt").write_text("nothing")
    return folder


@pytest.mark.parametrize("prefix", ["", "/", "/AWSLogs", "/AWSLogs/", "/AWSLogs/1234"])
@pytest.mark.parametrize("page", [1000, 5], ids=["one page", "many pages"])
def test_a_bucket_is_read_as_its_copy_on_disk(folder, prefix, page):
    there = run("replay", "--format", "json", folder)
    expected = [json.loads(line) for line in there.stdout.splitlines()]
    with FakeBucket(objects_of(folder), page=page) as s3:
        lines, said = replayed(s3, PLACE + prefix)
        assert lines == expected and len(opened(lines)) == 2
        # What lies beside is not even listed.
        assert not any("Config" in asked["prefix"] or "Digest" in asked["prefix"] for asked in s3.lists if "prefix" in asked)
        assert {key for key, _ in s3.gets} == {key for key in s3.objects if "/CloudTrail/" in key}
        assert "3 folders beside a trail's log files left alone" in said and "CloudTrail-Digest" in said


def test_one_object_is_read_whatever_it_is_called(folder):
    with FakeBucket({"exports/what a day+.txt": b"\n".join(json.dumps(event).encode() for event in DAY), "exports/what a day+.txt.bak": b"{"}) as s3:
        lines, _ = replayed(s3, f"{PLACE}/exports/what a day+.txt")
        assert len(opened(lines)) == 1 and {key for key, _ in s3.gets} == {"exports/what a day+.txt"}


def test_a_whole_key_is_one_object_and_a_folder_marker_none(folder):
    line = json.dumps(event(0, "user-1")).encode()
    with FakeBucket({"a.json": line, "a.json.gz": gzip.compress(line), "a.json.2026/b.json": line, **objects_of(folder), "AWSLogs/": b""}) as s3:
        assert replayed(s3, f"{PLACE}/a.json")[0][-1]["records"] == 1
        assert len(opened(replayed(s3, f"{PLACE}/AWSLogs/")[0])) == 2


def named(stamp, region="us-east-1", day="2026/11/05"):
    return f"AWSLogs/123456789012/CloudTrail/{region}/{day}/123456789012_CloudTrail_{region}_{stamp}_x.json.gz"


def packed(events):
    return gzip.compress(json.dumps({"Records": [{"eventVersion": "1.11", **made["detail"]} for made in events]}).encode())


def test_a_window_leaves_out_no_record_that_lies_in_it():
    """A file of 14:45 may have calls up to 14:52, as in AWS's own sample of a digest."""
    objects = {named("20261105T1200Z"): packed([event(60 * number, f"user-{number}") for number in range(8)]),
               # No trail wrote it: its name tells nothing of what is in it.
               "AWSLogs/all_20261101T0000Z_full.json": b"\n".join(json.dumps(event(600 + number, "user-9")).encode() for number in range(50))}
    with FakeBucket(objects) as s3:
        lines, _ = replayed(s3, "--since", at(120), f"{PLACE}/AWSLogs/")
        assert lines[-1]["counts"]["service"] == 6 + 50
        for window in (["--since", "2026-11-20"], ["--until", "2026-11-01"], ["--region", "eu-north-1"]):
            lines, said = replayed(s3, *window, f"{PLACE}/AWSLogs/123456789012/")
            assert lines[-1]["files"] == 0 and "no object" not in said, "nothing lies in it, and that is no error"


def test_only_the_days_and_regions_that_are_asked_for_are_listed_and_read(tmp_path):
    objects, body = {}, gzip.compress(json.dumps({"Records": [{"eventVersion": "1.11", **DAY[0]["detail"]}]}).encode())
    for region in ("us-east-1", "eu-west-1"):
        for day_of_month in range(1, 29):
            for hour in range(0, 24, 6):
                objects[f"o-1/AWSLogs/o-1/123456789012/CloudTrail/{region}/2026/11/{day_of_month:02}/123456789012_CloudTrail_{region}_"
                        f"202611{day_of_month:02}T{hour:02}05Z_x.json.gz"] = body
    with FakeBucket(objects, page=10) as s3:
        _, said = replayed(s3, "--since", "2026-11-10T12:00:00Z", "--until", "2026-11-11T12:00:00Z", "--region", "us-east-1", f"{PLACE}/o-1/")
        read = sorted(key.rsplit("_", 2)[1] for key, _ in s3.gets)
        # What is delivered up to a day later may be of that time.
        assert read == [f"202611{day_of_month}T{hour:02}05Z" for day_of_month in (10, 11, 12) for hour in range(0, 24, 6)
                        if "1012" <= f"{day_of_month}{hour:02}" <= "1212"][:len(read)] and len(read) == 8
        assert not any("eu-west-1" in asked["prefix"] for asked in s3.lists)
        assert len(s3.lists) < 12, "28 days have 12 pages"
        assert "objects outside of --since and --until not read, besides those not even listed" in said


def test_a_table_of_athena_and_files_without_a_time_in_their_names_are_put_in_order(tmp_path):
    parts = [DAY[:300], DAY[300:600], DAY[600:]]
    names = ["results/c.jsonl", "results/b.jsonl.gz", "results/a.json"]
    made = {name: b"\n".join(json.dumps(event).encode() for event in part) for name, part in zip(names, parts)}
    made[names[1]] = gzip.compress(made[names[1]])
    with FakeBucket(made) as s3:
        lines, _ = replayed(s3, f"{PLACE}/results/")
        assert verdicts(lines) == verdicts([json.loads(line) for line in run("replay", "--format", "json", "-", stdin=b"\n".join(
            json.dumps(event).encode() for event in DAY)).stdout.splitlines()])
        assert lines[-1]["outOfOrder"] == 0


@pytest.mark.parametrize("trouble", [(503, "SlowDown"), (500, "InternalError"), (0, "")], ids=["slow down", "failed", "dropped"])
def test_a_request_that_fails_is_repeated(folder, trouble):
    objects = objects_of(folder)
    with FakeBucket(objects) as s3:
        expected, _ = replayed(s3, PLACE)
    with FakeBucket(objects) as s3:
        some = random.Random(5).sample([key for key in objects if "/CloudTrail/" in key], 5)
        # The client itself tries three times.
        s3.troubles = {key: [trouble] * 4 for key in some} | {LIST: [trouble] * 4}
        s3.cut = set(some[:2])
        assert replayed(s3, PLACE)[0] == expected


def test_a_bucket_of_another_region_is_found(folder):
    with FakeBucket(objects_of(folder), region="eu-south-2") as s3:
        assert len(opened(replayed(s3, PLACE)[0])) == 2


@pytest.mark.parametrize("code, words", [("AccessDenied", "s3:GetObject was refused: AccessDenied"), ("InvalidObjectState", "it is in an archive of S3"),
                                         ("NoSuchKey", "it is gone"), ("SlowDown", "S3 failed: SlowDown")])
def test_an_object_that_cannot_be_read_is_named_and_the_rest_goes_on(folder, code, words):
    objects = objects_of(folder)
    lost = next(key for key in objects if "/CloudTrail/us-east-1" in key)
    with FakeBucket(objects) as s3:
        s3.troubles[lost] = [({"SlowDown": 503, "NoSuchKey": 404}.get(code, 403), code)] * 1000
        lines, said = replayed(s3, PLACE, status=1)
        assert f"{PLACE}/{lost}: {words}" in said and len(opened(lines)) == 2


def test_an_object_that_is_replaced_while_it_is_read_is_named():
    with FakeBucket({"a.json": b" " * (5 << 20)}) as s3:
        s3.replaced.add("a.json")
        _, said = replayed(s3, f"{PLACE}/a.json", status=1)
        assert f"{PLACE}/a.json: the rest cannot be read: it was replaced while it was read" in said


def test_an_object_that_grew_since_it_was_listed_is_named():
    lines = b"\n".join(json.dumps(event(number, "user-1")).encode() for number in range(300))

    class Grows(dict):
        """Ten lines are listed."""
        def __getitem__(self, key):
            return super().__getitem__(key)[:2000]

    with FakeBucket(Grows({"a.jsonl": lines})) as s3:
        _, said = replayed(s3, f"{PLACE}/a.jsonl", status=1)
        assert f"{PLACE}/a.jsonl: it was replaced while it was read" in said


def test_thousands_of_folders_are_listed_as_a_whole():
    line = json.dumps(event(0, "user-1")).encode()
    with FakeBucket({f"results/hour={number:04}/part.json": line for number in range(1500)}) as s3:
        lines, _ = replayed(s3, f"{PLACE}/results/")
        assert lines[-1]["files"] == 1500 and len(s3.lists) < 10


@pytest.mark.parametrize("place, env, words", [
    ("s3://made-up-other/", {}, "there is no such bucket"),
    (f"{PLACE}/nothing/", {}, "there is no object whose key begins with that"),
    ("s3://Made_Up", {}, "write s3://BUCKET/PREFIX"),
    (PLACE, {"AWS_ACCESS_KEY_ID": ""}, "no AWS credentials: sign in as for the AWS CLI (aws sso login, AWS_PROFILE)"),
    (PLACE, {"AWS_PROFILE": "made-up", "AWS_ACCESS_KEY_ID": ""}, "no AWS credentials"),
])
def test_a_place_at_which_nothing_can_be_read_is_wrong_usage(folder, tmp_path, place, env, words):
    with FakeBucket(objects_of(folder)) as s3:
        env = {key: value for key, value in s3.environment(HOME=str(tmp_path), **env).items() if value}
        done = run("replay", place, **env)
        assert done.returncode == 2 and words in done.stderr.decode(), done.stderr
        assert b"planted" not in done.stdout + done.stderr


def test_who_may_not_list_is_told_which_right_is_missing(folder):
    with FakeBucket(objects_of(folder)) as s3:
        s3.troubles[LIST] = [(403, "AccessDenied")] * 100
        done = run("replay", PLACE, **s3.environment())
        assert done.returncode == 2 and b"s3:ListBucket was refused: AccessDenied" in done.stderr


def test_a_profile_and_its_command_give_the_credentials(folder, tmp_path):
    (tmp_path / "config").write_text("[profile archive]\nregion = us-east-1\ncredential_process = echo '" + json.dumps(
        {"Version": 1, "AccessKeyId": "AKIDOFCOMMAND", "SecretAccessKey": "planted-of-command", "Expiration": "2099-01-01T00:00:00Z"}) + "'\n")
    with FakeBucket(objects_of(folder)) as s3:
        env = {key: value for key, value in s3.environment().items() if "KEY" not in key}
        done = run("replay", PLACE, **env, AWS_CONFIG_FILE=str(tmp_path / "config"), AWS_PROFILE="archive")
        assert done.returncode == 0 and b"planted" not in done.stdout + done.stderr, done.stderr


@pytest.mark.long
def test_a_large_object_and_many_small_ones_are_read_in_bounded_memory(tmp_path):
    other = json.dumps({"eventVersion": "1.11", "eventSource": "ec2.amazonaws.com", "eventName": "DescribeInstances",
                        "eventTime": at(0), "eventID": "made-up", "requestParameters": "x" * 2000}, separators=(",", ":"))
    end = ",".join(json.dumps({"eventVersion": "1.11", **made["detail"]}, separators=(",", ":")) for made in past_outage())
    write_repeated(tmp_path / "large.json.gz", f'{{"Records":[{other}'.encode(), f",{other}".encode() * 10_000, 7, f",{end}]}}".encode())
    small = gzip.compress(json.dumps({"Records": [json.loads(other)] * 50}).encode())
    objects = {"large.json.gz": (tmp_path / "large.json.gz").read_bytes(), **{f"small/{number:05}.json.gz": small for number in range(3000)}}
    with FakeBucket(objects) as s3:
        command = [binary("oidc-triage", "OIDC_TRIAGE_CLI"), "replay", "--format", "json", PLACE]
        done = subprocess.run(["/usr/bin/env", "python3", "-c", MEASURED, *command], capture_output=True, timeout=5 * PATIENCE,
                              env={"PATH": "/usr/bin:/bin", **s3.environment()})
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        assert done.returncode == 0, done.stderr
        assert lines[-1]["records"] == 70_001 + 8 + 150_000 and len(opened(lines)) == 1
        assert int(done.stderr.splitlines()[-1]) < 120 * 1024, "KiB"


#: Runs a command, and says how much memory it had at most.
MEASURED = "import resource, subprocess, sys; code = subprocess.call(sys.argv[1:]); " \
           "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr); sys.exit(code)"


def test_credentials_that_soon_expire_are_not_fetched_for_each_request(folder, tmp_path):
    at_once = "date -u -d '+200 seconds' +%Y-%m-%dT%H:%M:%SZ"
    (tmp_path / "sign-in").write_text('#!/bin/sh\necho asked >> "$0.log"\necho "{\\"Version\\": 1, \\"AccessKeyId\\": \\"AKIDOFCOMMAND\\", '
                                      f'\\"SecretAccessKey\\": \\"planted\\", \\"Expiration\\": \\"$({at_once})\\"}}"\n')
    (tmp_path / "sign-in").chmod(0o755)
    (tmp_path / "config").write_text(f"[profile archive]\ncredential_process = {tmp_path}/sign-in\n")
    with FakeBucket(objects_of(folder)) as s3:
        env = {key: value for key, value in s3.environment().items() if "KEY" not in key}
        done = run("replay", PLACE, **env, AWS_CONFIG_FILE=str(tmp_path / "config"), AWS_PROFILE="archive")
        assert done.returncode == 0, done.stderr
        assert (tmp_path / "sign-in.log").read_text().count("asked") <= 2 < len(s3.gets)


@pytest.mark.parametrize("slow", [LIST, "dates", "small", "large"])
def test_ctrl_c_ends_it_at_once_whatever_it_waits_for(folder, slow):
    undated = {f"undated/{number}.json": json.dumps(event(number, "user-1")).encode() for number in range(40)}
    with FakeBucket({**objects_of(folder), **undated, "large.json": b" " * (3 << 20)}) as s3:
        trails = sorted(key for key in s3.objects if "/CloudTrail/" in key)
        waits = {LIST: [LIST], "dates": list(undated), "small": trails[-1:], "large": ["large.json"]}[slow]
        s3.delays = dict.fromkeys(waits, PATIENCE)
        process = subprocess.Popen([binary("oidc-triage", "OIDC_TRIAGE_CLI"), "replay", "--format", "json", PLACE], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, env={"PATH": "/usr/bin:/bin", **s3.environment()})
        until(lambda: s3.lists if slow == LIST else [key for key, _ in s3.gets if key in waits])
        process.send_signal(signal.SIGINT)
        out, said = process.communicate(timeout=PATIENCE)
        assert s3.waited == [], "it ended before the answer came"
        if slow == LIST:
            assert process.returncode == 2 and b"was not waited for" in said
        else:
            assert process.returncode == 130 and json.loads(out.splitlines()[-1])["type"] == "summary"


def test_ctrl_c_ends_it_with_what_was_read(folder):
    with FakeBucket(objects_of(folder)) as s3:
        slow = sorted(key for key in s3.objects if "/CloudTrail/" in key)[-1]
        # It waits longer and longer for this one.
        s3.troubles[slow] = [(503, "SlowDown")] * 1000
        process = subprocess.Popen([binary("oidc-triage", "OIDC_TRIAGE_CLI"), "replay", "--format", "json", PLACE], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, env={"PATH": "/usr/bin:/bin", **s3.environment()})
        until(lambda: (slow, None) in [(key, None) for key, _ in s3.gets])
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=PATIENCE)
        assert process.returncode in (130, 1) and json.loads(out.splitlines()[-1])["type"] == "summary"


def test_s3_of_another_make_gives_the_same(folder, emulator):
    account = "212121212121"
    s3 = emulator.client("s3", account)
    s3.create_bucket(Bucket=BUCKET)
    for key, body in objects_of(folder).items():
        s3.put_object(Bucket=BUCKET, Key=key, Body=body)
    env = {"AWS_ACCESS_KEY_ID": account, "AWS_SECRET_ACCESS_KEY": "made-up", "AWS_REGION": "us-east-1", "AWS_ENDPOINT_URL_S3": emulator.url}
    done, there = (run("replay", "--format", "json", place, **env) for place in (PLACE, folder))
    assert done.returncode == 0 and done.stdout == there.stdout, done.stderr
