"""The bucket of an organization's trail, with IAM enforced: an object that is put there becomes a notice, by the bucket's topic and
the stack's queue, and the function may read nothing else of it.

The emulator has the bucket, its topic and the stack in one account, and invokes by a queue without the alias. Bucket policies of another account, and a key of one's own, are
tested with the template.
"""

import gzip
import json

import pytest

from tests.blackbox.test_trail_bucket import key, records
from tests.e2e.conftest import TRUSTED, stack_with_log
from tests.e2e.test_doctor import ask
from tests.e2e.test_stack import denied, invoke, messages, role_client
from tests.harness import make
from tests.harness.fake_oidc import NULL_500
from tests.harness.world import until

ACCOUNT = "131313131313"
BUCKET = f"trail-{ACCOUNT}"
PREFIX = "o-a1b2c3d4e5/"
#: Owns Identity Center; a trusted account, as another one is not.
MANAGEMENT, FOREIGN = TRUSTED["TrustedAccounts"], "777788889999"


@pytest.fixture(scope="module")
def reading(emulator):
    s3, sns = emulator.client("s3", ACCOUNT), emulator.client("sns", ACCOUNT)
    s3.create_bucket(Bucket=BUCKET)
    topic = sns.create_topic(Name="trail")["TopicArn"]
    s3.put_bucket_notification_configuration(Bucket=BUCKET, NotificationConfiguration={"TopicConfigurations": [{
        "TopicArn": topic, "Events": ["s3:ObjectCreated:*"],
        "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": f"{PREFIX}AWSLogs/"}]}}}]})
    return stack_with_log(emulator, ACCOUNT, TrailBucket=BUCKET, TrailBucketAccount=ACCOUNT, TrailPrefix=PREFIX, TrailTopicArn=topic,
                          Policy="gather_s = 0\nnotice_every_s = 0\nprobe_interval_s = 1")


def put(stack, key, events, account):
    body = gzip.compress(json.dumps({"Records": records(events, account)}).encode())
    stack.client("s3").put_object(Bucket=BUCKET, Key=key, Body=body)


def in_queue(stack):
    """How many messages wait or are at work, in the trail's queue and in the failure queue."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    urls = [stack.physical_id("TrailQueue"), stack.outputs["DeadLetterQueueUrl"]]
    found = [stack.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"] for url in urls]
    return [sum(int(one[name]) for name in names) for one in found]


def test_an_object_of_a_trusted_account_becomes_a_notice_and_a_foreign_one_nothing(reading, oidc):
    heard = reading.topic_queue()
    oidc.script_all(NULL_500)
    # More people than in the real one.
    put(reading, key(1, FOREIGN), make.outage("us-east-1", callers=20), FOREIGN)
    put(reading, key(2, FOREIGN), make.outage("us-east-1", callers=20), MANAGEMENT)
    put(reading, key(3, MANAGEMENT), make.outage("us-east-1", callers=20), FOREIGN)
    put(reading, key(4, MANAGEMENT), make.outage("us-east-1", callers=8), MANAGEMENT)
    bodies = []

    def notices():
        return {notice["kind"]: notice for notice in (json.loads(message["Message"]) for message in messages(bodies))}

    until(lambda: {"opened", "advice"} <= notices().keys(), lambda: bodies.extend(heard.receive(1, seconds=2, settle=0)))
    # The test event of the bucket was one of the messages. None is left, and none comes again.
    until(lambda: in_queue(reading) == [0, 0])
    bodies += heard.receive(0, seconds=2)
    heard.close()
    found = notices()
    assert found["advice"]["diagnosis"] == "unbelieved" and found["opened"]["region"] == "us-east-1"
    for notice in found.values():
        assert notice["impact"]["callers"] in (0, 8), notice
        assert notice["impact"]["accounts"] in ([], [{"name": MANAGEMENT, "count": 8}]), notice


def test_the_triage_function_may_read_files_of_cloudtrail_alone_and_the_watcher_none(reading):
    triage, watcher = (role_client(reading, "s3", role) for role in ("TriageRole", "WatcherRole"))
    trail, config = key(9, MANAGEMENT), key(9, MANAGEMENT, kind="Config")
    for name in (trail, config, f"AWSLogs/{MANAGEMENT}/CloudTrail/us-east-1/made-up"):
        reading.client("s3").put_object(Bucket=BUCKET, Key=name, Body=b"{}")
    assert triage.get_object(Bucket=BUCKET, Key=trail)["Body"].read() == b"{}"
    assert denied(watcher.get_object, Bucket=BUCKET, Key=trail)
    for name in (config, f"AWSLogs/{MANAGEMENT}/CloudTrail/us-east-1/made-up"):
        assert denied(triage.get_object, Bucket=BUCKET, Key=name)
    assert denied(triage.put_object, Bucket=BUCKET, Key=trail, Body=b"") and denied(triage.delete_object, Bucket=BUCKET, Key=trail)
    assert denied(triage.list_objects_v2, Bucket=BUCKET)


def test_the_doctor_says_what_came_of_the_bucket(reading, oidc):
    (check,) = [check for check in ask(reading)["checks"] if check["name"] == "trail bucket"]
    # The emulator has no metrics of queues.
    assert check["state"] == "broken" and "no notification" in check["detail"], check


def test_a_message_of_the_queue_is_believed_by_its_queue(reading, oidc):
    message = {"s3Bucket": BUCKET, "s3ObjectKey": [key(4, MANAGEMENT)]}
    answer = invoke(reading, make.sqs([message]), "DirectArn")
    assert answer["failures"] == [] and "source_not_believed" in [problem["name"] for problem in answer["problems"]]
