"""The corpus: cleaned of this machine, each text once, with the facts in it."""

import json
import pathlib
import re
import sys
import sysconfig
import zlib

from . import CORPUS, WORK

# A path as on another machine.
_PLACES = [
    (re.compile(re.escape(str(WORK)) + r"/[\w.-]+/lib/python[\d.]+/site-packages"), "/usr/lib/python3/dist-packages"),
    (re.compile(re.escape(str(WORK)) + r"/[\w.-]+"), "/app"),
    (re.compile(re.escape(sysconfig.get_path("stdlib"))), "/usr/lib/python3.11"),
    (re.compile(r"/root/\.pyenv/[\w./-]*?/lib/python[\d.]+"), "/usr/lib/python3.11"),
    (re.compile(r"/root/\.cargo/registry/src/[\w.-]+"), "/home/app/.cargo/registry/src/index"),
    (re.compile(r"/rustc/[0-9a-f]+"), "/rustc/0"),
    (re.compile(re.escape(str(WORK.parents[2]))), "/app"),
    (re.compile(re.escape(str(pathlib.Path.home()))), "/home/app"),
]

# Parts that differ from run to run, or from version to version, without a meaning.
_VARIES = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|0x[0-9a-f]+|\d[\d:.,TZ+/-]*\d|\d")
_STATUS = re.compile(r"[45]\d\d")

_SPELLINGS = {
    "RegisterClient": r"register_?-?client|/client/register",
    "StartDeviceAuthorization": r"start_?-?device_?-?authorization|/device_authorization\b",
    "CreateToken": r"create_?-?token(?!_?-?with)|/token(?![\w/?-])",
    "CreateTokenWithIAM": r"create_?-?token_?-?with_?-?iam|aws_iam=t",
}

_MARKS = re.compile(r"\boidc(-fips)?\.[a-z]+-[a-z]+-\d|sso[ _.-]?oidc|sso-oauth", re.IGNORECASE)


def clean(text):
    for place, elsewhere in _PLACES:
        text = place.sub(elsewhere, text)
    return text


def stated(text, expect, request_ids):
    """The facts that the text states."""
    found = ["service"] if _MARKS.search(text) else []
    if re.search(_SPELLINGS[expect["operation"]], text, re.IGNORECASE):
        found.append("operation")
    if expect["code"]:
        name = expect["code"].removesuffix("Exception")
        wire = "".join("_" + c.lower() if c.isupper() else c for c in name).lstrip("_")
        if re.search(rf"\b{name}(Exception)?\b|\b{wire}\b|::{name}", text):
            found.append("code")
    if expect["status"] and re.search(rf"(?<![\w.-])(?<!line ){expect['status']}(?![\w-]|\.\d|:\d)", text):
        found.append("status")
    if re.search(rf"\b{expect['region']}\b", text):
        found.append("region")
    if any(one in text for one in request_ids):
        found.append("request_id")
    return found


def wanted(trouble, form, text, weight):
    """Which texts to keep: all short ones of main faults, and a selection of the rest, fewer of the longer ones."""
    if trouble.debug and weight >= 1 and len(text) < (12_000 if form in ("debug", "verbose", "trace") else 4000):
        return True
    share = int((700 if trouble.main else 100) * weight)
    least = 1 if form == "message" or trouble.main and weight >= 1 else 2 if trouble.main else 3 if weight >= 1 else 4
    turn = zlib.crc32(f"{trouble.operation} {trouble.name} {form}".encode())
    return turn % max(least, 1 + len(text) // share) == 0


class Family:
    """The logs of one client, in all its versions."""

    def __init__(self, name):
        self.name = name
        self.versions, self.entries, self.seen, self.skipped = [], [], set(), {}

    def add(self, version, weight, trouble, form, text, request_ids, lines_are_events=False):
        text = clean(text or "")
        same = _VARIES.sub(lambda found: found[0] if _STATUS.fullmatch(found[0]) else "0", text)
        if not text.strip() or same in self.seen or not wanted(trouble, form, text, weight):
            return
        self.seen.add(same)
        self.entries.append({
            "id": f"{self.name}-{version}/{trouble.operation}/{trouble.name}/{form}", "version": version,
            "operation": trouble.operation, "region": trouble.region, "trouble": trouble.name, "form": form,
            "lines_are_events": lines_are_events, "text": text, "expect": trouble.expect,
            "stated": stated(text, trouble.expect, request_ids)})

    def write(self):
        """An entry a line."""
        head = json.dumps({"client": self.name, "run": True, "versions": self.versions})
        lines = ",\n".join(json.dumps(entry, ensure_ascii=False) for entry in self.entries)
        CORPUS.mkdir(exist_ok=True)
        (CORPUS / f"{self.name}.json").write_text(f'{head[:-1]}, "entries": [\n{lines}\n]}}\n')
        print(f"{self.name}: {len(self.entries)} entries", *(f"{why}: {n}" for why, n in self.skipped.items()),
              sep=", ", file=sys.stderr)
