"""Checks that a plan is whole and that records belong to it: nothing was picked, mixed or changed."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

from bench.core import plain
from bench.core.outside_arm import is_outside
from bench.core.study_plan import DataEntry, StudyPlan

if TYPE_CHECKING:
    from bench.report.tables.results import Run


def plan_mismatch(plan: StudyPlan, run: Run) -> str:
    """How the record of a run differs from its plan in place, data or recipe; empty if it does not."""
    trial, upstream = run.record.trial, run.cell.role == "upstream"
    entry = next(entry for entry in plan.data if entry.name == run.cell.data)
    tested = trial.external.data.fingerprint if trial.external else None
    begins = trial.held_out  # a pretraining has other data
    place = [(name, getattr(run.cell, name), getattr(trial, name)) for name in ("partition", "fold", "seed")]
    aspects = [*place, ("data fingerprint", entry.fingerprint, (begins or trial).data.fingerprint)]
    if begins:
        planned = {spec.fingerprint for spec in entry.pretraining}
        mark = trial.data.fingerprint
        aspects += [("fingerprint of the data of a pretraining", mark if mark in planned else ", ".join(planned), mark)]
    other = entry.external.data.fingerprint if entry.external else None
    aspects += [("fingerprint of the data tested on", other, tested)] if other else []
    recipes = plain(plan.recipe), plain(trial.recipe)
    trained = not (upstream or is_outside(trial))
    aspects += [(f"recipe ({name})", planned, recipes[1][name]) for name, planned in recipes[0].items() if trained]
    for what, asked, found in aspects:
        if asked is not None and asked != found:
            return (
                f"{plan.study}: the plan and the record {trial.key} ({run.cell.arm}, {entry.name}) differ in"
                f" the {what}: {asked} planned, {found} run. They do not belong in one table: `bench run` writes a new"
                " plan, and `bench compare` shows two studies side by side"
            )
    return ""


def lacking_cells(plan: StudyPlan, entry: DataEntry) -> str:
    """Which fold or seed of an arm a plan lacks, as no plan that is written here does; empty if it lacks none."""
    if plan.recipe.scans:  # of a run that only shows that the study runs
        return ""
    sizes = entry.partitions or plan.partitions, entry.folds or plan.folds, plan.seeds
    planned = set(product(*map(range, sizes)))
    arms: dict[str, set[tuple[int, int, int]]] = {}
    for cell in plan.cells:
        if cell.data == entry.name and cell.role == "arm":
            arms.setdefault(cell.arm, set()).add((cell.partition, cell.fold, cell.seed))
    for arm, places in arms.items():
        if lacking := sorted(planned - places):
            partition, fold, seed = lacking[0]
            return (
                f"the plan of {plan.study} lacks {len(lacking)} of {len(planned)} runs of {arm} on {entry.name}, for"
                f" example fold {fold} of partition {partition} with seed {seed}: a table of the others would be of"
                " picked runs. Run the study again: `bench run` writes the whole plan, and the records stay"
            )
    return ""
