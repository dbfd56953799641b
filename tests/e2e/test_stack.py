"""The deployed stack: the binary that `sam build` made, in a local AWS with IAM enforced.

Each test has a region of its own for its outage: the table remembers sent notices.
"""

import contextlib
import datetime
import json
import logging
import time

import boto3
import botocore.config
import botocore.exceptions
import pytest

from tests.e2e.conftest import APPLICATION_LOG_GROUP, TRUSTED, stack_with_log
from tests.harness import awslogs, make
from tests.harness.emulator import Queue, Stack, ends_tls
from tests.harness.fake_identity_store import STORE_ARN, user_id
from tests.harness.fake_oidc import NULL_500
from tests.harness.notices import check_alarm, check_machine
from tests.harness.world import until

EVENTS = {path.stem: json.loads(path.read_text()) for path in sorted(awslogs.EVENTS.glob("*.json"))}


def invoke(stack, payload, function="EventsArn"):
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


def test_a_direct_invocation_is_classified_and_the_call_retried(stack, oidc):
    answer = invoke(stack, make.call(), "DirectArn")
    (failure,) = answer["failures"]
    assert (failure["cause"], failure["action"], failure["outcome"]) == ("service", "retried", "recovered")
    assert "accessToken" in failure["response"]


def test_the_deployed_function_handles_the_files_in_events(stack, oidc):
    expected = json.loads((awslogs.ROOT / "tests" / "expected.json").read_text())
    for name, event in EVENTS.items():
        by = "DirectArn" if name.startswith("call__") and "detail" not in event else "EventsArn"
        causes = [failure["cause"] for failure in invoke(stack, event, by)["failures"]]
        assert causes == [failure["cause"] for failure in expected[f"{name}.json"]["failures"]], name


def test_each_alias_is_trusted_with_its_own_evidence(stack, oidc):
    oidc.script_all(NULL_500)
    # The same outage by `direct` is answered, and nobody is notified; no service sends a call without an envelope.
    answer = invoke(stack, make.sqs(make.outage("eu-west-1", callers=8)), "DirectArn")
    assert len(answer["failures"]) == 8 and answer["notices"] == answer["incidents"] == []
    call = invoke(stack, make.call(), "EventsArn")
    assert call["failures"] == []
    for problems in (answer["problems"], call["problems"]):
        assert "source_not_believed" in [problem["name"] for problem in problems]


def test_an_outage_arrives_once_at_a_subscriber_of_the_topic(stack, oidc, heard):
    oidc.script_all(NULL_500)
    events = make.sqs(make.outage("eu-north-1", callers=8))
    (notice,) = invoke(stack, events)["notices"]
    assert invoke(stack, events)["notices"] == []
    (message,) = messages(heard.receive(1))
    assert message["MessageId"] == notice["messageId"]
    assert "outage" in message["Subject"].lower() and "eu-north-1" in message["Subject"]
    assert len(message["Subject"]) < 100 and message["Subject"].isascii()
    # A queue gets the text for programs.
    received = check_machine(json.loads(message["Message"]))
    assert (received["id"], received["kind"], received["impact"]["callers"]) == (notice["id"], "opened", 8)
    # The emulator gives the function another log group than its configured one.
    assert received["account"] == stack.account and "https://console.aws.amazon.com/cloudwatch/" in received["links"]["log"]


def test_a_subscriber_gets_what_its_filter_policy_passes(stack, oidc):
    policies = {"its own operation": {"operation": ["RegisterClient"]}, "another one": {"operation": ["CreateToken"]},
                "pages of its region": {"severity": ["page"], "region": [{"prefix": "sa-"}]},
                "no page": {"severity": [{"anything-but": ["page"]}]}, "incidents": {"incident": [{"exists": True}]},
                "the end": {"kind": ["resolved"]}, "outages": {"diagnosis": ["outage", "degraded"]}}
    queues = {name: stack.topic_queue(**policy) for name, policy in policies.items()}
    oidc.script_all(NULL_500)
    invoke(stack, make.sqs(make.outage("sa-east-1", callers=8, operation="RegisterClient")))
    hearing = ("its own operation", "pages of its region", "incidents", "outages")
    for name in hearing:
        assert any("sa-east-1" in message["Subject"] for message in messages(queues[name].receive(1, settle=0))), name
    for name in policies.keys() - set(hearing):
        assert not any("sa-east-1" in message["Subject"] for message in messages(queues[name].receive(0, seconds=1))), name
    for queue in queues.values():
        queue.close()


def test_a_program_gets_an_incident_on_the_event_bus(stack, oidc):
    queue = stack.bus_queue({"source": ["oidc-triage"], "detail-type": ["OIDC Incident Opened"]})
    oidc.script_all(NULL_500)
    (notice,) = invoke(stack, make.sqs(make.outage("eu-south-1", callers=8)))["notices"]
    (event,) = messages(queue.receive(1))
    queue.close()
    assert check_machine(event["detail"])["id"] == notice["id"] and event["detail"]["severity"] == "page"


def test_a_failed_call_put_on_the_bus_reaches_the_function(stack, oidc, heard):
    oidc.script_all(NULL_500)
    bus = stack.client("events")
    # All at once: the sandboxes share what they count.
    for number in range(8):
        call = make.call("StartDeviceAuthorization", region="eu-west-2", caller=f"ci-runner-{number}")
        sent = bus.put_events(Entries=[{"Source": "com.example.ci", "DetailType": "SSO OIDC Call Failed",
                                        "Detail": json.dumps(call)}])
        assert sent["FailedEntryCount"] == 0
    bodies = messages(heard.receive(1))
    assert len(bodies) == 1 and "eu-west-2" in bodies[0]["Subject"]


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
    """Log lines of a program whose boto3 meets an outage, from the real client and the real formatter."""
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


def write_log(stack, lines):
    logs, now = stack.client("logs"), int(time.time() * 1000)
    stream = f"made-up-{time.monotonic_ns()}"
    logs.create_log_stream(logGroupName=APPLICATION_LOG_GROUP, logStreamName=stream)
    logs.put_log_events(logGroupName=APPLICATION_LOG_GROUP, logStreamName=stream, logEvents=[
        {"timestamp": now + number, "message": line} for number, line in enumerate(lines)])


def test_an_outage_in_the_log_of_a_real_boto3_is_notified_once_and_so_is_its_end(emulator, oidc):
    stack = stack_with_log(emulator, "333333333333", Policy="gather_s = 0\nproof_s = 2\nnotice_every_s = 0\nprobe_interval_s = 1")
    heard = stack.topic_queue()
    lines = list(failed_sign_ins(oidc, [f"user{number}@example.com" for number in range(8)]))
    assert len(lines) == 8 and all("(InternalServerException) when calling the CreateToken operation (reached max retries" in line
                                   for line in lines)
    oidc.script_all(NULL_500)
    for line in lines:
        write_log(stack, [line])
    (first,) = messages(heard.receive(1))
    assert "us-east-1" in first["Subject"] and "planted" not in first["Message"]
    assert any(f"user{number}@example.com" in first["Message"] for number in range(8))
    # The service recovers, people sign in, and the clock ticks.
    oidc.heal()
    bodies = []

    def go_on():
        # A slot of two minutes keeps only a caller's first call: so many served calls are proof at once, wherever the
        # clock stands.
        invoke(stack, make.sqs(make.served(callers=16)))
        invoke(stack, make.tick(), "WatcherEventsArn")
        bodies.extend(heard.receive(1, seconds=2, settle=0))

    until(lambda: bodies, go_on)
    (second,) = messages(bodies)
    assert "resolved" in second["Subject"].lower() and "us-east-1" in second["Subject"]
    (incident,) = stack.table().incidents()
    assert incident["resolved_at"] and incident["opened_at"] <= incident["resolved_at"]
    received = [entry["message_id"] for entry in stack.table().outbox() if entry["channel"] == "topic"]
    assert received == [first["MessageId"], second["MessageId"]]
    assert all(entry["sent_at"] for entry in stack.table().outbox())
    assert heard.receive(0, seconds=2) == []


RULES = {
    "CloudTrailRule": lambda name, event: name.startswith("cloudtrail__") and "other_operation" not in name,
    "HealthRule": lambda name, event: name.startswith("health__"),
    "CallRule": lambda name, event: (event["detail-type"], event["source"]) == ("SSO OIDC Call Failed", "com.example.ci"),
}


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_matches_its_events_and_no_others(stack, rule):
    client = stack.client("events")
    pattern = client.describe_rule(Name=stack.physical_id(rule).split("|")[-1].split("/")[-1])["EventPattern"]
    envelopes = {name: event for name, event in EVENTS.items() if "detail-type" in event and "id" in event}
    assert len(envelopes) > 20
    taken = {name for name, event in envelopes.items()
             if client.test_event_pattern(EventPattern=pattern, Event=json.dumps(event))["Result"]}
    assert taken == {name for name, event in envelopes.items() if RULES[rule](name, event)}


def test_the_watcher_handles_a_tick(stack, oidc):
    tick = {**EVENTS["schedule__tick"], "time": make.timestamp()}
    assert invoke(stack, tick, "WatcherEventsArn")["failures"] == []
    # The stack's own schedule may have probed a moment ago.
    until(oidc.calls, lambda: invoke(stack, tick | {"time": make.timestamp()}, "WatcherEventsArn"), pause=1)


def test_an_invocation_leaves_one_json_line_in_the_log_group_of_both_functions(stack, oidc):
    marker = f"com.example.{time.monotonic_ns()}"
    invoke(stack, {**EVENTS["call__foreign_envelope"], "source": marker})

    def invocations():
        lines = [json.loads(line) for line in own_lines(stack) if line.startswith("{") and '"requestId"' in line]
        return [line for line in lines if line.get("message") == "invocation"]

    lines = until(invocations)
    assert all(datetime.datetime.fromisoformat(line["timestamp"].replace("Z", "+00:00")) for line in lines)


def role_client(stack, service, role):
    arn = stack.client("iam").get_role(RoleName=stack.physical_id(role))["Role"]["Arn"]
    held = stack.client("sts").assume_role(RoleArn=arn, RoleSessionName="made-up")["Credentials"]
    return stack.emulator.client(service, held["AccessKeyId"], held["SecretAccessKey"], held["SessionToken"])


def denied(call, **arguments):
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        call(**arguments)
    return refused.value.response["Error"]["Code"] in ("AccessDenied", "AccessDeniedException", "AuthorizationError",
                                                       "AuthorizationErrorException")


@pytest.mark.parametrize("role", ["TriageRole", "WatcherRole"])
def test_a_function_may_publish_to_its_topic_and_use_its_table_and_do_nothing_else(stack, role):
    sns, dynamodb = role_client(stack, "sns", role), role_client(stack, "dynamodb", role)
    other_topic = stack.client("sns").create_topic(Name="somebody-elses")["TopicArn"]
    assert sns.publish(TopicArn=stack.outputs["TopicArn"], Message="made up")["MessageId"]
    assert denied(sns.publish, TopicArn=other_topic, Message="made up")
    assert denied(sns.list_topics)
    table, key = stack.outputs["TableName"], {"pk": {"S": "made-up"}, "sk": {"S": "made-up"}}
    dynamodb.put_item(TableName=table, Item=key)
    assert dynamodb.get_item(TableName=table, Key=key)["Item"] == key
    assert denied(dynamodb.get_item, TableName="somebody-elses", Key=key)
    assert denied(dynamodb.scan, TableName=table)
    assert denied(dynamodb.delete_item, TableName=table, Key=key)
    assert denied(dynamodb.delete_table, TableName=table)
    bus = role_client(stack, "events", role)
    event = {"Source": "oidc-triage", "DetailType": "made up", "Detail": "{}"}
    assert bus.put_events(Entries=[event])["FailedEntryCount"] == 0
    assert denied(bus.put_events, Entries=[{**event, "EventBusName": "somebody-elses"}])
    assert denied(role_client(stack, "s3", role).list_buckets)
    assert denied(role_client(stack, "sqs", role).receive_message, QueueUrl=stack.outputs["DeadLetterQueueUrl"])


def test_requests_without_tls_are_refused(stack):
    topic = {"TopicArn": stack.outputs["TopicArn"], "Message": "made up"}
    queue = {"QueueUrl": stack.outputs["DeadLetterQueueUrl"], "MessageBody": "{}"}
    sns, sqs = (lambda: role_client(stack, "sns", "TriageRole")), (lambda: role_client(stack, "sqs", "TriageRole"))
    with stack.policies_as_deployed():
        assert denied(sns().publish, **topic) and denied(sqs().send_message, **queue)
        assert ends_tls(sns()).publish(**topic)["MessageId"] and ends_tls(sqs()).send_message(**queue)["MessageId"]
    assert Queue(stack.client("sqs"), queue["QueueUrl"]).receive(1) == ["{}"]


@contextlib.contextmanager
def may_not(stack, *actions, roles=("TriageRole", "WatcherRole")):
    iam, roles = stack.client("iam"), [stack.physical_id(role) for role in roles]
    for role in roles:
        iam.put_role_policy(RoleName=role, PolicyName="deny", PolicyDocument=json.dumps({
            "Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": actions, "Resource": "*"}]}))
    try:
        yield
    finally:
        for role in roles:
            iam.delete_role_policy(RoleName=role, PolicyName="deny")


def test_an_unsent_notice_waits_in_the_table_and_the_watcher_sends_it(emulator, oidc):
    stack = stack_with_log(emulator, "444444444444", Policy="publish_again_s = 1")
    heard = stack.topic_queue()
    oidc.script_all(NULL_500)
    with may_not(stack, "sns:Publish"):
        answer = invoke(stack, make.sqs(make.outage("ap-south-1", callers=8)))
        assert answer["notices"] == [] and answer["batchItemFailures"] == []
        assert heard.receive(0, seconds=2) == []
    invoke(stack, make.tick(), "WatcherEventsArn")
    (message,) = messages(heard.receive(1))
    assert "ap-south-1" in message["Subject"]
    heard.close()


def test_a_notice_neither_sent_nor_stored_ends_in_the_failure_queue(stack, oidc, heard):
    oidc.script_all(NULL_500)
    queue = Queue(stack.client("sqs"), stack.outputs["DeadLetterQueueUrl"])
    queue.receive(0, seconds=1)
    event = make.logs([json.dumps(event["detail"]) for event in make.outage("ap-south-1", callers=8)])
    with may_not(stack, "sns:Publish", "dynamodb:*"):
        stack.client("lambda").invoke(FunctionName=stack.outputs["EventsArn"], InvocationType="Event",
                                      Payload=json.dumps(event).encode())
        (body,) = messages(queue.receive(1))
    assert body["requestPayload"] == event
    assert body["requestContext"]["approximateInvokeCount"] == 3
    assert heard.receive(0, seconds=1) == []
    # Messages in the queue can be sent again, and then notify people.
    (notice,) = invoke(stack, body["requestPayload"])["notices"]
    assert notice["region"] == "ap-south-1"


def test_without_its_table_the_function_notifies_by_itself(stack, oidc, heard):
    oidc.script_all(NULL_500)
    with may_not(stack, "dynamodb:*"):
        answer = invoke(stack, make.sqs(make.outage("ca-central-1", callers=8)))
    assert [failure["cause"] for failure in answer["failures"]] == ["service"] * 8
    (message,) = messages(heard.receive(1))
    assert "ca-central-1" in message["Subject"]


def test_the_queue_keeps_messages_for_two_weeks_encrypted(stack):
    attributes = stack.client("sqs").get_queue_attributes(QueueUrl=stack.outputs["DeadLetterQueueUrl"],
                                                          AttributeNames=["All"])["Attributes"]
    assert attributes["MessageRetentionPeriod"] == str(14 * 86400) and attributes["SqsManagedSseEnabled"] == "true"


def alarms(stack):
    found = stack.client("cloudwatch").describe_alarms(AlarmNamePrefix=f"{stack.name}-")["MetricAlarms"]
    return {alarm["AlarmName"]: alarm for alarm in found}


ALARMS = ("FailureQueueAlarm", "TriageErrorsAlarm", "WatcherErrorsAlarm", "StoreAlarm", "NoticesPendingAlarm",
          "TriageThrottlesAlarm", "WatcherThrottlesAlarm", "LostEventsAlarm", "UndeliveredEventsAlarm", "NoTickAlarm")


def test_the_alarms_exist_and_notify_the_topic(stack):
    assert set(alarms(stack)) == {stack.physical_id(name) for name in ALARMS}
    for name, alarm in alarms(stack).items():
        assert alarm["AlarmActions"] == alarm["OKActions"] == [stack.outputs["TopicArn"]], name


def test_an_alarm_reaches_a_subscriber_of_the_topic_and_so_does_its_end(stack, heard):
    cloudwatch, name = stack.client("cloudwatch"), stack.physical_id("NoTickAlarm")
    for state in ("ALARM", "OK"):
        cloudwatch.set_alarm_state(AlarmName=name, StateValue=state, StateReason="made up")
        (message,) = messages(heard.receive(1))
        received = json.loads(message["Message"])
        assert (received["AlarmName"], received["NewStateValue"]) == (name, state)
        assert "has not ticked" in received["AlarmDescription"]


def dashboard(stack):
    name = stack.physical_id("Dashboard")
    return json.loads(stack.client("cloudwatch").get_dashboard(DashboardName=name)["DashboardBody"])


def test_the_dashboard_shows_what_was_deployed(stack):
    widgets = dashboard(stack)["widgets"]
    (states,) = [widget["properties"]["alarms"] for widget in widgets if widget["type"] == "alarm"]
    assert set(states) == {alarm["AlarmArn"] for alarm in alarms(stack).values()}
    named = json.dumps(widgets)
    assert "${" not in named
    queue = stack.outputs["DeadLetterQueueUrl"].split("/")[-1]
    for deployed in (stack.outputs["FunctionName"], stack.outputs["WatcherName"], queue):
        assert f'"{deployed}"' in named, deployed


def test_the_stack_can_be_deployed_with_every_parameter_set(emulator, oidc):
    account = "222222222222"
    emulator.client("logs", account).create_log_group(logGroupName=APPLICATION_LOG_GROUP)
    policy = "outage_callers = 5\nproof_s = 60"
    fallback = f"arn:aws:sns:us-west-2:{account}:made-up-topic"
    stack = Stack(emulator, account, NotificationEmail="on-call@example.com", ApplicationLogGroups=APPLICATION_LOG_GROUP, **TRUSTED,
                  IdentityCenterRegion="eu-central-1", Regions="eu-central-1,us-east-1",
                  StartUrl="https://example.awsapps.com/start", CallerNames="hashed", Policy=policy, PagerTopic="true",
                  FallbackTopicArn=fallback)
    given = stack.client("lambda").get_function_configuration(FunctionName=stack.outputs["FunctionName"])
    variables = given["Environment"]["Variables"]
    assert {name: variables[f"OIDC_TRIAGE_{name}"] for name in
            ("REGION", "REGIONS", "START_URL", "CALLER_NAMES", "POLICY", "PAGER_TOPIC_ARN", "FALLBACK_TOPIC_ARN",
             "EVENT_BUS")} == {
        "REGION": "eu-central-1", "REGIONS": "eu-central-1,us-east-1", "START_URL": "https://example.awsapps.com/start",
        "CALLER_NAMES": "hashed", "POLICY": policy, "PAGER_TOPIC_ARN": stack.outputs["PagerTopicArn"],
        "FALLBACK_TOPIC_ARN": fallback, "EVENT_BUS": "default"}
    subscriptions = stack.client("sns").list_subscriptions_by_topic(TopicArn=stack.outputs["TopicArn"])["Subscriptions"]
    assert [subscription["Endpoint"] for subscription in subscriptions] == ["on-call@example.com"]
    # Here both roles may publish to the pager's topic.
    pager = stack.outputs["PagerTopicArn"]
    for role in ("TriageRole", "WatcherRole"):
        assert role_client(stack, "sns", role).publish(TopicArn=pager, Message="made up")["MessageId"]
    heard = stack.topic_queue("PagerTopicArn")
    oidc.script_all(NULL_500)
    (incident,) = invoke(stack, make.sqs(make.outage("eu-central-1", callers=12)))["incidents"]
    (message,) = messages(heard.receive(1))
    alarm = check_alarm(json.loads(message["Message"]))
    assert (alarm["AlarmName"], alarm["NewStateValue"]) == (incident["id"], "ALARM")
    assert message["Subject"].startswith("ALARM: AWS sign-in OUTAGE eu-central-1 - 12 ")
    # The alarms look for metrics where the function puts them.
    measured = [alarm["Dimensions"] for alarm in alarms(stack).values() if alarm["Namespace"] == "oidc-triage"]
    assert measured == [[{"Name": "Region", "Value": "eu-central-1"}]] * 2
    assert '"Region", "eu-central-1"' in json.dumps(dashboard(stack))


def test_a_stack_that_resolves_names_shows_people_by_them_and_keeps_them_in_its_table(emulator, oidc, directory):
    stack = Stack(emulator, "666666666666", ResolveNames="true", IdentityStoreArn=STORE_ARN, RunbookUrl="https://wiki.example.com/sign-in",
                  StatusPageUrl="https://status.example.com", Contact="#identity-on-call", TimeZone="Europe/Berlin", **TRUSTED)
    given = stack.client("lambda").get_function_configuration(FunctionName=stack.outputs["WatcherName"])["Environment"]["Variables"]
    assert {name: given[f"OIDC_TRIAGE_{name}"] for name in
            ("RESOLVE_NAMES", "IDENTITY_STORE_ARN", "RUNBOOK_URL", "STATUS_PAGE_URL", "CONTACT", "TIME_ZONE")} == {
        "RESOLVE_NAMES": "true", "IDENTITY_STORE_ARN": STORE_ARN, "RUNBOOK_URL": "https://wiki.example.com/sign-in",
        "STATUS_PAGE_URL": "https://status.example.com", "CONTACT": "#identity-on-call", "TIME_ZONE": "Europe/Berlin"}
    for role in ("TriageRole", "WatcherRole"):
        policy = stack.client("iam").get_role_policy(RoleName=stack.physical_id(role), PolicyName="names")["PolicyDocument"]
        (statement,) = policy["Statement"]
        assert (statement["Action"], statement["Resource"][0]) == ("identitystore:DescribeUser", STORE_ARN)
    heard = stack.topic_queue()
    oidc.script_all(NULL_500)
    directory.settle(8)
    events = make.outage(callers=8)
    for number, event in enumerate(events, 1):
        event["detail"]["userIdentity"]["onBehalfOf"]["userId"] = user_id(number)
    invoke(stack, make.sqs(events))
    (message,) = messages(heard.receive(1))
    heard.close()
    names = check_machine(json.loads(message["Message"]))["impact"]["names"]
    assert sorted(names) == [f"Person {number} (person-{number}@example.com)" for number in range(1, 9)]
    assert directory.other == []
    assert len([item for item in stack.table().items() if item["sk"] == "person"]) == 8
