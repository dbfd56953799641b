"""`make lint` sees a circle and a forbidden arrow: one of each is planted in a copy of the workspace."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.structure import walls

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A copy of the workspace's sources."""
    shutil.copy(PROJECT / "Cargo.toml", tmp_path)
    for folder in ("src", "crates"):
        shutil.copytree(PROJECT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("target"))
    return tmp_path


def found(house: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """What `make lint` would say; it fails exactly when it says something."""
    failed = walls.main(house)
    said = capsys.readouterr().err
    assert failed == (1 if said else 0)
    return said


def plant(house: Path, file: str, code: str) -> None:
    place = house / file
    place.write_text(place.read_text() + code)


def test_the_house_as_it_stands_has_neither(house: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert found(house, capsys) == ""


@pytest.mark.parametrize(
    "code",
    [
        "\nuse crate::partition::Partition as Planted;\n",
        "\nuse crate::{\n    caller as _,\n    partition::{Partition as Planted, oidc_host as _},\n};\n",
        "\nuse super::partition::Partition as Planted;\n",
        "\nfn planted() -> Option<crate::partition::Partition> {\n    None\n}\n",
        "\npub use crate::partition::Partition as Planted;\nfn planted() {}\n",
    ],
)
def test_a_circle_is_seen_however_the_other_file_is_named(
    house: Path, capsys: pytest.CaptureFixture[str], code: str
) -> None:
    plant(house, "crates/model/src/region.rs", code)
    said = found(house, capsys)
    assert "crates/model/src/partition.rs -> crates/model/src/region.rs -> crates/model/src/partition.rs" in said


def test_a_file_that_uses_who_declares_it_is_a_circle(house: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plant(house, "crates/engine/src/pipeline/schedule.rs", "\nuse super::Pipeline as Planted;\n")
    assert found(house, capsys) == "", "Pipeline is only handed on there"
    plant(house, "crates/engine/src/pipeline.rs", "\npub struct Planted;\n")
    plant(house, "crates/engine/src/pipeline/schedule.rs", "\nuse super::Planted as Other;\n")
    assert "crates/engine/src/pipeline/schedule.rs" in found(house, capsys)


@pytest.mark.parametrize(
    "code",
    [
        "\n// use crate::partition::Partition;\n",
        '\nconst PLANTED: &str = "crate::partition::Partition";\n',
        "\n#[cfg(test)]\nmod planted {\n    use crate::partition::Partition;\n}\n",
    ],
)
def test_what_is_no_code_and_what_only_tests_have_is_no_circle(
    house: Path, capsys: pytest.CaptureFixture[str], code: str
) -> None:
    plant(house, "crates/model/src/region.rs", code)
    assert found(house, capsys) == ""


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
def test_an_arrow_that_the_house_does_not_have_is_seen(
    house: Path, capsys: pytest.CaptureFixture[str], crate: str, used: str, kind: str
) -> None:
    manifest = house / "crates" / crate / "Cargo.toml"
    table = f"[{kind}]\n"
    line = f'planted = {{ package = "{used}", path = "nowhere" }}\n'
    text = manifest.read_text()
    manifest.write_text(text.replace(table, table + line, 1) if table in text else f"{text}\n{table}{line}")
    assert f"uses {used}: an arrow that the house does not have" in found(house, capsys)


@pytest.mark.parametrize("used", ["aws-config", "aws-sdk-sns", "lambda_runtime", "tokio", "rustls"])
def test_a_crate_below_the_function_that_talks_to_aws_is_seen(
    house: Path, capsys: pytest.CaptureFixture[str], used: str
) -> None:
    manifest = house / "crates/engine/Cargo.toml"
    manifest.write_text(manifest.read_text().replace("[dependencies]\n", f'[dependencies]\n{used} = "*"\n', 1))
    assert f"triage-engine uses {used}: only oidc-triage-function talks to AWS" in found(house, capsys)


def test_a_crate_that_nobody_drew_is_seen(house: Path, capsys: pytest.CaptureFixture[str]) -> None:
    planted = house / "crates/planted/src"
    planted.mkdir(parents=True)
    (planted / "lib.rs").touch()
    (planted.parent / "Cargo.toml").write_text('[package]\nname = "planted"\n')
    assert "planted: a crate that no arrow leads to or from" in found(house, capsys)


def test_the_command_line_is_built_without_an_aws_sdk_and_without_tls() -> None:
    """Not even beneath what it uses."""
    tree = ["cargo", "tree", "--locked", "--offline", "--package", "oidc-triage", "--edges", "normal,build"]
    lines = subprocess.run([*tree, "--prefix", "none"], cwd=PROJECT, check=True, capture_output=True, text=True).stdout
    crates = {line.split()[0] for line in lines.splitlines() if line}
    assert "triage-engine" in crates
    assert [crate for crate in crates if walls.OF_THE_FUNCTION.match(crate)] == []
