"""Figures: a row for every arm, nothing on top of anything else, the same bytes from the same numbers."""

from __future__ import annotations

import re
from itertools import combinations

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text
from synthetic_results import AGE, ArmSpec, DataSetSpec, write

from bench.report import tables
from bench.report.figures import style
from bench.report.figures.contrasts_figure import draw_contrasts
from bench.report.figures.scores_figure import draw_scores
from bench.storage.record_store import Store

FLOORS = {"constant": ArmSpec(0, scores=[0.5] * 5, family="floor"), "linear (voxels)": ArmSpec(0.5, family="floor")}
EIGHT = {
    "ResNet-18 (dynamic)": ArmSpec(0.6),
    **FLOORS,
    "ResNet-18 (mean)": ArmSpec(0.5),
    "DenseNet-121 (3D)": ArmSpec(0.5, failed={1: "nan"}, family="3d"),
    "Xing 2020": ArmSpec(refused="cannot", family="hybrid"),
    "similarity graph": ArmSpec(missing=range(5), family="distillation"),
    "DCL-SE": ArmSpec(1.2, family="dcl-se"),
}
LONG = {
    f"an arm of number {n} with a long label, its rate and its voxels of 2 mm": ArmSpec(0.1 * n) for n in range(1, 14)
}
SIXTEEN = {"reference": ArmSpec(0.6), **FLOORS, **LONG}
CASES = {
    "three": ({"reference": ArmSpec(0.6), **FLOORS}, {}),
    "eight": (EIGHT, {"margin": 0.05}),
    "sixteen": (SIXTEEN, {}),
    "two folds": (EIGHT, {"folds": 2}),
    "nothing yet": ({"a": ArmSpec(missing=range(5)), "b": ArmSpec(missing=range(5))}, {}),
    "pairs": (EIGHT, {"contrasts": [["DCL-SE", "ResNet-18 (mean)"], ["DCL-SE", "linear (voxels)"]]}),
}


def drawn(root, arms, made=None, **plan):
    floors = [arm for arm in FLOORS if arm in arms]
    results = tables.gather(write(root, arms, [made or DataSetSpec()], floors=floors, **plan), Store(root))
    (found,) = tables.section_tables(results)
    return draw_scores(found.section, found.scores), draw_contrasts(found.section, found.contrasts)


def words(made):
    """Every text that is seen, with its box."""
    made.canvas.draw()
    renderer = made.canvas.get_renderer()
    (axes,) = made.axes
    low, high = axes.get_xlim()
    hidden = [tick.label1 for tick in axes.xaxis.get_major_ticks() if not low <= tick.get_loc() <= high]
    texts = [text for text in made.findobj(Text) if text.get_visible() and text.get_text().strip()]
    return [(text.get_text(), text.get_window_extent(renderer)) for text in texts if text not in hidden]


@pytest.mark.parametrize("case", CASES)
def test_no_text_overlaps_or_leaves_the_page(case, tmp_path):
    arms, plan = CASES[case]
    for made in drawn(tmp_path, arms, **plan):
        found = words(made)
        width, height = made.canvas.get_width_height()
        for text, box in found:
            assert box.x0 >= -1, text
            assert box.y0 >= -1, text
            assert box.x1 <= width + 1, text
            assert box.y1 <= height + 1, text
        for (one, first), (other, second) in combinations(found, 2):
            overlap = (
                min(first.x1, second.x1) - max(first.x0, second.x0),
                min(first.y1, second.y1) - max(first.y0, second.y0),
            )
            assert min(overlap) <= 1, (one, other)


def test_every_arm_keeps_its_row_and_says_why_it_has_no_score(tmp_path):
    scores, forest = drawn(tmp_path, EIGHT)
    texts = [text.removesuffix(" [reference]") for text, _ in words(scores)]
    assert set(EIGHT) <= set(texts)
    assert "no score: 5 refused" in texts
    assert "no score: 5 not run" in texts
    assert any("(4/5 runs)" in text for text in texts)
    assert [text for text, _ in words(forest)].count("not tested") == 2


def test_equal_numbers_give_equal_files_without_dates(tmp_path):
    remaining = []
    for turn in ("first", "second"):
        made, _ = drawn(tmp_path / turn, {"a": ArmSpec(0.5), "b": ArmSpec(1)})
        remaining.append([path.read_bytes() for path in style.save_figure(made, tmp_path / turn / "figures", "scores")])
    assert remaining[0] == remaining[1]
    assert not re.search(rb"CreationDate|<dc:date>|Matplotlib v", b"".join(remaining[0]))


def test_the_fonts_of_a_pdf_are_embedded_as_they_are(tmp_path):
    made, _ = drawn(tmp_path, {"a": ArmSpec(0.5), "b": ArmSpec(1)})
    pdf = style.save_figure(made, tmp_path, "scores")[0].read_bytes()
    assert b"/Type3" not in pdf
    assert b"/FontFile2" in pdf


@pytest.mark.skipif(not style._east_asian(), reason="no font here has Chinese, Japanese and Korean letters")
def test_labels_in_east_asian_letters_are_drawn_and_change_no_other_figure(tmp_path, recwarn, caplog, monkeypatch):
    remaining = []
    for turn in ("installed", "lacking"):
        made, _ = drawn(tmp_path / turn, {"a": ArmSpec(0.5), "b": ArmSpec(1)})
        remaining.append([path.read_bytes() for path in style.save_figure(made, tmp_path / turn / "figures", "scores")])
        if turn == "installed":
            named, _ = drawn(tmp_path / "named", {"方法": ArmSpec(0.5), "한국어": ArmSpec(1)})
            style.save_figure(named, tmp_path / "named", "scores")
            assert not [each for each in recwarn if "Glyph" in str(each.message)]
            with style.paper_style():
                style.new_figure(1, 1).text(0.5, 0.5, "bold 方法", weight="bold", style="italic").figure.canvas.draw()
            assert not caplog.records
        monkeypatch.setattr(style, "_east_asian", tuple)
    assert remaining[0] == remaining[1]


def test_families_differ_in_grey_too():
    looks = style.colours_and_markers(["floor", "2d", "3d", "hybrid", "distillation", "dcl-se", "2d"])
    assert len({marker for _, marker in looks.values()}) == len(looks) == 6


def test_every_interval_and_detectable_difference_fits_into_axes_about_0(tmp_path):
    arms = {"a": ArmSpec(scores=[0.7, 0.7]), "b": ArmSpec(scores=[0.8, 0.6]), "c": ArmSpec(2.0)}
    _, forest = drawn(tmp_path, arms, folds=2)
    (axes,) = forest.axes
    low, high = axes.get_xlim()
    assert low == -high
    ends = [x for line in axes.lines for x in line.get_xdata() if line.get_transform() == axes.transData]
    ends += [side for bar in axes.patches for side in (bar.get_x(), bar.get_x() + bar.get_width())]
    assert len(ends) > 8
    assert all(low < x < high for x in ends)


def test_a_phantom_and_a_unit_are_named(tmp_path):
    made, _ = drawn(tmp_path, {"a": ArmSpec(1), "b": ArmSpec(1)}, DataSetSpec("made", AGE, phantom=True))
    texts = [text for text, _ in words(made)]
    assert "made: phantom" in texts
    assert "MAE (years, lower is better)" in texts


def test_a_legend_of_long_names_stays_within_the_figure():
    drawn = Figure(figsize=(3.5, 2), layout="constrained")
    FigureCanvasAgg(drawn)
    drawn.subplots()
    style.add_legend(drawn, [Line2D([], [], label=f"floor: a name that goes on and on, the {n}th") for n in range(5)])
    (made,) = drawn.legends
    assert made.get_window_extent(drawn.canvas.get_renderer()).width <= drawn.bbox.width


def test_a_mark_is_black_where_better_grey_where_equivalent_white_where_neither_is_shown(tmp_path):
    arms = {
        "reference": ArmSpec(scores=[0.70, 0.71, 0.69, 0.70, 0.72]),
        "better": ArmSpec(scores=[0.90, 0.92, 0.89, 0.90, 0.93]),
        "equivalent": ArmSpec(scores=[0.701, 0.709, 0.691, 0.699, 0.721]),
        "unknown": ArmSpec(scores=[0.50, 0.90, 0.60, 0.85, 0.75]),
    }
    _, forest = drawn(tmp_path, arms, margin=0.1)
    (axes,) = forest.axes
    fills = {to_hex(line.get_markerfacecolor()) for line in axes.lines if line.get_marker() == "o"}
    assert fills == {style.INK, style.MIDDLE, "#ffffff"}
    (legend,) = forest.legends
    assert "equivalent" in [text.get_text() for text in legend.get_texts()]


@pytest.mark.parametrize("share", ["all", "one"])
def test_a_difference_that_no_test_judged_has_a_mark_and_a_legend_of_its_own(share, tmp_path):
    arms = {"base": ArmSpec(), "good": ArmSpec(1.0), "other": ArmSpec(0.5)}
    (found,) = tables.section_tables(tables.gather(write(tmp_path, arms, [DataSetSpec()]), Store(tmp_path)))
    frame = found.contrasts.copy()
    rows = frame.index if share == "all" else frame.index[:1]
    frame.loc[rows, ["p", "p_holm", "p_equivalence_holm", "low", "high", "detectable"]] = np.nan
    forest = draw_contrasts(found.section, frame)
    marks = [line.get_marker() for line in forest.axes[0].lines].count("x")
    (legend,) = forest.legends
    entries = {text.get_text() for text in legend.get_texts()}
    assert marks == len(rows)
    assert "difference, not tested" in entries
    assert ("not shown" in entries) == (share == "one")
