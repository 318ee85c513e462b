"""Plots of a search: optimisation history, parameter importance, parallel coordinates and Pareto front.

They use the style of the report's figures. Importance is fANOVA (Hutter, Hoos, Leyton-Brown, ICML 2014) as computed by
Optuna's evaluator with the settings in `EVALUATOR`.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.core import Choices, Range
from bench.experiments.search.search_result import Candidate, SearchResult
from bench.report.figures import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

EVALUATOR = {"n_trees": 64, "max_depth": 64, "seed": 0}  # of optuna.importance.FanovaImportanceEvaluator
MIN_CANDIDATES = 4  # trained to the end, to compute importance


def save_plots(result: SearchResult, folder: Path, stem: str) -> list[Path]:
    """Save the plots of a search, without those that its candidates are too few for; returns their paths."""
    plots = {
        "history": plot_history(result),
        "parallel": plot_parallel_coordinates(result),
        "importance": plot_importance(result),
        "front": plot_pareto_front(result),
    }
    return [path for name, plot in plots.items() if plot for path in style.save_figure(plot, folder, f"{stem}-{name}")]


def importance(result: SearchResult) -> dict[str, float]:
    """Share of the validation score's variance that each parameter explains; empty if there are too few candidates."""
    import optuna

    scores = {candidate.values["validation"] for candidate in result.done}
    varied = {
        name for name in result.search.space if len({str(candidate.params.get(name)) for candidate in result.done}) > 1
    }
    if len(result.done) < MIN_CANDIDATES or len(scores) < 2 or not varied:
        return {}
    study = optuna.create_study(direction=result.search.directions[0])
    for trial in result.optuna_trials:
        if trial.state.name == "COMPLETE":
            study.add_trial(optuna.trial.create_trial(
                params=trial.params, distributions=trial.distributions, value=trial.values[0]
            ))  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        evaluator = optuna.importance.FanovaImportanceEvaluator(**EVALUATOR)
        return dict(optuna.importance.get_param_importances(study, evaluator=evaluator, params=sorted(varied)))


def plot_history(result: SearchResult) -> Figure:
    """Validation score of the candidates in their order, and the best score so far."""
    with style.paper_style():
        figure, axes = _figure(2.6)
        for state, marker, face in (("done", "o", style.GREY), ("pruned", "v", "white")):
            points = [(one.number, _score(one)) for one in result.candidates if one.state == state]
            axes.plot(*_columns(points), ls="", marker=marker, ms=4, mfc=face, mec=style.INK, mew=0.6)
        sign = 1 if result.search.directions[0] == "maximize" else -1
        done = [(candidate.number, candidate.values["validation"]) for candidate in result.done]
        numbers, scores = _columns(done)
        if len(numbers):
            axes.step(numbers, sign * np.maximum.accumulate(sign * scores), where="post", color=style.INK, lw=1.2)
        if done and done[0][0] == 0:
            axes.axhline(done[0][1], color=style.GREY, lw=0.8, ls=style.DASHES[0])
        axes.set_xlabel("candidate (0: the defaults)")
        axes.set_ylabel(f"{result.search.metric.title}, validation")
        _title(axes, result)
        style.add_legend(figure, _history_marks())
    return figure


def _history_marks() -> list[Line2D]:
    mark = {"ls": "", "mec": style.INK, "mew": 0.6, "ms": 4}
    return [
        style.line_entry("to the end", marker="o", mfc=style.GREY, **mark),
        style.line_entry("pruned, when it was", marker="v", mfc="white", **mark),
        style.line_entry("best so far", color=style.INK, lw=1.2),
        style.line_entry("the defaults", color=style.GREY, lw=0.8, ls=style.DASHES[0]),
    ]


def plot_importance(result: SearchResult) -> Figure | None:
    """A bar for each parameter; None if there are too few candidates."""
    shares = importance(result)
    if not shares:
        return None
    with style.paper_style():
        figure, axes, places = style.figure_with_rows(list(shares), legend_entries=0)
        for place, share in zip(places, shares.values(), strict=True):
            axes.barh(place, share, height=0.6, color=style.GREY, lw=0)
            style.write_beside_row(axes, place, f"{share:.2f}", 8)
        axes.set_xlim(0, 1)
        axes.set_xlabel("share of the variance of the validation score (fANOVA)")
        _title(axes, result)
    return figure


def plot_parallel_coordinates(result: SearchResult) -> Figure | None:
    """A line for each candidate through its values, darker for a better score; None if no candidate is done."""
    names = sorted(result.search.space)
    descending = result.search.directions[0] == "minimize"
    done = sorted(result.done, key=lambda candidate: candidate.values["validation"], reverse=descending)
    if not done:
        return None
    with style.paper_style():
        figure, axes = _figure(2.8)
        shades = np.linspace(0.85, 0.0, len(done)) if len(done) > 1 else [0.0]
        scale = _score_scale([candidate.values["validation"] for candidate in done])
        for candidate, shade in zip(done, shades, strict=True):
            heights = [_height(result.search.space[name], candidate.params[name]) for name in names]
            best = result.winner is not None and candidate.number == result.winner.number
            axes.plot(
                range(len(names) + 1), [*heights, scale(candidate.values["validation"])], color=str(shade),
                lw=1.8 if best else 0.7, zorder=3 if best else 2,
            )  # fmt: skip
        _parallel_axes(axes, result, names, [candidate.values["validation"] for candidate in done])
    return figure


def plot_pareto_front(result: SearchResult) -> Figure | None:
    """Score against the second objective, and the Pareto front; None unless the search has two objectives."""
    objectives = result.search.tuning.objectives
    if len(objectives) != 2 or not result.done:
        return None
    with style.paper_style():
        figure, axes = _figure(2.8)
        marks = ((result.done, "white", "candidate"), (result.pareto_front, style.INK, "on the front"))
        for candidates, face, label in marks:
            points = sorted((one.values[objectives[1]], one.values["validation"]) for one in candidates)
            axes.plot(*_columns(points), ls="", marker="o", ms=4, mfc=face, mec=style.INK, mew=0.7, label=label)
        axes.set_xscale("log")
        axes.set_xlabel(objectives[1].replace("_", " "))
        axes.set_ylabel(f"{result.search.metric.title}, validation")
        _title(axes, result)
        style.add_legend(figure, axes.get_lines())
    return figure


def _figure(height: float) -> tuple[Figure, Axes]:
    figure = style.new_figure(style.WIDTH, height)
    axes = figure.subplots()
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return figure, axes


def _title(axes: Axes, result: SearchResult) -> None:
    search, trial = result.search, result.search.trial
    axes.set_title(f"{search.arm}: {search.where}, partition {trial.partition}, fold {trial.fold}", loc="left")


def _score(candidate: Candidate) -> float:
    """Final score of a candidate, or its last one before it was pruned."""
    if candidate.values:
        return candidate.values["validation"]
    scores = candidate.intermediate_values
    return scores[max(scores)] if scores else math.nan


def _columns(points: Sequence[tuple[float, float]]) -> tuple[np.ndarray, np.ndarray]:
    table = np.array(points, dtype=float).reshape(-1, 2)
    return table[:, 0], table[:, 1]


def _height(allowed: Range, value: Any) -> float:
    """Position of a value in its range, from 0 to 1."""
    if isinstance(allowed, Choices):
        return list(allowed.values).index(value) / (len(allowed.values) - 1)
    scale = math.log if allowed.log else float
    return (scale(value) - scale(allowed.low)) / (scale(allowed.high) - scale(allowed.low))


def _score_scale(scores: Sequence[float]) -> Any:
    low, high = min(scores), max(scores)
    return lambda score: (score - low) / (high - low) if high > low else 0.5


def _parallel_axes(axes: Axes, result: SearchResult, names: Sequence[str], scores: Sequence[float]) -> None:
    """Vertical axes with the ends of each range; the last axis is the score."""
    ends = [_ends(result.search.space[name]) for name in names] + [(f"{min(scores):.3g}", f"{max(scores):.3g}")]
    for at, (low, high) in enumerate(ends):
        axes.axvline(at, color=style.PALE, lw=1, zorder=1)
        axes.text(at, -0.04, low, ha="center", va="top", fontsize=7)
        axes.text(at, 1.04, high, ha="center", va="bottom", fontsize=7)
    axes.set_xticks(range(len(names) + 1), [*names, "score"])
    axes.tick_params(axis="x", pad=12, length=0)
    axes.set_yticks([])
    axes.set_ylim(-0.05, 1.12)
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)
    _title(axes, result)


def _ends(allowed: Range) -> tuple[str, str]:
    """Labels of the lowest and the highest value."""
    low, high = (allowed.values[0], allowed.values[-1]) if isinstance(allowed, Choices) else (allowed.low, allowed.high)
    return _end(low), _end(high)


def _end(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
