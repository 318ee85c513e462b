"""plan.json as typed values: what is written is what is read, and plans of older versions are read too."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest

from bench import registry
from bench.core import PROTOCOL, BenchError, DataSpec, External, RandomLabels, Recipe, Task
from bench.core.study_plan import PlannedCell, StudyPlan
from bench.experiments.plan import cells, plan_file
from bench.experiments.plan.resolve_data import ResolvedData
from bench.storage.stored_plan import read_plan, write_plan

STORED = Path(__file__).parents[1] / "golden" / "study.tar.xz"
OLD = {
    "study": "old", "protocol": 1, "reference": "a", "contrasts": [["b", "a"]], "folds": 5, "partitions": 1, "seeds": 1,
    "recipe": {"steps": 9, "batch_size": 2, "points": 3, "precision": "fp32", "threads": 1},
    "data": [{"name": "x", "params": {}, "phantom": False, "task": {"kind": "regression", "primary": "mae"}}],
    "cells": [{"key": "k", "data": "x", "arm": "a", "role": "arm", "partition": 0, "fold": 1, "seed": 0}],
}  # fmt: skip


def text(plan: StudyPlan) -> str:
    return json.dumps(plan.to_json(), indent=1) + "\n"


def test_the_stored_plan_is_written_again_byte_for_byte():
    with tarfile.open(STORED) as archive:
        stored = archive.extractfile("stored/plan.json").read().decode()
    assert text(StudyPlan.from_json(json.loads(stored))) == stored


@pytest.mark.parametrize("name", registry.names("studies"))
def test_the_plan_of_a_study_is_read_as_it_was_written(name, tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_RESULTS", str(tmp_path))
    specs = [DataSpec(each, 1, registry.spec("datasets", each).params) for each in ("phantom_ad", "phantom_ad2d")]
    external = External(specs[1], {"healthy": "well"})
    data = [ResolvedData(specs[0], "ad_oasis"), ResolvedData(specs[0], external=external)]
    study = registry.study(name)
    written = plan_file.write(name, study, data, cells(study, data), ["a note"], "bench run")
    read = read_plan(tmp_path / name / "plan.json")
    stored = json.loads((tmp_path / name / "plan.json").read_text())
    del stored["seal"]
    assert text(read) == text(written) == json.dumps(stored, indent=1) + "\n"
    assert read.data[1].external.labels == {"healthy": "well"}
    assert len(read.cells) == len(cells(study, data))


def test_a_plan_of_an_older_version_is_read_with_its_defaults():
    plan = StudyPlan.from_json(OLD | {"a key of another version": 1})
    assert plan.recipe == Recipe(9, 2, 3, "fp32", 1)
    assert plan.data[0].task == Task("regression", "mae")
    assert (plan.data[0].set_name, plan.data[0].folds, plan.data[0].fraction) == ("x", None, 1.0)
    assert plan.cells == (PlannedCell(key="k", data="x", arm="a", role="arm", partition=0, fold=1, seed=0),)
    assert plan.contrasts == (("b", "a"),)


def test_the_control_of_random_labels_may_have_one_arm_or_several():
    for arm in ("a", ["a", "b"]):
        plan = StudyPlan.from_json(OLD | {"random_labels": {"arm": arm, "permutations": 3}})
        assert plan.random_labels == RandomLabels(arm, 3)
        assert plan.to_json()["random_labels"] == {"arm": arm, "permutations": 3}


@pytest.mark.parametrize("part", [{"cells": [{"key": "k"}]}, {"data": None}, {"folds": ...}])
def test_a_file_that_is_no_plan_is_refused_with_its_path_and_a_remedy(tmp_path, part):
    entry = {name: value for name, value in (OLD | {"protocol": 2} | part).items() if value is not ...}
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(entry))
    with pytest.raises(BenchError, match=r"plan\.json cannot be read .*delete it: `bench run` writes a new one"):
        read_plan(path)


def test_a_plan_that_was_changed_by_hand_is_refused_and_one_of_before_seals_is_read(tmp_path):
    path = tmp_path / "plan.json"
    write_plan(path, StudyPlan.from_json(OLD | {"protocol": PROTOCOL}))
    assert read_plan(path).cells[0].arm == "a"
    content = path.read_text()
    path.write_text(content.replace('"arm": "a"', '"arm": "b"'))
    with pytest.raises(BenchError, match=r"was changed after it was written: arms, folds or trials .*delete it"):
        read_plan(path)
    path.write_text(json.dumps(json.loads(content), sort_keys=True))  # other spaces and order, the same content
    assert read_plan(path).cells[0].arm == "a"
    entry = json.loads(content)
    del entry["seal"]
    path.write_text(json.dumps(entry))
    assert read_plan(path).cells[0].arm == "a"
