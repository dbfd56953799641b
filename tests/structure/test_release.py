"""The files of `make release`, from made-up programs: the bills are of the real crates."""

import collections
import dataclasses
import functools
import hashlib
import io
import json
import pathlib
import stat
import tarfile
import tomllib
import zipfile

import pytest
import yaml

from tools import licences, linked, release, sbom

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
    of_the_function = {"aws-sdk-sns", "lambda_runtime", "ring", "rustls"}
    of_the_command_line = {"clap", "signal-hook"}
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


def test_the_template_uploads_a_program_and_builds_none() -> None:
    made = release.template((linked.ROOT / "template.yaml").read_text(), "function.zip")
    template = yaml.load(made, Loader)
    assert template["Globals"]["Function"]["CodeUri"] == "function.zip"
    assert "BuildMethod" not in made
    for function in ("TriageFunction", "WatcherFunction"):
        assert template["Resources"][function].get("Metadata", {"more": "of it"})
    assert template["Parameters"]["Architecture"]["AllowedValues"] == ["x86_64"]
    with pytest.raises(ValueError, match="not once"):
        release.template(made, "function.zip")


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
    made = release.tarred("oidc-triage-1", {"oidc-triage": (b"made up", 0o755), "LICENSE": (b"terms", 0o644)})
    assert release.tarred("oidc-triage-1", {"LICENSE": (b"terms", 0o644), "oidc-triage": (b"made up", 0o755)}) == made
    with tarfile.open(fileobj=io.BytesIO(made)) as archive:
        assert [(entry.name, entry.mode, entry.uid) for entry in archive] == [
            ("oidc-triage-1/LICENSE", 0o644, 0), ("oidc-triage-1/oidc-triage", 0o755, 0)]


def test_the_sums_are_as_sha256sum_writes_them() -> None:
    assert release.sums({"b": b"2", "a": b"1"}).decode().splitlines() == [
        f"{hashlib.sha256(b'1').hexdigest()}  a", f"{hashlib.sha256(b'2').hexdigest()}  b"]
