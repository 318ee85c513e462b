"""The committed table of what studies could show: docstrings say its numbers, and the planner still answers them."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from performance.power_table import row, sentence

from bench import registry
from bench.experiments.power.study_power import declared_power

FOLDER = Path(__file__).parents[2] / "results" / "reference" / "power"
ROWS = list(csv.DictReader((FOLDER / "power.csv").read_text().splitlines()))


@pytest.mark.parametrize("name", registry.names("studies"))
def test_the_docstring_of_a_study_says_what_it_could_show(name):
    words = sentence(entry for entry in ROWS if entry["study"] == name)
    module = __import__(f"studies.{name}", fromlist=["STUDY"])
    assert words in " ".join(module.__doc__.split())
    assert name in {one["study"] for one in ROWS}
    if not words:
        said = " ".join(module.__doc__.split())
        assert name == "hpo_dclse" or "between the splits" in said or "`bench plan` cannot tell" in said


@pytest.mark.parametrize("name", ["oasis_ad", "data_efficiency", "wrong_labels_3d", "pretraining"])
def test_the_planner_answers_what_the_table_has(name, tmp_path):
    """On data that are not prepared: OASIS-1 has as many people on its card as in its scans."""
    committed = {entry["data"]: entry for entry in ROWS if entry["study"] == name}
    answers = [row(name, power) for power in declared_power(name, registry.study(name), tmp_path).data]
    assert [answer["data"] for answer in answers] == list(committed)
    for answer in answers:
        found, expected = answer["detectable"], committed[answer["data"]]["detectable"]
        assert (found == "") == (expected == "")
        assert expected == "" or found == pytest.approx(float(expected), rel=0.02)
