"""`tools/lab.py` without what it needs, and interrupted."""

import json
import re
import signal
import subprocess
import sys

import pytest

from tests.harness import fake_oidc
from tests.harness.awslogs import ROOT
from tests.harness.lab import CREDENTIALS, FAST, no_secret_in, until
from tests.harness.runtime_api import PATIENCE
from tests.harness.servers import refused_url
from tests.harness.strict_oidc import START_URL, StrictOidc


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
    assert "is not authorized to perform: cloudtrail:LookupEvents" in done.stdout and "The right cloudtrail:LookupEvents is needed." in done.stdout
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
    place.run("--no-start-url", "--only-calls", "--folder", "lab", status=5, AWS_ENDPOINT_URL_SSO_OIDC=refused_url())


REFUSED = {
    "no region": ({"AWS_REGION": ""}, ["--no-start-url"], "error: no region: give --region"),
    "a region that is none": ({"AWS_REGION": "us-east-1/../x"}, ["--no-start-url"], "error: the region of your AWS settings is none"),
    "no credentials": (dict.fromkeys(CREDENTIALS, ""), ["--no-start-url"], "error: no credentials: sign in"),
    "an unknown profile": ({}, ["--no-start-url", "--profile", "nobody"], "error: your AWS settings cannot be used (ProfileNotFound)"),
    "an endpoint that is none": ({"AWS_ENDPOINT_URL_SSO_OIDC": "nowhere"}, ["--no-start-url"], "error: there is no client for sso-oidc"),
    "no start URL": ({}, ["--region", "us-east-1"], "give either --start-url URL"),
    "a start URL that is none": ({}, ["--start-url", "http://portal.example.com"], "not the URL of an access portal"),
    "no duration": ({}, ["--no-start-url", "--wait", "15"], "not a duration such as 90s, 15m or 1h"),
    "a folder that cannot be": ({}, ["--no-start-url", "--folder", "/proc/none"], "error: cannot read or write /proc/none"),
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
    assert "No call was answered" in done.stdout and "register  no answer" in done.stdout and "Traceback" not in done.stderr
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
