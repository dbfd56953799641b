"""What the doctor asks: CloudTrail, CloudWatch, CloudWatch Logs and EventBridge, by AWS's JSON protocols.

Every request must be signed for its service and region, with every header that AWS wants signed: botocore computes the
signature anew. It fails on demand, operation by operation.
"""

import dataclasses
import json
import threading
import time

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from .servers import Handler, Server

#: Those of runtime_api.Function.
CREDENTIALS = Credentials("AKIAIOSFODNN7EXAMPLE", "planted-secret-access-key", "planted-session-token")

#: By the beginning of `X-Amz-Target`: the name under which it is signed, and the version of its JSON.
SERVICES = {
    "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101": ("cloudtrail", "1.1"),
    "Logs_20140328": ("logs", "1.1"),
    "GraniteServiceVersion20100801": ("monitoring", "1.0"),
    "AWSEvents": ("events", "1.1"),
}


@dataclasses.dataclass(frozen=True)
class Asked:
    operation: str
    service: str
    region: str
    body: dict


class FakeAws(Server):
    def __init__(self):
        super().__init__(_Handler)
        self.lock = threading.Lock()
        self.asked: list[Asked] = []
        #: Requests that AWS would refuse for their signature, and why.
        self.unsigned: list[str] = []
        #: By operation: an error's code, or None for a connection that drops.
        self.faults: dict[str, str | None] = {}
        #: Operations that never answer.
        self.hanging: set[str] = set()
        self.released = threading.Event()
        #: How many seconds AWS's clock is behind ours.
        self.clock_behind = 0
        self.trails: list[dict] = []
        self.events: list[dict] = []
        #: Buses by their name, with their policy.
        self.buses: dict[str, str | None] = {}
        #: Rules by their target; those of another bus than the default name it.
        self.rules: dict[str, list[dict]] = {}
        #: Subscription filters by log group.
        self.filters: dict[str, list[dict]] = {}
        #: By metric and the value of its last dimension: points of (time, value).
        self.metrics: dict[tuple[str, str], list[tuple[float, float]]] = {}
        self.bus: list[dict] = []

    def __exit__(self, *more):
        self.released.set()
        super().__exit__(*more)

    def operations(self):
        with self.lock:
            return {asked.operation for asked in self.asked}

    def answer_of(self, operation, body):
        return getattr(self, f"_{operation}")(body)

    def _DescribeTrails(self, _):
        return {"trailList": [{"Name": trail["name"], "TrailARN": trail["arn"]} for trail in self.trails]}

    def _trail(self, arn):
        return next(trail for trail in self.trails if trail["arn"] == arn)

    def _GetTrailStatus(self, body):
        return {"IsLogging": self._trail(body["Name"])["logging"], "LatestDeliveryTime": time.time()}

    def _GetEventSelectors(self, body):
        return {"TrailARN": body["TrailName"], **self._trail(body["TrailName"])["selectors"]}

    def _LookupEvents(self, body):
        (attribute,) = body["LookupAttributes"]
        assert attribute["AttributeKey"] == "EventName" and body["MaxResults"] <= 50
        found = [event for event in self.events if event["EventName"] == attribute["AttributeValue"]
                 and body["StartTime"] <= event["EventTime"] <= body["EndTime"] + 1]
        return {"Events": sorted(found, key=lambda event: -event["EventTime"])[:body["MaxResults"]]}

    def _ListRuleNamesByTarget(self, body):
        return {"RuleNames": [rule["Name"] for rule in self.rules.get(body["TargetArn"], [])
                              if rule.get("EventBusName") == body.get("EventBusName")]}

    def _DescribeRule(self, body):
        return next(rule for rules in self.rules.values() for rule in rules
                    if rule["Name"] == body["Name"] and rule.get("EventBusName") == body.get("EventBusName"))

    def _DescribeEventBus(self, body):
        policy = self.buses[body["Name"]]
        return {"Name": body["Name"], **({"Policy": policy} if policy else {})}

    def _DescribeSubscriptionFilters(self, body):
        return {"subscriptionFilters": self.filters.get(body["logGroupName"], [])}

    def _GetMetricData(self, body):
        assert body["EndTime"] - body["StartTime"] <= 15 * 86400, "CloudWatch keeps hours and minutes no longer"
        results = []
        for query in body["MetricDataQueries"]:
            metric = query["MetricStat"]["Metric"]
            points = self.metrics.get((metric["MetricName"], metric["Dimensions"][-1]["Value"]), [])
            points = sorted((point for point in points if body["StartTime"] <= point[0] <= body["EndTime"]), reverse=True)
            results.append({"Id": query["Id"], "Label": metric["MetricName"], "StatusCode": "Complete",
                            "Timestamps": [at for at, _ in points], "Values": [value for _, value in points]})
        return {"MetricDataResults": results, "Messages": []}

    def _PutEvents(self, body):
        (entry,) = body["Entries"]
        try:
            json.loads(entry["Detail"])
        except ValueError:
            return {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "MalformedDetail", "ErrorMessage": "made up"}]}
        self.bus.append(entry)
        return {"FailedEntryCount": 0, "Entries": [{"EventId": "made-up"}]}


def signature_of(handler, body, service, region):
    """What AWS would compute of a request."""
    parts = dict(part.strip().split("=", 1) for part in handler.headers["Authorization"].split(" ", 1)[1].split(","))
    request = AWSRequest("POST", f"http://{handler.headers['Host']}{handler.path}", data=body,
                         headers={name: handler.headers[name] for name in parts["SignedHeaders"].split(";") if name != "host"})
    request.context["timestamp"] = handler.headers["X-Amz-Date"]
    auth = SigV4Auth(CREDENTIALS, service, region)
    return auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request), parts


class _Handler(Handler):
    def do_POST(self):
        body, server = self.body(), self.server
        target, _, operation = self.headers["X-Amz-Target"].rpartition(".")
        service, version = SERVICES[target]
        region = self.headers["Authorization"].split("/")[2]
        wanted, parts = signature_of(self, body, service, region)
        with server.lock:
            server.asked.append(Asked(operation, service, region, json.loads(body)))
            if wanted != parts["Signature"] or not {"host", "x-amz-date", "x-amz-security-token"} <= set(parts["SignedHeaders"].split(";")):
                server.unsigned.append(operation)
            if self.headers["Content-Type"] != f"application/x-amz-json-{version}":
                server.unsigned.append(f"{operation}: {self.headers['Content-Type']}")
        if operation in server.hanging:
            server.released.wait()
            self.close_connection = True
            return
        if operation in server.faults:
            code = server.faults[operation]
            if code is None:
                self.close_connection = True
                return
            status = 500 if code.startswith("Internal") else 400
            return self.json(status, {"__type": f"com.amazonaws.made.up#{code}", "message": "scripted trouble"})
        self.json(200, server.answer_of(operation, json.loads(body)))

    def date_time_string(self, timestamp=None):
        return super().date_time_string((timestamp or time.time()) - self.server.clock_behind)

    def json(self, status, body):
        self.answer(status, json.dumps(body).encode(), {"Content-Type": "application/x-amz-json-1.1"})
