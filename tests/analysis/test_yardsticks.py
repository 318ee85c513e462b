"""Published numbers are those that this code computes, and one that differs is shown as such."""

from __future__ import annotations

import json
import math
from decimal import Decimal
from pathlib import Path

import pytest
from command_line import run_command

from bench.analysis.verify.measuring import EQUAL, NOT_TRIED, UNEQUAL, all_yardsticks, choose_yardsticks, measure_all
from bench.analysis.verify.yardstick import Yardstick
from bench.analysis.verify.yardsticks import case_tables
from bench.core import BenchError

KNOWN = all_yardsticks()
SLOW = ("folds_", "resnet", "densenet", "vgg", "mobilenet", "efficientnet", "convnext", "swin", "vit", "r3d", "mc3",
        "r2plus1d", "timm2d", "hd95")  # fmt: skip


@pytest.mark.parametrize(
    "one",
    [
        pytest.param(one, id=one.name, marks=[pytest.mark.slow] if one.name.startswith(SLOW) else [])
        for one in KNOWN
        if not one.table
    ],
)
def test_a_published_number_is_computed_within_the_rounding_of_its_source(one: Yardstick):
    (measured,) = measure_all([one])
    assert measured.answer == EQUAL, f"{measured.ours} against {one.published}"


def test_names_are_unique_and_every_number_has_a_source():
    assert len({one.name for one in KNOWN}) == len(KNOWN) >= 60
    assert all(len(one.source) > 20 and Decimal(one.published).is_finite() for one in KNOWN)


@pytest.mark.parametrize(
    ("published", "ours", "equal"),
    [
        ("1.81", 1.8149, True),
        ("1.81", 1.8151, False),
        ("12", 12.4, True),
        ("12", 12.6, False),
        ("1", math.nan, False),
    ],
)
def test_equal_means_half_a_unit_of_the_last_digit(published, ours, equal):
    assert Yardstick("n", "w", published, "s", lambda folder: ours).equals(ours) is equal


def planted_tables(folder: Path, cases: int = 4) -> None:
    """Tables in the layout of the public repository: four people, the third better by 2 in 3D."""
    for score in case_tables.DIFFERENCES:
        for kind, gain in (("2D", 0), ("3D", 2)):
            place = folder / case_tables.FOLDER.format(kind=kind)
            place.mkdir(parents=True, exist_ok=True)
            rows = [f"{at},p{at}.nii.gz,{80 + at + gain * (at == 2)}" for at in range(cases if kind == "3D" else 4)]
            (place / f"results-{score}-{kind}-L1.csv").write_text("\n".join([",id,metric", *rows]) + "\n")


def test_tables_of_others_are_read_from_their_folder_and_their_numbers_differ_where_they_differ(tmp_path):
    planted_tables(tmp_path)
    chosen = choose_yardsticks(["segval_dice_2d_1", "segval_dice_2d_2", "segval_dice_2d_3", "segval_dice_difference"])
    measured = list(measure_all(chosen, tmp_path))
    deviation = (5 / 3) ** 0.5  # of 80, 81, 82, 83
    assert [each.ours for each in measured] == pytest.approx([81.5, deviation, deviation / 2, 0.5])
    assert {each.answer for each in measured} == {UNEQUAL}


def test_without_the_tables_of_others_their_numbers_are_not_tried():
    assert {each.answer for each in measure_all(one for one in KNOWN if one.table)} == {NOT_TRIED}


def test_a_folder_without_the_tables_and_tables_of_unlike_cases_are_refused(tmp_path):
    one = choose_yardsticks(["segval_dice_difference"])
    with pytest.raises(BenchError, match="a copy of github"):
        list(measure_all(one, tmp_path / "elsewhere"))
    planted_tables(tmp_path, cases=3)
    with pytest.raises(BenchError, match="not of the same cases"):
        list(measure_all(one, tmp_path))


def test_the_command_prints_compares_and_writes_the_page(capsys, monkeypatch, tmp_path):
    names = ("sleep_p", "holm", "segval_dice_difference")
    status, text = run_command(capsys, monkeypatch, "verify", "--yardsticks", *names, "--out", "page.md")
    assert status == 0
    assert "sleep_p: equal: 0.0028329, published 0.002833" in text
    assert "3 published numbers: 2 equal, 1 not tried." in text
    page = (tmp_path / "page.md").read_text()
    assert "| its p | 0.002833 | 0.0028329 | equal | Student, Biometrika 1908" in page
    assert "not tried: needs a copy of github.com/rosanajurdi/SegVal_Repo" in page
    entries = json.loads(run_command(capsys, monkeypatch, "verify", "--yardsticks", *names, "--json")[1])
    answers = {entry["number"]: (entry["answer"], entry["ours"]) for entry in entries}
    assert answers["holm"] == ("equal", 2)
    assert answers["segval_dice_difference"] == ("not tried", None)


def test_a_number_that_differs_is_shown_and_ends_the_command_with_1(capsys, monkeypatch):
    wrong = Yardstick("pi", "pi", "3.142", "a textbook of geometry", lambda folder: 3.2)
    monkeypatch.setattr("bench.analysis.verify.measuring.all_yardsticks", lambda: [wrong])
    status, text = run_command(capsys, monkeypatch, "verify", "--yardsticks")
    assert status == 1
    assert "pi: not equal: 3.2000, published 3.142" in text


@pytest.mark.parametrize("words", [("--yardsticks", "--quick"), ("--tables", "."), ("--yardsticks", "slep_p")])
def test_options_that_do_not_fit_are_refused(capsys, monkeypatch, words):
    assert run_command(capsys, monkeypatch, "verify", *words)[0] == 2
