"""A small SSO OIDC service, scripted per test. The only one: tests in other languages run it as a program.

    with FakeOidc() as oidc:                                   # healthy
        oidc.script("CreateToken", NULL_500, healthy("CreateToken"))   # fails once, then works
        ...
        assert oidc.calls("CreateToken") == 2

An operation's answers come one after the other, and the last one repeats forever. Answers scripted in order answer any
call, and calls beyond them get a special code, so that a test sees it.

As a program, from the folder of the repository, with nothing but Python:

    python3 -m tests.harness.fake_oidc       # writes its URL as one line, and ends when its standard input does

    POST   /_new       one more service, healthy, on a port of its own: {"url": ...}. A script may be given with it
    POST   /_script    replaces the script: {"operations": {"CreateToken": [answer, ...]}, "all": [answer, ...],
                       "in_order": [answer, ...], "in_regions": {"eu-west-1": [answer, ...]}}, all of them optional.
                       Those in regions are in order too, and for calls whose invented `clientId` names that region
    DELETE /_script    healthy again
    GET    /_calls     what was asked, in order: [{"operation", "method", "path", "headers": {...}, "body", "json", "at"}]
    DELETE /_calls     forgets what was asked

An answer is {"status": 200, "headers": {...}, "body": text or JSON, "code": "InvalidGrantException", "delay": seconds,
"hang_up": false, "request_id": true, false or text}, all of it optional, or "healthy".
"""

import base64
import dataclasses
import itertools
import json
import sys
import threading
import time
import urllib.parse

from .servers import Handler, Server

NAMESPACE = "http://internal.amazon.com/coral/com.amazonaws.sso.oidc/"

# The fake's secrets. Tests search all output for them: each contains `planted`. The client id of the events is
# different: calls with this one are the probe's own.
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
    #: Without one, the answer is not AWS's own (a proxy's, say). A text is the id itself.
    request_id: bool | str = True


@dataclasses.dataclass(frozen=True)
class Call:
    operation: str | None
    path: str
    body: dict
    headers: dict
    at: float
    #: The raw body.
    text: str = ""


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
#: In a script: a healthy service's answer to any call.
HEALTHY = "healthy"
# A load balancer's own page: no request id of AWS, no error type.
PROXY_502 = Answer(502, "<html>bad gateway</html>", request_id=False)


#: For calls beyond the last answer.
SCRIPT_IS_OVER = Answer(418, {"error": "oauth_word", "error_description": "asked again"}, "ScriptIsOver")


def slow(answer, seconds):
    return dataclasses.replace(answer, delay=seconds)


def region_of(client_id):
    """The region in a client id: base64url of 16 bytes and its name. None where it has not that form."""
    try:
        return base64.urlsafe_b64decode(client_id + "=" * (-len(client_id) % 4))[16:].decode("ascii") or None
    except (TypeError, ValueError):
        return None


class FakeOidc(Server):
    def __init__(self):
        super().__init__(_Handler)
        self._lock = threading.Lock()
        self._scripts = {}
        #: The answer to any call, or None; and the answers in some regions.
        self._in_order = None
        self._in_regions = {}
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

    def script_in_order(self, *answers, in_regions=None):
        """These answers and no more, to any call; `in_regions` has a region's own answers."""
        with self._lock:
            self._in_order = list(answers)
            self._in_regions = {region: list(own) for region, own in (in_regions or {}).items()}
        return self

    def heal(self):
        with self._lock:
            self._scripts.clear()
            self._in_order, self._in_regions = None, {}

    def calls(self, operation=None):
        with self._lock:
            return sum(1 for call in self.log if operation in (None, call.operation))

    def forget(self):
        with self._lock:
            self.log.clear()

    def next_answer(self, operation, body):
        """The scripted answer; else a healthy service's: it refuses a made-up client, and in CreateToken everything it
        did not issue."""
        with self._lock:
            in_order = self._in_regions.get(region_of(body.get("clientId")), self._in_order)
            if in_order is not None:
                answer = in_order.pop(0) if in_order else SCRIPT_IS_OVER
                return healthy(operation) if answer == HEALTHY else answer
            script = self._scripts.get(operation)
            if script:
                answer = script.pop(0) if len(script) > 1 else script[0]
                return healthy(operation) if answer == HEALTHY else answer
        if operation == "CreateToken" and "refresh_token" != body.get("grantType"):
            return PENDING if body.get("deviceCode") == DEVICE_CODE else INVALID_CLIENT
        if operation == "StartDeviceAuthorization" and body.get("clientId") != CLIENT_ID and region_of(body.get("clientId")):
            return INVALID_CLIENT
        return healthy(operation)

    def record(self, call):
        with self._lock:
            self.log.append(call)
            return next(self._numbers)


class _Handler(Handler):
    def do_POST(self):
        text = self.body().decode("utf-8", "replace")
        if self.path in ("/_new", "/_script"):
            return self.control(text)
        try:
            body = json.loads(text)
        except ValueError:
            body = None
        body = body if isinstance(body, dict) else {}
        operation = OPERATIONS.get(self.path) or OPERATIONS.get(urllib.parse.urlsplit(self.path).path)
        number = self.server.record(Call(operation, self.path, body, dict(self.headers.items()), time.time(), text))
        answer = self.server.next_answer(operation, body) if operation else Answer(404, code="UnknownOperationException")
        if answer.delay:
            time.sleep(answer.delay)
        if answer.hang_up:
            self.close_connection = True
            return
        text = answer.body if isinstance(answer.body, str) else json.dumps(answer.body)
        headers = [*answer.headers]
        if answer.request_id:
            numbered = f"00000000-0000-4000-8000-{number:012d}"
            headers.append(("x-amzn-RequestId", numbered if answer.request_id is True else answer.request_id))
        if answer.code:
            headers.append(("x-amzn-ErrorType", f"{answer.code}:{NAMESPACE}"))
        if not any(name.lower() == "content-type" for name, _ in headers):
            headers.append(("Content-Type", "application/json"))
        self.answer(answer.status, text.encode(), headers)

    def do_GET(self):
        if self.path != "/_calls":
            return self.answer(404)
        with self.server._lock:
            calls = [{"operation": call.operation, "method": "POST", "path": call.path, "headers": call.headers,
                      "body": call.text, "json": call.body, "at": call.at} for call in self.server.log]
        self.json(calls)

    def do_DELETE(self):
        match self.path:
            case "/_script":
                self.server.heal()
            case "/_calls":
                self.server.forget()
            case _:
                return self.answer(404)
        self.json({})

    def control(self, text):
        try:
            script = json.loads(text or "{}")
            if self.path == "/_script":
                apply_script(self.server, script)
                return self.json({})
            # It runs as long as this program.
            service = apply_script(FakeOidc(), script).__enter__()
            self.json({"url": service.url})
        except (ValueError, TypeError, AttributeError) as mistake:
            self.json({"mistake": str(mistake)}, 400)

    def json(self, value, status=200):
        self.answer(status, json.dumps(value).encode(), {"Content-Type": "application/json"})


def answer_of(value):
    """An answer from JSON."""
    if value == HEALTHY:
        return HEALTHY
    headers = value.get("headers", {})
    pairs = headers.items() if isinstance(headers, dict) else headers
    return Answer(**{**value, "headers": tuple((name, text) for name, text in pairs)})


def apply_script(service, script):
    """Replaces the script by one from JSON."""
    answers = {part: [answer_of(value) for value in script.get(part, [])] for part in ("all", "in_order")}
    named = {part: {name: [answer_of(value) for value in values] for name, values in script.get(part, {}).items()}
             for part in ("operations", "in_regions")}
    unknown = [*(set(script) - set(answers) - set(named)), *(set(named["operations"]) - set(OPERATIONS.values()))]
    if unknown:
        raise ValueError(f"not known: {unknown}")
    service.heal()
    if answers["all"]:
        service.script_all(*answers["all"])
    for operation, of_operation in named["operations"].items():
        service.script(operation, *of_operation)
    if "in_order" in script:
        service.script_in_order(*answers["in_order"], in_regions=named["in_regions"])
    return service


def main():
    with FakeOidc() as service:
        print(service.url, flush=True)
        # When this ends, its parent is gone, for whatever reason.
        sys.stdin.buffer.read()


if __name__ == "__main__":
    main()
