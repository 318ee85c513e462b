"""The end of a run in a terminal: scores, effects of factors, contrasts and controls in a few lines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Group, RenderableType
from rich.table import Table as RichTable
from rich.text import Text

from bench.report.conclusions import cautions, split_answer
from bench.report.tables import SectionTables, captions
from bench.report.tables.contrasts_table import adjusted
from bench.report.tables.declared_tests import detectable_cell
from bench.report.tables.effects_table import interaction_verdict
from bench.report.tables.metric_range import interval_cell
from bench.report.tables.number_format import between, decimals, seconds, signed
from bench.report.tables.table import arm_cell, runs_cell, score_cell


def terminal(found: Iterable[SectionTables]) -> RenderableType:
    """Every section under its own heading, phantom or real."""
    parts: list[RenderableType] = []
    for frames in found:
        parts += [Text(f"\n{captions.heading(frames.section)}", style="bold"), _scores(frames)]
        if _has_other_effects(frames):
            parts.append(_effects(frames))
        if len(frames.contrasts):
            parts.append(_contrasts(frames))
        parts += [Text(split_answer(frames.section, entry)) for entry in frames.splits.to_dict("records")]
        parts += [Text(line) for line in _controls(frames)]
        parts += [Text(caution, style="yellow") for caution in cautions(frames)]
    return Group(*parts)


def _scores(found: SectionTables) -> RichTable:
    section, digits = found.section, decimals(found.section.metric)
    unit = section.unit(section.metric)
    title = f"{section.metric.title}{f' ({unit})' if unit else ''}, {section.metric.better} is better"
    table = _table(("arm", "runs", title, f"95 % over {captions.over(section)}", "training (s)"), words=1)
    for entry in found.scores.to_dict("records"):
        score = score_cell(entry, digits), between(entry["low"], entry["high"], digits)
        _add(table, (arm_cell(entry), runs_cell(entry), *score, seconds(entry["train_seconds"])))
    return table


def _has_other_effects(found: SectionTables) -> bool:
    """Whether an effect of a factor is no declared contrast, so that the table of contrasts does not have it."""
    contrasts, effects = ({(e["arm"], e["against"]) for e in frame.to_dict("records")} for frame in (
        found.contrasts, found.effects))  # fmt: skip
    return bool(effects - contrasts)


def _effects(found: SectionTables) -> RichTable:
    digits = decimals(found.section.metric)
    table = _table(("factor", "level", "against", "effect", "95 %", "verdict"), words=3)
    for entry in found.effects.to_dict("records"):
        size = signed(entry["improvement"], digits), interval_cell(found.section, entry)
        verdict = interaction_verdict(entry["verdict"]) if entry["effect"] == "interaction" else entry["verdict"]
        _add(table, (entry["factor"], entry["level"], entry["control"], *size, verdict))
    table.columns[-1].justify = "left"
    return table


def _contrasts(found: SectionTables) -> RichTable:
    digits = decimals(found.section.metric)
    table = _table(("arm", "against", "improvement", "95 %", "adjusted p", "detectable", "verdict"), words=2)
    for entry in found.contrasts.to_dict("records"):
        tested = signed(entry["improvement"], digits), interval_cell(found.section, entry)
        tested += adjusted(entry), detectable_cell(found.section, entry)
        _add(table, (entry["arm"], entry["against"], *tested, entry["verdict"]))
    table.columns[-1].justify = "left"
    return table


def _controls(found: SectionTables) -> list[str]:
    entries = found.controls.to_dict("records")
    return [f"{e['control']} ({e['arm']}): {e['verdict']}" for e in entries if e["control"] != "floor"]


def _table(columns: Sequence[str], words: int) -> RichTable:
    table = RichTable(box=None, pad_edge=False, header_style="dim")
    for number_of, column in enumerate(columns):
        table.add_column(Text(column), justify="left" if number_of < words else "right")
    return table


def _add(table: RichTable, words: Sequence[str]) -> None:
    table.add_row(*(Text(word) for word in words))
