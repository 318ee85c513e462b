"""ROC curves of every arm, averaged over the folds."""

from __future__ import annotations

from bench.report.figure_catalog import FigureSpec
from bench.report.figures.panels import BAND, caption
from bench.report.figures.threshold_curves import bands_of_arms, draw_curves

FIGURE = FigureSpec(
    name="roc",
    table="scores",
    order=20,
    alt="ROC curves of the arms on {data}.",
    data=lambda tables: bands_of_arms(tables, "roc"),
    draw=lambda tables, bands: draw_curves(bands, "roc", tables.section.plan.reference),
    caption=caption(
        f"ROC curves, averaged vertically; models are never pooled. {BAND} More than two classes: the mean of each "
        "against the rest. Folds whose test part lacks a class are left out."
    ),
)
