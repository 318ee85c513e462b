"""The content of a report, gathered once for all its formats."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from bench.report.appendix import Card, cards
from bench.report.conclusions import answers, cautions, run_so_far
from bench.report.figure_files import ReportFigure, figures_of, figures_over_data_sets
from bench.report.front_tables import front_contrasts, front_scores
from bench.report.headline import summary
from bench.report.reproducibility import Repeat, environment, repeat
from bench.report.tables import Results, SectionTables, Table, captions, format_across, format_study, format_tables
from bench.report.tables.number_format import clean, listed
from bench.report.tables.table_catalog import csv_descriptions
from bench.storage.anonymise import ProtectedNames
from bench.storage.machine_names import hide_machine

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
    front: tuple[Table, Table]  # the short tables of scores and of comparisons, for the page


@dataclass(frozen=True)
class ReportContext:
    """The content of a report, without a format."""

    study: str
    question: str
    run: tuple[tuple[str, str], ...]  # name -> what was run
    notes: tuple[str, ...]
    study_tables: tuple[Table, ...]  # of the study as a whole; one of them is the table of the arms
    parts: tuple[SectionContext, ...]
    across: tuple[Table, ...]  # over several data sets
    figures_over_data_sets: tuple[ReportFigure, ...]
    summary: tuple[str, ...]  # the answer in two sentences
    state: str  # how many runs are done
    cards: tuple[Card, ...]
    repeat: Repeat
    csv_files: Mapping[str, str]  # name without its ending -> what the file holds
    reading: tuple[str, ...] = READING

    @property
    def arm_count(self) -> int:
        """The rows of the table of the arms."""
        return next(len(table.rows) for table in self.study_tables if table.name == "arms")


def gather(results: Results, tables: list[SectionTables], protected: ProtectedNames) -> ReportContext:
    """The content of a report, from the finished runs. protected: names that no text may contain."""
    plan = results.plan
    notes = tuple(protected.clean(hide_machine(note)) for note in (*plan.notes, *_damaged(results)))
    return ReportContext(
        plan.study,
        plan.question,
        tuple(_run(results)),
        notes,
        tuple(anonymised_table(table, protected) for table in format_study(results)),
        tuple(_section(each, protected) for each in tables),
        tuple(anonymised_table(table, protected) for table in format_across(tables)),
        figures_over_data_sets(tables),
        summary(results, tables),
        run_so_far(results),
        cards(results, tables, protected.clean),
        repeat(results),
        csv_descriptions(tables[0].study.specs),
    )


def anonymised_table(table: Table, protected: ProtectedNames) -> Table:
    """A copy of a table in which no cell, note or caption has a protected name or a folder."""
    rows = tuple(tuple(protected.tidy(word) for word in row) for row in table.rows)
    notes = tuple(protected.tidy(note) for note in table.notes)
    return replace(table, rows=rows, notes=notes, caption=protected.tidy(table.caption))


def _damaged(results: Results) -> list[str]:
    if not results.damaged:
        return []
    names = listed(sorted(results.damaged)[:3]) + (", ..." if len(results.damaged) > 3 else "")
    remedy = "They count as not done; the study's command sets them aside and runs them again."
    return [f"{len(results.damaged)} records are not what was written ({names}). {remedy}"]


def _section(tables: SectionTables, protected: ProtectedNames) -> SectionContext:
    section = tables.section
    return SectionContext(
        section.name,
        captions.heading(section),
        section.phantom,
        tuple(cautions(tables)),
        tuple(answers(tables)),
        tuple(anonymised_table(table, protected) for table in format_tables(tables)),
        figures_of(tables),
        tuple(anonymised_table(table, protected) for table in (front_scores(tables), front_contrasts(tables))),
    )


def _run(results: Results) -> list[tuple[str, str]]:
    plan = results.plan
    facts = [("Command", clean(plan.command))]
    facts += [("Data", captions.data(section).removeprefix("Data: ")) for section in results.sections]
    facts += [
        ("Design", captions.grid(plan)),
        ("Recipe", captions.budget(plan).removeprefix("Recipe: ")),
        ("Selection", captions.selection(results.sections[0]).removeprefix("Evaluation point: ")),
        ("Protocol", f"version {plan.protocol}"),
        ("State", run_so_far(results)),
        ("Versions", environment(results.records)),
    ]
    return [(name, value) for name, value in facts if value]
