"""`make lint` sees a circle and a forbidden arrow: one of each is planted in a copy of the workspace."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness.runtime_api import WHOLE
from tests.structure import walls

PROJECT = Path(__file__).resolve().parents[2]


def copy(folder: Path, *places: str) -> Path:
    shutil.copy(PROJECT / "Cargo.toml", folder)
    for place in ("src", *places):
        shutil.copytree(PROJECT / place, folder / place, ignore=shutil.ignore_patterns("target"))
    return folder


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A copy of the workspace's sources."""
    return copy(tmp_path, "crates", "benches", "tests/store", "fuzz")


@pytest.fixture
def wing(tmp_path: Path) -> Path:
    """A copy of an independent part: it is faster to check."""
    return copy(tmp_path, "crates/model", "crates/engine")


def found(house: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """The output of `make lint`; it fails exactly when there is any."""
    failed = walls.main(house)
    said = capsys.readouterr().err
    assert failed == (1 if said else 0)
    return said


def arrows(house: Path) -> str:
    return "\n".join(walls.forbidden_arrows(house))


def plant(house: Path, file: str, code: str) -> None:
    place = house / file
    place.write_text(place.read_text() + code)


def test_the_workspace_has_neither(house: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert found(house, capsys) == ""


@pytest.mark.parametrize(
    "code",
    [
        "\nuse crate::partition::Partition as Planted;\n",
        "\nuse crate::{\n    caller as _,\n    partition::{Partition as Planted, oidc_host as _},\n};\n",
        "\nuse super::partition::Partition as Planted;\n",
        "\nfn planted() -> Option<crate::partition::Partition> {\n    None\n}\n",
        "\npub use crate::partition::Partition as Planted;\nfn planted() {}\n",
        "\nuse crate::{\n    // why\n    partition::Partition as Planted, // and why\n};\n",
        "\nuse crate::partition;\nfn planted() -> Option<partition::Partition> {\n    None\n}\n",
        "\nuse crate as planted;\nuse planted::partition::Partition as Planted;\n",
        "\nfn planted() -> usize {\n    (0..crate::partition::oidc_host(\"\").len()).len()\n}\n",
        "\nmod planted {\n    use super::super::partition::Partition;\n}\n",
        "\n/* a /* nested */ \" */\nuse crate::partition::Partition as Planted;\n",
        "\n#[cfg(test)]\nfn planted<K, V>(_: K, _: V) {}\nuse crate::partition::Partition as Planted;\n",
    ],
)
def test_a_circle_is_seen_however_the_other_file_is_named(
    wing: Path, capsys: pytest.CaptureFixture[str], code: str
) -> None:
    plant(wing, "crates/model/src/region.rs", code)
    said = found(wing, capsys)
    assert "crates/model/src/partition.rs -> crates/model/src/region.rs -> crates/model/src/partition.rs" in said


def test_a_file_that_uses_who_declares_it_is_a_circle(wing: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plant(wing, "crates/engine/src/pipeline/schedule.rs", "\nuse super::Pipeline as Planted;\n")
    assert found(wing, capsys) == "", "Pipeline is only handed on there"
    plant(wing, "crates/engine/src/pipeline.rs", "\npub struct Planted;\n")
    plant(wing, "crates/engine/src/pipeline/schedule.rs", "\nuse super::Planted as Other;\n")
    assert "crates/engine/src/pipeline/schedule.rs" in found(wing, capsys)


@pytest.mark.parametrize(
    "code",
    [
        "\n// use crate::partition::Partition;\n",
        '\nconst PLANTED: &str = "crate::partition::Partition";\n',
        "\n#[cfg(test)]\nmod planted {\n    use crate::partition::Partition;\n}\n",
        "\n#[cfg(all(unix, test))]\nfn planted<K, V>(_: K, _: V) -> Option<crate::partition::Partition> {\n    None\n}\n",
        "\n/* a /* nested */ use crate::partition::Partition; */\n",
        "\nmod planted {\n    use super::Region;\n}\n",
    ],
)
def test_text_and_test_code_make_no_circle(
    wing: Path, capsys: pytest.CaptureFixture[str], code: str
) -> None:
    plant(wing, "crates/model/src/region.rs", code)
    assert found(wing, capsys) == ""


@pytest.mark.parametrize(
    ("crate", "used"),
    [
        ("model", "triage-decide"),
        ("decode", "triage-decide"),
        ("decide", "triage-decode"),
        ("notify", "triage-engine"),
        ("engine", "oidc-triage-function"),
        ("cli", "oidc-triage-function"),
    ],
)
@pytest.mark.parametrize("kind", ["dependencies", "dev-dependencies", "target.'cfg(unix)'.dependencies"])
def test_a_forbidden_arrow_is_seen(
    house: Path, crate: str, used: str, kind: str
) -> None:
    manifest = house / "crates" / crate / "Cargo.toml"
    table = f"[{kind}]\n"
    line = f'planted = {{ package = "{used}", path = "nowhere" }}\n'
    text = manifest.read_text()
    manifest.write_text(text.replace(table, table + line, 1) if table in text else f"{text}\n{table}{line}")
    assert f"uses {used}: an arrow that the house does not have" in arrows(house)


@pytest.mark.parametrize("used", ["aws-config", "aws-sdk-sns", "lambda_runtime", "tokio", "rustls"])
def test_a_crate_below_the_function_that_talks_to_aws_is_seen(
    house: Path, used: str
) -> None:
    manifest = house / "crates/engine/Cargo.toml"
    manifest.write_text(manifest.read_text().replace("[dependencies]\n", f'[dependencies]\n{used} = "*"\n', 1))
    assert f"triage-engine uses {used}: only oidc-triage-function and triage-aws talk to AWS" in arrows(house)


def test_a_dependency_that_the_workspace_renames_is_seen(house: Path) -> None:
    renamed = "[workspace.dependencies]\nplanted = { package = \"triage-engine\", path = \"crates/engine\" }\n"
    root = house / "Cargo.toml"
    root.write_text(root.read_text().replace("[workspace.dependencies]\n", renamed, 1))
    manifest = house / "crates/notify/Cargo.toml"
    manifest.write_text(manifest.read_text().replace("[dependencies]\n", "[dependencies]\nplanted.workspace = true\n", 1))
    assert "triage-notify uses triage-engine" in arrows(house)


def test_an_arrow_to_or_from_the_fuzz_crate_is_seen(house: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, used in (("fuzz", "oidc-triage-function"), ("crates/cli", "triage-fuzz")):
        manifest = house / name / "Cargo.toml"
        manifest.write_text(manifest.read_text().replace("[dependencies]\n", f'[dependencies]\n{used} = "*"\n', 1))
    assert "triage-fuzz uses oidc-triage-function: an arrow" in arrows(house)
    assert "oidc-triage uses triage-fuzz: an arrow" in arrows(house)
    plant(house, "fuzz/src/bounds.rs", "\nuse crate::decode::line;\n")
    assert "fuzz/src/bounds.rs" in found(house, capsys)


def test_a_circle_among_the_files_of_a_test_is_seen(wing: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plant(wing, "crates/engine/tests/scenarios/main.rs", "\npub struct Planted;\n")
    plant(wing, "crates/engine/tests/scenarios/score.rs", "\nuse super::Planted;\n")
    assert "crates/engine/tests/scenarios/score.rs" in found(wing, capsys)


def test_the_command_fails_by_either(house: Path) -> None:
    """As `make lint` calls it."""
    command = [sys.executable, "-m", "tests.structure.walls", str(house)]
    plant(house, "crates/model/src/region.rs", "\nuse crate::partition::Partition as Planted;\n")
    manifest = house / "crates/model/Cargo.toml"
    manifest.write_text(manifest.read_text().replace("[dependencies]\n", '[dependencies]\ntriage-decide = "*"\n', 1))
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True)
    assert done.returncode == 1
    assert "in a circle" in done.stderr and "triage-model uses triage-decide" in done.stderr


def test_an_unknown_crate_is_seen(house: Path) -> None:
    planted = house / "crates/planted/src"
    planted.mkdir(parents=True)
    (planted / "lib.rs").touch()
    (planted.parent / "Cargo.toml").write_text('[package]\nname = "planted"\n')
    assert "planted: a crate that no arrow leads to or from" in arrows(house)


def test_the_command_line_is_built_without_an_aws_sdk_and_without_tls() -> None:
    """Not even beneath what it uses."""
    tree = ["cargo", "tree", "--locked", "--offline", "--package", "oidc-triage", "--edges", "normal,build"]
    lines = subprocess.run([*tree, "--prefix", "none"], cwd=PROJECT, check=True, capture_output=True, text=True).stdout
    crates = {line.split()[0] for line in lines.splitlines() if line}
    assert "triage-engine" in crates
    assert [crate for crate in crates if walls.OF_AWS.match(crate)] == []


def test_tests_build_what_the_makefile_builds() -> None:
    """With another choice of features cargo compiles everything again, and leaves another program for the tests."""
    assert f"WHOLE := {' '.join(WHOLE)}\n" in (PROJECT / "Makefile").read_text()
