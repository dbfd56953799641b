"""`python3 -m tests.clients [family ...]`: installs the clients, lets each fail with every fault, and writes the
corpus."""

import json
import os
import subprocess
import sys
import threading

from . import WORK, network, strangers, table
from .clients import CLIENTS, environment, install
from .corpus import Family
from .troubles import TROUBLES, answer_of

INSIDE, STRANGERS = "--inside", "strangers"
# The name of a host of the company, as loggers print it.
HOSTNAME = "ip-10-0-3-17.ec2.internal"


def main(*names):
    if not names or names[0] != INSIDE:
        install()
        network.make_certificates()
        (WORK / "home/.aws").mkdir(parents=True, exist_ok=True)
        # A URL in a parameter counts.
        (WORK / "home/.aws/config").write_text("[default]\ncli_follow_urlparam = false\n")
        os.execvp("unshare", ["unshare", "--net", "--mount", "--uts", sys.executable, "-m", "tests.clients", INSIDE, *names])
    names = names[1:]
    unknown = set(names) - {client.family for client in CLIENTS} - {STRANGERS}
    if unknown:
        sys.exit(f"not known: {sorted(unknown)}")
    subprocess.run(["hostname", HOSTNAME], check=True)
    with network.network():
        with network.TlsService() as service:
            families(names, service)
        if not names or STRANGERS in names:
            strangers.write({client.family: client for client in CLIENTS}, Program)
    table.write()


def families(names, service):
    for name in dict.fromkeys(client.family for client in CLIENTS):
        if not names or name in names:
            family, members = Family(name), [client for client in CLIENTS if client.family == name]
            for client in members:
                # The newest is the last, and counts most.
                live(client, client.weight if client is members[-1] else client.weight / 3, family, service)
            family.write()


def live(client, weight, family, service):
    """All faults, one after the other."""
    family.versions.append(client.version)
    program = None if client.once else Program(client)
    for trouble in TROUBLES:
        service.script(trouble.operation, answer_of(trouble))
        service.request_ids = []
        result = client.once(trouble.job, environment(client)) if client.once else program.ask(trouble.job)
        if "forms" not in result:
            why = result.get("skip") or "did not fail"
            family.skipped[why] = family.skipped.get(why, 0) + 1
        for kind in ("forms", "events"):
            # The same text counts as a message, if it is one.
            for form, text in sorted(result.get(kind, {}).items(), key=lambda item: item[0] != "message"):
                family.add(client.version, weight, trouble, form, text, service.request_ids, lines_are_events=kind == "events")
    if program:
        program.end()


class Program:
    """A client that reads one job a line, and writes one result a line."""

    def __init__(self, client):
        self.client = client
        self.process = subprocess.Popen(client.command, cwd=WORK / client.folder, env=environment(client), text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, job):
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()
        watchdog = threading.Timer(60, self.process.kill)
        watchdog.start()
        line = self.process.stdout.readline()
        watchdog.cancel()
        if not line:
            raise RuntimeError(f"{self.client.folder} died at {job}")
        return json.loads(line)

    def end(self):
        self.process.stdin.close()
        self.process.wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
