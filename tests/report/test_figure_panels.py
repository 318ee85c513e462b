"""Figures of a report, at the width of a page: words apart, nothing clipped, no people, and no figure without data."""

from __future__ import annotations

import re
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text
from synthetic_results import AGE, MASKS, ArmSpec, DataSetSpec, write

from bench.core import Task
from bench.evaluation.metrics import METRICS
from bench.report import figure_files, tables
from bench.report.figures import style
from bench.report.figures.critical_difference_figure import cliques, draw_critical_difference
from bench.report.figures.pareto_figure import draw_pareto
from bench.report.figures.training_curves_figure import draw_training_curves
from bench.report.page_figures import inline_svg
from bench.report.tables.training_curves import TrainingCurve, course
from bench.storage.record_store import Store

FLOORS = {"constant": ArmSpec(0, scores=[0.5] * 5, family="floor"), "linear (voxels)": ArmSpec(0.5, family="floor")}
FEW = {
    "ResNet-18 (dynamic)": ArmSpec(0.6, followed=True),
    **FLOORS,
    "DenseNet-121": ArmSpec(0.9, family="3d", failed={1: "nan"}, cost={"step_seconds": 0.3, "parameters": 3e7}),
    "gone": ArmSpec(missing=range(5)),
    "DCL-SE": ArmSpec(1.2, family="dcl-se", watched=True, cost={"step_seconds": 0.09, "parameters": 9e5}),
}
LONG = "of a long name, with its view (dynamic, sagittal, bilen), its rate and voxels of 2 mm"
MANY = {
    "reference": ArmSpec(0.6, followed=True),
    **FLOORS,
    **{f"network {n} {LONG}": ArmSpec(0.1 * n) for n in range(1, 23)},
}
SETS = {
    "classes": DataSetSpec("scans", people=60),
    "numbers": DataSetSpec("ages", AGE, people=60),
    "masks": DataSetSpec("vessels", MASKS, people=60),
    "long classes": DataSetSpec(
        "tumours", Task("classification", "auc", ("mild cognitive impairment, stable", "healthy"))
    ),
}


def frames_of(root, arms, made, **plan):
    floors = [arm for arm in FLOORS if arm in arms]
    results = tables.gather(write(root, arms, [made], **{"floors": floors, **plan}), Store(root))
    return tables.section_tables(results)[0]


def words(made):
    """Every text that is seen, with its box."""
    made.canvas.draw()
    renderer = made.canvas.get_renderer()
    hidden = set()
    for axes in made.axes:
        for axis, (low, high) in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
            for tick in [*axis.get_major_ticks(), *axis.get_minor_ticks()]:
                if not axes.axison or not min(low, high) <= tick.get_loc() <= max(low, high):
                    hidden |= {tick.label1, tick.label2}
    texts = [text for text in made.findobj(Text) if text.get_visible() and text.get_text().strip()]
    return [(text.get_text(), text.get_window_extent(renderer)) for text in texts if text not in hidden]


def apart(made):
    width, height = made.canvas.get_width_height()
    found = words(made)
    for text, box in found:
        assert box.x0 >= -1, text
        assert box.y0 >= -1, text
        assert box.x1 <= width + 1, text
        assert box.y1 <= height + 1, text
    for (one, a), (other, b) in combinations(found, 2):
        overlap = min(min(a.x1, b.x1) - max(a.x0, b.x0), min(a.y1, b.y1) - max(a.y0, b.y0))
        assert overlap <= 1, (one, other)


@pytest.mark.parametrize(("arms", "name"), [*((FEW, name) for name in SETS), (MANY, "classes")], ids=[*SETS, "25 arms"])
def test_no_text_overlaps_or_leaves_the_page(arms, name, tmp_path):
    found = figure_files.figures_of(frames_of(tmp_path, arms, SETS[name]))
    for picture in found:
        made = picture.draw()
        assert made.get_figwidth() <= style.WIDTH + 1e-9
        assert min(text.get_fontsize() for text in made.findobj(Text)) >= 6
        apart(made)


def equal_arms(count):
    """A table of scores in which all arms have one score, and each cost is the same for all."""
    costs = {"parameters": 1e6, "forward_flops": 2e9, "step_seconds": 0.1}
    rows = [{"arm": f"network {n} {LONG}", "family": "resnet", **costs} for n in range(count)]
    return pd.DataFrame(rows).assign(score=0.7, low=0.6, high=0.8)


@pytest.mark.parametrize("width", [None, 85.0])
@pytest.mark.parametrize("count", [2, 7, 25])
def test_arms_of_equal_scores_and_costs_do_not_hide_each_other(count, width):
    with style.page_width(width):
        made = draw_pareto(equal_arms(count), METRICS["auc"])
    apart(made)
    assert len(made.axes) == 4
    for axes in made.axes:
        marks = [line for line in axes.lines if line.get_marker() not in ("None", "", None)]
        heights = sorted(axes.transData.transform((0.1, mark.get_ydata()[0]))[1] for mark in marks)
        assert len(heights) == count
        assert min(np.diff(heights)) >= marks[0].get_markersize() * made.dpi / 72


def test_a_cost_that_another_arm_beats_has_an_empty_mark_and_no_cost_has_none():
    frame = equal_arms(3).assign(score=[0.6, 0.8, 0.7], parameters=[1e6, 2e6, 0.0], forward_flops=[2e9, 1e9, 3e9])
    made = draw_pareto(frame, METRICS["auc"])
    assert [label.get_text().split()[1] for label in made.axes[0].get_yticklabels()] == ["1", "2", "0"]
    filled = {
        axes.get_xlabel(): [
            (line.get_xdata()[0], line.get_markerfacecolor() != "white")
            for line in axes.lines
            if line.get_marker() not in ("None", "", None)
        ]
        for axes in made.axes[1:3]
    }
    assert list(filled.values()) == [[(2e6, True), (1e6, True)], [(1e9, True), (3e9, False), (2e9, False)]]


def test_every_kind_of_task_has_its_figures(tmp_path):
    stems = {}
    for name, made in SETS.items():
        found = figure_files.figures_of(frames_of(tmp_path / name, FEW, made))
        stems[name] = {picture.stem.removeprefix(f"{made.name}-") for picture in found}
    common = {"scores", "contrasts", "learning", "selection", "pareto", "curriculum"}
    assert stems["classes"] == common | {"roc", "precision-recall", "confusion", "reliability"}
    assert stems["numbers"] == common | {"agreement"}
    assert stems["masks"] == common | {"distribution"}


def test_what_has_no_data_has_no_figure(tmp_path):
    missing = {"a": ArmSpec(missing=range(5)), "b": ArmSpec(missing=range(5))}
    found = figure_files.figures_of(frames_of(tmp_path, missing, SETS["classes"]))
    assert [picture.stem for picture in found] == ["scans-scores", "scans-contrasts"]
    bare = frames_of(tmp_path / "bare", {"a": ArmSpec(0.5), "b": ArmSpec(1)}, SETS["classes"])
    for run in bare.section.runs:
        bare.section._kept[run.cell.key] = {}  # records that keep no predictions
    assert {picture.stem for picture in figure_files.figures_of(bare)} == {
        "scans-scores",
        "scans-contrasts",
        "scans-pareto",
    }


def test_predictions_that_are_no_numbers_are_not_drawn(tmp_path):
    found = frames_of(tmp_path, {"a": ArmSpec(0.5), "b": ArmSpec(1)}, SETS["classes"])
    for run in found.section.of("a"):
        saved = dict(found.section.predictions(run))
        found.section._kept[run.cell.key] = {**saved, "selected": np.full_like(saved["selected"], np.nan)}
    (roc,) = [picture for picture in figure_files.figures_of(found) if picture.stem == "scans-roc"]
    assert [axes.get_title() for axes in roc.draw().axes] == ["b"]


def test_of_many_arms_the_reference_the_best_floor_and_the_declared_are_drawn(tmp_path):
    names = list(MANY)
    found = frames_of(tmp_path, MANY, SETS["classes"], contrasts=[[names[20], names[0]], [names[9], names[0]]])
    (roc,) = [picture for picture in figure_files.figures_of(found) if picture.stem == "scans-roc"]
    made = roc.draw()
    assert len(made.axes) == 8
    assert made.axes[0].get_title() == "reference"
    titles = " ".join(axes.get_title().replace("\n", " ") for axes in made.axes)
    assert "linear (voxels)" in titles
    assert "network 18" in titles
    assert "network 7" in titles
    assert "8 of 25 arms" in roc.caption
    assert "the reference, the best floor" in roc.caption


def test_files_name_no_person(tmp_path):
    found = frames_of(tmp_path, FEW, SETS["classes"])
    assert found.section.people
    (roc,) = [picture for picture in figure_files.figures_of(found) if picture.stem == "scans-roc"]
    for path in style.save_figure(roc.draw(), tmp_path / "figures", roc.stem):
        assert not re.search(rb"sub-SCANS", path.read_bytes())
    assert not [text for text in roc.draw().findobj(Text) if "sub-" in text.get_text()]


def test_a_critical_difference_is_drawn_as_demsar_does():
    ranks = {"C4.5": 3.143, "C4.5+m": 2.000, "C4.5+cf": 2.893, "C4.5+m+cf": 1.964}  # his table 6: CD 1.25, 14 sets
    assert cliques(ranks, 1.25) == [(1.964, 3.143)]
    assert cliques(ranks, 1.0) == [(1.964, 2.893), (2.893, 3.143)]
    made = draw_critical_difference(ranks, 1.25, blocks=14)
    bars = [line for line in made.axes[0].lines if line.get_linewidth() == 2.6]
    assert [tuple(bar.get_xdata()) for bar in bars] == [(1.964, 3.143)]
    assert "CD = 1.25 (Nemenyi, 5 %), 14 data sets" in made.axes[0].get_title(loc="left")
    apart(made)


@pytest.mark.parametrize("count", [2, 7, 25])
def test_ranks_of_many_methods_stay_readable_and_low_power_is_mentioned(count):
    ranks = {f"network {n} {LONG}": 1 + 0.9 * n for n in range(count)}
    made = draw_critical_difference(ranks, 3.1, blocks=6, underpowered=True)
    assert "underpowered" in made.axes[0].get_title(loc="left")
    apart(made)
    assert cliques(ranks, float("nan")) == []


def short_course(candidates):
    """A course of three points, of which the last `candidates` can be chosen."""
    steps = np.array([10, 20, 30])
    lines = {"train_loss": [[1.0, 0.1, 0.01]], "val_loss": [[1.0, 0.9, 0.8]], "val": [[0.5] * 3], "test": [[0.5] * 3]}
    return TrainingCurve(steps, {name: np.array(line) for name, line in lines.items()}, steps[-1:], steps[-candidates:])


@pytest.mark.parametrize(("candidates", "shaded"), [(2, True), (3, False)])
def test_candidates_are_shaded_where_some_points_cannot_be_chosen(candidates, shaded):
    made = draw_training_curves({"net": short_course(candidates)}, METRICS["auc"], "")
    words = [text.get_text() for text in made.findobj(Text)]
    assert ("candidates" in words) == shaded
    assert [len(axes.patches) for axes in made.axes] == [0, int(shaded)]


@pytest.mark.parametrize(("protocol", "first"), [(1, 800), (2, 50)])
def test_the_candidates_are_those_of_the_protocol(tmp_path, protocol, first):
    """Twenty points, every 50 steps: the last five by protocol 1, all by protocol 2."""
    plan = write(tmp_path, {"net": ArmSpec(0.6, followed=True)}, [DataSetSpec()], protocol=protocol)
    (section,) = tables.gather(plan, Store(tmp_path)).sections
    assert course(section, "net").candidates[[0, -1]].tolist() == [first, 1000]


def test_losses_on_a_logarithmic_axis_have_plain_numbers():
    """No mathematics is set in figures, so that a label with a dollar is itself."""
    made = draw_training_curves({"net": short_course(2)}, METRICS["auc"], "")
    made.canvas.draw()
    texts = [label.get_text() for axes in made.axes for label in axes.get_yticklabels()]
    assert "0.01" in texts
    assert not [text for text in texts if "$" in text]


def test_a_narrow_figure_has_words_of_the_size_of_those_of_a_wide_one(tmp_path):
    for name, width in (("wide", 7.2), ("narrow", 3.6)):
        made = style.new_figure(width, 1.0)
        made.subplots()
        style.save_figure(made, tmp_path, name)
    texts = [inline_svg((tmp_path / f"{name}.svg").read_text(), name) for name in ("wide", "narrow")]
    wide, narrow = (float(re.search(r"--wide:([\d.]+)rem", text)[1]) for text in texts)
    assert wide == pytest.approx(2 * narrow, rel=0.02)
