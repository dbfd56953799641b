"""The process's output: one log line for each invocation, no secret anywhere, no untrusted text at the start of a
line."""

import json
import re

import pytest

from tests.harness import make
from tests.harness.fake_oidc import ACCESS_TOKEN, CLIENT_SECRET, DEVICE_CODE, NULL_500, REFRESH_TOKEN, USER_CODE, Answer
from tests.harness.fake_sns import Trouble
from tests.harness.runtime_api import PATIENCE

PLANTED = [*make.SECRETS.values(), CLIENT_SECRET, DEVICE_CODE, USER_CODE, ACCESS_TOKEN, REFRESH_TOKEN,
           "planted-secret-access-key", "planted-session-token"]


def assert_no_secret(text, but=()):
    for secret in PLANTED:
        assert secret in but or secret not in text, f"{secret} leaked"


def calls_with_secrets():
    everything = {"clientId": "made-up-client", **make.SECRETS, "redirectUri": "https://example.com/callback"}
    for grant in ("refresh_token", "authorization_code", "urn:ietf:params:oauth:grant-type:device_code"):
        yield make.call(request={**everything, "grantType": grant})
    yield make.call("StartDeviceAuthorization", request={
        "clientId": "made-up-client", "clientSecret": make.SECRETS["clientSecret"],
        "startUrl": "https://example.awsapps.com/start"})
    yield make.call("RegisterClient", request={"clientName": "made-up", "clientType": "public"})


@pytest.mark.parametrize("state", ["healthy", "failing", "echoing"])
def test_no_secret_is_written_or_sent(start, oidc, sns, state):
    if state == "failing":
        oidc.script_all(NULL_500)
        sns.fail(*[Trouble(500)] * 50)
    if state == "echoing":
        # A service that repeats its input: the worst possible error message.
        oidc.script_all(Answer(400, {"error": "invalid_request", "error_description": " ".join(PLANTED)},
                               "InvalidRequestException"))
    function = start(AWS_LAMBDA_LOG_LEVEL="TRACE", RUST_LOG="trace",
                     OIDC_TRIAGE_START_URL="https://example.awsapps.com/start")
    for call in calls_with_secrets():
        result = function.invoke(call)
        assert result.error is None
        assert_no_secret(result.output)
        for failure in result.answer["failures"]:
            failure.pop("response", None)
        assert_no_secret(json.dumps(result.answer))
        in_envelope = function.invoke(make.envelope(call))
        assert_no_secret(in_envelope.everything())
    for event in make.outage():
        assert_no_secret(function.invoke(event).everything())
    assert_no_secret(json.dumps([message.message + message.subject for message in sns.published]))
    assert_no_secret(function.all_output())


def test_a_secret_in_a_payload_that_cannot_be_read_is_not_repeated(function):
    whole = json.dumps(make.call()).encode()
    for cut in (len(whole) - 1, len(whole) - 40):
        assert_no_secret(function.invoke(whole[:cut]).everything())
    broken = make.call()
    broken["error"] = make.SECRETS["refreshToken"]
    assert_no_secret(function.invoke(broken).everything())
    broken["operation"] = make.SECRETS["refreshToken"]
    assert_no_secret(function.invoke(broken).everything())


def test_a_device_code_in_a_cloudtrail_record_stays_there(function):
    event = make.cloudtrail("SlowDownException")
    event["detail"]["requestParameters"] = {"clientId": "made-up-client", "deviceCode": make.SECRETS["deviceCode"],
                                            "grantType": "urn:ietf:params:oauth:grant-type:device_code"}
    assert_no_secret(function.invoke(event).everything())


@pytest.mark.parametrize("payload", [make.cloudtrail(), make.call(), b"not JSON", {"Records": []},
                                     make.logs(["nothing of ours"])], ids=lambda payload: type(payload).__name__)
def test_an_invocation_writes_one_line_that_lambda_can_read(function, payload):
    result = function.invoke(payload)
    (text,) = result.lines
    line = json.loads(text)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", line["timestamp"])
    assert line["level"] in ("INFO", "WARN", "ERROR")
    assert line["requestId"] == result.request_id


@pytest.mark.parametrize("names", ["shown", "hashed"])
def test_the_line_names_the_affected_callers_and_the_incident(start, oidc, names):
    oidc.script_all(NULL_500)
    result = start(OIDC_TRIAGE_CALLER_NAMES=names).invoke(make.sqs(make.outage(callers=12)))
    (text,) = result.lines
    line = json.loads(text)
    (verdict,), (incident,) = line["verdicts"], result.answer["incidents"]
    assert (verdict["region"], verdict["diagnosis"], verdict["callers"]) == ("us-east-1", "outage", 12)
    assert verdict["incident"] == incident["id"] and verdict["reasons"] == incident["reasons"]
    assert verdict["operations"] == "CreateToken (12)" and verdict["tools"].endswith(" (12)")
    listed = verdict["names"].split(", ")
    assert len(listed) == 10 and all("made-up-user-" in name for name in listed) == (names == "shown")
    assert ("made-up-user" in text) == (names == "shown")
    (probe,) = line["probes"]
    assert (probe["region"], probe["answer"]) == ("us-east-1", "down")
    assert line["notices"][0]["kind"] == "opened"


def test_a_healthy_region_is_not_in_the_line(function):
    (text,) = function.invoke(make.tick()).lines
    assert json.loads(text)["verdicts"] == []


def test_a_function_that_starts_writes_nothing_until_it_is_called(function):
    function.wait_idle()
    assert function.new_output() == ""


EVIL = "evil\nSubject: forged\r\n{\"level\":\"ERROR\"}\u001b[2J\u202e\u2028end"


def test_untrusted_text_cannot_forge_a_line(function, oidc, sns):
    oidc.script_all(NULL_500)
    events = make.outage(callers=6, message=EVIL, userAgent=EVIL)
    for number, event in enumerate(events):
        event["detail"]["userIdentity"]["onBehalfOf"]["userId"] = f"{number}{EVIL}"
        event["detail"]["requestID"] = f"{number}{EVIL}"
        result = function.invoke(event)
        (text,) = result.lines
        json.loads(text)
        assert not re.search("[\u0000-\u001f\u202e\u2028]", text)
    (message,) = sns.published
    assert not re.search("[\u0000-\u0009\u000b-\u001f\u202e\u2028]", message.message + message.subject)
    assert not any(line.lstrip().startswith(("Subject: forged", '{"level"')) for line in message.message.splitlines())


@pytest.mark.parametrize("variable, value", [("OIDC_TRIAGE_REGION", "Frankfurt"), ("OIDC_TRIAGE_CALLER_NAMES", "maybe"),
                                             ("OIDC_TRIAGE_POLICY", "no_such_key = 1"),
                                             ("OIDC_TRIAGE_REPLICAS", "us-east-1=https://d-1.awsapps.com/start"),
                                             ("OIDC_TRIAGE_START_URL", "http://example.com")])
def test_a_setting_that_cannot_be_right_ends_the_start_with_its_name(start, variable, value):
    function = start(**{variable: value})
    assert function.process.wait(PATIENCE) != 0
    (text,) = function.new_output().splitlines()
    line = json.loads(text)
    assert line["level"] == "FATAL" and variable in text
