"""`oidc-triage explain`, as a person or a script asks it."""

import gzip
import json
import re
import subprocess

import pytest

from tests.harness import make
from tests.harness.awslogs import EVENTS, ROOT
from tests.harness.runtime_api import PATIENCE, binary

from .test_cli import run

# What cannot be read whole, or has a code that the table does not know.
NOT_WHOLE = {"call__without_error", "cloudtrail__unknown_code", "sqs__batch", "kinesis__two_accounts"}
EVENT = EVENTS / "cloudtrail__create_token_internal_server_error.json"
#: An option for each condition of the table's page, so that a row can be asked for by what it says.
CONDITIONS = {
    "-": [],
    "grant type device_code": ["--grant-type", "device_code"],
    "grant type refresh_token": ["--grant-type", "refresh_token"],
    "status 4xx": ["--status", 418],
    "status 5xx": ["--status", 503],
    "inner code or message names throttling": ["--message", "Rate exceeded"],
    "inner code or message names invalid input": ["--message", "Invalid parameter value"],
    "reason, inner code or message names a KMS refusal": ["--reason", "KMS_DisabledException"],
}


def explain(*arguments, stdin=b"", status=0):
    done = run("explain", "--format", "json", *arguments, stdin=stdin)
    assert done.returncode == status, done.stderr.decode()
    return json.loads(done.stdout)


def words(text):
    return " ".join(text.split())


def table():
    """The rows of the page: number, codes, operation, condition, cause, retry, advice, source."""
    page = (ROOT / "docs" / "classification.md").read_text()
    for line in re.findall(r"^\| \d+ \|.*\|$", page, re.MULTILINE):
        yield [cell.strip() for cell in line.strip("|").split(" | ")]


def codes(cell):
    """`A`*[Exception]*, `b`, `C*`: each as somebody may have it in front of them."""
    for name, suffix in re.findall(r"`([^`]+)`(\*\[Exception\]\*)?", cell):
        yield name.rstrip("*") + ("Exception" if suffix else "")


def options(operation, condition):
    given = [] if operation == "any" else ["--operation", operation.split(", ")[0]]
    for part in condition.split("; "):
        status = re.fullmatch(r"status (\d+)", part)
        given += ["--status", status[1]] if status else CONDITIONS[part]
    return given


def test_each_code_of_the_table_is_explained_with_its_own_cause_retry_advice_and_source():
    rows = {int(number): row for number, *row in table()}
    assert len(rows) > 50
    asked = 0
    for number, (cell, operation, condition, *_) in rows.items():
        for code in codes(cell):
            row = explain(code, *options(operation, condition))["row"]
            _, _, _, cause, _, advice, source = rows[row["number"]]
            assert f"`{row['cause']}`" == cause and row["source"]["name"] == source, code
            assert row["advice"].startswith(advice.removesuffix(" †")), code
            # If an earlier row names the same code and asks for less, that one fits.
            assert row["number"] <= number, code
            asked += 1
    assert asked > 60


@pytest.mark.parametrize("code, cause", [
    ("InternalServerException", "service"), ("internalserverexception", "service"), ("invalid_grant", "request"),
    ("Client.Throttling", "throttled"), ("com.amazonaws.sso.oidc#SlowDownException:http://x/", "throttled"),
    ("500", "service"), ("429", "throttled"), ("ECONNREFUSED", "unreachable"), ("400", "request"), ("403", "admin")])
def test_a_code_is_accepted_in_every_form(code, cause):
    assert explain(code)["row"]["cause"] == cause


def test_text_lists_the_other_conditions():
    done = run("explain", "InternalServerException")
    text = words(done.stdout.decode())
    assert done.returncode == 0 and done.stderr == b""
    for part in ("row 11 of docs/classification.md", "cause service: the service's own fault", "who acts AWS",
                 "names throttling", "names invalid input", "if the operation is RegisterClient", "backoff from 50 ms"):
        assert part in text, part
    assert b"\x1b" not in done.stdout


def test_facts_besides_the_code_decide():
    assert explain("AccessDeniedException", "--status", 403)["row"]["cause"] == "admin"
    assert explain("AccessDeniedException", "--operation", "createtokenwithiam")["row"]["cause"] == "admin"
    assert explain("slow_down", "--grant-type", "device_code")["row"]["cause"] == "expected"
    assert explain("500", "--message", "Rate exceeded")["row"]["cause"] == "throttled"
    assert explain("InvalidRequestException", "--reason", "KMS_NotFoundException")["row"]["cause"] == "admin"


@pytest.mark.parametrize("text, code, cause", [
    ("An error occurred (InternalServerException) when calling the CreateToken operation: Internal server error",
     "InternalServerException", "service"),
    ("operation error SSO OIDC: CreateToken, https response error StatusCode: 400, RequestID: "
     "0a000000-0000-4000-8000-000000000001, InvalidGrantException: ", "InvalidGrantException", "request"),
    ("software.amazon.awssdk.services.ssooidc.model.SlowDownException: null (Service: SsoOidc, Status Code: 400, "
     "Request ID: 0a000000-0000-4000-8000-000000000001)", "SlowDownException", "throttled"),
    ("InvalidClientException: UnknownError", "InvalidClientException", "request"),
    ("server answered 403 Forbidden planted-in-a-text", "403", "admin"),
    ("Traceback:\n  File \"a.py\"\nbotocore.errorfactory.InvalidGrantException: An error occurred "
     "(InvalidGrantException) when calling the CreateToken operation: planted\n", "InvalidGrantException", "request"),
], ids=lambda value: value[:12])
def test_pasted_output_of_an_sdk_is_explained(text, code, cause):
    for answer in (explain(text), explain("-", stdin=text.encode()), explain("-", stdin=text.replace("\n", "\r\n").encode())):
        assert (answer["code"], answer["row"]["cause"]) == (code, cause)
    done = run("explain", text)
    assert done.returncode == 0 and done.stderr == b""
    assert b"planted" not in done.stdout and b"to the table" not in done.stdout


@pytest.mark.parametrize("text", [
    "UnauthorizedException",
    "An error occurred (UnauthorizedException) when calling the GetRoleCredentials operation: Session token not found or invalid"])
def test_the_portal_s_error_is_named_as_such(text):
    done = run("explain", text)
    shown = words(done.stdout.decode())
    assert done.returncode == 0 and done.stderr == b""
    for part in ("no error of SSO OIDC", "access portal", "GetRoleCredentials", "Session token not found", "aws sso login"):
        assert part in shown, part
    assert "UnauthorizedClient" not in shown
    assert explain(text)["lookAlike"]["from"].startswith("the access portal")


def test_errors_of_other_services_are_not_ours():
    shown = run("explain", "An error occurred (AccessDeniedException) when calling the DescribeTable operation: x")
    assert shown.returncode == 0 and b"no such operation" in shown.stdout
    for code, service in (("ForbiddenException", "portal"), ("ResourceNotFoundException", "portal"),
                          ("InvalidIdentityToken", "STS"), ("UserNotFoundException", "Cognito"),
                          ("CreateOAuth2Token", "Sign-In"), ("UnauthorizedSSOTokenError", "machine")):
        assert service in explain(code)["lookAlike"]["from"], code
    for code, service in (("ExpiredToken", "STS"), ("NotAuthorizedException", "Cognito"), ("TooManyRequestsException", "portal")):
        answer = explain(code)
        assert answer["known"] and service in answer["lookAlike"]["from"], code


def test_a_text_without_an_error_ends_with_status_1_and_what_to_do():
    for arguments, stdin in ((["a whole sentence planted"], b""), (["-"], b"all is well planted"), (["-"], b" ")):
        done = run("explain", *arguments, stdin=stdin)
        assert done.returncode == 1 and done.stdout == b"" and done.stderr and b"planted" not in done.stderr


def test_several_errors_of_a_text_are_explained_each():
    lines = [f"An error occurred ({code}) when calling the CreateToken operation: x"
             for code in ("SlowDownException", "InvalidGrantException", "SlowDownException")]
    done = run("explain", "--format", "json", "-", stdin="\n".join(lines).encode())
    assert [json.loads(line)["code"] for line in done.stdout.splitlines()] == ["SlowDownException", "InvalidGrantException"]


def test_an_event_may_be_pasted_too():
    assert explain("-", stdin=EVENT.read_bytes()) == explain("--event", EVENT)


def test_pages_of_lookup_output_are_explained_together():
    page = (EVENTS / "lookup__events.json").read_bytes()
    walk = explain("--event", "-", stdin=page + b"\n" + page)
    assert walk["found"] == {"failures": 2, "successes": 2, "healthIssues": 0, "ticks": 0, "own": 0}


def test_an_unknown_code_ends_with_status_1_and_what_it_may_have_meant():
    done = run("explain", "InvalidGrantExeption")
    assert done.returncode == 1 and done.stdout == b""
    assert b"did you mean InvalidGrantException?" in done.stderr
    answer = explain("InvalidGrantExeption", status=1)
    assert answer["known"] is False and answer["suggestions"] == ["InvalidGrantException"]
    assert answer["row"]["cause"] == "unrecognised"
    assert explain("MadeUpException", status=1)["suggestions"] == []
    assert explain("MadeUpException", "--status", 503)["row"]["cause"] == "service"


@pytest.mark.parametrize("arguments", [
    [], ["X", "--event", EVENT], ["--event"], ["X", "--operation", "GetToken"], ["X", "--status", "42"],
    ["X", "--status", "many"], ["X", "--format", "xml"], ["X", "Y"], [""],
    ["--event", EVENT, "--status", "500"], ["--status", "500"]], ids=str)
def test_wrong_usage_ends_with_status_2(arguments):
    done = run("explain", *arguments)
    assert done.returncode == 2 and done.stderr and not done.stdout


@pytest.mark.parametrize("event", sorted(EVENTS.glob("*.json")), ids=lambda path: path.stem)
def test_every_event_is_walked_through_every_stage(event):
    done = run("explain", "--event", event)
    assert done.returncode == int(event.stem in NOT_WHOLE) and bool(done.stderr) == (event.stem in NOT_WHOLE)
    for heading in ("1. What it is", "2. What is in it", "3. What each failure is", "4. The verdict", "5. The notices"):
        assert heading in done.stdout.decode()
    walk = json.loads(run("explain", "--format", "json", "--event", event).stdout)
    assert len(walk["failures"]) + walk["failuresOmitted"] == walk["found"]["failures"]


def test_a_failure_is_shown_at_each_stage():
    event = json.loads(EVENT.read_text())
    walk = explain("--event", EVENT)
    assert walk["kind"] == "cloud_trail" and walk["problems"] == []
    (failure,) = walk["failures"]
    assert failure["at"] == walk["judgedAt"] == event["detail"]["eventTime"]
    assert failure["code"] == "InternalServerException" and failure["requestId"] == event["detail"]["requestID"]
    assert failure["row"]["cause"] == "service" and failure["evidence"]["counts"] and not failure["again"]["possible"]
    assert failure["caller"]["hash"] in failure["evidence"]["why"]
    (verdict,) = walk["verdicts"]
    assert verdict["diagnosis"] == "isolated" and verdict["reasons"] and walk["notices"] == []


def test_an_outage_in_one_event_is_shown_as_in_replay():
    event = EVENTS / "sqs__outage_six_callers.json"
    (notice,) = explain("--event", event)["notices"]
    lines = [json.loads(line) for line in run("replay", "--format", "json", event).stdout.splitlines()]
    shown = next(line for line in lines if line["type"] == "notice")
    assert all(notice[key] == shown[key] for key in ("kind", "diagnosis", "severity", "region"))
    assert notice["subject"] in run("explain", "--event", event).stdout.decode()


def test_an_event_is_read_from_standard_input_and_from_gzip(tmp_path):
    from_file = explain("--event", EVENT)
    assert explain("--event", "-", stdin=EVENT.read_bytes()) == from_file
    (tmp_path / "event.json.gz").write_bytes(gzip.compress(EVENT.read_bytes()))
    assert explain("--event", tmp_path / "event.json.gz") == from_file


def test_callers_are_hashed_where_the_environment_says_so():
    user = json.loads(EVENT.read_text())["detail"]["userIdentity"]["onBehalfOf"]["userId"].encode()
    assert user in run("explain", "--event", EVENT).stdout
    assert user not in run("explain", "--event", EVENT, OIDC_TRIAGE_CALLER_NAMES="hashed").stdout


def test_no_planted_secret_and_no_message_is_printed(tmp_path):
    call = make.call()
    call["error"]["message"] = "planted-message"
    call["request"] |= make.SECRETS
    call |= {"accessToken": "planted-access-token", "caller": "ci client_secret=planted-in-a-name"}
    log = make.logs(["An error occurred (InternalServerException) when calling the CreateToken operation: "
                     "refreshToken=planted-in-a-log"])
    path = tmp_path / "event.json"
    for event in (call, make.envelope(call), [call], log, make.sqs([call, log])):
        path.write_text(json.dumps(event))
        for form in ("text", "json"):
            done = run("explain", "--format", form, "--event", path)
            assert done.returncode == 0 and b"InternalServerException" in done.stdout
            assert b"planted" not in done.stdout + done.stderr
    cut = json.dumps(call)[:-9].encode()
    done = run("explain", "--event", "-", stdin=cut)
    assert done.returncode == 1 and b"planted" not in done.stdout + done.stderr
    done = run("explain", "InternalServerException", "--message", "Rate exceeded planted", "--reason", "planted")
    assert done.returncode == 0 and b"planted" not in done.stdout + done.stderr


def test_untrusted_text_makes_no_line_of_its_own(tmp_path):
    done = run("explain", "--event", EVENTS / "cloudtrail__forged_text.json")
    assert done.returncode == 0 and not re.search(rb"[\x00-\x09\x0b-\x1f\x7f]", done.stdout)


@pytest.mark.parametrize("content, reason", [
    (b"", b"has nothing in it"), (b"{ broken", b"no event that this program knows"), (b'{"made":"up"}', b"no event"),
    (b"{}\n{}\n", b"oidc-triage replay"), (b"\xff\xfe{}", b"UTF-8"), (gzip.compress(b"{}", mtime=0)[:-4], b"damaged gzip")],
    ids=lambda value: value.decode(errors="replace")[:12])
def test_an_invalid_event_ends_with_status_1_and_its_reason(tmp_path, content, reason):
    (tmp_path / "odd.json").write_bytes(content)
    done = run("explain", "--event", tmp_path / "odd.json")
    assert done.returncode == 1 and b"odd.json" in done.stderr and reason in done.stderr


def test_a_missing_file_and_an_unusable_environment_are_named():
    done = run("explain", "--event", "missing.json")
    assert done.returncode == 2 and b"missing.json cannot be read" in done.stderr
    done = run("explain", "--event", EVENT, OIDC_TRIAGE_POLICY="no_such_key = 1")
    assert done.returncode == 2 and b"no_such_key" in done.stderr
    assert run("explain", "InvalidGrantException", OIDC_TRIAGE_POLICY="no_such_key = 1").returncode == 0


def test_help_shows_examples_and_exit_statuses():
    done = run("explain", "--help")
    text = words(done.stdout.decode())
    for part in ("Examples:", "Exit status:", "--event <FILE>", "text|json", "invalid_grant", "Rate exceeded"):
        assert part in text, part


def test_a_closed_pipe_is_not_an_error():
    program = binary("oidc-triage", "OIDC_TRIAGE_CLI")
    done = subprocess.run(["bash", "-c", f"set -o pipefail; '{program}' explain InternalServerException | true; "
                                         "exit ${PIPESTATUS[0]}"], capture_output=True, timeout=PATIENCE)
    assert done.returncode == 0 and b"panicked" not in done.stderr


@pytest.mark.parametrize("event, status, words", [
    ("cloudtrail__create_token_internal_server_error.json", 0, ""),
    ("cloudtrail__unknown_code.json", 1, "the table knows no code MadeUpNovelException"),
    ("call__without_error.json", 1, "cannot be read whole"),
    ("call__envelope.json", 0, ""),
])
def test_an_event_ends_in_one_where_something_in_it_is_not_explained(event, status, words):
    done = run("explain", "--event", EVENTS / event)
    assert done.returncode == status and words in done.stderr.decode(), done.stderr
    assert bool(done.stderr) == bool(status) and done.stdout, "it is explained as far as it can be"


def test_an_event_that_is_none_ends_in_one():
    for text in (b'{"a": 1}', b'{"detail-type": "AWS API Call', b"not an event"):
        done = run("explain", "--event", "-", stdin=text)
        assert done.returncode == 1 and b"docs/call-api.md" in done.stderr, done.stderr
