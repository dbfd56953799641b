"""The command line as a wheel, so that pipx, uv and pip can install it: the program itself, and no Python.

The wheel's name says where the program runs. That is read off the program: by its processor, by the newest symbol of glibc
that it wants, and by the libraries that it loads.
"""

import base64
import hashlib
import re
import struct

from tools.archives import PROGRAM, TEXT, File, zipped

NAME = "oidc-triage"

#: By the machine that an ELF file names.
PROCESSORS = {62: "x86_64", 183: "aarch64"}

#: What every Linux with glibc has, of what PEP 599 lets a program load.
EVERYWHERE = re.compile(rb"(?:libc|libm|libgcc_s|libpthread|libdl|librt|ld-linux-x86-64|ld-linux-aarch64)\.so\.\d+")

#: What the release is built for, and what pip before 20.3 calls it.
OLDEST, OLDEST_NAME = (2, 17), "manylinux2014"

ABOUT = """\
The command line of oidc-triage: replays recorded AWS SSO OIDC failures through the stages of its Lambda function, explains
error codes and proposes thresholds. It needs no AWS account, no network and no Rust.

    oidc-triage replay --since 30d AWSLogs/
    oidc-triage explain InternalServerException --operation CreateToken
    oidc-triage --help

The Lambda function is deployed from the release's `template.yaml`.
"""


def processor(program: bytes) -> str:
    if program[:6] != b"\x7fELF\x02\x01":
        raise ValueError("no program for 64-bit Linux, little end first")
    machine = struct.unpack_from("<H", program, 18)[0]
    if machine not in PROCESSORS:
        raise ValueError(f"machine {machine} has no name for a wheel")
    return PROCESSORS[machine]


def glibc(program: bytes) -> tuple[int, int]:
    """The glibc that it needs at least."""
    wanted = {(int(major), int(minor)) for major, minor in re.findall(rb"\0GLIBC_(\d+)\.(\d+)(?=[.\0])", program)}
    if not wanted:
        raise ValueError("the program wants no glibc: it would not be of this platform")
    foreign = {name for name in re.findall(rb"\0([\w+.-]+\.so\.\d+)(?=\0)", program) if not EVERYWHERE.fullmatch(name)}
    if foreign:
        raise ValueError(f"not every Linux has {', '.join(sorted(name.decode() for name in foreign))}")
    return max(OLDEST, *wanted)


def platforms(program: bytes) -> list[str]:
    """The platforms that it runs on, by their names in a wheel's."""
    machine, (major, minor) = processor(program), glibc(program)
    names = [f"manylinux_{major}_{minor}"] + ([OLDEST_NAME] if (major, minor) == OLDEST else [])
    return [f"{name}_{machine}" for name in names]


def metadata(version: str, licences: list[str]) -> str:
    lines = [
        "Metadata-Version: 2.4",
        f"Name: {NAME}",
        f"Version: {version}",
        "Summary: Says what failed AWS SSO OIDC calls mean: worth a retry, throttled, a caller's mistake, or an outage",
        "Author: oidc-triage contributors",
        "License-Expression: Apache-2.0",
        *(f"License-File: {name}" for name in licences),
        "Keywords: aws,sso,oidc,iam-identity-center,outage,incident",
        "Classifier: Environment :: Console",
        "Classifier: Operating System :: POSIX :: Linux",
        "Classifier: Programming Language :: Rust",
        "Requires-Python: >=3.8",
        "Description-Content-Type: text/markdown",
    ]
    return "\n".join(lines) + "\n\n" + ABOUT


def recorded(files: dict[str, File], record: str) -> bytes:
    def line(name: str, content: bytes) -> str:
        hashed = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        return f"{name},sha256={hashed},{len(content)}\n"

    return ("".join(line(name, content) for name, (content, _) in files.items()) + f"{record},,\n").encode()


def wheel(version: str, program: bytes, shared: dict[str, bytes], licences: dict[str, bytes], bill: bytes,
          level: int = 9) -> tuple[str, bytes]:
    """Its name and its content. `shared` goes below the environment's folder, as `share/man/man1/oidc-triage.1`."""
    stem = f"{NAME.replace('-', '_')}-{version}"
    tags = [f"py3-none-{platform}" for platform in platforms(program)]
    about = f"{stem}.dist-info"
    said = ["Wheel-Version: 1.0", "Generator: oidc-triage", "Root-Is-Purelib: false", *(f"Tag: {tag}" for tag in tags)]
    files: dict[str, File] = {f"{stem}.data/scripts/{NAME}": (program, PROGRAM)}
    files |= {f"{stem}.data/data/{name}": (content, TEXT) for name, content in sorted(shared.items())}
    files |= {f"{about}/licenses/{name}": (content, TEXT) for name, content in sorted(licences.items())}
    files[f"{about}/sboms/{NAME}.cdx.json"] = bill, TEXT
    files[f"{about}/METADATA"] = metadata(version, sorted(licences)).encode(), TEXT
    files[f"{about}/WHEEL"] = ("\n".join(said) + "\n").encode(), TEXT
    record = f"{about}/RECORD"
    files[record] = recorded(files, record), TEXT
    return f"{stem}-py3-none-{'.'.join(platforms(program))}.whl", zipped(files, level)
