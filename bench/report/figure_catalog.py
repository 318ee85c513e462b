"""Every figure of a report, declared once: where it belongs, what it is made from, how it is drawn and told.

A figure has data or it is not there: no predictions kept, a class that no test part holds, nothing followed in
training, and there is no picture of it, and no error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.report.tables import SectionTables, arm_selection
from bench.report.tables.number_format import plural

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Data = Any


@dataclass(frozen=True)
class FigureSpec:
    """A kind of figure. of: the table it belongs to; empty: none, then it stands at the end of its part.

    data: what it is drawn from, None or empty where there is nothing to draw. alt: with {data} for the name of the
    data set and whether it is real. caption: what the picture shows, from the section and the data.
    """

    name: str
    of: str
    alt: str
    data: Callable[[SectionTables], Data]
    draw: Callable[[SectionTables, Data], Figure]
    caption: Callable[[SectionTables, Data], str] = lambda found, data: ""


def _scores(found: SectionTables, data: Data) -> Figure:
    from bench.report import figures

    return figures.scores(found.section, data)


def _forest(found: SectionTables, data: Data) -> Figure:
    from bench.report import figures

    return figures.forest(found.section, data)


def _effects(found: SectionTables, data: Data) -> Figure:
    from bench.report import figures

    return figures.effects(found.section, data)


def _interacting(found: SectionTables) -> Data:
    effects = found.effects
    return effects[effects["effect"] == "interaction"] if len(effects) else None


def _interactions(found: SectionTables, data: Data) -> Figure:
    from bench.report import figures

    return figures.interactions(found.section)


def _disturbed(found: SectionTables, data: Data) -> Figure:
    from bench.report import figures

    return figures.corruptions(data, found.section.metric.title)


def _bands(kind: str) -> Callable[[SectionTables], Data]:
    def made(found: SectionTables) -> Data:
        from bench.report.tables.roc_curves import bands

        if found.section.task.kind != "classification":
            return None
        return _chosen(found, lambda arm: bands(found.section, arm, kind))

    return made


def _ranking(kind: str) -> Callable[[SectionTables, Data], Figure]:
    def drawn(found: SectionTables, data: Data) -> Figure:
        from bench.report.figures.roc_figure import ranking

        return ranking(data, kind, found.section.plan["reference"])

    return drawn


def _said(found: SectionTables) -> Mapping[str, arm_selection.PooledPredictions]:
    return _chosen(found, lambda arm: arm_selection.said_in_one_pass(found.section, arm))


def _chosen(found: SectionTables, made: Callable[[str], Data]) -> dict[str, Data]:
    """What is made for each of the arms that are shown; arms for which nothing is made are not among them."""
    usable: dict[str, Data] = {}
    for arm in arm_selection.preferred(found.section, found.scores):
        if len(usable) < arm_selection.MOST and (data := made(arm)) is not None:
            usable[arm] = data
    return {arm: usable[arm] for arm in found.section.arms if arm in usable}


def _counts(found: SectionTables) -> Data:
    from sklearn.metrics import confusion_matrix

    classes = range(len(found.section.task.classes))
    if found.section.task.kind != "classification":
        return None
    return {arm: confusion_matrix(each.y, each.said.argmax(1), labels=classes) for arm, each in _said(found).items()}


def _confusion(found: SectionTables, data: Data) -> Figure:
    from bench.report.figures.confusion_figure import confusion

    return confusion(data, found.section.task.classes)


def _stated(found: SectionTables) -> Data:
    from bench.report.tables.calibration import reliability

    if found.section.task.kind != "classification":
        return None
    return {arm: reliability(each.y, each.said) for arm, each in _said(found).items()}


def _reliability(found: SectionTables, data: Data) -> Figure:
    from bench.report.figures.calibration_figure import reliability

    return reliability(data, found.section.task.classes)


def _numbers(found: SectionTables) -> Data:
    return _said(found) if found.section.task.kind == "regression" else None


def _agreement(found: SectionTables, data: Data) -> Figure:
    from bench.report.figures.bland_altman_figure import agreement

    return agreement(data, found.section.task.unit)


def _scans(found: SectionTables) -> Data:
    if found.section.task.kind != "segmentation":
        return None
    return _chosen(found, lambda arm: arm_selection.scan_scores(found.section, arm))


def _distribution(found: SectionTables, data: Data) -> Figure:
    from bench.report.figures.score_distribution_figure import distribution

    section = found.section
    return distribution(data, section.metric, section.unit(section.metric))


def _priced(found: SectionTables) -> Data:
    from bench.report.figures.pareto_figure import COSTS

    frame = found.scores[found.scores["score"].notna()]
    measured = frame[[*COSTS]].gt(0).any(axis=1)
    return found.scores if measured.sum() > 1 else None


def _pareto(found: SectionTables, data: Data) -> Figure:
    from bench.report.figures.pareto_figure import pareto

    section = found.section
    return pareto(data, section.metric, section.unit(section.metric))


def _courses(found: SectionTables) -> Data:
    from bench.report.tables.training_curves import course

    return _chosen(found, lambda arm: course(found.section, arm))


def _learning(found: SectionTables, data: Data) -> Figure:
    from bench.report.figures.training_curves_figure import learning_curves

    section = found.section
    return learning_curves(data, section.metric, section.unit(section.metric))


def _followed(found: SectionTables) -> Data:
    from bench.report.figures.curriculum_figure import watched
    from bench.report.tables.training_curves import course

    def made(arm: str) -> Data:
        followed = course(found.section, arm) if _watches(found, arm) else None
        return followed if followed and watched(followed) else None

    return _chosen(found, made)


def _watches(found: SectionTables, arm: str) -> bool:
    first = next((run for run in found.section.of(arm) if run.done and run.record.curve), None)
    return first is not None and "watched" in first.record.curve[0]


def _curriculum(found: SectionTables, data: Data) -> Figure:
    from bench.report.figures.curriculum_figure import curriculum

    return curriculum(data)


def _told(words: str, one_pass: bool = False) -> Callable[[SectionTables, Data], str]:
    def said(found: SectionTables, data: Data) -> str:
        section = found.section
        once = ""
        if one_pass and (count := arm_selection.passes(section)) > 1:
            once = f"One of {plural(count, 'pass', 'passes')} over the folds: each scan once."
        return " ".join(part for part in (words, once, arm_selection.rule(section, data)) if part)

    return said


_BAND = "Line: mean over the folds, seeds averaged first; band: from the lowest to the highest fold."
DRAWINGS = (
    FigureSpec(
        "scores", "scores", "Scores on {data} with their intervals; the numbers are in the table.",
        lambda found: found.scores, _scores,
    ),
    FigureSpec(
        "roc", "scores", "ROC curves of the arms on {data}.", _bands("roc"), _ranking("roc"),
        _told(f"ROC curves, averaged vertically; models are never pooled. {_BAND} More than two classes: the mean of "
              "each against the rest. Folds whose test part lacks a class are left out."),
    ),
    FigureSpec(
        "precision-recall", "scores", "Precision-recall curves of the arms on {data}.", _bands("precision_recall"),
        _ranking("precision_recall"),
        _told(f"Precision over recall, averaged vertically, as steps. AP: the area of the mean curve. {_BAND} Chance: "
              "the share of the class."),
    ),
    FigureSpec(
        "confusion", "scores", "Confusion matrices of the arms on {data}: shares and counts of the scans.", _counts,
        _confusion, _told("Share of the scans of each true class, and their number, summed over the folds.", True),
    ),
    FigureSpec(
        "reliability", "scores", "Stated probabilities against what came true, for the arms on {data}.", _stated,
        _reliability,
        _told("Ten bins of equal width, scans summed over the folds. ECE: of these bins, for two classes those of the "
              "second one's probability; the table's is of the class called, a mean over folds.", True),
    ),
    FigureSpec(
        "distribution", "scores", "The score of every test scan of {data}, for each arm.", _scans, _distribution,
        _told("Every test scan a point; box: quartiles, whiskers: to 1.5 times their distance.", True),
    ),
    FigureSpec(
        "agreement", "bias", "Differences of predicted and true numbers on {data}, for each arm.", _numbers, _agreement,
        _told("Above: difference against the mean of predicted and true number (Bland and Altman). Below: against the "
              "true number, with the line of least squares through all scans; the slope in the table is the mean "
              "over the folds.", True),
    ),
    FigureSpec(
        "contrasts", "contrasts", "Contrasts on {data} with their intervals; the numbers are in the table.",
        lambda found: found.contrasts, _forest,
    ),
    FigureSpec(
        "effects", "effects", "Effects on {data} with their intervals; the numbers are in the table.",
        lambda found: found.effects, _effects,
    ),
    FigureSpec(
        "interactions", "effects",
        "Mean scores on {data} at the levels of the factors of every declared interaction.", _interacting,
        _interactions,
    ),
    FigureSpec(
        "learning", "audit", "Losses and scores on {data} at every evaluation point of the training.", _courses,
        _learning,
        _told(f"{_BAND} The test score is shown for the audit of the selection; nothing is chosen by it. Rings: the "
              "points that validation chose, larger where more runs chose it."),
    ),
    FigureSpec(
        "pareto", "cost", "Scores on {data} against parameters, FLOPs and seconds per step.", _priced, _pareto,
        lambda found, data: "Filled, on the line: arms that none beats at their cost or below. Arms whose cost was not "
        "measured are not there. Grey: 95 % interval over people; colour: family, as in the figure of the scores.",
    ),
    FigureSpec(
        "stress", "stress", "Mean scores on {data} over the strengths of every corruption of the test scans.",
        lambda found: found.stress, _disturbed,
        lambda found, data: "Strength 0: scans as they are. Bands, where arms are few: 95 % intervals over people.",
    ),
    FigureSpec(
        "curriculum", "", "What the curriculum followed on {data} as training went.", _followed, _curriculum,
        _told(f"The curriculum as training goes, measured on training batches alone. {_BAND}"),
    ),
)  # fmt: skip
