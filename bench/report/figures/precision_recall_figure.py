"""Precision-recall curves of every arm, averaged over the folds."""

from __future__ import annotations

from bench.report.figure_catalog import FigureSpec
from bench.report.figures.panels import BAND, caption
from bench.report.figures.threshold_curves import bands_of_arms, draw_curves

FIGURE = FigureSpec(
    name="precision-recall",
    table="scores",
    order=30,
    alt="Precision-recall curves of the arms on {data}.",
    data=lambda tables: bands_of_arms(tables, "precision_recall"),
    draw=lambda tables, bands: draw_curves(bands, "precision_recall", tables.section.plan.reference),
    caption=caption(
        f"Precision over recall, averaged vertically, as steps. AP: the area of the mean curve. {BAND} Chance: the "
        "share of the class."
    ),
)
