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


#: The stream of events/.
STREAM_ARN = "arn:aws:kinesis:us-east-1:111122223333:stream/made-up-stream"


def stream(data, first=0):
    """A Kinesis batch as Lambda gets it. A record is a document of CloudWatch Logs, or its base64."""
    records = []
    for number, one in enumerate(data, first):
        sequence = f"4959033827149025660855969253836157109592157598913658{number:04d}"
        records.append({
            "kinesis": {"kinesisSchemaVersion": "1.0", "partitionKey": "0f000000000000000000000000000001", "sequenceNumber": sequence,
                        "data": one if isinstance(one, str) else encode(one)["awslogs"]["data"],
                        "approximateArrivalTimestamp": 1793700301.321},
            "eventSource": "aws:kinesis", "eventVersion": "1.0", "eventID": f"shardId-000000000000:{sequence}",
            "eventName": "aws:kinesis:record", "invokeIdentityArn": "arn:aws:iam::111122223333:role/made-up-role",
            "awsRegion": "us-east-1", "eventSourceARN": STREAM_ARN})
    return {"Records": records}


def write_all():
    for twin in sorted(DECODED.glob("kinesis__*.json")):
        (EVENTS / twin.name).write_text(json.dumps(stream(json.loads(twin.read_text()))) + "\n")
    for twin in sorted(DECODED.glob("logs__*.json")):
        event = encode(json.loads(twin.read_text()))
        (EVENTS / twin.name).write_text(json.dumps(event) + "\n")


if __name__ == "__main__":
    write_all()
