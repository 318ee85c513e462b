"""What is shown while trials run: what runs, steps, score so far, failures, time left; and TensorBoard as it comes."""

from __future__ import annotations

import io
import json
import time
from dataclasses import replace

import pytest
from rich.console import Console
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

import bench
from bench import registry
from bench.core import BenchError, Record
from bench.data.prepare import prepare
from bench.experiments import plan, trial_progress
from bench.experiments.clock_text import duration
from bench.experiments.launch.jobs import outstanding
from bench.experiments.launch.locked_trial import note_progress
from bench.experiments.progress import StatusReader
from bench.experiments.run_monitor import SilentMonitor
from bench.experiments.status_text import running_lines
from bench.experiments.trial_durations import TrialDurations, trial_kind
from bench.experiments.trial_notes import TrialNote, parse_note, score_words
from bench.experiments.trial_progress import TrialProgressBar
from bench.storage.record_store import Store

pytestmark = pytest.mark.usefixtures("one_format")

VALUES = {"val": 0.71, "val_loss": 0.6, "train_loss": float("nan")}


@pytest.fixture
def clock(monkeypatch):
    """The seconds that the view reads; a test sets them."""
    seconds = [0.0]
    monkeypatch.setattr(trial_progress.time, "monotonic", lambda: seconds[0])
    return seconds


@pytest.fixture
def work(plugins, tmp_path):
    """The open trials of the smallest study, and the label of the arm of each."""
    cells = plan.cells(registry.study("tiny"), [prepare("tiny_volumes").spec])
    store = Store(tmp_path / "results")
    store.open()
    return outstanding(cells, store), {cell.trial.key: cell.arm for cell in cells}


def shown(bar: TrialProgressBar) -> str:
    """The view of a terminal as text."""
    console = Console(file=io.StringIO(), width=120)
    console.print(bar.view())
    return console.file.getvalue()


def test_a_plain_line_names_what_runs_with_its_steps_and_its_score(work, clock):
    pending, arms = work
    output = io.StringIO()
    bar = TrialProgressBar(pending, arms, Console(file=output, width=40))
    trial = next(trial for trial in pending.trials if arms[trial.key] == "net")
    nets = [trial_kind(each) for each in pending.trials].count(trial_kind(trial))
    with pending.store.claim(trial.key) as claim:
        note = note_progress(claim, lambda fraction: None)
        note.evaluated(2, 6, "auc", VALUES)
        note.last = float("-inf")
        note(1 / 3)
        bar.began(trial)
        clock[0] = 11.0
        bar.moved(trial, 1 / 3)
    assert output.getvalue() == (
        f"0/14 trials; running: net, fold {trial.fold + 1} (2/6 steps, validation AUC 0.710);"
        f" more than {duration(33.0 * (nets - 1) + 22.0)} left ({14 - nets} trials of a kind that was never timed)\n"
    )


@pytest.mark.parametrize(
    ("metric", "words"), [("mae", "MAE 5.250"), ("gone_with_its_plugin", "gone_with_its_plugin 5.250")]
)
def test_a_score_so_far_has_the_title_of_its_metric(metric, words):
    assert score_words(metric, 5.25) == words


def test_a_terminal_shows_each_running_trial_and_no_more_than_fit(work, clock):
    pending, arms = work
    bar = TrialProgressBar(pending, arms, Console(file=io.StringIO(), width=120))
    bar.began(pending.trials[0])
    clock[0] = 65.0
    with pending.store.claim(pending.trials[0].key) as claim:
        claim.write_note(json.dumps({"fraction": 0.5, "since": 1.0, "node": "", "step": 3, "steps": 6,
                                     "metric": "auc", "values": {"val": 0.5}}))  # fmt: skip
        text = shown(bar)
    assert all(word in text for word in ("running", "validation", "3/6", "AUC 0.500", "1 min 05 s", "0/14"))
    for trial in pending.trials[1:]:
        bar.began(trial)
    assert f"and {len(pending.trials) - trial_progress.SHOWN} more" in shown(bar)


def test_the_time_left_is_a_bound_until_every_kind_was_timed(work, clock):
    pending, arms = work
    bar = TrialProgressBar(pending, arms, Console(file=io.StringIO(), width=160))
    by_kind = {}
    for trial in pending.trials:
        by_kind.setdefault(trial_kind(trial), []).append(trial)
    assert "left" not in shown(bar)
    for number, trials in enumerate(by_kind.values(), start=1):
        bar.began(trials[0])
        clock[0] += 10.0 * number
        bar.ended(trials[0], "done")
        assert shown(bar).count("more than") == (number < len(by_kind))
    rest = sum(10.0 * number * (len(trials) - 1) for number, trials in enumerate(by_kind.values(), start=1))
    assert f"about {duration(rest)} left" in shown(bar)


def test_the_time_left_counts_what_another_process_runs(work, clock):
    pending, arms = work
    earlier = {trial_kind(trial): [100.0] for trial in pending.trials}
    bar = TrialProgressBar(replace(pending, durations=TrialDurations(earlier)), arms, Console(file=io.StringIO()))
    bar.began(pending.trials[0])
    alone = bar.clock.left().seconds
    bar.began(pending.trials[1])
    with pending.store.claim(pending.trials[1].key) as claim:
        claim.write_note(json.dumps({"fraction": 0.0, "since": time.time(), "node": ""}))
        bar.deferred(pending.trials[1])
        bar.clock.counts.clear()
        assert bar.clock.left().seconds == pytest.approx(alone / 2, rel=0.01)


def test_a_failure_is_counted_and_says_why(work, clock):
    pending, arms = work
    output = io.StringIO()
    bar = TrialProgressBar(pending, arms, Console(file=output, width=200))
    trial = pending.trials[0]
    pending.store.put(Record(trial, "failed", error={"kind": "ValueError", "message": "a wall", "traceback": ""}))
    bar.began(trial)
    clock[0] = 20.0
    bar.ended(trial, "failed")
    assert f"failed: {arms[trial.key]}, fold {trial.fold + 1}: ValueError: a wall" in output.getvalue()
    assert "1/14 trials, 1 failed; " in output.getvalue()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"fraction": 0.5}', '{"fraction": "x", "since": 1, "node": ""}'])
def test_half_a_note_is_none(text):
    assert parse_note(text) == TrialNote()


def test_the_note_of_an_earlier_version_is_read():
    assert parse_note('{"fraction": 0.5, "since": 2.0, "node": "n"}') == TrialNote(0.5, 2.0, "n")


def test_the_status_of_a_running_trial_has_its_steps_and_its_score(plugins, monkeypatch):
    monkeypatch.setattr("bench.experiments.launch.locked_trial.NOTE_EVERY", 0.0)
    seen = []

    class Looking(SilentMonitor):
        def trials(self, work, arms):
            context = super().trials(work, arms)
            context.enter_result = _Looks(work.store, seen)
            return context

    bench.run("tiny", arms="net", launcher="serial", progress=Looking())
    steps = [(row["step"], row["steps"], row["metric"]) for row in seen if row["arm"] == "net"]
    assert (1, 6, "auc") in steps
    assert (5, 6, "auc") in steps
    assert all(0 <= row["validation"] <= 1 for row in seen if row["step"])
    assert any("/6 steps, validation AUC 0." in line for line in running_lines({"running": seen}))


class _Looks:
    """Reads the status whenever a trial moves."""

    def __init__(self, store, seen):
        self.store, self.seen = store, seen
        self.began = self.deferred = self.lost = self.ended = self.message = lambda *_: None

    def moved(self, trial, fraction):
        self.seen += StatusReader(plan.read("tiny", self.store.root), self.store).status().running


def scalars(folder) -> dict[str, list[tuple[int, float]]]:
    """Name -> (step, value) of all event files below a folder."""
    found: dict[str, list[tuple[int, float]]] = {}
    for path in sorted(folder.rglob("events.*")):
        for event in EventFileLoader(str(path)).Load():
            for value in event.summary.value:
                number = value.tensor.float_val[0] if value.HasField("tensor") else value.simple_value
                found.setdefault(value.tag, []).append((event.step, number))
    return found


def test_tensorboard_has_the_curve_and_the_scores_of_each_trial(plugins, tmp_path):
    results = bench.run("tiny", arms="net", launcher="serial", tensorboard=tmp_path / "board")
    record = next(each for each in results.records if each.trial.fold == 0)
    (folder,) = (tmp_path / "board" / "tiny" / "tiny_volumes").glob(f"*-{record.trial.key[:6]}")
    assert folder.name.startswith("net_partition_0_fold_0_seed_0")
    found = scalars(folder)
    for name, title in (("val", "validation/auc"), ("val_loss", "validation/loss"), ("train_loss", "train/loss")):
        expected = [(point["step"], pytest.approx(point[name], rel=1e-4)) for point in record.curve]
        assert found[title] == expected
    assert [value for _, value in found["test/auc"]] == [pytest.approx(record.metrics["selected"]["auc"], rel=1e-4)]


def test_tensorboard_has_points_before_the_trial_has_ended(plugins, tmp_path, monkeypatch):
    monkeypatch.setattr("bench.experiments.launch.locked_trial.NOTE_EVERY", 0.0)
    before = []

    class Looking(SilentMonitor):
        def trials(self, work, arms):
            context = super().trials(work, arms)
            watch = _Looks(work.store, [])
            watch.moved = lambda trial, fraction: None
            watch.ended = lambda trial, status, notes: None
            watch.moved = lambda trial, fraction: before.append(len(scalars(tmp_path / "board").get("train/loss", ())))
            context.enter_result = watch
            return context

    bench.run("tiny", arms="net", launcher="serial", tensorboard=tmp_path / "board", progress=Looking())
    assert {1, 3, 5} <= set(before)


def test_random_labels_have_no_curve_and_a_missing_package_is_named(plugins, tmp_path, monkeypatch):
    bench.run("tiny", arms="constant", launcher="serial", tensorboard=tmp_path / "board")
    assert len(list((tmp_path / "board").rglob("events.*"))) == registry.study("tiny").folds
    monkeypatch.setitem(__import__("sys").modules, "bench.report.export.tensorboard_files", None)
    with pytest.raises(BenchError, match=r"pip install 'dclse-bench\[tensorboard\]'"):
        bench.run("tiny", arms="net", tensorboard=tmp_path / "board")
