"""Options for regulated companies: off by default, and present when their parameter is set."""

import json
import re

import pytest

from tests.template.test_template import (DIRECTORY, DOCTOR_READS, EVERYTHING, FALLBACK, FUNCTIONS, KEY, ROOT, as_list, holds, resolved, resources,
                                          resources_of, source, statements, template)

ROLES = ("TriageRole", "WatcherRole")
FALLBACK_KEY = EVERYTHING["FallbackKeyArn"]


def added(role, **given):
    """The permissions that a role has only with these parameters."""
    before = [statement for name, statement in statements() if name == role]
    return [statement for name, statement in statements(**given) if name == role and statement not in before]


def test_all_options_work_together():
    assert set(EVERYTHING) == {name for name, parameter in source()["Parameters"].items()
                               if parameter["Default"] in ("", "false", "AllAtOnce", "PassThrough", "default")}
    for name, body in template()["Resources"].items():
        for given in ({}, EVERYTHING):
            resolved(body.get("Properties", {}), **given)
        assert holds(body.get("Condition", "HasSavedQueries"), **EVERYTHING), name


def test_by_default_there_is_no_optional_resource():
    there = {body["Type"] for name, body in template()["Resources"].items()
             if "Condition" not in body or holds(body["Condition"])}
    assert not [kind for kind in there if kind.startswith(("AWS::CodeDeploy", "AWS::KMS", "AWS::EC2"))]
    assert "AWS::Lambda::Version" not in there
    for name in FUNCTIONS:
        function = resources_of("AWS::Lambda::Function")[name]
        assert not {"VpcConfig", "ReservedConcurrentExecutions", "CodeSigningConfigArn", "KmsKeyArn"} & set(function), name
        assert function["TracingConfig"] == {"Mode": "PassThrough"}
    for role in resources_of("AWS::IAM::Role").values():
        assert "PermissionsBoundary" not in role
    assert "kms:" not in json.dumps([resources_of(kind) for kind in ("AWS::IAM::Role", "AWS::SQS::Queue", "AWS::SNS::Topic")])
    assert not any(key.startswith(("Kms", "SSE")) for kind in ("AWS::SNS::Topic", "AWS::SQS::Queue", "AWS::Logs::LogGroup",
                                                                "AWS::DynamoDB::Table")
                   for body in resources_of(kind).values() for key in body)


def test_a_key_of_ones_own_encrypts_all_that_is_kept():
    given = {"KeyArn": KEY, "PagerTopic": "true"}
    topics = resources_of("AWS::SNS::Topic", **given)
    assert {name: topic["KmsMasterKeyId"] for name, topic in topics.items()} == {"Topic": KEY, "PagerNotices": KEY}
    (queue,) = resources_of("AWS::SQS::Queue", **given).values()
    assert queue["KmsMasterKeyId"] == KEY and "SqsManagedSseEnabled" not in queue
    (table,) = resources_of("AWS::DynamoDB::Table", **given).values()
    assert table["SSESpecification"] == {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": KEY}
    (log,) = resources_of("AWS::Logs::LogGroup", **given).values()
    assert log["KmsKeyId"] == KEY


@pytest.mark.parametrize("role", ROLES)
def test_a_role_may_use_the_key_through_the_services_that_it_works_with_alone(role):
    (statement,) = added(role, KeyArn=KEY)
    assert statement == {
        "Effect": "Allow", "Resource": KEY,
        "Action": ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey"],
        "Condition": {"StringEquals": {"kms:ViaService": [f"{service}.<AWS::Region>.<AWS::URLSuffix>"
                                                          for service in ("dynamodb", "sns", "sqs")]}}}


@pytest.mark.parametrize("role", ROLES)
def test_a_role_may_use_the_key_of_the_fallback_topic_through_sns_of_its_region_alone(role):
    publish, key, *read = added(role, FallbackTopicArn=FALLBACK, FallbackKeyArn=FALLBACK_KEY)
    assert [statement["Action"] for statement in read] == (["sns:GetTopicAttributes"] if role == "TriageRole" else [])
    assert publish["Action"] == "sns:Publish"
    assert key == {"Effect": "Allow", "Resource": FALLBACK_KEY, "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
                   "Condition": {"StringEquals": {"kms:ViaService": "sns.us-west-2.<AWS::URLSuffix>"}}}
    assert added(role, FallbackKeyArn=FALLBACK_KEY) == [], "a key without a topic is for nothing"


@pytest.mark.parametrize("role", ROLES)
def test_a_role_may_ask_that_one_directory_for_one_user_at_a_time(role):
    assert added(role, ResolveNames="true", IdentityStoreArn=DIRECTORY) == [
        {"Effect": "Allow", "Action": "identitystore:DescribeUser",
         "Resource": [DIRECTORY, "arn:<AWS::Partition>:identitystore:::user/*"]}]
    assert added(role, IdentityStoreArn=DIRECTORY) == [], "nobody is asked for names"


def test_each_role_has_the_boundary():
    boundary = EVERYTHING["PermissionsBoundaryArn"]
    roles = resources_of("AWS::IAM::Role", **EVERYTHING)
    assert set(roles) == {*ROLES, "DeploymentRole"}
    assert {role["PermissionsBoundary"] for role in roles.values()} == {boundary}


def test_both_functions_are_in_the_subnets_and_may_have_interfaces_there():
    given = {"SubnetIds": "subnet-01,subnet-02", "SecurityGroupIds": "sg-01"}
    for function in resources_of("AWS::Lambda::Function", **given).values():
        assert function["VpcConfig"] == {"SubnetIds": ["subnet-01", "subnet-02"], "SecurityGroupIds": ["sg-01"]}
    for role in ROLES:
        (statement,) = added(role, **given)
        assert all(action.startswith("ec2:") for action in statement["Action"])
        # The function's code may not, Lambda itself may.
        assert statement["Condition"] == {"Null": {"lambda:SourceFunctionArn": "true"}}


@pytest.mark.parametrize("given, is_refused", [
    ({}, False), ({"SubnetIds": "subnet-01"}, True), ({"SecurityGroupIds": "sg-01"}, True),
    ({"SubnetIds": "subnet-01", "SecurityGroupIds": "sg-01"}, False),
    ({"GradualDeployment": "Canary10Percent5Minutes"}, True), ({"Revision": "1"}, False),
    ({"GradualDeployment": "Canary10Percent5Minutes", "Revision": "1"}, False),
    ({"EventBusName": "oidc-triage"}, True), ({"OrganizationId": "o-a1b2c3d4e5"}, True), ({"TrustedAccounts": "444455556666"}, False),
    ({"EventBusName": "oidc-triage", "OrganizationId": "o-a1b2c3d4e5"}, False),
    ({"ResolveNames": "true"}, True), ({"IdentityStoreArn": DIRECTORY}, False),
    ({"ResolveNames": "true", "IdentityStoreArn": DIRECTORY}, False),
    ({"ResolveNames": "true", "IdentityStoreArn": DIRECTORY, "CallerNames": "hashed"}, True),
    ({"ResolveNames": "false", "IdentityStoreArn": DIRECTORY, "CallerNames": "hashed"}, False)])
def test_parameters_that_need_another_are_refused_without_it(given, is_refused):
    kept = [holds(assertion["Assert"], **given) for rule in source()["Rules"].values()
            if "RuleCondition" not in rule or holds(rule["RuleCondition"], **given) for assertion in rule["Assertions"]]
    assert kept and all(kept) != is_refused


@pytest.mark.parametrize("parameter, function, other", [("TriageReservedConcurrency", *FUNCTIONS),
                                                        ("WatcherReservedConcurrency", *reversed(FUNCTIONS))])
def test_concurrency_is_reserved_for_each_function_by_itself(parameter, function, other):
    functions = resources_of("AWS::Lambda::Function", **{parameter: "2"})
    assert functions[function]["ReservedConcurrentExecutions"] == "2"
    assert "ReservedConcurrentExecutions" not in functions[other]


def test_only_signed_code_runs():
    arn = EVERYTHING["CodeSigningConfigArn"]
    functions = resources_of("AWS::Lambda::Function", CodeSigningConfigArn=arn)
    assert [function["CodeSigningConfigArn"] for function in functions.values()] == [arn, arn]


def test_tracing_is_both_functions_and_its_rights():
    for function in resources_of("AWS::Lambda::Function", Tracing="Active").values():
        assert function["TracingConfig"] == {"Mode": "Active"}
    for role in ROLES:
        (statement,) = added(role, Tracing="Active")
        assert statement["Action"] == ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]


ALIASES = {"TriageEvents": ("events", "TriageFunction"), "TriageDirect": ("direct", "TriageFunction"),
           "WatcherEvents": ("events", "WatcherFunction"), "WatcherDirect": ("direct", "WatcherFunction")}


@pytest.mark.parametrize("revision", ["", "2026-11-27"])
def test_the_aliases_are_those_that_the_function_knows(revision):
    aliases = resources_of("AWS::Lambda::Alias", Revision=revision)
    assert {name: (alias["Name"], alias["FunctionName"].strip("<>")) for name, alias in aliases.items()} == ALIASES
    known = re.findall(r'Some\("(\w+)"\) => Self::Events', (ROOT / "crates/decode/src/trust.rs").read_text())
    assert known == ["events"], "any other alias is trusted like `direct`"
    for name, (_, function) in ALIASES.items():
        version = f"<{function.removesuffix('Function')}Version.Version>" if revision else "$LATEST"
        assert aliases[name]["FunctionVersion"] == version


def test_another_revision_is_another_version():
    for name in FUNCTIONS:
        function = name.removesuffix("Function")
        version = resources_of("AWS::Lambda::Version", Revision="7")[f"{function}Version"]
        assert version == {"FunctionName": f"<{name}>", "Description": "7"}
        # A version is only made of a function that changed.
        assert resources_of("AWS::Lambda::Function", Revision="7")[name]["Description"].endswith(" 7")
        # The version for a rollback still exists.
        assert template()["Resources"][f"{function}Version"]["UpdateReplacePolicy"] == "Retain"


def test_services_invoke_the_alias_events_and_nothing_else():
    arns = {"TriageEvents", "WatcherEvents"}
    for permission in resources_of("AWS::Lambda::Permission", **EVERYTHING).values():
        assert permission["FunctionName"].strip("<>") in arns
    for rule in resources_of("AWS::Events::Rule", **EVERYTHING).values():
        assert all(target["Arn"].strip("<>") in arns for target in rule["Targets"])
    for subscription in resources_of("AWS::Logs::SubscriptionFilter", **EVERYTHING).values():
        assert subscription["DestinationArn"] == "<TriageEvents>"
    # Failed events are retried and kept for that alias alone: a call by `direct` contains secrets.
    configured = {(config["FunctionName"], config["Qualifier"])
                  for config in resources_of("AWS::Lambda::EventInvokeConfig").values()}
    assert configured == {("<TriageFunction>", "events"), ("<WatcherFunction>", "events")}


def test_people_are_given_the_alias_direct_alone():
    (policy,) = resources_of("AWS::IAM::ManagedPolicy").values()
    assert policy["PolicyDocument"]["Statement"] == [
        {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": ["<TriageDirect>", "<WatcherDirect>"]}]


def test_both_functions_get_the_trusted_sources():
    stream = {"LogStreamArn": EVERYTHING["LogStreamArn"]}
    for given, streams in (({}, None), (stream, stream["LogStreamArn"])):
        for function in resources_of("AWS::Lambda::Function", **given).values():
            assert function["Environment"]["Variables"].get("OIDC_TRIAGE_TRUSTED_STREAMS") == streams
    trusting = ("TRAIL_LOG_GROUPS", "TRUSTED_QUEUES", "TRUSTED_TOPICS", "CALL_SOURCES", "TRUSTED_ACCOUNTS")

    def trusted(**given):
        for function in resources_of("AWS::Lambda::Function", **given).values():
            variables = function["Environment"]["Variables"]
            yield [variables.get(f"OIDC_TRIAGE_{name}") for name in trusting]

    trails = source()["Parameters"]["TrailLogGroups"]["Default"]
    assert list(trusted()) == 2 * [[trails, "<DeadLetterQueue.Arn>", None, None, None]]
    # Empty, and not unset: unset would be the function's own default.
    assert [groups for groups, *_ in trusted(TrailLogGroups="")] == ["", ""]
    given = {"TrustedQueues": EVERYTHING["TrustedQueues"], "TrustedTopics": FALLBACK, "TrustedAccounts": "444455556666"}
    assert list(trusted(**given)) == 2 * [[trails, f"<DeadLetterQueue.Arn>,{given['TrustedQueues']}", FALLBACK, None, "444455556666"]]


def test_the_default_of_the_template_is_the_default_of_the_function():
    (default,) = re.findall(r'TRAIL_LOG_GROUPS: &str = "([^"]*)"', (ROOT / "crates/decode/src/trust.rs").read_text())
    assert source()["Parameters"]["TrailLogGroups"]["Default"] == default


@pytest.mark.parametrize("count", range(6))
def test_as_many_log_groups_are_read_as_are_named(count):
    names = [f"/made-up/{number}" for number in range(count)]
    given = {"ApplicationLogGroups": ",".join(names)}
    subscriptions = resources_of("AWS::Logs::SubscriptionFilter", **given).values()
    assert [subscription["LogGroupName"] for subscription in subscriptions] == names
    arns = [permission["SourceArn"] for permission in resources_of("AWS::Lambda::Permission", **given).values()
            if permission["Principal"] == "logs.amazonaws.com"]
    assert arns == [f"arn:<AWS::Partition>:logs:<AWS::Region>:<AWS::AccountId>:log-group:{name}:*" for name in names]


def test_a_gradual_deployment_goes_back_on_alarms_and_moves_the_aliases_events_alone():
    def shifted(**given):
        for name in ALIASES:
            yield name, resolved({"by": template()["Resources"][name].get("UpdatePolicy", {})}, **given).get("by", {})

    assert dict(shifted(Revision="1")) == dict.fromkeys(ALIASES, {})
    given = {"GradualDeployment": "Linear10PercentEvery1Minute", "Revision": "1"}
    groups = resources_of("AWS::CodeDeploy::DeploymentGroup", **given)
    assert dict(shifted(**given)) == {"TriageDirect": {}, "WatcherDirect": {}, **{
        f"{which}Events": {"CodeDeployLambdaAliasUpdate": {"ApplicationName": "<DeploymentApplication>",
                                                           "DeploymentGroupName": f"<{which}DeploymentGroup>"}}
        for which in ("Triage", "Watcher")}}
    alarms = {f"<{name}>" for name in resources("AWS::CloudWatch::Alarm")}
    for group in groups.values():
        assert group["DeploymentConfigName"] == "CodeDeployDefault.LambdaLinear10PercentEvery1Minute"
        assert group["AutoRollbackConfiguration"]["Enabled"] and group["AlarmConfiguration"]["Enabled"]
        assert "DEPLOYMENT_STOP_ON_ALARM" in group["AutoRollbackConfiguration"]["Events"]
        watched = {alarm["Name"] for alarm in group["AlarmConfiguration"]["Alarms"]}
        assert {"<TriageErrorsAlarm>", "<WatcherErrorsAlarm>"} <= watched <= alarms
    (role,) = (role for name, role in resources_of("AWS::IAM::Role", **given).items() if name == "DeploymentRole")
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "codedeploy.amazonaws.com"}
    update = [statement for name, statement in statements(**given) if "lambda:UpdateAlias" in as_list(statement["Action"])]
    assert [statement["Resource"] for statement in update] == [
        ["<TriageFunction.Arn>", "<TriageFunction.Arn>:events", "<WatcherFunction.Arn>", "<WatcherFunction.Arn>:events"]]


def test_how_long_things_are_kept_can_be_chosen():
    (log,) = resources_of("AWS::Logs::LogGroup", LogRetentionDays=365).values()
    assert log["RetentionInDays"] == 365
    for days in source()["Parameters"]["FailureQueueRetentionDays"]["AllowedValues"]:
        (queue,) = resources_of("AWS::SQS::Queue", FailureQueueRetentionDays=days).values()
        assert queue["MessageRetentionPeriod"] == int(days) * 86400
    (table,) = resources_of("AWS::DynamoDB::Table", TableBackups="true", TableProtected="true").values()
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": "true"}
    assert table["DeletionProtectionEnabled"] == "true"


def test_nobody_publishes_or_sends_or_reads_without_tls():
    policies = {**resources_of("AWS::SNS::TopicPolicy", **EVERYTHING), **resources_of("AWS::SQS::QueuePolicy", **EVERYTHING)}
    assert set(policies) == {"TopicPolicy", "PagerNoticesPolicy", "DeadLetterQueuePolicy", "TrailQueuePolicy"}
    for name, policy in policies.items():
        (denied,) = [statement for statement in policy["PolicyDocument"]["Statement"] if statement["Effect"] == "Deny"]
        (one,) = policy.get("Topics") or [f"{queue.rstrip('>')}.Arn>" for queue in policy["Queues"]]
        assert denied == {"Effect": "Deny", "Principal": "*", "Resource": one,
                          "Action": "sqs:*" if "Queues" in policy else "sns:Publish",
                          "Condition": {"Bool": {"aws:SecureTransport": "false"}}}, name


def test_with_every_parameter_no_permission_is_wider_than_needed():
    # None of these knows a resource to name: interfaces of Lambda's, X-Ray, the states of alarms; a user of a directory is
    # known when somebody fails; and the files of a trail have yet to be written.
    broad = {action for _, statement in statements(**EVERYTHING) for action in as_list(statement["Action"])
             if any("*" in resource for resource in as_list(statement["Resource"]))}
    doctor = DOCTOR_READS | {"logs:DescribeSubscriptionFilters"}
    assert {action.partition(":")[0] for action in broad - doctor} == {"ec2", "xray", "cloudwatch", "identitystore", "s3"}
    assert not any("*" in action for _, statement in statements(**EVERYTHING) for action in as_list(statement["Action"]))


def test_every_text_has_a_length_or_few_values():
    for name, parameter in source()["Parameters"].items():
        pattern = parameter.get("AllowedPattern", "")
        assert "AllowedValues" in parameter or "MaxLength" in parameter or (
            # CloudFormation refuses a length of a list; the pattern holds each of its elements.
            parameter["Type"] == "CommaDelimitedList" and pattern) or "{0,4}$" in pattern, name


def test_the_publication_agrees_with_the_crate():
    said = template()["Metadata"]["AWS::ServerlessRepo::Application"]
    crate = (ROOT / "Cargo.toml").read_text()
    assert f'version = "{said["SemanticVersion"]}"' in crate and f'license = "{said["SpdxLicenseId"]}"' in crate
    for file in ("LicenseUrl", "ReadmeUrl"):
        assert (ROOT / said[file]).is_file()


# AWS's limits of each member: cfn-lint does not know them, and only `sam publish` would find out.
PUBLISHED = {
    "Name": r"[a-zA-Z0-9-]{1,140}", "Description": r".{1,256}", "Author": r"(?=.{1,127}$)[a-z0-9](([a-z0-9]|-(?!-))*[a-z0-9])?",
    "SpdxLicenseId": r"[A-Za-z0-9.-]+", "LicenseUrl": r"[A-Za-z.]+", "ReadmeUrl": r"[A-Za-z.]+",
    "SemanticVersion": r"\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?",
}


def test_the_publication_is_within_the_limits_of_the_repository():
    said = dict(template()["Metadata"]["AWS::ServerlessRepo::Application"])
    labels = said.pop("Labels")
    assert len(labels) <= 10 and all(re.fullmatch(r"[a-zA-Z0-9+\-_:/@]{1,127}", label) for label in labels)
    assert said.keys() == PUBLISHED.keys()
    assert [name for name, text in said.items() if not re.fullmatch(PUBLISHED[name], text)] == []


def functions_in(value):
    if isinstance(value, list):
        return set().union(*map(functions_in, value))
    if isinstance(value, dict):
        return {key for key in value if key == "Ref" or key.startswith("Fn::")} | functions_in(list(value.values()))
    return set()


def test_a_rule_and_a_condition_use_only_functions_allowed_there():
    # It refuses the whole template for any other; cfn-lint does not see it.
    assert functions_in(source()["Rules"]) <= {"Ref", "Fn::And", "Fn::Or", "Fn::Not", "Fn::Equals", "Fn::EachMemberIn"}
    assert functions_in(source()["Conditions"]) <= {"Ref", "Fn::And", "Fn::Or", "Fn::Not", "Fn::Equals", "Fn::Join",
                                                    "Fn::Select", "Fn::Split", "Fn::Sub"}


def test_each_check_that_is_skipped_has_its_reason():
    skipped = [skip for body in source()["Resources"].values() for skip in body.get("Metadata", {}).get("checkov", {}).get("skip", [])]
    assert skipped and all(re.fullmatch(r"CKV2?_AWS_\d+", skip["id"]) and len(skip["comment"]) > 20 for skip in skipped)


def test_the_watcher_alone_may_write_the_three_files_of_the_status_page_and_knows_the_bucket():
    given = {"StatusBucket": "made-up", "StatusPrefix": "sign-in/"}
    assert added("TriageRole", **given) == []
    (statement,) = added("WatcherRole", **given)
    files = [f"arn:<AWS::Partition>:s3:::made-up/sign-in/{name}" for name in ("status.json", "index.html", "feed.xml")]
    assert statement == {"Effect": "Allow", "Action": "s3:PutObject", "Resource": files}
    assert not [statement for _, statement in statements() if "s3:" in json.dumps(statement)], "none without a bucket"
    for name in FUNCTIONS:
        variables = resources_of("AWS::Lambda::Function", **given)[name]["Environment"]["Variables"]
        there = {variable: value for variable, value in variables.items() if "STATUS_BUCKET" in variable or "STATUS_PREFIX" in variable}
        assert there == ({"OIDC_TRIAGE_STATUS_BUCKET": "made-up", "OIDC_TRIAGE_STATUS_PREFIX": "sign-in/"}
                         if name == "WatcherFunction" else {})
