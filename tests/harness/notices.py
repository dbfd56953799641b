"""The schemas of each form of a notice, and their validation."""

import functools
import json

import jsonschema

from .runtime_api import ROOT


def strict(schema):
    """The published schema allows further members; the code must not add undocumented ones."""
    if isinstance(schema, list):
        return [strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: strict(part) for name, part in schema.items()}
    return made | {"additionalProperties": False} if isinstance(schema.get("properties"), dict) else made


@functools.cache
def validator(path):
    schema = json.loads((ROOT / path).read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(strict(schema), format_checker=jsonschema.FormatChecker())


def check_machine(notice):
    validator("docs/notice.schema.json").validate(notice)
    return notice


def check_chat(notification):
    validator("tests/schemas/custom_notification.schema.json").validate(notification)
    return notification


def check_alarm(alarm):
    validator("tests/schemas/alarm.schema.json").validate(alarm)
    # An update of an alert that is open keeps its state.
    assert (alarm["OldStateValue"], alarm["NewStateValue"]) in (("OK", "ALARM"), ("ALARM", "ALARM"), ("ALARM", "OK"))
    return alarm
