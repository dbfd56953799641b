"""The summary of `make test`: the time of each part, and the slowest tests.

    python3 -m tests.harness.parts target/parts      # with what the parts left there

A part leaves `<name>.time` (start, seconds, exit status), and if it can `<name>.xml` or a folder `<name>` of such
files, with each test's time in JUnit's form. Only Python's standard library: it runs before anything is installed.
"""

import pathlib
import sys
import xml.etree.ElementTree

SLOWEST = 15


def times(folder):
    """(began, seconds, status, name) of each part, in the order in which they began."""
    return sorted((*map(int, path.read_text().split()), path.stem) for path in folder.glob("*.time"))


def tests(folder):
    """(seconds, part, test) of each test, the slowest first."""
    found = []
    for path in folder.rglob("*.xml"):
        part = path.relative_to(folder).parts[0].removesuffix(".xml")
        for case in xml.etree.ElementTree.parse(path).iter("testcase"):
            name = f"{case.get('classname')}::{case.get('name')}".replace("\n", " ")
            found.append((float(case.get("time") or 0), part, name))
    return sorted(found, reverse=True)


def main(folder):
    print(f"== the {SLOWEST} slowest tests")
    for seconds, part, name in tests(folder)[:SLOWEST]:
        print(f"  {seconds:6.1f} s  {part:10} {name}")
    parts = times(folder)
    print("== how long each part took, two of them at a time")
    for began, seconds, status, name in parts:
        print(f"  {name:10} {seconds:5} s, from {began - parts[0][0]:4} s on{'' if status == 0 else ', FAILED'}")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
