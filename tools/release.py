"""Creates the files of a release from the builds: the function's zip with a template that deploys it, the command line,
bills of materials, licence texts, checksums. The same programs give the same files: nothing in them shows when or where
they were made.
"""

import argparse
import gzip
import hashlib
import io
import os
import pathlib
import re
import shutil
import sys
import tarfile
import time
import tomllib
import zipfile

from tools import licences, linked, sbom

ARCHITECTURE = "x86_64"


def version() -> str:
    return tomllib.loads((linked.ROOT / "Cargo.toml").read_text())["workspace"]["package"]["version"]


def epoch() -> int:
    return int(os.environ.get("SOURCE_DATE_EPOCH", "0"))


def zipped(bootstrap: pathlib.Path) -> bytes:
    """In Lambda's form: one executable file."""
    # A zip knows no time before 1980.
    entry = zipfile.ZipInfo("bootstrap", time.gmtime(max(epoch(), 315_532_800))[:6])
    entry.create_system, entry.external_attr, entry.compress_type = 3, 0o100755 << 16, zipfile.ZIP_DEFLATED
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr(entry, bootstrap.read_bytes(), compresslevel=9)
    return made.getvalue()


def tarred(folder: str, files: dict[str, tuple[bytes, int]]) -> bytes:
    made = io.BytesIO()
    with gzip.GzipFile(fileobj=made, mode="wb", mtime=epoch(), filename="") as packed:
        with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive:
            for name, (content, mode) in sorted(files.items()):
                entry = tarfile.TarInfo(f"{folder}/{name}")
                entry.size, entry.mode, entry.mtime = len(content), mode, epoch()
                archive.addfile(entry, io.BytesIO(content))
    return made.getvalue()


def once(pattern: str, replacement: str, text: str) -> str:
    text, count = re.subn(pattern, replacement, text, flags=re.MULTILINE)
    if count != 1:
        raise ValueError(f"template.yaml has {pattern!r} {count} times, not once: what is released would not be what was tested")
    return text


def template(text: str, archive: str) -> str:
    """The template of a release: with a program to upload in place of sources to build, of the one architecture that it is for."""
    text = once(r"^    CodeUri: \.$", f"    CodeUri: {archive}", text)
    text = once(r"^      BuildMethod: rust-cargolambda\n      BuildProperties:\n        Binary: oidc-triage-function\n", "", text)
    # Names files that are not beside it, at which `sam deploy` would stop.
    text = once(r"^  # `sam publish`[^\n]*\n  AWS::ServerlessRepo::Application:\n(?:    [^\n]*\n)+", "", text)
    # The functions' other metadata stays.
    if re.search(r"^    Metadata: &binary\n(?!      )", text, re.MULTILINE):
        text = once(r"^    Metadata: &binary\n", "", text)
        text = once(r"^    Metadata: \*binary\n", "", text)
    return once(r"^    AllowedValues: \[x86_64, arm64\]$", f"    AllowedValues: [{ARCHITECTURE}]", text)


def files(bootstrap: pathlib.Path, command: pathlib.Path) -> dict[str, bytes]:
    archive = f"oidc-triage-function-{version()}-{ARCHITECTURE}.zip"
    folder = f"oidc-triage-{version()}-{linked.TARGET}"
    crates = {crate.ref: crate for package in linked.PROGRAMS for crate in linked.crates(package).values() if crate.checksum}
    licence = (linked.ROOT / "LICENSE").read_bytes()
    others = licences.all_texts(list(crates.values()), linked.rust()).encode()
    return {
        archive: zipped(bootstrap),
        f"{folder}.tar.gz": tarred(folder, {"oidc-triage": (command.read_bytes(), 0o755), "LICENSE": (licence, 0o644),
                                            "LICENSES-OF-OTHERS.txt": (others, 0o644)}),
        "template.yaml": template((linked.ROOT / "template.yaml").read_text(), archive).encode(),
        "oidc-triage-function.cdx.json": sbom.bill("oidc-triage-function", program=bootstrap).encode(),
        "oidc-triage.cdx.json": sbom.bill("oidc-triage", program=command).encode(),
        "LICENSE": licence,
        "LICENSES-OF-OTHERS.txt": others,
    }


def sums(made: dict[str, bytes]) -> bytes:
    """As `sha256sum --check` reads it."""
    return "".join(f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in sorted(made.items())).encode()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bootstrap", type=pathlib.Path, required=True)
    parser.add_argument("--command", type=pathlib.Path, required=True)
    parser.add_argument("folder", type=pathlib.Path)
    options = parser.parse_args()
    made = files(options.bootstrap, options.command)
    made["SHA256SUMS"] = sums(made)
    shutil.rmtree(options.folder, ignore_errors=True)
    options.folder.mkdir(parents=True)
    for name, content in made.items():
        (options.folder / name).write_bytes(content)
        print(f"{len(content):>10}  {options.folder / name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
