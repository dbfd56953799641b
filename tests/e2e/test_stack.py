"""The deployed stack: the binary that `sam build` made, in a local AWS with IAM enforced.

Each test has a region of its own for its outage: the function remembers what it has told.
"""

import datetime
import json
import logging
import time

import boto3
import botocore.config
import botocore.exceptions
import pytest

from tests.e2e.conftest import APPLICATION_LOG_GROUP
from tests.harness import awslogs, make
from tests.harness.emulator import Queue, Stack
from tests.harness.fake_oidc import NULL_500

EVENTS = {path.stem: json.loads(path.read_text()) for path in sorted(awslogs.EVENTS.glob("*.json"))}


def invoke(stack, payload, function="FunctionName"):
    answer = stack.client("lambda").invoke(FunctionName=stack.outputs[function], Payload=json.dumps(payload).encode())
    body = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, body
    return body


@pytest.fixture
def heard(stack):
    queue = stack.topic_queue()
    yield queue
    queue.close()


def messages(bodies):
    return [json.loads(body) for body in bodies]


def test_a_direct_invocation_is_judged_and_the_call_made_again(stack, oidc):
    answer = invoke(stack, make.call())
    (failure,) = answer["failures"]
    assert (failure["cause"], failure["action"], failure["outcome"]) == ("service", "retried", "recovered")
    assert "accessToken" in failure["response"]


def test_the_files_in_events_are_taken_by_the_deployed_function(stack, oidc):
    expected = json.loads((awslogs.ROOT / "tests" / "expected.json").read_text())
    for name, event in EVENTS.items():
        causes = [failure["cause"] for failure in invoke(stack, event)["failures"]]
        assert causes == [failure["cause"] for failure in expected[f"{name}.json"]["failures"]], name


def test_an_outage_arrives_once_at_a_subscriber_of_the_topic(stack, oidc, heard):
    oidc.script_all(NULL_500)
    events = make.sqs(make.outage("eu-north-1"))
    (notice,) = invoke(stack, events)["notices"]
    assert invoke(stack, events)["notices"] == []
    (message,) = messages(heard.receive(1))
    assert message["MessageId"] == notice["messageId"]
    assert "outage" in message["Subject"].lower() and "eu-north-1" in message["Subject"]
    assert len(message["Subject"]) < 100 and message["Subject"].isascii()


def test_a_failed_call_put_on_the_bus_reaches_the_function(stack, oidc, heard):
    oidc.script_all(NULL_500)
    bus = stack.client("events")
    before = sum('"kind":"call_envelope"' in line for line in own_lines(stack))
    for number in range(3):
        call = make.call("StartDeviceAuthorization", region="eu-west-2", caller=f"ci-runner-{number}")
        sent = bus.put_events(Entries=[{"Source": "com.example.ci", "DetailType": "SSO OIDC Call Failed",
                                        "Detail": json.dumps(call)}])
        assert sent["FailedEntryCount"] == 0
        # One after the other: a second sandbox would count by itself.
        wait_for_lines(stack, "call_envelope", before + number + 1)
    bodies = messages(heard.receive(1))
    assert len(bodies) == 1 and "eu-west-2" in bodies[0]["Subject"]


def wait_for_lines(stack, kind, count, seconds=15):
    """Until the function has logged that many invocations of that kind."""
    until = time.monotonic() + seconds
    while (found := sum(f'"kind":"{kind}"' in line for line in own_lines(stack))) < count:
        assert time.monotonic() < until, f"{found} of {count} invocations in the log"
        time.sleep(0.1)


def own_lines(stack):
    logs = stack.client("logs")
    group = stack.physical_id("LogGroup")
    lines, token = [], {}
    while True:
        page = logs.filter_log_events(logGroupName=group, **token)
        lines += [event["message"] for event in page["events"]]
        if not page.get("nextToken"):
            return lines
        token = {"nextToken": page["nextToken"]}


def failed_sign_ins(oidc, users):
    """Log lines of a program whose boto3 meets an outage: made by the real client and the real formatter."""
    oidc.script("CreateToken", NULL_500)
    # One retry of the SDK's own, so that the line says so; more would only take time.
    client = boto3.client("sso-oidc", region_name="us-east-1", endpoint_url=oidc.url,
                          config=botocore.config.Config(retries={"mode": "standard", "total_max_attempts": 2}))
    formatter = logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
    for user in users:
        try:
            client.create_token(clientId="made-up-client", clientSecret="planted-client-secret",
                                grantType="refresh_token", refreshToken="planted-refresh-token")
        except botocore.exceptions.ClientError as error:
            record = logging.LogRecord("made_up.login", logging.ERROR, __file__, 1, "sign-in failed, user=%s: %s",
                                       (user, error), None)
            yield formatter.format(record)


def test_log_lines_of_the_real_boto3_go_through_the_subscription_to_the_topic(stack, oidc, heard):
    lines = list(failed_sign_ins(oidc, [f"user{number}@example.com" for number in range(3)]))
    assert len(lines) == 3 and all("(InternalServerException) when calling the CreateToken operation (reached max retries" in line
                                   for line in lines)
    oidc.script_all(NULL_500)
    logs, now = stack.client("logs"), int(time.time() * 1000)
    stream = f"made-up-{now}"
    logs.create_log_stream(logGroupName=APPLICATION_LOG_GROUP, logStreamName=stream)
    logs.put_log_events(logGroupName=APPLICATION_LOG_GROUP, logStreamName=stream, logEvents=[
        {"timestamp": now + number, "message": line} for number, line in enumerate(lines)])
    bodies = messages(heard.receive(1))
    assert len(bodies) == 1
    assert "user1@example.com" in bodies[0]["Message"] and "planted" not in bodies[0]["Message"]


RULES = {
    "TriageFunctionCloudTrail": lambda name, event: name.startswith("cloudtrail__") and "other_operation" not in name,
    "TriageFunctionHealth": lambda name, event: name.startswith("health__"),
    "TriageFunctionCall": lambda name, event: event["detail-type"] == "SSO OIDC Call Failed",
}


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_takes_its_events_and_no_other(stack, rule):
    client = stack.client("events")
    pattern = client.describe_rule(Name=stack.physical_id(rule).split("|")[-1].split("/")[-1])["EventPattern"]
    envelopes = {name: event for name, event in EVENTS.items() if "detail-type" in event and "id" in event}
    assert len(envelopes) > 20
    taken = {name for name, event in envelopes.items()
             if client.test_event_pattern(EventPattern=pattern, Event=json.dumps(event))["Result"]}
    assert taken == {name for name, event in envelopes.items() if RULES[rule](name, event)}


def test_the_watcher_takes_a_tick(stack, oidc):
    tick = {**EVENTS["schedule__tick"], "time": make.timestamp()}
    answer = invoke(stack, tick, "WatcherName")
    assert answer["failures"] == [] and oidc.calls() > 0


def test_an_invocation_leaves_one_json_line_in_the_log_group_of_both_functions(stack, oidc):
    marker = f"com.example.{time.monotonic_ns()}"
    invoke(stack, {**EVENTS["call__foreign_envelope"], "source": marker})
    until = time.monotonic() + 10
    while True:
        lines = [json.loads(line) for line in own_lines(stack) if line.startswith("{") and '"requestId"' in line]
        lines = [line for line in lines if line.get("message") == "invocation"]
        if lines or time.monotonic() > until:
            break
        time.sleep(0.2)
    assert lines and all(datetime.datetime.fromisoformat(line["timestamp"].replace("Z", "+00:00")) for line in lines)


def role_client(stack, service, role):
    arn = stack.client("iam").get_role(RoleName=stack.physical_id(role))["Role"]["Arn"]
    held = stack.client("sts").assume_role(RoleArn=arn, RoleSessionName="made-up")["Credentials"]
    return stack.emulator.client(service, held["AccessKeyId"], held["SecretAccessKey"], held["SessionToken"])


def denied(call, **arguments):
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        call(**arguments)
    return refused.value.response["Error"]["Code"] in ("AccessDenied", "AccessDeniedException", "AuthorizationError",
                                                       "AuthorizationErrorException")


def test_the_function_may_publish_to_its_topic_and_do_nothing_else(stack):
    sns = role_client(stack, "sns", "TriageRole")
    other = stack.client("sns").create_topic(Name="somebody-elses")["TopicArn"]
    assert sns.publish(TopicArn=stack.outputs["TopicArn"], Message="made up")["MessageId"]
    assert denied(sns.publish, TopicArn=other, Message="made up")
    assert denied(sns.list_topics)
    assert denied(role_client(stack, "s3", "TriageRole").list_buckets)
    assert denied(role_client(stack, "sqs", "TriageRole").receive_message, QueueUrl=stack.outputs["DeadLetterQueueUrl"])
    assert denied(role_client(stack, "sns", "WatcherRole").publish, TopicArn=stack.outputs["TopicArn"], Message="x")


def test_what_cannot_be_told_ends_in_the_failure_queue(stack, oidc, heard):
    oidc.script_all(NULL_500)
    iam, role = stack.client("iam"), stack.physical_id("TriageRole")
    queue = Queue(stack.client("sqs"), stack.outputs["DeadLetterQueueUrl"])
    queue.receive(0, seconds=1)
    event = make.logs([json.dumps(event["detail"]) for event in make.outage("ap-south-1")])
    iam.put_role_policy(RoleName=role, PolicyName="deny", PolicyDocument=json.dumps({
        "Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "sns:Publish", "Resource": "*"}]}))
    try:
        stack.client("lambda").invoke(FunctionName=stack.outputs["FunctionName"], InvocationType="Event",
                                      Payload=json.dumps(event).encode())
        (body,) = messages(queue.receive(1, seconds=60))
    finally:
        iam.delete_role_policy(RoleName=role, PolicyName="deny")
    assert body["requestPayload"] == event
    assert body["requestContext"]["approximateInvokeCount"] == 3
    assert heard.receive(0, seconds=1) == []
    # What is in the queue can be sent again, and is told then.
    (notice,) = invoke(stack, body["requestPayload"])["notices"]
    assert notice["region"] == "ap-south-1"


def test_the_queue_keeps_what_it_gets_for_a_day_encrypted(stack):
    attributes = stack.client("sqs").get_queue_attributes(QueueUrl=stack.outputs["DeadLetterQueueUrl"],
                                                          AttributeNames=["All"])["Attributes"]
    assert attributes["MessageRetentionPeriod"] == "86400" and attributes["SqsManagedSseEnabled"] == "true"


def test_the_stack_can_be_deployed_with_every_parameter_set(emulator):
    account = "222222222222"
    emulator.client("logs", account).create_log_group(logGroupName=APPLICATION_LOG_GROUP)
    stack = Stack(emulator, account, NotificationEmail="on-call@example.com", ApplicationLogGroup=APPLICATION_LOG_GROUP,
                  IdentityCenterRegion="eu-central-1", Regions="eu-central-1,us-east-1",
                  StartUrl="https://example.awsapps.com/start", CallerNames="hashed", Policy="outage_callers=5")
    given = stack.client("lambda").get_function_configuration(FunctionName=stack.outputs["FunctionName"])
    variables = given["Environment"]["Variables"]
    assert {name: variables[f"OIDC_TRIAGE_{name}"] for name in
            ("REGION", "REGIONS", "START_URL", "CALLER_NAMES", "POLICY")} == {
        "REGION": "eu-central-1", "REGIONS": "eu-central-1,us-east-1", "START_URL": "https://example.awsapps.com/start",
        "CALLER_NAMES": "hashed", "POLICY": "outage_callers=5"}
    subscriptions = stack.client("sns").list_subscriptions_by_topic(TopicArn=stack.outputs["TopicArn"])["Subscriptions"]
    assert [subscription["Endpoint"] for subscription in subscriptions] == ["on-call@example.com"]
