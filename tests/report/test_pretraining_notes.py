"""Arms whose weights may have seen the people of the test part say so in the plan and in the table of scores."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
from synthetic_results import ArmSpec, DataSetSpec, write

from bench import registry
from bench.core import Arm, DataSpec, HeldOut, Record, Trial, plain
from bench.core.study_plan import PlannedCell
from bench.data.audit import pretraining_people
from bench.experiments.plan import ResolvedData
from bench.experiments.planned_study import PlannedStudy
from bench.report import tables
from bench.report.protected_names import pretraining_sets_of
from bench.report.tables.cost_table import cost_body
from bench.report.tables.number_format import NOTHING
from bench.report.tables.plan_checks import plan_mismatch
from bench.report.tables.pretraining_notes import pretraining_notes
from bench.report.tables.results import Run
from bench.storage.record_store import Store

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


def test_the_table_of_scores_says_what_an_arm_was_pretrained_on_and_on_how_many_people(tmp_path):
    plan = write(tmp_path, {"scratch": ArmSpec(), "begun": ArmSpec(), "probe": ArmSpec()}, [DataSetSpec("ad_oasis")])
    store = Store(tmp_path)
    for cell in plan.cells:
        if cell.arm != "scratch":
            record = store.get(cell.key)
            facts = {"data": "age_oasis", "people": 300 + cell.fold, "scans": 320}
            rewrite(store, replace(record, resolved={**record.resolved, "pretraining": facts}))
    (note,) = pretraining_notes(tables.read("toy", tmp_path).sections[0])
    assert note == (
        "begun, probe: the network was first trained on age_oasis (300 to 304 people, depending on the fold; nobody of"
        " the validation and test parts)."
    )


def test_a_file_of_people_that_changed_after_the_trials_tells_nothing(tmp_path, monkeypatch):
    """Nobody may take names out of the file and have a report without the caution."""
    file = tmp_path / "people.txt"
    entry = f"ad_oasis@{file}"
    plan = write(tmp_path, {"seen": ArmSpec(params={**SEEN, "pretrained_on": [entry]})}, [DataSetSpec("ad_oasis")])
    counted = pretraining_people.PeopleCount(2, 40)
    monkeypatch.setattr("bench.report.tables.pretraining_notes.people_counter", lambda *_: lambda names: counted)
    file.write_text("p00\np01\n")
    store = Store(tmp_path)
    for cell in plan.cells:
        record = store.get(cell.key)
        seen = pretraining_people.people_checksums(record.trial.method.params)
        rewrite(store, replace(record, resolved={**record.resolved, "pretraining_people": seen}))
    says = {"p01\n\np00": "its weights have seen 2 of the 40 people", "p00": "people.txt has changed since"}
    for text, words in says.items():
        file.write_text(text)
        (note,) = pretraining_notes(tables.read("toy", tmp_path).sections[0])
        assert words in note
    assert "may have seen the people that it is tested on" in note


def rewrite(store, record):
    files = {name: store.predictions(record.trial.key, record, (name,))[name] for name in ("ids", "groups", "y")}
    files["selected"] = store.predictions(record.trial.key, record, ("selected",))["selected"]
    store.set_aside(record.trial.key, "replaced")
    store.put(replace(record, files={}), files)


def test_a_pretraining_belongs_to_the_plan_with_data_of_its_own(tmp_path):
    plan = write(tmp_path, {"scratch": ArmSpec()}, [DataSetSpec("ad_oasis")])
    (entry,) = plan.data
    ages = DataSpec("age_oasis", fingerprint="a")
    plan = replace(plan, data=(replace(entry, pretraining=(ages,)),))
    assert type(plan).from_json(plain(plan.to_json())) == plan
    assert [name for name, _ in pretraining_sets_of(plan.data[0])] == ["age_oasis"]
    tested = DataSpec("ad_oasis", fingerprint=entry.fingerprint)
    trial = Trial(ages, registry.spec("methods", "sfcn"), held_out=HeldOut(tested, people="p"))
    cell = PlannedCell(key="k", data="ad_oasis", arm="a", role="upstream", partition=0, fold=0, seed=0)
    assert plan_mismatch(plan, Run(cell, Record(trial, "done"))) == ""
    for other in (
        replace(trial, data=replace(ages, fingerprint="b")),
        replace(trial, held_out=HeldOut(replace(tested, fingerprint="c"))),
    ):
        assert "differ in" in plan_mismatch(plan, Run(cell, Record(other, "done")))


def test_the_parts_of_a_pretraining_are_not_those_of_the_data_set(tmp_path):
    write(tmp_path, {"scratch": ArmSpec(), "begun": ArmSpec()}, [DataSetSpec("ad_oasis")])
    section = tables.read("toy", tmp_path).sections[0]
    first = section.runs[0]
    held = HeldOut(first.record.trial.data, people="p")
    sizes = {name: 10 * size for name, size in first.record.sizes.items()}
    record = replace(first.record, trial=replace(first.record.trial, held_out=held), sizes={**sizes, "train": 7})
    begins = Run(replace(first.cell, role="upstream", arm="pretraining of begun"), record)
    for runs in ((begins, *section.runs), (*section.runs, begins)):
        more = replace(section, runs=runs)
        assert more.counted() == section.counted()
        assert more.correlation == section.correlation


def test_the_plan_names_the_arms(tmp_path, monkeypatch):
    study = registry.study("quickstart")
    item = ResolvedData(DataSpec("ad_oasis"))
    monkeypatch.setattr(type(study), "rows", lambda self: [("seen", Arm("sfcn", SEEN)), ("scratch", Arm("sfcn"))])
    cells = [SimpleNamespace(arm="seen"), SimpleNamespace(arm="scratch")]
    planned = PlannedStudy("toy", study, [item], [], cells, None)
    (note,) = [line for line in planned.method_notes if "OASIS-1" in line]
    assert note.startswith("ad_oasis: seen: brain.safetensors was trained on OASIS-1")


@pytest.mark.parametrize(("listed", "seen"), [(("p1", "p3", "elsewhere"), 2), (("p7", "p8"), 0)])
def test_plan_and_report_say_how_many_tested_people_the_weights_have_seen(listed, seen, tmp_path, monkeypatch):
    (tmp_path / "people.txt").write_text("\n".join(listed))
    people = ("p1", "p1", "p2", "p3")
    prepared = SimpleNamespace(
        ids=("a", "b", "c", "d"), people=(), clusters=people, parts=("",) * 4, fingerprint="f"
    )  # fmt: skip
    monkeypatch.setattr(pretraining_people, "open_prepared", lambda name, params: prepared)
    monkeypatch.setattr(pretraining_people, "column_of", lambda column, name, params: list(people))
    params = {**SEEN, "pretrained_on": [f"OASIS-1@{tmp_path}/people.txt"]}
    write(tmp_path, {"scratch": ArmSpec(), "part": ArmSpec(params=params)}, [DataSetSpec("ad_oasis")])
    notes = [*pretraining_notes(tables.read("toy", tmp_path).sections[0])]
    study = registry.study("quickstart")
    monkeypatch.setattr(type(study), "rows", lambda self: [("part", Arm("sfcn", params))])
    planned = PlannedStudy("toy", study, [ResolvedData(DataSpec("ad_oasis"))], [], [SimpleNamespace(arm="part")], None)
    notes += [note for note in planned.method_notes if "brain.safetensors" in note]
    assert len(notes) == (2 if seen else 0)
    assert all("its weights have seen 2 of the 3 people of ad_oasis" in note for note in notes)
    assert not any(name in note for note in notes for name in listed)


def test_the_table_of_costs_has_the_activations_of_an_arm_and_of_its_pretraining(tmp_path):
    write(tmp_path, {"scratch": ArmSpec(), "begun": ArmSpec()}, [DataSetSpec("ad_oasis")])
    results = tables.read("toy", tmp_path)
    (section,) = results.sections
    (before,) = tables.section_tables(results)  # records from before activations were counted
    assert not [name for name in cost_body(before).columns if "ctivations" in name]
    record = section.runs[0].record
    held, runs = replace(record.trial, held_out=HeldOut(record.trial.data, people="p")), []
    for run in section.runs:
        cell = run.cell
        if cell.arm == "begun":
            cell = replace(cell, upstream=(f"first {cell.key}",))
            first = replace(cell, key=f"first {cell.key}", role="upstream", arm="pretraining")
            runs.append(Run(first, replace(record, trial=held, cost={"activation_mb": 7.25})))
        runs.append(Run(cell, replace(run.record, cost={**run.record.cost, "activation_mb": 2.5})))
    (found,) = tables.section_tables(replace(results, sections=(replace(section, runs=tuple(runs)),)))
    body = cost_body(found)
    own, first = (body.columns.index(name) for name in ("Activations (MB)", "Its pretraining: activations (MB)"))
    assert sorted((row[own], row[first]) for row in body.rows) == [("2.5", "7.2"), ("2.5", NOTHING)]
    assert any(note.startswith("Activations: the most bytes") for note in body.notes)
