"""Interrupted preparation and changed prepared data: resumed, or prepared again."""

from __future__ import annotations

import os
import sys

import bids_trees
import numpy as np
import pytest

from bench import registry
from bench.core import Arm, BenchError, Data, RunAbortedError, Study, paths
from bench.data.prepare import checks, fingerprint, open_prepared, pipeline, prepare
from bench.data.prepared import OutdatedDataError
from bench.experiments.run_monitor import SilentMonitor
from bench.experiments.study_data import repair_prepared
from bench.storage import array_file


def test_a_preparation_begun_by_another_program_is_not_resumed(mine, monkeypatch):
    mine("if i == 2: raise ValueError('gone')")
    with pytest.raises(RunAbortedError, match="1 of 3 scans"):
        prepare("mine")
    edit_plugin("image = np.arange(64.0)", "image = 7 + np.arange(64.0)")
    edit_plugin("i == 2", "i == 4")
    assert prepare("mine").images()[:, 0, 0, 0, 0].tolist() == [7.0] * 3


def edit_plugin(old, new):
    """Edit the plug-in file of the data set `mine`, as a new program reads it."""
    path = paths.plugin_folders()[0] / "mine.py"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    sys.modules.pop("bench_plugins.mine", None)
    registry.clear_cache()


def test_a_phantom_whose_plug_in_file_was_edited_is_made_again(mine):
    mine()
    first = prepare("mine")
    edit_plugin("image = np.arange(64.0)", "image = 7 + np.arange(64.0)")
    assert fingerprint("mine") is None
    with pytest.raises(OutdatedDataError, match=r"the file of the data set mine has changed.*bench prepare mine"):
        open_prepared("mine")
    again = prepare("mine")
    assert again.images()[:, 0, 0, 0, 0].tolist() == [7.0] * 3
    assert fingerprint("mine") == again.fingerprint != first.fingerprint


def test_an_edit_that_changes_no_scan_of_a_phantom_keeps_its_fingerprint(mine):
    mine()
    first = prepare("mine")
    edit_plugin("import numpy as np", "import numpy as np  # arrays")
    assert prepare("mine").fingerprint == first.fingerprint


def test_a_run_makes_an_edited_phantom_again(mine):
    mine()
    prepare("mine")
    edit_plugin("image = np.arange(64.0)", "image = 7 + np.arange(64.0)")
    messages = []

    class Listening(SilentMonitor):
        def message(self, text):
            messages.append(text)

    study = Study("Is it made again?", [Data("mine")], arms={"constant": Arm("constant")})
    repair_prepared(study.datasets, study, Listening())
    assert open_prepared("mine").images()[0, 0, 0, 0, 0] == 7
    assert "are out of date" in messages[0]


def test_a_fault_of_the_moment_is_not_remembered(tmp_path, monkeypatch):
    root = bids_trees.oasis(tmp_path / "oasis", 3)
    remaining = pipeline.decode
    with monkeypatch.context() as patched:
        broken = checks.DecodedScan
        patched.setattr(
            pipeline,
            "decode",
            lambda sample, *rest: broken(sample, checksum=remaining(sample, *rest).checksum, fault="no memory"),
        )
        with pytest.raises(RunAbortedError, match="no memory"):
            prepare("ad_oasis", source=root)
    assert len(prepare("ad_oasis", source=root).ids) == 3


def test_a_damaged_set_stays_if_it_cannot_be_prepared_again(tmp_path):
    root = bids_trees.oasis(tmp_path / "oasis", 2)
    made = prepare("ad_oasis", source=root)
    (made.folder / "images.npy").write_bytes(b"")
    root.rename(tmp_path / "away")
    for source in (None, root):
        with pytest.raises(BenchError, match="no folder"):
            prepare("ad_oasis", source=source)
    assert made.folder.is_dir()
    assert not made.folder.with_name(f"{made.folder.name}.damaged-1").exists()


@pytest.mark.parametrize(("file", "content"), [("manifest.json", "[]"), ("manifest.json", "3"), ("index.json", "[]")])
def test_files_that_hold_something_else_are_damaged(tmp_path, file, content):
    made = prepare("ad_oasis", source=bids_trees.oasis(tmp_path / "oasis", 2))
    (made.folder / file).write_text(content)
    with pytest.raises(RunAbortedError, match=rf"{file}.*bench prepare ad_oasis"):
        open_prepared("ad_oasis")


@pytest.mark.parametrize("file", ["images.npy", "index.json", "manifest.json"])
def test_a_damaged_folder_is_distinguished_from_a_missing_one(tmp_path, file):
    made = prepare("ad_oasis", source=bids_trees.oasis(tmp_path / "oasis", 2))
    (made.folder / file).write_bytes(b"\x93NUMPY")
    with pytest.raises(RunAbortedError, match=f"damaged \\({file}.*renames them"):
        open_prepared("ad_oasis").images()


def test_pickled_arrays_are_not_read(tmp_path):
    made = prepare("ad_oasis", source=bids_trees.oasis(tmp_path / "oasis", 2))
    np.save(made.folder / "images.npy", np.array([{}, {}], dtype=object), allow_pickle=True)
    with pytest.raises(BenchError, match="damaged"):
        made.images()


def test_half_a_seal_that_a_killed_process_left_goes_when_the_file_is_sealed_again(mine):
    mine()
    prepare("mine")
    (images,) = paths.data_root().glob("prepared/*/images.npy")
    left = images.with_name(f".{images.name}.seal-1")
    left.write_text("{")
    os.utime(images)  # so that it is read through, and sealed again
    assert array_file.fault_of(images) == ""
    assert not left.exists()
