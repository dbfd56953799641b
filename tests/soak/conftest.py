import tempfile

import pytest

from tests.harness.emulator import Emulator


@pytest.fixture(scope="session")
def emulator():
    with tempfile.TemporaryDirectory() as folder, Emulator(folder, iam=False) as emulator:
        yield emulator
