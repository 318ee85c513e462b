"""`bench status` of a search: what is complete, pruned, failed, running, how fast, how long still, what went wrong."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import free_search
import pytest
from command_line import run_command
from free_search import search

from bench.cli import search_status as shown
from bench.core import BenchError
from bench.experiments import plan
from bench.experiments import search as tune
from bench.experiments.search import CandidateOutcome, result_files, search_progress

NOW = time.time()


@pytest.fixture
def started_search(tmp_path):
    """A search that was written down, on its storage, and how to look at it."""
    one = search()
    storage, claims = tune.OptunaStorage(str(tmp_path / "s.db")), tmp_path / ".search"
    folder = plan.folder("formula")
    folder.mkdir(parents=True)
    other = tune.define_searches("formula", free_search.STUDY, [plan.ResolvedData(free_search.DATA)], folds=[1])[0][0]
    result_files.write_searches(folder, "formula", [one, other], [one], storage, claims)
    return one, storage, claims, lambda: search_progress.read_progress("formula", result_files.read_searches(folder))


def test_every_candidate_is_counted_as_what_became_of_it(started_search):
    one, storage, claims, look = started_search
    assert (look()["planned"], look()["open"], look()["running"]) == (40, 40, []), "nothing is there yet"
    with tune.SearchSession(one, storage, 40, claims) as session:
        session.tell(session.ask().number, CandidateOutcome("done", {"validation": 0.5}, 10.0, 8))
        session.tell(session.ask().number, CandidateOutcome("pruned", {}, 6.0, 2))
        session.tell(session.ask().number, CandidateOutcome("failed", error="ValueError: no"))
        number = session.ask().number
        session.report(number, 2, 0.1)
        state = look()
    counts = {name: state[name] for name in ("complete", "pruned", "failed", "refused", "open")}
    assert counts == {"complete": 1, "pruned": 1, "failed": 1, "refused": 0, "open": 36}
    (at,) = state["running"]
    assert (at["arm"], at["fold"], at["candidate"], at["point"], at["points"]) == ("net", 0, 3, 2, 4)
    assert state["left_seconds"] == pytest.approx(8.0 * 36.5), "as long as those that ended took"
    assert state["per_hour"] > 0
    (trouble,) = state["troubles"]
    assert (trouble["candidate"], trouble["status"], trouble["message"]) == (2, "failed", "ValueError: no")
    assert [row["fold"] for row in state["not_asked"]] == [1]


def test_a_candidate_of_a_process_that_ended_is_open(started_search):
    one, storage, claims, look = started_search
    with tune.SearchSession(one, storage, 40, claims) as session:
        session.ask()
    state = look()
    assert (state["running"], state["open"], state["left_seconds"]) == ([], 40, None)


def test_a_candidate_that_ends_while_the_storage_is_read_counts_towards_the_speed(started_search, monkeypatch):
    one, storage, claims, look = started_search
    with tune.SearchSession(one, storage, 40, claims) as session:
        number = session.ask().number

        def ends_now(_storage):
            session.tell(number, CandidateOutcome("done", {"validation": 0.5}, 10.0, 8))
            return True

        with monkeypatch.context() as patched:
            patched.setattr(tune.OptunaStorage, "exists", property(ends_now))
            state = look()
    assert state["complete"] == 1
    assert state["per_hour"] is not None


def test_the_lines_match_the_state(started_search):
    one, storage, claims, look = started_search
    with tune.SearchSession(one, storage, 40, claims) as session:
        session.tell(session.ask().number, CandidateOutcome("failed", error="ValueError: no"))
        session.ask()
        state = look()
    assert shown.line(state).startswith(
        "formula: its search: 0 of 40 candidates complete, 1 failed, 38 open, 1 running"
    )
    assert shown.troubles(state["troubles"]) == [
        "failed: phantom_ad, net, partition 0, fold 0, candidate 0: ValueError: no"
    ]


def test_a_storage_that_cannot_be_read_is_reported_and_the_rest_is_counted(started_search):
    _, storage, _, look = started_search
    storage.path.write_bytes(b"not a database, " * 100)
    (words,) = look()["closed"].values()
    assert "not a SQLite database" in words
    assert look()["planned"] == 40


def test_the_password_of_a_storage_is_not_written_down(started_search, tmp_path):
    one, *_ = started_search
    result_files.write_searches(
        tmp_path, "formula", [one], [one], tune.OptunaStorage("postgresql://me:secret@host/base"), tmp_path
    )
    assert "secret" not in (tmp_path / "searches.json").read_text()


def test_a_list_of_searches_that_cannot_be_read_is_refused(started_search):
    (plan.folder("formula") / "searches.json").write_text("{")
    with pytest.raises(BenchError, match="delete it: `bench tune` writes a new one"):
        result_files.read_searches(plan.folder("formula"))


def test_the_command_reports_a_search_alone_and_with_a_run(plugins, one_format, capsys, monkeypatch):
    words = ["tune", "--study", "searched", "--launcher", "serial", "--arm", "net", "--fold", "0", "--trials", "2"]
    assert run_command(capsys, monkeypatch, *words)[0] == 0
    status, output = run_command(capsys, monkeypatch, "status", "--study", "searched")
    assert status == 0, output
    assert "searched: its search: 2 of 2 candidates complete" in output
    assert "not searched yet: tiny_volumes, dropping, partition 0, fold 1" in output
    status, output = run_command(capsys, monkeypatch, "status", "--study", "searched", "--watch")
    assert (status, output.count("\n")) == (0, 1), "nothing is open: one look"
    assert run_command(capsys, monkeypatch, "run", "--study", "searched", "--arm", "constant")[0] == 0
    status, output = run_command(capsys, monkeypatch, "status", "--study", "searched", "--json")
    state = json.loads(output)
    assert (state["done"], state["search"]["complete"], state["search"]["open"]) == (2, 2, 0)


@pytest.mark.slow
def test_a_running_search_is_reported(plugins):
    command = [sys.executable, "-m", "bench"]
    words = ["--study", "searched", "--arm", "net", "--fold", "0", "--launcher", "serial", "--trials", "400"]
    child = subprocess.Popen([*command, "tune", *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        state, until = {}, time.monotonic() + 120
        while not (state.get("complete") and state.get("running")):
            assert time.monotonic() < until, state
            assert child.poll() is None, child.communicate()
            done = subprocess.run([*command, "status", "--study", "searched", "--json"], capture_output=True, text=True)
            state = json.loads(done.stdout)["search"] if done.returncode == 0 else {}
        assert state["planned"] == 400
        assert state["per_hour"] > 0
        assert state["left_seconds"] > 0
    finally:
        child.kill()
        child.communicate()
