"""Pictures of a search: what was reached as it went, what mattered, and which values go together.

Drawn from the candidates alone, in the style of the report's figures. Importance is fANOVA's (Hutter, Hoos,
Leyton-Brown, ICML 2014), as Optuna's evaluator of that name finds it with the trees and the seed said here.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bench.core import Choices, Range
from bench.experiments.search.search_result import Candidate, SearchResult
from bench.report.figures import style

EVALUATOR = {"n_trees": 64, "max_depth": 64, "seed": 0}  # of optuna.importance.FanovaImportanceEvaluator
FEWEST = 4  # candidates trained to the end, for a word about importance


def draw(one: SearchResult, folder: Path, stem: str) -> list[Path]:
    """Write the pictures of a search and return where; those that its candidates allow."""
    made = {"history": history(one), "parallel": parallel(one), "importance": importances(one), "front": front(one)}
    figures = {name: figure for name, figure in made.items() if figure}
    return [path for name, figure in figures.items() for path in style.save_figure(figure, folder, f"{stem}-{name}")]


def importance(one: SearchResult) -> dict[str, float]:
    """The share of the validation score's variance that each parameter explains, by fANOVA; empty of too few."""
    import optuna

    scores = {each.values["validation"] for each in one.done}
    varied = {name for name in one.search.space if len({str(each.params.get(name)) for each in one.done}) > 1}
    if len(one.done) < FEWEST or len(scores) < 2 or not varied:
        return {}
    study = optuna.create_study(direction=one.search.directions[0])
    for trial in one.raw:
        if trial.state.name == "COMPLETE":
            study.add_trial(optuna.trial.create_trial(
                params=trial.params, distributions=trial.distributions, value=trial.values[0]
            ))  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        evaluator = optuna.importance.FanovaImportanceEvaluator(**EVALUATOR)
        return dict(optuna.importance.get_param_importances(study, evaluator=evaluator, params=sorted(varied)))


def history(one: SearchResult) -> Figure:
    """The validation score of every candidate in its order, and the best so far."""
    with style.paper_style():
        drawn, axes = _figure(2.6)
        for state, marker, face in (("done", "o", style.GREY), ("pruned", "v", "white")):
            some = [(each.number, _score(each)) for each in one.candidates if each.state == state]
            axes.plot(*_columns(some), ls="", marker=marker, ms=4, mfc=face, mec=style.INK, mew=0.6)
        sign = 1 if one.search.directions[0] == "maximize" else -1
        done = [(each.number, each.values["validation"]) for each in one.done]
        numbers, scores = _columns(done)
        if len(numbers):
            axes.step(numbers, sign * np.maximum.accumulate(sign * scores), where="post", color=style.INK, lw=1.2)
        if done and done[0][0] == 0:
            axes.axhline(done[0][1], color=style.GREY, lw=0.8, ls=style.DASHES[0])
        axes.set_xlabel("candidate (0: the defaults)")
        axes.set_ylabel(f"{one.search.metric.title}, validation")
        _title(axes, one)
        style.add_legend(drawn, _history_marks())
    return drawn


def _history_marks() -> list[Line2D]:
    mark = {"ls": "", "mec": style.INK, "mew": 0.6, "ms": 4}
    return [
        Line2D([], [], marker="o", mfc=style.GREY, label="to the end", **mark),
        Line2D([], [], marker="v", mfc="white", label="pruned, when it was", **mark),
        Line2D([], [], color=style.INK, lw=1.2, label="best so far"),
        Line2D([], [], color=style.GREY, lw=0.8, ls=style.DASHES[0], label="the defaults"),
    ]


def importances(one: SearchResult) -> Figure | None:
    """A bar for each parameter; None where there are too few candidates."""
    found = importance(one)
    if not found:
        return None
    with style.paper_style():
        drawn, axes, places = style.figure_with_rows(list(found), legend_entries=0)
        for place, share in zip(places, found.values(), strict=True):
            axes.barh(place, share, height=0.6, color=style.GREY, lw=0)
            style.write_beside_row(axes, place, f"{share:.2f}", 8)
        axes.set_xlim(0, 1)
        axes.set_xlabel("share of the variance of the validation score (fANOVA)")
        _title(axes, one)
    return drawn


def parallel(one: SearchResult) -> Figure | None:
    """A line for each candidate through its values, dark where its score is good; None where none came to its end."""
    names = sorted(one.search.space)
    done = sorted(one.done, key=lambda each: each.values["validation"], reverse=one.search.directions[0] == "minimize")
    if not done:
        return None
    with style.paper_style():
        drawn, axes = _figure(2.8)
        shades = np.linspace(0.85, 0.0, len(done)) if len(done) > 1 else [0.0]
        scale = _of_scores([each.values["validation"] for each in done])
        for each, shade in zip(done, shades, strict=True):
            heights = [_height(one.search.space[name], each.params[name]) for name in names]
            best = one.winner is not None and each.number == one.winner.number
            axes.plot(
                range(len(names) + 1), [*heights, scale(each.values["validation"])], color=str(shade),
                lw=1.8 if best else 0.7, zorder=3 if best else 2,
            )  # fmt: skip
        _parallel_axes(axes, one, names, [each.values["validation"] for each in done])
    return drawn


def front(one: SearchResult) -> Figure | None:
    """Score against the other objective, of a search with two, and the front of those that none beats in both."""
    objectives = one.search.tuning.objectives
    if len(objectives) != 2 or not one.done:
        return None
    with style.paper_style():
        drawn, axes = _figure(2.8)
        for some, face, label in ((one.done, "white", "candidate"), (one.front, style.INK, "on the front")):
            points = sorted((each.values[objectives[1]], each.values["validation"]) for each in some)
            axes.plot(*_columns(points), ls="", marker="o", ms=4, mfc=face, mec=style.INK, mew=0.7, label=label)
        axes.set_xscale("log")
        axes.set_xlabel(objectives[1].replace("_", " "))
        axes.set_ylabel(f"{one.search.metric.title}, validation")
        _title(axes, one)
        style.add_legend(drawn, axes.get_lines())
    return drawn


def _figure(height: float) -> tuple[Figure, Axes]:
    drawn = style.new_figure(style.WIDTH, height)
    axes = drawn.subplots()
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return drawn, axes


def _title(axes: Axes, one: SearchResult) -> None:
    trial = one.search.trial
    axes.set_title(f"{one.search.arm}: {trial.where}, partition {trial.partition}, fold {trial.fold}", loc="left")


def _score(each: Candidate) -> float:
    """What a candidate reached, or had reached when it was given up."""
    if each.values:
        return each.values["validation"]
    return each.on_its_way[max(each.on_its_way)] if each.on_its_way else math.nan


def _columns(points: Sequence[tuple[float, float]]) -> tuple[np.ndarray, np.ndarray]:
    table = np.array(points, dtype=float).reshape(-1, 2)
    return table[:, 0], table[:, 1]


def _height(one: Range, value: Any) -> float:
    """Where a value lies in its range, from 0 to 1."""
    if isinstance(one, Choices):
        return list(one.values).index(value) / (len(one.values) - 1)
    turned = math.log if one.log else float
    return (turned(value) - turned(one.low)) / (turned(one.high) - turned(one.low))


def _of_scores(scores: Sequence[float]) -> Any:
    low, high = min(scores), max(scores)
    return lambda score: (score - low) / (high - low) if high > low else 0.5


def _parallel_axes(axes: Axes, one: SearchResult, names: Sequence[str], scores: Sequence[float]) -> None:
    """Upright lines with the ends of each range; the last one is the score."""
    ends = [_ends(one.search.space[name]) for name in names] + [(f"{min(scores):.3g}", f"{max(scores):.3g}")]
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
    _title(axes, one)


def _ends(one: Range) -> tuple[str, str]:
    values: Sequence[Any] = one.values if isinstance(one, Choices) else (one.low, one.high)
    ends: Mapping[int, str] = {at: f"{values[at]:.3g}" if isinstance(values[at], float) else str(values[at])
                               for at in (0, -1)}  # fmt: skip
    return ends[0], ends[-1]
