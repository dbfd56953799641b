"""An AWS on loopback: starts the emulator, deploys the build of `sam build`, and provides clients.

The emulator's functions inherit its environment, so it gets a clean one, and the addresses of the fake OIDC service and of the
fake Identity Store in it.
An access key of 12 digits is an account of its own there.
"""

import contextlib
import json
import os
import pathlib
import subprocess
import time
import urllib.request

import boto3
import botocore.config
from samtranslator.yaml_helper import yaml_parse

from .cloudformation import resolved
from .dynamodb import Table
from .runtime_api import PATIENCE
from .servers import ReservedPort

ROOT = pathlib.Path(__file__).resolve().parents[2]
REGION = "us-east-1"
BUILT_TEMPLATE = ROOT / ".aws-sam" / "build" / "template.yaml"


class Emulator:
    def __init__(self, folder, oidc_url="http://127.0.0.1:1", iam=True, directory_url="http://127.0.0.1:1"):
        self.folder = pathlib.Path(folder)
        self.port = ReservedPort()
        self.url = f"http://127.0.0.1:{self.port.number}"
        self.oidc_url, self.directory_url = oidc_url, directory_url
        self.iam = iam
        #: Those that have a stack.
        self.accounts = set()

    def __enter__(self):
        program = os.environ.get("OIDC_TRIAGE_EMULATOR") or str(ROOT / ".venv-emulator" / "bin" / "ministack")
        self.log = open(self.folder / "emulator.log", "wb")
        self.process = subprocess.Popen([program], stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
                                        cwd=self.folder, env={
            "PATH": "/usr/bin:/bin",
            "HOME": str(self.folder),
            "AUTH": str(self.iam).lower(),
            "LAMBDA_EXECUTOR": "local",
            "BIND_HOST": "127.0.0.1",
            "MINISTACK_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.port.number),
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ENDPOINT_URL_SSO_OIDC": self.oidc_url,
            # Not supported by the emulator.
            "AWS_ENDPOINT_URL_IDENTITYSTORE": self.directory_url,
            "IOT_MTLS_ENABLED": "0",
            # Lambda waits minutes before it retries a failed function.
            "LAMBDA_ASYNC_RETRY_BASE_SECONDS": "0.2",
            "LAMBDA_ASYNC_RETRY_MAX_SECONDS": "1",
            "AWS_LAMBDA_LOG_FORMAT": "JSON",
            "AWS_LAMBDA_LOG_LEVEL": "INFO",
        })
        try:
            self.wait_healthy()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()
        self.port.release()

    def wait_healthy(self, seconds=PATIENCE):
        until = time.monotonic() + seconds
        while True:
            with contextlib.suppress(OSError):
                with urllib.request.urlopen(self.url + "/_ministack/health", timeout=1):
                    return
            if self.process.poll() is not None or time.monotonic() > until:
                raise RuntimeError("the emulator does not start:\n" + (self.folder / "emulator.log").read_text()[-4000:])
            time.sleep(0.05)

    def client(self, service, account, secret="made-up", token=None):
        return boto3.client(service, endpoint_url=self.url, region_name=REGION, aws_access_key_id=account,
                            aws_secret_access_key=secret, aws_session_token=token,
                            config=botocore.config.Config(retries={"total_max_attempts": 1}, read_timeout=PATIENCE))


def ends_tls(client):
    """A client whose requests claim that TLS ended in front of the emulator, which trusts them."""
    client.meta.events.register("before-sign", lambda request, **_: request.headers.add_header("X-Forwarded-Proto", "https"))
    return client


def with_conditions_met(path, parameters):
    """The template with the code's absolute path, and with constants for conditions that the emulator cannot evaluate:
    it treats text functions and lists as non-empty texts. Their meaning on AWS is tested with the template.
    """
    template = yaml_parse(path.read_text())
    uses = {name: json.dumps(condition) for name, condition in template["Conditions"].items()}
    for name in (name for name, used in uses.items()
                 if any(f'"Fn::{function}"' in used for function in ("Join", "Select", "Split", "Sub"))):
        met = resolved({"Fn::If": [name, "met", "not met"]}, template, parameters)
        template["Conditions"][name] = {"Fn::Equals": [met, "met"]}
    # It has no policies of buses.
    template["Resources"] = {name: body for name, body in template["Resources"].items() if body["Type"] != "AWS::Events::EventBusPolicy"}
    # Names files next to the template, only for publishing.
    template["Metadata"].pop("AWS::ServerlessRepo::Application", None)
    for name in ("TriageFunction", "WatcherFunction"):
        # In a released template both get it from Globals.
        if "CodeUri" in template["Resources"][name]["Properties"]:
            properties = template["Resources"][name]["Properties"]
        else:
            properties = template["Globals"]["Function"]
        properties["CodeUri"] = str(path.parent / properties["CodeUri"])
    return template


class Stack:
    """The deployed stack in an account of its own, with its outputs by name."""

    def __init__(self, emulator, account, name="triage", template=BUILT_TEMPLATE, **parameters):
        self.emulator, self.account, self.name = emulator, account, name
        # Two in one account would share a table by its name, and the later one would go on with the other's incidents.
        assert account not in emulator.accounts, f"a stack is in account {account} already"
        emulator.accounts.add(account)
        self.reads_a_trail = bool(parameters.get("TrailBucket"))
        bucket = f"artifacts-{account}"
        self.client("s3").create_bucket(Bucket=bucket)
        sam = os.environ.get("OIDC_TRIAGE_SAM") or str(ROOT / ".venv" / "bin" / "sam")
        # The emulator refuses saved queries.
        parameters = {"SavedQueries": "false", **parameters}
        met = emulator.folder / f"{account}.yaml"
        met.write_text(json.dumps(with_conditions_met(template, parameters)))
        command = [sam, "deploy", "--template-file", str(met), "--stack-name", name, "--s3-bucket", bucket,
                   "--capabilities", "CAPABILITY_IAM", "--no-confirm-changeset", "--no-progressbar"]
        command += ["--parameter-overrides", *(f'{key}="{value}"' for key, value in parameters.items())]
        done = subprocess.run(command, cwd=emulator.folder, capture_output=True, text=True, timeout=5 * PATIENCE, env={
            "PATH": "/usr/bin:/bin", "HOME": str(emulator.folder), "SAM_CLI_TELEMETRY": "0",
            "AWS_ACCESS_KEY_ID": account, "AWS_SECRET_ACCESS_KEY": "made-up", "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION, "AWS_ENDPOINT_URL": emulator.url})
        if done.returncode != 0:
            raise RuntimeError(f"sam deploy failed:\n{done.stdout}\n{done.stderr}")
        stack = self.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
        self.outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
        self.deployed = self.let_in()
        self.retry_as_by_events()

    def retry_as_by_events(self):
        """The emulator looks for a failed event's destination at the function, and never at the alias."""
        client, function = self.client("lambda"), self.outputs["FunctionName"]
        of_alias = client.get_function_event_invoke_config(FunctionName=function, Qualifier="events")
        client.put_function_event_invoke_config(FunctionName=function, MaximumRetryAttempts=of_alias["MaximumRetryAttempts"],
                                                DestinationConfig=of_alias["DestinationConfig"])

    def let_in(self):
        """Removes statements from the deployed policies that nobody could fulfil here, and returns those of topics and
        queue as they were.

        The emulator has no TLS, so it would refuse the functions' requests; and without `events:source` the roles could
        put no event.
        """
        deployed = list(self.policies())
        for put, policy in deployed:
            put({**policy, "Statement": [statement for statement in policy["Statement"]
                                         if "aws:SecureTransport" not in statement.get("Condition", {}).get("Bool", {})]})
        iam = self.client("iam")
        for role in map(self.physical_id, ("TriageRole", "WatcherRole")):
            named = {"RoleName": role, "PolicyName": "share-and-notify"}
            policy = iam.get_role_policy(**named)["PolicyDocument"]
            for statement in policy["Statement"]:
                statement.get("Condition", {}).pop("Null", None)
            iam.put_role_policy(**named, PolicyDocument=json.dumps(policy))
        return deployed

    def policies(self):
        """The policies of the topics and queues, each with a function that replaces it."""
        sns, sqs = ends_tls(self.client("sns")), ends_tls(self.client("sqs"))
        for arn in (self.outputs[name] for name in ("TopicArn", "PagerTopicArn") if name in self.outputs):
            policy = sns.get_topic_attributes(TopicArn=arn)["Attributes"]["Policy"]
            yield (lambda policy, arn=arn: sns.set_topic_attributes(TopicArn=arn, AttributeName="Policy",
                                                                    AttributeValue=json.dumps(policy))), json.loads(policy)
        for url in (self.outputs["DeadLetterQueueUrl"], *([self.physical_id("TrailQueue")] if self.reads_a_trail else [])):
            policy = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]["Policy"]
            yield (lambda policy, url=url: sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})), json.loads(policy)

    @contextlib.contextmanager
    def policies_as_deployed(self):
        for put, policy in self.deployed:
            put(policy)
        try:
            yield
        finally:
            self.let_in()

    def client(self, service):
        return self.emulator.client(service, self.account)

    def table(self):
        return Table(self.client("dynamodb"), self.outputs["TableName"])

    def physical_id(self, logical_id):
        resource = self.client("cloudformation").describe_stack_resource(StackName=self.name,
                                                                         LogicalResourceId=logical_id)
        return resource["StackResourceDetail"]["PhysicalResourceId"]

    def open_queue(self, service):
        """A queue that a service may send to: its URL and its ARN."""
        sqs = self.client("sqs")
        url = sqs.create_queue(QueueName=f"heard-{time.monotonic_ns()}")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": (
            f'{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"Service":"{service}.amazonaws.com"}},'
            f'"Action":"sqs:SendMessage","Resource":"{arn}"}}]}}')})
        return url, arn

    def topic_queue(self, output="TopicArn", **filter_policy):
        """A queue that receives the topic's messages from now on, if the policy passes them."""
        sns = self.client("sns")
        url, arn = self.open_queue("sns")
        attributes = {"FilterPolicy": json.dumps(filter_policy)} if filter_policy else {}
        subscription = sns.subscribe(TopicArn=self.outputs[output], Protocol="sqs", Endpoint=arn, Attributes=attributes,
                                     ReturnSubscriptionArn=True)["SubscriptionArn"]
        return Queue(self.client("sqs"), url, lambda: sns.unsubscribe(SubscriptionArn=subscription))

    def bus_queue(self, pattern):
        """A queue that receives matching events of the default bus from now on."""
        events, name = self.client("events"), f"heard-{time.monotonic_ns()}"
        url, arn = self.open_queue("events")
        events.put_rule(Name=name, EventPattern=json.dumps(pattern))
        events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": arn}])

        def close():
            events.remove_targets(Rule=name, Ids=["queue"])
            events.delete_rule(Name=name)

        return Queue(self.client("sqs"), url, close)


class Queue:
    def __init__(self, sqs, url, close=lambda: None):
        self.sqs, self.url, self.close = sqs, url, close

    def receive(self, at_least, seconds=PATIENCE, settle=1.0):
        """Messages' bodies: waits for that many, and then a little longer for those that should not come."""
        bodies, until = [], time.monotonic() + seconds
        while time.monotonic() < until:
            answer = self.sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
            for message in answer.get("Messages", []):
                bodies.append(message["Body"])
                self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
            if len(bodies) >= at_least:
                until = min(until, time.monotonic() + settle)
        return bodies
