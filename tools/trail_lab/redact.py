"""Records without what is secret or somebody's. In: a record. Out: one of the same form with values made up.

What is kept is named here; everything else is replaced, the same value by the same one everywhere, so that a caller stays one
caller. Free text keeps its plain words. `leaks` looks at last whether a value that was replaced is still somewhere.
"""

import base64
import binascii
import ipaddress
import re

from .aws import NAME
from .experiments import ALL, DEVICE_GRANT, JWT_GRANT, OTHER_START_URL, REDIRECT, WRONG
from .text import one_line

HIDDEN = "HIDDEN_DUE_TO_SECURITY_REASONS"
DEEPEST = 12
MEMBERS_MAX = 200
TEXT_MAX = 2000
#: Shorter ones occur in ordinary words.
SEARCHED_MIN = 6

INSTANCE = re.compile(r"(?:ssoins|apl|ins|d|ps)-[0-9a-f]{8,20}")
# Of an id's letters alone one cannot be sure: a name is written as one.
_WORDS = r"(?:[A-Z]{1,6}[a-z]{1,20}){1,2}2?(?:[A-Z]{1,6}[a-z]{1,20}){0,6}[A-Z]{0,5}"
_TIME = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?"
_HOST = r"[a-z-]{1,40}\.amazonaws\.com(?:\.cn)?"
REGION = re.compile(r"[a-z]{2,4}(?:-[a-z]{2,12}){1,3}-\d")

#: What a test needs, as long as it looks like what it should be.
KEPT = {
    "eventVersion": r"\d{1,2}\.\d{1,3}", "eventTime": _TIME, "creationDate": _TIME, "eventSource": _HOST, "eventName": _WORDS,
    "awsRegion": REGION.pattern, "errorCode": rf"(?:Client\.|Server\.)?{_WORDS}", "eventType": _WORDS, "eventCategory": _WORDS, "type": _WORDS,
    "clientType": "public|confidential", "tokenType": _WORDS, "tlsVersion": r"TLSv\d(?:\.\d)?", "cipherSuite": r"TLS_[A-Z0-9_]{1,60}",
    "clientProvidedHostHeader": r"oidc(?:-fips)?\.[a-z0-9-]{5,20}\.(?:amazonaws\.com(?:\.cn)?|api\.aws)", "sourceIPAddress": _HOST, "invokedBy": _HOST,
    "reason": r"KMS_[A-Za-z]{1,60}",
}
#: The first part of an ARN's resource.
RESOURCES = {"assumed-role", "role", "user", "root", "federated-user", "application", "instance", "identitystore", "key", "alias", "group", "session",
             "aws-reserved", "sso.amazonaws.com"}
GRANTS = {DEVICE_GRANT, JWT_GRANT, "authorization_code", "refresh_token", "client_credentials",
          "urn:ietf:params:oauth:grant-type:token-exchange"}
#: Values of any member that say nothing about anyone.
PLAIN = {"", "true", "false", "True", "False", "Success", "Failure", "success", "failure", "Yes", "No", "public", "confidential", "Bearer", "-",
         "sso:account:access", REDIRECT, "null", HIDDEN, OTHER_START_URL, WRONG, *GRANTS}
#: What kind of value a member has.
KINDS = {"accountId": "account", "recipientAccountId": "account", "account": "account", "userId": "user", "identitystore:UserId": "user",
         "requestID": "request", "requestId": "request", "eventID": "event", "eventId": "event", "sharedEventID": "event",
         "clientId": "client", "clientName": "name", "principalId": "principal", "accessKeyId": "key", "sourceIPAddress": "address",
         "userAgent": "agent", "errorMessage": "text", "error_description": "text", "message": "text", "Message": "text"}
#: Without digits and punctuation: a member's name may be somebody's id as well.
MEMBER = re.compile(r"(?![A-Z]{12})[A-Za-z_]{1,48}(?:[:.][A-Za-z_]{1,48})?")
MEMBERS = {*KEPT, *KINDS, "userIdentity", "requestParameters", "responseElements", "additionalEventData", "serviceEventDetails", "onBehalfOf",
           "sessionContext", "sessionIssuer", "attributes", "readOnly", "managementEvent", "identityStoreArn", "arn", "grantType",
           "clientSecret", "deviceCode", "refreshToken", "accessToken", "idToken", "scopes", "startUrl", "credentialId"}

TOKEN = re.compile(r"[^\s\"'`(),;<>\[\]{}|=]+")
PLAIN_WORD = re.compile(r"[A-Z]?[a-z'-]{1,20}|[A-Z]{1,6}|[a-z]{1,16}(?:_[a-z]{1,16}){1,3}|\d{1,3}|[.:-]")
#: Longer names than a word's that error messages have.
KNOWN_NAMES = {*(one.operation for one in ALL.values()), *(code for one in ALL.values() for code in one.expect),
               "clientId", "clientSecret", "grantType", "deviceCode", "refreshToken", "startUrl", "redirectUri", "AccessDenied",
               "LookupEvents", "lookupEvents", "identity-based", "CloudTrail", "EventBridge", "AWS API Call via CloudTrail",
               "AWS Service Event via CloudTrail"}
ACTION = re.compile(r"(?:sso|sso-oauth|cloudtrail|kms|sts):[A-Za-z]{3,40}")
_VERSION = r"\d{1,3}(?:\.\d{1,4}){1,3}"
AGENT_TOKEN = re.compile(rf"(?:Boto3|Botocore|ua|aws-cli)/{_VERSION}|m/[A-Za-z](?:,[A-Za-z]){{0,20}}"
                         rf"|(?:os|md|lang|cfg|exec-env)/[A-Za-z-]{{1,12}}(?:#(?:{_VERSION}|x86_64|aarch64|arm64|[A-Za-z]{{1,12}}))?")


class Redactor:
    def __init__(self, run="", known=()):
        self._run = run
        #: What is replaced wherever it stands, and the words that are replaced only where they were found.
        self._made, self._words = {}, {}
        self._counts = {}
        for kind, value in known:
            self.hide(kind, value)

    def record(self, record):
        self._learn(record)
        return self._value(record, "", 0)

    def text(self, text):
        """Somebody's words: what is known or looks like an id is replaced, and whatever is no plain word."""
        text, held = one_line(text, TEXT_MAX), []

        def shelve(new):
            held.append(new)
            return f"\ue000{len(held) - 1}\ue001"

        for old in sorted(self._made, key=len, reverse=True):
            if len(old) >= 4 and old in text:
                edge = "" if len(old) >= 8 else r"(?<![A-Za-z0-9])"
                text = re.sub(edge + re.escape(old) + edge.replace("<!", "!"), lambda _, new=self._made[old]: shelve(new), text)

        def word(found):
            token, end = found[0], ""
            if "\ue000" in token:
                return "".join(part if part.startswith("\ue000") else "".join(map(plain, re.split(r"([^\w])", part)))
                               for part in re.split(r"(\ue000\d+\ue001)", token))
            while token and token[-1] in ".:!?":
                token, end = token[:-1], token[-1] + end
            return plain(token) + end

        def plain(token):
            if not token or token in PLAIN or token in KNOWN_NAMES or PLAIN_WORD.fullmatch(token) or ACTION.fullmatch(token) \
                    or not any(map(str.isalnum, token)):
                return token
            return self.hide(_shape(token) or "word", token)

        return re.sub("\ue000(\\d+)\ue001", lambda found: held[int(found[1])], TOKEN.sub(word, text))

    def hide(self, kind, value):
        """The made-up value that stands for this one."""
        if not isinstance(value, str) or not value:
            return value
        if kind in ("word", "token") and re.fullmatch(r"\W*[A-Za-z]{0,16}\W*|\d{1,5}", value) and value not in self._made:
            # A stranger's user agent may have any word in it, which then would be missing in every message.
            if value not in self._words:
                self._words[value] = self._make(kind, value)
            return self._words[value]
        if value not in self._made:
            # First, so that its own parts cannot lead back to it.
            self._made[value] = ""
            made = self._make(kind, value)
            while made in self._made:
                made = self._make(kind, value)
            self._made[value] = made
        return self._made[value]

    def leaks(self, text):
        """The number of replaced values that are in a text after all."""
        own = f"{NAME} {' '.join(KEPT)} {' '.join(KINDS)} {' '.join(KNOWN_NAMES)} {' '.join(PLAIN)} {' '.join(self._made.values())}"
        return sum(1 for old in self._made if len(old) >= SEARCHED_MIN and old in text and old not in own)

    def _learn(self, value, name="", depth=0):
        """What is replaced anywhere is known everywhere, also in a message that comes earlier."""
        if depth > DEEPEST:
            return
        if isinstance(value, dict):
            for key, inner in list(value.items())[:MEMBERS_MAX]:
                self._learn(inner, key, depth + 1)
        elif isinstance(value, list):
            for inner in value[:MEMBERS_MAX]:
                self._learn(inner, name, depth + 1)
        elif isinstance(value, str) and KINDS.get(name) not in ("text", "agent"):
            self._string(value, name)

    def _value(self, value, name, depth):
        if depth > DEEPEST:
            return None
        match value:
            case dict():
                return {self._member(key): self._value(inner, key, depth + 1) for key, inner in list(value.items())[:MEMBERS_MAX]}
            case list():
                return [self._value(inner, name, depth + 1) for inner in value[:MEMBERS_MAX]]
            case str():
                return self._string(value, name)
            case bool() | None:
                return value
            case int() if abs(value) < 100_000:
                return value
            case int() | float():
                # An account's number, say, or a time to the millisecond.
                made = self.hide("number", str(value))
                return int(made) if made.isdigit() else 1_000_000_000
        return None

    def _member(self, key):
        return key if key in MEMBERS or (MEMBER.fullmatch(key) and key not in self._made) else self.hide("member", key)

    def _string(self, value, name):
        if value in PLAIN or (name in KEPT and len(value) <= 200 and re.fullmatch(KEPT[name], value)):
            return value
        if len(value) > TEXT_MAX:
            return self.hide("text-of-many-characters", value)
        kind = KINDS.get(name)
        if kind == "text":
            return self.text(value)
        if kind == "agent":
            return self._agent(value)
        if name == "clientName" and value == f"{NAME}-{self._run}":
            return NAME
        if kind == "account" and not re.fullmatch(r"\d{12}", value) or kind == "address" and _shape(value) != "address":
            kind = None
        if kind is None and re.fullmatch(_TIME, value):
            return value
        return self.hide(kind or _shape(value) or "value", value)

    def _agent(self, value):
        """Ours has the SDK's tokens and our name; of others only the tokens that look like these."""
        tokens = []
        for token in value[:TEXT_MAX].split():
            opened, closed = token.startswith("["), token.endswith("]")
            token = token.strip("[]")
            if token == f"app/{NAME}-{self._run}":
                token = f"app/{NAME}"
            elif not AGENT_TOKEN.fullmatch(token) or any(len(old) >= 4 and old in token for old in self._made):
                token = self.hide("token", token)
            tokens.append("[" * opened + token + "]" * closed)
        return " ".join(tokens)

    def _make(self, kind, value):
        number = self._counts[kind] = self._counts.get(kind, 0) + 1
        match kind:
            case "account":
                return str(111122223332 + number)
            case "user":
                return f"0c000000-0000-4000-8000-{number:012d}"
            case "request":
                return f"0a000000-0000-4000-8000-{number:012d}"
            case "event":
                return f"0e000000-0000-4000-8000-{number:012d}"
            case "envelope":
                return f"0b000000-0000-4000-8000-{number:012d}"
            case "address":
                return f"2001:db8::{number:x}" if ":" in value else f"203.0.113.{number % 254 + 1}" if number < 254 else f"198.51.100.{number % 254}"
            case "client":
                return self._arn(value, number) if value.startswith("arn:") else _client(value, number)
            case "key":
                return f"ASIAEXAMPLE{number:09d}"
            case "principal":
                role, colon, session = value.partition(":")
                if not re.fullmatch(r"A[A-Z0-9]{15,30}", role):
                    return f"made-up-{kind}-{number}"
                if not colon:
                    return f"AROAEXAMPLE{number:010d}"
                return f"{self.hide('principal', role)}:{self.hide('session', session)}"
            case "arn":
                return self._arn(value, number)
            case "instance":
                return value.split("-")[0] + "-" + f"{number:016x}"[-10 if value.startswith("d-") else -16:]
            case "url":
                return f"https://made-up-{number}.example.com/"
            case "mail":
                return f"made-up-{number}@example.com"
            case "number":
                return str(1_000_000_000 + number)
            case "member":
                # A digit in a member's name may be an id's, so these have none.
                return "madeUp" + "".join("ABCDEFGHIJ"[int(digit)] for digit in str(number))
        return f"made-up-{kind}-{number}"

    def _arn(self, value, number):
        """Each part by itself, so that an account or a session is the same one elsewhere."""
        parts = value.split(":", 5)
        if len(parts) < 6 or not re.fullmatch(r"aws[a-z-]{0,12}", parts[1]) or not re.fullmatch(r"[a-z-]{2,24}", parts[2]):
            return f"arn:aws:made-up::111122223333:made-up/{number}"
        account = self.hide("account", parts[4]) if re.fullmatch(r"\d{12}", parts[4]) else ""
        resource = []
        for part in re.split(r"([/:])", parts[5]):
            if part in "/:" or part in RESOURCES or REGION.fullmatch(part):
                resource.append(part)
            elif INSTANCE.fullmatch(part):
                resource.append(self.hide("instance", part))
            else:
                resource.append(self.hide("session", part))
        region = parts[3] if REGION.fullmatch(parts[3]) else ""
        return ":".join(["arn", parts[1], parts[2], region, account, "".join(resource)])


def _client(value, number):
    """A client id has its region in it, which the decoder reads: it stays."""
    made = f"made-up-client-{number % 10}".encode()
    try:
        region = base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))[16:].decode("ascii")
    except (ValueError, binascii.Error):
        region = ""
    known = region if REGION.fullmatch(region) else ""
    return base64.urlsafe_b64encode(made + known.encode()).decode().rstrip("=") + ("" if number < 10 else f"-{number}")


def _shape(value):
    """What a value looks like, whatever its member is called."""
    if value.startswith("arn:"):
        return "arn"
    if re.fullmatch(r"\d{12}", value):
        return "account"
    if re.fullmatch(r"(?:[0-9a-f]{10}-)?[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", value):
        return "user"
    if INSTANCE.fullmatch(value):
        return "instance"
    if re.fullmatch(r"[^@]+@[^@]+", value):
        return "mail"
    if re.match(r"https?://", value):
        return "url"
    try:
        ipaddress.ip_address(value)
        return "address"
    except ValueError:
        return None
