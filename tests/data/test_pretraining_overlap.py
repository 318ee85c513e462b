"""Weights that may have seen the people of the test part are named, in every form that a study can state them."""

from __future__ import annotations

import pytest

from bench.data.audit.pretraining_overlap import pretraining_caution

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
