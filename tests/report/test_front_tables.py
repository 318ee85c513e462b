"""The front of a page: the short tables, their order, and the order of everything on the page."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binomtest
from synthetic_results import AGE, ArmSpec, DataSetSpec, write

from bench import report
from bench.report import tables
from bench.report.figure_files import figures_of
from bench.report.figures.scores_figure import draw_scores
from bench.report.front_tables import front_contrasts, front_scores
from bench.report.paper.statistics_sentences import results_of
from bench.report.tables.calibration import bins_for, reliability
from bench.report.tables.contrasts_table import contrasts_body
from bench.report.tables.controls_table import controls_body
from bench.report.tables.metric_range import interval_cell
from bench.report.tables.number_format import MINUS, NOTHING
from bench.storage.record_store import Store

ARMS = {
    "base": ArmSpec(scores=[0.70, 0.75, 0.65, 0.72, 0.68], followed=True),
    "worse": ArmSpec(scores=[0.60, 0.61, 0.62, 0.60, 0.61], followed=True),
    "best": ArmSpec(scores=[0.86, 0.90, 0.81, 0.87, 0.84], followed=True),
    "gone": ArmSpec(missing=range(5)),
    "chance": ArmSpec(scores=[0.5] * 5, family="floor"),
}


def frames_of(root, arms, data, **plan):
    return tables.section_tables(tables.gather(write(root, arms, [data], **plan), Store(root)))[0]


def test_the_best_arm_stands_first_and_what_has_no_score_last(tmp_path):
    found = front_scores(frames_of(tmp_path, ARMS, DataSetSpec(), floors=["chance"]))
    names = [row[0] for row in found.rows]
    assert names == ["best", "base [reference]", "worse", "chance [floor]", "gone (0/5 runs)"]
    assert [row[1] for row in found.rows] == ["0.856", "0.700", "0.608", "0.500", NOTHING]
    assert found.columns == ("Arm", "AUC\u00a0↑", "95 %")  # no floor that looks at no scan: nothing on learning


def test_the_smallest_error_stands_first(tmp_path):
    arms = {"large": ArmSpec(scores=[9.0] * 5), "small": ArmSpec(scores=[3.0] * 5), "middle": ArmSpec(scores=[5.0] * 5)}
    found = front_scores(frames_of(tmp_path, arms, DataSetSpec("age", AGE)))
    assert [row[0] for row in found.rows] == ["small", "middle", "large [reference]"]


def test_learnt_or_not_is_a_word_beside_the_score(tmp_path):
    arms = {**ARMS, "best": ArmSpec(skill=3.0), "worse": ArmSpec(scores=[0.4] * 5)}
    found = front_scores(frames_of(tmp_path, arms, DataSetSpec(), floors=["chance"], blind=["chance"]))
    words = {row[0]: row[3] for row in found.rows}
    assert words["best"] == "yes"
    assert words["worse"] == "no"
    assert words["chance [floor]"] == NOTHING
    assert words["gone (0/5 runs)"] == "not tested"


def test_the_figure_has_the_order_of_the_table_and_marks_the_reference(tmp_path):
    found = frames_of(tmp_path, ARMS, DataSetSpec(), floors=["chance"])
    (axes,) = draw_scores(found.section, found.scores).axes
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels == ["best", "base [reference]", "worse", "chance", "gone"]
    assert [*axes.get_yticks()] == sorted(axes.get_yticks(), reverse=True)  # the first is at the top


@pytest.mark.parametrize(
    ("low", "high", "folds", "words"),
    [
        (-1.0, 1.0, 2, "not estimable with 2 folds"),
        (-1.0, 1.0, 5, "not estimable with 5 folds"),
        (-0.2, 1.0, 2, "not estimable with 2 folds"),
        (-0.2, 1.0, 5, f"[{MINUS}0.200, 1.000]"),
        (-0.1, 0.3, 2, f"[{MINUS}0.100, 0.300]"),
        (np.nan, np.nan, 1, NOTHING),
    ],
)
def test_an_interval_of_all_possible_values_is_not_shown(tmp_path, low, high, folds, words):
    section = frames_of(tmp_path, {"a": ArmSpec(), "b": ArmSpec()}, DataSetSpec()).section
    assert interval_cell(section, {"low": low, "high": high, "folds": folds}) == words


def test_no_interval_of_two_folds_leaves_the_range_of_the_metric(tmp_path):
    arms = {"base": ArmSpec(scores=[0.9, 0.5]), "new": ArmSpec(scores=[0.4, 0.8])}
    found = front_contrasts(frames_of(tmp_path, arms, DataSetSpec(people=20), folds=2))
    (row,) = found.rows
    numbers = [float(each) for each in re.findall(r"[-\d.]+", row[4].replace(MINUS, "-"))]
    assert row[4].startswith("not estimable with 2 folds") or all(-1 <= number <= 1 for number in numbers)


def test_an_interval_of_an_interaction_has_twice_the_range(tmp_path):
    section = frames_of(tmp_path, {"a": ArmSpec(), "b": ArmSpec()}, DataSetSpec()).section
    found = {"low": -1.0, "high": 1.0, "folds": 5, "effect": "interaction"}
    assert interval_cell(section, found) == f"[{MINUS}1.000, 1.000]"
    assert interval_cell(section, {**found, "low": -2.0, "high": 2.0}) == "not estimable with 5 folds"


def test_no_table_shows_an_interval_of_all_that_is_possible_after_two_folds(tmp_path):
    arms = {"base": ArmSpec(scores=[0.9, 0.5]), "new": ArmSpec(scores=[0.4, 0.8])}
    more = {"folds": 2, "again": ("base", "base (A/A)")}
    found = frames_of(tmp_path, arms, DataSetSpec(people=20), **more)
    assert found.contrasts["high"].to_list() == [1.0]
    widest = found.controls.assign(low=-1.0, high=1.0)
    found = replace(found, given={"controls": widest[widest["control"] == "A/A"]})
    texts = [contrasts_body(found), controls_body(found), front_contrasts(found)]
    cells = [" ".join(cell for row in body.rows for cell in row) for body in texts]
    assert all("not estimable with 2 folds" in each for each in cells), cells
    assert "1.000]" not in " ".join(cells)
    assert "1.000]" not in " ".join(results_of(found))


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    root = tmp_path_factory.mktemp("front")
    data = [DataSetSpec("scans"), DataSetSpec("more")]
    write(root, ARMS, data, floors=["chance"], again=("base", "base (A/A)"))
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("BENCH_DATA", str(root / "data"))
        patched.setattr("bench.report.figures.style.FORMATS", ("svg",))
        return report.build("toy", root).read_text()


def test_the_answer_stands_first_then_scores_comparisons_cost_and_details(page):
    places = [
        page.index(words)
        for words in ("<h1>", 'id="answer"', 'id="table-scans-front-scores"', 'id="table-scans-front-contrasts"',
                      ">Cost</h3>", "<summary>All metrics", 'id="table-scans-scores"', 'id="run"')
    ]  # fmt: skip
    assert places == sorted(places)
    first = page[page.index('id="table-scans-front-scores"') : page.index('id="table-scans-front-contrasts"')]
    assert 'aria-label="Scores on scans' in first


def test_every_caution_stands_once(page):
    assert page.count("One seed: how much the scores of one fold vary") == 1


def test_a_test_curve_stands_in_the_audit_only(tmp_path):
    """Beside the score of validation, and beside no training curve."""
    drawn = {each.stem: each for each in figures_of(frames_of(tmp_path, ARMS, DataSetSpec("scans")))}
    words = {
        stem: [text.get_text() for text in drawn[stem].draw().legends[0].get_texts()]
        for stem in ("scans-learning", "scans-selection")
    }
    assert not any("test" in each for each in words["scans-learning"])
    assert any(each.startswith("test: audit only") for each in words["scans-selection"])
    assert drawn["scans-selection"].table == "audit"
    assert not any("training" in each for each in words["scans-selection"])


@pytest.mark.parametrize(("people", "bins"), [(4, 2), (30, 2), (60, 4), (149, 9), (150, 10), (5000, 10)])
def test_the_number_of_bins_follows_the_number_of_people(people, bins):
    assert bins_for(people) == bins


def test_the_bins_of_a_reliability_diagram_have_intervals_of_wilson():
    rng = np.random.default_rng(0)
    y, p = rng.integers(0, 2, 60), rng.random(60)
    found = reliability(y, np.stack([1 - p, p], axis=1), 4)
    assert len(found.counts) == 4
    for row, edges in enumerate(found.edges):
        inside = (p > edges[0]) & (p <= edges[1])
        low, high = binomtest(int(y[inside].sum()), int(inside.sum())).proportion_ci(method="wilson")
        assert (found.low[row], found.high[row]) == (low, high)
        assert low <= found.observed[row] <= high
