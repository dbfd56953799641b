"""What other accounts of an organization deploy, and what the stack opens to them."""

import functools
import json
import re

import pytest
from samtranslator.yaml_helper import yaml_parse

from tests.harness import cloudformation
from tests.harness.cloudformation import as_list
from tests.template.test_template import FUNCTIONS, ROOT, resources_of, template

FOLDER = ROOT / "organization"
ORGANIZATION = {"EventBusName": "oidc-triage", "OrganizationId": "o-a1b2c3d4e5", "TrustedAccounts": "444455556666,777788889999"}
BUS_ARN = "arn:aws-cn:events:cn-north-1:111122223333:event-bus/oidc-triage"
#: What each template is deployed with.
GIVEN = {"forward": {"EventBusArn": BUS_ARN}, "logs": {"OrganizationId": "o-a1b2c3d4e5"},
         "subscribe": {"DestinationArn": "arn:aws-cn:logs:cn-north-1:111122223333:destination:logs", "LogGroupName": "/app"}}
STREAM_ARN = "arn:aws:kinesis:us-east-1:111122223333:stream/logs"


@functools.cache
def source(name):
    return yaml_parse((FOLDER / f"{name}.yaml").read_text())


def deployed(name, kind, **given):
    """The resources of that type, with their values."""
    given = GIVEN[name] | given
    there = lambda body: "Condition" not in body or cloudformation.resolved(
        {"Fn::If": [body["Condition"], True, False]}, source(name), given)
    return {logical: cloudformation.resolved(body["Properties"], source(name), given)
            for logical, body in source(name)["Resources"].items() if body["Type"] == kind and there(body)}


def test_each_template_of_the_folder_is_held_here():
    assert {path.stem for path in FOLDER.glob("*.yaml")} == set(GIVEN)


@pytest.mark.parametrize("name", GIVEN)
def test_a_template_needs_no_transform_and_has_no_alias(name):
    # A StackSet takes it as it is: without SAM, and CloudFormation knows no aliases of YAML.
    assert "Transform" not in source(name)
    assert not re.search(r"[:\-] [&*][a-z]", (FOLDER / f"{name}.yaml").read_text())


#: Members by which two stacks of one account would get in each other's way.
NAMES = {"Name", "RoleName", "QueueName", "PolicyName", "ManagedPolicyName", "FilterName", "TopicName"}


@pytest.mark.parametrize("name", GIVEN)
def test_two_stacks_of_one_account_do_not_collide(name):
    # A role is the account's, whatever the region: it has no name either.
    named = {(logical, key): body["Properties"][key] for logical, body in source(name)["Resources"].items()
             for key in (NAMES | {"DestinationName"}) & set(body["Properties"])}
    # A destination must have one.
    assert named == ({("Destination", "DestinationName"): {"Ref": "AWS::StackName"}} if name == "logs" else {})


@pytest.mark.parametrize("name", GIVEN)
def test_a_template_is_for_every_partition_account_and_region(name):
    text = "\n".join(line for line in (FOLDER / f"{name}.yaml").read_text().splitlines()
                     if "AllowedPattern" not in line and not line.lstrip().startswith("#"))
    assert not re.search(r"arn:aws\b(?!-)", text.replace("arn:aws(", "")), "a partition is a pseudo parameter"
    assert not re.search(r"\b\d{12}\b|\b[a-z]{2}-[a-z]+-\d\b|amazonaws\.com\.cn", text)


def test_the_forwarder_matches_what_the_stack_matches():
    ours, theirs = resources_of("AWS::Events::Rule"), deployed("forward", "AWS::Events::Rule")
    assert set(theirs) == {"CloudTrailRule", "HealthRule"}
    for name, rule in theirs.items():
        assert rule["EventPattern"] == ours[name]["EventPattern"], name
        # Both hops must let read-only records pass, or none.
        assert rule.get("State", "ENABLED") == ours[name].get("State", "ENABLED"), name


def test_the_forwarder_sends_to_that_bus_alone_and_keeps_what_it_refuses():
    for rule in deployed("forward", "AWS::Events::Rule").values():
        (target,) = rule["Targets"]
        # No transformation: the function trusts events as AWS writes them.
        assert target == {"Id": "oidc-triage", "Arn": BUS_ARN, "RoleArn": "<ForwardRole.Arn>",
                          "DeadLetterConfig": {"Arn": "<UndeliveredQueue.Arn>"}}
    (role,) = deployed("forward", "AWS::IAM::Role").values()
    (policy,) = role["Policies"]
    assert policy["PolicyDocument"]["Statement"] == [{"Effect": "Allow", "Action": "events:PutEvents", "Resource": BUS_ARN}]
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "events.amazonaws.com"}
    assert trust["Condition"] == {
        "StringEquals": {"aws:SourceAccount": "<AWS::AccountId>"},
        "ArnLike": {"aws:SourceArn": "arn:<AWS::Partition>:events:<AWS::Region>:<AWS::AccountId>:rule/*"}}


def test_only_the_forwarder_s_rules_may_send_to_its_queue_and_only_by_tls():
    (queue,) = deployed("forward", "AWS::SQS::Queue").values()
    assert queue == {"SqsManagedSseEnabled": True, "MessageRetentionPeriod": 14 * 86400}
    (policy,) = deployed("forward", "AWS::SQS::QueuePolicy").values()
    allowed, denied = policy["PolicyDocument"]["Statement"]
    assert allowed["Condition"] == {"ArnEquals": {"aws:SourceArn": ["<CloudTrailRule.Arn>", "<HealthRule.Arn>"]}}
    assert denied["Effect"] == "Deny" and denied["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


@pytest.mark.parametrize("arn, is_good", [
    (BUS_ARN, True), ("arn:aws:events:us-east-1:111122223333:event-bus/default", True), ("oidc-triage", False),
    ("arn:aws:events:us-east-1:*:event-bus/x", False), ("arn:aws:events:us-east-1:111122223333:event-bus/*", False),
    ("arn:aws:events:us-east-1:111122223333:rule/x", False), (BUS_ARN + "/x", False)])
def test_the_forwarder_takes_the_arn_of_a_bus_alone(arn, is_good):
    pattern = source("forward")["Parameters"]["EventBusArn"]["AllowedPattern"]
    assert bool(re.search(pattern, arn)) == is_good
    assert set(source("forward")["Parameters"]) == {"EventBusArn"}, "all else is the same for every account"


def test_by_default_the_stack_s_rules_are_on_the_default_bus_and_nobody_else_may_send():
    assert resources_of("AWS::Events::EventBus") == resources_of("AWS::Events::EventBusPolicy") == {}
    assert not any("EventBusName" in rule for rule in resources_of("AWS::Events::Rule").values())


def test_with_a_bus_of_its_own_the_records_and_aws_health_come_from_there():
    (bus,) = resources_of("AWS::Events::EventBus", **ORGANIZATION).values()
    assert bus["Name"] == "oidc-triage"
    buses = {name: rule.get("EventBusName", "default")
             for name, rule in resources_of("AWS::Events::Rule", CallSources="com.example.ci", **ORGANIZATION).items()}
    # Schedules exist on the default bus alone, and programs of this account put their calls there.
    assert buses == {"CloudTrailRule": "<EventBus>", "HealthRule": "<EventBus>", "CallRule": "default", "TickRule": "default"}


def policies(**given):
    return [body["Statement"] for body in resources_of("AWS::Events::EventBusPolicy", **given).values()]


def test_only_the_listed_accounts_of_the_organization_may_send_and_only_what_the_rules_match():
    rules = resources_of("AWS::Events::Rule", **ORGANIZATION)
    patterns = [rules[name]["EventPattern"] for name in ("CloudTrailRule", "HealthRule")]
    assert len(policies(**ORGANIZATION)) == 2
    for statement, pattern in zip(policies(**ORGANIZATION), patterns):
        assert statement == {
            "Effect": "Allow", "Principal": "*", "Action": "events:PutEvents", "Resource": "<EventBus.Arn>",
            "Condition": {
                "StringEquals": {"aws:PrincipalOrgID": "o-a1b2c3d4e5", "events:detail-type": pattern["detail-type"],
                                 "aws:PrincipalAccount": ["<AWS::AccountId>", "444455556666", "777788889999"]},
                "ForAllValues:StringEquals": {"events:source": pattern["source"]}, "Null": {"events:source": "false"}}}
        # No account can put events with such a source by itself, it can only forward AWS's.
        assert all(source.startswith("aws.") for source in pattern["source"])


def test_without_listed_accounts_the_bus_is_open_to_the_own_account_s_regions_alone():
    given = {**ORGANIZATION, "TrustedAccounts": ""}
    assert {json.dumps(statement["Condition"]["StringEquals"]["aws:PrincipalAccount"]) for statement in policies(**given)} == {
        '"<AWS::AccountId>"'}


def test_the_accounts_that_may_send_are_those_that_the_function_trusts():
    for name in FUNCTIONS:
        variables = resources_of("AWS::Lambda::Function", **ORGANIZATION)[name]["Environment"]["Variables"]
        assert variables["OIDC_TRIAGE_TRUSTED_ACCOUNTS"] == ORGANIZATION["TrustedAccounts"]
        assert "OIDC_TRIAGE_TRUSTED_ACCOUNTS" not in resources_of("AWS::Lambda::Function")[name]["Environment"]["Variables"]


@pytest.mark.parametrize("name", GIVEN)
def test_no_right_is_wider_than_a_resource(name):
    for logical, role in deployed(name, "AWS::IAM::Role").items():
        for policy in role["Policies"]:
            for statement in policy["PolicyDocument"]["Statement"]:
                assert not any("*" in action for action in as_list(statement["Action"])), logical
                assert all(resource != "*" for resource in as_list(statement["Resource"])), logical


def test_the_output_is_what_the_forwarder_takes():
    assert template()["Outputs"]["EventBusArn"]["Value"] == {"Fn::GetAtt": ["EventBus", "Arn"]}


@pytest.mark.parametrize("name", GIVEN)
def test_the_page_names_each_template_with_its_parameters(name):
    page = (ROOT / "docs" / "organization.md").read_text()
    assert f"organization/{name}.yaml" in page
    for parameter in source(name)["Parameters"]:
        assert f"`{parameter}`" in page, parameter


def roles(name, **given):
    ((_, role),) = deployed(name, "AWS::IAM::Role", **given).items()
    return role


def test_any_account_of_the_organization_and_no_other_may_subscribe_to_the_destination():
    (destination,) = deployed("logs", "AWS::Logs::Destination").values()
    (statement,) = json.loads(destination["DestinationPolicy"])["Statement"]
    assert statement["Condition"] == {"StringEquals": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}}
    assert statement["Action"] == ["logs:PutSubscriptionFilter", "logs:PutAccountPolicy"]
    assert statement["Resource"].endswith(f":destination:{destination['DestinationName']}")
    assert (destination["TargetArn"], destination["RoleArn"]) == ("<Stream.Arn>", "<WriteRole.Arn>")


@pytest.mark.parametrize("given, arn", [({}, "<Stream.Arn>"), ({"StreamArn": STREAM_ARN}, STREAM_ARN)])
def test_only_cloudwatch_logs_for_that_organization_writes_to_the_stream(given, arn):
    role = roles("logs", **given)
    of_members, of_ours = role["AssumeRolePolicyDocument"]["Statement"]
    for statement in (of_members, of_ours):
        assert (statement["Principal"], statement["Action"]) == ({"Service": "logs.amazonaws.com"}, "sts:AssumeRole")
    # Another company's log group must not make CloudWatch Logs write here.
    assert of_members["Condition"] == {"StringEquals": {"aws:SourceOrgID": "o-a1b2c3d4e5"},
                                       "ArnLike": {"aws:SourceArn": "arn:<AWS::Partition>:logs:<AWS::Region>:*:*"}}
    assert of_ours["Condition"] == {
        "StringEquals": {"aws:SourceAccount": "<AWS::AccountId>"},
        "ArnLike": {"aws:SourceArn": "arn:<AWS::Partition>:logs:<AWS::Region>:<AWS::AccountId>:*"}}
    (policy,) = role["Policies"]
    assert policy["PolicyDocument"]["Statement"] == [{"Effect": "Allow", "Action": "kinesis:PutRecord", "Resource": arn}]
    # A further region writes to the first one's.
    assert len(deployed("logs", "AWS::Kinesis::Stream", **given)) == (0 if given else 1)


@pytest.mark.parametrize("given, key", [({}, "alias/aws/kinesis"), ({"KeyArn": "arn:aws:kms:us-east-1:111122223333:key/1"},
                                                                  "arn:aws:kms:us-east-1:111122223333:key/1")])
def test_the_stream_is_encrypted_and_grows_by_itself(given, key):
    (stream,) = deployed("logs", "AWS::Kinesis::Stream", **given).values()
    assert stream == {"StreamModeDetails": {"StreamMode": "ON_DEMAND"}, "RetentionPeriodHours": 24,
                      "StreamEncryption": {"EncryptionType": "KMS", "KeyId": key}}
    rights = [statement["Action"] for policy in roles("logs", **given)["Policies"] for statement in policy["PolicyDocument"]["Statement"]]
    assert rights == ["kinesis:PutRecord", *(["kms:GenerateDataKey"] if given else [])]


def test_an_application_s_account_sends_that_log_group_alone():
    (subscription,) = deployed("subscribe", "AWS::Logs::SubscriptionFilter").values()
    assert subscription["DestinationArn"] == GIVEN["subscribe"]["DestinationArn"] and subscription["LogGroupName"] == "/app"
    (policy,) = roles("subscribe")["Policies"]
    assert policy["PolicyDocument"]["Statement"] == [
        {"Effect": "Allow", "Action": "logs:PutLogEvents",
         "Resource": "arn:<AWS::Partition>:logs:<AWS::Region>:<AWS::AccountId>:log-group:/app:*"}]
    default = template()["Parameters"]["LogFilterPattern"]["Default"].strip()
    assert subscription["FilterPattern"].strip() == default


def test_by_default_no_stream_is_read():
    assert resources_of("AWS::Lambda::EventSourceMapping") == {}
    assert not any("kinesis" in json.dumps(role) for role in resources_of("AWS::IAM::Role").values())


def test_a_stream_is_read_with_partial_answers_and_bounded_retries():
    given = {"LogStreamArn": STREAM_ARN}
    (mapping,) = resources_of("AWS::Lambda::EventSourceMapping", **given).values()
    assert mapping == {
        "EventSourceArn": STREAM_ARN, "FunctionName": "<TriageEvents>", "StartingPosition": "LATEST", "BatchSize": 100,
        "FunctionResponseTypes": ["ReportBatchItemFailures"], "BisectBatchOnFunctionError": True, "MaximumRetryAttempts": 5,
        # The evidence of an hour decides.
        "MaximumRecordAgeInSeconds": 3600, "DestinationConfig": {"OnFailure": {"Destination": "<DeadLetterQueue.Arn>"}}}


@pytest.mark.parametrize("given", [{}, {"LogStreamKeyArn": "arn:aws:kms:us-east-1:111122223333:key/1"}])
def test_only_the_triage_function_may_read_the_stream_and_only_that_one(given):
    both = resources_of("AWS::IAM::Role", LogStreamArn=STREAM_ARN, **given)
    rights = {name: [statement for policy in role["Policies"] for statement in policy["PolicyDocument"]["Statement"]
                     if "kinesis:GetRecords" in as_list(statement["Action"]) or "LogStreamKeyArn" in given
                     and given["LogStreamKeyArn"] == statement["Resource"]] for name, role in both.items()}
    assert rights["WatcherRole"] == []
    read, *key = rights["TriageRole"]
    assert read["Resource"] == STREAM_ARN
    assert all(action.startswith(("kinesis:Describe", "kinesis:Get", "kinesis:List")) for action in read["Action"])
    assert [statement["Action"] for statement in key] == (["kms:Decrypt"] if given else [])
    for statement in key:
        assert statement["Condition"] == {"StringEquals": {"kms:ViaService": "kinesis.<AWS::Region>.<AWS::URLSuffix>"}}


TRAIL = {"TrailBucket": "made-up-trail", "TrailBucketAccount": "777788889999", "TrailPrefix": "o-a1b2c3d4e5/",
         "TrailTopicArn": "arn:aws:sns:eu-west-1:777788889999:trail"}
TRAIL_KEY = "arn:aws:kms:eu-west-1:777788889999:key/1"


def test_by_default_no_bucket_is_read():
    assert set(resources_of("AWS::SQS::Queue")) == {"DeadLetterQueue"}
    assert not any("s3:GetObject" in json.dumps(role) for role in resources_of("AWS::IAM::Role").values())


def test_the_queue_of_a_trail_is_open_to_its_topic_alone():
    queue = resources_of("AWS::SQS::Queue", **TRAIL)["TrailQueue"]
    timeout = max(function["Timeout"] for function in resources_of("AWS::Lambda::Function", **TRAIL).values())
    assert queue["SqsManagedSseEnabled"] is True and queue["VisibilityTimeout"] >= 6 * timeout
    assert queue["RedrivePolicy"] == {"deadLetterTargetArn": "<DeadLetterQueue.Arn>", "maxReceiveCount": 5}
    # It is given up before it is forgotten.
    assert queue["MessageRetentionPeriod"] > (queue["RedrivePolicy"]["maxReceiveCount"] + 1) * queue["VisibilityTimeout"]
    policy = resources_of("AWS::SQS::QueuePolicy", **TRAIL)["TrailQueuePolicy"]
    allowed, denied = policy["PolicyDocument"]["Statement"]
    assert policy["Queues"] == ["<TrailQueue>"] and denied["Effect"] == "Deny" and denied["Principal"] == "*"
    assert allowed == {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage",
                       "Resource": "<TrailQueue.Arn>", "Condition": {"ArnEquals": {"aws:SourceArn": TRAIL["TrailTopicArn"]}}}
    subscription = resources_of("AWS::SNS::Subscription", **TRAIL)["TrailSubscription"]
    assert subscription == {"Protocol": "sqs", "Endpoint": "<TrailQueue.Arn>", "TopicArn": TRAIL["TrailTopicArn"],
                            "Region": "eu-west-1", "RawMessageDelivery": True}


def test_the_queue_is_read_with_partial_answers():
    (mapping,) = resources_of("AWS::Lambda::EventSourceMapping", **TRAIL).values()
    assert mapping == {"EventSourceArn": "<TrailQueue.Arn>", "FunctionName": "<TriageEvents>", "BatchSize": 10,
                       "MaximumBatchingWindowInSeconds": 5, "FunctionResponseTypes": ["ReportBatchItemFailures"],
                       "ScalingConfig": {"MaximumConcurrency": 5}}


@pytest.mark.parametrize("given", [{}, {"TrailKeyArn": TRAIL_KEY}])
def test_only_the_triage_function_reads_files_of_cloudtrail_and_nothing_else_of_the_bucket(given):
    both = resources_of("AWS::IAM::Role", **TRAIL, **given)
    assert not any("made-up-trail" in json.dumps(role) or "TrailQueue" in json.dumps(role) or TRAIL_KEY in json.dumps(role)
                   for name, role in both.items() if name != "TriageRole")
    policies = {policy["PolicyName"]: policy["PolicyDocument"]["Statement"] for policy in both["TriageRole"]["Policies"]}
    bucket, queue = policies["trail-bucket"]
    assert bucket == {"Effect": "Allow", "Action": "s3:GetObject",
                      "Resource": "arn:<AWS::Partition>:s3:::made-up-trail/o-a1b2c3d4e5/AWSLogs/*/CloudTrail/*"}
    assert queue["Resource"] == "<TrailQueue.Arn>"
    assert set(queue["Action"]) == {"sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"}
    assert policies.get("trail-key") == ([{"Effect": "Allow", "Action": "kms:Decrypt", "Resource": TRAIL_KEY, "Condition": {
        "StringLike": {"kms:ViaService": "s3.*.<AWS::URLSuffix>"}}}] if given else None)


def test_the_function_knows_the_bucket_and_trusts_its_queue():
    functions = resources_of("AWS::Lambda::Function", **TRAIL, TrustedQueues="arn:aws:sqs:us-east-1:111122223333:ours")
    for name, function in functions.items():
        variables = function["Environment"]["Variables"]
        assert variables["OIDC_TRIAGE_TRUSTED_QUEUES"] == "<DeadLetterQueue.Arn>,<TrailQueue.Arn>,arn:aws:sqs:us-east-1:111122223333:ours"
        trail = {key.removeprefix("OIDC_TRIAGE_TRAIL_"): value for key, value in variables.items()
                 if key.startswith("OIDC_TRIAGE_TRAIL_") and "LOG_GROUPS" not in key}
        assert trail == ({"BUCKET": "made-up-trail", "BUCKET_ACCOUNT": "777788889999", "PREFIX": "o-a1b2c3d4e5/", "QUEUE": "<TrailQueue.Arn>"}
                         if name == "TriageFunction" else {})
