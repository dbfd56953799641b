"""The ways in of an organization, as far as the emulator has them: a forwarder and the stack over two buses of one account, and a
stream that the function reads.

The emulator refuses events of AWS's sources, sends none to another account, knows no policy of a bus and no destination of logs,
and reads no partial answer of a stream. So the rules get a pattern that passes a program's calls, and the stream is made here.
"""

import gzip
import json
import time

import pytest

from tests.e2e.conftest import stack_with_log
from tests.e2e.test_stack import messages
from tests.harness import awslogs, make
from tests.harness.emulator import ROOT
from tests.harness.fake_oidc import NULL_500
from tests.harness.world import until

ACCOUNT = "999999999999"
STREAM = "logs-of-many"
CALLS = json.dumps({"source": ["com.example.ci"], "detail-type": ["SSO OIDC Call Failed"]})


@pytest.fixture(scope="module")
def tooling(emulator):
    kinesis = emulator.client("kinesis", ACCOUNT)
    kinesis.create_stream(StreamName=STREAM, ShardCount=1)
    arn = kinesis.describe_stream_summary(StreamName=STREAM)["StreamDescriptionSummary"]["StreamARN"]
    stack = stack_with_log(emulator, ACCOUNT, EventBusName="oidc-triage", OrganizationId="o-a1b2c3d4e5", LogStreamArn=arn,
                           Regions="us-east-1,ap-south-1", Policy="gather_s = 0\nnotice_every_s = 0\nprobe_interval_s = 1")
    formation = stack.client("cloudformation")
    formation.create_stack(StackName="forward", TemplateBody=(ROOT / "organization" / "forward.yaml").read_text(),
                           Capabilities=["CAPABILITY_IAM"],
                           Parameters=[{"ParameterKey": "EventBusArn", "ParameterValue": stack.outputs["EventBusArn"]}])
    formation.get_waiter("stack_create_complete").wait(StackName="forward", WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    stack.forwarder = {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in
                       formation.describe_stack_resources(StackName="forward")["StackResources"]}
    return stack


def test_an_event_goes_from_the_forwarder_by_the_bus_to_a_notice(tooling, oidc):
    events, heard = tooling.client("events"), tooling.topic_queue()
    # Without the rule of this account's own programs only the two hops are left.
    events.disable_rule(Name=tooling.physical_id("CallRule"))
    for bus, rule in (("default", tooling.forwarder["CloudTrailRule"]), ("oidc-triage", tooling.physical_id("CloudTrailRule"))):
        events.put_rule(Name=rule.rpartition("|")[2].rpartition("/")[2], EventBusName=bus, EventPattern=CALLS)
    oidc.script_all(NULL_500)
    for number in range(8):
        call = make.call("StartDeviceAuthorization", region="us-east-1", caller=f"ci-runner-{number}")
        events.put_events(Entries=[{"Source": "com.example.ci", "DetailType": "SSO OIDC Call Failed", "Detail": json.dumps(call)}])
    bodies = messages(heard.receive(1))
    heard.close()
    assert bodies and "us-east-1" in bodies[0]["Subject"]


def test_the_logs_of_two_accounts_in_a_stream_are_an_incident(tooling, oidc):
    heard, kinesis = tooling.topic_queue(), tooling.client("kinesis")
    (mapping,) = tooling.client("lambda").list_event_source_mappings()["EventSourceMappings"]
    assert mapping["FunctionArn"] == tooling.outputs["EventsArn"] and mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    oidc.script_all(NULL_500)
    at = int(time.time() * 1000) - 1000

    def put(data):
        kinesis.put_record(StreamName=STREAM, Data=data, PartitionKey="made-up")

    put(b"no subscription data")
    for number in range(8):
        line = (f"POST https://oidc.ap-south-1.amazonaws.com/token: 500 InternalServerException user=user-{number}@example.com")
        document = {**awslogs.data_message([line], timestamp=at + number, first_id=1000 + number),
                    "owner": ("444455556666", "777788889999")[number % 2]}
        put(gzip.compress(json.dumps(document).encode()))
    bodies = []
    until(lambda: bodies, lambda: bodies.extend(heard.receive(1, seconds=5, settle=0)))
    heard.close()
    (first, *_) = messages(bodies)
    assert "ap-south-1" in first["Subject"]
