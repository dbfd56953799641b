"""What a regulated company may ask for: off by default, and whole where it is on."""

import pytest

from tests.template.test_template import (
    BOUNDARY, FALLBACK, FALLBACK_KEY, FUNCTIONS, KEY, OF_A_COMPANY, SIGNING, as_list, exists, resolved, resources, source,
    statements, template)


def function(name, **given):
    return resolved(resources("AWS::Lambda::Function")[name], **given)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_has_nothing_of_it_by_default(name):
    plain = function(name)
    assert not {"VpcConfig", "CodeSigningConfigArn", "ReservedConcurrentExecutions"} & set(plain)
    assert plain["TracingConfig"] == {"Mode": "PassThrough"}
    assert not [action for _, statement in statements() for action in as_list(statement["Action"])
                if action.startswith(("kms:", "ec2:", "xray:"))]
    assert not any("PermissionsBoundary" in resolved(role) for role in resources("AWS::IAM::Role").values())


@pytest.mark.parametrize("name, copies", [("TriageFunction", "50"), ("WatcherFunction", "2")])
def test_a_function_has_all_of_it_where_it_is_asked_for(name, copies):
    given = function(name, **OF_A_COMPANY)
    assert given["VpcConfig"] == {"SubnetIds": ["subnet-0a", "subnet-0b"], "SecurityGroupIds": ["sg-0c"]}
    assert (given["CodeSigningConfigArn"], given["ReservedConcurrentExecutions"]) == (SIGNING, copies)
    assert given["TracingConfig"] == {"Mode": "Active"}


def test_every_role_is_within_the_boundary():
    for name, role in resources("AWS::IAM::Role").items():
        assert resolved(role, PermissionsBoundaryArn=BOUNDARY)["PermissionsBoundary"] == BOUNDARY, name


def test_the_key_encrypts_topics_queue_table_and_log():
    given = {"KeyArn": KEY, "PagerTopic": "true"}
    for topic in resources("AWS::SNS::Topic").values():
        assert resolved(topic, **given)["KmsMasterKeyId"] == KEY
        assert "KmsMasterKeyId" not in resolved(topic)
    (queue,) = resources("AWS::SQS::Queue").values()
    assert "SqsManagedSseEnabled" not in resolved(queue, **given) and resolved(queue, **given)["KmsMasterKeyId"] == KEY
    (table,) = resources("AWS::DynamoDB::Table").values()
    assert resolved(table, **given)["SSESpecification"] == {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": KEY}
    (group,) = resources("AWS::Logs::LogGroup").values()
    assert resolved(group, **given)["KmsKeyId"] == KEY


@pytest.mark.parametrize("role", ["TriageRole", "WatcherRole"])
def test_a_role_may_use_the_keys_through_the_services_that_encrypt_and_in_no_other_way(role):
    of_keys = {statement["Resource"]: statement for name, statement in statements(**OF_A_COMPANY)
               if name == role and as_list(statement["Action"])[0].startswith("kms:")}
    assert set(of_keys) == {KEY, FALLBACK_KEY}
    services = [f"{service}.<AWS::Region>.<AWS::URLSuffix>" for service in ("dynamodb", "sns", "sqs")]
    assert of_keys[KEY]["Condition"] == {"StringEquals": {"kms:ViaService": services}}
    # An encrypted topic needs both; the fallback's is in another region.
    assert {"kms:Decrypt", "kms:GenerateDataKey"} <= set(of_keys[KEY]["Action"])
    assert set(of_keys[FALLBACK_KEY]["Action"]) == {"kms:Decrypt", "kms:GenerateDataKey"}
    assert of_keys[FALLBACK_KEY]["Condition"] == {"StringEquals": {"kms:ViaService": "sns.us-west-2.<AWS::URLSuffix>"}}


def test_without_a_fallback_topic_its_key_is_nobody_s():
    given = {"FallbackKeyArn": FALLBACK_KEY}
    assert not [statement for _, statement in statements(**given) if statement["Resource"] == FALLBACK_KEY]
    assert [statement for _, statement in statements(**given, FallbackTopicArn=FALLBACK)
            if statement["Resource"] == FALLBACK_KEY]


def test_the_table_is_kept_and_restored_where_that_is_asked_for():
    (table,) = resources("AWS::DynamoDB::Table").values()
    given = resolved(table, TableBackups="true", TableProtected="true")
    assert given["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": "true"}
    assert given["DeletionProtectionEnabled"] == "true"


def test_with_a_revision_the_aliases_point_to_versions_and_without_one_to_the_latest():
    for name, version in [("TriageEvents", "TriageVersion"), ("TriageDirect", "TriageVersion"),
                          ("WatcherEvents", "WatcherVersion")]:
        alias = resources("AWS::Lambda::Alias")[name]
        assert resolved(alias["FunctionVersion"]) == "$LATEST"
        assert resolved(alias["FunctionVersion"], Revision="7") == f"<{version}.Version>"
    for name in FUNCTIONS:
        # Else a deployment that changes a parameter alone would publish nothing.
        assert function(name, Revision="7")["Description"] != function(name, Revision="8")["Description"]
    for version in ("TriageVersion", "WatcherVersion"):
        body = template()["Resources"][version]
        assert body["DeletionPolicy"] == body["UpdateReplacePolicy"] == "Retain", "there is nothing to go back to"


def test_a_gradual_deployment_goes_back_on_the_alarms():
    given = {"GradualDeployment": "Linear10PercentEvery1Minute", "Revision": "7"}
    groups = resources("AWS::CodeDeploy::DeploymentGroup")
    for name, alias in [("TriageDeploymentGroup", "TriageEvents"), ("WatcherDeploymentGroup", "WatcherEvents")]:
        assert exists(name, **given) and not exists(name)
        group = resolved(groups[name], **given)
        assert group["DeploymentConfigName"] == "CodeDeployDefault.LambdaLinear10PercentEvery1Minute"
        assert group["AutoRollbackConfiguration"]["Enabled"]
        assert "DEPLOYMENT_STOP_ON_ALARM" in group["AutoRollbackConfiguration"]["Events"]
        watched = {alarm["Name"] for alarm in group["AlarmConfiguration"]["Alarms"]}
        assert {"<TriageErrorsAlarm>", "<WatcherErrorsAlarm>", "<FailureQueueAlarm>"} <= watched
        policy = template()["Resources"][alias]["UpdatePolicy"]
        assert resolved(policy, **given)["CodeDeployLambdaAliasUpdate"]["DeploymentGroupName"] == f"<{name}>"
        assert resolved({"update": policy}) == {}


@pytest.mark.parametrize("given, refused", [
    ({}, None), (OF_A_COMPANY, None),
    ({"SubnetIds": "subnet-0a"}, "SubnetsAndSecurityGroupsGoTogether"),
    ({"SecurityGroupIds": "sg-0a"}, "SubnetsAndSecurityGroupsGoTogether"),
    ({"GradualDeployment": "Linear10PercentEvery1Minute"}, "OnlyAVersionCanBeShiftedTo"),
])
def test_parameters_that_need_each_other_are_asked_for_together(given, refused):
    def holds(condition):
        return resolved({"Fn::If": [name_of(condition), True, False]}, **given)

    def name_of(condition):
        # A rule's condition stands by itself; here it is looked at as one of the template's.
        template()["Conditions"]["made up"] = condition
        return "made up"

    broken = [name for name, rule in source()["Rules"].items() if holds(rule.get("RuleCondition", {"Fn::Equals": ["", ""]}))
              and not all(holds(assertion["Assert"]) for assertion in rule["Assertions"])]
    template()["Conditions"].pop("made up", None)
    assert broken == ([refused] if refused else [])


def test_the_serverless_application_repository_knows_what_it_is():
    told = source()["Metadata"]["AWS::ServerlessRepo::Application"]
    assert {"Name", "Description", "Author", "SpdxLicenseId", "LicenseUrl", "ReadmeUrl", "SemanticVersion"} <= set(told)


def test_each_exception_that_checkov_is_asked_for_has_its_reason():
    skips = [skip for body in source()["Resources"].values() for skip in body.get("Metadata", {}).get("checkov", {}).get("skip", [])]
    assert skips and all(skip["id"].startswith("CKV") and len(skip["comment"]) > 20 for skip in skips)
