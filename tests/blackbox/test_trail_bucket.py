"""An organization trail's bucket: what its notifications make the real function read, what it never reads, and what comes again."""

import gzip
import json
import time
import urllib.parse

import pytest

from tests.harness import make
from tests.harness.fake_oidc import NULL_500
from tests.harness.fake_s3 import TRAIL, FakeS3
from tests.harness.world import SHORT

POLICY = "\n".join(f"{key} = {number}" for key, number in SHORT.items())
#: The account that owns Identity Center, and the one that owns the bucket.
MANAGEMENT, ARCHIVE = "444455556666", "777788889999"
PREFIX = "o-a1b2c3d4e5/"


@pytest.fixture
def s3():
    with FakeS3(owner=ARCHIVE) as s3:
        yield s3


@pytest.fixture
def reading(start, oidc, sns, s3):
    oidc.script_all(NULL_500)

    def reading(**env):
        return start(**{"AWS_ENDPOINT_URL_S3": s3.url, "OIDC_TRIAGE_POLICY": POLICY, "OIDC_TRIAGE_TRAIL_BUCKET": TRAIL,
                        "OIDC_TRIAGE_TRAIL_BUCKET_ACCOUNT": ARCHIVE, "OIDC_TRIAGE_TRAIL_PREFIX": PREFIX,
                        "OIDC_TRIAGE_TRUSTED_ACCOUNTS": MANAGEMENT, **env})
    return reading


def key(number=0, account=MANAGEMENT, region="us-east-1", kind="CloudTrail"):
    return (f"{PREFIX}AWSLogs/o-a1b2c3d4e5/{account}/{kind}/{region}/2026/11/22/"
            f"{account}_{kind}_{region}_20261122T1155Z_{number:016}.json.gz")


def records(events, account=MANAGEMENT):
    return [{**event["detail"], "recipientAccountId": account} for event in events]


def packed(records):
    foreign = {"eventSource": "iam.amazonaws.com", "eventName": "CreateUser", "awsRegion": "us-east-1"}
    return gzip.compress(json.dumps({"Records": [foreign, *records, foreign]}).encode())


def created(key, bucket=TRAIL, size=4096):
    return {"Records": [{"eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "us-east-1", "eventTime": make.timestamp(),
                         "eventName": "ObjectCreated:Put", "s3": {"s3SchemaVersion": "1.0", "bucket": {"name": bucket},
                                                                  "object": {"key": urllib.parse.quote_plus(key), "size": size}}}]}


def of_cloudtrail(*keys):
    return {"s3Bucket": TRAIL, "s3ObjectKey": list(keys)}


def in_topic(message, topic=make.TRUSTED["OIDC_TRIAGE_TRUSTED_TOPICS"]):
    return {"Type": "Notification", "MessageId": "made-up", "TopicArn": topic, "Message": json.dumps(message)}


def invoke(function, *messages, **more):
    batch = make.sqs(messages)
    result = function.invoke(batch, alias="events", **more)
    assert result.error is None
    ids = [message["messageId"] for message in batch["Records"]]
    again = [ids.index(failed["itemIdentifier"]) for failed in result.answer["batchItemFailures"]]
    return result, again


def detail(result, name):
    return next(problem["detail"] for problem in result.answer["problems"] if problem["name"] == name)


@pytest.mark.parametrize("form", [created, lambda key: in_topic(created(key)), of_cloudtrail, lambda key: in_topic(of_cloudtrail(key))])
def test_an_object_with_failures_opens_an_incident_however_it_is_said(reading, s3, form):
    s3.files[key()] = packed(records(make.outage()))
    result, again = invoke(reading(), form(key()))
    assert (again, result.problems(), s3.gets, s3.wrong) == ([], {}, [key()], [])
    assert len(result.answer["failures"]) == 8
    assert {failure["account"] for failure in result.answer["failures"]} == {MANAGEMENT}
    assert [notice["kind"] for notice in result.answer["notices"] if notice["incident"]] == ["opened"]


def test_a_record_counts_once_however_often_and_by_whatever_way_it_comes(reading, s3):
    """The same object twice in a batch and again later, and the same records by EventBridge."""
    events = make.outage()
    s3.files[key()] = packed(records(events))
    function = reading()
    result, again = invoke(function, created(key()), of_cloudtrail(key()))
    assert (again, s3.gets, result.answer["counts"]["service"]) == ([], [key()], 8)
    result, again = invoke(function, created(key()))
    assert (again, result.answer["counts"]["service"], result.answer["counts"]["duplicate"]) == ([], 0, 8)
    for event in events:
        counts = function.invoke({**event, "account": MANAGEMENT}, alias="events").answer["counts"]
        assert (counts["service"], counts["duplicate"]) == (0, 1)


def test_the_evidence_of_two_execution_environments_is_one_set(world, s3):
    """One reads the object, the other gets the events: the affected callers are as many as there are."""
    events = make.outage(callers=8)
    s3.files[key()] = packed(records(events))
    env = {"AWS_ENDPOINT_URL_S3": s3.url, "OIDC_TRIAGE_TRAIL_BUCKET": TRAIL, "OIDC_TRIAGE_TRAIL_BUCKET_ACCOUNT": ARCHIVE,
           "OIDC_TRIAGE_TRAIL_PREFIX": PREFIX, "OIDC_TRIAGE_TRUSTED_ACCOUNTS": MANAGEMENT}
    world.break_service()
    for event in events:
        world.start().invoke(event, alias="events") if event is events[0] else world.running[0].invoke(event, alias="events")
    before = len(world.sent())
    result, again = invoke(world.start(**env), created(key()))
    assert (again, s3.gets) == ([], [key()]) and before > 0
    assert [sent.kind for sent in world.sent()[before:] if sent.kind == "opened"] == []
    line = next(line for line in result.output.splitlines() if '"verdicts"' in line)
    verdict = json.loads(line)["verdicts"][0]
    assert verdict["callers"] == 8, verdict


@pytest.mark.parametrize("named", ["another bucket", "another account", "another region", "a digest", "no file", "another prefix"])
def test_what_is_not_the_trails_own_is_never_asked_for(reading, s3, named):
    bucket, name = {
        "another bucket": ("somebodys-bucket", key()),
        "another account": (TRAIL, key(account="999988887777")),
        "another region": (TRAIL, key(region="ap-south-1")),
        "a digest": (TRAIL, key(kind="CloudTrail-Digest")),
        "no file": (TRAIL, "index.html"),
        "another prefix": (TRAIL, key().removeprefix(PREFIX)),
    }[named]
    s3.files[name] = packed(records(make.outage()))
    result, again = invoke(reading(), created(name, bucket))
    assert (again, s3.gets, result.answer["failures"]) == ([], [], [])
    refused = {"another bucket": "TrailBucket", "another prefix": "TrailPrefix"}.get(named)
    assert result.problems() == ({"source_not_believed": 1} if refused else {})
    assert not refused or refused in detail(result, "source_not_believed")


def test_a_foreign_object_under_a_trusted_key_proves_nothing(reading, s3):
    """Somebody who may write to the bucket puts another organization's file there, and calls that were served."""
    foreign = records(make.outage(), account="999988887777") + records(make.served(callers=3), account="999988887777")
    moved = records(make.outage(region="eu-west-1"))
    s3.files[key()] = packed(foreign + moved)
    result, again = invoke(reading(), created(key()))
    assert (again, result.answer["failures"], result.answer["counts"]["success"]) == ([], [], 0)
    assert result.problems() == {"source_not_believed": 19} and not any(notice["incident"] for notice in result.answer["notices"])


def test_a_queue_or_topic_that_is_not_ours_makes_nothing_be_read(reading, s3):
    s3.files[key()] = packed(records(make.outage()))
    result, _ = invoke(reading(OIDC_TRIAGE_TRUSTED_QUEUES="arn:aws:sqs:us-east-1:111122223333:other"), created(key()))
    assert result.problems() == {"source_not_believed": 1}
    result, _ = invoke(reading(), in_topic(created(key()), topic="arn:aws:sns:us-east-1:999988887777:theirs"))
    assert result.problems() == {"source_not_believed": 1}
    function = reading()
    direct = function.invoke(make.sqs([created(key())]), alias="direct")
    bare = function.invoke(created(key()), alias="events")
    assert direct.problems() == bare.problems() == {"source_not_believed": 1}
    assert s3.gets == []


#: What S3 answers for one object: whether its message comes again, the problem, and what is said.
TROUBLES = {
    "no right": ((403, "AccessDenied"), True, "object_not_read", "s3:GetObject in the bucket's policy"),
    "no right to the key": ((403, "AccessDenied", "not authorized to perform: kms:Decrypt on resource"), True, "object_not_read",
                            "kms:Decrypt in the key's policy"),
    "no bucket": ((404, "NoSuchBucket"), True, "object_not_read", "Correct TrailBucket"),
    "gone": ((404, "NoSuchKey"), False, "object_missing", "it is not there"),
    "slow down": ((503, "SlowDown"), True, "object_not_read", "S3 failed: SlowDown"),
    "broken": ((500, "InternalError"), True, "object_not_read", "S3 failed: InternalError"),
    "a dropped connection": ((0, ""), True, "object_not_read", "no connection"),
}


@pytest.mark.parametrize("name", TROUBLES)
def test_an_object_that_cannot_be_read_costs_no_other_one(reading, s3, name):
    trouble, comes_again, problem, said = TROUBLES[name]
    s3.files.update({key(1): packed(records(make.outage())), key(2): packed([])})
    s3.troubles[key(2)] = trouble
    result, again = invoke(reading(), created(key(2)), created(key(1)))
    assert again == ([0] if comes_again else [])
    assert result.problems() == {problem: 1} and len(result.answer["failures"]) == 8
    assert said in detail(result, problem) and "planted-message" not in result.everything()
    # A person can find it.
    assert f"CloudTrail's file of {MANAGEMENT} in us-east-1, made at 20261122T1155Z" in detail(result, problem)


def test_a_bucket_that_somebody_else_owns_gives_nothing(reading, s3):
    s3.owner = "999999999999"
    s3.files[key()] = packed(records(make.outage()))
    result, again = invoke(reading(), created(key()))
    assert (again, result.answer["failures"]) == ([0], []) and "TrailBucketAccount" in detail(result, "object_not_read")


def test_a_bucket_of_another_region_is_found_by_what_s3_says(reading, s3):
    s3.region = "eu-west-1"
    s3.files[key()] = packed(records(make.outage()))
    result, again = invoke(reading(), created(key()))
    assert (again, result.problems(), len(result.answer["failures"])) == ([], {}, 8)


BROKEN = {
    "not gzip": (b"not gzip", "gzip_invalid"),
    "cut short": (packed([])[:-9], "gzip_truncated"),
    "not JSON": (gzip.compress(b'{"Records":[{]}'), "json_invalid"),
    "something else": (gzip.compress(b'{"a":1}'), "event_unknown"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_object_is_a_problem_and_never_comes_again(reading, s3, name):
    body, problem = BROKEN[name]
    s3.files.update({key(1): body, key(2): packed(records(make.outage()))})
    result, again = invoke(reading(), created(key(1)), created(key(2)))
    assert (again, result.problems(), len(result.answer["failures"])) == ([], {problem: 1}, 8)


def test_a_bomb_is_cut_and_what_is_too_large_is_not_read(reading, s3):
    bomb = gzip.compress(b'{"Records":[{"eventName":"CreateToken","x":"' + bytes(300 * 2**20))
    assert len(bomb) < 2**20
    s3.files.update({key(1): bomb, key(2): bytes(17 * 2**20), key(3): packed(records(make.outage()))})
    result, again = invoke(reading(), created(key(1)), created(key(2), size=1), created(key(4), size=2**40), created(key(3)))
    assert (again, len(result.answer["failures"])) == ([], 8)
    assert result.problems() == {"gzip_too_large": 1, "object_too_large": 2}
    assert sorted(s3.gets) == [key(1), key(2), key(3)], "what is said to be too large is not asked for"


def test_an_s3_that_hangs_holds_up_its_own_objects_alone(reading, s3):
    s3.files.update({key(1): packed([]), key(2): packed(records(make.outage()))})
    s3.delays[key(1)] = 30
    started = time.monotonic()
    result, again = invoke(reading(), created(key(1)), created(key(2)), remaining=14)
    assert time.monotonic() - started < 14
    assert (again, len(result.answer["failures"])) == ([0], 8)
    assert "timed out" in detail(result, "object_not_read")


def test_what_set_up_sends_is_nothing_wrong(reading, s3):
    test = {"Service": "Amazon S3", "Event": "s3:TestEvent", "Time": make.timestamp(), "Bucket": TRAIL, "RequestId": "x", "HostId": "y"}
    result, again = invoke(reading(), test, in_topic(test), "CloudTrail validation message.")
    assert (again, result.problems(), s3.gets) == ([], {}, [])


def test_a_notice_that_could_not_be_sent_brings_the_object_again(reading, s3, sns):
    s3.files.update({key(1): packed(records(make.served(callers=1))), key(2): packed(records(make.outage()))})
    function = reading(AWS_ENDPOINT_URL_SNS="http://127.0.0.1:9")
    result, again = invoke(function, created(key(1)), created(key(2)))
    assert again == [1] and result.problems()["notice_not_published"] >= 1
