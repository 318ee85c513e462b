"""Results and costs of the searches from their file, beside the defaults, on the validation part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bench.core import Labels
from bench.core.trial import where
from bench.evaluation import metrics
from bench.report.tables.number_format import NOTHING, decimals, number, seconds
from bench.report.tables.table import TableBody
from bench.report.tables.table_spec import TableSpec

if TYPE_CHECKING:
    pass

COLUMNS = (
    "Arm", "Data", "Partition", "Fold", "Defaults", "Best", "Candidate", "Parameters", "Tried", "Pruned", "Failed",
    "Steps", "Seconds",
)  # fmt: skip
CAPTION = (
    "Scores are on the validation part, which the search has chosen by: the best of many flatters itself, and only the "
    "test part tells what was gained. It was not read. Candidate 0 is the arm with its own parameters. Tried: "
    "candidates in all, the same number for every arm. Steps and seconds: of all of them, pruned ones included."
)


def tuning_body(tuned: Mapping[str, Any], data: str = "") -> TableBody:
    """A row for every search in a file of tuned parameters. data: of this data set alone, as `where` names it."""
    sets = [one for one in tuned.get("sets", ()) if not data or _place(one) == data]
    rows = tuple(_row(one) for one in sets)
    return TableBody(COLUMNS, rows, CAPTION, _notes(sets, tuned), (0, 1, 7))


def _row(one: Mapping[str, Any]) -> tuple[str, ...]:
    digits = decimals(metrics.metric(one["metric"]))
    usual = NOTHING if one["defaults"] is None else number(one["defaults"], digits)
    params = ", ".join(f"{name}={_short(value)}" for name, value in sorted(one["params"].items()))
    found, cost = one["search"], one["cost"]
    return (
        one["arm"], _place(one), str(one["partition"]), str(one["fold"]), usual, number(one["validation"], digits),
        str(one["candidate"]), params, str(cost["trials"]), str(found["pruned"]),
        str(found["failed"] + found["refused"]), str(cost["steps"]), seconds(cost["seconds"]),
    )  # fmt: skip


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _place(one: Mapping[str, Any]) -> str:
    split, labels = one["split"], Labels(**one["labels"])
    return where(one["data"]["name"], split["kind"], "", split["fraction"], labels.noise, labels.missing)


def _notes(sets: Sequence[Mapping[str, Any]], tuned: Mapping[str, Any]) -> tuple[str, ...]:
    """Each combination of sampler and pruner once; open searches, and unequal numbers of candidates."""
    names = ("sampler", "pruner", "seed")
    ways = {(*(one["search"][name] for name in names), one["search"]["versions"]["optuna"]) for one in sets}
    notes = [
        f"Sampler {sampler}, pruner {pruner}, seed {seed}, Optuna {version}; their settings are in tuned.json."
        for sampler, pruner, seed, version in sorted(ways)
    ]
    numbers = sorted({one["cost"]["trials"] for one in sets})
    if len(numbers) > 1:
        counts = ", ".join(map(str, numbers))
        notes += [f"Not all searches had the same number of candidates ({counts}): more find more by luck alone."]
    if missing := tuned.get("not_searched"):
        notes += [f"Not searched yet, to the end: {'; '.join(missing)}."]
    return tuple(notes)


TABLE = TableSpec(
    "tuning", "Tuning", order=1500, layout=lambda found: tuning_body(found.results.tuned_parameters, found.section.name)
)
