"""The fake SSO OIDC service as a program: the basis of tests in other languages."""

import base64
import http.client
import json
import subprocess
import urllib.error
import urllib.request

import pytest

from tests.harness.runtime_api import PATIENCE, ROOT

# Without what the tests install: a test in another language has the system's Python, and nothing else.
PROGRAM = ["python3", "-S", "-m", "tests.harness.fake_oidc"]


def ask(url, value=None, method="POST"):
    """Status, headers and body."""
    request = urllib.request.Request(url, json.dumps(value or {}).encode() if method == "POST" else None, method=method)
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return answer.status, answer.headers, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, error.headers, json.loads(error.read() or b"null")


@pytest.fixture(scope="module")
def program():
    with subprocess.Popen(PROGRAM, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process.stdout.readline().strip()
        process.stdin.close()
        assert process.wait(PATIENCE) == 0, "it ends with its parent"


@pytest.fixture
def new(program):
    def new(**script):
        return ask(f"{program}/_new", script)[2]["url"]
    return new


def client_of(region):
    return base64.urlsafe_b64encode(b"0123456789abcdef" + region.encode()).decode().rstrip("=")


def test_it_is_healthy_and_refuses_unknown_clients(new):
    service = new()
    assert ask(f"{service}/client/register")[2]["clientId"]
    status, headers, _ = ask(f"{service}/token", {"clientId": client_of("us-east-1")})
    assert status == 401 and headers["x-amzn-ErrorType"].startswith("InvalidClientException:")
    assert ask(f"{service}/device_authorization", {"clientId": client_of("us-east-1")})[0] == 401
    registered = ask(f"{service}/client/register")[2]
    assert ask(f"{service}/device_authorization", {"clientId": registered["clientId"]})[2]["deviceCode"]


def test_answers_in_order_apply_to_any_call_and_then_end(new):
    service = new(in_order=["healthy", {"status": 500, "body": {"error": None}, "request_id": "req-1",
                                        "headers": {"x-amzn-ErrorType": "InternalServerException"}}])
    assert ask(f"{service}/token")[2]["accessToken"]
    status, headers, body = ask(f"{service}/client/register")
    assert (status, body, headers["x-amzn-RequestId"]) == (500, {"error": None}, "req-1")
    assert headers["x-amzn-ErrorType"] == "InternalServerException"
    status, headers, _ = ask(f"{service}/token")
    assert status == 418 and headers["x-amzn-ErrorType"].startswith("ScriptIsOver:")
    assert ask(f"{new(in_order=[])}/token")[0] == 418


def test_an_invented_client_is_answered_as_its_region_is(new):
    service = new(in_order=[{"status": 503, "body": "<html>", "request_id": False}] * 2,
                  in_regions={"us-west-2": [{"status": 401, "code": "InvalidClientException"}]})
    assert ask(f"{service}/token", {"clientId": client_of("us-west-2")})[0] == 401
    assert ask(f"{service}/token", {"clientId": client_of("us-west-2")})[0] == 418
    with pytest.raises(json.JSONDecodeError):
        ask(f"{service}/token", {"clientId": client_of("eu-west-1")})
    with pytest.raises(json.JSONDecodeError):
        ask(f"{service}/token", {"clientId": "no such form"})


def test_an_operation_s_last_answer_is_given_for_ever_and_a_script_can_be_replaced(new):
    service = new(operations={"CreateToken": [{"status": 400, "code": "SlowDownException"}, {"status": 500}]})
    assert [ask(f"{service}/token")[0] for _ in range(3)] == [400, 500, 500]
    assert ask(f"{service}/client/register")[0] == 200
    assert ask(f"{service}/_script", {"all": [{"status": 429}]})[0] == 200
    assert ask(f"{service}/client/register")[0] == ask(f"{service}/token?aws_iam=t")[0] == 429
    assert ask(f"{service}/_script", method="DELETE")[0] == 200
    assert ask(f"{service}/client/register")[0] == 200


def test_it_may_hang_up_without_a_word(new):
    service = new(all=[{"hang_up": True, "delay": 0.01}])
    with pytest.raises((http.client.HTTPException, ConnectionError)):
        ask(f"{service}/token")


def test_it_lists_its_calls_until_they_are_deleted(new):
    service, other = new(), new()
    ask(f"{service}/token?aws_iam=t", {"clientId": "made-up"})
    (call,) = ask(f"{service}/_calls", method="GET")[2]
    assert (call["operation"], call["method"], call["path"]) == ("CreateTokenWithIAM", "POST", "/token?aws_iam=t")
    assert call["json"] == json.loads(call["body"]) == {"clientId": "made-up"}
    assert {name.lower(): value for name, value in call["headers"].items()}["content-length"] == str(len(call["body"]))
    assert ask(f"{other}/_calls", method="GET")[2] == []
    ask(f"{service}/_calls", method="DELETE")
    assert ask(f"{service}/_calls", method="GET")[2] == []


@pytest.mark.parametrize("script", [{"made": "up"}, {"operations": {"MadeUp": []}}, {"all": [{"made": "up"}]}, {"all": 5},
                                    {"in_order": [5]}], ids=str)
def test_a_script_that_cannot_be_is_refused(new, script):
    status, _, answer = ask(f"{new()}/_script", script)
    assert status == 400 and answer["mistake"]
