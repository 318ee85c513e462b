"""Pairs of one data set teach a network that is tested on pairs of another, whose structures may be other ones."""

from __future__ import annotations

import json
import textwrap
from dataclasses import replace

import pytest
from killable_studies import trial_of

import bench
from bench import registry
from bench.core import Arm, BenchError, Data, Recipe, Study
from bench.data.prepare import fingerprint, open_prepared, prepare
from bench.experiments import plan, run_trial
from bench.storage.record_store import Store

TINY = {"mm": 12.0, "subjects": 8}
OTHER = {**TINY, "subjects": 6, "seed": 5}
SMALL = {"channels": (4, 4, 4, 4), "last": (4,), "similarity": "pearson"}
STUDY = Study(
    "Does it align others?",
    [Data("phantom_pairs", TINY, external=Data("two_structures", OTHER))],
    reference="identity",
    arms={"identity": Arm("identity"), "network": Arm("voxelmorph", SMALL), "taught": Arm("reads_labels", SMALL)},
    contrasts=[("network", "identity")],
    folds=2,
    partitions=1,
    recipe=Recipe(steps=3, batch_size=2, points=1),
)
HEADS = '''
"""Heads of the phantom of pairs with two structures, of which one has no number in it."""

from dataclasses import dataclass, replace

from bench.core import Task
from bench.datasets.phantom_pairs import PhantomPairs

@dataclass(frozen=True)
class TwoStructures(PhantomPairs):
    """Heads in which the brain is one structure."""

    example = True
    task = Task("registration", "region_dice", ("background", "brain", "none"))

    def samples_of(self, number):
        return [replace(each, read=lambda each=each: self.merged(each.read())) for each in super().samples_of(number)]

    def merged(self, scan):
        return replace(scan, mask=(scan.mask > 0).astype("uint8"))

DATASET = TwoStructures
'''
TAUGHT = '''
"""A network whose loss reads label maps."""

from dataclasses import dataclass
from typing import ClassVar

from baselines.voxelmorph import VoxelMorph

@dataclass(frozen=True, kw_only=True)
class ReadsLabels(VoxelMorph):
    """VoxelMorph that would learn from label maps."""

    learns_label_maps: ClassVar[bool] = True

METHOD = ReadsLabels
'''


@pytest.fixture
def cells(tmp_path, monkeypatch):
    own = tmp_path / "own"
    own.mkdir()
    for name, text in {"two_structures": HEADS, "reads_labels": TAUGHT}.items():
        (own / f"{name}.py").write_text(textwrap.dedent(text))
    monkeypatch.setenv("BENCH_PLUGINS", str(own))
    registry.clear_cache()
    for data in (STUDY.datasets[0], STUDY.datasets[0].external):
        prepare(data.name, data.params)
    yield plan.cells(STUDY, plan.locate(STUDY, fingerprint)[0])
    registry.clear_cache()


def test_a_network_is_tested_on_the_couples_of_other_people_with_other_structures(cells, tmp_path):
    trial, store = trial_of(cells, "network"), Store(tmp_path / "results")
    record = run_trial.run(trial, store)
    assert record.status == "done", record.error
    tested = open_prepared("two_structures", OTHER)
    kept = store.predictions(trial.key)
    assert {name for pair in kept["ids"] for name in pair.split(" < ")} == set(tested.ids)
    assert set(kept["groups"]) == set(tested.groups)
    assert kept["structure_dice"].shape == (6, 2)
    assert set(record.metrics["validation"]) == {"endpoint_error"}  # of what it has learnt
    assert record.metrics["selected"]["region_dice"] == pytest.approx(kept["scan_scores"].mean(), abs=1e-6)


def test_whole_couples_are_tested_where_scans_are_limited(cells, tmp_path):
    trial = trial_of(cells, "identity")
    record = run_trial.run(replace(trial, recipe=replace(trial.recipe, scans=2)), Store(tmp_path / "results"))
    assert record.status == "done", record.error
    assert record.sizes["test"] == 2


def test_a_method_that_learns_from_label_maps_is_refused_where_the_structures_differ(cells, tmp_path):
    record = run_trial.run(trial_of(cells, "taught"), Store(tmp_path / "results"))
    assert record.status == "refused"
    assert (
        "it learns from the label maps of phantom_pairs, and two_structures has other structures"
        in (record.error["message"])
    )


def test_a_data_set_that_is_an_example_has_scores_and_no_test(cells, tmp_path, one_format):
    study = replace(STUDY, arms={name: STUDY.arms[name] for name in ("identity", "network")})
    planned = bench.plan(study, name="shown")
    assert "6 people in 3 couples are an example" in planned.power.data[0].problem
    results = bench.run(study, name="shown", launcher="serial", results=tmp_path / "results", progress=False)
    row = results.contrasts.iloc[0]
    assert row["verdict"].startswith("not tested: the data set has too few people for any claim")
    assert row["improvement"] == row["improvement"]
    assert all(row[name] != row[name] for name in ("p", "p_holm", "p_folds", "low"))
    entry = json.loads((tmp_path / "results" / "shown" / "plan.json").read_text())["data"][0]
    assert (entry["name"], entry["example"]) == ("phantom_pairs@two_structures", True)


@pytest.mark.parametrize("factor", [1, 2, 3, 4, 5, 6])
def test_the_brains_of_ixi_have_the_grid_of_those_of_oasis(factor):
    learnt = registry.make("datasets", "pairs_oasis", {"factor": factor})
    tested = registry.make("datasets", "pairs_ixi", {"mm": 2.0 * factor, "grid": "brain"})
    assert (learnt.shape, learnt.spacing) == (tested.shape, tested.spacing)


def test_other_grids_are_refused_and_equal_ones_need_no_equal_structures():
    coarse = Data("pairs_oasis", {"factor": 4}, external=Data("pairs_ixi", {"mm": 8.0, "grid": "brain"}))
    found, _ = plan.locate(replace(STUDY, datasets=[coarse]), lambda *_: "prepared", stand_ins=False)
    assert (found[0].where, dict(found[0].external.labels)) == ("pairs_oasis@pairs_ixi", {})
    whole = replace(coarse, external=Data("pairs_ixi", {"mm": 8.0}))
    with pytest.raises(BenchError, match="22 x 27 x 22 voxels of 8 x 8 x 8 mm and pairs_ixi 22 x 30 x 30"):
        plan.locate(replace(STUDY, datasets=[whole]), lambda *_: "prepared", stand_ins=False)


def test_people_who_may_be_the_same_are_no_external_test():
    data = Data("pairs_oasis", external=Data("pairs_oasis"))
    with pytest.raises(BenchError, match="cannot be the external test"):
        plan.locate(replace(STUDY, datasets=[data]), lambda *_: "prepared", stand_ins=False)
