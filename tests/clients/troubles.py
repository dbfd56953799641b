"""The faults, and the truth about them."""

import base64
import dataclasses

from tests.harness.fake_oidc import HANG_UP, NULL_500, THROTTLED_429, UNAVAILABLE_503, Answer, refusal, slow

from . import network

EXPECTED, REQUEST, ADMIN = "expected", "request", "admin"
THROTTLED, SERVICE, UNREACHABLE = "throttled", "service", "unreachable"

# Clients' time-out in seconds, and more than that.
PATIENCE, TOO_LONG = 1, 5

PAGE_503 = """<html>
<head><title>503 Service Temporarily Unavailable</title></head>
<body>
<center><h1>503 Service Temporarily Unavailable</h1></center>
</body>
</html>
"""
PAGE_502 = PAGE_503.replace("503 Service Temporarily Unavailable", "502 Bad Gateway")


@dataclasses.dataclass(frozen=True)
class Trouble:
    name: str
    operation: str
    cause: str
    answer: Answer | None = None
    region: str = "us-east-1"
    #: The service's answer, if any.
    code: str | None = None
    status: int | None = None
    proxy: str | None = None
    #: Only in some forms of some clients, for it is long.
    debug: bool = False
    #: In all forms of all clients.
    main: bool = False
    device: bool = False

    @property
    def expect(self):
        return {"operation": self.operation, "code": self.code, "status": self.status,
                "no_answer": self.status is None, "region": self.region, "cause": self.cause}

    @property
    def job(self):
        return {"trouble": self.name, "operation": self.operation, "region": self.region, "proxy": self.proxy,
                "debug": self.debug, "timeout": PATIENCE, "input": _input(self.operation, self.region, self.device),
                "path": PATHS[self.operation]}


PATHS = {"RegisterClient": "/client/register", "StartDeviceAuthorization": "/device_authorization", "CreateToken": "/token",
         "CreateTokenWithIAM": "/token?aws_iam=t"}


def _input(operation, region, device):
    client_id = base64.urlsafe_b64encode(b"acme-client-0001" + region.encode()).decode().rstrip("=")
    match operation:
        case "RegisterClient":
            return {"clientName": "acme-cli", "clientType": "public"}
        case "StartDeviceAuthorization":
            return {"clientId": client_id, "clientSecret": "planted-client-secret",
                    "startUrl": "https://acme.awsapps.com/start"}
        case "CreateToken" if device:
            return {"clientId": client_id, "clientSecret": "planted-client-secret", "deviceCode": "planted-device-code",
                    "grantType": "urn:ietf:params:oauth:grant-type:device_code"}
        case "CreateToken":
            return {"clientId": client_id, "clientSecret": "planted-client-secret", "grantType": "refresh_token",
                    "refreshToken": "planted-refresh-token"}
        case _:
            return {"clientId": "arn:aws:sso::111122223333:application/ssoins-1234567890abcdef/apl-1234567890abcdef",
                    "grantType": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": "planted-assertion"}


def _refused(operation, code, cause=REQUEST, status=400, description=None, name=None, more=None, region="us-east-1", **other):
    return Trouble(name or code.removesuffix("Exception"), operation, cause, refusal(code, status, description, **(more or {})),
                   region, code, status, **other)


def _answered(name, answer, cause, operation="CreateToken", region="us-east-1", **other):
    return Trouble(name, operation, cause, answer, region, answer.code, answer.status, **other)


def _page(status, body):
    return Answer(status, body, headers=(("Content-Type", "text/html"), ("Server", "awselb/2.0")), request_id=False)


def _silent(name, operation="CreateToken", region="us-east-1", **other):
    return Trouble(name, operation, UNREACHABLE, region=region, **other)


def _troubles():
    token, register, device, iam = "CreateToken", "RegisterClient", "StartDeviceAuthorization", "CreateTokenWithIAM"
    frankfurt, sydney, oregon = "eu-central-1", "ap-southeast-2", "us-west-2"

    yield _answered("internal-null", NULL_500, SERVICE, main=True, debug=True)
    yield _refused(token, "InvalidGrantException", description="Invalid refresh token provided", main=True, debug=True)
    yield _refused(token, "InvalidGrantException", name="InvalidGrant-bare")
    yield _refused(token, "InvalidClientException", status=401, description="Invalid client", main=True)
    yield _refused(token, "InvalidClientException", status=401, name="InvalidClient-bare")
    yield _refused(token, "InvalidRequestException", description="Missing required parameter: deviceCode")
    yield _refused(token, "UnauthorizedClientException")
    yield _refused(token, "UnsupportedGrantTypeException", description="Grant type not supported")
    yield _refused(token, "InvalidScopeException", description="Requested scope is not allowed")
    yield _refused(token, "AuthorizationPendingException", EXPECTED, device=True, main=True)
    yield _refused(token, "SlowDownException", THROTTLED)
    yield _refused(token, "AccessDeniedException", device=True, description="Authorization request denied")
    yield _refused(token, "ExpiredTokenException", device=True, description="Device code has expired")
    yield _refused(token, "InternalServerException", SERVICE, 500, "An internal error occurred", name="InternalServer")
    yield _refused(token, "AccessDeniedException", ADMIN, name="kms-denied", more={"reason": "KMS_AccessDeniedException"},
                   description="Access to the KMS key is denied")
    yield _refused(token, "InvalidRequestException", ADMIN, name="kms-disabled", more={"reason": "KMS_DisabledException"},
                   description="The KMS key is disabled")
    yield _answered("throttling-400", Answer(400, {"message": "Rate exceeded"}, "ThrottlingException"), THROTTLED)
    yield _answered("too-many-429", THROTTLED_429, THROTTLED, main=True)
    yield _answered("unavailable-503", UNAVAILABLE_503, SERVICE)
    yield _answered("page-503", _page(503, PAGE_503), SERVICE, main=True, debug=True)
    yield _answered("page-502", _page(502, PAGE_502), SERVICE)
    yield _answered("empty-500", Answer(500, ""), SERVICE)
    yield _answered("empty-500-no-id", Answer(500, "", request_id=False), SERVICE)

    yield _refused(register, "InvalidClientMetadataException", description="Client type must be public", region=frankfurt)
    yield _refused(register, "InvalidRedirectUriException", region=frankfurt)
    yield _refused(register, "InvalidScopeException", region=frankfurt)
    yield _refused(register, "UnsupportedGrantTypeException", region=frankfurt)
    yield _refused(register, "InvalidRequestException", region=frankfurt)
    yield _refused(register, "SlowDownException", THROTTLED, region=frankfurt)
    yield _answered("internal-null", NULL_500, SERVICE, register, frankfurt)
    yield _answered("too-many-429", THROTTLED_429, THROTTLED, register, frankfurt)
    yield _silent("refused", register, network.REFUSED)

    yield _refused(device, "InvalidRequestException", description="Invalid start url provided", region=sydney, main=True)
    yield _refused(device, "InvalidClientException", status=401, region=sydney)
    yield _refused(device, "UnauthorizedClientException", region=sydney)
    yield _refused(device, "SlowDownException", THROTTLED, region=sydney)
    yield _answered("internal-null", NULL_500, SERVICE, device, sydney)
    yield _silent("no-such-name", device, network.NO_SUCH_NAME)

    yield _refused(iam, "InvalidGrantException", description="Assertion was already used", region=oregon)
    yield _refused(iam, "InvalidRequestRegionException", region=oregon, description="Wrong region",
                   more={"endpoint": "https://oidc.eu-central-1.amazonaws.com", "region": "eu-central-1"})
    yield _refused(iam, "AccessDeniedException", region=oregon, description="User is not assigned to the application")
    yield _answered("iam-denied", Answer(403, {"message": "User: arn:aws:sts::111122223333:assumed-role/acme-app/acme is not "
                    "authorized to perform: sso-oauth:CreateTokenWithIAM"}, "AccessDeniedException"), ADMIN, iam, oregon,
                    main=True)
    yield _answered("iam-expired", Answer(403, {"message": "The security token included in the request is expired"},
                                          "ExpiredTokenException"), ADMIN, iam, oregon)
    yield _answered("throttling-400", Answer(400, {"message": "Rate exceeded"}, "ThrottlingException"), THROTTLED, iam, oregon)
    yield _answered("internal-null", NULL_500, SERVICE, iam, oregon)
    yield _silent("read-timeout", iam, oregon)

    yield _silent("refused", region=network.REFUSED, main=True, debug=True)
    yield _silent("reset", region=network.RESET)
    yield _silent("hang-up", region=oregon)
    yield _silent("no-such-name", region=network.NO_SUCH_NAME, main=True)
    yield _silent("no-name-server", region=network.NO_NAME_SERVER)
    yield _silent("no-route", region=network.UNREACHABLE)
    yield _silent("connect-timeout", region=network.BLACKHOLE, main=True)
    yield _silent("read-timeout", region="ap-southeast-1", main=True)
    yield _silent("foreign-ca", region=network.FOREIGN_CA, main=True)
    yield _silent("expired-certificate", region=network.EXPIRED)
    yield _silent("self-signed", region=network.SELF_SIGNED)
    yield _silent("other-name", region=network.OTHER_NAME)
    yield _silent("proxy-closed", proxy=network.PROXY_CLOSED)
    yield _silent("proxy-forbids", proxy=network.PROXY_FORBIDS)
    yield _silent("proxy-wants-password", proxy=network.PROXY_WANTS_PASSWORD)


TROUBLES = tuple(_troubles())


def answer_of(trouble):
    """The fake's answer, if it is called at all."""
    if trouble.name == "read-timeout":
        return slow(NULL_500, TOO_LONG)
    return trouble.answer or HANG_UP
