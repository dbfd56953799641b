"""Look-alikes of failures of the four calls: real clients of other services, and prose."""

import dataclasses
import json
import sys
import uuid
import zlib

from tests.harness.servers import Handler

from . import HERE, network
from .corpus import clean

FILE = HERE / "strangers.json"


@dataclasses.dataclass(frozen=True)
class Stranger:
    name: str
    #: The calling client's family, and its parameters.
    callers: dict
    operation: str
    input: dict
    status: int = 400
    headers: tuple = ()
    body: str = ""
    region: str = "us-east-1"
    logger: str = "acme.signin"
    url: str | None = None


def _both(python, node, **more):
    """boto3 and the SDK for JavaScript, by their names of the service."""
    return {"boto3": {"service": python, **more}, "node-sdk2": {"service": node, **more}}


def _json(code, message):
    return {"headers": (("x-amzn-ErrorType", code), ("Content-Type", "application/x-amz-json-1.1")),
            "body": json.dumps({"__type": code, "message": message})}


def _xml(code, message):
    return {"headers": (("Content-Type", "text/xml"),), "body":
            f'<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>{code}</Code>'
            f"<Message>{message}</Message></Error><RequestId>{uuid.uuid4()}</RequestId></ErrorResponse>"}


_EKS = "https://oidc.eks.us-east-1.amazonaws.com/id/EXAMPLED539D4633E53DE1B71EXAMPLE/.well-known/openid-configuration"
_ANY_HTTP = {"python-requests": {}, "python-httpx": {}, "node-fetch": {}, "node-axios": {}}

STRANGERS = (
    Stranger("portal", _both("sso", "SSO"), "GetRoleCredentials",
             {"roleName": "admin", "accountId": "111122223333", "accessToken": "planted-access-token"}, 401,
             **_json("UnauthorizedException", "Session token not found or invalid")),
    Stranger("portal-throttled", _both("sso", "SSO"), "ListAccounts", {"accessToken": "planted-access-token"}, 429,
             **_json("TooManyRequestsException", "HTTP 429 Unknown Code")),
    Stranger("portal-down", _both("sso", "SSO"), "ListAccountRoles",
             {"accessToken": "planted-access-token", "accountId": "111122223333"}, 500, **_json("InternalServerException", "")),
    Stranger("sts-expired", _both("sts", "STS"), "GetCallerIdentity", {}, 403,
             **_xml("ExpiredToken", "The security token included in the request is expired")),
    Stranger("sts-web-identity", _both("sts", "STS"), "AssumeRoleWithWebIdentity",
             {"RoleArn": "arn:aws:iam::111122223333:role/acme", "RoleSessionName": "acme", "WebIdentityToken": "planted-token"},
             **_xml("InvalidIdentityToken", "No OpenIDConnect provider found in your account for "
                    "https://oidc.eks.us-east-1.amazonaws.com/id/EXAMPLED539D4633E53DE1B71EXAMPLE")),
    Stranger("sts-idp", _both("sts", "STS"), "AssumeRoleWithWebIdentity",
             {"RoleArn": "arn:aws:iam::111122223333:role/acme", "RoleSessionName": "acme", "WebIdentityToken": "planted-token"},
             **_xml("IDPCommunicationError", "Could not connect to the identity provider at "
                    "https://oidc.eks.us-east-1.amazonaws.com/id/EXAMPLED539D4633E53DE1B71EXAMPLE")),
    Stranger("cognito", _both("cognito-idp", "CognitoIdentityServiceProvider"), "InitiateAuth",
             {"AuthFlow": "REFRESH_TOKEN_AUTH", "ClientId": "1example23456789", "AuthParameters": {"REFRESH_TOKEN": "planted-token"}},
             **_json("NotAuthorizedException", "Refresh Token has been revoked")),
    Stranger("cognito-identity", _both("cognito-identity", "CognitoIdentity"), "GetOpenIdToken", {"IdentityId": "us-east-1:0f"},
             500, **_json("InternalErrorException", "Internal error")),
    Stranger("license-manager", _both("license-manager", "LicenseManager"), "CreateToken",
             {"LicenseArn": "arn:aws:license-manager::111122223333:license:l-0example", "ClientToken": "1f3c"},
             **_json("AuthorizationException", "The AWS user account does not have permission to perform the action.")),
    Stranger("license-manager-down", _both("license-manager", "LicenseManager"), "CreateToken",
             {"LicenseArn": "arn:aws:license-manager::111122223333:license:l-0example", "ClientToken": "1f3c"}, 500,
             **_json("ServerInternalException", "The server experienced an internal error. Try again.")),
    Stranger("amplify", _both("amplifyuibuilder", "AmplifyUIBuilder"), "RefreshToken",
             {"provider": "figma", "refreshTokenBody": {"token": "planted-token"}}, 400,
             **_json("InvalidParameterException", "An invalid or out-of-range value was supplied for the input parameter.")),
    Stranger("sign-in", {"boto3": {"service": "signin"}}, "CreateOAuth2Token",
             {"tokenInput": {"clientId": "arn:aws:signin:::devtools/same-device", "grantType": "refresh_token",
                             "refreshToken": "planted-refresh-token"}}, 400,
             **_json("ValidationException", "Invalid refresh token")),
    Stranger("secrets-manager", _both("secretsmanager", "SecretsManager"), "GetSecretValue", {"SecretId": "acme/oidc"},
             logger="com.acme.sso.oidc.TokenVault"),
    Stranger("eks-issuer-down", _ANY_HTTP, "GET", {}, 500, url=_EKS, body="Internal Server Error"),
    Stranger("eks-keys-forbidden", _ANY_HTTP, "GET", {}, 403, url=_EKS.replace(".well-known/openid-configuration", "keys"),
             body='{"message":"Forbidden"}'),
    Stranger("another-token-endpoint", _ANY_HTTP, "POST", {"grant_type": "refresh_token"}, 400,
             url="https://cognito-idp.us-east-1.amazonaws.com/oauth2/token", body='{"error":"invalid_grant"}'),
)

PROSE = (
    "INFO see https://docs.aws.amazon.com/singlesignon/latest/OIDCAPIReference/API_CreateToken.html for the errors of CreateToken",
    "INFO acme.docs: InvalidGrantException (400) means that the refresh token of SSO OIDC is no longer valid",
    "2026-11-27 05:40:01,113 INFO acme.signin signed in through oidc.us-east-1.amazonaws.com, token good for 3600 s",
    "INFO acme.signin: retries for InternalServerException of sso-oidc are now 5 (were 3)",
    "ok   tests/test_signin.py::test_create_token_invalid_grant_exception PASSED [ 42%]",
    "commit 1f3c9ab: handle SlowDownException when polling oidc.us-east-1.amazonaws.com/token (#500)",
    'level=info msg="circuit for sso-oidc CreateToken is closed, 0 of 500 calls failed"',
    "DEBUG com.acme.sso.oidc.TokenCache hit, nothing to refresh",
    '{"level":"info","msg":"configured","endpoint":"https://oidc.eu-central-1.amazonaws.com/token","timeout_ms":500,"retries":3}',
    "Attempting to automatically open the SSO authorization page in your default browser.",
    "WARN com.acme.sso.oidc.Mapper: user jdoe has no e-mail address, HTTP 404 from https://directory.corp.example.com/users/jdoe",
    "ERROR com.acme.oidc.LoginFilter: invalid_grant from https://login.corp.example.com/oauth2/token (400)",
)


class AnyService(network.TlsService):
    """Gives the same answer to everything."""

    def __init__(self):
        super().__init__()
        self.RequestHandlerClass = _Handler
        self.stranger = None


class _Handler(Handler):
    def do_POST(self):
        self.body()
        stranger = self.server.stranger
        self.answer(stranger.status, stranger.body.encode(), [*stranger.headers, ("x-amzn-RequestId", str(uuid.uuid4()))])

    do_GET = do_POST


def write(clients, start):
    """`clients` by family, the newest of each, and how one is started."""
    entries, seen = [], set()
    with AnyService() as service:
        for family in dict.fromkeys(name for stranger in STRANGERS for name in stranger.callers):
            client, program = clients[family], start(clients[family])
            for stranger in STRANGERS:
                if family not in stranger.callers:
                    continue
                service.stranger = stranger
                result = program.ask({
                    "operation": stranger.operation, "region": stranger.region, "input": stranger.input, "timeout": 1, "path": "",
                    "proxy": None, "debug": False, "logger": stranger.logger, **({"url": stranger.url} if stranger.url else {}),
                    **stranger.callers[family]})
                if "forms" not in result:
                    print(f"{family}, {stranger.name}: {result}", file=sys.stderr)
                for form, text in result.get("forms", {}).items():
                    text = clean(text or "")
                    if text.strip() and text not in seen and zlib.crc32(f"{stranger.name} {form}".encode()) % (1 + len(text) // 400) == 0:
                        seen.add(text)
                        entries.append({"id": f"{family}-{client.version}/{stranger.name}/{form}", "run": True,
                                        "stranger": stranger.name, "form": form, "text": text})
            program.end()
    entries += [{"id": f"prose/{number}", "run": False, "stranger": "prose", "form": "line", "text": text}
                for number, text in enumerate(PROSE, 1)]
    FILE.write_text('{"entries": [\n' + ",\n".join(json.dumps(entry, ensure_ascii=False) for entry in entries) + "\n]}\n")
    print(f"strangers: {len(entries)} entries", file=sys.stderr)
