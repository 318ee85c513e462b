"""Figures of a section: the scores of its arms, and its contrasts as a forest. Drawn from tables alone."""

from __future__ import annotations

from bench.figures.corruptions import corruptions
from bench.figures.effects import effects
from bench.figures.forest import forest
from bench.figures.interactions import interactions
from bench.figures.scores import scores
from bench.figures.style import FORMATS, save

__all__ = ["FORMATS", "corruptions", "effects", "forest", "interactions", "save", "scores"]
