"""The status page of a deployed stack, with IAM enforced: the watcher may write its three files, and nothing else of the bucket."""

import json

import jsonschema
import pytest

from tests.blackbox.test_status import SCHEMA
from tests.e2e.conftest import stack_with_log
from tests.e2e.test_stack import denied, invoke, role_client
from tests.harness import make

BUCKET = "status-555555555555"
PREFIX = "sign-in/"
FILES = {f"{PREFIX}{name}" for name in ("status.json", "index.html", "feed.xml")}


@pytest.fixture(scope="module")
def published(emulator):
    emulator.client("s3", "101010101010").create_bucket(Bucket=BUCKET)
    return stack_with_log(emulator, "101010101010", StatusBucket=BUCKET, StatusPrefix=PREFIX)


def test_a_tick_writes_the_page_and_the_doctor_says_when(published, oidc):
    answer = invoke(published, make.tick(), "WatcherEventsArn")
    assert "status_page_not_written" not in [problem["name"] for problem in answer["problems"]], answer["problems"]
    s3 = published.client("s3")
    assert {item["Key"] for item in s3.list_objects_v2(Bucket=BUCKET)["Contents"]} == FILES
    page = s3.get_object(Bucket=BUCKET, Key=f"{PREFIX}index.html")
    assert (page["ContentType"], page["CacheControl"]) == ("text/html; charset=utf-8", "max-age=30")
    document = json.loads(s3.get_object(Bucket=BUCKET, Key=f"{PREFIX}status.json")["Body"].read())
    jsonschema.validate(document, SCHEMA)
    checks = {check["name"]: check for check in invoke(published, {"doctor": True}, "DirectArn")["doctor"]["checks"]}
    assert checks["status_page"]["state"] == "ok" and "last written at" in checks["status_page"]["detail"]


def test_the_watcher_may_write_its_files_alone_and_the_triage_function_none(published):
    watcher, triage = (role_client(published, "s3", role) for role in ("WatcherRole", "TriageRole"))
    key = f"{PREFIX}status.json"
    watcher.put_object(Bucket=BUCKET, Key=key, Body=b"{}")
    assert denied(triage.put_object, Bucket=BUCKET, Key=key, Body=b"{}")
    for other in ("status.json", f"{PREFIX}other.json"):
        assert denied(watcher.put_object, Bucket=BUCKET, Key=other, Body=b"{}")
    assert denied(watcher.get_object, Bucket=BUCKET, Key=key) and denied(watcher.delete_object, Bucket=BUCKET, Key=key)
    assert denied(watcher.list_objects_v2, Bucket=BUCKET)
