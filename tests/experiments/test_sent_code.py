"""Code and records on a node lie in folders that no other user of the node could have made or can write in."""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
import sys

import pytest

from bench.core import RunAbortedError
from bench.experiments.launch import code_archive, node_agent
from bench.experiments.launch.worker import WorkerJob

FOREIGN = 65534  # nobody
HELD = """
import os, sys
from bench.experiments.launch import node_agent
print(node_agent.unpack_code(bytes.fromhex(sys.argv[1])), flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    """A folder for temporary files that all users can write to, like /tmp."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    folder.chmod(0o1777)
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


@pytest.fixture(scope="module")
def packed():
    return code_archive.code([])


def test_code_never_comes_from_a_folder_that_was_there_before(packed, temporary):
    digest = hashlib.sha256(packed).hexdigest()
    names = [f"dclse-bench-{os.getuid()}-{digest[:16]}", f"dclse-bench-code-{digest[:16]}", "dclse-bench-code-"]
    for name in names:
        (temporary / name / "bench").mkdir(parents=True)
        (temporary / name / "bench" / "__init__.py").write_text("raise SystemExit('foreign code')\n")
        if os.getuid() == 0:
            os.chown(temporary / name, FOREIGN, FOREIGN)
    folder = node_agent.unpack_code(packed)
    assert folder.name not in names
    assert node_agent.folders_checksum([folder / name for name in node_agent.PACKAGES]) == node_agent.folders_checksum(
        node_agent.folders_of_code()
    )
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert node_agent.unpack_code(packed) != folder


def test_folders_of_code_of_ended_processes_are_removed_and_no_others(temporary, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (temporary / "dclse-bench-code-link").symlink_to(tmp_path / "elsewhere")
    small = b"PK\x05\x06" + bytes(18)  # an empty zip file
    words = [sys.executable, "-c", HELD, small.hex()]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        path = other.stdout.readline().strip()
        mine = node_agent.unpack_code(small)
        assert os.path.isdir(path)
        other.kill()
    after = node_agent.unpack_code(small)
    assert not os.path.isdir(path)
    assert mine.is_dir()
    assert after.is_dir()
    assert (tmp_path / "elsewhere").is_dir()


def test_records_of_a_node_are_in_a_folder_for_this_user_only(temporary):
    own = WorkerJob("/results", shared=False, node="far").own
    assert stat.S_IMODE(own.parent.stat().st_mode) == 0o700
    own.parent.chmod(0o755)  # as earlier versions left it
    assert WorkerJob("/results", shared=False, node="far").own == own
    assert stat.S_IMODE(own.parent.stat().st_mode) == 0o700


def planted(temporary, how):
    folder = temporary / f"dclse-bench-{os.getuid()}-work"
    if how == "link":
        (temporary / "theirs").mkdir()
        folder.symlink_to(temporary / "theirs")
        return folder
    folder.mkdir()
    folder.chmod(0o777 if how == "writable" else 0o755)
    if how == "foreign":
        os.chown(folder, FOREIGN, FOREIGN)
    return folder


@pytest.mark.parametrize(
    ("how", "fault"),
    [
        ("writable", "can be written by other users"),
        ("link", "is a link or a file, not a folder"),
        ("foreign", "belongs to another user"),
    ],
)
def test_a_folder_of_records_that_others_could_have_filled_is_refused(temporary, how, fault):
    if how == "foreign" and os.getuid() != 0:
        pytest.skip("only root can give a folder to another user")
    folder = planted(temporary, how)
    with pytest.raises(RunAbortedError, match=rf"{folder} on .* {fault}.*remove it, or set TMPDIR"):
        _ = WorkerJob("/results", shared=False, node="far").store
