"""S3, as far as one bucket is written and another one read: by path, from the account that owns it; it refuses as S3 does.

    with FakeS3() as s3:
        s3.objects["status.json"].body, s3.puts      # the latest of each key, and the keys in order
        s3.trouble = (403, "AccessDenied")           # all requests get that, until it is None again; (0, "") drops them
        s3.files[key] = gzip, s3.gets                # what is in the trail's bucket, and the keys that were asked for
        s3.troubles[key], s3.delays[key]             # the same as `trouble` and `delay`, of one of them
"""

import dataclasses
import hashlib
import re
import threading
import time
import urllib.parse

from .runtime_api import arn_of
from .servers import Handler, Server

BUCKET = "made-up-status"
TRAIL = "made-up-trail"
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
        self.files, self.gets = {}, []
        self.troubles, self.delays = {}, {}
        self.trouble = None
        self.delay = 0.0
        #: Requests that no S3 would take.
        self.wrong = []


class _Handler(Handler):
    def do_PUT(self):
        server, body = self.server, self.body()
        key = self.granted(BUCKET, body)
        if key is not None:
            with server.lock:
                server.objects[key] = Object(body, {name.lower(): value for name, value in self.headers.items()})
                server.puts.append(key)
            self.answer(200, b"", {"ETag": '"made-up"'})

    def do_GET(self):
        server = self.server
        with server.lock:
            server.gets.append(self.named()[1])
        key = self.granted(TRAIL, b"")
        if key is None:
            return
        if key not in server.files:
            return self.error(404, "NoSuchKey")
        self.answer(200, server.files[key], {"Content-Type": "application/json", "Content-Encoding": "gzip"})

    def named(self):
        bucket, _, key = self.path.lstrip("/").partition("/")
        return bucket, urllib.parse.unquote(key)

    def granted(self, wanted, body):
        """The key, where it may be had. None: it was refused."""
        server, (bucket, key) = self.server, self.named()
        time.sleep(server.delays.get(key, server.delay))
        trouble = server.troubles.get(key, server.trouble)
        if trouble and trouble[0] == 0:
            self.close_connection = True
            return None
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
        if trouble:
            return self.error(*trouble)
        if bucket != wanted:
            return self.error(404, "NoSuchBucket")
        if self.headers.get("x-amz-expected-bucket-owner") != server.owner:
            return self.error(403, "AccessDenied")
        if signed[1] != server.region:
            return self.error(400, "AuthorizationHeaderMalformed", headers={"x-amz-bucket-region": server.region})
        return key

    def error(self, status, code, message="planted-message-of-s3", headers=()):
        body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>'
        self.answer(status, body.encode(), {"Content-Type": "application/xml", **dict(headers)})
