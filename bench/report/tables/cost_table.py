"""The costs of the arms in parameters, operations, seconds, memory and energy: columns of the scores."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from bench.report.tables import captions
from bench.report.tables.number_format import decimals, large, listed, number, seconds
from bench.report.tables.results import DatasetResults
from bench.report.tables.scores_table import not_measurable
from bench.report.tables.table import Entry, TableBody, arm_cell, incomplete_notes, metric_column, score_cell
from bench.report.tables.table_spec import TableSpec

if TYPE_CHECKING:
    from bench.report.tables.dataset_tables import SectionTables

COUNTED = ("peak_memory_mb", "train_joules")  # costs that not every machine counts


def cost_body(found: SectionTables) -> TableBody:
    """The cost of every arm beside its score."""
    section, frame = found.section, found.scores
    named = ("upstream_seconds", "tuning_seconds", "activation_mb", "upstream_activation_mb")
    upstream, searched, kept, upstream_kept = (frame[name].notna().any() for name in named)
    shown: list[tuple[str, str, Callable[[float], str]]] = [
        ("Parameters", "parameters", large),
        ("Forward (FLOPs)", "forward_flops", large),
        ("s / step", "step_seconds", seconds),
        ("Training (s)", "train_seconds", seconds),
        *([(_upstream_title(section), "upstream_seconds", seconds)] if upstream else []),
        *([("Tuned: candidates", "tuning_trials", lambda value: number(value, 0))] if searched else []),
        *([("Its tuning (s)", "tuning_seconds", seconds)] if searched else []),
        ("s / scan", "inference_seconds", seconds),
        ("Memory (MB)", "peak_memory_mb", lambda value: number(value, 0)),
        *([("Activations (MB)", "activation_mb", lambda value: number(value, 1))] if kept else []),
        *(
            [(f"{_upstream(section)}: activations (MB)", "upstream_activation_mb", lambda value: number(value, 1))]
            if upstream_kept
            else []
        ),
        *([("Training (kJ)", "train_joules", lambda value: seconds(value / 1000))] if _metered(section) else []),
    ]
    rows = tuple(
        (arm_cell(entry), score_cell(entry, decimals(section.metric)), *(_spent(section, entry, *one) for one in shown))
        for entry in frame.to_dict("records")
    )
    columns = ("Arm", metric_column(section, section.metric), *(title for title, _, _ in shown))
    notes = (*incomplete_notes(frame), *_upstream_note(section), *_kept_note(kept), *_tuning_note(searched))
    return TableBody(columns, rows, _caption(section), notes)


def _spent(section: DatasetResults, entry: Entry, title: str, name: str, words: Callable[[float], str]) -> str:
    """A cost in words: a dash if it was not measured, and a word if it cannot be measured."""
    unknown = name in COUNTED and not_measurable(section.of(entry["arm"]), name)
    return "not measurable" if unknown else words(entry[name])


def _metered(section: DatasetResults) -> bool:
    """Whether any finished run records its energy, or that it cannot be measured."""
    return any("train_joules" in run.record.cost for run in section.runs if run.done)


def _upstream_title(section: DatasetResults) -> str:
    return f"{_upstream(section)} (s)"


def _upstream(section: DatasetResults) -> str:
    """What the arms learn from: teachers, pretrainings or both."""
    begun = {run.record.trial.held_out is not None for run in section.runs if run.done and run.cell.role == "upstream"}
    return {frozenset({True}): "Its pretraining", frozenset({True, False}): "Its teachers and pretraining"}.get(
        frozenset(begun), "Its teachers"
    )


def _upstream_note(section: DatasetResults) -> tuple[str, ...]:
    if any(run.cell.upstream for run in section.runs):
        return (f"{_upstream(section)}: training what the arm learns from, which may be shared with other arms.",)
    if any(run.cell.role == "upstream" for run in section.runs):
        return ("Training what an arm learns from is not in its seconds.",)
    return ()


def _kept_note(kept: bool) -> tuple[str, ...]:
    words = (
        "Activations: the most bytes that a training step keeps for its gradients at one time, counted tensor by tensor"
        " and the same on every machine; weights, optimiser and scratch memory are not in it. Memory is that of the"
        " whole process."
    )
    return (words,) if kept else ()


def _tuning_note(searched: bool) -> tuple[str, ...]:
    words = "Tuning: candidates tried for each fold on its validation part, and the seconds that training them took."
    return (words,) if searched else ()


def _caption(section: DatasetResults) -> str:
    words = (
        captions.data(section),
        "Means over finished runs. Forward: floating-point operations of one scan, two for a multiplication with its "
        "addition. Memory of a processor is that of the whole process, at its peak.",
        _energy(section),
        _machines(section),
        captions.design(section),
    )
    return " ".join(word for word in words if word)


def _energy(section: DatasetResults) -> str:
    if not any("train_joules" in run.record.cost for run in section.runs if run.done):
        return ""
    return "Energy is that of the whole processor or graphics card during training, with all else that ran there."


def _machines(section: DatasetResults) -> str:
    """The devices of the runs, and their precision."""
    done = [run.record for run in section.runs if run.done]
    devices = sorted({str(record.provenance.get("processor", "")) for record in done} - {""})
    precisions = sorted({str(record.resolved.get("precision", "")) for record in done} - {""})
    if not devices:
        return ""
    more = "" if len(devices) == 1 else " Seconds on different processors do not compare."
    return f"Ran on {listed(devices)}{f' in {listed(precisions)}' if precisions else ''}.{more}"


TABLE = TableSpec("cost", "Cost", order=1200, layout=cost_body)
