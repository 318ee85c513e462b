"""Whatever a table of predictions holds, it is scored as scikit-learn scores it, or refused by file, row and remedy.

The cases are the same on every run: tables of two partitions and two folds of which cells, rows, columns or the
encoding are spoilt a little, or not at all.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from bench.core import BenchError
from bench.data.prepare import prepare
from bench.evaluation.metrics import evaluate
from bench.experiments.outside.division import Division, divide
from bench.experiments.outside.prediction_checks import predictions_by_fold
from bench.experiments.outside.predictions_file import read_predictions

FIXED = {"derandomize": True, "deadline": None, "database": None, "suppress_health_check": list(HealthCheck)}
COLUMNS = ["partition", "fold", "id", "probability_healthy", "probability_patient"]
CELLS = ["", "nan", "inf", "1e400", "0,5", "50%", "-0.1", "1.0000001", "1_0", "٣", " 0.5 ", "0x1", "p99-0", "\0", "é"]
CELLS += ['a"b', "a,b", "a\nb", "9" * 400, "True", "-1", "1.0", "0", "1", "2", "arm", "a (not trained here)", "\ufeff"]
Rows = list[list[str]]


@st.composite
def spoilt(draw: st.DrawFn, rows: Rows) -> Rows:
    """Up to two faults of rows, columns and cells."""
    rows = [list(row) for row in rows]
    for fault in draw(st.lists(st.sampled_from(FAULTS), max_size=2)):
        fault(draw, rows)
    return rows


def place(draw: st.DrawFn, rows: Rows) -> int:
    return draw(st.integers(1, len(rows) - 1))


def other_cell(draw: st.DrawFn, rows: Rows) -> None:
    row = rows[draw(st.integers(0, len(rows) - 1))]
    row[draw(st.integers(0, len(row) - 1))] = draw(st.sampled_from(CELLS))


def row_twice(draw: st.DrawFn, rows: Rows) -> None:
    rows.insert(place(draw, rows), list(rows[place(draw, rows)]))


def no_row(draw: st.DrawFn, rows: Rows) -> None:
    del rows[place(draw, rows)]


def other_length(draw: st.DrawFn, rows: Rows) -> None:
    row = rows[place(draw, rows)]
    row[1:] = draw(st.sampled_from([[], row[2:], [*row[1:], "1"], ["", *row[1:]]]))


def names_of_rows(draw: st.DrawFn, rows: Rows) -> None:
    """A first column of numbers, as pandas (with a cell in the header) and R (without one) write it."""
    for number, row in enumerate(rows[1:]):
        row.insert(0, str(number))
    rows[0][:0] = draw(st.sampled_from([[], [""], ["Unnamed: 0"]]))


def two_headers(draw: st.DrawFn, rows: Rows) -> None:
    first, second = (draw(st.integers(0, len(rows[0]) - 1)) for _ in range(2))
    rows[0][first], rows[0][second] = rows[0][second], rows[0][first]


def column_again(draw: st.DrawFn, rows: Rows) -> None:
    at, value = draw(st.integers(0, len(rows[0]) - 1)), draw(st.sampled_from(["0", "0.5"]))
    rows[0].append(rows[0][at])
    for row in rows[1:]:
        row.append(value)


def new_column(draw: st.DrawFn, rows: Rows) -> None:
    """Of methods, roles, seeds or targets, with one value or two."""
    name = draw(st.sampled_from(["arm", "role", "seed", "target", "note"]))
    values = draw(st.lists(st.sampled_from(CELLS), min_size=1, max_size=2))
    for number, row in enumerate(rows):
        row.append(values[number % len(values)] if number else name)


def other_folds(draw: st.DrawFn, rows: Rows) -> None:
    column, words = draw(st.integers(0, 1)), draw(st.sampled_from([{"0": "1", "1": "0"}, {"1": "2"}, {"0": "0.0"}]))
    for row in rows[1:]:
        row[column] = words.get(row[column], row[column])


def logits(draw: st.DrawFn, rows: Rows) -> None:
    for row in rows[1:]:
        row[-1] = draw(st.sampled_from(["-2.5", "3.25", "0.5"]))


FAULTS: list[Callable[[st.DrawFn, Rows], None]] = [
    other_cell, row_twice, no_row, other_length, names_of_rows, two_headers, column_again, new_column, other_folds,
    logits,
]  # fmt: skip


@st.composite
def encoded(draw: st.DrawFn, rows: Rows) -> bytes:
    """The file as one of many programs would write it, or cut short, or with another byte."""
    text = io.StringIO()
    ends = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    sign = draw(st.sampled_from([","] * 8 + [";", "\t"]))
    quoting = draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
    csv.writer(text, lineterminator=ends, delimiter=sign, quoting=quoting).writerows(rows)
    content = text.getvalue().encode(draw(st.sampled_from(["utf-8", "utf-8-sig"] * 4 + ["utf-16"])))
    if draw(st.integers(0, 5)):
        return content
    at = draw(st.integers(0, len(content) - 1))
    return draw(st.sampled_from([content[:at], content[:at] + b"\xff" + content[at:], bytes(range(at % 256))]))


def read_plainly(content: bytes) -> dict[str, dict[tuple[int, int], dict[str, float]]]:
    """Method -> partition and fold -> id -> probability; fails where a cell could be read in two ways."""
    rows = [row for row in csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")) if any(map(str.strip, row))]
    names = [name.strip() for name in rows[0]]
    found: dict = {}
    for cells in rows[1:]:
        row = dict(zip(names, map(str.strip, cells), strict=True))
        assert len(row) == len(names)
        if row.get("role", "arm") != "arm":
            continue
        fold = found.setdefault(row.get("arm", "theirs"), {}).setdefault(
            (int(float(row.get("partition", "0"))), int(float(row["fold"]))), {}
        )
        assert row["id"] not in fold
        fold[row["id"]] = float(row["probability_patient"])
        assert float(row["probability_healthy"]) + fold[row["id"]] == pytest.approx(1, abs=1e-3)
    return found


def answer(path: Path, division: Division) -> dict[tuple, float]:
    """Method, partition and fold -> AUC."""
    scores = {}
    for given_ in read_predictions(path, division.prepared.task, "theirs"):
        for where, values in predictions_by_fold(division, given_, "folds").items():
            rows = dict(division.places())[where].test
            scores[given_.name, *where] = evaluate(
                division.prepared.task, division.prepared.targets[rows].astype(int), values, None
            )["auc"]
    return scores


def whole_table(tested: dict[tuple[int, int], list[str]]) -> Rows:
    """A row for every tested scan, with a probability of its own."""
    whole = [COLUMNS]
    for at, (where, ids) in enumerate(tested.items()):
        sure = [(37 * number + 11 * at) % 100 / 100 for number in range(len(ids))]
        whole += [
            [*map(str, where), name, f"{1 - value:.2f}", f"{value:.2f}"] for name, value in zip(ids, sure, strict=True)
        ]
    return whole


def test_a_table_is_scored_as_it_reads_or_refused_by_file_and_remedy(plugins, tmp_path):
    prepared = prepare("tiny_volumes")
    division = divide("tiny_volumes", {}, 2, 2)
    tested = {where: [prepared.ids[row] for row in fold.test] for where, fold in division.places()}
    truth = dict(zip(prepared.ids, prepared.targets.astype(int), strict=True))
    whole = whole_table(tested)
    answers = {"scored": 0, "refused": 0}

    @settings(max_examples=250, **FIXED)
    @given(st.data())
    def try_one(data: st.DataObject) -> None:
        path = tmp_path / "theirs.csv"
        content = data.draw(encoded(data.draw(spoilt(whole))))
        path.write_bytes(content)
        try:
            scores, refusal = answer(path, division), ""
        except BenchError as error:
            scores, refusal = {}, str(error)
        if refusal:
            assert refusal.startswith(str(path))
            assert "\n" not in refusal
            answers["refused"] += 1
            return
        wanted = read_plainly(content)
        for folds in wanted.values():
            assert {where: sorted(fold) for where, fold in folds.items()} == {
                where: sorted(ids) for where, ids in tested.items()
            }
        assert scores == pytest.approx({
            (arm, *where): roc_auc_score([truth[name] for name in fold], list(fold.values()))
            for arm, folds in wanted.items() for where, fold in folds.items()
        })  # fmt: skip
        answers["scored"] += 1

    try_one()
    assert min(answers.values()) > 40
