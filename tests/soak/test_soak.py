"""Ten seeds of the soak: `make soak` runs many more."""

import pytest

from .check import check
from .plan import plan
from .story import run

SEEDS = range(10)


@pytest.mark.long
@pytest.mark.parametrize("seed", SEEDS)
def test_every_promise_is_kept_whatever_fails(emulator, seed):
    wrong, numbers = check(run(plan(seed), emulator))
    assert wrong == [], numbers
