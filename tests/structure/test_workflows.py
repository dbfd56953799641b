"""The workflows of GitHub, which cannot run here: what can be said of them without GitHub."""

import os
import re
from pathlib import Path

import pytest
import yaml

from .test_text import PROJECT

FOLDER = PROJECT / ".github" / "workflows"
FILES = sorted(FOLDER.glob("*.yml"))

#: What a job may do beyond reading the sources.
MORE = {("release.yml", "publish"): {"contents": "write", "id-token": "write", "attestations": "write"}}

#: A full hash, which nobody can point elsewhere, and the version that it is of.
PINNED = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")

#: Commands that are neither a target of make nor a file of ours, by their first words.
OTHERS = ("rustup toolchain install", "rustup target add ", 'gh release create "$GITHUB_REF_NAME" ')


def workflow(path: Path) -> dict:
    # YAML 1.1 takes the key `on` for true.
    read = yaml.safe_load(path.read_text())
    return {"on" if key is True else key: value for key, value in read.items()}


JOBS = [pytest.param(path, name, job, id=f"{path.stem}-{name}") for path in FILES for name, job in workflow(path)["jobs"].items()]


def steps() -> list[tuple[str, dict]]:
    return [(path.name, step) for path in FILES for job in workflow(path)["jobs"].values() for step in job.get("steps", [])]


def test_continuous_integration_runs_what_a_developer_runs() -> None:
    assert [path.name for path in FILES] == ["ci.yml", "release.yml"]
    ci = workflow(FOLDER / "ci.yml")
    assert {"push", "pull_request", "workflow_call"} == set(ci["on"])
    assert ".ci/run" in [step.get("run") for step in ci["jobs"]["test"]["steps"]]
    assert (PROJECT / ".ci" / "run").read_text().rstrip().endswith("exec make test")


def test_each_action_is_pinned_by_the_hash_of_its_commit() -> None:
    used = [line.split("uses: ", 1)[1] for path in FILES for line in path.read_text().splitlines()
            if re.match(r"\s*(- )?uses: ", line)]
    assert len(used) >= 6
    assert [each for each in used if not PINNED.fullmatch(each) and each != "./.github/workflows/ci.yml"] == []
    # One commit of each everywhere.
    assert len({each.split("@")[0] for each in used}) == len(set(used))


def test_a_tag_in_place_of_a_hash_is_found() -> None:
    for loose in ("actions/checkout@v7", "actions/checkout@3d3c42e # v7.0.1", "actions/checkout@" + "0" * 40):
        assert not PINNED.fullmatch(loose)


@pytest.mark.parametrize(("path", "name", "job"), JOBS)
def test_a_job_may_read_the_sources_and_no_more_than_it_needs(path: Path, name: str, job: dict) -> None:
    of_all = workflow(path)["permissions"]
    assert of_all in ({}, {"contents": "read"})
    assert job.get("permissions", of_all) == MORE.get((path.name, name), {"contents": "read"})


@pytest.mark.parametrize(("path", "name", "job"), JOBS)
def test_a_job_ends_in_time_and_waits_for_the_tests(path: Path, name: str, job: dict) -> None:
    if "uses" not in job:
        assert job["timeout-minutes"] <= 90
        # A moving image would not be the one that was tested.
        assert re.fullmatch(r"ubuntu-\d\d\.\d\d(-arm)?", job["runs-on"])
    jobs = workflow(path)["jobs"]

    def before(job: dict) -> set[str]:
        needs = job.get("needs", [])
        needs = {needs} if isinstance(needs, str) else set(needs)
        return needs.union(*(before(jobs[need]) for need in needs))

    if path.name == "release.yml":
        assert name == "test" or "test" in before(job)
        assert name != "publish" or {"build", "arm64"} <= before(job)


def test_what_may_write_builds_nothing_and_has_no_sources() -> None:
    publish = workflow(FOLDER / "release.yml")["jobs"]["publish"]["steps"]
    assert [step.get("uses", step.get("run")).split("@")[0].split(" ")[0] for step in publish] == [
        "actions/download-artifact", "actions/attest-build-provenance", "gh"]


def test_every_command_is_one_of_ours_or_known() -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):.*## ", (PROJECT / "Makefile").read_text(), re.MULTILINE))
    commands = [step["run"] for _, step in steps() if "run" in step]
    assert len(commands) >= 6
    for command in commands:
        first, *rest = command.split()
        ours = (first == "make" and rest[0] in targets) or (
            (PROJECT / first).is_file() and os.access(PROJECT / first, os.X_OK))
        assert ours or command.startswith(OTHERS), command


def test_nothing_of_an_event_becomes_a_command() -> None:
    """A branch may be named `$(rm -rf .)`: what GitHub puts into a command is not quoted."""
    for name, step in steps():
        assert "${{" not in step.get("run", ""), (name, step)
    assert "pull_request_target" not in "".join(path.read_text() for path in FILES)


def test_the_token_does_not_stay_in_the_sources() -> None:
    checkouts = [step for _, step in steps() if step.get("uses", "").startswith("actions/checkout@")]
    assert len(checkouts) >= 3
    assert [step for step in checkouts if step["with"]["persist-credentials"] is not False] == []


def test_a_release_is_attested_for_both_processors() -> None:
    jobs = workflow(FOLDER / "release.yml")["jobs"]
    build = [step.get("run", "") for step in jobs["build"]["steps"]]
    assert "rustup target add aarch64-unknown-linux-gnu" in build and 'make release TAG="$GITHUB_REF_NAME"' in build
    assert jobs["arm64"]["runs-on"].endswith("-arm") and "make release-check" in [step.get("run") for step in jobs["arm64"]["steps"]]
    [attest] = [step for step in jobs["publish"]["steps"] if "attest-build-provenance" in step.get("uses", "")]
    assert attest["with"]["subject-path"] == "dist/*"
