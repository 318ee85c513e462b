"""From a plan and the store to tables: frames of numbers, and tables of words that say what they rest on.

Reads disk only. Phantom and real data sets never share a table: each data set is a section of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import pandas as pd

from bench.report.tables import captions
from bench.report.tables import table as layout
from bench.report.tables.above_chance_table import learning
from bench.report.tables.across_datasets_table import across, pooled, rankings, ranks_frame
from bench.report.tables.arms_table import arms
from bench.report.tables.contrasts_table import contrasts, corrected
from bench.report.tables.controls_table import controls, failures
from bench.report.tables.effects_rows import effects_as_table
from bench.report.tables.effects_table import effects
from bench.report.tables.learning_curves import curves
from bench.report.tables.model_comparison_table import trained, trained_table
from bench.report.tables.operating_point_table import operating_table
from bench.report.tables.render import latex, markdown, prose
from bench.report.tables.results import DatasetResults, Results, Run, gather, read
from bench.report.tables.robustness_table import curves as stressed_curves
from bench.report.tables.robustness_table import drops as stressed_drops
from bench.report.tables.robustness_table import read as read_stressed
from bench.report.tables.robustness_table import table as stressed_table
from bench.report.tables.scores_table import predictions, scores
from bench.report.tables.search_table import tuning
from bench.report.tables.speed_table import table as timed_table
from bench.report.tables.table import Table
from bench.report.tables.variance_table import noise, noise_table

__all__ = [
    "DatasetResults",
    "Results",
    "Run",
    "SectionTables",
    "Table",
    "across",
    "arms",
    "captions",
    "contrasts",
    "controls",
    "curves",
    "effects",
    "failures",
    "frames",
    "gather",
    "laid_out",
    "latex",
    "learning",
    "markdown",
    "noise",
    "pooled",
    "predictions",
    "prose",
    "rankings",
    "ranks_frame",
    "read",
    "scores",
    "trained",
    "tuning",
]  # fmt: skip


@dataclass(frozen=True)
class SectionTables:
    """The numbers of one section."""

    section: DatasetResults
    scores: pd.DataFrame
    contrasts: pd.DataFrame
    effects: pd.DataFrame
    controls: pd.DataFrame
    failures: pd.DataFrame
    learning: pd.DataFrame
    trained: pd.DataFrame
    stress: pd.DataFrame  # curves over the strengths of corruptions; empty where nobody asked
    drops: pd.DataFrame  # what disturbed scans cost each arm


def frames(results: Results) -> list[SectionTables]:
    """The numbers of every section, real data first. Holm's correction spans the sections of a kind."""
    tested, varied = corrected(contrasts(results), effects(results))
    found = []
    for section in results.sections:
        scored = scores(section)
        mine, its = (each[each["data"] == section.name] if len(each) else each for each in (tested, varied))
        checked = controls(section, scored), failures(section), learning(section), trained(section)
        disturbed = read_stressed(section)
        found.append(
            SectionTables(section, scored, mine, its, *checked, stressed_curves(disturbed), stressed_drops(disturbed))
        )
    return found


def laid_out(results: Results, found: SectionTables) -> list[Table]:
    """The tables of a section that have rows."""
    makers: list[Callable[[], Table]] = [
        partial(layout.scores, found.section, found.scores),
        partial(layout.contrasts, found.section, found.contrasts),
        partial(effects_as_table, found.section, found.effects),
        partial(layout.controls, found.section, found.controls),
        partial(layout.learning, found.section, found.learning),
        partial(layout.publisher, found.section),
        partial(layout.bias, found.section),
        partial(operating_table, found.section),
        partial(noise_table, found.section),
        partial(trained_table, found.section, found.trained),
        partial(layout.audit, found.section, found.scores),
        partial(layout.cost, found.section, found.scores),
        partial(timed_table, found.section),
        partial(stressed_table, found.section, found.drops),
        *([partial(tuning, results.tuned, found.section.name)] if results.tuned else []),
        partial(layout.failures, results, found.section, found.failures),
    ]
    return [table for table in (maker() for maker in makers) if table.rows]
