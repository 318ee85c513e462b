"""Weights that may have seen the people of the test part are named, in every form that a study can state them."""

from __future__ import annotations

import pytest

from bench.data.audit.pretraining_overlap import pretraining_caution
from bench.data.audit.pretraining_people import PeopleCount

FILE = {"weights": "/some/where/model.safetensors"}


@pytest.mark.parametrize(
    ("sets", "data"),
    [
        (["OASIS-1"], "ad_oasis"),
        (["oasis 1"], "ad_oasis"),
        (["UK Biobank", "OASIS1"], "age_oasis"),
        (["OASIS"], "age_oasis"),
        (["ADNI"], "ad_adni"),
        (["OpenBHB"], "age_ixi"),
        (["IXI"], "age_openbhb"),
        (["OASIS-1"], "ad_mri2d"),
        (["ad_oasis"], "age_oasis"),
        (["a_set_of_mine"], "a_set_of_mine"),
    ],
)
def test_a_known_overlap_is_said_with_the_file_and_the_set(sets, data):
    words = pretraining_caution({**FILE, "pretrained_on": sets}, data)
    assert words.startswith(f"model.safetensors was trained on {sets[-1]}, ")
    assert "may have seen the people" in words
    assert "/some/where" not in words


@pytest.mark.parametrize(
    ("sets", "data"),
    [(["ImageNet"], "ad_oasis"), (["none"], "ad_oasis"), (["UK Biobank"], "ad_oasis"), (["IXI"], "ad_oasis")],
)
def test_sets_without_an_overlap_on_record_need_no_words(sets, data):
    assert pretraining_caution({**FILE, "pretrained_on": sets}, data) == ""


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("ADNI-1", "ad_adni", "which may be ADNI"),
        ("OASIS 1 (St. Louis)", "ad_oasis", "which may be OASIS-1"),
        ("OASSIS-1", "ad_oasis", "of which no people are on record"),
        ("BrainIAC", "ad_adni", "of which no people are on record"),
    ],
)
def test_a_set_that_is_not_on_record_is_not_taken_for_a_clean_one(name, data, says):
    words = pretraining_caution({**FILE, "pretrained_on": ["ImageNet", name]}, data)
    assert words.startswith(f"model.safetensors was trained on {name}, {says}")


def test_an_arm_from_scratch_needs_no_words():
    assert pretraining_caution({"weights": "", "lr": 0.1}, "ad_oasis") == ""


def test_sets_that_are_not_stated_may_be_any():
    words = pretraining_caution(FILE, "ad_oasis")
    assert words.startswith("the data sets that model.safetensors was trained on are not stated (pretrained_on)")


def test_weights_of_a_student_and_of_a_teacher_count():
    params = {"student_params": {**FILE, "pretrained_on": ["OASIS-1"]}, "teacher_params": {"weights": "t.safetensors"}}
    words = pretraining_caution(params, "age_oasis")
    assert "model.safetensors was trained on OASIS-1" in words
    assert "t.safetensors was trained on are not stated" in words


@pytest.mark.parametrize("name", ["OASIS-1", "oasis1", "ad_oasis", "age_oasis"])
def test_weights_that_saw_other_people_of_the_tested_set_need_no_words(name, people):
    assert caution([f"{name}@{people('OAS1_0001')}"], seen=0) == ""


def test_weights_that_saw_some_of_the_tested_people_say_how_many_and_never_who(people):
    file = people("OAS1_0001", "OAS1_0002")
    words = caution(["UK Biobank", f"OASIS-1@{file}"], seen=2)
    assert words == (
        "model.safetensors was trained on a part of the people of OASIS-1: its weights have seen 2 of the 9 people of"
        " ad_oasis that it is tested on"
    )


def test_people_of_two_files_are_counted_once(people):
    asked = []
    count = lambda names: asked.append(names) or PeopleCount(len(names), 9)  # noqa: E731
    sets = [f"OASIS-1@{people('a', 'b', file='one')}", f"OASIS-1@{people('b', 'c', file='two')}"]
    words = pretraining_caution({**FILE, "pretrained_on": sets}, "ad_oasis", count)
    assert "have seen 3 of the 9 people" in words
    assert asked[-1] == frozenset("abc")


@pytest.mark.parametrize("sets", [["OASIS-1@{}", "oasis1"], ["ad_mri2d@{}"], ["OASIS@{}"]])
def test_the_caution_of_the_whole_set_stays_where_names_are_not_comparable(sets, people):
    words = caution([each.format(people("a")) for each in sets], seen=0)
    assert "may have seen the people" in words
    assert "@" not in words


def test_the_caution_of_the_whole_set_stays_where_the_people_cannot_be_compared(people):
    sets = [f"OASIS-1@{people('OAS1_0001')}"]
    unknown = pretraining_caution({**FILE, "pretrained_on": sets}, "ad_oasis", lambda names: PeopleCount(unknown="why"))
    assert unknown.startswith("model.safetensors was trained on OASIS-1, so its weights may have seen the people")
    assert unknown.endswith("(people.txt does not tell which people: why)")
    lost = pretraining_caution({**FILE, "pretrained_on": ["OASIS-1@/nowhere/people.txt"]}, "ad_oasis")
    assert "may have seen" in lost
    assert lost.endswith("(people.txt with the people that it was trained on cannot be read)")


def test_a_name_that_is_not_on_record_stays_so_with_people(people):
    words = caution([f"BrainIAC@{people('a')}"], seen=0)
    assert words.startswith("model.safetensors was trained on BrainIAC, of which no people are on record")


def caution(sets, seen):
    return pretraining_caution({**FILE, "pretrained_on": sets}, "ad_oasis", lambda names: PeopleCount(seen, 9))


@pytest.fixture
def people(tmp_path):
    def write(*names, file="people.txt"):
        (tmp_path / file).write_text("\n".join(names))
        return tmp_path / file

    return write
