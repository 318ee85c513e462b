"""Several processes at one study, records that are damaged, folders that are lost: the work is shared, and whole."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap

import pytest
from killable_studies import Quiet, cut_short, trial_of

from bench import registry
from bench.core import BenchError, RunAbortedError, plain
from bench.experiments import launch, plan, run_trial
from bench.storage import locks
from bench.storage.record_store import Store

HOLDER = """
    import sys, time
    from pathlib import Path
    from bench.storage.locks import acquire_lock
    held = acquire_lock(Path(sys.argv[1]))
    print("held" if held else "refused", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds a claim on the file it is given."""
    started = []

    def start(path):
        words = [sys.executable, "-c", textwrap.dedent(HOLDER), str(path)]
        started.append(subprocess.Popen(words, stdout=subprocess.PIPE, text=True))
        return started[-1], started[-1].stdout.readline().strip()

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def test_a_claim_holds_until_its_process_is_dead_and_no_longer(tmp_path, holder):
    path = tmp_path / "claims" / "a"
    process, expected = holder(path)
    assert expected == "held"
    assert locks.acquire_lock(path) is None
    assert holder(path)[1] == "refused"
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    with locks.acquire_lock(path) as claim:
        assert claim.handle is not None
        assert locks.acquire_lock(path) is None
    assert not path.exists()
    assert locks.acquire_lock(path) is not None


def test_without_locks_a_claim_excludes_no_process_and_marks_its_files(tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "fcntl", None)
    first, second = locks.acquire_lock(tmp_path / "a"), locks.acquire_lock(tmp_path / "a")
    assert first.mark
    assert second.mark
    assert first.mark != second.mark


def test_what_another_process_is_at_is_left_to_it_and_taken_over_when_it_dies(cells, tmp_path, holder, monkeypatch):
    monkeypatch.setattr("bench.experiments.launch.serial_launcher.PAUSE", 0.01)
    some = [cell for cell in cells if cell.arm == "constant" and cell.role == "arm"]
    store, watch = Store(tmp_path / "r"), Quiet()
    store.open()
    process, _ = holder(store.trials / ".claims" / some[0].trial.key)
    ended = watch.ended

    def ended_and_kill(trial, status, notes):
        ended(trial, status, notes)
        process.kill()

    watch.ended = ended_and_kill
    launch.launch(launch.outstanding(some, store), store, "serial", watch)
    assert list(watch.statuses) == [some[1].trial.key, some[0].trial.key]
    assert watch.shared == {some[0].trial.key}


def test_trials_that_another_process_finishes_are_not_run_again(cells, tmp_path):
    trial, store = trial_of(cells, "constant"), Store(tmp_path / "r")
    store.open()
    run_trial.run(trial, store)
    before = store.mark(trial.key)
    assert launch.attempt(trial, store, False, None, lambda fraction: None) == ("done", [])
    assert store.mark(trial.key) == before


def test_damaged_records_are_named_set_aside_and_run_again(cells, tmp_path):
    some = [cell for cell in cells if cell.arm == "constant" and cell.role == "arm"]
    store = Store(tmp_path / "r")
    launch.launch(launch.outstanding(some, store), store, "serial", Quiet())
    before = plain(store.get(some[0].trial.key).metrics)
    cut_short(store.folder(some[0].trial.key) / "record.json")
    cut_short(store.folder(some[1].trial.key) / "predictions.npz")
    work = launch.outstanding(some, store)
    assert [trial.key for trial in work.trials] == [cell.trial.key for cell in some]
    assert [name for name in ("record.json", "predictions.npz") if name in " ".join(work.damaged)] != []
    launch.launch(work, store, "serial", Quiet())
    assert plain(store.get(some[0].trial.key).metrics) == before
    assert launch.outstanding(some, store).trials == []
    assert len(list(store.trials.glob("*.damaged-1"))) == 2


def test_a_teacher_with_damaged_weights_is_trained_again_before_its_student(cells, tmp_path):
    student = [cell for cell in cells if cell.arm == "student"][:1]
    store = Store(tmp_path / "r")
    teachers = launch.outstanding(student, store).waves[0]
    store.open()
    launch.launch(launch.PendingTrials([teachers], frozenset(t.key for t in teachers)), store, "serial", Quiet())
    cut_short(store.weights(teachers[0].key))
    with pytest.raises(RunAbortedError, match=r"weights\.safetensors was changed"):
        run_trial.run(student[0].trial, store)
    watch = Quiet()
    launch.launch(launch.outstanding(student, store), store, "serial", watch)
    assert set(watch.statuses.values()) == {"done"}


def test_results_of_another_protocol_are_left_alone_and_explained(plugins, tmp_path, monkeypatch):
    study = registry.study("long_study")
    plan.write("long_study", study, [], [])
    path = plan.folder("long_study") / "plan.json"
    path.write_text(path.read_text().replace('"protocol": 2', '"protocol": 1'))
    before = path.read_bytes()
    for what in (lambda: plan.write("long_study", study, [], []), lambda: plan.read("long_study")):
        with pytest.raises(BenchError, match=r"made under protocol 1, this is protocol 2.*nothing was changed"):
            what()
    assert path.read_bytes() == before


def test_a_lost_results_folder_ends_a_run_and_is_not_recreated(cells, tmp_path):
    store = Store(tmp_path / "r")
    with pytest.raises(RunAbortedError, match="no longer exists"):
        launch.attempt(cells[0].trial, store, False, None, lambda fraction: None)
    assert not store.root.exists()


def test_a_record_that_lost_its_file_makes_way(cells, tmp_path):
    trial, store = trial_of(cells, "constant"), Store(tmp_path / "r")
    store.open()
    run_trial.run(trial, store)
    (store.folder(trial.key) / "record.json").unlink()
    assert launch.attempt(trial, store, False, None, lambda fraction: None)[0] == "done"
    assert store.verified(trial.key).status == "done"


def test_a_teacher_that_another_process_trained_without_its_weights_is_trained_again(cells, tmp_path):
    trial, store = trial_of(cells, "net"), Store(tmp_path / "r")
    store.open()
    run_trial.run(trial, store)
    launch.attempt(trial, store, True, None, lambda fraction: None)
    assert store.weights(trial.key)


def test_without_locks_two_processes_at_one_trial_do_not_touch_each_others_work(cells, tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "fcntl", None)
    trial, store = trial_of(cells, "net"), Store(tmp_path / "r")
    store.open()
    outcomes = []

    def another(fraction):
        if not outcomes:
            outcomes.append(None)
            outcomes[0] = launch.attempt(trial, store, False, None, lambda fraction: None)

    assert launch.attempt(trial, store, False, None, another)[0] == "done"
    assert outcomes[0][0] == "done"
    assert list(store.trials.glob(".running-*")) == []


def test_a_record_that_may_not_be_read_is_no_damaged_one(cells, tmp_path, monkeypatch):
    some = [cell for cell in cells if cell.arm == "constant" and cell.role == "arm"]
    store = Store(tmp_path / "r")
    launch.launch(launch.outstanding(some, store), store, "serial", Quiet())

    def refused(self):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr("pathlib.Path.read_bytes", refused)
    with pytest.raises(RunAbortedError, match=r"record\.json: no permission to read"):
        launch.outstanding(some, store)
