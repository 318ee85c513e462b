"""In a folder that others may write in, a link of theirs leads no write to another file, and no code of theirs runs."""

from __future__ import annotations

import os

import pytest

from bench.core import BenchError, RunAbortedError, paths
from bench.storage.atomic_io import write_text
from bench.storage.locks import acquire_lock

FOREIGN = 65534  # nobody


@pytest.fixture
def shared(tmp_path):
    """A folder that everybody may write in, as /tmp is."""
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o1777)
    return folder


@pytest.fixture
def victim(tmp_path):
    """A file elsewhere that must not change."""
    path = tmp_path / "precious"
    path.write_text("mine")
    return path


def test_a_link_in_the_place_of_an_unfinished_file_is_replaced_and_its_target_kept(shared, victim):
    (shared / ".report.md.new").symlink_to(victim)
    write_text(shared / "report.md", "a report")
    assert victim.read_text() == "mine"
    assert (shared / "report.md").read_text() == "a report"
    assert not (shared / "report.md").is_symlink()


def test_a_link_in_the_place_of_a_lock_is_refused_and_its_target_kept(shared, victim):
    (shared / ".report.md.claim").symlink_to(victim)
    with pytest.raises(RunAbortedError, match="a link is in the place of a file"):
        write_text(shared / "report.md", "a report")
    with pytest.raises(OSError, match="symbolic links"):
        acquire_lock(shared / ".report.md.claim")
    assert victim.read_text() == "mine"


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="only root can give a folder to another user")
def test_a_plugin_folder_of_another_user_runs_only_where_it_was_named_or_nobody_could_plant_it(shared, monkeypatch):
    monkeypatch.chdir(shared)
    monkeypatch.delenv("BENCH_PLUGINS", raising=False)
    (shared / "plugins").mkdir()
    assert paths.plugin_folders() == [paths.Path("plugins")]
    os.chown(shared / "plugins", FOREIGN, FOREIGN)
    with pytest.raises(
        BenchError, match=r"plugins belongs to another user.*set BENCH_PLUGINS to the folders that you trust"
    ):
        paths.plugin_folders()
    monkeypatch.setenv("BENCH_PLUGINS", "plugins")
    assert paths.plugin_folders() == [paths.Path("plugins")]
    monkeypatch.delenv("BENCH_PLUGINS")
    shared.chmod(0o775)  # a folder of a group: who may write there is known
    assert paths.plugin_folders() == [paths.Path("plugins")]
