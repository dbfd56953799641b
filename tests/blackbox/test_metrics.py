"""One line of metrics for each invocation, in CloudWatch's format; and each metric has the right value."""

import dataclasses
import json
import time
import typing

import jsonschema
import pytest

from tests.blackbox.test_bad_input import gzip_event, whole
from tests.blackbox.test_output import EVIL, assert_no_secret, calls_with_secrets
from tests.harness import make
from tests.harness.fake_oidc import NULL_500, THROTTLED_429, UNAVAILABLE_503, healthy, refusal
from tests.harness.fake_sns import TOPIC_ARN
from tests.harness.metrics import check, emitted, table
from tests.harness.runtime_api import metrics_of
from tests.harness.servers import refused_url

#: A value that only lies between two others.
Between = typing.NamedTuple("Between", [("least", float), ("most", float)])
#: In milliseconds or seconds: durations depend on the machine.
TIME = Between(0, 600_000)
#: The age in seconds of what was so old when the function was called.
Aged = typing.NamedTuple("Aged", [("at_first", float)])


@dataclasses.dataclass
class Scenario:
    name: str
    #: SSO OIDC's answers, by operation; None for all of them.
    answers: dict
    #: The last payload is the one that is looked at.
    payloads: list
    wanted: dict
    env: dict = dataclasses.field(default_factory=dict)
    #: Whether nothing else may be emitted.
    exact: bool = True


def of_each_cause():
    """An SQS batch of failures: one that is expected, two requests, three admins and so on."""
    shapes = [("AuthorizationPendingException", {}), ("InvalidGrantException", {}),
              ("AccessDeniedException", {"operation": "CreateTokenWithIAM"}), ("ThrottlingException", {}),
              ("InternalServerException", {}), ("MadeUpException", {})]
    events = [make.cloudtrail(code, user=f"user-{number}", age=20, **more)
              for times, (code, more) in enumerate(shapes, 1) for number in range(times)]
    silent = 'Could not connect to the endpoint URL: "https://oidc.us-east-1.amazonaws.com/token"'
    return make.sqs([*events, make.logs([silent] * 7, age=20)])


TICK = {"Ticks": 1, "IncidentsOpen": 0, "NoticesPending": 0, "DecisionTime": TIME, "ProbeLatency": TIME}
EVALUATED = {"ObservationAge": Aged(1), "DecisionTime": TIME}
CALLED = EVALUATED | {"ObservationAge": Aged(0)}

SCENARIOS = [
    Scenario("an_ordinary_tick", {}, [make.tick], TICK | {"ProbesHealthy": 1}),
    Scenario("a_tick_that_is_late", {}, [lambda: make.tick(600)], {}),
    Scenario("a_tick_while_the_service_fails", {None: [NULL_500]}, [make.tick], TICK | {"ProbesDown": 1}),
    Scenario("a_tick_while_the_probe_is_refused", {None: [refusal("InvalidRequestException")]}, [make.tick],
             TICK | {"ProbesUnexpected": 1}),
    Scenario("a_tick_while_the_probe_is_throttled", {None: [THROTTLED_429]}, [make.tick], TICK | {"ProbesUnknown": 1}),
    Scenario("two_regions_are_probed", {}, [make.tick],
             TICK | {"ProbesHealthy": 2, "ProbeLatency": [TIME, TIME]}, {"OIDC_TRIAGE_REGIONS": "us-east-1,eu-west-1"}),
    Scenario("failures_of_each_cause", {}, [of_each_cause],
             {"FailuresExpected": 1, "FailuresRequest": 2, "FailuresAdmin": 3, "FailuresThrottled": 4,
              "FailuresService": 5, "FailuresUnrecognised": 6, "FailuresUnreachable": 7, "CallersHit": Between(1, 20),
              "ObservationAge": Aged(20), "DecisionTime": TIME}, exact=False),
    Scenario("a_success", {}, [lambda: make.served(callers=1)[0]], {"ObservationAge": Aged(0)}),
    Scenario("a_failure_seen_again", {}, [lambda: [make.cloudtrail("InvalidGrantException")] * 2],
             EVALUATED | {"FailuresRequest": 1}),
    Scenario("a_call_that_is_cured", {}, [make.call],
             CALLED | {"FailuresService": 1, "RetriesTried": 1, "RetriesCured": 1}, exact=False),
    Scenario("a_call_that_is_cured_at_the_second_retry",
             {"RegisterClient": [UNAVAILABLE_503, healthy("RegisterClient")]},
             [lambda: make.call("RegisterClient", request={"clientName": "made-up", "clientType": "public"})],
             CALLED | {"RetriesTried": 1, "RetriesCured": 1}, exact=False),
    Scenario("a_call_that_is_not_cured", {"CreateToken": [NULL_500]}, [make.call],
             CALLED | {"RetriesTried": 1, "ProbesDown": 1, "CallersHit": 1}, exact=False),
    Scenario("an_outage", {None: [NULL_500]}, [lambda: make.sqs(make.outage(callers=8))],
             {"FailuresService": 8, "CallersHit": 8, "IncidentsOpen": 1, "ProbesDown": 1, "ProbeLatency": TIME,
              "NoticesSent": 1, "ObservationAge": Aged(22), "DecisionTime": TIME}, exact=False),
    Scenario("a_notice_that_nobody_takes", {None: [NULL_500]}, [lambda: make.sqs(make.outage(callers=8))],
             {"IncidentsOpen": 1, "NoticesFailed": 1, "NoticesPending": 1, "NoticeAge": TIME},
             {"AWS_ENDPOINT_URL_SNS": refused_url()}, exact=False),
    Scenario("an_outage_in_shadow", {None: [NULL_500]}, [lambda: make.sqs(make.outage(callers=8))],
             {"IncidentsOpen": 1, "WouldBeNotices": 1}, {"OIDC_TRIAGE_MODE": "shadow"}, exact=False),
    Scenario("an_outage_that_is_silenced", {None: [NULL_500]},
             [lambda: {"silence": {"scope": "all", "for": "1h", "reason": "made up", "by": "ana"}},
              lambda: make.sqs(make.outage(callers=8))],
             {"NoticesSilenced": 1, "IncidentsOpen": 1}, exact=False),
    # Counted from the first call on that was seen to work.
    Scenario("a_tick_after_calls_that_worked_and_failed", {},
             [lambda: make.sqs([*make.served(callers=8, age=100), *make.outage(callers=8)]), make.tick],
             {"CallsWorkedHour": 50, "CallsWorkedDay": 50, "CallsWorkedMonth": 50}, exact=False),
    Scenario("a_test_notice", {}, [lambda: {"testNotice": "outage"}], {"TestNoticesSent": 2}),
    Scenario("a_test_notice_that_nobody_takes", {}, [lambda: {"testNotice": "outage"}], {"TestNoticesFailed": 2},
             {"AWS_ENDPOINT_URL_SNS": refused_url()}),
    Scenario("a_test_notice_that_does_not_exist", {}, [lambda: {"testNotice": "made up"}], {}),
    Scenario("an_outage_that_only_the_log_is_told_of", {None: [NULL_500]},
             [lambda: make.sqs(make.outage(callers=8)), make.tick],
             {"Ticks": 1, "NoticesPending": 0, "IncidentsOpen": 1, "CallersHit": 8}, {"OIDC_TRIAGE_TOPIC_ARN": ""},
             exact=False),
    Scenario("a_probe_that_is_not_due", {}, [make.tick, make.tick],
             {key: TICK[key] for key in TICK if key != "ProbeLatency"},
             {"OIDC_TRIAGE_POLICY": "probe_interval_s = 3600"}),
    Scenario("a_gzip_that_is_cut_off", {}, [lambda: gzip_event(whole()[:-20])], {"UndecodableInput": 1}),
    Scenario("poison_beside_what_is_none", {},
             [lambda: make.sqs(["this is not JSON", "{", make.cloudtrail("InvalidGrantException")])],
             {"UndecodableInput": 2, "FailuresRequest": 1}, exact=False),
    Scenario("a_table_that_cannot_be_had", {}, [make.cloudtrail], {"StoreErrors": Between(1, 20), "FailuresService": 1},
             {"OIDC_TRIAGE_TABLE": "made-up"}, exact=False),
    Scenario("a_status_page_that_nobody_takes", {}, [make.tick], {"StatusPageErrors": 1, "StoreErrors": Between(1, 20)},
             {"OIDC_TRIAGE_TABLE": "made-up", "OIDC_TRIAGE_STATUS_BUCKET": "made-up"}, exact=False),
    Scenario("an_event_of_something_else", {},
             [lambda: {"source": "aws.s3", "detail-type": "made up", "detail": {}}], {}),
]


def is_wanted(value, wanted, took):
    match wanted:
        case Between(least, most):
            return least <= value <= most
        case Aged(at_first):
            # The time of an event is of a whole second.
            return at_first <= value <= at_first + 1 + took
        case list():
            return len(value) == len(wanted) and all(is_wanted(*both, took) for both in zip(value, wanted))
    return value == wanted


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_each_happening_is_emitted(start, oidc, scenario):
    for operation, answers in scenario.answers.items():
        oidc.script(operation, *answers) if operation else oidc.script_all(*answers)
    function = start(**scenario.env)
    for payload in scenario.payloads:
        began = time.time()
        values = emitted(function.invoke(payload()))
        took = time.time() - began
    for name, wanted in scenario.wanted.items():
        assert name in values and is_wanted(values[name], wanted, took), (name, wanted, values)
    assert not scenario.exact or set(values) == set(scenario.wanted)


def test_every_metric_has_a_scenario():
    named = {name for scenario in SCENARIOS for name in scenario.wanted}
    assert named == set(table())


def test_an_ordinary_tick_stays_within_the_free_tier():
    (tick,) = [scenario for scenario in SCENARIOS if scenario.name == "an_ordinary_tick"]
    assert len(tick.wanted) <= 7


@pytest.mark.parametrize("level", ["TRACE", "INFO", "WARN", "ERROR"])
def test_one_line_an_invocation_whatever_the_log_level(start, level):
    function = start(AWS_LAMBDA_LOG_LEVEL=level)
    for payload in (make.tick(), make.cloudtrail(), make.call(), b"not JSON", {"Records": []}, make.logs(["nothing"])):
        began = time.time()
        result = function.invoke(payload)
        emitted(result)
        (line,) = result.metrics
        # Lambda's own filter would remove it.
        assert metrics_of(line)["level"] == {"TRACE": "INFO"}.get(level, level)
        assert int(began * 1000) <= metrics_of(line)["_aws"]["Timestamp"] <= time.time() * 1000


def test_an_invocation_that_ends_in_an_error_has_its_metrics(start, oidc):
    oidc.script_all(NULL_500)
    function = start(AWS_ENDPOINT_URL_SNS="http://127.0.0.1:9", OIDC_TRIAGE_TOPIC_ARN=TOPIC_ARN)
    results = [function.invoke(event) for event in make.outage(callers=8)]
    assert results[-1].error is not None
    assert emitted(results[-1])["FailuresService"] == 1


def test_the_dimension_is_identity_centers_region_whatever_region_fails(start):
    function = start(OIDC_TRIAGE_REGION="eu-central-1")
    result = function.invoke(make.cloudtrail(region="ap-south-1"))
    emitted(result, "eu-central-1")
    (line,) = result.metrics
    assert metrics_of(line)["regions"] == ["ap-south-1"]


def test_neither_secrets_nor_text_of_others_are_in_a_line_of_metrics(start, oidc):
    oidc.script_all(NULL_500)
    function = start(AWS_LAMBDA_LOG_LEVEL="TRACE")
    events = make.outage(callers=6, message=EVIL, userAgent=EVIL)
    for payload in (*calls_with_secrets(), *map(make.envelope, calls_with_secrets()), make.sqs(events)):
        result = function.invoke(payload)
        emitted(result)
        (line,) = result.metrics
        assert_no_secret(line)
        assert "evil" not in line and "made-up-user" not in line and "ci-runner" not in line


def test_lines_that_cloudwatch_would_refuse_are_refused_here(function):
    (line,) = function.invoke(make.tick()).metrics
    good = json.loads(line)
    check(line)
    directive = good["_aws"]["CloudWatchMetrics"][0]
    for bad in ({**good["_aws"], "Timestamp": str(good["_aws"]["Timestamp"])}, {**good["_aws"], "more": 1},
                {"Timestamp": good["_aws"]["Timestamp"] // 1000, "CloudWatchMetrics": [directive]},
                {"CloudWatchMetrics": [directive]}, {**good["_aws"], "CloudWatchMetrics": [{**directive, "more": 1}]},
                {**good["_aws"], "CloudWatchMetrics": [{**directive, "Dimensions": []}]},
                {**good["_aws"], "CloudWatchMetrics": [{**directive, "Metrics": [{"Name": "Ticks", "Unit": "Ticks"}]}]},
                {**good["_aws"], "CloudWatchMetrics": [{**directive, "Metrics": [{"Unit": "Count"}]}]},
                {**good["_aws"], "CloudWatchMetrics": [{**directive, "Metrics": directive["Metrics"] * 20}]}):
        with pytest.raises(jsonschema.ValidationError):
            check(json.dumps({**good, "_aws": bad}))
    for bad in ({**good, "Ticks": "1"}, {**good, "Ticks": []}, {**good, "Region": "eu-west-1"}, {**good, "Made": 1},
                {key: value for key, value in good.items() if key != "Ticks"}):
        with pytest.raises(AssertionError):
            check(json.dumps(bad))
