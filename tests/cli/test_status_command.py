"""`bench status`: what runs, how fast, how long still, and what went wrong."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from killable_studies import Quiet

from bench import registry
from bench.cli import main
from bench.core import Record
from bench.data.prepare import prepare
from bench.experiments import launch, plan
from bench.experiments.launch.locked_trial import note_progress
from bench.experiments.progress import StatusReader
from bench.storage.record_store import Store

NOW = 1_000_000_000.0


@pytest.fixture
def written(plugins, tmp_path):
    """The plan of the smallest study, nothing of it done, and the store."""
    study = registry.study("tiny")
    cells = plan.cells(study, [prepare("tiny_volumes").spec])
    store = Store(tmp_path / "results")
    store.open()
    return plan.write("tiny", study, [], cells), cells, store


def finish(store, trial, ended, seconds, status="done", why=""):
    started = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(ended - seconds))
    error = {"kind": "ValueError", "message": why, "traceback": ""} if why else {}
    store.put(Record(trial, status, provenance={"started": started, "seconds": seconds}, error=error))


def test_a_running_trial_is_listed_with_its_progress(written):
    entry, cells, store = written
    assert StatusReader(entry, store).status().running == []
    with store.claim(cells[0].trial.key) as claim:
        note_progress(claim, lambda fraction: None, "node one")(0.25)
        (observed,) = StatusReader(entry, store).status().running
        assert observed["key"] == cells[0].trial.key
        assert (observed["arm"], observed["fold"], observed["node"]) == (cells[0].arm, cells[0].trial.fold, "node one")
        claim.write_note(json.dumps({"fraction": 0.5, "since": 10.0, "node": ""}))
        (observed,) = StatusReader(entry, store).status(now=25.0).running
        assert (observed["fraction"], observed["seconds"]) == (0.5, 15.0)
    assert StatusReader(entry, store).status().running == []


def test_speed_and_time_left_are_those_of_the_trials_that_ended(written):
    entry, cells, store = written
    nets = [cell.trial for cell in cells if cell.arm == "net"]
    reader = StatusReader(entry, store)
    assert reader.status(NOW).per_hour is None
    for number, trial in enumerate(nets):
        finish(store, trial, NOW - 100 + 50 * number, 20.0)
    state = reader.status(NOW)
    assert state.per_hour == pytest.approx(3600 * 2 / 120)  # two since the first of them began
    assert state.left_seconds is None
    other = next(cell.trial for cell in cells if cell.arm == "constant")
    with store.claim(other.key) as claim:
        claim.write_note(json.dumps({"fraction": 0.5, "since": NOW - 10, "node": ""}))
        state = reader.status(NOW)
    constants = sum(cell.arm == "constant" for cell in {cell.trial.key: cell for cell in cells}.values())
    assert state.left_seconds == pytest.approx(20.0 * constants - 10.0), "by the steps of the one that runs"
    assert state.untimed == state.open - constants, "nothing tells of the others"
    assert reader.status(NOW + 10_000).per_hour is None


def test_a_trial_that_ends_while_the_records_are_read_counts_towards_the_speed(written, monkeypatch):
    entry, cells, store = written
    trial, read = cells[0].trial, store.get

    def ends_now(key):
        if key == trial.key:
            time.sleep(0.01)
            ended = time.time()
            finish(store, trial, ended, ended % 1 + 0.999)  # it began at the full second, as records say
        return read(key)

    monkeypatch.setattr(store, "get", ends_now)
    assert StatusReader(entry, store).status().per_hour is not None


def test_a_record_is_read_once_however_often_one_looks(written, monkeypatch):
    entry, cells, store = written
    finish(store, cells[0].trial, NOW, 1.0)
    reader = StatusReader(entry, store)
    reader.status(NOW)
    read = []
    monkeypatch.setattr(store, "get", lambda key: read.append(key))
    assert reader.status(NOW).done == 1
    assert cells[0].trial.key not in read


def test_the_live_view_is_plain_lines_where_there_is_no_terminal_and_ends_with_the_study(written):
    _, cells, store = written
    trials = {cell.trial.key: cell.trial for cell in cells}
    for trial in list(trials.values())[:-1]:
        finish(store, trial, NOW, 1.0)
    words = [sys.executable, "-m", "bench", "status", "--study", "tiny", "--watch", "--every", "0.2"]
    child = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    first = child.stdout.readline()
    assert first.strip() == "tiny: 13 of 14 trials done, 1 open, nothing is running"
    time.sleep(1.0)  # several updates
    finish(store, list(trials.values())[-1], NOW, 1.0, "failed", "a wall")
    rest, _ = child.communicate(timeout=60)
    assert child.returncode == 0
    assert "tiny: 13 of 14 trials done, 1 failed" in rest
    assert first not in rest, "a line that has not changed is not printed again"
    assert "ValueError: a wall" in rest
    assert "\x1b" not in first + rest


def test_a_running_trial_reports_its_progress(written, monkeypatch):
    entry, cells, store = written
    monkeypatch.setattr("bench.experiments.launch.locked_trial.NOTE_EVERY", 0.0)
    observed = []

    class Looking(Quiet):
        def moved(self, trial, fraction):
            running = StatusReader(entry, store).status().running
            observed.extend(row["fraction"] for row in running if row["key"] == trial.key)

    some = [cell for cell in cells if cell.arm == "net"][:1]
    work = launch.outstanding(some, store)
    launch.launch(replace(work, waves=[work.waves[-1][:1]]), store, "serial", Looking())
    assert observed == sorted(observed)
    assert len(set(observed)) > 2


def test_without_a_study_all_studies_in_the_folder_are_listed(written, capsys, monkeypatch):
    _, cells, store = written
    finish(store, cells[0].trial, NOW, 1.0)
    monkeypatch.setattr("sys.argv", ["bench", "status"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    assert f"tiny: 1 of {len({cell.trial.key for cell in cells})} trials done" in capsys.readouterr().out


def test_the_status_says_that_nothing_was_run(capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["bench", "status"])
    with pytest.raises(SystemExit):
        main()
    assert "no study has been run in" in capsys.readouterr().out


def test_after_ctrl_c_the_watch_says_that_the_study_continues(written, tmp_path):
    words = [sys.executable, "-m", "bench", "status", "--study", "tiny", "--watch", "--every", "0.1"]
    child = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    child.stdout.readline()
    child.send_signal(signal.SIGINT)
    _, output = child.communicate(timeout=60)
    assert (child.returncode, output) == (130, "bench: interrupted; the run itself goes on\n")
