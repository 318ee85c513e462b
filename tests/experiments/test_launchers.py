"""A launcher is one file: those of the package are found by their names, further ones in plug-in folders."""

from __future__ import annotations

import os
import textwrap

import pytest
from command_line import run_command
from documented_blocks import plug_ins
from killable_studies import Quiet

from bench import registry
from bench.core import BenchError
from bench.data.prepare import open_prepared
from bench.experiments import launch, plan, search
from bench.storage.record_store import Store

BACKWARDS = plug_ins()["backwards.py"]
NOTING = (
    BACKWARDS
    + """
from pathlib import Path

def run_and_note(work, store, *others):
    run(work, store, *others)
    lines = [f"{trial.key} {store.get(trial.key).status}" for wave in work.waves for trial in wave]
    Path(__file__).with_name("ran.txt").write_text("\\n".join(lines))

LAUNCHER = Launcher(run_and_note)
"""
)


@pytest.fixture
def backwards(cells, tmp_path, monkeypatch):
    """A plug-in folder with a launcher, in addition to the plug-ins of the tests."""
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "backwards.py").write_text(BACKWARDS)
    monkeypatch.setenv("BENCH_PLUGINS", f"{os.environ['BENCH_PLUGINS']}{os.pathsep}{tmp_path / 'more'}")
    return cells


def test_the_launchers_of_the_package_are_found_by_their_file_names():
    assert launch.launcher_names() == ["auto", "ray", "serial"]


def test_a_launcher_of_a_plug_in_folder_runs_the_trials_in_its_own_order(backwards, tmp_path):
    class Order(Quiet):
        def __init__(self):
            super().__init__()
            self.order = []

        def ended(self, trial, status, notes):
            super().ended(trial, status, notes)
            self.order.append(trial.key)

    store, progress = Store(tmp_path / "r"), Order()
    wave = [cell.trial for cell in backwards if cell.arm == "constant" and cell.role == "arm"]
    assert len(wave) > 1
    launch.launch(launch.PendingTrials([wave], frozenset()), store, "backwards", progress)
    assert progress.order == [trial.key for trial in reversed(wave)]
    assert {store.get(trial.key).status for trial in wave} == {"done"}


def test_a_launcher_of_a_plug_in_folder_runs_a_study_from_the_command_line(
    backwards, tmp_path, capsys, monkeypatch, one_format
):
    (tmp_path / "more" / "noting.py").write_text(textwrap.dedent(NOTING))
    status, text = run_command(capsys, monkeypatch, "run", "--study", "tiny", "--launcher", "noting")
    assert status == 0, text
    ran = dict(line.split() for line in (tmp_path / "more" / "ran.txt").read_text().splitlines())
    cells = plan.cells(registry.study("tiny"), [open_prepared("tiny_volumes").spec])
    assert {cell.trial.key for cell in cells} <= set(ran)
    assert set(ran.values()) == {"done"}


def test_a_launcher_without_a_cluster_takes_no_address_and_no_search(backwards):
    with pytest.raises(BenchError, match="--launcher backwards does not run on a Ray cluster"):
        launch.resolve_launcher("backwards", "head:6379")
    with pytest.raises(BenchError, match="runs trials, not searches; a search runs with one of auto, ray, serial"):
        search.search_launcher("backwards")


def test_a_wrong_name_gets_the_nearest_launcher_of_a_plug_in_folder(backwards):
    with pytest.raises(BenchError, match="no launcher 'backward'; did you mean 'backwards'"):
        launch.load_launcher("backward")


def test_a_plug_in_whose_launcher_is_none_is_named(backwards, tmp_path):
    (tmp_path / "more" / "odd.py").write_text("LAUNCHER = 3\n")
    with pytest.raises(BenchError, match=r"odd\.py: LAUNCHER is a bench\.experiments\.launch\.Launcher, not 3"):
        launch.load_launcher("odd")
