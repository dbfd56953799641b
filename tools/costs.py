"""The arithmetic of docs/costs.md: list prices, and how much of each the stack uses.

    python3 -m tools.costs            # prints the page
    python3 -m tools.costs docs/costs.md
"""

import re
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

#: US dollars, list prices of us-east-1 (x86_64), without what AWS gives for nothing.
MILLION = 1_000_000
LAMBDA_REQUEST = 0.20 / MILLION
LAMBDA_GB_SECOND = 0.0000166667
LOG_GB = 0.50
LOG_GB_SCANNED = 0.005
READ_UNIT = 0.125 / MILLION
WRITE_UNIT = 0.625 / MILLION
BUS_EVENT = 1.00 / MILLION
S3_PUT = 5.00 / MILLION
S3_GET = 0.40 / MILLION
QUEUE_REQUEST = 0.40 / MILLION
METRIC = 0.30
ALARM = 0.10
DASHBOARD = 3.00
STREAM_HOUR = 0.04
STREAM_GB = 0.08 + 0.04

MINUTES_A_MONTH = 30 * 24 * 60
SECONDS_A_MONTH = 60 * MINUTES_A_MONTH

#: The duration of an invocation in seconds. The watcher mostly waits for the service to answer the probe.
TICK_S = (0.1, 1.0)
EVENT_S = 0.005
#: What the log line and the line of metrics have together.
LOG_BYTES = 1000
#: Read units for reading a region: the items of its last hour, and the decisions (ARCHITECTURE, "The store").
UNITS_OF_A_TICK = 40
#: Of one failure before an incident is open: a slot that fills up to some 4 KB, and the items that it is decided from.
UNITS_OF_A_FAILURE = {"write": 4, "read": 9}
#: Of the served calls of a slot, gathered.
UNITS_OF_SERVED = 2
#: Files of the status page that each tick writes, and what is read of the table for them: the list of past incidents has at most 64 KB.
FILES_OF_A_TICK = 2
UNITS_OF_PAST = 16
#: Lambda asks a queue for messages all the time, as many at once and for so long each.
QUEUE_POLLERS = 5
QUEUE_WAIT_S = 20
#: Metrics that have data in an ordinary hour.
METRICS_WITH_DATA = 10


@dataclass(frozen=True)
class Stack:
    """The values in the template and the policy."""

    memory_gb: float
    alarms: int
    metrics: int
    gather_s: int

    @classmethod
    def read(cls):
        template = (ROOT / "template.yaml").read_text()
        metrics = (ROOT / "docs" / "operate.md").read_text().split("\n## Metrics\n")[1].split("\n#")[0]
        policy = (ROOT / "docs" / "policy.md").read_text()
        return cls(
            memory_gb=int(re.search(r"^    MemorySize: (\d+)$", template, re.MULTILINE)[1]) / 1024,
            alarms=template.count("\n    Type: AWS::CloudWatch::Alarm\n"),
            metrics=len(re.findall(r"^\| `\w+` \| \w+ \|", metrics, re.MULTILINE)),
            gather_s=int(re.search(r"^\| `gather_s` \| (\d+) seconds", policy, re.MULTILINE)[1]),
        )


def money(dollars):
    return f"{dollars * 100:.0f} cents" if dollars < 0.995 else f"{dollars:.2f} dollars"


def rows(stack):
    def runs(count, seconds):
        return count * (LAMBDA_REQUEST + seconds * stack.memory_gb * LAMBDA_GB_SECOND)

    ticks = [money(runs(MINUTES_A_MONTH, seconds)) for seconds in TICK_S]
    yield "The watcher's ticks", f"{MINUTES_A_MONTH:,} of {TICK_S[0]:g} to {TICK_S[1]:g} s", " to ".join(ticks) + " a month"
    reads = MINUTES_A_MONTH * UNITS_OF_A_TICK * READ_UNIT
    yield "The table, read by each tick", f"{UNITS_OF_A_TICK} read units a region", money(reads) + " a month"
    served = SECONDS_A_MONTH / stack.gather_s * UNITS_OF_SERVED * WRITE_UNIT
    yield ("The table, served calls", f"at most one write of {UNITS_OF_SERVED} units in {stack.gather_s} s",
           f"at most {money(served)} a month")
    yield "A million CloudTrail events: Lambda", f"{EVENT_S * 1000:g} ms each", money(runs(MILLION, EVENT_S))
    yield "A million CloudTrail events: log", f"{LOG_BYTES} bytes each", money(MILLION * LOG_BYTES / 1e9 * LOG_GB)
    failures = MILLION * (UNITS_OF_A_FAILURE["write"] * WRITE_UNIT + UNITS_OF_A_FAILURE["read"] * READ_UNIT)
    yield ("A million failures: table", f"{UNITS_OF_A_FAILURE['write']} write and {UNITS_OF_A_FAILURE['read']} read units each, far "
           "less while an incident is open", money(failures))
    yield (f"Metrics: {stack.metrics} at most, an ordinary hour has data of up to {METRICS_WITH_DATA}", "ten are free in an account",
           f"{money(METRIC)} a month each, by the hours in which it has data")
    yield f"{stack.alarms} alarms", "ten are free in an account", f"{money(ALARM)} a month each"
    yield "The dashboard", "three are free in an account", f"{money(DASHBOARD)} a month"
    yield "Events on the bus", "one for each change of an incident", f"{money(MILLION * BUS_EVENT)} a million: nothing"
    hours = MINUTES_A_MONTH / 60
    yield ("With organization/logs.yaml: a Kinesis stream on demand", "by the hour, and by what it carries",
           f"{money(hours * STREAM_HOUR)} a month, {money(STREAM_GB)} a gigabyte")
    yield ("With organization/forward.yaml: events of other accounts", "each is sent to a bus once",
           f"{money(MILLION * BUS_EVENT)} a million")
    # A message is received and deleted; each is billed.
    more = MILLION * UNITS_OF_A_FAILURE["read"] * READ_UNIT
    yield ("With Replicas: table", f"{UNITS_OF_A_TICK} read units a region and tick, {UNITS_OF_A_FAILURE['read']} more a region and failure",
           f"{money(reads)} a month and {money(more)} a million failures, for each further region")
    yield ("With TrailBucket: files of a trail", "each is named by a message, and read if its account and region are concerned",
           f"{money(MILLION * 3 * QUEUE_REQUEST)} a million messages, {money(MILLION * S3_GET)} a million files")
    waits = SECONDS_A_MONTH / QUEUE_WAIT_S * QUEUE_POLLERS * QUEUE_REQUEST
    yield ("With TrailBucket: a queue that is asked", f"{QUEUE_POLLERS} questions in {QUEUE_WAIT_S} s, a million a month are free",
           f"{money(waits)} a month")
    page = MINUTES_A_MONTH * FILES_OF_A_TICK * S3_PUT
    past = MINUTES_A_MONTH * UNITS_OF_PAST * READ_UNIT
    yield "With StatusBucket: files in S3", f"{FILES_OF_A_TICK} requests a tick", money(page) + " a month"
    yield "With StatusBucket: table", f"at most {UNITS_OF_PAST} read units a tick", f"at most {money(past)} a month"
    yield "A saved query", "by the log that it scans", f"{LOG_GB_SCANNED * 100:g} cents a gigabyte"
    yield "EventBridge's AWS events, rules, queue, a topic's first thousand mails a month", "", "nothing"


def page(stack=None):
    stack = stack or Stack.read()
    table = "".join(f"| {what} | {how} | {cost} |\n" for what, how, cost in rows(stack))
    # Each part is rounded first, so that the sum is that of the table.
    fixed = [round(MINUTES_A_MONTH * (LAMBDA_REQUEST + seconds * stack.memory_gb * LAMBDA_GB_SECOND), 2)
             + round(MINUTES_A_MONTH * UNITS_OF_A_TICK * READ_UNIT, 2) for seconds in TICK_S]
    paid = stack.alarms * ALARM + DASHBOARD + METRICS_WITH_DATA * METRIC + fixed[0]
    return f"""\
# What does it cost?

<!-- Printed by tools/costs.py. Change it, then run: python3 -m tools.costs docs/costs.md -->

By arithmetic at list prices of us-east-1 (x86_64, {stack.memory_gb * 1024:g} MB), and not by a bill. Look at your own bill after a week.

**A quiet stack costs {money(fixed[0])} to {money(fixed[1])} a month** for ticks and table. Where the account has used up its free alarms,
metrics and dashboards, it is about {paid:.0f} dollars: {stack.alarms} alarms, one dashboard and {METRICS_WITH_DATA} metrics more.

| what | how much | costs |
|---|---|---|
{table}
A [second watcher](deploy.md#a-second-region) costs what the watcher and its reads of the table cost. Your own KMS key, X-Ray, a VPC's NAT
or endpoints, point-in-time recovery and SMS cost what AWS charges for them.
"""


def main():
    text = page()
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(text)
    else:
        print(text, end="")


if __name__ == "__main__":
    main()
