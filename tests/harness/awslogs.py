"""CloudWatch Logs subscription events: as Lambda gets them, and as a person reads them.

    python -m tests.harness.awslogs          # writes the files in events/ from their twins in tests/decoded/
"""

import base64
import gzip
import json
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
EVENTS = ROOT / "events"
DECODED = ROOT / "tests" / "decoded"


def encode(decoded):
    """`decoded` is the inner object, or bytes to use in its place."""
    inner = decoded if isinstance(decoded, bytes) else json.dumps(decoded, ensure_ascii=False).encode()
    # No time in the header: the same text makes the same file.
    return {"awslogs": {"data": base64.b64encode(gzip.compress(inner, mtime=0)).decode()}}


def decode(event):
    return json.loads(gzip.decompress(base64.b64decode(event["awslogs"]["data"])))


def data_message(messages, log_group="/made-up/application", stream="made-up-stream", timestamp=None, first_id=1):
    """A data message of these lines. A line is text, or a pair of timestamp (ms) and text."""
    events = []
    for number, line in enumerate(messages, first_id):
        at, text = line if isinstance(line, tuple) else (timestamp, line)
        # As long as the real ones.
        events.append({"id": f"{number:056d}", "timestamp": at, "message": text})
    return {"messageType": "DATA_MESSAGE", "owner": "123456789012", "logGroup": log_group, "logStream": stream,
            "subscriptionFilters": ["made-up"], "logEvents": events}


def write_all():
    for twin in sorted(DECODED.glob("logs__*.json")):
        event = encode(json.loads(twin.read_text()))
        (EVENTS / twin.name).write_text(json.dumps(event) + "\n")


if __name__ == "__main__":
    write_all()
