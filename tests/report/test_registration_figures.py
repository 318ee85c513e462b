"""Figures of registrations: the deformed grid, the Jacobian map, and the Dice coefficients of structures."""

from __future__ import annotations

import numpy as np
import pytest

from bench.report.figures import style
from bench.report.figures.deformation_figure import LINES, draw_deformations
from bench.report.figures.overlay_figure import aligned, draw_overlays, overlay
from bench.report.figures.structure_dice_figure import draw_structures


def test_folds_are_masked_and_the_picture_holds_no_image_whose_text_a_report_would_refuse(tmp_path):
    still = np.zeros((3, 9, 10, 8), np.float32)
    mirrored = still.copy()
    mirrored[0] = -2 * np.indices((9, 10, 8))[0]
    figure = draw_deformations({"still": still, "mirrored": mirrored})
    maps = [axes.collections[0].get_array() for axes in figure.axes if axes.collections and not len(axes.lines)]
    shown = [np.ma.getmaskarray(each) for each in maps if each is not None and each.size == 7 * 8]
    assert [bool(each.all()) for each in shown] == [False, True]
    style.save_figure(figure, tmp_path, "deformation")
    assert "data:image" not in (tmp_path / "deformation.svg").read_text()


@pytest.mark.parametrize("shape", [(24, 28, 6), (9, 10, 8), (60, 61, 5)])
def test_a_grid_ends_at_the_last_line_that_is_drawn_and_voxels_are_square(shape):
    figure = draw_deformations({"still": np.zeros((3, *shape), np.float32)})
    grid, jacobian = figure.axes[:2]
    ends = {(line.get_xdata()[-1], line.get_ydata()[-1]) for line in grid.lines}
    assert len(grid.lines) <= 2 * LINES
    right, top = (max(end[axis] for end in ends) for axis in (0, 1))
    assert all(x == right or y == top for x, y in ends)
    assert (right, top) in ends
    assert grid.get_aspect() == jacobian.get_aspect() == 1


def test_after_a_true_displacement_the_scans_lie_on_top_of_each_other_in_grey(tmp_path):
    moving = np.random.default_rng(0).uniform(0, 1, (12, 10, 9)).astype(np.float32)
    fixed = np.roll(moving, -2, axis=0)
    displacement = np.zeros((3, 12, 10, 9), np.float32)
    displacement[0] = 2
    pair = aligned(fixed, moving, displacement)
    np.testing.assert_allclose(pair.warped[:-2], pair.fixed[:-2], atol=1e-6)
    before, after = (overlay(pair.fixed, each) for each in (pair.moving, pair.warped))
    assert np.ptp(after[:-2], axis=-1).max() < 1e-6
    assert np.ptp(before[:-2], axis=-1).mean() > 0.1
    style.save_figure(draw_overlays({"one": pair}), tmp_path, "overlay")
    assert "data:image" not in (tmp_path / "overlay.svg").read_text()


def test_a_structure_has_a_marker_for_every_arm():
    means = {"one": np.array([0.5, np.nan, 0.7]), "two": np.array([0.6, 0.2, 0.9])}
    figure = draw_structures(means, ["a", "b", "c"])
    lines = figure.axes[0].lines
    assert [list(line.get_xdata()) for line in lines][1] == [0.6, 0.2, 0.9]
    assert len(lines) == 2


def test_arms_with_equal_scores_do_not_hide_each_other():
    equal = np.array([0.5, 0.7])
    figure = draw_structures({"one": equal, "two": equal, "three": equal}, ["a", "b"])
    heights = [tuple(line.get_ydata()) for line in figure.axes[0].lines]
    assert len(set(heights)) == 3
