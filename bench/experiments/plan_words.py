"""The plan of a study in three sentences: what runs, how long it takes, and what it could show."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from bench.core import plural
from bench.experiments.plan.estimate import in_words
from bench.experiments.power.power_lines import size

if TYPE_CHECKING:
    from bench.experiments.planned_study import PlannedStudy
    from bench.experiments.power.power_forms import DataPower, StudyPower

FEW = 5  # people of a class in a test fold, below which its scores jump


def plan_words(planned: PlannedStudy, power: StudyPower) -> list[str]:
    """What runs, how long, and what each data set could show."""
    return [_what(planned), _how_long(planned), *(_could_show(each) for each in power.data if each.runs)]


def _what(planned: PlannedStudy) -> str:
    arms = {cell.arm for cell in planned.cells if cell.role == "arm"}
    controls = len(planned.trials) - len({cell.trial.key for cell in planned.cells if cell.role == "arm"})
    places = ", ".join(item.where for item in planned.data)
    done, total = planned.statuses["done"], len(planned.trials)
    more = f", {controls} of them for controls and teachers" if controls else ""
    left = "none is done" if not done else "all are done" if done == total else f"{done} are done"
    count = f"{plural(len(arms), 'arm')} on {places}: {plural(total, 'training')}{more}"
    refused = " Arms that will be refused are named below." if planned.refusals else ""
    return f"What runs: {count}; {left}{_unmade(planned)}.{refused}"


def _unmade(planned: PlannedStudy) -> str:
    """That earlier results may count once a phantom is made; empty if they are all known."""
    unmade = [item.spec.name for item in planned.data if not item.spec.fingerprint]
    if not unmade or not (planned.store.root / planned.name / "plan.json").is_file():
        return ""
    return f" (whether earlier results count is known once the scans are here: bench prepare {unmade[0]})"


def _how_long(planned: PlannedStudy) -> str:
    estimate = planned.estimate
    if not estimate.trials:
        return "How long: nothing is left to train."
    known = estimate.trials - estimate.unknown
    if not known:
        given = f" The study says: {planned.study.cost}." if planned.study.cost else ""
        return f"How long: unknown, as none of them has been timed here; --measure trains a few steps of each.{given}"
    rest = f", and {estimate.unknown} trainings of unknown length (--measure times them)" if estimate.unknown else ""
    return f"How long: {in_words(estimate.seconds)}, one training after the other{rest}."


def _could_show(power: DataPower) -> str:
    start = f"What it could show on {power.data}: "
    if not power.contrasts:
        return f"{start}unknown: {power.problem}."
    low, high = power.between()
    ends = size(low) if size(low) == size(high) else f"{size(low)} to {size(high)}"
    unit = f" {power.unit}" if power.unit else ""
    if math.isnan(low) or low > power.room:
        few = f"{power.people} {power.counted} in {power.folds} folds are too few"
        return f"{start}nothing: {few}. {_folds(power)}".rstrip()
    return (
        f"{start}differences in {power.metric} of {ends}{unit} or more, in four of five such studies; smaller ones will"
        f" probably not be found. {_folds(power)}"
    ).rstrip()


def _folds(power: DataPower) -> str:
    """How many people a test fold holds, and a caution where a class is rare in it."""
    if not power.people or power.folds < 2:
        return ""
    rarest = min(power.class_people, default=0)
    if not rarest:
        return f"A test fold holds about {round(power.people / power.folds)} {power.counted}."
    least, most = math.floor(rarest / power.folds), math.ceil(rarest / power.folds)
    many = str(least) if least == most else f"{least} or {most}"
    if most < FEW:
        return f"A test fold would hold {many} people of the rarest class: take fewer folds, or more people."
    return f"A test fold holds about {round(power.people / power.folds)} people, {many} of the rarest class."
