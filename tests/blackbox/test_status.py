"""The status page: the real function writes it after a tick, and a bucket that refuses, hangs or is gone affects nothing else."""

import json
import pathlib
import re
import time
import xml.etree.ElementTree

import jsonschema
import pytest

from tests.harness import make
from tests.harness.fake_s3 import BUCKET, FakeS3
from tests.harness.fake_sns import TOPIC_ARN
from tests.harness.fault_proxy import FAILED
from tests.harness.metrics import emitted
from tests.harness.servers import refused_url
from tests.harness.world import World

SCHEMA = json.loads((pathlib.Path(__file__).resolve().parents[2] / "docs" / "status.schema.json").read_text())
FILES = {"status.json", "index.html", "feed.xml"}
TYPES = {"status.json": "application/json", "index.html": "text/html; charset=utf-8", "feed.xml": "application/rss+xml; charset=utf-8"}
CONTACT = "#identity <on-call> & friends"


class Stack(World):
    def __init__(self, emulator):
        super().__init__(emulator)
        self.s3 = FakeS3()

    def __enter__(self):
        self.s3.__enter__()
        return super().__enter__()

    def __exit__(self, *more):
        super().__exit__(*more)
        self.s3.__exit__()

    def watcher(self, **env):
        return self.start(**{"AWS_ENDPOINT_URL_S3": self.s3.url, "OIDC_TRIAGE_STATUS_BUCKET": BUCKET, **env})

    def status(self, prefix=""):
        document = json.loads(self.s3.objects[f"{prefix}status.json"].body)
        jsonschema.validate(document, SCHEMA, format_checker=jsonschema.FormatChecker())
        return document

    def page(self):
        text = self.s3.objects["index.html"].body.decode()
        xml.etree.ElementTree.fromstring(text.removeprefix("<!DOCTYPE html>"))
        return text

    def feed(self):
        return xml.etree.ElementTree.fromstring(self.s3.objects["feed.xml"].body)


@pytest.fixture
def stack(emulator):
    with Stack(emulator) as stack:
        yield stack


def tick(function):
    result = function.invoke(make.tick(), alias="events")
    assert result.error is None
    return result


def test_a_tick_writes_the_page_and_the_feed_only_where_it_changed(stack):
    watcher = stack.watcher(OIDC_TRIAGE_TIME_ZONE="Europe/Berlin", OIDC_TRIAGE_CONTACT=CONTACT)
    result = tick(watcher)
    assert "status_page_not_written" not in result.problems() and "StatusPageErrors" not in emitted(result)
    assert set(stack.s3.puts) == FILES and stack.s3.wrong == []
    for key, one in stack.s3.objects.items():
        assert (one.headers["content-type"], one.headers["cache-control"]) == (TYPES[key], "max-age=30")
        assert not any(name.startswith("x-amz-server-side") for name in one.headers)
    document = stack.status()
    assert (document["state"], document["open"], document["past"], document["contact"]) == ("ok", [], [], CONTACT)
    assert "AWS sign-in works" in stack.page() and "&lt;on-call&gt;" in stack.page()
    assert re.search(r"\d\d:\d\d UTC \(\d\d:\d\d CES?T\)", stack.page())
    assert stack.feed().find("channel/item") is None

    tick(watcher)
    assert stack.s3.puts[3:].count("feed.xml") == 0 and sorted(stack.s3.puts[3:]) == ["index.html", "status.json"]


def test_nothing_but_a_tick_writes_it(stack):
    function = stack.watcher()
    function.invoke(make.cloudtrail(), alias="events")
    function.invoke({"doctor": True}, alias="direct")
    function.invoke(make.tick(), alias="direct")
    assert stack.s3.puts == []


def test_an_incident_is_shown_with_no_name_and_stays_when_it_is_over(stack):
    watcher, function = stack.watcher(), stack.start()
    for event in make.outage():
        function.invoke(event, alias="events")
    tick(watcher)
    document = stack.status()
    (incident,) = document["open"]
    assert document["state"] in {"degraded", "outage"} and incident["phase"] == "open"
    assert incident["affected"]["callers"] >= 5 and incident["lines"][0] in stack.page().replace("&#39;", "'")
    (sent, *_) = stack.sent()
    assert incident["id"] == sent.incident, "the incident that people were notified of"
    assert [item.find("guid").text for item in stack.feed().iter("item")] == [f"{incident['id']}-opened-0-{incident['diagnosis']}"]
    everything = b"".join(one.body for one in stack.s3.objects.values()).decode()
    for secret in ["made-up-user", "203.0.113.17", "123456789012", "111122223333", "arn:aws", TOPIC_ARN, "InternalServerException"]:
        assert secret not in everything, secret

    # Another execution environment, which has seen nothing, writes the same.
    before = stack.status()["open"][0]["id"]
    tick(stack.watcher())
    assert stack.status()["open"][0]["id"] == before


#: What S3 does, and what is said of it.
REFUSED = {
    "no right": ((403, "AccessDenied"), "was refused: AccessDenied"),
    "no bucket": ((404, "NoSuchBucket"), f"there is no bucket {BUCKET}"),
    "a key that refuses": ((403, "KMS.DisabledException"), "KMS.DisabledException"),
    "slow down": ((503, "SlowDown"), "S3 failed at"),
    "a dropped connection": ((0, ""), "no connection"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_bucket_that_refuses_is_a_problem_with_what_to_do_and_nothing_else(stack, name):
    trouble, said = REFUSED[name]
    watcher = stack.watcher()
    stack.s3.trouble = trouble
    result = tick(watcher)
    detail = next(problem["detail"] for problem in result.answer["problems"] if problem["name"] == "status_page_not_written")
    assert said in detail and "planted-message" not in result.everything()
    assert result.problems()["status_page_not_written"] == 1 and emitted(result)["StatusPageErrors"] == 1
    assert emitted(result)["Ticks"] == 1 and stack.s3.puts == []

    stack.s3.trouble = None
    assert "status_page_not_written" not in tick(watcher).problems()
    assert set(stack.s3.objects) == FILES


def test_a_bucket_of_somebody_else_gets_nothing(stack):
    stack.s3.owner = "999999999999"
    result = tick(stack.watcher())
    assert result.problems()["status_page_not_written"] == 1 and stack.s3.objects == {}


def test_a_bucket_of_another_region_is_found_by_what_s3_says(stack):
    stack.s3.region = "eu-west-1"
    watcher = stack.watcher()
    assert "status_page_not_written" not in tick(watcher).problems()
    assert set(stack.s3.objects) == FILES


def test_a_bucket_that_hangs_or_is_gone_holds_nothing_up_for_long(stack):
    watcher = stack.watcher()
    stack.s3.delay = 20
    function = stack.start()
    for event in make.outage():
        function.invoke(event, alias="events")
    started = time.monotonic()
    result = tick(watcher)
    assert time.monotonic() - started < 15
    assert "timed out" in next(one["detail"] for one in result.answer["problems"] if one["name"] == "status_page_not_written")
    assert stack.sent(), "people are notified all the same"
    gone = tick(stack.watcher(AWS_ENDPOINT_URL_S3=refused_url()))
    assert gone.problems()["status_page_not_written"] == 1


def test_while_the_table_cannot_be_read_the_page_says_that_more_is_not_known(stack):
    watcher = stack.watcher()
    tick(watcher)
    assert stack.status()["state"] == "ok"
    stack.proxy.break_down(FAILED)
    assert "store_unavailable" in tick(watcher).problems()
    assert stack.status()["state"] == "unknown" and "cannot read its own records" in stack.page()
    stack.proxy.heal()


def test_the_doctor_says_when_it_was_written_or_why_not(stack):
    watcher, function = stack.watcher(), stack.start()
    check = lambda: next((check for check in function.invoke({"doctor": True}, alias="direct").answer["doctor"]["checks"]  # noqa: E731
                          if check["name"] == "status_page"), None)
    assert check() is None, "nobody asked for a page"
    tick(watcher)
    assert check()["state"] == "ok" and "last written at" in check()["detail"]
    stack.s3.trouble = (403, "AccessDenied")
    tick(watcher)
    assert check()["state"] == "broken" and "AccessDenied" in check()["detail"] and "WatcherRole" in check()["action"]


def test_a_prefix_is_part_of_each_key(stack):
    tick(stack.watcher(OIDC_TRIAGE_STATUS_PREFIX="sign-in/status/"))
    assert set(stack.s3.objects) == {f"sign-in/status/{name}" for name in FILES}
    assert stack.status("sign-in/status/")["state"] == "ok"


def test_in_shadow_mode_nothing_is_published(stack):
    assert "status_page_not_written" not in tick(stack.watcher(OIDC_TRIAGE_MODE="shadow")).problems()
    assert stack.s3.puts == []
