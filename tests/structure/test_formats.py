"""What programs were promised of a notice, kept for each version: the notices that are sent now must keep it.

`tests/formats/notice-2.1.schema.json` is the schema of that version without its explanations. The table's items are kept in the
same way, by `tests/store/formats.rs`.
"""

import json
import os
import re
from pathlib import Path

import jsonschema
import pytest

from .test_text import PROJECT

KEPT = PROJECT / "tests" / "formats"
SCHEMA = json.loads((PROJECT / "docs" / "notice.schema.json").read_text())
VERSION = SCHEMA["properties"]["version"]["const"]
NOTICES = {path.name: json.loads(path.read_text()) for path in sorted((PROJECT / "tests" / "notices").glob("*.machine.json"))}


EXPLAINS = ("$id", "title", "description")


def promised(schema):
    """Without what only people read."""
    if isinstance(schema, list):
        return [promised(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    # `properties` holds members by their names, and one of them may be called so.
    return {name: {member: promised(part) for member, part in value.items()} if name == "properties" else promised(value)
            for name, value in schema.items() if not (name in EXPLAINS and isinstance(value, str))}


def kept(version: str) -> Path:
    return KEPT / f"notice-{version}.schema.json"


def versions() -> list[str]:
    return [re.fullmatch(r"notice-(\d+\.\d+)\.schema\.json", path.name)[1] for path in sorted(KEPT.iterdir())]


def test_the_schema_of_this_version_is_kept() -> None:
    if os.environ.get("UPDATE_FORMATS") and not kept(VERSION).exists():
        kept(VERSION).write_text(json.dumps(promised(SCHEMA), indent=1, sort_keys=True) + "\n")
    assert kept(VERSION).exists() and json.loads(kept(VERSION).read_text()) == promised(SCHEMA), (
        f"docs/notice.schema.json is no longer what tests/formats has as version {VERSION}. If no release sent that, delete the "
        "file; else raise the version (the first number where a member changes its meaning or goes, the second where one is "
        "added), and keep it. Then run this test once with UPDATE_FORMATS=1, and say in docs/operate.md what readers must know.")


def readable(notice: dict, version: str) -> list[str]:
    """What is wrong with a notice for a reader of that version."""
    schema = json.loads(kept(version).read_text())
    # It says its own version, by which a reader knows that it may have more.
    schema["properties"]["version"] = {"pattern": rf"^{version.split('.')[0]}\.\d+$"}
    return [error.message for error in jsonschema.Draft202012Validator(schema).iter_errors(notice)]


@pytest.mark.parametrize("version", [version for version in versions() if version.split(".")[0] == VERSION.split(".")[0]])
def test_a_reader_of_an_earlier_version_can_read_the_notices_of_this_one(version: str) -> None:
    assert len(NOTICES) > 40
    assert {name: wrong for name, notice in NOTICES.items() if (wrong := readable(notice, version))} == {}


def test_what_such_a_reader_cannot_read_is_found() -> None:
    notice = next(iter(NOTICES.values()))
    assert readable(notice | {"more": 1, "version": VERSION.split(".")[0] + ".99"}, VERSION) == []
    assert readable({name: value for name, value in notice.items() if name != "impact"}, VERSION)
    assert readable(notice | {"sequence": "1"}, VERSION) and readable(notice | {"kind": "invented"}, VERSION)
    assert readable(notice | {"version": "1.0"}, VERSION)


def test_explanations_are_no_promise() -> None:
    said = {"title": "a", "properties": {"title": {"type": "string", "description": "b"}}, "items": [{"description": "c"}]}
    assert promised(said) == {"properties": {"title": {"type": "string"}}, "items": [{}]}
