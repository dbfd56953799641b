"""`tools/lab.py`, as an administrator runs it: which calls CloudTrail recorded, and in which form."""

import re
import subprocess
import time

import pytest

from tests.harness import fake_oidc
from tests.harness.lab import FAILED, no_secret_in, sentences
from tests.harness.runtime_api import PATIENCE
from tests.harness.strict_oidc import START_URL, record_of
from tools.trail_lab import history


# What CloudTrail recorded


def test_all_are_recorded_and_it_ends_at_once(place):
    begun = time.monotonic()
    done = place.run(wait="10m")
    assert time.monotonic() - begun < 60
    findings = place.findings()
    assert findings["failedCallsRecorded"] == "all" and findings["ownsInstance"] is True
    assert {call["experiment"]: call["answer"] for call in findings["calls"] if call["answer"] != "served"} == FAILED
    assert all(call["recorded"] and call["recognisedBy"] == "request id" and call["matchedByRule"] and call["hasRequestId"] for call in findings["calls"])
    assert all(call["errorCode"] == FAILED.get(call["experiment"]) for call in findings["calls"])
    assert {call["eventSource"] for call in findings["calls"]} == {"sso.amazonaws.com", "sso-oauth.amazonaws.com"}
    assert sentences(done)[0] == "CloudTrail recorded every failed call of this run (11). It is a source of failures for oidc-triage here."
    assert "Of the calls answered with a 5xx (1), 1 are recorded" in done.stdout
    assert (place.lab / "report.txt").read_text().strip() in done.stdout
    no_secret_in(place.everything(done))


def test_none_is_recorded_and_the_history_is_up_to_date(place):
    place.after = lambda call, answer: None
    done = place.run(wait="2s")
    assert place.findings()["failedCallsRecorded"] == "none" and place.recorded() == [] and place.records() == []
    assert sentences(done)[0] == "CloudTrail recorded none of 11 failed calls, though the event history is up to date."
    assert "Set ApplicationLogGroups and StartUrl" in done.stdout


def test_none_is_recorded_and_nothing_shows_that_the_history_is_up_to_date(place):
    place.after, place.account.lookups_after = lambda call, answer: None, None
    done = place.run(wait="1s", status=3)
    assert place.findings()["failedCallsRecorded"] == "unproven"
    assert "does not even show our own LookupEvents calls yet" in done.stdout and "--only-read" in done.stdout


def test_a_lookup_from_before_the_calls_does_not_show_that_the_history_is_up_to_date(place):
    place.after, place.account.lookups_recorded = lambda call, answer: None, 1
    place.run(wait="1s", status=3)
    assert place.findings()["failedCallsRecorded"] == "unproven"


def test_only_some_are_recorded(place):
    place.after = lambda call, answer: 0.0 if answer.code in ("InvalidGrantException", "AccessDeniedException") or answer.status == 200 else None
    done = place.run(wait="2s")
    assert place.findings()["failedCallsRecorded"] == "some"
    assert sorted(set(place.recorded())) == ["iam-without-assignment", "invalid-device-code", "invalid-refresh-token", "register", "start"]
    first = sentences(done)[0]
    assert first.startswith("CloudTrail recorded 3 of 11 failed calls. Not recorded: ") and "wrong-secret (InvalidClientException)" in first
    assert "Of 3 failed calls that name your portal, a device code of it or your account, 1 are recorded; of 8 failed calls that" in done.stdout
    assert "try --sign-in." in done.stdout
    assert "Of 2 polls of a device that waits for its user, 0 are recorded." in done.stdout
    assert "Of the calls answered with a 5xx (1), 0 are recorded" in done.stdout


def test_late_records_are_waited_for_and_their_lateness_is_said(place):
    place.after = lambda call, answer: 4.0 if call.operation == "CreateToken" else 0.0
    done = place.run(wait="60s")
    late = {call["experiment"]: call["seenAfterSeconds"] for call in place.findings()["calls"]}
    assert place.findings()["failedCallsRecorded"] == "all" and late["unknown-client"] >= 2.5
    assert re.search(r"\d+ of 15 calls are in the event history; .*waits up to", done.stderr)


def test_a_record_that_comes_after_the_wait_is_found_by_reading_again(place):
    place.after = lambda call, answer: 1e6
    place.run(wait="1s")
    assert place.findings()["failedCallsRecorded"] == "none"
    made = place.oidc.calls()
    place.account.arrive()
    place.run("--only-read", place.lab)
    assert place.findings()["failedCallsRecorded"] == "all" and place.oidc.calls() == made
    assert len(place.records()) == 15


def test_the_history_is_read_page_by_page_and_of_others_nothing_is_kept(place):
    other = record_of(fake_oidc.Call("CreateToken", "/token", {"clientId": "somebodys-client"}, {"user-agent": "somebodys-agent"}, time.time()),
                      fake_oidc.INVALID_GRANT, "req-of-somebody-else")
    for number in range(130):
        place.account.put({**other, "eventID": f"event-of-somebody-{number:04d}"})
    place.account.page = 7
    done = place.run()
    assert place.findings()["failedCallsRecorded"] == "all"
    assert "130 other records of the four operations are of other callers in that time. They are not written." in done.stdout
    assert "somebody" not in place.everything(done).replace("of other callers", "")
    assert any("NextToken" in inputs for inputs in place.account.lookups)


def test_a_throttled_history_is_read_nonetheless(place):
    place.account.rate = 2
    place.account.troubles = [(400, "ThrottlingException")] * 3 + [(503, "ServiceUnavailableException")]
    done = place.run("--start-url", START_URL, wait="60s")
    assert place.findings()["failedCallsRecorded"] == "all"
    assert re.search(r"CloudTrail throttled the reading \d+ times", done.stdout)


def test_two_requests_a_second_are_not_exceeded_by_default(place):
    place.account.rate = 2
    done = subprocess.run(place.command("--no-start-url", "--pause", "0s", "--wait", "20s"), cwd=place.folder, env=place.environment(), text=True,
                          capture_output=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    assert "throttled" not in done.stdout
    assert min(b - a for a, b in zip(place.account.times, place.account.times[1:])) > 0.5


def test_a_history_that_never_answers_proves_nothing(place):
    place.account.troubles = [(400, "ThrottlingException")] * 10_000
    done = place.run(wait="6s", status=3)
    assert "the event history does not answer (ThrottlingException): waits" in done.stderr
    assert place.findings()["failedCallsRecorded"] == "unproven"
    assert set(place.findings()["notReadToTheEnd"]) == {*history.OPERATIONS, *history.SOURCES}
    assert "Not read to the end, because of CloudTrail's limits: CreateToken, " in done.stdout


# Other forms of records


def forms_of(place, more, answer="all"):
    place.more = more
    done = place.run(wait="2s")
    assert place.findings()["failedCallsRecorded"] == answer
    return done


def test_without_request_id_a_record_is_recognised_by_its_marks(place):
    done = forms_of(place, lambda call, answer: {"requestID": None})
    assert all(call["recognisedBy"] == "marks" and not call["hasRequestId"] for call in place.findings()["calls"])
    assert all(call["errorCode"] in (None, call["answer"]) for call in place.findings()["calls"])
    assert "Without the caller's request id: " in done.stdout


def test_marks_of_another_time_fit_no_call(place):
    long_ago = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 90))
    done = forms_of(place, lambda call, answer: {"requestID": None, "eventTime": long_ago} if call.operation == "CreateToken" else {}, "some")
    assert "8 records have this run's marks and fit none of its calls." in done.stdout


def test_an_unexpected_source_is_found_and_the_rule_does_not_match_it(place):
    done = forms_of(place, lambda call, answer: {"eventSource": "identitycenter.amazonaws.com"})
    assert "The stack's rule (CloudTrailRule) does NOT match: identitycenter.amazonaws.com CreateToken" in done.stdout
    assert not any(call["matchedByRule"] for call in place.findings()["calls"])


def test_an_unexpected_name_is_found_by_its_source(place):
    forms_of(place, lambda call, answer: {"eventName": "CreateOAuth2Token"})
    assert {call["eventName"] for call in place.findings()["calls"]} == {"CreateOAuth2Token"}


def test_a_read_only_record_is_seen_by_no_rule_in_the_state_enabled(place):
    done = forms_of(place, lambda call, answer: {"readOnly": True})
    assert "readOnly True" in done.stdout and "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS" in done.stdout


def test_a_failure_without_error_code_is_pointed_out(place):
    done = forms_of(place, lambda call, answer: {"errorCode": None, "errorMessage": None})
    assert "Recorded without errorCode and errorMessage: " in done.stdout and "may count as served" in done.stdout


def test_two_records_of_a_call_are_both_shown(place):
    witness = place.oidc.witness
    place.oidc.witness = lambda *call: (witness(*call), witness(*call))
    done = place.run(wait="2s")
    assert len(place.records()) == 30 and "Recorded more than once: " in done.stdout


def test_everything_null_is_no_error(place):
    nothing = dict.fromkeys(("userIdentity", "userAgent", "requestParameters", "responseElements", "eventType", "recipientAccountId", "sourceIPAddress",
                             "errorMessage", "awsRegion", "eventID"))
    forms_of(place, lambda call, answer: nothing)
    assert len(place.records()) == 15


@pytest.mark.parametrize("text", ["", "null", "[]", "{", "[" * 100_000, "\"text\"", "{\"a\":" + "1" * 300_000 + "}"], ids=lambda text: text[:8] or "empty")
def test_what_is_no_record_is_counted(place, text):
    place.after = lambda call, answer: None
    place.account.put(text)
    place.account.events[0][1]["EventName"] = "CreateToken"
    assert "1 events have no record that can be read." in place.run(wait="1s").stdout
