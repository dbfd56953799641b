"""S3, as far as one bucket is written: it takes objects by path, from the account that owns it, and refuses as S3 does.

    with FakeS3() as s3:
        s3.objects["status.json"].body, s3.puts      # the latest of each key, and the keys in order
        s3.trouble = (403, "AccessDenied")           # all requests get that, until it is None again; (0, "") drops them
"""

import dataclasses
import hashlib
import re
import threading
import time

from .runtime_api import arn_of
from .servers import Handler, Server

BUCKET = "made-up-status"
#: Of the functions in tests.
OWNER = arn_of(None).split(":")[4]
SIGNED = re.compile(r"AWS4-HMAC-SHA256 Credential=[^/]+/\d{8}/([a-z0-9-]+)/s3/aws4_request, SignedHeaders=([a-z0-9;-]+), Signature=[0-9a-f]{64}")


@dataclasses.dataclass
class Object:
    body: bytes
    headers: dict


class FakeS3(Server):
    def __init__(self, region="us-east-1", owner=OWNER):
        super().__init__(_Handler)
        self.lock = threading.Lock()
        self.region, self.owner = region, owner
        self.objects, self.puts = {}, []
        self.trouble = None
        self.delay = 0.0
        #: Requests that no S3 would take.
        self.wrong = []


class _Handler(Handler):
    def do_PUT(self):
        server, body = self.server, self.body()
        time.sleep(server.delay)
        if server.trouble and server.trouble[0] == 0:
            self.close_connection = True
            return
        bucket, _, key = self.path.lstrip("/").partition("/")
        signed = SIGNED.fullmatch(self.headers.get("Authorization") or "")
        wrong = []
        if not signed or not {"host", "x-amz-content-sha256", "x-amz-date", "x-amz-expected-bucket-owner"} <= set(signed[2].split(";")):
            wrong.append("signature")
        if self.headers.get("x-amz-content-sha256") != hashlib.sha256(body).hexdigest():
            wrong.append("hash")
        with server.lock:
            server.wrong += wrong
        if wrong:
            return self.error(403, "SignatureDoesNotMatch")
        if server.trouble:
            return self.error(*server.trouble)
        if bucket != BUCKET:
            return self.error(404, "NoSuchBucket")
        if self.headers.get("x-amz-expected-bucket-owner") != server.owner:
            return self.error(403, "AccessDenied")
        if signed[1] != server.region:
            return self.error(400, "AuthorizationHeaderMalformed", {"x-amz-bucket-region": server.region})
        with server.lock:
            server.objects[key] = Object(body, {name.lower(): value for name, value in self.headers.items()})
            server.puts.append(key)
        self.answer(200, b"", {"ETag": '"made-up"'})

    def error(self, status, code, headers=()):
        body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>planted-message-of-s3</Message></Error>'
        self.answer(status, body.encode(), {"Content-Type": "application/xml", **dict(headers)})
