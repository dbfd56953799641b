"""The command line with hostile paths and arguments: it ends, says so, and draws nothing."""

import gzip
import json
import os
import pathlib
import pty
import shutil
import socket
import subprocess
import tempfile

import pytest

from tests.harness.runtime_api import PATIENCE, binary

from .test_cli import EVENT, failures, replay, run

EVIL = "evil\n\x1b[2J\x1b]0;owned\x07\u009b31m\u202eforged: line"


def is_harmless(output):
    """Printed on a terminal, it moves no cursor, draws no other line and hides nothing."""
    text = output.decode()
    hidden = ("\u202e", "\u200b", "\ufeff")
    return not any((ord(c) < 32 and c != "\n") or 127 <= ord(c) < 160 or c in hidden for c in text)


def ordinary(program, *arguments):
    """As a user bound by permissions: root may read everything."""
    command = [program, *map(str, arguments)]
    if os.geteuid() == 0:
        command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *command]
    return subprocess.run(command, capture_output=True, timeout=PATIENCE, env={"PATH": "/usr/bin:/bin"})


@pytest.fixture
def open_folder():
    """A folder that every user may look into, with one good file; and the program, where every user may run it."""
    if os.geteuid() == 0 and shutil.which("setpriv") is None:
        pytest.skip("permissions do not bind root, and there is no setpriv to be another user with")
    with tempfile.TemporaryDirectory() as base:
        os.chmod(base, 0o755)
        program = shutil.copy(binary("oidc-triage", "OIDC_TRIAGE_CLI"), base)
        folder = pathlib.Path(base, "history")
        folder.mkdir(mode=0o755)
        (folder / "good.json").write_bytes(EVENT.read_bytes())
        (folder / "good.json").chmod(0o644)
        if ordinary(program, "replay", folder).returncode != 0:
            pytest.skip(f"an ordinary user can run nothing in {base}")
        yield program, folder


def evaluated(done):
    return failures([json.loads(line) for line in done.stdout.splitlines()])


def test_a_folder_without_permission_is_named_and_the_rest_is_read(open_folder):
    program, folder = open_folder
    closed = folder / "closed"
    closed.mkdir()
    (closed / "unseen.json").write_bytes(EVENT.read_bytes())
    closed.chmod(0)
    done = ordinary(program, "replay", "--format", "json", folder)
    closed.chmod(0o755)
    assert done.returncode == 1 and len(evaluated(done)) == 1
    assert b"closed: Permission denied" in done.stderr


def test_a_folder_that_can_only_be_listed_has_each_file_named(open_folder):
    program, folder = open_folder
    listed = folder / "listed"
    listed.mkdir()
    (listed / "unseen.json").write_bytes(EVENT.read_bytes())
    listed.chmod(0o744)
    done = ordinary(program, "replay", "--format", "json", folder)
    listed.chmod(0o755)
    assert done.returncode == 1 and len(evaluated(done)) == 1
    assert b"listed/unseen.json: Permission denied" in done.stderr


@pytest.mark.parametrize("is_given", [True, False], ids=["given", "found"])
def test_a_file_without_permission_is_named_and_the_rest_is_read(open_folder, is_given):
    program, folder = open_folder
    (folder / "closed.json").write_bytes(EVENT.read_bytes())
    (folder / "closed.json").chmod(0)
    paths = [folder / "closed.json", folder / "good.json"] if is_given else [folder]
    done = ordinary(program, "replay", "--format", "json", *paths)
    assert done.returncode == 1 and len(evaluated(done)) == 1
    assert b"closed.json: Permission denied" in done.stderr and b"good.json" not in done.stderr


@pytest.mark.parametrize("name", ["away.json", "latest"])
def test_a_link_that_leads_nowhere_is_named_and_the_rest_is_read(tmp_path, name):
    (tmp_path / "good.json").write_bytes(EVENT.read_bytes())
    (tmp_path / name).symlink_to(tmp_path / "missing")
    done = run("replay", "--format", "json", tmp_path)
    assert done.returncode == 1 and len(evaluated(done)) == 1
    assert f"{name}: a link that leads nowhere".encode() in done.stderr


def test_links_in_a_circle_are_named_and_end(tmp_path):
    (tmp_path / "good.json").write_bytes(EVENT.read_bytes())
    (tmp_path / "a.json").symlink_to(tmp_path / "b.json")
    (tmp_path / "b.json").symlink_to(tmp_path / "a.json")
    done = run("replay", "--format", "json", tmp_path)
    assert done.returncode == 1 and len(evaluated(done)) == 1
    assert b"a.json: a link" in done.stderr and b"b.json: a link" in done.stderr


def test_a_pipe_and_a_socket_in_a_folder_are_named_and_do_not_block(tmp_path):
    (tmp_path / "good.json").write_bytes(EVENT.read_bytes())
    os.mkfifo(tmp_path / "pipe.json")
    (tmp_path / "link.json").symlink_to(tmp_path / "pipe.json")
    with socket.socket(socket.AF_UNIX) as listener:
        # Its whole path may be too long for a socket.
        listener.bind(f"/proc/self/fd/{os.open(tmp_path, os.O_PATH)}/socket.json")
        done = run("replay", "--format", "json", tmp_path)
    assert done.returncode == 1 and len(evaluated(done)) == 1
    for name in ("pipe.json", "link.json", "socket.json"):
        assert f"{name}: it is no file".encode() in done.stderr


@pytest.fixture(params=["pipe", "device", "socket", "link"])
def endless(request, tmp_path):
    path = tmp_path / "endless.json"
    match request.param:
        case "pipe":
            os.mkfifo(path)
        case "device":
            path = pathlib.Path("/dev/zero")
        case "socket":
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind(f"/proc/self/fd/{os.open(tmp_path, os.O_PATH)}/endless.json")
        case "link":
            path.symlink_to("/dev/zero")
    return path


def test_anything_but_a_file_is_refused_wherever_a_file_is_needed(endless):
    for arguments in [
        ["replay", endless],
        ["replay", EVENT, endless],
        ["suggest", endless],
        ["replay", "--policy", endless, EVENT],
        ["suggest", "--policy", endless, EVENT],
        ["replay", "--compare", "/dev/null", endless, EVENT],
        ["explain", "--event", endless],
    ]:
        done = run(*arguments)
        assert done.returncode == 2 and done.stdout == b"", arguments
        assert b"it is a" in done.stderr and endless.name.encode() in done.stderr, (arguments, done.stderr)


def test_a_device_as_standard_input_is_refused_and_the_empty_one_is_empty():
    program = binary("oidc-triage", "OIDC_TRIAGE_CLI")
    for arguments in (["replay", "-"], ["explain", "--event", "-"], ["explain", "-"]):
        with open("/dev/zero", "rb") as zero:
            done = subprocess.run([program, *arguments], stdin=zero, capture_output=True, timeout=PATIENCE)
        assert done.returncode == 2 and done.stdout == b"" and b"it is a device" in done.stderr, arguments
    done = subprocess.run([program, "replay", "-"], stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE)
    assert done.returncode == 1 and b"standard input: nothing in it" in done.stderr


@pytest.mark.parametrize("arguments", [["replay", "-"], ["replay", "/dev/stdin"], ["suggest", "-"],
                                       ["explain", "--event", "-"], ["explain", "-"]], ids=str)
def test_a_terminal_as_standard_input_is_refused_with_a_hint(arguments):
    ours, theirs = pty.openpty()
    done = subprocess.run([binary("oidc-triage", "OIDC_TRIAGE_CLI"), *arguments], stdin=theirs, capture_output=True,
                          timeout=PATIENCE)
    os.close(ours)
    os.close(theirs)
    assert done.returncode == 2 and done.stdout == b""
    assert b"it is a terminal" in done.stderr and b"zcat" in done.stderr or arguments[-1] == "/dev/stdin"


def test_a_shell_s_process_substitution_is_read():
    program = binary("oidc-triage", "OIDC_TRIAGE_CLI")
    for command in (f"{program} replay --format json <(cat {EVENT})", f"cat {EVENT} | {program} replay --format json -",
                    f"cat {EVENT} | {program} replay --format json /dev/stdin"):
        done = subprocess.run(["bash", "-c", command], capture_output=True, timeout=PATIENCE)
        assert done.returncode == 0 and len(evaluated(done)) == 1, (command, done.stderr)


@pytest.mark.parametrize("command", ["replay", "suggest"])
def test_a_missing_path_is_wrong_usage_and_nothing_is_reported(tmp_path, command):
    done = run(command, EVENT, tmp_path / "missing.json", tmp_path / "gone")
    assert done.returncode == 2 and done.stdout == b""
    (line,) = done.stderr.decode().splitlines()
    assert "missing.json: cannot be read: No such file" in line and "gone: cannot be read: No such file" in line
    (tmp_path / "link.json").symlink_to(tmp_path / "missing.json")
    done = run(command, tmp_path / "link.json")
    assert done.returncode == 2 and done.stdout == b""


def test_a_folder_is_neither_a_policy_nor_an_event(tmp_path):
    done = run("replay", "--policy", tmp_path, EVENT)
    assert done.returncode == 2 and done.stdout == b"" and b"Is a directory" in done.stderr
    done = run("explain", "--event", tmp_path)
    assert done.returncode == 2 and done.stdout == b"" and b"Is a directory" in done.stderr


def test_a_policy_of_a_gigabyte_is_refused_unread(tmp_path):
    with open(tmp_path / "large.toml", "wb") as large:
        large.truncate(1 << 30)
    done = run("replay", "--policy", tmp_path / "large.toml", EVENT)
    assert done.returncode == 2 and b"large.toml: larger than" in done.stderr


def test_every_path_and_argument_is_escaped_on_the_terminal(tmp_path):
    folder = tmp_path / EVIL
    folder.mkdir()
    (folder / f"{EVIL}.json").write_bytes(b"{broken")
    (folder / f"{EVIL}.toml").write_text('"a\\nb\\u001b" = 1\n')
    (folder / "AWSLogs").mkdir()
    for arguments in [
        ["replay", folder], ["replay", folder / f"{EVIL}.json"], ["replay", folder / "missing"], ["suggest", folder],
        ["replay", "--format", "json", folder], ["replay", "--format", "html", folder],
        ["replay", "--policy", folder / f"{EVIL}.toml", EVENT], ["replay", "--policy", folder, EVENT],
        ["replay", "--compare", "/dev/null", folder / "missing", EVENT],
        ["explain", "--event", folder / f"{EVIL}.json"], ["explain", "--event", folder / "missing"],
        ["explain", EVIL], ["explain", "InternalServerException", "--operation", EVIL],
        ["explain", "InternalServerException", "--status", EVIL], ["explain", "500", "--message", EVIL],
        ["explain", "500", "--reason", EVIL], ["explain", "500", "--grant-type", EVIL],
        ["explain", "--format", EVIL, "500"], ["replay", "--format", EVIL, EVENT], ["replay", f"--{EVIL}", EVENT],
        ["replay", "--trail-log-groups", EVIL, EVENT], [EVIL], ["explain", "500", EVIL], ["help", EVIL],
    ]:
        done = run(*arguments)
        # The page has its scripts and styles, and tabs may be in them.
        printed = done.stdout.replace(b"\t", b"") + done.stderr
        assert is_harmless(printed), (arguments, printed)
        assert not any(line.startswith("forged") for line in printed.decode().splitlines()), arguments
        assert b"panicked" not in done.stderr, arguments


def test_a_name_of_any_bytes_is_shown(tmp_path):
    path = os.fsencode(tmp_path) + b"/\xff\xfe\x1b[2J.json"
    with open(path, "wb") as file:
        file.write(b"{broken")
    program = binary("oidc-triage", "OIDC_TRIAGE_CLI")
    for command in (["replay", path], ["replay", os.fsencode(tmp_path)], ["explain", "--event", path],
                    ["replay", "--policy", path, os.fsencode(EVENT)], [b"\xff\x1b[2J"], ["explain", b"\xff\x1b[2J"]):
        done = subprocess.run([program, *command], capture_output=True, timeout=PATIENCE)
        assert done.returncode in (1, 2) and done.stderr, command
        assert is_harmless(done.stderr) and b"panicked" not in done.stderr, (command, done.stderr)


def test_the_name_within_a_packed_file_is_not_shown(tmp_path):
    packed = bytearray(gzip.compress(b"{broken"))
    packed[3] |= 8
    packed[10:10] = EVIL.encode("utf-8") + b"\0"
    (tmp_path / "packed.json.gz").write_bytes(packed)
    done = run("replay", tmp_path)
    assert done.returncode == 1 and is_harmless(done.stderr) and b"forged" not in done.stderr


def test_good_files_are_read(tmp_path):
    (tmp_path / "good.json").write_bytes(EVENT.read_bytes())
    (tmp_path / "link.json").symlink_to(tmp_path / "good.json")
    lines = replay(tmp_path)
    assert lines[-1]["files"] == 2 and lines[-1]["counts"]["duplicate"] == 1
