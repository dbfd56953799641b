"""An AWS account as an administrator's program sees it: who I am (STS), whose the Identity Center instance is, and CloudTrail's
event history. It refuses what AWS refuses, and its history is late.

    with FakeAccount() as account:
        account.put(record, after=2.0)         # in the history two seconds from now
        account.troubles = [(400, "ThrottlingException"), ...]     # the next lookups get these
"""

import base64
import datetime
import json
import re
import threading
import time
import urllib.parse
import uuid

from .servers import Handler, Server

ACCOUNT = "987654321098"
ROLE = "PlantedAdministrators"
SESSION = "planted.person@example.org"
ARN = f"arn:aws:sts::{ACCOUNT}:assumed-role/{ROLE}/{SESSION}"
USER_ID = f"AROAPLANTEDPLANTED00:{SESSION}"
#: Of AWS's own model.
ATTRIBUTES = {"EventId", "EventName", "ReadOnly", "Username", "ResourceType", "ResourceName", "EventSource", "AccessKeyId"}
NO_ACCESS = ("User: %s is not authorized to perform: cloudtrail:LookupEvents because no identity-based policy allows the "
             "cloudtrail:LookupEvents action")


class FakeAccount(Server):
    def __init__(self):
        super().__init__(_Handler)
        self.lock = threading.Lock()
        #: Pairs of the time of arrival and an event.
        self.events = []
        #: (status, code) of the next lookups, one each.
        self.troubles = []
        self.may_look_up = True
        #: Lookups a second, or None.
        self.rate = None
        #: Seconds until a lookup is in the history itself; None: never. And how many of them get there.
        self.lookups_after, self.lookups_recorded = 0.0, 1_000_000
        #: The owner of the instance; None: no right to see it.
        self.owner = ACCOUNT
        self.credentials = None
        self.page = 50
        #: The inputs of each lookup that was answered, and the times of all.
        self.lookups, self.times = [], []

    def put(self, record, after=0.0, event_id=None):
        """A record in the form of the event history."""
        text = record if isinstance(record, str) else json.dumps(record)
        record = record if isinstance(record, dict) else {}
        event = {"EventId": event_id or record.get("eventID") or str(uuid.uuid4()), "EventName": record.get("eventName", ""),
                 "ReadOnly": str(record.get("readOnly", False)).lower(), "EventTime": _seconds(record.get("eventTime")),
                 "EventSource": record.get("eventSource", ""), "Resources": [], "CloudTrailEvent": text}
        with self.lock:
            self.events.append((time.time() + after, event))

    def arrive(self):
        """Everything is in the history from now on."""
        with self.lock:
            self.events = [(0.0, event) for _, event in self.events]

    def look_up(self, inputs):
        """A status and a body."""
        attributes = inputs.get("LookupAttributes", [])
        start, end = inputs.get("StartTime", 0), inputs.get("EndTime", time.time())
        if len(attributes) > 1 or any(one["AttributeKey"] not in ATTRIBUTES for one in attributes):
            return 400, "InvalidLookupAttributesException", None
        if not 1 <= inputs.get("MaxResults", 50) <= 50:
            return 400, "InvalidMaxResultsException", None
        if start > end:
            return 400, "InvalidTimeRangeException", None
        asked = {name: value for name, value in inputs.items() if name != "NextToken"}
        begin = 0
        if "NextToken" in inputs:
            try:
                begin, of = json.loads(base64.b64decode(inputs["NextToken"]))
            except ValueError:
                of = None
            if of != asked:
                return 400, "InvalidNextTokenException", None
        member = {"EventName": "EventName", "EventSource": "EventSource", "ReadOnly": "ReadOnly", "EventId": "EventId"}
        now = time.time()
        with self.lock:
            # The newest first; of one second, in no order that one could rely on.
            fitting = [event for arrives, event in reversed(self.events) if arrives <= now and start <= event["EventTime"] <= end
                       and all(event.get(member[one["AttributeKey"]]) == one["AttributeValue"] for one in attributes)]
        fitting.sort(key=lambda event: -event["EventTime"])
        size = min(inputs.get("MaxResults", 50), self.page)
        body = {"Events": fitting[begin:begin + size]}
        if begin + size < len(fitting):
            body["NextToken"] = base64.b64encode(json.dumps([begin + size, asked]).encode()).decode()
        self.lookups.append(inputs)
        return 200, None, body


def _seconds(text):
    try:
        return datetime.datetime.fromisoformat(str(text)).timestamp()
    except ValueError:
        return time.time()


def lookup_record(request_id, code=None):
    """What CloudTrail records of a lookup."""
    return {"eventVersion": "1.11", "userIdentity": {"type": "AssumedRole", "arn": ARN, "accountId": ACCOUNT},
            "eventTime": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"), "eventSource": "cloudtrail.amazonaws.com",
            "eventName": "LookupEvents", "awsRegion": "us-east-1", "requestID": request_id, "eventID": str(uuid.uuid4()), "readOnly": True,
            "eventType": "AwsApiCall", **({"errorCode": code} if code else {})}


class _Handler(Handler):
    def do_POST(self):
        server, body = self.server, self.body().decode()
        service = re.search(r"Credential=([^/]+)/\d{8}/([a-z0-9-]+)/([a-z-]+)/aws4_request", self.headers.get("Authorization") or "")
        if not service or (server.credentials and service[1] != server.credentials):
            if "Action=" in body:
                return self.answer(403, b"<ErrorResponse><Error><Type>Sender</Type><Code>InvalidClientTokenId</Code></Error></ErrorResponse>",
                                   {"Content-Type": "text/xml", "x-amzn-RequestId": str(uuid.uuid4())})
            return self.error(403, "UnrecognizedClientException", "The security token included in the request is invalid.")
        target = (self.headers.get("X-Amz-Target") or "").rsplit(".", 1)[-1]
        if service[3] == "sts" and urllib.parse.parse_qs(body).get("Action") == ["GetCallerIdentity"]:
            return self.identity()
        if service[3] == "sso" and target == "ListInstances":
            if server.owner is None:
                return self.error(400, "AccessDeniedException", f"User: {ARN} is not authorized to perform: sso:ListInstances")
            return self.json(200, {"Instances": [{"InstanceArn": "arn:aws:sso:::instance/ssoins-1234567890abcdef", "OwnerAccountId": server.owner,
                                                  "IdentityStoreId": "d-1234567890", "Status": "ACTIVE"}]})
        if service[3] == "cloudtrail" and target == "LookupEvents":
            return self.lookup(json.loads(body))
        self.error(404, "UnknownOperationException", "")

    def lookup(self, inputs):
        server, now = self.server, time.monotonic()
        with server.lock:
            server.times.append(now)
            trouble = server.troubles.pop(0) if server.troubles else None
            recent = sum(1 for at in server.times if at > now - 1)
        if not server.may_look_up:
            trouble = (400, "AccessDeniedException")
        elif server.rate and recent > server.rate:
            trouble = (400, "ThrottlingException")
        if trouble:
            return self.error(*trouble, NO_ACCESS % ARN if trouble[1] == "AccessDeniedException" else "Rate exceeded")
        status, code, body = server.look_up(inputs)
        if code:
            return self.error(status, code, "")
        request_id = str(uuid.uuid4())
        if server.lookups_after is not None and len(server.lookups) <= server.lookups_recorded:
            server.put(lookup_record(request_id), after=server.lookups_after)
        self.json(200, body, request_id)

    def identity(self):
        text = (f'<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult><Arn>{ARN}</Arn>'
                f"<UserId>{USER_ID}</UserId><Account>{ACCOUNT}</Account></GetCallerIdentityResult><ResponseMetadata>"
                f"<RequestId>{uuid.uuid4()}</RequestId></ResponseMetadata></GetCallerIdentityResponse>")
        self.answer(200, text.encode(), {"Content-Type": "text/xml"})

    def error(self, status, code, message):
        self.json(status, {"__type": code, "Message": message, "message": message})

    def json(self, status, value, request_id=None):
        self.answer(status, json.dumps(value).encode(),
                    {"Content-Type": "application/x-amz-json-1.1", "x-amzn-RequestId": request_id or str(uuid.uuid4())})
