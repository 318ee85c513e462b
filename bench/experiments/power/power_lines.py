"""The answers of the power planner in words."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from bench.core import plural

if TYPE_CHECKING:
    from bench.experiments.power.power_forms import Alternative, DataPower, Requirement

MOST_PARTITIONS = 20  # of the designs that are compared
FEW_DF = 4  # of the variance of training, below which the test finds little
FEW = 4  # contrasts that have a line each


def data_lines(power: DataPower, difference: float | None = None) -> list[str]:
    """What the contrasts on a data set could show. difference: say also what it takes to show this one."""
    people = f"{power.people:,} {power.counted} ({power.people_source})" if power.people else f"{power.counted} unknown"
    lines = [f"power on {power.data}: {people}; {_tests(power)}"]
    if power.contrasts:
        lines += [*_source_lines(power), *_detectable_lines(power)]
        lines += _table(power) if power.runs else []
    lines += [f"  {words}" for words in warnings(power)]
    required = None if difference is None else power.required(difference)
    return [*lines, *([f"  {_requirement(power, required)}"] if required else [])]


def warnings(power: DataPower) -> list[str]:
    """Why a study cannot decide its question on a data set; empty if nothing speaks against it."""
    if power.problem:
        return [f"cannot tell: {power.problem}"]
    low, high = power.between()
    found, df = [], power.partitions * (power.folds - 1)
    if df < FEW_DF and power.repeats:
        found.append(
            f"{plural(power.folds, 'fold')} x {plural(power.partitions, 'partition')} show the variance of training"
            f" with {plural(df, 'degree')} of freedom: more partitions gain more than {power.counted}"
        )
    if high > power.room:
        which = "no contrast" if low > power.room else "not every contrast"
        found.append(
            f"this study cannot decide its question: {which} can show a difference that {power.metric} has room for,"
            f" at most {size(power.room)}{_unit(power)} above chance"
        )
    if high > power.margin:
        required = power.required(power.margin)
        found.append(
            f"this study cannot decide what it declares: differences of the margin, {size(power.margin)}"
            f"{_unit(power)}, are below what it can show; {_needs(power, required)}"
        )
    return found


def size(value: float) -> str:
    """A difference with three digits."""
    return "unknown" if math.isnan(value) else f"{value:.3g}"


def _range(low: float, high: float) -> str:
    ends = size(low), size(high)
    return ends[0] if ends[0] == ends[1] else f"{ends[0]} to {ends[1]}"


def _unit(power: DataPower) -> str:
    return f" {power.unit}" if power.unit else ""


def _shape(power: DataPower | Alternative) -> str:
    return f"{power.folds} x {power.partitions} x {power.seeds}"


def _tests(power: DataPower) -> str:
    shared = f"{plural(power.tests, 'primary test')}" + (" share Holm's correction" if power.tests > 1 else "")
    return shared + (f", {power.exploratory} exploratory on this set" if power.exploratory else "")


def _source_lines(power: DataPower) -> list[str]:
    """Where the noise is from."""
    sources: dict[str, int] = {}
    for each in power.contrasts:
        sources[each.source] = sources.get(each.source, 0) + 1
    if len(sources) == 1:
        return [f"  noise from {next(iter(sources))}"]
    return [f"  noise of {plural(count, 'contrast')} from {source}" for source, count in sources.items()]


def _detectable_lines(power: DataPower) -> list[str]:
    """The detectable differences with the planned design, and with any number of partitions."""
    number, low_high = len(power.contrasts), _range(*power.between())
    which = "" if number == 1 else f", in each of {number} contrasts"
    place = f"{_shape(power)} (folds x partitions x seeds)"
    found = f"  {power.metric}: detectable in 80 % of studies at {place}: {low_high}{_unit(power)}{which}"
    each = []
    if 1 < number <= FEW and " to " in low_high:
        each = [f"    {one.arm} against {one.against}: {size(one.detectable)}" for one in power.contrasts]
    if not power.repeats:
        return [found, *each]
    return [found, *each, f"  with any number of partitions: not below {_range(*power.between('floor'))}{_unit(power)}"]


def _table(power: DataPower) -> list[str]:
    """The planned design beside others."""
    heads = ("design", power.counted, "trainings an arm", "hours", "detectable")
    rows = [heads, *(_row(each) for each in power.alternatives)]
    widths = [max(len(row[at]) for row in rows) for at in range(len(heads))]
    return [
        "  " + "  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]


def _row(each: Alternative) -> tuple[str, ...]:
    hours = "unknown" if math.isnan(each.hours) else f"{each.hours:,.2g}" if each.hours < 10 else f"{each.hours:,.0f}"
    design = _shape(each) + (" (planned)" if each.planned else "")
    return design, f"{each.people:,}", str(each.trainings), hours, _range(each.low, each.high)


def _requirement(power: DataPower, required: Requirement) -> str:
    wanted = f"a difference of {size(required.difference)}{_unit(power)} in every primary contrast"
    if required.difference > power.room:
        most = f"{size(power.room)}{_unit(power)}"
        return f"{wanted} does not exist: {power.metric} has room for at most {most} above chance"
    if required.enough:
        return f"{wanted}: the planned design is enough"
    return f"{wanted}: the planned design cannot show it; {_needs(power, required)}"


def _needs(power: DataPower, required: Requirement) -> str:
    """What it takes: people at the planned design, or partitions with the people of the data set."""
    shape, here, counted = _shape(power), f"with {power.people:,} {power.counted}", power.counted
    people, partitions = required.people, required.partitions
    if people is not None:
        rest = "" if not power.repeats else f"; no number of partitions is enough {here}"
        rest = rest if partitions is None else f", or {plural(partitions, 'partition')} {here}"
        return f"it takes {people:,} {counted} at {shape}{rest}"
    if partitions is not None:
        return f"it takes {plural(partitions, 'partition')} {here}; no number of {counted} is enough at {shape}"
    if not power.repeats:
        return f"no number of {counted} is enough at {shape}"
    most = required.people_at_most_partitions
    both = "" if most is None else f"; {most:,} {counted} with {MOST_PARTITIONS} partitions would be"
    return f"no number of {counted} is enough at {shape}, and no number of partitions {here}{both}"
