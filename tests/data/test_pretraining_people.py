"""People whose scans pretrained weights have seen are counted among the tested people, by the names in a file."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from safetensors.torch import save_file

from bench import registry
from bench.core import Arm, BenchError, DataSpec, Recipe, Trial, Tuning
from bench.data.audit import pretraining_people
from bench.data.audit.pretraining_people import (
    PeopleCount,
    check_people_files,
    people_checksums,
    people_counter,
    read_names,
)
from bench.data.prepare import open_prepared, prepare
from bench.experiments.prepare_study import StudyRequest, check_arms
from bench.experiments.run_monitor import SilentMonitor
from bench.experiments.run_trial import run
from bench.experiments.tune_study import TuneOptions, plan_searches
from bench.storage.record_store import Store


@pytest.fixture
def tested(plugins):
    """24 people, p00 to p23, two scans of every third one."""
    return prepare("tiny_volumes").spec


@pytest.mark.parametrize(
    ("names", "seen"),
    [(["p00", "p01", "p07"], 3), (["p00-1", "p00"], 1), (["p40", "p41"], 0), (["p03", "someone else"], 1)],
)
def test_people_are_counted_by_their_names_or_those_of_their_scans(names, seen, tested):
    assert people_counter(tested)(frozenset(names)) == PeopleCount(seen, 24)


def test_the_count_is_that_of_a_set_of_names(tested):
    own = {f"p{at:02d}" for at in range(24)}
    for first in range(0, 40, 7):
        names = frozenset(f"p{at:02d}" for at in range(first, first + 15))
        assert people_counter(tested)(names) == PeopleCount(len(own & names), 24)


def test_a_person_whose_scans_look_like_those_of_a_named_one_counts_as_seen(tested, monkeypatch):
    prepared = open_prepared(tested.name)
    alike = tuple("one" if group in ("p01", "p02") else group for group in prepared.groups)
    monkeypatch.setattr(pretraining_people, "open_prepared", lambda *_: replace(prepared, clusters=alike))
    assert people_counter(tested)(frozenset(["p01"])) == PeopleCount(2, 24)


def test_of_a_publishers_split_only_the_test_part_is_tested(tested, monkeypatch):
    prepared = open_prepared(tested.name)
    parts = tuple("test" if group < "p06" else "train" for group in prepared.groups)
    monkeypatch.setattr(pretraining_people, "open_prepared", lambda *_: replace(prepared, parts=parts))
    names = frozenset(["p05", "p06", "p07"])
    assert people_counter(tested, "publisher")(names) == PeopleCount(1, 6)
    assert people_counter(tested, "kfold")(names) == PeopleCount(3, 24)


def test_names_that_are_written_in_another_way_are_not_taken_for_other_people(tested):
    seen = people_counter(tested)(frozenset(["sub-0001", "sub-0002"]))
    assert seen.unknown == "its names are written in another way than those of tiny_volumes"


def test_the_people_of_data_that_are_not_prepared_are_unknown(plugins):
    spec = DataSpec("tiny_volumes", params=dict(registry.spec("datasets", "tiny_volumes", {"people": 31}).params))
    assert people_counter(spec)(frozenset(["p00"])).unknown == "tiny_volumes is not prepared here"


def test_other_data_than_those_of_the_plan_are_unknown(tested):
    assert people_counter(replace(tested, fingerprint="of before"))(frozenset(["p00"])).unknown


def test_people_of_couples_are_counted_as_people(plugins):
    spec = prepare("phantom_pairs", {"subjects": 9, "mm": 12.0}).spec
    people = pretraining_people.column_of("group", spec.name, spec.params)
    assert people_counter(spec)(frozenset(people[:3])) == PeopleCount(len(set(people[:3])), len(set(people)))


def test_empty_lines_spaces_and_the_mark_of_an_editor_are_no_names(tmp_path):
    (tmp_path / "people.txt").write_bytes("\ufeffp00\r\n\r\n  p01 \n".encode())
    assert read_names(f"tiny_volumes@{tmp_path}/people.txt") == {"p00", "p01"}


def test_a_file_that_is_missing_or_empty_or_no_text_is_named_with_what_to_do(tmp_path):
    (tmp_path / "empty.txt").write_text("\n \n")
    (tmp_path / "table.xlsx").write_bytes(b"PK\x03\x04\xff\xfe")
    says = {
        "lost.txt": "No such file",
        "empty.txt": "has no names",
        "table.xlsx": "no UTF-8 text",
        "": "Is a directory",
    }
    for file, reason in says.items():
        with pytest.raises(BenchError, match=f"{reason}.*; write one name of a person of oasis1 per line"):
            read_names(f"oasis1@{tmp_path}/{file}")
    for entry in ("oasis1@", "@people.txt"):
        with pytest.raises(BenchError, match="must name a data set and a file with its people"):
            read_names(entry)


def test_files_of_students_and_teachers_are_checked(tmp_path):
    with pytest.raises(BenchError, match=r"lost\.txt"):
        check_people_files({"student_params": {"pretrained_on": [f"oasis1@{tmp_path}/lost.txt"]}})
    check_people_files({"pretrained_on": ["oasis1"], "lr": 0.1})


def test_a_run_stops_before_it_starts_if_the_file_is_missing(tmp_path, monkeypatch):
    study = registry.study("quickstart")
    arm = Arm("sfcn", {"weights": "w.safetensors", "checksum": "0", "pretrained_on": [f"oasis1@{tmp_path}/lost.txt"]})
    monkeypatch.setattr(type(study), "rows", lambda self: [("seen", arm)])
    monkeypatch.setattr(type(registry.make("methods", "sfcn")), "check", lambda self: None)
    with pytest.raises(BenchError, match=r"arm 'seen' of the study .*lost\.txt .*No such file"):
        check_arms("toy", study)


def test_a_search_stops_before_it_starts_if_the_file_is_missing(tmp_path, monkeypatch):
    arm = Arm("sfcn", {"weights": "w.safetensors", "checksum": "0", "pretrained_on": [f"oasis1@{tmp_path}/lost.txt"]})
    study = replace(registry.study("quickstart"), arms={"seen": arm}, floors=[], primary=[], contrasts=[], again=None)
    request = StudyRequest("toy", built=replace(study, reference="seen", random_labels=None, tuning=Tuning(trials=1)))
    monkeypatch.setattr(type(registry.make("methods", "sfcn")), "check", lambda self: None)
    with pytest.raises(BenchError, match=r"arm 'seen' of the study .*lost\.txt .*No such file"):
        plan_searches(request, TuneOptions(), SilentMonitor())


def test_a_checksum_is_that_of_the_names_in_any_order_and_nested_files_have_one(tmp_path):
    for name, text in {"a.txt": "p00\np01\n", "b.txt": "p01\n\np00", "c.txt": "p00\n"}.items():
        (tmp_path / name).write_text(text)
    first, second, third = (f"oasis1@{tmp_path}/{name}.txt" for name in "abc")
    params = {"pretrained_on": ["ukb", first], "student_params": {"pretrained_on": [second, third]}}
    known = people_checksums(params)
    assert list(known) == [first, second, third]
    assert known[first] == known[second] != known[third]
    assert people_checksums({"pretrained_on": [f"oasis1@{tmp_path}/lost.txt", "oasis1"]}) == {}


def test_a_trial_records_the_checksum_of_the_file_that_it_was_trained_with(tested, tmp_path):
    (tmp_path / "people.txt").write_text("p00\n")
    data = registry.make("datasets", "tiny_volumes")
    small = {"channels": "4,8,8"}
    save_file(
        registry.make("methods", "sfcn", small).build(data.task, data.shape).state_dict(), tmp_path / "w.safetensors"
    )
    checksum = hashlib.sha256((tmp_path / "w.safetensors").read_bytes()).hexdigest()
    begun = {**small, "weights": str(tmp_path / "w.safetensors"), "checksum": checksum}
    begun["pretrained_on"] = [f"tiny_volumes@{tmp_path}/people.txt"]
    recipe = Recipe(steps=1, batch_size=4, points=1, threads=1)
    for params in (small, begun):
        trial = Trial(tested, registry.spec("methods", "sfcn", params), fold=0, recipe=recipe)
        record = run(trial, Store(tmp_path / "results"))
        assert record.status == "done", record.error
        assert record.resolved.get("pretraining_people", {}) == people_checksums(params)
