"""Scores of all studies side by side, as far as they can be compared.

A board holds the arms of all studies that were tested on the same prepared scans in the same folds, for the same task,
under the same protocol and with the same training budget. Nothing is averaged over boards: methods that are the same on
several data sets are ranked within each, and their ranks are averaged.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.core import plain
from bench.core.serialization import canonical
from bench.evaluation import metrics, rank_arms
from bench.report import ReportData
from bench.report.tables import DatasetResults, SectionTables, Table
from bench.report.tables.number_format import between, decimals, large, listed, number, p_is, plural
from bench.report.tables.table import arm_cell, metric_column, score_cell

FEWEST_METHODS, FEWEST_SETS = 3, 2  # of a ranking over data sets


@dataclass(frozen=True)
class BoardRow:
    """An arm of a study on a data set.

    Attributes
    ----------
    board : str
        What its score may be compared under: rows of one board have the same text.
    place : tuple of str
        What a ranking over data sets is made under: kind of data, protocol, budget. Empty for a variant of a data set.
    data, title, kind : str
        The data set: its name in the study, its title, `real` or `phantom`.
    basis : str
        Protocol, budget and folds in words.
    metric : str
        Name of the metric.
    column : str
        Heading of the column of the score.
    keys : tuple of str
        Keys of its trials, sorted: an arm that two studies share has the same.
    method : str
        The method with its parameters and its curriculum, in one text; empty if it learns from another arm.
    entry : mapping
        Its row of the table of scores.
    study, code : str
        Name of the study, and the versions of the code that made its records.
    """

    board: str
    place: tuple[str, ...]
    data: str
    title: str
    kind: str
    basis: str
    metric: str
    column: str
    keys: tuple[str, ...]
    method: str
    entry: dict[str, Any]
    study: str
    code: str


def board_rows(data: ReportData) -> list[BoardRow]:
    """The arms of a study on each of its data sets.

    Parameters
    ----------
    data : ReportData
        The study.

    Returns
    -------
    list of BoardRow
        Without controls and without arms that have no finished trial.
    """
    return [row for frames in data.tables for row in _rows(frames)]


def _rows(frames: SectionTables) -> Iterable[BoardRow]:
    section = frames.section
    board, basis, place = _comparable(section)
    column = metric_column(section, section.metric)
    names = section.name, section.data.title or section.name, section.kind
    for entry in frames.scores.to_dict("records"):
        runs = [run for run in section.of(entry["arm"]) if run.record]
        if entry["done"]:
            keys = tuple(sorted(run.cell.key for run in runs))
            codes = sorted(
                {((run.record.provenance.get("code") or {}).get("sources") or "unknown")[:8] for run in runs}
            )
            method = (
                ""
                if runs[0].cell.upstream
                else canonical(plain([runs[0].record.trial.method, runs[0].record.trial.curriculum]))
            )
            yield BoardRow(board, place, *names, basis, section.task.primary, column, keys, method, entry,
                           frames.results.name, listed(codes))  # fmt: skip


def _comparable(section: DatasetResults) -> tuple[str, str, tuple[str, ...]]:
    """What must be alike for two scores to be compared; the same in words; and the place of a ranking."""
    data, plan = section.data, section.plan
    design = {"protocol": plan.protocol, "folds": section.folds, "partitions": section.partitions, "seeds": plan.seeds}
    scans = {name: getattr(data, name) for name in ("set_name", "params", "fingerprint", "split", "fraction", "noise",
                                                    "missing", "external", "task")}  # fmt: skip
    recipe = plain(plan.recipe)
    board = canonical(plain({**scans, **design, "recipe": recipe, "kind": section.kind}))
    budget = f"{plural(plan.recipe.steps, 'step')} of {plural(plan.recipe.batch_size, 'scan')}"
    folds = (
        f"{plural(section.folds, 'fold')} x {plural(section.partitions, 'partition')} x {plural(plan.seeds, 'seed')}"
    )
    words = f"Protocol {plan.protocol}; {folds}; {budget}; scans {str(data.fingerprint or 'unknown')[:8]}."
    whole = section.name == (data.label or data.set_name) and data.external is None
    return board, words, (section.kind, str(plan.protocol), budget) if whole else ()


@dataclass(frozen=True)
class Board:
    """The arms that may be compared, best first.

    Attributes
    ----------
    title, basis, kind : str
        The data set, what is alike, and `real` or `phantom`.
    table : Table
        A row for every arm.
    """

    title: str
    basis: str
    kind: str
    table: Table


def boards(rows: Sequence[BoardRow]) -> list[Board]:
    """The boards: real data before phantoms, then by data set.

    Parameters
    ----------
    rows : sequence of BoardRow
        The arms of all studies.

    Returns
    -------
    list of Board
        One for everything that may be compared.
    """
    together: dict[str, list[BoardRow]] = {}
    for row in sorted(rows, key=lambda row: (row.kind == "phantom", row.data, row.basis)):
        together.setdefault(row.board, []).append(row)
    return [_board(number, found) for number, found in enumerate(together.values(), 1)]


def _board(at: int, rows: Sequence[BoardRow]) -> Board:
    first = rows[0]
    metric = metrics.metric(first.metric)
    sign, digits = (1 if metric.better == "higher" else -1), decimals(metric)
    once: dict[tuple[str, ...], list[BoardRow]] = {}
    for row in rows:
        once.setdefault(row.keys, []).append(row)
    ordered = sorted(once.values(), key=lambda same: _order(same[0].entry, sign))
    cells = tuple(_cells(same, digits) for same in ordered)
    columns = ("Arm", first.column, "95 %", "Runs", "Parameters", "Study", "Code")
    caption = (
        "95 %: interval over people, for these trained models. Arms of different studies were not declared to be"
        " compared: an order is no test. A difference is shown in the report of a study that declared it."
    )
    return Board(
        first.title, first.basis, first.kind, Table(f"board-{at}", first.title, columns, cells, caption, (), (0, 5, 6))
    )


def _order(entry: dict[str, Any], sign: int) -> tuple[bool, float]:
    """Complete arms first, best first."""
    score = entry["score"]
    return not entry["complete"], math.inf if math.isnan(score) else -sign * score


def _cells(same: Sequence[BoardRow], digits: int) -> tuple[str, ...]:
    row, entry = same[0], same[0].entry
    score = score_cell(entry, digits), between(entry["low"], entry["high"], digits)
    runs = f"{entry['done']}/{entry['planned']}"
    size = large(entry["parameters"]) if entry["parameters"] is not None else "\u2013"
    return arm_cell(entry), *score, runs, size, listed(sorted({each.study for each in same})), row.code


def mean_ranks(rows: Sequence[BoardRow]) -> tuple[list[Table], str]:
    """Methods that are the same on several data sets, ranked within each.

    Parameters
    ----------
    rows : sequence of BoardRow
        The arms of all studies.

    Returns
    -------
    tables : list of Table
        One for each kind of data, protocol and budget that has enough.
    why : str
        Why there is none; empty if there is one.
    """
    places: dict[tuple[str, ...], list[BoardRow]] = {}
    for row in rows:
        if row.place and row.method and row.entry["complete"] and not math.isnan(row.entry["score"]):
            places.setdefault(row.place, []).append(row)
    tables = [table for place, found in places.items() if (table := _ranking(place, found)) is not None]
    if tables:
        return tables, ""
    return [], (
        f"No ranking over data sets: it needs {FEWEST_METHODS} methods with the same parameters, run to the end on"
        f" {FEWEST_SETS} data sets with the same protocol and budget. Means of scores over data sets would mix units."
    )


def _ranking(place: tuple[str, ...], rows: Sequence[BoardRow]) -> Table | None:
    scores: dict[str, dict[str, float]] = {}
    labels: dict[str, set[str]] = {}
    for row in rows:
        sign = 1 if metrics.metric(row.metric).better == "higher" else -1
        scores.setdefault(row.data, {})[row.method] = sign * row.entry["score"]
        labels.setdefault(row.method, set()).add(row.entry["arm"])
    sets = _largest(scores)
    shared = sorted(set.intersection(*(set(scores[name]) for name in sets))) if sets else []
    if len(shared) < FEWEST_METHODS or len(sets) < FEWEST_SETS:
        return None
    table = np.array([[scores[name][method] for method in shared] for name in sets])
    ranks, each = rank_arms(table), [rank_arms(line[None]).means for line in table]
    order = np.argsort(ranks.means, kind="stable")
    cells = tuple(
        (listed(sorted(labels[shared[at]])), number(ranks.means[at], 2), *(number(line[at], 1) for line in each))
        for at in order
    )
    kind, protocol, budget = place
    caption = (
        f"Mean ranks over {plural(len(sets), 'data set')}, protocol {protocol}, {budget}; 1 is best."
        f" Critical difference (Nemenyi, 0.05): {number(ranks.critical, 2)}; Friedman {p_is(ranks.p)}."
        " Data sets that share people are not independent, and the test takes them as if they were."
    )
    title = f"Methods on several {'phantoms' if kind == 'phantom' else 'data sets'}"
    return Table(f"ranks-{kind}-{protocol}", title, ("Arm", "Mean rank", *sets), cells, caption, (), (0,))


def _largest(scores: dict[str, dict[str, float]]) -> list[str]:
    """The data sets of the ranking: begun with the one that has most methods, each next one keeps three in common."""
    chosen: list[str] = []
    common: set[str] = set()
    for name in sorted(scores, key=lambda name: (-len(scores[name]), name)):
        both = set(scores[name]) & common if chosen else set(scores[name])
        if len(both) >= FEWEST_METHODS:
            chosen, common = [*chosen, name], both
    return chosen
