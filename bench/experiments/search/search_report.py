"""Report of a study's searches: a page, a table of all candidates, and plots.

It is rebuilt from the storage; searches of another storage keep the rows and plots of the earlier report.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from bench.core import digest
from bench.experiments.search import search_plots
from bench.experiments.search.search_definition import Search
from bench.experiments.search.search_result import SearchResult
from bench.report.tables import markdown
from bench.report.tables.search_table import tuning_body
from bench.storage.atomic_io import disk_errors, write_text

FOLDER = "tuning"
TABLE = "candidates.csv"
PLACE = ("arm", "data", "partition", "fold")  # columns that identify the search of a candidate


def write_report(
    folder: Path, question: str, results: Sequence[SearchResult], tuned: Mapping[str, Any], notes: Sequence[str],
    every: Sequence[Search] = (),
) -> Path:  # fmt: skip
    """Write page, table and plots into the study's folder; returns the path of the page.

    tuned: content of tuned.json. every: all searches of the study; those with a set in `tuned` but no result keep
    their earlier rows and plots.
    """
    target = folder / FOLDER
    with disk_errors(folder):
        target.mkdir(parents=True, exist_ok=True)
    current = {result.search.identity for result in results}
    sets = {entry["search"]["identity"]: entry for entry in tuned["sets"]}
    earlier = [search for search in every if search.identity in sets and search.identity not in current]
    lines = [f"# {tuned['study']}: what the search found", question, *(f"- {note}" for note in notes)]
    lines += [markdown(tuning_body(tuned).titled("tuning", "Tuning"))]
    plots: set[Path] = set()
    for result in results:
        paths = search_plots.save_plots(result, target, _stem(result.search))
        plots.update(paths)
        lines += [f"## {result.search.label}", f"{result.verdict()}.", *_summary(result), *_image_links(paths)]
    for search in earlier:
        paths = sorted(target.glob(f"{_stem(search)}-*.*"))
        plots.update(paths)
        verdict = f"{sets[search.identity]['verdict']}. This result is of an earlier search in another storage."
        lines += [f"## {search.label}", verdict, *_image_links(paths)]
    rows = pd.concat([candidate_table(results), _earlier_rows(target / TABLE, earlier)], ignore_index=True)
    write_text(target / TABLE, rows.to_csv(index=False, lineterminator="\n"))
    write_text(target / "report.md", "\n\n".join(lines) + "\n")
    for path in set(target.glob("*.*")) - plots - {target / TABLE, target / "report.md"}:
        path.unlink()
    return target / "report.md"


def _stem(search: Search) -> str:
    return digest(search.label, 8)


def _image_links(paths: Sequence[Path]) -> list[str]:
    return [f"![{path.stem.partition('-')[2]}]({path.name})" for path in paths if path.suffix == ".png"]


def _earlier_rows(path: Path, searches: Sequence[Search]) -> pd.DataFrame:
    """The rows of these searches in the existing table, unchanged."""
    if not searches or not path.is_file():
        return pd.DataFrame()
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    wanted = {tuple(map(str, _place(search).values())) for search in searches}
    return table[[row in wanted for row in table[list(PLACE)].itertuples(index=False, name=None)]]


def _place(search: Search) -> dict[str, Any]:
    trial = search.trial
    return dict(zip(PLACE, (search.arm, search.where, trial.partition, trial.fold), strict=True))


def candidate_table(results: Sequence[SearchResult]) -> pd.DataFrame:
    """A row for every candidate of every search."""
    rows = []
    for result in results:
        for candidate in result.candidates:
            outcome = {
                "candidate": candidate.number,
                "state": candidate.state,
                **{f"objective {name}": value for name, value in candidate.values.items()},
            }
            params = {f"parameter {name}": value for name, value in sorted(candidate.params.items())}
            points = json.dumps(dict(sorted(candidate.intermediate_values.items())))
            rows.append({**_place(result.search), **outcome, **params, "seconds": candidate.seconds,
                         "steps": candidate.steps, "node": candidate.node, "points": points,
                         "error": candidate.error})  # fmt: skip
    return pd.DataFrame(rows)


def _summary(result: SearchResult) -> list[str]:
    """Number of candidates, the Pareto front of several objectives, and parameter importance."""
    counts = ", ".join(f"{count} {state}" for state, count in sorted(result.states.items()))
    total = f"{len(result.candidates)} of {result.trials} candidates ({counts})"
    lines = [f"{total}, {result.steps} steps, {result.seconds:.0f} s."]
    if len(result.search.tuning.objectives) > 1:
        front = [f"- candidate {candidate.number}: {_values(candidate.values)}" for candidate in result.pareto_front]
        lines += ["Nothing is better in every objective than:", "\n".join(front)]
    if shares := search_plots.importance(result):
        words = ", ".join(f"{name} {share:.2f}" for name, share in shares.items())
        settings = ", ".join(f"{name}={value}" for name, value in search_plots.EVALUATOR.items())
        lines += [f"Importance (fANOVA, {settings}): {words}."]
    return lines


def _values(values: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in values.items())
