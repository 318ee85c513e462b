"""The plug-in files that a trial uses are in its record, and an edit of one of them is reported at the next run."""

from __future__ import annotations

import shutil
import sys
from hashlib import sha256

import pytest

import bench
from bench import registry
from bench.core import Arm, Data, Recipe, Study
from bench.experiments.run_monitor import SilentMonitor
from bench.storage.record_store import Store

STUDY = Study(
    "Which files does a trial use?",
    [Data("tiny_volumes")],
    reference="net",
    arms={"net": Arm("tiny_net"), "constant": Arm("constant")},
    folds=2,
    partitions=1,
    recipe=Recipe(steps=2, batch_size=4, points=1),
)
METRIC = (
    "from bench.evaluation.metrics import Metric\n"
    "METRIC = Metric('own', 'Own', {kind!r}, 'higher', '', 0, 1, whole=lambda y, p, w: w[:, 0])\n"
)


class Listening(SilentMonitor):
    def __init__(self):
        self.messages = []

    def message(self, text):
        self.messages.append(text)


def read_again():
    for name in [name for name in sys.modules if name.startswith("bench_plugins.")]:
        del sys.modules[name]
    registry.clear_cache()


@pytest.fixture
def folder(plugins, tmp_path, monkeypatch):
    """A plug-in folder with the data set and the method of the study, a metric that judges it and one that does not."""
    own = tmp_path / "own"
    own.mkdir()
    for name in ("tiny_volumes", "tiny_net", "tiny_fading"):
        shutil.copy(plugins / f"{name}.py", own)
    (own / "right.py").write_text(METRIC.format(kind="classification"))
    (own / "other.py").write_text(METRIC.format(kind="regression").replace("'own'", "'other'"))
    monkeypatch.setenv("BENCH_PLUGINS", str(own))
    read_again()
    yield own
    read_again()


def run(root):
    """Messages of a run, and arm -> plug-in files in the record of its first fold."""
    monitor = Listening()
    results = bench.run(STUDY, name="own", launcher="serial", results=root, progress=monitor)
    section = results.report_data.results.sections[0]
    records = {run.cell.arm: Store(root).get(run.cell.key) for run in section.runs}
    return monitor.messages, {arm: record.provenance["code"]["plugins"] for arm, record in records.items()}


def test_a_record_names_the_plug_in_files_of_its_trial_and_an_edit_is_reported(folder, tmp_path, one_format):
    messages, used = run(tmp_path / "results")
    marks = {path.name: sha256(path.read_bytes()).hexdigest()[:12] for path in folder.glob("*.py")}
    common = ("tiny_volumes.py", "right.py")
    assert used["constant"] == {name: marks[name] for name in common}
    assert used["net"] == {name: marks[name] for name in ("tiny_net.py", *common)}
    assert not [each for each in messages if "changed since" in each]
    (folder / "tiny_net.py").write_text((folder / "tiny_net.py").read_text() + "# edited\n")
    (folder / "tiny_fading.py").write_text((folder / "tiny_fading.py").read_text() + "# edited\n")
    read_again()
    messages, again = run(tmp_path / "results")
    assert again == used  # nothing was trained
    assert [each for each in messages if "changed since" in each] == [
        "the file of the method tiny_net changed since 2 records of this study; raise its `version` to train again"
    ]
