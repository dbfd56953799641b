"""The time from an empty clone to the command line's first answer, next to the function's optimized build.

    CARGO_TARGET_DIR=<an empty folder> python3 -m tests.harness.first_answer

Downloads are done before: the speed of a network is not measured.
"""

import subprocess
import time

FIRST_ANSWER = ["cargo", "run", "--quiet", "--locked", "--", "replay", "events/logs__cloudtrail_outage.json"]
FUNCTION = ["cargo", "build", "--quiet", "--release", "--locked", "--package", "oidc-triage-function", "--bins"]


def seconds(command):
    begin = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - begin


if __name__ == "__main__":
    subprocess.run(["cargo", "fetch", "--quiet", "--locked"], check=True)
    first, function = seconds(FIRST_ANSWER), seconds(FUNCTION)
    print("From an empty target folder")
    print(f"  cargo run -- replay ...   {first:7.1f} s")
    print(f"  the function, optimized   {function:7.1f} s, {function / first:.1f} times as long")
