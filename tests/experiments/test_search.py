"""Tests of one search: which candidates are suggested and pruned, and that none is lost when a process dies."""

from __future__ import annotations

import copy
import itertools
import json
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import free_search
import optuna
import pytest
from free_search import rows, run, score, search

from bench.core import BenchError
from bench.experiments import search as tune

STORAGES = ("search.db", "search.log")


@pytest.fixture(autouse=True)
def simulated(monkeypatch):
    """Candidates cost nothing in this file."""
    monkeypatch.setattr("bench.experiments.search.run_search.train_candidate", free_search.simulated())


def begin(place: Path, storage: str, trials=40, pause=0.0):
    """A process that searches."""
    words = [free_search.__file__, str(place / storage), str(place / "claims"), str(trials), str(pause)]
    return subprocess.Popen([sys.executable, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finished(path: Path) -> int:
    """How many candidates of a journal have come to their end, read from its lines: op code 6 sets a state."""
    lines = path.read_text().splitlines()[:-1] if path.exists() else []
    entries = [json.loads(line) for line in lines]
    return sum(one["op_code"] == 6 and one["state"] in (1, 2, 3) for one in entries)


def test_the_defaults_come_first_and_the_best_is_found(tmp_path):
    result = run(tmp_path / "s.log", tmp_path)
    assert result.complete
    assert [one.number for one in result.candidates] == list(range(40))
    assert result.defaults.params == {"lr": 1e-4, "optimiser": "adam", "warmup": 0.0}
    assert result.defaults.values["validation"] == pytest.approx(score(result.defaults.params))
    done = [one for one in result.candidates if one.state == "done"]
    assert result.winner.values["validation"] == max(score(one.params) for one in done)
    assert result.winner.values["validation"] > result.defaults.values["validation"]
    assert "beats the defaults" in result.verdict()
    assert result.states["pruned"] > 0
    assert (result.seconds, result.steps) == (sum(one.seconds for one in result.candidates), 2 * int(result.seconds))


@pytest.mark.parametrize("seeds", [(0, 0), (0, 1)])
def test_equal_seeds_are_equal_searches_in_any_storage(tmp_path, seeds):
    one, other = (
        run(tmp_path / name, tmp_path / name[7:], 12, search(seed=seed))
        for name, seed in zip(STORAGES, seeds, strict=True)
    )
    assert (rows(one) == rows(other)) == (one.digest == other.digest) == (seeds[0] == seeds[1])


def test_of_equals_the_defaults_win(tmp_path, monkeypatch):
    monkeypatch.setattr(free_search, "score", lambda params: 0.5)
    result = run(tmp_path / "s.log", tmp_path, 5)
    assert result.winner.number == 0
    assert "no candidate of 5 beats the defaults" in result.verdict()


@pytest.mark.parametrize("storage", STORAGES)
def test_a_candidate_of_a_process_that_ended_is_taken_up_again(tmp_path, storage):
    with tune.SearchSession(search(), tune.OptunaStorage(str(tmp_path / storage)), 3, tmp_path) as first:
        job = first.ask()
        first.report(job.number, 1, 0.25)
        with tune.SearchSession(search(), tune.OptunaStorage(str(tmp_path / storage)), 3, tmp_path) as second:
            assert second.ask().number == 1, "the other one has number 0"
    with tune.SearchSession(search(), tune.OptunaStorage(str(tmp_path / storage)), 3, tmp_path) as third:
        again = third.ask()
        assert (again.number, again.trial.key) == (job.number, job.trial.key)
        third.report(again.number, 1, 0.25)
        third.tell(again.number, tune.CandidateOutcome("done", {"validation": 1.0}))
        assert [third.ask().number, third.ask().number, third.ask()] == [1, 2, None]


def test_the_node_of_a_candidate_is_stored_and_an_older_outcome_has_none():
    there, here = tune.CandidateOutcome("done", node="gpu7"), tune.CandidateOutcome("done")
    assert tune.CandidateOutcome.from_dict(there.to_dict()) == there
    assert tune.CandidateOutcome.from_dict(here.to_dict()).node == ""
    assert here.to_dict() == {"state": "done", "seconds": 0.0, "steps": 0}


def test_a_candidate_that_ends_while_another_process_looks_for_work_is_not_begun_again(tmp_path, monkeypatch):
    storage = tune.OptunaStorage(str(tmp_path / "s.log"))
    with tune.SearchSession(search(), storage, 2, tmp_path) as one:
        job = one.ask()
        with tune.SearchSession(search(), storage, 2, tmp_path) as two:
            before = copy.deepcopy(two.candidates())
            one.tell(job.number, tune.CandidateOutcome("done", {"validation": 1.0}))
            answers = [before, two.candidates(), two.candidates()]
            monkeypatch.setattr(two, "candidates", lambda: answers.pop(0))
            assert two.ask().number == 1


@pytest.mark.parametrize(("silent", "taken"), [(60.0, 1), (7200.0, 0)])
def test_a_candidate_of_another_machine_is_left_alone_while_that_machine_reports(tmp_path, monkeypatch, silent, taken):
    storage, then = tune.OptunaStorage(str(tmp_path / "s.log")), time.time() - silent
    with monkeypatch.context() as patch:
        patch.setattr("bench.experiments.search.search_session._HOST", "other")
        patch.setattr(time, "time", lambda: then)
        with tune.SearchSession(search(), storage, 3, tmp_path) as there:
            assert there.ask().number == 0
    with tune.SearchSession(search(), storage, 3, tmp_path) as here:
        assert here.ask().number == taken


@pytest.mark.parametrize("pruner", ["median", "asha"])
def test_the_pruner_keeps_its_history_after_a_restart(tmp_path, pruner):
    storage = tune.OptunaStorage(str(tmp_path / "s.log"))
    run(tmp_path / "s.log", tmp_path, 20, search(pruner=pruner))
    for place, expected in ((storage, True), (tune.OptunaStorage(str(tmp_path / "fresh.log")), False)):
        with tune.SearchSession(search(pruner=pruner), place, 21, tmp_path / place.path.stem) as session:
            while (job := session.ask()).number == 0:  # the defaults of a fresh search are never given up
                session.tell(0, tune.CandidateOutcome("done", {"validation": 0.7}))
            pruned = [session.report(job.number, point, 0.0) for point in (1, 2, 3)]
            assert any(pruned) == expected


def test_the_defaults_are_never_pruned(tmp_path):
    with tune.SearchSession(search(), tune.OptunaStorage(str(tmp_path / "s.log")), 20, tmp_path) as session:
        usual = session.ask()
        for _ in range(8):
            other = session.ask()
            for point in (1, 2, 3):
                session.report(other.number, point, 0.9)
            session.tell(other.number, tune.CandidateOutcome("done", {"validation": 0.9}))
        assert not any(session.report(usual.number, point, 0.0) for point in (1, 2, 3))


def test_a_candidate_is_not_pruned_at_its_last_point(tmp_path):
    with tune.SearchSession(search(), tune.OptunaStorage(str(tmp_path / "s.log")), 20, tmp_path) as session:
        for _ in range(8):
            good = session.ask()
            for point in range(1, free_search.POINTS + 1):
                session.report(good.number, point, 0.9)
            session.tell(good.number, tune.CandidateOutcome("done", {"validation": 0.9}))
        poor = session.ask()
        assert session.report(poor.number, free_search.POINTS - 1, 0.0)
        assert not session.report(poor.number, free_search.POINTS, 0.0), "nothing is spared, and its score is known"


def test_what_fails_is_remembered_and_counts(tmp_path, monkeypatch):
    def train(trial, checkpoints, objectives, report):
        if trial.method.params["warmup"] > 0:
            return tune.CandidateOutcome("failed", seconds=1.0, error="ValueError: asked to fail")
        return tune.CandidateOutcome("done", {"validation": 0.5})

    monkeypatch.setattr(free_search, "simulated", lambda pause: train)
    result = run(tmp_path / "s.log", tmp_path, 6)
    assert result.states == Counter(done=1, failed=5)
    assert result.candidates[3].error == "ValueError: asked to fail"
    assert result.winner.number == 0


def test_several_objectives_have_a_front_and_the_best_score_of_it_wins(tmp_path):
    one = search(objectives=("validation", "parameters"), pruner="none")
    result = run(tmp_path / "s.log", tmp_path, 25, one)
    points = {each.number: (score(each.params), -each.values["parameters"]) for each in result.candidates}
    beaten = {
        mine
        for mine, other in itertools.permutations(points, 2)
        if all(b >= a for a, b in zip(points[mine], points[other], strict=True)) and points[mine] != points[other]
    }
    assert {each.number for each in result.pareto_front} == set(points) - beaten
    assert result.winner.values["validation"] == max(score for score, _ in points.values())


def test_a_dashboard_can_read_the_storage(tmp_path):
    run(tmp_path / "s.db", tmp_path, 6)
    (one,) = optuna.get_all_study_summaries(f"sqlite:///{tmp_path / 's.db'}")
    study = optuna.load_study(study_name=one.study_name, storage=f"sqlite:///{tmp_path / 's.db'}")
    assert len(study.trials) == 6
    assert study.best_value == max(trial.value for trial in study.trials if trial.value is not None)
    about = study.user_attrs
    assert (about["sampler"], about["pruner"], about["seed"]) == ("tpe", "median", 0)
    assert about["sampler_settings"]["n_startup_trials"] == 10
    assert set(about["versions"]) == {"bench", "optuna", "ray", "torch", "numpy"}


def test_more_candidates_go_on_and_fewer_choose_among_the_first(tmp_path):
    whole = run(tmp_path / "s.log", tmp_path, 12)
    assert rows(run(tmp_path / "s.log", tmp_path, 20))[:12] == rows(whole)
    few = run(tmp_path / "s.log", tmp_path, 5)
    assert rows(few) == rows(whole)[:5]
    assert few.winner.number < 5


def test_killed_at_15_of_40_it_ends_with_the_same_40(tmp_path):
    process = begin(tmp_path, "s.log", pause=0.02)
    while finished(tmp_path / "s.log") < 15:
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert 15 <= finished(tmp_path / "s.log") < 40
    result = run(tmp_path / "s.log", tmp_path / "claims")
    assert len(result.optuna_trials) == 40
    assert result.complete
    assert rows(result) == rows(run(tmp_path / "whole.log", tmp_path / "whole"))


@pytest.mark.parametrize("cut", range(1, 12))
def test_a_journal_that_ends_anywhere_is_resumed_with_the_same_candidates(tmp_path, cut):
    """The journal is cut after any word of the last candidates, as by a kill; the search resumes."""
    whole = run(tmp_path / "s.log", tmp_path, 14)
    lines = (tmp_path / "s.log").read_bytes().splitlines(keepends=True)
    (tmp_path / "s.log").write_bytes(b"".join(lines[:-cut]))
    assert rows(run(tmp_path / "s.log", tmp_path, 14)) == rows(whole)


@pytest.mark.parametrize("storage", ["search.log", pytest.param("search.db", marks=pytest.mark.slow)])
def test_two_processes_share_one_storage_and_try_40_together(tmp_path, storage):
    pair = [begin(tmp_path, storage, pause=0.03) for _ in range(2)]
    shares = []
    for process in pair:
        out, err = process.communicate(timeout=300)
        assert process.returncode == 0, err
        shares.append(json.loads(out))
    assert sorted(shares[0] + shares[1]) == list(range(40))
    assert min(map(len, shares)) > 3, "both have worked"
    result = run(tmp_path / storage, tmp_path / "claims")
    assert [one.number for one in result.candidates] == list(range(40))
    assert result.complete


def test_what_does_not_go_together_fails_and_the_search_goes_on(tmp_path, monkeypatch):
    one = search()

    def candidate(params):
        if params["warmup"] > 0.1:
            raise BenchError("no more warm-up than 0.1")
        return type(one).candidate(one, params)

    with tune.SearchSession(one, tune.OptunaStorage(str(tmp_path / "s.log")), 12, tmp_path) as session:
        object.__setattr__(one, "candidate", candidate)
        while job := session.ask():
            session.tell(job.number, tune.CandidateOutcome("done", {"validation": 0.5}))
        result = tune.read_session(session)
    assert result.complete
    assert {each.error for each in result.candidates if each.params["warmup"] > 0.1} == {"no more warm-up than 0.1"}
