"""Text that no file of the project may contain."""

import os
import re
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]

#: Made by tools, or not ours.
LEFT_OUT = re.compile(r"^(\.git|\.venv.*|\.aws-sam|\..*_cache|\.hypothesis|\.work|__pycache__|target|dist|node_modules)$")
#: Unresolved merge conflicts. A row of `=` alone may also be a heading's.
LEFT_OVER = re.compile(r"^(<{7} |>{7} )", re.MULTILINE)


def files():
    for folder, folders, names in os.walk(PROJECT):
        folders[:] = [name for name in folders if not LEFT_OUT.match(name)]
        yield from (Path(folder) / name for name in names)


def test_no_merge_is_left_half_done() -> None:
    looked_at = list(files())
    assert {"CHANGELOG.md", "Makefile", "test_text.py"} <= {path.name for path in looked_at}
    assert [str(path) for path in looked_at if LEFT_OVER.search(path.read_text(errors="replace"))] == []
    assert LEFT_OVER.search("<" * 7 + " HEAD\n")
