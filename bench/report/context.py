"""Everything that a report says, gathered once for all its forms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from bench.report.appendix import Card, cards
from bench.report.conclusions import answers, cautions, run_so_far
from bench.report.figure_files import ReportFigure, figures_of, figures_over_data_sets
from bench.report.headline import summary
from bench.report.reproducibility import Repeat, environment, repeat
from bench.report.tables import Results, SectionTables, Table, captions, format_across, format_study, format_tables
from bench.report.tables.number_format import clean, listed
from bench.report.tables.table_catalog import csv_descriptions
from bench.storage.anonymise import ProtectedNames

READING = (
    "A score's bracket says how sure the score of these trained models is on new people. It says nothing about other "
    "trainings of the same methods, and whether two brackets overlap decides nothing.",
    "A claim about methods rests on a contrast: differences of two arms fold by fold, on the same scans, with a test "
    "that allows for the overlap of the training parts, corrected over all declared contrasts.",
    "No difference shown is not the same as no difference: the smallest difference that the test could well have "
    "found stands beside it. Equivalence is claimed only within a margin that was declared beforehand.",
    "Floors are methods that anybody can beat who has found something. A/A compares a method with itself. Random "
    "labels hold nothing to be learnt: a method that learns from them has seen what it should not.",
    "Choosing the evaluation point on the test part flatters every method. The audit shows by how much; the results "
    "do not do it.",
    "A run that failed, was refused or has not been done stays missing. A mean with a dagger lacks some of its runs.",
    "Phantoms are made by a program. They show that a study works, and nothing about brains.",
)


@dataclass(frozen=True)
class SectionContext:
    """One data set in the report."""

    name: str
    heading: str
    phantom: bool
    cautions: tuple[str, ...]
    answers: tuple[str, ...]
    tables: tuple[Table, ...]
    figures: tuple[ReportFigure, ...]


@dataclass(frozen=True)
class ReportContext:
    """The report without a form."""

    study: str
    question: str
    run: tuple[tuple[str, str], ...]  # name -> what was run
    notes: tuple[str, ...]
    arms: Table
    parts: tuple[SectionContext, ...]
    across: tuple[Table, ...]  # over several data sets
    over: tuple[ReportFigure, ...]  # the figures of those
    summary: tuple[str, ...]  # the answer in two sentences
    state: str  # how many runs are done
    cards: tuple[Card, ...]
    repeat: Repeat
    csv_files: Mapping[str, str]  # name without its ending -> what the file holds
    reading: tuple[str, ...] = READING


def gather(results: Results, found: list[SectionTables], known: ProtectedNames) -> ReportContext:
    """All facts of a study as far as it has come. known: names that no text from outside may show."""
    plan = results.plan
    notes = tuple(known.clean(note) for note in (*plan.get("notes", ()), *_damaged(results)))
    return ReportContext(
        plan["study"],
        plan["question"],
        tuple(_run(results)),
        notes,
        tidied(format_study(results)[0], known),
        tuple(_part(results, frames, known) for frames in found),
        tuple(tidied(table, known) for table in format_across(found)),
        figures_over_data_sets(found),
        summary(results, found),
        run_so_far(results),
        cards(results, found, known.clean),
        repeat(results),
        csv_descriptions(found[0].study.specs),
    )


def tidied(table: Table, known: ProtectedNames) -> Table:
    """A table without names of people and folders, whatever they came in by."""
    rows = tuple(tuple(known.tidy(word) for word in row) for row in table.rows)
    notes = tuple(known.tidy(note) for note in table.notes)
    return replace(table, rows=rows, notes=notes, caption=known.tidy(table.caption))


def _damaged(results: Results) -> list[str]:
    if not results.damaged:
        return []
    names = listed(sorted(results.damaged)[:3]) + (", ..." if len(results.damaged) > 3 else "")
    again = "They count as not done; the study's command sets them aside and runs them again."
    return [f"{len(results.damaged)} records are not what was written ({names}). {again}"]


def _part(results: Results, found: SectionTables, known: ProtectedNames) -> SectionContext:
    section = found.section
    return SectionContext(
        section.name,
        captions.heading(section),
        section.phantom,
        tuple(cautions(found)),
        tuple(answers(found)),
        tuple(tidied(table, known) for table in format_tables(found)),
        figures_of(found),
    )


def _run(results: Results) -> list[tuple[str, str]]:
    plan = results.plan
    facts = [("Command", clean(plan.get("command", "")))]
    facts += [("Data", captions.data(section).removeprefix("Data: ")) for section in results.sections]
    facts += [
        ("Design", captions.grid(plan)),
        ("Recipe", captions.budget(plan.recipe).removeprefix("Recipe: ")),
        ("Selection", captions.selection(results.sections[0]).removeprefix("Evaluation point: ")),
        ("Protocol", f"version {plan['protocol']}"),
        ("State", run_so_far(results)),
        ("Versions", environment(results.records)),
    ]
    return [(name, value) for name, value in facts if value]
