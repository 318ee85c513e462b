"""A plan that lacks folds, partitions or seeds, or whose cells are not those of its records, has no report."""

from __future__ import annotations

from dataclasses import replace

import pytest
from synthetic_results import ArmSpec, store_plan, write

from bench.core import BenchError, Recipe
from bench.report.tables import read

ARMS = {"base": ArmSpec(0.5), "new": ArmSpec(0.8)}


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (lambda cell: cell.fold != 3, "lacks 4 of 20 runs of base .* fold 3 of partition 0 with seed 0"),
        (lambda cell: cell.partition == 0, "lacks 10 of 20 runs of base .* fold 0 of partition 1"),
        (lambda cell: cell.seed == 1, "lacks 10 of 20 runs of base .* with seed 0"),
        (lambda cell: cell.arm != "new" or cell.fold != 4, "lacks 4 of 20 runs of new"),
    ],
)
def test_a_plan_without_some_of_its_runs_is_refused(left, words, tmp_path):
    plan = write(tmp_path, ARMS, partitions=2, seeds=2)
    assert read("toy", tmp_path).sections[0].arms == ("base", "new")
    store_plan(tmp_path, replace(plan, cells=tuple(cell for cell in plan.cells if left(cell))))
    with pytest.raises(BenchError, match=words):
        read("toy", tmp_path)


def test_a_cell_whose_record_is_of_another_seed_is_refused(tmp_path):
    plan = write(tmp_path, ARMS, seeds=2)
    cells = tuple(replace(cell, seed=1 - cell.seed) if cell.arm == "new" else cell for cell in plan.cells)
    store_plan(tmp_path, replace(plan, cells=cells))
    with pytest.raises(BenchError, match="differ in the seed"):
        read("toy", tmp_path)


def test_a_run_that_only_shows_that_a_study_runs_may_lack_folds(tmp_path):
    plan = write(tmp_path, ARMS, recipe=Recipe(scans=8))
    store_plan(tmp_path, replace(plan, cells=tuple(cell for cell in plan.cells if cell.fold == 0)))
    assert len(read("toy", tmp_path).sections[0].runs) == 2
