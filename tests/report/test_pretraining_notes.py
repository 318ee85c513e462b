"""Arms whose weights may have seen the people of the test part say so in the plan and in the table of scores."""

from __future__ import annotations

import pytest
from synthetic_results import ArmSpec, DataSetSpec, write

from bench import registry
from bench.core import Arm, DataSpec
from bench.experiments.plan import ResolvedData
from bench.experiments.planned_study import PlannedStudy
from bench.report import tables
from bench.report.tables.pretraining_notes import pretraining_notes

SEEN = {"weights": "brain.safetensors", "checksum": "0", "pretrained_on": ["OASIS-1"]}
ARMS = {
    "scratch": ArmSpec(skill=0.5),
    "seen": ArmSpec(skill=0.6, params=SEEN),
    "not seen": ArmSpec(skill=0.6, params={**SEEN, "pretrained_on": ["UK Biobank"]}),
    "not stated": ArmSpec(skill=0.6, params={**SEEN, "pretrained_on": []}),
}


@pytest.mark.parametrize("phantom", [False, True])
def test_the_table_of_scores_names_the_arms_unless_the_people_are_phantoms(phantom, tmp_path):
    write(tmp_path, ARMS, [DataSetSpec("ad_oasis", phantom=phantom)])
    (section,) = tables.read("toy", tmp_path).sections
    notes = pretraining_notes(section)
    assert [note.partition(":")[0] for note in notes] == ([] if phantom else ["seen", "not stated"])


def test_the_plan_names_the_arms(tmp_path, monkeypatch):
    study = registry.study("quickstart")
    item = ResolvedData(DataSpec("ad_oasis"))
    monkeypatch.setattr(type(study), "rows", lambda self: [("seen", Arm("sfcn", SEEN)), ("scratch", Arm("sfcn"))])
    planned = PlannedStudy("toy", study, [item], [], [], None)
    (note,) = [line for line in planned.method_notes if "OASIS-1" in line]
    assert note.startswith("ad_oasis: seen: brain.safetensors was trained on OASIS-1")
