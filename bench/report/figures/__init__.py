"""Figures of a section: the scores of its arms, and its contrasts as a forest. Drawn from tables alone."""

from __future__ import annotations

from bench.report.figures.effects_figure import effects
from bench.report.figures.forest_figure import forest
from bench.report.figures.interactions_figure import interactions
from bench.report.figures.robustness_figure import corruptions
from bench.report.figures.scores_figure import scores
from bench.report.figures.style import FORMATS, save

__all__ = ["FORMATS", "corruptions", "effects", "forest", "interactions", "save", "scores"]
