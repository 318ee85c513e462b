"""What every study could show: the rows of results/reference/power, as `bench plan` answers them.

Run `python tests/performance/power_table.py FOLDER` where the scans of OASIS-1 and IXI are prepared; it writes
power.csv, prints the rows of the README, and trains nothing. Data sets that are not prepared have the people of their
cards.
"""

from __future__ import annotations

import csv
import math
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from bench import registry
from bench.core import UnpreparedDataError, paths
from bench.experiments import api
from bench.experiments.power.power_forms import Alternative, DataPower, StudyPower
from bench.experiments.power.study_power import declared_power

ASKED = {"MAE": 1.0, "Dice": 0.02}  # the difference whose price is given; 0.05 for other metrics
PRICES = ("people_for_asked", "people_for_asked_with_20_partitions")
COLUMNS = (
    "study", "data", "prepared", "metric", "unit", "people", "tests", "exploratory", "folds", "partitions", "seeds",
    "detectable", "with_1_partition", "with_4_partitions", "with_20_partitions", "floor", "room",
    "asked", "people_for_asked", "people_for_asked_with_20_partitions", "problem",
)  # fmt: skip


def power_of(name: str) -> StudyPower:
    """The planner's answer for a study, on its own data sets, prepared or not."""
    study = registry.study(name)
    try:
        return api.plan(name, stand_ins=False).power
    except UnpreparedDataError:
        return declared_power(name, study, paths.results_root())


def row(study: str, power: DataPower) -> dict[str, object]:
    """A row of the CSV; empty where a number is unknown."""
    asked = ASKED.get(power.metric, 0.05)
    required = power.required(asked)
    worst = {each.partitions: each.high for each in power.alternatives if _same(each, power)}
    entry = {
        "study": study, "data": power.data, "prepared": power.runs, "metric": power.metric, "unit": power.unit,
        "people": power.people, "tests": power.tests, "exploratory": power.exploratory,
        "folds": power.folds, "partitions": power.partitions, "seeds": power.seeds,
        "detectable": power.between()[1], "floor": power.between("floor")[1], "room": power.room,
        **{f"with_{count}_partition" + "s" * (count > 1): worst.get(count) for count in (1, 4, 20)},
        "asked": asked, "people_for_asked": required and required.people,
        "people_for_asked_with_20_partitions": required and required.people_at_most_partitions,
        "problem": power.problem,
    }  # fmt: skip
    return {key: _short(value) for key, value in entry.items()}


def _same(one: Alternative, power: DataPower) -> bool:
    """Whether a design differs from the planned one in its partitions alone."""
    return (one.people, one.seeds) == (power.people, power.seeds)


def _short(value: object) -> object:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return float(f"{value:.3g}") if isinstance(value, float) else value


def rows() -> Iterator[dict[str, object]]:
    """The rows of all studies."""
    for name in registry.names("studies"):
        yield from (row(name, power) for power in power_of(name).data)


def line(entry: Mapping[str, object]) -> str:
    """A row of the README."""
    design = f"{entry['folds']} x {entry['partitions']} x {entry['seeds']}"
    tests = f"{entry['tests']}" + (f" (+{entry['exploratory']})" if entry["exploratory"] else "")
    numbers = [
        f"{entry[name]:.2f}" if entry[name] != "" else "" for name in ("detectable", "with_1_partition", "floor")
    ]
    prices = [_people(entry[name]) for name in ("people_for_asked", "people_for_asked_with_20_partitions")]
    if entry["problem"]:
        numbers, prices = ["not known" if not entry["people"] else "no test", "", ""], ["", ""]
    metric = " ".join(filter(None, (entry["metric"], entry["unit"])))
    cells = entry["study"], entry["data"], entry["people"], design, tests, metric, *numbers, *prices
    return "| " + " | ".join(map(str, cells)) + " |"


def _people(count: object) -> str:
    """A number of people with two digits."""
    return "none" if count == "" else f"{int(float(f'{int(count):.2g}')):,}"


def sentence(entries: Iterable[Mapping[str, object]]) -> str:
    """What the docstring of a study says of its rows; empty if nothing is known."""
    sets: dict[tuple[object, ...], list[Mapping[str, object]]] = {}
    for entry in entries:
        if not entry["problem"]:
            sets.setdefault((str(entry["data"]).partition("@")[0], entry["metric"]), []).append(entry)
    parts = [_part(data, found) for (data, _), found in sets.items()]
    return f"`bench plan`: 80 % of such studies would show a difference of {'; '.join(parts)}." if parts else ""


def _part(data: str, entries: list[Mapping[str, object]]) -> str:
    ends = sorted({f"{float(entry['detectable']):.2f}" for entry in entries}, key=float)
    size, asked = " to ".join(ends[:: len(ends) - 1 or 1]), _asked(entries[0])
    here, most = (max(int(entry[name] or 0) for entry in entries) for name in PRICES)
    lacking = [any(entry[name] == "" for entry in entries) for name in PRICES]
    price = f"{asked} takes {_people(here)} people" if not lacking[0] else f"no number of people shows {asked}"
    if lacking[0] and not lacking[1]:
        price = f"{asked} takes 20 partitions and {_people(most)} people"
    unit = f"{entries[0]['unit']} of " if entries[0]["unit"] else ""
    return f"{size} {unit}{entries[0]['metric']!s} on {data} ({price})".replace(" Balanced", " balanced")


def _asked(entry: Mapping[str, object]) -> str:
    number = f"{float(entry['asked']):g}"
    return f"{number} {str(entry['unit']).removesuffix('s')}" if entry["unit"] else number


def main(folder: Path) -> None:
    """Write the CSV and print the table."""
    found = list(rows())
    with (folder / "power.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(found)
    print("\n".join(line(entry) for entry in found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
