"""Builds the programs again by the commands given, in a folder of another name with the crates unpacked in another
place, and compares them bit for bit."""

import hashlib
import os
import pathlib
import shlex
import shutil
import subprocess
import sys

from tools import release
from tools.linked import ROOT

PLACE = ROOT / "target" / "reproducible"

#: The commands' output folders.
PROGRAMS = {"bootstrap": ".aws-sam/build/TriageFunction/bootstrap", "oidc-triage": "target/lambda/oidc-triage/bootstrap"}


def copied(folder: pathlib.Path) -> None:
    """The files that git has, or would add: a build sees nothing else."""
    names = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, check=True,
                           stdout=subprocess.PIPE, text=True).stdout
    shutil.rmtree(folder, ignore_errors=True)
    for name in filter(None, names.split("\0")):
        if (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)


def other_cargo_home(folder: pathlib.Path) -> None:
    """With the downloaded packages and the settings: the crates are unpacked there again."""
    home = pathlib.Path(os.environ.get("CARGO_HOME", pathlib.Path.home() / ".cargo"))
    shutil.rmtree(folder, ignore_errors=True)
    for part in ("registry/index", "registry/cache"):
        if (home / part).exists():
            shutil.copytree(home / part, folder / part)
    if (home / "config.toml").exists():
        shutil.copy2(home / "config.toml", folder)


def built(commands: list[str], folder: pathlib.Path, cargo_home: pathlib.Path) -> None:
    environment = {**os.environ, "CARGO_TARGET_DIR": str(folder / "target"), "CARGO_HOME": str(cargo_home)}
    for command in commands:
        done = subprocess.run(["nice", *shlex.split(command)], cwd=folder, env=environment, capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"{command} failed in {folder}:\n{done.stdout}\n{done.stderr}")


def hashes(folder: pathlib.Path) -> dict[str, str]:
    made = {name: (folder / place).read_bytes() for name, place in PROGRAMS.items()}
    made["the function's zip"] = release.zipped(folder / PROGRAMS["bootstrap"])
    found = {name: hashlib.sha256(content).hexdigest() for name, content in made.items()}
    print(f"== {folder}")
    for name, hash in found.items():
        print(f"{hash}  {name}", flush=True)
    return found


def tell_tales(folder: pathlib.Path) -> list[str]:
    """The programs that contain the name of a folder of this machine."""
    places = [str(place).encode() for place in (ROOT, pathlib.Path.home() / ".cargo", pathlib.Path.home() / ".rustup")]
    return [f"{name} names {place.decode()}" for name, file in PROGRAMS.items() for place in places
            if place in (folder / file).read_bytes()]


def main() -> int:
    here = hashes(ROOT)
    there = PLACE / "the" / "other-one"
    copied(there)
    other_cargo_home(PLACE / "cargo")
    built(sys.argv[1:], there, PLACE / "cargo")
    wrong = [f"{name} is not the same there" for name, hash in hashes(there).items() if hash != here[name]] + tell_tales(ROOT)
    for each in wrong:
        print(each, file=sys.stderr)
    if wrong:
        return 1
    shutil.rmtree(PLACE)
    print("== the same, bit for bit")
    return 0


if __name__ == "__main__":
    sys.exit(main())
