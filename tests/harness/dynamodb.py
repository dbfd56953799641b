"""The shared table as tests see it: read item by item, and created with the template's key schema."""

import datetime
import functools
import json
import pathlib
import uuid

import boto3
import boto3.dynamodb.types
import botocore.config
from samtranslator.yaml_helper import yaml_parse

from .runtime_api import PATIENCE

ROOT = pathlib.Path(__file__).resolve().parents[2]

#: That of `runtime_api.Function`: without IAM the emulator takes the key for the account's name.
ACCESS_KEY = "AKIAIOSFODNN7EXAMPLE"


@functools.cache
def as_deployed():
    """The template's definition of a table's keys."""
    properties = yaml_parse((ROOT / "template.yaml").read_text())["Resources"]["Table"]["Properties"]
    return {key: properties[key] for key in ("BillingMode", "AttributeDefinitions", "KeySchema")}


def client(url, region="us-east-1"):
    return boto3.client("dynamodb", endpoint_url=url, region_name=region, aws_access_key_id=ACCESS_KEY,
                        aws_secret_access_key="made-up", config=botocore.config.Config(
                            retries={"total_max_attempts": 1}, read_timeout=PATIENCE))


#: One is enough for all tests, and takes a while to make.
_client_of_the_emulator = functools.cache(client)


class Table:
    def __init__(self, dynamodb, name):
        self.dynamodb, self.name = dynamodb, name

    @classmethod
    def make(cls, url):
        """A new one, with the keys of the one that is deployed."""
        table = cls(_client_of_the_emulator(url), f"triage-{uuid.uuid4().hex[:12]}")
        table.dynamodb.create_table(TableName=table.name, **as_deployed())
        return table

    def delete(self):
        self.dynamodb.delete_table(TableName=self.name)

    def items(self):
        """Every item, as plain values."""
        read = boto3.dynamodb.types.TypeDeserializer().deserialize
        pages = self.dynamodb.get_paginator("scan").paginate(TableName=self.name, ConsistentRead=True)
        return [{name: read(value) for name, value in item.items()} for page in pages for item in page["Items"]]

    def incidents(self):
        """Every incident with a notice, oldest first: from its region's ledger if it is the latest there, else from the
        outbox."""
        items = self.items()
        found = {}
        for entry in self.outbox(items):
            if "incident" in entry:
                incident = found.setdefault(entry["incident"], {"id": entry["incident"], "resolved_at": None})
                incident["resolved_at"] = entry["made_at"] if entry["kind"] == "resolved" else None
        for item in items:
            if item["sk"] == "incident#current" and (latest := json.loads(item["ledger"])["incident"]):
                found[latest["id"]] = latest
        return list(found.values())

    def let_pass(self, seconds):
        """Ages waiting notices by so many seconds: claims, pauses, and recent notices."""
        for entry in self.outbox():
            if "not_before" in entry:
                self._set(entry, "not_before", {"N": str(int(entry["not_before"]) - 1000 * seconds)})
        for item in self.items():
            if item["sk"] == "told":
                entries = [(datetime.datetime.fromisoformat(at) - datetime.timedelta(seconds=seconds), group)
                        for at, group in json.loads(item["told"])]
                text = json.dumps([(at.isoformat().replace("+00:00", "Z"), group) for at, group in entries])
                self._set(item, "told", {"S": text})

    def _set(self, item, name, value):
        self.dynamodb.update_item(
            TableName=self.name, Key={"pk": {"S": item["pk"]}, "sk": {"S": item["sk"]}}, UpdateExpression="SET #name = :value",
            ExpressionAttributeNames={"#name": name}, ExpressionAttributeValues={":value": value})

    def unsent(self):
        return sum(not entry["sent_at"] for entry in self.outbox())

    def outbox(self, items=None):
        """Every notice ever decided, by region, then position; waiting ones have no `sent_at`."""
        entries = [item for item in items or self.items() if item["sk"].startswith("outbox#")]
        return sorted(({"sent_at": None} | entry for entry in entries), key=lambda entry: (entry["pk"], entry["sk"]))
