"""The report of a study's searches: a page, a table of every candidate, pictures. Rebuilt from the storage alone."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from bench.core import digest
from bench.disk import storing, write_text
from bench.tables import markdown
from bench.tables.tuning import tuning
from bench.tune import drawing
from bench.tune.found import Found

FOLDER = "tuning"


def build(
    folder: Path, question: str, results: Sequence[Found], written: Mapping[str, Any], notes: Sequence[str]
) -> Path:
    """Write page, table and pictures of the searches under the study's folder; returns the page."""
    place = folder / FOLDER
    with storing(folder):
        place.mkdir(parents=True, exist_ok=True)
    lines = [f"# {written['study']}: what the search found", question, *(f"- {note}" for note in notes)]
    lines += [markdown(tuning(written))]
    drawn: set[Path] = set()
    for one in results:
        stem = digest(one.search.place, 8)
        paths = drawing.draw(one, place, stem)
        drawn.update(paths)
        lines += [f"## {one.search.place}", f"{one.verdict()}.", *_told(one)]
        lines += [f"![{path.stem.partition('-')[2]}]({path.name})" for path in paths if path.suffix == ".png"]
    write_text(place / "candidates.csv", candidates(results).to_csv(index=False, lineterminator="\n"))
    write_text(place / "report.md", "\n\n".join(lines) + "\n")
    for path in set(place.glob("*.*")) - drawn - {place / "candidates.csv", place / "report.md"}:
        path.unlink()
    return place / "report.md"


def candidates(results: Sequence[Found]) -> pd.DataFrame:
    """A row for every candidate of every search."""
    rows = []
    for one in results:
        trial = one.search.trial
        place = {"arm": one.search.arm, "data": trial.where, "partition": trial.partition, "fold": trial.fold}
        for each in one.candidates:
            told = {
                "candidate": each.number,
                "state": each.state,
                **{f"objective {k}": v for k, v in each.values.items()},
            }
            params = {f"parameter {name}": value for name, value in sorted(each.params.items())}
            way = json.dumps(dict(sorted(each.on_its_way.items())))
            rows.append({**place, **told, **params, "seconds": each.seconds, "steps": each.steps, "points": way,
                         "error": each.error})  # fmt: skip
    return pd.DataFrame(rows)


def _told(one: Found) -> list[str]:
    """Counts, and the front where there are several objectives."""
    counts = ", ".join(f"{count} {state}" for state, count in sorted(one.states.items()))
    lines = [f"{len(one.candidates)} of {one.trials} candidates ({counts}), {one.steps} steps, {one.seconds:.0f} s."]
    if len(one.search.tuning.objectives) > 1:
        shown = [f"- candidate {each.number}: {_values(each.values)}" for each in one.front]
        lines += ["Nothing is better in every objective than:", "\n".join(shown)]
    if found := drawing.importance(one):
        words = ", ".join(f"{name} {share:.2f}" for name, share in found.items())
        settings = ", ".join(f"{name}={value}" for name, value in drawing.EVALUATOR.items())
        lines += [f"Importance (fANOVA, {settings}): {words}."]
    return lines


def _values(values: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in values.items())
