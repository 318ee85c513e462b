"""The figure of one data set at several levels: which sections it joins, in which order, and what it draws."""

from __future__ import annotations

import math

import pytest
from synthetic_results import ArmSpec, DataSetSpec, with_data, write

from bench.report import tables
from bench.report.figures.levels_figure import draw_levels, levels_of
from bench.storage.record_store import Store

ARMS = {
    "constant": ArmSpec(0, scores=[0.5] * 5, family="floor"),
    "net": ArmSpec(0.8),
    "half": ArmSpec(0.5, missing=[1]),
}
NAMES = ("strong", "none", "weak")
EFFECTS = (2.0, 0.0, 0.5)
ORACLES = (0.95, 0.5, 0.7)


def sections(root, *changes, names=NAMES, arms=ARMS):
    """The sections of one set under several labels, each with its changes of the plan's entry."""
    plan = write(root, arms, [DataSetSpec(name, phantom=True) for name in names], floors=["constant"])
    for number, changed in enumerate(changes):
        plan = with_data(plan, number, data="toy", **changed)
    return tables.section_tables(tables.gather(plan, Store(root)))


def graded(root):
    known = zip(EFFECTS, ORACLES, strict=True)
    return sections(root, *({"params": {"effect": size, "mm": 8.0}, "oracle": best} for size, best in known))


def test_levels_are_in_the_order_of_the_parameter_that_differs(tmp_path):
    (one,) = levels_of(graded(tmp_path))
    assert (one.data, one.quantity, one.values) == ("toy", "effect", (0.0, 0.5, 2.0))
    assert [each.section.name for each in one.sections] == ["none", "weak", "strong"]


def test_shares_of_the_people_are_levels_too(tmp_path):
    (one,) = levels_of(sections(tmp_path, *({"params": {"mm": 8.0}, "fraction": share} for share in (1.0, 0.1, 0.5))))
    assert (one.quantity, one.values) == ("share of the training groups", (0.1, 0.5, 1.0))


@pytest.mark.parametrize(
    "changes",
    [
        [{"params": {"effect": size, "mm": size + 1}} for size in EFFECTS],  # two differ
        [{"params": {"effect": size}} for size in (0.0, 1.0, 1.0)],  # one level twice
        [{"params": {"plane": plane}} for plane in ("axial", "coronal", "sagittal")],  # no number
        [{"params": {"effect": 0.0}}, {"params": {"effect": 1.0}}, {"params": {"effect": 2.0}, "split": "site"}],
    ],
)
def test_other_differences_give_no_figure(tmp_path, changes):
    assert levels_of(sections(tmp_path, *changes)) == []


def test_two_levels_are_no_curve(tmp_path):
    assert levels_of(sections(tmp_path, *({"params": {"effect": each}} for each in (0, 1)), names=NAMES[:2])) == []


def test_a_line_of_each_complete_arm_has_its_scores_and_the_oracle_its_own(tmp_path):
    found = levels_of(graded(tmp_path))
    (axes,) = draw_levels(found).axes
    drawn = [list(line.get_ydata()) for line in axes.lines]
    for arm in ("constant", "net"):
        expected = [each.scores.set_index("arm")["score"][arm] for each in found[0].sections]
        assert not any(math.isnan(score) for score in expected)
        assert expected in drawn
    assert [0.5, 0.7, 0.95] in drawn
    legend = [text.get_text() for text in axes.figure.legends[0].get_texts()]
    assert legend == ["constant", "net", "best possible", "chance", "95 % over people"]


def test_levels_far_apart_have_a_logarithmic_axis_with_their_own_marks(tmp_path):
    """On a linear axis the points of 1 % lay on those of 6 %, some of them at shares below 0."""
    shares = (0.01, 0.06, 1.0)
    (axes,) = draw_levels(levels_of(sections(tmp_path, *({"fraction": share} for share in shares)))).axes
    assert axes.get_xscale() == "log"
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0.01", "0.06", "1"]
    places = [place for line in axes.lines if len(line.get_xdata()) == 3 for place in line.get_xdata()]
    assert min(places) > 0.005
    assert all(min(abs(math.log(place / share)) for share in shares) < 0.2 for place in places)


def test_arms_that_were_not_run_move_no_point(tmp_path):
    idle = {f"idle {number}": ArmSpec(0.5, missing=range(5)) for number in range(20)}
    (axes,) = draw_levels(
        levels_of(sections(tmp_path, *({"params": {"effect": size}} for size in EFFECTS), arms={**ARMS, **idle}))
    ).axes
    places = [x for line in axes.lines if len(line.get_xdata()) == len(EFFECTS) for x in line.get_xdata()]
    assert len(places) == 2 * len(EFFECTS)  # two arms are complete
    assert all(min(abs(x - size) for size in EFFECTS) < 0.01 * (max(EFFECTS) - min(EFFECTS)) for x in places)
