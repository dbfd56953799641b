"""The fake SSO OIDC service, as strict as the real one is about what it is given, and a CloudTrail that watches it.

Whether, how and how late a call is recorded is up to the test: `record_of` makes the record, as AWS documents it.
"""

import datetime
import time
import uuid

from .fake_account import ACCOUNT, ARN, ROLE, SESSION, USER_ID
from .fake_oidc import (CLIENT_ID, CLIENT_SECRET, DEVICE_CODE, INVALID_CLIENT, NULL_500, PENDING, REFRESH_TOKEN, SLOW_DOWN, FakeOidc,
                        healthy, refusal)

START_URL = "https://planted-portal.awsapps.com/start"
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
HIDDEN = "HIDDEN_DUE_TO_SECURITY_REASONS"
HIDDEN_MEMBERS = {"clientSecret", "refreshToken", "accessToken", "idToken", "assertion", "subjectToken", "code"}
PERSON = {"userId": "94d00cd8-e9e6-4810-b177-b08e84775555",
          "identityStoreArn": f"arn:aws:identitystore::{ACCOUNT}:identitystore/d-9067planted"}
ADDRESS = "192.0.2.177"


class StrictOidc(FakeOidc):
    """`witness(call, answer, request_id)` is called with each call before it is answered."""

    def __init__(self, witness=None, *, sign_in_after=None, expires_s=600):
        super().__init__()
        self.witness = witness
        #: Polls until the user has signed in; None: never.
        self.sign_in_after, self.expires_s = sign_in_after, expires_s
        self._polled_at = 0.0
        self._polls = self._started = 0
        self._is_used = False

    def next_answer(self, operation, body):
        answer = super().next_answer(operation, body) if self._scripts.get(operation) or self._in_order is not None \
            else self.strict(operation, body)
        if self.witness:
            request_id = answer.request_id if isinstance(answer.request_id, str) else f"00000000-0000-4000-8000-{len(self.log):012d}"
            self.witness(self.log[-1], answer, request_id)
        return answer

    def strict(self, operation, body):
        match operation:
            case "RegisterClient":
                if body.get("clientType") not in ("public", "confidential"):
                    return refusal("InvalidClientMetadataException")
                return NULL_500 if "authorization_code" in body.get("grantTypes", []) else healthy(operation)
            case "CreateTokenWithIAM":
                return refusal("AccessDeniedException")
        if (body.get("clientId"), body.get("clientSecret")) != (CLIENT_ID, CLIENT_SECRET):
            return INVALID_CLIENT
        if operation == "StartDeviceAuthorization":
            if body.get("startUrl") != START_URL:
                return refusal("InvalidRequestException")
            self._started, self._polled_at = time.monotonic(), 0.0
            answer = healthy(operation)
            answer.body["expiresIn"] = self.expires_s
            return answer
        return self.token(body)

    def token(self, body):
        match body.get("grantType"):
            case "refresh_token":
                return healthy("CreateToken") if body.get("refreshToken") == REFRESH_TOKEN else refusal("InvalidGrantException")
            case "authorization_code":
                return refusal("UnauthorizedClientException")
            case grant if grant != DEVICE_GRANT:
                return refusal("UnsupportedGrantTypeException")
        if body.get("deviceCode") != DEVICE_CODE or self._is_used:
            return refusal("InvalidGrantException")
        if time.monotonic() - self._started > self.expires_s:
            return refusal("ExpiredTokenException")
        now, before = time.monotonic(), self._polled_at
        self._polled_at = now
        self._polls += 1
        if now - before < 1.0:
            return SLOW_DOWN
        if self.sign_in_after is not None and self._polls > self.sign_in_after:
            self._is_used = True
            return healthy("CreateToken")
        return PENDING


def record_of(call, answer, request_id, **more):
    """The record of a call, in the form of the records that are known."""
    is_signed = call.operation == "CreateTokenWithIAM"
    identity = {"type": "Unknown", "accountId": ACCOUNT}
    if is_signed:
        identity = {"type": "AssumedRole", "principalId": USER_ID, "arn": ARN, "accountId": ACCOUNT, "accessKeyId": "ASIAPLANTEDPLANTED00",
                    "sessionContext": {"sessionIssuer": {"type": "Role", "principalId": USER_ID.split(":")[0], "accountId": ACCOUNT,
                                                         "arn": f"arn:aws:iam::{ACCOUNT}:role/{ROLE}", "userName": ROLE}}}
    elif call.body.get("refreshToken") == REFRESH_TOKEN:
        identity = {"type": "IdentityCenterUser", "accountId": ACCOUNT, "onBehalfOf": PERSON, "credentialId": "planted-credential-id-77"}
    served = hidden(answer.body) if answer.status == 200 and isinstance(answer.body, dict) else None
    return {
        "eventVersion": "1.11", "userIdentity": identity,
        "eventTime": datetime.datetime.fromtimestamp(call.at, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "eventSource": "sso-oauth.amazonaws.com" if is_signed else "sso.amazonaws.com", "eventName": call.operation, "awsRegion": "us-east-1",
        "sourceIPAddress": ADDRESS, "userAgent": next((text for name, text in call.headers.items() if name.lower() == "user-agent"), None),
        **({"errorCode": answer.code, "errorMessage": f"User {SESSION} of {ACCOUNT} at {ADDRESS} was refused"} if answer.code else {}),
        "requestParameters": hidden(call.body), "responseElements": served, "requestID": request_id, "eventID": str(uuid.uuid4()),
        "readOnly": False, "eventType": "AwsApiCall", "managementEvent": True, "recipientAccountId": ACCOUNT, "eventCategory": "Management", **more}


def hidden(body):
    return {name: HIDDEN if name in HIDDEN_MEMBERS else value for name, value in body.items()}
