"""`tools/lab.py`, as an administrator runs it: against the fake service and an event history of our own making."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest

from tests.harness import fake_oidc
from tests.harness.awslogs import ROOT
from tests.harness.fake_account import ACCOUNT, ROLE, SESSION, FakeAccount
from tests.harness.runtime_api import PATIENCE
from tests.harness.servers import refused_url
from tests.harness.strict_oidc import ADDRESS, PERSON, START_URL, StrictOidc, record_of
from tests.structure import words
from tools.trail_lab import history, settings

from .test_cli import run as command_line

FAST = ["--pause", "0s", "--pace", "0s", "--every", "0.2s"]
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "AKIAPLANTEDPLANTED99", "AWS_SECRET_ACCESS_KEY": "planted-secret-access-key", "AWS_SESSION_TOKEN": "planted-session"}
#: Everything of the fakes that is somebody's or secret.
PLANTED = [ACCOUNT, ROLE, SESSION, ADDRESS, PERSON["userId"], "d-9067planted", "planted-credential-id-77", "AROAPLANTED", "ASIAPLANTED",
           "planted-portal", fake_oidc.CLIENT_ID, fake_oidc.CLIENT_SECRET, fake_oidc.DEVICE_CODE, fake_oidc.ACCESS_TOKEN, fake_oidc.REFRESH_TOKEN,
           *CREDENTIALS.values()]
FAILED = {
    "register-unknown-type": "InvalidClientMetadataException", "register-two-grants": "InternalServerException",
    "start-wrong-url": "InvalidRequestException", "start-wrong-secret": "InvalidClientException",
    "unknown-grant-type": "UnsupportedGrantTypeException", "other-grant-type": "UnauthorizedClientException",
    "unknown-client": "InvalidClientException", "invalid-refresh-token": "InvalidGrantException", "invalid-device-code": "InvalidGrantException",
    "wrong-secret": "InvalidClientException", "iam-without-assignment": "AccessDeniedException", "pending": "AuthorizationPendingException",
    "too-fast": "SlowDownException"}


class Place:
    """The service, the account, a folder, and which calls CloudTrail records."""

    def __init__(self, folder):
        self.folder, self.account = folder, FakeAccount()
        self.oidc = StrictOidc(self.witness)
        #: Of a call and its answer: seconds until its record is there, or None.
        self.after = lambda call, answer: 0.0
        self.more = lambda call, answer: {}

    def witness(self, call, answer, request_id):
        after = self.after(call, answer)
        if after is not None:
            self.account.put(record_of(call, answer, request_id, **self.more(call, answer)), after=after)

    def environment(self, **env):
        return {"PATH": "/usr/bin:/bin", "HOME": str(self.folder), "AWS_REGION": "us-east-1", "AWS_ENDPOINT_URL": self.account.url,
                "AWS_ENDPOINT_URL_SSO_OIDC": self.oidc.url, "AWS_EC2_METADATA_DISABLED": "true", "PYTHONDONTWRITEBYTECODE": "1", **CREDENTIALS, **env}

    def command(self, *arguments):
        return [sys.executable, str(ROOT / "tools" / "lab.py"), *map(str, arguments)]

    def start(self, *arguments, **env):
        return subprocess.Popen(self.command(*arguments), cwd=self.folder, env=self.environment(**env), text=True, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE)

    def run(self, *arguments, wait="20s", status=0, **env):
        arguments = ["--wait", wait, *FAST, *(arguments or ["--start-url", START_URL])]
        done = subprocess.run(self.command(*arguments), cwd=self.folder, env=self.environment(**env), text=True, capture_output=True,
                              timeout=PATIENCE)
        assert done.returncode == status, done.stdout + done.stderr
        return done

    @property
    def lab(self):
        (folder,) = self.folder.glob("lab-*")
        return folder

    def calls(self):
        return json.loads((self.lab / "calls.json").read_text())["calls"]

    def findings(self):
        return json.loads((self.lab / "findings.json").read_text())

    def recorded(self):
        return [call["experiment"] for call in self.findings()["calls"] if call["recorded"]]

    def records(self):
        return sorted((self.lab / "records").glob("*.json"))

    def everything(self, done):
        files = [path for path in self.lab.rglob("*") if path.is_file()]
        return done.stdout + done.stderr + "".join(path.name + path.read_text() for path in files)


@pytest.fixture
def place(tmp_path):
    place = Place(tmp_path)
    with place.oidc, place.account:
        yield place


def no_secret_in(text):
    assert [planted for planted in PLANTED if planted in text] == []


def sentences(done):
    return [line[2:] for line in done.stdout.splitlines() if line.startswith("- ")]


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


def test_only_some_are_recorded(place):
    place.after = lambda call, answer: 0.0 if answer.code in ("InvalidGrantException", "AccessDeniedException") or answer.status == 200 else None
    done = place.run(wait="2s")
    assert place.findings()["failedCallsRecorded"] == "some"
    assert sorted(set(place.recorded())) == ["iam-without-assignment", "invalid-device-code", "invalid-refresh-token", "register", "start"]
    first = sentences(done)[0]
    assert first.startswith("CloudTrail recorded 3 of 11 failed calls. Not recorded: ") and "wrong-secret (InvalidClientException)" in first
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


# The files


def test_the_program_reads_the_files_it_is_to_be_tested_with(place):
    place.run()
    explained = {}
    for file in place.records():
        done = command_line("explain", "--event", file, "--format", "json")
        assert done.returncode == 0, done.stderr.decode()
        explained[file.stem.removeprefix("cloudtrail__lab_").replace("_", "-")] = json.loads(done.stdout)
    assert explained.keys() == {"register", "start", *FAILED}
    for name, code in FAILED.items():
        (failure,) = explained[name]["failures"]
        assert (failure["code"], failure["region"]) == (code, "us-east-1"), name
    done = command_line("replay", "--format", "json", place.lab / "lookup__lab.json")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, done.stderr.decode()
    assert sorted(line["code"] for line in lines if line["type"] == "failure") == sorted(FAILED.values())
    # A function that runs in that account sees one caller: no one is notified.
    assert [line for line in lines if line["type"] == "notice"] == []


def test_what_is_made_up_is_the_same_everywhere_and_has_the_form_of_what_it_stands_for(place):
    place.run()
    details = [json.loads(file.read_text())["detail"] for file in place.records()]
    assert {detail["recipientAccountId"] for detail in details} == {detail["userIdentity"]["accountId"] for detail in details}
    assert len({detail["recipientAccountId"] for detail in details}) == 1 and re.fullmatch(r"1111222233\d\d", details[0]["recipientAccountId"])
    assert len({detail["sourceIPAddress"] for detail in details}) == 1 and details[0]["sourceIPAddress"].startswith("203.0.113.")
    assert len({detail["requestID"] for detail in details}) == len({detail["eventID"] for detail in details}) == len(details)
    (signed,) = [detail for detail in details if detail["eventName"] == "CreateTokenWithIAM"]
    identity = signed["userIdentity"]
    arn = identity["arn"].split(":")
    assert arn[:4] == ["arn", "aws", "sts", ""] and arn[4] == signed["recipientAccountId"] and arn[5].startswith("assumed-role/made-up-session-")
    assert identity["principalId"].startswith(identity["sessionContext"]["sessionIssuer"]["principalId"] + ":")
    assert signed["errorMessage"].split()[2:4] == ["of", signed["recipientAccountId"]] and signed["errorMessage"].endswith("was refused")
    assert all("app/oidc-triage-lab" in detail["userAgent"] and "Botocore" in detail["userAgent"] for detail in details)
    assert {detail["requestParameters"].get("clientName") for detail in details if detail["eventName"] == "RegisterClient"} == {"oidc-triage-lab"}


def test_text_of_others_stays_on_its_line(place):
    hostile = "\x1b[2J\r\nerror: forged\u202e 4111 \ue0000\ue001 {0} %s \u2028- CloudTrail recorded every failed call"
    place.more = lambda call, answer: {"errorMessage": hostile, "errorCode": "Evil\nCode\x1b[31m", "userIdentity": {"type": "A\nB\x1b[0m"},
                                       "eventType": hostile, hostile: {hostile: [hostile]}, "userAgent": call.headers["User-Agent"] + " " + hostile}
    done = place.run(wait="2s")
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u2028\u202e\ue000]", place.everything(done))
    assert sum(line.startswith("- CloudTrail recorded") for line in done.stdout.splitlines()) == 1
    assert not any(line.startswith("error:") for line in (done.stdout + done.stderr).splitlines())


def test_our_own_user_agent_is_not_the_probe_s(place):
    """Else the records would be read as the function's own calls, and show nothing."""
    place.run()
    done = command_line("explain", "--event", place.records()[0])
    assert b"own_probe" not in done.stdout


# Signing in, and expiry


def test_with_a_sign_in_the_failures_of_a_known_person_are_made_too(place):
    place.oidc.sign_in_after = 2
    done = place.run("--start-url", START_URL, "--sign-in")
    assert "Sign in: open https://device.example.com/?user_code=" in done.stdout
    answers = [(call["experiment"], call["answer"]) for call in place.calls()][-4:]
    assert answers == [("sign-in", "served"), ("device-code-used", "InvalidGrantException"), ("refresh-wrong-secret", "InvalidClientException"),
                       ("refresh", "served")]
    no_secret_in(place.everything(done))


def test_a_device_code_is_left_to_expire(place):
    place.oidc.expires_s = 3
    # The margin behind its end is as long as the time between two looks.
    place.run("--start-url", START_URL, "--expired", "--every", "2s")
    last = place.calls()[-1]
    assert (last["experiment"], last["answer"]) == ("device-code-expired", "ExpiredTokenException")


# What is missing


def test_each_call_is_made_once_and_marked(place):
    place.oidc.script("CreateToken", fake_oidc.NULL_500)
    place.run(wait="2s")
    run = json.loads((place.lab / "calls.json").read_text())["run"]
    assert [call.operation for call in place.oidc.log].count("CreateToken") == [call["operation"] for call in place.calls()].count("CreateToken")
    for call in place.oidc.log:
        assert f"app/oidc-triage-lab-{run}" in call.headers["User-Agent"]
        assert call.operation != "RegisterClient" or call.body["clientName"] == f"oidc-triage-lab-{run}"


def test_without_a_start_url_the_calls_that_need_it_are_left_out(place):
    done = place.run("--no-start-url")
    assert not any(call["experiment"] in ("start", "pending", "too-fast", "start-wrong-secret") for call in place.calls())
    assert "Left out (no --start-url): start" in done.stdout


def test_without_the_right_to_read_the_calls_are_listed_with_their_request_ids(place):
    place.account.may_look_up = False
    done = place.run(status=4)
    assert "This account's event history cannot be read (AccessDeniedException: User: " in done.stdout
    assert "is not authorized to perform: cloudtrail:LookupEvents" in done.stdout
    for call in place.calls():
        assert re.search(rf"^{call['experiment']} .* {call['requestId']}$", done.stdout, re.MULTILINE)
    no_secret_in(place.everything(done))
    command = re.search(r"python3 tools/lab.py (--only-read) (\S+)", done.stdout)
    place.account.may_look_up = True
    place.run(command[1], command[2])
    assert place.findings()["failedCallsRecorded"] == "all"


def test_a_right_that_ends_while_it_waits_loses_nothing(place):
    place.after = lambda call, answer: None
    process = place.start("--start-url", START_URL, "--wait", "60s", *FAST)
    until(lambda: len(place.account.lookups) > 9)
    place.account.credentials = "other"
    out, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 4 and "can no longer be read (UnrecognizedClientException)" in out and "--only-read" in out


def test_an_account_that_does_not_own_the_instance_is_said(place):
    place.after, place.account.owner = lambda call, answer: None, "210987654321"
    done = place.run(wait="1s")
    assert "This account owns no instance of Identity Center in this region." in done.stdout and "210987654321" not in place.everything(done)
    place.account.owner = None
    assert "could not be seen (sso:ListInstances)" in place.run("--only-read", place.lab, wait="1s").stdout


def test_the_calls_alone_need_no_credentials(place):
    without = {name: "" for name in CREDENTIALS}
    done = place.run("--start-url", START_URL, "--only-calls", **without)
    assert place.account.times == [] and "iam-without-assignment (no credentials)" in done.stdout
    place.run("--only-read", place.lab / "calls.json")
    assert place.findings()["failedCallsRecorded"] == "all"


def test_a_service_that_cannot_be_reached_is_no_finding(place):
    done = place.run(status=5, AWS_ENDPOINT_URL_SSO_OIDC=refused_url())
    assert "No call was answered" in done.stdout and "register  no answer" in done.stdout


REFUSED = {
    "no region": ({"AWS_REGION": ""}, ["--no-start-url"], "error: no region: give --region"),
    "a region that is none": ({"AWS_REGION": "us-east-1/../x"}, ["--no-start-url"], "error: the region of your AWS settings is none"),
    "no credentials": (dict.fromkeys(CREDENTIALS, ""), ["--no-start-url"], "error: no credentials: sign in"),
    "an unknown profile": ({}, ["--no-start-url", "--profile", "nobody"], "error: your AWS settings cannot be used (ProfileNotFound)"),
    "an endpoint that is none": ({"AWS_ENDPOINT_URL_SSO_OIDC": "nowhere"}, ["--no-start-url"], "error: there is no client for sso-oidc"),
    "no start URL": ({}, ["--region", "us-east-1"], "give either --start-url URL"),
    "a start URL that is none": ({}, ["--start-url", "http://portal.example.com"], "not the URL of an access portal"),
    "no duration": ({}, ["--no-start-url", "--wait", "15"], "not a duration such as 90s, 15m or 1h"),
    "a folder that cannot be": ({}, ["--no-start-url", "--folder", "/proc/none"], "error: cannot write /proc/none"),
    "no such file": ({}, ["--only-read", "none.json"], "error: --only-read cannot be used: no such file"),
    "both halves": ({}, ["--only-read", "none.json", "--only-calls"], "not allowed with argument"),
    "a sign-in without portal": ({}, ["--no-start-url", "--sign-in"], "--sign-in needs --start-url"),
}


@pytest.mark.parametrize("env, arguments, said", REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_is_refused_before_anything_is_called(place, env, arguments, said):
    done = subprocess.run(place.command(*arguments), cwd=place.folder, env=place.environment(**env), text=True, capture_output=True, timeout=PATIENCE)
    assert done.returncode == 2 and said in done.stderr and "Traceback" not in done.stderr
    assert place.oidc.calls() == 0


def test_credentials_that_are_refused_are_named(place):
    place.account.credentials = "other"
    done = place.run(status=2)
    assert "error: AWS refuses your credentials (InvalidClientTokenId)" in done.stderr and place.oidc.calls() == 0
    done = place.run(status=2, AWS_ENDPOINT_URL=refused_url())
    assert "your credentials cannot be tried (EndpointConnectionError)" in done.stderr


def test_a_proxy_s_page_is_no_answer(place):
    place.oidc.script_all(fake_oidc.Answer(200, "<html>sign in to the network first</html>", request_id=False))
    done = place.run(status=5)
    assert "No call was answered" in done.stdout and "Traceback" not in done.stderr
    with StrictOidc() as other:
        assert "your credentials cannot be tried" in place.run(status=2, AWS_ENDPOINT_URL_STS=f"{other.url}/token").stderr


def test_without_boto3_it_says_how_to_get_it(place):
    done = subprocess.run([sys.executable, "-S", str(ROOT / "tools" / "lab.py"), "--no-start-url"], cwd=place.folder, env=place.environment(),
                          text=True, capture_output=True, timeout=PATIENCE)
    assert done.returncode == 2 and done.stderr.strip().endswith("which is not installed: python3 -m pip install boto3")


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"format": 2}', '{"format": 1, "run": "../../x"}', "\x00\xff"])
def test_a_file_of_calls_that_is_none_is_refused(place, text):
    file = place.folder / "calls.json"
    file.write_text(text)
    done = place.run("--only-read", file, status=2)
    assert "error: --only-read cannot be used: " in done.stderr and "Traceback" not in done.stderr


def test_a_start_url_of_another_instance_is_pointed_out(place):
    done = place.run("--start-url", "https://d-0987654321.awsapps.com/start")
    assert "The service refused your start URL (InvalidRequestException): is it that of this region's instance?" in done.stdout
    assert "Left out (no device sign-in was started): wrong-secret, pending, too-fast" in done.stdout
    assert "d-0987654321" not in place.everything(done)


def test_a_fault_of_its_own_shows_no_value(place, tmp_path):
    broken = ["import json", "def dumps(*_, **__):", "    raise ValueError('planted-portal')", "json.dumps = dumps"]
    (tmp_path / "sitecustomize.py").write_text("\n".join(broken))
    done = place.run("--start-url", START_URL, status=1, PYTHONPATH=str(tmp_path))
    assert "error: unexpected: ValueError in sitecustomize.py, line 3. Please open an issue." in done.stderr
    assert "planted" not in done.stdout + done.stderr and "Traceback" not in done.stderr


def test_a_second_run_does_not_overwrite_the_first_one(place):
    place.run("--no-start-url", "--folder", "lab-mine")
    done = place.run("--no-start-url", "--folder", "lab-mine", status=2)
    assert "it has the calls of another run" in done.stderr


# Interruption


def until(condition):
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.parametrize("ended_by", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda one: one.name)
def test_interrupted_while_it_calls_or_waits_it_continues_from_its_file(place, ended_by):
    # In the middle of the calls: an answer that takes long.
    place.oidc.script("StartDeviceAuthorization", fake_oidc.slow(fake_oidc.INVALID_CLIENT, 15))
    process = place.start("--start-url", START_URL, "--wait", "60s", *FAST)
    until(lambda: place.oidc.calls("StartDeviceAuthorization"))
    process.send_signal(ended_by)
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == (-9 if ended_by == signal.SIGKILL else 130)
    made = place.calls()
    assert [call["answer"] for call in made] == ["served", "unknown"] and place.oidc.calls() == 2
    if ended_by != signal.SIGKILL:
        assert f"2 calls were made. To read what became of them: python3 tools/lab.py --only-read {place.lab.name}/calls.json" in errors
    # The call that nobody got the answer of is found by its marks.
    place.run("--only-read", place.lab, status=5)
    assert place.recorded() == ["register", "start"] and place.oidc.calls() == 2


def test_interrupted_while_it_waits_it_keeps_what_it_saw(place):
    place.after = lambda call, answer: 0.0 if call.operation == "RegisterClient" else None
    process = place.start("--start-url", START_URL, "--wait", "60s", *FAST)
    until(lambda: any(call["seenAt"] for call in place.calls()) if [*place.folder.glob("lab-*/calls.json")] else False)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=PATIENCE)
    seen = {call["experiment"]: call["seenAt"] for call in place.calls() if call["seenAt"]}
    assert seen.keys() == {"register", "register-unknown-type", "register-two-grants"}
    place.run("--only-read", place.lab, wait="1s")
    assert {call["experiment"]: call["seenAt"] for call in place.calls() if call["seenAt"]} == seen


# What it says of itself


def test_help_has_every_exit_code_and_the_words_of_the_glossary(place):
    text = subprocess.run(place.command("--help"), capture_output=True, text=True, env={**os.environ, "COLUMNS": "120"}, timeout=PATIENCE).stdout
    assert all(re.search(rf"^  {code} +\w", text, re.MULTILINE) for code in settings.Exit)
    assert words.found(text) == []


def test_the_rule_and_the_decoder_have_the_sources_that_it_looks_for():
    template = (ROOT / "template.yaml").read_text()
    rule = template.split("\n  CloudTrailRule:\n")[1].split("\n  CloudTrailPermission:")[0]
    assert re.search(r"source: \[(.*)\]", rule)[1].split(", ") == [f"aws.{source.split('.')[0]}" for source in history.SOURCES]
    assert sorted(re.search(r"eventName: \[(.*)\]", rule)[1].split(", ")) == sorted(history.OPERATIONS)
    decoder = (ROOT / "crates/decode/src/cloudtrail.rs").read_text()
    assert tuple(re.findall(r'"([a-z.-]+)"', decoder.split("pub const EVENT_SOURCES")[1].split("];")[0])) == history.SOURCES
