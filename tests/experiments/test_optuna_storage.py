"""Tests of search storages: three kinds hold the same, and an error of one is a message of one line."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import sqlite3
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import free_search
import optuna
import pytest
from free_search import rows, run, search

from bench.core import BenchError, RunAbortedError
from bench.experiments import search as tune
from bench.experiments.search import optuna_storage as storages
from bench.storage.locks import acquire_lock


@pytest.fixture(autouse=True)
def simulated(monkeypatch):
    """Candidates cost nothing in this file."""
    monkeypatch.setattr("bench.experiments.search.run_search.train_candidate", free_search.simulated())


def test_a_storage_of_another_study_is_refused_by_name(tmp_path):
    for kind in ("s.db", "s.log"):
        run(tmp_path / kind, tmp_path, 1, search("theirs"))
        with pytest.raises(BenchError, match="holds searches of the study theirs, not of formula") as error:
            run(tmp_path / kind, tmp_path, 1)
        assert error.value.status == 2


def test_a_storage_of_another_program_is_refused(tmp_path):
    url = f"sqlite:///{tmp_path / 's.db'}"
    optuna.create_study(storage=url, study_name="somebody's")
    with pytest.raises(BenchError, match='holds "somebody\'s", which is not a search of bench'):
        run(tmp_path / "s.db", tmp_path, 1)


def test_two_that_begin_on_one_new_file_make_its_tables_one_after_the_other(tmp_path, monkeypatch):
    """SQLite lets two programs ask whether a table is there, and both make it: the second fails."""
    inside, most, opening = [], [], storages.OptunaStorage.open

    def watched(self):
        inside.append(1)
        most.append(len(inside))
        time.sleep(0.2)
        try:
            return opening(self)
        finally:
            inside.pop()

    monkeypatch.setattr(storages.OptunaStorage, "open", watched)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: start_search(tmp_path), range(4)))
    assert max(most) == 1


def start_search(folder):
    with tune.SearchSession(search(), storages.OptunaStorage(str(folder / "s.db")), 2, folder):
        pass


def test_a_locked_database_is_refused_after_a_wait(tmp_path, monkeypatch):
    run(tmp_path / "s.db", tmp_path, 1)
    monkeypatch.setattr(storages, "WAIT", 0.2)
    with contextlib.closing(sqlite3.connect(tmp_path / "s.db")) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(RunAbortedError, match=r"locked by another program; waited 0\.2 s"):
            run(tmp_path / "s.db", tmp_path, 2)
        other.rollback()
    assert run(tmp_path / "s.db", tmp_path, 2).complete


def test_a_locked_journal_is_refused_after_a_wait(tmp_path, monkeypatch):
    run(tmp_path / "s.log", tmp_path, 1)
    monkeypatch.setattr(storages, "WAIT", 0.2)
    with acquire_lock(tmp_path / ".s.log.claim"), pytest.raises(RunAbortedError, match="locked by another program"):
        run(tmp_path / "s.log", tmp_path, 2)
    assert run(tmp_path / "s.log", tmp_path, 2).complete


def test_candidates_of_an_earlier_version_are_read_and_the_search_is_resumed(tmp_path):
    """The names of study, attributes and states are a format on disk: written here without the package's own code."""
    one, path = search(), tmp_path / "s.db"
    study = optuna.create_study(storage=f"sqlite:///{path}", study_name=one.name, direction="maximize")
    for name, value in (("study", "formula"), ("search", one.identity), ("trials", 2), ("versions", {"bench": "0"})):
        study.set_user_attr(name, value)
    study.enqueue_trial({"lr": 1e-4, "optimiser": "adam", "warmup": 0.0})
    trial = study.ask()
    trial.suggest_float("lr", 1e-5, 1e-1, log=True)
    trial.suggest_categorical("optimiser", ["adam", "sgd"])
    trial.suggest_float("warmup", 0.0, 0.2)
    trial.set_user_attr("at", ["host", 0.0])
    trial.set_user_attr("outcome", {"state": "done", "seconds": 2.5, "steps": 8})
    trial.report(0.5, 4)
    study.tell(trial, 0.75)
    (stored,) = tune.read_results([one], tune.OptunaStorage(str(path))).values()
    (candidate,) = stored.candidates
    assert (candidate.state, candidate.values, candidate.intermediate_values) == (
        "done",
        {"validation": 0.75},
        {4: 0.5},
    )
    assert (candidate.seconds, candidate.steps, stored.trials, stored.versions) == (2.5, 8, 2, {"bench": "0"})
    resumed = run(path, tmp_path, 3)
    assert resumed.candidates[0] == candidate
    assert [each.number for each in resumed.candidates] == [0, 1, 2]


def test_half_a_line_that_a_killed_process_left_in_a_journal_is_cut_off(tmp_path):
    whole = run(tmp_path / "s.log", tmp_path, 4)
    with (tmp_path / "s.log").open("ab") as file:
        file.write(b'{"op_code": 5, "worker')
    found = run(tmp_path / "s.log", tmp_path, 6)
    assert rows(found)[:4] == rows(whole)
    assert found.complete


def test_a_file_that_is_no_database_is_refused(tmp_path):
    (tmp_path / "s.db").write_bytes(b"not a database, " * 100)
    with pytest.raises(
        BenchError, match="is not a SQLite database, or is damaged; it was not changed: give another file"
    ) as e:
        run(tmp_path / "s.db", tmp_path, 1)
    assert e.value.status == 2


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"garbage\n", 1),
        (b"garbage", 1),
        (b"garbage\ngarbage\n", 1),
        (b'{"a":1}\n', 1),
        (b"[1]\n5\n", 1),
        (b"\xff\xfe\n", 1),
        (b'{"op_code":0,"worker_id":"w","study_name":"s","directions":[1]}\n\ngarbage\n', 2),
    ],
)
def test_a_file_that_is_no_journal_is_refused_and_not_changed(tmp_path, content, line):
    (tmp_path / "s.log").write_bytes(content)
    with pytest.raises(BenchError, match=rf"is not a journal of Optuna \(line {line} is not an entry") as error:
        run(tmp_path / "s.log", tmp_path, 1)
    assert error.value.status == 2
    assert (tmp_path / "s.log").read_bytes() == content


@pytest.mark.parametrize("folder", ["/proc", "file/below"])
def test_a_folder_where_no_storage_can_be_created_is_refused(tmp_path, folder):
    (tmp_path / "file").write_text("")
    with pytest.raises(
        RunAbortedError, match=r"cannot create the storage .*give a file in another folder with --storage"
    ) as error:
        run(tmp_path / folder / "s.db", tmp_path, 1)
    assert "any more" not in str(error.value)
    assert "kept" not in str(error.value)


@pytest.mark.parametrize("name", ["search", "search.txt", "oracle://host/x", ""])
def test_a_name_that_is_no_storage_is_refused(name):
    with pytest.raises(BenchError, match="no storage") as error:
        tune.OptunaStorage(name)
    assert error.value.status == 2


def test_a_password_is_never_printed():
    text = tune.OptunaStorage("postgresql://me:secret@host/base").safe_name
    assert text == "postgresql://me:***@host/base"


def test_an_unreachable_database_is_reported_after_a_wait(tmp_path, monkeypatch):
    monkeypatch.setattr(storages, "WAIT", 1.0)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(RunAbortedError, match="the database did not answer as expected") as error:
        run(f"postgresql+pg8000://me:secret@127.0.0.1:{port}/base", tmp_path, 1)
    assert "secret" not in str(error.value)
    assert "tried" not in str(error.value), "nothing was"


def test_a_missing_driver_of_a_database_is_named(tmp_path):
    with pytest.raises(BenchError, match=r"needs the package \w+; pip install it"):
        run("mysql+aiomysql://127.0.0.1/base", tmp_path, 1)


@pytest.mark.parametrize("driver", ["", "+psycopg", "+asyncpg"])
def test_a_missing_driver_of_postgresql_names_the_extra_to_install(tmp_path, driver):
    name = f"postgresql{driver}://me:secret@127.0.0.1/base"
    with pytest.raises(BenchError) as error:
        run(name, tmp_path, 1)
    assert "pip install 'dclse-bench[postgres]'" in str(error.value)
    assert "name it postgresql+pg8000://me:***@127.0.0.1/base" in str(error.value)


def test_a_full_disk_of_the_storage_is_reported(tmp_path, monkeypatch):
    run(tmp_path / "s.db", tmp_path, 2)

    def full(self, *words, **more):
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr("optuna.storages._rdb.storage.RDBStorage.set_trial_user_attr", full)
        with pytest.raises(RunAbortedError, match="the disk is full"):
            run(tmp_path / "s.db", tmp_path, 3)
    assert rows(run(tmp_path / "s.db", tmp_path, 3)) == rows(run(tmp_path / "w.db", tmp_path / "w", 3))


@pytest.fixture
def postgres():
    """A PostgreSQL of this test's own, as a URL; a skip where the server is not installed."""
    if not shutil.which("initdb") or not shutil.which("pg_ctl"):
        pytest.skip("initdb and pg_ctl are not installed")
    place = Path(tempfile.mkdtemp(prefix="pg-"))
    user = {"user": "nobody"} if os.getuid() == 0 else {}
    if user:
        os.chown(place, pwd.getpwnam("nobody").pw_uid, -1)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    data, quiet = str(place / "data"), {"check": True, "capture_output": True, "cwd": place, **user}
    subprocess.run(["initdb", "-D", data, "-U", "me", "-A", "trust", "-N"], **quiet)
    start = ["pg_ctl", "-D", data, "-w", "-l", str(place / "log"), "-o", f"-p {port} -k {place} -h 127.0.0.1", "start"]
    subprocess.run(start, **{**quiet, "capture_output": False, "stdout": subprocess.DEVNULL})
    yield f"postgresql+pg8000://me@127.0.0.1:{port}/postgres"
    subprocess.run(["pg_ctl", "-D", data, "-m", "immediate", "stop"], **quiet)
    shutil.rmtree(place, ignore_errors=True)


@pytest.mark.slow
def test_postgresql_remembers_as_a_file_does(tmp_path, postgres):
    first = run(postgres, tmp_path / "claims", 6)
    assert len(first.optuna_trials) == 6
    whole = run(postgres, tmp_path / "claims", 12)
    assert rows(whole) == rows(run(tmp_path / "s.log", tmp_path / "other", 12))
    with pytest.raises(BenchError, match="holds searches of the study formula"):
        run(postgres, tmp_path / "claims", 1, search("another"))
