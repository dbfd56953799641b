"""The transformed template: SAM's transform is applied, as on AWS, and the result is checked."""

import functools
import json
import os
import pathlib
import re

import pytest
from samtranslator.translator.managed_policy_translator import ManagedPolicyLoader
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

from tests.harness import awslogs, cloudformation
from tests.harness.cloudformation import as_list
from tests.harness.filter_pattern import lets_through, terms

ROOT = pathlib.Path(__file__).resolve().parents[2]
FUNCTIONS = ("TriageFunction", "WatcherFunction")
OPERATIONS = ["CreateToken", "CreateTokenWithIAM", "RegisterClient", "StartDeviceAuthorization"]


class NoManagedPolicies(ManagedPolicyLoader):
    def __init__(self):
        super().__init__(None)

    def load(self):
        return {}


@functools.cache
def source():
    return yaml_parse((ROOT / "template.yaml").read_text())


@functools.cache
def template():
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    return transform(yaml_parse((ROOT / "template.yaml").read_text().replace("CodeUri: .", "CodeUri: s3://made-up/up.zip")),
                     {}, NoManagedPolicies())


def resources(kind):
    return {name: body["Properties"] for name, body in template()["Resources"].items() if body["Type"] == kind}


def resources_of(kind, **given):
    """The resources that exist with these parameters, with their values."""
    return {name: resolved(body["Properties"], **given) for name, body in template()["Resources"].items()
            if body["Type"] == kind and ("Condition" not in body or holds(body["Condition"], **given))}


def statements(**given):
    for name, role in resources_of("AWS::IAM::Role", **given).items():
        assert not role.get("ManagedPolicyArns"), f"{name} has a managed policy, which is broader than its need"
        for policy in role.get("Policies", []):
            for statement in policy["PolicyDocument"]["Statement"]:
                yield name, statement


def holds(condition, **given):
    """Whether a condition holds, by its name or its expression."""
    return resolved({"Fn::If": [condition, True, False]}, **given)


def resolved(value, **given):
    """CloudFormation's result for a value of our template with these parameters."""
    return cloudformation.resolved(value, template(), given)


#: What the doctor reads. AWS knows no resource for the first ones; trails may be another account's, and the stack's rules
#: depend on the role.
DOCTOR_READS = {"cloudtrail:DescribeTrails", "cloudtrail:LookupEvents", "cloudwatch:GetMetricData",
                "events:ListRuleNamesByTarget", "cloudtrail:GetEventSelectors", "cloudtrail:GetTrailStatus", "events:DescribeRule"}


def test_no_permission_is_wider_than_one_resource():
    for name, statement in statements():
        assert statement["Effect"] == "Allow"
        if name == "TriageRole" and set(as_list(statement["Action"])) <= DOCTOR_READS:
            continue
        for resource in as_list(statement["Resource"]):
            assert "*" not in resource, f"{name}: {resource} is not a resource of this stack"
        assert not any("*" in action for action in as_list(statement["Action"])), name


def test_each_role_may_do_exactly_its_work():
    may = {}
    for name, statement in statements():
        may.setdefault(name, set()).update(as_list(statement["Action"]))
    both = {"logs:CreateLogStream", "logs:PutLogEvents", "sns:Publish", "dynamodb:GetItem", "dynamodb:BatchGetItem",
            "dynamodb:PutItem", "dynamodb:UpdateItem", "events:PutEvents"}
    doctor = DOCTOR_READS | {"sns:GetTopicAttributes"}
    assert may == {"TriageRole": both | {"sqs:SendMessage"} | doctor, "WatcherRole": both}


def test_the_doctor_reads_alone_and_nobody_may_delete():
    verbs = {action.partition(":")[2] for action in DOCTOR_READS | {"sns:GetTopicAttributes", "logs:DescribeSubscriptionFilters"}}
    assert all(verb.startswith(("Describe", "Get", "List", "Lookup")) for verb in verbs)
    assert not [action for _, statement in statements() for action in as_list(statement["Action"]) if "Delete" in action]


@pytest.mark.parametrize("groups", ["", "/one", "/one,/two", "/one,/two,/three,/four,/five"])
def test_the_doctor_may_look_at_the_subscriptions_of_the_application_log_groups_alone(groups):
    found = [statement["Resource"] for _, statement in statements(ApplicationLogGroups=groups)
             if statement["Action"] == "logs:DescribeSubscriptionFilters"]
    names = [name for name in groups.split(",") if name]
    assert found == ([[f"arn:<AWS::Partition>:logs:<AWS::Region>:<AWS::AccountId>:log-group:{name}*" for name in names]] if names else [])
    variables = resources_of("AWS::Lambda::Function", ApplicationLogGroups=groups)["TriageFunction"]["Environment"]["Variables"]
    assert variables.get("OIDC_TRIAGE_APPLICATION_LOG_GROUPS", "") == groups
    assert variables["OIDC_TRIAGE_WATCHER"] == "<WatcherFunction>"


def test_the_doctor_may_ask_for_what_its_code_names():
    named = set(re.findall(r'"((?:cloudtrail|cloudwatch|events|logs|sns|dynamodb):\w+)"',
                           "".join(path.read_text() for path in sorted((ROOT / "src" / "doctor").glob("*.rs")))))
    given = {"ApplicationLogGroups": "/one", "EventBusName": "oidc-triage", "OrganizationId": "o-a1b2c3d4e5"}
    may = {action for name, statement in statements(**given) if name == "TriageRole"
           for action in as_list(statement["Action"])}
    assert named <= may and len(named) >= 13


FALLBACK = "arn:aws:sns:us-west-2:111122223333:identity"
QUEUE = "arn:aws:sqs:us-east-1:111122223333:ours"
KEY = "arn:aws:kms:us-east-1:111122223333:key/0123abcd-0123-0123-0123-0123456789ab"

DIRECTORY = "arn:aws:identitystore::111122223333:identitystore/d-1234567890"

REPLICAS = "eu-central-1=https://d-1234567890.awsapps.com/start,us-east-1=https://d-1234567890.us-east-1.portal.amazonaws.com"

# Each parameter that is empty or off by default, given.
EVERYTHING = {
    "NotificationEmail": "on-call@example.com", "PagerTopic": "true", "FallbackTopicArn": FALLBACK,
    "ApplicationLogGroups": "/one,/two,/three,/four,/five", "CallSources": "com.example.ci,com.example.cd",
    "TrustedQueues": QUEUE, "TrustedTopics": FALLBACK, "IdentityCenterRegion": "eu-central-1",
    "Replicas": REPLICAS, "Regions": "eu-central-1,us-east-1", "StartUrl": "https://example.awsapps.com/start", "Policy": "outage_callers = 5",
    "TriageReservedConcurrency": "50", "WatcherReservedConcurrency": "2", "Revision": "2026-11-27",
    "GradualDeployment": "Canary10Percent5Minutes", "Tracing": "Active", "KeyArn": KEY,
    "FallbackKeyArn": KEY.replace("us-east-1", "us-west-2"),
    "PermissionsBoundaryArn": "arn:aws:iam::111122223333:policy/boundary", "SubnetIds": "subnet-01,subnet-02",
    "SecurityGroupIds": "sg-01",
    "CodeSigningConfigArn": "arn:aws:lambda:us-east-1:111122223333:code-signing-config:csc-0123abcd",
    "TableBackups": "true", "TableProtected": "true", "RunbookUrl": "https://wiki.example.com/sign-in",
    "StatusPageUrl": "https://status.example.com", "Contact": "#identity-on-call", "TimeZone": "Europe/Berlin",
    "ResolveNames": "true", "IdentityStoreArn": DIRECTORY, "EventBusName": "oidc-triage", "OrganizationId": "o-a1b2c3d4e5",
    "TrustedAccounts": "444455556666,777788889999", "LogStreamArn": "arn:aws:kinesis:us-east-1:111122223333:stream/logs",
    "LogStreamKeyArn": KEY, "TrailBucket": "made-up-trail", "TrailBucketAccount": "777788889999", "TrailPrefix": "o-a1b2c3d4e5/",
    "TrailTopicArn": FALLBACK, "TrailKeyArn": KEY,
    "StatusBucket": "made-up-status", "StatusPrefix": "sign-in/",
}


@pytest.mark.parametrize("given, topics", [
    ({}, ["<Topic>"]),
    ({"PagerTopic": "true"}, ["<Topic>", "<PagerNotices>"]),
    ({"FallbackTopicArn": FALLBACK}, ["<Topic>", FALLBACK]),
    ({"PagerTopic": "true", "FallbackTopicArn": FALLBACK}, ["<Topic>", "<PagerNotices>", FALLBACK]),
])
def test_both_roles_may_publish_to_the_topics_that_there_are_and_know_them(given, topics):
    publish = {name: statement["Resource"] for name, statement in statements(**given)
               if "sns:Publish" in as_list(statement["Action"])}
    assert publish == {"TriageRole": topics, "WatcherRole": topics}
    for name in FUNCTIONS:
        variables = resolved(resources("AWS::Lambda::Function")[name]["Environment"]["Variables"], **given)
        known = [variables.get(f"OIDC_TRIAGE_{topic}TOPIC_ARN") for topic in ("", "PAGER_", "FALLBACK_")]
        assert [arn for arn in known if arn] == topics


def test_both_roles_may_put_events_of_our_own_on_the_default_bus():
    found = [(name, statement) for name, statement in statements() if statement["Action"] == "events:PutEvents"]
    assert [name for name, _ in found] == ["TriageRole", "WatcherRole"]
    for _, statement in found:
        assert statement["Resource"] == (
            "arn:<AWS::Partition>:events:<AWS::Region>:<AWS::AccountId>:event-bus/default")
        # Null: `ForAllValues` alone lets a request through that has no such key.
        assert statement["Condition"] == {"ForAllValues:StringEquals": {"events:source": "oidc-triage"},
                                          "Null": {"events:source": "false"}}
    for name in FUNCTIONS:
        variables = resources("AWS::Lambda::Function")[name]["Environment"]["Variables"]
        assert variables["OIDC_TRIAGE_EVENT_BUS"] == "default"


def test_none_of_our_rules_takes_the_events_that_we_put_on_the_bus():
    for name, body in resources("AWS::Events::Rule").items():
        pattern = body.get("EventPattern", {"source": []})
        ours = ("OIDC Incident Opened", "OIDC Incident Changed", "OIDC Incident Resolved")
        assert "oidc-triage" not in pattern.get("source", ["oidc-triage"]) or not set(ours) & set(
            pattern.get("detail-type", ours)), f"{name} would call us for ever"


def test_the_table_may_be_used_by_key_alone_and_nothing_else_in_it():
    for name, statement in statements():
        if any(action.startswith("dynamodb:") for action in as_list(statement["Action"])):
            assert statement["Resource"] == "<Table.Arn>", name


def test_the_table_costs_nothing_while_nothing_happens_and_forgets():
    table = template()["Resources"]["Table"]
    assert table["DeletionPolicy"] == table["UpdateReplacePolicy"] == "Delete"
    assert resolved(table["Properties"]) == {
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        "TimeToLiveSpecification": {"AttributeName": "expires_at", "Enabled": True},
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": "false"},
        "DeletionProtectionEnabled": "false"}


def test_both_functions_share_one_table_and_one_topic():
    for name in FUNCTIONS:
        variables = resources("AWS::Lambda::Function")[name]["Environment"]["Variables"]
        assert variables["OIDC_TRIAGE_TABLE"] == {"Ref": "Table"}
        assert variables["OIDC_TRIAGE_TOPIC_ARN"] == {"Ref": "Topic"}


@pytest.mark.parametrize("policy, topic", [("TopicPolicy", "Topic"), ("PagerNoticesPolicy", "PagerNotices")])
def test_a_topic_is_open_to_this_account_alone(policy, topic):
    policy = resources("AWS::SNS::TopicPolicy")[policy]
    assert policy["Topics"] == [{"Ref": topic}]
    identities, without_tls, *services = policy["PolicyDocument"]["Statement"]
    assert without_tls["Effect"] == "Deny"
    assert identities["Principal"] == {"AWS": {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"}}
    assert "Condition" not in identities
    for statement in (identities, *services):
        assert (statement["Effect"], statement["Resource"]) == ("Allow", {"Ref": topic})
    # The pager's messages have their own format, which is not an alarm's: no service publishes there.
    assert len(services) == (1 if topic == "Topic" else 0)


def test_the_alarms_of_this_account_may_publish_to_the_topic_and_no_others():
    *_, statement = resources("AWS::SNS::TopicPolicy")["TopicPolicy"]["PolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert statement["Action"] == "sns:Publish"
    assert resolved(statement["Condition"]) == {
        "StringEquals": {"aws:SourceAccount": "<AWS::AccountId>"},
        "ArnLike": {"aws:SourceArn": "arn:<AWS::Partition>:cloudwatch:<AWS::Region>:<AWS::AccountId>:alarm:*"}}


def test_both_functions_are_one_binary_and_built_once():
    first, second = (source()["Resources"][name]["Metadata"] for name in FUNCTIONS)
    assert first == second
    assert (first["BuildMethod"], first["BuildProperties"]) == ("rust-cargolambda", {"Binary": "oidc-triage-function"})
    for name in FUNCTIONS:
        assert "CodeUri" not in source()["Resources"][name]["Properties"], "a path of its own would be a build of its own"


def test_the_functions_have_the_size_and_the_time_they_were_designed_for():
    for name in FUNCTIONS:
        function = resources("AWS::Lambda::Function")[name]
        assert (function["Timeout"], function["MemorySize"]) == (30, 256)
        assert (function["Runtime"], function["Handler"]) == ("provided.al2023", "bootstrap")


def test_every_environment_value_is_a_string_or_made_of_string_parameters():
    for name in FUNCTIONS:
        for variable, value in resources("AWS::Lambda::Function")[name]["Environment"]["Variables"].items():
            assert isinstance(value, (str, dict)), f"{variable} is {value!r}"
            assert isinstance(resolved(value, **EVERYTHING), str), variable


def test_an_empty_parameter_sets_no_variable():
    variables = resources("AWS::Lambda::Function")["TriageFunction"]["Environment"]["Variables"]
    for variable, parameter in [("REGION", "IdentityCenterRegion"), ("REGIONS", "Regions"), ("START_URL", "StartUrl"), ("REPLICAS", "Replicas"),
                                ("POLICY", "Policy"), ("FALLBACK_TOPIC_ARN", "FallbackTopicArn"),
                                ("RUNBOOK_URL", "RunbookUrl"), ("STATUS_PAGE_URL", "StatusPageUrl"),
                                ("CONTACT", "Contact"), ("TIME_ZONE", "TimeZone"),
                                ("IDENTITY_STORE_ARN", "IdentityStoreArn")]:
        assert variables[f"OIDC_TRIAGE_{variable}"] == {
            "Fn::If": [f"Has{parameter}", {"Ref": parameter}, {"Ref": "AWS::NoValue"}]}


def test_each_setting_that_is_a_parameter_has_a_variable():
    variables = json.dumps(resources("AWS::Lambda::Function")["TriageFunction"]["Environment"]["Variables"])
    for parameter in ("IdentityCenterRegion", "Regions", "Replicas", "StartUrl", "CallerNames", "Policy", "Mode", "RunbookUrl",
                      "StatusPageUrl", "Contact", "TimeZone", "ResolveNames", "IdentityStoreArn"):
        assert f'"Ref": "{parameter}"' in variables, parameter


def test_the_variables_are_those_that_the_function_reads():
    # Those of the decision are its engine's to read.
    code = "".join((ROOT / path).read_text() for path in (
        "src/config.rs", "src/config/company.rs", "src/config/directory.rs", "src/config/status.rs", "crates/engine/src/settings.rs",
        "crates/engine/src/settings/replicas.rs"))
    known = set(re.findall(r"\bOIDC_TRIAGE_[A-Z_]+", code))
    given = {variable for name in FUNCTIONS
             for variable in resources("AWS::Lambda::Function")[name]["Environment"]["Variables"]
             if variable.startswith("OIDC_TRIAGE_")}
    assert given <= known


def test_every_parameter_has_a_default_that_works():
    for name, parameter in source()["Parameters"].items():
        default = parameter["Default"]
        assert default in parameter.get("AllowedValues", [default]), name
        if parameter["Type"] == "Number":
            continue
        assert re.search(parameter.get("AllowedPattern", ""), default), name
        assert len(default) <= parameter.get("MaxLength", 4096), name


@pytest.mark.parametrize("parameter, good, bad", [
    ("NotificationEmail", ["on-call@example.com"], ["on-call", "a b@example.com"]),
    ("ApplicationLogGroups", ["/aws/lambda/made-up", "CloudTrail", "a,b,c,d,e"],
     ["arn:aws:logs:us-east-1:123456789012:log-group:x", "a, b", "a,,b", "a,", ",a", "a,b,c,d,e,f", "x" * 513]),
    ("TrailLogGroups", ["CloudTrail", "aws-cloudtrail-logs*,CloudTrail/*", "111122223333:trail*, other"],
     ["*", "a*b", "1122:trail", "a,,b"]),
    # CloudFormation holds each element of a list against it.
    ("EventBusName", ["default", "oidc-triage", "a.b_c-1"], ["", "aws.events", "a/b", "a b", "*", "x" * 257]),
    ("OrganizationId", ["o-a1b2c3d4e5"], ["o-", "o-A1B2C3D4E5", "ou-abcd-12345678", "*", "a1b2c3d4e5"]),
    ("TrustedAccounts", ["444455556666", "444455556666,777788889999"],
     ["44445555666", "444455556666, 777788889999", "*", ",", ",".join(21 * ["444455556666"])]),
    ("LogStreamArn", ["arn:aws:kinesis:us-east-1:111122223333:stream/a.b-c_1"],
     ["logs", "arn:aws:kinesis:us-east-1:111122223333:stream/*", "arn:aws:kinesis:us-east-1:111122223333:stream/a/consumer/b:1"]),
    ("LogStreamKeyArn", [KEY], ["alias/aws/kinesis"]),
    ("TrailBucket", ["made-up.trail-1"], ["s3://trail", "Trail", "a", "a/b", "-a-", "*"]),
    ("TrailBucketAccount", ["777788889999"], ["7777", "*", "777788889999,777788889999"]),
    ("TrailPrefix", ["o-a1b2c3d4e5/", "a/b/"], ["a", "/a/", "a//", "../", "*/", "${x}/"]),
    ("TrailTopicArn", [FALLBACK], [f"{FALLBACK}.fifo", QUEUE, "topic", f"{FALLBACK}*"]),
    ("TrailKeyArn", [KEY], ["alias/aws/s3"]),
    ("CallSources", ["com.example.ci", "my/app-1"], ["aws.sso", "oidc-triage", "my app", "*", "x" * 129]),
    ("TrustedQueues", [QUEUE, f"{QUEUE}, {QUEUE}2"], ["queue", FALLBACK, f"{QUEUE};{QUEUE}", "arn:aws:sqs:*:*:*"]),
    ("TrustedTopics", [FALLBACK, f"{FALLBACK},{FALLBACK}2"], ["topic", QUEUE, f"{FALLBACK}*"]),
    ("TriageReservedConcurrency", ["1", "1000"], ["0", "-1", "1.5", "many"]),
    ("WatcherReservedConcurrency", ["2"], ["0", "two"]),
    ("Revision", ["2026-11-27 14.05", "v0.1.0_rc-1"], ["a/b", "a:b"]),
    ("KeyArn", [KEY, KEY.replace("aws:", "aws-us-gov:", 1)], ["alias/aws/sns", KEY.replace("key/", "alias/"), KEY + " "]),
    ("FallbackKeyArn", [KEY], ["alias/aws/sns"]),
    ("PermissionsBoundaryArn", ["arn:aws:iam::111122223333:policy/a/b", "arn:aws:iam::aws:policy/ReadOnlyAccess"],
     ["boundary", "arn:aws:iam::111122223333:role/boundary"]),
    ("SubnetIds", ["subnet-0123abcd"], ["sg-0123abcd", "0123abcd"]),
    ("SecurityGroupIds", ["sg-0123abcd"], ["subnet-0123abcd", "default"]),
    ("CodeSigningConfigArn", ["arn:aws:lambda:us-east-1:111122223333:code-signing-config:csc-0123abcd"], ["csc-0123abcd"]),
    ("IdentityCenterRegion", ["eu-central-1", "us-gov-west-1", "eusc-de-east-1"], ["Frankfurt", "eu-central"]),
    ("Regions", ["us-east-1", "us-east-1,eu-west-1", "us-east-1, eu-west-1"], ["us-east-1;eu-west-1", ","]),
    ("Replicas", [REPLICAS, REPLICAS.replace(",", " , "), REPLICAS + ",us-gov-west-1=https://p.example.com:8443/a?b=c"],
     ["eu-central-1", REPLICAS.split(",")[0], REPLICAS.replace("https", "http"), REPLICAS + ",", "," + REPLICAS,
      REPLICAS.replace("us-east-1=", ""), REPLICAS + ",us-east-2=https://a b", "eu-central=https://a.example.com," + REPLICAS,
      ",".join(9 * ["us-east-1=https://p.example.com"])]),
    ("StartUrl", ["https://example.awsapps.com/start"], ["http://example.com", "example"]),
    *((parameter, ["https://wiki.example.com", "https://wiki.example.com:8443/a_(b)?view=full#%C3%A9"],
       ["http://wiki.example.com", "wiki.example.com", "https://", "https:///a", "https://user:password@example.com/",
        "https://example.com/a b", "https://example.com/a\nb", "https://example.com/a|b", "https://example.com/<b>",
        "https://example.com/\u202eb"]) for parameter in ("RunbookUrl", "StatusPageUrl")),
    ("IdentityStoreArn", [DIRECTORY, DIRECTORY.replace("aws:", "aws-us-gov:", 1),
                          DIRECTORY.replace("d-1234567890", "94d00cd8-e9e6-4810-b177-b08e84775435")],
     ["d-1234567890", DIRECTORY[:-1] + "*", DIRECTORY + "0", DIRECTORY.replace("111122223333", "*"),
      DIRECTORY.replace("store::", "store:us-east-1:"), "arn:aws:identitystore:::user/*"]),
    ("StatusBucket", ["made-up", "a.b-c1", "x" * 63], ["ab", "s3://made-up", "Made-up", "-made-up", "a/b", "*", "x" * 64]),
    ("StatusPrefix", ["status/", "a/b_c/D.e-f/"], ["status", "/status/", "a//", "../", "a b/", "*/", "${x}/"]),
    ("Contact", ["#identity-on-call", "Service desk, +49 30 1234567 (6\u201322 h)"], ["a\nb", "a\tb", "a\x1b[31mb"]),
    ("TimeZone", ["Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+5", "UTC"],
     ["America/New York", "+02:00", "/Berlin", "Europe/", "Europe//Berlin"]),
    ("FallbackTopicArn", [FALLBACK, "arn:aws-cn:sns:cn-north-1:111122223333:identity",
                          "arn:aws-iso-b:sns:us-isob-east-1:111122223333:identity_2"],
     ["identity", FALLBACK + ".fifo", FALLBACK + " ", FALLBACK + ":made-up", "arn:aws:sns:us-west-2:111122223333:",
      "arn:aws:sqs:us-west-2:111122223333:identity", "arn:aws:sns:us-west-2:1:identity",
      "arn:aws:sns:*:111122223333:identity"]),
])
def test_a_parameter_that_cannot_be_right_is_refused_at_the_deployment(parameter, good, bad):
    pattern = source()["Parameters"][parameter]["AllowedPattern"]
    assert all(re.search(pattern, value) for value in good)
    assert not any(re.search(pattern, value) for value in bad)


def test_a_switch_has_no_other_values():
    for name in ("PagerTopic", "ResolveNames", "SavedQueries", "TableBackups", "TableProtected"):
        assert source()["Parameters"][name]["AllowedValues"] == ["true", "false"], name


def test_every_parameter_has_its_place_in_the_form_and_says_what_it_is():
    groups = source()["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    assert sorted(name for group in groups for name in group["Parameters"]) == sorted(source()["Parameters"])
    assert all(parameter["Description"] for parameter in source()["Parameters"].values())


def test_the_page_lists_every_parameter_and_output():
    page = (ROOT / "docs" / "deploy.md").read_text()
    for name in [*source()["Parameters"], *template()["Outputs"]]:
        assert f"`{name}`" in page, name


def test_no_parameter_is_called_as_a_resource():
    assert not set(template()["Resources"]) & set(source()["Parameters"])


def test_the_outputs_are_those_that_other_programs_read():
    assert {name: output.get("Condition") for name, output in template()["Outputs"].items()} == {
        "FunctionName": None, "EventsArn": None, "DirectArn": None, "DirectInvokePolicyArn": None, "WatcherName": None,
        "WatcherEventsArn": None, "TopicArn": None, "TableName": None, "DeadLetterQueueUrl": None,
        "PagerTopicArn": "HasPagerTopic", "EventBusArn": "HasEventBus"}
    assert template()["Outputs"]["PagerTopicArn"]["Value"] == {"Ref": "PagerNotices"}


def rule(name):
    return resources("AWS::Events::Rule")[name]


def decoder(file, constant):
    """The texts in a constant of the decoder."""
    text = (ROOT / "crates" / "decode" / "src" / file).read_text()
    (value,) = re.findall(rf"\bconst {constant}: [^=]*=\s*([^;]*);", text)
    return re.findall(r'"([^"]*)"', value)


def test_the_cloudtrail_rule_matches_the_same_events_as_the_decoder():
    cloudtrail = rule("CloudTrailRule")
    pattern = cloudtrail["EventPattern"]
    assert pattern["detail"] == {"eventName": OPERATIONS}, "no condition on errors: successes are evidence too"
    assert pattern["source"] == decoder("cloudtrail.rs", "ENVELOPE_SOURCES")
    assert pattern["detail-type"] == decoder("eventbridge.rs", "CLOUDTRAIL_DETAIL_TYPES")
    # None of the four operations is read-only, so that the rule needs no other state to see them.
    assert cloudtrail.get("State", "ENABLED") == "ENABLED"


def test_each_source_of_a_record_has_the_source_of_its_envelope():
    of_records = [name.removesuffix(".amazonaws.com") for name in decoder("cloudtrail.rs", "EVENT_SOURCES")]
    assert [f"aws.{name}" for name in of_records] == decoder("cloudtrail.rs", "ENVELOPE_SOURCES")


def test_the_health_rule_matches_the_categories_of_the_decoder():
    pattern = rule("HealthRule")["EventPattern"]
    assert pattern == {"source": ["aws.health"], "detail-type": ["AWS Health Event"],
                       "detail": {"eventTypeCategory": decoder("health.rs", "ISSUE_CATEGORIES")}}


def test_calls_on_the_bus_are_accepted_only_from_listed_sources():
    assert "CallRule" not in resources_of("AWS::Events::Rule") and "CallPermission" not in resources_of("AWS::Lambda::Permission")
    given = {"CallSources": "com.example.ci,com.example.cd"}
    pattern = resources_of("AWS::Events::Rule", **given)["CallRule"]["EventPattern"]
    assert pattern == {"source": ["com.example.ci", "com.example.cd"],
                       "detail-type": decoder("eventbridge.rs", "CALL_DETAIL_TYPE")}
    assert "CallPermission" in resources_of("AWS::Lambda::Permission", **given)
    for function in resources_of("AWS::Lambda::Function", **given).values():
        assert function["Environment"]["Variables"]["OIDC_TRIAGE_CALL_SOURCES"] == given["CallSources"]
    for function in resources_of("AWS::Lambda::Function").values():
        assert "OIDC_TRIAGE_CALL_SOURCES" not in function["Environment"]["Variables"]


def test_undelivered_events_are_kept_and_only_our_rules_may_send_them():
    for given, ours in [({}, ("CloudTrailRule", "HealthRule")),
                        ({"CallSources": "com.example.ci"}, ("CloudTrailRule", "HealthRule", "CallRule"))]:
        assert set(resources_of("AWS::Events::Rule", **given)) == {*ours, "TickRule"}
        for name in ours:
            for target in resources_of("AWS::Events::Rule", **given)[name]["Targets"]:
                assert target["DeadLetterConfig"] == {"Arn": "<DeadLetterQueue.Arn>"}
        (policy,) = resources_of("AWS::SQS::QueuePolicy", **given).values()
        allowed, _ = policy["PolicyDocument"]["Statement"]
        assert allowed["Condition"]["ArnEquals"]["aws:SourceArn"] == [f"<{name}.Arn>" for name in ours]


def test_the_clock_ticks_each_minute_and_a_late_tick_is_dropped():
    tick = rule("TickRule")
    assert tick["ScheduleExpression"] == "rate(1 minute)"
    assert tick["Targets"][0]["RetryPolicy"] == {"MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 60}
    invoke = resources("AWS::Lambda::EventInvokeConfig")["WatcherEventsInvokeConfig"]
    assert (invoke["MaximumRetryAttempts"], invoke["MaximumEventAgeInSeconds"]) == (0, 90)


def test_an_event_that_fails_three_times_is_kept_for_two_weeks_encrypted():
    invoke = resources("AWS::Lambda::EventInvokeConfig")["TriageEventsInvokeConfig"]
    assert invoke["MaximumRetryAttempts"] == 2
    assert invoke["DestinationConfig"]["OnFailure"]["Destination"] == {"Fn::GetAtt": ["DeadLetterQueue", "Arn"]}
    assert resources_of("AWS::SQS::Queue") == {
        "DeadLetterQueue": {"SqsManagedSseEnabled": True, "MessageRetentionPeriod": 14 * 86400}}


def test_both_functions_write_json_to_one_log_group_that_forgets():
    for name in FUNCTIONS:
        assert resources("AWS::Lambda::Function")[name]["LoggingConfig"] == {"LogFormat": "JSON",
                                                                             "LogGroup": {"Ref": "LogGroup"}}
    assert resources_of("AWS::Logs::LogGroup") == {"LogGroup": {"RetentionInDays": 14}}


def test_only_lambda_may_assume_the_roles():
    for role in resources_of("AWS::IAM::Role").values():
        (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
        assert statement == {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"},
                             "Action": "sts:AssumeRole"}


def test_everybody_who_may_invoke_is_named_with_a_source():
    for name, permission in resources("AWS::Lambda::Permission").items():
        assert "SourceArn" in permission, name
        assert permission["Principal"] in ("events.amazonaws.com", "logs.amazonaws.com"), name


def test_optional_resources_depend_on_their_parameter():
    conditions = {name: body.get("Condition") for name, body in template()["Resources"].items() if "Condition" in body}
    logs = {f"ApplicationLog{kind}{number}": f"HasApplicationLogGroup{number}"
            for kind in ("Subscription", "Permission") for number in range(1, 6)}
    queries = ("WhatHappenedQuery", "WhoIsHitQuery", "FailingToolsQuery", "FailingCallersQuery")
    gradual = ("DeploymentApplication", "TriageDeploymentGroup", "WatcherDeploymentGroup", "DeploymentRole")
    assert conditions == {"EmailSubscription": "HasNotificationEmail", **logs,
                          "CallRule": "HasCallSources", "CallPermission": "HasCallSources",
                          "TriageVersion": "HasRevision", "WatcherVersion": "HasRevision",
                          **dict.fromkeys(gradual, "IsGradual"),
                          **dict.fromkeys(("EventBus", "EventBusTrailPolicy", "EventBusHealthPolicy"), "HasEventBus"),
                          **dict.fromkeys(("TrailQueue", "TrailQueuePolicy", "TrailSubscription", "TrailQueueMapping"), "HasTrailBucket"),
                          "LogStreamMapping": "HasLogStream", "PagerNotices": "HasPagerTopic", "PagerNoticesPolicy": "HasPagerTopic",
                          **dict.fromkeys(queries, "HasSavedQueries")}


def filter_pattern():
    return source()["Parameters"]["LogFilterPattern"]["Default"].strip()


def test_the_filter_pattern_is_within_the_limit_of_cloudwatch_logs():
    assert len(filter_pattern()) <= 1024
    assert len(terms(filter_pattern())) == len(set(terms(filter_pattern())))


TWINS = sorted(path.name for path in awslogs.DECODED.glob("logs__*.json"))


@pytest.mark.parametrize("name", [name for name in TWINS
                                  if name not in ("logs__control_message.json", "logs__prose_and_strangers.json")])
def test_the_filter_pattern_passes_every_line_with_a_failure(name):
    held_back = [event["message"] for event in json.loads((awslogs.DECODED / name).read_text())["logEvents"]
                 if not lets_through(filter_pattern(), event["message"])]
    for line in held_back:
        # Of an error over many lines only lines that the function does not need, and everything of other programs.
        has_failure = re.search(r"\w+Exception\b", line) and not line.startswith("    at ")
        assert not has_failure or "ListAccountRoles" in line, line
        assert not re.search(r"requestId: '|httpStatusCode|\$fault|name: '", line), line


@pytest.mark.parametrize("line", [
    "An error occurred (InvalidParameterValueException) when calling the CreateFunction operation: made up",
    "software.amazon.awssdk.services.dynamodb.model.ThrottlingException: null (Service: DynamoDb, Status Code: 400)",
    '{"level":"info","requestId":"0a000000-0000-4000-8000-000000000001","message":"all is well"}',
    '{"eventSource":"sso.amazonaws.com","eventName":"ListAccounts","errorCode":"ThrottlingException"}',
])
def test_the_filter_pattern_withholds_lines_of_others(line):
    assert not lets_through(filter_pattern(), line)
