"""What was called: a file that is whole after each step, so that an interruption loses nothing.

It holds request ids, which AWS's support asks for, and no secret: a device code or a token of the run is gone with it.
"""

import json
import math
import os
import re
import secrets
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from .experiments import ALL, POLLS, SERVED
from .settings import region

FORMAT = 1
FILE_MAX = 4 << 20
NO_ANSWER = "no answer"
#: It was sent, and the program ended before an answer.
UNKNOWN = "unknown"
SHORT = re.compile(r"[\w ,.-]{1,100}")


class Unusable(Exception):
    """The file given is no calls.json."""


@dataclass
class Call:
    experiment: str
    operation: str
    #: Seconds since 1970.
    at: float
    #: `served`, the error's name, `no answer` or `unknown`.
    answer: str = UNKNOWN
    status: int | None = None
    request_id: str | None = None
    #: The look that first found its record, and the last one that did not.
    seen_at: float | None = None
    missed_at: float | None = None

    @property
    def is_served(self):
        return self.answer == SERVED

    @property
    def is_pending(self):
        """A device that waits for its user: normal traffic, no failure."""
        return self.answer == "AuthorizationPendingException" or (self.answer == "SlowDownException" and self.experiment in POLLS)

    @property
    def has_failed(self):
        return self.answer not in (SERVED, NO_ANSWER, UNKNOWN) and not self.is_pending


@dataclass
class Notebook:
    file: Path
    run: str
    region: str
    started_at: float
    calls: list[Call] = field(default_factory=list)
    #: What was left out: experiment → why.
    skipped: dict[str, str] = field(default_factory=dict)
    #: How far this machine's clock is behind the service's, in seconds.
    skew: float = 0.0

    @property
    def folder(self):
        return self.file.parent

    @property
    def first(self):
        return min((call.at for call in self.calls), default=self.started_at)

    @property
    def last(self):
        return max((call.at for call in self.calls), default=self.started_at)

    def save(self):
        calls = [{"experiment": call.experiment, "operation": call.operation, "at": round(call.at, 3), "answer": call.answer,
                  "status": call.status, "requestId": call.request_id, "seenAt": call.seen_at, "missedAt": call.missed_at}
                 for call in self.calls]
        write(self.file, json.dumps({"format": FORMAT, "run": self.run, "region": self.region, "startedAt": self.started_at,
                                     "clockBehind": round(self.skew, 1), "calls": calls, "skipped": self.skipped}, indent=1) + "\n")


def new_run():
    return secrets.token_hex(4)


def new(folder, run, region):
    folder = folder or Path(f"lab-{run}")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = folder / "calls.json"
    if file.exists():
        raise FileExistsError(17, "it has the calls of another run: take another --folder, or read it with --only-read", str(file))
    book = Notebook(file, run, region, time.time())
    book.save()
    return book


def write(file, text):
    """All of it or nothing: a file that was there stays until the new one is whole."""
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as made:
            made.write(text)
        os.replace(name, file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def load(file):
    """A file that somebody gives us: what is not in it as `save` writes it is refused."""
    file = file / "calls.json" if file.is_dir() else file
    if not file.is_file():
        raise Unusable("no such file" if not file.exists() else "not a file")
    if file.stat().st_size > FILE_MAX:
        raise Unusable("too large to be one")
    try:
        value = json.loads(file.read_text("utf-8"))
        if value["format"] != FORMAT:
            raise Unusable("of another version of this program")
        book = Notebook(file, _text(value["run"], r"[0-9a-f]{8}"), region(value["region"]), _number(value["startedAt"]),
                        [_call(call) for call in value["calls"]],
                        {name: _text(why, SHORT) for name, why in value["skipped"].items() if name in ALL},
                        skew=_number(value["clockBehind"]))
    except Unusable:
        raise
    except Exception as wrong:
        raise Unusable(f"not what this program writes ({type(wrong).__name__})") from wrong
    if not book.calls:
        raise Unusable("no calls are in it")
    return book


def _call(value):
    name = value["experiment"]
    call = Call(name, ALL[name].operation, _number(value["at"]), _text(value["answer"], SHORT),
                None if value["status"] is None else int(_number(value["status"])),
                None if value["requestId"] is None else _text(value["requestId"], r"[\w-]{8,64}"))
    call.seen_at, call.missed_at = (None if value[key] is None else _number(value[key]) for key in ("seenAt", "missedAt"))
    return call


def _text(value, form):
    if not re.fullmatch(form, value):
        raise ValueError(value)
    return value


def _number(value):
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value) or abs(value) > 1e11:
        raise ValueError(value)
    return value
