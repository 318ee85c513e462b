"""Aliases stay the same from report to report: the salt is whole or missing, and no other one takes its place."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest
from synthetic_results import ArmSpec, DataSetSpec, write

from bench import report
from bench.core import BenchError, RunAbortedError, paths
from bench.report import report_manifest
from bench.storage import alias_salt
from bench.storage.anonymise import alias

WHOLE = "ab12" * 16
WAITING = """
import sys, time
from pathlib import Path
from bench.storage.anonymise import alias
print("ready", flush=True)
sys.stdin.readline()
print(alias("scans", "sub-01"))
"""
KILLED = """
import os, signal, sys
from bench.storage import alias_salt
def die(*arguments):
    os.kill(os.getpid(), signal.SIGKILL)
setattr(alias_salt, sys.argv[1], die)
alias_salt.read_salt(alias_salt.paths.data_root())
"""


@pytest.fixture
def root(tmp_path, monkeypatch):
    folder = tmp_path / "data"
    folder.mkdir()
    monkeypatch.setenv("BENCH_DATA", str(folder))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "own"))
    return folder


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"\0" * 64, "is damaged"),
        (WHOLE[:40].encode(), "is damaged"),
        (WHOLE.encode() + b"\n", "is damaged"),
        ("Ärger".encode(), "is damaged"),
    ],
)
def test_a_damaged_salt_is_refused_with_its_remedy_and_kept(root, content, fault):
    (root / "salt").write_bytes(content)
    with pytest.raises(RunAbortedError, match=rf"{root / 'salt'}, the salt of .* {fault}; restore it from a copy"):
        alias("scans", "sub-01")
    assert (root / "salt").read_bytes() == content


def test_an_empty_salt_is_replaced_with_a_message_and_no_alias_is_made_from_it(root, capsys):
    (root / "salt").write_bytes(b"")
    seen = alias("scans", "sub-01")
    assert seen != hmac.new(b"", b"scans\0sub-01", hashlib.sha256).hexdigest()[: len(seen)]
    assert f"{root / 'salt'}, the salt of the aliases of people and scans, was empty" in capsys.readouterr().err
    alias_salt.read_salt.cache_clear()
    assert alias("scans", "sub-01") == seen
    assert capsys.readouterr().err == ""


def test_processes_that_find_an_empty_salt_at_once_agree(root):
    (root / "salt").write_bytes(b"")
    words = [sys.executable, "-c", WAITING]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    processes = [subprocess.Popen(words, **pipes) for _ in range(3)]
    assert [process.stdout.readline() for process in processes] == ["ready\n"] * 3
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    assert {process.communicate()[0] for process in processes} == {f"{alias('scans', 'sub-01')}\n"}


def test_a_folder_or_a_dead_link_in_the_place_of_the_salt_is_named(root):
    (root / "salt").symlink_to(root / "gone")
    with pytest.raises(RunAbortedError, match=r"salt.* is a link to a missing file"):
        alias("scans", "sub-01")
    (root / "salt").unlink()
    (root / "salt").mkdir()
    with pytest.raises(RunAbortedError, match=rf"cannot read {root / 'salt'}, the salt of .*directory"):
        alias("scans", "sub-01")


def test_a_data_root_below_a_file_stops_the_report(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "file" / "below"))
    with pytest.raises(BenchError, match=r"file is a file, not a folder; move it, or set BENCH_DATA to a folder"):
        alias("scans", "sub-01")


@contextmanager
def ordinary_user():
    """This process as a user who is not root; as it is if it has no such rights."""
    if os.geteuid() == 0:
        os.seteuid(65534)
        try:
            yield
        finally:
            os.seteuid(0)
    else:
        yield


def test_a_salt_that_may_not_be_read_stops_the_report_and_is_kept(monkeypatch):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "salt").write_text(WHOLE)
        (folder / "salt").chmod(0)
        monkeypatch.setenv("BENCH_DATA", name)
        with ordinary_user(), pytest.raises(RunAbortedError, match=r"salt.*Permission denied.*make the file readable"):
            alias("scans", "sub-01")
        (folder / "salt").chmod(0o600)
        assert (folder / "salt").read_text() == WHOLE


def test_data_that_are_read_only_take_the_salt_of_the_users_own_data_root(root, monkeypatch):
    monkeypatch.setattr(paths, "writable", lambda folder: folder != root)
    one = alias("scans", "sub-01")
    assert len((paths.own_data_root() / "salt").read_bytes()) == 64
    assert list(root.iterdir()) == []
    alias_salt.read_salt.cache_clear()
    assert alias("scans", "sub-01") == one
    alias_salt.read_salt.cache_clear()
    (root / "salt").write_text(WHOLE)  # that of the data comes first
    assert alias("scans", "sub-01") != one


def test_a_salt_that_can_be_stored_nowhere_stops_the_report(root, monkeypatch):
    monkeypatch.setattr(paths, "writable", lambda folder: False)
    with pytest.raises(RunAbortedError, match=r"cannot create .*own/dclse-bench/salt, .*make the folder writable"):
        alias("scans", "sub-01")


def test_processes_that_create_the_salt_at_once_agree(root):
    words = [sys.executable, "-c", WAITING]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen(words, **pipes) for _ in range(3)]
    assert [process.stdout.readline() for process in processes] == ["ready\n"] * 3
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    assert {process.communicate()[0] for process in processes} == {f"{alias('scans', 'sub-01')}\n"}
    assert [path.name for path in root.iterdir()] == ["salt"]


@pytest.mark.parametrize("moment", ["_write", "_link", "flush"])
def test_a_killed_process_leaves_a_whole_salt_or_none(root, moment):
    done = subprocess.run([sys.executable, "-c", KILLED, moment], check=False)
    assert done.returncode == -signal.SIGKILL
    left = (root / "salt").read_bytes() if (root / "salt").exists() else None
    assert (left is not None) == (moment == "flush")
    assert alias_salt.read_salt(root) == (left or (root / "salt").read_bytes())
    assert [path.name for path in root.iterdir() if not path.name.endswith(".claim")] == ["salt"]


def test_the_salt_is_on_the_disk_before_it_has_its_name_and_the_name_before_it_is_used(root, monkeypatch):
    order = []
    monkeypatch.setattr("os.fsync", lambda handle: order.append("folder" if os.path.isdir(handle) else "file"))
    link = os.link
    monkeypatch.setattr("os.link", lambda *places: order.append("link") or link(*places))
    alias("scans", "sub-01")
    assert order == ["file", "link", "folder"]
    assert (root / "salt").stat().st_mode & 0o777 == 0o600


def test_a_file_system_without_links_gets_a_whole_salt_too(root, monkeypatch):
    def no_links(*_):
        raise PermissionError("no links here")

    monkeypatch.setattr("os.link", no_links)
    assert alias_salt.read_salt(root) == (root / "salt").read_bytes()
    assert len((root / "salt").read_bytes()) == 64


def test_a_report_with_another_salt_than_the_last_one_stops_and_says_so(tmp_path, monkeypatch):
    scores = [0.70, 0.75, 0.65, 0.72, 0.68]
    write(tmp_path, {"base": ArmSpec(scores=scores), "new": ArmSpec(scores=scores)}, [DataSetSpec("scans")])
    last = tmp_path / "toy" / "manifest.json"
    last.write_text(json.dumps({"alias_salt": alias_salt.salt_mark(tmp_path / "one")}))
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "another machine"))
    with pytest.raises(
        RunAbortedError, match=r"aliases .* would differ from those of the last report .* copy its file"
    ):
        report.build("toy", tmp_path)
    assert [path.name for path in (tmp_path / "toy").glob("*.*") if path.suffix != ".claim"] == [
        "plan.json",
        "manifest.json",
    ]
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "one"))
    report_manifest.check_aliases(last)
