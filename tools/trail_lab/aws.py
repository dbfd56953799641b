"""AWS as data. In: settings. Out: clients, who we are, and an `Answer` for each request, whatever became of it.

botocore's own retries are off: each call is made once, so that each has one request id. Nothing here prints.
"""

import email.utils
import os
import re
import time
from dataclasses import dataclass, field

from .settings import is_region

INSTALL = "python3 -m pip install boto3"
UPGRADE = "python3 -m pip install --upgrade boto3"
NAME = "oidc-triage-lab"
CONNECT_S, ANSWER_S = 10, 30
#: Every answer of AWS has a request id; a proxy's page has none, and botocore may take it for a served call.
NOT_OF_AWS = "an answer without request id, which is not AWS's"


class CannotStart(Exception):
    """Nothing was called yet; the text says what to do."""


@dataclass(frozen=True)
class Answer:
    """What a request was answered with. `data` may hold secrets, and is never printed."""

    #: None: no answer at all.
    status: int | None
    #: The error's name; None where the call was served or not answered.
    code: str | None = None
    request_id: str | None = None
    #: By the service's clock where it says so: this machine's may be wrong.
    at: float = 0.0
    #: What kept an answer away, as botocore names it.
    trouble: str | None = None
    message: str = field(default="", repr=False)
    data: dict = field(default_factory=dict, repr=False)

    @property
    def is_served(self):
        return self.status is not None and self.code is None


@dataclass(frozen=True)
class Caller:
    account: str = field(repr=False)
    arn: str = field(repr=False)
    user_id: str = field(repr=False)

    @property
    def partition(self):
        return self.arn.split(":")[1] if self.arn.startswith("arn:aws") else "aws"


class Aws:
    def __init__(self, settings, run):
        try:
            import boto3
            import botocore.config
            import botocore.exceptions
            import botocore.parsers
        except ImportError as missing:
            raise CannotStart(f"this needs boto3, AWS's library for Python, which is not installed: {INSTALL}") from missing
        self._failures = botocore.exceptions
        # A proxy's page instead of an answer.
        self._no_answer = (botocore.exceptions.BotoCoreError, botocore.parsers.ResponseParserError)
        try:
            self._session = boto3.Session(profile_name=settings.profile)
            self.region = settings.region or os.environ.get("AWS_REGION") or self._session.region_name
        except botocore.exceptions.BotoCoreError as wrong:
            raise CannotStart(f"your AWS settings cannot be used ({type(wrong).__name__}): look at --profile and AWS_PROFILE") from wrong
        if not self.region:
            raise CannotStart("no region: give --region, which is your Identity Center's, or set AWS_REGION")
        if not is_region(self.region):
            raise CannotStart("the region of your AWS settings is none: give --region, such as us-east-1")
        try:
            self._config = botocore.config.Config(
                user_agent_appid=f"{NAME}-{run}", retries={"total_max_attempts": 1}, connect_timeout=CONNECT_S, read_timeout=ANSWER_S)
            oidc = self.client("sso-oidc").meta.service_model
            is_new_enough = "CreateTokenWithIAM" in oidc.operation_names and "grantTypes" in oidc.operation_model("RegisterClient").input_shape.members
        except TypeError:
            is_new_enough = False
        if not is_new_enough:
            raise CannotStart(f"boto3 {boto3.__version__} is too old to make these calls: {UPGRADE}")

    def client(self, service):
        try:
            return self._session.client(service, region_name=self.region, config=self._config)
        except (self._failures.BotoCoreError, ValueError) as wrong:
            raise CannotStart(f"there is no client for {service} ({type(wrong).__name__}): is the region right, and an endpoint "
                              "that you set a URL?") from wrong

    def ask(self, method, **inputs):
        begun = time.time()
        try:
            data = method(**inputs)
            return self._answer(data, begun, data=data)
        except self._failures.ClientError as refused:
            error = refused.response.get("Error", {})
            return self._answer(refused.response, begun, code=_name(error.get("Code")),
                                message=str(error.get("Message") or "")[:2000])
        except self._no_answer as trouble:
            return Answer(None, at=begun, trouble=type(trouble).__name__)

    @staticmethod
    def _answer(response, begun, **more):
        meta = response.get("ResponseMetadata", {})
        headers = meta.get("HTTPHeaders", {})
        request_id = meta.get("RequestId") or headers.get("x-amzn-requestid") or ""
        if not re.fullmatch(r"[\w-]{8,64}", request_id):
            return Answer(None, at=begun, trouble=NOT_OF_AWS)
        return Answer(meta.get("HTTPStatusCode"), request_id=request_id, at=_date(headers.get("date"), begun), **more)

    def caller(self):
        """Who we are, or None without credentials."""
        try:
            found = self._session.get_credentials()
        except self._failures.BotoCoreError as wrong:
            raise CannotStart(f"your AWS credentials cannot be read ({type(wrong).__name__})") from wrong
        if found is None:
            return None
        answer = self.ask(self.client("sts").get_caller_identity)
        if answer.code:
            raise CannotStart(f"AWS refuses your credentials ({answer.code}): sign in again, or look at --profile and AWS_PROFILE")
        if answer.trouble:
            raise CannotStart(f"your credentials cannot be tried ({answer.trouble}): sign in again if they have ended; else look at the "
                              "network and the region")
        return Caller(answer.data["Account"], answer.data["Arn"], answer.data["UserId"])

    def owns_instance(self, caller):
        """Whether the account owns an instance of Identity Center; None where that cannot be seen."""
        answer = self.ask(self.client("sso-admin").list_instances)
        if not answer.is_served:
            return None
        return any(instance.get("OwnerAccountId") == caller.account for instance in answer.data.get("Instances", []))


def _name(code):
    """An error's name, for tables and files: a proxy may have written it."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", str(code or "unnamed"))[:80]


def _date(header, otherwise):
    try:
        return email.utils.parsedate_to_datetime(header).timestamp()
    except (TypeError, ValueError, AttributeError, OverflowError):
        return otherwise
