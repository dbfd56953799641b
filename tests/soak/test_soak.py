"""Ten seeds of the soak: `make soak` lives through many more."""

import tempfile

import pytest

from tests.harness.emulator import Emulator

from .check import check
from .plan import plan
from .story import run

SEEDS = range(10)


@pytest.fixture(scope="session")
def emulator():
    with tempfile.TemporaryDirectory() as folder, Emulator(folder, iam=False) as emulator:
        yield emulator


@pytest.mark.long
@pytest.mark.parametrize("seed", SEEDS)
def test_every_promise_is_kept_whatever_fails(emulator, seed):
    wrong, numbers = check(run(plan(seed), emulator))
    assert wrong == [], numbers
