"""Clients started once for each call: their standard error, and standard output where both are one."""

import json
import re
import shlex
import subprocess

from . import WORK

# The part of `--debug` about the call. The rest, a hundred times as long, is about plug-ins and hooks.
_ABOUT_THE_CALL = re.compile(r" - (awscli\.clidriver|botocore\.(endpoint|parsers|retries\S*|retryhandler|httpsession)"
                             r"|urllib3\.connectionpool) - ")


def aws_cli(program):
    def run(job, environment):
        command = [program, "sso-oidc", _dashed(job["operation"]), "--region", job["region"],
                   "--cli-connect-timeout", str(job["timeout"]), "--cli-read-timeout", str(job["timeout"])]
        for name, value in job["input"].items():
            command += ["--" + _dashed(name), value]
        environment = {**environment, "AWS_RETRY_MODE": "standard", "AWS_MAX_ATTEMPTS": "2"}
        if job["proxy"]:
            environment["HTTPS_PROXY"] = job["proxy"]
        code, said = _run(command, environment)
        if code == 252 or "Invalid choice" in said or "invalid choice" in said:
            return {"skip": "not in this version"}
        events = {}
        if job["debug"]:
            events["debug"] = _about_the_call(_run([*command, "--debug"], environment)[1])
        return {"forms": {"message": said}, "events": events}
    return run


def curl(job, environment):
    url = f"https://oidc.{job['region']}.amazonaws.com{job['path']}"
    patience = ["--connect-timeout", str(job["timeout"]), "--max-time", str(job["timeout"] + 1)]
    proxy = ["--proxy", job["proxy"]] if job["proxy"] else []
    call = ["curl", "-sS", *patience, *proxy, "-H", "Content-Type: application/json", "-d", json.dumps(job["input"]), url]
    return {
        "forms": {"message": _run([*call, "--fail"], environment)[1], "body": _run([*call, "--fail-with-body"], environment)[1]},
        "events": {"trace": _run(["bash", "-exc", shlex.join([*call, "--fail"])], environment)[1],
                   "verbose": _run([*call, "-v"], environment)[1]},
    }


def _run(command, environment):
    ended = subprocess.run(command, env=environment, cwd=WORK / "home", stdin=subprocess.DEVNULL, text=True,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
    return ended.returncode, ended.stdout


def _dashed(name):
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower()


def _about_the_call(said):
    """The records about the call with their continuation lines, and everything after the last record."""
    records = re.split(r"(?m)^(?=\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d+ - )", said)
    return "".join(one for one in records if _ABOUT_THE_CALL.search(one.split("\n")[0]))
