"""Tests that a search is nested: it reads no test part, and its results are used on their own fold alone."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from bench import registry
from bench.core import Arm, BenchError, Labels, Recipe, RunAbortedError, Split, Trial
from bench.data.prepare import prepare
from bench.experiments import launch, plan, search
from bench.experiments.plan import tuned_params
from bench.experiments.search import objective, result_files
from bench.storage.atomic_io import json_checksum
from bench.storage.record_store import Store
from bench.training import loop, trial_data


@pytest.fixture
def study(plugins):
    return registry.study("searched")


@pytest.fixture
def data(plugins):
    return plan.ResolvedData(prepare("tiny_volumes").spec)


def searched(study, data, root, trials=3, launcher="serial", **more):
    """What the searches of the arm `net` found."""
    ones, _ = search.define_searches("searched", study, [data], ["net"], **more)
    storage = search.OptunaStorage(str(root / "search.log"))
    results = search.run_searches(ones, storage, trials, root / "claims", launcher)
    assert not [each.error for one in results for each in one.candidates if each.error]
    return results, storage


@pytest.fixture
def committed(study, data, plugins, tmp_path, monkeypatch):
    """The winners as committed files, next to the studies of a plug-in folder."""
    results, storage = searched(study, data, tmp_path)
    own = tmp_path / "own"
    shutil.copytree(plugins, own)
    (own / "tuned").mkdir()
    written = result_files.write_tuned(own / "tuned" / "mine.json", "searched", results, storage)
    monkeypatch.setenv("BENCH_PLUGINS", str(own))
    registry.clear_cache()
    return own / "tuned" / "mine.json", written


def using(study, **changes):
    """The study with the arm as it is, and as it was tuned."""
    arms = {"net": Arm("tiny_net"), "tuned": Arm("tiny_net", tuned="mine"), "constant": Arm("constant")}
    return replace(study, arms=arms, tuning=None, **changes)


class Trap(np.ndarray):
    """Scans with some rows that must not be read."""

    rows = frozenset()

    def __getitem__(self, index):
        if isinstance(index, int):  # asked for its size alone; as a scan it would spoil all
            return np.full(self.shape[1:], np.nan, self.dtype)
        requested = np.arange(len(self))[index] if isinstance(index, (slice, np.ndarray, list)) else ()
        if self.ndim == 5 and self.rows & set(np.atleast_1d(requested).tolist()):
            raise AssertionError("the test part was read")
        return np.asarray(super().__getitem__(index))


def test_the_test_part_is_never_read(study, data, tmp_path, monkeypatch):
    keeps = {"net": Arm("tiny_net", {"view": {"kind": "volume"}})}  # scans as they are: nothing is computed before
    study = replace(study, arms=keeps, floors=[], tuning=replace(study.tuning, arms=["net"], spaces={
        "net": study.tuning.spaces["net"]}))  # fmt: skip
    load_trial_data, view_array = trial_data.load_trial_data, trial_data.view_array
    trapped = []

    def load_data(trial, method, device):
        found = load_trial_data(trial, method, device)
        Trap.rows = frozenset(found.fold.test.tolist())
        monkeypatch.setattr(trial_data, "view_array", lambda *words: view_array(*words).view(Trap))
        trapped.append(load_trial_data(trial, method, device))
        monkeypatch.setattr(trial_data, "view_array", view_array)
        return trapped[-1]

    monkeypatch.setattr(trial_data, "load_trial_data", load_data)
    results, _ = searched(study, data, tmp_path)
    assert [one.states["done"] for one in results] == [3, 3]
    with pytest.raises(AssertionError, match="the test part was read"):
        trapped[-1].test()


def test_what_the_test_part_holds_changes_nothing(study, data, tmp_path, monkeypatch):
    plain, _ = searched(study, data, tmp_path / "plain")
    targets = trial_data.trial_targets

    def spoilt(trial, prepared, fold):
        found = targets(trial, prepared, fold).copy()
        found[fold.test] = 1 - found[fold.test]
        return found

    monkeypatch.setattr(trial_data, "trial_targets", spoilt)
    other, _ = searched(study, data, tmp_path / "spoilt")
    assert [one.digest for one in plain] == [one.digest for one in other]


def test_a_candidate_is_the_training_of_its_trial(study, data, tmp_path):
    results, _ = searched(study, data, tmp_path)
    store = Store(tmp_path / "r")
    for one in results:
        best = one.winner
        trial = one.search.candidate(best.params)
        cell = plan.Cell(trial, "net", "arm", "3d")
        launch.launch(launch.outstanding([cell], store), store, "serial", Quiet())
        record = store.get(trial.key)
        assert record.status == "done", record.error
        assert record.metrics["validation"]["auc"] == best.values["validation"]
        assert [row["val"] for row in record.curve] == [best.intermediate_values[point] for point in (1, 2, 3)]


class Quiet:
    """A progress callback without output."""

    def __getattr__(self, name):
        return lambda *words: None


def test_each_fold_uses_its_own_tuned_parameters(committed, study, data):
    _, written = committed
    cells = [cell for cell in plan.cells(using(study), [data]) if cell.arm == "tuned"]
    assert len(cells) == 2
    for cell, found in zip(cells, written["sets"], strict=True):
        assert cell.trial.fold == found["fold"]
        assert {name: cell.trial.method.params[name] for name in found["params"]} == found["params"]
        assert cell.tuning == found["cost"]
        assert cell.tuning["trials"] == 3


def test_the_cost_of_tuning_is_in_the_plan_and_its_table(committed, study, data, tmp_path):
    from bench.report import tables
    from bench.report.tables.cost_table import cost_body

    using_it = using(study)
    cells = plan.cells(using_it, [data])
    store = Store(tmp_path / "results")
    launch.launch(launch.outstanding(cells, store), store, "serial", Quiet())
    plan.write("using", using_it, [data], cells)
    (found,) = tables.section_tables(tables.read("using", store.root))
    rows = found.scores.set_index("arm")
    cost = [one["cost"] for one in committed[1]["sets"]]
    assert rows.loc["tuned", "tuning_seconds"] == pytest.approx(np.mean([one["seconds"] for one in cost]))
    assert rows.loc["tuned", "tuning_trials"] == 3
    assert np.isnan(rows.loc["net", "tuning_seconds"])
    assert "Its tuning (s)" in cost_body(found).columns


def spoil(path, **changes):
    """The committed file with something else in all of its sets, with a new checksum."""
    entry = json.loads(path.read_text())
    del entry["seal"]
    entry["sets"] = [{**one, **changes} for one in entry["sets"]]
    path.write_text(json.dumps({**entry, "seal": json_checksum(entry)}))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"fold": 1}, "the fold is 0 here, and they were tuned for 1"),
        ({"partition": 1}, "the partition is 0 here"),
        ({"labels": {"kind": "permuted", "number": 2, "share": 0.0}}, "the labels is"),
        ({"split": {"kind": "kfold", "folds": 5, "fraction": 1.0}}, "the split is"),
    ],
)
def test_parameters_of_another_fold_are_refused(committed, study, data, changes, words):
    spoil(committed[0], **changes)
    with pytest.raises(BenchError) as error:
        plan.cells(using(study), [data])
    assert words in str(error.value)
    assert error.value.status == 2


def test_other_data_methods_and_versions_are_refused(committed, study, data, monkeypatch):
    other = replace(data, spec=replace(data.spec, fingerprint="other"))
    cases = [
        (using(study), other, "its fingerprint is other here"),
        (using(study, folds=3), data, "the split is"),
        (using(study, partitions=2), data, "the partition is 1 here"),
        (replace(using(study), arms={"net": Arm("constant", tuned="mine")}), data, "the method is constant here"),
        (
            replace(using(study), arms={"net": Arm("tiny_net", {"dropout": 0.1}, tuned="mine")}),
            data,
            "its parameters in the arm",
        ),
    ]
    for one, where, words in cases:
        with pytest.raises(BenchError) as error:
            plan.cells(replace(one, floors=[], reference="net"), [where])
        assert words in str(error.value)
    monkeypatch.setattr(registry.member("methods", "tiny_net"), "version", 2)
    with pytest.raises(BenchError, match="its version is 2 here, and they were tuned for 1"):
        plan.cells(using(study), [data])


def test_other_training_seeds_are_the_same_fold(committed, study, data):
    cells = plan.cells(using(study, seeds=2, again="tuned"), [data])
    params = {(c.trial.fold, c.trial.method.text) for c in cells if c.arm.startswith("tuned")}
    assert len(params) == 2, "one set a fold, whatever the seed"


def test_a_file_that_is_changed_missing_or_of_another_protocol_is_refused(committed, study):
    path, _ = committed
    with pytest.raises(BenchError, match="no tuned parameters 'mime'; did you mean 'mine'"):
        plan.check(replace(using(study), arms={"net": Arm("tiny_net", tuned="mime")}, floors=[]), "s")
    entry = json.loads(path.read_text())
    path.write_text(json.dumps({**entry, "study": "another"}))
    with pytest.raises(BenchError, match="is not what `bench tune` wrote"):
        tuned_params.read("mine")
    del entry["seal"]
    entry["protocol"] = 1
    path.write_text(json.dumps({**entry, "seal": json_checksum(entry)}))
    with pytest.raises(BenchError, match="written under protocol 1"):
        tuned_params.read("mine")


@pytest.mark.slow
def test_serial_and_ray_tune_find_the_same(study, data, tmp_path):
    one, _ = searched(study, data, tmp_path / "serial", 8)
    two, _ = searched(study, data, tmp_path / "ray", 8, "ray")
    assert [each.digest for each in one] == [each.digest for each in two]


@pytest.mark.slow
@pytest.mark.parametrize("pruner", ["median", "asha"])
def test_ray_tune_prunes_by_the_storage(study, data, tmp_path, pruner):
    how = replace(study.tuning, pruner=pruner)
    results, _ = searched(replace(study, tuning=how, folds=2), data, tmp_path, 25, "ray")
    assert all(one.complete and len(one.optuna_trials) == 25 for one in results)
    assert sum(one.states["pruned"] for one in results) > 0
    for one in results:
        assert all(each.steps < 6 for each in one.candidates if each.state == "pruned")


@pytest.mark.slow
def test_on_random_labels_tuning_leaves_the_test_score_at_chance(study, plugins, tmp_path):
    """Twenty permutations of 160 people: search, train with what was found, score; mean within two errors of 0.5."""
    data = plan.ResolvedData(prepare("tiny_volumes", {"people": 160}).spec)
    store, scores, chosen = Store(tmp_path / "r"), [], []
    for number in range(20):
        results, _ = searched(study, data, tmp_path / str(number), 6, labels=Labels("permuted", number))
        trials = [one.search.candidate(one.winner.params) for one in results]
        cells = [plan.Cell(trial, "net", "random_labels", "3d") for trial in trials]
        launch.launch(launch.outstanding(cells, store), store, "serial", Quiet())
        scores.append(np.mean([store.get(trial.key).metrics["selected"]["auc"] for trial in trials]))
        chosen.append(np.mean([one.winner.values["validation"] for one in results]))
    error = np.std(scores, ddof=1) / np.sqrt(len(scores))
    assert abs(np.mean(scores) - 0.5) < 2 * error + 1e-9, (np.mean(scores), error)
    assert np.mean(chosen) > np.mean(scores) + 2 * error, "what it chose by does flatter"


def test_a_full_disk_is_reported_and_nothing_is_lost(study, data, tmp_path, monkeypatch):
    import errno

    from bench.training import evaluation_point

    searched(study, data, tmp_path, 1)

    def full(*words):
        raise OSError(errno.ENOSPC, "no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(evaluation_point, "save_model", full)
        with pytest.raises(RunAbortedError, match="the disk is full"):
            searched(study, data, tmp_path, 3)
    results, _ = searched(study, data, tmp_path, 3)
    whole, _ = searched(study, data, tmp_path / "whole", 3)
    assert [one.digest for one in results] == [one.digest for one in whole]


def test_a_candidate_is_trained_for_the_spacing_of_its_scans(tmp_path, monkeypatch):
    made = prepare("phantom_artery", {"subjects": 6, "size": 16, "mm": 4.0})
    trial = Trial(made.spec, registry.spec("methods", "monaiseg"), Split(folds=3), recipe=Recipe(steps=1))
    trained = []

    def fit(setup, shape):
        trained.append(setup.method)
        raise ArithmeticError("far enough")

    monkeypatch.setattr(loop, "fit", fit)
    assert (
        objective.train_candidate(trial, tmp_path, ("validation",), lambda *words: False).error
        == "ArithmeticError: far enough"
    )
    assert trained[0].spacing == made.spacing == (4.0, 4.0, 4.0)
