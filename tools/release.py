"""Creates the files of a release from the builds: for each processor the function's zip with a template that deploys it, the
command line as an archive and as a wheel, and bills of materials; then the manual page, completions, licence texts, checksums.
The same programs give the same files: nothing in them shows when or where they were made.
"""

import argparse
import dataclasses
import hashlib
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import tomllib

from tools import archives, licences, linked, sbom, wheel
from tools.archives import PROGRAM, TEXT

#: The sample that the README replays, so that an unpacked archive can be tried as well.
SAMPLE = "events/logs__cloudtrail_outage.json"

#: Where a shell looks for completions, below a prefix such as /usr; by the file's name.
COMPLETIONS = {
    "oidc-triage.bash": ("bash", "share/bash-completion/completions/oidc-triage"),
    "_oidc-triage": ("zsh", "share/zsh/site-functions/_oidc-triage"),
    "oidc-triage.fish": ("fish", "share/fish/vendor_completions.d/oidc-triage.fish"),
}
MANUAL = {"oidc-triage.1": "share/man/man1/oidc-triage.1"}


@dataclasses.dataclass(frozen=True)
class Build:
    #: As Lambda names it.
    architecture: str
    bootstrap: pathlib.Path
    command: pathlib.Path

    @property
    def target(self) -> str:
        return linked.TARGETS[self.architecture]

    @property
    def suffix(self) -> str:
        """Behind the names of files that exist once for each processor: the usual one has none."""
        return "" if self.architecture == "x86_64" else f"-{self.architecture}"


def version() -> str:
    return tomllib.loads((linked.ROOT / "Cargo.toml").read_text())["workspace"]["package"]["version"]


def zipped(bootstrap: pathlib.Path) -> bytes:
    """In Lambda's form: one executable file."""
    return archives.zipped({"bootstrap": (bootstrap.read_bytes(), PROGRAM)})


def once(pattern: str, replacement: str, text: str) -> str:
    text, count = re.subn(pattern, replacement, text, flags=re.MULTILINE)
    if count != 1:
        raise ValueError(f"template.yaml has {pattern!r} {count} times, not once: what is released would not be what was tested")
    return text


def template(text: str, archive: str, architecture: str = "x86_64") -> str:
    """The template of a release: with a program to upload in place of sources to build, of the one architecture that it is for."""
    # At each function: `aws cloudformation package` knows no globals, and would pack the whole folder in its place.
    text = once(r"^(?:    #[^\n]*\n)*    CodeUri: \.\n", "", text)
    for function in ("TriageFunction", "WatcherFunction"):
        of_it = rf"^(  {function}:\n    Type: AWS::Serverless::Function\n    Metadata:(?:[^\n]*\n(?=     ))*[^\n]*\n    Properties:\n)"
        text = once(of_it, rf"\1      CodeUri: {archive}\n", text)
    text = once(r"^      BuildMethod: rust-cargolambda\n      BuildProperties:\n        Binary: oidc-triage-function\n", "", text)
    # Names files that are not beside it, at which `sam deploy` would stop.
    text = once(r"^  # `sam publish`[^\n]*\n  AWS::ServerlessRepo::Application:\n(?:    [^\n]*\n)+", "", text)
    # The functions' other metadata stays.
    if re.search(r"^    Metadata: &binary\n(?!      )", text, re.MULTILINE):
        text = once(r"^    Metadata: &binary\n", "", text)
        text = once(r"^    Metadata: \*binary\n", "", text)
    return once(r"^    Default: x86_64\n    AllowedValues: \[x86_64, arm64\]$",
                f"    Default: {architecture}\n    AllowedValues: [{architecture}]", text)


def deployable(build: Build) -> dict[str, bytes]:
    """The function, and the template that deploys it."""
    archive = f"oidc-triage-function-{version()}-{build.architecture}.zip"
    text = template((linked.ROOT / "template.yaml").read_text(), archive, build.architecture)
    return {archive: zipped(build.bootstrap), f"template{build.suffix}.yaml": text.encode()}


def for_organizations() -> dict[str, bytes]:
    """The templates that other accounts of an organization deploy. Files of a release lie beside each other."""
    return {f"organization-{path.name}": path.read_bytes() for path in sorted((linked.ROOT / "organization").glob("*.yaml"))}


def printed(command: pathlib.Path) -> dict[str, bytes]:
    """The manual page and the completions, as the command line itself prints them."""
    def says(*arguments: str) -> bytes:
        return subprocess.run([command.resolve(), *arguments], check=True, stdout=subprocess.PIPE, env={}).stdout

    return {name: says("man") for name in MANUAL} | {name: says("completions", shell) for name, (shell, _) in COMPLETIONS.items()}


def wheel_of(command: pathlib.Path, texts: dict[str, bytes], terms: dict[str, bytes], bill: bytes, level: int = 9) -> tuple[str, bytes]:
    places = MANUAL | {name: place for name, (_, place) in COMPLETIONS.items()}
    shared = {place: texts[name] for name, place in places.items()}
    return wheel.wheel(version(), command.read_bytes(), shared, terms, bill, level)


def folder_of(build: Build) -> str:
    return f"oidc-triage-{version()}-{build.target}"


def in_archive(build: Build, texts: dict[str, bytes], terms: dict[str, bytes]) -> dict[str, archives.File]:
    """In its folder the README's example works."""
    inside = {"oidc-triage": (build.command.read_bytes(), PROGRAM), SAMPLE: ((linked.ROOT / SAMPLE).read_bytes(), TEXT)}
    return inside | {name: (content, TEXT) for name, content in (texts | terms).items()}


def command_line(build: Build, texts: dict[str, bytes], terms: dict[str, bytes], bill: bytes) -> dict[str, bytes]:
    name, content = wheel_of(build.command, texts, terms, bill)
    packed = archives.tarred(folder_of(build), in_archive(build, texts, terms))
    return {f"{folder_of(build)}.tar.gz": packed, name: content}


def runnable(builds: list[Build]) -> Build:
    here = {"aarch64": "arm64"}.get(platform.machine(), platform.machine())
    for build in builds:
        if build.architecture == here:
            return build
    raise ValueError(f"none of these programs runs here ({here}), so none can print its manual page")


def files(builds: list[Build]) -> dict[str, bytes]:
    crates = {crate.ref: crate for build in builds for package in linked.PROGRAMS
              for crate in linked.crates(package, build.target).values() if crate.checksum}
    terms = {"LICENSE": (linked.ROOT / "LICENSE").read_bytes(),
             "LICENSES-OF-OTHERS.txt": licences.all_texts(list(crates.values()), linked.rust()).encode()}
    texts = printed(runnable(builds).command)
    made = terms | texts | for_organizations()
    for build in builds:
        bill = sbom.bill("oidc-triage", build.target, build.command).encode()
        made |= deployable(build) | command_line(build, texts, terms, bill)
        made[f"oidc-triage{build.suffix}.cdx.json"] = bill
        made[f"oidc-triage-function{build.suffix}.cdx.json"] = sbom.bill(
            "oidc-triage-function", build.target, build.bootstrap).encode()
    return made


def sums(made: dict[str, bytes]) -> bytes:
    """As `sha256sum --check` reads it."""
    return "".join(f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in sorted(made.items())).encode()


def wrong_with(tag: str, changes: str) -> list[str]:
    """What keeps this tag from being a release of these sources."""
    wrong = [] if tag == f"v{version()}" else [f"the tag {tag} is not of version {version()}, which Cargo.toml names"]
    if not re.search(rf"^## \[{re.escape(tag.removeprefix('v'))}\] - \d{{4}}-\d\d-\d\d$", changes, re.MULTILINE):
        wrong.append(f"CHANGELOG.md has no section of {tag.removeprefix('v')} with its day")
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tag", help="only say whether these sources are the release of that tag")
    parser.add_argument("--build", nargs=3, action="append", default=[], metavar=("ARCHITECTURE", "BOOTSTRAP", "COMMAND"))
    parser.add_argument("folder", type=pathlib.Path, nargs="?")
    options = parser.parse_args()
    if options.tag:
        wrong = wrong_with(options.tag, (linked.ROOT / "CHANGELOG.md").read_text())
        for each in wrong:
            print(each, file=sys.stderr)
        return 1 if wrong else 0
    if not options.build or not options.folder:
        parser.error("it needs a --build, and a folder to write to")
    builds = [Build(architecture, pathlib.Path(bootstrap), pathlib.Path(command))
              for architecture, bootstrap, command in options.build]
    made = files(builds)
    made["SHA256SUMS"] = sums(made)
    shutil.rmtree(options.folder, ignore_errors=True)
    options.folder.mkdir(parents=True)
    for name, content in made.items():
        (options.folder / name).write_bytes(content)
        print(f"{len(content):>10}  {options.folder / name}")
    for architecture in linked.TARGETS.keys() - {build.architecture for build in builds}:
        print(f"nothing for {architecture}: it was not built", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
