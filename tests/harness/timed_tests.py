"""Cargo's runner for test programs: prints one line for each program, the whole output of a failed one, and saves each
test's time for the table at the end of `make test`.

    cargo test --config 'target."cfg(all())".runner = ["python3", "tests/harness/timed_tests.py", "target/parts/unit"]'

Rust's test harness knows its tests' times, but shows them only with unstable options. They are allowed for the test
program alone: the compiler does not see the variable, so nothing is rebuilt.
"""

import os
import pathlib
import re
import subprocess
import sys
import xml.etree.ElementTree as xml

TIMED = re.compile(r"^test (?P<name>[\w:]+)(?: - should panic)? \.\.\. (?P<result>\w+) <(?P<seconds>[\d.]+)s>$", re.MULTILINE)
RESULT = re.compile(r"^test result: .*$", re.MULTILINE)


def main(folder, program, *arguments):
    name = re.sub(r"-[0-9a-f]{16}$", "", pathlib.Path(program).name)
    # In its quiet form it prints dots.
    wanted = [argument for argument in arguments if argument not in ("--quiet", "-q")]
    done = subprocess.run([program, *wanted, "-Zunstable-options", "--report-time"], stdout=subprocess.PIPE,
                          env={**os.environ, "RUSTC_BOOTSTRAP": "1"})
    said = done.stdout.decode(errors="replace")
    suite = xml.Element("testsuite", name=name)
    for test in TIMED.finditer(said):
        xml.SubElement(suite, "testcase", classname=name, name=test["name"], time=test["seconds"])
    where = pathlib.Path(folder)
    where.mkdir(parents=True, exist_ok=True)
    # A library's tests and a program's may have one name.
    xml.ElementTree(suite).write(where / f"{pathlib.Path(program).name}.xml")
    result = RESULT.search(said)
    if done.returncode or not result:
        print(said, end="", flush=True)
        if not result:
            print(f"{name} ended without a word of what became of its tests", flush=True)
            return done.returncode or 1
    elif len(suite):
        print(f"  {name:24} {result[0].removeprefix('test result: ')}", flush=True)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
