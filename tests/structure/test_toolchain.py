"""The Rust that `make` uses, on each kind of machine: a `rustc` of ours stands in for rustup's."""

import subprocess
import tomllib
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
NAMED = tomllib.loads((PROJECT / "rust-toolchain.toml").read_text())["toolchain"]["channel"]

#: As rustup's: without a choice it is the one that the file names.
RUSTC = """#!/bin/sh
case ${{RUSTUP_TOOLCHAIN:-named}} in
  named) version='{named}' ;;
  stable) version='{stable}' ;;
esac
[ -n "$version" ] || {{ echo "error: toolchain is not installed" >&2; exit 1; }}
echo "rustc $version (0123456789 2026-01-01)"
"""


def chosen(folder: Path, *, named: str = "", stable: str = "") -> subprocess.CompletedProcess:
    rustc = folder / "rustc"
    rustc.write_text(RUSTC.format(named=named, stable=stable))
    rustc.chmod(0o755)
    return subprocess.run([PROJECT / "tests/harness/toolchain.sh"], cwd=PROJECT, capture_output=True, text=True,
                          env={"PATH": f"{folder}:/usr/bin:/bin"})


def test_the_named_one_is_used_if_installed(tmp_path: Path) -> None:
    done = chosen(tmp_path, named=NAMED, stable="1.200.0")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("stable", [NAMED, "1.100.0", "2.0.0"])
def test_stable_stands_in_where_it_is_no_older(tmp_path: Path, stable: str) -> None:
    done = chosen(tmp_path, stable=stable)
    assert (done.returncode, done.stdout) == (0, "stable\n")
    assert f"going on with stable, which is {stable}" in done.stderr


@pytest.mark.parametrize(("stable", "said"), [("1.9.0", "stable is 1.9.0"), ("", "stable is not installed")])
def test_an_older_stable_or_none_is_reported_and_not_used(tmp_path: Path, stable: str, said: str) -> None:
    done = chosen(tmp_path, stable=stable)
    assert (done.returncode, done.stdout) == (1, "")
    assert said in done.stderr


def test_the_named_one_is_new_enough_for_the_workspace() -> None:
    oldest = tomllib.loads((PROJECT / "Cargo.toml").read_text())["workspace"]["package"]["rust-version"]
    assert [int(part) for part in NAMED.split(".")] >= [int(part) for part in oldest.split(".")]
