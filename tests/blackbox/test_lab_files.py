"""What `tools/lab.py` writes, and what it calls."""

import base64
import json
import os
import re
import subprocess

import pytest

from tests.harness.awslogs import ROOT
from tests.harness.lab import FAILED, no_secret_in
from tests.harness.runtime_api import PATIENCE
from tests.harness.strict_oidc import START_URL
from tests.structure import words
from tools.trail_lab import history, settings
from tools.trail_lab.text import one_line

from .test_cli import run as command_line


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
    clients = {detail["requestParameters"]["clientId"] for detail in details if detail["eventName"] == "StartDeviceAuthorization"}
    assert len(clients) == 1 and base64.urlsafe_b64decode(f"{clients.pop()}==")[16:] == b"us-east-1", "the decoder reads the region in it"
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


@pytest.mark.parametrize(("text", "shown"), [("a\r\nb\x1b[31m\u202ec\u2028d\ud83d", "a b [31m c d"), ("x" * 500, "x" * 199 + "…"), (None, "None")], ids=ascii)
def test_a_line_is_one_line(text, shown):
    # In ASCII: the processes that run tests cannot send half a character.
    assert ascii(one_line(text)) == ascii(shown)


def test_an_error_s_name_is_somebody_s_text_too(place):
    place.account.troubles = [(400, "Evil\n\x1b[31merror: forged")] * 2
    done = place.run(status=4)
    assert "cannot be read (Evil__" in done.stdout and "\x1b" not in done.stdout + done.stderr


def test_a_record_that_cannot_be_made_safe_is_not_written(place):
    """Somebody whose name is what another member says rightly."""
    place.more = lambda call, answer: {"userIdentity": {"type": "IdentityCenterUser", "userName": "IdentityCenterUser"}}
    done = place.run(status=1)
    assert place.records() == [] and "15 records were not written, because something of theirs could not be hidden" in done.stderr


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


# What it says of itself


def test_help_has_every_exit_code_and_the_words_of_the_glossary(place):
    text = subprocess.run(place.command("--help"), capture_output=True, text=True, env={**os.environ, "COLUMNS": "120"}, timeout=PATIENCE).stdout
    assert all(re.search(rf"^  {code} +\w", text, re.MULTILINE) for code in settings.Exit)
    assert words.found(text) == []


def test_the_rule_and_the_decoder_have_the_sources_that_it_looks_for():
    template = (ROOT / "template.yaml").read_text()
    rule = template.split("\n  CloudTrailRule:\n")[1].split("\n  CloudTrailPermission:")[0]
    assert re.search(r"source: (?:&\S+ )?\[(.*)\]", rule)[1].split(", ") == [f"aws.{source.split('.')[0]}" for source in history.SOURCES]
    assert sorted(re.search(r"eventName: \[(.*)\]", rule)[1].split(", ")) == sorted(history.OPERATIONS)
    decoder = (ROOT / "crates/decode/src/cloudtrail.rs").read_text()
    assert tuple(re.findall(r'"([a-z.-]+)"', decoder.split("pub const EVENT_SOURCES")[1].split("];")[0])) == history.SOURCES
