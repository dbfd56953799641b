"""A call that its caller hands over is retried with its own inputs; for recorded or logged calls there is a probe."""

import pytest

from tests.harness import make
from tests.harness.fake_oidc import (
    ACCESS_TOKEN, HANG_UP, INVALID_GRANT, NULL_500, THROTTLED_429, UNAVAILABLE_503, healthy, refusal, slow)
from tests.harness.servers import refused_url


def only(result):
    assert result.error is None
    (failure,) = result.answer["failures"]
    return failure


def test_a_call_succeeds_at_the_first_retry_and_its_caller_gets_the_answer(function, oidc):
    call = make.call()
    failure = only(function.invoke(call))
    assert (failure["action"], failure["outcome"], failure["attempts"]) == ("retried", "recovered", 2)
    assert failure["response"]["accessToken"] == ACCESS_TOKEN
    assert "do not make it once more" in failure["advice"], "a working call needs no retry"
    sent = [made for made in oidc.log if made.body.get("grantType") == "refresh_token"]
    assert [made.body["refreshToken"] for made in sent] == [call["request"]["refreshToken"]]
    assert sent[0].body["clientSecret"] == call["request"]["clientSecret"]


@pytest.mark.parametrize("trouble", [NULL_500, UNAVAILABLE_503, HANG_UP], ids=["500", "503", "no_answer"])
def test_a_call_succeeds_at_the_second_retry(function, oidc, trouble):
    oidc.script("RegisterClient", trouble, healthy("RegisterClient"))
    failure = only(function.invoke(make.call("RegisterClient", request={"clientName": "made-up", "clientType": "public"})))
    assert (failure["action"], failure["outcome"], failure["attempts"]) == ("retried", "recovered", 3)


def test_a_call_that_still_fails_is_given_up_after_three_retries(function, oidc):
    oidc.script_all(NULL_500)
    failure = only(function.invoke(make.call()))
    assert (failure["action"], failure["outcome"], failure["attempts"]) == ("retried", "still_failing", 4)
    assert sum(made.body.get("grantType") == "refresh_token" for made in oidc.log) == 3
    assert "response" not in failure


def test_throttling_is_waited_out_longer_than_a_fault(function, oidc):
    oidc.script("RegisterClient", THROTTLED_429, healthy("RegisterClient"))
    call = make.call("RegisterClient", "ThrottlingException", 400, request={"clientName": "x", "clientType": "public"})
    assert only(function.invoke(call))["outcome"] == "recovered"


def test_the_service_s_retry_after_is_honoured(function, oidc):
    import dataclasses
    oidc.script("RegisterClient", dataclasses.replace(NULL_500, headers=(("x-amz-retry-after", "1500"),)),
                healthy("RegisterClient"))
    result = function.invoke(make.call("RegisterClient", request={"clientName": "x", "clientType": "public"}))
    assert only(result)["outcome"] == "recovered"
    first, second = (made.at for made in oidc.log[:2])
    assert second - first > 1.4


def test_retries_never_go_past_the_deadline(function, oidc):
    oidc.script_all(slow(NULL_500, 1.5))
    failure = only(result := function.invoke(make.call(), remaining=6.0))
    assert failure["outcome"] in ("still_failing", "unknown") and "deadline" in result.problems()
    assert failure["attempts"] < 4, "there was no time for all of them"


def test_a_service_that_never_answers_does_not_cost_the_invocation(function, oidc):
    oidc.script_all(slow(NULL_500, 600))
    result = function.invoke(make.call(), remaining=6.0)
    assert result.error is None and "deadline" in result.problems()


def test_without_time_left_there_is_no_retry_and_the_answer_says_so(function, oidc):
    result = function.invoke(make.call(), remaining=1.5)
    assert oidc.calls() == 0
    assert "deadline" in result.problems()
    assert only(result)["outcome"] is None


def test_a_deadline_long_before_the_event_is_ignored(function):
    # As `cargo lambda watch` gives it: a span where an instant should be.
    assert only(function.invoke(make.call(), remaining=-1e9))["outcome"] == "recovered"


def test_a_grant_that_is_invalid_after_a_500_may_have_been_used_up(function, oidc):
    oidc.script("CreateToken", INVALID_GRANT)
    failure = only(function.invoke(make.call()))
    assert (failure["action"], failure["outcome"]) == ("retried", "unknown")


def test_a_signed_call_is_never_retried_under_our_identity(function, oidc):
    request = {"clientId": "arn:aws:sso::123456789012:application/ssoins-0/apl-0", "grantType": "refresh_token",
               "refreshToken": make.SECRETS["refreshToken"]}
    failure = only(function.invoke(make.call("CreateTokenWithIAM", request=request)))
    assert failure["action"] != "retried"
    assert oidc.calls("CreateTokenWithIAM") == 0


@pytest.mark.parametrize("code, status", [("InvalidGrantException", 400), ("AccessDeniedException", 403),
                                          ("AuthorizationPendingException", 400)])
def test_a_call_that_a_retry_cannot_help_is_not_retried(function, oidc, code, status):
    failure = only(function.invoke(make.call(code=code, status=status)))
    assert failure["action"] in ("advised", "ignored")
    assert oidc.calls() == 0


def test_a_call_from_the_bus_is_not_retried_without_its_secrets(function, oidc):
    call = make.call()
    result = function.invoke(make.envelope(call))
    failure = only(result)
    assert "secret_in_envelope" in result.problems()
    assert failure["action"] in ("recorded", "probed")
    assert not any(make.SECRETS["refreshToken"] in str(made.body) for made in oidc.log)


def test_a_recorded_failure_is_answered_by_the_probe(function, oidc):
    failure = only(function.invoke(make.cloudtrail()))
    assert failure["action"] == "probed"
    assert [made.operation for made in oidc.log][:2] == ["RegisterClient", "CreateToken"]
    assert all("oidc-triage" in {key.lower(): value for key, value in made.headers.items()}["user-agent"]
               for made in oidc.log), "our own calls must be distinct in CloudTrail"


def test_with_an_access_portal_the_probe_makes_all_three_steps(start, oidc):
    function = start(OIDC_TRIAGE_START_URL="https://example.awsapps.com/start")
    function.invoke(make.cloudtrail())
    assert [made.operation for made in oidc.log] == ["RegisterClient", "StartDeviceAuthorization", "CreateToken"]
    assert oidc.log[1].body["startUrl"] == "https://example.awsapps.com/start"
    assert oidc.log[0].body["grantTypes"] == ["urn:ietf:params:oauth:grant-type:device_code"]


def test_failures_close_to_each_other_share_one_probe_and_one_registration(start, oidc):
    function = start(OIDC_TRIAGE_POLICY="probe_interval_s = 3600")
    for number in range(5):
        function.invoke(make.cloudtrail(user=f"user-{number % 2}"))
    assert oidc.calls("RegisterClient") == 1
    assert oidc.calls("CreateToken") == 1


def test_a_tick_probes_every_configured_region(start, oidc):
    function = start(OIDC_TRIAGE_REGIONS="us-east-1, eu-west-1")
    tick = {"source": "aws.events", "detail-type": "Scheduled Event", "id": "1", "time": make.timestamp(), "detail": {}}
    result = function.invoke(tick)
    assert result.error is None and oidc.calls("CreateToken") == 2


def test_a_late_tick_does_nothing(function, oidc):
    tick = {"source": "aws.events", "detail-type": "Scheduled Event", "id": "1", "time": make.timestamp(120), "detail": {}}
    result = function.invoke(tick)
    assert result.error is None and oidc.calls() == 0


def test_a_service_that_refuses_the_connection_does_not_fail_the_invocation(start):
    function = start(AWS_ENDPOINT_URL_SSO_OIDC=refused_url())
    failure = only(function.invoke(make.call("RegisterClient", request={"clientName": "x", "clientType": "public"})))
    assert failure["outcome"] == "still_failing"


def test_a_log_line_is_probed_too(function, oidc):
    result = function.invoke(make.logs([
        "An error occurred (InternalServerException) when calling the CreateToken operation (reached max retries: 2): "]))
    assert only(result)["action"] == "probed" and oidc.calls() >= 2


def test_a_refusal_of_the_probe_is_not_healthy(function, oidc):
    oidc.script("CreateToken", refusal("InvalidRequestException"))
    assert only(function.invoke(make.cloudtrail()))["outcome"] != "recovered"


def test_a_call_with_a_known_failure_is_retried_once_and_counted_once(function, oidc):
    call, seen = make.call(), make.cloudtrail()
    seen["detail"]["requestID"] = call["error"]["requestId"]
    function.invoke(seen)
    result = function.invoke(call)
    failure = only(result)
    assert (failure["action"], failure["outcome"]) == ("retried", "recovered")
    assert (result.answer["counts"]["service"], result.answer["counts"]["duplicate"]) == (0, 1)
    assert only(function.invoke(call))["action"] == "duplicate"
    assert sum(made.body.get("grantType") == "refresh_token" for made in oidc.log) == 1
