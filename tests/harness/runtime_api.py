"""Lambda's Runtime API, and a function process driven through it as on Lambda.

    with Function(env={...}) as function:
        result = function.invoke({"operation": ...})
        result.answer, result.error, result.lines, result.metrics
"""

import dataclasses
import json
import os
import pathlib
import queue
import subprocess
import tempfile
import threading
import time
import uuid

from .servers import Handler, Server

ROOT = pathlib.Path(__file__).resolve().parents[2]
LOG_GROUP = "/made-up/oidc-triage"

#: In seconds. After this time nothing more will come: a busy machine is not a failure, so the wait is long.
PATIENCE = 120


#: Everything that can be built, with the features of the Makefile: with others, cargo would compile everything again.
WHOLE = ["--workspace", "--features", "oidc-triage/s3"]


def binary(name="oidc-triage-function", variable="OIDC_TRIAGE_FUNCTION"):
    """The program under test: the one that the variable names, else cargo's debug build."""
    return os.environ.get(variable) or str(ROOT / "target" / "debug" / name)


def arn_of(alias):
    """The invoked ARN, as Lambda gives it."""
    return "arn:aws:lambda:us-east-1:111122223333:function:made-up" + (f":{alias}" if alias else "")


def metrics_of(line):
    """A line of the embedded metric format as a value; None for any other line."""
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) and "_aws" in value else None


@dataclasses.dataclass
class Result:
    request_id: str
    #: The function's answer: parsed, or None if it reported an error.
    answer: dict | None
    #: The reported error: `{"errorType", "errorMessage", ...}`.
    error: dict | None
    #: Its output in the meantime, on both streams.
    output: str

    @property
    def lines(self):
        """Its output without metrics."""
        return [line for line in self.output.splitlines() if line.strip() and not metrics_of(line)]

    @property
    def metrics(self):
        """The lines of metrics."""
        return [line for line in self.output.splitlines() if metrics_of(line)]

    def problems(self):
        return {problem["name"]: problem["count"] for problem in self.answer["problems"]}

    def everything(self):
        return json.dumps([self.answer, self.error], ensure_ascii=False) + self.output


class RuntimeApi(Server):
    def __init__(self):
        super().__init__(_Handler)
        self.waiting = queue.Queue()
        self.answers = queue.Queue()
        #: Set while the function waits for work: then the invocation before is done, with its log lines.
        self.idle = threading.Event()
        self.init_error = None


class _Handler(Handler):
    def do_GET(self):
        self.server.idle.set()
        invocation = self.server.waiting.get()
        if invocation is None:
            self.close_connection = True
            return
        self.server.idle.clear()
        request_id, payload, deadline, arn = invocation
        self.answer(200, payload, {
            "Content-Type": "application/json",
            "Lambda-Runtime-Aws-Request-Id": request_id,
            "Lambda-Runtime-Deadline-Ms": str(int(deadline * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": arn,
            "Lambda-Runtime-Trace-Id": "Root=1-00000000-000000000000000000000000;Parent=0000000000000000;Sampled=0",
        })

    def do_POST(self):
        body = self.body()
        # /2018-06-01/runtime/invocation/<id>/response | .../error, or /2018-06-01/runtime/init/error
        parts = self.path.strip("/").split("/")
        self.answer(202, b'{"status":"OK"}', {"Content-Type": "application/json"})
        if parts[2] == "init":
            self.server.init_error = body
        else:
            self.server.answers.put((parts[3], parts[4], body))


class Function:
    def __init__(self, env=None, path=None, region="us-east-1", clock=time.time):
        self.path = path or binary()
        #: Lambda's clock, which sets the deadlines.
        self.clock = clock
        # Only the variables of Lambda: nothing of the developer's shell may leak into a test.
        self.env = {
            "AWS_LAMBDA_FUNCTION_NAME": "made-up",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
            "AWS_LAMBDA_LOG_GROUP_NAME": LOG_GROUP,
            "AWS_LAMBDA_LOG_STREAM_NAME": "2026/11/03/made-up[$LATEST]0",
            "AWS_LAMBDA_LOG_FORMAT": "JSON",
            "AWS_LAMBDA_LOG_LEVEL": "INFO",
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
            "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "planted-secret-access-key",
            "AWS_SESSION_TOKEN": "planted-session-token",
            "AWS_EC2_METADATA_DISABLED": "true",
            "HOME": "/nonexistent",
            "PATH": "/usr/bin:/bin",
            **(env or {}),
        }
        self.api = RuntimeApi()

    def __enter__(self):
        self.api.__enter__()
        self.output = tempfile.TemporaryFile()
        self.seen = 0
        self.process = subprocess.Popen(
            [self.path], stdin=subprocess.DEVNULL, stdout=self.output, stderr=subprocess.STDOUT,
            env={**self.env, "AWS_LAMBDA_RUNTIME_API": self.api.url.removeprefix("http://")})
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.api.waiting.put(None)
        self.api.__exit__()
        self.output.close()

    def kill(self):
        """Like a machine that is gone: nothing more happens."""
        self.process.kill()
        self.process.wait()

    def wait_idle(self, seconds=PATIENCE):
        until = time.monotonic() + seconds
        while not self.api.idle.wait(0.2):
            if self.process.poll() is None and time.monotonic() < until:
                continue
            raise AssertionError(f"the function does not ask for work: exit {self.process.poll()}, "
                                 f"init error {self.api.init_error}, output:\n{self.all_output()}")

    def invoke(self, payload, remaining=30.0, alias=None):
        """One invocation, from the payload (bytes, or a value that becomes JSON) to the answer or the error, by that
        `alias`.

        It is not stopped at its deadline as on Lambda: the time of an answer depends on the machine. A test of the
        deadline makes the function wait for something that never comes.
        """
        if not isinstance(payload, bytes):
            payload = json.dumps(payload).encode()
        self.wait_idle()
        self.api.idle.clear()
        request_id, started = str(uuid.uuid4()), time.monotonic()
        self.api.waiting.put((request_id, payload, self.clock() + remaining, arn_of(alias)))
        while True:
            try:
                answered_id, kind, body = self.api.answers.get(timeout=0.1)
                break
            except queue.Empty:
                if self.process.poll() is not None:
                    raise AssertionError(f"the function died with {self.process.returncode}:\n{self.all_output()}")
                if time.monotonic() - started > max(remaining, 0) + PATIENCE:
                    raise AssertionError(f"no answer in {remaining} s:\n{self.all_output()}")
        assert answered_id == request_id
        self.wait_idle()
        answer = json.loads(body)
        ok = kind == "response"
        return Result(request_id, answer if ok else None, None if ok else answer, self.new_output())

    def new_output(self):
        # The child shares the file's offset: read without moving it.
        text = os.pread(self.output.fileno(), 1 << 26, self.seen)
        self.seen += len(text)
        return text.decode("utf-8", "replace")

    def all_output(self):
        return os.pread(self.output.fileno(), 1 << 26, 0).decode("utf-8", "replace")

    @property
    def alive(self):
        return self.process.poll() is None

    def peak_memory(self):
        """The peak resident size so far, in bytes."""
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
        raise AssertionError("no VmHWM")
