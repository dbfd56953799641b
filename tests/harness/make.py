"""Events that happen now, made from the hand-written files in events/: those are of the past and so never acted on."""

import copy
import datetime
import functools
import json
import pathlib
import uuid

from . import awslogs

EVENTS = pathlib.Path(__file__).resolve().parents[2] / "events"


@functools.cache
def _load(name):
    return json.loads((EVENTS / f"{name}.json").read_text())


def event(name):
    return copy.deepcopy(_load(name))


def timestamp(age=0.0):
    at = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=age)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


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


def outage(region="us-east-1", callers=4, **more):
    """That many people whose calls fail within half a minute."""
    return [cloudtrail(user=f"made-up-user-{number}", region=region, age=30.0 - number, **more)
            for number in range(1, callers + 1)]


def sqs(bodies):
    """One SQS batch of these: values that become JSON, or text as it stands."""
    batch = event("sqs__batch")
    shape = batch["Records"][0]
    batch["Records"] = [{**shape, "messageId": str(uuid.uuid4()),
                         "body": body if isinstance(body, str) else json.dumps(body)} for body in bodies]
    return batch


def logs(lines, log_group="/made-up/application", age=1.0):
    """A CloudWatch Logs event of these lines."""
    at = int((datetime.datetime.now(datetime.timezone.utc).timestamp() - age) * 1000)
    return awslogs.encode(awslogs.data_message(lines, log_group=log_group, timestamp=at))


def call(operation="CreateToken", code="InternalServerException", status=500, region="us-east-1", request=None,
         caller="ci-runner-7"):
    """A failed call handed over directly, to be made again."""
    made = {"operation": operation, "region": region, "caller": caller,
            "error": {"code": code, "status": status, "message": None, "requestId": str(uuid.uuid4())}}
    if request is None and operation == "CreateToken":
        request = {"clientId": "made-up-client", "clientSecret": SECRETS["clientSecret"],
                   "grantType": "refresh_token", "refreshToken": SECRETS["refreshToken"]}
    if request is not None:
        made["request"] = request
    return made


#: Secrets that a caller hands over. They must be found nowhere.
SECRETS = {"clientSecret": "planted-client-secret-of-the-caller", "refreshToken": "planted-refresh-token-of-the-caller",
           "deviceCode": "planted-device-code-of-the-caller", "code": "planted-code-of-the-caller",
           "codeVerifier": "planted-code-verifier-of-the-caller"}


def envelope(detail):
    """The same on the event bus."""
    made = event("call__envelope")
    made.update(id=str(uuid.uuid4()), time=timestamp(), detail=detail)
    return made
