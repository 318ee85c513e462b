"""Plug-ins written for this version keep running: README's files, and a method that overrides every hook.

The files under `plugins_before` are copies that stay as they are, whatever README and the base classes become.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from bids_trees import volume, write_scan, write_table
from command_line import run_command

from bench import registry
from bench.core import Task
from bench.views import Volume

HERE = Path(__file__).parents[1]
FOLDERS = (HERE / "plugins_before", HERE / "plugins")


def forget() -> None:
    """No module of a plug-in that an earlier test imported."""
    for name in [name for name in sys.modules if name.startswith("bench_plugins.")]:
        del sys.modules[name]
    registry.clear_cache()


@pytest.fixture
def bench(monkeypatch, capsys):
    """The command in this process, with the copies and the small data sets of the tests as plug-ins."""
    monkeypatch.setenv("BENCH_PLUGINS", os.pathsep.join(map(str, FOLDERS)))
    forget()

    def run(*words: str) -> str:
        status, text = run_command(capsys, monkeypatch, *words)
        assert status == 0, text
        return text

    yield run
    forget()


@pytest.fixture
def clinic(tmp_path) -> Path:
    """A BIDS folder of 24 people, as README's data set expects it; the youngest is 18."""
    folder, rng = tmp_path / "clinic", np.random.default_rng(0)
    rows = []
    for at in range(24):
        person = f"sub-{at:02d}"
        rows.append({"participant_id": person, "age": 18 + at, "group": ("control", "patient")[at % 2]})
        scan = volume()
        scan[20:70, 20:90, 20:70] = rng.integers(20, 200, (50, 70, 50), np.uint8)
        write_scan(folder / person / "anat" / f"{person}_T1w.nii.gz", scan)
    write_table(folder / "participants.tsv", rows)
    return folder


def test_the_network_data_set_and_study_of_the_readme_run(bench, clinic):
    assert "24 scans of 24 groups" in bench("prepare", "my_clinic", "--from", str(clinic))
    bench("plan", "--study", "mine")
    bench("run", "--study", "mine", "--smoke")


def test_the_data_set_of_the_readme_reads_its_tables(bench, clinic):
    young = registry.make("datasets", "my_clinic", {"youngest": 20.0}).samples(clinic)
    assert [sample.id for sample in young] == [f"sub-{at:02d}" for at in range(2, 24)]
    assert [sample.target for sample in young[:3]] == [0.0, 1.0, 0.0]


@pytest.fixture
def records(bench, tmp_path) -> dict[str, dict]:
    """One record of each method of the study of hooks, from disk."""
    bench("run", "--study", "hooks", "--launcher", "serial")
    entries = [json.loads(path.read_text()) for path in (tmp_path / "results" / "trials").glob("*/record.json")]
    assert {entry["status"] for entry in entries} == {"done"}, [entry.get("error") for entry in entries]
    return {entry["trial"]["method"]["name"]: entry for entry in entries}


def test_every_hook_that_a_method_overrides_is_called(records):
    found = records["old_names"]
    resolved = found["resolved"]
    assert resolved["method"]["coarse"] == 8.0  # by `on`: twice the spacing of the data set, 4 mm
    assert resolved["view"] == {"kind": "volume", "mm": 8.0}  # by `shown`
    assert resolved["shape"] == [1, 6, 6, 6]
    assert resolved["network"] == {"voxels": 216}  # by `told`
    assert resolved["view_note"] == "4 axes"  # by `remark`
    assert all("largest weight" in point["watched"] for point in found["curve"])  # by `watch`


def test_a_teacher_that_overrides_the_hooks_teaches(records):
    assert records["taught"]["resolved"]["shape"] == [1, 3, 3, 3]
    assert {"taught", "old_names"} <= set(records)


def test_a_method_refuses_with_the_reason_that_the_old_function_gives(bench):
    images = registry.make("datasets", "tiny_images")
    method = registry.make("methods", "old_names")
    assert method.refuses(images.task, images.shape) == "it reads volumes, but this data set has images"


MASKS = Task("segmentation", "dice", ("background", "artery"))


def test_a_plugin_may_ask_a_shipped_method_under_the_old_names(bench):
    planned = registry.make("methods", "monaiseg", {"patch": [64, 64, 64]})
    assert planned.on((2.0, 2.0, 2.0)).spacing == (2.0, 2.0, 2.0)
    assert "64 x 64 x 64 are larger than the scans" in planned.remark((1, 32, 32, 32))
    learnt = registry.make("methods", "dclse", {"gpconv": "dynamic"})
    assert learnt.view.kind_name == "dynamic"
    assert learnt.shown(MASKS).kind_name == "sliding"
    model = learnt.build(Task("classification", "auc", ("a", "b")), (1, 64, 64))
    assert learnt.told(model)["groups"]
    assert learnt.watch(model)


def test_a_shipped_method_asks_its_student_under_the_old_names(bench):
    taught = registry.make("methods", "distil", {"student": "old_names", "teacher": "old_names"}).on((4.0, 4.0, 4.0))
    task = Task("classification", "auc", ("a", "b"))
    model = taught.build(task, (1, 6, 6, 6))
    assert taught.shown(task) == Volume(8.0)
    assert taught.told(model) == {"voxels": 216}
    assert set(taught.watch(model)) == {"largest weight"}
