"""Tables as they are read: words and numbers in rows, with a caption that says what they rest on."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from bench.evaluation import metrics
from bench.report.tables import captions
from bench.report.tables.contrasts_table import ALPHA
from bench.report.tables.number_format import (
    NOTHING,
    between,
    clean,
    decimals,
    large,
    number,
    probability,
    seconds,
    signed,
)  # fmt: skip
from bench.report.tables.oracle import oracle_note
from bench.report.tables.publisher_split_table import publisher as published
from bench.report.tables.regression_bias_table import bias as biased
from bench.report.tables.results import DatasetResults, Results
from bench.report.tables.scores_table import not_measurable

Entry = Mapping[str, Any]
COUNTED = ("peak_memory_mb", "train_joules")  # costs that not every machine counts


@dataclass(frozen=True)
class Table:
    """A table ready to be set. rows: as many words as there are columns, in each."""

    name: str  # scores, contrasts, controls, audit, cost, failures
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str
    notes: tuple[str, ...] = ()
    words: tuple[int, ...] = (0,)  # columns that hold words and are set to the left


def scores(section: DatasetResults, frame: pd.DataFrame) -> Table:
    """The primary score with its interval, and the other metrics of the task."""
    digits = decimals(section.metric)
    others = metrics.of_task(section.task)[1:]
    titles = [_title(section, metric) for metric in others]
    columns = ("Arm", "Family", "Runs", _title(section, section.metric), "95 %", *titles)
    rows = []
    for entry in frame.to_dict("records"):
        rest = (number(entry[metric.name], decimals(metric)) for metric in others)
        found = marked(entry, digits), between(entry["low"], entry["high"], digits)
        rows.append((arm_label(entry), entry["family"], runs(entry), *found, *rest))
    notes = (*_incomplete(frame), *_view_notes(section), *_undefined(frame), *oracle_note(section, frame))
    return Table("scores", "Scores", columns, tuple(rows), captions.scores(section), notes, (0, 1))


def contrasts(section: DatasetResults, frame: pd.DataFrame) -> Table:
    """The declared contrasts of this data set."""
    digits = decimals(section.metric)
    equal = section.plan.get("margin") is not None
    columns = ("Arm", "Against", "Improvement", "95 %", "p", "Holm p", "Detectable", "Better in", "Folds", "Verdict")
    columns = (*columns[:7], *(("Equivalence p",) if equal else ()), *columns[7:])
    rows = []
    for entry in frame.to_dict("records"):
        found = signed(entry["improvement"], digits), between(entry["low"], entry["high"], digits)
        tests = probability(entry["p"]), probability(entry["p_holm"]), number(entry["minimum_detectable"], digits)
        tests += (probability(entry["p_equivalence_holm"]),) if equal else ()
        folds = share(entry), f"{entry['folds']}/{entry['folds_planned']}"
        rows.append((entry["arm"], entry["against"], *found, *tests, *folds, verdict(section, entry)))
    tests = int(frame["tests"].max()) if len(frame) else 0
    words = (0, 1, len(columns) - 1)
    return Table("contrasts", "Contrasts", columns, tuple(rows), captions.contrasts(section, tests), (), words)


def share(entry: Entry) -> str:
    """In what share of the folds an arm is better, with its interval."""
    low, high = entry["better_share_low"], entry["better_share_high"]
    return f"{number(entry['better_share'], 2)} {between(low, high, 2)}" if entry["folds"] else NOTHING


def verdict(section: DatasetResults, entry: Entry) -> str:
    """The verdict with what it leaves open: the smallest difference that would have shown."""
    words, digits = entry["verdict"], decimals(section.metric)
    if not words.startswith("no difference shown"):
        return words
    found = f"no difference shown (smallest detectable {number(entry['minimum_detectable'], digits)})"
    if entry["p"] < ALPHA:
        found += "; its own p does not outlast Holm"
    return words.replace("no difference shown", found, 1)


def controls(section: DatasetResults, frame: pd.DataFrame) -> Table:
    """Floors, A/A, random labels."""
    rows = []
    for entry in frame.to_dict("records"):
        metric = metrics.metric(entry["metric"])
        digits = decimals(metric)
        show = signed if entry["control"] == "A/A" else number
        found = show(entry["estimate"], digits), between(entry["low"], entry["high"], digits)
        numbers = *found, number(entry["se"], digits), number(entry["expected"], digits)
        rows.append((entry["control"], entry["arm"], metric.title, *numbers, runs(entry), entry["verdict"]))
    columns = ("Control", "Arm", "Metric", "Found", "Bounds", "SE", "Expected", "Runs", "Verdict")
    return Table("controls", "Controls", columns, tuple(rows), captions.controls(section), (), (0, 1, 2, 8))


def learning(section: DatasetResults, frame: pd.DataFrame) -> Table:
    """Which arms beat a floor that looks at no scan."""
    digits = decimals(section.metric)
    columns = ("Arm", "Against", "Improvement", "Chance up to", "p", "Holm p", "Folds", "Verdict")
    rows = tuple(
        (
            entry["arm"],
            entry["against"],
            signed(entry["improvement"], digits),
            signed(entry["by_chance"], digits),
            *(probability(entry[name]) for name in ("p", "p_holm")),
            str(entry["folds"]),
            entry["verdict"],
        )
        for entry in frame.to_dict("records")
    )
    return Table(
        "learning", "Learnt or not", columns, rows, captions.learning(section, {*frame["test"]}), (), (0, 1, 7)
    )


def audit(section: DatasetResults, frame: pd.DataFrame) -> Table:
    """What other ways to choose the evaluation point would have scored."""
    digits = decimals(section.metric)
    names = ("validation", "last", "best_of_last", "best_of_all")
    columns = (
        "Arm", "Selected (result)", "On validation", "Last point", "Best of last, on test", "Best of all, on test",
        "Flattery", "95 %",
    )  # fmt: skip
    rows = tuple(
        (
            arm_label(entry),
            marked(entry, digits),
            *(number(entry[name], digits) for name in names),
            signed(entry["flattery"], digits),
            between(entry["flattery_low"], entry["flattery_high"], digits),
        )
        for entry in frame.to_dict("records")
    )
    return Table("audit", "Audit of the selection", columns, rows, captions.audit(section), _incomplete(frame))


def cost(section: DatasetResults, frame: pd.DataFrame) -> Table:
    """What the arms cost, beside their score."""
    upstream, searched = (frame[name].notna().any() for name in ("upstream_seconds", "tuning_seconds"))
    shown: list[tuple[str, str, Callable[[float], str]]] = [
        ("Parameters", "parameters", large),
        ("Forward (FLOPs)", "forward_flops", large),
        ("s / step", "step_seconds", seconds),
        ("Training (s)", "train_seconds", seconds),
        *([("Its teachers (s)", "upstream_seconds", seconds)] if upstream else []),
        *([("Tuned: candidates", "tuning_trials", lambda value: number(value, 0))] if searched else []),
        *([("Its tuning (s)", "tuning_seconds", seconds)] if searched else []),
        ("s / scan", "inference_seconds", seconds),
        ("Memory (MB)", "peak_memory_mb", lambda value: number(value, 0)),
        *([("Training (kJ)", "train_joules", lambda value: seconds(value / 1000))] if _metered(section) else []),
    ]
    rows = tuple(
        (arm_label(entry), marked(entry, decimals(section.metric)), *(_spent(section, entry, *one) for one in shown))
        for entry in frame.to_dict("records")
    )
    columns = ("Arm", _title(section, section.metric), *(title for title, _, _ in shown))
    notes = (*_incomplete(frame), *_upstream_note(section), *_tuning_note(searched))
    return Table("cost", "Cost", columns, rows, captions.cost(section), notes)


def _spent(section: DatasetResults, entry: Entry, title: str, name: str, words: Callable[[float], str]) -> str:
    """A cost in words: a dash where nobody measured it, and other words where nobody could."""
    unknown = name in COUNTED and not_measurable(section.of(entry["arm"]), name)
    return "not measurable" if unknown else words(entry[name])


def _metered(section: DatasetResults) -> bool:
    """Whether any finished run says something of its energy, if only that it cannot be measured."""
    return any("train_joules" in run.record.cost for run in section.runs if run.done)


def publisher(section: DatasetResults) -> Table:
    """What the publisher's split flatters."""
    frame, digits = published(section), decimals(section.metric)
    score = _title(section, section.metric)
    columns = ("Arm", "Runs", score, "Without groups learnt from", "Test scans", "Of them shared")
    rows = tuple(
        (
            *(entry["arm"], str(entry["runs"]), number(entry["score"], digits), number(entry["unshared"], digits)),
            *(str(entry["test"]), str(entry["shared"])),
        )
        for entry in frame.to_dict("records")
    )
    return Table("publisher", "The publisher's split", columns, rows, captions.publisher(section, frame))


def bias(section: DatasetResults) -> Table:
    """How predictions depend on the true number."""
    digits = decimals(section.metric)
    unit = f" ({section.task.unit})" if section.task.unit else ""
    columns = ("Arm", "Runs", f"Mean gap{unit}", "Slope of the gap", f"MAE{unit}", f"MAE{unit}, corrected")
    rows = tuple(
        (
            entry["arm"], str(entry["runs"]), signed(entry["gap"], digits), signed(entry["slope"], 2),
            number(entry["mae"], digits), number(entry["corrected_mae"], digits),
        )
        for entry in biased(section).to_dict("records")
    )  # fmt: skip
    return Table("bias", "Bias with the true number", columns, rows, captions.bias(section))


def failures(results: Results, section: DatasetResults, frame: pd.DataFrame) -> Table:
    """What failed or was refused, runs of one arm and one reason together."""
    rows: dict[tuple[str, ...], list[str]] = {}
    for entry in frame.to_dict("records"):
        label = entry["arm"] + (" (random labels)" if entry["role"] == "random_labels" else "")
        reason = clean(entry["message"].strip().partition("\n")[0], section.people)
        reason = reason if entry["kind"] == entry["status"] else f"{entry['kind']}: {reason}"
        rows.setdefault((label, entry["status"], reason), []).append(str(entry["fold"]))
    laid = tuple(
        (label, status, str(len(folds)), ", ".join(dict.fromkeys(folds)), reason)
        for (label, status, reason), folds in rows.items()
    )
    caption = f"{captions.data(section)} The records keep the tracebacks. Protocol {results.plan['protocol']}."
    return Table("failures", "Failures", ("Arm", "Status", "Runs", "Folds", "Reason"), laid, caption, (), (0, 1, 3, 4))


def arm_label(entry: Entry) -> str:
    """An arm with its part in the study."""
    if entry["floor"]:
        return f"{entry['arm']} [floor]"
    return f"{entry['arm']} [reference]" if entry["reference"] else entry["arm"]


def marked(entry: Entry, digits: int) -> str:
    """A score, with a dagger where some of its runs are missing."""
    whole = entry["complete"] or math.isnan(entry["score"])
    return number(entry["score"], digits) + ("" if whole else "\u2020")


def runs(entry: Entry) -> str:
    """Runs done / planned, and what became of the others."""
    states = ((entry.get(status, 0), status) for status in ("failed", "refused"))
    troubles = ", ".join(f"{count} {status}" for count, status in states if count)
    return f"{entry['done']}/{entry['planned']}" + (f" ({troubles})" if troubles else "")


def _title(section: DatasetResults, metric: metrics.Metric) -> str:
    unit = section.unit(metric)
    arrow = "↑" if metric.better == "higher" else "↓"
    return f"{metric.title}{f' ({unit})' if unit else ''}\u00a0{arrow}"


def _incomplete(frame: pd.DataFrame) -> tuple[str, ...]:
    partial = (~frame["complete"]) & frame["score"].notna()
    empty = (~frame["complete"]) & frame["score"].isna()
    notes = ["\u2020 incomplete: a mean over the runs that are there; it does not compare."] if partial.any() else []
    notes += [f"{NOTHING} no finished run: {', '.join(frame[empty]['arm'])}."] if empty.any() else []
    return tuple(notes)


def _undefined(frame: pd.DataFrame) -> tuple[str, ...]:
    share = frame["undefined_resamples"].max()
    if not share > 0.005:
        return ()
    return (f"In up to {share:.0%} of the resampled folds one class only was drawn; the interval leaves them out.",)


def _view_notes(section: DatasetResults) -> tuple[str, ...]:
    notes: dict[str, list[str]] = {}
    for arm in section.arms:
        for note in {run.record.resolved.get("view_note", "") for run in section.of(arm) if run.done} - {""}:
            notes.setdefault(note, []).append(arm)
    return tuple(f"{', '.join(arms)}: {note}." for note, arms in notes.items())


def _tuning_note(searched: bool) -> tuple[str, ...]:
    words = "Tuning: candidates tried for each fold on its validation part, and the seconds that training them took."
    return (words,) if searched else ()


def _upstream_note(section: DatasetResults) -> tuple[str, ...]:
    if any(run.cell.get("upstream") for run in section.runs):
        return ("Its teachers: training what the arm learns from, which may be shared with other arms.",)
    if any(run.cell["role"] == "upstream" for run in section.runs):
        return ("Training what an arm learns from is not in its seconds.",)
    return ()
