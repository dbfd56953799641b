"""The command line as people install it: from the wheel, from the archive, from the sources; into empty places, without a network.

In `make release-check` these are the files in dist; otherwise they are made of the tests' own build, by the same code.
"""

import csv
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

from tests.harness.released import ARCHITECTURE, DIST, PROCESSOR, released
from tests.harness.runtime_api import PATIENCE, ROOT, binary
from tests.structure import markdown
from tools import archives, release

#: What the README asks a newcomer to run first, in place of which an installed program is run.
BY_CARGO = "cargo run -- "

#: Nothing of this machine's settings: no index of packages, no folder of other packages.
CLEAN = {"PATH": "/usr/bin:/bin", "PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PYTHONNOUSERSITE": "1"}


def run(*command, cwd=None, **env):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=5 * PATIENCE, cwd=cwd,
                          env=CLEAN | env)
    assert done.returncode == 0, f"{command}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


def shows_the_demo(program, folder):
    """By the README's first command, with the program in place of cargo."""
    [line] = [line for text in markdown.FENCED.finditer((ROOT / "README.md").read_text()) for line in text[0].splitlines()
              if line.startswith(BY_CARGO + "replay ")]
    shown = run(program, *line.removeprefix(BY_CARGO).split(), cwd=folder)
    assert "OUTAGE" in shown and "resolved" in shown.lower(), shown


def own_build():
    program = pathlib.Path(binary("oidc-triage", "OIDC_TRIAGE_CLI"))
    terms = {name: (ROOT / "LICENSE").read_bytes() for name in ("LICENSE", "LICENSES-OF-OTHERS.txt")}
    return release.Build(ARCHITECTURE, program, program), release.printed(program), terms


@pytest.fixture
def wheel(tmp_path):
    if DIST:
        return released(f"*_{PROCESSOR}.whl")
    build, texts, terms = own_build()
    # Without optimization it has ten times the size: not packed tightly.
    name, content = release.wheel_of(build.command, texts, terms, b"{}\n", level=1)
    (tmp_path / name).write_bytes(content)
    return tmp_path / name


@pytest.fixture
def archive(tmp_path):
    if DIST:
        return released(f"oidc-triage-*-{PROCESSOR}-*.tar.gz")
    build, texts, terms = own_build()
    folder = release.folder_of(build)
    packed = tmp_path / f"{folder}.tar.gz"
    packed.write_bytes(archives.tarred(folder, release.in_archive(build, texts, terms), level=1))
    return packed


def test_an_empty_environment_with_the_wheel_runs_the_demo_of_the_readme(wheel, tmp_path):
    folder = tmp_path / "venv"
    run(sys.executable, "-m", "venv", "--without-pip", folder)
    before = set(folder.rglob("*"))

    def pip(*arguments):
        return run(sys.executable, "-m", "pip", "--python", folder / "bin/python", *arguments)

    pip("install", "--no-index", "--no-deps", "--no-compile", wheel)
    pip("check")
    assert pip("list", "--format=freeze").strip() == f"oidc-triage=={release.version()}"
    program = folder / "bin/oidc-triage"
    shows_the_demo(program, ROOT)
    assert (folder / "share/man/man1/oidc-triage.1").read_text() == run(program, "man")
    for shell, place in release.COMPLETIONS.values():
        assert (folder / place).read_text() == run(program, "completions", shell)
    pip("uninstall", "--yes", "oidc-triage")
    assert [path for path in set(folder.rglob("*")) - before if path.is_file()] == []


def test_the_wheel_names_what_is_in_it_and_where_it_runs(wheel, tmp_path):
    # By the tool for wheels, which compares each file with its hash.
    run(sys.executable, "-m", "wheel", "unpack", "--dest", tmp_path / "unpacked", wheel)
    [unpacked] = (tmp_path / "unpacked").iterdir()
    [about] = unpacked.glob("*.dist-info")
    listed = {row[0] for row in csv.reader((about / "RECORD").read_text().splitlines())}
    assert listed == {str(path.relative_to(unpacked)) for path in unpacked.rglob("*") if path.is_file()}
    assert {path.name for path in (about / "licenses").iterdir()} == {"LICENSE", "LICENSES-OF-OTHERS.txt"}
    tags = [line.removeprefix("Tag: ") for line in (about / "WHEEL").read_text().splitlines() if line.startswith("Tag: ")]
    assert wheel.stem.endswith("-py3-none-" + ".".join(tag.removeprefix("py3-none-") for tag in tags))
    if DIST:
        assert f"py3-none-manylinux2014_{PROCESSOR}" in tags


def unpacked(archive, tmp_path):
    (tmp_path / "unpacked").mkdir()
    run("tar", "-xzf", archive, cwd=tmp_path / "unpacked")
    [folder] = (tmp_path / "unpacked").iterdir()
    return folder


def test_the_archive_runs_the_demo_in_its_own_folder(archive, tmp_path):
    folder = unpacked(archive, tmp_path)
    assert archive.name == f"{folder.name}.tar.gz"
    assert {"LICENSE", "LICENSES-OF-OTHERS.txt", "oidc-triage.1", *release.COMPLETIONS} <= {path.name for path in folder.iterdir()}
    shows_the_demo(folder / "oidc-triage", folder)


@pytest.mark.skipif(not DIST, reason="only a release names its commit")
def test_the_released_program_names_version_and_commit(archive, tmp_path):
    commit = run(ROOT / "tools/commit.sh").strip()
    said = run(unpacked(archive, tmp_path) / "oidc-triage", "--version").strip()
    assert said == f"oidc-triage {release.version()}" + (f" ({commit})" if commit else ""), "dist was made of other sources"


@pytest.mark.skipif(not DIST, reason="another choice of packages: it would compile all of them once more")
def test_cargo_installs_the_command_line_from_the_sources(tmp_path):
    names = ("HOME", "PATH", "CARGO_HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN")
    given = {name: os.environ[name] for name in names if name in os.environ}
    run(shutil.which("cargo"), "install", "--quiet", "--path", "crates/cli", "--locked", "--debug", "--root", tmp_path, cwd=ROOT,
        CARGO_TARGET_DIR=str(ROOT / "target"), **given)
    shows_the_demo(tmp_path / "bin/oidc-triage", ROOT)
