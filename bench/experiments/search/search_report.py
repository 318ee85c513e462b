"""The report of a study's searches: a page, a table of every candidate, pictures.

Rebuilt from the storage alone, but for searches that another storage remembers: of those everything stays as it was.
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
from bench.storage.atomic_io import storing, write_text

FOLDER = "tuning"
TABLE = "candidates.csv"
PLACE = ("arm", "data", "partition", "fold")  # the columns that say which search a candidate is of


def build(
    folder: Path, question: str, results: Sequence[SearchResult], written: Mapping[str, Any], notes: Sequence[str],
    every: Sequence[Search] = (),
) -> Path:  # fmt: skip
    """Write page, table and pictures of the searches under the study's folder; returns the page.

    every: all searches of the study; those that `written` has a set of and `results` have not are kept.
    """
    place = folder / FOLDER
    with storing(folder):
        place.mkdir(parents=True, exist_ok=True)
    mine = {one.search.identity for one in results}
    sets = {one["search"]["identity"]: one for one in written["sets"]}
    kept = [one for one in every if one.identity in sets and one.identity not in mine]
    lines = [f"# {written['study']}: what the search found", question, *(f"- {note}" for note in notes)]
    lines += [markdown(tuning_body(written).titled("tuning", "Tuning"))]
    drawn: set[Path] = set()
    for one in results:
        paths = search_plots.draw(one, place, _stem(one.search))
        drawn.update(paths)
        lines += [f"## {one.search.place}", f"{one.verdict()}.", *_told(one), *_shown(paths)]
    for one in kept:
        paths = sorted(place.glob(f"{_stem(one)}-*.*"))
        drawn.update(paths)
        said = f"{sets[one.identity]['verdict']}. Found earlier, and remembered in another storage than the others."
        lines += [f"## {one.place}", said, *_shown(paths)]
    rows = pd.concat([candidates(results), _earlier(place / TABLE, kept)], ignore_index=True)
    write_text(place / TABLE, rows.to_csv(index=False, lineterminator="\n"))
    write_text(place / "report.md", "\n\n".join(lines) + "\n")
    for path in set(place.glob("*.*")) - drawn - {place / TABLE, place / "report.md"}:
        path.unlink()
    return place / "report.md"


def _stem(search: Search) -> str:
    return digest(search.place, 8)


def _shown(paths: Sequence[Path]) -> list[str]:
    return [f"![{path.stem.partition('-')[2]}]({path.name})" for path in paths if path.suffix == ".png"]


def _earlier(path: Path, kept: Sequence[Search]) -> pd.DataFrame:
    """The rows of these searches in the table that is there, as they are."""
    if not kept or not path.is_file():
        return pd.DataFrame()
    found = pd.read_csv(path, dtype=str, keep_default_na=False)
    wanted = {tuple(map(str, _place(one).values())) for one in kept}
    return found[[row in wanted for row in found[list(PLACE)].itertuples(index=False, name=None)]]


def _place(search: Search) -> dict[str, Any]:
    trial = search.trial
    return dict(zip(PLACE, (search.arm, trial.where, trial.partition, trial.fold), strict=True))


def candidates(results: Sequence[SearchResult]) -> pd.DataFrame:
    """A row for every candidate of every search."""
    rows = []
    for one in results:
        for each in one.candidates:
            told = {
                "candidate": each.number,
                "state": each.state,
                **{f"objective {k}": v for k, v in each.values.items()},
            }
            params = {f"parameter {name}": value for name, value in sorted(each.params.items())}
            way = json.dumps(dict(sorted(each.on_its_way.items())))
            rows.append({**_place(one.search), **told, **params, "seconds": each.seconds, "steps": each.steps,
                         "points": way, "error": each.error})  # fmt: skip
    return pd.DataFrame(rows)


def _told(one: SearchResult) -> list[str]:
    """Counts, and the front where there are several objectives."""
    counts = ", ".join(f"{count} {state}" for state, count in sorted(one.states.items()))
    lines = [f"{len(one.candidates)} of {one.trials} candidates ({counts}), {one.steps} steps, {one.seconds:.0f} s."]
    if len(one.search.tuning.objectives) > 1:
        shown = [f"- candidate {each.number}: {_values(each.values)}" for each in one.front]
        lines += ["Nothing is better in every objective than:", "\n".join(shown)]
    if found := search_plots.importance(one):
        words = ", ".join(f"{name} {share:.2f}" for name, share in found.items())
        settings = ", ".join(f"{name}={value}" for name, value in search_plots.EVALUATOR.items())
        lines += [f"Importance (fANOVA, {settings}): {words}."]
    return lines


def _values(values: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in values.items())
