"""S3 as somebody's bucket that is listed and read, with what goes wrong there.

    with FakeBucket({"AWSLogs/...": b"..."}) as s3:
        s3.lists, s3.gets                  # the questions for keys, and (key, range) of what was read
        s3.troubles["key"] = [(503, "SlowDown"), (0, "")]      # the next answers for that key; 0: the connection breaks
        s3.cut.add("key")                  # the next answer for it breaks off in the middle
        s3.replaced.add("key")             # each answer for it is of another version
        s3.delays["key"] = 0.5             # it comes so much later
"""

import hashlib
import re
import threading
import time
import urllib.parse
import xml.sax.saxutils

from .fake_s3 import SIGNED
from .servers import Handler, Server

BUCKET = "made-up-archive"
#: Questions for keys have a name of their own among the troubles.
LIST = "?list"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "AKIDMADEUP", "AWS_SECRET_ACCESS_KEY": "planted-secret", "AWS_EC2_METADATA_DISABLED": "true"}


class FakeBucket(Server):
    def __init__(self, objects, region="us-east-1", page=1000):
        super().__init__(_Handler)
        self.objects, self.region, self.page = objects, region, page
        self.lock = threading.Lock()
        self.lists, self.gets = [], []
        self.troubles, self.cut, self.replaced, self.delays = {}, set(), set(), {}
        #: What was asked for, and answered only after its delay.
        self.waited = []
        #: Requests that no S3 would take.
        self.wrong = []

    def environment(self, **env):
        return {**CREDENTIALS, "AWS_ENDPOINT_URL_S3": self.url, "AWS_REGION": "us-east-1", **env}

    def trouble(self, of):
        with self.lock:
            troubles = self.troubles.get(of)
            return troubles.pop(0) if troubles else None


class _Handler(Handler):
    def do_GET(self):
        server, (path, _, query) = self.server, self.path.partition("?")
        bucket, _, key = path.lstrip("/").partition("/")
        key, asked = urllib.parse.unquote(key), dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
        with server.lock:
            if key:
                server.gets.append((key, self.headers.get("Range")))
            else:
                server.lists.append(asked)
        signed = SIGNED.fullmatch(self.headers.get("Authorization") or "")
        if not signed or self.headers.get("x-amz-content-sha256") != hashlib.sha256(b"").hexdigest():
            server.wrong.append(self.path)
            return self.refuse(403, "SignatureDoesNotMatch")
        if delay := server.delays.get(key or LIST):
            time.sleep(delay)
            server.waited.append(key)
        if trouble := server.trouble(key or LIST):
            return self.refuse(*trouble)
        if bucket != BUCKET:
            return self.refuse(404, "NoSuchBucket")
        if signed[1] != server.region:
            return self.refuse(400, "AuthorizationHeaderMalformed", {"x-amz-bucket-region": server.region})
        if not key:
            return self.list(asked)
        return self.give(key)

    def give(self, key):
        body = self.server.objects.get(key)
        if body is None:
            return self.refuse(404, "NoSuchKey")
        tag = f'"{len(self.server.gets) if key in self.server.replaced else hashlib.md5(body).hexdigest()}"'
        if self.headers.get("If-Match", tag) != tag:
            return self.refuse(412, "PreconditionFailed")
        begin, end = map(int, re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers["Range"]).groups())
        part = body[begin:end + 1]
        if not part:
            return self.refuse(416, "InvalidRange")
        if key in self.server.cut:
            self.server.cut.discard(key)
            self.send_response(206)
            self.send_header("Content-Length", str(len(part)))
            self.end_headers()
            self.wfile.write(part[:len(part) // 2])
            self.close_connection = True
            return None
        return self.answer(206, part, {"ETag": tag, "Content-Range": f"bytes {begin}-{begin + len(part) - 1}/{len(body)}"})

    def list(self, asked):
        assert asked["list-type"] == "2"
        prefix, delimiter = asked.get("prefix", ""), asked.get("delimiter")
        after = asked.get("continuation-token") or asked.get("start-after", "")
        room, found, last = min(int(asked.get("max-keys", 1000)), self.server.page), [], None
        is_cut = False
        for key in sorted(self.server.objects):
            if not key.startswith(prefix) or key <= after:
                continue
            cut = key.find(delimiter, len(prefix)) if delimiter else -1
            name = key[:cut + 1] if cut >= 0 else key
            if cut >= 0 and (name == last or after.startswith(name)):
                continue
            if len(found) == room:
                is_cut = True
                break
            found.append((name, cut >= 0, len(self.server.objects[key])))
            last = name
        escaped = xml.sax.saxutils.escape
        rows = "".join(f"<CommonPrefixes><Prefix>{escaped(name)}</Prefix></CommonPrefixes>" if is_folder else
                       f"<Contents><Key>{escaped(name)}</Key><LastModified>2026-11-28T00:00:00.000Z</LastModified><ETag>&quot;x&quot;</ETag>"
                       f"<Size>{size}</Size><StorageClass>STANDARD</StorageClass></Contents>" for name, is_folder, size in found)
        more = f"<NextContinuationToken>{escaped(found[-1][0])}</NextContinuationToken>" if is_cut else ""
        body = (f'<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>{BUCKET}</Name>'
                f"<Prefix>{escaped(prefix)}</Prefix><IsTruncated>{str(is_cut).lower()}</IsTruncated>{rows}{more}</ListBucketResult>")
        return self.answer(200, body.encode(), {"Content-Type": "application/xml"})

    def refuse(self, status, code, headers=()):
        if status == 0:
            self.close_connection = True
            return None
        body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>planted-message-of-s3</Message></Error>'
        return self.answer(status, body.encode(), {"Content-Type": "application/xml", **dict(headers)})
