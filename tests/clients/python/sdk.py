"""boto3."""

import functools
import time

import boto3
import botocore.config
from botocore import xform_name

from forms import serve

# Between attempts.
time.sleep = functools.partial(lambda sleep, seconds: sleep(min(seconds, 0.02)), time.sleep)


def sign_in(client, operation, parameters):
    return getattr(client, operation)(**parameters)


class Client:
    loggers = "botocore.endpoint", "botocore.parsers", "botocore.retryhandler", "urllib3.connectionpool"

    @staticmethod
    def call(job):
        client = boto3.client(job.get("service", "sso-oidc"), region_name=job["region"], config=botocore.config.Config(
            connect_timeout=job["timeout"], read_timeout=job["timeout"],
            proxies={"https": job["proxy"]} if job["proxy"] else None,
            retries={"mode": "standard"} if job["operation"] == "CreateToken" and job["debug"] else None))
        operation = xform_name(job["operation"])
        if not hasattr(client, operation):
            return "not in this version"
        sign_in(client, operation, job["input"])


serve(Client)
