"""A build gets other names for this machine's folders, in addition to its flags."""

import os
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]


def test_the_narrower_folder_comes_later_and_other_flags_stay() -> None:
    said = subprocess.run(["tools/remapped.sh", "sh", "-c", "echo $CARGO_BUILD_RUSTFLAGS; echo $RUSTFLAGS"], cwd=ROOT, check=True,
                          stdout=subprocess.PIPE, text=True,
                          env={**os.environ, "RUSTFLAGS": "--cfg made_up", "CARGO_TARGET_DIR": f"{ROOT}/target"}).stdout
    ours, theirs = said.splitlines()
    assert theirs == "--cfg made_up"
    # If two fit, rustc uses the later one.
    pairs = [flag.removeprefix("--remap-path-prefix=").split("=") for flag in ours.split()]
    narrower = [(one, other) for at, (one, _) in enumerate(pairs) for other, _ in pairs[:at] if other.startswith(f"{one}/")]
    assert [name for _, name in pairs] == ["/cargo", *["/crates"] * (len(pairs) - 3), "/oidc-triage", "/target"]
    assert narrower == []
