"""The calls, as a table: what each one does wrong, and what it needs. Data only; `calls` makes them."""

from collections.abc import Callable
from dataclasses import dataclass, field

from .aws import NAME

SERVED = "served"
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
#: Well-formed, and nobody's.
OTHER_START_URL = "https://d-0000000000.awsapps.com/start"
REDIRECT = "http://127.0.0.1/oauth/callback"
WRONG = "made-up-by-oidc-triage-lab"

#: What a call may need, and why it is left out without.
START_URL = "no --start-url"
CLIENT = "no client was registered"
DEVICE = "no device sign-in was started"
CREDENTIALS = "no credentials"
SIGN_IN = "no --sign-in, or nobody signed in"
EXPIRED = "no --expired"


@dataclass
class Held:
    """What the calls so far gave us. Never written and never printed."""

    run: str
    start_url: str | None = field(default=None, repr=False)
    application: str | None = field(default=None, repr=False)
    client_id: str | None = field(default=None, repr=False)
    client_secret: str | None = field(default=None, repr=False)
    device_code: str | None = field(default=None, repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    #: Of the sign-in that is left to expire.
    other_device_code: str | None = field(default=None, repr=False)
    #: All that came in answers and may not get out.
    secrets: set = field(default_factory=set, repr=False)

    def client(self, secret=None):
        return {"clientId": self.client_id, "clientSecret": secret or self.client_secret}


@dataclass(frozen=True)
class Experiment:
    name: str
    operation: str
    #: What is wrong with it, for people.
    what: str
    #: The answers that would surprise no one.
    expect: tuple[str, ...]
    inputs: Callable[[Held], dict]
    needs: tuple[str, ...] = ()
    #: Called at once up to so many times, as long as the answer is the first one of `expect`.
    burst: int = 1

    @property
    def names_owner(self):
        """Whether the service can know whose it is: by the portal, by a device code of it, or by the signature."""
        return any(need in self.needs for need in (START_URL, DEVICE, CREDENTIALS, SIGN_IN, EXPIRED))


def registration(held, **more):
    """As the AWS CLI registers itself for a device sign-in."""
    return {"clientName": f"{NAME}-{held.run}", "clientType": "public", "scopes": ["sso:account:access"], **more}


def poll(held, code=None, **more):
    return {**held.client(), "grantType": DEVICE_GRANT, "deviceCode": code or held.device_code, **more}


REGISTER = Experiment("register", "RegisterClient", "nothing: a client for the calls below", (SERVED,), registration)
START = Experiment("start", "StartDeviceAuthorization", "nothing: a device sign-in that nobody completes", (SERVED,),
                   lambda held: {**held.client(), "startUrl": held.start_url}, (CLIENT, START_URL))
START_TO_EXPIRE = Experiment("start-to-expire", "StartDeviceAuthorization", "nothing: another one, left to expire", (SERVED,),
                             START.inputs, (CLIENT, START_URL, EXPIRED))
SIGNED_IN = Experiment("sign-in", "CreateToken", "nothing: the device whose user has signed in", (SERVED,), poll, (DEVICE, SIGN_IN))
EXPIRED_CODE = Experiment("device-code-expired", "CreateToken", "a device code that has expired", ("ExpiredTokenException",),
                          lambda held: poll(held, held.other_device_code), (EXPIRED,))

#: In this order: the polls come last, because the service asks a device that polls too fast to slow down.
FAILING = (
    Experiment("register-unknown-type", "RegisterClient", "a client type that does not exist",
               ("InvalidRequestException", "InvalidClientMetadataException"), lambda held: registration(held, clientType=WRONG)),
    # People have met an InternalServerException here: the only one that a caller can cause.
    Experiment("register-two-grants", "RegisterClient", "device_code and authorization_code together, answered with a 500 at times",
               (SERVED, "InternalServerException", "InvalidRequestException", "InvalidClientMetadataException"),
               lambda held: registration(held, grantTypes=[DEVICE_GRANT, "authorization_code"], redirectUris=[REDIRECT])),
    Experiment("start-wrong-url", "StartDeviceAuthorization", "a start URL that is nobody's", ("InvalidRequestException", SERVED),
               lambda held: {**held.client(), "startUrl": OTHER_START_URL}, (CLIENT,)),
    Experiment("start-wrong-secret", "StartDeviceAuthorization", "your start URL, a wrong client secret", ("InvalidClientException",),
               lambda held: {**held.client(WRONG), "startUrl": held.start_url}, (CLIENT, START_URL)),
    Experiment("unknown-grant-type", "CreateToken", "a grant type that does not exist",
               ("UnsupportedGrantTypeException", "InvalidRequestException"),
               lambda held: {**held.client(), "grantType": WRONG}, (CLIENT,)),
    Experiment("other-grant-type", "CreateToken", "a grant type that the client is not registered for",
               ("UnauthorizedClientException", "UnsupportedGrantTypeException", "InvalidGrantException"),
               lambda held: {**held.client(), "grantType": "authorization_code", "code": WRONG, "redirectUri": REDIRECT},
               (CLIENT,)),
    Experiment("unknown-client", "CreateToken", "a client id that does not exist", ("InvalidClientException", "InvalidRequestException"),
               lambda held: {**held.client(WRONG), "clientId": WRONG, "grantType": DEVICE_GRANT, "deviceCode": WRONG}),
    Experiment("invalid-refresh-token", "CreateToken", "a refresh token that does not exist", ("InvalidGrantException", "InvalidRequestException"),
               lambda held: {**held.client(), "grantType": "refresh_token", "refreshToken": WRONG}, (CLIENT,)),
    Experiment("invalid-device-code", "CreateToken", "a device code that does not exist",
               ("InvalidGrantException", "InvalidRequestException", "ExpiredTokenException"),
               lambda held: poll(held, WRONG), (CLIENT,)),
    Experiment("wrong-secret", "CreateToken", "a pending device code, a wrong client secret", ("InvalidClientException",),
               lambda held: poll(held, clientSecret=WRONG), (DEVICE,)),
    Experiment("iam-without-assignment", "CreateTokenWithIAM", "an application that is not assigned, or does not exist",
               ("AccessDeniedException", "InvalidClientException", "InvalidRequestException", "UnauthorizedClientException"),
               lambda held: {"clientId": held.application, "grantType": JWT_GRANT, "assertion": WRONG}, (CREDENTIALS,)),
    Experiment("pending", "CreateToken", "a device whose user has not signed in yet", ("AuthorizationPendingException",), poll, (DEVICE,)),
    Experiment("too-fast", "CreateToken", "the same without a pause", ("AuthorizationPendingException", "SlowDownException"), poll,
               (DEVICE,), burst=5),
)

AFTER_SIGN_IN = (
    Experiment("device-code-used", "CreateToken", "the device code once more", ("InvalidGrantException", "ExpiredTokenException"),
               poll, (SIGN_IN,)),
    Experiment("refresh-wrong-secret", "CreateToken", "a valid refresh token, a wrong client secret", ("InvalidClientException",),
               lambda held: {**held.client(WRONG), "grantType": "refresh_token", "refreshToken": held.refresh_token}, (SIGN_IN,)),
    Experiment("refresh", "CreateToken", "nothing: a refresh", (SERVED,),
               lambda held: {**held.client(), "grantType": "refresh_token", "refreshToken": held.refresh_token}, (SIGN_IN,)),
)

#: Whose refusals mean that the device is to wait.
POLLS = {"pending", "too-fast", "sign-in"}
ALL = {one.name: one for one in (REGISTER, *FAILING, START, START_TO_EXPIRE, SIGNED_IN, *AFTER_SIGN_IN, EXPIRED_CODE)}
