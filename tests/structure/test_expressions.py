"""Regular expressions of the decoder do without Unicode's tables, which its `regex` is built without.

A class such as `\\s` or `\\d` needs them, and panics when the expression is first used: but not in a build of the whole
workspace, where some tool for tests asks for the tables.
"""

import re
from pathlib import Path

SOURCES = Path(__file__).resolve().parents[2] / "crates" / "decode" / "src"
RAW = re.compile(r'r(#*)"(.*?)"\1', re.DOTALL)
CLASS = re.compile(r"(?<!\\)(?:\\\\)*\\[sdwSDWpP]")


def test_no_expression_needs_the_tables():
    wrong = [
        f"{file.relative_to(SOURCES)}: {literal[:80]}"
        for file in sorted(SOURCES.rglob("*.rs")) if not file.stem.startswith("test")
        for _, literal in RAW.findall(file.read_text())
        if CLASS.search(literal)
    ]
    assert wrong == []


def test_one_that_does_is_found():
    assert CLASS.search(RAW.findall(r'regex(r"a\s+b")')[0][1])
    assert not CLASS.search(RAW.findall(r'regex(r"a\\sb [ \t]")')[0][1])
