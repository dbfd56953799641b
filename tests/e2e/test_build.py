"""The deployable build contains nothing of the machine it was built on, so it can be reproduced elsewhere."""

import os
import pathlib

import pytest

from tests.harness.emulator import BUILT_TEMPLATE, ROOT

CARGO_HOME = pathlib.Path(os.environ.get("CARGO_HOME", pathlib.Path.home() / ".cargo"))


@pytest.mark.parametrize("place", [ROOT, CARGO_HOME], ids=["of the project", "of cargo"])
def test_no_folder_is_named_in_the_program(place: pathlib.Path) -> None:
    program = (BUILT_TEMPLATE.parent / "TriageFunction" / "bootstrap").read_bytes()
    assert str(place).encode() not in program
    # The replacement: else nothing was checked.
    assert b"/crates/aws-sdk-sns-" in program


def test_both_functions_are_the_same_program() -> None:
    one, other = ((BUILT_TEMPLATE.parent / name / "bootstrap").read_bytes() for name in ("TriageFunction", "WatcherFunction"))
    assert one == other
