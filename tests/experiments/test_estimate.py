"""What a plan says a study will take: from records of such trials, for another number of steps, and no more."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import pytest
from synthetic_results import ArmSpec, DataSetSpec, write

from bench import registry
from bench.core import Recipe, Record, Trial
from bench.data.prepare import prepare
from bench.experiments.plan.estimate import MEASURED, estimate
from bench.experiments.prepare_study import StudyRequest, plan_study
from bench.storage.record_store import Store

COST = {
    "data_seconds": 1.0, "forward_seconds": 3.0, "backward_seconds": 5.0, "update_seconds": 1.0,
    "evaluation_seconds": 4.0, "writing_seconds": 1.0, "train_seconds": 15.0, "inference_seconds": 0.01,
    "peak_memory_mb": 700.0,
}  # fmt: skip


def trial(name="resnet", **changes):
    spec = registry.spec("methods", "timm2d", {"lr": 0.001 if name == "resnet" else 0.5})
    one = Trial(registry.spec("datasets", "phantom_ad"), spec, recipe=Recipe(steps=100, batch_size=8, points=10))
    return replace(one, **changes)


def keep(root, one, seconds=20.0, status="done", device="cpu", **cost):
    resolved = {"optimiser_steps": one.recipe.steps, "device": device}
    provenance = {"seconds": seconds, "processor": "AVX2"}
    sizes = {"test": 100}
    Store(root).put(Record(one, status, {}, [], resolved, sizes, {**COST, **cost}, provenance))


def test_a_data_set_of_the_study_is_taken_as_the_study_describes_it():
    (data,) = StudyRequest("strong_tumours", ["phantom_bt_ct"]).data
    assert data.params == {"effect": 2.0, "subjects": 600}
    (other,) = StudyRequest("strong_phantoms", ["ad_oasis@site"]).data
    assert (other.name, other.split, other.params) == ("ad_oasis", "site", {})


def test_what_a_record_took_is_what_the_same_trial_on_another_fold_takes(tmp_path):
    keep(tmp_path, trial())
    found = estimate([trial(fold=1), trial(fold=2)], tmp_path)
    assert found.seconds == pytest.approx(40.0)
    assert found.memory_mb == 700.0
    size = sum(path.stat().st_size for path in Store(tmp_path).folder(trial().key).iterdir())
    assert found.disk == 2 * size
    assert list(found.sources) == ["earlier records of the same method and data (cpu, AVX2)"]


def test_steps_and_evaluation_points_are_counted_apart_from_what_comes_once(tmp_path):
    keep(tmp_path, trial())  # 10 s for 100 steps, 5 s and up to ten passes of a second for 10 points, nothing else
    longer = trial(fold=1, recipe=Recipe(steps=300, batch_size=16, points=5))
    once = 20.0 - 15.0 - 5.0  # the passes over the test part cannot be more than what is left of the time
    assert estimate([longer], tmp_path).seconds == pytest.approx(once + 10.0 * 3 * 2 + (5.0 + 5.0) / 2)


def test_another_parameter_on_scans_of_the_same_shape_is_the_next_best_source(tmp_path):
    keep(tmp_path, trial())
    found = estimate([trial("other")], tmp_path)
    assert found.seconds == pytest.approx(20.0)
    assert "other parameters, on scans of the same shape" in next(iter(found.sources))
    view = registry.spec("methods", "timm2d", {"lr": 0.5, "view": "slice"})
    assert estimate([replace(trial(), method=view)], tmp_path).unknown == 1


def test_a_measured_trial_is_used_where_no_record_is_of_the_kind(tmp_path):
    short = trial(recipe=Recipe(steps=10, batch_size=8, points=10))
    keep(tmp_path / MEASURED, short, seconds=15.0)
    found = estimate([trial(fold=3)], tmp_path)
    assert found.seconds == pytest.approx(0.0 + 10.0 * 10 + 5.0)
    assert "short trials that were measured" in next(iter(found.sources))
    keep(tmp_path, trial())
    assert "earlier records of the same" in next(iter(estimate([trial(fold=3)], tmp_path).sources))


def test_a_trial_without_any_measurement_is_reported_as_unknown(tmp_path):
    found = estimate([trial()], tmp_path)
    assert (found.unknown, found.seconds) == (1, 0)
    assert "unknown" in found.lines()[0]
    keep(tmp_path, trial(), status="failed")
    assert estimate([trial(fold=1)], tmp_path).unknown == 1
    assert estimate([], tmp_path).lines() == ["time: nothing is left to run"]


def test_machines_are_not_mixed(tmp_path):
    keep(tmp_path, trial(), device="cuda", seconds=16.0)
    keep(tmp_path, trial(fold=1), device="cuda", seconds=16.0)
    found = estimate([trial(fold=2)], tmp_path)
    assert list(found.sources) == ["earlier records of the same method and data (cuda, AVX2)"]


@pytest.fixture
def tiny(plugins):
    prepare("tiny_volumes")
    return StudyRequest("tiny")


def test_a_plan_counts_cells_pairs_and_trials(tiny):
    found = plan_study(tiny).summary()
    assert found["cells"] == 14
    assert found["pairs"] == 4  # two contrasts in two folds
    assert found["estimate"]["unknown"] == found["estimate"]["open"] == found["open"] == 14


def test_measuring_writes_no_record_of_the_study_and_measures_all_kinds(tiny):
    from bench.experiments.measure import measure

    found = measure(plan_study(tiny))
    assert found.statuses["done"] == 0
    assert found.estimate.unknown == 0
    assert found.estimate.seconds > 0
    assert not list(found.store.trials.glob("*"))
    before = len(list(Store(found.store.root / MEASURED).trials.glob("*")))
    measure(plan_study(tiny))
    assert len(list(Store(found.store.root / MEASURED).trials.glob("*"))) == before


def test_a_plan_imports_neither_torch_nor_ray(tmp_path):
    write(tmp_path, {"a": ArmSpec()}, [DataSetSpec()], folds=2)
    program = (
        "import sys; from bench.experiments.prepare_study import StudyRequest, plan_study;"
        "planned = plan_study(StudyRequest('ablation_dgm', phantoms=True));"
        "planned.lines(); planned.power.lines(0.1);"
        "print([name for name in ('torch', 'ray') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.replace("'", '"')) == []
