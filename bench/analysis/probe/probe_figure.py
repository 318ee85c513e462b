"""How well each covariate is predicted from the features of each arm, trained and untrained, against chance."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.report.figures import style

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MEASURES = {"auc": "AUC", "balanced_accuracy": "balanced accuracy", "correlation": "correlation"}


def draw_probes(frame: pd.DataFrame) -> Figure:
    """A panel for each covariate with a row for each arm. frame: rows of one data set, as `run_probes` makes them.

    Grey: chance up to the 95th percentile of permuted values. Circles: the trained network; crosses: an untrained one.
    """
    covariates, arms = (list(dict.fromkeys(frame[name])) for name in ("covariate", "arm"))
    with style.paper_style():
        figure = style.new_figure(style.WIDTH, 1.0 + style.ROW * max(2, len(arms)))
        panels = figure.subplots(1, len(covariates), squeeze=False, sharey=True)[0]
        for axes, covariate in zip(panels, covariates, strict=True):
            _draw_panel(axes, frame[frame["covariate"] == covariate], arms)
            axes.set_title(covariate)
        panels[0].set_yticks(range(len(arms)), [style.wrap_label(arm, 28) for arm in arms])
        panels[0].set_ylim(len(arms) - 0.5, -0.5)
        figure.suptitle(style.kind_title(frame["data"].iloc[0], frame["data_kind"].iloc[0] == "phantom"))
        style.add_legend(
            figure,
            [
                style.line_entry("trained network", color=style.BLUE, marker="o", lw=0),
                style.line_entry("untrained network", color=style.ORANGE, marker="X", lw=0),
                style.patch_entry("chance, up to its 95th percentile", color=style.PALE),
            ],
        )
    return figure


def _draw_panel(axes: Axes, frame: pd.DataFrame, arms: list[str]) -> None:
    for entry in frame.to_dict("records"):
        row = arms.index(entry["arm"])
        trained = entry["network"] == "trained"
        if trained:
            axes.barh(row, entry["chance_high"] - entry["chance"], 0.7, left=entry["chance"], color=style.PALE)
        look = {"color": style.BLUE, "marker": "o"} if trained else {"color": style.ORANGE, "marker": "X"}
        axes.plot(entry["score"], row, lw=0, markersize=5, **look)
    low = -1.0 if frame["measure"].iloc[0] == "correlation" else 0.0
    axes.set_xlim(low - 0.05, 1.05)
    axes.set_xlabel(MEASURES[frame["measure"].iloc[0]])
    style.hide_spines(axes, "top", "right")
