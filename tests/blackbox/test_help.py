"""What `--help` prints uses the words of docs/glossary.md."""

import subprocess

import pytest

from tests.harness.runtime_api import PATIENCE, binary
from tests.structure import words


def helped(*arguments):
    done = subprocess.run([binary("oidc-triage", "OIDC_TRIAGE_CLI"), *arguments, "--help"], capture_output=True, text=True,
                          timeout=PATIENCE, env={"PATH": "/usr/bin:/bin"})
    assert done.returncode == 0, done.stderr
    return done.stdout


def commands():
    listed = helped().split("Commands:\n")[1].split("\n\n")[0]
    return [line.split()[0] for line in listed.splitlines() if line.startswith("  ") and not line.startswith("   ")]


def test_the_help_uses_the_words_of_the_glossary():
    assert {"replay", "suggest", "explain"} <= set(commands())
    for command in ([], *([name] for name in commands() if name != "help")):
        assert words.found(helped(*command)) == [], command
