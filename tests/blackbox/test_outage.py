"""A function without a table: enough callers are an outage, notified once. Fewer are not."""

import re
import time

import pytest

from tests.harness import make
from tests.harness.fake_oidc import HANG_UP, NULL_500, PROXY_502, slow
from tests.harness.fake_sns import TOPIC_ARN, Trouble


def notices(*results):
    return [notice for result in results for notice in result.answer["notices"]]


@pytest.fixture
def broken(oidc):
    oidc.script_all(NULL_500)


@pytest.mark.parametrize("answer", [NULL_500, PROXY_502, HANG_UP], ids=["500", "502_of_a_proxy", "no_answer"])
def test_enough_callers_and_a_probe_that_fails_are_an_outage(function, oidc, sns, answer):
    oidc.script_all(answer)
    result = function.invoke(make.sqs(make.outage()))
    (notice,) = notices(result)
    assert (notice["kind"], notice["diagnosis"], notice["severity"]) == ("opened", "outage", "page")
    assert notice["region"] == "us-east-1"
    (message,) = sns.published
    assert message.topic == TOPIC_ARN and message.message_id == notice["messageId"]
    (incident,) = result.answer["incidents"]
    assert incident["state"] == "open" and incident["reasons"]


@pytest.mark.usefixtures("broken")
def test_an_outage_is_notified_once_however_its_failures_arrive(function, sns):
    events = make.outage()
    results = [function.invoke(event) for event in events]
    results += [function.invoke(event) for event in events]
    results.append(function.invoke(make.sqs(make.outage(callers=12))))
    assert len(notices(*results)) == len(sns.published) == 1
    assert results[8].answer["failures"][0]["action"] == "duplicate"


@pytest.mark.usefixtures("broken")
def test_two_callers_are_silence_however_often_they_fail(function, sns):
    for _ in range(5):
        assert notices(function.invoke(make.sqs(make.outage(callers=2)))) == []
    assert sns.attempts == 0


@pytest.mark.usefixtures("broken")
def test_each_region_has_its_own_notices(function, sns):
    for region in ("us-east-1", "eu-west-1", "us-east-1", "eu-west-1"):
        function.invoke(make.sqs(make.outage(region)))
    assert len(sns.published) == 2
    assert {word for message in sns.published for word in re.findall(r"us-east-1|eu-west-1", message.subject)} == {
        "us-east-1", "eu-west-1"}


@pytest.mark.usefixtures("broken")
@pytest.mark.parametrize("code", ["InvalidGrantException", "ThrottlingException", "AccessDeniedException",
                                  "AuthorizationPendingException", "MadeUpNovelException"])
def test_only_service_failures_make_an_outage(function, sns, code):
    assert notices(function.invoke(make.sqs(make.outage(callers=9, code=code)))) == []
    assert sns.attempts == 0


@pytest.mark.usefixtures("broken")
@pytest.mark.parametrize("message", ["Rate exceeded", "Invalid parameter value: grantTypes"])
def test_a_disguised_internal_server_error_is_not_an_outage(function, sns, message):
    assert notices(function.invoke(make.sqs(make.outage(callers=9, message=message)))) == []
    assert sns.attempts == 0


@pytest.mark.usefixtures("broken")
def test_the_past_is_one_advice_notice_and_not_an_outage(function, sns, oidc):
    result = function.invoke(make.sqs([make.cloudtrail(user=f"user-{n}", age=4000) for n in range(4)]))
    assert {failure["action"] for failure in result.answer["failures"]} == {"ignored"}
    assert sns.attempts == oidc.calls() == 0
    (notice,) = notices(*(function.invoke(make.cloudtrail(user=f"user-{n}", age=4000)) for n in range(3, 9)))
    assert (notice["diagnosis"], notice["severity"], notice["incident"]) == ("late", "info", None)
    assert oidc.calls() == 0


@pytest.mark.usefixtures("broken")
def test_a_replayed_archive_opens_no_incident(function, sns, oidc):
    events = [{**event, "replay-name": "made-up-replay"} for event in make.outage(callers=5)]
    function.invoke(make.sqs(events))
    assert sns.attempts == oidc.calls() == 0


@pytest.mark.usefixtures("broken")
def test_one_person_seen_through_an_application_log_is_one(function, sns):
    line = "An error occurred (InternalServerException) when calling the CreateToken operation: "
    function.invoke(make.logs([line] * 20))
    assert sns.attempts == 0


@pytest.mark.usefixtures("broken")
def test_each_name_in_a_log_is_a_caller(function, sns):
    line = "An error occurred (InternalServerException) when calling the CreateToken operation: user=user{}@example.com"
    function.invoke(make.logs([line.format(number) for number in range(8)]))
    assert len(sns.published) == 1


@pytest.mark.usefixtures("broken")
def test_the_notice_has_all_that_the_on_call_needs(function, sns):
    events = make.outage()
    function.invoke(make.sqs(events))
    (message,) = sns.published
    assert len(message.subject) < 100 and message.subject.isascii() and message.subject.isprintable()
    text = message.message
    assert "InternalServerException" in text and "us-east-1" in text and "CreateToken" in text
    assert all(event["detail"]["requestID"] in text for event in events)
    assert len(text.encode()) < 262144
    # The three causes of such an error, each with what speaks for and against it.
    for word in ("outage", "throttling", "invalid input"):
        assert word in text.lower()
    assert "made-up-user-1" in text


@pytest.mark.usefixtures("broken")
def test_names_can_be_kept_out_of_notices(start, sns):
    function = start(OIDC_TRIAGE_CALLER_NAMES="hashed")
    function.invoke(make.sqs(make.outage()))
    assert len(sns.published) == 1 and "made-up-user" not in sns.published[0].message


@pytest.mark.usefixtures("broken")
@pytest.mark.parametrize("trouble", [Trouble(500), Trouble(403, "AuthorizationError"), Trouble(0)],
                         ids=["500", "denied", "no_answer"])
def test_a_notice_refused_by_sns_is_an_error_and_the_redelivery_sends_it(function, sns, trouble):
    events = make.sqs(make.outage())
    sns.fail(trouble)
    result = function.invoke(events)
    if result.error is None:
        # An SQS batch reports this by the messages to deliver again.
        assert result.answer["batchItemFailures"]
    again = function.invoke(events)
    assert again.error is None
    assert len(sns.published) == 1, "sent as soon as possible"
    function.invoke(events)
    assert len(sns.published) == 1


@pytest.mark.usefixtures("broken")
def test_a_single_event_without_its_notice_fails_so_that_lambda_retries(function, sns):
    *first, last = make.outage(callers=5)
    for event in first:
        assert function.invoke(event).error is None
    sns.fail(Trouble(500))
    result = function.invoke(last)
    assert result.error is not None and "errorType" in result.error
    assert function.invoke(last).error is None and len(sns.published) == 1


@pytest.mark.usefixtures("broken")
def test_a_payload_with_secrets_never_fails_lest_it_land_in_the_failure_queue(function, sns):
    for number in range(4):
        function.invoke(make.envelope(make.call("StartDeviceAuthorization", caller=f"ci-runner-{number}")))
    sns.fail(*[Trouble(500)] * 3)
    result = function.invoke(make.call())
    assert result.error is None
    assert "notice_not_published" in result.problems()


@pytest.mark.usefixtures("broken")
def test_a_secret_in_one_message_does_not_keep_the_others_from_being_sent_again(function, sns):
    refused = {"source": "made.up", "detail-type": "SSO OIDC Call Failed", "detail": make.call(), "id": "made-up-envelope"}
    batch = make.sqs([*make.outage(), refused])
    sns.fail(Trouble(500))
    result = function.invoke(batch)
    assert "secret_in_envelope" in result.problems()
    assert len(result.answer["batchItemFailures"]) == 9
    function.invoke(batch)
    assert len(sns.published) == 1


@pytest.mark.usefixtures("broken")
def test_without_a_topic_the_notice_is_in_the_log(start, sns):
    function = start(OIDC_TRIAGE_TOPIC_ARN="")
    result = function.invoke(make.sqs(make.outage()))
    (notice,) = notices(result)
    assert notice["messageId"] is None and sns.attempts == 0
    assert "outage" in result.output


@pytest.mark.usefixtures("broken")
def test_a_notice_that_has_no_other_place_is_in_the_log_at_any_level(start):
    function = start(OIDC_TRIAGE_TOPIC_ARN="", AWS_LAMBDA_LOG_LEVEL="ERROR")
    assert function.invoke(make.sqs(make.outage(callers=2))).lines == []
    assert "Do now" in function.invoke(make.sqs(make.outage())).output


@pytest.mark.usefixtures("broken")
def test_the_policy_moves_the_threshold(start, sns):
    function = start(OIDC_TRIAGE_POLICY="outage_callers = 10")
    function.invoke(make.sqs(make.outage()))
    assert sns.attempts == 0
    function.invoke(make.sqs(make.outage(callers=10)))
    assert len(sns.published) == 1


@pytest.mark.usefixtures("broken")
def test_more_failures_than_an_answer_lists_are_counted(function):
    record = [make.cloudtrail(user=f"user-{number}") ["detail"] for number in range(130)]
    import json
    result = function.invoke(make.logs([json.dumps(one) for one in record]))
    assert len(result.answer["failures"]) == 100 and result.answer["omitted"] == 30
    assert result.answer["counts"]["service"] == 130


@pytest.mark.usefixtures("broken")
def test_a_notice_whose_answer_was_lost_comes_again_under_the_same_id(function, sns):
    events = make.sqs(make.outage())
    sns.fail(Trouble(0, taken=True))
    assert function.invoke(events).answer["batchItemFailures"]
    time.sleep(1.1)
    (notice,) = notices(function.invoke(events))
    first, second = (re.search(r"Incident: +(.*)", message.message).group(1) for message in sns.published)
    assert first == second == f"{notice['incident']} (notice 1)"


@pytest.mark.usefixtures("broken")
def test_only_messages_without_a_sent_notice_are_delivered_again(function, sns):
    outage = make.outage()
    strangers = [make.cloudtrail("InvalidGrantException"), make.cloudtrail(region="eu-west-1"), "not JSON"]
    batch = make.sqs([strangers[0], *outage, *strangers[1:]])
    sns.fail(Trouble(500))
    result = function.invoke(batch)
    assert [failed["itemIdentifier"] for failed in result.answer["batchItemFailures"]] == [
        record["messageId"] for record in batch["Records"][1:9]]


@pytest.mark.usefixtures("broken")
def test_one_region_without_its_notice_does_not_silence_the_other(function, sns):
    batch = make.sqs([*make.outage("eu-west-1"), *make.outage("us-west-2")])
    sns.fail(Trouble(500))
    result = function.invoke(batch)
    (notice,) = notices(result)
    assert notice["region"] == "us-west-2" and len(result.answer["incidents"]) == 2
    assert [failed["itemIdentifier"] for failed in result.answer["batchItemFailures"]] == [
        record["messageId"] for record in batch["Records"][:8]]
    (again,) = notices(function.invoke(batch))
    assert again["region"] == "eu-west-1" and len(sns.published) == 2


def test_a_service_that_hangs_leaves_time_to_notify(function, oidc, sns):
    oidc.script_all(slow(NULL_500, 600))
    calls = [make.envelope(make.call("RegisterClient", caller=f"caller-{number}",
                                     request={"clientName": "made-up", "clientType": "public"})) for number in range(12)]
    result = function.invoke(make.sqs(calls), remaining=10.0)
    assert len(notices(result)) == len(sns.published) == 1
    assert "deadline" in result.problems()
    assert "Not confirmed" in sns.published[0].message


@pytest.mark.usefixtures("broken")
def test_a_topic_that_hangs_costs_five_seconds_and_no_alert(function, sns):
    events = make.outage()
    sns.fail(Trouble(500, delay=600))
    result = function.invoke(events, remaining=60.0)
    # By its own time-out, long before the invocation's deadline.
    assert result.error["errorType"] == "notice_not_published" and "it timed out" in result.error["errorMessage"]
    assert len(notices(function.invoke(events))) == 1


@pytest.mark.usefixtures("broken")
def test_no_call_is_retried_while_an_outage_cannot_be_notified(function, oidc, sns):
    sns.fail(*[Trouble(500)] * 3)
    assert function.invoke(make.outage()).error
    oidc.forget()
    result = function.invoke(make.call())
    failure = result.answer["failures"][0]
    assert failure["action"] == "probed" and failure["attempts"] == 1
    assert "retry_withheld" in result.problems()
    assert not any(made.body.get("grantType") == "refresh_token" for made in oidc.log)


@pytest.mark.usefixtures("broken")
def test_callers_within_an_hour_are_not_callers_within_a_quarter(function, sns):
    for number, age in enumerate((10, 1500, 3000)):
        function.invoke(make.cloudtrail(user=f"user-{number}", age=age))
    assert sns.attempts == 0
    function.invoke(make.sqs([make.cloudtrail(user=f"late-{number}", age=2900 + number) for number in range(4)]))
    assert len(sns.published) == 1, "those who came late make one with what was there"


@pytest.mark.usefixtures("broken")
def test_sixty_four_callers_make_one_short_notice(function, sns):
    function.invoke(make.sqs(make.outage(callers=64)))
    (message,) = sns.published
    assert "64 people" in message.subject and "and 54 more" in message.message and len(message.message) < 8000
