"""How scores stand disturbed scans, from what `bench stress` kept: the loss of every arm, and its curves.

Two kinds of uncertainty, as everywhere: of a score at one strength, by resampling people within folds, for these
trained networks; of an arm's mean drop, over folds with the Nadeau-Bengio correction, for the method.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from bench import evaluation
from bench.core import seed_of
from bench.evaluation import metrics
from bench.report.tables import captions, score_interval
from bench.report.tables.contrasts_table import sizes, unknown
from bench.report.tables.number_format import NOTHING, between, decimals, number, signed
from bench.report.tables.results import DatasetResults, Run
from bench.report.tables.table import Table
from bench.storage import robustness_cache
from bench.storage.robustness_cache import CLEAN, STRENGTHS, Said

OVER_FOLDS = "over folds, with the Nadeau-Bengio correction"
REPEATS = 400  # of the bootstrap of one point of a curve
SCORES = ("data", "data_kind", "arm", "partition", "fold", "seed", "corruption", "strength", "metric", "score")
CURVES = ("data", "data_kind", "arm", "corruption", "strength", "metric", "score", "low", "high", "folds")
DROPS = (
    "data", "data_kind", "arm", "metric", "clean", "disturbed", "drop", "low", "high", "folds", "folds_planned",
    "corruptions", "worst", "worst_drop",
)  # fmt: skip


@dataclass(frozen=True)
class RobustnessScores:
    """What was said of a section's disturbed test scans. said: key of a run -> what its network said."""

    section: DatasetResults
    said: Mapping[str, Said]

    @cached_property
    def corruptions(self) -> tuple[str, ...]:
        """Those that any network was asked about at every strength, in the order that they were asked in."""
        names = dict.fromkeys(name for said in self.said.values() for name, _ in said if name != CLEAN)
        return tuple(name for name in names if any(_whole(said, name) for said in self.said.values()))

    def runs(self, arm: str) -> list[Run]:
        """The finished runs of an arm whose networks were asked about undisturbed scans at least."""
        return [run for run in self.section.of(arm) if run.done and (CLEAN, 0) in self.said.get(run.cell["key"], {})]

    def score(self, run: Run, corruption: str, strength: int, name: str = "") -> float:
        """A metric of a run's test scans; NaN where nothing was asked. name: the task's primary metric."""
        said = self.said[run.cell["key"]].get((corruption, strength) if strength else (CLEAN, 0))
        if said is None:
            return math.nan
        if self.section.task.kind == "segmentation":
            return float(np.mean(said)) if name in ("", self.section.task.primary) else math.nan
        return metrics.metric(name or self.section.task.primary)(self.section.predictions(run)["y"], said)

    def part(self, run: Run, corruption: str, strength: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Targets, predictions, groups of a run's test part; of masks, nothing for targets and scores to average."""
        said, kept = self.said[run.cell["key"]][(corruption, strength) if strength else (CLEAN, 0)], (
            self.section.predictions(run)
        )  # fmt: skip
        y = kept["y"] if "y" in kept else np.zeros(len(said))
        return y, said, kept["groups"]


def _whole(said: Said, name: str) -> bool:
    return all((name, strength) in said for strength in range(1, STRENGTHS + 1))


def read(section: DatasetResults) -> RobustnessScores:
    """What was kept for the runs of a section; empty where nothing was."""
    folder = robustness_cache.folder_of(section.store.root, section.plan["study"])
    if not folder.is_dir():
        return RobustnessScores(section, {})
    runs = [run for arm in section.arms for run in section.of(arm) if run.done]
    found = (
        (run.cell["key"], robustness_cache.read(folder, run.cell["key"], section.store.mark(run.cell["key"])))
        for run in runs
    )
    return RobustnessScores(section, {key: said for key, said in found if said})


def scores(found: RobustnessScores) -> pd.DataFrame:
    """A row for every run, corruption, strength and metric; strength 0 stands with every corruption."""
    section = found.section
    names = [m.name for m in metrics.of_task(section.task)]
    names = names[:1] if section.task.kind == "segmentation" else names
    rows = [
        (section.name, section.kind, arm, *run.place, corruption, strength, name, score)
        for arm in section.arms
        for run in found.runs(arm)
        for corruption in found.corruptions
        for strength in range(STRENGTHS + 1)
        for name in names
        if not math.isnan(score := found.score(run, corruption, strength, name))
    ]
    return pd.DataFrame(rows, columns=SCORES)


def curves(found: RobustnessScores) -> pd.DataFrame:
    """The mean score over folds of every arm at every strength, with its interval over people."""
    section = found.section
    rows = []
    for arm in section.arms:
        for corruption in found.corruptions:
            for strength in range(STRENGTHS + 1):
                score, low, high, folds = _point(found, arm, corruption, strength)
                rows.append(
                    (
                        section.name,
                        section.kind,
                        arm,
                        corruption,
                        strength,
                        section.task.primary,
                        score,
                        low,
                        high,
                        folds,
                    )
                )
    frame = pd.DataFrame(rows, columns=CURVES)
    return frame[frame["folds"] > 0].reset_index(drop=True)


def _point(found: RobustnessScores, arm: str, corruption: str, strength: int) -> tuple[float, float, float, int]:
    """Score, low, high and the number of folds at one strength."""
    values = {run.place: found.score(run, corruption, strength) for run in found.runs(arm)}
    runs = [run for run in found.runs(arm) if not math.isnan(values[run.place])]
    folds = len({run.place[:2] for run in runs})
    if not runs:
        return math.nan, math.nan, math.nan, 0
    passes: dict[tuple[int, ...], list] = {}  # each tests everybody once
    for run in runs:
        passes.setdefault(found.section.one_pass(run), []).append(found.part(run, corruption, strength))
    score = evaluation.fold_mean(values)
    rng = np.random.default_rng(seed_of(found.section.name, arm, corruption, strength, "stress"))
    low, high, _ = score_interval.interval(found.section, score, list(passes.values()), rng, REPEATS)
    return score, low, high, folds


def drops(found: RobustnessScores) -> pd.DataFrame:
    """A row for every arm: how much worse it scores on disturbed scans, all corruptions and strengths alike.

    A fold counts where its networks were asked about every corruption at every strength. drop: positive is worse,
    whichever way the metric goes; low and high: over folds, NaN for fewer than two of them.
    """
    return pd.DataFrame([_dropped(found, arm) for arm in found.section.arms if found.runs(arm)], columns=DROPS)


def _dropped(found: RobustnessScores, arm: str) -> tuple:
    section, sign = found.section, found.section.sign
    runs = [run for run in found.runs(arm) if all(_whole(found.said[run.cell["key"]], c) for c in found.corruptions)]
    runs = runs if found.corruptions else []
    clean = {run.place: found.score(run, CLEAN, 0) for run in runs}
    each = {c: {run.place: _mean(found, run, c) for run in runs} for c in found.corruptions}
    disturbed = {run.place: float(np.mean([each[c][run.place] for c in found.corruptions])) for run in runs}
    lost = evaluation.average_seeds({place: sign * (clean[place] - disturbed[place]) for place in clean})
    lost = {place: value for place, value in lost.items() if not math.isnan(value)}
    worse = {c: sign * (evaluation.fold_mean(clean) - evaluation.fold_mean(each[c])) for c in each} if runs else {}
    worst = max(worse, key=lambda name: -math.inf if math.isnan(worse[name]) else worse[name], default="")
    low, high = _interval(section, arm, lost)
    planned = len({run.place[:2] for run in section.of(arm)})
    return (
        section.name, section.kind, arm, section.task.primary,
        evaluation.fold_mean(clean), evaluation.fold_mean(disturbed),
        float(np.mean([*lost.values()])) if lost else math.nan, low, high, len(lost), planned, len(found.corruptions),
        worst, worse.get(worst, math.nan),
    )  # fmt: skip


def _mean(found: RobustnessScores, run: Run, corruption: str) -> float:
    return float(np.mean([found.score(run, corruption, strength) for strength in range(1, STRENGTHS + 1)]))


def _interval(section: DatasetResults, arm: str, lost: Mapping[tuple[int, int], float]) -> tuple[float, float]:
    if len(lost) < 2:
        return math.nan, math.nan
    train, test = sizes(section, arm, "arm", tuple(lost))
    tested = evaluation.corrected_interval(np.array([*lost.values()]), train, test, people=unknown(section))
    return tested.low, tested.high


def table(section: DatasetResults, frame: pd.DataFrame) -> Table:
    """What an arm loses on disturbed scans, from its drops; without rows where nobody asked."""
    digits = decimals(section.metric)
    columns = ("Arm", "Folds", "As they are", "Disturbed", "Loss", "95 %", "Worst of them", "Its loss")
    rows = tuple(
        (
            entry["arm"],
            f"{entry['folds']}/{entry['folds_planned']}",
            *(number(entry[name], digits) for name in ("clean", "disturbed")),
            signed(entry["drop"], digits),
            between(entry["low"], entry["high"], digits),
            entry["worst"].replace("_", " ") or NOTHING,
            signed(entry["worst_drop"], digits),
        )
        for entry in frame.to_dict("records")
    )
    return Table("stress", "Disturbed scans", columns, rows, _caption(section, frame), _notes(frame), (0, 6))


def _caption(section: DatasetResults, frame: pd.DataFrame) -> str:
    count = int(frame["corruptions"].max()) if len(frame) else 0
    over = "none, as all folds are tested on the same people" if section.elsewhere else OVER_FOLDS
    return (
        f"{captions.data(section)} {section.metric.title} of the test scans as they are and disturbed: the mean over "
        f"{count} corruptions at {STRENGTHS} strengths (version {robustness_cache.VERSION}), the same scans for "
        f"every arm, no network trained anew. Loss: positive is worse. Bounds: {over}; whether two arms "
        " lose unequally was not tested."
    )


def _notes(frame: pd.DataFrame) -> Sequence[str]:
    short = frame[frame["folds"] < frame["folds_planned"]]["arm"].tolist() if len(frame) else []
    return (
        (f"Not every fold of {', '.join(short)} was asked: weights were not kept, or it was stopped.",) if short else ()
    )
