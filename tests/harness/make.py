"""Events that happen now, made from the files in events/: those are in the past, and the function never acts on
them."""

import collections
import copy
import datetime
import functools
import json
import pathlib
import re
import uuid

from . import awslogs

#: The trusted sources in tests: the queue and topic of events/, and two programs.
TRUSTED = {"OIDC_TRIAGE_TRUSTED_QUEUES": "arn:aws:sqs:us-east-1:111122223333:made-up-queue",
            "OIDC_TRIAGE_TRUSTED_TOPICS": "arn:aws:sns:us-east-1:111122223333:made-up-topic",
            "OIDC_TRIAGE_TRUSTED_STREAMS": awslogs.STREAM_ARN,
            "OIDC_TRIAGE_CALL_SOURCES": "com.example.ci,made.up"}

EVENTS = pathlib.Path(__file__).resolve().parents[2] / "events"


@functools.cache
def _load(name):
    return json.loads((EVENTS / f"{name}.json").read_text())


def event(name):
    return copy.deepcopy(_load(name))


def timestamp(age=0.0):
    at = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=age)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def health_time(age=0.0):
    at = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=age)
    return at.strftime("%a, %d %b %Y %H:%M:%S GMT")


def cloudtrail(code="InternalServerException", user="made-up-user-1", *, operation="CreateToken", region="us-east-1",
               age=1.0, message=None, address="203.0.113.17", **record):
    """One CloudTrail envelope of a call that failed `age` seconds ago (with `code=None`: that worked)."""
    envelope = event("cloudtrail__create_token_internal_server_error")
    detail = envelope["detail"]
    detail["userIdentity"]["onBehalfOf"]["userId"] = user
    detail.update(eventName=operation, awsRegion=region, eventTime=timestamp(age), sourceIPAddress=address,
                  eventID=str(uuid.uuid4()), requestID=str(uuid.uuid4()))
    detail.pop("errorCode")
    if code:
        detail["errorCode"] = code
    if message is not None:
        detail["errorMessage"] = message
    detail.update(record)
    envelope.update(id=str(uuid.uuid4()), region=region, time=detail["eventTime"])
    return envelope


def of_one_second(events):
    """The same, all in the first one's second: so they are in one slot, wherever the clock stands."""
    for event in events:
        event["time"] = event["detail"]["eventTime"] = events[0]["time"]
    return events


def outage(region="us-east-1", callers=8, age=0.0, **more):
    """That many people whose calls fail: two first, the others within half a minute, which ended `age` seconds ago.
    Without any earlier served call, five of them are a page at once: the first two failed long enough before."""
    return [cloudtrail(user=f"made-up-user-{number}", region=region,
                       age=age + (80.0 - number if number <= 2 else max(0.0, 30.0 - number)), **more)
            for number in range(1, callers + 1)]


def served(region="us-east-1", callers=2, calls=1, age=0.0, **more):
    """That many people who sign in `calls` times each, successfully."""
    return [cloudtrail(None, user=f"made-up-user-{number}", region=region, age=age, **more)
            for _ in range(calls) for number in range(1, callers + 1)]


def tick(age=0.0):
    made = event("schedule__tick")
    made.update(id=str(uuid.uuid4()), time=timestamp(age))
    return made


Read = collections.namedtuple("Read", "incident sequence kind subject text message_id")


def as_read(message):
    """A notice as a person reads it: its incident, its number, and its content."""
    named = re.search(r"^Incident: +(\S+) \(notice (\d+)\)$", message.message, re.MULTILINE)
    incident, sequence = (named[1], int(named[2])) if named else (None, 1)
    return Read(incident, sequence, message.attributes.get("kind"), message.subject, message.message, message.message_id)


def sqs(bodies):
    """One SQS batch of these: values that become JSON, or text as it stands."""
    batch = event("sqs__batch")
    shape = batch["Records"][0]
    batch["Records"] = [{**shape, "messageId": str(uuid.uuid4()),
                         "body": body if isinstance(body, str) else json.dumps(body)} for body in bodies]
    return batch


def logs(lines, log_group="/made-up/application", age=1.0):
    """A CloudWatch Logs event with these lines, which have ids of their own as in CloudWatch."""
    at = int((datetime.datetime.now(datetime.timezone.utc).timestamp() - age) * 1000)
    message = awslogs.data_message(lines, log_group=log_group, timestamp=at, first_id=uuid.uuid4().int)
    return awslogs.encode(message)


def kinesis(records, first=0, log_group="/made-up/application", age=1.0, owner="444455556666"):
    """One Kinesis batch: each record is a list of log lines, or base64 as it stands."""
    at = int((datetime.datetime.now(datetime.timezone.utc).timestamp() - age) * 1000)
    documents = [record if isinstance(record, str) else {
        **awslogs.data_message(record, log_group=log_group, timestamp=at, first_id=uuid.uuid4().int), "owner": owner}
        for record in records]
    return awslogs.stream(documents, first)


def call(operation="CreateToken", code="InternalServerException", status=500, region="us-east-1", request=None,
         caller="ci-runner-7"):
    """A failed call handed over directly, for a retry."""
    made = {"operation": operation, "region": region, "caller": caller,
            "error": {"code": code, "status": status, "message": None, "requestId": str(uuid.uuid4())}}
    if request is None and operation == "CreateToken":
        request = {"clientId": "made-up-client", "clientSecret": SECRETS["clientSecret"],
                   "grantType": "refresh_token", "refreshToken": SECRETS["refreshToken"]}
    if request is not None:
        made["request"] = request
    return made


#: Secrets in a caller's hand-over. They must be found nowhere.
SECRETS = {"clientSecret": "planted-client-secret-of-the-caller", "refreshToken": "planted-refresh-token-of-the-caller",
           "deviceCode": "planted-device-code-of-the-caller", "code": "planted-code-of-the-caller",
           "codeVerifier": "planted-code-verifier-of-the-caller"}


def envelope(detail):
    """The same on the event bus."""
    made = event("call__envelope")
    made.update(id=str(uuid.uuid4()), time=timestamp(), detail=detail)
    return made
