"""What the template becomes: SAM's transform is applied, as AWS does, and the result is looked at."""

import functools
import json
import os
import pathlib
import re

import pytest
from samtranslator.translator.managed_policy_translator import ManagedPolicyLoader
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

from tests.harness import awslogs
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


def exists(name, **given):
    """Whether the resource is made when these parameters are given."""
    condition = template()["Resources"][name].get("Condition")
    return condition is None or resolved({"Fn::If": [condition, True, False]}, **given)


def statements(**given):
    """What each role may do when these parameters are given, resolved."""
    for name, role in resources("AWS::IAM::Role").items():
        assert not role.get("ManagedPolicyArns"), f"{name} has a managed policy, which is broader than its need"
        for policy in resolved(role.get("Policies", []), **given) if exists(name, **given) else []:
            for statement in policy["PolicyDocument"]["Statement"]:
                yield name, statement


def as_list(value):
    return value if isinstance(value, list) else [value]


NOTHING = object()


def parameter_of(body, value):
    return value.split(",") if body["Type"] == "CommaDelimitedList" else value


def resolved(value, **given):
    """What CloudFormation makes of a value when these parameters are given: resources become their names in <>."""
    assert set(given) <= set(source()["Parameters"])
    parameters = {name: parameter_of(body, given.get(name, body["Default"])) for name, body in source()["Parameters"].items()}

    def holds(condition):
        ((function, arguments),) = condition.items()
        match function:
            case "Condition":
                return holds(template()["Conditions"][arguments])
            case "Fn::Not":
                return not holds(arguments[0])
            case "Fn::And":
                return all(map(holds, arguments))
            case "Fn::Or":
                return any(map(holds, arguments))
        assert function == "Fn::Equals", f"{function} is not understood here"
        first, second = (one(argument) for argument in arguments)
        return first == second

    def named(name, variables):
        if name in variables:
            return one(variables[name])
        return parameters.get(name, f"<{name}>")

    def one(value):
        if isinstance(value, list):
            return [item for item in map(one, value) if item is not NOTHING]
        if not isinstance(value, dict):
            return value
        match list(value.items()):
            case [("Ref", "AWS::NoValue")]:
                return NOTHING
            case [("Ref", name)]:
                return named(name, {})
            case [("Fn::GetAtt", path)]:
                return f"<{'.'.join(as_list(path))}>"
            case [("Fn::If", [condition, yes, no])]:
                return one(yes if holds(template()["Conditions"][condition]) else no)
            case [("Fn::Select", [index, items])]:
                return one(items)[int(index)]
            case [("Fn::Split", [by, text])]:
                return one(text).split(by)
            case [("Fn::Join", [by, items])]:
                return by.join(one(items))
            case [("Fn::FindInMap", [name, first, second])]:
                return source()["Mappings"][name][one(first)][one(second)]
            case [("Fn::Sub", text)]:
                text, variables = text if isinstance(text, list) else (text, {})
                return re.sub(r"\$\{([\w:.]+)\}", lambda found: named(found[1], variables), text)
        return {key: item for key, item in ((key, one(item)) for key, item in value.items()) if item is not NOTHING}

    return one(value)


#: Everything that a company may ask for.
KEY = "arn:aws:kms:eu-west-1:111122223333:key/0a1b2c3d-0000-4000-8000-000000000001"
FALLBACK_KEY = KEY.replace("eu-west-1", "us-west-2")
BOUNDARY = "arn:aws:iam::111122223333:policy/boundary"
SIGNING = "arn:aws:lambda:eu-west-1:111122223333:code-signing-config:csc-0123456789abcdef0"
FALLBACK = "arn:aws:sns:us-west-2:111122223333:identity"
OF_A_COMPANY = {"KeyArn": KEY, "FallbackKeyArn": FALLBACK_KEY, "FallbackTopicArn": FALLBACK, "PagerTopic": "true",
                "PermissionsBoundaryArn": BOUNDARY, "SubnetIds": "subnet-0a,subnet-0b", "SecurityGroupIds": "sg-0c",
                "TriageReservedConcurrency": "50", "WatcherReservedConcurrency": "2", "CodeSigningConfigArn": SIGNING,
                "Revision": "1", "GradualDeployment": "Canary10Percent5Minutes", "Tracing": "Active",
                "LogRetentionDays": 365, "FailureQueueRetentionDays": "7", "TableBackups": "true", "TableProtected": "true",
                "CallSources": "my.ci,my.cd", "ApplicationLogGroups": "/a,/b,/c,/d,/e"}

#: What knows no narrower resource than all, and why it is no danger.
NO_RESOURCE = {"ec2:": "Null", "xray:": None, "cloudwatch:DescribeAlarms": None}


def test_no_permission_is_wider_than_one_resource():
    for given in ({}, OF_A_COMPANY):
        for name, statement in statements(**given):
            assert statement["Effect"] == "Allow"
            actions = as_list(statement["Action"])
            assert not any("*" in action for action in actions), name
            if all(action.startswith(tuple(NO_RESOURCE)) for action in actions):
                assert given and ("Condition" in statement) == actions[0].startswith("ec2:")
                continue
            for resource in as_list(statement["Resource"]):
                assert "*" not in resource, f"{name}: {resource} is more than one"


def test_each_role_may_do_exactly_its_work():
    may = {}
    for name, statement in statements():
        may.setdefault(name, set()).update(as_list(statement["Action"]))
    both = {"logs:CreateLogStream", "logs:PutLogEvents", "sns:Publish", "dynamodb:GetItem", "dynamodb:BatchGetItem",
            "dynamodb:PutItem", "dynamodb:UpdateItem", "events:PutEvents"}
    assert may == {"TriageRole": both | {"sqs:SendMessage"}, "WatcherRole": both}


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
        assert statement["Resource"] == "arn:<AWS::Partition>:events:<AWS::Region>:<AWS::AccountId>:event-bus/default"
        # A request without any event has no source, of which ForAllValues would hold.
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
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": "false"}, "DeletionProtectionEnabled": "false"}


def test_both_functions_share_one_table_and_tell_one_topic():
    for name in FUNCTIONS:
        variables = resources("AWS::Lambda::Function")[name]["Environment"]["Variables"]
        assert variables["OIDC_TRIAGE_TABLE"] == {"Ref": "Table"}
        assert variables["OIDC_TRIAGE_TOPIC_ARN"] == {"Ref": "Topic"}


@pytest.mark.parametrize("policy, topic", [("TopicPolicy", "Topic"), ("PagerNoticesPolicy", "PagerNotices")])
def test_a_topic_is_open_to_this_account_alone(policy, topic):
    policy = resources("AWS::SNS::TopicPolicy")[policy]
    assert policy["Topics"] == [{"Ref": topic}]
    identities, plain, *services = policy["PolicyDocument"]["Statement"]
    assert plain == {"Effect": "Deny", "Principal": "*", "Action": "sns:Publish", "Resource": {"Ref": topic},
                     "Condition": {"Bool": {"aws:SecureTransport": "false"}}}
    assert identities["Principal"] == {"AWS": {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"}}
    assert "Condition" not in identities
    for statement in (identities, *services):
        assert (statement["Effect"], statement["Resource"]) == ("Allow", {"Ref": topic})
    # What a pager gets has a format of its own, which is not an alarm's: no service publishes there.
    assert len(services) == (1 if topic == "Topic" else 0)


def test_the_alarms_of_this_account_may_publish_to_the_topic_and_no_others():
    _, _, statement = resources("AWS::SNS::TopicPolicy")["TopicPolicy"]["PolicyDocument"]["Statement"]
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
        function = resolved(resources("AWS::Lambda::Function")[name])
        assert (function["Timeout"], function["MemorySize"]) == (30, 256)
        assert (function["Runtime"], function["Handler"]) == ("provided.al2023", "bootstrap")
        assert "ReservedConcurrentExecutions" not in function


def test_every_environment_value_is_a_string_or_made_of_string_parameters():
    parameters = source()["Parameters"]
    for name in FUNCTIONS:
        for variable, value in resources("AWS::Lambda::Function")[name]["Environment"]["Variables"].items():
            assert isinstance(value, (str, dict)), f"{variable} is {value!r}"
            for used in re.findall(r'"Ref": "(\w+)"', json.dumps(value)):
                # A list is joined.
                if used in parameters and used != "CallSources":
                    assert parameters[used]["Type"] == "String"
        for given in ({}, OF_A_COMPANY):
            for value in resolved(resources("AWS::Lambda::Function")[name]["Environment"]["Variables"], **given).values():
                assert isinstance(value, str)


def test_an_empty_parameter_is_no_variable():
    variables = resources("AWS::Lambda::Function")["TriageFunction"]["Environment"]["Variables"]
    for variable, parameter in [("REGION", "IdentityCenterRegion"), ("REGIONS", "Regions"), ("START_URL", "StartUrl"),
                                ("POLICY", "Policy"), ("FALLBACK_TOPIC_ARN", "FallbackTopicArn")]:
        assert variables[f"OIDC_TRIAGE_{variable}"] == {
            "Fn::If": [f"Has{parameter}", {"Ref": parameter}, {"Ref": "AWS::NoValue"}]}


def test_each_setting_that_is_a_parameter_has_a_variable():
    variables = json.dumps(resources("AWS::Lambda::Function")["TriageFunction"]["Environment"]["Variables"])
    for parameter in ("IdentityCenterRegion", "Regions", "StartUrl", "CallerNames", "Policy", "Mode"):
        assert f'"Ref": "{parameter}"' in variables, parameter


def test_the_variables_are_those_that_the_function_reads():
    # Those of the decision are its engine's to read.
    code = "".join((ROOT / path).read_text() for path in ("src/config.rs", "crates/engine/src/settings.rs"))
    known = set(re.findall(r"\bOIDC_TRIAGE_[A-Z_]+", code))
    given = {variable for name in FUNCTIONS
             for variable in resources("AWS::Lambda::Function")[name]["Environment"]["Variables"]
             if variable.startswith("OIDC_TRIAGE_")}
    assert given <= known


def test_every_parameter_has_a_default_that_works():
    for name, parameter in source()["Parameters"].items():
        default = parameter["Default"]
        assert default in parameter.get("AllowedValues", [default]), name
        default = str(default)
        assert re.search(parameter.get("AllowedPattern", ""), default), name
        assert len(default) <= parameter.get("MaxLength", 4096), name


@pytest.mark.parametrize("parameter, good, bad", [
    ("NotificationEmail", ["on-call@example.com"], ["on-call", "a b@example.com"]),
    ("ApplicationLogGroups", ["/aws/lambda/made-up", "CloudTrail", "/a,/b", "/a,/b,/c,/d,/e"],
     ["arn:aws:logs:us-east-1:123456789012:log-group:x", "/a, /b", "/a,", ",/a", "/a,/b,/c,/d,/e,/f"]),
    ("TrailLogGroups", ["", "aws-cloudtrail-logs*", "111122223333:trail, CloudTrail/*"], ["a*b", "*", "1:trail", "a,,b"]),
    ("CallSources", ["", "my.ci"], ["aws.sso", "oidc-triage", "a b"]),
    ("TrustedQueues", ["", "arn:aws:sqs:eu-west-1:111122223333:q", "arn:aws-cn:sqs:cn-north-1:111122223333:q.fifo"],
     ["q", "https://sqs.eu-west-1.amazonaws.com/111122223333/q", "arn:aws:sns:eu-west-1:111122223333:q", "arn:aws:sqs:*:1:q"]),
    ("TrustedTopics", ["", "arn:aws:sns:eu-west-1:111122223333:t"], ["t", "arn:aws:sqs:eu-west-1:111122223333:t"]),
    ("KeyArn", ["", KEY], ["alias/aws/sns", KEY.replace(":key/", ":alias/"), "0a1b2c3d-0000-4000-8000-000000000001"]),
    ("PermissionsBoundaryArn", ["", BOUNDARY, "arn:aws:iam::aws:policy/PowerUserAccess"], ["boundary", "arn:aws:iam::1:role/x"]),
    ("SubnetIds", ["", "subnet-0a1b"], ["0a1b", "sg-0a1b"]),
    ("SecurityGroupIds", ["", "sg-0a1b"], ["default", "subnet-0a1b"]),
    ("CodeSigningConfigArn", ["", SIGNING], ["csc-0123456789abcdef0"]),
    ("TriageReservedConcurrency", ["", "1", "1000"], ["0", "-1", "many"]),
    ("Revision", ["", "2026-11-27 release 1.2"], ["a/b", "<b>"]),
    ("IdentityCenterRegion", ["eu-central-1", "us-gov-west-1", "eusc-de-east-1"], ["Frankfurt", "eu-central"]),
    ("Regions", ["us-east-1", "us-east-1,eu-west-1", "us-east-1, eu-west-1"], ["us-east-1;eu-west-1", ","]),
    ("StartUrl", ["https://example.awsapps.com/start"], ["http://example.com", "example"]),
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


def test_what_is_on_or_off_takes_nothing_else():
    for name in ("PagerTopic", "SavedQueries", "TableBackups", "TableProtected"):
        assert source()["Parameters"][name]["AllowedValues"] == ["true", "false"], name


def test_every_parameter_has_its_place_in_the_form_and_says_what_it_is():
    groups = source()["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    assert sorted(name for group in groups for name in group["Parameters"]) == sorted(source()["Parameters"])
    assert all(parameter["Description"] for parameter in source()["Parameters"].values())


def test_the_readme_tells_of_every_parameter_and_output():
    readme = (ROOT / "README.md").read_text()
    for name in [*source()["Parameters"], *template()["Outputs"]]:
        assert f"`{name}`" in readme, name


def test_no_parameter_is_called_as_a_resource():
    assert not set(template()["Resources"]) & set(source()["Parameters"])


def test_the_outputs_are_those_that_other_programs_read():
    assert {name: output.get("Condition") for name, output in template()["Outputs"].items()} == {
        "FunctionName": None, "WatcherName": None, "TopicArn": None, "TableName": None, "DeadLetterQueueUrl": None,
        "EventsArn": None, "DirectArn": None, "WatcherEventsArn": None, "DirectInvokePolicyArn": None,
        "PagerTopicArn": "HasPagerTopic"}
    assert template()["Outputs"]["PagerTopicArn"]["Value"] == {"Ref": "PagerNotices"}


def rule(name):
    return resources("AWS::Events::Rule")[name]


def decoder(file, constant):
    """The texts of a constant of the decoder: what it takes."""
    text = (ROOT / "crates" / "decode" / "src" / file).read_text()
    (value,) = re.findall(rf"\bconst {constant}: [^=]*=\s*([^;]*);", text)
    return re.findall(r'"([^"]*)"', value)


def test_the_cloudtrail_rule_takes_what_the_decoder_takes_and_nothing_else_of_the_service():
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


def test_the_health_rule_takes_the_categories_that_the_decoder_takes():
    pattern = rule("HealthRule")["EventPattern"]
    assert pattern == {"source": ["aws.health"], "detail-type": ["AWS Health Event"],
                       "detail": {"eventTypeCategory": decoder("health.rs", "ISSUE_CATEGORIES")}}


def test_calls_are_taken_of_the_listed_sources_and_of_nobody_by_default():
    assert not exists("CallRule") and not exists("CallPermission")
    given = {"CallSources": "my.ci,my.cd"}
    assert exists("CallRule", **given) and exists("CallPermission", **given)
    assert resolved(rule("CallRule")["EventPattern"], **given) == {
        "source": ["my.ci", "my.cd"], "detail-type": decoder("eventbridge.rs", "CALL_DETAIL_TYPE")}
    for name in FUNCTIONS:
        variables = resources("AWS::Lambda::Function")[name]["Environment"]["Variables"]
        assert "OIDC_TRIAGE_CALL_SOURCES" not in resolved(variables)
        assert resolved(variables, **given)["OIDC_TRIAGE_CALL_SOURCES"] == "my.ci,my.cd"


def test_services_invoke_the_aliases_events_and_people_the_alias_direct():
    aliases = {name: (alias["Name"], alias["FunctionName"]["Ref"], resolved(alias["FunctionVersion"]))
               for name, alias in resources("AWS::Lambda::Alias").items()}
    assert aliases == {"TriageEvents": ("events", "TriageFunction", "$LATEST"),
                       "TriageDirect": ("direct", "TriageFunction", "$LATEST"),
                       "WatcherEvents": ("events", "WatcherFunction", "$LATEST")}
    targets = {target["Arn"]["Ref"] for body in resources("AWS::Events::Rule").values() for target in body["Targets"]}
    targets |= {body["DestinationArn"]["Ref"] for body in resources("AWS::Logs::SubscriptionFilter").values()}
    targets |= {body["FunctionName"]["Ref"] for body in resources("AWS::Lambda::Permission").values()}
    assert targets == {"TriageEvents", "WatcherEvents"}
    # Nothing that `direct` carries comes to rest in a queue.
    assert {body["Qualifier"] for body in resources("AWS::Lambda::EventInvokeConfig").values()} == {"events"}
    (policy,) = resources("AWS::IAM::ManagedPolicy").values()
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert statement == {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": {"Ref": "TriageDirect"}}


def test_the_function_believes_what_the_parameters_declare_and_the_stack_s_own_queue():
    variables = resources("AWS::Lambda::Function")["TriageFunction"]["Environment"]["Variables"]
    plain = resolved(variables)
    assert plain["OIDC_TRIAGE_TRAIL_LOG_GROUPS"] == source()["Parameters"]["TrailLogGroups"]["Default"]
    assert plain["OIDC_TRIAGE_TRUSTED_QUEUES"] == "<DeadLetterQueue.Arn>" and "OIDC_TRIAGE_TRUSTED_TOPICS" not in plain
    queue, topic = "arn:aws:sqs:eu-west-1:111122223333:q", "arn:aws:sns:eu-west-1:111122223333:t"
    given = resolved(variables, TrustedQueues=queue, TrustedTopics=topic, TrailLogGroups="")
    assert given["OIDC_TRIAGE_TRUSTED_QUEUES"] == f"<DeadLetterQueue.Arn>,{queue}"
    assert given["OIDC_TRIAGE_TRUSTED_TOPICS"] == topic and given["OIDC_TRIAGE_TRAIL_LOG_GROUPS"] == ""


def test_the_log_groups_of_cloudtrail_are_the_same_by_default_in_a_deployment_and_in_a_replay():
    (default,) = decoder("trust.rs", "TRAIL_LOG_GROUPS")
    assert source()["Parameters"]["TrailLogGroups"]["Default"] == default


@pytest.mark.parametrize("number", range(1, 6))
def test_each_of_five_log_groups_is_subscribed_to(number):
    names = ["/a", "/b", "/c", "/d", "/e"]
    subscription, permission = f"ApplicationLogSubscription{number}", f"ApplicationLogPermission{number}"
    for many in range(6):
        given = {"ApplicationLogGroups": ",".join(names[:many])}
        assert exists(subscription, **given) == exists(permission, **given) == (number <= many), given
    given = {"ApplicationLogGroups": ",".join(names)}
    body = resolved(resources("AWS::Logs::SubscriptionFilter")[subscription], **given)
    assert body["LogGroupName"] == names[number - 1]
    allowed = resolved(resources("AWS::Lambda::Permission")[permission], **given)
    assert allowed["SourceArn"].endswith(f":log-group:{names[number - 1]}:*") and allowed["SourceAccount"] == "<AWS::AccountId>"


def test_what_eventbridge_cannot_deliver_is_kept_and_only_our_rules_may_do_so():
    ours = ("CloudTrailRule", "HealthRule", "CallRule")
    for name in ours:
        for target in rule(name)["Targets"]:
            assert target["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": ["DeadLetterQueue", "Arn"]}}
    (policy,) = resources("AWS::SQS::QueuePolicy").values()
    statement, plain = policy["PolicyDocument"]["Statement"]
    for given, rules in [({}, ours[:2]), ({"CallSources": "my.ci"}, ours)]:
        assert resolved(statement["Condition"]["ArnEquals"]["aws:SourceArn"], **given) == [f"<{name}.Arn>" for name in rules]
    assert (plain["Effect"], plain["Principal"], plain["Action"]) == ("Deny", "*", "sqs:*")
    assert plain["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


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
    queue = resources("AWS::SQS::Queue")["DeadLetterQueue"]
    assert resolved(queue) == {"SqsManagedSseEnabled": True, "MessageRetentionPeriod": 14 * 86400}
    assert resolved(queue, KeyArn=KEY, FailureQueueRetentionDays="1") == {"KmsMasterKeyId": KEY, "MessageRetentionPeriod": 86400}


def test_both_functions_write_json_to_one_log_group_that_forgets():
    for name in FUNCTIONS:
        assert resources("AWS::Lambda::Function")[name]["LoggingConfig"] == {"LogFormat": "JSON",
                                                                             "LogGroup": {"Ref": "LogGroup"}}
    (group,) = resources("AWS::Logs::LogGroup").values()
    assert resolved(group) == {"RetentionInDays": 14}
    assert resolved(group, LogRetentionDays=365, KeyArn=KEY) == {"RetentionInDays": 365, "KmsKeyId": KEY}


def test_only_lambda_may_take_the_roles_and_codedeploy_the_one_that_shifts():
    for name, role in resources("AWS::IAM::Role").items():
        (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
        service = "codedeploy" if name == "DeploymentRole" else "lambda"
        assert statement == {"Effect": "Allow", "Principal": {"Service": f"{service}.amazonaws.com"},
                             "Action": "sts:AssumeRole"}


def test_everybody_who_may_invoke_is_named_with_a_source():
    for name, permission in resources("AWS::Lambda::Permission").items():
        assert "SourceArn" in permission, name
        assert permission["Principal"] in ("events.amazonaws.com", "logs.amazonaws.com"), name


def test_what_is_optional_hangs_on_its_parameter():
    conditions = {name: body.get("Condition") for name, body in template()["Resources"].items() if "Condition" in body}
    groups = {f"ApplicationLog{what}{number}": f"HasApplicationLogGroup{number}"
              for what in ("Subscription", "Permission") for number in range(1, 6)}
    assert conditions == {**groups, "EmailSubscription": "HasNotificationEmail",
                          "CallRule": "HasCallSources", "CallPermission": "HasCallSources",
                          "TriageVersion": "HasRevision", "WatcherVersion": "HasRevision",
                          "DeploymentApplication": "IsGradual", "TriageDeploymentGroup": "IsGradual",
                          "WatcherDeploymentGroup": "IsGradual", "DeploymentRole": "IsGradual",
                          "PagerNotices": "HasPagerTopic", "PagerNoticesPolicy": "HasPagerTopic",
                          "WhatHappenedQuery": "HasSavedQueries", "WhoIsHitQuery": "HasSavedQueries"}


def filter_pattern():
    return source()["Parameters"]["LogFilterPattern"]["Default"].strip()


def test_the_filter_pattern_is_within_the_limit_of_cloudwatch_logs():
    assert len(filter_pattern()) <= 1024
    assert len(terms(filter_pattern())) == len(set(terms(filter_pattern())))


TWINS = sorted(path.name for path in awslogs.DECODED.glob("logs__*.json"))


@pytest.mark.parametrize("name", [name for name in TWINS
                                  if name not in ("logs__control_message.json", "logs__prose_and_strangers.json")])
def test_the_filter_pattern_lets_every_line_through_that_tells_of_a_failure(name):
    held_back = [event["message"] for event in json.loads((awslogs.DECODED / name).read_text())["logEvents"]
                 if not lets_through(filter_pattern(), event["message"])]
    for line in held_back:
        # Of an error over many lines only what the function does not need, and of strangers everything.
        tells = re.search(r"\w+Exception\b", line) and not line.startswith("    at ")
        assert not tells or "ListAccountRoles" in line, line
        assert not re.search(r"requestId: '|httpStatusCode|\$fault|name: '", line), line


@pytest.mark.parametrize("line", [
    "An error occurred (InvalidParameterValueException) when calling the CreateFunction operation: made up",
    "software.amazon.awssdk.services.dynamodb.model.ThrottlingException: null (Service: DynamoDb, Status Code: 400)",
    '{"level":"info","requestId":"0a000000-0000-4000-8000-000000000001","message":"all is well"}',
    '{"eventSource":"sso.amazonaws.com","eventName":"ListAccounts","errorCode":"ThrottlingException"}',
])
def test_the_filter_pattern_holds_back_what_is_not_ours(line):
    assert not lets_through(filter_pattern(), line)
