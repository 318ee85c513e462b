"""Tables of predictions as programs write them: fractions for whole numbers, other separators, numbers too large."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from bench.core import BenchError, Task
from bench.data.prepare import prepare
from bench.experiments.outside.division import divide
from bench.experiments.outside.folds_file import write_folds
from bench.experiments.outside.prediction_checks import predictions_by_fold
from bench.experiments.outside.predictions_file import read_predictions

TASK = Task("classification", "auc", ("healthy", "patient"))


def test_folds_that_a_program_has_written_as_fractions_are_read(plugins):
    prepare("tiny_volumes")
    tiny = divide("tiny_volumes", {}, 2, 2)
    write_folds(tiny, Path("folds.csv"))
    folds = pd.read_csv("folds.csv").query("part == 'test'")
    table = folds.assign(fold=folds["fold"].astype(float), probability_healthy=0.25, probability_patient=0.75)
    table.to_csv("theirs.csv")
    (given,) = read_predictions(Path("theirs.csv"), TASK, "theirs")
    assert len(predictions_by_fold(tiny, given, "folds")) == 4


def test_a_table_with_another_separator_says_how_to_write_it():
    Path("theirs.csv").write_text("id;probability_healthy;probability_patient\na;0.5;0.5\n")
    with pytest.raises(BenchError, match="separated by semicolons, not by commas; save it as comma-separated text"):
        read_predictions(Path("theirs.csv"), TASK, "theirs")


def test_numbers_whose_squares_are_none_are_refused():
    Path("theirs.csv").write_text("id,prediction\na,1e200\n")
    with pytest.raises(BenchError, match="row 2: prediction of 'a' is '1e200', not a finite number of at most"):
        read_predictions(Path("theirs.csv"), Task("regression", "mae", unit="years"), "theirs")


def test_a_row_of_another_length_is_refused_by_its_number():
    Path("theirs.csv").write_text("id,prediction\na,1\n1,b,2\n")
    with pytest.raises(BenchError, match="row 3: 3 cells, but 2 columns; give each row one cell for each col"):
        read_predictions(Path("theirs.csv"), Task("regression", "mae", unit="years"), "theirs")


def test_probabilities_that_rounding_has_moved_over_the_edge_are_read():
    Path("theirs.csv").write_text("id,probability_0,probability_1\na,-1e-7,1.0000001\n")
    (given,) = read_predictions(Path("theirs.csv"), TASK, "theirs")
    assert given.places[None]["a"][0].tolist() == [0.0, 1.0]


HEADER = "id,probability_healthy,probability_patient"
REFUSED = {
    "percentages": (f"{HEADER}\na,40,60\nb,99,1\n", "row 2: .* they look like percentages; divide them by 100"),
    "decimal commas": (f'{HEADER}\na,"0,5","0,5"\n', "row 2: .* write a decimal point"),
    "two columns of one name": (f"{HEADER},fold,fold\na,0.5,0.5,0,1\n", "several columns 'fold'"),
    "arms of one name": (f"{HEADER},arm\na,0,1,x\na,1,0,x (not trained here)\n", "row 3: .* have one name in reports"),
}


@pytest.mark.parametrize(("text", "words"), REFUSED.values(), ids=REFUSED)
def test_what_could_be_read_in_two_ways_is_refused(text, words):
    Path("theirs.csv").write_text(text)
    with pytest.raises(BenchError, match=words):
        read_predictions(Path("theirs.csv"), TASK, "theirs")
