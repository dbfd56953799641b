"""The metrics of the table in docs/operate.md, and the checks for a line of them that CloudWatch accepts.

A Rust test compares that page with the code's own table, so the names are nowhere else in Python.
"""

import functools
import json
import re

import jsonschema

from .runtime_api import ROOT, metrics_of

#: Members of a line that are neither a metric nor the format's own.
PROPERTIES = {"timestamp", "level", "requestId", "kind", "regions"}


@functools.cache
def table():
    """The unit of each metric, by its name."""
    section = (ROOT / "docs" / "operate.md").read_text().split("\n## Metrics\n")[1].split("\n#")[0]
    return dict(re.findall(r"^\| `(\w+)` \| (\w+) \|", section, re.MULTILINE))


@functools.cache
def _validator():
    schema = json.loads((ROOT / "tests" / "schemas" / "emf.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def check(line, region="us-east-1"):
    """The values of a valid line, by name."""
    document = metrics_of(line)
    _validator().validate(document)
    (directive,) = document["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "oidc-triage"
    assert directive["Dimensions"] == [["Region"]] and document["Region"] == region
    named = {metric["Name"]: metric["Unit"] for metric in directive["Metrics"]}
    assert len(named) == len(directive["Metrics"]) and named.items() <= table().items()
    # Anything else in it could be untrusted text.
    assert set(document) == {"_aws", "Region"} | PROPERTIES | set(named)
    for name in named:
        values = document[name] if isinstance(document[name], list) else [document[name]]
        assert 1 <= len(values) <= 100 and all(type(value) in (int, float) and value >= 0 for value in values), name
    assert len(line.encode()) < 256 * 1024
    return {name: document[name] for name in named}


def emitted(result, region="us-east-1"):
    """The values of an invocation, by name: it writes exactly one line of them, with its request id."""
    (line,) = result.metrics
    assert metrics_of(line)["requestId"] == result.request_id
    return check(line, region)
