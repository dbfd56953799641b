"""The clients: their installation and their start."""

import dataclasses
import os
import shutil
import subprocess
import sys
from collections.abc import Callable

from . import HERE, WORK, network
from .commands import aws_cli, curl


@dataclasses.dataclass(frozen=True)
class Client:
    family: str
    version: str
    #: Its folder in `WORK`.
    folder: str
    command: tuple = ()
    #: The command for clients started once for each call. Other clients use `command` and read a job a line.
    once: Callable | None = None
    environment: tuple = ()
    #: The share of its logs that is kept.
    weight: float = 1


def _python(folder, script, *arguments):
    return f"{WORK}/{folder}/bin/python", f"{WORK}/{folder}/{script}", *arguments


def _node(folder, script, *arguments):
    return "node", f"{WORK}/{folder}/{script}", *arguments


DEBIAN = ("awscli", "curl", "golang-go", "golang-github-aws-aws-sdk-go-dev", "golang-github-aws-aws-sdk-go-v2-dev",
          "golang-github-sirupsen-logrus-dev", "golang-go.uber-zap-dev", "iproute2", "nodejs", "openssl", "ruby",
          "ruby-aws-sdk-core")

CLIENTS = (
    *(Client("boto3", version, folder, _python(folder, "sdk.py"))
      for folder, version in (("boto3-1.24", "1.24.96"), ("boto3-1.34", "1.34.162"), ("boto3-1.44", "1.44.8"))),
    *(Client(f"python-{name}", version, "bare", _python("bare", "bare.py", name), weight=0.4)
      for name, version in (("requests", "2.34.2"), ("httpx", "0.28.1"), ("urllib3", "2.8.0"), ("aiohttp", "3.14.5"),
                            ("urllib", "3.11"))),
    *(Client("node-sdk3", version, folder, _node(folder, "sdk.mjs"))
      for folder, version in (("node-sdk-old", "3.398.0"), ("node-sdk-middle", "3.699.0"), ("node-sdk-new", "3.1164.0"))),
    *(Client(f"node-{name}", version, "node-bare", _node("node-bare", "bare.mjs", name), weight=1 if name == "axios" else 0.4)
      for name, version in (("sdk2", "2.1693.0"), ("fetch", "20"), ("undici", "7.16.0"), ("axios", "1.21.1"),
                            ("got", "14.4.7"))),
    # 2.9.19 is Debian's package.
    *(Client("aws-cli", version, "home", once=aws_cli(program))
      for version, program in (("1.32.117", WORK / "awscli-1.32/bin/aws"), ("2.9.19", "/usr/bin/aws"),
                               ("1.46.3", WORK / "awscli-1.46/bin/aws"))),
    Client("rust-sdk", "1.121.0", "rust", (f"{WORK}/rust/debug/clients", "sdk")),
    Client("rust-reqwest", "0.12", "rust", (f"{WORK}/rust/debug/clients", "reqwest"), weight=0.5),
    # Debian's packages.
    Client("go-sdk2", "1.17.1", "go", (f"{WORK}/go/client", "v2")),
    Client("go-sdk1", "1.44.133", "go", (f"{WORK}/go/client", "v1")),
    Client("go-http", "1.19", "go", (f"{WORK}/go/client", "http"), weight=0.4),
    Client("ruby-sdk", "3.168.1", "ruby", ("ruby", "client.rb", "sdk")),
    Client("ruby-net", "3.1", "ruby", ("ruby", "client.rb", "net"), weight=0.4),
    Client("curl", "7.88", "home", once=curl, weight=0.5),
)


def environment(client):
    """The environment: nothing of the machine's own but the path of programs; the CA in every variable that names
    one."""
    ca = str(network.CA)
    return {"PATH": os.environ["PATH"], "HOME": str(WORK / "home"), "LANG": "C.UTF-8", "TZ": "UTC",
            "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "planted-secret-access-key",
            "AWS_EC2_METADATA_DISABLED": "true", "AWS_PAGER": "",
            **dict.fromkeys(("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"), ca),
            **dict(client.environment)}


def install():
    """Installs everything pinned here into `WORK`; existing parts stay."""
    missing = [package for package in DEBIAN if subprocess.run(["dpkg", "-s", package], capture_output=True).returncode]
    if missing:
        _run("apt-get", "install", "--yes", "--no-install-recommends", *missing)
    for requirements in sorted((HERE / "python").glob("*.txt")):
        folder = WORK / requirements.stem
        if _stale(folder, requirements):
            _run(sys.executable, "-m", "venv", "--clear", folder)
            _run(folder / "bin/pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "-r", requirements)
            (folder / "installed").write_text(requirements.read_text())
        for script in (HERE / "python").glob("*.py"):
            shutil.copy(script, folder)


    for lock in sorted((HERE / "node").glob("*/package-lock.json")):
        folder = WORK / f"node-{lock.parent.name}"
        if _stale(folder, lock):
            folder.mkdir(parents=True, exist_ok=True)
            for file in lock, lock.parent / "package.json":
                shutil.copy(file, folder)
            _run("npm", "ci", "--ignore-scripts", "--no-progress", cwd=folder)
            (folder / "installed").write_text(lock.read_text())
        for script in (HERE / "node").glob("*.mjs"):
            shutil.copy(script, folder)

    # `make clients` builds these two anew if anything changed; they are Debian's packages and a lock file.
    _run("cargo", "build", "--quiet", "--locked", cwd=HERE / "rust", env={**os.environ, "CARGO_TARGET_DIR": str(WORK / "rust")})
    (WORK / "go").mkdir(exist_ok=True)
    _run("go", "build", "-trimpath", "-o", WORK / "go/client", "client.go", cwd=HERE / "go", env={
        **os.environ, "GO111MODULE": "off", "GOPATH": "/usr/share/gocode", "GOCACHE": str(WORK / "go-cache")})
    (WORK / "ruby").mkdir(exist_ok=True)
    shutil.copy(HERE / "ruby/client.rb", WORK / "ruby")


def _stale(folder, pins):
    """Whether the installed versions differ."""
    installed = folder / "installed"
    return not installed.exists() or installed.read_text() != pins.read_text()


def _run(*command, **more):
    subprocess.run([str(part) for part in command], check=True, **more)
