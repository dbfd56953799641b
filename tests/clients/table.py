"""The table in README.md: client, versions, entries."""

import json

from . import CORPUS, HERE

BEGIN = "| client | versions | entries |\n|---|---|---|\n"


def write():
    rows = []
    for file in sorted(CORPUS.glob("*.json")):
        corpus = json.loads(file.read_text())
        rows.append(f"| {corpus['client']} | {', '.join(corpus['versions'])} | {len(corpus['entries'])} |\n")
    for name in "strangers", "unrun":
        file = HERE / f"{name}.json"
        if file.exists():
            rows.append(f"| {name}.json | | {len(json.loads(file.read_text())['entries'])} |\n")
    readme = HERE / "README.md"
    before, found, after = readme.read_text().partition(BEGIN)
    rest = after.splitlines(keepends=True)
    while rest and rest[0].startswith("|"):
        rest.pop(0)
    readme.write_text(before + found + "".join(rows) + "".join(rest) if found else before)
