"""The doctor and the test notice in a deployed stack, with IAM enforced: its role may ask what it asks.

The emulator records no call of SSO OIDC in CloudTrail's event history, and puts no metrics of rules and subscriptions: those
are put here.
"""

import datetime
import json

import pytest

from tests.e2e.conftest import APPLICATION_LOG_GROUP, stack_with_log
from tests.e2e.test_stack import invoke, may_not, messages
from tests.harness.notices import check_alarm, check_machine

NAMES = {"trail", "records", "rule cloudtrail", "rule health", "rule calls", "rule tick", f"logs {APPLICATION_LOG_GROUP}", "table",
         "silences", "topic", "pager", "bus", "probe us-east-1", "clock", "policy", "mode", "version"}


@pytest.fixture(scope="module")
def healthy(emulator):
    """A stack in which all is well, as far as the emulator shows."""
    stack = stack_with_log(emulator, "777777777777", PagerTopic="true")
    stack.client("s3").create_bucket(Bucket="trail-777777777777")
    trail = stack.client("cloudtrail")
    trail.create_trail(Name="main", S3BucketName="trail-777777777777")
    trail.put_event_selectors(TrailName="main", EventSelectors=[{"ReadWriteType": "All", "IncludeManagementEvents": True}])
    trail.start_logging(Name="main")
    stack.pager = stack.topic_queue("PagerTopicArn")
    stack.people = stack.topic_queue()
    delivered(stack)
    yield stack
    stack.pager.close()
    stack.people.close()


def delivered(stack):
    """What CloudWatch would say of a stack to which everything is delivered."""
    at = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=2)
    (filter,) = stack.client("logs").describe_subscription_filters(logGroupName=APPLICATION_LOG_GROUP)["subscriptionFilters"]
    dimensions = [("LogGroupName", APPLICATION_LOG_GROUP), ("DestinationType", "Lambda"), ("FilterName", filter["filterName"])]
    put = stack.client("cloudwatch").put_metric_data
    for rule in ("CloudTrailRule", "TickRule"):
        put(Namespace="AWS/Events", MetricData=[{"MetricName": "Invocations", "Timestamp": at, "Value": 1.0, "Dimensions": [
            {"Name": "RuleName", "Value": stack.physical_id(rule)}]}])
    put(Namespace="AWS/Logs", MetricData=[{"MetricName": "ForwardedLogEvents", "Timestamp": at, "Value": 1.0, "Dimensions": [
        {"Name": name, "Value": value} for name, value in dimensions]}])


def ask(stack):
    return invoke(stack, {"doctor": True}, "DirectArn")["doctor"]


def states(report, *wanted):
    """By name; a rule's own name is CloudFormation's."""
    names = {check["name"]: check["state"] for check in report["checks"]}
    renamed = {"rule calls" if "CallRule" in name else name: state for name, state in names.items()}
    return {name: state for name, state in renamed.items() if not wanted or state in wanted}


def test_of_a_healthy_stack_every_link_is_ok_that_the_emulator_has(healthy, oidc):
    report = ask(healthy)
    assert states(report) == {**dict.fromkeys(NAMES, "ok"), "records": "unknown"}, report["text"]
    assert not any("right" in check["detail"] for check in report["checks"]), report["text"]
    assert "main is logging" in report["text"] and "1 confirmed" in report["text"]
    # What it writes expires.
    assert all("expires_at" in item for item in healthy.table().items() if item["pk"] == "doctor")


def test_of_a_broken_stack_each_broken_link_is_named(emulator, oidc):
    stack = stack_with_log(emulator, "888888888888", PagerTopic="true")
    rule = stack.physical_id("CloudTrailRule")
    stack.client("events").disable_rule(Name=rule)
    logs = stack.client("logs")
    (filter,) = logs.describe_subscription_filters(logGroupName=APPLICATION_LOG_GROUP)["subscriptionFilters"]
    logs.delete_subscription_filter(logGroupName=APPLICATION_LOG_GROUP, filterName=filter["filterName"])
    with may_not(stack, "dynamodb:PutItem", "events:PutEvents"):
        report = ask(stack)
    # Its first tick is a minute away, and nobody subscribes.
    assert set(states(report, "broken")) == {"trail", "rule cloudtrail", "rule tick", f"logs {APPLICATION_LOG_GROUP}", "table",
                                             "topic", "pager", "bus"}, report["text"]
    details = {check["name"]: f'{check["detail"]} {check["action"]}' for check in report["checks"]}
    assert f"aws events enable-rule --name {rule}" in details["rule cloudtrail"]
    assert "no confirmed subscription" in details["topic"] and "dynamodb:PutItem" in details["table"]
    assert "events:PutEvents" in details["bus"]


@pytest.mark.parametrize("right, names", [
    ("cloudtrail:DescribeTrails", {"trail"}), ("cloudtrail:GetTrailStatus", {"trail"}), ("cloudtrail:LookupEvents", {"records"}),
    ("events:ListRuleNamesByTarget", {"rule cloudtrail", "rule health", "rule tick"}),
    ("events:DescribeRule", {"rule cloudtrail", "rule health", "rule tick"}),
    ("cloudwatch:GetMetricData", {"rule cloudtrail", "rule health", "rule calls", "rule tick", f"logs {APPLICATION_LOG_GROUP}"}),
    ("logs:DescribeSubscriptionFilters", {f"logs {APPLICATION_LOG_GROUP}"}), ("sns:GetTopicAttributes", {"topic", "pager"})])
def test_without_a_right_its_checks_are_unknown(healthy, oidc, right, names):
    with may_not(healthy, right):
        report = ask(healthy)
    assert set(states(report, "unknown")) == names | {"records"}, report["text"]
    for check in report["checks"]:
        if check["name"] in names:
            assert f"the right {right} is missing" in check["detail"], check


def test_a_test_notice_reaches_the_subscribers_of_each_channel(healthy, oidc):
    bus = healthy.bus_queue({"source": ["oidc-triage"], "detail": {"test": [True]}})
    for queue in (healthy.people, healthy.pager):
        queue.receive(0, seconds=1)
    answer = invoke(healthy, {"testNotice": "outage"}, "DirectArn")["testNotice"]
    assert {tested["channel"]: tested["state"] for tested in answer["channels"]} == {"topic": "sent", "pager": "sent", "bus": "sent"}
    for message in messages(healthy.people.receive(2)):
        machine = check_machine(json.loads(message["Message"]))
        assert (machine["test"], machine["incident"]) == (True, answer["incident"]) and message["Subject"].startswith("TEST: ")
    alarms = [check_alarm(json.loads(message["Message"])) for message in messages(healthy.pager.receive(2))]
    assert {(alarm["AlarmName"], alarm["NewStateValue"]) for alarm in alarms} == {(answer["incident"], "ALARM"), (answer["incident"], "OK")}
    events = messages(bus.receive(2))
    bus.close()
    assert {event["detail-type"] for event in events} == {"OIDC Incident Opened", "OIDC Incident Resolved"}
    assert healthy.table().outbox() == []
