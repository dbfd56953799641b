"""The crates linked into a program, as cargo resolves them: for one platform, without build and test dependencies."""

import dataclasses
import json
import pathlib
import subprocess
import tomllib

ROOT = pathlib.Path(__file__).resolve().parents[1]

#: The programs of a release, by their packages, with the features that they are built with there.
PROGRAMS = {"oidc-triage-function": "", "oidc-triage": "s3"}

#: Rust's name of each platform of a release, by Lambda's name of its processor.
TARGETS = {"x86_64": "x86_64-unknown-linux-gnu", "arm64": "aarch64-unknown-linux-gnu"}
TARGET = TARGETS["x86_64"]


@dataclasses.dataclass(frozen=True)
class Crate:
    name: str
    version: str
    #: An SPDX expression.
    licence: str
    description: str
    repository: str | None
    #: Where its sources are.
    folder: pathlib.Path
    #: The registry's SHA-256; none for a crate of our own.
    checksum: str | None
    #: The linked crates that it uses itself.
    uses: tuple[str, ...]

    @property
    def ref(self) -> str:
        return f"{self.name}@{self.version}"


def cargo(*arguments: str) -> str:
    return subprocess.run(["cargo", *arguments, "--locked"], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


def named(line: str) -> str:
    """`name v1.2.3 (where it is, or what it is)` as name@1.2.3."""
    name, version, *_ = line.split()
    return f"{name}@{version.removeprefix('v')}"


def crates(package: str, target: str = TARGET) -> dict[str, Crate]:
    """Includes the package itself. Macros and their dependencies run in the compiler, and are not linked."""
    # The features are those of this package alone: `metadata` would join them with the tests'.
    tree = cargo("tree", "--package", package, "--features", PROGRAMS[package], "--edges", "normal,no-proc-macro", "--target", target, "--prefix", "none",
                 "--format", "{p}")
    refs = {named(line) for line in tree.splitlines() if line}
    features = ",".join(f"{program}/{feature}" for program, feature in PROGRAMS.items() if feature)
    metadata = json.loads(cargo("metadata", "--features", features, "--format-version", "1", "--filter-platform", target))
    by_id = {each["id"]: each for each in metadata["packages"]}
    uses = {node["id"]: node["deps"] for node in metadata["resolve"]["nodes"]}
    checksums = {f"{each['name']}@{each['version']}": each.get("checksum")
                 for each in tomllib.loads((ROOT / "Cargo.lock").read_text())["package"]}

    def ref(package_id: str) -> str:
        return f"{by_id[package_id]['name']}@{by_id[package_id]['version']}"

    found = {
        ref(package_id): Crate(
            name=each["name"],
            version=each["version"],
            # The old spelling, in a few crates.
            licence=" OR ".join(part.strip() for part in each["license"].split("/")),
            description=" ".join((each["description"] or "").split()),
            repository=each["repository"],
            folder=pathlib.Path(each["manifest_path"]).parent,
            checksum=checksums[ref(package_id)],
            uses=tuple(sorted({ref(used["pkg"]) for used in uses[package_id]
                               if any(kind["kind"] is None for kind in used["dep_kinds"])} & refs)),
        )
        for package_id, each in by_id.items() if ref(package_id) in refs
    }
    assert found.keys() == refs, f"cargo tree and cargo metadata differ in {found.keys() ^ refs}"
    return found


def rust() -> str:
    """The version of Rust, whose standard library is linked as well."""
    said = subprocess.run(["rustc", "--version"], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    return said.split()[1]
