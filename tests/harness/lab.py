"""`tools/lab.py` in a folder, between the fake service and an account whose CloudTrail records what a test says."""

import json
import subprocess
import sys
import time

from tests.structure import words

from . import fake_oidc
from .awslogs import ROOT
from .fake_account import ACCOUNT, ROLE, SESSION, FakeAccount
from .runtime_api import PATIENCE
from .strict_oidc import ADDRESS, PERSON, START_URL, StrictOidc, record_of

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
        assert words.found(done.stdout + done.stderr) == []
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


def no_secret_in(text):
    assert [planted for planted in PLANTED if planted in text] == []


def sentences(done):
    return [line[2:] for line in done.stdout.splitlines() if line.startswith("- ")]


def until(condition):
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)
