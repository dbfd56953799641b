"""A small SSO OIDC service, scripted per test.

    with FakeOidc() as oidc:                                   # healthy
        oidc.script("CreateToken", NULL_500, healthy("CreateToken"))   # fails once, then works
        ...
        assert oidc.calls("CreateToken") == 2

An operation's answers are given one after the other, and the last one for ever after.
"""

import dataclasses
import itertools
import json
import threading
import time
import urllib.parse

from .servers import Handler, Server

NAMESPACE = "http://internal.amazon.com/coral/com.amazonaws.sso.oidc/"

# What the fake hands out. Tests search all output for them: every secret has `planted` in it.
# Not the client id of the events: what carries this one is the probe's own.
CLIENT_ID = "b3VycHJvYmVjbGllbnRpZHVzLWVhc3QtMQ"
CLIENT_SECRET = "planted-client-secret-of-the-fake"
DEVICE_CODE = "planted-device-code-of-the-fake"
USER_CODE = "PLANTED-USER-CODE"
ACCESS_TOKEN = "planted-access-token-of-the-fake"
REFRESH_TOKEN = "planted-refresh-token-of-the-fake"

OPERATIONS = {
    "/client/register": "RegisterClient",
    "/device_authorization": "StartDeviceAuthorization",
    "/token": "CreateToken",
    "/token?aws_iam=t": "CreateTokenWithIAM",
}


@dataclasses.dataclass(frozen=True)
class Answer:
    status: int = 200
    body: object = None
    #: The name in the header `x-amzn-ErrorType`.
    code: str | None = None
    headers: tuple = ()
    #: Seconds before the answer.
    delay: float = 0.0
    #: Drop the connection instead of answering.
    hang_up: bool = False
    #: Without one, the answer is not AWS's own (a proxy's, say).
    request_id: bool = True


@dataclasses.dataclass(frozen=True)
class Call:
    operation: str | None
    path: str
    body: dict
    headers: dict
    at: float


def healthy(operation):
    match operation:
        case "RegisterClient":
            now = int(time.time())
            return Answer(body={"clientId": CLIENT_ID, "clientSecret": CLIENT_SECRET, "clientIdIssuedAt": now,
                                "clientSecretExpiresAt": now + 90 * 86400})
        case "StartDeviceAuthorization":
            return Answer(body={"deviceCode": DEVICE_CODE, "userCode": USER_CODE, "expiresIn": 600, "interval": 1,
                                "verificationUri": "https://device.example.com/",
                                "verificationUriComplete": f"https://device.example.com/?user_code={USER_CODE}"})
        case _:
            return Answer(body={"accessToken": ACCESS_TOKEN, "refreshToken": REFRESH_TOKEN, "tokenType": "Bearer",
                                "expiresIn": 3600})


def refusal(code, status=400, description=None, **more):
    """An error as the service words it: `InvalidGrantException` → `{"error": "invalid_grant", ...}`."""
    name = code.removesuffix("Exception")
    error = "".join("_" + c.lower() if c.isupper() else c for c in name).lstrip("_")
    return Answer(status, {"error": error, "error_description": description, **more}, code)


PENDING = refusal("AuthorizationPendingException")
INVALID_CLIENT = refusal("InvalidClientException", 401, "Invalid client")
INVALID_GRANT = refusal("InvalidGrantException", 400, "Invalid refresh token provided")
SLOW_DOWN = refusal("SlowDownException", 400)
# As in the outages of October 2025: the header names the error, the body says nothing.
NULL_500 = Answer(500, {"error": None, "error_description": None}, "InternalServerException")
THROTTLED_429 = Answer(429, {"message": "Rate exceeded"}, "TooManyRequestsException")
UNAVAILABLE_503 = Answer(503, {"message": None}, "ServiceUnavailableException")
HANG_UP = Answer(hang_up=True)
# A load balancer's own page: no request id of AWS, no error type.
PROXY_502 = Answer(502, "<html>bad gateway</html>", request_id=False)


def slow(answer, seconds):
    return dataclasses.replace(answer, delay=seconds)


class FakeOidc(Server):
    def __init__(self):
        super().__init__(_Handler)
        self._lock = threading.Lock()
        self._scripts = {}
        self._numbers = itertools.count(1)
        self.log: list[Call] = []

    def script(self, operation, *answers):
        with self._lock:
            self._scripts[operation] = list(answers)
        return self

    def script_all(self, *answers):
        for operation in OPERATIONS.values():
            self.script(operation, *answers)
        return self

    def heal(self):
        with self._lock:
            self._scripts.clear()

    def calls(self, operation=None):
        with self._lock:
            return sum(1 for call in self.log if operation in (None, call.operation))

    def forget(self):
        with self._lock:
            self.log.clear()

    def next_answer(self, operation, body):
        """The scripted answer; else what a healthy service says. Its CreateToken refuses what it did not hand out."""
        with self._lock:
            script = self._scripts.get(operation)
            if script:
                return script.pop(0) if len(script) > 1 else script[0]
        if operation == "CreateToken" and "refresh_token" != body.get("grantType"):
            return PENDING if body.get("deviceCode") == DEVICE_CODE else INVALID_CLIENT
        return healthy(operation)

    def record(self, call):
        with self._lock:
            self.log.append(call)
            return next(self._numbers)


class _Handler(Handler):
    def do_POST(self):
        raw = self.body()
        try:
            body = json.loads(raw)
        except ValueError:
            body = {}
        operation = OPERATIONS.get(self.path) or OPERATIONS.get(urllib.parse.urlsplit(self.path).path)
        number = self.server.record(Call(operation, self.path, body, dict(self.headers.items()), time.time()))
        answer = self.server.next_answer(operation, body) if operation else Answer(404, code="UnknownOperationException")
        if answer.delay:
            time.sleep(answer.delay)
        if answer.hang_up:
            self.close_connection = True
            return
        text = answer.body if isinstance(answer.body, str) else json.dumps(answer.body)
        headers = {"Content-Type": "application/json", **dict(answer.headers)}
        if answer.request_id:
            headers["x-amzn-RequestId"] = f"00000000-0000-4000-8000-{number:012d}"
        if answer.code:
            headers["x-amzn-ErrorType"] = f"{answer.code}:{NAMESPACE}"
        self.answer(answer.status, text.encode(), headers)
