"""Weights that a study saved only for other trials are not those of a study that was run to be stressed."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from bench.analysis.robustness.robustness_run import plan_robustness
from bench.core import BenchError

CELLS = [
    SimpleNamespace(key="t", role="arm", arm="teacher", upstream=()),
    SimpleNamespace(key="s", role="arm", arm="student", upstream=("t",)),
    SimpleNamespace(key="n", role="arm", arm="net", upstream=()),
]
PLAN = SimpleNamespace(study="toy", cells=CELLS)


def job(kept, arms=()):
    store = SimpleNamespace(weights=lambda key: "file" if key in kept else None)
    return plan_robustness(PLAN, store, "folder", arms, ["noise"])


def test_weights_of_teachers_alone_are_refused_with_the_command_that_keeps_weights():
    with pytest.raises(BenchError, match=r"weights but those that other trials learn from.*--keep-weights"):
        job("t")
    with pytest.raises(BenchError, match=r"the study toy has no saved weights; .*--keep-weights"):
        job("")
    with pytest.raises(BenchError, match="the study toy has no saved weights; "):
        job("t", ["net"])


def test_a_teacher_that_is_named_and_one_beside_other_weights_are_stressed():
    assert [cell.key for cell in job("t", ["teacher"]).cells] == ["t"]
    assert [cell.key for cell in job("tn").cells] == ["t", "n"]
    assert job("tn").lacking == {"student": 1}
    assert job("tsn").lacking == {}
