"""The doctor: each link that is broken, denied, hanging or gone is found, and none hides another."""

import json
import time

import pytest

from tests.harness import awslogs, make
from tests.harness.fake_aws import FakeAws
from tests.harness.fake_oidc import NULL_500
from tests.harness.fake_sns import FALLBACK_TOPIC_ARN, PAGER_TOPIC_ARN, TOPIC_ARN
from tests.harness.fault_proxy import DENIED, DROPPED, FAILED, NO_TABLE, slow
from tests.harness.metrics import emitted
from tests.harness.runtime_api import arn_of
from tests.harness.servers import refused_url
from tests.harness.world import World

EVENTS_ALIAS = arn_of("events")
WATCHER_ALIAS = EVENTS_ALIAS.replace("made-up:events", "made-up-watcher:events")
RULES = {"cloudtrail": "stack-CloudTrailRule-1", "health": "stack-HealthRule-2", "tick": "stack-TickRule-3"}
GROUP = "/made-up/application"
NAMES = ["trail", "records", "rule cloudtrail", "rule health", "rule tick", f"logs {GROUP}", "table", "silences", "topic",
         "fallback", "pager", "bus", "probe us-east-1", "clock", "policy", "mode", "version"]


class Stack(World):
    """A stack in which all is well."""

    def __init__(self, emulator):
        super().__init__(emulator)
        self.aws = FakeAws()
        now = time.time()
        self.aws.trails = [{"name": "main", "arn": "arn:aws:cloudtrail:us-east-1:123456789012:trail/main", "logging": True,
                            "selectors": {"EventSelectors": [{"ReadWriteType": "All", "IncludeManagementEvents": True}]}}]
        self.aws.events = [{"EventName": "CreateToken", "EventSource": "sso.amazonaws.com", "EventTime": now - 600}]
        patterns = {"cloudtrail": {"source": ["aws.sso"], "detail": {"eventName": ["CreateToken"]}},
                    "health": {"source": ["aws.health"]}}
        self.aws.rules = {
            EVENTS_ALIAS: [{"Name": RULES[name], "State": "ENABLED", "EventPattern": json.dumps(patterns[name])} for name in patterns],
            WATCHER_ALIAS: [{"Name": RULES["tick"], "State": "ENABLED", "ScheduleExpression": "rate(1 minute)"}]}
        self.aws.filters = {GROUP: [{"filterName": "stack-Subscription1", "destinationArn": EVENTS_ALIAS}]}
        self.aws.metrics = {("Invocations", RULES["cloudtrail"]): [(now - 3600, 2.0)],
                            ("Invocations", RULES["tick"]): [(now - 120, 1.0)],
                            ("ForwardedLogEvents", "stack-Subscription1"): [(now - 7200, 5.0)]}
        self.sns.subscriptions = {arn: (2, 0) for arn in (TOPIC_ARN, FALLBACK_TOPIC_ARN, PAGER_TOPIC_ARN)}

    def __enter__(self):
        self.aws.__enter__()
        return super().__enter__()

    def __exit__(self, *more):
        super().__exit__(*more)
        self.aws.__exit__()

    def function(self, **env):
        everything = {"OIDC_TRIAGE_PAGER_TOPIC_ARN": PAGER_TOPIC_ARN, "OIDC_TRIAGE_FALLBACK_TOPIC_ARN": FALLBACK_TOPIC_ARN,
                      "OIDC_TRIAGE_EVENT_BUS": "default", "OIDC_TRIAGE_WATCHER": "made-up-watcher",
                      "OIDC_TRIAGE_APPLICATION_LOG_GROUPS": GROUP, "OIDC_TRIAGE_TRUSTED_STREAMS": ""}
        everything |= env
        endpoints = {f"AWS_ENDPOINT_URL_{name}": self.aws.url for name in ("CLOUDTRAIL", "CLOUDWATCH", "CLOUDWATCH_LOGS", "EVENTBRIDGE")}
        return self.start(**everything, **endpoints)

    def ask(self, remaining=30.0, alias="direct", **env):
        result = self.function(**env).invoke({"doctor": True}, remaining, alias)
        assert result.error is None
        return result


@pytest.fixture
def stack(emulator):
    with Stack(emulator) as stack:
        yield stack


def checks(result):
    return {check["name"]: check for check in result.answer["doctor"]["checks"]}


def states(result, *wanted):
    return {name: check["state"] for name, check in checks(result).items() if not wanted or check["state"] in wanted}


def assert_differs(result, **names):
    """Only these checks are not ok; `_` stands for a blank."""
    assert {name.replace(" ", "_"): state for name, state in states(result, "broken", "unknown").items()} == names, \
        result.answer["doctor"]["text"]


def test_of_a_healthy_stack_every_link_is_ok_and_every_request_is_signed(stack):
    result = stack.ask()
    assert states(result) == dict.fromkeys(NAMES, "ok"), result.answer["doctor"]["text"]
    assert all(set(check) == {"name", "state", "detail", "action"} and check["detail"] for check in checks(result).values())
    assert result.answer["doctor"]["text"].startswith(f"0 broken, 0 unknown, {len(NAMES)} ok.\n")
    assert stack.aws.unsigned == [] and {asked.region for asked in stack.aws.asked} == {"us-east-1"}
    assert stack.aws.operations() == {
        "DescribeTrails", "GetTrailStatus", "GetEventSelectors", "LookupEvents", "ListRuleNamesByTarget", "DescribeRule",
        "GetMetricData", "DescribeSubscriptionFilters", "PutEvents"}


def test_it_reaches_nobody_and_leaves_but_one_item(stack):
    result = stack.ask()
    assert stack.sns.published == [] and stack.aws.bus == [] and stack.events.events() == []
    assert len([item for item in stack.table.items() if item["pk"].startswith("doctor")]) == 1
    assert stack.table.outbox() == [] and stack.table.incidents() == []
    assert result.answer["failures"] == result.answer["notices"] == result.answer["incidents"] == []
    assert set(emitted(result)) <= {"ProbesHealthy", "ProbeLatency"}
    (line,) = map(json.loads, result.lines)
    assert (line["kind"], line["level"], line["doctor"]) == ("operator_request", "INFO", result.answer["doctor"])


def test_it_names_what_it_saw(stack):
    found = checks(stack.ask())
    assert "main is logging" in found["trail"]["detail"] and "10 minutes ago" in found["records"]["detail"]
    assert RULES["cloudtrail"] in found["rule cloudtrail"]["detail"] and "last matched" in found["rule cloudtrail"]["detail"]
    assert "2 confirmed" in found["topic"]["detail"] and "stack-Subscription1 last delivered in the hour" in found[f"logs {GROUP}"]["detail"]
    assert "healthy" in found["probe us-east-1"]["detail"] and "made-up:direct" in found["version"]["detail"]


def disable(name):
    def change(stack):
        for rules in stack.aws.rules.values():
            for rule in rules:
                if rule["Name"] == RULES[name]:
                    rule["State"] = "DISABLED"
    return change


def selectors(**selector):
    return lambda stack: stack.aws.trails[0].update(selectors={"EventSelectors": [selector]})


def assign(**names):
    return lambda stack: [setattr(stack.aws, name, value) for name, value in names.items()]


def subscribers(arn, confirmed, pending):
    return lambda stack: stack.sns.subscriptions.update({arn: (confirmed, pending)})


#: What breaks, and the one check that says so with a part of its detail or action.
BROKEN = {
    "no trail": (assign(trails=[]), "trail", "Create a trail"),
    "a stopped trail": (lambda stack: stack.aws.trails[0].update(logging=False), "trail", "start-logging --name main"),
    "a trail that only reads": (selectors(ReadWriteType="ReadOnly", IncludeManagementEvents=True), "trail", "management"),
    "a trail without management events": (selectors(ReadWriteType="All", IncludeManagementEvents=False), "trail", "management"),
    "the rule of CloudTrail is disabled": (disable("cloudtrail"), "rule cloudtrail", f"enable-rule --name {RULES['cloudtrail']}"),
    "the rule of AWS Health is disabled": (disable("health"), "rule health", "enable-rule"),
    "the schedule is disabled": (disable("tick"), "rule tick", "enable-rule"),
    "the watcher has no schedule": (lambda stack: stack.aws.rules.pop(WATCHER_ALIAS), "rule tick", "Deploy"),
    "the schedule does not tick": (lambda stack: stack.aws.metrics.pop(("Invocations", RULES["tick"])), "rule tick", "not ticked"),
    "events that do not arrive": (
        lambda stack: stack.aws.events.append({"EventName": "CreateTokenWithIAM", "EventSource": "sso-oauth.amazonaws.com",
                                               "EventTime": time.time() - 2400})
        or stack.aws.events.pop(0) and stack.aws.metrics.update({("Invocations", RULES["cloudtrail"]): [(time.time() - 50_000, 1.0)]}),
        "rule cloudtrail", "did not match since"),
    "events that do not arrive where people sign in all the time": (
        lambda stack: stack.aws.events.extend({"EventName": "CreateToken", "EventSource": "sso.amazonaws.com",
                                               "EventTime": time.time() - age} for age in range(0, 3600, 20))
        or stack.aws.metrics.update({("Invocations", RULES["cloudtrail"]): [(time.time() - 50_000, 1.0)]}),
        "rule cloudtrail", "did not match since"),
    "invocations that fail": (
        lambda stack: stack.aws.metrics.update({("FailedInvocations", RULES["cloudtrail"]): [(time.time() - 4000, 3.0)]}),
        "rule cloudtrail", "could not invoke the function 3 times"),
    "no subscription of the log": (assign(filters={}), f"logs {GROUP}", "ApplicationLogGroups"),
    "a subscription to something else": (
        assign(filters={GROUP: [{"filterName": "other", "destinationArn": arn_of("direct")}]}), f"logs {GROUP}", "no subscription"),
    "deliveries that fail": (
        lambda stack: stack.aws.metrics.update({("DeliveryErrors", "stack-Subscription1"): [(time.time() - 4000, 2.0)]}),
        f"logs {GROUP}", "could not deliver 2 times"),
    "nobody confirmed": (subscribers(TOPIC_ARN, 0, 1), "topic", "no confirmed subscription, 1 not confirmed"),
    "no pager subscribed": (subscribers(PAGER_TOPIC_ARN, 0, 0), "pager", "Subscribe your paging service"),
    "the topic denies": (lambda stack: stack.sns.refused.update({TOPIC_ARN: "AuthorizationError"}), "topic", "may not publish"),
    "the fallback is gone": (lambda stack: stack.sns.refused.update({FALLBACK_TOPIC_ARN: "NotFound"}), "fallback", "NotFound"),
    "the pager's topic is gone": (lambda stack: stack.sns.unreachable.add(PAGER_TOPIC_ARN), "pager", "no connection"),
    "the bus denies": (lambda stack: stack.aws.faults.update(PutEvents="AccessDeniedException"), "bus", "events:PutEvents"),
    "the table denies": (lambda stack: stack.proxy.break_down(DENIED, "PutItem"), "table", "dynamodb:PutItem"),
    "the table is gone": (lambda stack: stack.proxy.break_down(NO_TABLE, "PutItem"), "table", "ResourceNotFoundException"),
    "the table fails": (lambda stack: stack.proxy.break_down(FAILED, "PutItem"), "table", "InternalServerError"),
    "the table cannot be reached": (lambda stack: stack.proxy.break_down(DROPPED, "PutItem"), "table", "no connection"),
    "the table cannot be read": (lambda stack: stack.proxy.break_down(DENIED, "GetItem"), "table", "dynamodb:GetItem"),
    "the service is down": (lambda stack: stack.oidc.script_all(NULL_500), "probe us-east-1", "down"),
    "a clock that is wrong": (assign(clock_behind=400), "clock", "s ahead of AWS's"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_link_is_found_with_what_to_do_and_no_other_is(stack, name):
    change, check, part = BROKEN[name]
    change(stack)
    result = stack.ask()
    assert states(result, "broken") == {check: "broken"}, result.answer["doctor"]["text"]
    # What stands in a table that cannot be read is unknown.
    in_table = {"silences", "status_page"} if name == "the table cannot be read" else set()
    assert states(result, "unknown").keys() == in_table
    found = checks(result)[check]
    assert part in f"{found['detail']} {found['action']}" and found["action"]
    assert result.answer["doctor"]["text"].splitlines()[1].startswith(f"broken  {check}: ")
    assert json.loads(result.lines[-1])["level"] == "WARN"


#: The operation that only the doctor asks, the right for it, and the checks that need it.
ASKED = {
    "DescribeTrails": ("cloudtrail:DescribeTrails", {"trail"}),
    "GetTrailStatus": ("cloudtrail:GetTrailStatus", {"trail"}),
    "GetEventSelectors": ("cloudtrail:GetEventSelectors", {"trail"}),
    "LookupEvents": ("cloudtrail:LookupEvents", {"records"}),
    "ListRuleNamesByTarget": ("events:ListRuleNamesByTarget", {"rule cloudtrail", "rule health", "rule tick"}),
    "DescribeRule": ("events:DescribeRule", {"rule cloudtrail", "rule health", "rule tick"}),
    "GetMetricData": ("cloudwatch:GetMetricData", {"rule cloudtrail", "rule health", "rule tick", f"logs {GROUP}"}),
    "DescribeSubscriptionFilters": ("logs:DescribeSubscriptionFilters", {f"logs {GROUP}"}),
}


@pytest.mark.parametrize("operation", ASKED)
def test_a_right_that_is_missing_makes_its_checks_unknown_and_says_which(stack, operation):
    right, names = ASKED[operation]
    stack.aws.faults[operation] = "AccessDeniedException"
    result = stack.ask()
    assert states(result, "broken", "unknown") == dict.fromkeys(names, "unknown"), result.answer["doctor"]["text"]
    for name in names:
        found = checks(result)[name]
        assert f"the right {right} is missing" in found["detail"] and f"Allow {right} to TriageRole" in found["action"]


@pytest.mark.parametrize("operation", ASKED)
@pytest.mark.parametrize("code", ["ThrottlingException", "InternalFailure", None], ids=["throttled", "fails", "drops"])
def test_a_neighbour_that_fails_makes_only_its_own_checks_unknown(stack, operation, code):
    _, names = ASKED[operation]
    stack.aws.faults[operation] = code
    result = stack.ask()
    assert states(result, "broken", "unknown") == dict.fromkeys(names, "unknown"), result.answer["doctor"]["text"]
    assert all((code or "no connection") in checks(result)[name]["detail"] for name in names)


def test_neighbours_that_hang_cost_their_own_checks_and_no_more_time_than_one_of_them(stack):
    stack.aws.hanging = set(ASKED) | {"PutEvents"}
    began = time.monotonic()
    result = stack.ask()
    assert time.monotonic() - began < 20, "they are asked side by side"
    everything = set().union(*(names for _, names in ASKED.values()))
    # Without any answer of theirs, DynamoDB still has the time.
    assert states(result, "broken", "unknown") == dict.fromkeys(everything, "unknown") | {"bus": "broken"}
    assert all("it timed out" in checks(result)[name]["detail"] for name in everything)


def test_it_answers_before_the_deadline(stack):
    stack.aws.hanging = set(ASKED) | {"PutEvents"}
    stack.proxy.break_down(slow(60))
    stack.sns.fail(*[stack_of_delay()] * 20)
    began = time.monotonic()
    result = stack.ask(remaining=5.0)
    # What the watcher noted of the status page is in the table, so that it is not known whether there is one.
    assert len(result.answer["doctor"]["checks"]) == len(NAMES) + 1 and time.monotonic() - began < 20
    assert states(result, "ok").keys() <= {"probe us-east-1", "policy", "mode", "version"}


def stack_of_delay():
    from tests.harness.fake_sns import Trouble
    return Trouble(500, delay=60)


def test_what_it_writes_expires(stack):
    stack.ask()
    # It is of no region.
    (item,) = [item for item in stack.table.items() if item["pk"] == "doctor"]
    assert time.time() < int(item["expires_at"]) < time.time() + 7200


def test_everything_that_is_gone_at_once_is_no_error(stack):
    gone = refused_url()
    result = stack.start(
        AWS_ENDPOINT_URL_SNS=gone, AWS_ENDPOINT_URL_DYNAMODB=gone, AWS_ENDPOINT_URL_EVENTBRIDGE=gone,
        AWS_ENDPOINT_URL_SSO_OIDC=gone, OIDC_TRIAGE_WATCHER="made-up-watcher", OIDC_TRIAGE_EVENT_BUS="default",
    ).invoke({"doctor": True}, alias="direct")
    assert result.error is None
    assert states(result, "ok").keys() == {"policy", "mode", "version"}, result.answer["doctor"]["text"]


def test_a_quiet_company_is_told_to_sign_in_once(stack):
    stack.aws.events.clear()
    stack.aws.metrics.pop(("Invocations", RULES["cloudtrail"]))
    # Other services have a CreateToken too.
    stack.aws.events.append({"EventName": "CreateToken", "EventSource": "ivs.amazonaws.com", "EventTime": time.time() - 60})
    result = stack.ask()
    assert states(result, "broken", "unknown") == {"records": "unknown", "rule cloudtrail": "unknown"}
    assert all("aws sso login" in checks(result)[name]["action"] for name in ("records", "rule cloudtrail"))


def test_what_is_not_configured_is_not_checked_but_a_topic_and_a_table_are_missed(stack):
    result = stack.start(OIDC_TRIAGE_TOPIC_ARN="", OIDC_TRIAGE_TABLE="").invoke({"doctor": True}, alias="direct")
    found = states(result)
    assert found["topic"] == found["table"] == "broken"
    assert not {"pager", "fallback", "bus", f"logs {GROUP}", "rule tick"} & set(found)


def test_shadow_mode_and_a_policy_of_ones_own_are_said(stack):
    found = checks(stack.ask(OIDC_TRIAGE_MODE="shadow"))
    assert found["mode"]["detail"].startswith("shadow") and "differs" in found["policy"]["detail"]


def test_identity_center_in_another_region_is_looked_at_there(stack):
    stack.ask(OIDC_TRIAGE_REGION="eu-central-1")
    regions = {asked.operation: asked.region for asked in stack.aws.asked}
    assert regions["LookupEvents"] == regions["DescribeTrails"] == "eu-central-1"
    assert regions["ListRuleNamesByTarget"] == regions["GetMetricData"] == "us-east-1"


def test_only_a_direct_invocation_may_ask(stack):
    function = stack.function()
    for payload, alias in (({"doctor": True}, "events"), (make.sqs([{"doctor": True}]), "direct"), ({"doctor": False}, "direct"),
                           ({"doctor": "please"}, "direct")):
        result = function.invoke(payload, alias=alias)
        assert "doctor" not in result.answer and result.problems() == {"operator_request_invalid": 1}
    assert stack.aws.asked == []


def test_foreign_names_forge_no_line(stack):
    stack.aws.trails[0]["name"] = "main\nok      everything: is well\u202e"
    stack.aws.trails[0]["logging"] = False
    result = stack.ask()
    text = result.answer["doctor"]["text"]
    assert len(text.splitlines()) == 1 + len(NAMES) and "\u202e" not in text


def test_nothing_it_says_has_a_secret_in_it(stack):
    result = stack.ask()
    assert "planted" not in result.everything()


#: The tooling account of an organization: records by a bus of its own, logs by a stream.
ORGANIZATION = {"OIDC_TRIAGE_SOURCE_BUS": "oidc-triage", "OIDC_TRIAGE_TRUSTED_STREAMS": awslogs.STREAM_ARN}
POLICY = json.dumps({"Statement": [{"Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}}}]})


@pytest.fixture
def tooling(stack):
    for rule in stack.aws.rules[EVENTS_ALIAS]:
        rule["EventBusName"] = "oidc-triage"
    stack.aws.buses = {"oidc-triage": POLICY}
    now = time.time()
    stack.aws.metrics[("IncomingRecords", "made-up-stream")] = [(now - 7200, 3.0)]
    stack.aws.metrics[("IteratorAge", "made-up:events")] = [(now - 7200, 250.0)]
    return stack


def test_of_a_tooling_account_the_bus_and_the_stream_are_ok(tooling):
    result = tooling.ask(**ORGANIZATION)
    assert states(result) == dict.fromkeys([*NAMES, "source bus", "stream made-up-stream"], "ok"), result.answer["doctor"]["text"]
    assert tooling.aws.unsigned == []
    # The rule's metric has the bus beside its name.
    dimensions = [query["MetricStat"]["Metric"]["Dimensions"] for asked in tooling.aws.asked if asked.operation == "GetMetricData"
                  for query in asked.body["MetricDataQueries"]]
    assert [{"Name": "EventBusName", "Value": "oidc-triage"}, {"Name": "RuleName", "Value": RULES["cloudtrail"]}] in dimensions


@pytest.mark.parametrize("change, check, state, part", [
    (lambda stack: stack.aws.buses.update({"oidc-triage": None}), "source bus", "broken", "OrganizationId"),
    (lambda stack: stack.aws.faults.update(DescribeEventBus="ResourceNotFoundException"), "source bus", "broken", "EventBusName"),
    (lambda stack: stack.aws.faults.update(DescribeEventBus="AccessDeniedException"), "source bus", "unknown", "events:DescribeEventBus"),
    (lambda stack: stack.aws.metrics.pop(("IteratorAge", "made-up:events")), "stream made-up-stream", "broken", "list-event-source-mappings"),
    (lambda stack: stack.aws.metrics.update({("IncomingRecords", "made-up-stream"): [(time.time() - 100, 1.0)]}),
     "stream made-up-stream", "broken", "list-event-source-mappings"),
    (lambda stack: stack.aws.metrics.update({("IteratorAge", "made-up:events"): [(time.time() - 100, 2_400_000.0)]}),
     "stream made-up-stream", "broken", "40 minutes after"),
    (lambda stack: stack.aws.metrics.pop(("IncomingRecords", "made-up-stream")), "stream made-up-stream", "unknown", "put-log-events"),
    (lambda stack: stack.aws.trails.clear(), "trail", "unknown", "accounts that forward"),
], ids=["no policy", "no bus", "no right", "never read", "no more read", "behind", "nothing came", "no trail"])
def test_a_broken_link_of_an_organization_is_found_and_no_other_is(tooling, change, check, state, part):
    change(tooling)
    result = tooling.ask(**ORGANIZATION)
    assert states(result, "broken", "unknown") == {check: state}, result.answer["doctor"]["text"]
    found = checks(result)[check]
    assert part in f"{found['detail']} {found['action']}"


QUEUE = "arn:aws:sqs:us-east-1:111122223333:made-up-trail-queue"
TRAIL = {"OIDC_TRIAGE_TRAIL_BUCKET": "made-up-trail", "OIDC_TRIAGE_TRAIL_BUCKET_ACCOUNT": "777788889999", "OIDC_TRIAGE_TRAIL_QUEUE": QUEUE}


@pytest.mark.parametrize("sent, done, state, said", [
    (7200, 7200, "ok", "made-up-trail"), (7200, 80000, "broken", "object_not_read"), (7200, None, "broken", "object_not_read"),
    (None, None, "broken", "TrailTopicArn")])
def test_the_bucket_of_a_trail_is_checked_by_its_queue(stack, sent, done, state, said):
    for metric, age in (("NumberOfMessagesSent", sent), ("NumberOfMessagesDeleted", done)):
        stack.aws.metrics[(metric, "made-up-trail-queue")] = [(time.time() - age, 3.0)] if age else []
    check = checks(stack.ask(**TRAIL))["trail bucket"]
    assert check["state"] == state and said in check["detail"] + check["action"], check


def test_a_bucket_of_which_nothing_can_be_found_out_is_unknown(stack):
    stack.aws.faults["GetMetricData"] = "AccessDeniedException"
    check = checks(stack.ask(**TRAIL))["trail bucket"]
    assert check["state"] == "unknown" and "cloudwatch:GetMetricData" in check["detail"]
