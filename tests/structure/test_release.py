"""The files of `make release`, from made-up programs: the bills are of the real crates."""

import base64
import collections
import csv
import dataclasses
import email
import functools
import hashlib
import io
import json
import os
import pathlib
import re
import shutil
import stat
import subprocess
import tarfile
import tomllib
import zipfile

import pytest
import yaml
from packaging.metadata import Metadata
from packaging.utils import parse_wheel_filename

from tools import archives, licences, linked, release, sbom, wheel

LOCKED = {f"{each['name']}@{each['version']}": each for each in
          tomllib.loads((linked.ROOT / "Cargo.lock").read_text())["package"]}

#: Build, bench and test dependencies, which are in no program: cargo's kinds of dependency, and macros with theirs.
NEVER_LINKED = {"aws_lambda_events", "cc", "libfuzzer-sys", "proc-macro2", "proptest", "serde_derive", "syn", "thiserror-impl"}


@functools.cache
def bill_of(package: str) -> dict:
    return json.loads(sbom.bill(package))


@pytest.fixture(params=linked.PROGRAMS)
def bill(request: pytest.FixtureRequest) -> dict:
    return bill_of(request.param)


def names(bill: dict) -> set[str]:
    return {component["name"] for component in bill["components"]}


def test_a_bill_is_of_one_program_and_of_each_crate_once(bill: dict) -> None:
    refs = [component["bom-ref"] for component in bill["components"]]
    assert bill["bomFormat"] == "CycloneDX" and bill["specVersion"] == "1.6"
    assert bill["metadata"]["component"]["name"] in linked.PROGRAMS
    assert [ref for ref, count in collections.Counter(refs).items() if count > 1] == []
    assert bill["metadata"]["component"]["bom-ref"] not in refs


def test_only_linked_crates_are_in_the_bill(bill: dict) -> None:
    assert names(bill) & NEVER_LINKED == set()
    assert {"serde", "serde_json", "triage-decide", "rust-std"} <= names(bill)
    # Both talk to AWS; the command line to S3 alone, by the credentials of profiles.
    of_the_function = {"aws-sdk-sns", "aws-sdk-dynamodb", "lambda_runtime"}
    of_the_command_line = {"clap", "signal-hook", "aws-sdk-sso"}
    both = [of_the_function, of_the_command_line]
    inside, outside = both if bill["metadata"]["component"]["name"] == "oidc-triage-function" else reversed(both)
    assert inside <= names(bill) and names(bill) & outside == set()


def test_third_party_crates_have_their_source_licence_and_locked_hash(bill: dict) -> None:
    for component in bill["components"]:
        assert component["licenses"], component["name"]
        if "source" in LOCKED.get(component["bom-ref"], {}):
            assert component["purl"] == f"pkg:cargo/{component['name']}@{component['version']}".replace("+", "%2B")
            assert component["hashes"] == [{"alg": "SHA-256", "content": LOCKED[component["bom-ref"]]["checksum"]}]
        elif component["name"] != "rust-std":
            assert component["name"].startswith("triage-") and not component.keys() & {"purl", "hashes"}


def test_from_the_program_one_comes_to_everything(bill: dict) -> None:
    uses = {each["ref"]: each.get("dependsOn", []) for each in bill["dependencies"]}
    reached, waiting = set(), [bill["metadata"]["component"]["bom-ref"]]
    while waiting:
        ref = waiting.pop()
        if ref not in reached:
            reached.add(ref)
            waiting += uses[ref]
    assert reached == uses.keys() == {each["bom-ref"] for each in [bill["metadata"]["component"], *bill["components"]]}


def test_the_same_sources_give_the_same_bill(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    program = tmp_path / "oidc-triage"
    program.write_bytes(b"made up")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1795000000")
    made = sbom.bill("oidc-triage", program=program)
    assert made == sbom.bill("oidc-triage", program=program)
    assert json.loads(made)["metadata"]["component"]["hashes"][0]["content"] == hashlib.sha256(b"made up").hexdigest()
    assert json.loads(made)["metadata"]["timestamp"].startswith("2026-11-18T")
    assert json.loads(made)["serialNumber"] != bill_of("oidc-triage")["serialNumber"]


def test_a_licence_outside_spdx_is_an_error() -> None:
    with pytest.raises(ValueError, match="no licence of SPDX"):
        sbom.licence("Do as you like")


def crate(folder: pathlib.Path, licence: str) -> linked.Crate:
    return linked.Crate("made-up", "1.0.0", licence, "", None, folder, "0" * 64, ())


def test_each_text_comes_once_with_all_its_crates(tmp_path: pathlib.Path) -> None:
    (tmp_path / "LICENSE-MIT").write_text("made-up terms  \r\n")
    one = crate(tmp_path, "MIT")
    text = licences.all_texts([one, dataclasses.replace(one, name="another")], "1.95.0")
    assert text.count("made-up terms") == 1
    assert "another@1.0.0 (MIT)\nmade-up@1.0.0 (MIT)\n\nmade-up terms\n" in text


def test_a_text_that_is_missing_is_known_or_an_error(tmp_path: pathlib.Path) -> None:
    assert "Copyright (c) the authors of made-up" in licences.texts(crate(tmp_path, "MIT"))[0]
    assert "Apache License" in licences.texts(crate(tmp_path, "MIT OR Apache-2.0"))[0]
    with pytest.raises(ValueError, match="brings no licence text"):
        licences.texts(crate(tmp_path, "ISC AND MIT"))


class Loader(yaml.SafeLoader):
    """Reads CloudFormation's own tags as what they stand before."""


Loader.add_multi_constructor("!", lambda loader, suffix, node: str(node.value))


@pytest.mark.parametrize("architecture", linked.TARGETS)
def test_the_template_uploads_a_program_and_builds_none(architecture: str) -> None:
    made = release.template((linked.ROOT / "template.yaml").read_text(), "function.zip", architecture)
    template = yaml.load(made, Loader)
    assert "BuildMethod" not in made and "CodeUri" not in template["Globals"]["Function"]
    for function in ("TriageFunction", "WatcherFunction"):
        assert template["Resources"][function]["Properties"]["CodeUri"] == "function.zip"
        assert template["Resources"][function].get("Metadata", {"more": "of it"})
    # The program is of one processor: nobody may choose the other one.
    chosen = template["Parameters"]["Architecture"]
    assert (chosen["AllowedValues"], chosen["Default"]) == ([architecture], architecture)
    with pytest.raises(ValueError, match="not once"):
        release.template(made, "function.zip")


def test_the_template_of_a_release_names_no_file_but_the_zip() -> None:
    """Else `sam deploy` would stop where somebody took the template and the zip alone."""
    source = yaml.load((linked.ROOT / "template.yaml").read_text(), Loader)
    made = yaml.load(release.template((linked.ROOT / "template.yaml").read_text(), "function.zip"), Loader)
    assert "AWS::ServerlessRepo::Application" in source["Metadata"]
    assert made["Metadata"].keys() == source["Metadata"].keys() - {"AWS::ServerlessRepo::Application"}
    assert made["Resources"].keys() == source["Resources"].keys() and made["Outputs"] == source["Outputs"]


def test_the_functions_other_metadata_stays() -> None:
    text = (linked.ROOT / "template.yaml").read_text()
    line = "        Binary: oidc-triage-function\n"
    more = yaml.load(release.template(text.replace(line, line + "      made-up: kept\n"), "function.zip"), Loader)
    for function in ("TriageFunction", "WatcherFunction"):
        assert more["Resources"][function]["Metadata"]["made-up"] == "kept"


def test_the_zip_has_one_file_that_may_be_executed_and_no_time_of_its_own(tmp_path: pathlib.Path) -> None:
    program = tmp_path / "bootstrap"
    program.write_bytes(b"made up")
    made = release.zipped(program)
    with zipfile.ZipFile(io.BytesIO(made)) as archive:
        [entry] = archive.infolist()
        assert (entry.filename, stat.S_IMODE(entry.external_attr >> 16)) == ("bootstrap", 0o755)
        assert archive.read(entry) == b"made up"
    program.touch()
    assert release.zipped(program) == made


def test_the_command_line_comes_in_a_folder_of_its_own() -> None:
    made = archives.tarred("oidc-triage-1", {"oidc-triage": (b"made up", 0o755), "LICENSE": (b"terms", 0o644)})
    assert archives.tarred("oidc-triage-1", {"LICENSE": (b"terms", 0o644), "oidc-triage": (b"made up", 0o755)}) == made
    with tarfile.open(fileobj=io.BytesIO(made)) as archive:
        assert [(entry.name, entry.mode, entry.uid) for entry in archive] == [
            ("oidc-triage-1/LICENSE", 0o644, 0), ("oidc-triage-1/oidc-triage", 0o755, 0)]


def test_the_sums_are_as_sha256sum_writes_them() -> None:
    assert release.sums({"b": b"2", "a": b"1"}).decode().splitlines() == [
        f"{hashlib.sha256(b'1').hexdigest()}  a", f"{hashlib.sha256(b'2').hexdigest()}  b"]


@pytest.mark.parametrize("epoch", ["1795000000", ""])
def test_files_carry_the_time_of_the_commit_or_none(epoch: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Sources without git have no commit, and `make` gives an empty text.
    monkeypatch.setenv("SOURCE_DATE_EPOCH", epoch)
    with zipfile.ZipFile(io.BytesIO(archives.zipped({"a": (b"", 0o644)}))) as archive:
        assert archive.infolist()[0].date_time[:3] == ((2026, 11, 18) if epoch else (1980, 1, 1))
    with tarfile.open(fileobj=io.BytesIO(archives.tarred("a", {"b": (b"", 0o644)}))) as archive:
        assert archive.getmembers()[0].mtime == int(epoch or 0)


# The wheel


def elf(machine: int = 62, symbols: bytes = b"GLIBC_2.2.5\0GLIBC_2.17\0", libraries: bytes = b"libc.so.6\0libgcc_s.so.1\0") -> bytes:
    """The parts of a program that a wheel's name depends on."""
    return b"\x7fELF\x02\x01\x01" + bytes(11) + machine.to_bytes(2, "little") + bytes(44) + symbols + libraries


@pytest.mark.parametrize(("program", "platforms"), [
    (elf(), ["manylinux_2_17_x86_64", "manylinux2014_x86_64"]),
    (elf(machine=183), ["manylinux_2_17_aarch64", "manylinux2014_aarch64"]),
    # Nothing that is released is built for an older one.
    (elf(symbols=b"GLIBC_2.2.5\0"), ["manylinux_2_17_x86_64", "manylinux2014_x86_64"]),
    # 34 is more than 5.
    (elf(symbols=b"GLIBC_2.34\0GLIBC_2.5\0"), ["manylinux_2_34_x86_64"]),
])
def test_a_wheel_says_where_its_program_runs(program: bytes, platforms: list[str]) -> None:
    assert wheel.platforms(program) == platforms


@pytest.mark.parametrize(("program", "why"), [
    (b"#!/bin/sh", "no program for 64-bit Linux"), (elf(machine=40), "machine 40"), (elf(symbols=b""), "wants no glibc"),
    (elf(libraries=b"libc.so.6\0libssl.so.3\0"), "not every Linux has libssl.so.3")])
def test_what_does_not_run_everywhere_becomes_no_wheel(program: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        wheel.platforms(program)


def made_up_wheel() -> tuple[str, zipfile.ZipFile]:
    name, content = wheel.wheel("1.2.3", elf(), {"share/man/man1/oidc-triage.1": b".TH"}, {"LICENSE": b"terms"}, b"{}")
    assert wheel.wheel("1.2.3", elf(), {"share/man/man1/oidc-triage.1": b".TH"}, {"LICENSE": b"terms"}, b"{}") == (name, content)
    return name, zipfile.ZipFile(io.BytesIO(content))


def test_a_wheel_has_the_program_as_a_script_and_a_list_of_all_its_files() -> None:
    name, archive = made_up_wheel()
    assert name == "oidc_triage-1.2.3-py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64.whl"
    assert (parse_wheel_filename(name)[0], str(parse_wheel_filename(name)[1])) == ("oidc-triage", "1.2.3")
    modes = {entry.filename: stat.S_IMODE(entry.external_attr >> 16) for entry in archive.infolist()}
    assert modes.pop("oidc_triage-1.2.3.data/scripts/oidc-triage") == 0o755 and set(modes.values()) == {0o644}
    assert {"oidc_triage-1.2.3.data/data/share/man/man1/oidc-triage.1", "oidc_triage-1.2.3.dist-info/licenses/LICENSE",
            "oidc_triage-1.2.3.dist-info/sboms/oidc-triage.cdx.json"} <= modes.keys()
    # As an installer wants it: the list last, and each file in it with its hash but the list itself.
    record = "oidc_triage-1.2.3.dist-info/RECORD"
    assert archive.namelist()[-1] == record
    rows = list(csv.reader(archive.read(record).decode().splitlines()))
    assert [row[0] for row in rows] == archive.namelist() and rows[-1] == [record, "", ""]
    for file, hashed, size in rows[:-1]:
        content = archive.read(file)
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
        assert (hashed, int(size)) == (f"sha256={digest}", len(content))


def test_what_a_wheel_says_of_itself_is_as_the_standard_has_it() -> None:
    name, archive = made_up_wheel()
    said = Metadata.from_email(archive.read("oidc_triage-1.2.3.dist-info/METADATA"), validate=True)
    assert (said.name, str(said.version), said.license_expression) == ("oidc-triage", "1.2.3", "Apache-2.0")
    assert said.license_files == ["LICENSE"] and not said.requires_dist
    tags = email.message_from_bytes(archive.read("oidc_triage-1.2.3.dist-info/WHEEL")).get_all("Tag")
    assert {str(tag) for tag in parse_wheel_filename(name)[3]} == set(tags)


# Names and versions


def test_cargo_binstall_finds_what_is_released(tmp_path: pathlib.Path) -> None:
    manifest = tomllib.loads((linked.ROOT / "crates/cli/Cargo.toml").read_text())
    said = manifest["package"]["metadata"]["binstall"]
    for architecture, target in linked.TARGETS.items():
        build = release.Build(architecture, tmp_path, tmp_path / "oidc-triage")
        (tmp_path / "oidc-triage").write_bytes(b"made up")
        variables = {"repo": "https://example.com/made-up", "version": release.version(), "target": target,
                     "bin": manifest["bin"][0]["name"], "binary-ext": ""}
        filled = {key: re.sub(r"\{ ([a-z-]+) \}", lambda found: variables[found[1]], said[key]) for key in ("pkg-url", "bin-dir")}
        folder = release.folder_of(build)
        assert filled["pkg-url"] == f"https://example.com/made-up/releases/download/v{release.version()}/{folder}.tar.gz"
        assert filled["bin-dir"].removeprefix(f"{folder}/") in release.in_archive(build, {}, {})
    assert said["pkg-fmt"] == "tgz"


def test_a_version_is_semantic_and_has_a_tag_and_a_section_of_its_own() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?", release.version())
    tag = f"v{release.version()}"
    section = f"## [{release.version()}] - 2026-11-27\n"
    assert release.wrong_with(tag, section) == []
    assert "no section" in release.wrong_with(tag, "## [Unreleased]\n")[0]
    assert "is not of version" in release.wrong_with("v999.0.0", section + "## [999.0.0] - 2026-11-27\n")[0]


@pytest.mark.parametrize("installed", [True, False], ids=["with its library", "without"])
def test_arm64_is_released_where_it_can_be_built_and_otherwise_named_as_missing(installed: bool, tmp_path: pathlib.Path) -> None:
    library = tmp_path / "lib" / "rustlib" / linked.TARGETS["arm64"]
    if installed:
        library.mkdir(parents=True)
    (tmp_path / "rustc").write_text(f"#!/bin/sh\necho {tmp_path}\n")
    (tmp_path / "rustc").chmod(0o755)
    said = subprocess.run(["make", "--dry-run", "--old-file=.aws-sam/stamp", "release"], cwd=linked.ROOT, check=True, stdout=subprocess.PIPE, text=True, env={
        "PATH": f"{tmp_path}:{os.environ['PATH']}", "HOME": str(tmp_path), "TOOLCHAIN_CHOSEN": "yes"}).stdout
    assert "--build x86_64 " in said
    assert ("--build arm64 " in said, "--arm64 --bin oidc-triage-function" in said, "rustup target add" in said) == (
        installed, installed, not installed)


@pytest.fixture
def sources(tmp_path: pathlib.Path) -> pathlib.Path:
    """A folder of sources with a commit."""
    folder = tmp_path / "sources"
    (folder / "tools").mkdir(parents=True)
    shutil.copy(linked.ROOT / "tools" / "commit.sh", folder / "tools")
    git(folder, "init", "--quiet")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "Begin")
    return folder


def git(folder: pathlib.Path, *arguments: str) -> str:
    named = ("-c", "user.name=made-up", "-c", "user.email=made-up@example.com", "-c", "commit.gpgsign=false")
    return subprocess.run(["git", *named, *arguments], cwd=folder, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def commit_of(folder: pathlib.Path) -> str:
    return subprocess.run([folder / "tools" / "commit.sh"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def test_the_commit_is_that_of_the_sources(sources: pathlib.Path) -> None:
    assert commit_of(sources) == git(sources, "rev-parse", "HEAD")[:12]
    (sources / "new").write_text("")
    assert commit_of(sources) == git(sources, "rev-parse", "HEAD")[:12] + "-modified"


def test_sources_without_git_have_no_commit(sources: pathlib.Path) -> None:
    # Unpacked within another project.
    inner = sources / "unpacked"
    (inner / "tools").mkdir(parents=True)
    shutil.copy(sources / "tools" / "commit.sh", inner / "tools")
    assert commit_of(inner) == ""
    shutil.rmtree(sources / ".git")
    assert commit_of(sources) == ""
    git(sources, "init", "--quiet")
    assert commit_of(sources) == ""
