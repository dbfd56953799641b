"""Runs a command beside a DynamoDB of its own, whose address is in OIDC_TRIAGE_TEST_DYNAMODB.

    python -m tests.harness.with_dynamodb cargo test --test store
"""

import os
import subprocess
import sys
import tempfile

from .emulator import Emulator

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder, Emulator(folder, iam=False) as emulator:
        done = subprocess.run(sys.argv[1:], env={**os.environ, "OIDC_TRIAGE_TEST_DYNAMODB": emulator.url})
    sys.exit(done.returncode)
